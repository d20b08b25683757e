"""A law of chance as its quantiles: quick to draw from, the same for every family, and without scipy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from twin.simulation.sensors import random_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_TAIL = np.array([1e-5, 1e-4, 1e-3, 5e-3])
SHARES: Floats = np.concatenate([[0.0], _TAIL, np.linspace(0.01, 0.99, 197), 1.0 - _TAIL[::-1], [1.0]])
"""At which shares of all draws a law is written down: float64 (207,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Law:
    """How long something takes, in seconds: ``quantiles_s`` float64 as `SHARES`, rising; straight lines between.

    ``error`` is the relative standard error of its mean: what was fitted to few numbers is a guess itself. Laws with
    the same ``of`` come from the same numbers, and are wrong together.
    """

    quantiles_s: Floats
    error: float = 0.0
    of: str = ""

    def draw(self, shares: Floats) -> Floats:
        """Durations for uniform draws from 0…1: the same draw is as long, or as short, under every law."""
        return np.interp(shares, SHARES, self.quantiles_s)

    def left(self, shares: Floats, since_s: float) -> Floats:
        """How long it still takes after ``since_s``; beyond all that was seen a twentieth of its middle."""
        gone = float(np.interp(since_s, self.quantiles_s, SHARES))
        least_s = 0.05 * float(np.interp(0.5, SHARES, self.quantiles_s))
        whole = np.interp(gone + (1.0 - gone) * shares, SHARES, self.quantiles_s)
        found: Floats = np.maximum(whole - since_s, least_s if gone >= SHARES[-2] else 0.0)
        return found

    def scaled(self, factor: float) -> Law:
        """The same law, everything ``factor`` times as long."""
        return replace(self, quantiles_s=self.quantiles_s * factor)

    def guessed(self, seed: int) -> Law:
        """The law as it may be as well, for one replication: longer or shorter by its error."""
        if not self.error:
            return self
        drawn = float(random_of(seed, "law", self.of).standard_normal())
        return self.scaled(float(np.exp(self.error * drawn - self.error**2 / 2)))

    @property
    def mean_s(self) -> float:
        """The middle of all draws."""
        steps = np.diff(SHARES)
        return float(((self.quantiles_s[1:] + self.quantiles_s[:-1]) / 2 * steps).sum())


def measured(values_s: Floats) -> Law:
    """The law of what was measured: any of it again, and what lies between."""
    mean_s = float(values_s.mean())
    spread = float(values_s.std(ddof=1)) if len(values_s) > 1 else mean_s
    return Law(np.quantile(values_s, SHARES), spread / max(mean_s, 1e-9) / len(values_s) ** 0.5, key(values_s))


def key(values_s: Floats) -> str:
    """What tells numbers from others."""
    return f"{len(values_s)}/{float(values_s.sum()):.3f}"


def exponential(mean_s: float, error: float = 0.0, of: str = "") -> Law:
    """Without memory: as likely at any moment."""
    return Law(-mean_s * np.log1p(-np.minimum(SHARES, 1.0 - 1e-6)), error, of)


def constant(value_s: float) -> Law:
    """Always the same."""
    return Law(np.full(len(SHARES), value_s))
