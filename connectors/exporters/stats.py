"""What LeRobot keeps of every feature: min, max, mean, std, count and quantiles, by episode and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Stats = dict[str, "NDArray[np.float64]"]


def stats_of(columns: Mapping[str, NDArray[Any]]) -> dict[str, Stats]:
    """Of features of n ≥ 1 frames each, (n,) or (n, width): each entry float64 (width,), ``count`` (1,).

    All columns are taken in one go, and sorted once for all quantiles (linear between the neighbours).
    """
    parts = [one if one.ndim > 1 else one[:, None] for one in columns.values()]
    rows = np.concatenate([one.T for one in parts], axis=0, dtype=np.float64)
    count = rows.shape[1]
    mean = rows.mean(axis=1)
    std = np.sqrt(np.square(rows - mean[:, None]).mean(axis=1))
    rows.sort(axis=1)
    found = {"min": rows[:, 0].copy(), "max": rows[:, -1].copy(), "mean": mean, "std": std}  # no view keeps all rows
    for name, share in QUANTILES.items():
        place = (count - 1) * share
        below = int(place)
        above = min(below + 1, count - 1)
        found[name] = rows[:, below] + (rows[:, above] - rows[:, below]) * (place - below)
    edges = np.cumsum([0, *(one.shape[1] for one in parts)]).tolist()
    counted = np.array([float(count)])
    return {
        name: {**{key: value[a:b] for key, value in found.items()}, "count": counted}
        for name, a, b in zip(columns, edges, edges[1:], strict=False)
    }


def together(parts: Sequence[Stats]) -> Stats:
    """Of all episodes: means and variances add up; quantiles are bounds: least to the median, else greatest."""
    count = np.array([one["count"][0] for one in parts])[:, None]
    mean = np.array([one["mean"] for one in parts])
    total = float(count.sum())
    whole = (mean * count).sum(axis=0) / total
    variance = ((np.array([one["std"] for one in parts]) ** 2 + (mean - whole) ** 2) * count).sum(axis=0) / total
    low = {name: np.min([one[name] for one in parts], axis=0) for name in ("min", "q01", "q10", "q50")}
    high = {name: np.max([one[name] for one in parts], axis=0) for name in ("max", "q90", "q99")}
    return {**low, **high, "mean": whole, "std": np.sqrt(variance), "count": np.array([total])}
