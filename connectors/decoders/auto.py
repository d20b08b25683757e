"""Whatever a device speaks: each message goes to the dialect that it looks like, plain JSON and bare values included.

For devices that nobody configured: they are stored as they come, and stand in the list of pending
devices. Where the first level of an asset is no site of the hub, the asset is put below ``site``.
Of plain messages the topic names the asset: an object is the device's own word, and a last level such
as ``data`` or ``status`` its stream; a bare value is a signal, named by the last level.

```toml
[[source]]
name = "others"
topics = ["#"]
rest = true
decoder = "auto"
[source.options]
site = "jeonju"
```
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors import plugins
from connectors.decoders import _json
from connectors.decoders._dialect import TopicDialect
from twin.config import OWN_TOPICS
from twin.decoder import TimedDecoder
from twin.errors import DecodeError
from twin.ids import site_of
from twin.message import Announced, Finding, Handled, Liveness
from twin.sample import Frames, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twin.decoder import Decoder as AnyDecoder
    from twin.decoder import Told
    from twin.message import Message
    from twin.site import AssetType, Hub

MAX_TOPICS = 20_000
STREAM_WORDS = frozenset(
    {
        "data", "state", "status", "pose", "telemetry", "values", "measurements", "metrics", "sensor", "sensors",
        "sensordata", "reading", "readings", "joint_states", "joints", "odom", "battery",
    }
)  # fmt: skip
"""A last level of a topic that is the name of a stream, and not of a device."""
TIME_FIELDS = ("ts", "timestamp", "timestamp_ms", "time", "t", "datetime", "date_time")
_UNITS: tuple[_json.TimeUnit, ...] = ("s", "ms", "us", "ns")
_VDA = re.compile(
    r"[^/]+/v\d/[^/]+/[^/]+/(order|instantActions|state|visualization|connection|factsheet|zoneSet|responses)"
)
_TASMOTA = re.compile(r"(?:tele|stat|cmnd)/.+/[A-Z0-9]+")
_OPCUA = re.compile(r"(?:^|/)json/(?:data|metadata|status|connection|application|endpoints)(?:/|$)")
_LINE_BYTES = 2000
_QUOTED = re.compile(rb'\\.|"(?:[^"\\]|\\.)*"')
"""Where a space of a line is none: behind a backslash, and in a text."""
_LINE_PARTS = (2, 3)


class Dialect(NamedTuple):
    """A dialect's plug-in, by the names that it may have, and what its messages look like."""

    names: tuple[str, ...]
    fits: Callable[[str, bytes], bool]


def _has(payload: bytes, *words: bytes) -> bool:
    return payload[:1] in (b"{", b"[") and all(word in payload for word in words)


def _is_ros(_topic: str, payload: bytes) -> bool:
    return _has(payload, b'"header"', b'"stamp"')


def _is_senml(_topic: str, payload: bytes) -> bool:
    named = b'"n"' in payload or b'"bn"' in payload
    valued = any(word in payload for word in (b'"v"', b'"vs"', b'"vb"', b'"vd"'))
    return payload.lstrip()[:1] == b"[" and named and valued


def _is_telegraf(_topic: str, payload: bytes) -> bool:
    return _has(payload, b'"fields"', b'"timestamp"') and (b'"tags"' in payload or b'"name"' in payload)


def _is_influx(_topic: str, payload: bytes) -> bool:
    parts = _QUOTED.sub(b"_", payload[:_LINE_BYTES].partition(b"\n")[0]).split(b" ")
    if len(parts) not in _LINE_PARTS or payload[:1] in b'{["':
        return False
    return (
        parts[0] != b"" and b"=" in parts[1][1:] and parts[-1].lstrip(b"-").isdigit() is (len(parts) == _LINE_PARTS[1])
    )


DIALECTS = (
    Dialect(("sparkplug_b", "sparkplug"), lambda topic, _: topic.startswith("spBv1.0/")),
    Dialect(("vda5050",), lambda topic, _: _VDA.fullmatch(topic) is not None),
    Dialect(("home_assistant", "homeassistant"), lambda topic, _: topic.startswith("homeassistant/")),
    Dialect(("tasmota", "home_assistant", "homeassistant"), lambda topic, _: _TASMOTA.fullmatch(topic) is not None),
    Dialect(("uns", "umh"), lambda topic, _: topic.startswith(("umh/v1/", "umh.v1."))),
    Dialect(
        ("opcua_pubsub", "opcua_json", "opcua"),
        lambda topic, payload: _OPCUA.search(topic) is not None or _has(payload, b'"ua-data"'),
    ),
    Dialect(("ros_json",), _is_ros),
    Dialect(("senml", "senml_json"), _is_senml),
    Dialect(("telegraf", "telegraf_json"), _is_telegraf),
    Dialect(("influx", "influx_line", "telegraf"), _is_influx),
)
"""Asked in this order; one whose plug-in is not installed is passed over."""


LEARNERS = frozenset({"home_assistant", "homeassistant"})
"""Dialects whose messages say on which other topics values come."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``site`` (a path) is where assets stand whose topics name no site; the hub's first site unless given."""

    site: str = ""


class Decoder:
    """Delegates to decoders of other dialects, made as their first message comes. Mutable: they have state."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        del types  # the delegates take their own
        self._source = source
        self._hub = hub
        self._home = options.site or (hub.sites[0].id if hub.sites else "")
        self._sites = frozenset([*(site.id for site in hub.sites), site_of(self._home)])
        self._delegates: dict[str, AnyDecoder] = {}
        self._first: TopicDialect | None = None
        self._plain: dict[str, tuple[str, dict[str, str]]] = {}
        self._homed: dict[Stream, Stream] = {}
        self._known = {
            names: next((name for name in names if name in plugins.names("decoders")), "") for names, _ in DIALECTS
        }

    @property
    def marks(self) -> int:
        """Goes up with those of its decoders, and with each that is new."""
        return len(self._delegates) + sum(getattr(one, "marks", 0) for one in self._delegates.values())

    def dialect_of(self, topic: str, payload: bytes) -> str:
        """The name of the dialect that a message looks like; "" for plain JSON or a bare value."""
        return next((self._known[names] for names, fits in DIALECTS if self._known[names] and fits(topic, payload)), "")

    def decode(self, message: Message) -> Iterable[Told]:
        """What the dialect makes of it."""
        if message.topic.startswith(OWN_TOPICS):
            return [Handled("own")]
        name = self.dialect_of(message.topic, message.payload)
        if not name:
            told = self._learnt(message)
            return self._decode_plain(message) if told is None else [self._at_home(one) for one in told]
        return [self._at_home(told) for told in self._delegate(name, self._options(name)).decode(message)]

    def _learnt(self, message: Message) -> list[Told] | None:
        """What a dialect makes of it that was told of the topic by an earlier message; None where none was."""
        for key, decoder in self._delegates.items():
            if key.partition(" ")[0] not in LEARNERS:
                continue
            try:
                return list(decoder.decode(message))
            except DecodeError as error:
                if error.reason not in ("unknown_device", "topic"):
                    raise
        return None

    def tick(self, now_ns: int) -> Iterable[Told]:
        """What its decoders make of the time."""
        return [
            self._at_home(told)
            for decoder in list(self._delegates.values())
            if isinstance(decoder, TimedDecoder)
            for told in decoder.tick(now_ns)
        ]

    def state(self) -> bytes:
        """The decoders' states."""
        return msgspec.json.encode({key: one.state() for key, one in self._delegates.items()})

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave; a dialect that is not installed any more is left out."""
        if not state:
            return
        for key, kept in msgspec.json.decode(state, type=dict[str, bytes]).items():
            name, _, options = key.partition(" ")
            if name in plugins.names("decoders"):
                self._delegate(name, msgspec.json.decode(options.encode())).restore(kept)

    def _delegate(self, name: str, options: dict[str, Any]) -> AnyDecoder:
        key = f"{name} {msgspec.json.encode(options, order='sorted').decode()}"
        found = self._delegates.get(key)
        if found is None:
            found = self._delegates[key] = plugins.make_decoder(name, options, self._source, self._hub)
            if isinstance(found, TopicDialect):
                # One book for all of them: a stream's name must not mean other fields to each.
                if self._first is None:
                    self._first = found
                found.book = self._first.book
        return found

    def _options(self, name: str) -> dict[str, Any]:
        """A dialect's defaults, its assets below the home where they name no site."""
        if name == "ros_json":
            return self._placed("{asset...}/{_}", "{asset}")
        defaults = plugins.load("decoders", name).Options()
        asset = getattr(defaults, "asset", "")
        options: dict[str, Any] = {"asset": f"{self._home}/{asset}"} if asset and self._home else {}
        if name in LEARNERS and hasattr(defaults, "hold_s"):
            options["hold_s"] = 0.0  # what it does not know is plain, and does not wait to be explained
        return options

    def _placed(self, topic: str, asset: str, *, told: str = "") -> dict[str, Any]:
        """Options of a template; the asset below the home unless the topic ``told`` begins with a site."""
        if not self._home or told.split("/", 1)[0] in self._sites:
            return {"topic": topic, "asset": asset}
        return {"topic": topic, "asset": f"{self._home}/{asset}"}

    def _decode_plain(self, message: Message) -> Iterable[Told]:
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        payload = message.payload
        if payload.lstrip()[:1] != b"{":
            return self._delegate("json_topic", self._value_options(message.topic)).decode(message)
        body = _json.parse(payload)
        time = next((name for name in TIME_FIELDS if name in body), "")
        options = self._object_options(message.topic)
        if time:
            unit = _unit_of(body[time])
            if unit:
                options |= {"time": time, "time_unit": unit}
        return self._delegate("json_object", options).decode(message)

    def _value_options(self, topic: str) -> dict[str, Any]:
        if "/" in topic:
            return self._placed("{asset...}/{signal}", "{asset}", told=topic)
        return self._placed("{signal}", "{signal}", told=topic)

    def _object_options(self, topic: str) -> dict[str, Any]:
        above, _, last = topic.rpartition("/")
        if above and last.lower() in STREAM_WORDS:
            return self._placed("{asset...}/{stream}", "{asset}", told=topic)
        return self._placed("{asset...}", "{asset}", told=topic)

    def _at_home(self, told: Told) -> Told:
        """The same, of an asset below the home where the dialect named no site."""
        if not self._home:
            return told
        if isinstance(told, Frames):
            stream = self._homed_stream(told.stream)
            return told if stream is told.stream else replace(told, stream=stream)
        if isinstance(told, Announced):
            streams = tuple(map(self._homed_stream, told.streams))
            return replace(told, asset=self._homed_path(told.asset), streams=streams)
        if isinstance(told, Liveness):
            return replace(told, path=self._homed_path(told.path))
        if isinstance(told, Finding):
            return replace(told, device=self._homed_path(told.device))
        return told

    def _homed_path(self, path: str) -> str:
        return path if site_of(path) in self._sites else f"{self._home}/{path}"

    def _homed_stream(self, stream: Stream) -> Stream:
        homed = self._homed.get(stream)
        if homed is None:
            homed = stream if site_of(stream.asset) in self._sites else replace(stream, id=f"{self._home}/{stream.id}")
            if len(self._homed) < MAX_TOPICS:
                self._homed[stream] = homed
        return homed


def _unit_of(told: object) -> str:
    """The unit of a time field, by its value's size; "" where it is no time of these decades."""
    if isinstance(told, str):
        return _works(told, "iso")
    if isinstance(told, int | float) and not isinstance(told, bool):
        return next((unit for unit in _UNITS if _works(told, unit)), "")
    return ""


def _works(told: object, unit: _json.TimeUnit) -> str:
    try:
        _json.time_ns(told, unit, "time")
    except DecodeError:
        return ""
    return unit
