"""Which alarms there are at a view's moment, how fast they come, and how well they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE
from twin.alarms.flood import FLOOD_ABOVE, FLOOD_BELOW, FLOOD_WINDOW_NS
from twin.alarms.performance import CHATTERS_WITHIN_NS, STALE_NS, TEN_MINUTES_NS, performance
from twin.alarms.record import AlarmEventKind
from twin.alarms.rule import Priority
from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboards.summary.alarm_words import AlarmWords, Row
    from dashboards.view import View
    from twin.alarms.record import AlarmState
    from twin.sample import Signal, Stream

DAY_NS = 24 * 3600 * NS_PER_S
MAX_RECENT = 1000
MAX_COUNTED = 50_000
"""So many entries of the journal are counted for the alarm system's own figures."""
_FLOODS = (AlarmEventKind.FLOOD_STARTED, AlarmEventKind.FLOOD_ENDED)
_COUNTED = (AlarmEventKind.RAISED, AlarmEventKind.REPEATED, AlarmEventKind.CLEARED, AlarmEventKind.ACKNOWLEDGED)


def rank(row: Row) -> tuple[bool, int, float]:
    """The order of a list of alarms: what waits for somebody first, then the priority, then the newest."""
    return not row["waits"], row["priority"] or len(Priority) + 1, -(row["raised_ms"] or 0.0)


def of_site(asset: str, site: str) -> bool:
    """Whether an asset is of a site; ``*`` takes all."""
    return site in (EVERY_SITE, site_of(asset))


def signals_of(states: Iterable[AlarmState], streams: Mapping[int, Stream]) -> dict[tuple[str, str], Signal]:
    """By asset and name: the signals that alarms are about."""
    wanted = {(state.asset, state.signal) for state in states if state.signal}
    if not wanted:
        return {}
    return {
        (stream.asset, signal.name): signal
        for stream in streams.values()
        for signal in stream.signals
        if (stream.asset, signal.name) in wanted
    }


def active(view: View, words: AlarmWords, site: str = EVERY_SITE) -> list[Row]:
    """Every alarm that is not normal at a view's moment, the most urgent first."""
    states = [state for state in view.alarms() if of_site(state.asset, site)]
    signals = signals_of(states, view.streams())
    rows = []
    for state in states:
        priority = None
        if words.rule(state.asset, state.rule) is None:
            last = view.alarm_events(0, view.clock_ns + 1, alarm=state.id, limit=1)
            priority = last[0].priority if last else None
        rows.append(words.active(state, signals.get((state.asset, state.signal)), priority))
    return sorted(rows, key=rank)


def load_of(view: View, sites: Iterable[str]) -> dict[str, Row]:
    """By site: when alarms were told of within the last ten minutes, and whether they are a flood."""
    since_ns = view.clock_ns - FLOOD_WINDOW_NS
    found: dict[str, Row] = {}
    for site in sites:
        told = view.alarm_events(
            since_ns + 1, view.clock_ns + 1, asset=site, kinds=(AlarmEventKind.RAISED,), limit=MAX_RECENT
        )
        raised = sorted(ms(event.t_ns) for event in told if not event.hidden)
        found[site] = {"recent_ms": raised, "flood": _is_flood(view, site, len(raised))}
    return found


def _is_flood(view: View, site: str, count: int) -> bool:
    if count > FLOOD_ABOVE or count < FLOOD_BELOW:
        return count > FLOOD_ABOVE
    last = view.alarm_events(view.clock_ns - DAY_NS, view.clock_ns + 1, asset=site, kinds=_FLOODS, limit=1)
    return bool(last) and last[0].kind is AlarmEventKind.FLOOD_STARTED


def figures(view: View, words: AlarmWords, site: str, start_ns: int, end_ns: int) -> Row:
    """How well the alarms of one operating position (a site, or all) served over [start, end)."""
    under = "" if site == EVERY_SITE else site
    told = view.alarm_events(start_ns - STALE_NS, end_ns, asset=under, kinds=_COUNTED, limit=MAX_COUNTED)
    counted = performance(reversed(told), start_ns, end_ns)
    # What was raised before the journal that is counted, and still stands.
    standing = {state.id for state in view.alarms() if state.raised and end_ns - state.raised_ns > STALE_NS}
    stale = {*counted.stale, *(alarm for alarm in standing if of_site(alarm.partition(":")[0], site))}
    return {
        "site": site,
        "from_ms": ms(start_ns),
        "to_ms": ms(end_ns),
        "complete": len(told) < MAX_COUNTED,
        "count": counted.count,
        "per_ten_minutes": list(counted.per_ten_minutes),
        "average_per_ten_minutes": counted.count * TEN_MINUTES_NS / (end_ns - start_ns) if end_ns > start_ns else None,
        "most_per_ten_minutes": max(counted.per_ten_minutes, default=0),
        "busy_ratio": counted.busy_ratio,
        "busy_hours_ratio": counted.busy_hours_ratio,
        "flood_s": counted.flood_ns / NS_PER_S,
        "flood_ratio": counted.flood_ratio,
        "top": [{**words.named(alarm), "count": count} for alarm, count in counted.top],
        "top_ratio": counted.top_ratio,
        "chattering": [words.named(alarm) for alarm in counted.chattering],
        "stale": [words.named(alarm) for alarm in sorted(stale)],
        "by_priority": {str(priority.value): counted.by_priority[priority] for priority in Priority},
        "priority_ratio": {str(priority.value): counted.priority_ratio(priority) for priority in Priority},
        "acknowledged_after_s": None
        if counted.acknowledged_after_ns is None
        else counted.acknowledged_after_ns / NS_PER_S,
        "flood_above": FLOOD_ABOVE,
        "chatters_within_s": CHATTERS_WITHIN_NS / NS_PER_S,
    }
