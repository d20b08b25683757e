"""`twin record`, `twin recordings …`, `twin replay`: named intervals, kept, listed, replayed, as files."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.times import moment
from twin.errors import RecordingError

if TYPE_CHECKING:
    from twin.recording import Fingerprint, Recording

Url = Annotated[str, typer.Option("--url", help="sqlite:///PATH or postgresql://…", envvar="TWIN__STORE__URL")]
Name = Annotated[str, typer.Argument(help="The recording's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
app = typer.Typer(help="Recordings: named intervals of a site, and marks in time.", invoke_without_command=True)


def record(
    name: Name,
    url: Url,
    *,
    site: Annotated[str, typer.Option("--site", help="The site.")],
    start: Annotated[str, typer.Option("--from", help="Begin: ISO 8601 with offset, or ms since 1970.")],
    end: Annotated[str, typer.Option("--to", help="End (not included).")],
    tags: Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be given several times.")] = None,
    notes: Annotated[str, typer.Option("--note", help="What is worth knowing.")] = "",
    json: Json = False,
) -> None:
    """Name an interval of a site's data, and keep its raw data from being let go."""
    from connectors.desk.recordings import keep
    from connectors.stores.sql import open_history
    from twin.ids import site_of
    from twin.recording import Recording

    from_ns, to_ns = moment(start, "--from"), moment(end, "--to")
    with closing(open_history(url)) as history, desk_of(HERE, url) as desk:
        sites = {site_of(stream.asset) for stream in history.streams().values()}
        if site not in sites:
            raise RecordingError(f"there is no site {site!r} in the store; there are: {', '.join(sorted(sites))}")
        kept = keep(desk, who(), Recording(name, site, from_ns, to_ns, tuple(tags or ()), notes))
    _print([kept], json=json)


@app.callback()
def recordings(
    context: typer.Context,
    *,
    url: Annotated[str, typer.Option("--url", help="The store.", envvar="TWIN__STORE__URL")] = "",
    json: Json = False,
) -> None:
    """List what is recorded, and the marks; with a word behind it, do something with one of them."""
    if context.invoked_subcommand is not None:
        return
    from connectors.desk.recordings import marks, recordings

    if not url:
        note("--url: where is the store? sqlite:///PATH or postgresql://…")
        raise typer.Exit(2)
    with desk_of(HERE, url) as desk:
        found, marked = recordings(desk), marks(desk)
    if json:
        print_json({"recordings": [asdict(one) for one in found], "marks": [asdict(one) for one in marked]})
        return
    _print(found)
    for mark in marked:
        told = ", ".join(f"{name} = {value}" for name, value in mark.properties.items())
        typer.echo(f"mark {mark.id}: {mark.label}, {mark.site}, {_times(mark.from_ns, mark.to_ns)} {told}")


@app.command()
def rename(name: Name, new: Annotated[str, typer.Argument(help="Its new name.")], *, url: Url) -> None:
    """Give a recording another name."""
    from connectors.desk import recordings as kept

    with desk_of(HERE, url) as desk:
        kept.rename(desk, who(), name, new)


@app.command()
def remove(name: Name, *, url: Url) -> None:
    """Let a recording go: its data stays as long as the retention rules keep it."""
    from connectors.desk import recordings as kept

    with desk_of(HERE, url) as desk:
        kept.remove(desk, who(), name)


@app.command()
def mark(
    label: Annotated[str, typer.Argument(help="What it marks.")],
    *,
    url: Url,
    site: Annotated[str, typer.Option("--site", help="The site.")],
    at: Annotated[str, typer.Option("--at", help="The moment, or where a range begins.")],
    end: Annotated[str, typer.Option("--to", help="Where a range ends; left out: a bookmark.")] = "",
    properties: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE: a number, true, false, or a text.")
    ] = None,
    json: Json = False,
) -> None:
    """Bookmark a moment, or mark a range, with typed properties."""
    from connectors.desk.recordings import put_mark
    from twin.recording import Mark

    from_ns = moment(at, "--at")
    told = dict(_property(text) for text in properties or ())
    with desk_of(HERE, url) as desk:
        kept = put_mark(desk, who(), Mark("", site, from_ns, moment(end, "--to") if end else from_ns, label, told))
    if json:
        print_json(asdict(kept))
    else:
        typer.echo(kept.id)


@app.command()
def unmark(mark_id: Annotated[str, typer.Argument(metavar="ID")], *, url: Url) -> None:
    """Take a bookmark or a marked range away."""
    from connectors.desk.recordings import take_mark

    with desk_of(HERE, url) as desk:
        take_mark(desk, who(), mark_id)


@app.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.mcap|FILE.jsonl")],
    *,
    url: Url,
    json: Json = False,
) -> None:
    """Write a recording to a file that replays to the same hash elsewhere."""
    from connectors.desk.recordings import recording
    from connectors.recordings.files import write
    from connectors.stores.sql import open_history
    from twin.recording import batches_of

    with closing(open_history(url)) as history, desk_of(HERE, url) as desk:
        one = recording(desk, name)
        made = write(file, one, batches_of(history, one.site, one.from_ns, one.to_ns))
        desk.note(who(), "recording.export", name, {"file": file.name, "sha256": made.sha256})
    _print_hash(one, made, json=json)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.mcap|FILE.jsonl", exists=True, dir_okay=False)],
    *,
    url: Url,
    json: Json = False,
) -> None:
    """Take a recording's file into an empty store, and keep the recording there under its name."""
    from connectors.desk.recordings import keep
    from connectors.recordings.files import read
    from connectors.recordings.restore import restore

    found = read(file)
    restore(url, found.batches)
    with desk_of(HERE, url) as desk:
        one = keep(desk, who(), replace(found.recording, origin=f"import:{found.print.sha256}"))
    _print_hash(one, found.print, json=json)


@app.command(name="hash")
def hash_(name: Name, *, url: Url, json: Json = False) -> None:
    """Fold a recording, and print the hash that its replay comes to."""
    from connectors.desk.recordings import recording
    from connectors.stores.sql import open_history
    from twin.recording import batches_of, fingerprint

    with closing(open_history(url)) as history, desk_of(HERE, url) as desk:
        one = recording(desk, name)
        made = fingerprint(batches_of(history, one.site, one.from_ns, one.to_ns))
    _print_hash(one, made, json=json)


def replay(
    name: Name,
    *,
    url: Url,
    publish: Annotated[str, typer.Option("--publish", help="The broker: mqtt://HOST:PORT")],
    prefix: Annotated[str, typer.Option("--prefix", help="Topics below replay/ that nobody else uses.")] = "",
    rate: Annotated[str, typer.Option("--rate", help="Times its own pace, or max.")] = "1",
    json: Json = False,
) -> None:
    """Publish a recording's frames again, in order of time, as JSON below a prefix that no ingest takes."""
    from connectors.desk.recordings import recording
    from connectors.recordings.replay import prefix_problem
    from connectors.recordings.replay import replay as send
    from connectors.stores.sql import open_history

    prefix = prefix or f"replay/{secrets.token_hex(4)}"
    try:
        factor = None if rate == "max" else float(rate)
    except ValueError:
        factor = 0.0
    if problem := prefix_problem(prefix) or ("" if factor is None or factor > 0 else f"--rate {rate} is no pace"):
        note(problem)
        raise typer.Exit(2)
    with closing(open_history(url)) as history, desk_of(HERE, url) as desk:
        sent = send(history, recording(desk, name), publish, prefix, factor)
    if json:
        print_json({"prefix": prefix, "messages": sent})
    else:
        typer.echo(f"{sent} messages published below {prefix}/")


def _property(text: str) -> tuple[str, str | float | bool]:
    name, equals, value = text.partition("=")
    if not equals:
        note(f"--set {text}: write NAME=VALUE")
        raise typer.Exit(2)
    if value in ("true", "false"):
        return name, value == "true"
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _times(from_ns: int, to_ns: int) -> str:
    from twin.clock import iso_from_ns

    return iso_from_ns(from_ns) if to_ns == from_ns else f"{iso_from_ns(from_ns)} to {iso_from_ns(to_ns)}"


def _print(found: list[Recording], *, json: bool = False) -> None:
    if json:
        print_json(asdict(found[0]))
        return
    for one in found:
        tags = " ".join(f"#{tag}" for tag in one.tags)
        typer.echo(f"{one.name}: {one.site}, {_times(one.from_ns, one.to_ns)}, {one.origin} {tags}".rstrip())


def _print_hash(one: Recording, made: Fingerprint, *, json: bool) -> None:
    if json:
        print_json({"name": one.name, **asdict(made)})
    else:
        typer.echo(f"{one.name}: {made.batches} batches, {made.frames} frames, sha256 {made.sha256}")
