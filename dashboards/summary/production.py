"""Good parts and scrap, counted where a line's parts leave it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from twin.clock import NS_PER_S
from twin.kpi.scopes import last_stations
from twin.sample import Role
from twin.site import Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboards.marks import Marks
    from dashboards.view import View
    from twin.sample import Signal, Stream
    from twin.site import Place, Site

HOUR_NS = 3600 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
HOURS = 8
LEAST_NS = 2 * MINUTE_NS
"""With less data than this no rate is told."""

Count = tuple[str, str]
"""(stream id, signal name) of a counter."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line (or an area) with what counts its parts; ``assets`` are ids."""

    place: Place
    assets: frozenset[str]
    good: tuple[Count, ...]
    scrap: tuple[Count, ...]


def lines_of(site: Site, streams: Iterable[Stream], with_state: set[str]) -> list[Line]:
    """The site's lines, else its areas, that hold assets with a state."""
    listed = list(streams)
    lines = [place for place in site.places if place.level is Level.LINE]
    places = lines or [place for place in site.places if place.level is Level.AREA]
    found = []
    for place in places:
        assets = [asset for asset in site.assets if asset.id.startswith(place.id + "/")]
        if any(asset.id in with_state for asset in assets):
            last = {asset.id for asset in last_stations(assets)}
            counted = [stream for stream in listed if stream.asset in last]
            found.append(
                Line(
                    place,
                    frozenset(asset.id for asset in assets),
                    counters_of(counted, Role.GOOD_COUNT),
                    counters_of(counted, Role.SCRAP_COUNT),
                )
            )
    return found


def counters_of(streams: Iterable[Stream], role: Role) -> tuple[Count, ...]:
    """Their counters of a role."""
    return tuple((stream.id, signal.name) for stream in streams for signal in _of_role(stream, role))


def _of_role(stream: Stream, role: Role) -> list[Signal]:
    return [signal for signal in stream.columns if signal.role is role]


def made_per_h(view: View, marks: Marks, counters: Iterable[Count]) -> dict[Count, float | None]:
    """Each counter's rise an hour over the last hour, or since its first data if that is shorter.

    The hour begins on a whole minute. None with less than two minutes of data.
    """
    listed = list(dict.fromkeys(counters))
    start_ns = (view.clock_ns - HOUR_NS) // MINUTE_NS * MINUTE_NS
    latest = view.latest()
    before = marks.values(view, _newer(view, listed, start_ns), start_ns)
    rates: dict[Count, float | None] = {}
    for counter in listed:
        if counter not in before:
            rates[counter] = None
            continue
        frame = latest.get(counter[0])
        began, first_ns = before[counter], start_ns
        if began is None:
            began, first_ns = _first(view, counter, start_ns)
        now = None if frame is None else _value(frame.values, frame.stream, counter[1])
        # A backlog is not the present: the rate is over the data there are.
        span_ns = 0 if frame is None else min(view.clock_ns, frame.t_ns) - first_ns
        known = began is not None and now is not None and span_ns >= LEAST_NS
        rates[counter] = _rise(began or 0.0, now or 0.0) * HOUR_NS / span_ns if known else None
    return rates


def risen(view: View, marks: Marks, counters: Iterable[Count], start_ns: int) -> dict[Count, float | None]:
    """How much each counter rose since ``start_ns``, or since its first data after it; None where nothing is known.

    Added up by the hour: one that began again loses what it rose in that hour before, and no more.
    """
    listed = list(dict.fromkeys(counters))
    edges = [start_ns, *range((start_ns // HOUR_NS + 1) * HOUR_NS, view.clock_ns, HOUR_NS)]
    stood = [marks.values(view, _newer(view, listed, t_ns), t_ns) for t_ns in edges]
    found: dict[Count, float | None] = {}
    for counter in listed:
        if counter not in stood[0]:
            found[counter] = None
            continue
        began = stood[0][counter]
        values = [_first(view, counter, start_ns)[0] if began is None else began]
        values += [value[counter] for value in stood[1:] if counter in value]
        known = [value for value in (*values, _now(view, counter)) if value is not None]
        found[counter] = sum(_rise(a, b) for a, b in pairwise(known)) if known else None
    return found


def _newer(view: View, counters: Iterable[Count], t_ns: int) -> list[Count]:
    """The counters that told something after ``t_ns``: of the others nothing is known from then on."""
    latest = view.latest()
    return [one for one in counters if one[0] in latest and latest[one[0]].t_ns > t_ns]


def _first(view: View, counter: Count, start_ns: int, end_ns: int | None = None) -> tuple[float | None, int]:
    frames = view.frames(counter[0], start_ns, end_ns, limit=1)
    if not len(frames):
        return None, start_ns
    return _value(frames.values[0], frames.stream, counter[1]), int(frames.t_ns[0])


def _value(values: Any, stream: Stream, signal: str) -> float | None:
    place = next(i for i, column in enumerate(stream.columns) if column.name == signal)
    value = float(values[place])
    return None if value != value else value  # noqa: PLR0124  NaN is absent


def _rise(before: float, after: float) -> float:
    """How much a counter rose; one that fell began again at zero."""
    return after - before if after >= before else after


def hourly(view: View, marks: Marks, counters: Iterable[Count]) -> dict[str, list[Any]]:
    """Good parts of each of the last eight whole hours and of the one that runs, all counters together.

    ``t_ms`` is where each hour begins; None where nothing was measured.
    """
    listed = list(dict.fromkeys(counters))
    running_ns = view.clock_ns // HOUR_NS * HOUR_NS
    starts = [running_ns - (HOURS - i) * HOUR_NS for i in range(HOURS + 1)]
    edges = [marks.values(view, _newer(view, listed, t_ns), t_ns) for t_ns in starts]
    good: list[float | None] = []
    for start_ns, before, after in zip(starts, edges, [*edges[1:], {}], strict=True):
        rises: list[float] = []
        for counter, was in before.items():
            now = after[counter] if counter in after else _now(view, counter)
            began = _first(view, counter, start_ns, start_ns + HOUR_NS)[0] if was is None else was
            if now is not None and began is not None:
                rises.append(_rise(began, now))
        good.append(sum(rises) if rises else None)
    return {"t_ms": [ms(t_ns) for t_ns in starts], "good": good}


def _now(view: View, counter: Count) -> float | None:
    frame = view.latest().get(counter[0])
    return None if frame is None else _value(frame.values, frame.stream, counter[1])
