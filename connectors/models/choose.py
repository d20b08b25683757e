"""Which signals of an asset a model sees, how long their values hold, and what tells its regime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.episodes.reading import streams_of
from twin.anomaly import Regime, Watched
from twin.clock import NS_PER_S
from twin.computed import SCORES
from twin.errors import ModelError
from twin.packml import UnitState
from twin.sample import Kind, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.ports import History
    from twin.sample import Stream

STREAM = SCORES.stream
"""The name of the stream that scores come in; no model sees it."""
ANY = "any"
NOT_SEEN = frozenset({Role.CYCLE_TIME, Role.X, Role.Y, Role.YAW, Role.BATTERY, Role.CAPACITY, Role.ENERGY})
"""Roles whose values wander, or grow, while all is well."""
LOOKED_AT = 2000
"""By so many frames the pace of a stream is told that declares none."""
LEAST_HOLD_NS = 3 * NS_PER_S


def streams_for(history: History, asset: str) -> list[Stream]:
    """The streams of an asset that a model may see; raises ModelError where there is no such asset."""
    known = streams_of(history)
    mine = [stream for stream in known.get(asset, ()) if stream.name != STREAM]
    if not mine:
        near = [one for one in known if one.endswith("/" + asset)]
        raise ModelError(
            f"no asset {asset!r} has told anything",
            f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known)[:12])} …",
        )
    return mine


def watched_of(
    history: History, asset: str, spans: Sequence[tuple[int, int]], names: Sequence[str] = ()
) -> tuple[Watched, ...]:
    """The signals that a model is to see: those named, else every gauge but of the roles `NOT_SEEN`.

    Raises ModelError for a name that is no number of the asset's, and where nothing is left.
    """
    streams = streams_for(history, asset)
    numbers = {signal.name: (stream, signal) for stream in streams for signal in stream.columns}
    for name in names:
        if name not in numbers:
            raise ModelError(f"{asset} has no number {name!r}", f"there are: {', '.join(numbers)}")
    chosen = [
        (stream, signal)
        for name, (stream, signal) in numbers.items()
        if (name in names if names else signal.kind is Kind.GAUGE and signal.role not in NOT_SEEN)
    ]
    if not chosen:
        raise ModelError(f"{asset} has no gauge to learn from", f"name signals: {', '.join(numbers) or 'it has none'}")
    holds = {stream.id: _hold_ns(history, stream, spans) for stream, _ in chosen}
    return tuple(Watched(stream.id, signal.name, signal.unit, holds[stream.id]) for stream, signal in chosen)


def regime_of(history: History, asset: str, states: Sequence[str], modes: Sequence[str]) -> Regime:
    """The regime asked for. Without states it is production (Execute), of an asset that tells any; ``any`` is all.

    Raises ModelError where the asset tells none.
    """
    streams = streams_for(history, asset)
    by = {
        role: next(((s.id, one.name) for s in streams for one in s.text_columns if one.role is role), ())
        for role in (Role.STATE, Role.MODE)
    }
    if not states:
        states = (UnitState.EXECUTE,) if by[Role.STATE] else ()
    wanted = {
        Role.STATE: tuple(sorted({str(one) for one in states} - {ANY})),
        Role.MODE: tuple(sorted(set(modes) - {ANY})),
    }
    for role, texts in wanted.items():
        if texts and not by[role]:
            raise ModelError(f"{asset} tells no {role}", f"leave --{role} out, or say --{role} {ANY}")
    return Regime(
        wanted[Role.STATE],
        wanted[Role.MODE],
        by[Role.STATE] if wanted[Role.STATE] else (),
        by[Role.MODE] if wanted[Role.MODE] else (),
    )


def _hold_ns(history: History, stream: Stream, spans: Sequence[tuple[int, int]]) -> int:
    """Until when a value is fresh: as the stream's period says, else three times what it usually takes."""
    if stream.stale_after_s is not None:
        return round(stream.stale_after_s * NS_PER_S)
    for start_ns, end_ns in spans:
        frames = history.frames(stream.id, start_ns, end_ns, LOOKED_AT)
        if len(frames) > 1:
            usual_ns = float(np.percentile(np.diff(frames.t_ns), 99))
            return max(LEAST_HOLD_NS, round(3 * usual_ns))
    return LEAST_HOLD_NS
