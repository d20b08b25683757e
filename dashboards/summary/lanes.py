"""State lanes: what each asset did over a window, what was received meanwhile, what happened."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE, OWN, belongs
from dashboards.summary.events import is_own_and_well
from dashboards.summary.overview import LOST
from twin.alarms.record import AlarmEventKind
from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.ids import site_of
from twin.packml import FAULTED, state_named
from twin.sample import MIN_STALE_S, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.view import View
    from twin.sample import Stream

RECEIVED_POINTS = 240
COUNTED_FRAMES = 100_000
"""How many frames the received row counts at most, about: 25 ms of counting on SQLite."""
MAX_EVENTS = 500
LOOK_BACK_EVENTS = 1000
_COMMON = (EventKind.STATE_CHANGED, EventKind.ACTION_CHANGED)
_RARE = tuple(kind for kind in EventKind if kind not in _COMMON)
"""All but changes of state and steps of actions: there are thousands of those, the lanes themselves show the states."""
_PRESENCE = (EventKind.ASSET_LOST, EventKind.ASSET_RETURNED)

Segment = tuple[int, int, str]
"""(start ns, end ns, state)."""


def lanes(view: View, site: str, start_ns: int, end_ns: int) -> dict[str, Any]:
    """The lanes of a site's assets: see docs/reference/live-protocol.md."""
    end_ns = min(end_ns, view.clock_ns)
    start_ns = min(start_ns, end_ns)
    stated = {
        stream.asset: (stream, column.name)
        for stream in view.streams().values()
        if belongs(stream.asset, site)
        for column in stream.text_columns
        if column.role is Role.STATE
    }
    lost = lost_spans(view, start_ns, end_ns)
    found: list[dict[str, Any]] = []
    events: list[Event] = []
    for asset, (stream, signal) in sorted(stated.items()):
        segments = segments_of(view, stream, signal, start_ns, end_ns)
        events += faults(asset, signal, segments)
        shown = overlaid(segments, lost.get(asset, []))
        found.append({"asset": asset, "segments": [[ms(a), ms(b), state] for a, b, state in shown]})
    asked = "" if site == EVERY_SITE else site
    events += view.events(start_ns, end_ns + 1, asset=asked, kinds=_RARE, limit=MAX_EVENTS)
    events = sorted((one for one in events if not is_own_and_well(one)), key=lambda event: event.order, reverse=True)[
        :MAX_EVENTS
    ]
    marks = [*_alarms(view, asked, start_ns, end_ns + 1), *map(event_json, events)]
    times = [one.t_ns for name, one in view.latest().items() if belongs(view.latest()[name].stream.asset, site)]
    return {
        "lanes": found,
        "received": _received(view, site, start_ns, end_ns),
        "events": sorted(marks, key=lambda one: float(one["t_ms"]), reverse=True)[:MAX_EVENTS],
        "first_ms": ms(start_ns),
        "last_ms": ms(min(max(times), end_ns)) if times else None,
    }


def _alarms(view: View, asset: str, start_ns: int, end_ns: int) -> list[dict[str, Any]]:
    """Alarms that operators were told of, as marks: ``after`` is the priority, ``signal`` the rule."""
    raised = view.alarm_events(start_ns, end_ns, asset=asset, kinds=(AlarmEventKind.RAISED,), limit=MAX_EVENTS)
    return [
        {
            "t_ms": ms(one.t_ns),
            "kind": one.kind.value,
            "asset": one.asset,
            "signal": one.rule,
            "before": "",
            "after": str(one.priority.value),
        }
        for one in raised
        if one.priority is not None and not one.hidden
    ]


def event_json(event: Event) -> dict[str, Any]:
    """An event as the browser is told of it."""
    return {
        "t_ms": ms(event.t_ns),
        "kind": event.kind.value,
        "asset": event.asset,
        "signal": event.signal,
        "before": event.before,
        "after": event.after,
    }


def segments_of(view: View, stream: Stream, signal: str, start_ns: int, end_ns: int) -> list[Segment]:
    """States one after the other; the last one holds as long as its stream is not stale."""
    changes = view.text_changes(stream.id, signal, start_ns, end_ns)
    latest = view.latest().get(stream.id)
    known_ns = end_ns
    if latest is not None:
        known_ns = min(end_ns, latest.t_ns + round((stream.stale_after_s or MIN_STALE_S) * NS_PER_S))
    ends = [t_ns for t_ns, _ in changes[1:]] + [known_ns]
    return [(t_ns, end, state) for (t_ns, state), end in zip(changes, ends, strict=False) if end > t_ns]


def faults(asset: str, signal: str, segments: list[Segment]) -> list[Event]:
    """The changes into a fault: the changes of state that a time bar marks."""
    return [
        Event(EventKind.STATE_CHANGED, start_ns, asset, signal, before, state)
        for (_, _, before), (start_ns, _, state) in pairwise(segments)
        if state_named(state) in FAULTED and state_named(before) not in FAULTED
    ]


def lost_spans(view: View, start_ns: int, end_ns: int) -> dict[str, list[tuple[int, int]]]:
    """When each asset was lost, clipped to the window."""
    before = view.events(0, start_ns, kinds=_PRESENCE, limit=LOOK_BACK_EVENTS)
    within = view.events(start_ns, end_ns, kinds=_PRESENCE, limit=LOOK_BACK_EVENTS)
    since: dict[str, int] = {}
    spans: dict[str, list[tuple[int, int]]] = {}
    for event in reversed([*within, *before]):
        if event.kind is EventKind.ASSET_LOST:
            since.setdefault(event.asset, max(event.t_ns, start_ns))
        elif event.asset in since:
            began = since.pop(event.asset)
            if event.t_ns > began:
                spans.setdefault(event.asset, []).append((began, event.t_ns))
    for asset, began in since.items():
        spans.setdefault(asset, []).append((began, end_ns))
    return spans


def overlaid(segments: list[Segment], lost: list[tuple[int, int]]) -> list[Segment]:
    """Segments with the lost times cut out of them and put in their place, in order."""
    kept = segments
    for began, ended in lost:
        cut: list[Segment] = []
        for a, b, state in kept:
            if a < min(b, began):
                cut.append((a, min(b, began), state))
            if max(a, ended) < b:
                cut.append((max(a, ended), b, state))
        kept = cut
    return sorted([*kept, *((began, ended, LOST) for began, ended in lost if ended > began)])


def _received(view: View, site: str, start_ns: int, end_ns: int) -> dict[str, Any]:
    """How much there is of each equal part of the window, by device time: also of what came late.

    Counted are a few streams that speak for all (`speakers`); ``recorded`` says whether any of
    them was there before the window, so that a gap can be told from the time before the first frame.
    """
    wide_ns = -(-max(0, end_ns - start_ns) // RECEIVED_POINTS)
    mine = (one for one in view.streams().values() if belongs(one.asset, site) and site_of(one.asset) != OWN)
    chosen = speakers(mine, end_ns - start_ns, wide_ns)
    frames = view.density(chosen, start_ns, end_ns, RECEIVED_POINTS)
    return {
        "t_ms": [ms(start_ns + wide_ns * i) for i in range(RECEIVED_POINTS)] if wide_ns else [],
        "frames": frames.tolist() if wide_ns else [],
        "recorded": bool(chosen) and bool(view.at(start_ns, chosen)),
    }


def speakers(streams: Iterable[Stream], span_ns: int, part_ns: int) -> list[str]:
    """The streams that are counted for all: the slowest one of each asset that is heard in every part.

    Where an asset is never heard so often, its fastest. As many as make up `COUNTED_FRAMES`
    in the span, to keep the answer quick.
    """
    often_s = part_ns / NS_PER_S / 2
    best: dict[str, tuple[bool, float, str]] = {}
    for stream in streams:
        if stream.period_s:
            late = stream.period_s > often_s
            rank = (late, stream.period_s if late else -stream.period_s, stream.id)
            best[stream.asset] = min(best.get(stream.asset, rank), rank)
    chosen: list[str] = []
    left = float(COUNTED_FRAMES)
    for _, period_s, name in sorted(best.values()):
        left -= span_ns / NS_PER_S / abs(period_s)
        if chosen and left < 0:
            break
        chosen.append(name)
    return chosen
