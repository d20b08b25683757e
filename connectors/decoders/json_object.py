"""JSON objects: several values a message, picked by path or taken as they come.

A message holds one sample, or several in columns: where the time field is a list, every value field
is a list of the same length. In a message of one sample, lists are left out unless ``values`` picks
their items (``path = "pose.0"``).

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
from connectors.decoders._streams import guessed, signal_name
from connectors.topics import check_templates
from twin.errors import DecodeError, UnitError
from twin.message import Handled, Message
from twin.sample import Frames, Kind, Quality, Role, Signal
from twin.units import conversion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.message import Liveness
    from twin.site import AssetType, Hub

MAX_ROWS = 10_000
_MISSING = object()


class Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value: where it is in the object, and what it is. ``path`` is dotted; ``to_unit`` converts."""

    path: str
    signal: str = ""
    kind: Kind = Kind.GAUGE
    unit: str = "1"
    to_unit: str = ""
    role: Role = Role.NONE
    low: float | None = None
    high: float | None = None
    ko: str = ""
    en: str = ""


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
            if value.to_unit:
                try:
                    conversion(value.unit, value.to_unit)
                except UnitError as error:
                    raise ValueError(f"{value.path}: {error}") from error
        names = [value.signal or value.path for value in self.values]
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            raise ValueError(f"signal {twice!r} is there twice")


class Decoder(TopicDialect):
    """Flat or nested JSON objects. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._options = options
        self._ignored = frozenset({*options.ignore, options.time, options.seq, options.epoch} - {""})
        self._chosen = [(value.path.split("."), _signal(value), _factor(value)) for value in options.values]

    def decode(self, message: Message) -> Iterable[Frames | Liveness | Handled]:
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
        if self._chosen:
            fields, columns = self._picked(body)
        else:
            fields, columns = self._all(body, asset, name, in_columns=isinstance(times, list))
        if not fields:
            raise DecodeError("schema", "no value in it")
        return [self._frames(message, body, asset, name, times, fields, columns)]

    def _times(self, body: dict[str, Any], message: Message) -> list[int] | int:
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
            return [_json.time_ns(item, options.time_unit, options.time, zone_s) for item in told]
        return _json.time_ns(told, options.time_unit, options.time, zone_s)

    def _picked(self, body: dict[str, Any]) -> tuple[list[Signal], list[Any]]:
        found = [_at(body, path) for path, _, _ in self._chosen]
        if all(item is _MISSING for item in found):
            raise DecodeError("schema", "none of the configured values is in it")
        columns = [
            _scaled(None if item is _MISSING else item, factor)
            for item, (_, _, factor) in zip(found, self._chosen, strict=True)
        ]
        return [signal for _, signal, _ in self._chosen], columns

    def _all(self, body: dict[str, Any], asset: str, name: str, *, in_columns: bool) -> tuple[list[Signal], list[Any]]:
        flat: dict[str, Any] = {}
        _flatten(body, "", flat, self._ignored)
        if not in_columns:
            flat = {path: item for path, item in flat.items() if not isinstance(item, list)}
        declared = {signal.name: signal for signal in self.book.declared(asset, name)}
        fields, columns = [], []
        for path, item in flat.items():
            own = signal_name(path)
            known = declared.get(own)
            sample = next((x for x in item if x is not None), None) if isinstance(item, list) else item
            if known is None and sample is None:
                continue
            fields.append(known or guessed(own, sample))
            columns.append(item)
        for own, signal in declared.items():
            if all(field.name != own for field in fields) and flat:
                fields.append(signal)
                columns.append(None)
        return fields, columns

    def _frames(  # noqa: PLR0913  the parts of a message, once
        self,
        message: Message,
        body: dict[str, Any],
        asset: str,
        name: str,
        times: list[int] | int,
        fields: Sequence[Signal],
        columns: list[Any],
    ) -> Frames:
        rows = len(times) if isinstance(times, list) else 1
        t_ns = np.array(times if isinstance(times, list) else [times], np.int64)
        stream = self.book.stream(asset, name, fields, sequenced=bool(self._options.seq))
        at = {field.name: i for i, field in enumerate(fields)}
        if len(at) != len(fields):
            raise DecodeError("dup_key", "two fields have the same name")
        values = np.full((rows, stream.width), np.nan)
        for column, signal in enumerate(stream.columns):
            item = columns[at[signal.name]]
            cells = item if isinstance(times, list) and isinstance(item, list) else [item]
            if item is not None:
                if len(cells) != rows:
                    raise DecodeError("schema", f"{signal.name}: {len(cells)} values for {rows} times")
                values[:, column] = [np.nan if x is None else _json.number(x, signal.name) for x in cells]
        texts = [self._texts(columns[at[s.name]], s.name, rows) for s in stream.text_columns]
        quality = np.full(rows, Quality.GOOD, np.int16)
        if stream.width and not stream.text_columns:
            quality[np.isnan(values).all(axis=1)] = Quality.BAD
        seq = self._seq(body, f"{asset}:{name}", t_ns, message.payload)
        received = np.full(rows, message.received_ns, np.int64)
        return Frames(stream, t_ns, seq, received, values, quality, tuple(zip(*texts, strict=True)) if texts else ())

    @staticmethod
    def _texts(item: Any, name: str, rows: int) -> list[str | None]:
        if item is None:
            return [None] * rows
        cells = item if isinstance(item, list) else [item]
        if len(cells) != rows:
            raise DecodeError("schema", f"{name}: {len(cells)} values for {rows} times")
        return [None if cell is None else _json.text(cell, name) for cell in cells]

    def _seq(self, body: dict[str, Any], key: str, t_ns: np.ndarray[Any, Any], payload: bytes) -> np.ndarray[Any, Any]:
        rows = len(t_ns)
        if not self._options.seq:
            first = _json.payload_seq(payload)
            return np.array([first ^ row for row in range(rows)], np.int64)
        told = _at(body, self._options.seq.split("."))
        if told is _MISSING:
            raise DecodeError("schema", f"no field {self._options.seq!r} with the sequence")
        epoch = _at(body, self._options.epoch.split(".")) if self._options.epoch else None
        epoch = None if epoch is _MISSING else epoch
        counts = (
            told
            if isinstance(told, list)
            else [told + row if isinstance(told, int) and row else told for row in range(rows)]
        )
        if len(counts) != rows:
            raise DecodeError("schema", f"{len(counts)} sequence numbers for {rows} times")
        unwrapped = [self.sequences.unwrap(key, n, int(t), epoch) for n, t in zip(counts, t_ns, strict=True)]
        return np.array(unwrapped, np.int64)


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
        elif not isinstance(item, list) or (item and all(not isinstance(x, dict | list) for x in item)):
            if path in into:
                raise DecodeError("dup_key", f"two fields are called {path!r}")
            into[path] = item


def _signal(value: Value) -> Signal:
    return Signal(
        signal_name(value.signal or value.path),
        value.kind,
        value.to_unit or value.unit,
        value.role,
        low=value.low,
        high=value.high,
        source_name=value.path,
        label_ko=value.ko,
        label_en=value.en,
    )


def _factor(value: Value) -> tuple[float, float] | None:
    return conversion(value.unit, value.to_unit) if value.to_unit and value.to_unit != value.unit else None


def _scaled(item: Any, factor: tuple[float, float] | None) -> Any:
    if factor is None or item is None:
        return item
    if isinstance(item, list):
        return [_scaled(x, factor) for x in item]
    return _json.number(item, "value") * factor[0] + factor[1]
