"""Routes of mobile robots through nodes that only one of them may hold at a time.

Planning is safe-interval path planning (Phillips and Likhachev 2011): each robot plans through the
gaps that the others' reservations leave. A robot holds the node it stands on and, from departure to
arrival, both ends of the edge it drives: so neither a node nor an edge is ever shared. A robot that
is parked holds its station without end, and nobody's route leads through a station; therefore every
planner finds a way, at the latest once all the others have parked, and no deadlock can form.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.errors import ScenarioError

if TYPE_CHECKING:
    from twin.site import Site

FOREVER_MS = 1 << 60
STRAIGHT_RAD = 0.02
TURN_S_PER_RAD = 1.6
"""A minimum-jerk turn peaks at 1.875 times its mean rate: 1.2 rad/s at this pace."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One way from a node to its neighbour: metres, and the heading in radians."""

    start: str
    end: str
    length_m: float
    heading_rad: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Driving along an edge: top speed in m/s, acceleration in m/s², and whether it stops at the ends."""

    length_m: float
    speed_m_s: float
    acceleration_m_s2: float
    from_rest: bool
    to_rest: bool

    @property
    def duration_ms(self) -> int:
        """How long it takes, in whole milliseconds, rounded up."""
        return math.ceil(self._duration_s * 1000.0)

    @property
    def _duration_s(self) -> float:
        ramps = self.from_rest + self.to_rest
        return self.length_m / self.speed_m_s + ramps * self.speed_m_s / (2.0 * self.acceleration_m_s2)

    def at(self, after_ms: int) -> tuple[float, float]:
        """Metres driven and speed in m/s, ``after_ms`` milliseconds from departure."""
        whole_s = self._duration_s
        after_s = after_ms * whole_s / self.duration_ms
        ramp_s = self.speed_m_s / self.acceleration_m_s2
        left_s = whole_s - after_s
        if self.from_rest and after_s < ramp_s:
            speed = self.acceleration_m_s2 * after_s
            return 0.5 * speed * after_s, speed
        if self.to_rest and left_s < ramp_s:
            speed = self.acceleration_m_s2 * left_s
            return self.length_m - 0.5 * speed * left_s, speed
        lost_s = 0.5 * ramp_s if self.from_rest else 0.0
        return self.speed_m_s * (after_s - lost_s), self.speed_m_s


@dataclass(frozen=True, slots=True)
class Hop:
    """One edge of a planned trip: it is entered at ``depart_ms`` and left at ``arrive_ms``."""

    edge: Edge
    profile: Profile
    depart_ms: int
    arrive_ms: int


class RouteGraph:
    """The site's nodes and the ways between them; raises ScenarioError where they make no graph."""

    def __init__(self, site: Site, speed_m_s: float, acceleration_m_s2: float) -> None:
        self.position_m = {node.id: (node.x_m, node.y_m) for node in site.nodes}
        self.kind = {node.id: node.kind for node in site.nodes}
        self.edges: dict[str, list[Edge]] = {node.id: [] for node in site.nodes}
        self._speed_m_s = speed_m_s
        self._acceleration_m_s2 = acceleration_m_s2
        self._left_s: dict[str, dict[str, float]] = {}
        for first, second in site.edges:
            for start, end in ((first, second), (second, first)):
                self._join(site.id, start, end)
        self.parkings = tuple(node.id for node in site.nodes if node.kind in ("station", "charger"))
        through = [name for name in self.parkings if len(self.edges[name]) > 1]
        if through:
            raise ScenarioError(f"{site.id}: stations must end a lane, these lie on one: {', '.join(through)}")

    def _join(self, site: str, start: str, end: str) -> None:
        if start not in self.position_m or end not in self.position_m:
            raise ScenarioError(f"{site}: the edge {start} – {end} leads to a node that is not there")
        (x0, y0), (x1, y1) = self.position_m[start], self.position_m[end]
        length_m = round(math.hypot(x1 - x0, y1 - y0), 6)
        if length_m < 2.0 * self._speed_m_s**2 / (2.0 * self._acceleration_m_s2):
            raise ScenarioError(f"{site}: the edge {start} – {end} is too short to start and stop on")
        self.edges[start].append(Edge(start, end, length_m, round(math.atan2(y1 - y0, x1 - x0), 6)))

    def profile(self, edge: Edge, *, from_rest: bool, to_rest: bool) -> Profile:
        """How the edge is driven."""
        return Profile(edge.length_m, self._speed_m_s, self._acceleration_m_s2, from_rest, to_rest)

    def goes_straight_on(self, edge: Edge) -> bool:
        """Whether a lane leads on from the edge's end without a turn."""
        return any(turn_rad(edge.heading_rad, onward.heading_rad) < STRAIGHT_RAD for onward in self.edges[edge.end])

    def left_s(self, goal: str) -> dict[str, float]:
        """The least time from each node to ``goal``: a bound that no trip beats."""
        found = self._left_s.get(goal)
        if found is None:
            found = {}
            heap = [(0.0, goal)]
            while heap:
                time_s, node = heapq.heappop(heap)
                if node in found:
                    continue
                found[node] = time_s
                for edge in self.edges[node]:
                    heapq.heappush(heap, (time_s + edge.length_m / self._speed_m_s, edge.end))
            self._left_s[goal] = found
        return found


def turn_rad(start_rad: float, end_rad: float) -> float:
    """The smaller angle between two headings, 0…π."""
    return abs(signed_turn_rad(start_rad, end_rad))


def signed_turn_rad(start_rad: float, end_rad: float) -> float:
    """How far to turn from one heading to another, −π…π."""
    return (end_rad - start_rad + math.pi) % (2.0 * math.pi) - math.pi


def turn_ms(start_rad: float, end_rad: float) -> int:
    """How long a turn on the spot takes, in whole milliseconds."""
    angle = turn_rad(start_rad, end_rad)
    return 0 if angle < STRAIGHT_RAD else math.ceil(angle * TURN_S_PER_RAD * 1000.0)


class Reservations:
    """Who holds which node when, [begin, end) in ms. Mutable: robots reserve as they plan."""

    def __init__(self) -> None:
        self._held: dict[str, list[tuple[int, int, int]]] = {}

    def holds(self, node: str) -> tuple[tuple[int, int, int], ...]:
        """(begin_ms, end_ms, robot) of a node, by time."""
        return tuple(self._held.get(node, ()))

    def reserve(self, node: str, begin_ms: int, end_ms: int, robot: int) -> None:
        """Hold a node; the planner has made sure that it is free."""
        held = self._held.setdefault(node, [])
        held.append((begin_ms, end_ms, robot))
        held.sort()

    def leave(self, node: str, robot: int) -> int:
        """Take back a robot's endless hold and tell when it began."""
        held = self._held[node]
        mine = next(hold for hold in held if hold[1] == FOREVER_MS and hold[2] == robot)
        held.remove(mine)
        return mine[0]

    def is_parked_on(self, node: str) -> bool:
        """Whether a robot holds the node without end: it is there, or on its way there."""
        return any(end_ms == FOREVER_MS for _, end_ms, _ in self._held.get(node, ()))

    def gaps(self, node: str, from_ms: int) -> list[tuple[int, int]]:
        """When the node is free, from ``from_ms`` on: [begin, end) by time."""
        free: list[tuple[int, int]] = []
        begin_ms = from_ms
        for held_ms, end_ms, _ in self._held.get(node, ()):
            if end_ms <= begin_ms:
                continue
            if held_ms > begin_ms:
                free.append((begin_ms, held_ms))
            begin_ms = end_ms
        if begin_ms < FOREVER_MS:
            free.append((begin_ms, FOREVER_MS))
        return free

    def forget(self, before_ms: int) -> None:
        """Drop holds that ended before ``before_ms``."""
        for node, held in self._held.items():
            self._held[node] = [hold for hold in held if hold[1] > before_ms]


_Key = tuple[str, int, float, bool]
"""Where a search stands: node, the beginning of the gap it is in, heading, and whether at rest."""


def plan_trip(  # noqa: PLR0913  a trip has this many terms
    graph: RouteGraph, held: Reservations, start: str, goal: str, *, t_ms: int, heading_rad: float
) -> tuple[Hop, ...]:
    """The earliest trip from ``start`` to ``goal`` through the gaps; () where no lane leads there.

    The caller has taken its own endless hold on ``start`` back.
    """
    if start not in graph.left_s(goal) or start == goal:
        return ()
    return _Search(graph, held, goal, t_ms).run(start, heading_rad)


class _Search:
    """One A* search over (node, gap). Mutable while it runs; made anew for every trip."""

    def __init__(self, graph: RouteGraph, held: Reservations, goal: str, t_ms: int) -> None:
        self._graph = graph
        self._held = held
        self._goal = goal
        self._t_ms = t_ms
        self._left_s = graph.left_s(goal)
        self._gaps: dict[str, list[tuple[int, int]]] = {}
        self._came: dict[_Key, tuple[_Key, Hop]] = {}
        self._best: dict[_Key, int] = {}
        self._ends: dict[_Key, int] = {}
        self._heap: list[tuple[int, int, _Key]] = []

    def run(self, start: str, heading_rad: float) -> tuple[Hop, ...]:
        begin_ms, end_ms = self._gaps_of(start)[0]
        self._reach((start, begin_ms, heading_rad, True), self._t_ms, end_ms)
        closed: set[_Key] = set()
        while self._heap:
            _, _, key = heapq.heappop(self._heap)
            if key in closed:
                continue
            closed.add(key)
            if key[0] == self._goal:
                return self._trip(key)
            for edge in self._graph.edges[key[0]]:
                if edge.end == self._goal or self._graph.kind[edge.end] == "waypoint":
                    self._drive(key, edge)
        return ()

    def _drive(self, key: _Key, edge: Edge) -> None:
        """Take an edge, stopping at its end or rolling on, through each gap of its far node."""
        _, _, heading, at_rest = key
        turning_ms = turn_ms(heading, edge.heading_rad)
        if turning_ms and not at_rest:
            return
        ready_ms = self._best[key] + turning_ms
        rolls = edge.end != self._goal and self._graph.goes_straight_on(edge)
        for to_rest in (True, False) if rolls else (True,):
            profile = self._graph.profile(edge, from_rest=at_rest, to_rest=to_rest)
            for begin_ms, end_ms in self._gaps_of(edge.end):
                depart_ms = max(ready_ms, begin_ms)
                arrive_ms = depart_ms + profile.duration_ms
                if arrive_ms > self._ends[key] or (depart_ms > ready_ms and not at_rest):
                    break
                if arrive_ms >= end_ms or (edge.end == self._goal and end_ms != FOREVER_MS):
                    continue
                reached = (edge.end, begin_ms, edge.heading_rad, to_rest)
                if self._reach(reached, arrive_ms, end_ms):
                    self._came[reached] = (key, Hop(edge, profile, depart_ms, arrive_ms))

    def _reach(self, key: _Key, t_ms: int, end_ms: int) -> bool:
        """Note a way to a place, if it is the earliest so far."""
        if t_ms >= self._best.get(key, FOREVER_MS):
            return False
        self._best[key] = t_ms
        self._ends[key] = end_ms
        heapq.heappush(self._heap, (t_ms + int(self._left_s[key[0]] * 1000.0), len(self._best), key))
        return True

    def _gaps_of(self, node: str) -> list[tuple[int, int]]:
        if node not in self._gaps:
            self._gaps[node] = self._held.gaps(node, self._t_ms)
        return self._gaps[node]

    def _trip(self, key: _Key) -> tuple[Hop, ...]:
        hops: list[Hop] = []
        while key in self._came:
            key, hop = self._came[key]
            hops.append(hop)
        return tuple(reversed(hops))
