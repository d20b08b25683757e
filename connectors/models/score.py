"""A stretch of a store scored by a model: ratios to the limits, the second opinion, alarms, and what is behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.models.reading import read_sheet
from connectors.models.runtime import BATCH
from twin.anomaly import alarming, features_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connectors.models.reading import Sheet
    from twin.anomaly import Model, Scorer, Second
    from twin.ports import History


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """n instants of a grid; NaN where nothing could be scored (another regime, or a signal absent).

    ``ratios``: float64 (n, 2), T² and Q as shares of their limits; ``second``: float64 (n,), the forest's on
    the same scale (all NaN without one); ``alarm``: bool (n,); ``blame``: float64 (n, signals), what each
    signal adds to the statistic that lies further out, as shares of its limit.
    """

    t_ns: NDArray[np.int64]
    ratios: NDArray[np.float64]
    second: NDArray[np.float64]
    alarm: NDArray[np.bool_]
    blame: NDArray[np.float64]

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which instants were scored: bool (n,)."""
        found: NDArray[np.bool_] = ~np.isnan(self.ratios[:, 0])
        return found

    @property
    def worst(self) -> NDArray[np.float64]:
        """The larger of both ratios: float64 (n,)."""
        found: NDArray[np.float64] = self.ratios.max(axis=1)
        return found


def score_stretch(  # noqa: PLR0913  a model and a range
    history: History, model: Model, scorer: Scorer, forest: Second | None, start_ns: int, end_ns: int
) -> Scored:
    """Score every step in [start_ns, end_ns); the first window begins before ``start_ns``."""
    before_ns = (model.window.rows - 1) * model.window.step_ns
    sheet = read_sheet(history, model.watched, model.regime, model.window, start_ns - before_ns, end_ns)
    return score_sheet(model, scorer, forest, sheet, start_ns)


def score_sheet(model: Model, scorer: Scorer, forest: Second | None, sheet: Sheet, start_ns: int) -> Scored:
    """Score the rows of a sheet from ``start_ns`` on; those before only fill windows."""
    n, rows = len(sheet.t_ns), model.window.rows
    ratios, second = np.full((n, 2), np.nan), np.full(n, np.nan)
    blame = np.full((n, len(model.watched)), np.nan)
    ends = sheet.ends(rows)
    ends = ends[sheet.t_ns[ends] >= start_ns]
    for at in range(0, len(ends), BATCH):
        some = ends[at : at + BATCH]
        windows = sheet.windows(rows, some)
        scores = scorer.score(windows)
        ratios[some] = scores.ratios(model.limits)
        blame[some] = scores.blame(model.limits)
        if forest is not None:
            second[some] = model.limits.second_ratios(forest.strange(features_of(windows)))
    mine = sheet.t_ns >= start_ns
    worst = ratios.max(axis=1)
    return Scored(
        sheet.t_ns[mine], ratios[mine], second[mine],
        alarming(sheet.t_ns[mine], worst[mine], model.persistence), blame[mine],
    )  # fmt: skip
