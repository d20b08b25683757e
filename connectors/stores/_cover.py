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


def rolled_parts(reader: Reader, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Iterator[Drawn]:
    """What lies in [start, end), in the buckets of a drawing."""
    if buckets.level is None:
        yield reader.drawn(place, buckets, start_ns, end_ns)
        return
    until = reader.rolled_until(place.key)
    levels = [level for level in LEVELS if level.ns <= buckets.level.ns]
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
            yield tens.drawn(buckets, _whole(minutes, tens) & (tens.starts >= start) & (tens.starts < end))
            for first, last in _lacking(minutes, tens):
                yield reader.drawn(place, buckets, max(first, start), min(last, end))
        else:
            yield next(rolled).drawn(buckets)


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


def _frames_in_tens(minutes: Rolled, tens: Rolled) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The minute that each row of 10 s is in, and how many frames those rows of each minute have."""
    minute_of = np.searchsorted(minutes.starts, tens.starts, side="right") - 1
    return minute_of, np.bincount(minute_of, tens.frames, len(minutes.starts)).astype(np.int64)


def _whole(minutes: Rolled, tens: Rolled) -> NDArray[np.bool_]:
    """The rows of 10 s whose minute they hold all frames of: a bucket with few frames has no row."""
    minute_of, frames = _frames_in_tens(minutes, tens)
    whole: NDArray[np.bool_] = (frames == minutes.frames)[minute_of]
    return whole


def _lacking(minutes: Rolled, tens: Rolled) -> list[tuple[int, int]]:
    """The other minutes, those in a row as one range."""
    _, frames = _frames_in_tens(minutes, tens)
    ranges: list[tuple[int, int]] = []
    for start in minutes.starts[frames != minutes.frames].tolist():
        if ranges and ranges[-1][1] == start:
            ranges[-1] = ranges[-1][0], start + MINUTE.ns
        else:
            ranges.append((start, start + MINUTE.ns))
    return ranges
