"""What scores windows: the socket of numpy here and of a runtime in the connectors; both pass the same tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.anomaly.model import Limits


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Of m windows: T² and Q, float64 (m,), and what each sensor adds to them, float64 (m, signals).

    What the sensors add sums to the whole. A share of T² may be negative: there a sensor is on the usual
    side, given the others.
    """

    t2: NDArray[np.float64]
    q: NDArray[np.float64]
    t2_by: NDArray[np.float64]
    q_by: NDArray[np.float64]

    def ratios(self, limits: Limits) -> NDArray[np.float64]:
        """T² and Q as shares of their limits, float64 (m, 2): above 1 is beyond."""
        return np.stack([self.t2 / limits.t2, self.q / limits.q], axis=1)

    def blame(self, limits: Limits) -> NDArray[np.float64]:
        """What each sensor adds to the statistic that lies further out, as shares of its limit: (m, signals)."""
        ratios = self.ratios(limits)
        of_t2 = (ratios[:, 0] >= ratios[:, 1])[:, None]
        return np.where(of_t2, self.t2_by / limits.t2, self.q_by / limits.q)


class Scorer(Protocol):
    """T² and Q of windows."""

    def score(self, windows: NDArray[np.float64]) -> Scores:
        """Of windows (m, rows, signals), none of whose values is absent."""
        ...


class Second(Protocol):
    """A second opinion: a number that grows with strangeness."""

    def strange(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of features (m, f) as `features_of` makes them: float64 (m,)."""
        ...
