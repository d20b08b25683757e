"""A unified namespace in the manner of the United Manufacturing Hub: ISA-95 levels, a contract, tags.

The topic is ``umh/v1/ENTERPRISE[/SITE[/AREA[/LINE[/CELL]]]]/_CONTRACT[/PATH…]`` with slashes or dots; levels
may be missing, the first that begins with ``_`` is the contract. A tag's payload is exactly
``{"timestamp_ms": 1795328000000, "value": 20.5}``. In the older way of ``_historian`` the payload holds many
tags, groups of them nested: ``{"timestamp_ms": …, "spindle": {"speed": 1001}}`` is the tag ``spindle_speed``.
Contracts other than ``_historian`` prefix their tags with their name (``raw.temperature``); a ``_status`` of
``online`` or ``offline`` tells of everything below its path.

```toml
[[source]]
name = "namespace"
topics = ["umh/v1/#"]
decoder = "uns"
[source.options]
under = "jeonju"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders import _json
from connectors.decoders._plain import Plain
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import signal_name
from connectors.decoders._times import times_of
from connectors.decoders._values import ValueFrames, flat, moment_of
from connectors.decoders._words import bare_value
from twin.errors import DecodeError, IdError
from twin.ids import segment
from twin.message import Finding, Handled, Liveness
from twin.sample import Frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.decoders._tree import Path
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_TOPICS = 100_000
_STRICT = {"timestamp_ms", "value"}
_PRESENT = {"online": True, "offline": False}
_encode = msgspec.json.Encoder().encode


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``prefix`` opens every topic; of the levels behind it ``skip_levels`` are no part of an asset's id.

    ``under`` is put before the ids. Where no more levels are there than are skipped, the last one is the asset.
    """

    prefix: str = "umh/v1"
    skip_levels: int = 1
    under: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        if not 0 <= self.skip_levels <= 5:  # noqa: PLR2004  the levels of ISA-95
            raise ValueError("skip_levels is 0 to 5")
        try:
            [segment(part) for part in self.under.split("/") if self.under]
        except IdError as error:
            raise ValueError(f"under: {error}") from error


class _Place(NamedTuple):
    """What a topic says: the asset, the contract, and the path of the tag behind it."""

    asset: str
    contract: str
    path: str


class Decoder(Plain):
    """Tags of a unified namespace. Mutable: see `Plain`."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(source, hub, types)
        self._options = options
        self._values = ValueFrames(self.book)
        self._places: dict[str, _Place] = {}
        self._shapes = Shapes()
        self._prefix = options.prefix.strip("/").split("/") if options.prefix else []

    def decode(self, message: Message) -> Iterable[Told]:
        """One frame: of one tag, or of the tags that a message holds."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        place = self._place(message.topic)
        body = bare_value(message.payload)
        if isinstance(body, dict):
            return self._tags(place, body, message)
        if isinstance(body, list):
            raise DecodeError("schema", "a list where an object or one value belongs")
        found = self._one(place, body, message, message.received_ns)
        if isinstance(found[0], Frames) and not isinstance(body, str):
            self._learn(message, found[0], {(): signal_name(_name(place))})
        online = _PRESENT.get(body.lower()) if isinstance(body, str) and place.contract == "_status" else None
        return found if online is None else [*found, Liveness(place.asset, online, message.received_ns)]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: tags that are numbers are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, self._key)

    def _key(self, topic: str) -> str:
        try:
            place = self._place(topic)
            return f"{place.asset}:{_name(place) or 'historian'}"
        except DecodeError:
            return ""

    def _learn(self, message: Message, frame: Frames, columns: dict[Path, str], *, timed: bool = False) -> None:
        """Note what the topic's messages look like, where they say nothing but numbers (and their time)."""
        if self._shapes.wants(message):
            time = ("timestamp_ms",) if timed else None
            key = self._key(message.topic)
            self._shapes.learn(message, key, frame.stream, columns, time=time, times=times_of("ms"))

    def _tags(self, place: _Place, body: dict[str, Any], message: Message) -> list[Told]:
        t_ns, findings = message.received_ns, []
        if "timestamp_ms" in body:
            t_ns = _json.time_ns(body["timestamp_ms"], "ms", "timestamp_ms")
        else:
            findings.append(("uns.timestamp_ms", "no timestamp_ms: the time of arrival is taken"))
        if "value" in body and place.path:
            if body.keys() - _STRICT:
                findings.append(("uns.strict", "keys beside timestamp_ms and value: " + ", ".join(sorted(body))[:200]))
            if body.keys() <= _STRICT and not isinstance(body["value"], dict | list):
                found = self._one(place, body["value"], message, t_ns)
                if isinstance(found[0], Frames) and not findings:
                    self._learn(message, found[0], {("value",): signal_name(_name(place))}, timed=True)
                return [*found, *(Finding(place.asset, rule, detail, t_ns) for rule, detail in findings)]
        tags = {key: value for key, value in body.items() if key != "timestamp_ms"}
        if not tags:
            raise DecodeError("schema", "no tag in it")
        if place.contract != "_historian":
            tags = {key: _as_text(value) for key, value in tags.items()}
        prefix = _name(place)
        named = flat(tags, "_", f"{prefix}." if prefix else "")
        # A device that was declared sends what its type says: such tags are that stream, with units and roles.
        name = prefix or self.book.declared_name(place.asset, named) or "historian"
        frame = self._values.frame(place.asset, name, named, moment_of(message, t_ns))
        if not findings and not any(isinstance(value, dict) for value in tags.values()):
            columns: dict[Path, str] = {(tag,): name for tag, name in zip(tags, named, strict=True)}
            self._learn(message, frame, columns, timed=True)
        return [frame, *(Finding(place.asset, rule, detail, t_ns) for rule, detail in findings)]

    def _one(self, place: _Place, value: Any, message: Message, t_ns: int) -> list[Told]:
        name = _name(place)
        if not name:
            raise DecodeError("schema", "one value, and no name of a tag behind _historian")
        if value is None and not self._values.is_known(place.asset, name):
            return [Handled("null")]
        return [self._values.frame(place.asset, name, {signal_name(name): value}, moment_of(message, t_ns))]

    def _place(self, topic: str) -> _Place:
        found = self._places.get(topic)
        if found is None:
            found = self._read(topic)
            if len(self._places) < MAX_TOPICS:
                self._places[topic] = found
        return found

    def _read(self, topic: str) -> _Place:
        levels = topic.split("/" if "/" in topic else ".")
        if levels[: len(self._prefix)] != self._prefix:
            raise DecodeError("topic", f"{topic!r} does not begin with {self._options.prefix!r}")
        levels = levels[len(self._prefix) :]
        at = next((i for i, level in enumerate(levels) if level.startswith("_")), None)
        if not at:
            raise DecodeError("topic", f"{topic!r} has no level before a contract (a level that begins with _)")
        named = levels[self._options.skip_levels : at] or levels[at - 1 : at]
        try:
            asset = "/".join(segment(level) for level in [*self._options.under.split("/"), *named] if level)
        except IdError as error:
            raise DecodeError("name", str(error)) from error
        if not asset:
            raise DecodeError("topic", f"{topic!r} names no asset")
        return _Place(asset, levels[at], ".".join(level for level in levels[at + 1 :] if level))


def _name(place: _Place) -> str:
    """The tag's name: its path, and for another contract than ``_historian`` the contract before it."""
    told = [] if place.contract == "_historian" else [place.contract.strip("_") or "_"]
    name = ".".join([*told, *([place.path] if place.path else [])])
    signal_name(name or "_")
    return name


def _as_text(value: Any) -> Any:
    """What a relational object holds in a list, as compact JSON."""
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    return _encode(value).decode() if isinstance(value, list) else value
