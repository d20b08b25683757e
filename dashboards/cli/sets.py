"""`twin episodes compare-sets`: how far simulated episodes lie from real ones."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.episodes import FactoryFile, Url, place_of
from dashboards.cli.store import Json

if TYPE_CHECKING:
    from connectors.desk import Desk
    from connectors.quality.comparing import Set


def compare_sets(
    real: Annotated[str, typer.Argument(metavar="[REAL]", help="The first set, a filter.")] = "source=real",
    simulated: Annotated[str, typer.Argument(metavar="[SIMULATED]", help="The second, a filter.")] = "source=simulated",
    *,
    other: Annotated[
        str, typer.Option("--other", help="The store of the second set, where it is another.", metavar="URL")
    ] = "",
    url: Url = "",
    factory: FactoryFile = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell, keep nothing.")] = False,
    json: Json = False,
) -> None:
    """Tell how far two sets of episodes lie apart, signal by signal and task by task; exit 1 where that is far.

    Wasserstein distance in interquartile ranges of the first set, Kolmogorov-Smirnov, and the energy distance of all
    signals at once, each beside how far two halves of the first set lie from each other. What is kept is shown on
    the page Data.
    """
    from connectors.desk import comparisons
    from connectors.quality.comparing import compare_sets as compare
    from connectors.quality.comparing import told
    from twin.quality import Verdict

    place, _ = place_of(url, factory)
    with ExitStack() as stack:
        desk = stack.enter_context(desk_of(factory or HERE, place))
        first = _set(stack, desk, place, real)
        second = _set(stack, stack.enter_context(desk_of(HERE, other)) if other else desk, other or place, simulated)
        found = compare(first, second)
        answer = told(found, first, second)
        if not dry:
            comparisons.keep(desk, who(), answer)
    if json:
        print_json(answer)
    else:
        _tell(answer)
    if any(one.verdict is Verdict.RISK for one in found):
        raise typer.Exit(1)


def _set(stack: ExitStack, desk: Desk, place: str, which: str) -> Set:
    from connectors.desk import episodes as book
    from connectors.episodes.filter import pick
    from connectors.episodes.reading import streams_of
    from connectors.quality.comparing import Set
    from connectors.stores.sql import open_history
    from twin.errors import EpisodeError

    chosen = pick(book.episodes(desk), which)
    if not chosen:
        raise EpisodeError(f"no episode is meant by {which!r}", "cut or generate some (twin episodes cut | generate)")
    history = stack.enter_context(closing(open_history(place)))
    return Set(history, streams_of(history), chosen)


def _tell(answer: dict[str, Any]) -> None:
    for one in answer["compared"]:
        energy = "not assessed" if one["energy"] is None else f"{one['energy']:.3f} (halves {one['energy_floor']:.3f})"
        typer.echo(
            f"{one['verdict']:14} {one['task'] or 'all tasks'}: {one['real']} real, {one['simulated']} simulated; "
            f"energy distance {energy} {one['why']}"
        )
        for each in one["signals"]:
            if each["wasserstein"] is None:
                typer.echo(f"  {each['verdict']:14} {each['signal']} [{each['unit']}]  {each['why']}")
                continue
            typer.echo(
                f"  {each['verdict']:14} {each['signal']} [{each['unit']}]  {each['wasserstein']:.3f} IQR "
                f"(halves {each['floor']:.3f})  KS {each['ks']:.3f}  median {each['shift']:+.4g}"
            )
    note(f"{answer['real']['episodes']} real and {answer['simulated']['episodes']} simulated episodes")
