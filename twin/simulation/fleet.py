"""Mobile robots: they carry loads from station to station, yield to each other, and charge by policy."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.errors import ScenarioError
from twin.packml import UnitState
from twin.simulation.attributes import number
from twin.simulation.faults import NEVER, FaultKind, Faults
from twin.simulation.laws import STATUS_MS, Truth
from twin.simulation.mishaps import Happening
from twin.simulation.orders import CHARGE, DROP, PICK, OrderBook
from twin.simulation.routes import (
    FOREVER_MS,
    Hop,
    Reservations,
    RouteGraph,
    plan_trip,
    signed_turn_rad,
    turn_ms,
)
from twin.simulation.sensors import random_of
from twin.simulation.tracks import Track

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.faults import Course, Spell
    from twin.simulation.laws import Span
    from twin.site import Asset, Site

POSE_MS = 200
ACCELERATION_M_S2 = 0.8
CHARGE_BELOW = 0.30
CHARGE_UNTIL = 0.90
_WHOLE = 1_000_000_000
"""Batteries are counted in billionths of full, drawn by whole billionths a millisecond."""
_DRIVE_DRAW = 48
_STAND_DRAW = 9
_CHARGE_GAIN = 260
_HANDLING_MS = (9_000, 24_000)
_PAUSE_MS = (12_000, 45_000)
_PAUSE_RATIO = 0.2
_RETRY_MS = 8_000
_OBSTACLE_MS = (15_000, 60_000)
_OBSTACLE_RATIO = 0.03
_CHARGER_W = 2600.0
_START_MS = 6_000
_LEFT_SHARE, _LOST_SHARE = 0.21, 0.15
"""Of the charge of a battery whose cells fail the first share can be used at best, less by the second at worst."""
_FAILS_MS = 20_000


class FleetStep(NamedTuple):
    """What a mobile robot does from one time on.

    On the spot it turns from ``yaw_rad`` by ``turn_rad`` within ``turn_ms``; along ``hop`` it drives.
    ``charge`` is the battery at the step's start, in billionths, ``gain`` its change a millisecond.
    """

    state: UnitState
    task: str
    node: str
    yaw_rad: float
    charge: int
    gain: int
    load_kg: float = 0.0
    turn_rad: float = 0.0
    turn_ms: int = 0
    hop: Hop | None = None
    charging: bool = False


@dataclass(slots=True, eq=False)
class Robot:
    """One mobile robot. Mutable: the fleet moves it."""

    asset: Asset
    pose: Stream
    status: Stream
    random: np.random.Generator
    track: Track[FleetStep]
    payload_kg: float
    goal: str
    orders: OrderBook
    trips: int = 0
    blocked: Course = NEVER
    fails: Course = NEVER
    errands: list[tuple[int, str]] = field(default_factory=list)
    """From when on it is to go to which node, in order; those that are done are taken out."""

    def usable(self, t_ms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Which share of its battery's charge can be used: (n,), 1 where all is well."""
        since, severity = self.fails.over(t_ms)
        lost = np.where(since < 0, 0.0, 1.0 - _LEFT_SHARE + _LOST_SHARE * severity)
        return 1.0 - lost * np.clip(since / _FAILS_MS, 0.0, 1.0)


class Fleet:
    """The mobile robots of a site. Mutable: decisions happen in time order as spans are asked for.

    Without ``obstacles`` nobody stands in their way but by a fault.
    """

    def __init__(self, graph: RouteGraph, robots: Sequence[Robot], *, obstacles: bool = True) -> None:
        self._obstacle_ratio = _OBSTACLE_RATIO if obstacles else 0.0
        self._happened: list[Happening] = []
        self.graph = graph
        self.robots = tuple(robots)
        self.held = Reservations()
        self.streams = tuple(stream for robot in robots for stream in (robot.pose, robot.status))
        self._due: list[tuple[int, int]] = []
        for place, robot in enumerate(self.robots):
            self.held.reserve(robot.goal, 0, FOREVER_MS, place)
            heapq.heappush(self._due, (int(robot.random.integers(0, _START_MS)), place))

    def run(self, until_ms: int) -> None:
        """Let every decision before ``until_ms`` be taken."""
        while self._due[0][0] < until_ms:
            t_ms, place = heapq.heappop(self._due)
            heapq.heappush(self._due, (self._decide(t_ms, place), place))

    def _decide(self, t_ms: int, place: int) -> int:
        """Choose what a parked robot does next; returns when it has to choose again."""
        robot = self.robots[place]
        last = robot.track.last
        charge = _charge_at(last, t_ms - robot.track.times[-1])
        spell = robot.blocked.at(t_ms)
        if spell is not None:
            return self._stand(robot, last, charge, t_ms, spell)
        usable = charge
        if robot.fails.at(t_ms) is not None:
            if self.graph.kind[robot.goal] == "charger":
                return self._wait(robot, last, charge, t_ms, _RETRY_MS)
            usable = round(charge * float(robot.usable(np.array([t_ms], np.int64))[0]))
        if usable < CHARGE_BELOW * _WHOLE:
            goal = self._free(robot, "charger", nearest=True)
        else:
            is_sent = bool(robot.errands) and robot.errands[0][0] <= t_ms
            if not is_sent and last.task != "waiting" and not last.charging and robot.random.random() < _PAUSE_RATIO:
                return self._wait(robot, last, charge, t_ms, int(robot.random.integers(*_PAUSE_MS)))
            goal = self._errand(robot, t_ms) or self._free(robot, "station", nearest=False)
        if goal is None:
            return self._wait(robot, last, charge, t_ms, _RETRY_MS)
        return self._travel(robot, place, last, charge, t_ms, goal)

    def _wait(self, robot: Robot, last: FleetStep, charge: int, t_ms: int, wait_ms: int) -> int:
        robot.track.write(
            t_ms,
            FleetStep(UnitState.IDLE, "waiting", last.node, last.yaw_rad, charge, -_STAND_DRAW, last.load_kg),
        )
        return t_ms + wait_ms

    def _stand(self, robot: Robot, last: FleetStep, charge: int, t_ms: int, spell: Spell) -> int:
        """Stand before an obstacle until it is gone."""
        self._meet(robot, t_ms, spell)
        robot.orders.block(t_ms, spell.end_ms)
        step = FleetStep(UnitState.HELD, "obstacle", last.node, last.yaw_rad, charge, -_STAND_DRAW, last.load_kg)
        robot.track.write(t_ms, step)
        return spell.end_ms

    def _meet(self, robot: Robot, t_ms: int, spell: Spell) -> None:
        self._happened.append(Happening(FaultKind.AMR_BLOCKED, robot.asset.id, t_ms, spell.end_ms, spell.severity))

    def _errand(self, robot: Robot, t_ms: int) -> str | None:
        """Where a robot is sent to by now; None where it is not, or somebody stands or goes there."""
        if not robot.errands or robot.errands[0][0] > t_ms:
            return None
        node = robot.errands[0][1]
        if node == robot.goal or self.held.is_parked_on(node):
            return None
        del robot.errands[0]
        return node

    def _free(self, robot: Robot, kind: str, *, nearest: bool) -> str | None:
        """A parking of that kind that nobody holds or drives to; None if there is none."""
        free = [
            node
            for node in self.graph.parkings
            if self.graph.kind[node] == kind and node != robot.goal and not self.held.is_parked_on(node)
        ]
        if not free:
            return None
        if nearest:
            left_s = self.graph.left_s(robot.goal)
            return min(free, key=lambda node: (left_s.get(node, math.inf), node))
        return free[int(robot.random.integers(len(free)))]

    def _travel(  # noqa: PLR0913  a trip is told by all of these
        self, robot: Robot, place: int, last: FleetStep, charge: int, t_ms: int, goal: str
    ) -> int:
        """Plan, reserve and write a trip and what is done at its end."""
        start = robot.goal
        since_ms = self.held.leave(start, place)
        self.held.forget(t_ms - 1)
        yaw = last.yaw_rad
        hops = plan_trip(self.graph, self.held, start, goal, t_ms=t_ms, heading_rad=yaw)
        if not hops:
            self.held.reserve(start, since_ms, FOREVER_MS, place)
            return self._wait(robot, last, charge, t_ms, _RETRY_MS)
        self._reserve(hops, place, since_ms)
        robot.goal = goal
        robot.trips += 1
        action = CHARGE if self.graph.kind[goal] == "charger" else DROP if last.load_kg else PICK
        robot.orders.travel(t_ms, start, hops, action, leaves_charger=last.charging)
        step = FleetStep(UnitState.EXECUTE, f"to {goal}", start, yaw, charge, -_DRIVE_DRAW, last.load_kg)
        now_ms = t_ms
        for hop in hops:
            step, now_ms = self._turn_and_yield(robot, step, now_ms, hop)
            step = _onward(step, hop.depart_ms - now_ms)._replace(
                state=UnitState.EXECUTE, hop=hop, gain=-_DRIVE_DRAW, yaw_rad=hop.edge.heading_rad
            )
            robot.track.write(hop.depart_ms, step)
            step = _onward(step, hop.arrive_ms - hop.depart_ms)._replace(node=hop.edge.end, hop=None)
            now_ms = hop.arrive_ms
        return self._arrive(robot, step, now_ms)

    def _reserve(self, hops: tuple[Hop, ...], place: int, since_ms: int) -> None:
        """Hold each node from the departure towards it to the arrival behind it."""
        begin_ms = since_ms
        for hop in hops:
            self.held.reserve(hop.edge.start, begin_ms, hop.arrive_ms, place)
            begin_ms = hop.depart_ms
        self.held.reserve(hops[-1].edge.end, begin_ms, FOREVER_MS, place)

    def _turn_and_yield(self, robot: Robot, step: FleetStep, now_ms: int, hop: Hop) -> tuple[FleetStep, int]:
        """Turn into the next edge, then wait until the way is free."""
        turning_ms = turn_ms(step.yaw_rad, hop.edge.heading_rad)
        if turning_ms:
            angle = signed_turn_rad(step.yaw_rad, hop.edge.heading_rad)
            step = step._replace(state=UnitState.EXECUTE, turn_rad=angle, turn_ms=turning_ms, gain=-_STAND_DRAW)
            robot.track.write(now_ms, step)
            step = _onward(step, turning_ms)
            step = step._replace(yaw_rad=hop.edge.heading_rad, turn_rad=0.0, turn_ms=0)
            now_ms += turning_ms
        if hop.depart_ms > now_ms:
            step = step._replace(state=UnitState.SUSPENDED, gain=-_STAND_DRAW)
            robot.track.write(now_ms, step)
        return step, now_ms

    def _arrive(self, robot: Robot, step: FleetStep, t_ms: int) -> int:
        """Charge, load or unload; returns when that is done."""
        if self.graph.kind[step.node] == "charger":
            robot.orders.finish(t_ms)
            spell = robot.blocked.after(t_ms)
            if spell is not None and spell.begin_ms <= t_ms:
                return self._stand(robot, step, step.charge, t_ms, spell)
            missing = round(CHARGE_UNTIL * _WHOLE) - step.charge
            robot.track.write(
                t_ms, step._replace(state=UnitState.IDLE, task="charging", gain=_CHARGE_GAIN, charging=True)
            )
            full_ms = t_ms + max(-(-missing // _CHARGE_GAIN), _RETRY_MS)
            return full_ms if spell is None else min(full_ms, spell.begin_ms)
        held_ms = 0
        if robot.random.random() < self._obstacle_ratio:
            held_ms = int(robot.random.integers(*_OBSTACLE_MS))
            self._happened.append(Happening("obstacle", robot.asset.id, t_ms, t_ms + held_ms))
        spell = robot.blocked.at(t_ms)
        if spell is not None:
            self._meet(robot, t_ms, spell)
            held_ms = max(held_ms, spell.end_ms - t_ms)
        if held_ms:
            # Someone stands in the protective field: no handling until they are gone.
            robot.track.write(t_ms, step._replace(state=UnitState.HELD, task="obstacle", gain=-_STAND_DRAW))
            robot.orders.block(t_ms, t_ms + held_ms)
            step, t_ms = _onward(robot.track.last, held_ms)._replace(state=UnitState.EXECUTE), t_ms + held_ms
        task = "unload" if step.load_kg else "load"
        robot.track.write(t_ms, step._replace(task=task, gain=-_STAND_DRAW))
        done_ms = t_ms + int(robot.random.integers(*_HANDLING_MS))
        robot.orders.begin(t_ms)
        robot.orders.finish(done_ms)
        load_kg = 0.0 if step.load_kg else round(float(robot.random.uniform(0.15, 0.85)) * robot.payload_kg, 1)
        step = _onward(robot.track.last, done_ms - t_ms)._replace(state=UnitState.IDLE, task="parked")
        robot.track.write(done_ms, step._replace(load_kg=load_kg))
        return done_ms

    def sample(self, span: Span) -> list[Truth]:
        """Every robot's pose (5 Hz, 1 Hz when slow) and status (1 Hz)."""
        self.run(span.end_ms)
        pose_ms, seconds = span.grid(STATUS_MS if span.slow else POSE_MS), span.grid(STATUS_MS)
        told: list[Truth] = []
        for robot in self.robots:
            track = robot.track
            begins, steps = track.times, track.steps
            index = track.index(pose_ms).tolist()
            poses = [self._pose(steps[i], t - begins[i]) for t, i in zip(pose_ms.tolist(), index, strict=True)]
            told.append(Truth(robot.pose, pose_ms, np.array(poses)))
            index = track.index(seconds).tolist()
            now = [(steps[i], t - begins[i]) for t, i in zip(seconds.tolist(), index, strict=True)]
            rows = [(_charge_at(step, after_ms) / _WHOLE, step.load_kg, float(step.charging)) for step, after_ms in now]
            if robot.fails:
                usable = robot.usable(seconds).tolist()
                rows = [(charge * share, *rest) for (charge, *rest), share in zip(rows, usable, strict=True)]
            texts = tuple((step.state.value, step.task, step.node) for step, _ in now)
            told.append(Truth(robot.status, seconds, np.array(rows), texts))
            span.power_w[robot.asset.id] = np.array([_CHARGER_W * row[2] for row in rows])
        return told

    def _pose(self, step: FleetStep, after_ms: int) -> tuple[float, float, float, float]:
        """x, y in metres, yaw in −π…π radians, speed in m/s."""
        x, y = self.graph.position_m[step.node]
        if step.hop is not None:
            driven_m, speed = step.hop.profile.at(after_ms)
            share = driven_m / step.hop.edge.length_m
            to_x, to_y = self.graph.position_m[step.hop.edge.end]
            return x + (to_x - x) * share, y + (to_y - y) * share, step.yaw_rad, speed
        if step.turn_ms:
            s = min(after_ms / step.turn_ms, 1.0)
            yaw = step.yaw_rad + step.turn_rad * (s * s * s * (10.0 + s * (6.0 * s - 15.0)))
            return x, y, signed_turn_rad(0.0, yaw), 0.0
        return x, y, step.yaw_rad, 0.0

    def happened(self) -> list[Happening]:
        """The obstacles that robots met since the last call."""
        found, self._happened = self._happened, []
        return found

    def forget(self, before_ms: int) -> None:
        """Drop steps that ended before ``before_ms``."""
        for robot in self.robots:
            robot.track.forget(before_ms)


def _charge_at(step: FleetStep, after_ms: int) -> int:
    return min(max(step.charge + step.gain * after_ms, 0), _WHOLE)


def _onward(step: FleetStep, after_ms: int) -> FleetStep:
    """The same step, later: with the battery of then."""
    return step._replace(charge=_charge_at(step, after_ms))


def build_fleet(  # noqa: PLR0913  what a fleet is made of
    site: Site,
    assets: Sequence[Asset],
    streams: dict[str, dict[str, Stream]],
    seed: int,
    *,
    keeps_orders: bool = False,
    faults: Faults | None = None,
    obstacles: bool = True,
) -> Fleet:
    """Park each robot on the free station or charger nearest to its pose.

    ``keeps_orders``: somebody takes what is said in its robots' `OrderBook`s.
    Raises ScenarioError where there are no routes, no charger, or too few parkings to move at all.
    """
    speeds = {number(asset, "max_speed_m_s", 1.4, low=0.2, high=1.8) for asset in assets}
    graph = RouteGraph(site, min(speeds), ACCELERATION_M_S2)
    if not any(graph.kind[node] == "charger" for node in graph.parkings):
        raise ScenarioError(f"{site.id}: mobile robots need a node of kind charger")
    if len(graph.parkings) < len(assets) + 2:
        raise ScenarioError(
            f"{site.id}: {len(assets)} mobile robots need at least {len(assets) + 2} station and charger nodes,"
            f" there are {len(graph.parkings)}"
        )
    free = list(graph.parkings)
    robots: list[Robot] = []
    for asset in assets:
        x_m, y_m = asset.pose.x_m, asset.pose.y_m
        node = min(free, key=lambda name: (math.dist(graph.position_m[name], (x_m, y_m)), name))
        free.remove(node)
        random = random_of(seed, asset.id, "fleet")
        charge = round(float(random.uniform(0.45, 0.95)) * _WHOLE)
        yaw = round(signed_turn_rad(0.0, asset.pose.yaw_rad), 6)
        first = FleetStep(UnitState.IDLE, "parked", node, yaw, charge, -_STAND_DRAW)
        own = streams[asset.id]
        payload_kg = number(asset, "payload_kg", 600.0, low=1.0, high=5000.0)
        orders = OrderBook(node, keeps=keeps_orders)
        robot = Robot(asset, own["pose"], own["status"], random, Track(first), payload_kg, node, orders)
        if faults is not None:
            robot.blocked = faults.of(FaultKind.AMR_BLOCKED, asset.id)
            robot.fails = faults.of(FaultKind.AMR_LOW_BATTERY, asset.id)
        robots.append(robot)
    return Fleet(graph, robots, obstacles=obstacles)
