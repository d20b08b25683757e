"""`twin episodes generate`: labelled episodes of a simulated arm, their parameters drawn from declared ranges."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli._progress import bar
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Url, place_of
from dashboards.cli.store import Json
from dashboards.cli.times import moment

if TYPE_CHECKING:
    from twin.config import Factory
    from twin.site import Asset, Name, Site

BEGIN = "2026-01-01T00:00:00Z"
TYPES = ("robot_arm",)


def generate(
    count: Annotated[int, typer.Argument(metavar="N", help="How many attempts.", min=1, max=1_000_000)],
    *,
    randomise: Annotated[
        str,
        typer.Option(
            "--randomise",
            help="friction=0.8..1.2,payload=log:0.5..8,… of: friction, payload, cycle_time, poses, stray, noise, "
            "hall, warm. What is not named stays as usual.",
            metavar="RANGES",
        ),
    ] = "",
    faults: Annotated[
        str,
        typer.Option("--faults", help="KIND=PROBABILITY,…: each has one of them or none.", metavar="KIND=P"),
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same episodes to the bit.")] = 0,
    type_: Annotated[str, typer.Option("--type", help="What is simulated: robot_arm.")] = TYPES[0],
    like: Annotated[
        str, typer.Option("--like", help="An arm of the factory file whose model, task and name it takes.")
    ] = "",
    out: Annotated[str, typer.Option("--out", help="The store they go into; that of --url unless given.")] = "",
    begin: Annotated[str, typer.Option("--begin", help="When the first begins; after what is stored of it.")] = BEGIN,
    url: Url = "",
    factory: FactoryFile = None,
    json: Json = False,
) -> None:
    """Play attempts of a simulated arm with drawn parameters and faults of known truth, and keep them as episodes.

    They are of the asset SITE/simulated/NAME, their source is simulated:attempts, and they are never counted as
    recorded production. Outcome, cause and when what was wrong are labels of source simulation; every parameter and
    seed stands with each episode and goes into every export.
    """
    from connectors.episodes.generating import generate as play
    from dashboards import __version__
    from twin.clock import NS_PER_S
    from twin.simulation.attempts import Recipe
    from twin.simulation.randomise import faults_of, ranges_of

    if type_ not in TYPES:
        raise typer.BadParameter(f"--type {type_}: attempts are known of {', '.join(TYPES)}")
    ranges, chances = ranges_of(randomise), faults_of(faults)
    place, known = place_of(out or url, factory)
    place = out or place
    site, asset, task = _arm(known, like)
    begin_ns = -(-moment(begin, "--begin") // NS_PER_S) * NS_PER_S
    with ExitStack() as stack:
        desk = stack.enter_context(desk_of(factory or HERE, place))
        show = stack.enter_context(bar("attempts"))
        recipe = Recipe(site, asset, seed, ranges, chances)
        engine = f"factory-twin {__version__} twin.simulation.attempts"
        try:
            made = play(place, desk, who(), recipe, count, task, begin_ns, engine, lambda done: show(done / count))
        except KeyboardInterrupt:
            note("stopped; what was stored is kept, with its labels: twin episodes list --episodes source=simulated")
            raise typer.Exit(1) from None
    answer = {"asset": asset.id, "store": place, "seed": seed, **made.summary()}
    if json:
        print_json(answer)
        return
    typer.echo(
        f"{asset.id}: {made.episodes} episodes, {made.success} succeeded, {made.faults} with a fault; "
        f"{made.simulated_s / 3600:.2f} h in {made.took_s:.1f} s ({answer['times_real_time']:,} × real time)"
    )


def _arm(known: Factory | None, like: str) -> tuple[Site, Asset, Name]:
    """The arm to simulate, below its site's ``simulated``, and what its task is called."""
    from dataclasses import replace

    from twin.errors import ScenarioError
    from twin.ids import leaf_of
    from twin.site import Asset, Name, Site

    sites = known.hub.sites if known is not None else ()
    arms = {one.id: (site, one) for site in sites for one in site.assets if one.type in TYPES}
    if like and like not in arms:
        there = ", ".join(arms) or "none; name a --factory with one"
        raise ScenarioError(f"--like {like}: no such robot arm; there are: {there}")
    if arms:
        here, model = arms[like] if like else next(iter(arms.values()))
        arm = replace(model, id=f"{here.id}/simulated/{leaf_of(model.id)}")
    else:
        here = Site("lab", Name("시뮬레이션", "Simulation"), Name("시뮬레이션", "Simulation"), "UTC", (10.0, 10.0))
        arm = Asset("lab/simulated/ARM-1", TYPES[0], Name("로봇 팔", "Robot arm"))
    name = arm.name
    return here, arm, Name(f"{name.ko} 작업 한 주기 수행", f"Carry out one work cycle of {name.en}")
