"""VDA 5050 2.1 messages of a mobile robot and of its fleet master: values → payloads. The inverse of the decoder.

Pure functions. Each message carries its own count (``headerId``): the caller counts, from 0 on, a topic at
a time. Lengths are metres, angles radians, speeds m/s, ratios 0 to 1 (percent only on the wire).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from twin.clock import iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VERSION = "2.1.0"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Robot:
    """Who speaks, or is spoken to: identity is manufacturer and serial number."""

    manufacturer: str
    serial: str
    interface: str = "uagv"

    def topic(self, name: str) -> str:
        """The MQTT topic of a message of this robot, such as ``state`` (§ 6.5)."""
        return f"{self.interface}/v{VERSION[0]}/{self.manufacturer}/{self.serial}/{name}"

    def header(self, header_id: int, t_ns: int) -> dict[str, Any]:
        """The fields that open every message (§ 6.4); times to the millisecond."""
        return {
            "headerId": header_id,
            "timestamp": iso_from_ns(t_ns),
            "version": VERSION,
            "manufacturer": self.manufacturer,
            "serialNumber": self.serial,
        }


@dataclass(frozen=True, slots=True)
class Position:
    """Where a robot is on a map."""

    x_m: float
    y_m: float
    theta_rad: float
    map_id: str
    localized: bool = True

    def body(self) -> dict[str, Any]:
        """As ``agvPosition``."""
        place = {"x": self.x_m, "y": self.y_m, "theta": self.theta_rad, "mapId": self.map_id}
        return {**place, "positionInitialized": self.localized}


@dataclass(frozen=True, slots=True)
class Action:
    """An action of an order, or an instant action; ``parameters`` are its keys and values."""

    id: str
    type: str
    blocking: str = "HARD"
    parameters: Mapping[str, str | float | bool] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the standard's ``action``."""
        parameters = [{"key": key, "value": value} for key, value in self.parameters.items()]
        return {
            "actionId": self.id,
            "actionType": self.type,
            "blockingType": self.blocking,
            "actionParameters": parameters,
        }


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an order, or one still to be reached; ``sequence`` is even. Without ``x_m`` it has no position."""

    id: str
    sequence: int
    released: bool
    x_m: float | None = None
    y_m: float | None = None
    map_id: str = ""
    actions: tuple[Action, ...] = ()

    def body(self) -> dict[str, Any]:
        """What orders and states have in common."""
        found: dict[str, Any] = {"nodeId": self.id, "sequenceId": self.sequence, "released": self.released}
        if self.x_m is not None and self.y_m is not None:
            found["nodePosition"] = {"x": self.x_m, "y": self.y_m, "mapId": self.map_id}
        return found


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge of an order, or one still to be driven; ``sequence`` is odd."""

    id: str
    sequence: int
    released: bool
    start: str = ""
    end: str = ""
    actions: tuple[Action, ...] = ()

    def body(self) -> dict[str, Any]:
        """What orders and states have in common."""
        return {"edgeId": self.id, "sequenceId": self.sequence, "released": self.released}


@dataclass(frozen=True, slots=True)
class ActionStatus:
    """How far an action is: WAITING, INITIALIZING, RUNNING, PAUSED, FINISHED or FAILED."""

    id: str
    status: str
    type: str = ""
    result: str = ""

    def body(self) -> dict[str, Any]:
        """As the standard's ``actionState``."""
        told = {"actionId": self.id, "actionStatus": self.status}
        return told | {k: v for k, v in (("actionType", self.type), ("resultDescription", self.result)) if v}


@dataclass(frozen=True, slots=True)
class Fault:
    """An error: WARNING (the robot goes on) or FATAL (it needs a person)."""

    type: str
    level: str = "WARNING"
    description: str = ""
    references: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As the standard's ``error``."""
        references = [{"referenceKey": key, "referenceValue": value} for key, value in self.references.items()]
        told: dict[str, Any] = {"errorType": self.type, "errorLevel": self.level, "errorReferences": references}
        return told | ({"errorDescription": self.description} if self.description else {})


@dataclass(frozen=True, slots=True)
class Load:
    """What a robot carries."""

    id: str
    type: str = ""
    weight_kg: float | None = None

    def body(self) -> dict[str, Any]:
        """As the standard's ``load``."""
        told: dict[str, Any] = {"loadId": self.id}
        told |= {"loadType": self.type} if self.type else {}
        return told | ({} if self.weight_kg is None else {"weight": self.weight_kg})


@dataclass(frozen=True, slots=True)
class Status:
    """All that a ``state`` message says of a robot (§ 6.10)."""

    position: Position | None
    battery_ratio: float
    charging: bool = False
    order_id: str = ""
    order_update_id: int = 0
    last_node: str = ""
    last_node_sequence: int = 0
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    driving: bool = False
    paused: bool = False
    new_base_request: bool = False
    distance_since_last_node_m: float | None = None
    velocity: tuple[float, float, float] | None = None
    """vx, vy in m/s and omega in rad/s, in the robot's own frame."""
    actions: tuple[ActionStatus, ...] = ()
    faults: tuple[Fault, ...] = ()
    loads: tuple[Load, ...] = ()
    mode: str = "AUTOMATIC"
    e_stop: str = "NONE"
    field_violation: bool = False
    battery_voltage: float | None = None
    range_m: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a robot tells of itself in its ``factsheet`` (§ 6.15)."""

    series: str
    kinematic: str = "DIFF"
    robot_class: str = "CARRIER"
    max_load_kg: float = 0.0
    max_speed_m_s: float = 1.5
    max_acceleration_m_s2: float = 0.5
    length_m: float = 1.0
    width_m: float = 0.7
    height_m: float = 0.4
    action_types: tuple[str, ...] = ()
    state_interval_s: float = 30.0


def connection(robot: Robot, header_id: int, t_ns: int, word: str) -> bytes:
    """ONLINE, OFFLINE or (as a last will) CONNECTIONBROKEN; to be published retained, at QoS 1 (§ 6.14)."""
    return _encode({**robot.header(header_id, t_ns), "connectionState": word})


def visualization(
    robot: Robot,
    header_id: int,
    t_ns: int,
    position: Position,
    velocity: tuple[float, float, float] | None = None,
) -> bytes:
    """Position and velocity between two states, for display only (§ 6.11)."""
    body = {**robot.header(header_id, t_ns), "agvPosition": position.body()}
    return _encode(body if velocity is None else {**body, "velocity": _velocity(velocity)})


def state(robot: Robot, header_id: int, t_ns: int, status: Status) -> bytes:
    """The robot's whole state (§ 6.10): at each event, and every 30 s at least."""
    battery: dict[str, Any] = {"batteryCharge": status.battery_ratio * 100, "charging": status.charging}
    battery |= {} if status.battery_voltage is None else {"batteryVoltage": status.battery_voltage}
    battery |= {} if status.range_m is None else {"reach": status.range_m}
    body: dict[str, Any] = {
        **robot.header(header_id, t_ns),
        "orderId": status.order_id,
        "orderUpdateId": status.order_update_id,
        "lastNodeId": status.last_node,
        "lastNodeSequenceId": status.last_node_sequence,
        "nodeStates": [node.body() for node in status.nodes],
        "edgeStates": [edge.body() for edge in status.edges],
        "driving": status.driving,
        "paused": status.paused,
        "newBaseRequest": status.new_base_request,
        "loads": [load.body() for load in status.loads],
        "actionStates": [action.body() for action in status.actions],
        "batteryState": battery,
        "operatingMode": status.mode,
        "errors": [fault.body() for fault in status.faults],
        "information": [],
        "safetyState": {"eStop": status.e_stop, "fieldViolation": status.field_violation},
    }
    if status.position is not None:
        body["agvPosition"] = status.position.body()
    if status.velocity is not None:
        body["velocity"] = _velocity(status.velocity)
    if status.distance_since_last_node_m is not None:
        body["distanceSinceLastNode"] = status.distance_since_last_node_m
    return _encode(body)


def factsheet(robot: Robot, header_id: int, t_ns: int, facts: Facts) -> bytes:
    """What the robot is and can do (§ 6.15); to be published retained."""
    body = {
        **robot.header(header_id, t_ns),
        "typeSpecification": {
            "seriesName": facts.series,
            "agvKinematic": facts.kinematic,
            "agvClass": facts.robot_class,
            "maxLoadMass": facts.max_load_kg,
            "localizationTypes": ["NATURAL"],
            "navigationTypes": ["VIRTUAL_LINE_GUIDED"],
        },
        "physicalParameters": {
            "speedMin": 0.0,
            "speedMax": facts.max_speed_m_s,
            "accelerationMax": facts.max_acceleration_m_s2,
            "decelerationMax": facts.max_acceleration_m_s2,
            "heightMax": facts.height_m,
            "width": facts.width_m,
            "length": facts.length_m,
        },
        "protocolLimits": {
            "maxStringLens": {},
            "maxArrayLens": {},
            "timing": {
                "minOrderInterval": 1.0,
                "minStateInterval": 0.5,
                "defaultStateInterval": facts.state_interval_s,
            },
        },
        "protocolFeatures": {
            "optionalParameters": [],
            "agvActions": [{"actionType": name, "actionScopes": ["NODE"]} for name in facts.action_types],
        },
        "agvGeometry": {},
        "loadSpecification": {},
    }
    return _encode(body)


def order(  # noqa: PLR0913  an order has this many parts
    robot: Robot,
    header_id: int,
    t_ns: int,
    order_id: str,
    order_update_id: int,
    nodes: Sequence[Node],
    edges: Sequence[Edge],
) -> bytes:
    """The fleet master's order (§ 6.6): released nodes and edges are the base, the rest the horizon."""
    body = {
        **robot.header(header_id, t_ns),
        "orderId": order_id,
        "orderUpdateId": order_update_id,
        "nodes": [{**node.body(), "actions": [action.body() for action in node.actions]} for node in nodes],
        "edges": [
            {
                **edge.body(),
                "startNodeId": edge.start,
                "endNodeId": edge.end,
                "actions": [action.body() for action in edge.actions],
            }
            for edge in edges
        ],
    }
    return _encode(body)


def instant_actions(robot: Robot, header_id: int, t_ns: int, actions: Iterable[Action]) -> bytes:
    """Actions that the fleet master asks for at once (§ 6.9)."""
    return _encode({**robot.header(header_id, t_ns), "actions": [action.body() for action in actions]})


def _velocity(velocity: tuple[float, float, float]) -> dict[str, float]:
    return dict(zip(("vx", "vy", "omega"), velocity, strict=True))
