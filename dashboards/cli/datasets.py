"""`twin export` and `twin datasets …`: episodes as a dataset that others can train on, and whether one holds."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Filter, Url, place_of
from dashboards.cli.store import Json

app = typer.Typer(help="Datasets: check one.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Datasets: check one."""


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    *,
    to: Annotated[str, typer.Option("--to", help="The format: lerobot.")] = "lerobot",
    licence: Annotated[str, typer.Option("--licence", help="SPDX identifier; without one nothing goes out.")] = "",
    fps: Annotated[int, typer.Option("--fps", help="Frames a second.")] = 10,
    which: Filter = "all",
    url: Url = "",
    factory: FactoryFile = None,
    name: Annotated[str, typer.Option("--name", help="The dataset's name; the folder's unless given.")] = "",
    description: Annotated[str, typer.Option("--description", help="For the card.")] = "",
    recipient: Annotated[str, typer.Option("--to-whom", help="Who gets it, for the ledger of the hub.")] = "",
    allow_defects: Annotated[
        bool, typer.Option("--allow-defects", help="Write episodes with defects too; without it they are refused.")
    ] = False,
    json: Json = False,
) -> None:
    """Write episodes as a LeRobotDataset v3.0, with croissant.json, provenance and a card in Korean and English."""
    from rich.progress import Progress

    from connectors.desk import episodes as book
    from connectors.desk import exports
    from connectors.desk.exports import Export
    from connectors.episodes.filter import pick
    from connectors.episodes.reading import is_cycle, is_failure, streams_of
    from connectors.exporters.lerobot import export as write
    from connectors.exporters.papers import Terms, licence_of
    from connectors.quality.gate import gate, manifest_of
    from connectors.stores.sql import open_history
    from dashboards import __version__
    from twin.episodes.rules import rules_for
    from twin.errors import EpisodeError

    if to != "lerobot":
        raise typer.BadParameter(f"--to {to}: there is lerobot")
    spdx = licence_of(licence)
    place, known = place_of(url, factory)
    with ExitStack() as stack:
        desk = stack.enter_context(desk_of(factory or HERE, place))
        history = stack.enter_context(closing(open_history(place)))
        chosen = pick(book.episodes(desk), which)
        if not chosen:
            raise EpisodeError("no episode is meant", "cut some (twin episodes cut), or choose others")
        streams = streams_of(history)
        defective = gate(history, streams, chosen, known, allow_defects=allow_defects)
        asset = chosen[0].asset
        rules = rules_for(known.episodes if known is not None else (), asset)
        skip = frozenset(
            one.name
            for stream in streams.get(asset, ())
            for one in stream.signals
            if is_failure(one, rules) or is_cycle(one, rules)
        )
        progress = stack.enter_context(Progress(transient=True, disable=json))
        bar = progress.add_task("episodes", total=len(chosen))
        terms = Terms(name or folder.resolve().name, spdx, f"factory-twin {__version__}", description)
        answer = write(
            history, streams, chosen, folder, fps, terms, skip=skip,
            told=lambda done: progress.update(bar, completed=done),
        )  # fmt: skip
        out = Export(
            terms.name,
            to,
            spdx,
            tuple(one.id for one in chosen),
            manifest_of(folder),
            recipient,
            with_defects=defective,
        )
        answer["export"] = exports.keep(desk, who(), out)
    if json:
        print_json(answer)
    else:
        typer.echo(
            f"{answer['folder']}: {answer['episodes']} episodes, {answer['frames']} frames at {fps} fps, "
            f"{answer['success']} succeeded"
        )


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A dataset's folder.", exists=True, file_okay=False)],
    *,
    json: Json = False,
) -> None:
    """Check every checksum, number and trap of a LeRobot dataset; exit 1 where something is wrong."""
    from connectors.exporters.verify import verify as check

    found = check(folder)
    wrong = [one for one in found if not one.risk]
    if json:
        rows = [{"check": one.check, "where": one.where, "told": one.told, "risk": one.risk} for one in found]
        print_json({"ok": not wrong, "findings": rows})
    else:
        for one in found:
            typer.echo(f"{'risk' if one.risk else 'WRONG'}  {one.check:10} {one.where}: {one.told}")
        note(f"{len(wrong)} wrong, {len(found) - len(wrong)} risks")
    if wrong:
        raise typer.Exit(1)
