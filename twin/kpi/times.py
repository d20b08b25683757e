"""Where an asset's time went (ISO 22400-2 times from PackML states). Pure, whole nanoseconds.

Every moment has one bucket. What is not known is a bucket of its own and no loss: figures are of the time
that is known, and say how much of the planned time that is.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from twin.packml import UnitMode, UnitState
from twin.shifts import merged
from twin.states import Known

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.shifts import Span
    from twin.states import StateInterval


class Bucket(StrEnum):
    """What a moment counts as."""

    PRODUCTION = "production"
    """APT, actual production time."""
    SETUP = "setup"
    """AUST, actual unit setup time."""
    DELAY = "delay"
    """ADET, actual unit delay time: able, and kept waiting."""
    DOWN = "down"
    """ADOT, actual unit down time."""
    NOT_PLANNED = "not_planned"
    """Outside PBT: no shift, a break, planned maintenance."""
    UNKNOWN = "unknown"
    STALE = "stale"


UNSEEN = (Bucket.UNKNOWN, Bucket.STALE)
_STATES: Mapping[UnitState, Bucket] = {
    UnitState.UNDEFINED: Bucket.UNKNOWN,
    UnitState.EXECUTE: Bucket.PRODUCTION,
    UnitState.STARTING: Bucket.SETUP,
    UnitState.RESETTING: Bucket.SETUP,
    UnitState.COMPLETING: Bucket.SETUP,
    UnitState.IDLE: Bucket.DELAY,
    UnitState.COMPLETE: Bucket.DELAY,
    UnitState.SUSPENDING: Bucket.DELAY,
    UnitState.SUSPENDED: Bucket.DELAY,
    UnitState.UNSUSPENDING: Bucket.DELAY,
    UnitState.HOLDING: Bucket.DOWN,
    UnitState.HELD: Bucket.DOWN,
    UnitState.UNHOLDING: Bucket.DOWN,
    UnitState.ABORTING: Bucket.DOWN,
    UnitState.ABORTED: Bucket.DOWN,
    UnitState.CLEARING: Bucket.DOWN,
    UnitState.STOPPING: Bucket.DOWN,
    UnitState.STOPPED: Bucket.DOWN,
}
_MODES: Mapping[UnitMode, Bucket] = {UnitMode.MAINTENANCE: Bucket.NOT_PLANNED, UnitMode.MANUAL: Bucket.SETUP}


@dataclass(frozen=True, slots=True)
class TimeRules:
    """What states and modes count as; the defaults are those of the product, a site may have its own.

    A mode's bucket takes the place of production only (running in manual mode is setting up), but
    NOT_PLANNED takes the place of all. ``failures`` are the states that are failure events (FE).
    """

    states: Mapping[UnitState, Bucket] = field(default_factory=lambda: _STATES)
    modes: Mapping[UnitMode, Bucket] = field(default_factory=lambda: _MODES)
    failures: frozenset[UnitState] = frozenset({UnitState.ABORTING, UnitState.ABORTED})

    def bucket(self, one: StateInterval) -> Bucket:
        """What an interval counts as, if it is planned."""
        if one.known is not Known.KNOWN:
            return Bucket.STALE if one.known is Known.STALE else Bucket.UNKNOWN
        bucket = self.states.get(one.state, Bucket.UNKNOWN)
        by_mode = None if one.mode is None else self.modes.get(one.mode)
        if by_mode is Bucket.NOT_PLANNED or (by_mode is not None and bucket is Bucket.PRODUCTION):
            return by_mode
        return bucket


@dataclass(frozen=True, slots=True)
class StopReason:
    """What an operator says of a stop, at ``given_ns``; of two for one time the one given later counts.

    ``bucket`` says what the time counts as, None as its state says. Time that was measured as
    production, or is not planned, stays what it is. Raises ValueError for a stop that would be production.
    """

    asset: str
    start_ns: int
    end_ns: int
    code: str
    who: str
    given_ns: int
    bucket: Bucket | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.bucket in (Bucket.PRODUCTION, *UNSEEN):
            raise ValueError(f"{self.bucket} cannot be said of a stop")


@dataclass(frozen=True, slots=True)
class Slice:
    """[start_ns, end_ns) of one bucket, state and reason. ``fails`` says that a failure begins at its start."""

    start_ns: int
    end_ns: int
    bucket: Bucket
    state: UnitState = UnitState.UNDEFINED
    reason: str = ""
    failed: bool = False
    """Down by a failure: time to repair (TTR)."""
    fails: bool = False

    @property
    def length_ns(self) -> int:
        """How long it lasted."""
        return self.end_ns - self.start_ns


def slices_of(
    intervals: Sequence[StateInterval],
    planned: Iterable[Span],
    rules: TimeRules | None = None,
    reasons: Iterable[StopReason] = (),
) -> tuple[Slice, ...]:
    """Cut an asset's states at the edges of what is planned and of what operators said; tiles the same time.

    A failure counts once, at its first planned moment, however it is cut by breaks, reasons or stale time.
    """
    rules = rules or TimeRules()
    spans = merged(planned)
    said = sorted(reasons, key=lambda one: (one.given_ns, one.start_ns, one.code))
    edges = sorted({*(t for span in spans for t in span), *(t for one in said for t in (one.start_ns, one.end_ns))})
    starts = [span[0] for span in spans]
    found: list[Slice] = []
    counted = False
    for interval in intervals:
        first = bisect_right(edges, interval.start_ns)
        last = bisect_right(edges, interval.end_ns - 1)
        cuts = [interval.start_ns, *edges[first:last], interval.end_ns]
        failing = interval.state in rules.failures
        counted = counted and failing
        for start_ns, end_ns in pairwise(cuts):
            place = bisect_right(starts, start_ns) - 1
            is_planned = place >= 0 and start_ns < spans[place][1]
            bucket = rules.bucket(interval) if is_planned else Bucket.NOT_PLANNED
            reason = next((one for one in reversed(said) if one.start_ns <= start_ns < one.end_ns), None)
            if reason is not None and bucket not in (Bucket.PRODUCTION, Bucket.NOT_PLANNED):
                bucket = bucket if reason.bucket is None else reason.bucket
            failed = failing and bucket is Bucket.DOWN
            found.append(
                Slice(
                    start_ns, end_ns, bucket, interval.state, "" if reason is None else reason.code, failed,
                    failed and not counted,
                )
            )  # fmt: skip
            counted = counted or failed
    return tuple(found)


def within(slices: Iterable[Slice], start_ns: int, end_ns: int) -> tuple[Slice, ...]:
    """The part of the slices that lies in [start_ns, end_ns); a failure belongs to where it began."""
    cut: list[Slice] = []
    for one in slices:
        if one.start_ns >= end_ns or one.end_ns <= start_ns:
            continue
        inner = replace(one, start_ns=max(one.start_ns, start_ns), end_ns=min(one.end_ns, end_ns))
        cut.append(inner if one.start_ns >= start_ns else replace(inner, fails=False))
    return tuple(cut)


def by_reason(slices: Iterable[Slice]) -> dict[tuple[Bucket, str], int]:
    """How long each reason kept the asset, by bucket: what a Pareto of stops shows; "" is no reason given."""
    found: dict[tuple[Bucket, str], int] = {}
    for one in slices:
        if one.bucket in (Bucket.SETUP, Bucket.DELAY, Bucket.DOWN):
            found[one.bucket, one.reason] = found.get((one.bucket, one.reason), 0) + one.length_ns
    return found
