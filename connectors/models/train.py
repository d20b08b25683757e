"""Training: recordings in, a frozen version out; or a clear word on what is missing."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from connectors.models.choose import regime_of, watched_of
from connectors.models.files import FOREST, PCA
from connectors.models.forest import forest_of
from connectors.models.graph import graph_of
from connectors.models.reading import read_sheet
from connectors.models.runtime import BATCH, OnnxForest
from twin.anomaly import Limits, Model, Persistence, Training, Window, features_of, fit
from twin.anomaly.limits import held_out, q_by_theory, t2_by_theory
from twin.clock import NS_PER_S
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from connectors.models.reading import Sheet
    from twin.anomaly import Regime, Watched
    from twin.ports import History

ROWS_A_FEATURE = 10
"""So many windows at least for each feature, of those that the model is fitted to."""
FITTED_SHARE = 0.7
"""The first part of the windows, in order of time; the rest is held out for the limits."""
STRIDE = 5
"""One window in so many is fitted to: those between hardly differ."""
MOST_ABSENT = 0.2
"""A signal that is absent more often than so in its regime is not learned from."""
MIN_ROWS, MAX_ROWS = 5, 600
LONGEST_NS = 31 * 24 * 3600 * NS_PER_S
MADE_WITH = ("numpy", "onnx", "scikit-learn")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be trained. ``without``: spans [start, end) to leave out, such as labelled anomalies.

    ``share``: of the variance, how much the components hold; ``budget``: which share of good windows may
    lie beyond a limit.
    """

    name: str
    asset: str
    spans: tuple[tuple[int, int], ...]
    states: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    without: tuple[tuple[int, int], ...] = ()
    window: Window = field(default_factory=Window)
    share: float = 0.95
    budget: float = 0.001
    seed: int = 1
    forest: bool = True
    persistence: Persistence = field(default_factory=Persistence)


def train(history: History, order: Order) -> tuple[Model, dict[str, bytes]]:
    """The model and its files; raises ModelError where there is too little to learn from, or a package is missing."""
    _check(order)
    regime = regime_of(history, order.asset, order.states, order.modes)
    asked = watched_of(history, order.asset, order.spans, order.signals)
    sheets = [read_sheet(history, asked, regime, order.window, start, end) for start, end in order.spans]
    unseen = _unseen(sheets, asked)
    places = [place for place, one in enumerate(asked) if one.signal not in unseen]
    watched = tuple(asked[place] for place in places)
    sheets = [replace(sheet, values=sheet.values[:, places]) for sheet in sheets]
    usable = [sheet.usable & ~_within(sheet.t_ns, order.without) for sheet in sheets]
    left_out = _left_out(sheets, usable, order)
    if not watched:
        why = ", ".join(f"{name} ({one})" for name, one in unseen.items())
        raise ModelError(
            f"{order.asset} in {regime.told()} tells nothing to learn from: {why}", "train on another time"
        )

    rows = np.concatenate([sheet.values[mask] for sheet, mask in zip(sheets, usable, strict=True)])
    middle, spread = np.median(rows, axis=0), rows.std(axis=0)
    shifted = [replace(sheet, values=sheet.values - middle) for sheet in sheets]
    ends = [sheet.ends(order.window.rows, mask) for sheet, mask in zip(shifted, usable, strict=True)]
    fitted, held = _divided(ends, 2 * len(watched), order, regime)
    features = _features(shifted, fitted, order.window.rows)
    pca = fit(features, middle, spread, order.share)
    checked = _features(shifted, held, order.window.rows)
    scores = pca.score_features(checked)
    about = {"asset": order.asset, "model": order.name, "signals": ",".join(one.signal for one in watched)}
    files = {PCA: graph_of(pca, order.window.rows, about)}
    second = usual = None
    if order.forest:
        back = np.concatenate([middle, np.zeros(len(middle))])  # a tree compares: it takes the values as they are
        files[FOREST] = forest_of(features + back, order.seed, about)
        strange = OnnxForest(files[FOREST]).strange(checked + back)
        second, usual = held_out(strange, order.budget), float(np.median(strange))
    limits = Limits(
        order.budget, held_out(scores.t2, order.budget), held_out(scores.q, order.budget),
        t2_by_theory(pca.components, len(features), order.budget), q_by_theory(pca, order.budget), second, usual,
    )  # fmt: skip
    training = Training(
        order.spans, len(features), len(checked), left_out, unseen, _sha256(sheets, usable), _batches(history, order),
        order.seed, _versions(),
    )  # fmt: skip
    model = Model(
        order.name, order.asset, regime, order.window, watched, pca.components, pca.explained, limits,
        order.persistence, training,
    )  # fmt: skip
    return model, files


def _check(order: Order) -> None:
    if not order.spans or any(end <= start for start, end in order.spans):
        raise ModelError("there is no time to learn from", "give --from and --to, or --recording")
    if sum(end - start for start, end in order.spans) > LONGEST_NS:
        raise ModelError("more than 31 days to learn from", "a few days of production are enough")
    bounds = [("share", order.share, 0.5, 0.9999), ("budget", order.budget, 1e-5, 0.1)]
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise ModelError(f"{name} {value:g} is not from {low:g} to {high:g}", "write a number between")
    if not MIN_ROWS <= order.window.rows <= MAX_ROWS or order.window.step_ns < NS_PER_S // 20:
        raise ModelError(
            f"a window of {order.window.rows} rows, {order.window.step_ns / NS_PER_S:g} s apart",
            f"{MIN_ROWS} to {MAX_ROWS} rows, 0.05 s apart or more",
        )


def _unseen(sheets: Sequence[Sheet], watched: Sequence[Watched]) -> dict[str, str]:
    """Signals that cannot be learned from, by why: seldom told in the regime, or always the same."""
    rows = np.concatenate([sheet.values[sheet.in_regime] for sheet in sheets])
    told: dict[str, str] = {}
    for place, one in enumerate(watched):
        column = rows[:, place]
        there = column[~np.isnan(column)]
        if len(there) < (1.0 - MOST_ABSENT) * len(column) or not len(there):
            told[one.signal] = "absent"
        elif np.ptp(there) == 0.0:
            told[one.signal] = "constant"
    return told


def _within(t_ns: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    found = np.zeros(len(t_ns), np.bool_)
    for start_ns, end_ns in spans:
        found |= (t_ns >= start_ns) & (t_ns < end_ns)
    return found


def _left_out(sheets: Sequence[Sheet], usable: Sequence[NDArray[np.bool_]], order: Order) -> dict[str, float]:
    step_s = order.window.step_ns / NS_PER_S
    counts = {"other_regime": 0, "absent_or_stale": 0, "labelled": 0}
    for sheet, mask in zip(sheets, usable, strict=True):
        counts["other_regime"] += int((~sheet.in_regime).sum())
        counts["absent_or_stale"] += int((sheet.in_regime & ~sheet.present).sum())
        counts["labelled"] += int((sheet.usable & ~mask).sum())
    return {why: count * step_s for why, count in counts.items()}


def _divided(
    ends: Sequence[NDArray[np.intp]], features: int, order: Order, regime: Regime
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Where windows end that are fitted to, and that are held out, of each sheet; raises ModelError where too few."""
    total = sum(len(one) for one in ends)
    least = max(
        round(ROWS_A_FEATURE * features * STRIDE / FITTED_SHARE), round(1.0 / order.budget / (1.0 - FITTED_SHARE))
    )
    if total < least:
        step_min = order.window.step_ns / NS_PER_S / 60
        raise ModelError(
            f"{order.asset} was in {regime.told()} with every signal told for {total * step_min:.0f} min of windows of"
            f" {order.window.length_ns / NS_PER_S:g} s there; {least * step_min:.0f} min are needed"
            f" for {features} features and a budget of {order.budget:g}",
            "train on more time, with shorter windows, on fewer signals, or with a larger budget",
        )
    border = round(FITTED_SHARE * total)
    fitted, held, passed = [], [], 0
    for one in ends:
        cut = min(max(border - passed, 0), len(one))
        passed += len(one)
        fitted.append(one[:cut:STRIDE])
        # No row is in both: a window that is held out begins after the last that is fitted to.
        after = one[:cut][-1] + order.window.rows if cut else -1
        held.append(one[cut:][one[cut:] >= after])
    return fitted, held


def _features(sheets: Sequence[Sheet], ends: Sequence[NDArray[np.intp]], rows: int) -> NDArray[np.float64]:
    parts = [
        features_of(sheet.windows(rows, some[at : at + BATCH]))
        for sheet, some in zip(sheets, ends, strict=True)
        for at in range(0, len(some), BATCH)
    ]
    return np.concatenate(parts)


def _sha256(sheets: Sequence[Sheet], usable: Sequence[NDArray[np.bool_]]) -> str:
    """Of the times and values that were used, little-endian."""
    made = hashlib.sha256()
    for sheet, mask in zip(sheets, usable, strict=True):
        made.update(sheet.t_ns[mask].astype("<i8").tobytes())
        made.update(sheet.values[mask].astype("<f8").tobytes())
    return made.hexdigest()


def _batches(history: History, order: Order) -> dict[str, tuple[int, str]]:
    """The newest batch of each writer at the end, with its checksum: which store this was."""
    end_ns = max(end for _, end in order.spans)
    found = {}
    for writer in sorted(history.writers()):
        n = history.batch_at(writer, end_ns)
        if n:
            found[writer] = (n, history.batch_checksum(writer, n))
    return found


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in MADE_WITH:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
