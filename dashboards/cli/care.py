"""`twin store check | backup | restore | confirm`: looking after what is stored."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.store import Json, Url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    url: Url,
    target: Annotated[Path, typer.Argument(metavar="DEST", help="The file to make; an existing one is left alone.")],
    *,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Copy the store while it is being written; the copy is read again before it gets its name."""
    from connectors.care.backup import backup as copy

    with progress("copying") as told:
        found = copy(url, target, quick=quick, progress=told)
    size = target.stat().st_size
    if json:
        print_json({"path": str(target), "bytes": size, "batches": found.batches if found else None})
        return
    checked = f"{found.batches} batches read again" if found else "its list read again"
    typer.echo(f"{target}: {size} bytes, {checked}")


def restore(
    source: Annotated[Path, typer.Argument(metavar="BACKUP", help="A file that `twin store backup` made.")],
    url: Url,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Set an existing store aside first.")] = False,
    json: Json = False,
) -> None:
    """Put a backup in the store's place; `twin ingest` must not run meanwhile. Nothing is deleted."""
    from connectors.care.backup import restore as put_back
    from connectors.wall_clock import WallClock

    aside = put_back(source, url, WallClock(), replace=replace)
    if json:
        print_json({"url": url, "aside": aside})
        return
    typer.echo(f"restored from {source}" + (f"; the old store is {aside}" if aside else ""))


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
