"""JSON objects: several values a message, picked by path or taken as they come.

A message holds one sample, or several in columns: where the time field is a list, every value field
is a list of the same length.

```toml
[[source]]
name = "press-line"
topics = ["plant/+/+/+/data"]
decoder = "json_object"
[source.options]
topic = "plant/{site}/{line}/{asset}/{stream}"
time = "ts"
time_unit = "ms"
seq = "n"
[[source.options.values]]
path = "hydraulics.pressure"
signal = "pressure"
unit = "bar"
to_unit = "Pa"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._fields import Value, check_each_once, check_units, factor_of, signal_of
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import MAX_SIGNALS_PER_STREAM, guessed, signal_name
from connectors.decoders._times import times_of
from connectors.topics import check_templates
from twin.errors import DecodeError
from twin.message import Handled, Message
from twin.sample import Frames, Kind, Quality, Signal, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.decoder import Told
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_ROWS = 10_000
MAX_PLANS = 50_000
_MISSING = object()


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the levels; without ``values`` every field is taken. ``stream`` defaults to {stream} or data."""

    topic: str = "{place...}/{asset}/{stream}"
    asset: str = ""
    stream: str = ""
    time: str = ""
    time_unit: _json.TimeUnit = "ms"
    zone_offset_h: float | None = None
    seq: str = ""
    epoch: str = ""
    values: tuple[Value, ...] = ()
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        check_templates(self.topic, self.asset)
        for value in self.values:
            check_units(value)
        check_each_once(value.signal or value.path for value in self.values)


class Decoder(TopicDialect):
    """Flat or nested JSON objects. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._ignored = frozenset({*options.ignore, options.time, options.seq, options.epoch} - {""})
        self._plans: dict[tuple[str, str, tuple[str, ...], tuple[type, ...]], Stream] = {}
        self._shapes = Shapes()
        self._is_plain = not options.values and not options.epoch
        self._chosen = [(value.path.split("."), signal_of(value), factor_of(value)) for value in options.values]

    def decode(self, message: Message) -> Iterable[Told]:
        """One `Frames` of one or more rows."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        options = self._options
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
        name = options.stream or captured.get("stream", "data")
        times = self._times(body, message)
        columns = self._picked(body) if self._chosen else self._all(body, in_columns=not isinstance(times, int))
        if not columns:
            raise DecodeError("schema", "no value in it")
        plan = self._plan(asset, name, columns)
        found = self._frames(message, body, f"{asset}:{name}", times, plan, columns)
        if self._is_plain and isinstance(times, int) and self._shapes.wants(message):
            self._learn(message, f"{asset}:{name}", plan, body)
        return [found]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: flat objects of numbers are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key, counted=bool(self._options.seq))

    def _key(self, topic: str) -> str:
        try:
            asset, captured = self.place(topic)
        except DecodeError:
            return ""
        return f"{asset}:{self._options.stream or captured.get('stream', 'data')}"

    def _learn(self, message: Message, key: str, stream: Stream, body: dict[str, Any]) -> None:
        # First: a name that is none, as "", may be a part of one.
        if any(isinstance(item, dict | list) for item in body.values()):
            return
        options = self._options
        columns: dict[tuple[str | int, ...], str] = {
            (field,): signal_name(field) for field in body if field not in self._ignored
        }
        time, count = ((name,) if name else None for name in (options.time, options.seq))
        if len(body) != len(columns) + sum(path is not None for path in (time, count)):
            return
        self._shapes.learn(message, key, stream, columns, time=time, times=times_of(options.time_unit), count=count)

    def _times(self, body: dict[str, Any], message: Message) -> NDArray[np.int64] | int:
        """Times of the rows, or one time where the message holds one sample."""
        options = self._options
        if not options.time:
            return message.received_ns
        told = _at(body, options.time.split("."))
        if told is _MISSING:
            raise DecodeError("schema", f"no field {options.time!r} with the time")
        zone_s = None if options.zone_offset_h is None else options.zone_offset_h * 3600
        if isinstance(told, list):
            if not 0 < len(told) <= MAX_ROWS:
                raise DecodeError("too_many_values", f"{len(told)} rows; 1 to {MAX_ROWS} are taken")
            return _json.times_ns(told, options.time_unit, options.time, zone_s)
        return _json.time_ns(told, options.time_unit, options.time, zone_s)

    def _picked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The configured values by signal name, converted; None where one is missing."""
        found = {signal.name: _at(body, path) for path, signal, _ in self._chosen}
        if all(item is _MISSING for item in found.values()):
            raise DecodeError("schema", "none of the configured values is in it")
        return {
            signal.name: _scaled(None if found[signal.name] is _MISSING else found[signal.name], factor)
            for _, signal, factor in self._chosen
        }

    def _all(self, body: dict[str, Any], *, in_columns: bool) -> dict[str, Any]:
        """Every field by signal name, as it came; lists only where the message is in columns."""
        flat: dict[str, Any] = {}
        _flatten(body, "", flat, self._ignored)
        if len(flat) > MAX_SIGNALS_PER_STREAM:
            raise DecodeError("too_many_values", f"{len(flat)} fields, at most {MAX_SIGNALS_PER_STREAM}")
        named = {signal_name(path): item for path, item in flat.items() if in_columns or not isinstance(item, list)}
        if in_columns and len(named) != len(flat):
            raise DecodeError("dup_key", "two fields have the same name")
        return named

    def _plan(self, asset: str, name: str, columns: dict[str, Any]) -> Stream:
        """The stream that these fields belong to: made once for each set of fields and their kinds."""
        sample = {own: _sample(item) for own, item in columns.items()}
        key = (asset, name, tuple(columns), tuple(type(value) for value in sample.values()))
        stream = self._plans.get(key)
        if stream is None:
            sequenced = bool(self._options.seq)
            if self._chosen:
                fields = [signal for _, signal, _ in self._chosen]
            else:
                declared = {signal.name: signal for signal in self.book.declared(asset, name)}
                for own, kind in self.book.held(asset, name).items():
                    if sample.get(own, _MISSING) is None and own not in declared:
                        declared[own] = Signal(own, kind)
                told = {own: value for own, value in sample.items() if value is not None or own in declared}
                fields = [declared.get(own) or guessed(own, value) for own, value in told.items()]
                fields += [signal for own, signal in declared.items() if own not in told]
            if not fields:
                raise DecodeError("schema", "no value in it")
            stream = self.book.stream(asset, name, fields, sequenced=sequenced)
            if len(self._plans) < MAX_PLANS:
                self._plans[key] = stream
        return stream

    def _frames(  # noqa: PLR0913  the parts of a message, once
        self,
        message: Message,
        body: dict[str, Any],
        key: str,
        times: NDArray[np.int64] | int,
        stream: Stream,
        columns: dict[str, Any],
    ) -> Frames:
        many = not isinstance(times, int)
        t_ns = times if not isinstance(times, int) else np.array([times], np.int64)
        rows = len(t_ns)
        values = np.full((rows, stream.width), np.nan)
        for column, signal in enumerate(stream.columns):
            item = columns.get(signal.name)
            if item is not None:
                cells = _cells(item, signal.name, rows, many=many)
                values[:, column] = _json.numbers(cells, signal.name, flag=signal.kind is Kind.FLAG)
        texts = [self._texts(columns.get(s.name), s.name, rows, many=many) for s in stream.text_columns]
        quality = np.full(rows, Quality.GOOD, np.int16)
        if stream.width and not stream.text_columns:
            quality[np.isnan(values).all(axis=1)] = Quality.BAD
        seq = self._seq(body, key, t_ns, message.payload)
        received = np.full(rows, message.received_ns, np.int64)
        return Frames(stream, t_ns, seq, received, values, quality, tuple(zip(*texts, strict=True)) if texts else ())

    @staticmethod
    def _texts(item: Any, name: str, rows: int, *, many: bool) -> list[str | None]:
        if item is None:
            return [None] * rows
        return [None if cell is None else _json.text(cell, name) for cell in _cells(item, name, rows, many=many)]

    def _seq(self, body: dict[str, Any], key: str, t_ns: NDArray[np.int64], payload: bytes) -> NDArray[np.int64]:
        rows = len(t_ns)
        if not self._options.seq:
            first = _json.payload_seq(payload)
            return np.array([first ^ row for row in range(rows)], np.int64)
        told = _at(body, self._options.seq.split("."))
        if told is _MISSING:
            raise DecodeError("schema", f"no field {self._options.seq!r} with the sequence")
        epoch = _at(body, self._options.epoch.split(".")) if self._options.epoch else None
        counts = told if isinstance(told, list) else [told + i if type(told) is int else told for i in range(rows)]
        if len(counts) != rows:
            raise DecodeError("schema", f"{len(counts)} sequence numbers for {rows} times")
        return self.sequences.unwrap_all(key, counts, t_ns, None if epoch is _MISSING else epoch)


def _cells(item: Any, name: str, rows: int, *, many: bool) -> list[Any]:
    cells = item if many and isinstance(item, list) else [item]
    if len(cells) != rows:
        raise DecodeError("schema", f"{name}: {len(cells)} values for {rows} times")
    return cells


def _sample(item: Any) -> Any:
    """A value that shows the field's kind: the first that is not null."""
    if isinstance(item, list):
        return next((cell for cell in item if cell is not None), None)
    return item


def _at(body: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(body, dict):
            if part not in body:
                return _MISSING
            body = body[part]
        elif isinstance(body, list) and part.isdecimal() and int(part) < len(body):
            body = body[int(part)]
        else:
            return _MISSING
    return body


def _flatten(body: dict[str, Any], prefix: str, into: dict[str, Any], ignored: frozenset[str]) -> None:
    for name, item in body.items():
        path = f"{prefix}{name}"
        if path in ignored:
            continue
        if isinstance(item, dict):
            _flatten(item, f"{path}.", into, ignored)
        elif not isinstance(item, list) or (item and not isinstance(item[0], dict | list)):
            if path in into:
                raise DecodeError("dup_key", f"two fields are called {path!r}")
            into[path] = item


def _scaled(item: Any, factor: tuple[float, float] | None) -> Any:
    if factor is None or item is None:
        return item
    if isinstance(item, list):
        return [_scaled(x, factor) for x in item]
    return _json.number(item, "value") * factor[0] + factor[1]
