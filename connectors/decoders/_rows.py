"""Many messages of rows of numbers at once: their cells become one array a width, without an object a value.

What is unusual is left to the decoder's own reading, message by message, which knows every reason;
with it goes every other message of the same stream, so that order stays order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.decoders import _json
from twin.clock import NS_PER_S
from twin.sample import SEQ_EPOCH_SHIFT, Block, Quality, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MAX_DT_S = 86_400.0
_FEW = 8
_INT16 = 1 << 15
_MAX_EPOCH = 1 << (62 - SEQ_EPOCH_SHIFT)
_MAX_COUNT = 1 << SEQ_EPOCH_SHIFT


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Where rows of a topic go: the stream, and ``order``, the place in the message of each of its columns."""

    key: str
    stream: Stream
    width: int
    order: NDArray[np.intp] | None


@dataclass(slots=True)
class _Wide:
    """Messages of one width (mutable while they are collected): a head each, and their cells."""

    heads: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    distances_s: list[float] = field(default_factory=list)
    cells: list[Sequence[float | None]] = field(default_factory=list)
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    """Of messages that came as columns: heads (6, n) and values (n, width)."""
    tame: bool = True
    """Whether none of the values of ``parts`` is absent, or as large as no float64 holds exactly."""


class Collected:
    """The messages of one call of `decode_many`. Mutable; used once.

    ``counts``: messages count themselves. ``epochs``: they tell their session's epoch too.
    """

    def __init__(self, unit: _json.TimeUnit, *, counts: bool, epochs: bool) -> None:
        self.rows = 0
        self._counts = counts
        self._epochs = epochs
        # With "iso" no whole number is a time: then nothing is taken here.
        self._unit_ns = 1 if unit == "iso" else _json.UNIT_NS[unit]
        self._earliest = 1 if unit == "iso" else _json.EARLIEST_NS // self._unit_ns
        self._end = 0 if unit == "iso" else _json.END_NS // self._unit_ns
        self._single_colons = 2 + counts + epochs
        self._wide: dict[int, _Wide] = {}
        self._slots: dict[str, int] = {}
        self._slot_of: dict[Route, int] = {}
        self._routes: list[Route] = []
        self._left: list[int] = []
        self._left_keys: set[str] = set()

    def leave(self, place: int, key: str) -> None:
        """Leave a message, and with it its stream, to be read alone."""
        self._left.append(place)
        self._left_keys.add(key)

    def add(self, place: int, route: Route, told: Any, received_ns: int, payload: bytes) -> None:
        """Take a message; what is unusual about it leaves it, and its stream, to be read alone."""
        cells, width, key = told.v, route.width, route.key
        colons = payload.count(b":")
        if told.t0 is None:
            # As many colons as keys: none is there twice.
            usual = colons == self._single_colons and len(cells) == width and type(cells[0]) is not list
            t, distance_s, rows = told.t, 0.0, 1
        else:
            t, distance_s, rows = told.t0, told.dt, len(cells)
            usual = (
                colons == self._single_colons + 1
                and set(map(type, cells)) == {list}
                and set(map(len, cells)) == {width}
                and distance_s is not None
                and 1 / NS_PER_S <= distance_s <= MAX_DT_S
            )
        if not usual or t is None or not self._earliest <= t < self._end or key in self._left_keys:
            self.leave(place, key)
            return
        if self._counts:
            count = told.seq
            if count is None or not 0 <= count < _MAX_COUNT - rows:
                self.leave(place, key)
                return
            if self._epochs:
                if told.epoch is None or not 0 <= told.epoch < _MAX_EPOCH:
                    self.leave(place, key)
                    return
                count |= told.epoch << SEQ_EPOCH_SHIFT
        else:
            count = _json.payload_seq(payload)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = len(self._routes)
            self._routes.append(route)
        wide = self._wide.get(width)
        if wide is None:
            wide = self._wide[width] = _Wide()
        wide.heads.append((place, slot, t, count, received_ns, rows))
        wide.distances_s.append(distance_s)
        if told.t0 is None:
            wide.cells.append(cells)
        else:
            wide.cells += cells
        self.rows += rows

    def add_rows(  # noqa: PLR0913  rows have this many parts
        self,
        places: NDArray[np.int64],
        routes: Sequence[Route],
        t_ns: NDArray[np.int64],
        counts: NDArray[np.int64],
        received_ns: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        """Take messages that are one row each, of one width, and were looked over already; times are ns.

        One with a count that cannot be is left, and its stream.
        """
        for route in dict.fromkeys(routes):
            slot = self._slots.get(route.key)
            if slot is None:
                slot = self._slots[route.key] = len(self._routes)
                self._routes.append(route)
            elif self._routes[slot] is not route:
                # Two topics, or two sets of fields, of one key: each message alone.
                self._left_keys.add(route.key)
            self._slot_of[route] = slot
        slots = np.array(list(map(self._slot_of.__getitem__, routes)), np.int64)
        wrong = counts < 0
        if self._counts:
            wrong |= counts >= _MAX_COUNT
        if wrong.any():
            self._left_keys.update(self._routes[slot].key for slot in np.unique(slots[wrong]).tolist())
        wide = self._wide.get(values.shape[1])
        if wide is None:
            wide = self._wide[values.shape[1]] = _Wide()
        ones = np.ones(len(places), np.int64)
        # Looked at here, while they lie in the processor's cache; an absent one (NaN) is less than nothing.
        wide.tame = wide.tame and bool(np.abs(values).max(initial=0.0) < _json.MAX_INT)
        wide.parts.append((np.stack([places, slots, t_ns, counts, received_ns, ones]), values))
        self.rows += len(places)

    def blocks(self, sequences: _json.SequenceTracker) -> tuple[list[Block], list[int]]:
        """A block a width, and the places of the messages that are left, ascending."""
        found = [block for width, wide in self._wide.items() if (block := self._block(width, wide, sequences))]
        return found, sorted(self._left)

    def _block(self, width: int, wide: _Wide, sequences: _json.SequenceTracker) -> Block | None:
        heads, distances_s = _heads(wide)
        sizes = heads[5]
        message = np.arange(len(sizes)) if wide.parts else np.repeat(np.arange(len(sizes)), sizes)
        slots = heads[1][message]
        # Stable sorts of 16 bits go by digits: a tenth of the time.
        order = np.argsort(slots.astype(np.int16) if len(self._routes) < _INT16 else slots, kind="stable")
        in_order = len(order) < 2 or bool((np.diff(order) == 1).all())  # noqa: PLR2004
        values = _values(wide, width, None if in_order else order)
        if values is None:
            self._left += heads[0].tolist()
            self._left_keys.update(self._routes[slot].key for slot in np.unique(slots).tolist())
            return None
        if not in_order:
            message, slots = message[order], slots[order]
        tame = wide.tame and not wide.cells
        odd = None if tame else np.abs(values) >= _json.MAX_INT
        if odd is not None and odd.any():
            # A whole number so large is none that a float64 holds exactly: who knows what was told.
            self._left_keys.update(self._routes[slot].key for slot in np.unique(slots[odd.any(axis=1)]).tolist())
        t_ns, seq = heads[2][message] * self._unit_ns, heads[3][message]
        if not wide.parts:
            t_ns, seq = self._spread(t_ns, seq, sizes, order, distances_s[message])
        starts = np.flatnonzero(np.diff(slots, prepend=-1))
        routes = [self._routes[slot] for slot in slots[starts].tolist()]
        if self._counts and not self._epochs:
            self._unwrap(sequences, routes, np.append(starts, len(slots)), t_ns, seq)
        keep = np.array([route.key not in self._left_keys for route in routes], np.bool_)
        if not keep.all():
            kept_rows = np.repeat(keep, np.diff(np.append(starts, len(slots))))
            self._left += np.unique(heads[0][message[~kept_rows]]).tolist()
            if not keep.any():
                return None
            routes = [route for route, kept in zip(routes, keep.tolist(), strict=True) if kept]
            message, slots, values = message[kept_rows], slots[kept_rows], values[kept_rows]
            t_ns, seq = t_ns[kept_rows], seq[kept_rows]
            starts = np.flatnonzero(np.diff(slots, prepend=-1))
        ends = np.append(starts[1:], len(slots))
        _put_in_order(values, routes, starts.tolist(), ends.tolist())
        quality = np.full(len(slots), np.int16(Quality.GOOD))
        if not tame and np.isnan(values).any():
            quality[np.isnan(values).all(axis=1)] = Quality.BAD
        streams = tuple(route.stream for route in routes)
        return Block(
            streams, np.append(starts, len(slots)), t_ns, seq, heads[4][message], values, quality, heads[0][message]
        )

    def _spread(
        self, t_ns: NDArray[np.int64], seq: NDArray[np.int64], sizes: NDArray[np.int64], order: NDArray[np.intp],
        distances_s: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
        """(times, counts) of rows from those of their messages, of ``sizes`` rows each."""
        row = (np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes))[order]
        return t_ns + spaced(row, distances_s), seq + row if self._counts else seq ^ row

    def _unwrap(
        self,
        sequences: _json.SequenceTracker,
        routes: Sequence[Route],
        edges: NDArray[np.intp],
        t_ns: NDArray[np.int64],
        seq: NDArray[np.int64],
    ) -> None:
        """Unwrap the counts of streams that go on without a gap, in place; the others are left."""
        broken = (np.diff(seq) != 1) | (np.diff(t_ns) < 0)
        broken[edges[1:-1] - 1] = False
        breaks = np.add.reduceat(np.append(broken, False), edges[:-1])
        firsts, lasts = edges[:-1], edges[1:] - 1
        for route, start, end, wrong, first, last, first_ns, last_ns in zip(
            routes, edges[:-1].tolist(), edges[1:].tolist(), breaks.tolist(), seq[firsts].tolist(), seq[lasts].tolist(),
            t_ns[firsts].tolist(), t_ns[lasts].tolist(), strict=True,
        ):  # fmt: skip
            if route.key in self._left_keys:
                continue
            epoch = None if wrong else sequences.go_on(route.key, first, last, first_ns, last_ns)
            if epoch is None:
                self._left_keys.add(route.key)
            elif epoch:
                seq[start:end] += epoch << SEQ_EPOCH_SHIFT


def _put_in_order(
    values: NDArray[np.float64], routes: Sequence[Route], starts: Sequence[int], ends: Sequence[int]
) -> None:
    """Move the numbers of each route's rows to the columns of its stream, in place."""
    for route, start, end in zip(routes, starts, ends, strict=True):
        if route.order is not None:
            values[start:end] = values[start:end][:, route.order]


def _heads(wide: _Wide) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(heads (6, n), distances in s (n,)) of what was taken, one way or the other."""
    if not wide.parts:
        return np.array(wide.heads, np.int64).T, np.array(wide.distances_s)
    heads = np.concatenate([part[0] for part in wide.parts], axis=1)
    return heads, np.zeros(heads.shape[1])


def _values(wide: _Wide, width: int, order: NDArray[np.intp] | None) -> NDArray[np.float64] | None:
    """The numbers of what was taken, (n, width), in that order of its rows; None where something is no number."""
    if not wide.parts:
        values = numbers_of(wide.cells, width)
        return values if values is None or order is None else values[order]
    parts = [part[1] for part in wide.parts]
    if order is None:
        return np.concatenate(parts)
    # Each row goes to its place at once: they are too many to be moved twice.
    values = np.empty((len(order), width))
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    start = 0
    for part in parts:
        values[places[start : start + len(part)]] = part
        start += len(part)
    return values


def numbers_of(cells: Sequence[Sequence[float | None]], width: int) -> NDArray[np.float64] | None:
    """Rows of numbers and nulls → float64 (n, width), NaN for null; None where a row holds something else."""
    try:
        if width > _FEW:
            pack = _packed(width)
            return np.frombuffer(bytearray().join([pack(*row) for row in cells])).reshape(len(cells), width)
        return np.fromiter(chain.from_iterable(cells), np.float64, len(cells) * width).reshape(len(cells), width)
    except (TypeError, ValueError, OverflowError, struct.error):
        try:
            flat = np.array([np.nan if cell is None else cell for row in cells for cell in row], np.float64)
        except (TypeError, ValueError, OverflowError):
            return None
    return flat.reshape(len(cells), width)


@cache
def _packed(width: int) -> Callable[..., bytes]:
    """What writes so many numbers side by side as float64: a third of what an iterator of them costs."""
    return struct.Struct(f"{width}d").pack


def spaced(row: NDArray[np.int64], distance_s: NDArray[np.float64] | float) -> NDArray[np.int64]:
    """How long after the first row each row is, in ns."""
    apart_ns: NDArray[np.int64] = np.rint(row * (distance_s * NS_PER_S)).astype(np.int64)
    return apart_ns
