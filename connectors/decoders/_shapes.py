"""Many messages at once: what a message of a topic looks like is learnt from one that was read alone.

A typed parser of just that shape then reads the others, those of many topics in one go. What they say beside
numbers must be what it said in the message it was learnt from. Whatever is unusual is left to be read alone, and
with it every other message of the same stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from connectors.decoders import _json
from connectors.decoders._misses import Misses
from connectors.decoders._rows import Collected, Route, numbers_of
from connectors.decoders._times import WHOLE_NS, Times
from connectors.decoders._tree import Parser, Path, Trees
from twin.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.message import Message
    from twin.sample import Block, Stream

MAX_SHAPES = 20_000
MAX_PARSERS = 1000
_CACHED_VALUES = 20_000
Leaves = tuple[Any, ...]
_topic, _payload, _received_ns, _retain = map(itemgetter, (0, 1, 2, 4))
"""The parts of a message, by place: quicker than by name where there are tens of thousands."""
_Found = tuple[list[Any], list[Leaves]]
"""What messages say, and the leaves of it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How messages of a shape are read, the same for many topics: which leaves of their tree are what.

    ``order`` are the places of the columns in the block, or among leaves that all are numbers; else ``values``
    picks them. ``count`` is -1 for none.
    """

    parser: Parser
    constant: Callable[[Leaves], Leaves] | None
    values: Callable[[Leaves], Leaves] | None
    order: NDArray[np.intp] | None
    time: Callable[[Leaves], Any] | None
    times: Times
    count: int
    texts: tuple[int, ...]
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """The messages of a topic: where their rows go, what they say besides, and how many colons they have."""

    plan: _Plan
    route: Route
    constants: Leaves
    colons: int


class Shapes:
    """The shapes of topics, learnt. Mutable: a cache that its decoder owns.

    ``rewrite`` makes JSON of a payload that is none; None where it cannot. ``mark`` tells messages of different
    shape on one topic apart.
    """

    def __init__(
        self,
        rewrite: Callable[[bytes], bytes | None] | None = None,
        mark: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._rewrite = rewrite
        self._mark = mark
        self._trees = Trees(MAX_PARSERS)
        self._plans: dict[object, _Plan] = {}
        self._shapes: dict[str, _Shape] = {}
        self._misses = Misses()

    def wants(self, message: Message) -> bool:
        """Whether the shape of such messages is still to be learnt."""
        name = self._name(message)
        return name not in self._shapes and len(self._shapes) < MAX_SHAPES and self._misses.allow(name)

    def forget(self, topic: str) -> None:
        """Forget what messages of a topic look like: from now on they mean something else."""
        self._shapes.pop(topic, None)

    def _name(self, message: Message) -> str:
        return message[0] if self._mark is None else f"{message[0]}\n{self._mark(message[1])!r}"

    def learn(  # noqa: PLR0913  what there is to know of a message
        self,
        message: Message,
        key: str,
        stream: Stream,
        columns: Mapping[Path, str],
        *,
        time: Path | tuple[Path, Path] | None = None,
        times: Times = WHOLE_NS,
        count: Path | None = None,
        ignored: Iterable[Path] = (),
        nulls: bool = True,
    ) -> None:
        """Note what messages of a topic look like.

        ``columns`` maps the places of its numbers to the columns of ``stream``, {(): name} for a bare one;
        ``times`` reads what is at ``time`` (of two places, both); texts that are ``ignored`` may change;
        ``nulls`` may stand for numbers. A stream with texts is not learnt.
        """
        shape = None
        names = [signal.name for signal in stream.columns]
        if not stream.text_columns and sorted(columns.values()) == sorted(names):
            paths: tuple[Path, ...] = () if time is None else time if _is_two(time) else (time,)  # type: ignore[assignment]
            free = {*paths, *([count] if count is not None else []), *ignored}
            # Beside the fields that hold the plain name, a null field is none: another stream.
            nulls = nulls and "~" not in stream.name
            shape = self._shape(message.payload, Route(key, stream, len(names), None), columns, paths, times, count,
                                free, nulls=nulls)  # fmt: skip
        if shape is None:
            self._missed(message)
        else:
            self._shapes[self._name(message)] = shape

    def _shape(  # noqa: PLR0913
        self, payload: bytes, route: Route, columns: Mapping[Path, str], time: tuple[Path, ...], times: Times,
        count: Path | None, free: set[Path], *, nulls: bool,
    ) -> _Shape | None:  # fmt: skip
        text = payload if self._rewrite is None else self._rewrite(payload)
        if text is None or b"\\" in text:
            return None
        try:
            tree = self._trees.of(_json.parse(text), columns.__contains__, free.__contains__, nulls=nulls)
        except DecodeError:
            return None
        read = tree.parser.one(text) if tree is not None else None
        if tree is None or read is None:
            return None
        told = tree.parser.leaves(read[0])
        at = {path: place for place, path in enumerate(tree.paths)}
        cells = {path: place for place, path in enumerate(tree.block)} or at
        if not free <= at.keys() or not columns.keys() <= cells.keys():
            return None
        of_column = {name: cells[path] for path, name in columns.items()}
        places = tuple(of_column[signal.name] for signal in route.stream.columns)
        others = tuple(place for path, place in at.items() if path not in columns and path not in free)
        texts = tuple(at[path] for path in sorted(free, key=str) if isinstance(told[at[path]], str))
        time_at = tuple(at[path] for path in time)
        count_at = -1 if count is None else at[count]
        is_numeric = bool(tree.block) or all(leaf is None or isinstance(leaf, int | float) for leaf in told)
        like = (id(tree.parser), places, time_at, times, count_at, texts, is_numeric)
        plan = self._plans.get(like)
        if plan is None:
            order = np.array(places, np.intp) if is_numeric else None
            plan = self._plans[like] = _Plan(
                tree.parser, _picked(others) if others else None, None if tree.block else _picked(places), order,
                itemgetter(*time_at) if time_at else None, times, count_at, texts, len(places),
            )  # fmt: skip
        colons = text.count(b":") - sum(told[place].count(":") for place in texts)
        return _Shape(plan, route, () if plan.constant is None else plan.constant(told), colons)

    def read(
        self,
        messages: Sequence[Message],
        max_rows: int,
        sequences: _json.SequenceTracker,
        key_of: Callable[[str], str],
        *,
        counted: bool = False,
    ) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`. ``key_of`` gives the stream's key of a topic, "" for none."""
        collected = Collected("ns", counts=counted, epochs=False)
        messages = messages[:max_rows]
        if not messages:
            return [], [], 0
        names = map(_topic if self._mark is None else self._name, messages)
        shapes = list(map(self._shapes.get, names))
        for plan, places in _grouped(collected, messages, shapes, key_of).items():
            # As many at once as stay in the processor's cache.
            step = max(_CACHED_VALUES // plan.width, 1)
            for start in range(0, len(places), step):
                some = places[start : start + step]
                if len(some) == len(messages):
                    self._take(collected, plan, some, messages, cast("list[_Shape]", shapes))
                else:
                    mine = [shape for place in some if (shape := shapes[place]) is not None]
                    self._take(collected, plan, some, [messages[place] for place in some], mine)
        blocks, left = collected.blocks(sequences)
        return blocks, left, len(messages)

    def _take(
        self, collected: Collected, plan: _Plan, places: Sequence[int], messages: Sequence[Message],
        shapes: Sequence[_Shape],
    ) -> None:  # fmt: skip
        """Take messages of one plan, and leave those that are unusual."""
        payloads = list(map(_payload, messages))
        texts: Sequence[bytes | None] = payloads if self._rewrite is None else list(map(self._rewrite, payloads))
        found = _all(plan, shapes, texts)
        if found is None:
            ones = [_one(shape, text) for shape, text in zip(shapes, texts, strict=True)]
            for place, message, shape, one in zip(places, messages, shapes, ones, strict=True):
                if one is None:
                    self._missed(message)
                    collected.leave(place, shape.route.key)
            kept = [i for i, one in enumerate(ones) if one is not None]
            if not kept:
                return
            found = [ones[i][0] for i in kept], [ones[i][1] for i in kept]  # type: ignore[index]
            places, messages, shapes = ([part[i] for i in kept] for part in (places, messages, shapes))  # type: ignore[assignment]
        _collect(collected, plan, places, messages, [shape.route for shape in shapes], found)

    def _missed(self, message: Message) -> None:
        """A message did not fit its topic's shape, which is learnt anew; too often, and no more."""
        if self.wants(message) or self._shapes.pop(self._name(message), None) is not None:
            self._misses.count(self._name(message))


def _is_two(time: tuple[Any, ...]) -> bool:
    return bool(time) and isinstance(time[0], tuple)


def _grouped(
    collected: Collected, messages: Sequence[Message], shapes: Sequence[_Shape | None], key_of: Callable[[str], str]
) -> Mapping[_Plan, Sequence[int]]:
    """The places of messages by their plan; those that have none, or were retained, are left."""
    groups: dict[_Plan, list[int]] = {}
    plans = {None if shape is None else shape.plan for shape in set(shapes)}
    if len(plans) == 1 and not any(map(_retain, messages)):
        (plan,) = plans
        if plan is not None:
            return {plan: range(len(messages))}
    for place, (message, shape) in enumerate(zip(messages, shapes, strict=True)):
        if shape is None or message.retain:
            collected.leave(place, key_of(message.topic) if shape is None else shape.route.key)
        elif shape.plan in groups:
            groups[shape.plan].append(place)
        else:
            groups[shape.plan] = [place]
    return groups


def _all(plan: _Plan, shapes: Sequence[_Shape], texts: Sequence[bytes | None]) -> _Found | None:
    """What all messages say; None where one of them is unusual."""
    read = None if None in texts else plan.parser.all(cast("Sequence[bytes]", texts))
    if read is None:
        return None
    told, had = read
    leaves = list(map(plan.parser.leaves, told))
    if plan.constant is not None and list(map(plan.constant, leaves)) != [shape.constants for shape in shapes]:
        return None
    # As many colons as keys, and as the texts have: no key is there twice.
    colons: int = sum([shape.colons for shape in shapes])
    for place in plan.texts:
        colons += sum([one[place].count(":") for one in leaves])
    return (told, leaves) if had == colons else None


def _one(shape: _Shape, text: bytes | None) -> tuple[Any, Leaves] | None:
    """What a message of that shape says; None for any other."""
    plan = shape.plan
    read = None if text is None or b"\\" in text else plan.parser.one(text)
    if text is None or read is None:
        return None
    leaves = plan.parser.leaves(read[0])
    if plan.constant is not None and plan.constant(leaves) != shape.constants:
        return None
    colons = shape.colons + sum([leaves[place].count(":") for place in plan.texts])
    return (read[0], leaves) if text.count(b":") == colons else None


def _collect(  # noqa: PLR0913  messages have these parts
    collected: Collected, plan: _Plan, places: Sequence[int], messages: Sequence[Message], routes: Sequence[Route],
    found: _Found,
) -> None:  # fmt: skip
    """Take messages of one plan: their times, counts and numbers in columns."""
    told, leaves = found
    received_ns = np.array(list(map(_received_ns, messages)), np.int64)
    t_ns = received_ns if plan.time is None else plan.times.many(list(map(plan.time, leaves)))
    if plan.count < 0:
        counts = _json.payload_seqs([message[1] for message in messages])
    else:
        counts = _whole([one[plan.count] for one in leaves])
    out = (t_ns < _json.EARLIEST_NS) | (t_ns >= _json.END_NS)
    if out.any():
        counts = np.where(out, -1, counts)  # what cannot be a count is left
    values = _matrix(plan, told, leaves)
    if values is None:
        for place, route in zip(places, routes, strict=True):
            collected.leave(place, route.key)
        return
    collected.add_rows(np.array(places, np.int64), routes, t_ns, counts, received_ns, values)


def _matrix(plan: _Plan, told: list[Any], leaves: list[Leaves]) -> NDArray[np.float64] | None:
    """The numbers of the columns, NaN for null: float64 (n, width); None where one is none."""
    if plan.order is None and plan.values is not None:
        return numbers_of(list(map(plan.values, leaves)), plan.width)
    rows: list[Sequence[Any]] = leaves if plan.parser.block is None else list(map(plan.parser.block, told))  # type: ignore[assignment]
    found = numbers_of(rows, len(rows[0]))
    is_whole = found is None or plan.order is None or np.array_equal(plan.order, np.arange(len(rows[0])))
    return found if is_whole or found is None else found[:, plan.order]


def _whole(counts: list[int]) -> NDArray[np.int64]:
    try:
        return np.array(counts, np.int64)
    except OverflowError:
        return np.array([count if 0 <= count < 1 << 62 else -1 for count in counts], np.int64)


def _picked(places: tuple[int, ...]) -> Callable[[Leaves], Leaves]:
    """What picks the items at those places, always as a tuple."""
    if len(places) == 1:
        (only,) = places
        return lambda told: (told[only],)
    return itemgetter(*places)
