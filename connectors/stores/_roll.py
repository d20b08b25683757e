"""Frames gathered by stream and bucket, in columns: minimum, maximum, sum, count and last of every column.

Pure arithmetic on arrays, whatever store they go to. A bucket is ``bucket_ns`` wide and begins at a
multiple of it. Absent values (NaN) do not count; a column without any has count 0. The last value is
the one with the greatest (t_ns, seq) among those present.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class Roll:
    """n buckets of streams with equally many columns, each (stream, bucket) once, sorted by both.

    ``keys``, ``starts``, ``frames``, ``last_ns``, ``last_seq``: int64 (n,), the last two of the newest
    frame. ``mins``, ``maxs``, ``sums``, ``lasts``: float64 (n, width); ``counts``, ``at_ns``,
    ``at_seq``: int64 (n, width). Where the count is 0 they are inf, −inf, 0, NaN, and `NEVER`.
    """

    keys: NDArray[np.int64]
    starts: NDArray[np.int64]
    frames: NDArray[np.int64]
    last_ns: NDArray[np.int64]
    last_seq: NDArray[np.int64]
    mins: NDArray[np.float64]
    maxs: NDArray[np.float64]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    lasts: NDArray[np.float64]
    at_ns: NDArray[np.int64]
    at_seq: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Roll:
        """Some of the buckets, in that order."""
        return Roll(*(getattr(self, name)[rows] for name in _COLUMNS))

    @property
    def uniform(self) -> NDArray[np.bool_]:
        """Which buckets have all their last values from the newest frame: bool (n,)."""
        same: NDArray[np.bool_] = ((self.at_ns == self.last_ns[:, None]) & (self.at_seq == self.last_seq[:, None])).all(
            axis=1
        )
        return same


_COLUMNS = tuple(Roll.__dataclass_fields__)


def roll_of(  # noqa: PLR0913  one argument a column
    keys: NDArray[np.int64],
    t_ns: NDArray[np.int64],
    seq: NDArray[np.int64],
    values: NDArray[np.float64],
    bucket_ns: int,
    room: NDArray[np.float64] | None = None,
) -> Roll:
    """Frames (n,) of streams of one width, values float64 (n, width), in any order → their buckets.

    ``room``, of the shape of values, is written over: fresh memory of some MB costs more than the work.
    """
    order = np.lexsort((seq, t_ns, keys))
    keys, t_ns, seq = keys[order], t_ns[order], seq[order]
    values = values.take(order, axis=0, out=room, mode="clip")
    starts = t_ns - t_ns % bucket_ns
    first = _first_of_groups(keys, starts)
    sizes = np.diff(np.append(first, len(keys)))
    newest = np.append(first[1:], len(keys)) - 1
    last_ns, last_seq = t_ns[newest], seq[newest]
    width = values.shape[1]
    absent = np.isnan(values)
    with np.errstate(invalid="ignore", over="ignore"):
        if not absent.any():
            shape = (len(first), width)
            return Roll(
                keys[first], starts[first], sizes, last_ns, last_seq,
                np.minimum.reduceat(values, first, axis=0),
                np.maximum.reduceat(values, first, axis=0),
                np.add.reduceat(values, first, axis=0),
                np.broadcast_to(sizes[:, None], shape),
                values[newest],
                np.broadcast_to(last_ns[:, None], shape),
                np.broadcast_to(last_seq[:, None], shape),
            )  # fmt: skip
        place = np.maximum.reduceat(np.where(absent, -1, np.arange(len(keys))[:, None]), first, axis=0)
        there, column = place >= 0, np.arange(width)
        return Roll(
            keys[first], starts[first], sizes, last_ns, last_seq,
            np.minimum.reduceat(np.where(absent, np.inf, values), first, axis=0),
            np.maximum.reduceat(np.where(absent, -np.inf, values), first, axis=0),
            np.add.reduceat(np.where(absent, 0.0, values), first, axis=0),
            np.add.reduceat((~absent).astype(np.int64), first, axis=0),
            np.where(there, values[place, column], np.nan),
            np.where(there, t_ns[place], NEVER),
            np.where(there, seq[place], NEVER),
        )  # fmt: skip


def merged(parts: Sequence[Roll], bucket_ns: int) -> Roll:
    """Rolls of one width (one at least) as one, in buckets of ``bucket_ns``, a multiple of what they have."""
    (
        keys, starts, frames, last_ns, last_seq, mins, maxs, sums, counts, lasts, at_ns, at_seq
    ) = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)  # fmt: skip
    starts = starts - starts % bucket_ns
    order = np.lexsort((last_seq, last_ns, starts, keys))
    keys, starts = keys[order], starts[order]
    first = _first_of_groups(keys, starts)
    newest = order[np.append(first[1:], len(keys)) - 1]
    if len(first) == len(keys):
        return Roll(
            keys, starts, frames[order], last_ns[order], last_seq[order], mins[order], maxs[order], sums[order],
            counts[order], lasts[order], at_ns[order], at_seq[order],
        )  # fmt: skip
    group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(keys))))
    at_ns, at_seq = at_ns[order], at_seq[order]
    latest_ns = np.maximum.reduceat(at_ns, first, axis=0)
    of_latest = np.where(at_ns == latest_ns[group], at_seq, NEVER)
    latest_seq = np.maximum.reduceat(of_latest, first, axis=0)
    is_last = (at_ns == latest_ns[group]) & (at_seq == latest_seq[group])
    place = np.maximum.reduceat(np.where(is_last, np.arange(len(keys))[:, None], -1), first, axis=0)
    with np.errstate(invalid="ignore", over="ignore"):
        return Roll(
            keys[first],
            starts[first],
            np.add.reduceat(frames[order], first),
            last_ns[newest],
            last_seq[newest],
            np.minimum.reduceat(mins[order], first, axis=0),
            np.maximum.reduceat(maxs[order], first, axis=0),
            np.add.reduceat(sums[order], first, axis=0),
            np.add.reduceat(counts[order], first, axis=0),
            lasts[order][place, np.arange(lasts.shape[1])],
            latest_ns,
            latest_seq,
        )


def _first_of_groups(keys: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.intp]:
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[1:] != keys[:-1]) | (starts[1:] != starts[:-1])
    return np.flatnonzero(new)
