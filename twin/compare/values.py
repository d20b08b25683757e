"""What a track is at any moment: between its samples, and not beyond what it told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.compare.side import Track


def values_at(track: Track, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Its values at some moments: float64, as long as ``t_ns``; NaN where it is not known.

    A gauge that is sampled is a line between two samples, where they lie no further apart than a value is fresh;
    everything else holds until the next sample, and no longer than it is fresh.
    """
    if len(track) == 0:
        return np.full(len(t_ns), np.nan)
    at = np.searchsorted(track.t_ns, t_ns, side="right") - 1
    known = at >= 0
    before = np.maximum(at, 0)
    age = t_ns - track.t_ns[before]
    found = track.values[before].astype(np.float64)
    if track.fresh_ns is not None:
        known &= age <= track.fresh_ns
    if track.kind is Kind.GAUGE and track.fresh_ns is not None:
        after = np.minimum(before + 1, len(track) - 1)
        wide = track.t_ns[after] - track.t_ns[before]
        between = (age > 0) & (wide > 0) & (wide <= track.fresh_ns)
        share = np.where(between, age / np.where(wide > 0, wide, 1), 0.0)
        found = np.where(between, found + (track.values[after] - found) * share, found)
    return np.where(known, found, np.nan)


def step_ns(track: Track) -> int:
    """The usual distance of its samples; 0 of less than two."""
    return int(np.median(np.diff(track.t_ns))) if len(track) > 1 else 0
