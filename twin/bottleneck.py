"""Which station holds a line up. Pure, whole nanoseconds.

Two rules that look at different things, so that one may bear the other out:

- *Active periods* (Roser, Nakano and Tanaka, 2002): a station is active while it does not wait for another:
  at work, being set up, or down. The momentary bottleneck is the active station whose active period is the
  longest; the bottleneck of a time is the one that was so for the largest part of it.
- *Turning point* (Li, Chang and Ni, 2009): before the bottleneck stations are rather blocked, behind it they
  are rather starved.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from twin.packml import FAULTED, WORKING, Cause, UnitState
from twin.shifts import clipped, merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from twin.shifts import Span

ACTIVE = WORKING | FAULTED | {UnitState.RESETTING, UnitState.CLEARING}
"""Not waiting for another station, and not switched off."""


@dataclass(frozen=True, slots=True)
class Level:
    """How full a buffer was: int64 (n,) starts of equal parts of time, float64 (n,) the least and the most in each."""

    t_ns: NDArray[np.int64]
    least: NDArray[np.float64]
    most: NDArray[np.float64]
    capacity: float

    def was(self, span: Span) -> tuple[bool, bool]:
        """Whether it was ever (full, empty) in a span, told by the parts of time that the span touches."""
        if not len(self.t_ns):
            return False, False
        first = max(int(self.t_ns.searchsorted(span[0], side="right")) - 1, 0)
        last = max(int(self.t_ns.searchsorted(span[1])), first + 1)
        least, most = self.least[first:last], self.most[first:last]
        return bool((most >= self.capacity).any()), bool((least <= 0).any())


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a station waited in a time, by what for. ``outside_ns``: for something that no buffer tells of."""

    blocked_ns: int = 0
    starved_ns: int = 0
    outside_ns: int = 0


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The station that holds a line up in a time.

    ``share`` is how much of the time in which any station was active it was the momentary bottleneck. ``now``
    is the momentary one at the time's end, None where nothing is active, and ``since_ns`` its active period's
    start. ``borne_out``: the turning point is there too.
    """

    station: str
    share: float
    now: str | None
    since_ns: int | None
    borne_out: bool


def cause_of_wait(span: Span, before: Sequence[Level], behind: Sequence[Level]) -> Cause:
    """What a wait was for: a full buffer behind blocks (counts first), an empty one before starves."""
    if behind and all(level.was(span)[0] for level in behind):
        return Cause.BLOCKED
    return Cause.STARVED if before and all(level.was(span)[1] for level in before) else Cause.OUTSIDE


def waits_of(waits: Iterable[tuple[Span, Cause]]) -> Waits:
    """How long all of them lasted, by cause."""
    found = dict.fromkeys((Cause.BLOCKED, Cause.STARVED, Cause.OUTSIDE), 0)
    for (start_ns, end_ns), cause in waits:
        found[cause] += end_ns - start_ns
    return Waits(found[Cause.BLOCKED], found[Cause.STARVED], found[Cause.OUTSIDE])


def momentary(active: Mapping[str, Iterable[Span]], start_ns: int, end_ns: int) -> list[tuple[int, int, str]]:
    """(from, to, station): the momentary bottleneck over a time; times in which no station is active are left out.

    A period that began before ``start_ns`` counts from where it began. Of two equally long the station named
    first counts.
    """
    periods = [
        (a, b, place, name)
        for place, (name, spans) in enumerate(active.items())
        for a, b in merged(spans)
        if a < end_ns and b > start_ns
    ]
    edges = sorted({start_ns, end_ns, *(t for a, b, *_ in periods for t in (a, b) if start_ns < t < end_ns)})
    periods.sort()
    found: list[tuple[int, int, str]] = []
    # The longest of those that have begun is on top; those that have ended are taken off when they come there.
    begun: list[tuple[int, int, int, str]] = []
    following = 0
    for a, b in pairwise(edges):
        while following < len(periods) and periods[following][0] <= a:
            began, ended, place, station = periods[following]
            heapq.heappush(begun, (began - min(ended, end_ns), place, ended, station))
            following += 1
        while begun and begun[0][2] <= a:
            heapq.heappop(begun)
        if not begun:
            continue
        name = begun[0][3]
        if found and found[-1][1] == a and found[-1][2] == name:
            found[-1] = (found[-1][0], b, name)
        else:
            found.append((a, b, name))
    return found


def turning_point(waits: Sequence[Waits]) -> int | None:
    """The place in a row of stations before which all are rather blocked and behind which all are rather starved.

    None where there is no such place, or more than one. The first and the last station count only where
    others wait for them.
    """
    found = [
        place
        for place in range(len(waits))
        if all(one.blocked_ns > one.starved_ns for one in waits[:place])
        and all(one.starved_ns > one.blocked_ns for one in waits[place + 1 :])
    ]
    least = [place for place in found if all(_waited(waits[place]) <= _waited(waits[other]) for other in found)]
    return least[0] if len(least) == 1 and len(waits) > 1 else None


def _waited(one: Waits) -> int:
    return one.blocked_ns + one.starved_ns


def bottleneck_of(
    active: Mapping[str, Sequence[Span]],
    steps: Sequence[Sequence[str]],
    waits: Mapping[str, Waits],
    start_ns: int,
    end_ns: int,
) -> Bottleneck | None:
    """The bottleneck of [start_ns, end_ns), None where nothing was active.

    ``steps`` are the stations in the order of the flow. Stations side by side share what they hold up:
    their waits are added for the turning point.
    """
    stretches = momentary(active, start_ns, end_ns)
    if not stretches:
        return None
    lasted = dict.fromkeys(active, 0)
    for a, b, name in stretches:
        lasted[name] += b - a
    station = max(lasted, key=lambda name: lasted[name])
    now = next((name for _, b, name in stretches[-1:] if b == end_ns), None)
    since_ns = None
    if now is not None:
        since_ns = next(a for a, b in merged(active[now]) if a < end_ns <= b)
    summed = [
        Waits(
            sum(waits.get(one, Waits()).blocked_ns for one in step),
            sum(waits.get(one, Waits()).starved_ns for one in step),
        )
        for step in steps
    ]
    turn = turning_point(summed)
    return Bottleneck(
        station, lasted[station] / sum(lasted.values()), now, since_ns, turn is not None and station in steps[turn]
    )


def lasting(spans: Iterable[Span], start_ns: int, end_ns: int) -> int:
    """How long spans lasted within a time."""
    return sum(b - a for a, b in clipped(merged(spans), start_ns, end_ns))
