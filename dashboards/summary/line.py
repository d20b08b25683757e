"""A line: what its stations did in the last hours, their cycles, their parts, and which of them holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.status import ms
from dashboards.summary.lanes import Segment, lost_spans, overlaid, segments_of
from dashboards.summary.overview import LOST
from dashboards.summary.production import (
    MINUTE_NS,
    counters_of,
    hourly,
    made_per_h,
    risen,
)
from twin.bottleneck import ACTIVE, Level, Waits, bottleneck_of, cause_of_wait, lasting, waits_of
from twin.clock import NS_PER_S
from twin.cycles import finished, spread_of
from twin.flow import flow_of
from twin.ids import site_of
from twin.kpi.scopes import last_stations
from twin.packml import WAITING, WORKING, Cause, UnitState, state_named
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from dashboards.marks import Marks
    from dashboards.view import View
    from twin.flow import Flow
    from twin.sample import Stream
    from twin.shifts import Span
    from twin.site import Asset, Hub, Place, Site

WINDOW_NS = 8 * 3600 * NS_PER_S
CYCLES_NS = 3600 * NS_PER_S
LEVEL_PARTS = 480
"""A minute each, over eight hours: as a roll-up has it."""
_STOPPED = frozenset({UnitState.STOPPED, UnitState.STOPPING})
Row = dict[str, Any]


def place_in(hub: Hub, place_id: str) -> tuple[Site, Place] | None:
    """A place and its site."""
    site = hub.site(site_of(place_id))
    place = next((one for one in site.places if one.id == place_id), None) if site else None
    return (site, place) if site is not None and place is not None else None


def flow_json(flow: Flow) -> Row:
    """A line's flow as the browser draws it."""
    return {
        "place": flow.place,
        "declared": flow.is_declared,
        "infeed": list(flow.infeed),
        "steps": [
            {
                "stations": list(step.stations),
                "tenders": list(step.tenders),
                "buffers": list(step.buffers),
                "conveyors": list(step.conveyors),
            }
            for step in flow.steps
        ],
    }


def line_states(view: View, site: Site, place: Place, window_ns: int = WINDOW_NS) -> Row:
    """The states of each station over the window, what it waited for, and the line's bottleneck."""
    flow = flow_of(place.id, site.assets)
    end_ns, start_ns = view.clock_ns, view.clock_ns - window_ns
    lost = lost_spans(view, start_ns, end_ns)
    levels = {name: _level(view, name, start_ns, end_ns) for name in flow.buffers}
    rows: list[Row] = []
    active: dict[str, list[Span]] = {}
    waits: dict[str, Waits] = {}
    for station in flow.stations:
        found = _stated(view.streams().values(), station)
        shown = overlaid(segments_of(view, *found, start_ns, end_ns) if found else [], lost.get(station, []))
        active[station] = _spans(shown, ACTIVE)
        before, behind = (_known(levels, names) for names in flow.around(station))
        causes = {span: cause_of_wait(span, before, behind) for span in _spans(shown, WAITING, start_ns)}
        waits[station] = waits_of(causes.items())
        rows.append({"asset": station, **_shares(shown, causes, waits[station], start_ns, end_ns)})
    found_at = bottleneck_of(active, [step.stations for step in flow.steps], waits, start_ns, end_ns)
    return {
        "clock_ms": ms(view.clock_ns),
        "from_ms": ms(start_ns),
        "stations": rows,
        "bottleneck": None
        if found_at is None
        else {
            "asset": found_at.station,
            "share": found_at.share,
            "now": found_at.now,
            "since_ms": None if found_at.since_ns is None else ms(max(found_at.since_ns, start_ns)),
            "since_before": found_at.since_ns is not None and found_at.since_ns <= start_ns,
            "borne_out": found_at.borne_out,
        },
    }


def line_cycles(view: View, site: Site, place: Place) -> Row:
    """Each station's last cycle and the spread of the last hour's, against its takt and its standard cycle."""
    flow = flow_of(place.id, site.assets)
    by_id = {asset.id: asset for asset in site.assets}
    rows: list[Row] = []
    for step in flow.steps:
        for station in (*step.stations, *step.tenders):
            ended_ns, cycle_s = cycles_of(view, station, view.clock_ns - CYCLES_NS)
            spread = spread_of(cycle_s)
            tends = station in step.tenders
            rows.append(
                {
                    "asset": station,
                    "last_s": float(cycle_s[-1]) if len(cycle_s) else None,
                    "ended_ms": ms(int(ended_ns[-1])) if len(cycle_s) else None,
                    "median_s": spread.median_s if spread else None,
                    "low_s": spread.low_s if spread else None,
                    "high_s": spread.high_s if spread else None,
                    "count": spread.count if spread else 0,
                    "standard_s": standard_s(by_id.get(station)),
                    "takt_s": None if tends or not place.takt_s else place.takt_s * len(step.stations),
                }
            )
    return {"clock_ms": ms(view.clock_ns), "takt_s": place.takt_s, "stations": rows}


def line_parts(view: View, site: Site, place: Place, marks: Marks, window_ns: int = WINDOW_NS) -> Row:
    """Good parts and scrap of each station since the window began, and of the line where its parts leave it."""
    flow = flow_of(place.id, site.assets)
    start_ns = (view.clock_ns - window_ns) // MINUTE_NS * MINUTE_NS
    streams = [one for one in view.streams().values() if one.asset in flow.stations]
    by_role = {role: counters_of(streams, role) for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT)}
    rose = risen(view, marks, [one for listed in by_role.values() for one in listed], start_ns)

    def total(role: Role, stations: Iterable[str], values: dict[tuple[str, str], float | None]) -> float | None:
        wanted = set(stations)
        known = [values[one] for one in by_role[role] if one[0].rpartition(":")[0] in wanted]
        return _sum(known)

    outlet = [asset.id for asset in last_stations([one for one in site.assets if one.id in flow.stations])]
    rates = made_per_h(view, marks, [one for listed in by_role.values() for one in listed])
    leaving = [one for one in by_role[Role.GOOD_COUNT] if one[0].rpartition(":")[0] in outlet]
    return {
        "clock_ms": ms(view.clock_ns),
        "from_ms": ms(start_ns),
        "stations": [
            {
                "asset": station,
                "good": total(Role.GOOD_COUNT, (station,), rose),
                "scrap": total(Role.SCRAP_COUNT, (station,), rose),
            }
            for station in flow.stations
        ],
        "good": total(Role.GOOD_COUNT, outlet, rose),
        "scrap": total(Role.SCRAP_COUNT, flow.stations, rose),
        "good_per_h": total(Role.GOOD_COUNT, outlet, rates),
        "wanted_per_h": 3600.0 / place.takt_s if place.takt_s else None,
        "hourly": hourly(view, marks, leaving),
    }


def cycles_of(view: View, station: str, start_ns: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The cycles that a station finished since ``start_ns``: when, and how long each was in seconds."""
    for stream in view.streams().values():
        if stream.asset != station:
            continue
        at = {column.role: i for i, column in enumerate(stream.columns) if column.role is not Role.NONE}
        if Role.CYCLE_TIME not in at:
            continue
        frames = view.frames(stream.id, start_ns)
        if not len(frames):
            break
        counts = [frames.values[:, at[role]] for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT) if role in at]
        order = np.argsort(frames.t_ns, kind="stable")
        made = np.sum(counts, axis=0)[order] if counts else None
        return finished(frames.t_ns[order], frames.values[order, at[Role.CYCLE_TIME]], made)
    return np.zeros(0, np.int64), np.zeros(0)


def standard_s(asset: Asset | None) -> float | None:
    """How long a cycle should take: the asset's attribute ``cycle_s``."""
    value = asset.attributes.get("cycle_s") if asset else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _stated(streams: Iterable[Stream], asset: str) -> tuple[Stream, str] | None:
    for stream in streams:
        for column in stream.text_columns:
            if stream.asset == asset and column.role is Role.STATE:
                return stream, column.name
    return None


def _level(view: View, buffer: str, start_ns: int, end_ns: int) -> Level | None:
    """How full a buffer was; None where it does not tell its level and its capacity."""
    for stream in view.streams().values():
        names = {column.role: column.name for column in stream.columns if stream.asset == buffer}
        if Role.LEVEL in names and Role.CAPACITY in names:
            series = view.trend(stream.id, names[Role.LEVEL], start_ns, end_ns, LEVEL_PARTS)
            room = view.trend(stream.id, names[Role.CAPACITY], end_ns - 10 * MINUTE_NS, end_ns, 10)
            if len(series.t_ns) and len(room.t_ns):
                return Level(series.t_ns, series.minimum, series.maximum, float(room.maximum[-1]))
    return None


def _known(levels: dict[str, Level | None], names: Iterable[str]) -> list[Level]:
    return [level for name in names if (level := levels.get(name)) is not None]


def _spans(segments: list[Segment], states: frozenset[UnitState], start_ns: int = 0) -> list[Span]:
    return [
        (max(a, start_ns), b)
        for a, b, state in segments
        if state != LOST and state_named(state) in states and b > start_ns
    ]


def _shares(segments: list[Segment], causes: dict[Span, Cause], waits: Waits, start_ns: int, end_ns: int) -> Row:
    """The segments, waits with their cause; and how much of the time that is known and not stopped was work."""
    known = lasting([(a, b) for a, b, state in segments if state != LOST], start_ns, end_ns)
    off = lasting(_spans(segments, _STOPPED), start_ns, end_ns)
    work = lasting(_spans(segments, WORKING), start_ns, end_ns)
    return {
        "segments": [
            [round(ms(max(a, start_ns))), round(ms(b)), state, causes.get((max(a, start_ns), b), Cause.NONE).value]
            for a, b, state in segments
            if b > start_ns
        ],
        "run_ratio": work / (known - off) if known > off else None,
        "known_ratio": known / (end_ns - start_ns),
        "blocked_s": waits.blocked_ns / NS_PER_S,
        "starved_s": waits.starved_ns / NS_PER_S,
        "outside_s": waits.outside_ns / NS_PER_S,
    }


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
