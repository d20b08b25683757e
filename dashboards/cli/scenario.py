"""`twin scenario run`: play a scenario, keep it as a recording, and say whether what was expected came about."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who

if TYPE_CHECKING:
    from twin.scenario import Played, Playing

app = typer.Typer(help="Scenarios: simulated plants with faults, changes and expectations.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Scenarios: simulated plants with faults, changes and expectations."""


@app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="SCENARIO.toml", help="The scenario.")],
    *,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed than the file's.", min=0)] = None,
    factory: Annotated[
        Path | None,
        typer.Option("--factory", help="The plant, where the scenario names none; else the demo's.", exists=True),
    ] = None,
    url: Annotated[
        str, typer.Option("--url", help="An empty store for the recording, instead of a file of its own.")
    ] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where the recording's file is made.")] = Path("simulated"),
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="Make a recording, or only judge.")] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Play a scenario into a recording of its own; exit 1 when an expectation fails."""
    from connectors.scenarios import read_scenario
    from twin.errors import ConfigError
    from twin.scenario import Playing

    with as_file(files("dashboards") / "demo" / "factory.toml") as shipped:
        scenario, known = read_scenario(file, factory or shipped)
    if not scenario.name.replace("-", "").replace("_", "").isalnum():
        from twin.errors import Mistake

        raise ConfigError((Mistake("name", f"{scenario.name!r} names a file", "letters, digits, - and _"),), str(file))
    from connectors.plugins import rules_of

    playing = Playing(scenario, known.hub, rules_of(known), seed)
    played, place = _played(playing, url, folder, keep=keep)
    if place:
        _name(playing, played, place)
    answer = _answer(playing, played, place)
    if json:
        print_json(answer)
    else:
        _table(answer)
    if not played.is_met:
        raise typer.Exit(1)


def _played(playing: Playing, url: str, folder: Path, *, keep: bool) -> tuple[Played, str]:
    """Play it, with a bar on a terminal; and where it was kept, "" for nowhere."""
    from connectors.scenarios import play_into, play_into_file
    from connectors.stores.sql import open_store
    from dashboards.cli._progress import bar

    if not keep:
        with bar(playing.scenario.name):
            return playing.run(), ""
    if not url:
        with bar(playing.scenario.name) as progress:
            return play_into_file(playing, folder, progress)
    store = open_store(url)
    try:
        begun = store.next_batch("simulated") > 1 or bool(store.stream_keys())
    finally:
        store.close()
    if begun:
        note(f"{url} holds something already; a scenario is played into an empty store")
        raise typer.Exit(2)
    with bar(playing.scenario.name) as progress:
        return play_into(playing, url, progress), url


def _name(playing: Playing, played: Played, place: str) -> None:
    """Put the recording on the desk beside its store, unless the same one lies there: then it can be replayed."""
    from connectors.desk.recordings import keep, recordings
    from connectors.scenarios import origin_of
    from twin.recording import Recording

    scenario = playing.scenario
    origin = origin_of(scenario.name, played.seed)
    # By receipt: the last batch is received at the very end.
    one = Recording(scenario.name, scenario.site, scenario.start_ns, scenario.end_ns + 1, origin=origin)
    with desk_of(HERE, place) as desk:
        if not any(each.name == one.name and each.origin == one.origin for each in recordings(desk)):
            keep(desk, who(), one)


def _answer(playing: Playing, played: Played, place: str) -> dict[str, Any]:
    from connectors.scenarios import origin_of
    from twin.clock import iso_from_ns

    scenario = playing.scenario
    return {
        "recording": {
            "name": scenario.name,
            "origin": origin_of(scenario.name, played.seed),
            "site": scenario.site,
            "from": iso_from_ns(scenario.start_ns),
            "to": iso_from_ns(scenario.end_ns),
            "url": place or None,
        },
        "seed": played.seed,
        "hash": played.sha256,
        "batches": played.batches,
        "frames": played.frames,
        "alarms": played.alarms,
        "met": played.is_met,
        "expectations": [{"expected": one.expected, "met": one.met, "found": one.found} for one in played.verdicts],
    }


def _table(answer: dict[str, Any]) -> None:
    signs = {True: "yes", False: "NO", None: "–"}
    recording = answer["recording"]
    typer.echo(f"{recording['name']} ({recording['origin']}): {answer['frames']} frames, {answer['alarms']} alarms")
    for one in answer["expectations"]:
        typer.echo(f"  {signs[one['met']]:>3}  {one['expected']}: {one['found']}")
    typer.echo(f"hash {answer['hash']}")
    if recording["url"]:
        typer.echo(f"kept in {recording['url']}")
