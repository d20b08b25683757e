"""Many nested messages at once: what a message of a topic looks like is learnt from one that was read alone.

As in `_bulk`, a typed parser of just that shape reads the others; what it says beside numbers must be what it
said in the message it was learnt from. Whatever is unusual is left to be read alone.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders import _json
from connectors.decoders._rows import Collected, Route
from connectors.decoders._tree import Path, Trees

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from twin.message import Message
    from twin.sample import Block, Stream

MAX_SHAPES = 20_000
MAX_PARSERS = 1000
_MAX_MISSES = 100
_MISSING = object()


class Shape(NamedTuple):
    """The messages of a topic: ``read`` and ``flat`` of their tree, and which of its leaves are what."""

    read: Callable[[bytes], Any]
    flat: Callable[[Any], tuple[Any, ...]]
    route: Route
    constant: Callable[[tuple[Any, ...]], Any]
    constants: Any
    values: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    time: int
    time_ns: Callable[[Any], int]
    counts: int
    texts: tuple[int, ...]
    colons: int


class Nested:
    """The shapes of topics, learnt. Mutable: a cache that its decoder owns."""

    def __init__(self) -> None:
        self._trees = Trees(MAX_PARSERS)
        self._shapes: dict[str, Shape] = {}
        self._misses: dict[str, int] = {}

    def wants(self, topic: str) -> bool:
        """Whether the shape of a topic's messages is still to be learnt."""
        return topic not in self._shapes and len(self._shapes) < MAX_SHAPES and self._misses.get(topic, 0) < _MAX_MISSES

    def learn(  # noqa: PLR0913  what there is to know of a message
        self,
        topic: str,
        key: str,
        stream: Stream,
        body: Any,
        columns: Mapping[Path, str],
        *,
        time: Path | None = None,
        time_ns: Callable[[Any], int] = int,
        count: Path | None = None,
        ignored: Iterable[Path] = (),
        nulls: bool = True,
    ) -> None:
        """Note what messages of a topic look like.

        ``columns`` maps the places of its numbers to the columns of ``stream``; ``time_ns`` reads what is
        at ``time``, 0 for what it cannot read; texts that are ``ignored`` may change; ``nulls`` may stand
        for numbers.
        """
        names = [signal.name for signal in stream.columns]
        tree = None
        if not stream.text_columns and sorted(columns.values()) == sorted(names):
            # Beside the fields that hold the plain name, a null field is none: another stream.
            tree = self._trees.of(body, columns.__contains__, nulls=nulls and "~" not in stream.name)
        if tree is None:
            self._missed(topic)
            return
        at = {path: place for place, path in enumerate(tree.paths)}
        free = {path for path in (time, count) if path is not None} | set(ignored)
        if not (free | columns.keys()) <= at.keys():
            self._missed(topic)
            return
        of_column = {name: at[path] for path, name in columns.items()}
        others = [place for path, place in at.items() if path not in columns and path not in free]
        constant = _picked(others)
        self._shapes[topic] = Shape(
            tree.read,
            tree.flat,
            Route(key, stream, len(names), None),
            constant,
            constant(tree.leaves),
            _picked([of_column[name] for name in names]),
            -1 if time is None else at[time],
            time_ns,
            -1 if count is None else at[count],
            tuple(at[path] for path in sorted(free, key=str) if isinstance(tree.leaves[at[path]], str)),
            tree.keys + sum(leaf.count(":") for leaf in constant(tree.leaves) if isinstance(leaf, str)),
        )

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
        collected = Collected("ns", counts=counted, epochs=False)
        place = -1
        for place, (topic, payload, received_ns, _, retain) in enumerate(messages):
            shape = self._shapes.get(topic)
            if shape is None or retain:
                collected.leave(place, key_of(topic) if shape is None else shape.route.key)
                continue
            told = _leaves(shape, payload)
            if told is None:
                self._missed(topic)
                collected.leave(place, shape.route.key)
                continue
            t_ns = received_ns if shape.time < 0 else shape.time_ns(told[shape.time])
            if not _json.EARLIEST_NS <= t_ns < _json.END_NS:
                collected.leave(place, shape.route.key)
                continue
            count = _json.payload_seq(payload) if shape.counts < 0 else told[shape.counts]
            collected.add_row(place, shape.route, t_ns, count, received_ns, shape.values(told))
            if collected.rows >= max_rows:
                break
        blocks, left = collected.blocks(sequences)
        return blocks, left, place + 1

    def _missed(self, topic: str) -> None:
        """A message did not fit its topic's shape, which is learnt anew; too often, and no more."""
        self._shapes.pop(topic, None)
        if topic in self._misses or len(self._misses) < MAX_SHAPES:
            self._misses[topic] = self._misses.get(topic, 0) + 1


def _leaves(shape: Shape, payload: bytes) -> tuple[Any, ...] | None:
    """The leaves of a message of that shape; None for any other."""
    try:
        told = shape.flat(shape.read(payload))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if shape.constant(told) != shape.constants or b"\\" in payload:
        return None
    # As many colons as keys, and as its texts have: no key is there twice.
    colons = shape.colons + sum([told[place].count(":") for place in shape.texts])
    return told if payload.count(b":") == colons else None


def _picked(places: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """What picks the items at those places, always as a tuple."""
    if not places:
        return lambda _told: ()
    if len(places) == 1:
        (only,) = places
        return lambda told: (told[only],)
    return itemgetter(*places)
