"""Fitting laws to what was measured: candidates by likelihood, the best by AIC, and how good it is.

Goodness is told by the Kolmogorov–Smirnov distance with its p-value and by the Anderson–Darling statistic.
The parameters come from the same numbers, so the p-value is on the kind side: a small one refuses a law, a
large one proves none. A law that is refused is not used; what was measured is drawn from instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from twin.whatif.law import SHARES, Law, exponential, key, measured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST = 12
"""Fewer than so many numbers are no ground for a law."""
LEAST_MEASURED = 30
"""From so many numbers on, what was measured may stand in for a law that is refused."""
REFUSED_BELOW = 0.01
FAMILIES: Mapping[str, Any] = {
    "lognormal": scipy.stats.lognorm,
    "gamma": scipy.stats.gamma,
    "weibull": scipy.stats.weibull_min,
    "exponential": scipy.stats.expon,
}
MOST = 1500
"""The newest so many numbers are enough."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What is drawn from, and why it may be believed.

    ``family`` is the best of `FAMILIES`, "" where there was too little to fit; ``used`` is what is drawn from:
    the family, ``measured``, or the fallback that ``why`` names. ``p`` is of the Kolmogorov–Smirnov test,
    ``distance`` its statistic, ``anderson`` that of Anderson and Darling. ``bars`` are counts over ``edges_s``, and
    ``curve`` the family's density at the middles of the bars, in counts: for drawing.
    """

    law: Law
    count: int
    used: str
    family: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    aic: Mapping[str, float] = field(default_factory=dict)
    distance: float | None = None
    p: float | None = None
    anderson: float | None = None
    why: str = ""
    edges_s: tuple[float, ...] = ()
    bars: tuple[int, ...] = ()
    curve: tuple[float, ...] = ()


def fitted(values_s: Floats, still_s: Floats | None = None) -> Fit | None:
    """The law of durations (n,), in seconds; None of fewer than `LEAST`.

    ``still_s`` (m,) are those that had not ended: each lasted at least so long (right-censored).
    """
    values = np.asarray(values_s, np.float64)
    values = values[np.isfinite(values) & (values > 0)][-MOST:]
    if len(values) < LEAST:
        return None
    if still_s is not None and len(still_s):
        return _censored(values, np.asarray(still_s, np.float64))
    if np.ptp(values) < 1e-6 * float(values.max()):
        return Fit(measured(values), len(values), "measured", why="all the same")
    found = _candidates(values)
    name, (frozen, _) = min(found.items(), key=lambda item: item[1][1]["aic"])
    test = scipy.stats.ks_1samp(values, frozen.cdf)
    return _told(values, name, found, float(test.statistic), float(test.pvalue), may_refuse=True)


def _censored(values: Floats, still: Floats) -> Fit:
    """The law where some had not ended: its distance is from the estimate of Kaplan and Meier."""
    still = still[still > 0]
    data = scipy.stats.CensoredData(uncensored=values, right=still)
    found: dict[str, tuple[Any, dict[str, float]]] = {}
    for name, family in FAMILIES.items():
        try:
            given = family.fit(data, floc=0)
        except (ValueError, RuntimeError, FloatingPointError):
            continue
        frozen = family(*given)
        likelihood = float(frozen.logpdf(values).sum() + frozen.logsf(still).sum())
        if np.isfinite(likelihood):
            found[name] = (frozen, _named(given, 0.0, 2.0 * (len(given) - 1) - 2.0 * likelihood))
    name, (frozen, _) = min(found.items(), key=lambda item: item[1][1]["aic"])
    steps = scipy.stats.ecdf(data).cdf
    shares = np.asarray(steps.probabilities)
    below = np.concatenate([[0.0], shares[:-1]])
    expected = frozen.cdf(np.asarray(steps.quantiles))
    distance = float(max(np.abs(shares - expected).max(), np.abs(below - expected).max()))
    return _told(values, name, found, distance, float(scipy.stats.kstwo.sf(distance, len(values))), may_refuse=False)


def _told(  # noqa: PLR0913  what is told of a fit
    values: Floats,
    name: str,
    found: Mapping[str, tuple[Any, dict[str, float]]],
    distance: float,
    p: float,
    *,
    may_refuse: bool,
) -> Fit:
    """The fit of the best family; of ``may_refuse`` and a poor one what was measured is drawn from."""
    frozen, given = found[name]
    refused = may_refuse and p < REFUSED_BELOW and len(values) >= LEAST_MEASURED
    spread = float(values.std(ddof=1) / values.mean()) if may_refuse else 1.0  # of what is censored nobody knows
    law = measured(values) if refused else _law(frozen, values, spread / len(values) ** 0.5)
    bars, edges = np.histogram(values, bins=min(24, max(6, round(len(values) ** 0.5))))
    middles, width = (edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0])
    return Fit(
        law, len(values), "measured" if refused else name, name,
        {key: round(value, 6) for key, value in given.items() if key != "aic"},
        {key: round(one["aic"], 2) for key, (_, one) in found.items()},
        round(distance, 4), round(p, 4), round(_anderson(values, frozen), 3),
        "the best law is refused" if refused else "",
        tuple(np.round(edges, 3).tolist()), tuple(bars.tolist()),
        tuple(np.round(frozen.pdf(middles) * width * len(values), 3).tolist()),
    )  # fmt: skip


def rare(total_s: float, count: int, why: str) -> Fit:
    """The law of something that happened too seldom to fit: without memory, once in ``total_s / (count + ½)``."""
    mean_s = total_s / (count + 0.5)
    law = exponential(mean_s, (count + 0.5) ** -0.5, f"rare/{mean_s:.3f}")
    return Fit(law, count, "exponential", "", {"mean_s": round(mean_s, 3)}, why=why)


def _candidates(values: Floats) -> dict[str, tuple[Any, dict[str, float]]]:
    """Each family by greatest likelihood, from 0 on and from just below the least one on; with its AIC."""
    found: dict[str, tuple[Any, dict[str, float]]] = {}
    spread = float(np.ptp(values))
    least = float(values.min()) - spread / len(values)
    starts = {"": 0.0}
    if least > 0.1 * float(values.mean()):
        starts["shifted "] = least
    for shift, start in starts.items():
        for name, family in FAMILIES.items():
            try:
                given = family.fit(values, floc=start)
            except (ValueError, RuntimeError, FloatingPointError):  # no such law of these numbers
                continue
            frozen = family(*given)
            likelihood = float(np.log(np.maximum(frozen.pdf(values), 1e-300)).sum())
            free = len(given) - 1 + bool(shift)
            found[shift + name] = (frozen, _named(given, start, 2.0 * free - 2.0 * likelihood))
    return found


def _named(given: tuple[float, ...], start_s: float, aic: float) -> dict[str, float]:
    """The parameters by name."""
    named = {"start_s": start_s, "scale": float(given[-1]), "aic": aic}
    return named | ({"shape": float(given[0])} if len(given) > 2 else {})  # noqa: PLR2004  shape, location, scale


def _law(frozen: Any, values: Floats, error: float) -> Law:
    """Its quantiles, no further out than three times the greatest that was measured: tails are guesses."""
    quantiles = np.asarray(frozen.ppf(SHARES), np.float64)
    return Law(np.clip(quantiles, 0.0, 3.0 * float(values.max())), error, key(values))


def _anderson(values: Floats, frozen: Any) -> float:
    """A² of a law whose parameters are known."""
    shares = np.clip(frozen.cdf(np.sort(values)), 1e-12, 1 - 1e-12)
    n = len(values)
    weights = 2 * np.arange(1, n + 1) - 1
    return float(-n - (weights * (np.log(shares) + np.log1p(-shares[::-1]))).sum() / n)
