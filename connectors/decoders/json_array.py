"""JSON arrays: the values of a stream by position, one sample a message or many at equal distances.

One sample is ``{"ts": 1795328000000, "seq": 7, "v": [1.5, 2.5]}``. Many are rows, the first at ``t0`` and each
``dt_s`` later than the one before: ``{"t0": 1795328000000, "dt_s": 0.01, "seq": 70, "v": [[1.5, 2.5], [1.6, 2.4]]}``.
``seq`` counts samples, so a message of ten moves it by ten. Short, and the dialect that costs least to read.

```toml
[[source]]
name = "arms"
topics = ["plant/+/+/joints"]
decoder = "json_array"
[source.options]
topic = "plant/{line}/{asset}/{stream}"
signals = [{ name = "shoulder", unit = "rad" }, { name = "elbow", unit = "rad" }]
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._fields import check_each_once
from connectors.decoders._rows import MAX_DT_S, Collected, Route, spaced
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import MAX_SIGNALS_PER_STREAM, signal_name
from connectors.decoders._times import times_of
from connectors.topics import check_templates
from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Frames, Quality, Role, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.decoders._tree import Path
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_ROWS = 10_000
MAX_ROUTES = 50_000


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands at one position of the array."""

    name: str
    unit: str = "1"
    role: Role = Role.NONE
    low: float | None = None
    high: float | None = None
    ko: str = ""
    en: str = ""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the levels; the other words are the keys of the object.

    Without ``signals`` an asset of a declared type gets the signals of its type, any other v0, v1 ….
    Without ``seq`` (an empty word) the device counts nothing.
    """

    topic: str = "{place...}/{asset}/{stream}"
    asset: str = ""
    stream: str = ""
    time: str = "ts"
    first_time: str = "t0"
    distance: str = "dt_s"
    time_unit: _json.TimeUnit = "ms"
    zone_offset_h: float | None = None
    seq: str = "seq"
    epoch: str = ""
    values: str = "v"
    signals: tuple[Place, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        check_templates(self.topic, self.asset)
        keys = [self.time, self.first_time, self.distance, self.values, self.seq, self.epoch]
        told = [key for key in keys if key]
        if len(set(told)) != len(told):
            raise ValueError("two of time, first_time, distance, values, seq and epoch are the same key")
        check_each_once(place.name for place in self.signals)


class Decoder(TopicDialect):
    """Rows of numbers. Mutable: see `TopicDialect`; and a route for each topic."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._routes: dict[str, Route] = {}
        self._shapes = Shapes()
        self._has_rows = bool(options.epoch)
        self._typed = _typed_decoder(options)

    def decode(self, message: Message) -> Iterable[Told]:
        """All rows of the message, as frames of one stream."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        options = self._options
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
        told = body.get(options.values)
        if not isinstance(told, list) or not told:
            raise DecodeError("schema", f"no values in {options.values!r}")
        rows: list[Any] = told if isinstance(told[0], list) else [told]
        if len(rows) > MAX_ROWS:
            raise DecodeError("too_many_values", f"{len(rows)} rows; 1 to {MAX_ROWS} are taken")
        width = len(rows[0])
        if any(not isinstance(row, list) or len(row) != width for row in rows):
            raise DecodeError("schema", f"{options.values!r}: the rows are not all lists of {width} values")
        route = self._route(message.topic, width)
        t_ns = self._times(body, len(rows))
        values = np.stack([_json.numbers(row, options.values) for row in rows])
        seq = self._counts(body, route.key, t_ns, message.payload)
        if route.order is not None:
            values = values[:, route.order]
        if rows is told or self._has_rows:
            # Once there are messages of several rows, all are read in that way: one stream must not go two ways.
            self._has_rows = True
        elif self._shapes.wants(message):
            self._learn(message, body, route)
        quality = np.where(np.isnan(values).all(axis=1), np.int16(Quality.BAD), np.int16(Quality.GOOD))
        return [Frames(route.stream, t_ns, seq, np.full(len(rows), message.received_ns, np.int64), values, quality)]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: single samples by their shape, and rows by a typed parser of their own."""
        if not self._has_rows:
            counted = bool(self._options.seq)
            return self._shapes.read(messages, max_rows, self.sequences, self._key, counted=counted)
        routes, decode = self._routes, self._typed.decode
        collected = Collected(self._options.time_unit, counts=bool(self._options.seq), epochs=bool(self._options.epoch))
        place = -1
        for place, (topic, payload, received_ns, _, retain) in enumerate(messages):
            route = routes.get(topic)
            if route is None or retain or b"\\" in payload:
                collected.leave(place, route.key if route else self._key(topic))
                continue
            try:
                told = decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                collected.leave(place, route.key)
                continue
            collected.add(place, route, told, received_ns, payload)
            if collected.rows >= max_rows:
                break
        blocks, left = collected.blocks(self.sequences)
        return blocks, left, place + 1

    def _learn(self, message: Message, body: dict[str, Any], route: Route) -> None:
        """Note what messages of one sample look like on a topic."""
        options = self._options
        order = range(route.width) if route.order is None else route.order.tolist()
        columns: dict[Path, str] = {
            (options.values, place): signal.name for place, signal in zip(order, route.stream.columns, strict=True)
        }
        time = options.time if options.time in body else options.first_time
        count = (options.seq,) if options.seq else None
        self._shapes.learn(
            message, route.key, route.stream, columns, time=(time,), times=times_of(options.time_unit), count=count
        )

    def _key(self, topic: str) -> str:
        """Name of the stream that a topic tells of; "" where it tells of none."""
        try:
            asset, captured = self.place(topic)
        except DecodeError:
            return ""
        return f"{asset}:{self._options.stream or captured.get('stream', 'data')}"

    def _route(self, topic: str, width: int) -> Route:
        """The stream that rows of that width on a topic belong to."""
        route = self._routes.get(topic)
        if route is not None and route.width == width:
            return route
        asset, captured = self.place(topic)
        name = self._options.stream or captured.get("stream", "data")
        if not 0 < width <= MAX_SIGNALS_PER_STREAM:
            raise DecodeError("too_many_values", f"{width} values in a row; 1 to {MAX_SIGNALS_PER_STREAM} are taken")
        fields = self._fields(asset, name, width)
        stream = self.book.stream(asset, name, fields, sequenced=bool(self._options.seq))
        told = {field.name: i for i, field in enumerate(fields)}
        order = [told[signal.name] for signal in stream.columns]
        made = Route(self._key(topic), stream, width, None if order == list(range(width)) else np.array(order))
        if len(self._routes) < MAX_ROUTES:
            self._routes[topic] = made
        return made

    def _fields(self, asset: str, name: str, width: int) -> list[Signal]:
        if self._options.signals:
            if len(self._options.signals) != width:
                raise DecodeError("schema", f"{width} values in a row, {len(self._options.signals)} signals are named")
            return [_signal(place) for place in self._options.signals]
        declared = [signal for signal in self.book.declared(asset, name) if not signal.kind.is_text]
        return declared if len(declared) == width else [Signal(f"v{i}") for i in range(width)]

    def _times(self, body: dict[str, Any], rows: int) -> NDArray[np.int64]:
        options = self._options
        zone_s = None if options.zone_offset_h is None else options.zone_offset_h * 3600
        if options.time in body:
            if rows > 1:
                raise DecodeError("schema", f"{rows} rows and one time: name the first one {options.first_time!r}")
            return np.array([_json.time_ns(body[options.time], options.time_unit, options.time, zone_s)], np.int64)
        if options.first_time not in body:
            raise DecodeError("schema", f"no time in {options.time!r} or {options.first_time!r}")
        first_ns = _json.time_ns(body[options.first_time], options.time_unit, options.first_time, zone_s)
        distance_s = _json.number(body.get(options.distance), options.distance) if rows > 1 else 0.0
        if not 0 <= distance_s <= MAX_DT_S or (rows > 1 and round(distance_s * NS_PER_S) < 1):
            raise DecodeError("ts_range", f"{options.distance}: {distance_s} s between rows")
        return first_ns + spaced(np.arange(rows), distance_s)

    def _counts(self, body: dict[str, Any], key: str, t_ns: NDArray[np.int64], payload: bytes) -> NDArray[np.int64]:
        rows = len(t_ns)
        if not self._options.seq:
            first = _json.payload_seq(payload)
            return np.array([first ^ row for row in range(rows)], np.int64)
        told = body.get(self._options.seq)
        if told is None:
            raise DecodeError("schema", f"no field {self._options.seq!r} with the sequence")
        counts = [told + row if type(told) is int else told for row in range(rows)]
        epoch = body.get(self._options.epoch) if self._options.epoch else None
        return self.sequences.unwrap_all(key, counts, t_ns, epoch)


def _signal(place: Place) -> Signal:
    return Signal(
        signal_name(place.name),
        unit=place.unit,
        role=place.role,
        low=place.low,
        high=place.high,
        label_ko=place.ko,
        label_en=place.en,
    )


def _typed_decoder(options: Options) -> msgspec.json.Decoder[Any]:
    """Reads the usual message quickly: whole numbers for time and count, lists of numbers for values."""
    keys = {
        "t": options.time, "t0": options.first_time, "dt": options.distance, "seq": options.seq, "epoch": options.epoch,
    }  # fmt: skip
    fields: list[tuple[str, Any, Any]] = [
        (name, float | None if name == "dt" else int | None, None) for name in keys if keys[name]
    ]
    renamed = {name: key for name, key in (*keys.items(), ("v", options.values)) if key}
    cells = list[float | list[float | None] | None]
    return msgspec.json.Decoder(msgspec.defstruct("Told", [("v", cells), *fields], rename=renamed, gc=False))
