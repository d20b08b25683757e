"""Tasmota devices: ``tele/DEVICE/SENSOR``, ``STATE`` and ``LWT``, and the answers ``stat/DEVICE/…``.

Each sensor of a ``SENSOR`` message is a stream of its own (``ENERGY``, ``DS18B20``); what stands beside them,
and ``STATE``, is one each. ``LWT`` tells whether the device is there. ``Time`` is the device's local time
without a zone: ``zone_offset_h`` says which; it is given to the second, so samples are told apart by content.

```toml
[[source]]
name = "utilities"
topics = ["tele/+/+", "stat/+/STATUS8", "stat/+/STATUS10"]
decoder = "tasmota"
[source.options]
asset = "jeonju/utility/{device}"
zone_offset_h = 9.0
```
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import signal_name
from connectors.decoders._times import local
from connectors.decoders._values import ValueFrames, flat, moment_of
from connectors.topics import TopicTemplate, check_templates
from twin.errors import DecodeError
from twin.message import Handled, Liveness
from twin.sample import Kind, Role, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block, Stream
    from twin.site import AssetType, Hub

_UNITS = {
    "Factor": ("1", Role.NONE),
    "Power": ("W", Role.POWER),
    "ApparentPower": ("V.A", Role.NONE),
    "ReactivePower": ("var", Role.NONE),
    "Voltage": ("V", Role.NONE),
    "Current": ("A", Role.NONE),
    "Frequency": ("Hz", Role.NONE),
    "Total": ("kW.h", Role.ENERGY),
    "Today": ("kW.h", Role.NONE),
    "Yesterday": ("kW.h", Role.NONE),
    "Period": ("W.h", Role.NONE),
    "Humidity": ("%", Role.NONE),
    "Illuminance": ("lx", Role.NONE),
    "CarbonDioxide": ("[ppm]", Role.NONE),
    "Distance": ("cm", Role.NONE),
}
"""Units that Tasmota's documentation fixes, by the field's name."""
_COUNTERS = frozenset({"Total"})
_TEMPERATURES = {"C": "Cel", "F": "[degF]"}
_PRESSURES = {"hPa": "hPa", "mmHg": "mm[Hg]", "inHg": "[in_i'Hg]"}
_PRESENT = {b"Online": True, b"Offline": False}
_SKIPPED = frozenset({"Time", "TempUnit", "PressureUnit", "SpeedUnit"})
_WRAPPERS = frozenset({"StatusSNS", "StatusSTS"})
MAX_SENSORS = 64


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``topic`` names the device and the kind of message; ``zone_offset_h`` is the zone of its clock, from UTC."""

    topic: str = "{_}/{device}/{kind}"
    asset: str = "{device}"
    zone_offset_h: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        check_templates(self.topic, self.asset)
        if "kind" not in TopicTemplate(self.topic).names:
            raise ValueError("the topic template needs {kind}")
        if not -14 <= self.zone_offset_h <= 14:  # noqa: PLR2004  the zones of the earth
            raise ValueError("zone_offset_h is -14 to 14")


class Decoder(TopicDialect):
    """Tasmota's telemetry. Mutable: see `TopicDialect`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(options.topic, options.asset, source, hub, types)
        self._zone_s = options.zone_offset_h * 3600
        self._values = ValueFrames(self.book)
        self._shapes = Shapes()
        self._signals: dict[tuple[str, str], Signal] = {}

    def decode(self, message: Message) -> Iterable[Told]:
        """A frame for each sensor of the message, or whether the device is there."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        asset, captured = self.place(message.topic)
        kind = captured["kind"]
        if kind == "LWT":
            online = _PRESENT.get(message.payload.strip())
            if online is None:
                raise DecodeError("schema", "a last will of Tasmota is Online or Offline")
            return [Liveness(asset, online, message.received_ns), Handled("lwt")]
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
        wrapped = next((body[key] for key in _WRAPPERS if isinstance(body.get(key), dict)), body)
        return self._sensors(asset, kind, wrapped, message)

    def _sensors(self, asset: str, kind: str, body: dict[str, Any], message: Message) -> Iterable[Told]:
        t_ns = message.received_ns
        if "Time" in body:
            t_ns = _json.time_ns(body["Time"], "iso", "Time", self._zone_s)
        moment = moment_of(message, t_ns)
        units = {
            "Temperature": _TEMPERATURES.get(str(body.get("TempUnit")), "Cel"),
            "DewPoint": _TEMPERATURES.get(str(body.get("TempUnit")), "Cel"),
            "Pressure": _PRESSURES.get(str(body.get("PressureUnit")), "hPa"),
        }
        if kind != "SENSOR" and not kind.startswith("STATUS"):
            groups = {kind.lower(): {key: value for key, value in body.items() if key not in _SKIPPED}}
        else:
            groups = {key: value for key, value in body.items() if isinstance(value, dict)}
            alone = {k: v for k, v in body.items() if k not in groups and k not in _SKIPPED}
            groups |= {"sensor": alone} if alone else {}
        groups = {name: group for name, group in groups.items() if group}
        if not groups:
            return [Handled("empty_report")]
        if len(groups) > MAX_SENSORS:
            raise DecodeError("too_many_values", f"{len(groups)} sensors, at most {MAX_SENSORS} are taken")
        frames, like = [], tuple(units.values())
        for name, group in groups.items():
            stream = name
            values = flat(_numbered(group), ".", "" if stream in ("sensor", kind.lower()) else f"{name}.")
            frames.append(self._values.frame(asset, stream, values, moment, partial(self._known, values, units), like))
        (name, group), *others = groups.items()
        if not others and kind == "SENSOR" and group is body.get(name) and self._shapes.wants(message):
            self._learn(asset, message, body, name, frames[0].stream)
        return frames

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: reports of one sensor that tells nothing but numbers are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key)

    def _key(self, topic: str) -> str:
        try:
            return self.place(topic)[0]
        except DecodeError:
            return ""

    def _learn(self, asset: str, message: Message, body: dict[str, Any], sensor: str, stream: Stream) -> None:
        columns: dict[tuple[str | int, ...], str] = {}
        for field, value in body[sensor].items():
            if isinstance(value, list):
                columns |= {(sensor, field, i): signal_name(f"{sensor}.{field}{i + 1}") for i in range(len(value))}
            else:
                columns[sensor, field] = signal_name(f"{sensor}.{field}")
        time: tuple[str | int, ...] | None = ("Time",) if "Time" in body else None
        self._shapes.learn(message, asset, stream, columns, time=time, times=local(self._zone_s))

    def _known(self, values: Iterable[str], units: Mapping[str, str]) -> dict[str, Signal]:
        return {name: signal for name in values if (signal := self._signal(name, units)) is not None}

    def _signal(self, name: str, units: Mapping[str, str]) -> Signal | None:
        """What is known of a field by its name."""
        leaf = name.rpartition(".")[2].rstrip("0123456789")
        unit, role = _UNITS.get(leaf, (units.get(leaf, ""), Role.NONE))
        if not unit:
            return None
        found = self._signals.get((name, unit))
        if found is None:
            role = role if name.count(".") == 1 else Role.NONE
            kind = Kind.COUNTER if leaf in _COUNTERS else Kind.GAUGE
            found = Signal(name, kind, unit, role, source_name=name)
            if len(self._signals) < 10_000:  # noqa: PLR2004  a cache, bounded against random names
                self._signals[name, unit] = found
        return found


def _numbered(body: Mapping[str, Any]) -> dict[str, Any]:
    """Lists as numbered fields: ``Power: [5, 6]`` is ``Power1`` and ``Power2`` (a meter of several phases)."""
    found: dict[str, Any] = {}
    for key, value in body.items():
        if isinstance(value, list):
            for place, item in enumerate(value[:MAX_SENSORS]):
                found[f"{key}{place + 1}"] = _numbered(item) if isinstance(item, dict) else item
        else:
            found[key] = _numbered(value) if isinstance(value, dict) else value
    return found
