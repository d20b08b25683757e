"""What counters counted: their rises, through resets, corrections, late frames and gaps. Pure, whole numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENERGY_SCALE = 1_000_000
"""Counters that are no whole numbers are reckoned in millionths of their unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Rises:
    """How much a counter rose, frame by frame, in order of time.

    int64 (n,) each: ``t_ns`` of the frame that told it, ``since_ns`` of the frame before, ``amount``.
    """

    t_ns: NDArray[np.int64]
    since_ns: NDArray[np.int64]
    amount: NDArray[np.int64]

    def within(self, start_ns: int, end_ns: int) -> Rises:
        """Those that were told in [start_ns, end_ns)."""
        rows = slice(*np.searchsorted(self.t_ns, [start_ns, end_ns]).tolist())
        return Rises(self.t_ns[rows], self.since_ns[rows], self.amount[rows])

    @property
    def total(self) -> int:
        """What was counted in all."""
        return int(self.amount.sum())


NOTHING = Rises(*(np.zeros(0, np.int64) for _ in range(3)))


def rises_of(
    t_ns: NDArray[np.int64], values: NDArray[np.float64], seq: NDArray[np.int64] | None = None, *, scale: int = 1
) -> Rises:
    """The rises of a counter's frames, in whatever order they come; NaN is absent. Shapes (n,).

    The first frame says where counting begins. A counter that falls below half of what it showed began
    again at 0; one that falls less was corrected, and what it fell by is taken off. ``scale`` makes
    whole numbers of what a meter shows (`ENERGY_SCALE`).
    """
    present = np.isfinite(values)
    t_ns, values = t_ns[present], values[present]
    order = np.lexsort((t_ns if seq is None else seq[present], t_ns))
    t_ns, whole = t_ns[order], np.rint(values[order] * scale).astype(np.int64)
    if len(whole) < 2:  # noqa: PLR2004  a rise lies between two
        return NOTHING
    before, after = whole[:-1], whole[1:]
    amount = np.where(2 * after < before, after, after - before)
    return Rises(t_ns[1:], t_ns[:-1], amount)
