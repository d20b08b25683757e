"""Where a signal's level or spread changes: change points by seeded binary segmentation, vectorised. Pure.

A fixed set of intervals, each layer shorter by √2 than the last and half overlapping, is asked where two
Gaussian levels and spreads fit better than one (Kovács, Bühlmann, Li & Munk, "Seeded binary segmentation",
Biometrika 110, 2023). Of the intervals whose gain exceeds the penalty the best counts first, and no other that
holds its place; each place found is then looked for again between its neighbours, and kept where it still exceeds
the penalty. O(n log n) in time, nothing random.

The gain of parting n rows into n₁ and n₂ is n ln v − n₁ ln v₁ − n₂ ln v₂ (v: variances), twice the gain of
log-likelihood. The penalty is 2 ln(n log₂ n / RATE): the tail of χ² with two degrees of freedom over every split
that is tried. Noise that is Gaussian and independent so gives any change in at most RATE of all series. Measured
signals are neither: a slow movement counts as changes of level, which is why callers keep the strongest.
"""

from __future__ import annotations

import math
from bisect import bisect_right, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.episodes.story import Track

RATE = 0.01
"""In so many series of pure noise at most there is any change."""
LEAST_ROWS = 10
"""On each side of a change: fewer say nothing of a spread."""
_SHRINK = math.sqrt(0.5)
_FLOOR = 1e-9
"""Of the whole variance: so much of a spread is rounding."""


@dataclass(frozen=True, slots=True)
class Change:
    """The signal is another from ``t_ns`` on. ``gain``: how much better two fit than one; more is surer.

    ``is_level``: more by another level than by another spread.
    """

    t_ns: int
    gain: float
    is_level: bool


def changes(track: Track, max_gap_s: float, most: int) -> list[Change]:
    """The ``most`` strongest changes of a signal, in order of time; gaps longer than ``max_gap_s`` part it.

    What is not finite is left out as if it had not come. A stretch of fewer than 2 × LEAST_ROWS rows has none.
    """
    there = np.isfinite(track.values)
    t_ns, values = track.t_ns[there], track.values[there]
    breaks = np.flatnonzero(np.diff(t_ns) > round(max_gap_s * 1e9)) + 1
    found = [
        Change(int(times[row]), gain, is_level)
        for times, run in zip(np.split(t_ns, breaks), np.split(values, breaks), strict=True)
        for row, gain, is_level in change_rows(run)
    ]
    strongest = sorted(found, key=lambda one: (-one.gain, one.t_ns))[:most]
    return sorted(strongest, key=lambda one: one.t_ns)


def change_rows(values: NDArray[np.float64]) -> list[tuple[int, float, bool]]:
    """(first row of the new, gain, whether it is a level) of each change in float64 (n,), finite and evenly told."""
    n = len(values)
    fit = _Fit.of(values)
    if fit is None:
        return []
    penalty = 2.0 * math.log(n * math.log2(n) / RATE)
    picked: list[int] = []
    for start, end, row in _candidates(fit, penalty):
        at = bisect_right(picked, start)
        if at == len(picked) or picked[at] >= end:
            insort(picked, row)
    found: list[tuple[int, float, bool]] = []
    left = 0
    for right in [*picked[1:], n] if picked else []:
        if right - left >= 2 * LEAST_ROWS:
            rows, gains = fit.best(np.array([left]), right - left)
            if gains[0] > penalty:
                left = int(rows[0])
                found.append((left, float(gains[0]), fit.is_level(found[-1][0] if found else 0, left, right)))
    return found


def _candidates(fit: _Fit, penalty: float) -> list[tuple[int, int, int]]:
    """(start, end, best row) of every seeded interval that exceeds the penalty, the best first."""
    told: list[tuple[float, int, int, int]] = []
    length = float(fit.n)
    while (rows := math.ceil(length)) >= 2 * LEAST_ROWS:
        count = 1 if rows >= fit.n else 2 * math.ceil(fit.n / length) - 1
        starts = np.unique(np.linspace(0, fit.n - rows, count).astype(np.int64))
        best, gains = fit.best(starts, rows)
        beyond = gains > penalty
        told += [
            (-gain, rows, start, row)
            for gain, start, row in zip(
                gains[beyond].tolist(), starts[beyond].tolist(), best[beyond].tolist(), strict=True
            )
        ]
        length *= _SHRINK
    return [(start, start + rows, row) for _, rows, start, row in sorted(told)]


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Sums of a signal and of its squares up to each row, float64 (n + 1,), on the scale of its own spread."""

    n: int
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    floor: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> _Fit | None:
        """None where there is nothing to part: too few rows, or one value throughout."""
        if len(values) < 2 * LEAST_ROWS:
            return None
        centred = values - np.median(values)
        size = float(np.abs(centred).max())
        if size == 0 or not np.isfinite(size):
            return None
        scaled = centred / size  # before it is squared: nothing overflows, nothing vanishes
        scaled /= scaled.std()
        steps = np.diff(np.unique(scaled))
        # What a sensor resolves is no spread: a count more or less is noise of its step.
        resolution = float(steps.min()) ** 2 / 12.0 if len(steps) else 0.0
        zero = np.zeros(1)
        return cls(
            len(scaled),
            np.concatenate([zero, np.cumsum(scaled)]),
            np.concatenate([zero, np.cumsum(scaled * scaled)]),
            max(resolution, _FLOOR),
        )

    def variance(self, start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of the rows [start, end), and of what the sensor does not resolve."""
        count = end - start
        mean = (self.sums[end] - self.sums[start]) / count
        found: NDArray[np.float64] = (self.squares[end] - self.squares[start]) / count - mean * mean
        return np.maximum(found, 0.0) + self.floor

    def best(self, starts: NDArray[np.int64], length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Where each interval of ``length`` rows is best parted, and the gain: int64 and float64 (intervals,)."""
        first = starts[:, None]
        splits = np.arange(LEAST_ROWS, length - LEAST_ROWS + 1)
        at, end = first + splits, first + length
        gains = length * np.log(self.variance(first, end)) - (
            splits * np.log(self.variance(first, at)) + (length - splits) * np.log(self.variance(at, end))
        )
        best = gains.argmax(axis=1)
        return starts + splits[best], gains[np.arange(len(starts)), best]

    def is_level(self, start: int, row: int, end: int) -> bool:
        """Whether two levels with one spread hold at least half of the gain."""
        first, at, last = np.array([start]), np.array([row]), np.array([end])
        whole, left, right = self.variance(first, last), self.variance(first, at), self.variance(at, last)
        n, before = end - start, row - start
        pooled = (before * left + (n - before) * right) / n
        gain = n * np.log(whole) - before * np.log(left) - (n - before) * np.log(right)
        return bool(2 * n * np.log(whole / pooled) >= gain)
