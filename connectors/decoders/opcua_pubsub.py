"""OPC UA PubSub over MQTT in JSON (Part 14), whichever headers a publisher turned on.

Read are NetworkMessages, bare DataSetMessages, arrays of them and bare payloads; fields as RawData, Variant (1.04
and 1.05) or DataValue; key frames, delta frames, events and keep-alives; metadata (units) and status (whether the
publisher is there). A delta frame that follows on what is known is completed with it; after a gap it stands
alone, of uncertain quality, until the next key frame.

```toml
[[source]]
name = "plcs"
topics = ["opcua/json/#"]
decoder = "opcua_pubsub"
[source.options]
asset = "jeonju/{publisher}"
```
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders import _json
from connectors.decoders._opcua.fields import code_of, field_of, quality_of, scalars_of
from connectors.decoders._opcua.metadata import signals_of
from connectors.decoders._opcua.shapes import DataSet, Place, data_sets, place_of
from connectors.decoders._plain import Plain
from connectors.decoders._shapes import Shapes
from connectors.decoders._streams import guessed, signal_name
from connectors.decoders._times import ISO
from connectors.decoders._values import Moment, ValueFrames, moment_of
from connectors.topics import fill_asset
from twin.errors import DecodeError
from twin.message import Announced, Handled, Liveness
from twin.sample import Frames, Kind, Quality, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.decoders._tree import Path
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_DATA_SETS = 1000
_OPERATIONAL = frozenset({2, 4, "Operational", "PreOperational"})
_FIELDS = ("publisher", "group", "writer")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``asset`` is filled with ``{publisher}``, ``{group}`` and ``{writer}``. A stream is a writer's data set."""

    asset: str = "{publisher}"

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        try:
            filled = fill_asset(dict.fromkeys(_FIELDS, "x"), self.asset) if self.asset else ""
        except DecodeError as error:
            raise ValueError(f"asset: {error}") from error
        if not filled or "{" in filled or "{publisher}" not in self.asset:
            raise ValueError(f"asset {self.asset!r} needs {{publisher}}, and may have {{group}} and {{writer}}")


class _Known(msgspec.Struct):
    """The newest state of a data set: the count it had, and all its values."""

    seq: int
    values: dict[str, Any]


class _State(msgspec.Struct):
    plain: msgspec.Raw
    known: dict[str, _Known]
    signals: dict[str, dict[str, Signal]]


class Decoder(Plain):
    """Data sets of OPC UA publishers. Mutable: see `Plain`; the newest values, and what metadata told."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(source, hub, types)
        self._options = options
        self._values = ValueFrames(self.book)
        self._known: dict[str, _Known] = {}
        self._signals: dict[str, dict[str, Signal]] = {}
        self._shapes = Shapes()
        self._keys: dict[str, str] = {}
        self._marks = 0

    @property
    def marks(self) -> int:
        """Goes up with new metadata too: saved with that very batch."""
        return self.sequences.marks + self._marks

    def decode(self, message: Message) -> Iterable[Told]:
        """A frame for each data set of the message, or what it says of its publisher."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        place = place_of(message.topic)
        body = _json.parse(message.payload)
        kind = body.get("MessageType") if isinstance(body, dict) else None
        if kind == "ua-metadata" or place.kind == "metadata":
            return self._metadata(_object(body), place, message)
        if kind == "ua-status" or place.kind == "status":
            return self._status(_object(body), place, message)
        if place.kind != "data" or kind in ("ua-connection", "ua-application", "ua-endpoints"):
            return [Handled(place.kind if place.kind != "data" else str(kind).removeprefix("ua-"))]
        now = moment_of(message)
        told: list[Told] = []
        found = data_sets(body, place)
        for position, one in enumerate(found):
            told += self._data_set(one, now._replace(seq=now.seq ^ position))
        (frame, *others), (one, *_) = told, found
        is_key = not others and one.type == "ua-keyframe" and one.sequence is not None
        if is_key and isinstance(frame, Frames) and self._shapes.wants(message):
            self._learn(message, body, one, frame)
        return told

    def state(self) -> bytes:
        """Sequences, stream names, the newest values, and units."""
        return msgspec.json.encode(_State(msgspec.Raw(super().state()), self._known, self._signals))

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        if state:
            kept = msgspec.json.decode(state, type=_State)
            super().restore(bytes(kept.plain))
            self._known, self._signals = kept.known, kept.signals

    def _data_set(self, one: DataSet, now: Moment) -> list[Told]:
        if one.type == "ua-keepalive" or one.payload is None:
            return [Handled("keepalive")]
        if one.type not in ("ua-keyframe", "ua-deltaframe", "ua-event"):
            raise DecodeError("schema", f"the message type {one.type[:40]!r}")
        if not one.payload:
            return [Handled("empty_data_set")]
        asset, stream = self._place(one)
        stream = f"{stream}.event" if one.type == "ua-event" else stream
        values: dict[str, Any] = {}
        refused: dict[str, Any] = {}
        qualities: list[int] = []
        times: list[Any] = []
        for name, told in one.payload.items():
            field = field_of(name, told)
            for own, value in field.values.items():
                if signal_name(own) in values:
                    raise DecodeError("dup_key", f"two fields are called {own!r}")
                values[signal_name(own)] = value
            refused |= {signal_name(own): value for own, value in field.refused.items() if value is not None}
            qualities.append(field.quality)
            times += [field.source_time] if field.source_time is not None else []
        moment = self._moment(one, now, times, f"{asset}:{stream}")
        quality = min(_overall(qualities), quality_of(code_of(one.status)))
        key = f"{asset}:{stream}"
        if one.type == "ua-deltaframe":
            values, moment = self._completed(key, values, moment)
        like = (self._marks, tuple(refused), tuple(map(type, refused.values())))
        judged = moment._replace(quality=min(quality, moment.quality))
        frame = self._values.frame(asset, stream, values, judged, partial(self._told_of, key, refused), like)
        if moment.counted and moment.quality == Quality.GOOD:
            self._note(key, frame)
        return [frame]

    def _told_of(self, key: str, refused: Mapping[str, Any]) -> dict[str, Signal]:
        """The signals that metadata told of, and those whose value is refused but shows their kind."""
        return {own: guessed(own, value) for own, value in refused.items()} | self._signals.get(key, {})

    def _completed(self, key: str, values: dict[str, Any], moment: Moment) -> tuple[dict[str, Any], Moment]:
        """A delta frame with all that is known of its data set, and its moment (uncertain after a gap)."""
        known = self._known.get(key)
        if known is not None and moment.counted and moment.seq in (known.seq, known.seq + 1):
            return {**known.values, **values}, moment
        others = dict.fromkeys(known.values if known is not None else ())
        return {**others, **values}, moment._replace(quality=Quality.UNCERTAIN)

    def _note(self, key: str, frame: Frames, row: int = -1) -> None:
        """Note the values of a key frame, or of a delta frame that could be completed."""
        known, seq = self._known.get(key), int(frame.seq[row])
        if (known is None and len(self._known) >= MAX_DATA_SETS) or (known is not None and seq <= known.seq):
            return
        values: dict[str, Any] = {}
        for signal, value in zip(frame.stream.columns, frame.values[row].tolist(), strict=True):
            is_flag = signal.kind is Kind.FLAG
            values[signal.name] = None if math.isnan(value) else bool(value) if is_flag else value
        texts = frame.texts[row] if frame.texts else ()
        values |= {signal.name: text for signal, text in zip(frame.stream.text_columns, texts, strict=True)}
        self._known[key] = _Known(seq, values)

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`: key frames of numbers, one a message, that count themselves."""
        blocks, left, looked_at = self._shapes.read(messages, max_rows, self.sequences, lambda _topic: "", counted=True)
        for block in blocks:
            for part, _ in block.parts():
                self._note(self._keys[part.stream.id], part)
        return blocks, left, looked_at

    def _learn(self, message: Message, body: Any, told: DataSet, frame: Frames) -> None:
        """Note what a message looks like that holds one key frame of plain numbers."""
        path: Path = ()
        one = body
        if isinstance(one, dict) and "Messages" in one:
            path, one = ("Messages",), one["Messages"]
        if isinstance(one, list) and len(one) == 1:
            path, one = (*path, 0), one[0]
        is_plain = isinstance(one, dict) and isinstance(one.get("Payload"), dict) and "Timestamp" in one
        if not is_plain or frame.quality[0] != Quality.GOOD:
            return
        key = self._keys[frame.stream.id] = ":".join(self._place(told))
        columns = {(*path, "Payload", *inner): name for inner, name in scalars_of(one["Payload"]).items()}
        self._shapes.learn(
            message,
            key,
            frame.stream,
            columns,
            time=(*path, "Timestamp"),
            times=ISO,
            count=(*path, "SequenceNumber"),
            ignored=[("MessageId",)] if isinstance(body, dict) and "MessageId" in body else [],
        )

    def _place(self, one: DataSet) -> tuple[str, str]:
        if not one.publisher:
            raise DecodeError("schema", "neither topic nor message names the publisher")
        named = {"publisher": one.publisher, "group": one.group or "group", "writer": one.writer or "dataset"}
        stream = one.writer or one.group or "dataset"
        return fill_asset(named, self._options.asset), f"dataset_{stream}" if stream.isdecimal() else stream

    def _moment(self, one: DataSet, now: Moment, source_times: list[Any], key: str) -> Moment:
        told = one.time if one.time is not None else max(map(str, source_times), default=None)
        t_ns = now.t_ns if told is None else _json.time_ns(told, "iso", "Timestamp")
        if one.sequence is None:
            return now._replace(t_ns=t_ns)
        return now._replace(t_ns=t_ns, seq=self.sequences.unwrap(key, one.sequence, t_ns), counted=True)

    def _metadata(self, body: Mapping[str, Any], place: Place, message: Message) -> Iterable[Told]:
        (one,) = data_sets({**body, "Payload": {}, "MessageType": "ua-metadata"}, place)
        asset, stream = self._place(one)
        name, signals = signals_of(body)
        key = f"{asset}:{stream}"
        if self._signals.get(key) != signals and (key in self._signals or len(self._signals) < MAX_DATA_SETS):
            self._signals[key] = signals
            self._shapes = Shapes()  # what was learnt has other units
            self._marks += 1
        attributes = {"publisher": one.publisher, "data_set": name} if name else {"publisher": one.publisher}
        announced = Announced(asset, message.received_ns, "", one.publisher, (), attributes)
        return [announced, Handled("metadata")]

    def _status(self, body: Mapping[str, Any], place: Place, message: Message) -> Iterable[Told]:
        publisher = str(body.get("PublisherId") or place.publisher)
        if not publisher:
            raise DecodeError("schema", "neither topic nor message names the publisher")
        levels = self._options.asset.split("/")
        upto = next(i for i, level in enumerate(levels) if "{publisher}" in level) + 1
        named = {"publisher": publisher, "group": place.group or "group", "writer": place.writer or "dataset"}
        path = fill_asset(named, "/".join(levels[:upto]))
        status = body.get("Status")
        if isinstance(status, bool) or not isinstance(status, int | str):
            raise DecodeError("schema", "no Status in a status message")
        return [Liveness(path, status in _OPERATIONAL, message.received_ns), Handled("status")]


def _object(body: Any) -> Mapping[str, Any]:
    if not isinstance(body, dict):
        raise DecodeError("schema", f"a JSON object belongs here, not {type(body).__name__}")
    return body


def _overall(qualities: list[int]) -> int:
    """Of a frame: bad where every field is, uncertain where one is not good."""
    if all(quality == Quality.BAD for quality in qualities):
        return Quality.BAD
    return Quality.GOOD if all(quality == Quality.GOOD for quality in qualities) else Quality.UNCERTAIN
