"""`twin store check | backup | restore | confirm`: looking after what is stored."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.episodes import Url as StoreUrl
from dashboards.cli.episodes import place_of
from dashboards.cli.model import Models
from dashboards.cli.store import Json, Url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connectors.care.outside import Outside

FactoryFile = Annotated[
    Path | None,
    typer.Option("--factory", help="The factory file, for the store and where its models lie.", dir_okay=False),
]
Secret = Annotated[
    Path | None, typer.Option("--secret", help="The hub's secret; a file beside the desk unless given.", dir_okay=False)
]
Quick = Annotated[bool, typer.Option("--quick", help="The newest batches only.")]


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def check(url: Url, *, quick: Quick = False, json: Json = False) -> None:
    """Read the store again and hold every batch against its checksum; exit 1 where something is damaged."""
    from connectors.care.check import check as read_again

    with progress("checking") as told:
        found = read_again(url, quick=quick, progress=told)
    if json:
        print_json(asdict(found) | {"ok": found.ok, "damaged": [asdict(one) for one in found.damaged[:1000]]})
    else:
        typer.echo(
            f"{found.batches} batches, {found.frames} frames and {found.keyframes} keyframes read again: "
            f"{len(found.damaged)} damaged"
        )
        for text in found.file:
            typer.echo(f"  file: {text}")
        for one in found.damaged[:100]:
            streams = ", ".join(one.streams[:5]) + (f" and {len(one.streams) - 5} more" if len(one.streams) > 5 else "")  # noqa: PLR2004
            typer.echo(f"  {one.writer} batch {one.n}: {one.what} {one.detail}{f' ({streams})' if streams else ''}")
        if found.salvaged:
            typer.echo(f"  {found.salvaged} batches were salvaged in part and cannot be verified")
        if found.data_checksums is not None:
            typer.echo(f"  the server's own data checksums are {'on' if found.data_checksums else 'OFF'}")
    if not found.ok:
        raise typer.Exit(1)


def backup(
    target: Annotated[Path, typer.Argument(metavar="DEST", help="The file to make; an existing one is left alone.")],
    *,
    url: StoreUrl = "",
    factory: FactoryFile = None,
    models: Models = "",
    secret: Secret = None,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Copy the store while it is being written, with the desk, the models, the secret of pseudonyms and a manifest.

    The copy is read again before it gets its name.
    """
    from connectors.care.backup import backup as copy
    from connectors.care.manifest import manifest_of

    place, outside = _places(url, factory, models, secret)
    with progress("copying") as told:
        made = copy(place, target, outside, quick=quick, progress=told)
    size = target.stat().st_size
    damaged = _damaged(place, outside)
    for text in damaged:
        note(f"a model is kept as it lies there, damaged: {text}")
    if outside.models is None:
        note("where the models lie is not known: name their folder, --models DIR, or the factory file, --factory FILE")
    if json:
        files = [asdict(part) for part in made.manifest.parts]
        batches = made.found.batches if made.found else None
        print_json(
            {
                "path": str(target), "bytes": size, "batches": batches, "manifest": str(manifest_of(target)),
                "files": files, "without": made.manifest.without, "damaged_models": damaged,
            }
        )  # fmt: skip
        return
    checked = f"{made.found.batches} batches read again" if made.found else "its list read again"
    typer.echo(f"{target}: {size} bytes, {checked}")
    for part in made.manifest.parts[1:]:
        typer.echo(f"  {part.path}: {part.bytes} bytes{', its owner only' if part.mode else ''}")
    if made.manifest.without:
        typer.echo(f"  nothing there, so not in it: {_named(made.manifest.without)}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that `twin store backup` made.")],
    *,
    url: StoreUrl = "",
    factory: FactoryFile = None,
    models: Models = "",
    secret: Secret = None,
    replace: Annotated[bool, typer.Option("--replace", help="Set an existing store aside first.")] = False,
    json: Json = False,
) -> None:
    """Put a backup in the store's place, and desk, models and secret in theirs; `twin ingest` must not run meanwhile.

    Everything is held against the manifest first. Nothing is deleted.
    """
    from connectors.care.backup import restore as put_back
    from connectors.wall_clock import WallClock

    place, outside = _places(url, factory, models, secret)
    done = put_back(source, place, WallClock(), outside, replace=replace)
    if json:
        print_json({"url": place, "aside": done.asides[0] if done.asides else "", **asdict(done)})
        return
    typer.echo(f"restored from {source}")
    for aside in done.asides:
        typer.echo(f"  what was there is {aside}")
    if done.without:
        older = " (it is older than their being kept)" if done.is_older else ""
        typer.echo(f"  not in this backup: {_named(done.without)}{older}; what is there stays as it is")


def _named(kinds: tuple[str, ...]) -> str:
    return ", ".join({"model": "models", "secret": "the secret of pseudonyms"}[one] for one in kinds)


def _places(url: str, factory: Path | None, models: str, secret: Path | None) -> tuple[str, Outside]:
    """The store's address, and where its models and its secret lie; None for models that nobody knows the place of."""
    from connectors.care.outside import Outside
    from connectors.models.files import folder_of
    from connectors.privacy.secret import secret_file
    from twin.errors import ModelError

    place, known = place_of(url, factory)
    try:
        folder = folder_of(place, models or (known.models.folder if known is not None else ""))
    except ModelError:
        folder = None
    return place, Outside(folder, secret or secret_file(place, factory.resolve().parent if factory else None))


def _damaged(place: str, outside: Outside) -> list[str]:
    """What is wrong with the models, as the desk knows them."""
    from connectors.desk import Desk
    from connectors.models.book import Book
    from connectors.models.files import Shelf
    from connectors.wall_clock import WallClock

    if outside.models is None:
        return []
    with closing(Desk(place, WallClock())) as desk:
        return Book(Shelf(outside.models), desk).damaged()


def confirm(url: Url) -> None:
    """Confirm that a damaged database was set aside: the red line leaves the pages."""
    from connectors.care.notes import REPLACED
    from connectors.care.notes import confirm as write
    from connectors.stores.sql import open_history
    from connectors.wall_clock import WallClock

    with closing(open_history(url)) as history:
        said = history.noted(REPLACED)
    if not said:
        note("there is nothing to confirm: no database was set aside")
        raise typer.Exit(1)
    write(url, WallClock().now_ns())
    typer.echo("confirmed")


def archive(
    url: Url,
    *,
    before: Annotated[
        str,
        typer.Option("--before", metavar="DATE", help="Days before this one (UTC); all but today's and yesterday's."),
    ] = "",
    to: Annotated[
        str, typer.Option("--to", metavar="DIR", help="The folder; beside a SQLite file it is NAME.archive.")
    ] = "",
    json: Json = False,
) -> None:
    """Move closed days to Parquet files, read again and compared before anything leaves the database."""
    from connectors.archive.run import archive as move
    from connectors.archive.run import last_closed_ns
    from connectors.wall_clock import WallClock

    clock = WallClock()
    if not to and not url.startswith("sqlite:///"):
        note("--to DIR is needed: where the files go")
        raise typer.Exit(2)
    folder = Path(to) if to else Path(url.removeprefix("sqlite:///") + ".archive")
    try:
        before_ns = _day_ns(before) if before else last_closed_ns(clock, 1.0)
    except ValueError:
        note(f"--before {before!r} is no date: write YYYY-MM-DD")
        raise typer.Exit(2) from None
    with progress("archiving") as told:
        moved = move(url, folder, before_ns, clock, progress=told)
    if json:
        print_json(asdict(moved))
        return
    typer.echo(
        f"{moved.frames} frames of {moved.days} days in {moved.files} files, {moved.bytes} bytes, below {folder}"
    )


def _day_ns(text: str) -> int:
    from datetime import UTC, datetime

    return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1_000_000_000
