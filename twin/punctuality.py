"""How a stream's frames keep time: which came late, and how far the device's clock is from ours. Pure.

Late is a frame older than one of its stream that came before it. The skew is receive time minus
device time, smoothed; a device that tells no time has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Batch

SMOOTH = 8
"""A new measure moves the smoothed one by this part of the difference."""
_CLOCK_AHEAD = int(Quality.CLOCK_AHEAD)


@dataclass(slots=True)
class Punctuality:
    """One stream's. Mutable; the store that keeps it owns it. ``newest_ns`` is None before the first frame."""

    newest_ns: int | None = None
    late: int = 0
    skew_ns: int | None = None

    def see(self, t_ns: NDArray[np.int64], first_ns: int, newest_ns: int, skew_ns: int, *, in_order: bool) -> None:
        """Take frames in the order they came: ``t_ns``, int64 (n,).

        ``first_ns`` is the first one's time, ``newest_ns`` the greatest, ``skew_ns`` the last one's
        skew; ``in_order`` says that no time is less than the one before.
        """
        before_ns = self.newest_ns
        if not in_order or (before_ns is not None and first_ns < before_ns):
            start_ns = first_ns if before_ns is None else before_ns
            newest_before = np.maximum.accumulate(np.concatenate([[start_ns], t_ns]))[:-1]
            self.late += int(np.count_nonzero(t_ns < newest_before))
        self.newest_ns = newest_ns if before_ns is None else max(before_ns, newest_ns)
        if skew_ns:
            old_ns = self.skew_ns
            self.skew_ns = skew_ns if old_ns is None else old_ns + (skew_ns - old_ns) // SMOOTH


def see_batch(batch: Batch, known: Sequence[Punctuality]) -> None:
    """Take the frames of a batch, each part's stream having its own beside it.

    What a device dated ahead of our clock says nothing: after it everything would be late.
    """
    if not batch.frames:
        return
    columns = batch.columns
    edges = columns.edges.tolist()
    disorder = columns.where(columns.steps(columns.t_ns) < 0).tolist()
    ahead = columns.where(columns.quality == _CLOCK_AHEAD).tolist()
    firsts, ends = columns.edges[:-1], columns.edges[1:] - 1
    skews = (columns.received_ns[ends] - columns.t_ns[ends]).tolist()
    for kept, start, end, first_ns, newest_ns, skew_ns, is_disorder, is_ahead in zip(
        known, edges, edges[1:], columns.t_ns[firsts].tolist(), columns.highest(columns.t_ns).tolist(), skews, disorder,
        ahead, strict=False,
    ):  # fmt: skip
        t_ns = columns.t_ns[start:end]
        if not is_ahead:
            kept.see(t_ns, first_ns, newest_ns, skew_ns, in_order=not is_disorder)
            continue
        keep = columns.quality[start:end] != _CLOCK_AHEAD
        if keep.any():
            t_ns = t_ns[keep]
            last_skew_ns = int((columns.received_ns[start:end][keep] - t_ns)[-1])
            kept.see(t_ns, int(t_ns[0]), int(t_ns.max()), last_skew_ns, in_order=False)
