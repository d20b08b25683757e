"""What LeRobot keeps of every feature: min, max, mean, std, count and quantiles, by episode and of all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}

Stats = dict[str, "NDArray[np.float64]"]


def stats_of(values: NDArray[Any]) -> Stats:
    """Of float (n, width), n ≥ 1: each entry float64 (width,), ``count`` (1,)."""
    told = values.astype(np.float64)
    found = np.quantile(told, list(QUANTILES.values()), axis=0)
    return {
        "min": told.min(axis=0),
        "max": told.max(axis=0),
        "mean": told.mean(axis=0),
        "std": told.std(axis=0),
        "count": np.array([float(len(told))]),
        **{name: found[i] for i, name in enumerate(QUANTILES)},
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
