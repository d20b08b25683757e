"""When frames came: rate, jitter, gaps of one stream, and how far the clocks of two lie apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Frames

LEAST = 5
"""Fewer frames tell nothing of their rhythm."""


def steps_s(t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """The distances of frames in seconds, float64 (n - 1,); ``t_ns`` rises."""
    found: NDArray[np.float64] = np.diff(t_ns) / 1e9
    return found


def jitter(steps: NDArray[np.float64], gap_periods: float) -> float:
    """How far 95 % of the steps stay from the middle one, as a share of it; gaps are left out. 0: as a clock."""
    middle = float(np.median(steps))
    if middle <= 0:
        return 0.0
    near = steps[steps <= gap_periods * middle]
    return float(np.quantile(np.abs(near - middle), 0.95)) / middle if len(near) else 0.0


def lost(steps: NDArray[np.float64], gap_periods: float) -> tuple[float, int, float]:
    """(share of the expected frames that gaps swallowed, how many gaps, the longest in s)."""
    middle = float(np.median(steps))
    if middle <= 0:
        return 0.0, 0, 0.0
    wide = steps[steps > gap_periods * middle]
    missing = float(np.sum(np.maximum(np.round(wide / middle) - 1, 0)))
    return missing / (len(steps) + 1 + missing), len(wide), float(wide.max()) if len(wide) else 0.0


def skew_s(one: Frames, other: Frames) -> float | None:
    """How far the clocks of two streams lie apart, seconds; None where they do not overlap.

    A clock's offset is that between a frame's device time and its receipt; the other's is taken at the same
    device times, so that a recording played faster than it happened does not count as skew.
    """
    first, last = max(one.t_ns[0], other.t_ns[0]), min(one.t_ns[-1], other.t_ns[-1])
    rows = (one.t_ns >= first) & (one.t_ns <= last)
    if np.count_nonzero(rows) < LEAST or len(other) < LEAST:
        return None
    base = int(one.t_ns[0])
    mine = (one.received_ns[rows] - one.t_ns[rows]) / 1e9
    theirs = np.interp(one.t_ns[rows] - base, other.t_ns - base, (other.received_ns - other.t_ns) / 1e9)
    return abs(float(np.median(mine - theirs)))
