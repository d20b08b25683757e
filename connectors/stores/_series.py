"""Drawing: many samples to few points, and changes of a text, the same for every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.ports import Series

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def series_of(t_ns: NDArray[np.int64], values: NDArray[np.float64], max_points: int) -> Series:
    """Samples (n,) in time order → a series of at most ``max_points`` points.

    Absent samples are left out first. The buckets are equally wide from the first sample to the
    last; each keeps its minimum and maximum, so that a spike of one sample is seen. Raises
    ValueError unless ``max_points`` is positive.
    """
    if max_points < 1:
        raise ValueError(f"max_points is {max_points}, must be 1 at least")
    present = ~np.isnan(values)
    if not present.all():
        t_ns, values = t_ns[present], values[present]
    if len(values) <= max_points:
        return Series(t_ns, values, values, values, raw=True)
    span = int(t_ns[-1]) - int(t_ns[0]) + 1
    bucket = (t_ns - t_ns[0]) // -(-span // max_points)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(bucket)) + 1])
    sizes = np.diff(np.append(starts, len(values)))
    return Series(
        t_ns[starts],
        np.minimum.reduceat(values, starts),
        np.maximum.reduceat(values, starts),
        np.add.reduceat(values, starts) / sizes,
        raw=False,
    )


def bucket_ns(start_ns: int, end_ns: int, buckets: int) -> int:
    """How wide each of ``buckets`` equal parts of [start, end) is, in ns; 0 where there is no time between them.

    Raises ValueError unless ``buckets`` is positive.
    """
    if buckets < 1:
        raise ValueError(f"buckets is {buckets}, must be 1 at least")
    return -(-max(0, end_ns - start_ns) // buckets)


def changes_of(before: str | None, start_ns: int, rows: Iterable[tuple[int, str | None]]) -> list[tuple[int, str]]:
    """Texts in time order → the changes, beginning with the value at ``start_ns`` where it is known.

    ``before`` is the last text known at or before ``start_ns``; absent texts change nothing.
    """
    changes: list[tuple[int, str]] = [] if before is None else [(start_ns, before)]
    last = before
    for t_ns, text in rows:
        if text is not None and text != last:
            changes.append((t_ns, text))
            last = text
    return changes
