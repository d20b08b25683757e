"""SenML (RFC 8428), in JSON or CBOR: records of a pack, each the value of a name at a time.

Base fields hold until the next record that sets them; a record's name is ``bn + n``, its time ``bt + t``, and a
time below 2**28 is relative to now. ``v`` is a number, ``vs`` a text, ``vb`` a truth value, ``s`` a sum (the
signal ``NAME.sum``); ``vd`` (data) is kept as base64 text. Records of one time are one frame. The asset is
the topic's; or with ``{base}`` the base name, which is the device's own.

```toml
[[source]]
name = "ovens"
topics = ["senml/+/+"]
decoder = "senml"
[source.options]
topic = "senml/{line}/{asset}"
asset = "jeonju/{line}/{asset}"
```
"""

from __future__ import annotations

import base64
import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from connectors.decoders import _cbor, _json
from connectors.decoders._cbor_rows import CborRows
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import signal_name
from connectors.decoders._times import Times
from connectors.decoders._values import Moment, ValueFrames, moment_of
from connectors.topics import TopicTemplate, fill_asset
from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import Handled
from twin.sample import Kind, Signal
from twin.units import known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block, Frames
    from twin.site import AssetType, Hub

MAX_RECORDS = 10_000
_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s",
    6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""CBOR labels (RFC 8428 § 6)."""
_RELATIVE_BELOW = 2**28
_UCUM = {
    "%RH": "%", "/": "1", "degC": "Cel", "count": "1", "beat/min": "/min", "EL": "1", "EE": "1", "kWh": "kW.h",
    "Wh": "W.h", "VA": "V.A", "lat": "deg", "lon": "deg", "mm/h": "mm/h", "rad": "rad", "cd": "cd", "m3/h": "m3/h",
    "ppm": "[ppm]", "hPa": "hPa", "dBm": "dB[mW]", "dBW": "dB[W]", "dB": "dB", "Cel": "Cel", "K": "K", "A": "A",
}  # fmt: skip
"""SenML units (RFC 8428 § 12.1, RFC 8798) that UCUM writes in another way."""
_PLACES = {"lat": "latitude", "lon": "longitude", "alt": "altitude"}
_USUAL_LABELS = frozenset({"bn", "bt", "bu", "n", "u", "v"})
_VERSION = 10
"""The version that RFC 8428 describes; a pack of a later one must not be read."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the levels; ``{base}`` in ``asset`` is the pack's base name, its separators trimmed."""

    topic: str = "{place...}/{asset}"
    asset: str = ""
    stream: str = "senml"

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        names = set(TopicTemplate(self.topic).names)
        if not self.asset and not names - {"stream", "signal", "_"}:
            raise ValueError(f"topic template {self.topic!r} names no asset: give it {{asset}}, or set asset")
        fill = dict.fromkeys(names | {"base"}, "x")
        try:
            if "{" in (fill_asset(fill, self.asset) if self.asset else ""):
                raise ValueError(f"asset {self.asset!r}: a field is written {{name}}")
        except DecodeError as error:
            raise ValueError(f"asset: {error}") from error


class _Row(NamedTuple):
    """A record with its base fields worked in."""

    base: str
    name: str
    unit: str
    t_ns: int
    value: Any


class Decoder(TopicDialect):
    """Packs of records. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, "" if "{base}" in options.asset else options.asset, source, hub, types)
        self._options = options
        self._values = ValueFrames(self.book)
        self._shapes = Shapes()
        self._cbor_rows = CborRows(_BASE_TIMES)
        self._signals: dict[tuple[str, str, type], Signal] = {}

    def decode(self, message: Message) -> Iterable[Told]:
        """A frame for each moment (and base name) of the pack."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        groups: dict[tuple[str, int], dict[str, _Row]] = {}
        for row in _rows(_records(message.payload), message.received_ns):
            own = asset
            if "{base}" in self._options.asset:
                own = fill_asset({**captured, "base": row.base.strip(":/-_. ") or "unnamed"}, self._options.asset)
            group = groups.setdefault((own, row.t_ns), {})
            name = signal_name(row.name)
            if name in group:
                raise DecodeError("dup_key", f"{row.name!r} is there twice at one time")
            group[name] = row
        if not groups:
            raise DecodeError("schema", "no record has a value")
        now = moment_of(message)
        frames = [self._frame(own, group, now._replace(t_ns=t_ns)) for (own, t_ns), group in groups.items()]
        if len(frames) == 1 and "{base}" not in self._options.asset:
            self._learn(message, frames[0], next(iter(groups.values())))
        return frames

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: packs of one moment are read at once."""
        if all(map(_is_cbor, messages)):
            return self._cbor_rows.read(messages, max_rows, self.sequences, self._key)
        return self._shapes.read(messages, max_rows, self.sequences, self._key)

    def _key(self, topic: str) -> str:
        try:
            return f"{self.place(topic)[0]}:{self._options.stream}"
        except DecodeError:
            return ""

    def _learn(self, message: Message, frame: Frames, group: Mapping[str, _Row]) -> None:
        """Note a pack whose records have a value each, and one time that all have from the first."""
        is_cbor = _is_cbor(message)
        if not (self._cbor_rows.wants(message.topic) if is_cbor else self._shapes.wants(message)):
            return
        pack = _records(message.payload)
        usual = len(pack) == len(group) and isinstance(pack[0].get("bt"), float) and pack[0]["bt"] >= _RELATIVE_BELOW
        if not usual or any(record.keys() - _USUAL_LABELS or "v" not in record for record in pack):
            return
        key = self._key(message.topic)
        if is_cbor:
            floats = [label for record in pack for label, value in record.items() if type(value) is float]
            if floats.count("bt") == 1 and len(floats) == len(pack) + 1:
                self._cbor_rows.learn(message, key, frame.stream, floats.index("bt"), list(group))
            return
        columns: dict[tuple[str | int, ...], str] = {(i, "v"): name for i, name in enumerate(group)}
        self._shapes.learn(message, key, frame.stream, columns, time=(0, "bt"), times=_BASE_TIMES, nulls=False)

    def _frame(self, asset: str, group: Mapping[str, _Row], moment: Moment) -> Frames:
        values = {name: row.value for name, row in group.items()}
        units = tuple(row.unit for row in group.values())
        return self._values.frame(asset, self._options.stream, values, moment, partial(self._known, group), units)

    def _known(self, group: Mapping[str, _Row]) -> dict[str, Signal]:
        return {name: self._signal(row) for name, row in group.items()}

    def _signal(self, row: _Row) -> Signal:
        key = (row.name, row.unit, type(row.value))
        found = self._signals.get(key)
        if found is None:
            kind = {bool: Kind.FLAG, str: Kind.TEXT}.get(type(row.value), Kind.GAUGE)
            found = Signal(
                signal_name(row.name), kind, "1" if kind is not Kind.GAUGE else _unit(row.unit), source_name=row.name
            )
            if len(self._signals) < 10_000:  # noqa: PLR2004  a cache, bounded against random names
                self._signals[key] = found
        return found


def _is_cbor(message: Message) -> bool:
    """Whether a payload begins with CBOR's major type of arrays."""
    return bool(message.payload) and message.payload[0] >> 5 == 4  # noqa: PLR2004


def _records(payload: bytes) -> list[Any]:
    """The pack's records with JSON labels, whichever of both encodings it has."""
    if payload[:1] and payload[0] >> 5 == 4:  # noqa: PLR2004  CBOR's major type of arrays
        pack = _cbor.read(payload)
        if not isinstance(pack, list):
            raise DecodeError("schema", "a SenML pack is a list of records")
        pack = [{_LABELS.get(k, k): v for k, v in row.items()} if isinstance(row, dict) else row for row in pack]
    else:
        pack = _json.parse(payload)
    if not isinstance(pack, list) or not all(isinstance(row, dict) for row in pack):
        raise DecodeError("schema", "a SenML pack is a list of records")
    if not 0 < len(pack) <= MAX_RECORDS:
        raise DecodeError("too_many_values", f"{len(pack)} records; 1 to {MAX_RECORDS} are taken")
    return pack


def _rows(records: list[dict[Any, Any]], now_ns: int) -> Iterator[_Row]:
    """The records in order, base fields worked in (RFC 8428 § 4.6)."""
    base_name, base_unit, base_t, base_v, base_s = "", "", 0.0, 0.0, 0.0
    for record in records:
        unknown = next((key for key in record if isinstance(key, str) and key.endswith("_")), None)
        if unknown is not None:
            raise DecodeError("schema", f"the label {unknown!r} must be understood, and is not known")
        version = record.get("bver", _VERSION)
        if not isinstance(version, int) or not 0 < version <= _VERSION:
            raise DecodeError("schema", f"SenML version {version!r}; {_VERSION} is known")
        base_name = _text(record, "bn", base_name)
        base_unit = _text(record, "bu", base_unit)
        base_t, base_v, base_s = (
            _number(record, k, old) for k, old in (("bt", base_t), ("bv", base_v), ("bs", base_s))
        )
        own, unit = _text(record, "n", ""), _text(record, "u", "")
        if not base_name and not own:
            raise DecodeError("schema", "a record without a name")
        t_ns = _time_ns(base_t, _number(record, "t", 0.0), now_ns)
        # Where the record has no name of its own, the unit of a place, or the word value, stands for it.
        name = own or _PLACES.get(unit) or "value"
        yield from _values(record, _Row(base_name, name, unit or base_unit, t_ns, None), base_v, base_s)


def _values(record: Mapping[Any, Any], row: _Row, base_v: float, base_s: float) -> Iterator[_Row]:
    told = [key for key in ("v", "vs", "vb", "vd") if key in record]
    if len(told) > 1:
        raise DecodeError("schema", f"{row.name}: a record with {' and '.join(told)}")
    if "v" in record or (not told and "bv" in record):
        yield row._replace(value=_number(record, "v", 0.0) + base_v)
    elif "vs" in record:
        yield row._replace(value=_text(record, "vs", ""))
    elif "vb" in record:
        if not isinstance(record["vb"], bool):
            raise DecodeError("type", f"{row.name}: vb is true or false")
        yield row._replace(value=record["vb"])
    elif "vd" in record:
        data = record["vd"]
        yield row._replace(
            value=base64.b64encode(data).decode() if isinstance(data, bytes) else _text(record, "vd", "")
        )
    if "s" in record or "bs" in record:
        unit = f"{row.unit}.s" if row.unit in ("W", "A") else row.unit
        total = _number(record, "s", 0.0) + base_s
        yield row._replace(name=f"{row.name}.sum", unit=unit, value=total)


def _base_ns(base: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Absolute base times as `_time_ns` reads them: ns, 0 where it is a relative one, or out of range."""
    told = np.asarray(base, np.float64)
    told = np.where((told >= _RELATIVE_BELOW) & (told < _json.END_NS / NS_PER_S), told, 0.0)
    seconds = np.floor(told)
    return seconds.astype(np.int64) * NS_PER_S + np.rint((told - seconds) * 1e6).astype(np.int64) * 1000


_BASE_TIMES = Times(_base_ns)


def _time_ns(base: float, own: float, now_ns: int) -> int:
    """``base + own`` seconds: since 1970, or (below 2**28) from now; raises DecodeError (ts_range)."""
    total = base + own
    if total < _RELATIVE_BELOW:
        if total < -_RELATIVE_BELOW:
            raise DecodeError("ts_range", f"a time {total} s from now")
        return now_ns + round(total * NS_PER_S)
    whole_base, whole_own = math.floor(base), math.floor(own)
    # A float of so many seconds holds no more than microseconds.
    fraction_us = round((base - whole_base) * 1e6) + round((own - whole_own) * 1e6)
    t_ns = (whole_base + whole_own) * NS_PER_S + fraction_us * 1000
    if not _json.EARLIEST_NS <= t_ns < _json.END_NS:
        raise DecodeError("ts_range", f"{total} s is outside 2000 to 2100")
    return t_ns


def _unit(unit: str) -> str:
    code = _UCUM.get(unit, unit)
    if not code:
        return "1"
    plain = "".join(ch for ch in code if ch.isprintable() and ch not in "{}")[:30]
    return code if known(code) or unit in _UCUM else f"{{{plain}}}"


def _text(record: Mapping[Any, Any], key: str, other: str) -> str:
    return _json.text(record[key], key) if key in record else other


def _number(record: Mapping[Any, Any], key: str, other: float) -> float:
    return _json.number(record[key], key) if key in record else other
