"""`twin episodes …`: recorded production as attempts at tasks, with what came of each."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, desk_of, who
from dashboards.cli.store import Json
from dashboards.cli.times import moment
from twin.clock import iso_from_ns

if TYPE_CHECKING:
    from connectors.episodes.cutting import Found
    from twin.config import Factory
    from twin.episodes import Episode
    from twin.quality import Finding

app = typer.Typer(help="Cut recorded production into episodes, list them, and judge them.", no_args_is_help=True)
Url = Annotated[
    str, typer.Option("--url", help="The store; the factory file's unless given.", envvar="TWIN__STORE__URL")
]
FactoryFile = Annotated[
    Path | None,
    typer.Option("--factory", help="The factory file, for rules of episodes and names.", exists=True, dir_okay=False),
]
Filter = Annotated[
    str, typer.Option("--episodes", help="Which: success=true,asset=…,source=real,min_s=5 …; all.", metavar="FILTER")
]


@app.callback()
def _group() -> None:
    """Cut recorded production into episodes, list them, and judge them."""


@app.command(name="cut")
def cut_(
    *,
    url: Url = "",
    factory: FactoryFile = None,
    asset: Annotated[str, typer.Option("--asset", help="Only this asset, or those below this path.")] = "",
    begin: Annotated[str, typer.Option("--from", help="Begin; all that is stored unless given.")] = "",
    end: Annotated[str, typer.Option("--to", help="End.")] = "",
    method: Annotated[str, typer.Option("--method", help="Cut by this, not by the most trusted way.")] = "",
    min_s: Annotated[float | None, typer.Option("--min-s", help="Shorter ones are fragments.")] = None,
    simulated: Annotated[bool, typer.Option("--simulated", help="A simulator told this: mark it so.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell, keep nothing.")] = False,
    json: Json = False,
) -> None:
    """Cut episodes by the most trusted signal of each asset, judge them by rule, and keep both; exit 1 for none.

    In order of trust: PackML Execute to Complete, cycle numbers, counted parts, programs, VDA 5050 orders,
    motion and rest. The same cut again changes nothing.
    """
    from connectors.desk import episodes as book
    from connectors.episodes.cutting import Asked, cut_all
    from connectors.stores.sql import open_history
    from twin.episodes.episode import CUT

    ways = [one.value for one in CUT]
    if method and method not in ways:
        raise typer.BadParameter(f"--method {method}: there are {', '.join(ways)}")
    place, known = place_of(url, factory)
    known = _overruled(known, method, min_s)
    with ExitStack() as stack:
        history = stack.enter_context(closing(open_history(place)))
        asked = Asked(_or_all(begin, "--from"), _or_all(end, "--to"), asset, simulated)
        found = cut_all(history, known, asked, _tell if not json else lambda _found: None)
        kept: dict[str, int] = {}
        if found and not dry:
            desk = stack.enter_context(desk_of(factory or HERE, place))
            kept = book.keep(desk, who(), (one for some in found for one in some.episodes), _spans(found, asked))
    answer = _answer(found, kept)
    if json:
        print_json(answer)
    else:
        typer.echo(
            f"{answer['episodes']} episodes of {len(found)} assets: {answer['success']} succeeded, "
            f"{answer['failure']} failed, {answer['unknown']} not told; {answer['rejected']} rejected"
        )
    if not answer["episodes"]:
        raise typer.Exit(1)


@app.command(name="list")
def list_(
    *,
    url: Url = "",
    factory: FactoryFile = None,
    which: Filter = "all",
    limit: Annotated[int, typer.Option("--limit", help="So many of them; 0: all.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Print the episodes that were cut, with their labels."""
    from connectors.desk import episodes as book
    from connectors.episodes.filter import pick

    place, _ = place_of(url, factory)
    with desk_of(factory or HERE, place) as desk:
        found = pick(book.episodes(desk), which)
    shown = found[:limit] if limit else found
    if json:
        outcomes = Counter(one.outcome.value for one in found)
        print_json({"episodes": len(found), **outcomes, "list": [_row(one) for one in shown]})
        return
    for one in shown:
        cause = f" ({one.cause})" if one.cause else ""
        typer.echo(
            f"{iso_from_ns(one.start_ns)}  {one.duration_s:8.1f} s  {one.outcome.value}{cause}  {one.asset}  "
            f"{one.method.value} {one.key}  {one.instruction_en}"
        )
    note(f"{len(found)} episodes")


@app.command()
def quality(
    which: Annotated[str, typer.Argument(metavar="[FILTER]", help="Which: success=true,asset=… …; all.")] = "all",
    *,
    url: Url = "",
    factory: FactoryFile = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only tell, keep nothing.")] = False,
    json: Json = False,
) -> None:
    """Tell of each episode, and of each asset's together, what is wrong, risky or just so; exit 1 for a defect.

    Rate, jitter, gaps, absent values, stuck signals, ranges, limits, clock skew, lag of commands, idle time and
    smoothness; of a set near-duplicates, coverage, amount and balance. Thresholds: [quality] in the factory file.
    The verdicts are kept as labels of channel quality.
    """
    from rich.progress import Progress

    from connectors.desk import episodes as book
    from connectors.episodes.filter import pick
    from connectors.episodes.reading import streams_of
    from connectors.quality.judging import judge_all
    from connectors.stores.sql import open_history
    from twin.errors import EpisodeError
    from twin.quality import Verdict, summary_of

    place, known = place_of(url, factory)
    with ExitStack() as stack:
        desk = stack.enter_context(desk_of(factory or HERE, place))
        history = stack.enter_context(closing(open_history(place)))
        chosen = pick(book.episodes(desk), which)
        if not chosen:
            raise EpisodeError("no episode is meant", "cut some (twin episodes cut), or choose others")
        progress = stack.enter_context(Progress(transient=True, disable=json))
        bar = progress.add_task("episodes", total=len(chosen))
        judged = judge_all(
            history, streams_of(history), chosen, known, lambda done: progress.update(bar, completed=done)
        )
        lines = [(one.episode, summary_of(one.findings)) for one in judged.episodes]
        new = 0 if dry else book.keep_quality(desk, who(), lines)
    if json:
        print_json({**judged.row(), "kept": new})
    else:
        for one in judged.episodes:
            for found in one.findings:
                if found.verdict in (Verdict.DEFECT, Verdict.RISK):
                    typer.echo(_found_line(one.episode.id, found))
        for asset, some in judged.sets.items():
            for found in some:
                typer.echo(_found_line(asset, found))
        verdicts = Counter(one.verdict.value for one in judged.episodes)
        note(
            f"{len(judged.episodes)} episodes: {verdicts['defect']} with defects, {verdicts['risk']} with risks; "
            f"{new} verdicts are new"
        )
    if judged.defective:
        raise typer.Exit(1)


def _found_line(of: str, one: Finding) -> str:
    figure = "" if one.figure is None else f" {one.figure:.4g} {one.unit}"
    limit = "" if one.threshold is None else f" > {one.threshold:.4g}"
    return f"{one.verdict.value:14} {one.check.value:9} {of}  {one.where}{figure}{limit}: {one.why}"


def place_of(url: str, factory: Path | None) -> tuple[str, Factory | None]:
    """The store's address, and the factory file's content where one is named."""
    from connectors.factory_file import read_factory

    known = read_factory(factory.resolve()) if factory is not None else None
    place = url or (known.store.url if known is not None else "")
    if not place:
        raise typer.BadParameter("name a store: --url, or --factory with one")
    return place, known


def _or_all(text: str, option: str) -> int | None:
    return moment(text, option) if text else None


def _overruled(known: Factory | None, method: str, min_s: float | None) -> Any:
    """The factory with what was asked on the command line in every rule; a bare stand-in where there is none."""
    from twin.config import Factory
    from twin.episodes import EpisodeRules
    from twin.site import Hub, Name

    if not method and min_s is None:
        return known
    given = known if known is not None else Factory(Hub("hub", Name("hub", "hub"), ()), ())
    rules = (*given.episodes, EpisodeRules())
    changed = tuple(
        replace(one, method=method or one.method, min_s=one.min_s if min_s is None else min_s) for one in rules
    )
    return replace(given, episodes=changed)


def _spans(found: list[Found], asked: Any) -> dict[str, tuple[int, int]]:
    """What each asset's cut covers: all of it, where no range was asked."""
    first = -(2**62) if asked.start_ns is None else asked.start_ns
    last = 2**62 if asked.end_ns is None else asked.end_ns
    return {one.asset: (first, last) for one in found}


def _answer(found: list[Found], kept: dict[str, int]) -> dict[str, Any]:
    rows = [one.summary() for one in found]
    names = ("episodes", "success", "failure", "unknown", "too_short", "too_long", "runs")
    totals: dict[str, Any] = {name: sum(int(str(row[name])) for row in rows) for name in names}
    totals["rejected"] = totals["too_short"] + totals["too_long"]
    return {**totals, "kept": kept, "assets": rows}


def _tell(found: Found) -> None:
    row = found.summary()
    typer.echo(
        f"{row['asset']}: {row['runs']} runs by {row['method']}, {row['too_short']} too short, "
        f"{row['too_long']} too long, {row['episodes']} episodes ({row['times_real_time']:,} × real time)"
    )


def _row(one: Episode) -> dict[str, Any]:
    return {
        "id": one.id, "asset": one.asset, "site": one.site,
        "from": iso_from_ns(one.start_ns), "to": iso_from_ns(one.end_ns),
        "start_ns": one.start_ns, "end_ns": one.end_ns, "duration_s": round(one.duration_s, 3),
        "method": one.method.value, "key": one.key, "program": one.program, "outcome": one.outcome.value,
        "success": one.outcome.value == "success", "cause": one.cause, "censored": one.censored,
        "source": one.source, "quality": one.quality,
        "instruction": {"ko": one.instruction_ko, "en": one.instruction_en},
        "segments": [
            {"kind": part.kind.value, "from": iso_from_ns(part.start_ns), "to": iso_from_ns(part.end_ns)}
            for part in one.segments
        ],
    }  # fmt: skip
