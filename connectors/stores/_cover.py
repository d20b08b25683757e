"""A long range of time from roll-ups as far as they go, and from frames for the rest.

Roll-ups of the drawing's level stand for the middle; its ends are covered by finer ones, and what is
shorter than 10 s, or not rolled up yet, by frames. Each moment is taken from one of them only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.stores._roll_rows import LEVELS, MINUTE, TEN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.stores._reader import Place, Reader
    from connectors.stores._roll_rows import Level
    from connectors.stores._series import Buckets, Drawn


def rolled_parts(reader: Reader, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Iterator[Drawn]:
    """What lies in [start, end), in the buckets of a drawing."""
    if buckets.level is None:
        yield reader.drawn(place, buckets, start_ns, end_ns)
        return
    until = reader.rolled_until(place.key)
    levels = [level for level in LEVELS if level.ns <= buckets.level.ns]
    for level, start, end in cover(levels, start_ns, end_ns, until):
        if level is None:
            yield reader.drawn(place, buckets, start, end)
        elif level is TEN_SECONDS:
            yield from _tens(reader, place, buckets, start, end)
        else:
            yield reader.rolled(place, level, start, end).drawn(buckets)


def cover(levels: list[Level], start_ns: int, end_ns: int, until_ns: int) -> Iterator[tuple[Level | None, int, int]]:
    """[start, end) in pieces: whole buckets of the coarsest level before ``until``, finer ones or frames beside."""
    if start_ns >= end_ns:
        return
    if not levels:
        yield None, start_ns, end_ns
        return
    *finer, level = levels
    first = -(-start_ns // level.ns) * level.ns
    last = min(end_ns, until_ns) // level.ns * level.ns
    if first >= last:
        yield from cover(finer, start_ns, end_ns, until_ns)
        return
    yield from cover(finer, start_ns, first, until_ns)
    yield level, first, last
    yield from cover(finer, last, end_ns, until_ns)


def _tens(reader: Reader, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Iterator[Drawn]:
    """From the 10 s rows, where they hold all frames of their minute: a bucket with few has none."""
    first, last = start_ns - start_ns % MINUTE.ns, -(-end_ns // MINUTE.ns) * MINUTE.ns
    minutes = reader.rolled(place, MINUTE, first, last)
    tens = reader.rolled(place, TEN_SECONDS, first, last)
    minute_of = np.searchsorted(minutes.starts, tens.starts, side="right") - 1
    there = np.bincount(minute_of, tens.frames, len(minutes.starts)).astype(np.int64)
    whole = there == minutes.frames
    yield tens.drawn(buckets, whole[minute_of] & (tens.starts >= start_ns) & (tens.starts < end_ns))
    piece: tuple[int, int] | None = None
    for minute in minutes.starts[~whole].tolist():
        if piece is not None and piece[1] == minute:
            piece = piece[0], minute + MINUTE.ns
            continue
        if piece is not None:
            yield reader.drawn(place, buckets, max(piece[0], start_ns), min(piece[1], end_ns))
        piece = minute, minute + MINUTE.ns
    if piece is not None:
        yield reader.drawn(place, buckets, max(piece[0], start_ns), min(piece[1], end_ns))
