"""The plant: every simulated asset of a site, sampled through its sensors.

Same site, same seed, same start: the same frames, to the bit, however the time is cut into calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.assets import (
    buffer,
    conveyor,
    energy_meter,
    environment,
    inspection,
    machine_tool,
    mobile_robot,
    robot_arm,
)
from twin.clock import NS_PER_MS
from twin.errors import ScenarioError
from twin.sample import Frames, Quality, merge, stream_of
from twin.simulation.ailments import ailments_of
from twin.simulation.arms import build_arms, task_of, working_path
from twin.simulation.calendar import Calendar
from twin.simulation.changes import change_settings, give_errands, setting_problem
from twin.simulation.crowd import Crowd
from twin.simulation.faults import FaultKind, Faults, Trouble, ms_of, ns_of, problem_of
from twin.simulation.fleet import Fleet, build_fleet
from twin.simulation.laws import STATUS_MS, Law, Span, Truth
from twin.simulation.line import Floor, build_floor
from twin.simulation.machines import BufferLevel, Conveyor, Inspection, MachineTool
from twin.simulation.sensors import SensorSet
from twin.simulation.surroundings import EnergyMeter, Environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from twin.sample import Stream
    from twin.simulation.changes import Errand, Setting
    from twin.simulation.faults import Fault
    from twin.site import Asset, AssetType, Site

ASSET_TYPES: dict[str, AssetType] = {
    "buffer": buffer.ASSET_TYPE,
    "conveyor": conveyor.ASSET_TYPE,
    "energy_meter": energy_meter.ASSET_TYPE,
    "environment": environment.ASSET_TYPE,
    "inspection": inspection.ASSET_TYPE,
    "machine_tool": machine_tool.ASSET_TYPE,
    "mobile_robot": mobile_robot.ASSET_TYPE,
    "robot_arm": robot_arm.ASSET_TYPE,
}
"""The asset types that have a law of motion."""

NOISE: dict[str, dict[str, float]] = {
    "robot_arm": {
        **{f"position.joint_{i}": 0.00012 for i in range(1, 7)},
        **{f"velocity.joint_{i}": 0.0015 for i in range(1, 7)},
        **{f"effort.joint_{i}": sigma for i, sigma in enumerate((1.2, 1.3, 0.8, 0.25, 0.2, 0.15), 1)},
        **{f"motor_temperature_{i}": 0.08 for i in range(1, 7)},
        "position.gripper": 0.0002,
        "effort.gripper": 1.1,
        "power": 6.0,
    },
    "mobile_robot": {"x": 0.006, "y": 0.006, "yaw": 0.002, "load": 0.4},
    "conveyor": {"speed": 0.003, "motor_current": 0.06},
    "machine_tool": {
        "spindle_speed": 9.0, "spindle_load": 0.006, "feed_rate": 6.0, "tool_wear": 0.0006, "vibration": 0.06,
        "spindle_temperature": 0.1, "power": 40.0,
    },
    "energy_meter": {"power": 0.12, "voltage": 0.5, "current": 0.4, "power_factor": 0.002},
    "environment": {
        "temperature": 0.08, "humidity": 0.003, "particulates": 0.9, "noise": 0.8, "air_pressure": 0.012,
    },
}  # fmt: skip
"""Standard deviation of each sensor's noise by asset type and signal, in the signal's unit."""

_SLOW_CHUNK_MS = 600_000
_LIVE_CHUNK_MS = 60_000
_LIVE_SHARES = 8
"""In how many live steps the second to come is made."""


def build_plant(  # noqa: PLR0913  what a plant is a function of
    site: Site,
    *,
    seed: int,
    start_ns: int,
    keeps_orders: bool = False,
    faults: Iterable[Fault] = (),
    faults_from_ns: int | None = None,
    breakdowns: bool = True,
    crowd: bool = False,
    settings: Iterable[Setting] = (),
    errands: Iterable[Errand] = (),
) -> Plant:
    """Set a plant up at ``start_ns``; raises ScenarioError where the site cannot be simulated.

    With ``keeps_orders`` somebody takes what its ``order_books`` hold, or they grow. The times of ``faults``
    count from ``faults_from_ns`` (the start where nothing is said); those of other sites' assets are left
    out. Without ``breakdowns`` nothing goes wrong of itself. A ``crowd`` has no lines: its
    assets work side by side, each by itself (`twin.simulation.crowd`). ``settings`` and ``errands`` change it
    as it runs, and count from the start.
    """
    if not site.assets:
        raise ScenarioError(f"{site.id}: there is nothing to simulate, the site has no assets")
    unknown = sorted({asset.type for asset in site.assets} - set(ASSET_TYPES))
    if unknown:
        raise ScenarioError(
            f"{site.id}: no law of motion for {', '.join(unknown)}; there are: {', '.join(ASSET_TYPES)}"
        )
    calendar = Calendar(site, start_ns)
    streams = {asset.id: _streams_of(asset) for asset in site.assets}
    by_type: dict[str, list[Asset]] = {name: [] for name in ASSET_TYPES}
    for asset in site.assets:
        by_type[asset.type].append(asset)
    types = {asset.id: asset.type for asset in site.assets}
    zero_ms = 0 if faults_from_ns is None else ms_of(start_ns, faults_from_ns)
    planned = Faults(_checked(site, faults, types), zero_ms=zero_ms)
    if crowd:
        law = Crowd([stream for every in streams.values() for stream in every.values()], seed)
        return Plant(build_floor((), calendar, seed, planned), (law,), None, types, seed=seed, start_ns=start_ns)
    on_lines = (asset for asset in site.assets if asset.type not in _OFF_LINE)
    floor = build_floor(on_lines, calendar, seed, planned, breakdowns=breakdowns)
    for asset in by_type["robot_arm"]:
        if planned.of(FaultKind.GRIP_LOST, asset.id):
            path = working_path(asset, seed, task=task_of(asset, floor.tending))
            floor.units[asset.id].mishaps.carries = path.carries
    robots = by_type["mobile_robot"]
    fleet = (
        build_fleet(site, robots, streams, seed, keeps_orders=keeps_orders, faults=planned, obstacles=breakdowns)
        if robots
        else None
    )
    change_settings(floor, _settings(floor, settings))
    if fleet is not None:
        give_errands(fleet, _errands(fleet, errands))
    laws = _laws_of(by_type, streams, floor, fleet, calendar, seed)
    return Plant(floor, laws, fleet, types, seed=seed, start_ns=start_ns)


def _checked(site: Site, faults: Iterable[Fault], types: dict[str, str]) -> Iterator[Fault]:
    """The faults of the site's assets; raises ScenarioError for one that cannot be."""
    for fault in faults:
        if fault.asset.partition("/")[0] != site.id:
            continue
        kind = types.get(fault.asset)
        problem = f"there is no asset {fault.asset}" if kind is None else problem_of(fault, kind)
        if problem:
            raise ScenarioError(f"fault {fault.kind} on {fault.asset}: {problem}")
        yield fault


def _settings(floor: Floor, settings: Iterable[Setting]) -> Iterator[Setting]:
    """Those that can be; raises ScenarioError for one that cannot."""
    for one in settings:
        problem = setting_problem(one) if one.asset in floor.units else "there is no such station"
        if problem:
            raise ScenarioError(f"{one.asset}: {problem}")
        yield one


def _errands(fleet: Fleet, errands: Iterable[Errand]) -> Iterator[Errand]:
    robots = {robot.asset.id for robot in fleet.robots}
    for one in errands:
        if one.asset not in robots or fleet.graph.kind.get(one.node) != "station":
            raise ScenarioError(f"{one.asset} cannot be sent to {one.node}: a mobile robot goes to a node of a station")
        yield one


_OFF_LINE = ("mobile_robot", "energy_meter", "environment")


def _streams_of(asset: Asset) -> dict[str, Stream]:
    return {
        kind.name: stream_of(asset.id, kind.name, kind.signals, sequenced=True, period_s=kind.period_s)
        for kind in ASSET_TYPES[asset.type].streams
    }


def _laws_of(  # noqa: PLR0913  a plant's parts
    by_type: dict[str, list[Asset]],
    streams: dict[str, dict[str, Stream]],
    floor: Floor,
    fleet: Fleet | None,
    calendar: Calendar,
    seed: int,
) -> tuple[Law, ...]:
    """Every law of the site; the meters come last, because they add up what the others draw."""
    tracks = {asset: unit.track for asset, unit in floor.units.items()}
    laws: list[Law] = []
    arms = by_type["robot_arm"]
    laws += build_arms(arms, tracks, streams, calendar, seed, tending=floor.tending, faults=floor.faults)
    for asset in by_type["machine_tool"]:
        laws.append(MachineTool(floor.units[asset.id], streams[asset.id]["data"], calendar, seed))
    for asset in by_type["inspection"]:
        laws.append(Inspection(floor.units[asset.id], streams[asset.id]["data"], calendar))
    for asset in by_type["conveyor"]:
        jams = floor.faults.of(FaultKind.CONVEYOR_JAM, asset.id)
        laws.append(Conveyor(asset, floor.feeds[asset.id], streams[asset.id]["data"], calendar, seed, jams))
    for asset in by_type["buffer"]:
        laws.append(BufferLevel(floor.buffers[asset.id], streams[asset.id]["data"]))
    if fleet is not None:
        laws.append(fleet)
    for asset in by_type["environment"]:
        laws.append(Environment(asset, streams[asset.id]["data"], calendar, seed))
    for asset in by_type["energy_meter"]:
        laws.append(EnergyMeter(asset, streams[asset.id]["data"], seed))
    return tuple(laws)


class Plant:
    """A running plant. Mutable: whoever built it advances it, and nobody else.

    ``streams`` is every stream it sends; ``now_ns`` how far it has run; ``order_books`` what its fleet
    master and each of its mobile robots, by asset, say to each other; ``faults`` what is to go wrong.
    """

    def __init__(  # noqa: PLR0913  a plant's parts
        self,
        floor: Floor,
        laws: tuple[Law, ...],
        fleet: Fleet | None,
        types: dict[str, str],
        *,
        seed: int,
        start_ns: int,
    ) -> None:
        self.order_books = {robot.asset.id: robot.orders for robot in fleet.robots} if fleet else {}
        self.streams = tuple(stream for law in laws for stream in law.streams)
        self.now_ns = start_ns
        self.faults = floor.faults
        self._told_ms = 0
        self._fleet = fleet
        self._floor = floor
        self._laws = laws
        self._start_ns = start_ns
        self._made_ms = 0
        self._seq = dict.fromkeys((stream.id for stream in self.streams), 0)
        self._sensors = {
            stream.id: SensorSet(stream, seed, NOISE.get(types[stream.asset], {})) for stream in self.streams
        }
        self._ailments = {
            stream.id: tuple(ailments_of(stream, types[stream.asset], self.faults, seed)) for stream in self.streams
        }
        self._ahead: dict[str, tuple[int, Frames]] = {}
        """Frames sampled beyond ``now_ns``, and when the first of them is due."""
        self._fresh: dict[str, list[Frames]] = {}
        """Frames of the span that is being made."""
        self._making: Iterator[int] | None = None

    def advance(self, until_ns: int, *, slow: bool = False) -> list[Frames]:
        """Run to ``until_ns`` (exclusive) and return what was sampled, at most one `Frames` a stream.

        With ``slow``, joints and mobile robots' poses come at 1 Hz (history); else at their own periods.
        """
        if until_ns <= self.now_ns:
            return []
        # Laws are asked for whole seconds; what lies beyond ``until_ns`` waits in ``_ahead``.
        target_ms = -(-(until_ns - self._start_ns) // (NS_PER_MS * STATUS_MS)) * STATUS_MS
        steps_live = not slow and until_ns - self.now_ns < STATUS_MS * NS_PER_MS
        while self._made_ms < target_ms:
            chunk_ms = _SLOW_CHUNK_MS if slow else _LIVE_CHUNK_MS
            end_ms = min(self._made_ms + chunk_ms, target_ms)
            for _ in self._making or self._make(Span(self._made_ms, end_ms, slow)):
                pass
            self._making = None
        self.now_ns = until_ns
        told = self._hand_out(until_ns)
        if steps_live:
            self._make_a_little(target_ms)
        return told

    def troubles(self) -> list[Trouble]:
        """What has begun to go wrong up to now, or is about to (a fleet knows ahead), since the last call."""
        now_ms = ms_of(self._start_ns, self.now_ns)
        found = [
            Trouble(kind, asset, ns_of(self._start_ns, begin), ns_of(self._start_ns, end), severity)
            for kind, asset, (begin, end, severity) in self.faults.between(self._told_ms, now_ms)
        ]
        self._told_ms = now_ms
        for one in (*self._floor.happened(), *(self._fleet.happened() if self._fleet else ())):
            times = ns_of(self._start_ns, one.begin_ms), ns_of(self._start_ns, one.end_ms)
            found.append(Trouble(one.kind, one.asset, *times, one.severity))
        return sorted(found, key=lambda one: (one.start_ns, one.asset, one.kind))

    def _make(self, span: Span) -> Iterator[int]:
        """Sample a span law by law, with a pause behind each; yields how many streams that were."""
        self._floor.run(span.end_ms)
        for law in self._laws:
            for truth in law.sample(span):
                if len(truth.t_ms):
                    self._fresh.setdefault(truth.stream.id, []).append(self._measure(truth))
            law.forget(span.end_ms)
            yield len(law.streams)
        self._floor.forget(span.end_ms)
        self._made_ms = span.end_ms

    def _make_a_little(self, target_ms: int) -> None:
        """Work on the second to come, so that no live step has to make all of it at once."""
        if self._making is None:
            if self._made_ms > target_ms:
                return
            self._making = self._make(Span(self._made_ms, self._made_ms + STATUS_MS, slow=False))
        made, share = 0, -(-len(self.streams) // _LIVE_SHARES)
        for count in self._making:
            made += count
            if made >= share:
                return
        self._making = None

    def _hand_out(self, until_ns: int) -> list[Frames]:
        """Give what lies before ``until_ns``, keep the rest."""
        told: list[Frames] = []
        if self._making is None:
            for key, parts in self._fresh.items():
                if key in self._ahead:
                    parts.insert(0, self._ahead[key][1])
                self._ahead[key] = (int(parts[0].t_ns[0]), merge(parts))
            self._fresh = {}
        for key in [key for key, (first_ns, _) in self._ahead.items() if first_ns < until_ns]:
            _, frames = self._ahead.pop(key)
            ready = int(np.searchsorted(frames.t_ns, until_ns, side="left"))
            if ready == len(frames):
                told.append(frames)
                continue
            told.append(_rows(frames, slice(0, ready)))
            rest = _rows(frames, slice(ready, None))
            self._ahead[key] = (int(rest.t_ns[0]), rest)
        return told

    def _measure(self, truth: Truth) -> Frames:
        count = len(truth.t_ms)
        t_ns = self._start_ns + truth.t_ms * NS_PER_MS
        first = self._seq[truth.stream.id]
        self._seq[truth.stream.id] = first + count
        measured = self._sensors[truth.stream.id].read(truth.values)
        for ailment in self._ailments[truth.stream.id]:
            ailment.spoil(truth.t_ms, measured)
        return Frames(
            truth.stream,
            t_ns,
            np.arange(first, first + count, dtype=np.int64),
            t_ns,
            measured,
            np.full(count, int(Quality.GOOD), np.int16),
            truth.texts,
        )


def _rows(frames: Frames, rows: slice) -> Frames:
    return Frames(
        frames.stream,
        frames.t_ns[rows],
        frames.seq[rows],
        frames.received_ns[rows],
        frames.values[rows],
        frames.quality[rows],
        frames.texts[rows],
    )
