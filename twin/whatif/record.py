"""What was recorded of stations, buffers and mobile robots, cut into what laws are fitted to. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.bottleneck import Level, cause_of_wait
from twin.clock import NS_PER_S
from twin.packml import FAULTED, WAITING, WORKING, Cause, UnitState
from twin.states import Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from twin.states import StateInterval

    Floats = NDArray[np.float64]

ABORTED, HELD = "aborted", "held"
KINDS = (ABORTED, HELD)
"""Inside stops by kind: failures as ISO 22400 counts them, and holds (a tool change, a door)."""
_LEAST_WAIT_S = 4.0
"""Shorter waits are the hand-over between two samples."""


@dataclass(frozen=True, slots=True, eq=False)
class StationRecord:
    """A station over [start, end): its states, its finished cycles (seconds, oldest first) and parts.

    ``part_ns`` is when it finished a part last, ``ideal_s`` and ``nominal_s`` are what the factory file gives.
    """

    id: str
    type: str
    intervals: tuple[StateInterval, ...]
    cycles_s: Floats
    good: int = 0
    scrap: int = 0
    part_ns: int = 0
    ideal_s: float | None = None
    nominal_s: float | None = None

    @property
    def end_ns(self) -> int:
        """Where the record ends: the moment that the what-if starts from."""
        return self.intervals[-1].end_ns if self.intervals else 0

    @property
    def worked_s(self) -> float:
        """How long it worked in all."""
        return sum(one.length_ns for one in self.intervals if _works(one)) / NS_PER_S


@dataclass(frozen=True, slots=True, eq=False)
class BufferRecord:
    """How full a buffer was, and how full it is at the end of the record; ``capacity`` None where nobody says."""

    id: str
    levels: Level
    level: int
    capacity: int | None

    def mean(self, start_ns: int, end_ns: int) -> float | None:
        """The mean level over a time, weighed by how long each held; None where nothing is known."""
        t_ns, level = self.levels.t_ns, self.levels.most
        if not len(t_ns) or end_ns <= start_ns or t_ns[0] >= end_ns:
            return None
        edges = np.clip(np.append(t_ns, end_ns), start_ns, end_ns)
        lasts = np.diff(edges).astype(np.float64)
        return float((level * lasts).sum() / lasts.sum()) if lasts.sum() > 0 else None


@dataclass(slots=True)
class Stops:
    """The inside stops of one kind: how long each lasted, how much work lay before each, both in seconds.

    ``since_s`` is the work since the last one; ``open_s`` how long the one has lasted that is not over, None where
    there is none.
    """

    lasts_s: list[float] = field(default_factory=list)
    between_s: list[float] = field(default_factory=list)
    since_s: float = 0.0
    open_s: float | None = None


def stops_of(record: StationRecord) -> dict[str, Stops]:
    """The inside stops of a station by kind. What one that began before the record lasted is not known."""
    found = {kind: Stops() for kind in KINDS}
    inside: str | None = None
    began_ns = 0
    is_whole = False
    for place, one in enumerate(record.intervals):
        kind = _kind(one)
        if inside is not None and kind != inside:
            if is_whole:
                found[inside].lasts_s.append((one.start_ns - began_ns) / NS_PER_S)
            inside = None
        if kind is not None and inside is None:
            inside, began_ns, is_whole = kind, one.start_ns, place > 0
            if is_whole:
                found[kind].between_s.append(found[kind].since_s)
            found[kind].since_s = 0.0
        if _works(one):
            for stops in found.values():
                stops.since_s += one.length_ns / NS_PER_S
    if inside is not None:
        found[inside].open_s = (record.end_ns - began_ns) / NS_PER_S
    return found


def pauses_of(record: StationRecord, before: Sequence[Level], behind: Sequence[Level]) -> list[float]:
    """The waits that neither an empty buffer before nor a full one behind explains, in seconds."""
    spans = [(one.start_ns, one.end_ns) for one in record.intervals if _is(one, WAITING)]
    return [
        (end_ns - start_ns) / NS_PER_S
        for start_ns, end_ns in spans
        if end_ns - start_ns >= _LEAST_WAIT_S * NS_PER_S
        and end_ns < record.end_ns
        and cause_of_wait((start_ns, end_ns), before, behind) is Cause.OUTSIDE
    ]


def in_cycle_s(record: StationRecord) -> float:
    """How much a station that is at work has worked since it finished a part last."""
    ended = (min(max(one.start_ns, record.part_ns), one.end_ns) for one in record.intervals)
    return sum(one.end_ns - began for one, began in zip(record.intervals, ended, strict=True) if _works(one)) / NS_PER_S


def worked_in(record: StationRecord, edges_ns: NDArray[np.int64]) -> Floats:
    """How many seconds a station worked between each two of n edges: (n - 1,)."""
    spans = np.array([(one.start_ns, one.end_ns) for one in record.intervals if _works(one)], np.float64)
    if not len(spans):
        return np.zeros(len(edges_ns) - 1)
    # Work done by each moment, a broken line; what lies between two edges is its rise.
    moments = spans.ravel()
    done = np.repeat(np.concatenate([[0.0], np.cumsum(spans[:, 1] - spans[:, 0])]), 2)[1:-1]
    found: Floats = np.diff(np.interp(edges_ns.astype(np.float64), moments, done)) / NS_PER_S
    return found


def jobs_of(intervals: Iterable[StateInterval]) -> tuple[list[float], list[float], list[int]]:
    """A mobile robot's (jobs, idle times) in seconds, from idle to idle, and when each job ended; none cut short."""
    jobs: list[float] = []
    idles: list[float] = []
    ends: list[int] = []
    runs: list[tuple[bool, int, int]] = []
    for one in intervals:
        if one.known is not Known.KNOWN:
            runs.append((False, 0, 0))
            continue
        idle = one.state in (UnitState.IDLE, UnitState.STOPPED, UnitState.COMPLETE)
        if runs and runs[-1][2] == one.start_ns and runs[-1][0] is idle:
            runs[-1] = (idle, runs[-1][1], one.end_ns)
        else:
            runs.append((idle, one.start_ns, one.end_ns))
    for place, (idle, start_ns, end_ns) in enumerate(runs[1:-1], 1):
        if start_ns and runs[place - 1][2] == start_ns and runs[place + 1][1] == end_ns:
            (idles if idle else jobs).append((end_ns - start_ns) / NS_PER_S)
            if not idle:
                ends.append(end_ns)
    return jobs, idles, ends


def _is(one: StateInterval, states: frozenset[UnitState]) -> bool:
    return one.known is Known.KNOWN and one.state in states


def _works(one: StateInterval) -> bool:
    return _is(one, WORKING)


def _kind(one: StateInterval) -> str | None:
    if not _is(one, FAULTED):
        return None
    return ABORTED if one.state in (UnitState.ABORTED, UnitState.ABORTING) else HELD
