"""Robot arms: minimum-jerk cycles in step with their stations, torques by inverse dynamics, heat.

An arm moves only while its station executes, holds still at home while the station waits, and stands
where it is while the station is broken down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.errors import ScenarioError
from twin.packml import UnitState
from twin.simulation.ailments import axis_of
from twin.simulation.attributes import number, word
from twin.simulation.calendar import MS_PER_S
from twin.simulation.dynamics import Friction, inverse_dynamics_n_m
from twin.simulation.faults import NEVER, FaultKind
from twin.simulation.laws import STATUS_MS, Truth
from twin.simulation.paths import JointPath, Move
from twin.simulation.sensors import follow, random_of
from twin.spatial import ARM_MODELS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.calendar import Calendar
    from twin.simulation.faults import Course, Faults
    from twin.simulation.laws import Span
    from twin.simulation.line import StationStep
    from twin.simulation.tracks import Track
    from twin.site import Asset
    from twin.spatial import ArmGeometry

    Rows = NDArray[np.float64]

JOINTS_MS = 50
OPEN_M = 0.078
CLOSED_M = 0.036
_CONTACT_M = 0.046
"""A part is this wide: from here on the gripper squeezes it."""
_GRIP_N_PER_M = 14_000.0
GRIPPER_KG = 1.0
FRICTION = Friction((9.0, 10.0, 6.5, 2.2, 2.0, 1.6), (11.0, 12.0, 7.5, 2.1, 1.9, 1.5))
_HEAT_S = (1900.0, 1900.0, 1500.0, 1000.0, 1000.0, 900.0)
"""Time constants of the motors' temperatures."""
_HEAT_KEEP: Rows = np.round(np.exp(np.array([-1.0 / after_s for after_s in _HEAT_S])), 12)
"""What is left of a difference in temperature after one second."""
_HEAT_CELSIUS = (0.0016, 0.00085, 0.0021, 0.0105, 0.022, 0.05)
"""Rise above the hall's temperature in balance, a square of the torque in N·m."""
_HEAT_IDLE_CELSIUS = 6.0
_HALL_CELSIUS = 23.0
_STANDBY_W = 180.0
_EFFICIENCY = 0.72
_COPPER_W = (0.0042, 0.0031, 0.0058, 0.022, 0.022, 0.022)
_STRAY_RAD = 0.012
"""How far a joint strays from the taught path at most, in the middle of a cycle."""
_SPREAD, _SPREAD_RANGE = 2_654_435_761, 1 << 32
"""Knuth's multiplicative hash: consecutive cycles land far apart."""
_TOGETHER = 7
"""How many arms are reckoned in one go: more is less work a row, fewer is a shorter live step."""
MODE = "Production"
_COMES_AFTER_MS = 20_000
"""How long an arm stands broken down until somebody opens its guard."""
_SEIZED_RATIO = 2.0
"""At its worst the friction of a seized gear is this many times the torque that its joint may have."""
DRIVE_RATIO = 1.2
"""What a joint's drive can give, as a share of the torque that the joint may have."""
_SEIZES_MS = 20_000
_DRAG_CELSIUS = 160.0
"""At its worst a dragging brake warms its motor by this much in balance."""
_DRAG_RATIO = 0.05

_HOME = (0.0, -1.57, 1.57, -1.57, -1.57, 0.0)


def _tool_down(base: float, shoulder: float, elbow: float, spin: float = 0.0) -> tuple[float, ...]:
    """A pose whose tool points straight down: wrist 1 makes up for shoulder and elbow."""
    return (base, shoulder, elbow, -1.5708 - shoulder - elbow, -1.5708, spin)


_OVER_PICK, _AT_PICK = _tool_down(0.95, -1.32, 1.72, 0.95), _tool_down(0.95, -1.10, 1.96, 0.95)
_OVER_PLACE, _AT_PLACE = _tool_down(-0.98, -1.28, 1.66, -0.98), _tool_down(-0.98, -1.05, 1.90, -0.98)
_TRANSFER = _tool_down(0.0, -1.48, 1.44)
_SEAM = (
    (-0.32, -1.02, 1.62, -2.05, -1.40, 0.30),
    (0.02, -0.96, 1.55, -2.15, -1.62, 0.72),
    (0.34, -1.04, 1.66, -2.30, -1.74, 0.20),
    (0.10, -1.16, 1.80, -2.35, -1.52, -0.45),
)

_Plan = tuple[str, float, tuple[float, ...], float, bool]


def _cycle_plan(task: str) -> list[_Plan]:
    """Moves of a task as (step, share of the cycle, pose, gripper's opening at its end, holds a part)."""
    take: list[_Plan] = [
        ("approach", 2.6, _OVER_PICK, OPEN_M, False),
        ("approach", 1.6, _AT_PICK, OPEN_M, False),
        ("grip", 1.4, _AT_PICK, CLOSED_M, False),
        ("transfer", 1.5, _OVER_PICK, CLOSED_M, True),
        ("transfer", 2.2, _TRANSFER, CLOSED_M, True),
    ]
    give: list[_Plan] = [
        ("place", 2.8, _OVER_PLACE, CLOSED_M, True),
        ("place", 1.6, _AT_PLACE, CLOSED_M, True),
        ("place", 1.2, _AT_PLACE, OPEN_M, False),
        ("home", 1.3, _OVER_PLACE, OPEN_M, False),
        ("home", 2.6, _HOME, OPEN_M, False),
    ]
    if task == "tend":
        return [*take, *give]
    seconds = 3.4 if task == "weld" else 2.2
    seams: list[_Plan] = [(task, seconds, pose, CLOSED_M, True) for pose in (*_SEAM, *_SEAM[:2])]
    return [*take, *seams, *give]


def working_path(asset: Asset, seed: int, *, task: str, poses_rad: float = 0.05) -> JointPath:
    """The cycle of one arm: the task's poses, each up to ``poses_rad`` its own way, on the arm's own timing."""
    random = random_of(seed, asset.id, "path")
    plan = _cycle_plan(task)
    # Poses repeat (over the part, at the part): each distinct one is shifted once.
    shifts = {
        pose: random.uniform(-poses_rad, poses_rad, len(pose)) for pose in dict.fromkeys(step[2] for step in plan)
    }
    shares = np.array([share for _, share, _, _, _ in plan]) * random.uniform(0.92, 1.08, len(plan))
    ends = np.round(np.cumsum(shares) / shares.sum(), 6)
    ends[-1] = 1.0
    return JointPath(
        tuple(
            Move(name, float(end), tuple(np.round(np.array(pose) + shifts[pose], 4).tolist()), opening, holds)
            for (name, _, pose, opening, holds), end in zip(plan, ends, strict=True)
        )
    )


def task_of(asset: Asset, tending: Collection[str]) -> str:
    """What an arm does; ``tending`` are the ids of those that serve machine tools."""
    return "tend" if asset.id in tending else word(asset, "task", "weld")


@dataclass(slots=True, eq=False)
class Arm:
    """One simulated arm: its asset, its streams, its station's track, its path.

    ``salt`` int64 (joints,) makes its cycles differ from each other in its own way;
    ``heat`` is the motors' temperatures at the end of the last span, one a joint. ``axis`` is the one that
    fails, ``seizes`` and ``drags`` when it does. ``friction`` and ``stray`` are times the usual ones.
    """

    asset: Asset
    joints: Stream
    status: Stream
    safety: Stream
    track: Track[StationStep]
    path: JointPath
    part_kg: float
    salt: NDArray[np.int64]
    heat: Rows
    axis: int = 0
    seizes: Course = NEVER
    drags: Course = NEVER
    friction: float = 1.0
    stray: float = 1.0
    hall_celsius: float = _HALL_CELSIUS


class Arms:
    """Some arms of one geometry in a site. Mutable: the motors' heat moves on with every span."""

    def __init__(self, geometry: ArmGeometry, arms: Sequence[Arm], calendar: Calendar) -> None:
        self._geometry = geometry
        self._arms = tuple(arms)
        self._calendar = calendar
        self.streams = tuple(stream for arm in arms for stream in (arm.joints, arm.status, arm.safety))

    def sample(self, span: Span) -> list[Truth]:
        """The truth of every arm: joints at 20 Hz (1 Hz when slow), status and safety at 1 Hz."""
        t_ms = span.grid(STATUS_MS if span.slow else JOINTS_MS)
        seconds = span.grid(STATUS_MS)
        every = len(t_ms) // len(seconds)
        moving = [_Moving(arm, t_ms) for arm in self._arms]
        position = np.concatenate([arm.position for arm in moving])
        speed = np.concatenate([arm.speed for arm in moving])
        acceleration = np.concatenate([arm.acceleration for arm in moving])
        load_kg = np.concatenate([arm.load_kg for arm in moving])
        torque = inverse_dynamics_n_m(self._geometry, position, speed, acceleration, load_kg)
        rubbing = FRICTION.torque_n_m(speed)
        if any(arm.friction != 1.0 for arm in self._arms):
            rubbing *= np.repeat([arm.friction for arm in self._arms], len(t_ms))[:, None]
        torque += rubbing
        resting = self._calendar.rests(seconds)
        told: list[Truth] = []
        for place, (arm, motion) in enumerate(zip(self._arms, moving, strict=True)):
            rows = slice(place * len(t_ms), (place + 1) * len(t_ms))
            own = torque[rows]
            if arm.seizes or arm.drags:
                _resist(arm, t_ms, motion.speed[:, arm.axis], own)
            columns = (motion.position, motion.opening, motion.speed, motion.opening_speed, own, motion.force)
            told.append(Truth(arm.joints, t_ms, np.column_stack(columns)))
            told.append(self._status(span, arm, motion, own[::every], seconds, resting, every))
            told.append(Truth(arm.safety, seconds, _safety(arm, seconds, motion.index[::every])))
        return told

    def _status(  # noqa: PLR0913  one row of it needs all of these
        self,
        span: Span,
        arm: Arm,
        motion: _Moving,
        torque: Rows,
        seconds: NDArray[np.int64],
        resting: NDArray[np.bool_],
        every: int,
    ) -> Truth:
        square = torque * torque
        copper = np.zeros(len(seconds))
        shaft = np.zeros(len(seconds))
        for joint in range(self._geometry.joints):
            copper += square[:, joint] * _COPPER_W[joint]
            shaft += np.abs(torque[:, joint] * motion.speed[::every, joint])
        power = _STANDBY_W + copper + shaft / _EFFICIENCY
        span.power_w[arm.asset.id] = power
        target = arm.hall_celsius + _HEAT_IDLE_CELSIUS + square * np.array(_HEAT_CELSIUS)
        if arm.drags:
            target[:, arm.axis] += _DRAG_CELSIUS * arm.drags.over(seconds)[1]
        heat = follow(target, _HEAT_KEEP, arm.heat)
        steps = [arm.track.steps[i] for i in motion.index[::every]]
        values = np.column_stack(
            (
                [step.good for step in steps],
                [step.scrap for step in steps],
                [step.cycle_ms / MS_PER_S for step in steps],
                power,
                heat,
            )
        )
        names = arm.path.steps
        texts = tuple(
            (shown_state(step.state, rests=rests), MODE, names[move] if _is_at_work(step.state) else "home")
            for step, rests, move in zip(steps, resting.tolist(), motion.move[::every].tolist(), strict=True)
        )
        return Truth(arm.status, seconds, values, texts)

    def forget(self, before_ms: int) -> None:
        """Nothing: the tracks belong to the lines."""


def _safety(arm: Arm, seconds: NDArray[np.int64], index: NDArray[np.intp]) -> Rows:
    """Emergency stop, protective stop, guard open, field violated: (n, 4) of 0 and 1.

    A breakdown stops the arm by its protection until somebody comes, opens the guard and stands in the field.
    """
    steps = arm.track.steps
    broken = np.array([step.state is UnitState.ABORTED for step in steps])[index]
    since_ms = seconds - np.array(arm.track.times)[index]
    open_guard = broken & (since_ms >= _COMES_AFTER_MS)
    return np.column_stack((np.zeros(len(seconds)), broken & ~open_guard, open_guard, open_guard))


def _resist(arm: Arm, t_ms: NDArray[np.int64], speed: Rows, torque: Rows) -> None:
    """Add what a failing axis needs to move to the torques (n, joints), in place; its drive has an end."""
    since, seized = arm.seizes.over(t_ms)
    _, dragging = arm.drags.over(t_ms)
    limit_n_m = next(
        signal.high or 0.0 for signal in arm.joints.columns if signal.name == f"effort.joint_{arm.axis + 1}"
    )
    grown = np.clip(since / _SEIZES_MS, 0.0, 1.0)
    extra = (seized * grown * _SEIZED_RATIO + dragging * _DRAG_RATIO) * limit_n_m
    most = DRIVE_RATIO * limit_n_m
    failing = extra > 0.0
    needed = np.clip(torque[:, arm.axis] + extra * np.tanh(speed / FRICTION.smooth_rad_s), -most, most)
    torque[failing, arm.axis] = needed[failing]


def shown_state(state: UnitState, *, rests: bool) -> str:
    """A station that waits through a planned stop is stopped, whatever it waits for."""
    return UnitState.STOPPED.value if rests and state is UnitState.SUSPENDED else state.value


def _is_at_work(state: UnitState) -> bool:
    return state in (UnitState.EXECUTE, UnitState.ABORTED)


def station_phase(track: Track[StationStep], t_ms: NDArray[np.int64]) -> tuple[NDArray[np.intp], Rows, Rows, Rows]:
    """Which step a station is in, its phase, and the phase's derivatives by seconds: each (n,)."""
    index = track.index(t_ms)
    table = np.array([(step.phase, step.rate, step.bend) for step in track.steps])[index]
    after_ms = (t_ms - np.array(track.times)[index]).astype(np.float64)
    phase = table[:, 0] + after_ms * (table[:, 1] + 0.5 * table[:, 2] * after_ms)
    rate = (table[:, 1] + table[:, 2] * after_ms) * MS_PER_S
    return index, np.clip(phase, 0.0, 1.0), rate, table[:, 2] * (MS_PER_S * MS_PER_S)


def _variation(arm: Arm, cycle: NDArray[np.int64], phase: Rows) -> tuple[Rows, Rows, Rows]:
    """How a cycle strays from the taught path, as a real one does: (n, joints) and by-phase derivatives.

    It swells from nothing at the cycle's start and fades to nothing at its end; how far each joint
    strays comes from whole numbers, so that it needs no memory of the cycles before.
    """
    drawn = (cycle[:, None] * _SPREAD + arm.salt) % _SPREAD_RANGE
    reach = arm.stray * _STRAY_RAD * (2.0 * drawn / _SPREAD_RANGE - 1.0)
    rest = 1.0 - phase
    swell = 16.0 * phase * phase * rest * rest
    slope = 32.0 * phase * rest * (1.0 - 2.0 * phase)
    bend = 32.0 * (1.0 - 6.0 * phase * rest)
    return reach * swell[:, None], reach * slope[:, None], reach * bend[:, None]


class _Moving:
    """One arm's motion over n instants: positions, speeds, accelerations (n, 6), gripper (n,)."""

    def __init__(self, arm: Arm, t_ms: NDArray[np.int64]) -> None:
        self.index, phase, rate, bend = station_phase(arm.track, t_ms)
        path = arm.path.at(phase)
        self.move = path.move
        cycle = np.array([step.cycle for step in arm.track.steps], np.int64)[self.index]
        stray, stray_slope, stray_bend = _variation(arm, cycle, phase)
        slope = path.slope + stray_slope
        self.position = path.position + stray
        self.speed = slope * rate[:, None]
        self.acceleration = (path.bend + stray_bend) * (rate * rate)[:, None] + slope * bend[:, None]
        self.opening = path.opening
        self.opening_speed = path.opening_slope * rate
        has = ~np.array([step.lost for step in arm.track.steps])[self.index]
        self.force = np.maximum(_CONTACT_M - path.opening, 0.0) * _GRIP_N_PER_M * has
        self.load_kg = GRIPPER_KG + arm.part_kg * (path.holds & has)


def build_arms(  # noqa: PLR0913  what an arm is built from
    assets: Sequence[Asset],
    tracks: dict[str, Track[StationStep]],
    streams: dict[str, dict[str, Stream]],
    calendar: Calendar,
    seed: int,
    *,
    tending: Collection[str],
    faults: Faults,
) -> list[Arms]:
    """Arms by geometry; ``tending`` are the ids of those that serve machine tools.

    Raises ScenarioError for a model that nobody published to us.
    """
    by_model: dict[str, list[Arm]] = {}
    for asset in assets:
        model = word(asset, "model", "ur10e")
        if model not in ARM_MODELS:
            raise ScenarioError(f"{asset.id}: no arm model {model!r}; there are: {', '.join(sorted(ARM_MODELS))}")
        part_kg = number(asset, "part_kg", 4.5, low=0.0, high=ARM_MODELS[model].payload_kg - GRIPPER_KG)
        own = streams[asset.id]
        warm = random_of(seed, asset.id, "heat").uniform(3.0, 9.0, ARM_MODELS[model].joints)
        path = working_path(asset, seed, task=task_of(asset, tending))
        salt = random_of(seed, asset.id, "stray").integers(0, _SPREAD_RANGE, ARM_MODELS[model].joints)
        failing = (
            axis_of(seed, asset.id),
            faults.of(FaultKind.AXIS_FRICTION, asset.id),
            faults.of(FaultKind.AXIS_OVERHEATING, asset.id),
        )
        heat = _HALL_CELSIUS + warm
        sent = (own["joints"], own["status"], own["safety"])
        arm = Arm(asset, *sent, tracks[asset.id], path, part_kg, salt, heat, *failing)
        by_model.setdefault(model, []).append(arm)
    return [
        Arms(ARM_MODELS[model], arms[first : first + _TOGETHER], calendar)
        for model, arms in by_model.items()
        for first in range(0, len(arms), _TOGETHER)
    ]
