"""Where a statistic becomes too much: from windows held out of the fit, and beside it what theory says.

The limit in force is the quantile of windows that were held out. The theory (F for T², Jackson & Mudholkar
for Q) supposes independent normal rows; windows that overlap, of a machine that cycles, are neither. It
is told for comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.anomaly.pca import Pca


def held_out(values: NDArray[np.float64], budget: float) -> float:
    """What only a share ``budget`` of values (n,) exceeds: an order statistic, so always a value that was seen."""
    return float(np.quantile(values, 1.0 - budget, method="higher"))


def t2_by_theory(components: int, rows: int, budget: float) -> float:
    """The limit of T² for a new row, of a model with so many components fitted to ``rows`` independent normal ones."""
    k, n = components, rows
    if n <= k + 1:
        return float("inf")
    return float(k * (n * n - 1) / (n * (n - k)) * scipy.stats.f.ppf(1.0 - budget, k, n - k))


def q_by_theory(pca: Pca, budget: float) -> float:
    """The limit of Q by Jackson & Mudholkar 1979, from the variances that were left out."""
    one, two, three = (float((pca.rest**power).sum()) for power in (1, 2, 3))
    h = 1.0 - 2.0 * one * three / (3.0 * two * two)
    if h <= 0:
        # Their power transform has none; Box's weighted chi-square is what is used then.
        return float(two / one * scipy.stats.chi2.ppf(1.0 - budget, one * one / two))
    c = float(scipy.stats.norm.ppf(1.0 - budget))
    root = c * (2.0 * two * h * h) ** 0.5 / one + 1.0 + two * h * (h - 1.0) / (one * one)
    return float(one * max(root, 0.0) ** (1.0 / h))
