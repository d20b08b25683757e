"""Production lines as discrete events (SimPy): cycles, buffers, starving and blocking, breakdowns, scrap.

The kernel counts whole milliseconds since the plant's start, so that event times are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import simpy

from twin.errors import ScenarioError
from twin.ids import leaf_of, place_of
from twin.packml import UnitState
from twin.simulation.attributes import number, word
from twin.simulation.calendar import MS_PER_S
from twin.simulation.faults import FaultKind, Faults
from twin.simulation.mishaps import NOTICE_MS, Happening, Mishap, Mishaps
from twin.simulation.sensors import random_of
from twin.simulation.tracks import Track

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from simpy.events import Event

    from twin.simulation.calendar import Calendar
    from twin.simulation.faults import Course
    from twin.site import Asset

    Process = Generator[Event, object, None]

STATION_TYPES = ("robot_arm", "inspection", "machine_tool")
DEFAULT_CYCLE_S = {"robot_arm": 52.0, "inspection": 38.0, "machine_tool": 120.0}
DEFAULT_SCRAP_RATIO = {"robot_arm": 0.003, "inspection": 0.0, "machine_tool": 0.02}
DEFAULT_BETWEEN_FAILURES_S = 5400.0
REPAIR_MS = (120_000, 480_000)
BRAKE_MS = 400
"""How long an arm takes to come to rest when its station breaks down, and to move again."""
_LEAST_RUN_MS = 1000
_NEVER_MS = 1 << 60
_START_SPREAD_MS = 8000
_SHORTAGE_RATIO = 0.004
_SHORTAGE_MS = (60_000, 240_000)
_DEVIATION_SIGMA_MM = 0.105
_DEVIATION_LIMIT_MM = 0.25
_WEAR_LIMIT_UM = 280
_WEAR_STEP_UM = (1, 4)
_FRESH_TOOL_UM = 12
_TOOL_CHANGE_MS = 90_000
_FAST_WEAR_UM = 120
"""At its worst a tool wears by so much more a cycle."""
_OUT_OF_SIZE_UM = 300
"""With a tool worn beyond this no part is good."""


class StationStep(NamedTuple):
    """What a station does from one time on.

    ``phase`` is how much of its cycle is done, 0…1; it moves by ``rate`` a millisecond, which itself
    changes by ``bend`` a millisecond. ``wear_um`` is a machine tool's, ``deviation_mm`` an inspection's.
    ``lost`` says that the part of this cycle is no more, ``broken`` that the tool just broke, ``wearing_um``
    how much more than usual a tool wears in this cycle.
    """

    state: UnitState = UnitState.IDLE
    phase: float = 0.0
    rate: float = 0.0
    bend: float = 0.0
    good: int = 0
    scrap: int = 0
    cycle_ms: int = 0
    cycle: int = 0
    deviation_mm: float = 0.0
    passed: bool = True
    wear_um: int = 0
    lost: bool = False
    broken: bool = False
    wearing_um: int = 0


class Unit:
    """One station under the kernel. Mutable: its process moves it, its track is read by the plant.

    ``carries`` are the phases between which it holds a part, ``belts`` the courses of the jams of those that
    carry its parts away, ``happened`` what stops it as it comes.
    """

    def __init__(
        self, env: simpy.Environment, asset: Asset, seed: int, faults: Faults, *, breakdowns: bool = True
    ) -> None:
        self.env = env
        self.asset = asset
        self.happened: list[Happening] = []
        self.belts: list[Course] = []
        self.mishaps = Mishaps(faults.of(FaultKind.GRIP_LOST, asset.id), faults.of(FaultKind.TOOL_BREAKAGE, asset.id))
        self.wears = faults.of(FaultKind.TOOL_WEAR, asset.id)
        self._breaks_down = breakdowns
        self.random = random_of(seed, asset.id, "station")
        self.cycle_s = number(asset, "cycle_s", DEFAULT_CYCLE_S[asset.type], low=8.0, high=3600.0)
        self.scrap_ratio = number(asset, "scrap_ratio", DEFAULT_SCRAP_RATIO[asset.type], low=0.0, high=1.0)
        self.between_failures_s = number(asset, "between_failures_s", DEFAULT_BETWEEN_FAILURES_S, low=60.0, high=1e9)
        self.now = StationStep(wear_um=int(self.random.integers(_FRESH_TOOL_UM, _WEAR_LIMIT_UM - 40)))
        self.track: Track[StationStep] = Track(self.now)
        self._until_failure_ms = self._draw_failure_ms()

    @property
    def t_ms(self) -> int:
        """Milliseconds since the plant's start."""
        return int(self.env.now)

    def turn(self, state: UnitState) -> None:
        """Rest in ``state`` at the start of the cycle."""
        self._write(self.t_ms, state, 0.0, 0.0, 0.0)

    def count(self, *, good: bool) -> None:
        """Count a finished part."""
        step = self.now
        self.now = step._replace(good=step.good + good, scrap=step.scrap + (not good))

    def work(self) -> Process:
        """Run one cycle, through any breakdown in it."""
        cycle_ms = round(self.cycle_s * MS_PER_S * (0.985 + 0.05 * self.random.random() ** 2))
        rate = 1.0 / cycle_ms
        wearing = self.wears.at(self.t_ms)
        wearing_um = round(_FAST_WEAR_UM * wearing.severity) if wearing else 0
        self.now = self.now._replace(cycle=self.now.cycle + 1, lost=False, wearing_um=wearing_um)
        self._write(self.t_ms, UnitState.EXECUTE, 0.0, rate, 0.0)
        done_ms = 0
        while True:
            last_ms = cycle_ms - done_ms - 2 * _LEAST_RUN_MS
            own_ms = max(self._until_failure_ms, _LEAST_RUN_MS) if self._until_failure_ms <= last_ms else None
            mishap = self.mishaps.next(self.t_ms, done_ms, cycle_ms, last_ms if own_ms is None else own_ms)
            if mishap is not None:
                done_ms += yield from self._suffer(mishap, done_ms, rate)
            elif own_ms is not None:
                yield self.env.timeout(own_ms)
                done_ms += own_ms
                stop_ms = int(self.random.integers(*REPAIR_MS))
                self.happened.append(Happening("breakdown", self.asset.id, self.t_ms, self.t_ms + stop_ms))
                yield from self._break_down(done_ms, rate, stop_ms)
                self._until_failure_ms = self._draw_failure_ms()
            else:
                break
            done_ms += BRAKE_MS
        left_ms = cycle_ms - done_ms
        yield self.env.timeout(left_ms)
        self._until_failure_ms -= left_ms
        # The time at work: a breakdown's repair is downtime, not cycle time.
        self.now = self.now._replace(cycle_ms=cycle_ms)

    def _suffer(self, mishap: Mishap, done_ms: int, rate: float) -> Generator[Event, object, int]:
        """Work until a fault strikes, and stop until it is over; returns how much of the cycle that did."""
        run_ms = mishap.run_ms
        yield self.env.timeout(run_ms)
        self.happened.append(Happening(mishap.kind, self.asset.id, self.t_ms, mishap.until_ms, mishap.severity))
        if mishap.kind is FaultKind.TOOL_BREAKAGE:
            # The control takes a moment to notice, and goes on cutting.
            self.now = self.now._replace(lost=True, broken=True)
            self._write(self.t_ms, UnitState.EXECUTE, (done_ms + run_ms) * rate, rate, 0.0)
            yield self.env.timeout(NOTICE_MS)
            run_ms += NOTICE_MS
            self.now = self.now._replace(broken=False, wear_um=_FRESH_TOOL_UM)
        self.now = self.now._replace(lost=True)
        yield from self._break_down(done_ms + run_ms, rate, max(mishap.until_ms - self.t_ms, BRAKE_MS))
        self._until_failure_ms = max(0, self._until_failure_ms - run_ms - BRAKE_MS)
        return run_ms

    def _break_down(self, done_ms: int, rate: float, stop_ms: int) -> Process:
        """Brake, stand still until repaired, and move on: braking and starting cover one BRAKE_MS of work."""
        t_ms, bend = self.t_ms, rate / BRAKE_MS
        rest = (done_ms + BRAKE_MS / 2) * rate
        self._write(t_ms, UnitState.ABORTED, done_ms * rate, rate, -bend)
        self._write(t_ms + BRAKE_MS, UnitState.ABORTED, rest, 0.0, 0.0)
        yield self.env.timeout(stop_ms)
        t_ms = self.t_ms
        self._write(t_ms, UnitState.EXECUTE, rest, 0.0, bend)
        self._write(t_ms + BRAKE_MS, UnitState.EXECUTE, (done_ms + BRAKE_MS) * rate, rate, 0.0)
        yield self.env.timeout(BRAKE_MS)

    def _draw_failure_ms(self) -> int:
        if not self._breaks_down:
            return _NEVER_MS
        return round(float(self.random.exponential(self.between_failures_s)) * MS_PER_S)

    def _write(self, t_ms: int, state: UnitState, phase: float, rate: float, bend: float) -> None:
        self.now = self.now._replace(state=state, phase=phase, rate=rate, bend=bend)
        self.track.write(t_ms, self.now)


@dataclass(slots=True, eq=False)
class Buffer:
    """Room for parts between two stations. Mutable: stations put and get."""

    env: simpy.Environment
    room: simpy.Container
    track: Track[int]

    def note(self) -> None:
        """Write the level of now down."""
        self.track.write(int(self.env.now), int(self.room.level))


@dataclass(slots=True, eq=False)
class Floor:
    """Every line of a site, under one kernel. Mutable: `run` moves it on.

    ``units`` and ``buffers`` are by asset id; ``feeds`` says which unit a conveyor carries parts from,
    ``tending`` which arms serve machine tools.
    """

    env: simpy.Environment
    calendar: Calendar
    faults: Faults = field(default_factory=Faults)
    breakdowns: bool = True
    units: dict[str, Unit] = field(default_factory=dict)
    buffers: dict[str, Buffer] = field(default_factory=dict)
    feeds: dict[str, Unit] = field(default_factory=dict)
    tending: set[str] = field(default_factory=set)

    def run(self, until_ms: int) -> None:
        """Let every event before ``until_ms`` happen."""
        if until_ms > self.env.now:
            self.env.run(until=until_ms)

    def happened(self) -> list[Happening]:
        """What stopped stations since the last call."""
        found = [one for unit in self.units.values() for one in unit.happened]
        for unit in self.units.values():
            unit.happened.clear()
        return found

    def forget(self, before_ms: int) -> None:
        """Drop what happened before ``before_ms``."""
        for unit in self.units.values():
            unit.track.forget(before_ms)
        for buffer in self.buffers.values():
            buffer.track.forget(before_ms)


def build_floor(
    assets: Iterable[Asset], calendar: Calendar, seed: int, faults: Faults | None = None, *, breakdowns: bool = True
) -> Floor:
    """Set up the lines that ``assets`` form; raises ScenarioError where they form none.

    Without ``breakdowns`` no station breaks down of itself.
    """
    floor = Floor(simpy.Environment(), calendar, faults or Faults(), breakdowns)
    by_place: dict[str, list[Asset]] = {}
    for asset in assets:
        by_place.setdefault(place_of(asset.id), []).append(asset)
    for place, members in by_place.items():
        stations = [asset for asset in members if asset.type in STATION_TYPES]
        if not stations:
            stray = [leaf_of(asset.id) for asset in members if asset.type in ("buffer", "conveyor")]
            if stray:
                raise ScenarioError(f"{place}: {', '.join(stray)} stand on a line without stations")
            continue
        _lay_line(floor, place, stations, members, seed)
    return floor


def _lay_line(floor: Floor, place: str, stations: list[Asset], members: list[Asset], seed: int) -> None:
    """Join the stations of one place by their buffers and start their processes."""
    machines = [asset for asset in stations if asset.type == "machine_tool"]
    ranks: dict[int, list[Unit]] = {}
    tenders: dict[str, Unit] = {}
    for asset in stations:
        unit = floor.units[asset.id] = Unit(floor.env, asset, seed, floor.faults, breakdowns=floor.breakdowns)
        if machines and asset.type == "robot_arm":
            tenders[leaf_of(asset.id)] = unit
            floor.tending.add(asset.id)
        else:
            ranks.setdefault(int(number(asset, "station", None, low=1, high=999)), []).append(unit)
    order = sorted(ranks)
    if not order:
        raise ScenarioError(f"{place}: its stations have no numbers")
    _check_ranks(place, ranks)
    after = _buffers_after(floor, members, order)
    queues = {name: simpy.Store(floor.env) for name in tenders}
    for name, tender in tenders.items():
        floor.env.process(_tend(floor, tender, queues[name]))
    _start(floor, place, ranks, after, queues)
    for asset in members:
        if asset.type == "conveyor":
            rank = int(number(asset, "after", 0, low=0, high=999))
            before = [r for r in order if r <= rank]
            feeder = floor.feeds[asset.id] = ranks[before[-1] if before else order[0]][0]
            jams = floor.faults.of(FaultKind.CONVEYOR_JAM, asset.id)
            if jams:
                feeder.belts.append(jams)


def _check_ranks(place: str, ranks: dict[int, list[Unit]]) -> None:
    for rank, units in ranks.items():
        if len(units) > 1 and not all(unit.asset.type == "machine_tool" for unit in units):
            names = ", ".join(leaf_of(unit.asset.id) for unit in units)
            raise ScenarioError(f"{place}: {names} are all station {rank}; only machine tools may share one")


def _start(
    floor: Floor,
    place: str,
    ranks: dict[int, list[Unit]],
    after: dict[int, Buffer],
    queues: dict[str, simpy.Store],
) -> None:
    """Start every station's process, between the buffers before and behind it."""
    order = sorted(ranks)
    for position, rank in enumerate(order):
        source = after[order[position - 1]] if position else None
        sink = after[rank] if position + 1 < len(order) else None
        for unit in ranks[rank]:
            if unit.asset.type == "machine_tool":
                queue = queues.get(word(unit.asset, "tended_by", ""))
                if queue is None:
                    raise ScenarioError(f"{unit.asset.id}: tended_by names no arm of {place}")
                floor.env.process(_machine(floor, unit, queue, sink))
            else:
                floor.env.process(_station(floor, unit, source, sink))


def _buffers_after(floor: Floor, members: list[Asset], order: list[int]) -> dict[int, Buffer]:
    """The buffer behind each station but the last, by station number."""
    after: dict[int, Buffer] = {}
    for asset in members:
        if asset.type != "buffer":
            continue
        rank = int(number(asset, "after", None, low=1, high=999))
        if rank not in order[:-1]:
            raise ScenarioError(f"{asset.id}: after = {rank} is no station with another one behind it")
        capacity = int(number(asset, "capacity", 12, low=1, high=10_000))
        room = simpy.Container(floor.env, capacity=capacity, init=capacity // 2)
        after[rank] = floor.buffers[asset.id] = Buffer(floor.env, room, Track(capacity // 2))
    for rank in order[:-1]:
        # Where no buffer is declared there is room for the one part that is handed over.
        after.setdefault(rank, Buffer(floor.env, simpy.Container(floor.env, capacity=1), Track(0)))
    return after


def _station(floor: Floor, unit: Unit, source: Buffer | None, sink: Buffer | None) -> Process:
    """A station in a row: take a part, work on it, judge it, pass it on."""
    yield floor.env.timeout(int(unit.random.integers(0, _START_SPREAD_MS)))
    while True:
        yield from _rest(floor, unit)
        if source is not None:
            if source.room.level == 0:
                unit.turn(UnitState.SUSPENDED)
            yield source.room.get(1)
            source.note()
        elif unit.random.random() < _SHORTAGE_RATIO:
            unit.turn(UnitState.SUSPENDED)
            yield floor.env.timeout(int(unit.random.integers(*_SHORTAGE_MS)))
        yield from _rest(floor, unit)
        yield from unit.work()
        good = _judge(unit) and not unit.now.lost
        unit.count(good=good)
        yield from _wait_for_belts(unit)
        if good and sink is not None:
            yield from _pass_on(unit, sink)


def _machine(floor: Floor, unit: Unit, queue: simpy.Store, sink: Buffer | None) -> Process:
    """A machine tool: be loaded by its arm, cut, and change the tool when it is worn."""
    yield floor.env.timeout(int(unit.random.integers(0, _START_SPREAD_MS)))
    while True:
        yield from _rest(floor, unit)
        unit.turn(UnitState.SUSPENDED)
        loaded = floor.env.event()
        yield queue.put(loaded)
        yield loaded
        yield from unit.work()
        fast_um = unit.now.wearing_um
        wear_um = unit.now.wear_um + int(unit.random.integers(*_WEAR_STEP_UM)) + fast_um
        good = bool(unit.random.random() >= unit.scrap_ratio) and not unit.now.lost and wear_um <= _OUT_OF_SIZE_UM
        if fast_um:
            unit.now = unit.now._replace(wear_um=wear_um, wearing_um=0)
        unit.count(good=good)
        yield from _wait_for_belts(unit)
        if good and sink is not None:
            yield from _pass_on(unit, sink)
        if wear_um >= _WEAR_LIMIT_UM and unit.wears.at(unit.t_ms) is None:
            unit.turn(UnitState.HELD)
            yield floor.env.timeout(_TOOL_CHANGE_MS)
            wear_um = _FRESH_TOOL_UM
        unit.now = unit.now._replace(wear_um=wear_um)


def _tend(floor: Floor, unit: Unit, queue: simpy.Store) -> Process:
    """An arm that loads and unloads machine tools, in the order in which they ask."""
    while True:
        if not queue.items:
            unit.turn(UnitState.SUSPENDED)
        loaded = yield queue.get()
        yield from _rest(floor, unit)
        yield from unit.work()
        while unit.now.lost:
            unit.count(good=False)
            yield from unit.work()
        unit.count(good=True)
        assert isinstance(loaded, simpy.Event)  # noqa: S101  the queue holds nothing else
        loaded.succeed()


def _rest(floor: Floor, unit: Unit) -> Process:
    left_ms = floor.calendar.rest_left_ms(unit.t_ms)
    if left_ms:
        unit.turn(UnitState.STOPPED)
        yield floor.env.timeout(left_ms)


def _wait_for_belts(unit: Unit) -> Process:
    """Wait, blocked, until the belts that carry the parts away run again."""
    for belt in unit.belts:
        while (jam := belt.at(unit.t_ms)) is not None:
            unit.turn(UnitState.SUSPENDED)
            yield unit.env.timeout(jam.end_ms - unit.t_ms)


def _pass_on(unit: Unit, sink: Buffer) -> Process:
    if sink.room.level >= sink.room.capacity:
        unit.turn(UnitState.SUSPENDED)
    yield sink.room.put(1)
    sink.note()


def _judge(unit: Unit) -> bool:
    if unit.asset.type != "inspection":
        return bool(unit.random.random() >= unit.scrap_ratio)
    deviation_mm = round(float(unit.random.normal(0.0, _DEVIATION_SIGMA_MM)), 3)
    passed = abs(deviation_mm) <= _DEVIATION_LIMIT_MM
    unit.now = unit.now._replace(deviation_mm=deviation_mm, passed=passed)
    return passed
