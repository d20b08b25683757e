"""`twin store …` and `twin verify`: what is stored, and whether it still tells the same story."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.times import moment
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from connectors.stores.sql import SqlHistory
    from twin.ports import History

app = typer.Typer(help="Look into the store.", no_args_is_help=True)
Url = Annotated[str, typer.Option("--url", help="sqlite:///PATH or postgresql://…", envvar="TWIN__STORE__URL")]
RulesFile = Annotated[
    Path | None, typer.Option("--factory", help="The factory file, for the alarms' rules.", exists=True, dir_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _group() -> None:
    """Look into the store."""


@app.command()
def info(
    url: Url,
    *,
    json: Json = False,
    by_stream: Annotated[bool, typer.Option("--by-stream", help="Counts for each stream.")] = False,
    max_age: Annotated[
        float | None,
        typer.Option("--max-age", help="Exit 1 if ingest has stored nothing for so long.", metavar="SECONDS"),
    ] = None,
    by_source: Annotated[bool, typer.Option("--by-source", help="The accounting equations, each source.")] = False,
    kept: Annotated[
        bool, typer.Option("--kept", help="With --json: what is archived and what was let go, too.")
    ] = False,
) -> None:
    """Print what is in a store, in numbers."""
    from connectors.stores.sql import open_history

    history = open_history(url)
    try:
        if max_age is not None and _age_s(history) > max_age:
            note(f"ingest has stored nothing for more than {max_age:g} s")
            raise typer.Exit(1)
        answer: dict[str, object]
        if by_stream:
            answer = {
                stream: {"frames": c.frames, "values": c.values, "first_seq": c.first_seq, "last_seq": c.last_seq}
                for stream, c in history.by_stream().items()
            }
        elif by_source:
            answer = dict(history.by_source())
        else:
            answer = asdict(history.summary()) | (kept_of(history) if kept or not json else {})
    finally:
        history.close()
    if json:
        print_json(answer)
        return
    for name, value in answer.items():
        typer.echo(f"{name}: {value}")


def kept_of(history: SqlHistory) -> dict[str, object]:
    """What is archived, and what was let go."""
    from connectors.care.kept import archived

    return {"archive": asdict(archived(history)), "removed": [asdict(one) for one in history.removals()]}


AHEAD_NS = 60 * NS_PER_S
"""Clocks of two machines may differ by so much."""


def _age_s(history: History) -> float:
    """Seconds since ingest last wrote its own numbers; infinite when it never did.

    What it wrote last while its clock was far ahead says nothing about now.
    """
    from connectors.wall_clock import WallClock
    from dashboards.status import is_own

    now_ns = WallClock().now_ns()
    own = [one.received_ns for stream, one in history.latest().items() if is_own(stream)]
    told = [received_ns for received_ns in own if received_ns <= now_ns + AHEAD_NS]
    return (now_ns - max(told)) / NS_PER_S if told else math.inf


@app.command()
def redrive(
    file: Annotated[Path, typer.Argument(metavar="FACTORY.toml", help="The factory file, mended.")],
    *,
    url: Annotated[
        str, typer.Option("--url", help="The store; the factory file's unless given.", envvar="TWIN__STORE__URL")
    ] = "",
    source: Annotated[str, typer.Option("--source", help="Dead letters of this source only.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Dead letters of this reason only.")] = "",
    json: Json = False,
) -> None:
    """Decode dead letters again and store what is understood now; `twin ingest` must not run meanwhile."""
    from connectors.factory_file import read_factory
    from connectors.ingest.redrive import Redrive
    from connectors.stores.lock import writer_lock
    from connectors.stores.sql import open_history, open_store
    from connectors.wall_clock import WallClock

    factory = read_factory(file)
    place = url or factory.store.url
    history = open_history(place)
    try:
        with writer_lock(place, factory.ingest.writer):
            store = open_store(place)
            try:
                result = Redrive(factory, store, history, WallClock()).run(source, reason)
            finally:
                store.close()
    finally:
        history.close()
    if json:
        print_json(asdict(result))
        return
    typer.echo(
        f"{result.letters} dead letters ({result.messages} messages) decoded: {result.stored} frames stored, "
        f"{result.duplicate} duplicate, {result.key_conflict} in conflict"
    )
    for kept, why in (
        (sum(result.refused.values()), f"are still not understood: {result.refused}"),
        (result.cut, "were cut when they were kept and cannot be read again"),
        (result.no_message, "hold frames in conflict, not messages"),
        (result.no_source, "are of sources that the factory file does not have"),
    ):
        if kept:
            typer.echo(f"{kept} {why}")


def verify(
    url: Url,
    *,
    start: Annotated[str, typer.Option("--from", help="Only from here on: ISO 8601 with offset, or ms.")] = "",
    end: Annotated[str, typer.Option("--to", help="Only up to here (not included).")] = "",
    factory: RulesFile = None,
    json: Json = False,
) -> None:
    """Fold everything again, or a range of it, and compare with what was recorded live; exit 1 on a mismatch.

    The alarms too, where --factory names the file whose rules they were folded with. A range is by when
    it was received, and is folded from the keyframe before it on.
    """
    import time

    from connectors.factory_file import read_factory
    from connectors.plugins import rules_of
    from connectors.stores.sql import open_history
    from twin.keyframes import verify as refold

    rules = rules_of(read_factory(factory)) if factory is not None else None
    start_ns, end_ns = (moment(text, option) if text else None for text, option in ((start, "--from"), (end, "--to")))
    history = open_history(url)
    began = time.monotonic()
    try:
        verdict = refold(history, rules, start_ns, end_ns)
    finally:
        history.close()
    frames_per_s = round(verdict.frames / max(time.monotonic() - began, 1e-9))
    if json:
        print_json(
            {
                "batches": verdict.batches,
                "frames": verdict.frames,
                "keyframes": verdict.keyframes,
                "alarm_batches": verdict.alarm_batches,
                "frames_per_s": frames_per_s,
                "coverage": verdict.coverage,
                "mismatches": len(verdict.mismatches),
                "details": [asdict(mismatch) for mismatch in verdict.mismatches[:100]],
            }
        )
    else:
        typer.echo(
            f"{verdict.batches} batches, {verdict.frames} frames folded again, {verdict.keyframes} keyframes compared: "
            f"{len(verdict.mismatches)} mismatches ({frames_per_s:,} frames/s, "
            + ("nothing is there of that time)" if verdict.coverage is None else f"coverage {verdict.coverage:.2%})")
        )
        if factory is None:
            typer.echo("  the alarms were not folded again: name their rules with --factory FILE")
        else:
            typer.echo(f"  the alarms of {verdict.alarm_batches} batches folded again")
        if verdict.unfolded:
            typer.echo(
                f"  {verdict.unfolded} batches follow on what was let go or lost: folded from the next keyframe on"
            )
        for mismatch in verdict.mismatches[:20]:
            typer.echo(f"  {mismatch.writer} batch {mismatch.n}: {mismatch.what} differs")
    if verdict.mismatches:
        raise typer.Exit(1)
