"""How well the alarms serve those who work with them (ISA-18.2 § 16, IEC 62682, EEMUA 191). Pure.

Counted from the journal: rows that operators were told of (`AlarmRaised` that is not hidden); a chattering
alarm's repeats count for chattering only. Figures are for one operating position, so ask for one site's
events; the standards look at 30 days or more.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.alarms.flood import FLOOD_ABOVE, Flood
from twin.alarms.record import AlarmEventKind
from twin.alarms.rule import Priority
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.alarms.record import AlarmEvent

TEN_MINUTES_NS = 600 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S
STALE_NS = 24 * HOUR_NS
TOP = 10
CHATTERS_FROM = 3
CHATTERS_WITHIN_NS = 60 * NS_PER_S
MANY_AN_HOUR = 30


@dataclass(frozen=True, slots=True)
class Performance:
    """The alarm system's own figures over [start_ns, end_ns). Ratios are 0…1, None where nothing is to be divided by.

    ``per_ten_minutes`` counts each ten minutes, the last of them may be short. Aims: at most 1 or 2 in ten
    minutes on average, 10 at most; ``busy_ratio``, ``busy_hours_ratio`` and ``flood_ratio`` below 0.01;
    ``top_ratio`` 0.01 to 0.05; no chattering; fewer than 5 stale; priorities about 0.05, 0.15, 0.8.
    """

    start_ns: int
    end_ns: int
    count: int
    per_ten_minutes: tuple[int, ...]
    busy_ratio: float | None
    """Share of the ten minutes with more than `FLOOD_ABOVE`."""
    busy_hours_ratio: float | None
    """Share of the hours with more than `MANY_AN_HOUR`."""
    flood_ns: int
    flood_ratio: float | None
    top: tuple[tuple[str, int], ...]
    """The ten alarms that came most often, and how often."""
    top_ratio: float | None
    chattering: tuple[str, ...]
    """Those raised three times or more within a minute."""
    stale: tuple[str, ...]
    """Those that stand for more than 24 hours at the end."""
    by_priority: Mapping[Priority, int]
    acknowledged_after_ns: int | None
    """The median time from an alarm to its acknowledgement; None where none was acknowledged."""

    def priority_ratio(self, priority: Priority) -> float | None:
        """The share of alarms of a priority."""
        return self.by_priority[priority] / self.count if self.count else None


def performance(events: Iterable[AlarmEvent], start_ns: int, end_ns: int) -> Performance:
    """Count a journal: ``events`` in order, and from a day before ``start_ns`` on, for what stands and chatters."""
    listed = [event for event in events if event.t_ns < end_ns]
    raised = [event for event in listed if event.kind is AlarmEventKind.RAISED and not event.hidden]
    within = [event for event in raised if event.t_ns >= start_ns]
    often = Counter(event.alarm for event in within)
    top = tuple(sorted(often.items(), key=lambda one: (-one[1], one[0]))[:TOP])
    tens = _per(within, start_ns, end_ns, TEN_MINUTES_NS)
    hours = _per(within, start_ns, end_ns, HOUR_NS)
    flood_ns = _in_flood([event.t_ns for event in raised], start_ns, end_ns)
    length_ns = end_ns - start_ns
    return Performance(
        start_ns,
        end_ns,
        len(within),
        tens,
        _ratio(sum(count > FLOOD_ABOVE for count in tens), len(tens)),
        _ratio(sum(count > MANY_AN_HOUR for count in hours), len(hours)),
        flood_ns,
        _ratio(flood_ns, length_ns),
        top,
        _ratio(sum(count for _, count in top), len(within)),
        _chattering(listed, start_ns),
        _stale(listed, end_ns),
        {priority: sum(event.priority is priority for event in within) for priority in Priority},
        _acknowledged_after_ns(within, listed),
    )


def _acknowledged_after_ns(raised: Sequence[AlarmEvent], events: Sequence[AlarmEvent]) -> int | None:
    since = {(event.alarm, event.occurrence): event.t_ns for event in raised}
    waits = [
        event.t_ns - since[event.alarm, event.occurrence]
        for event in events
        if event.kind is AlarmEventKind.ACKNOWLEDGED and (event.alarm, event.occurrence) in since
    ]
    return round(statistics.median(waits)) if waits else None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _per(events: Sequence[AlarmEvent], start_ns: int, end_ns: int, length_ns: int) -> tuple[int, ...]:
    counts = [0] * max(0, -(-(end_ns - start_ns) // length_ns))
    for event in events:
        counts[(event.t_ns - start_ns) // length_ns] += 1
    return tuple(counts)


def _in_flood(raised_ns: Sequence[int], start_ns: int, end_ns: int) -> int:
    """How long the floods lasted: each from the alarm that made it one to the moment when fewer than five are left."""
    flood, total, since_ns = Flood(), 0, 0
    for t_ns in sorted(raised_ns):
        if flood.on and flood.ends_ns() <= t_ns:
            total += _overlap(since_ns, flood.ends_ns(), start_ns, end_ns)
            flood.at(t_ns)
        flood.add(t_ns)
        if flood.at(t_ns) and flood.on:
            since_ns = t_ns
    return total + (_overlap(since_ns, flood.ends_ns(), start_ns, end_ns) if flood.on else 0)


def _overlap(from_ns: int, to_ns: int, start_ns: int, end_ns: int) -> int:
    return max(0, min(to_ns, end_ns) - max(from_ns, start_ns))


def _chattering(events: Sequence[AlarmEvent], start_ns: int) -> tuple[str, ...]:
    found: set[str] = set()
    recent: dict[str, list[int]] = {}
    counted: dict[str, int] = {}
    for event in events:
        if event.hidden or event.kind not in (AlarmEventKind.RAISED, AlarmEventKind.REPEATED):
            continue
        # One repeat is told a batch, and its count says how many there were.
        before = counted.get(event.alarm, 0) if event.kind is AlarmEventKind.REPEATED else 0
        counted[event.alarm] = event.count
        times = recent.setdefault(event.alarm, [])
        times += [event.t_ns] * min(max(event.count - before, 1), CHATTERS_FROM)
        del times[:-CHATTERS_FROM]
        if len(times) == CHATTERS_FROM and times[-1] - times[0] < CHATTERS_WITHIN_NS and event.t_ns >= start_ns:
            found.add(event.alarm)
    return tuple(sorted(found))


def _stale(events: Sequence[AlarmEvent], end_ns: int) -> tuple[str, ...]:
    """Alarms that still stand, and began more than a day before the end."""
    since: dict[str, int] = {}
    for event in events:
        if event.kind in (AlarmEventKind.RAISED, AlarmEventKind.REPEATED):
            since[event.alarm] = event.t_ns
        elif event.kind is AlarmEventKind.CLEARED:
            since.pop(event.alarm, None)
    return tuple(sorted(alarm for alarm, t_ns in since.items() if end_ns - t_ns > STALE_NS))
