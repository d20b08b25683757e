"""Faults with known truth: what is to go wrong in a simulated plant, on which asset, when and how badly.

A fault is told beforehand, and the laws of motion ask for it: friction makes torque, torque makes heat,
a lost part stops its station. Only a sensor's fault is the sensor's. Nothing here draws a number, so that
a plant stays a function of (hub, faults, seed).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.clock import NS_PER_MS
from twin.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from twin.sample import Frames

_MS_PER_S = 1000


class FaultKind(StrEnum):
    """What can go wrong."""

    AXIS_FRICTION = "axis_friction"
    """The gear of one axis seizes: more torque wherever it moves, and with it more heat."""
    AXIS_OVERHEATING = "axis_overheating"
    """The brake of one axis drags: its motor grows hot."""
    GRIP_LOST = "grip_lost"
    """The gripper loses the next part that it lifts: the station stops, the part is scrap."""
    CONVEYOR_JAM = "conveyor_jam"
    """A part wedges on the belt: the motor stalls, its protection trips, the station before it is blocked."""
    SENSOR_STUCK = "sensor_stuck"
    """A sensor goes on telling what it told last."""
    SENSOR_DRIFT = "sensor_drift"
    """A sensor tells more and more too much."""
    SENSOR_DROPOUT = "sensor_dropout"
    """A sensor tells nothing, while its device goes on."""
    AMR_BLOCKED = "amr_blocked"
    """Something stands in the robot's protective field where it stops next."""
    AMR_LOW_BATTERY = "amr_low_battery"
    """Cells of the battery fail: little of its charge is left to use."""
    TOOL_WEAR = "tool_wear"
    """The tool wears fast and nobody changes it: more load, more vibration, scrap."""
    TOOL_BREAKAGE = "tool_breakage"
    """The tool breaks in the cut: the spindle shakes, the machine aborts, the part is scrap."""
    NETWORK_CUT = "network_cut"
    """The device is not heard. Behind an edge node all are cut; it keeps what it has, and tells it after."""


class Use(NamedTuple):
    """Which asset types a kind is for (() for all), how long it lasts where nothing is said, and its alarms.

    ``alarms`` are names of rules of the type; one of them at least is raised where it is worst.
    """

    types: tuple[str, ...]
    for_s: float
    alarms: tuple[str, ...]


SENSORS = {
    "robot_arm": "motor_temperature_{axis}",
    "machine_tool": "vibration",
    "conveyor": "motor_current",
    "energy_meter": "voltage",
    "environment": "air_pressure",
}
"""By asset type, the sensor that fails."""

USES: dict[FaultKind, Use] = {
    FaultKind.AXIS_FRICTION: Use(("robot_arm",), 300.0, ("torque_hihi", "torque_hi", "torque_unexpected")),
    FaultKind.AXIS_OVERHEATING: Use(("robot_arm",), 1500.0, ("motor_hot_hi", "motor_hot_hihi", "torque_unexpected")),
    FaultKind.GRIP_LOST: Use(("robot_arm",), 180.0, ("aborted",)),
    FaultKind.CONVEYOR_JAM: Use(("conveyor",), 180.0, ("overcurrent", "stopped_by_itself")),
    FaultKind.SENSOR_STUCK: Use(tuple(SENSORS), 900.0, ("sensor_stuck",)),
    FaultKind.SENSOR_DRIFT: Use(
        tuple(SENSORS), 900.0, ("motor_hot_hi", "vibration_hi", "current_high", "voltage_high", "air_pressure_high")
    ),
    FaultKind.SENSOR_DROPOUT: Use(tuple(SENSORS), 180.0, ("sensor_missing",)),
    FaultKind.AMR_BLOCKED: Use(("mobile_robot",), 420.0, ("held_too_long", "device_error", "blocked_too_long")),
    FaultKind.AMR_LOW_BATTERY: Use(("mobile_robot",), 600.0, ("battery_lo", "battery_lolo")),
    FaultKind.TOOL_WEAR: Use(("machine_tool",), 1500.0, ("tool_worn_hi", "tool_worn_hihi", "vibration_hi")),
    FaultKind.TOOL_BREAKAGE: Use(("machine_tool",), 300.0, ("vibration_hihi", "aborted")),
    FaultKind.NETWORK_CUT: Use((), 120.0, ("silent",)),
}
"""What is known of each kind."""

STRIKING = (FaultKind.GRIP_LOST, FaultKind.TOOL_BREAKAGE, FaultKind.AMR_BLOCKED)
"""These wait for their moment, a part in the gripper or a tool in the cut: the truth is when they struck."""
SENSOR_KINDS = (FaultKind.SENSOR_STUCK, FaultKind.SENSOR_DRIFT, FaultKind.SENSOR_DROPOUT)
AT_S = 30.0
"""When a fault begins where nothing is said, in seconds after the devices started."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, or with ``every_s`` one again and again.

    It begins ``at_s`` seconds after the devices started, lasts ``for_s`` (0: as long as its kind does), and
    is as bad as ``severity`` says: above 0, at most 1.
    """

    kind: FaultKind
    asset: str
    at_s: float = AT_S
    for_s: float = 0.0
    severity: float = 1.0
    every_s: float = 0.0

    @property
    def length_s(self) -> float:
        """How long it lasts."""
        return self.for_s or USES[self.kind].for_s


def problem_of(fault: Fault, asset_type: str) -> str:
    """What is wrong with a fault on an asset of that type, and what would be right; "" when nothing is."""
    types = USES[fault.kind].types
    if types and asset_type not in types:
        fitting = sorted(kind.value for kind, use in USES.items() if not use.types or asset_type in use.types)
        return (
            f"{fault.kind} happens to {', '.join(types)}, and this is of type {asset_type};"
            f" to that may happen: {', '.join(fitting)}"
        )
    numbers = (fault.at_s, fault.for_s, fault.severity, fault.every_s)
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        return "its times and its severity must be numbers of 0 or more"
    if not 0 < fault.severity <= 1:
        return f"severity {fault.severity:g} must be above 0 and at most 1"
    if fault.every_s and fault.every_s <= fault.length_s:
        return f"it lasts {fault.length_s:g} s, so it cannot come again every {fault.every_s:g} s"
    return ""


def near(asset: str, assets: Iterable[str]) -> str:
    """Which asset was meant."""
    found = difflib.get_close_matches(asset, assets, 1, 0.4)
    return f"did you mean {found[0]!r}?" if found else "one of [[site.asset]], with its site's id before it"


def fault_named(text: str, types: Mapping[str, str]) -> Fault:
    """Read ``KIND:ASSET[:at_s[:for_s[:severity]]]``; ``types`` gives the type of each asset that is simulated.

    Raises ScenarioError with what would be right.
    """
    kind, _, rest = text.partition(":")
    asset, *numbers = rest.split(":")
    if kind not in list(FaultKind):
        raise ScenarioError(f"fault {text!r}: there is no {kind!r}; there are: {', '.join(FaultKind)}")
    if not asset or len(numbers) > 3:
        raise ScenarioError(f"fault {text!r} must be KIND:ASSET[:at_s[:for_s[:severity]]]")
    if asset not in types:
        raise ScenarioError(f"fault {text!r}: no asset {asset!r} is simulated ({near(asset, types)})")
    try:
        at_s, for_s, severity = (
            float(number or default) for number, default in zip([*numbers, "", "", ""], (AT_S, 0.0, 1.0), strict=False)
        )
    except ValueError as error:
        raise ScenarioError(f"fault {text!r}: behind the asset come numbers, as in :60:120:0.8") from error
    fault = Fault(FaultKind(kind), asset, at_s, for_s, severity)
    problem = problem_of(fault, types[asset])
    if problem:
        raise ScenarioError(f"fault {text!r}: {problem}")
    return fault


class Spell(NamedTuple):
    """One time that a fault holds: [begin_ms, end_ms), in milliseconds since the plant's start."""

    begin_ms: int
    end_ms: int
    severity: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What truly was wrong: a fault that was asked for, or (``kind`` breakdown, obstacle) the plant's own.

    Of a fault that waits for its moment the begin is when it struck; one that never did is no trouble.

    [start_ns, end_ns) is when the cause was there; what follows from it may last longer.
    """

    kind: str
    asset: str
    start_ns: int
    end_ns: int
    severity: float = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """When one kind of fault holds on one asset: ``rows`` are (first begin, length, every, severity), in ms.

    Of two that hold together the one that began last counts.
    """

    rows: tuple[tuple[int, int, int, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)

    def at(self, t_ms: int) -> Spell | None:
        """The spell that holds at ``t_ms``."""
        holding = (spell for spell in self._begun(t_ms) if t_ms < spell.end_ms)
        return max(holding, default=None)

    def after(self, t_ms: int) -> Spell | None:
        """The spell that holds at ``t_ms``, or the next one."""
        coming: list[Spell] = []
        for first, length, every, severity in self.rows:
            begin = first if t_ms < first or not every else first + -(-(t_ms - first) // every) * every
            if begin >= t_ms:
                coming.append(Spell(begin, begin + length, severity))
        return self.at(t_ms) or min(coming, default=None)

    def between(self, begin_ms: int, end_ms: int) -> list[Spell]:
        """The spells that begin in [begin_ms, end_ms)."""
        found: list[Spell] = []
        for first, length, every, severity in self.rows:
            begin = first if not every or begin_ms <= first else first + -(-(begin_ms - first) // every) * every
            while begin_ms <= begin < end_ms:
                found.append(Spell(begin, begin + length, severity))
                if not every:
                    break
                begin += every
        return sorted(found)

    def over(self, t_ms: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """At each instant, milliseconds since the fault's onset (-1 where none holds) and severity (0 there)."""
        since = np.full(len(t_ms), -1, np.int64)
        severity = np.zeros(len(t_ms))
        for first, length, every, how_bad in self.rows:
            after = t_ms - first
            within = after % every if every else after
            here = (after >= 0) & (within < length) & ((since < 0) | (within < since))
            since[here] = within[here]
            severity[here] = how_bad
        return since, severity

    def _begun(self, t_ms: int) -> list[Spell]:
        found: list[Spell] = []
        for first, length, every, severity in self.rows:
            if t_ms >= first:
                begin = first + (t_ms - first) // every * every if every else first
                found.append(Spell(begin, begin + length, severity))
        return found


NEVER = Course()


class Faults:
    """The faults of a plant. Frozen: ``zero_ms`` after the plant's start is when the devices started."""

    def __init__(self, faults: Iterable[Fault] = (), *, zero_ms: int = 0) -> None:
        rows: dict[tuple[FaultKind, str], list[tuple[int, int, int, float]]] = {}
        for fault in faults:
            whole = (round(seconds * _MS_PER_S) for seconds in (fault.at_s, fault.length_s, fault.every_s))
            at_ms, length_ms, every_ms = whole
            row = (zero_ms + at_ms, max(1, length_ms), every_ms, fault.severity)
            rows.setdefault((fault.kind, fault.asset), []).append(row)
        self._courses = {key: Course(tuple(found)) for key, found in sorted(rows.items())}
        self.assets = frozenset(asset for _, asset in rows)

    def of(self, kind: FaultKind, asset: str) -> Course:
        """When that kind holds on that asset."""
        return self._courses.get((kind, asset), NEVER)

    def between(self, begin_ms: int, end_ms: int) -> list[tuple[FaultKind, str, Spell]]:
        """What begins in [begin_ms, end_ms), but for what waits for its moment."""
        return [
            (kind, asset, spell)
            for (kind, asset), course in self._courses.items()
            if kind not in STRIKING
            for spell in course.between(begin_ms, end_ms)
        ]

    def is_cut(self, asset: str, t_ms: int) -> bool:
        """Whether the network of an asset is cut."""
        return self.of(FaultKind.NETWORK_CUT, asset).at(t_ms) is not None

    def heard(self, part: Frames, start_ns: int) -> Frames:
        """What is heard of frames whose plant started at ``start_ns``: nothing while the network is cut."""
        course = self.of(FaultKind.NETWORK_CUT, part.stream.asset)
        if not course:
            return part
        since, _ = course.over((part.t_ns - start_ns) // NS_PER_MS)
        return part if (since < 0).all() else part.take(np.flatnonzero(since < 0))


def ns_of(start_ns: int, t_ms: int) -> int:
    """A plant's time as UTC."""
    return start_ns + t_ms * NS_PER_MS


def ms_of(start_ns: int, t_ns: int) -> int:
    """UTC as a plant's time, rounded down."""
    return (t_ns - start_ns) // NS_PER_MS
