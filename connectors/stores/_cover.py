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

    from numpy.typing import NDArray

    from connectors.stores._reader import Place, Reader, Rolled, Span
    from connectors.stores._roll_rows import Level
    from connectors.stores._series import Buckets, Drawn


# Not min(): with counts of rows from before its last ANALYZE, PostgreSQL reads all of them for that.
_FIRST = "(SELECT start_ns FROM {} WHERE stream_key = ? ORDER BY start_ns LIMIT 1)"
_SINCE = f"SELECT {', '.join(_FIRST.format(level.table) for level in LEVELS)}"


def rolled_parts(reader: Reader, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Iterator[Drawn]:
    """What lies in [start, end), in the buckets of a drawing."""
    if buckets.level is None:
        yield reader.drawn(place, buckets, start_ns, end_ns)
        return
    until = reader.rolled_until(place.key)
    since = reader.ask(_SINCE, (place.key,) * len(LEVELS))[0]
    levels = [
        (level, from_ns)
        for level, from_ns in zip(LEVELS, since, strict=True)
        if level.ns <= buckets.level.ns and from_ns is not None
    ]
    pieces = list(cover(levels, start_ns, end_ns, until))
    asked: list[Span] = []
    for level, start, end in pieces:
        if level is TEN_SECONDS:
            first, last = start - start % MINUTE.ns, -(-end // MINUTE.ns) * MINUTE.ns
            asked += [(MINUTE, first, last), (TEN_SECONDS, first, last)]
        elif level is not None:
            asked.append((level, start, end))
    rolled = iter(reader.rolled(place, asked) if asked else ())
    for level, start, end in pieces:
        if level is None:
            yield reader.drawn(place, buckets, start, end)
        elif level is TEN_SECONDS:
            minutes, tens = next(rolled), next(rolled)
            short = _short(minutes, tens)
            is_whole = ~np.isin(tens.starts - tens.starts % MINUTE.ns, short)
            yield tens.drawn(buckets, is_whole & (tens.starts >= start) & (tens.starts < end))
            for first, last in _ranges(short):
                yield reader.drawn(place, buckets, max(first, start), min(last, end))
        else:
            yield next(rolled).drawn(buckets)


def cover(
    levels: list[tuple[Level, int]], start_ns: int, end_ns: int, until_ns: int
) -> Iterator[tuple[Level | None, int, int]]:
    """[start, end) in pieces: whole buckets of the coarsest level before ``until``, finer ones or frames beside.

    With each level comes the time of the stream's first row: older ones may have been let go.
    """
    if start_ns >= end_ns:
        return
    if not levels:
        yield None, start_ns, end_ns
        return
    *finer, (level, from_ns) = levels
    first = -(-max(start_ns, from_ns) // level.ns) * level.ns
    last = min(end_ns, until_ns) // level.ns * level.ns
    if first >= last:
        yield from cover(finer, start_ns, end_ns, until_ns)
        return
    yield from cover(finer, start_ns, first, until_ns)
    yield level, first, last
    yield from cover(finer, last, end_ns, until_ns)


def _short(minutes: Rolled, tens: Rolled) -> NDArray[np.int64]:
    """The minutes of which the rows of 10 s do not hold all frames: a bucket with few frames has no row."""
    of_tens = tens.starts - tens.starts % MINUTE.ns
    starts = np.union1d(minutes.starts, of_tens)
    wanted = np.zeros(len(starts), np.int64)
    wanted[np.searchsorted(starts, minutes.starts)] = minutes.frames
    there = np.bincount(np.searchsorted(starts, of_tens), tens.frames, len(starts))
    short: NDArray[np.int64] = starts[there != wanted]
    return short


def _ranges(minutes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Minutes in order as ranges of time, those that follow each other as one."""
    ranges: list[tuple[int, int]] = []
    for start in minutes.tolist():
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], start + MINUTE.ns
        else:
            ranges.append((start, start + MINUTE.ns))
    return ranges
