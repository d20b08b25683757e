"""Which streams a mobile robot that speaks VDA 5050 has, and how a message fills them.

pose           x, y, yaw, speed: from ``visualization`` and from ``state``, by the device's time
visualization  velocity and localization of each ``visualization``, counted by its headerId
state          the snapshot of each ``state``, counted by its headerId
route          the lines ahead (see `route.Route`), where they change
connection     the word of each ``connection``
order, instant_actions, responses   what the fleet master sent, counted by its headerId
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from connectors.decoders._vda5050.model import UNIT_MODES
from twin.sample import Kind, Role, Signal

if TYPE_CHECKING:
    from connectors.decoders._streams import StreamBook
    from connectors.decoders._vda5050.model import Pose, Snapshot, Velocity
    from twin.sample import Stream

_MOVING = (
    Signal("vx", unit="m/s", source_name="velocity.vx", label_ko="앞 속도", label_en="Forward speed"),
    Signal("vy", unit="m/s", source_name="velocity.vy", label_ko="옆 속도", label_en="Sideways speed"),
    Signal("omega", unit="rad/s", source_name="velocity.omega", label_ko="회전 속도", label_en="Turning speed"),
    Signal("localized", Kind.FLAG, label_ko="위치 확인", label_en="Localized"),
    Signal("localization_score", source_name="localizationScore", label_ko="위치 신뢰도",
           label_en="Localization score"),
    Signal("deviation", unit="m", source_name="deviationRange", label_ko="위치 편차", label_en="Deviation"),
)  # fmt: skip
_MAP = Signal("map_id", Kind.TEXT, source_name="mapId", label_ko="지도", label_en="Map")
_ORDER = (
    Signal("order_update_id", source_name="orderUpdateId", label_ko="작업 갱신", label_en="Order update"),
    Signal("nodes", label_ko="노드 수", label_en="Nodes"),
    Signal("released_nodes", label_ko="승인 노드 수", label_en="Released nodes"),
    Signal("order_id", Kind.TEXT, source_name="orderId", label_ko="작업 번호", label_en="Order"),
    Signal("route_base", Kind.TEXT, label_ko="승인 경로", label_en="Released route"),
    Signal("route_horizon", Kind.TEXT, label_ko="예정 경로", label_en="Planned route"),
)
SIGNALS: dict[str, tuple[Signal, ...]] = {
    "pose": (
        Signal("x", unit="m", role=Role.X, label_ko="x", label_en="x"),
        Signal("y", unit="m", role=Role.Y, label_ko="y", label_en="y"),
        Signal("yaw", unit="rad", role=Role.YAW, source_name="theta", label_ko="방향", label_en="Heading"),
        Signal("speed", unit="m/s", role=Role.SPEED, label_ko="속도", label_en="Speed"),
    ),
    "visualization": (*_MOVING, _MAP),
    "state": (
        *_MOVING,
        Signal("battery", unit="1", role=Role.BATTERY, low=0.2, high=1.0, label_ko="배터리", label_en="Battery"),
        Signal("battery_voltage", unit="V", label_ko="배터리 전압", label_en="Battery voltage"),
        Signal("battery_current", unit="A", label_ko="배터리 전류", label_en="Battery current"),
        Signal("battery_health", unit="1", label_ko="배터리 수명", label_en="Battery health"),
        Signal("charging", Kind.FLAG, label_ko="충전 중", label_en="Charging"),
        Signal("range", unit="m", source_name="reach", label_ko="주행 가능 거리", label_en="Range"),
        Signal("driving", Kind.FLAG, label_ko="주행 중", label_en="Driving"),
        Signal("paused", Kind.FLAG, label_ko="일시 정지", label_en="Paused"),
        Signal("field_violation", Kind.FLAG, role=Role.ZONE, source_name="fieldViolation", label_ko="보호 영역 침범",
               label_en="Field violation"),
        Signal("new_base_request", Kind.FLAG, source_name="newBaseRequest", label_ko="경로 승인 요청",
               label_en="Asks for more base"),
        Signal("distance_since_last_node", unit="m", source_name="distanceSinceLastNode", label_ko="노드 후 거리",
               label_en="Distance since last node"),
        Signal("last_node_sequence", source_name="lastNodeSequenceId", label_ko="노드 순번",
               label_en="Last node's sequence"),
        Signal("order_update_id", source_name="orderUpdateId", label_ko="작업 갱신", label_en="Order update"),
        Signal("loads", unit="{part}", label_ko="적재 수", label_en="Loads"),
        Signal("load", unit="kg", role=Role.LOAD, label_ko="적재", label_en="Load"),
        Signal("errors", label_ko="오류 수", label_en="Errors"),
        Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
        Signal("mode", Kind.STATE, role=Role.MODE, label_ko="모드", label_en="Mode"),
        Signal("operating_mode", Kind.STATE, source_name="operatingMode", label_ko="운전 방식",
               label_en="Operating mode"),
        Signal("e_stop", Kind.STATE, role=Role.E_STOP, source_name="eStop", label_ko="비상 정지",
               label_en="Emergency stop"),
        Signal("task", Kind.TEXT, role=Role.PROGRAM, source_name="orderId", label_ko="작업", label_en="Task"),
        Signal("last_node", Kind.TEXT, source_name="lastNodeId", label_ko="마지막 노드", label_en="Last node"),
        _MAP,
        Signal("zone_set", Kind.TEXT, source_name="zoneSetId", label_ko="구역 세트", label_en="Zone set"),
        Signal("actions", Kind.TEXT, source_name="actionStates", label_ko="동작", label_en="Actions"),
        Signal("error_list", Kind.TEXT, source_name="errors", label_ko="오류", label_en="Error list"),
    ),
    "route": (
        Signal("order_update_id", source_name="orderUpdateId", label_ko="작업 갱신", label_en="Order update"),
        Signal("order_id", Kind.TEXT, source_name="orderId", label_ko="작업 번호", label_en="Order"),
        Signal("route_base", Kind.TEXT, label_ko="승인 경로", label_en="Released route"),
        Signal("route_horizon", Kind.TEXT, label_ko="예정 경로", label_en="Planned route"),
        Signal("route_path", Kind.TEXT, label_ko="계획 경로", label_en="Planned path"),
    ),
    "connection": (
        Signal("connection", Kind.STATE, source_name="connectionState", label_ko="연결", label_en="Connection"),
    ),
    "order": _ORDER,
    "instant_actions": (
        Signal("count", label_ko="동작 수", label_en="Actions"),
        Signal("actions", Kind.TEXT, label_ko="즉시 동작", label_en="Instant actions"),
    ),
    "responses": (
        Signal("count", label_ko="응답 수", label_en="Responses"),
        Signal("responses", Kind.TEXT, label_ko="응답", label_en="Responses"),
    ),
    "raw": (Signal("json", Kind.TEXT, label_ko="원문", label_en="As it came"),),
}  # fmt: skip
"""The signals of each stream, the numeric ones in the order in which they are filled, then the texts."""
_encode = msgspec.json.Encoder().encode


class Streams:
    """The streams of all robots of a source. Mutable: a cache."""

    def __init__(self, book: StreamBook) -> None:
        self._book = book
        self._made: dict[tuple[str, str, bool], Stream] = {}

    def of(self, asset: str, name: str, *, counted: bool) -> Stream:
        """A robot's stream of that name; one whose messages carry no headerId has a name of its own.

        Silence is judged by the connection and by what the standard promises, not by a period.
        """
        key = (asset, name, counted)
        stream = self._made.get(key)
        if stream is None:
            own = name if counted or name in ("pose", "route", "connection", "raw") else f"{name}_uncounted"
            made = self._book.stream(asset, own, SIGNALS[name], sequenced=counted)
            signals = {signal.name: signal for signal in made.signals}
            ordered = [signals[signal.name] for signal in SIGNALS[name]]
            stream = self._made[key] = dataclasses.replace(
                made,
                columns=tuple(signal for signal in ordered if not signal.kind.is_text),
                text_columns=tuple(signal for signal in ordered if signal.kind.is_text),
                period_s=None,
            )
        return stream


def pose_row(pose: Pose, velocity: Velocity) -> tuple[float | None, ...]:
    """The values of the stream ``pose``."""
    return pose.x, pose.y, pose.theta, velocity.speed


def moving_row(pose: Pose | None, velocity: Velocity) -> tuple[float | None, ...]:
    """The values that ``visualization`` and ``state`` share."""
    if pose is None:
        return velocity.vx, velocity.vy, velocity.omega, None, None, None
    return velocity.vx, velocity.vy, velocity.omega, pose.localized, pose.score, pose.deviation_m


def state_row(snapshot: Snapshot) -> tuple[float | None, ...]:
    """The values of the stream ``state``."""
    return (
        *moving_row(snapshot.pose, snapshot.velocity),
        snapshot.battery,
        snapshot.battery_voltage,
        snapshot.battery_current,
        snapshot.battery_health,
        snapshot.charging,
        snapshot.range_m,
        snapshot.driving,
        snapshot.paused,
        snapshot.field_violation,
        snapshot.new_base_request,
        snapshot.distance_m,
        snapshot.last_node_sequence,
        snapshot.order_update_id,
        snapshot.loads,
        snapshot.load_kg,
        len(snapshot.faults),
    )


def state_texts(snapshot: Snapshot) -> tuple[str | None, ...]:
    """The texts of the stream ``state``; lists as compact JSON, None for an empty one."""
    actions = [(action.id, action.type, action.status, action.result) for action in snapshot.actions]
    errors = [(fault.key, fault.told) for fault in snapshot.faults]
    return (
        snapshot.unit_state.value,
        UNIT_MODES.get(snapshot.mode),
        snapshot.mode or None,
        snapshot.e_stop or None,
        snapshot.order_id or None,
        snapshot.last_node or None,
        (snapshot.pose.map_id or None) if snapshot.pose else None,
        snapshot.zone_set or None,
        _encode(actions).decode() if actions else None,
        _encode(errors).decode() if errors else None,
    )
