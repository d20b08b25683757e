"""Many CBOR messages at once: those of a topic differ in nothing but their numbers, float64 at the same places.

A message that was read alone is the template; what is written elsewhere than in its numbers must be what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.decoders import _cbor, _json
from connectors.decoders._misses import Misses
from connectors.decoders._rows import Collected, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from connectors.decoders._times import Times
    from twin.message import Message
    from twin.sample import Block, Stream

MAX_TEMPLATES = 20_000
_BYTES = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Template:
    """The bytes that messages of a topic share: ``like`` is their length, and where their time and numbers are."""

    route: Route
    like: tuple[int, int, tuple[int, ...]]
    bytes: NDArray[np.uint8]


class CborRows:
    """Templates by topic. Mutable: a cache that its decoder owns. ``times`` reads what is at the time's place."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._templates: dict[str, _Template] = {}
        self._misses = Misses()

    def wants(self, topic: str) -> bool:
        """Whether the template of a topic is still to be learnt."""
        is_room = topic not in self._templates and len(self._templates) < MAX_TEMPLATES
        return is_room and self._misses.allow(topic)

    def learn(self, message: Message, key: str, stream: Stream, time: int, columns: Sequence[str]) -> None:
        """Note a message whose floats are its time, the ``time``-th of them, and the columns, in their order."""
        places = _cbor.float_places(message.payload)
        names = [signal.name for signal in stream.columns]
        if stream.text_columns or sorted(names) != sorted(columns) or len(places) != len(columns) + 1:
            self._missed(message.topic)
            return
        at = places.pop(time)
        of_column = dict(zip(columns, places, strict=True))
        like = (len(message.payload), at, tuple(of_column[name] for name in names))
        told = np.frombuffer(message.payload, np.uint8)
        self._templates[message.topic] = _Template(Route(key, stream, len(names), None), like, told)

    def read(
        self,
        messages: Sequence[Message],
        max_rows: int,
        sequences: _json.SequenceTracker,
        key_of: Callable[[str], str],
    ) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`."""
        collected = Collected("ns", counts=False, epochs=False)
        messages = messages[:max_rows]
        groups: dict[tuple[int, int, tuple[int, ...]], list[tuple[int, _Template]]] = {}
        for place, message in enumerate(messages):
            template = self._templates.get(message.topic)
            if template is None or message.retain:
                collected.leave(place, key_of(message.topic) if template is None else template.route.key)
            elif len(message.payload) != template.like[0]:
                self._missed(message.topic)
                collected.leave(place, template.route.key)
            else:
                groups.setdefault(template.like, []).append((place, template))
        for like, rows in groups.items():
            self._take(collected, like, rows, messages)
        blocks, left = collected.blocks(sequences)
        return blocks, left, len(messages)

    def _take(
        self, collected: Collected, like: tuple[int, int, tuple[int, ...]], rows: list[tuple[int, _Template]],
        messages: Sequence[Message],
    ) -> None:  # fmt: skip
        """Take messages of one layout: all their bytes are one array."""
        size, time_at, values_at = like
        told = np.frombuffer(b"".join([messages[place].payload for place, _ in rows]), np.uint8).reshape(-1, size)
        shared = np.ones(size, np.bool_)
        for at in (time_at, *values_at):
            shared[at : at + _BYTES] = False
        known = {id(one): one for _, one in rows}
        slot = {key: i for i, key in enumerate(known)}
        templates = np.stack([one.bytes[shared] for one in known.values()])
        fits = (told[:, shared] == templates[[slot[id(one)] for _, one in rows]]).all(axis=1)
        numbers = told[:, np.add.outer(np.array([time_at, *values_at]), np.arange(_BYTES))]
        floats = np.ascontiguousarray(numbers).view(">f8")[..., 0].astype(np.float64)
        t_ns = self._times.many(np.where(np.isfinite(floats[:, 0]), floats[:, 0], 0.0).tolist())
        usual = fits & np.isfinite(floats).all(axis=1) & (t_ns >= _json.EARLIEST_NS) & (t_ns < _json.END_NS)
        for i in np.flatnonzero(~usual).tolist():
            if not fits[i]:
                self._missed(messages[rows[i][0]].topic)
            collected.leave(rows[i][0], rows[i][1].route.key)
        kept = [row for row, good in zip(rows, usual.tolist(), strict=True) if good]
        if kept:
            seq = _json.payload_seqs([messages[place].payload for place, _ in kept])
            received_ns = np.array([messages[place].received_ns for place, _ in kept], np.int64)
            places = np.array([place for place, _ in kept], np.int64)
            collected.add_rows(places, [one.route for _, one in kept], t_ns[usual], seq, received_ns, floats[usual, 1:])

    def _missed(self, topic: str) -> None:
        """A message did not fit its topic's template, which is learnt anew; too often, and no more."""
        if self.wants(topic) or self._templates.pop(topic, None) is not None:
            self._misses.count(topic)
