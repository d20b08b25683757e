"""When a site is planned to work: shifts in its own time, with breaks, days off and holidays. Pure.

Times of a day are whole minutes from the local midnight of the day on which the shift begins; a shift may
reach into the next day (22:00 to 06:00 is 1320 to 1800). Where clocks are changed, a shift is an hour
longer or shorter, as it is for those who work it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.site import Name, Site

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MIN = 24 * 60
EVERY_DAY = frozenset(range(7))

Span = tuple[int, int]
"""[start ns, end ns)."""


@dataclass(frozen=True, slots=True)
class Shift:
    """One shift: when it begins and ends, in minutes of the day, on which days (0 is Monday), and its breaks.

    Raises ValueError for one that ends before it begins, lasts longer than a day, or has a break outside it.
    """

    id: str
    name: Name
    start_min: int
    end_min: int
    days: frozenset[int] = EVERY_DAY
    breaks_min: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not (0 <= self.start_min < _DAY_MIN and self.start_min < self.end_min <= self.start_min + _DAY_MIN):
            raise ValueError(f"shift {self.id}: from minute {self.start_min} to {self.end_min} is no shift")
        if any(not self.start_min <= a < b <= self.end_min for a, b in self.breaks_min):
            raise ValueError(f"shift {self.id}: a break lies outside it")


@dataclass(frozen=True, slots=True)
class ShiftCalendar:
    """A site's shifts. ``holidays`` are local dates (``2026-01-01``) on which none begins."""

    timezone: str
    shifts: tuple[Shift, ...]
    holidays: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ShiftSpan:
    """One shift of one day, in UTC; ``day`` is the local date on which it began."""

    shift: str
    day: str
    start_ns: int
    end_ns: int
    breaks: tuple[Span, ...] = ()

    @property
    def working(self) -> tuple[Span, ...]:
        """The shift without its breaks: planned busy time (ISO 22400-2, PBT)."""
        return without([(self.start_ns, self.end_ns)], self.breaks)


def calendar_of(site: Site) -> ShiftCalendar:
    """The shifts that the factory file gives a site."""
    return ShiftCalendar(site.timezone, site.shifts, site.holidays)


def shift_spans(calendar: ShiftCalendar, start_ns: int, end_ns: int) -> tuple[ShiftSpan, ...]:
    """The shifts that have a part in [start_ns, end_ns), whole, in order of their beginning."""
    zone = ZoneInfo(calendar.timezone)
    first = datetime.fromtimestamp(start_ns // NS_PER_S, zone).date() - timedelta(days=1)
    last = datetime.fromtimestamp(end_ns // NS_PER_S, zone).date()
    found: list[ShiftSpan] = []
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        if day.isoformat() in calendar.holidays:
            continue
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
        for shift in calendar.shifts:
            if day.weekday() not in shift.days:
                continue
            span = _ns(midnight, shift.start_min), _ns(midnight, shift.end_min)
            breaks = tuple((_ns(midnight, a), _ns(midnight, b)) for a, b in shift.breaks_min)
            if span[0] < end_ns and span[1] > start_ns:
                found.append(ShiftSpan(shift.id, day.isoformat(), *span, breaks))
    return tuple(sorted(found, key=lambda one: (one.start_ns, one.shift)))


def planned(calendar: ShiftCalendar, start_ns: int, end_ns: int) -> tuple[Span, ...]:
    """When the site is planned to work within [start_ns, end_ns): in some shift, and not in its break.

    A site that gives no shifts is planned to work all the time.
    """
    if not calendar.shifts:
        return clipped([(start_ns, end_ns)], start_ns, end_ns)
    spans = [span for one in shift_spans(calendar, start_ns, end_ns) for span in one.working]
    return clipped(merged(spans), start_ns, end_ns)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time, in order, without overlap or touching."""
    found: list[Span] = []
    for a, b in sorted(span for span in spans if span[0] < span[1]):
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], b))
        else:
            found.append((a, b))
    return tuple(found)


def without(spans: Iterable[Span], taken: Iterable[Span]) -> tuple[Span, ...]:
    """The time of ``spans`` that is in none of ``taken``."""
    left = list(merged(spans))
    for a, b in merged(taken):
        left = [
            part for start, end in left for part in ((start, min(end, a)), (max(start, b), end)) if part[0] < part[1]
        ]
    return tuple(left)


def clipped(spans: Iterable[Span], start_ns: int, end_ns: int) -> tuple[Span, ...]:
    """The part of the time that lies in [start_ns, end_ns)."""
    cut = ((max(a, start_ns), min(b, end_ns)) for a, b in spans)
    return tuple(span for span in cut if span[0] < span[1])


def _ns(midnight: datetime, minute: int) -> int:
    """A minute of the local day, by its clock (an hour that comes twice: the first time), in ns UTC."""
    local = midnight + timedelta(minutes=minute)
    return (local.astimezone(UTC) - _EPOCH) // timedelta(seconds=1) * NS_PER_S
