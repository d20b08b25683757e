"""Where a robot is going, as lines for a floor plan: the base (released) and the horizon (not yet)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connectors.decoders._vda5050.model import Snapshot, Stop, Way

Known = dict[str, tuple[float, float]]
"""Node id → where it is, in metres."""
MAX_KNOWN = 300
_DECIMALS = 3


class Route(NamedTuple):
    """Three lines as compact JSON, None where there is none.

    ``base`` and ``horizon``: ``{"nodes":["n1","n2"],"line":[[6.0,0.0],[6.0,6.0]]}``, metres on the robot's
    map. The base begins at the last node, the horizon where the base ends. A node whose position nobody
    told is among ``nodes`` and not on ``line``. ``path``: the way that a freely navigating robot plans
    (3.0), ``{"line":[…]}``.
    """

    base: str | None
    horizon: str | None
    path: str | None


def learn(known: Known, stops: Iterable[Stop]) -> None:
    """Note where nodes are; the longest known are forgotten first."""
    for stop in stops:
        if stop.x is not None and stop.y is not None:
            known.pop(stop.id, None)
            known[stop.id] = (stop.x, stop.y)
    while len(known) > MAX_KNOWN:
        del known[next(iter(known))]


def route_of(snapshot: Snapshot, known: Mapping[str, tuple[float, float]]) -> Route:
    """The lines still ahead of a robot."""
    start = known.get(snapshot.last_node)
    base, end = _line(snapshot.stops, snapshot.ways, known, start, released=True)
    horizon, _ = _line(snapshot.stops, snapshot.ways, known, end, released=False)
    path = {"line": [_rounded(point) for point in snapshot.path]} if snapshot.path else None
    return Route(base, horizon, _json(path))


def lines_of(stops: Iterable[Stop], ways: Iterable[Way], known: Mapping[str, tuple[float, float]]) -> Route:
    """The lines of a whole order."""
    base, end = _line(stops, ways, known, None, released=True)
    horizon, _ = _line(stops, ways, known, end, released=False)
    return Route(base, horizon, None)


def _line(
    stops: Iterable[Stop],
    ways: Iterable[Way],
    known: Mapping[str, tuple[float, float]],
    start: tuple[float, float] | None,
    *,
    released: bool,
) -> tuple[str | None, tuple[float, float] | None]:
    """(JSON of the nodes and edges that are ``released`` or not, by sequence; where the line ends)."""
    nodes: list[str] = []
    line: list[tuple[float, float]] = [] if start is None else [start]
    steps = [(stop.sequence, 0, stop.id, _place(stop, known)) for stop in stops if stop.released is released]
    steps += [(way.sequence, 1, "", way.points) for way in ways if way.released is released]
    if not steps:
        return None, start
    for _, is_way, node, points in sorted(steps, key=lambda step: step[:2]):
        if not is_way:
            nodes.append(node)
        for point in points:
            if not line or line[-1] != point:
                line.append(point)
    return _json({"nodes": nodes, "line": [_rounded(point) for point in line]}), line[-1] if line else None


def _place(stop: Stop, known: Mapping[str, tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    if stop.x is not None and stop.y is not None:
        return ((stop.x, stop.y),)
    place = known.get(stop.id)
    return () if place is None else (place,)


def _rounded(point: tuple[float, float]) -> tuple[float, float]:
    return round(point[0], _DECIMALS), round(point[1], _DECIMALS)


def _json(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
