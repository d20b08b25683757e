"""By how much one track comes later than another: the peak of their cross-correlation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from twin.clock import NS_PER_S
from twin.compare.values import step_ns, values_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.compare.side import Track

MAX_LAG_NS = 300 * NS_PER_S
MOST_POINTS = 8192
"""So many points are correlated at first; around the peak, then, every step."""
LEAST_POINTS = 16
LEAST_CONFIDENCE = 0.5
_MOST_FINE = 200_000
_NEAR, _EQUAL = 1e-7, 1e-12
_MOST_CHECKED = 64


@dataclass(frozen=True, slots=True)
class Lag:
    """B shows what A shows so much later (``lag_ns`` below 0: earlier), to ``step_ns``.

    ``confidence`` is the correlation coefficient of A with B moved by it, 0.5…1.
    """

    lag_ns: int
    confidence: float
    step_ns: int


def lag_of(a: Track, b: Track, start_ns: int, end_ns: int) -> Lag | None:
    """The lag of B behind A over [start, end) of the relative axis, of at most half of it and 300 s.

    Steps are the longer of the two tracks' own. None where one of them has few samples or stands still, both are
    hardly alike at any lag, or two lags of the same size are as good as each other.
    """
    if min(_inside(a, start_ns, end_ns), _inside(b, start_ns, end_ns)) < LEAST_POINTS:
        return None
    step = max(step_ns(a), step_ns(b), (end_ns - start_ns) // _MOST_FINE, 1)
    count = (end_ns - start_ns - 1) // step + 1
    if count < LEAST_POINTS:
        return None
    t_ns = start_ns + np.arange(count, dtype=np.int64) * step
    one, other = values_at(a, t_ns), values_at(b, t_ns)
    most = int(min(MAX_LAG_NS // step, count // 2))
    stride = -(-count // MOST_POINTS)
    rough = _rough(one, other, most, stride)
    if rough is None:
        return None
    lags = sorted({lag for peak in rough for lag in range(peak - stride + 1, peak + stride) if abs(lag) <= most})
    told = [(lag, _alike(one, other, lag)) for lag in lags]
    known = [(lag, r) for lag, r in told if r is not None]
    if not known:
        return None
    best = max(r for _, r in known)
    equal = sorted((lag for lag, r in known if r >= best - _EQUAL), key=abs)
    if best < LEAST_CONFIDENCE or (equal[0] != 0 and -equal[0] in equal):
        return None
    return Lag(equal[0] * step, min(1.0, best), step)


def _inside(track: Track, start_ns: int, end_ns: int) -> int:
    """How many of its samples lie in the common time."""
    first, last = np.searchsorted(track.t_ns, [start_ns, end_ns])
    return int(last - first)


def _rough(one: NDArray[np.float64], other: NDArray[np.float64], most: int, stride: int) -> list[int] | None:
    """Lags (in steps) around which the best one lies: those of the highest correlation, the smallest first."""
    if stride > 1:
        one, other = _means(one, stride), _means(other, stride)
        most = -(-most // stride)
    r = _correlations(one, other, most)
    if not np.isfinite(r).any():
        return None
    best = float(np.nanmax(r))
    near = np.flatnonzero(r >= best - _NEAR) - most
    near = near[np.argsort(np.abs(near), kind="stable")][:_MOST_CHECKED]
    return [int(lag) * stride for lag in near]


def _means(values: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """The mean of each ``stride`` values that follow each other; NaN where none of them is known."""
    padded = np.full(-(-len(values) // stride) * stride, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(-1, stride)
    known = np.isfinite(rows)
    count = known.sum(axis=1)
    total = np.where(known, rows, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _correlations(one: NDArray[np.float64], other: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """Pearson's r of one[i] with other[i + lag] for lags −most…most: float64 (2 most + 1,); NaN where too few fit.

    All lags at once by Fourier transforms, over the values that both have at that lag.
    """
    n = len(one)
    size = scipy.fft.next_fast_len(2 * n, real=True)
    known_a, known_b = (np.isfinite(x).astype(np.float64) for x in (one, other))
    a, b = _about_zero(one), _about_zero(other)

    one_f = np.conj(scipy.fft.rfft(np.stack([known_a, a, a * a]), size))
    other_f = scipy.fft.rfft(np.stack([known_b, b, b * b]), size)
    products = np.stack([one_f[i] * other_f[k] for i, k in ((0, 0), (1, 0), (0, 1), (2, 0), (0, 2), (1, 1))])
    whole = scipy.fft.irfft(products, size)
    near = np.concatenate([whole[:, size - most :], whole[:, : most + 1]], axis=1) if most else whole[:, :1]
    count = np.round(near[0])
    sum_a, sum_b, square_a, square_b, cross = near[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        var_a, var_b = square_a - sum_a**2 / count, square_b - sum_b**2 / count
        r = (cross - sum_a * sum_b / count) / np.sqrt(var_a * var_b)
    least = max(LEAST_POINTS // 2, n // 3)
    moved = (count >= least) & (var_a > 1e-9 * count) & (var_b > 1e-9 * count)
    return np.where(moved, np.clip(r, -1.0, 1.0), np.nan)


def _about_zero(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Less their mean, in units of their spread, 0 where not known: nothing then cancels out badly."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(len(values))
    apart = np.where(known, values - values[known].mean(), 0.0)
    most = float(np.abs(apart).max())
    spread = most * float(np.sqrt(np.mean((apart[known] / most) ** 2))) if most > 0 else 0.0
    still = most <= 1e-12 * float(np.abs(values[known]).max())
    return np.zeros(len(values)) if still or spread == 0 else apart / spread


def _alike(one: NDArray[np.float64], other: NDArray[np.float64], lag: int) -> float | None:
    """Pearson's r of one[i] with other[i + lag]; None where one of them stands still."""
    n = len(one)
    x = one[max(0, -lag) : n - max(0, lag)]
    y = other[max(0, lag) : n - max(0, -lag)]
    both = np.isfinite(x) & np.isfinite(y)
    x, y = _about_zero(x[both]), _about_zero(y[both])
    size = float(np.sqrt((x @ x) * (y @ y))) if len(x) else 0.0
    return None if size == 0 else float(x @ y) / size
