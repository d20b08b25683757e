"""What a metadata message tells of a data set's fields: their types and engineering units (Part 14 § 6.2.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.decoders._streams import signal_name
from twin.errors import DecodeError
from twin.sample import Kind, Signal
from twin.units import known

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FIELDS = 1024
_BOOLEAN, _STRING, _DATE_TIME, _LOCALIZED_TEXT = 1, 12, 13, 21
_TEXTS = frozenset({_STRING, _DATE_TIME, 14, 15, 16, 17, 18, 19, 20, _LOCALIZED_TEXT})
_UCUM = {"°C": "Cel", "°F": "[degF]", "kWh": "kW.h", "rpm": "/min", "r/min": "/min", "m³/h": "m3/h", "l/min": "L/min"}


def signals_of(body: Mapping[str, Any]) -> tuple[str, dict[str, Signal]]:
    """(the data set's name, its scalar fields as signals); raises DecodeError (schema, too_many_values, name)."""
    told = body.get("MetaData")
    meta = told if isinstance(told, dict) else body
    fields = meta.get("Fields")
    if not isinstance(fields, list):
        raise DecodeError("schema", "metadata without Fields")
    if len(fields) > MAX_FIELDS:
        raise DecodeError("too_many_values", f"{len(fields)} fields, at most {MAX_FIELDS} are taken")
    found: dict[str, Signal] = {}
    for field in fields:
        if isinstance(field, dict) and isinstance(field.get("Name"), str) and field.get("ValueRank", -1) == -1:
            name = signal_name(field["Name"])
            kind = _kind(field.get("BuiltInType"))
            found[name] = Signal(name, kind, _unit(field) if kind is Kind.GAUGE else "1", source_name=field["Name"])
    title = meta.get("Name")
    return (title if isinstance(title, str) else ""), found


def _kind(built_in: Any) -> Kind:
    return Kind.FLAG if built_in == _BOOLEAN else Kind.TEXT if built_in in _TEXTS else Kind.GAUGE


def _unit(field: Mapping[str, Any]) -> str:
    """The display name of the property EngineeringUnits as a UCUM code; an annotation where it is none."""
    properties = field.get("Properties")
    for one in properties if isinstance(properties, list) else ():
        if not isinstance(one, dict) or "EngineeringUnits" not in str(one.get("Key")):
            continue
        text = _display_name(one.get("Value"))
        code = _UCUM.get(text, text)
        plain = "".join(ch for ch in code if ch.isprintable() and ch not in "{}")[:30]
        return code if known(code) else f"{{{plain}}}" if plain else "1"
    return "1"


def _display_name(value: Any, depth: int = 4) -> str:
    if isinstance(value, dict) and depth:
        name = value.get("DisplayName")
        text = name.get("Text") if isinstance(name, dict) else name
        return text if isinstance(text, str) else _display_name(value.get("Body", value.get("Value")), depth - 1)
    return ""
