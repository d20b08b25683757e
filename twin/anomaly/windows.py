"""Windows over signals on a regular grid, and the features that a model sees of them.

A grid holds, at every step, the value that each signal had told last, as long as it was fresh: so a robot
that tells twenty frames a second and a history that keeps one of them look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOMENTS = 2
"""Features a signal: its mean over the window, and its standard deviation in it."""


@dataclass(frozen=True, slots=True)
class Window:
    """``rows`` rows of a grid, ``step_ns`` apart."""

    step_ns: int = 1_000_000_000
    rows: int = 60

    @property
    def length_ns(self) -> int:
        """From the first row to the last, a step more: what a window covers."""
        return self.step_ns * self.rows

    def grid(self, start_ns: int, end_ns: int) -> NDArray[np.int64]:
        """The instants of the grid in [start, end): int64 (n,). Whole steps since 1970, whoever asks."""
        first = -(-start_ns // self.step_ns) * self.step_ns
        return np.arange(first, end_ns, self.step_ns, dtype=np.int64)


def windows_of(values: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    """Every window of ``rows`` rows of float64 (n, signals): a view (n - rows + 1, rows, signals), () where too few."""
    if len(values) < rows:
        return np.empty((0, rows, values.shape[1]))
    found: NDArray[np.float64] = sliding_window_view(values, rows, axis=0).transpose(0, 2, 1)
    return found


def whole(present: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    """Which windows have all their rows: bool (n,) of the rows → bool (n - rows + 1,)."""
    if len(present) < rows:
        return np.zeros(0, np.bool_)
    held: NDArray[np.bool_] = np.logical_and.reduce(sliding_window_view(present, rows), axis=1)
    return held


def features_of(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windows (m, rows, signals) → features (m, 2 · signals): the means, then the deviations."""
    return np.concatenate([windows.mean(axis=1), windows.std(axis=1)], axis=1)
