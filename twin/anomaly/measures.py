"""How good a detector is, against a known truth; and what one would get who cried wolf always.

With half of a test set anomalous, "always" has an F1 of two thirds: no figure of F1 says anything without
that row beside it. Point-adjusted figures are not told: they make noise look good (arXiv 2109.05257).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALWAYS = "always"
"""The row of whoever says of every window that it is anomalous."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One detector on n windows; what cannot be told (no anomaly among them, or nothing else) is None.

    ``far``: the share of good windows that it calls anomalous; ``mar``: of anomalous ones that it misses;
    ``auroc``: how likely an anomalous window scores above a good one; ``auprc``: average precision.
    """

    name: str
    far: float | None
    mar: float | None
    precision: float | None
    f1: float | None
    auroc: float | None
    auprc: float | None


def judge(
    name: str, truth: NDArray[np.bool_], flags: NDArray[np.bool_], scores: NDArray[np.float64] | None = None
) -> Judged:
    """Truth and flags, bool (n,) each; ``scores`` float64 (n,), more is worse (None: the flags are all it says)."""
    bad, good = int(truth.sum()), int((~truth).sum())
    hits, false = int((flags & truth).sum()), int((flags & ~truth).sum())
    ranked = flags.astype(np.float64) if scores is None else scores
    return Judged(
        name,
        false / good if good else None,
        1.0 - hits / bad if bad else None,
        hits / (hits + false) if hits + false else None,
        2 * hits / (2 * hits + false + bad - hits) if bad else None,
        auroc(truth, ranked),
        auprc(truth, ranked),
    )


def always(truth: NDArray[np.bool_]) -> Judged:
    """The row that every other one is to be read beside."""
    return judge(ALWAYS, truth, np.ones(len(truth), np.bool_))


def auroc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Area under the receiver's curve, ties counted half (Mann & Whitney)."""
    bad, good = int(truth.sum()), int((~truth).sum())
    if not bad or not good:
        return None
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[places]
    return float((ranks[truth].sum() - bad * (bad + 1) / 2.0) / (bad * good))


def auprc(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float | None:
    """Average precision: steps at each distinct score, so ties are taken together and their order does not matter."""
    bad = int(truth.sum())
    if not bad:
        return None
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    recall, precision = hits[last] / bad, hits[last] / (last + 1)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def found_of(t_ns: NDArray[np.int64], flags: NDArray[np.bool_], spans: list[tuple[int, int]]) -> list[float | None]:
    """Seconds from the start of each span [start, end) to the first flag in it; None where there is none."""
    found: list[float | None] = []
    for start_ns, end_ns in spans:
        low, high = np.searchsorted(t_ns, (start_ns, end_ns))
        hit = np.flatnonzero(flags[low:high])
        found.append((int(t_ns[low + hit[0]]) - start_ns) / 1e9 if len(hit) else None)
    return found
