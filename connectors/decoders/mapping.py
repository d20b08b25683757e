"""Any JSON by a mapping: each signal from a path into the payload, with its unit and, where it has one, its time.

A path is ``a.b[0].c``; a key with a dot in it is written ``["a.b"]``. With ``each`` the path of a list is given,
and every item of it is a message of its own: paths then lead into the item, and ``{item}`` in the asset is what
``each_name`` finds there.

```toml
[[source]]
name = "press-line"
topics = ["plant/+/report"]
decoder = "mapping"
[source.options]
topic = "plant/{line}/report"
asset = "jeonju/{line}/{item}"
each = "machines"
each_name = "id"
time = "at"
time_unit = "iso"
fields = [
  { path = "axes[0].position", signal = "x", unit = "mm", to_unit = "m" },
  { path = "oil.temperature", signal = "oil_temperature", unit = "Cel", time = "oil.at" },
  { path = "state", signal = "state", kind = "state", role = "state" },
]
```
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._fields import Value, check_each_once, check_units, factor_of, signal_of
from connectors.decoders._path import MISSING, Step, as_found, at, parse_path, why_missing
from connectors.decoders._shapes import Shapes
from connectors.decoders._times import times_of
from connectors.decoders._values import Moment, ValueFrames, moment_of
from connectors.topics import TopicTemplate, fill_asset
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Frames, Kind, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_ITEMS = 10_000


class FieldMap(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signal: ``words`` turns words into numbers.

    ``time`` is the path of a time of its own, in ``time_unit`` (else the mapping's).
    """

    time: str = ""
    time_unit: _json.TimeUnit | None = None
    words: dict[str, float] = msgspec.field(default_factory=dict)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the levels; ``fields`` are the signals; ``seq`` is the path of the device's own count."""

    topic: str = "{place...}/{asset}"
    asset: str = ""
    stream: str = "data"
    each: str = ""
    each_name: str = ""
    time: str = ""
    time_unit: _json.TimeUnit = "ms"
    zone_offset_h: float | None = None
    seq: str = ""
    fields: tuple[FieldMap, ...] = (FieldMap(path="value"),)

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        names = set(TopicTemplate(self.topic).names) | ({"item"} if self.each_name else set())
        if not self.asset and not names - {"stream", "signal", "_", "item"}:
            raise ValueError(f"topic template {self.topic!r} names no asset: give it {{asset}}, or set asset")
        missing = next((level for level in self.asset.split("/") if "{" in fill_braces(level, names)), None)
        if missing is not None:
            raise ValueError(f"asset {self.asset!r}: {missing!r} names what neither topic nor each_name gives")
        if not self.fields:
            raise ValueError("a mapping has one field at least")
        if self.each_name and not self.each:
            raise ValueError("each_name needs each, the list whose items it names")
        for path in (self.each, self.each_name, self.time, self.seq):
            parse_path(path)
        for field in self.fields:
            _check(field)
        check_each_once(field.signal or field.path for field in self.fields)


class _Field(NamedTuple):
    path: str
    steps: tuple[Step, ...]
    name: str
    factor: tuple[float, float] | None
    words: Mapping[str, float]
    flag: bool


class _Group(NamedTuple):
    """The fields of one time: a stream."""

    stream: str
    time: str
    steps: tuple[Step, ...]
    unit: _json.TimeUnit
    fields: tuple[_Field, ...]
    known: Callable[[], Mapping[str, Signal]]


class Decoder(TopicDialect):
    """Mapped JSON. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, "" if "{item}" in options.asset else options.asset, source, hub, types)
        self._options = options
        self._zone_s = None if options.zone_offset_h is None else options.zone_offset_h * 3600
        self._values = ValueFrames(self.book)
        self._each, self._each_name, self._seq = (
            parse_path(path) for path in (options.each, options.each_name, options.seq)
        )
        self._groups = _groups(options)
        self._shapes = Shapes()
        plain = all(field.factor is None and not field.words for group in self._groups for field in group.fields)
        self._is_plain = plain and len(self._groups) == 1 and not options.each

    def decode(self, message: Message) -> Iterable[Told]:
        """A frame for each time that the fields have, of each item."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        body = _json.parse(message.payload)
        items = [body]
        if self._each:
            items = at(body, self._each)
            if not isinstance(items, list):
                raise DecodeError("schema", why_missing(body, self._options.each, self._each, "a list"))
            if len(items) > MAX_ITEMS:
                raise DecodeError("too_many_values", f"{len(items)} items, at most {MAX_ITEMS} are taken")
        now = moment_of(message)
        told: list[Told] = []
        for place, item in enumerate(items):
            own = self._own_asset(asset, captured, item)
            told += self._item(own, item, now._replace(seq=now.seq ^ place))
        if self._is_plain and self._shapes.wants(message):
            self._learn(message, body, told)
        return told or [Handled("empty_list")]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: numbers of one time are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key, counted=bool(self._seq))

    def _key(self, topic: str) -> str:
        try:
            return f"{self.place(topic)[0]}:{self._groups[0].stream}"
        except DecodeError:
            return ""

    def _learn(self, message: Message, body: Any, told: list[Told]) -> None:
        (frame,) = told
        (group,) = self._groups
        columns = {as_found(body, field.steps): field.name for field in group.fields}
        time = as_found(body, group.steps) if group.time else None
        if isinstance(frame, Frames):
            self._shapes.learn(
                message,
                self._key(message.topic),
                frame.stream,
                columns,
                time=time,
                times=times_of(group.unit),
                count=as_found(body, self._seq) if self._seq else None,
            )

    def _own_asset(self, asset: str, captured: Mapping[str, str], item: Any) -> str:
        if "{item}" not in self._options.asset:
            return asset
        name = at(item, self._each_name)
        if isinstance(name, bool) or not isinstance(name, str | int):
            why = why_missing(item, self._options.each_name, self._each_name, "a name")
            raise DecodeError("schema", f"each_name: {why}")
        return fill_asset({**captured, "item": str(name)}, self._options.asset)

    def _item(self, asset: str, item: Any, now: Moment) -> list[Told]:
        told: list[Told] = []
        nowhere = ""
        for group in self._groups:
            values: dict[str, Any] = {}
            found = 0
            for field in group.fields:
                value = at(item, field.steps)
                if value is MISSING:
                    nowhere = nowhere or why_missing(item, field.path, field.steps, "a value")
                    value = None
                else:
                    found += 1
                values[field.name] = None if value is None else _mapped(value, field)
            if found:
                moment = self._moment(f"{asset}:{group.stream}", group, item, now)
                told.append(self._values.frame(asset, group.stream, values, moment, group.known))
        if not told:
            raise DecodeError("schema", f"none of the mapped values is in it: {nowhere}")
        return told

    def _moment(self, key: str, group: _Group, item: Any, now: Moment) -> Moment:
        if group.time:
            told = at(item, group.steps)
            if told is MISSING:
                raise DecodeError("schema", why_missing(item, group.time, group.steps, "a time"))
            now = now._replace(t_ns=_json.time_ns(told, group.unit, group.time, self._zone_s))
        if not self._seq:
            return now
        told = at(item, self._seq)
        if told is MISSING:
            raise DecodeError("schema", why_missing(item, self._options.seq, self._seq, "a count"))
        return now._replace(seq=self.sequences.unwrap(key, told, now.t_ns), counted=True)


def fill_braces(level: str, names: Iterable[str]) -> str:
    """A level of the asset with the fields that there are filled in."""
    for name in names:
        level = level.replace(f"{{{name}}}", "x")
    return level


def _check(field: FieldMap) -> None:
    if not field.path:
        raise ValueError("a field needs a path")
    parse_path(field.path)
    parse_path(field.time)
    check_units(field)
    if field.kind.is_text and (field.to_unit or field.words):
        raise ValueError(f"{field.path}: {field.kind} is text, and has no to_unit or words")


def _groups(options: Options) -> tuple[_Group, ...]:
    """The fields by their time; those with a time of their own are streams named after the first of them."""
    by_time: dict[tuple[str, _json.TimeUnit], list[FieldMap]] = {}
    for field in options.fields:
        own = (field.time, field.time_unit or options.time_unit) if field.time else (options.time, options.time_unit)
        by_time.setdefault(own, []).append(field)
    found = []
    for (time, unit), fields in by_time.items():
        signals = {signal.name: signal for signal in map(signal_of, fields)}
        stream = options.stream if time == options.time else f"{options.stream}.{next(iter(signals))}"
        rows = tuple(
            _Field(
                field.path,
                parse_path(field.path),
                name,
                factor_of(field),
                field.words,
                field.kind is Kind.FLAG,
            )
            for field, name in zip(fields, signals, strict=True)
        )
        found.append(_Group(stream, time, parse_path(time), unit, rows, partial(dict, signals)))
    return tuple(found)


def _mapped(value: Any, field: _Field) -> Any:
    if field.words and isinstance(value, str):
        if value not in field.words:
            raise DecodeError("schema", f"{field.path}: {value[:80]!r} is none of the words " + ", ".join(field.words))
        value = field.words[value]
    if isinstance(value, dict | list):
        raise DecodeError("type", f"{field.path}: {type(value).__name__} where one value belongs")
    if field.factor is None:
        return value
    return _json.number(value, field.path) * field.factor[0] + field.factor[1]
