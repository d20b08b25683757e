"""What a discovery configuration says: which entity of which device, on which topics, with which unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders._homeassistant.template import path_of
from connectors.decoders._streams import signal_name
from twin.errors import DecodeError
from twin.sample import Kind, Role, Signal
from twin.units import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHORT = {
    "avty": "availability", "avty_mode": "availability_mode", "avty_t": "availability_topic",
    "avty_tpl": "availability_template", "cmps": "components", "dev": "device", "dev_cla": "device_class",
    "ids": "identifiers", "json_attr_t": "json_attributes_topic", "json_attr": "json_attributes_topic",
    "json_attr_tpl": "json_attributes_template", "mdl": "model", "mf": "manufacturer", "o": "origin",
    "obj_id": "object_id", "p": "platform", "pl_avail": "payload_available",
    "pl_not_avail": "payload_not_available", "pl_off": "payload_off", "pl_on": "payload_on", "sa": "suggested_area",
    "sn": "serial_number", "stat_cla": "state_class", "stat_off": "state_off", "stat_on": "state_on",
    "stat_t": "state_topic", "stat_val_tpl": "state_value_template", "sw": "sw_version", "t": "topic",
    "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement", "val_tpl": "value_template",
}  # fmt: skip
"""Home Assistant's abbreviations of the keys that are read here."""
_UCUM = {
    "°C": "Cel", "°F": "[degF]", "kWh": "kW.h", "Wh": "W.h", "MWh": "MW.h", "VA": "V.A", "m³/h": "m3/h",
    "m³/s": "m3/s", "m³": "m3", "ppm": "[ppm]", "µg/m³": "ug/m3", "μg/m³": "ug/m3", "rpm": "/min", "psi": "[psi]",
    "°": "deg", "B": "By",
}  # fmt: skip
_FLAGS = frozenset({"binary_sensor", "switch", "light", "fan", "siren", "input_boolean"})
_WORDS = frozenset({"select", "text", "lock", "cover", "vacuum", "event", "alarm_control_panel", "lawn_mower"})
_NOT_NUMBERS = frozenset({"enum", "date", "timestamp"})
_ROLES = {"power": Role.POWER, "energy": Role.ENERGY}
_METERS = frozenset({"power", "energy", "voltage", "current", "apparent_power", "reactive_power", "power_factor"})
_SURROUNDINGS = frozenset(
    {"temperature", "humidity", "pm25", "pm10", "carbon_dioxide", "illuminance", "sound_pressure"}
)
MAX_COMPONENTS = 200
_MAX_TEXT = 250


class Presence(msgspec.Struct, frozen=True):
    """A topic that tells whether a device is there."""

    topic: str
    path: tuple[str | int, ...] = ()
    available: str = "online"
    not_available: str = "offline"


class Feature(msgspec.Struct, frozen=True):
    """One entity: where its value comes, and what it is. ``path`` None: its template is of a form that is not run."""

    asset: str
    name: str
    kind: Kind
    unit: str
    role: Role
    state_topic: str = ""
    path: tuple[str | int, ...] | None = ()
    on: str = "ON"
    off: str = "OFF"
    attributes_topic: str = ""
    presence: tuple[Presence, ...] = ()
    presence_mode: str = "latest"
    template: str = ""
    label: str = ""

    @property
    def signal(self) -> Signal:
        """The entity's value as a signal."""
        return Signal(self.name, self.kind, self.unit, self.role, source_name=self.label, label_en=self.label)


class Told(msgspec.Struct, frozen=True):
    """A configuration as read: its entities, and what it tells of their device."""

    entities: tuple[Feature, ...]
    device: str
    asset_type: str
    attributes: dict[str, str]


def device_name(body: Mapping[str, Any], fallback: str) -> str:
    """What the device is called: its name, else its first identifier, else ``fallback``."""
    device = body.get("device")
    told = device if isinstance(device, dict) else {}
    identifiers = told.get("identifiers")
    first = identifiers[0] if isinstance(identifiers, list) and identifiers else identifiers
    return next((text for text in (told.get("name"), first) if isinstance(text, str) and text.strip()), fallback)


def long_form(body: Mapping[str, Any], depth: int = 4) -> dict[str, Any]:
    """The configuration with its abbreviated keys written out, and ``~`` in topics replaced."""
    found = {_SHORT.get(key, key): value for key, value in body.items()}
    base = found.pop("~", None)
    for key, value in found.items():
        if depth and isinstance(value, dict):
            found[key] = long_form(value, depth - 1)
        elif depth and key == "availability" and isinstance(value, list):
            found[key] = [long_form(item, 0) if isinstance(item, dict) else item for item in value]
    return _based(found, base) if isinstance(base, str) else found


def _based(body: dict[str, Any], base: str) -> dict[str, Any]:
    for key, value in body.items():
        if isinstance(value, str) and key.endswith("topic"):
            body[key] = base + value[1:] if value[:1] == "~" else value[:-1] + base if value[-1:] == "~" else value
        elif isinstance(value, list) and key == "availability":
            body[key] = [_based(item, base) if isinstance(item, dict) else item for item in value]
        elif isinstance(value, dict) and key == "components":
            body[key] = {name: _based(one, base) if isinstance(one, dict) else one for name, one in value.items()}
    return body


def read(component: str, object_id: str, body: Mapping[str, Any], asset: str) -> Told:
    """What a configuration in its long form says; raises DecodeError (schema, type, name, too_many_values)."""
    entities = tuple(
        _feature(part, name, {**body, **one} if one is not body else one, asset)
        for part, name, one in _parts(component, object_id, body)
    )
    classes = {str(one.get("device_class")) for _, _, one in _parts(component, object_id, body)}
    kind = "energy_meter" if classes & _METERS else "environment" if classes & _SURROUNDINGS else ""
    return Told(entities, device_name(body, object_id), kind, _attributes(body))


def _parts(component: str, object_id: str, body: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(component, object id, configuration): one, or those of a device that tells of all at once."""
    if component != "device":
        yield component, object_id, body
        return
    components = body.get("components")
    if not isinstance(components, dict) or len(components) > MAX_COMPONENTS:
        raise DecodeError("schema", f"a device's configuration has 1 to {MAX_COMPONENTS} components")
    for name, one in components.items():
        if isinstance(one, dict) and isinstance(one.get("platform"), str):
            yield one["platform"], name, {"state_topic": body.get("state_topic"), **one}


def _feature(component: str, object_id: str, body: Mapping[str, Any], asset: str) -> Feature:
    name = body.get("name")
    label = name if isinstance(name, str) and name.strip() else _text(body, "device_class") or object_id
    template = _text(body, "value_template") or _text(body, "state_value_template")
    path = path_of(template)
    kind = _kind(component, body)
    on, off = _text(body, "payload_on") or "ON", _text(body, "payload_off") or "OFF"
    return Feature(
        asset,
        signal_name(label),
        kind,
        _unit(_text(body, "unit_of_measurement")) if not kind.is_text else "1",
        _ROLES.get(_text(body, "device_class"), Role.NONE) if not kind.is_text else Role.NONE,
        _text(body, "state_topic"),
        None if path is None else tuple(path),
        _text(body, "state_on") or on,
        _text(body, "state_off") or off,
        _text(body, "json_attributes_topic"),
        tuple(_presence(body)),
        _text(body, "availability_mode") or "latest",
        template[:_MAX_TEXT],
        label,
    )


def _kind(component: str, body: Mapping[str, Any]) -> Kind:
    if component in _FLAGS:
        return Kind.FLAG
    device_class, state_class = _text(body, "device_class"), _text(body, "state_class")
    if component in _WORDS or device_class in _NOT_NUMBERS:
        return Kind.STATE if device_class == "enum" or component in ("lock", "cover", "select") else Kind.TEXT
    if state_class.startswith("total"):
        return Kind.COUNTER
    is_number = component == "number" or state_class or device_class or _text(body, "unit_of_measurement")
    return Kind.GAUGE if is_number else Kind.TEXT


def _presence(body: Mapping[str, Any]) -> Iterator[Presence]:
    listed = body.get("availability")
    rows = listed if isinstance(listed, list) else [listed] if isinstance(listed, dict) else []
    if _text(body, "availability_topic"):
        template = _text(body, "availability_template")
        rows = [{**body, "topic": _text(body, "availability_topic"), "value_template": template}]
    for row in rows[:MAX_COMPONENTS]:
        path = path_of(_text(row, "value_template")) if isinstance(row, dict) else None
        if path is not None and _text(row, "topic"):
            yield Presence(
                _text(row, "topic"), tuple(path),
                _text(row, "payload_available") or _text(body, "payload_available") or "online",
                _text(row, "payload_not_available") or _text(body, "payload_not_available") or "offline",
            )  # fmt: skip


def _attributes(body: Mapping[str, Any]) -> dict[str, str]:
    device = body.get("device")
    told = device if isinstance(device, dict) else {}
    names = ("manufacturer", "model", "serial_number", "sw_version", "hw_version", "suggested_area")
    return {name: _text(told, name)[:_MAX_TEXT] for name in names if _text(told, name)}


def _unit(text: str) -> str:
    """The UCUM code of a unit as Home Assistant writes it; what has none becomes an annotation."""
    code = _UCUM.get(text, text)
    if not code:
        return "1"
    plain = "".join(ch for ch in code if ch.isprintable() and ch not in "{}")[:30]
    return code if known(code) or code in _UCUM.values() else f"{{{plain}}}"


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    if not isinstance(value, str) or "\0" in value or len(value) > 2000:  # noqa: PLR2004
        raise DecodeError("schema", f"{key}: {type(value).__name__} where a text of 2000 characters at most belongs")
    return value
