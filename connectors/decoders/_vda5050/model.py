"""One model of a mobile robot's state, whichever version of VDA 5050 it speaks.

Words are those of 3.0 (``CONNECTION_BROKEN``, ``TEACH_IN``); numbers are SI, charges are ratios. What is
missing or of another type than the standard says is absent here, and told as a fault by `rules`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twin.errors import DecodeError
from twin.packml import UnitState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_ITEMS = 1000
"""How many nodes, edges, actions, errors or loads one message may list."""
MAX_TEXT = 500
_MAX_NUMBER = 2**53
_CONNECTION_WORDS = {"CONNECTIONBROKEN": "CONNECTION_BROKEN"}
_MODE_WORDS = {"TEACHIN": "TEACH_IN"}
_RUNNING = frozenset({"INITIALIZING", "RUNNING"})
ENDED = frozenset({"FINISHED", "FAILED"})
UNIT_MODES = {
    "AUTOMATIC": "Production",
    "SEMIAUTOMATIC": "Production",
    "STARTUP": "Production",
    "INTERVENED": "Manual",
    "MANUAL": "Manual",
    "TEACH_IN": "Manual",
    "SERVICE": "Maintenance",
}
"""Operating mode → unit mode (ISA-TR88.00.02)."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a robot is: metres and radians on a map; None is not told."""

    x: float | None
    y: float | None
    theta: float | None
    map_id: str
    localized: bool | None
    score: float | None
    deviation_m: float | None


@dataclass(frozen=True, slots=True)
class Velocity:
    """How fast it goes, in its own frame: m/s and rad/s; None is not told."""

    vx: float | None = None
    vy: float | None = None
    omega: float | None = None

    @property
    def speed(self) -> float | None:
        """The length of (vx, vy); None where neither is told."""
        if self.vx is None and self.vy is None:
            return None
        return math.hypot(self.vx or 0.0, self.vy or 0.0)


@dataclass(frozen=True, slots=True)
class ActionState:
    """An action and how far it is; instant and zone actions too."""

    id: str
    type: str
    status: str
    result: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of ``errors``."""

    type: str
    level: str
    references: tuple[tuple[str, str], ...]
    description: str

    @property
    def key(self) -> str:
        """What kind of error it is: the same on every order and at every node, as an operator counts it."""
        return f"{self.level} {self.type}"

    @property
    def told(self) -> str:
        """Its description, and what it refers to."""
        told = ",".join(f"{name}={value}" for name, value in self.references)
        return f"{self.description} ({told})".strip() if told else self.description


@dataclass(frozen=True, slots=True)
class Stop:
    """A node still to be reached, with its position where the message has it."""

    id: str
    sequence: int
    released: bool
    x: float | None
    y: float | None


@dataclass(frozen=True, slots=True)
class Way:
    """An edge still to be driven; ``points`` are its trajectory in metres, () for a straight line."""

    id: str
    sequence: int
    released: bool
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole ``state`` message. It replaces the one before: what it lacks is not known any more."""

    order_id: str
    order_update_id: int | None
    last_node: str
    last_node_sequence: int | None
    stops: tuple[Stop, ...]
    ways: tuple[Way, ...]
    path: tuple[tuple[float, float], ...]
    pose: Pose | None
    velocity: Velocity
    driving: bool | None
    paused: bool | None
    new_base_request: bool | None
    distance_m: float | None
    actions: tuple[ActionState, ...]
    faults: tuple[Fault, ...]
    battery: float | None
    battery_voltage: float | None
    battery_current: float | None
    battery_health: float | None
    charging: bool | None
    range_m: float | None
    mode: str
    e_stop: str
    field_violation: bool | None
    loads: int | None
    load_kg: float | None
    zone_set: str

    @property
    def unit_state(self) -> UnitState:
        """The PackML state: the first line that holds of the table in `vda5050`'s docstring."""
        return next((state for holds, state in self._conditions() if holds), UnitState.IDLE)

    def _conditions(self) -> Iterator[tuple[object, UnitState]]:
        levels = {fault.level for fault in self.faults}
        yield self.e_stop not in ("", "NONE") or "FATAL" in levels, UnitState.ABORTED
        yield "CRITICAL" in levels or self.paused or self.mode == "INTERVENED", UnitState.HELD
        yield self.mode == "STARTUP", UnitState.STARTING
        yield self.field_violation, UnitState.SUSPENDED
        yield self.driving or any(action.status in _RUNNING for action in self.actions), UnitState.EXECUTE
        yield UNIT_MODES.get(self.mode) in ("Manual", "Maintenance"), UnitState.STOPPED
        waits = any(action.status not in ENDED for action in self.actions)
        yield self.stops or self.ways or waits, UnitState.SUSPENDED
        yield self.driving is None and not self.mode, UnitState.UNDEFINED


def snapshot(body: Mapping[str, Any]) -> Snapshot:
    """Read a ``state`` message of any version; raises DecodeError (too_many_values, nul)."""
    battery = _object(body, "powerSupply") or _object(body, "batteryState")
    safety = _object(body, "safetyState")
    mode = text(body, "operatingMode")
    loads = [load for load in items(body, "loads") if type(load) is dict] if "loads" in body else None
    charge = number(battery, "stateOfCharge")
    if charge is None:
        charge = number(battery, "batteryCharge")
    health = number(battery, "batteryHealth")
    reach = number(battery, "range")
    stops = tuple(stop(node) for node in items(body, "nodeStates") if type(node) is dict)
    ways = tuple(way(edge) for edge in items(body, "edgeStates") if type(edge) is dict)
    return Snapshot(
        order_id=text(body, "orderId"),
        order_update_id=whole(body, "orderUpdateId"),
        last_node=text(body, "lastNodeId"),
        last_node_sequence=whole(body, "lastNodeSequenceId"),
        stops=stops,
        ways=ways,
        path=_path(body),
        pose=pose(body),
        velocity=velocity(body),
        driving=flag(body, "driving"),
        paused=flag(body, "paused"),
        new_base_request=flag(body, "newBaseRequest"),
        distance_m=number(body, "distanceSinceLastNode"),
        actions=_actions(body),
        faults=tuple(_fault(error) for error in items(body, "errors") if type(error) is dict),
        battery=None if charge is None else charge / 100,
        battery_voltage=number(battery, "batteryVoltage"),
        battery_current=number(battery, "batteryCurrent"),
        battery_health=None if health is None else health / 100,
        charging=flag(battery, "charging"),
        range_m=number(battery, "reach") if reach is None else reach,
        mode=_MODE_WORDS.get(mode, mode),
        e_stop=text(safety, "activeEmergencyStop") or text(safety, "eStop"),
        field_violation=flag(safety, "fieldViolation"),
        loads=None if loads is None else len(loads),
        load_kg=_weight(loads),
        zone_set=text(body, "zoneSetId") or _zone_sets(body),
    )


def _weight(loads: list[Any] | None) -> float | None:
    """What all loads weigh that tell it; None where none of them does."""
    told = [weight for load in loads or () if (weight := number(load, "weight")) is not None]
    return sum(told) if told or loads == [] else None


def connection_state(body: Mapping[str, Any]) -> str:
    """The word of a ``connection`` message, as 3.0 writes it; raises DecodeError (schema) where there is none."""
    word = text(body, "connectionState")
    if not word:
        raise DecodeError("schema", "no connectionState in it")
    return _CONNECTION_WORDS.get(word, word)


def pose(body: Mapping[str, Any]) -> Pose | None:
    """The robot's position (``mobileRobotPosition`` or ``agvPosition``); None where there is none."""
    told = _object(body, "mobileRobotPosition") or _object(body, "agvPosition")
    if not told:
        return None
    localized = flag(told, "localized")
    return Pose(
        number(told, "x"),
        number(told, "y"),
        number(told, "theta"),
        text(told, "mapId"),
        flag(told, "positionInitialized") if localized is None else localized,
        number(told, "localizationScore"),
        number(told, "deviationRange"),
    )


def velocity(body: Mapping[str, Any]) -> Velocity:
    """The robot's velocity."""
    told = _object(body, "velocity")
    return Velocity(number(told, "vx"), number(told, "vy"), number(told, "omega")) if told else _STANDING


_STANDING = Velocity()


def stop(node: Mapping[str, Any]) -> Stop:
    """A node of an order, or a node state."""
    position = _object(node, "nodePosition")
    return Stop(
        text(node, "nodeId"),
        whole(node, "sequenceId") or 0,
        flag(node, "released") is True,
        number(position, "x"),
        number(position, "y"),
    )


def way(edge: Mapping[str, Any]) -> Way:
    """An edge of an order, or an edge state."""
    trajectory = _object(edge, "trajectory")
    return Way(
        text(edge, "edgeId"),
        whole(edge, "sequenceId") or 0,
        flag(edge, "released") is True,
        curve(trajectory) if trajectory else (),
    )


def curve(trajectory: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """A trajectory (NURBS, VDA 5050 § 6.7) as points: its ends, and its control points for what lies between.

    The control polygon holds the curve in its hull and is what a floor plan needs; nothing drives by it.
    """
    points = []
    for point in items(trajectory, "controlPoints"):
        if type(point) is dict:
            x, y = number(point, "x"), number(point, "y")
            if x is not None and y is not None:
                points.append((x, y))
    return tuple(points)


def _path(body: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """The way that a freely navigating robot plans (3.0)."""
    planned = _object(_object(body, "plannedPath"), "trajectory")
    if planned:
        return curve(planned)
    return curve({"controlPoints": items(_object(body, "intermediatePath"), "polyline")})


def _actions(body: Mapping[str, Any]) -> tuple[ActionState, ...]:
    listed = items(body, "actionStates")
    if "instantActionStates" in body or "zoneActionStates" in body:
        listed = [*listed, *items(body, "instantActionStates"), *items(body, "zoneActionStates")]
    return tuple(
        ActionState(
            text(action, "actionId"),
            text(action, "actionType"),
            text(action, "actionStatus"),
            text(action, "actionResult") or text(action, "resultDescription"),
        )
        for action in listed
        if type(action) is dict
    )


def _fault(error: Mapping[str, Any]) -> Fault:
    references = tuple(
        (text(one, "referenceKey"), text(one, "referenceValue"))
        for one in items(error, "errorReferences")
        if type(one) is dict
    )
    return Fault(text(error, "errorType"), text(error, "errorLevel"), references, text(error, "errorDescription"))


def _zone_sets(body: Mapping[str, Any]) -> str:
    enabled = [one for one in items(body, "zoneSets") if type(one) is dict and one.get("zoneSetStatus") == "ENABLED"]
    return ",".join(text(one, "zoneSetId") for one in enabled)[:MAX_TEXT]


_EMPTY: dict[str, Any] = {}


def _object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    return value if type(value) is dict else _EMPTY


def items(body: Mapping[str, Any], name: str) -> list[Any]:
    """A list of the message, [] for none; raises DecodeError (too_many_values)."""
    value = body.get(name)
    if type(value) is not list:
        return []
    if len(value) > MAX_ITEMS:
        raise DecodeError("too_many_values", f"{name}: {len(value)} items, at most {MAX_ITEMS} are taken")
    return value


def text(body: Mapping[str, Any], name: str) -> str:
    """A text of the message, cut at `MAX_TEXT`, "" for none; raises DecodeError (nul)."""
    value = body.get(name)
    if type(value) is not str:
        return ""
    if "\0" in value:
        raise DecodeError("nul", f"{name}: a NUL character")
    return value[:MAX_TEXT]


def number(body: Mapping[str, Any], name: str) -> float | None:
    """A number of the message; None where there is none, or one that no float64 holds exactly."""
    value = body.get(name)
    kind = type(value)
    if kind is float:
        return value
    if kind is int and -_MAX_NUMBER <= value <= _MAX_NUMBER:  # type: ignore[operator]
        return float(value)  # type: ignore[arg-type]
    return None


def whole(body: Mapping[str, Any], name: str) -> int | None:
    """A whole number of the message that float64 holds exactly; None where there is none."""
    value = body.get(name)
    return value if type(value) is int and -_MAX_NUMBER <= value <= _MAX_NUMBER else None


def flag(body: Mapping[str, Any], name: str) -> bool | None:
    """A truth value of the message; None where there is none."""
    value = body.get(name)
    return value if type(value) is bool else None
