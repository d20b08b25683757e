"""How far two tracks of numbers differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.compare.values import values_at
from twin.sample import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.compare.side import Track


@dataclass(frozen=True, slots=True)
class NumberDifference:
    """A − B over the moments at which either told a value and both are known; ``n`` of them.

    ``rms``, ``mean`` and ``most`` are in the signal's unit; ``most`` is the greatest |A − B|, ``most_ns`` when, on
    the relative axis, ``a`` and ``b`` the values there. ``spread`` is the greatest less the least value of both, or
    the normal range where that is wider: what a difference is small or great beside.
    """

    n: int
    rms: float
    mean: float
    most: float
    most_ns: int
    a: float
    b: float
    spread: float


def number_difference(a: Track, b: Track, start_ns: int, end_ns: int) -> NumberDifference | None:
    """Over [start, end) of the relative axis; None where they are never known at once.

    Counters are compared by how much they rose since the first moment at which both are known.
    """
    t_ns = moments(a, b, start_ns, end_ns)
    one, other = values_at(a, t_ns), values_at(b, t_ns)
    both = np.isfinite(one) & np.isfinite(other)
    t_ns, one, other = t_ns[both], one[both], other[both]
    if len(t_ns) == 0:
        return None
    if a.kind is Kind.COUNTER and b.kind is Kind.COUNTER:
        one, other = one - one[0], other - other[0]
    apart = one - other
    size = np.abs(apart)
    at = int(np.argmax(size))
    most = float(size[at])
    # In shares of the greatest one, so that no square overflows.
    rms = most * float(np.sqrt(np.mean((apart / most) ** 2))) if most > 0 else 0.0
    spread = max(float(max(one.max(), other.max()) - min(one.min(), other.min())), _range(a), _range(b))
    return NumberDifference(
        len(t_ns), rms, float(apart.mean()), most, int(t_ns[at]), float(one[at]), float(other[at]), spread
    )


def _range(track: Track) -> float:
    """How wide a signal's normal range is; 0 where it has none."""
    return 0.0 if track.low is None or track.high is None else track.high - track.low


def moments(a: Track, b: Track, start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """Every moment in [start, end) at which either has a sample, and the beginning: int64, rising."""
    inside = [one.t_ns[(one.t_ns >= start_ns) & (one.t_ns < end_ns)] for one in (a, b)]
    held = [np.array([start_ns], np.int64)] if a.fresh_ns is None or b.fresh_ns is None else []
    return np.unique(np.concatenate([*inside, *held]))
