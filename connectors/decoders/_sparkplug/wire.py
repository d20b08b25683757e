"""Many data messages at once, read from their bytes into columns: no object a metric.

Only what a node sends all day is read here: ``timestamp``, metrics of name or alias (or both), timestamp,
perhaps datatype, and a plain number, then ``seq``, in this order (that of their field numbers, in which every
encoder writes). Each byte is accounted for; a message with anything else is told to be odd, and is
left to the protobuf runtime.

All messages go forward in step: the n-th metric of each is cut off at once. Words of eight bytes are
read at any place of the joined payloads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Flags = NDArray[np.bool_]

WORD = 8
MS_BYTES = 6
"""A time in ms is a varint of six bytes from 2004 to 2109."""
DOUBLE, FLOAT, BOOL, INT, LONG = 0x69, 0x65, 0x70, 0x50, 0x58
_TIMESTAMP, _METRIC, _SEQ = 0x08, 0x12, 0x18
_NAME, _ALIAS, _METRIC_TIME, _DATATYPE = 0x0A, 0x10, 0x18, 0x20
_MORE = 0x80
_SHORT_METRIC = np.uint16(0x80FF)
"""The bits of tag and length that tell a metric of less than 128 bytes."""
_SIZES = np.zeros(256, np.int64)
_SIZES[[DOUBLE, FLOAT, BOOL]] = 8, 4, 1
_MS_BITS = np.uint64((1 << 48) - 1)
_PAD = bytes(3 * WORD)
_HEAD = np.uint64(0x80808080808000)
_HEAD_WANTED = np.uint64(0x00808080808000)
_EIGHTHS = tuple(np.uint64(8 * k) for k in range(WORD + 1))
_KEEP = np.array([(1 << 8 * k) - 1 for k in range(WORD)] + [2**64 - 1], np.uint64)
_CONTINUED = np.array([sum(_MORE << 8 * i for i in range(k - 1)) for k in range(WORD + 1)], np.uint64)
_ALL_MORE = np.uint64(0x8080808080808080)
_BYTE, _SEVEN = np.uint64(0xFF), np.uint64(0x7F)


class _Cut(NamedTuple):
    """Messages, and where each of their metrics starts and stops."""

    odd: Flags
    ms: NDArray[np.int64]
    raw_ms: Words
    seq: NDArray[np.int64]
    metrics: NDArray[np.int64]
    message: NDArray[np.int64]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]


class Wire(NamedTuple):
    """Messages in columns. ``odd``, ``ms``, ``seq``, ``metrics`` (how many): (n,), a row a message.

    A row a metric (k,), in the messages' order: ``message``, ``alias``, ``metric_ms``, ``tag`` (which
    field holds the value), ``raw`` (its bits: of a float or double those, else the whole number),
    ``typed`` (whether a datatype is told), ``named`` and ``aliased``. The names of those that are named
    lie from ``name_start`` to ``name_stop`` in ``body``. Rows of odd messages mean nothing.
    """

    odd: Flags
    ms: NDArray[np.int64]
    seq: NDArray[np.int64]
    metrics: NDArray[np.int64]
    message: NDArray[np.int64]
    alias: NDArray[np.int64]
    metric_ms: NDArray[np.int64]
    tag: NDArray[np.uint8]
    raw: Words
    typed: Flags
    named: Flags
    aliased: Flags
    name_start: NDArray[np.int64]
    name_stop: NDArray[np.int64]
    body: bytes


def read(payloads: Sequence[bytes]) -> Wire:
    """Read payloads; see `Wire`."""
    body = b"".join([*payloads, _PAD])
    octets = np.frombuffer(body, np.uint8)
    words = np.ndarray((len(body) - WORD + 1,), "<u8", body, strides=(1,))
    sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
    ends = np.cumsum(sizes)
    at = ends - sizes
    head = words[at]
    odd = ((head & _BYTE) != _TIMESTAMP) | ((head & _HEAD) != _HEAD_WANTED)
    ms = _ms(head)
    at = at + 1 + MS_BYTES
    np.minimum(at, ends, out=at)
    message, start, stop, metrics, at = _cut(octets, at, ends, odd)
    tail = words[at]
    low, high = (tail >> _EIGHTHS[1]) & _BYTE, (tail >> _EIGHTHS[2]) & _BYTE
    is_long = low >= _MORE
    odd |= ((tail & _BYTE) != _SEQ) | (at + 2 + is_long != ends) | (is_long & (high > 1))
    seq = ((low & _SEVEN) | np.where(is_long, high << np.uint64(7), np.uint64(0))).astype(np.int64)
    return _metrics(
        octets, words, body, _Cut(odd, ms, (head >> _EIGHTHS[1]) & _MS_BITS, seq, metrics, message, start, stop)
    )


def _cut(
    octets: NDArray[np.uint8], at: NDArray[np.int64], ends: NDArray[np.int64], odd: Flags
) -> tuple[NDArray[np.int64], ...]:
    """Cut metrics off: (message, start, stop) of each, (metrics, where the rest begins) of each message."""
    pairs = np.ndarray((len(octets) - 1,), "<u2", octets, strides=(1,))
    count = len(at)
    metrics = np.zeros(count, np.int64)
    steps: list[tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]] = []
    active = np.flatnonzero(~odd)
    place, limit = at[active], ends[active]
    while len(active):
        pair = pairs[place]
        goes_on = (pair & _SHORT_METRIC) == _METRIC
        if not goes_on.all():
            out = active[~goes_on]
            at[out], metrics[out] = place[~goes_on], len(steps)
            active, place, limit, pair = active[goes_on], place[goes_on], limit[goes_on], pair[goes_on]
            if not len(active):
                break
        following = place + (pair >> 8) + 2
        beyond = following >= limit
        if beyond.any():
            odd[active[beyond]], metrics[active[beyond]] = True, len(steps)
            active, place, limit, following = active[~beyond], place[~beyond], limit[~beyond], following[~beyond]
        steps.append((active, place, following))
        place = following
    total = int(metrics.sum())
    if steps and total == len(steps) * count:  # all have as many metrics: no place is to be looked for
        start = np.array([begin for _, begin, _ in steps]).T.reshape(-1)
        stop = np.array([end for _, _, end in steps]).T.reshape(-1)
    else:
        first = np.cumsum(metrics) - metrics
        start, stop = np.zeros(total, np.int64), np.zeros(total, np.int64)
        for step, (taken, begin, end) in enumerate(steps):
            row = first[taken] + step
            start[row], stop[row] = begin, end
    return np.repeat(np.arange(count), metrics), start + 2, stop, metrics, at


def _metrics(octets: NDArray[np.uint8], words: Words, body: bytes, cut: _Cut) -> Wire:
    """Read the metrics that were cut off."""
    message, stop = cut.message, cut.stop
    at = cut.start
    named = octets[at] == _NAME
    name_start = at + 2
    name_stop = name_start
    if named.any():
        size = octets[at + 1].astype(np.int64)
        name_stop = np.minimum(name_start + np.where(named, size, 0), stop)
        at = np.where(named, name_stop, at)
        named &= size < _MORE  # else its length is no length, and what follows is no time
    word = words[at]
    aliased = (word & _BYTE) == _ALIAS
    wrong = ~(named | aliased)
    alias = (word >> _EIGHTHS[1]) & _BYTE
    is_long = (alias >= _MORE) & aliased
    at = at + 2 * aliased
    if is_long.any():
        high = (word >> _EIGHTHS[2]) & _BYTE
        wrong |= is_long & (high >= _MORE)
        alias = np.where(is_long, (alias & _SEVEN) | (high << np.uint64(7)), alias)
        at = at + is_long
    np.minimum(at, stop, out=at)
    word = words[at]
    wrong |= ((word & _BYTE) != _METRIC_TIME) | ((word & _HEAD) != _HEAD_WANTED)
    sent = cut.ms[message]
    same = (word >> _EIGHTHS[1]) & _MS_BITS == cut.raw_ms[message]
    metric_ms = sent if (wrong | same).all() else _ms(word)
    at = at + 1 + MS_BYTES
    tag = octets[at]
    typed = tag == _DATATYPE
    if typed.any():
        wrong |= typed & (octets[at + 1] >= _MORE)
        at = at + 2 * typed
        tag = octets[at]
    at = at + 1
    raw, unlike = _values(words, tag, at, stop - at)
    wrong |= unlike
    cut.odd[message[wrong]] = True
    whole = alias.astype(np.int64)
    head = (cut.odd, cut.ms, cut.seq, cut.metrics, message)
    return Wire(*head, whole, metric_ms, tag, raw, typed, named, aliased, name_start, name_stop, body)


def _values(
    words: Words, tag: NDArray[np.uint8], at: NDArray[np.int64], size: NDArray[np.int64]
) -> tuple[Words, Flags]:
    """The bits of values that are to be ``size`` bytes long, and which of them are not."""
    raw = words[at]
    is_number = (tag == INT) | (tag == LONG)
    fixed = _SIZES[tag]
    wrong = np.where(is_number, (size < 1) | (size > WORD), size != fixed)
    rows = np.flatnonzero(is_number & ~wrong)
    if len(rows):
        raw[rows], longer = _varints(raw[rows], size[rows])
        wrong[rows] |= longer
    rows = np.flatnonzero((fixed == WORD // 2) | (fixed == 1))
    if len(rows):
        raw[rows] &= _KEEP[fixed[rows]]
        wrong[rows] |= (fixed[rows] == 1) & (raw[rows] > 1)
    return raw, wrong


def _varints(word: Words, size: NDArray[np.int64]) -> tuple[Words, Flags]:
    """Whole numbers of ``size`` bytes, and which of them have another size than that."""
    kept = word & _KEEP[size]
    wrong = (kept & _ALL_MORE) != _CONTINUED[size]
    found = kept & _SEVEN
    for k in range(1, int(size.max())):
        found |= ((kept >> _EIGHTHS[k]) & _SEVEN) << np.uint64(7 * k)
    return found, wrong


def _ms(word: Words) -> NDArray[np.int64]:
    """The time in bytes 1 to 6 of each word."""
    found = (word >> _EIGHTHS[1]) & _SEVEN
    for k in range(1, MS_BYTES):
        found |= ((word >> _EIGHTHS[k + 1]) & _SEVEN) << np.uint64(7 * k)
    return found.astype(np.int64)
