"""ROS messages as JSON: sensor_msgs/JointState, as mqtt_client and rosbridge write it.

Arrays may be empty and are zipped by name. ``header.seq`` (ROS 1) is the sequence where it is there.

```toml
[[source]]
name = "arms"
topics = ["robots/+/joint_states"]
decoder = "ros_json"
[source.options]
topic = "robots/{asset}/joint_states"
asset = "jeonju/cell1/{asset}"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._streams import signal_name
from connectors.topics import TopicTemplate
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Frames, Quality, Role, Signal, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.message import Liveness, Message
    from twin.site import AssetType, Hub

_UNITS = {"position": "rad", "velocity": "rad/s", "effort": "N.m"}
_ROLES = {"position": Role.JOINT_POSITION, "velocity": Role.JOINT_VELOCITY, "effort": Role.JOINT_EFFORT}
_NS_PER_S = 1_000_000_000


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


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``stream`` names the joints' stream."""

    topic: str = "{place...}/{asset}/joint_states"
    asset: str = ""
    stream: str = "joints"

    def __post_init__(self) -> None:
        """Refuse a template that cannot work."""
        TopicTemplate(self.topic)


class Decoder(TopicDialect):
    """JointState messages. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._parser = msgspec.json.Decoder(_JointState)
        self._streams: dict[tuple[str, tuple[str, ...], int, int, int, bool], tuple[Stream, list[int] | None]] = {}

    def decode(self, message: Message) -> Iterable[Frames | Liveness | Handled]:
        """One frame: positions, velocities and efforts of all joints."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, _ = self.place(message.topic)
        _json.guard(message.payload)
        state: _JointState = _json.decode(self._parser, message.payload)
        stamp = state.header.stamp
        if not 0 <= stamp.nanosec < _NS_PER_S:
            raise DecodeError("ts_range", f"nanosec {stamp.nanosec}")
        t_ns = _json.time_ns(stamp.sec, "s", "header.stamp.sec") + stamp.nanosec
        stream, order = self._stream(asset, state)
        row = [*state.position, *state.velocity, *state.effort]
        values = np.array([row], np.float64)
        if order is not None:
            values = values[:, order]
        if np.isinf(values).any():
            raise DecodeError("non_finite", "an infinite value")
        counted = state.header.seq
        seq = (
            _json.payload_seq(message.payload)
            if counted is None
            else self.sequences.unwrap(f"{asset}:{self._options.stream}", counted, t_ns)
        )
        quality = Quality.BAD if np.isnan(values).all() else Quality.GOOD
        return [
            Frames(
                stream,
                np.array([t_ns], np.int64),
                np.array([seq], np.int64),
                np.array([message.received_ns], np.int64),
                values,
                np.array([quality], np.int16),
            )
        ]

    def _stream(self, asset: str, state: _JointState) -> tuple[Stream, list[int] | None]:
        names = tuple(state.name)
        sizes = (len(state.position), len(state.velocity), len(state.effort))
        key = (asset, names, *sizes, state.header.seq is not None)
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
        stream = self.book.stream(asset, self._options.stream, fields, sequenced=state.header.seq is not None)
        told = {field.name: i for i, field in enumerate(fields)}
        order = [told[signal.name] for signal in stream.columns]
        found = (stream, None if order == list(range(len(order))) else order)
        self._streams[key] = found
        return found
