"""Trends: pens drawn from what is cheapest to read and still true, and what happened meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.events import is_notable
from dashboards.summary.lanes import event_json, faults, lost_spans, overlaid, segments_of
from twin.alarms import AlarmEventKind
from twin.clock import NS_PER_S
from twin.events import EventKind
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Collection

    from dashboards.view import View
    from twin.alarms import AlarmEvent
    from twin.ports import Series
    from twin.sample import Stream

RAW_SAMPLES = 500_000
"""Up to so many samples are drawn from themselves, more of them from roll-ups, or from the archive."""
ROLLED_NS = 10 * NS_PER_S
"""The finest roll-up."""
ROLLED_FROM_S = 0.2
"""The period up to which a stream has roll-ups that fine."""
MAX_EVENTS = 300
_RARE = tuple(kind for kind in EventKind if kind not in (EventKind.STATE_CHANGED, EventKind.ACTION_CHANGED))


def pen(  # noqa: PLR0913  a signal, a range
    view: View, stream: Stream, signal: str, start_ns: int, end_ns: int, max_points: int
) -> Series:
    """One numeric signal in at most ``max_points`` points, each bucket with its least and greatest value."""
    return view.trend(stream.id, signal, start_ns, end_ns, points_for(stream.period_s, start_ns, end_ns, max_points))


def points_for(period_s: float | None, start_ns: int, end_ns: int, max_points: int) -> int:
    """How many points to ask for, so that a fast signal over a long time comes from roll-ups."""
    span_ns = max(0, end_ns - start_ns)
    if not period_s or period_s > ROLLED_FROM_S or span_ns / NS_PER_S / period_s <= RAW_SAMPLES:
        return max_points
    # one less than there are roll-ups, as parts begin with the first frame: else they could be a hair too narrow
    return max(1, min(max_points, span_ns // ROLLED_NS - 1))


def meanwhile(view: View, assets: Collection[str], start_ns: int, end_ns: int) -> dict[str, Any]:
    """States of some assets, and what happened to them: losses, faults, errors, alarms raised; by device time."""
    end_ns = min(end_ns, view.clock_ns)
    start_ns = min(start_ns, end_ns)
    lost = lost_spans(view, start_ns, end_ns)
    lanes: list[dict[str, Any]] = []
    events = []
    for stream in view.streams().values():
        if stream.asset not in assets:
            continue
        for column in stream.text_columns:
            if column.role is Role.STATE:
                segments = segments_of(view, stream, column.name, start_ns, end_ns)
                events += faults(stream.asset, column.name, segments)
                shown = overlaid(segments, lost.get(stream.asset, []))
                lanes.append({"asset": stream.asset, "segments": [[ms(a), ms(b), state] for a, b, state in shown]})
    alarms: list[dict[str, Any]] = []
    for asset in assets:
        raised = view.alarm_events(start_ns, end_ns + 1, asset=asset, kinds=(AlarmEventKind.RAISED,), limit=MAX_EVENTS)
        alarms += [_alarm(one) for one in raised]
        events += view.events(start_ns, end_ns + 1, asset=asset, kinds=_RARE, limit=MAX_EVENTS)
    events = sorted((one for one in events if is_notable(one)), key=lambda one: one.order, reverse=True)[:MAX_EVENTS]
    return {
        "lanes": sorted(lanes, key=lambda lane: str(lane["asset"])),
        "events": [event_json(event) for event in events],
        "alarms": alarms,
    }


def _alarm(event: AlarmEvent) -> dict[str, Any]:
    """An alarm at the moment when its cause was measured: where the line is that raised it."""
    return {
        "t_ms": ms(event.cause_ns or event.t_ns),
        "alarm": event.alarm,
        "asset": event.asset,
        "rule": event.rule,
        "signal": event.signal,
        "hidden": event.hidden,
        "priority": int(event.priority) if event.priority is not None else None,
    }
