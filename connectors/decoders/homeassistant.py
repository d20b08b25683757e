"""Home Assistant's MQTT discovery: devices tell of themselves, on ``homeassistant/COMPONENT/[NODE/]OBJECT/config``.

A configuration says on which topics the entity's values come: subscribe those too. Abbreviated keys are read; of
templates only ``{{ value_json.x }}`` and the like, nothing from the wire is run. Each entity is a signal of its
device, in a stream of its own; availability topics tell whether the device is there. A value that comes before
its configuration waits ``hold_s`` for it.

```toml
[[source]]
name = "utilities"
topics = ["homeassistant/#", "hmd/#"]
decoder = "homeassistant"
[source.options]
asset = "jeonju/utility/{device}"
```
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.decoders._homeassistant.config import Feature, Presence, device_name, long_form, read
from connectors.decoders._homeassistant.template import value_at
from connectors.decoders._plain import Plain
from connectors.decoders._shapes import Shapes
from connectors.decoders._values import ValueFrames, flat, moment_of
from twin.clock import NS_PER_S
from twin.errors import DecodeError, IdError
from twin.ids import segment
from twin.message import Announced, Finding, Handled, Liveness, Message, Settled
from twin.sample import Frames, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from twin.decoder import Told
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_ENTITIES = 5000
MAX_HELD = 500
MAX_HELD_BYTES = 16_384
_NO_VALUE = frozenset({"", "unknown", "unavailable", "none", "null", "nan"})
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")
_encode = msgspec.json.Encoder().encode


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``prefix`` opens the topics of discovery. ``asset`` is filled with ``{device}``, the device's name."""

    prefix: str = "homeassistant"
    asset: str = "{device}"
    hold_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        if "{device}" not in self.asset or "{" in self.asset.replace("{device}", ""):
            raise ValueError(f"asset {self.asset!r} needs {{device}}, and no other field")
        try:
            _asset(self.asset, "x")
        except DecodeError as error:
            raise ValueError(f"asset: {error}") from error
        if not 0 <= self.hold_s <= 86_400:  # noqa: PLR2004  a day
            raise ValueError("hold_s is 0 to 86400")


class _State(msgspec.Struct):
    plain: msgspec.Raw
    entities: dict[str, list[Feature]]
    present: dict[str, dict[str, bool]]
    held: list[tuple[str, bytes, int, int, bool]]


class Decoder(Plain):
    """Discovered devices. Mutable: see `Plain`; the entities by configuration topic, and what waits for one."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(source, hub, types)
        self._options = options
        self._prefix = options.prefix.strip("/") + "/"
        self._values = ValueFrames(self.book)
        self._entities: dict[str, list[Feature]] = {}
        self._by_topic: dict[str, list[Feature]] = {}
        self._present: dict[str, dict[str, bool]] = {}
        self._held: list[Message] = []
        self._marks = 0
        self._shapes = Shapes()

    @property
    def marks(self) -> int:
        """Goes up with each configuration and each message that waits: saved with that very batch."""
        return self.sequences.marks + self._marks

    def decode(self, message: Message) -> Iterable[Told]:
        """A configuration announces a device; a value is a frame; an availability tells whether it is there."""
        if message.topic.startswith(self._prefix) and message.topic.endswith("/config"):
            return self._configure(message)
        if message.topic == f"{self._prefix}status":
            return [Handled("homeassistant_status")]
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        if message.topic in self._by_topic:
            return self._tell(message)
        _json.guard(message.payload)
        waits = len(self._held) < MAX_HELD and len(message.payload) <= MAX_HELD_BYTES and self._options.hold_s > 0
        if not waits:
            raise DecodeError("unknown_device", f"no configuration names the topic {message.topic[:200]!r}")
        if message not in self._held:
            self._held.append(message)
            self._marks += 1
        return [Handled("held")]

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: bare numbers are read at once."""
        return self._shapes.read(messages, max_rows, self.sequences, lambda _topic: "")

    def tick(self, now_ns: int) -> Iterable[Told]:
        """What has waited for a configuration for too long is a dead letter."""
        limit_ns = now_ns - round(self._options.hold_s * NS_PER_S)
        late = [message for message in self._held if message.received_ns < limit_ns]
        if late:
            self._marks += 1
            self._held = [message for message in self._held if message.received_ns >= limit_ns]
        detail = f"no configuration named its topic within {self._options.hold_s:g} s"
        return [Settled(message, "unknown_device", detail) for message in late]

    def state(self) -> bytes:
        """Stream names, entities, who is there, and what waits."""
        held = [tuple(message) for message in self._held]
        return msgspec.json.encode(_State(msgspec.Raw(super().state()), self._entities, self._present, held))  # type: ignore[arg-type]

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        if state:
            kept = msgspec.json.decode(state, type=_State)
            super().restore(bytes(kept.plain))
            self._entities, self._present = kept.entities, kept.present
            self._held = [Message(*row) for row in kept.held]
            self._bind()

    def _configure(self, message: Message) -> Iterable[Told]:
        levels = message.topic[len(self._prefix) :].split("/")[:-1]
        if not 2 <= len(levels) <= 3:  # noqa: PLR2004  component, perhaps a node, and the object
            raise DecodeError("topic", f"{message.topic!r} is no topic of a configuration")
        if not message.payload:
            self._marks += self._entities.pop(message.topic, None) is not None
            self._bind()
            return [Handled("discovery_removed")]
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
        body = long_form(body)
        asset = _asset(self._options.asset, device_name(body, levels[-2] if len(levels) > 2 else levels[-1]))  # noqa: PLR2004
        told = read(levels[0], levels[-1], body, asset)
        if message.topic not in self._entities and len(self._entities) >= MAX_ENTITIES:
            raise DecodeError("cardinality", f"more than {MAX_ENTITIES} configurations from one source")
        known = self._entities.get(message.topic)
        self._entities[message.topic] = list(told.entities)
        self._marks += 1
        if known is None:
            self._bind_to(told.entities)
        else:
            self._bind()
        streams = tuple(
            self.book.stream(asset, entity.label, [entity.signal], sequenced=False)
            for entity in told.entities
            if entity.state_topic and entity.path is not None
        )
        announced = Announced(
            asset, message.received_ns, told.asset_type, told.device, streams, told.attributes,
        )  # fmt: skip
        findings = [
            Finding(asset, "homeassistant.template", entity.template, message.received_ns)
            for entity in told.entities
            if entity.path is None
        ]
        return [announced, *findings, Handled("discovery"), *self._settle()]

    def _bind(self) -> None:
        """Which entities each topic means."""
        self._by_topic = {}
        self._shapes = Shapes()
        for entities in self._entities.values():
            self._bind_to(entities)

    def _bind_to(self, entities: Iterable[Feature]) -> None:
        for entity in entities:
            topics = {entity.state_topic, entity.attributes_topic, *(one.topic for one in entity.presence)}
            for topic in sorted(topics - {""}):
                self._shapes.forget(topic)
                self._by_topic.setdefault(topic, []).append(entity)

    def _settle(self) -> Iterator[Told]:
        """What waited for the configuration that came."""
        named = [message for message in self._held if message.topic in self._by_topic]
        self._held = [message for message in self._held if message.topic not in self._by_topic]
        for message in named:
            try:
                yield from self._tell(message)
            except DecodeError as error:
                yield Settled(message, error.reason, error.detail)
            else:
                yield Settled(message)

    def _tell(self, message: Message) -> list[Told]:
        found: list[Told] = []
        for entity in self._by_topic[message.topic]:
            if entity.state_topic == message.topic:
                found.append(self._value(entity, message))
            if entity.attributes_topic == message.topic:
                found.append(self._attributes(entity, message))
            for one in entity.presence:
                if one.topic == message.topic:
                    found += self._presence(entity, one, message)
        if len(found) == 1 and isinstance(found[0], Frames) and self._shapes.wants(message):
            self._learn(message, self._by_topic[message.topic][0], found[0])
        # Entities of one device share their availability: it is said once of each device.
        return [part for place, part in enumerate(found) if not isinstance(part, Liveness) or part not in found[:place]]

    def _learn(self, message: Message, entity: Feature, frame: Frames) -> None:
        """Note a topic that tells of one number, and of nothing else."""
        is_number = not entity.kind.is_text and entity.kind is not Kind.FLAG
        if is_number and entity.path == () and entity.state_topic == message.topic:
            self._shapes.learn(message, frame.stream.id, frame.stream, {(): entity.name})

    def _value(self, entity: Feature, message: Message) -> Told:
        if entity.path is None:
            return Handled("template")
        value = _typed(value_at(message.payload, list(entity.path)), entity)
        return self._values.frame(
            entity.asset,
            entity.label,
            {entity.name: value},
            moment_of(message),
            lambda: {entity.name: entity.signal},
            (entity.kind, entity.unit),
        )

    def _attributes(self, entity: Feature, message: Message) -> Told:
        body = _json.parse(message.payload)
        if not isinstance(body, dict):
            raise DecodeError("schema", f"attributes are a JSON object, not {type(body).__name__}")
        told = {key: _encode(item).decode() if isinstance(item, list) else item for key, item in body.items()}
        if all(item is None for item in told.values()):
            return Handled("no_attributes")
        values = flat(told, ".", f"{entity.label}.")
        return self._values.frame(entity.asset, f"{entity.label}.attributes", values, moment_of(message))

    def _presence(self, entity: Feature, one: Presence, message: Message) -> list[Told]:
        said = str(value_at(message.payload, list(one.path)))
        if said not in (one.available, one.not_available):
            raise DecodeError("schema", f"{said[:80]!r} is neither {one.available!r} nor {one.not_available!r}")
        topics = self._present.setdefault(entity.asset, {})
        self._marks += topics.get(one.topic) is not (said == one.available)
        topics[one.topic] = online = said == one.available
        if entity.presence_mode in ("all", "any"):
            own = [topics.get(each.topic, False) for each in entity.presence]
            online = all(own) if entity.presence_mode == "all" else any(own)
        return [Liveness(entity.asset, online, message.received_ns), Handled("availability")]


def _asset(template: str, device: str) -> str:
    try:
        return "/".join(segment(level.replace("{device}", device)) for level in template.split("/"))
    except IdError as error:
        raise DecodeError("name", str(error)) from error


def _typed(value: Any, entity: Feature) -> Any:
    """The value as what its entity is; None for Home Assistant's words for none."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NO_VALUE):
        return None
    if entity.kind is Kind.FLAG:
        word = ("ON" if value else "OFF") if isinstance(value, bool) else str(value)
        if word not in (entity.on, entity.off):
            raise DecodeError("schema", f"{entity.name}: {word[:80]!r} is neither {entity.on!r} nor {entity.off!r}")
        return word == entity.on
    if entity.kind.is_text:
        return value if isinstance(value, str) else _encode(value).decode()
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value) or len(value) > 400:  # noqa: PLR2004
            raise DecodeError("type", f"{entity.name}: {value[:80]!r} where a number belongs")
        return float(value)
    return value
