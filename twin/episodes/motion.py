"""Moves and rests out of a speed: two thresholds with hysteresis, their edges set where the speed changes most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.episodes.story import Track

REST_SHARE, MOVE_SHARE = 0.02, 0.08
"""Of the speed that one sample in twenty exceeds: below the first it rests, above the second it moves."""
EDGE_ROWS = 16
"""The edge of a move is looked for so many samples to either side."""


def moves(speed: Track, dwell_s: float, max_gap_s: float) -> list[tuple[int, int]]:
    """[start_ns, end_ns) of every move; rests shorter than ``dwell_s`` belong to it, gaps end it."""
    if len(speed) < 2:  # noqa: PLR2004  one sample tells of no motion
        return []
    magnitude = np.abs(speed.values)
    top = float(np.quantile(magnitude, 0.95))
    if top <= 0:
        return []
    moving = _hysteresis(magnitude, REST_SHARE * top, MOVE_SHARE * top)
    breaks = np.flatnonzero(np.diff(speed.t_ns) > round(max_gap_s * 1e9)) + 1
    spans: list[tuple[int, int]] = []
    for first, last in _spans(moving, breaks):
        joins = spans and first not in breaks and speed.t_ns[first] - speed.t_ns[spans[-1][1] - 1] < dwell_s * 1e9
        between = spans and np.any((breaks > spans[-1][1] - 1) & (breaks <= first))
        if joins and not between:
            spans[-1] = (spans[-1][0], last)
        else:
            spans.append((first, last))
    edges = [(_edge(magnitude, first, rising=True), _edge(magnitude, last, rising=False)) for first, last in spans]
    return [
        (int(speed.t_ns[first]), int(speed.t_ns[min(last, len(speed)) - 1]) + 1)
        for first, last in edges
        if last > first
    ]


def _hysteresis(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    """Whether it moves, (n,): from rising above ``high`` until falling below ``low``."""
    told = np.zeros(len(values), np.int8)
    told[values >= high] = 1
    told[values <= low] = -1
    at = np.where(told != 0, np.arange(len(told)), 0)
    held = told[np.maximum.accumulate(at)]
    found: NDArray[np.bool_] = held > 0
    return found


def _spans(moving: NDArray[np.bool_], breaks: NDArray[np.intp]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(moving.astype(np.int8))) + 1
    starts = np.unique(np.concatenate([[0], edges, breaks])).tolist()
    return [(first, last) for first, last in zip(starts, [*starts[1:], len(moving)], strict=True) if moving[first]]


def _edge(values: NDArray[np.float64], near: int, *, rising: bool) -> int:
    """The row near one at which two levels fit best (least squares of a single change point)."""
    first, last = max(0, near - EDGE_ROWS), min(len(values), near + EDGE_ROWS)
    window = values[first:last]
    if len(window) < 4:  # noqa: PLR2004  too few for two levels
        return near
    count = np.arange(1, len(window))
    left = np.cumsum(window)[:-1]
    right = window.sum() - left
    gain = left**2 / count + right**2 / (len(window) - count)
    wrong = (right / (len(window) - count) > left / count) != rising
    gain[wrong] = -np.inf
    return near if not np.isfinite(gain).any() else first + int(np.argmax(gain)) + 1
