"""Principal components of windows: T² within them, Q beside them, and what each sensor adds to either.

T² (Hotelling) is how far a window lies out *along* the ways in which the asset varies when all is well;
Q (squared prediction error) is how far it lies *off* them: signals that do not fit each other any more.
Jackson & Mudholkar 1979; contributions as complete decompositions (Alcala & Qin 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.anomaly.scorer import Scores
from twin.anomaly.windows import MOMENTS, features_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 1e-3
"""No feature is scaled by less than this share of its signal's spread: what hardly varied must not decide alone."""


@dataclass(frozen=True, slots=True, eq=False)
class Pca:
    """A fitted model of features; a `Scorer`.

    ``middle``: float64 (signals,), taken off every value first, so that single precision is enough after it;
    ``centre``, ``scale``: float64 (f,); ``loadings``: float64 (f, k), orthonormal columns; ``variances``:
    float64 (k,), falling; ``rest``: float64 (f - k,), the variances that were left out (for limits).
    """

    middle: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    loadings: NDArray[np.float64]
    variances: NDArray[np.float64]
    rest: NDArray[np.float64]

    @property
    def components(self) -> int:
        """How many components are kept."""
        return len(self.variances)

    @property
    def explained(self) -> float:
        """Which share of the variance they hold, 0…1."""
        kept = float(self.variances.sum())
        return kept / (kept + float(self.rest.sum()))

    @property
    def weights(self) -> NDArray[np.float64]:
        """What leads from scaled features to their part in T²: float64 (f, f), loadings · 1/variances · loadingsᵀ."""
        found: NDArray[np.float64] = (self.loadings / self.variances) @ self.loadings.T
        return found

    def score(self, windows: NDArray[np.float64]) -> Scores:
        """See `Scorer`."""
        return self.score_features(features_of(windows - self.middle))

    def score_features(self, features: NDArray[np.float64]) -> Scores:
        """Of features (m, f) of values whose ``middle`` is taken off."""
        z = (features - self.centre) / self.scale
        along = z @ self.loadings
        in_t2 = z * ((along / self.variances) @ self.loadings.T)
        off = z - along @ self.loadings.T
        t2_by, q_by = _by_signal(in_t2), _by_signal(off * off)
        return Scores(in_t2.sum(axis=1), (off * off).sum(axis=1), t2_by, q_by)


def fit(features: NDArray[np.float64], middle: NDArray[np.float64], spread: NDArray[np.float64], share: float) -> Pca:
    """Fit to features (m, f) of windows while all was well, ``middle`` taken off their values.

    ``spread``: float64 (signals,), the standard deviation of each signal's values; as many components are
    kept as hold ``share`` of the variance, one at least and one less than there are. Signs are fixed, so
    that the same features give the same model.
    """
    centre = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), LEAST_SHARE * np.tile(spread, MOMENTS))
    z = (features - centre) / scale
    # Of the covariance, not of the rows: a week of rows by 56 features is 56 by 56.
    variances, vectors = np.linalg.eigh(z.T @ z / max(1, len(z) - 1))
    order = np.argsort(variances)[::-1]
    variances, vectors = np.maximum(variances[order], 1e-12), vectors[:, order]
    vectors = vectors * np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
    held = np.cumsum(variances) / variances.sum()
    count = min(int(np.searchsorted(held, share)) + 1, len(variances) - 1)
    return Pca(middle, centre, scale, np.ascontiguousarray(vectors[:, :count]), variances[:count], variances[count:])


def _by_signal(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Parts (m, f) of the features added up by signal: (m, signals)."""
    found: NDArray[np.float64] = parts.reshape(len(parts), MOMENTS, -1).sum(axis=1)
    return found
