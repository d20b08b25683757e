"""A field of a DataSetMessage: raw, Variant of 1.04 or 1.05, or DataValue (OPC UA Part 6 § 5.4, Part 14 § 7.2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders._streams import signal_name
from twin.errors import DecodeError
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ELEMENTS = 256
_VARIANT_1_04 = frozenset({"Type", "Body", "Dimensions"})
_VARIANT_1_05 = frozenset({"UaType", "Value", "Dimensions"})
_DATA_VALUE = frozenset({
    "UaType", "Value", "Dimensions", "Status", "StatusCode", "SourceTimestamp", "SourcePicoseconds", "ServerTimestamp",
    "ServerPicoseconds",
})  # fmt: skip
_INT64, _UINT64, _FLOAT, _DOUBLE = 8, 9, 10, 11
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
_encode = msgspec.json.Encoder().encode


class Field(NamedTuple):
    """A field's values by name (more than one for an array or a structure), its quality, and its own time.

    ``refused`` are values of bad quality: absent, but their kind is known.
    """

    values: dict[str, Any]
    refused: dict[str, Any]
    quality: int
    source_time: Any


def field_of(name: str, told: Any) -> Field:
    """Read a field; a value of bad quality is absent. Raises DecodeError (schema, too_many_values)."""
    status, source_time, kind = 0, None, 0
    if isinstance(told, dict):
        keys = told.keys()
        if keys and keys <= _VARIANT_1_04 and "Body" in keys:
            kind, told = _type(told.get("Type")), told["Body"]
        elif "Value" in keys and keys <= _DATA_VALUE:
            status = code_of(told.get("StatusCode", told.get("Status")))
            source_time, kind, told = told.get("SourceTimestamp"), _type(told.get("UaType")), told["Value"]
            if isinstance(told, dict) and told.keys() <= _VARIANT_1_04 and "Body" in told:
                kind, told = _type(told.get("Type")), told["Body"]
            elif isinstance(told, dict) and told.keys() <= _VARIANT_1_05 and "Value" in told:
                kind, told = _type(told.get("UaType")), told["Value"]
        elif keys and keys <= _DATA_VALUE - {"Value"} and keys & {"StatusCode", "Status"}:
            status, source_time, told = code_of(told.get("StatusCode", told.get("Status"))), None, None
    quality = quality_of(status)
    values: dict[str, Any] = {}
    _spread(name, told, kind, values)
    if quality == Quality.BAD:
        return Field(dict.fromkeys(values), values, quality, source_time)
    return Field(values, {}, quality, source_time)


def scalars_of(payload: Mapping[str, Any]) -> dict[tuple[str | int, ...], str]:
    """Where the numbers of a payload stand, by the names of their signals; what is no plain number is left out."""
    found: dict[tuple[str | int, ...], str] = {}
    for name, told in payload.items():
        path: tuple[str | int, ...] = (name,)
        inner = told
        while isinstance(inner, dict) and ("Value" in inner or "Body" in inner):
            step = "Value" if "Value" in inner else "Body"
            path, inner = (*path, step), inner[step]
        if isinstance(inner, bool | int | float):
            found[path] = signal_name(name)
    return found


def code_of(status: Any) -> int:
    """A StatusCode as a number: plain, ``{"Code": …}``, or absent for Good; raises DecodeError (schema)."""
    code = status.get("Code", 0) if isinstance(status, dict) else status
    if code is None:
        return 0
    if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code < 1 << 32:
        raise DecodeError("schema", f"{code!r} is no StatusCode"[:200])
    return code


def quality_of(code: int) -> int:
    """The quality of a StatusCode by its severity, the upper two bits (Part 4 § 7.39)."""
    return (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[code >> 30]


def _type(told: Any) -> int:
    return told if type(told) is int else 0


def _spread(name: str, value: Any, kind: int, into: dict[str, Any]) -> None:
    """Put a value in: arrays element by element, structures member by member."""
    if isinstance(value, list):
        if len(value) > MAX_ELEMENTS:
            raise DecodeError("too_many_values", f"{name}: {len(value)} elements, at most {MAX_ELEMENTS} are taken")
        for place, element in enumerate(value):
            _spread(f"{name}.{place}", element, kind, into)
    elif isinstance(value, dict):
        if "Text" in value and value.keys() <= {"Locale", "Text"}:
            into[name] = value["Text"]
        elif value.keys() & {"Id", "IdType", "Namespace"}:
            into[name] = _encode(value).decode()
        else:
            for member, inner in value.items():
                _spread(f"{name}.{member}", inner, 0, into)
    elif isinstance(value, str) and kind in (_INT64, _UINT64):
        into[name] = _whole(value, name)
    elif isinstance(value, str) and kind in (_FLOAT, _DOUBLE) and value in _NO_NUMBERS:
        into[name] = None
    else:
        into[name] = value


def _whole(text: str, name: str) -> int:
    """64-bit integers are written as texts."""
    if len(text) > 20 or not text.removeprefix("-").isdecimal() or not text.isascii():  # noqa: PLR2004
        raise DecodeError("schema", f"{name}: {text[:40]!r} is no whole number")
    return int(text)
