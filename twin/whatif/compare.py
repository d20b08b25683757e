"""Baseline against variant: means with their intervals, and differences pair by pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from twin.whatif.replicate import FIGURES, LOWER_IS_BETTER, UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.whatif.replicate import Replication

CONFIDENCE = 0.95
RANGE = (5.0, 95.0)
"""Nine in ten replications lie between these percentiles: what one run, as reality is one, may bring."""
BANDS = (2.5, 16.0, 50.0, 84.0, 97.5)


def told(replications: Sequence[Replication]) -> dict[str, dict[str, Any]]:
    """Each scope's figures over all replications."""
    return {
        scope: {
            name: _estimate(values) | {"unit": UNITS.get(name, "1")}
            for name in FIGURES
            if (values := _values(replications, scope, name)) is not None
        }
        for scope in replications[0].figures
    }


def differences(baseline: Sequence[Replication], variant: Sequence[Replication]) -> dict[str, dict[str, Any]]:
    """Variant minus baseline, pair by pair; ``distinct`` where the interval of the mean holds no 0."""
    found: dict[str, dict[str, Any]] = {}
    for scope in baseline[0].figures:
        for name in FIGURES:
            one, other = _values(baseline, scope, name), _values(variant, scope, name)
            if one is None or other is None:
                continue
            low, high = interval(other - one)
            mean = float((other - one).mean())
            distinct = bool(low > 0 or high < 0)
            better = None if not distinct else (mean < 0) == (name in LOWER_IS_BETTER)
            found.setdefault(scope, {})[name] = {
                "mean": mean, "ci": [low, high], "distinct": distinct, "better": better, "unit": UNITS.get(name, "1"),
            }  # fmt: skip
    return found


def bands(replications: Sequence[Replication]) -> dict[str, dict[str, list[float]]]:
    """Parts made by each moment of the grid: the percentiles of `BANDS`, by scope."""
    return {
        scope: {
            f"{share:g}": row.tolist()
            for share, row in zip(
                BANDS, np.percentile(np.array([one.made[scope] for one in replications]), BANDS, axis=0), strict=True
            )
        }
        for scope in replications[0].made
    }


def spread(replications: Sequence[Replication], name: str = "good") -> dict[str, list[float]]:
    """Every replication's figure, by scope: for its distribution."""
    found = {scope: _values(replications, scope, name) for scope in replications[0].figures}
    return {scope: values.tolist() for scope, values in found.items() if values is not None}


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The confidence interval of a mean, by Student's t; nothing is known of a single value's."""
    mean = float(values.mean())
    if len(values) < 2:  # noqa: PLR2004  a spread needs two
        return -math.inf, math.inf
    half = float(scipy.stats.t.ppf(0.5 + CONFIDENCE / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return mean - half, mean + half


def _estimate(values: NDArray[np.float64]) -> dict[str, Any]:
    low, high = interval(values)
    return {
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        "ci": [low, high] if math.isfinite(low) else None,
        "range": np.percentile(values, RANGE).tolist(),
        "n": len(values),
    }


def _values(replications: Sequence[Replication], scope: str, name: str) -> NDArray[np.float64] | None:
    """A figure of every replication; None where any has none: pairs must stay pairs."""
    found = [one.figures[scope].get(name) for one in replications]
    return None if any(value is None for value in found) else np.array(found, np.float64)
