"""One value a topic: a bare JSON value, a bare word, or an object with a value and a time.

```toml
[[source]]
name = "palletizer"
topics = ["plant/line4/+/+"]
decoder = "json_topic"
[source.options]
topic = "{site}/{line}/{asset}/{signal}"
value = "value"
time = "timestamp_ms"
time_unit = "ms"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import guessed, signal_name
from connectors.decoders._times import times_of
from connectors.decoders._words import bare_value
from connectors.topics import TopicTemplate, check_templates
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Kind, Quality, frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block, Stream
    from twin.site import AssetType, Hub


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``value`` and ``time`` name fields of an object payload; a bare payload is the value itself."""

    topic: str = "{place...}/{asset}/{signal}"
    asset: str = ""
    value: str = "value"
    time: str = ""
    time_unit: _json.TimeUnit = "ms"
    zone_offset_h: float | None = None
    unit: str = "1"

    def __post_init__(self) -> None:
        """Refuse a template that cannot work, or that names no signal."""
        check_templates(self.topic, self.asset)
        if "signal" not in TopicTemplate(self.topic).names:
            raise ValueError("the topic template needs {signal}")


class Decoder(TopicDialect):
    """One value a topic. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._shapes = Shapes()

    def decode(self, message: Message) -> Iterable[Told]:
        """One frame of one value."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        name = signal_name(captured["signal"].replace("/", "."))
        value, t_ns = self._read(message)
        if isinstance(value, list | dict):
            raise DecodeError("schema", f"{type(value).__name__} where one value belongs")
        signal = guessed(name, value, self._options.unit)
        known = next((s for s in self.book.declared(asset, name) if s.name == name), signal)
        stream = self.book.stream(asset, name, [known], sequenced=False)
        if not known.kind.is_text and self._shapes.wants(message):
            self._learn(message, f"{asset}:{name}", stream)
        seq = _json.payload_seq(message.payload)
        if known.kind.is_text:
            texts = (None if value is None else _json.text(value, name),)
            return [frame(stream, t_ns, seq, message.received_ns, (), texts, _quality(value))]
        is_flag = stream.columns[0].kind is Kind.FLAG
        values = (None if value is None else _json.number(value, name, flag=is_flag),)
        return [frame(stream, t_ns, seq, message.received_ns, values, quality=_quality(value))]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: numbers are read at once, bare or with nothing but their time beside them."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key)

    def _key(self, topic: str) -> str:
        try:
            asset, captured = self.place(topic)
            return f"{asset}:{signal_name(captured['signal'].replace('/', '.'))}"
        except DecodeError:
            return ""

    def _learn(self, message: Message, key: str, stream: Stream) -> None:
        options = self._options
        (column,) = (signal.name for signal in stream.columns)
        if message.payload.lstrip()[:1] != b"{":
            self._shapes.learn(message, key, stream, {(): column})
            return
        time = (options.time,) if options.time else None
        self._shapes.learn(
            message, key, stream, {(options.value,): column}, time=time, times=times_of(options.time_unit)
        )

    def _read(self, message: Message) -> tuple[Any, int]:
        options = self._options
        body = bare_value(message.payload)
        if not isinstance(body, dict):
            return body, message.received_ns
        if options.value not in body:
            raise DecodeError("schema", f"no field {options.value!r} in the object")
        if not options.time:
            return body[options.value], message.received_ns
        if options.time not in body:
            raise DecodeError("schema", f"no field {options.time!r} with the time")
        zone_s = None if options.zone_offset_h is None else options.zone_offset_h * 3600
        return body[options.value], _json.time_ns(body[options.time], options.time_unit, options.time, zone_s)


def _quality(value: object) -> int:
    return Quality.BAD if value is None else Quality.GOOD
