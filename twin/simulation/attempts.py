"""Attempts of a simulated arm, each with its own parameters, and with what truly went wrong in it.

One attempt is a function of (asset, seed, its number, ranges, faults): the laws of motion, friction, heat and
sensors are the plant's (`arms`, `dynamics`, `sensors`, `ailments`), its course is written here. Its truth is known:
where it begins and ends, whether a fault was there, from when to when, and whether the attempt came to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_MS
from twin.packml import UnitState
from twin.sample import Frames, Quality, stream_of
from twin.simulation.ailments import Ailment, axis_of
from twin.simulation.arms import DRIVE_RATIO, GRIPPER_KG, Arm, Arms, task_of, working_path
from twin.simulation.attributes import number, word
from twin.simulation.calendar import Calendar
from twin.simulation.faults import NEVER, SENSORS, Course, FaultKind
from twin.simulation.laws import STATUS_MS, Span
from twin.simulation.line import StationStep
from twin.simulation.plant import ASSET_TYPES, NOISE
from twin.simulation.randomise import DECIMALS, PARAMETERS, Range, chosen, drawn
from twin.simulation.sensors import SensorSet, random_of
from twin.simulation.tracks import Track
from twin.spatial import ARM_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.laws import Truth
    from twin.site import Asset, Site

TYPE = "robot_arm"
SOURCE = "simulated:attempts"
"""What the streams say of where they come from."""
BEFORE_MS, AFTER_MS = 1000, 2000
"""The arm waits so long before its work, and shows so long what came of it."""
NOTICED_MS = 200
"""A drive that reached its end stops the station so much later."""
_REST_MS = 1000
_SEVERITY = (0.5, 1.0)
_ONSET = (0.05, 0.5)
"""In which part of the work a fault begins."""
_CAUSES = {FaultKind.GRIP_LOST, FaultKind.AXIS_FRICTION}
_NEAR_N_M = 1e-6
_OWN = {"cycle_time": "cycle_s", "payload": "part_kg"}
"""Attributes of an arm that are parameters of its attempts."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What truly was wrong in an attempt: [start_ns, end_ns) of it, and how bad, above 0, at most 1."""

    kind: FaultKind
    start_ns: int
    end_ns: int
    severity: float


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One attempt: its work is [start_ns, end_ns), its frames begin before it and end after it, at ``next_ns``.

    ``cause`` is "" where it came to what it should. ``parameters`` are by name of
    `twin.simulation.randomise.PARAMETERS`; ``seed`` is the attempt's own.
    """

    number: int
    seed: int
    start_ns: int
    end_ns: int
    next_ns: int
    parameters: Mapping[str, float]
    cause: str
    wrong: Wrong | None
    frames: tuple[Frames, ...] = field(repr=False, default=())


@dataclass(frozen=True, slots=True)
class Recipe:
    """What attempts are made of: an arm of a site, a seed, ranges by parameter, probabilities by fault."""

    site: Site
    asset: Asset
    seed: int
    ranges: Mapping[str, Range] = field(default_factory=dict)
    faults: Mapping[FaultKind, float] = field(default_factory=dict)

    def own(self) -> dict[str, Range]:
        """What the arm says of itself, where no range is asked for."""
        usual = PARAMETERS
        told = {name: number(self.asset, key, None, low=usual[name].low, high=usual[name].high)
                for name, key in _OWN.items() if key in self.asset.attributes}  # fmt: skip
        return {name: Range(value, value) for name, value in told.items()}

    def streams(self) -> tuple[Stream, Stream, Stream]:
        """What the arm sends: joints, status and safety."""
        told = {
            kind.name: stream_of(
                self.asset.id, kind.name, kind.signals, sequenced=True, period_s=kind.period_s, source=SOURCE
            )
            for kind in ASSET_TYPES[TYPE].streams
        }
        return told["joints"], told["status"], told["safety"]


def attempts(recipe: Recipe, count: int, begin_ns: int, seq: Mapping[str, int] | None = None) -> Iterator[Attempt]:
    """``count`` attempts one after another from ``begin_ns``, a whole second; ``seq``: each stream's next number.

    Raises ScenarioError for an arm that cannot be simulated.
    """
    streams = recipe.streams()
    numbers = {one.id: (seq or {}).get(one.id, 0) for one in streams}
    counts = [0, 0]
    at_ns = begin_ns
    for index in range(count):
        one = _attempt(recipe, streams, index, at_ns, counts, numbers)
        counts[bool(one.cause)] += 1
        at_ns = one.next_ns
        yield one


def _attempt(  # noqa: PLR0913  what an attempt is a function of
    recipe: Recipe,
    streams: tuple[Stream, Stream, Stream],
    number: int,
    begin_ns: int,
    counts: list[int],
    seq: dict[str, int],
) -> Attempt:
    seed = int(random_of(recipe.seed, recipe.asset.id, "attempt", str(number)).integers(0, 1 << 62))
    random = random_of(seed, "parameters")
    parameters = drawn({**recipe.own(), **recipe.ranges}, random)
    random = random_of(seed, "fault")
    kind = chosen(recipe.faults, random)
    onset, how_bad = (round(float(one), DECIMALS) for one in random.random(2))
    cycle_ms = round(parameters["cycle_time"] * 1000)
    severity = round(_SEVERITY[0] + how_bad * (_SEVERITY[1] - _SEVERITY[0]), DECIMALS)
    task = task_of(recipe.asset, ())
    path = working_path(recipe.asset, seed, task=task, poses_rad=parameters["poses"])
    low, high = path.carries if kind is FaultKind.GRIP_LOST else _ONSET
    onset_ms = BEFORE_MS + round((low + onset * (high - low)) * cycle_ms)
    course = Course(((onset_ms, BEFORE_MS + cycle_ms + AFTER_MS, 0, severity),)) if kind is not None else NEVER
    shape = _Shape(cycle_ms, number, counts[0], counts[1])
    stops_ms = onset_ms if kind is FaultKind.GRIP_LOST else None
    arm = _Built(recipe, streams, seed, parameters, kind, course)
    truth, span = arm.truth(shape, stops_ms)
    if kind is FaultKind.AXIS_FRICTION:
        stops_ms = arm.saturated_ms(truth, onset_ms, BEFORE_MS + cycle_ms)
        if stops_ms is not None:
            truth, span = arm.truth(shape, stops_ms)
    end_ms = BEFORE_MS + cycle_ms if stops_ms is None else stops_ms + NOTICED_MS
    frames = arm.measured(truth, begin_ns, seq)
    wrong = (
        None if kind is None else Wrong(kind, begin_ns + onset_ms * NS_PER_MS, begin_ns + end_ms * NS_PER_MS, severity)
    )
    cause = kind.value if kind in _CAUSES and stops_ms is not None and kind is not None else ""
    return Attempt(
        number, seed, begin_ns + BEFORE_MS * NS_PER_MS, begin_ns + end_ms * NS_PER_MS,
        begin_ns + span.end_ms * NS_PER_MS, parameters, cause, wrong, frames,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shape:
    """An attempt's course: how long its work is, which one it is, and what was made before it."""

    cycle_ms: int
    number: int
    good: int
    scrap: int

    def track(self, stops_ms: int | None, *, lost: bool) -> Track[StationStep]:
        """What the station does: it waits, works, and is complete; or stops where something is wrong."""
        waits = StationStep(good=self.good, scrap=self.scrap, cycle_ms=self.cycle_ms, cycle=self.number + 1)
        rate = 1.0 / self.cycle_ms
        works = waits._replace(state=UnitState.EXECUTE, rate=rate)
        track = Track(waits)
        track.write(BEFORE_MS, works)
        if stops_ms is None:
            done = waits._replace(state=UnitState.COMPLETE, good=self.good + 1)
            track.write(BEFORE_MS + self.cycle_ms, done)
            return track
        stood_ms = stops_ms + NOTICED_MS
        if lost:
            track.write(stops_ms, works._replace(phase=(stops_ms - BEFORE_MS) * rate, lost=True))
        phase = (stood_ms - BEFORE_MS) * rate
        stands = waits._replace(state=UnitState.ABORTED, phase=phase, scrap=self.scrap + 1, lost=lost)
        track.write(stood_ms, stands)
        return track

    def span(self, stops_ms: int | None) -> Span:
        """All of it, in whole seconds."""
        end_ms = BEFORE_MS + self.cycle_ms if stops_ms is None else stops_ms + NOTICED_MS
        return Span(0, -(-(end_ms + AFTER_MS + _REST_MS) // STATUS_MS) * STATUS_MS, slow=False)


class _Built:
    """One arm with one attempt's parameters."""

    def __init__(  # noqa: PLR0913  what an arm is built from
        self,
        recipe: Recipe,
        streams: tuple[Stream, Stream, Stream],
        seed: int,
        parameters: Mapping[str, float],
        kind: FaultKind | None,
        course: Course,
    ) -> None:
        self._recipe = recipe
        self._streams = streams
        self._seed = seed
        self._parameters = parameters
        self._kind = kind
        self._course = course
        # The gear that fails is the arm's own, not the attempt's.
        self._axis = axis_of(recipe.seed, recipe.asset.id)
        self._geometry = ARM_MODELS[word(recipe.asset, "model", "ur10e")]

    def truth(self, shape: _Shape, stops_ms: int | None) -> tuple[list[Truth], Span]:
        """What truly was, over the attempt's whole time."""
        given, asset, joints = self._parameters, self._recipe.asset, self._geometry.joints
        path = working_path(asset, self._seed, task=task_of(asset, ()), poses_rad=given["poses"])
        warm = random_of(self._seed, "heat").uniform(0.5, 1.5, joints) * given["warm"]
        salt = random_of(self._seed, "stray").integers(0, 1 << 32, joints)
        part_kg = min(given["payload"], self._geometry.payload_kg - GRIPPER_KG)
        arm = Arm(
            asset, *self._streams, shape.track(stops_ms, lost=self._kind is FaultKind.GRIP_LOST), path, part_kg, salt,
            given["hall"] + warm, self._axis,
            self._course if self._kind is FaultKind.AXIS_FRICTION else NEVER,
            self._course if self._kind is FaultKind.AXIS_OVERHEATING else NEVER,
            given["friction"], given["stray"], given["hall"],
        )  # fmt: skip
        span = shape.span(stops_ms)
        return Arms(self._geometry, [arm], _Awake(self._recipe.site, 0)).sample(span), span

    def saturated_ms(self, truth: Sequence[Truth], from_ms: int, to_ms: int) -> int | None:
        """When the failing axis first needed more than its drive can give; None where it never did."""
        joints = truth[0]
        names = [one.name for one in joints.stream.columns]
        column = names.index(f"effort.joint_{self._axis + 1}")
        torque = np.abs(joints.values[:, column])
        most = DRIVE_RATIO * (joints.stream.columns[column].high or 0.0)
        here = (joints.t_ms >= from_ms) & (joints.t_ms < to_ms) & (torque >= most - _NEAR_N_M)
        return int(joints.t_ms[np.argmax(here)]) if here.any() else None

    def measured(self, truth: Sequence[Truth], begin_ns: int, seq: dict[str, int]) -> tuple[Frames, ...]:
        """What the sensors tell of it; ``seq`` moves on."""
        found = []
        for one in truth:
            noise = {name: sigma * self._parameters["noise"] for name, sigma in NOISE[TYPE].items()}
            values = SensorSet(one.stream, self._seed, noise).read(one.values)
            self._spoil(one, values)
            count, first = len(one.t_ms), seq[one.stream.id]
            seq[one.stream.id] = first + count
            t_ns = begin_ns + one.t_ms * NS_PER_MS
            number = np.arange(first, first + count, dtype=np.int64)
            quality = np.full(count, int(Quality.GOOD), np.int16)
            found.append(Frames(one.stream, t_ns, number, t_ns, values, quality, one.texts))
        return tuple(found)

    def _spoil(self, truth: Truth, values: NDArray[np.float64]) -> None:
        name = SENSORS[TYPE].format(axis=self._axis + 1)
        names = [one.name for one in truth.stream.columns]
        if self._kind in (FaultKind.SENSOR_STUCK, FaultKind.SENSOR_DRIFT, FaultKind.SENSOR_DROPOUT) and name in names:
            Ailment(self._kind, truth.stream, names.index(name), self._course).spoil(truth.t_ms, values)


class _Awake(Calendar):
    """A hall in which nobody rests: attempts are played whatever the time of day."""

    def rests(self, t_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Never."""
        return np.zeros(len(t_ms), np.bool_)
