"""Mobile robots and their fleet master in VDA 5050 2.1.

A robot tells its state at each event (on the next whole second, as real ones do who send no oftener) and
every 30 s, and its position in between. Everything is sent at QoS 1, where the standard asks for QoS 0 but
for ``connection`` (§ 6.3): what the devices count is promised to arrive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.decoders import _json
from connectors.encoders_vda5050 import (
    Action,
    ActionStatus,
    Edge,
    Facts,
    Fault,
    Load,
    Node,
    Position,
    Robot,
    Status,
    connection,
    factsheet,
    instant_actions,
    order,
    state,
    visualization,
)
from connectors.speakers import Kept, Spoken
from twin.clock import NS_PER_MS, NS_PER_S
from twin.packml import UnitState
from twin.simulation.orders import CHARGE, DROP, PICK, STOP_CHARGING, InstantAction, Order, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from twin.sample import Frames
    from twin.simulation.orders import OrderBook
    from twin.site import Asset, Site

STATE_NS = 30 * NS_PER_S
"""The longest time between two states (§ 6.10)."""
HISTORY_NS = 4 * NS_PER_S
"""While history is caught up a robot tells its state this often at most; live, each second."""
VIEW_NS = 6 * NS_PER_S
"""While history is caught up a driving robot's position is told this often at least; live, each second."""
MAKER = "FactoryTwin"
MAP = "floor"
_FACTS = ("max_speed_m_s", "payload_kg", "length_m", "width_m")


@dataclass(slots=True, eq=False)
class _Unit:
    """One robot and what it said last (mutable; its speaker owns it)."""

    asset: str
    robot: Robot
    book: OrderBook
    facts: Facts
    report: Report = field(default_factory=Report)
    sent_ns: int = -STATE_NS
    posed_ns: int = 0
    driving: bool = False
    changed: bool = False
    battery: float = 1.0
    load_kg: float = 0.0
    headers: dict[str, int] = field(default_factory=dict)


class _Row(NamedTuple):
    """One second of a robot: time, position (None where a sensor said nothing), speed, and its status."""

    t_ns: int
    position: Position | None
    speed: float | None
    charging: bool
    unit_state: str
    task: str
    node: str


class Speaker:
    """Speaks for all mobile robots of a site, and for their fleet master. Mutable: it counts headers.

    Topics begin with the site's id. ``next_seq`` gives where a stream's count goes on after the last run.
    """

    def __init__(
        self,
        site: Site,
        assets: Sequence[Asset],
        books: Mapping[str, OrderBook],
        start_ns: int,
        next_seq: Callable[[str], int],
    ) -> None:
        self._units = {
            asset.id: _Unit(asset.id, robot_of(site, asset), books[asset.id], _facts(asset)) for asset in assets
        }
        self._nodes = {node.id: (node.x_m, node.y_m) for node in site.nodes}
        self._start_ns = start_ns
        self._session = f"{datetime.fromtimestamp(start_ns // NS_PER_S, UTC):%Y%m%d%H%M%S}"
        self._next_seq = next_seq

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """Each robot is there, and tells what it is."""
        for unit in self._units.values():
            yield self._connection(unit, t_ns, "ONLINE")
            payload = factsheet(unit.robot, self._count(unit, "factsheet"), t_ns, unit.facts)
            yield Spoken(unit.robot.topic("factsheet"), payload, retain=True)

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """Each robot goes on purpose."""
        for unit in self._units.values():
            yield self._connection(unit, t_ns, "OFFLINE")

    def presence(self, asset: str, t_ns: int, *, there: bool) -> Iterator[Spoken]:
        """A robot whose network was cut: its will, which the broker publishes; then it is online again (§ 6.14)."""
        yield self._connection(self._units[asset], t_ns, "ONLINE" if there else "CONNECTIONBROKEN")

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """States, positions, orders and instant actions up to ``until_ns``; ``rows`` above 1 thins positions out."""
        del until_ns
        parts: dict[str, dict[str, Frames]] = {}
        for part in frames:
            parts.setdefault(part.stream.asset, {})[part.stream.name] = part
        for asset, own in parts.items():
            if "status" in own:
                yield from self._robot(self._units[asset], own["status"], own.get("pose"), live=rows == 1)

    def _robot(self, unit: _Unit, status: Frames, pose: Frames | None, *, live: bool) -> Iterator[Spoken]:
        pause_ns = 0 if live else HISTORY_NS
        for row in self._rows(unit, status, pose):
            for t_ms, told in unit.book.take((row.t_ns - self._start_ns) // NS_PER_MS + 1):
                if isinstance(told, Report):
                    unit.report, unit.changed = told, True
                else:
                    yield self._order(unit, self._start_ns + t_ms * NS_PER_MS, told)
            driving = row.unit_state == UnitState.EXECUTE and row.task.startswith("to ")
            changed = unit.changed or driving is not unit.driving
            since_ns = row.t_ns - unit.sent_ns
            if since_ns >= STATE_NS or (changed and since_ns >= pause_ns):
                unit.driving, unit.sent_ns, unit.changed = driving, row.t_ns, False
                yield self._state(unit, row)
            elif row.position is not None and (live or (driving and row.t_ns - unit.posed_ns >= VIEW_NS)):
                yield self._visualization(unit, row)

    def _rows(self, unit: _Unit, status: Frames, pose: Frames | None) -> Iterator[_Row]:
        """The seconds of a robot; battery and load keep their last value where a sensor said nothing."""
        places = {} if pose is None else dict(zip(pose.t_ns.tolist(), pose.values.tolist(), strict=True))
        battery, load, charging = (_column(status, name) for name in ("battery", "load", "charging"))
        texts = [
            [signal.name for signal in status.stream.text_columns].index(n) for n in ("state", "task", "last_node")
        ]
        for i, t_ns in enumerate(status.t_ns.tolist()):
            unit.battery = unit.battery if np.isnan(battery[i]) else float(battery[i])
            unit.load_kg = unit.load_kg if np.isnan(load[i]) else float(load[i])
            x, y, yaw, speed = (None if cell != cell else cell for cell in places.get(t_ns, [np.nan] * 4))  # noqa: PLR0124  NaN
            # A compass that points just beyond π says so; on the wire angles end there.
            position = None if x is None or y is None or yaw is None else Position(x, y, _wrapped(yaw), MAP)
            words = [status.texts[i][place] or "" for place in texts]
            yield _Row(t_ns, position, speed, bool(charging[i]), *words)

    def _state(self, unit: _Unit, row: _Row) -> Spoken:
        report, blocked = unit.report, row.unit_state == UnitState.HELD
        told = report.order
        first = report.reached + 1
        nodes = () if told is None else tuple(self._node(told, i) for i in range(first, len(told.nodes)))
        edges = () if told is None else tuple(_edge(told, i) for i in range(report.reached, len(told.nodes) - 1))
        faults: tuple[Fault, ...] = ()
        if report.fault and told is not None:
            about = {"orderId": self._order_id(unit, told), "nodeId": told.nodes[report.reached]}
            faults = (Fault(report.fault, "WARNING", "an obstacle is in the protective field", about),)
        status = Status(
            position=row.position,
            battery_ratio=min(max(unit.battery, 0.0), 1.0),
            charging=row.charging,
            order_id="" if told is None else self._order_id(unit, told),
            order_update_id=0 if told is None else told.update,
            last_node=row.node if told is None else told.nodes[report.reached],
            last_node_sequence=2 * report.reached,
            nodes=nodes,
            edges=edges,
            driving=unit.driving,
            velocity=None if row.speed is None else (row.speed, 0.0, 0.0),
            actions=tuple(ActionStatus(self._key(unit, one.key), one.status, one.type) for one in report.actions),
            faults=faults,
            loads=(Load(report.load, "pallet", unit.load_kg),) if report.load else (),
            field_violation=blocked or bool(faults),
        )
        header = self._count(unit, "state")
        kept = [Kept(f"{unit.asset}:state", 1, _state_values(status), header, header)]
        payload = state(unit.robot, header, row.t_ns, status)
        kept += _pose_kept(unit, row, payload)
        unit.posed_ns = row.t_ns
        return Spoken(unit.robot.topic("state"), payload, tuple(kept))

    def _visualization(self, unit: _Unit, row: _Row) -> Spoken:
        header = self._count(unit, "visualization")
        assert row.position is not None  # noqa: S101  the caller looked
        velocity = None if row.speed is None else (row.speed, 0.0, 0.0)
        payload = visualization(unit.robot, header, row.t_ns, row.position, velocity)
        unit.posed_ns = row.t_ns
        # Whether it knows where it is, the map's name, and the velocity.
        values = 2 + (0 if velocity is None else 3)
        kept = [Kept(f"{unit.asset}:visualization", 1, values, header, header)]
        return Spoken(unit.robot.topic("visualization"), payload, (*kept, *_pose_kept(unit, row, payload)))

    def _order(self, unit: _Unit, t_ns: int, told: Order | InstantAction) -> Spoken:
        """What the fleet master sends."""
        if isinstance(told, InstantAction):
            header = self._count(unit, "instant_actions")
            payload = instant_actions(
                unit.robot, header, t_ns, [Action(self._key(unit, told.key), told.type, blocking="HARD")]
            )
            kept = Kept(f"{unit.asset}:instant_actions", 1, 2, header, header)
            return Spoken(unit.robot.topic("instantActions"), payload, (kept,))
        header = self._count(unit, "order")
        indexes = range(told.first, len(told.nodes))
        nodes = [self._node(told, i, self._actions(unit, told, i)) for i in indexes]
        edges = [_edge(told, i) for i in indexes[:-1]]
        payload = order(unit.robot, header, t_ns, self._order_id(unit, told), told.update, nodes, edges)
        # Update, nodes, released nodes, order id, base, and where there is one, the horizon.
        values = 5 + (told.released < len(told.nodes))
        return Spoken(unit.robot.topic("order"), payload, (Kept(f"{unit.asset}:order", 1, values, header, header),))

    def _actions(self, unit: _Unit, told: Order, index: int) -> tuple[Action, ...]:
        found = (*(told.begin if index == 0 else ()), *(told.end if index == len(told.nodes) - 1 else ()))
        return tuple(Action(self._key(unit, one.key), one.type) for one in found)

    def _node(self, told: Order, index: int, actions: tuple[Action, ...] = ()) -> Node:
        name = told.nodes[index]
        x_m, y_m = self._nodes[name]
        return Node(name, 2 * index, index < told.released, x_m, y_m, MAP, actions)

    def _connection(self, unit: _Unit, t_ns: int, word: str) -> Spoken:
        payload = connection(unit.robot, self._count(unit, "connection"), t_ns, word)
        seq = _json.payload_seq(payload)
        kept = Kept(f"{unit.asset}:connection", 1, 1, seq, seq)
        return Spoken(unit.robot.topic("connection"), payload, (kept,), retain=True)

    def _order_id(self, unit: _Unit, told: Order) -> str:
        return self._key(unit, f"{told.number:05d}")

    def _key(self, unit: _Unit, key: str) -> str:
        """Unique over all runs: orders of another run began at another time."""
        return f"{unit.robot.serial}-{self._session}-{key}"

    def _count(self, unit: _Unit, topic: str) -> int:
        """The next headerId of a topic."""
        found = unit.headers.get(topic)
        if found is None:
            found = self._next_seq(f"{unit.asset}:{topic}") if topic not in ("connection", "factsheet") else 0
        unit.headers[topic] = found + 1
        return found


def robot_of(site: Site, asset: Asset) -> Robot:
    """Who a simulated robot says that it is."""
    return Robot(str(asset.attributes.get("manufacturer", MAKER)), asset.id.rpartition("/")[2], site.id)


def _facts(asset: Asset) -> Facts:
    speed, payload, length, width = (float(asset.attributes.get(name, 1.0)) for name in _FACTS)
    return Facts(
        f"{asset.type}-{payload:g}",
        max_load_kg=payload,
        max_speed_m_s=speed,
        length_m=length,
        width_m=width,
        action_types=(PICK, DROP, CHARGE, STOP_CHARGING),
    )


def _edge(told: Order, index: int) -> Edge:
    start, end = told.nodes[index], told.nodes[index + 1]
    return Edge(f"{start}_{end}", 2 * index + 1, index + 1 < told.released, start, end)


def _wrapped(angle_rad: float) -> float:
    return round(math.remainder(angle_rad, math.tau), 4)


def _column(frames: Frames, name: str) -> np.ndarray:
    return frames.values[:, [signal.name for signal in frames.stream.columns].index(name)]


def _pose_kept(unit: _Unit, row: _Row, payload: bytes) -> list[Kept]:
    if row.position is None:
        return []
    seq = _json.payload_seq(payload)
    return [Kept(f"{unit.asset}:pose", 1, 3 + (row.speed is not None), seq, seq)]


def _state_values(status: Status) -> int:
    """How many values a state holds: what is always told, and what is told only now and then."""
    # Battery, charging, driving, paused, field, new base, node's sequence, update, loads, load, errors;
    # then state, mode, operating mode, emergency stop, last node.
    always = 11 + 5
    position = 0 if status.position is None else 2
    velocity = 0 if status.velocity is None else 3
    return always + position + velocity + bool(status.order_id) + bool(status.actions) + bool(status.faults)
