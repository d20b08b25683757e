"""Many messages at once, for dialects whose message is one flat object of numbers (or one bare number).

What a message of a topic looks like is learnt from one that was read alone: which keys it has, and which
columns they are. A typed parser of just that shape then reads the others; whatever it refuses, or is
otherwise unusual, is left to be read alone, and with it every other message of the same stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from connectors.decoders import _json
from connectors.decoders._rows import Collected, Route
from connectors.decoders._times import iso_ns
from connectors.decoders._tree import PLAIN_KEY
from twin.sample import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from twin.message import Message
    from twin.sample import Block, Stream

MAX_SHAPES = 20_000
MAX_PARSERS = 1000
_MAX_MISSES = 100
"""A topic whose messages did not fit its shape so often is read alone for good."""


class Shape(NamedTuple):
    """The messages of a topic: their parser, where their rows go, and the colons of their keys.

    ``first`` is how many of the parsed fields stand before the values: the time, then the count.
    """

    decode: Callable[[bytes], Any]
    route: Route
    colons: int
    has_time: bool
    unit_ns: int
    has_count: bool
    first: int


class Bulk:
    """The shapes of topics, learnt. Mutable: a cache that its decoder owns."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}
        self._misses: dict[str, int] = {}
        self._parsers: dict[tuple[object, ...], msgspec.json.Decoder[Any]] = {}

    def wants(self, topic: str) -> bool:
        """Whether the shape of a topic's messages is still to be learnt."""
        return topic not in self._shapes and len(self._shapes) < MAX_SHAPES and self._misses.get(topic, 0) < _MAX_MISSES

    def learn(  # noqa: PLR0913  what there is to know of a message
        self,
        topic: str,
        key: str,
        stream: Stream,
        columns: Mapping[str, str],
        *,
        time: str = "",
        unit: _json.TimeUnit = "ms",
        count: str = "",
        keys: int = 0,
    ) -> None:
        """Note what messages of a topic look like.

        ``columns`` maps the keys of its values to the names of the columns, {"": name} for a bare value;
        ``keys`` is how many keys the message had: one that has others besides is not learnt. A stream
        with texts, or a key that must be escaped, is not learnt either.
        """
        names = [signal.name for signal in stream.columns]
        if stream.text_columns or sorted(columns.values()) != sorted(names):
            self._missed(topic)
            return
        plain = all(PLAIN_KEY.fullmatch(name) for name in (*columns, time, count) if name)
        fields = [name for name in (time, count) if name]
        if not plain or ("" not in columns and len(columns) + len(fields) != keys):
            self._give_up(topic)
            return
        flags = {signal.name for signal in stream.columns if signal.kind is Kind.FLAG}
        places = {name: place for place, name in enumerate(columns.values())}
        order = [places[name] for name in names]
        route = Route(key, stream, len(names), None if order == list(range(len(order))) else np.array(order))
        # Names of columns mean nothing to a parser, their kinds do.
        kinds = tuple((key, name in flags) for key, name in columns.items())
        # Beside the fields that hold the plain name, a null field is none: another stream.
        nulls = "~" not in stream.name
        like = (kinds, time, unit == "iso", count, nulls)
        decoder = self._parsers.get(like)
        if decoder is None:
            if len(self._parsers) >= MAX_PARSERS:
                self._give_up(topic)
                return
            decoder = _bare(flags) if "" in columns else _typed(kinds, time, unit, count, nulls=nulls)
            self._parsers[like] = decoder
        unit_ns = 0 if unit == "iso" else _json.UNIT_NS[unit]
        self._shapes[topic] = Shape(
            decoder.decode, route, keys, bool(time), unit_ns, bool(count), len(fields)
        )  # fmt: skip

    def _give_up(self, topic: str) -> None:
        if len(self._misses) < MAX_SHAPES:
            self._misses[topic] = _MAX_MISSES

    def read(
        self,
        messages: Sequence[Message],
        max_rows: int,
        sequences: _json.SequenceTracker,
        key_of: Callable[[str], str],
        *,
        counted: bool = False,
    ) -> tuple[list[Block], list[int], int]:
        """See `twin.ports.BulkDecoder`. ``key_of`` gives the stream's key of a topic, "" for none."""
        shapes, as_tuple = self._shapes, msgspec.structs.astuple
        payload_seq, earliest_ns, end_ns = _json.payload_seq, _json.EARLIEST_NS, _json.END_NS
        collected = Collected("ns", counts=counted, epochs=False)
        leave, add = collected.leave, collected.add_row
        place = -1
        for place, (topic, payload, received_ns, _, retain) in enumerate(messages):
            shape = shapes.get(topic)
            if shape is None or retain:
                leave(place, key_of(topic) if shape is None else shape.route.key)
                continue
            decode, route, colons, has_time, unit_ns, has_count, first = shape
            try:
                told = decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self._missed(topic)
                leave(place, route.key)
                continue
            t_ns, row = received_ns, as_tuple(told) if colons else (told,)
            if has_time:
                # A time without a unit is ISO 8601.
                t_ns = row[0] * unit_ns if unit_ns else iso_ns(row[0])
                if not earliest_ns <= t_ns < end_ns:
                    leave(place, route.key)
                    continue
            # As many colons as keys: none is there twice. A backslash could hide one more in a time's text.
            if payload.count(b":") != colons and not (has_time and not unit_ns and _is_whole(payload, row[0], colons)):
                leave(place, route.key)
                continue
            count = row[first - 1] if has_count else payload_seq(payload)
            add(place, route, t_ns, count, received_ns, row[first:])
            if collected.rows >= max_rows:
                break
        blocks, left = collected.blocks(sequences)
        return blocks, left, place + 1

    def _missed(self, topic: str) -> None:
        """A message did not fit its topic's shape, which is learnt anew; too often, and no more."""
        self._shapes.pop(topic, None)
        if topic in self._misses or len(self._misses) < MAX_SHAPES:
            self._misses[topic] = self._misses.get(topic, 0) + 1


def _is_whole(payload: bytes, time: str, colons: int) -> bool:
    return payload.count(b":") == colons + time.count(":") and b"\\" not in payload


def _bare(flags: set[str]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(bool | None) if flags else msgspec.json.Decoder(float | None)


def _typed(
    kinds: tuple[tuple[str, bool], ...], time: str, unit: _json.TimeUnit, count: str, *, nulls: bool
) -> msgspec.json.Decoder[Any]:
    """A parser of objects with exactly these keys: a time, a count, then numbers (or truth values), perhaps null."""
    fields: list[tuple[str, Any]] = []
    renamed: dict[str, str] = {}
    for key, kind in ((time, str if unit == "iso" else int), (count, int)):
        if key:
            renamed[f"f{len(fields)}"] = key
            fields.append((f"f{len(fields)}", kind))
    for key, is_flag in kinds:
        renamed[f"f{len(fields)}"] = key
        plain = bool if is_flag else float
        fields.append((f"f{len(fields)}", plain | None if nulls else plain))
    shape = msgspec.defstruct("Shape", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(shape)
