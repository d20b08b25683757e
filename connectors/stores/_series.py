"""Drawing: many samples to few points, and changes of a text, the same for every store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.stores._roll_rows import LEVELS, Level
from twin.ports import Series

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Buckets:
    """Equal parts of time that samples are drawn in: each keeps its minimum and maximum, so that a spike is seen.

    From 10 s on a part is a whole number of the roll-ups of ``level`` wide, and begins where one of
    them does: so the drawing is the same whether it is made from frames or from roll-ups.
    """

    first_ns: int
    origin_ns: int
    wide_ns: int
    level: Level | None

    def index(self, t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which part each time lies in."""
        return (t_ns - self.origin_ns) // self.wide_ns

    def edges(self, start_ns: int, end_ns: int) -> list[Edge]:
        """The parts of a range, cut to it."""
        numbers = range((start_ns - self.origin_ns) // self.wide_ns, -((self.origin_ns - end_ns) // self.wide_ns))
        starts = ((number, self.origin_ns + number * self.wide_ns) for number in numbers)
        return [(number, max(at, start_ns), min(at + self.wide_ns, end_ns)) for number, at in starts]


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What lies in buckets: int64, int64 and float64 (n,); several rows may be of one bucket."""

    index: NDArray[np.int64]
    counts: NDArray[np.int64]
    mins: NDArray[np.float64]
    maxs: NDArray[np.float64]
    sums: NDArray[np.float64]


Edge = tuple[int, int, int]
"""A bucket's index, and the range of time that is wanted of it."""


def joined(parts: Sequence[Drawn]) -> Drawn:
    """Parts of a drawing (one at least) as one."""
    return Drawn(*(np.concatenate([getattr(part, name) for part in parts]) for name in Drawn.__dataclass_fields__))


def buckets_of(first_ns: int, last_ns: int, max_points: int) -> Buckets:
    """At most ``max_points`` parts from the first frame to the last. Raises ValueError unless that is positive."""
    if max_points < 1:
        raise ValueError(f"max_points is {max_points}, must be 1 at least")
    wide_ns = -(-(last_ns - first_ns + 1) // max_points)
    level = max((level for level in LEVELS if level.ns <= wide_ns), key=lambda level: level.ns, default=None)
    if level is None:
        return Buckets(first_ns, first_ns, wide_ns, None)
    origin_ns = first_ns - first_ns % level.ns
    wide_ns = -(-(last_ns - origin_ns + 1) // max_points)
    return Buckets(first_ns, origin_ns, -(-wide_ns // level.ns) * level.ns, level)


def drawn(t_ns: NDArray[np.int64], values: NDArray[np.float64], buckets: Buckets) -> Drawn:
    """Samples (n,) → one row each; absent ones are left out."""
    present = ~np.isnan(values)
    t_ns, values = t_ns[present], values[present]
    return Drawn(buckets.index(t_ns), np.ones(len(values), np.int64), values, values, values)


def series_from(parts: Sequence[Drawn], buckets: Buckets) -> Series:
    """Rows of buckets in any order → the series; a point's time is its bucket's start, or the first frame's."""
    index, counts, mins, maxs, sums = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("index", "counts", "mins", "maxs", "sums")
    )
    there = counts > 0
    order = np.flatnonzero(there)[np.argsort(index[there], kind="stable")]
    index = index[order]
    if not len(index):
        return raw_series(np.empty(0, np.int64), np.empty(0))
    starts = np.concatenate([[0], np.flatnonzero(np.diff(index)) + 1])
    with np.errstate(invalid="ignore", over="ignore"):
        return Series(
            np.maximum(buckets.origin_ns + index[starts] * buckets.wide_ns, buckets.first_ns),
            np.minimum.reduceat(mins[order], starts),
            np.maximum.reduceat(maxs[order], starts),
            np.add.reduceat(sums[order], starts) / np.add.reduceat(counts[order], starts),
            raw=False,
        )


def raw_series(t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
    """Samples as they are; absent ones are left out."""
    present = ~np.isnan(values)
    if not present.all():
        t_ns, values = t_ns[present], values[present]
    return Series(t_ns, values, values, values, raw=True)


def series_of(t_ns: NDArray[np.int64], values: NDArray[np.float64], max_points: int) -> Series:
    """Samples (n,) in time order → at most ``max_points`` points. Raises ValueError unless that is positive."""
    buckets = buckets_of(int(t_ns[0]), int(t_ns[-1]), max_points) if len(t_ns) else buckets_of(0, 0, max_points)
    if np.count_nonzero(~np.isnan(values)) <= max_points:
        return raw_series(t_ns, values)
    return series_from([drawn(t_ns, values, buckets)], buckets)


def bucket_ns(start_ns: int, end_ns: int, buckets: int) -> int:
    """How wide each of ``buckets`` equal parts of [start, end) is, in ns; 0 where there is no time between them.

    Raises ValueError unless ``buckets`` is positive.
    """
    if buckets < 1:
        raise ValueError(f"buckets is {buckets}, must be 1 at least")
    return -(-max(0, end_ns - start_ns) // buckets)


def changes_of(before: str | None, start_ns: int, rows: Iterable[tuple[int, str | None]]) -> list[tuple[int, str]]:
    """Texts in time order → the changes, beginning with the value at ``start_ns`` where it is known.

    ``before`` is the last text known at or before ``start_ns``; absent texts change nothing.
    """
    changes: list[tuple[int, str]] = [] if before is None else [(start_ns, before)]
    last = before
    for t_ns, text in rows:
        if text is not None and text != last:
            changes.append((t_ns, text))
            last = text
    return changes
