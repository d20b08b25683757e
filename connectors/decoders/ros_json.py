"""ROS messages as JSON, as mqtt_client and rosbridge write them: joints, poses, odometry, batteries, wrenches.

JointState: arrays may be empty and are zipped by name; a payload is one message, or a list of messages of the
same joints (what a bridge kept while offline). Other messages are recognised by their fields: Pose, Twist, Wrench
(also Stamped), Odometry, BatteryState and DiagnosticArray. Stamps are those of ROS 2 (``sec``, ``nanosec``) or
ROS 1 (``secs``, ``nsecs``); ``header.seq`` (ROS 1) is the sequence where it is there. A ``{stream}`` in the topic
template names the stream; without one it is ``joints``, ``pose``, ``twist``, ``odometry`` and so on.

```toml
[[source]]
name = "arms"
topics = ["robots/+/joint_states", "robots/+/odom", "robots/+/battery"]
decoder = "ros_json"
[source.options]
topic = "robots/{asset}/{_}"
asset = "jeonju/cell1/{asset}"
```
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._ros.shapes import parts_of
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import signal_name
from connectors.decoders._times import STAMPS
from connectors.decoders._values import ValueFrames, moment_of
from connectors.topics import check_templates
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Frames, Quality, Role, Signal, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

_UNITS = {"position": "rad", "velocity": "rad/s", "effort": "N.m"}
_ROLES = {"position": Role.JOINT_POSITION, "velocity": Role.JOINT_VELOCITY, "effort": Role.JOINT_EFFORT}
_NS_PER_S = 1_000_000_000
MAX_ROWS = 10_000
_KEYS = tuple(f'"{key}"'.encode() for key in ("sec", "nanosec", "seq", "name", "position", "velocity", "effort"))


class _Stamp(msgspec.Struct):
    sec: int
    nanosec: int = 0


class _Header(msgspec.Struct):
    stamp: _Stamp
    frame_id: str = ""
    seq: int | None = None


class _JointState(msgspec.Struct):
    header: _Header
    name: list[str]
    position: list[float | None] = []
    velocity: list[float | None] = []
    effort: list[float | None] = []


def _shape(state: _JointState) -> tuple[object, ...]:
    counted = state.header.seq is not None
    return state.name, len(state.position), len(state.velocity), len(state.effort), counted


def _stamp_ns(stamp: _Stamp) -> int:
    if not 0 <= stamp.nanosec < _NS_PER_S:
        raise DecodeError("ts_range", f"nanosec {stamp.nanosec}")
    return _json.time_ns(stamp.sec, "s", "header.stamp.sec") + stamp.nanosec


def _header(body: dict[str, Any], received_ns: int) -> tuple[dict[str, Any], int]:
    """(header, time) of a message; without a stamp it is of when it came. Raises DecodeError."""
    header = body.get("header")
    if header is None:
        return {}, received_ns
    stamp = header.get("stamp") if isinstance(header, dict) else None
    if not isinstance(stamp, dict):
        raise DecodeError("schema", "a header without a stamp")
    seconds, rest = stamp.get("sec", stamp.get("secs")), stamp.get("nanosec", stamp.get("nsecs", 0))
    if type(seconds) is not int or type(rest) is not int or not 0 <= rest < _NS_PER_S:
        raise DecodeError("ts_range", f"the stamp {seconds!r}, {rest!r}"[:200])
    if seconds == 0 and rest == 0:
        return header, received_ns  # ROS writes 0 where nobody stamped it
    return header, _json.time_ns(seconds, "s", "header.stamp") + rest


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``stream`` names the joints' stream."""

    topic: str = "{place...}/{asset}/joint_states"
    asset: str = ""
    stream: str = "joints"

    def __post_init__(self) -> None:
        """Refuse a template that cannot work."""
        check_templates(self.topic, self.asset)


class Decoder(TopicDialect):
    """Messages of ROS. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._values = ValueFrames(self.book)
        self._parser = msgspec.json.Decoder(_JointState | list[_JointState])
        self._shapes = Shapes()
        self._counted: bool | None = None
        self._streams: dict[tuple[str, str, tuple[str, ...], int, int, int, bool], tuple[Stream, list[int] | None]] = {}

    def decode(self, message: Message) -> Iterable[Told]:
        """One frame a message; of diagnostics one a status."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        _json.guard(message.payload)
        try:
            told = _json.decode(self._parser, message.payload)
        except DecodeError as error:
            if error.reason != "schema":
                raise
            return self._other(asset, captured.get("stream", ""), message, error)
        name = captured.get("stream") or self._options.stream
        found = self._joints(asset, name, told, message)
        if isinstance(told, _JointState) and self._shapes.wants(message):
            self._learn(message, asset, name, told)
        return found

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: joint states are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key, counted=bool(self._counted))

    def _key(self, topic: str) -> str:
        try:
            asset, captured = self.place(topic)
        except DecodeError:
            return ""
        return f"{asset}:{captured.get('stream') or self._options.stream}"

    def _learn(self, message: Message, asset: str, stream: str, state: _JointState) -> None:
        """Note a joint state; all that are read at once count themselves, or none does."""
        is_counted = state.header.seq is not None
        if self._counted is None:
            self._counted = is_counted
        if self._counted is not is_counted:
            return
        columns: dict[tuple[str | int, ...], str] = {
            (part, i): f"{part}.{signal_name(name)}"
            for part, values in (("position", state.position), ("velocity", state.velocity), ("effort", state.effort))
            for i, name in enumerate(state.name if values else ())
        }
        made, _ = self._stream(asset, stream, state)
        stamp = ("header", "stamp")
        self._shapes.learn(
            message, f"{asset}:{stream}", made, columns, time=((*stamp, "sec"), (*stamp, "nanosec")), times=STAMPS,
            count=("header", "seq") if is_counted else None,
        )  # fmt: skip

    def _joints(self, asset: str, name: str, told: _JointState | list[_JointState], message: Message) -> list[Told]:
        states: list[_JointState] = told if isinstance(told, list) else [told]
        if not 0 < len(states) <= MAX_ROWS:
            raise DecodeError("too_many_values", f"{len(states)} messages in one; 1 to {MAX_ROWS} are taken")
        stream, order = self._stream(asset, name, states[0])
        # The typed parser keeps the last of two equal keys; no text of a joint state looks like a key of it.
        if max(map(message.payload.count, _KEYS)) > len(states) or b"\\" in message.payload:
            _json.read_keys(message.payload)
        shape = _shape(states[0])
        if any(_shape(state) != shape for state in states):
            raise DecodeError("schema", "the messages of a list name different joints")
        t_ns = np.array([_stamp_ns(state.header.stamp) for state in states], np.int64)
        values = np.array([[*state.position, *state.velocity, *state.effort] for state in states], np.float64)
        if order is not None:
            values = values[:, order]
        if np.isinf(values).any():
            raise DecodeError("non_finite", "an infinite value")
        quality = np.where(np.isnan(values).all(axis=1), np.int16(Quality.BAD), np.int16(Quality.GOOD))
        received_ns = np.full(len(states), message.received_ns, np.int64)
        seq = self._seq(f"{asset}:{name}", states, t_ns, message.payload)
        return [Frames(stream, t_ns, seq, received_ns, values, quality)]

    def _other(self, asset: str, name: str, message: Message, error: DecodeError) -> list[Told]:
        """A message that is no JointState of ROS 2; ``error`` is what is wrong with it as one."""
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise error
        header, t_ns = _header(body, message.received_ns)
        if "name" in body and "position" in body:
            if "secs" not in header.get("stamp", ()):
                raise error
            plain = {"stamp": {"sec": t_ns // _NS_PER_S, "nanosec": t_ns % _NS_PER_S}, "seq": header.get("seq")}
            try:
                state = msgspec.convert({**body, "header": plain}, _JointState)
            except msgspec.ValidationError:
                raise error from None
            return self._joints(asset, name or self._options.stream, state, message)
        now = moment_of(message, t_ns)
        told: list[Told] = []
        for place, part in enumerate(parts_of(body)):
            stream = name if name and not part.stream.startswith("diagnostics.") else part.stream
            moment = now._replace(seq=now.seq ^ place)
            if type(header.get("seq")) is int:
                seq = self.sequences.unwrap(f"{asset}:{stream}", header["seq"], t_ns)
                moment = moment._replace(seq=seq, counted=True)
            told.append(self._values.frame(asset, stream, part.values, moment, partial(dict, part.signals)))
        return told or [Handled("empty_array")]

    def _seq(self, key: str, states: list[_JointState], t_ns: NDArray[np.int64], payload: bytes) -> NDArray[np.int64]:
        if states[0].header.seq is None:
            first = _json.payload_seq(payload)
            return np.array([first ^ row for row in range(len(states))], np.int64)
        return self.sequences.unwrap_all(key, [state.header.seq for state in states], t_ns)

    def _stream(self, asset: str, name: str, state: _JointState) -> tuple[Stream, list[int] | None]:
        names = tuple(state.name)
        sizes = (len(state.position), len(state.velocity), len(state.effort))
        key = (asset, name, names, *sizes, state.header.seq is not None)
        found = self._streams.get(key)
        if found is not None:
            return found
        if len(set(names)) != len(names):
            raise DecodeError("schema", "a joint is named twice")
        fields: list[Signal] = []
        for part, size in zip(_UNITS, sizes, strict=True):
            if size not in (0, len(names)):
                raise DecodeError("schema", f"{size} values in {part!r} for {len(names)} joints")
            fields += [
                Signal(f"{part}.{signal_name(name)}", unit=_UNITS[part], role=_ROLES[part], index=i, source_name=name)
                for i, name in enumerate(names if size else ())
            ]
        if not fields:
            raise DecodeError("schema", "no joint has a value")
        stream = self.book.stream(asset, name, fields, sequenced=state.header.seq is not None)
        told = {field.name: i for i, field in enumerate(fields)}
        order = [told[signal.name] for signal in stream.columns]
        found = (stream, None if order == list(range(len(order))) else order)
        self._streams[key] = found
        return found
