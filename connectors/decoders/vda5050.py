"""VDA 5050, the interface of mobile robots (AMR, AGV) and their fleet master: versions 1.1, 2.0, 2.1 and 3.0.

All versions become one model (`_vda5050.model`), in the words of 3.0; the version is that of the message's
header, else that of the topic. ``connection`` tells whether a robot is there; ``state`` is a whole snapshot;
``order``, ``instantActions`` and ``responses`` of the fleet master are watched, never sent. Where a robot
breaks the standard it is understood all the same, and told as a finding.

The first line that holds gives the unit state (ISA-TR88.00.02):

| what the state message says | unit state |
|---|---|
| an emergency stop, or an error of level FATAL | Aborted |
| an error of level CRITICAL (3.0), paused, or mode INTERVENED | Held |
| mode STARTUP | Starting |
| a protective field is violated | Suspended |
| driving, or an action INITIALIZING or RUNNING | Execute |
| mode MANUAL, TEACH_IN or SERVICE | Stopped |
| nodes, edges or actions of an order are left: it waits | Suspended |
| neither mode nor driving is told | Undefined |
| none of these | Idle |

The unit mode is Production (AUTOMATIC, SEMIAUTOMATIC, STARTUP), Manual (MANUAL, TEACH_IN, INTERVENED) or
Maintenance (SERVICE). The signals ``route_base``, ``route_horizon`` and ``route_path`` are lines for a floor
plan as compact JSON: see `_vda5050.route.Route`.

```toml
[[source]]
name = "amrs"
topics = ["uagv/v2/+/+/+"]
decoder = "vda5050"
[source.options]
asset = "jeonju/amr/{serial}"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._vda5050 import changes, model, route, rules
from connectors.decoders._vda5050.factsheet import attributes_of
from connectors.decoders._vda5050.quiet import Batch, Memory
from connectors.decoders._vda5050.robot import GONE, Head, Robot
from connectors.decoders._vda5050.streams import (
    Streams,
    moving_row,
    pose_row,
    state_row,
    state_texts,
)
from connectors.topics import TopicTemplate, check_templates
from twin.clock import NS_PER_S, ns_from_iso
from twin.errors import DecodeError
from twin.message import Announced, Finding, Handled, Liveness
from twin.sample import Frames, Quality, frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_ROBOTS = 2000
ROWS_PER_MESSAGE = 3
_MAJORS = frozenset("123")
_FAR_NS = 1 << 62
_encode = msgspec.json.Encoder().encode


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the levels. A robot silent for ``silence_s`` (30 s by the standard) and ``margin_s`` is offline.

    ``raw`` keeps each ``state`` as it came, too. ``check_qos`` tells of a ``connection`` that was not sent
    at QoS 1; set it to false where the source itself asks for QoS 0.
    """

    topic: str = "{interface}/{version}/{manufacturer}/{serial}/{topic}"
    asset: str = "{manufacturer}/{serial}"
    silence_s: float = 30.0
    margin_s: float = 10.0
    raw: bool = False
    check_qos: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        check_templates(self.topic, self.asset)
        if "topic" not in TopicTemplate(self.topic).names:
            raise ValueError("the topic template needs {topic}")
        if not 0 < self.silence_s < _FAR_NS / NS_PER_S or not 0 <= self.margin_s < _FAR_NS / NS_PER_S:
            raise ValueError("silence_s must be more than 0, and margin_s not less")


class _State(msgspec.Struct):
    dialect: msgspec.Raw
    robots: dict[str, Robot]


class Decoder(TopicDialect):
    """Mobile robots. Mutable: see `TopicDialect`; and the newest state of each robot."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._limit_ns = round((options.silence_s + options.margin_s) * NS_PER_S)
        self._streams = Streams(self.book)
        self._robots: dict[str, Robot] = {}
        self._heard_ns: dict[str, int] = {}
        self._marks = 0
        self._memory = Memory()
        self._readers: dict[str, Callable[[Head, Robot], Iterator[Told]]] = {
            "connection": self._connection,
            "state": self._state,
            "visualization": self._visualization,
            "factsheet": self._factsheet,
            "order": self._order,
            "instantActions": self._instant_actions,
            "responses": self._responses,
            "zoneSet": self._zone_set,
        }

    @property
    def marks(self) -> int:
        """Goes up where events were told, or a robot came, went or began a session: saved with that very batch."""
        return self.sequences.marks + self._marks

    def decode(self, message: Message) -> Iterable[Told]:
        """Frames of the robot's streams, and what the message says beside them."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        told, head = self._read(message)
        if not (head.topic == "state" and self._options.raw):
            self._memory.learn(head, told, self._robots[head.asset])
        return told

    def decode_batch(
        self, messages: Sequence[Message], max_rows: int
    ) -> tuple[list[Block], dict[int, list[Told] | Exception], int]:
        """See `twin.decoder.BatchDecoder`: states and visualizations that tell but numbers anew are read at once."""
        some = messages[: max(max_rows // ROWS_PER_MESSAGE, 1)]
        batch = Batch(some, self._memory, self.sequences, self._robots, self._heard_ns, self._asset_of, self.decode)
        return batch.read(), batch.told, len(some)

    def _asset_of(self, topic: str) -> str:
        try:
            return self.place(topic)[0]
        except DecodeError:
            return ""

    def _read(self, message: Message) -> tuple[list[Told], Head]:
        asset, captured = self.place(message.topic)
        topic = captured["topic"]
        reader = self._readers.get(topic)
        if reader is None:
            raise DecodeError("topic", f"VDA 5050 has no topic {topic[:80]!r}")
        body = _json.parse(message.payload)
        if type(body) is not dict:
            raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
        self._memory.forget(asset, topic)
        head = _head(message, asset, topic, captured, body)
        robot = self._robots.get(asset) or self._new_robot(asset)
        told = list(reader(head, robot))
        if not robot.announced:
            robot.announced = True
            self._marks += 1
            told.append(_announced(head, {}))
        if topic in ("connection", "state", "visualization") and not message.retain:
            told += self._hear(head, robot)
        told += [Finding(asset, rule, detail, head.t_ns) for rule, detail in head.findings]
        if not any(isinstance(part, Frames | Handled) for part in told):
            told.append(Handled(topic))
        return told, head

    def tick(self, now_ns: int) -> Iterable[Told]:
        """Robots that should have told their state by now, and did not, are offline."""
        told: list[Told] = []
        for asset, robot in self._robots.items():
            heard_ns = self._heard_ns.setdefault(asset, now_ns)
            watched = not robot.silent and robot.connection in ("", "ONLINE")
            if watched and now_ns - heard_ns > self._limit_ns:
                robot.silent = True
                self._marks += 1
                told.append(_liveness(asset, robot, online=False, t_ns=heard_ns + self._limit_ns))
        return told

    def state(self) -> bytes:
        """Sequences, stream names, and what is remembered of each robot."""
        return msgspec.json.encode(_State(msgspec.Raw(super().state()), self._robots))

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave. Silence is counted anew: it was ours, not the robots'."""
        if state:
            kept = msgspec.json.decode(state, type=_State)
            super().restore(bytes(kept.dialect))
            self._robots = kept.robots
            self._heard_ns = {}
            self._memory = Memory()

    def _new_robot(self, asset: str) -> Robot:
        if len(self._robots) >= MAX_ROBOTS:
            raise DecodeError("cardinality", f"more than {MAX_ROBOTS} robots from one source")
        robot = self._robots[asset] = Robot()
        return robot

    def _hear(self, head: Head, robot: Robot) -> Iterator[Told]:
        """The robot was heard: a silence ends with it."""
        heard_ns = head.message.received_ns
        self._heard_ns[head.asset] = max(heard_ns, self._heard_ns.get(head.asset, 0))
        if head.topic == "connection":
            return
        talks = robot.connection in GONE and head.t_ns > robot.connection_ns
        if talks:
            head.findings.append(("connection.online", f"{head.topic} after {robot.connection}"))
            robot.connection = "ONLINE"
        if talks or robot.silent:
            robot.silent = False
            self._marks += 1
            yield _liveness(head.asset, robot, online=True, t_ns=head.t_ns)

    def _connection(self, head: Head, robot: Robot) -> Iterator[Told]:
        word = model.connection_state(head.body)
        # A last will was written when the connection began: only its arrival says when it ended.
        is_will = word == "CONNECTION_BROKEN"
        t_ns = head.message.received_ns if is_will else head.t_ns
        if self._options.check_qos and head.message.qos == 0:
            head.findings.append(("connection.qos", "sent at QoS 0"))
        yield self._frame(head, "connection", None, (), (word,), t_ns)
        if head.t_ns < robot.connection_ns:
            return  # it came late, or again: a newer word was said already
        self._marks += (word, False) != (robot.connection, robot.silent)
        robot.connection, robot.connection_ns, robot.silent = word, head.t_ns, False
        yield _liveness(head.asset, robot, online=word != "OFFLINE" and not is_will, t_ns=t_ns)

    def _state(self, head: Head, robot: Robot) -> Iterator[Told]:
        snapshot = model.snapshot(head.body)
        seq = self._seq(head)
        yield self._frame(head, "state", seq, state_row(snapshot), state_texts(snapshot))
        if snapshot.pose is not None:
            yield self._pose(head, snapshot.pose, snapshot.velocity)
        if self._options.raw:
            yield self._frame(head, "raw", None, (), (head.message.payload.decode(),))
        told = (robot.seq, robot.t_ns)
        order = (seq, head.t_ns) if seq is not None else (robot.seq, head.t_ns)
        if order < told:
            return
        route.learn(robot.known, snapshot.stops)
        ahead = list(route.route_of(snapshot, robot.known))
        if order == told and robot.route_seq == _payload_count(head):
            yield self._route(head, snapshot, robot.route)
        elif order > told and ahead != robot.route:
            robot.route, robot.route_seq = ahead, _payload_count(head)
            yield self._route(head, snapshot, ahead)
        if order > told:
            yield from self._changes(head, robot, snapshot)
            robot.seq, robot.t_ns = order

    def _changes(self, head: Head, robot: Robot, snapshot: model.Snapshot) -> Iterator[Told]:
        order = changes.order_of(snapshot)
        actions, errors = changes.actions_of(snapshot.actions), changes.errors_of(snapshot.faults)
        if (order, actions, list(errors)) == (robot.order, robot.actions, robot.errors):
            return
        self._marks += 1
        yield from changes.order_changes(head.asset, head.t_ns, robot.order, order)
        yield from changes.action_changes(head.asset, head.t_ns, robot.actions, actions)
        yield from changes.error_changes(head.asset, head.t_ns, robot.errors, errors)
        robot.order, robot.actions, robot.errors = order, actions, list(errors)

    def _visualization(self, head: Head, _robot: Robot) -> Iterator[Told]:
        pose, velocity = model.pose(head.body), model.velocity(head.body)
        if pose is None and velocity.speed is None and velocity.omega is None:
            head.findings.append(("visualization.empty", "neither position nor velocity"))
            return
        texts = (pose.map_id or None if pose else None,)
        yield self._frame(head, "visualization", self._seq(head), moving_row(pose, velocity), texts)
        if pose is not None:
            yield self._pose(head, pose, velocity)

    def _factsheet(self, head: Head, robot: Robot) -> Iterator[Told]:
        robot.announced = True
        yield _announced(head, attributes_of(head.body))

    def _order(self, head: Head, robot: Robot) -> Iterator[Told]:
        body = head.body
        stops = [model.stop(node) for node in model.items(body, "nodes") if type(node) is dict]
        ways = [model.way(edge) for edge in model.items(body, "edges") if type(edge) is dict]
        route.learn(robot.known, stops)
        self._marks += 1
        lines = route.lines_of(stops, ways, {})
        values = (model.whole(body, "orderUpdateId"), len(stops), sum(stop.released for stop in stops))
        texts = (model.text(body, "orderId") or None, lines.base, lines.horizon)
        yield self._frame(head, "order", self._seq(head), values, texts)

    def _instant_actions(self, head: Head, _robot: Robot) -> Iterator[Told]:
        actions = [action for action in model.items(head.body, "actions") if type(action) is dict]
        rows = [[model.text(one, name) for name in ("actionId", "actionType", "blockingType")] for one in actions]
        yield self._frame(head, "instant_actions", self._seq(head), (len(rows),), (_listed(rows),))

    def _responses(self, head: Head, _robot: Robot) -> Iterator[Told]:
        answers = [one for one in model.items(head.body, "responses") if type(one) is dict]
        rows = [[model.text(one, name) for name in ("requestId", "grantType", "leaseExpiry")] for one in answers]
        yield self._frame(head, "responses", self._seq(head), (len(rows),), (_listed(rows),))

    def _zone_set(self, _head: Head, _robot: Robot) -> Iterator[Told]:
        yield Handled("zone_set")

    def _pose(self, head: Head, pose: model.Pose, velocity: model.Velocity) -> Frames:
        quality = Quality.UNCERTAIN if pose.localized is False else head.quality
        if pose.x is None or pose.y is None:
            quality = Quality.BAD
        return self._frame(head, "pose", None, pose_row(pose, velocity), quality=quality)

    def _route(self, head: Head, snapshot: model.Snapshot, ahead: list[str | None]) -> Frames:
        texts = (snapshot.order_id or None, *ahead)
        return self._frame(head, "route", None, (snapshot.order_update_id,), texts)

    def _seq(self, head: Head) -> int | None:
        """The message's headerId, unwrapped; None where it has none."""
        told = head.body.get("headerId")
        if type(told) is not int or told < 0:
            return None
        return self.sequences.unwrap(f"{head.asset}:{head.topic}", told, head.t_ns)

    def _frame(  # noqa: PLR0913  the parts of a frame, once
        self,
        head: Head,
        name: str,
        seq: int | None,
        values: tuple[float | None, ...],
        texts: tuple[str | None, ...] = (),
        t_ns: int | None = None,
        quality: int | None = None,
    ) -> Frames:
        stream = self._streams.of(head.asset, name, counted=seq is not None)
        return frame(
            stream,
            head.t_ns if t_ns is None else t_ns,
            _payload_count(head) if seq is None else seq,
            head.message.received_ns,
            values,
            texts,
            head.quality if quality is None else quality,
        )


def _liveness(asset: str, robot: Robot, *, online: bool, t_ns: int) -> Liveness:
    """Whether a robot is there, never before what was told of it last: its clock and ours may differ."""
    if online is not robot.online:
        t_ns = max(t_ns, robot.liveness_ns + 1)
    robot.online, robot.liveness_ns = online, max(t_ns, robot.liveness_ns)
    return Liveness(asset, online, t_ns)


def _head(message: Message, asset: str, topic: str, captured: Mapping[str, str], body: dict[str, Any]) -> Head:
    findings: list[tuple[str, str]] = []
    version = body.get("version")
    major = version[:1] if type(version) is str else ""
    if major not in _MAJORS:
        if version is not None:
            findings.append((f"{topic}.version.format", f"{version!r}"[:80]))
        major = captured.get("version", "").lstrip("vV")[:1]
        major = major if major in _MAJORS else "2"
    if topic == "instantActions" and "actions" not in body and "instantActions" in body:
        body["actions"] = body.pop("instantActions")
        if major != "1":
            findings.append(("instantActions.key", "instantActions where 2.0 and later write actions"))
    if not rules.is_valid(topic, major, message.payload):
        findings += rules.faults(topic, major, body)
    for level, name in (("manufacturer", "manufacturer"), ("serial", "serialNumber")):
        if level in captured and name in body and body[name] != captured[level]:
            findings.append((f"{topic}.{name}.topic", f"{body[name]!r} in a topic of {captured[level]!r}"[:200]))
    t_ns, quality = _time(topic, body, message, findings)
    return Head(message, asset, topic, major, body, t_ns, quality, findings)


def _time(topic: str, body: dict[str, Any], message: Message, findings: list[tuple[str, str]]) -> tuple[int, int]:
    """(time, quality): that of the header; without one that can be read, the time of arrival, and uncertain."""
    told = body.get("timestamp")
    if type(told) is str:
        try:
            return _json.time_ns(told, "iso", "timestamp", None), Quality.GOOD
        except DecodeError as error:
            try:
                t_ns = ns_from_iso(told.strip() + "Z")
            except (ValueError, OverflowError):
                findings.append((f"{topic}.timestamp.format", error.detail[:200]))
                return message.received_ns, Quality.UNCERTAIN
            findings.append((f"{topic}.timestamp.zone", f"{told[:40]!r} has no zone; it is taken for UTC"))
            if _json.EARLIEST_NS <= t_ns < _json.END_NS:
                return t_ns, Quality.GOOD
    return message.received_ns, Quality.UNCERTAIN


def _announced(head: Head, told: Mapping[str, str]) -> Announced:
    body = head.body
    named = {name: model.text(body, key) for name, key in (("manufacturer", "manufacturer"),
                                                           ("serial_number", "serialNumber"),
                                                           ("vda5050", "version"))}  # fmt: skip
    attributes = {name: value for name, value in named.items() if value} | dict(told)
    return Announced(head.asset, head.t_ns, "mobile_robot", model.text(body, "serialNumber"), (), attributes)


def _listed(rows: list[list[str]]) -> str | None:
    return _encode(rows).decode() if rows else None


def _payload_count(head: Head) -> int:
    return _json.payload_seq(head.message.payload)
