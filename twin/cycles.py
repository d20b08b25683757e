"""Cycle times of a station: each finished cycle once, their spread, their distribution. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Spread:
    """Of ``count`` cycles: the middle one, and those that one in ten is below and above, in seconds."""

    count: int
    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts[i]`` cycles in [first_s + i width_s, first_s + (i + 1) width_s); ``beyond`` lay above the last."""

    first_s: float
    width_s: float
    counts: tuple[int, ...]
    beyond: int = 0


def finished(
    t_ns: NDArray[np.int64], cycle_s: NDArray[np.float64], made: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(t_ns, cycle_s) of each cycle that ended, from frames that tell the last cycle again and again. Shapes (n,).

    A cycle ended where the count of parts ``made`` (good and scrap) changed; without such a count, where the
    cycle time did. The first frame tells of a cycle that ended before it. Absent and zero cycle times are no cycles.
    """
    if len(t_ns) == 0:
        return t_ns, cycle_s
    told = np.isfinite(cycle_s) if made is None else np.isfinite(cycle_s) & np.isfinite(made)
    t_ns, cycle_s = t_ns[told], cycle_s[told]
    mark = cycle_s if made is None else made[told]
    ended = np.zeros(len(t_ns), np.bool_)
    ended[1:] = mark[1:] != mark[:-1]
    ended &= cycle_s > 0
    return t_ns[ended], cycle_s[ended]


def spread_of(cycle_s: NDArray[np.float64]) -> Spread | None:
    """The spread of cycle times; None of none."""
    if len(cycle_s) == 0:
        return None
    low, middle, high = np.percentile(cycle_s, [10, 50, 90]).tolist()
    return Spread(len(cycle_s), middle, low, high)


def histogram_of(cycle_s: NDArray[np.float64], takt_s: float | None = None, most: int = 24) -> Histogram | None:
    """At most ``most`` bars of a round width, wide enough for nine in ten and for the takt; None of no cycle.

    A few very long cycles do not make all the others one bar: they are counted as ``beyond``.
    """
    if len(cycle_s) == 0:
        return None
    low, high = np.percentile(cycle_s, [2, 98]).tolist()
    low, high = min(low, takt_s or low), max(high, takt_s or high)
    width = _round_up(max((high - low) / (most - 4), 0.05))
    first = max(0.0, np.floor(low / width) * width - width)
    count = min(most, int(np.ceil((high - first) / width)) + 1)
    at = np.clip(np.floor((cycle_s - first) / width).astype(np.int64), 0, count)
    counts = np.bincount(at, minlength=count + 1)
    return Histogram(float(first), width, tuple(counts[:count].tolist()), int(counts[count]))


def _round_up(width: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= width * (1 - 1e-9)))
