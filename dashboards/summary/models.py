"""Anomaly models for their page: what there is and how it stands, and of one what it says of the last hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.choose import STREAM
from connectors.models.reading import read_sheet
from connectors.models.score import score_stretch
from dashboards.status import ms
from dashboards.summary.trend import pen
from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from connectors.models.book import Entry
    from connectors.models.files import Shelf
    from connectors.models.score import Scored
    from dashboards.view import View
    from twin.anomaly import Model
    from twin.ports import History
    from twin.sample import Signal

POINTS = 600
COMPUTED_NS = 3600 * NS_PER_S
"""So much is scored for the page of a model that does not score live."""
LEAST_SHOWN_NS = 600 * NS_PER_S
BESIDE_NS = 120 * NS_PER_S
"""So far before a moment the newest score is looked for that is to be explained."""


def listed(entry: Entry, may: Callable[[str], bool]) -> dict[str, Any]:
    """A version for the list; ``may`` says whether the reader may change models of an asset."""
    kept, model = entry.standing, entry.model
    told: dict[str, Any] = {
        "name": kept.name,
        "version": kept.version,
        "asset": kept.asset,
        "state": kept.state,
        "trained_ms": ms(kept.trained_ns),
        "trained_by": kept.trained_by,
        "changed_ms": ms(kept.changed_ns),
        "changed_by": kept.changed_by,
        "may": may(kept.asset),
        "wrong": entry.wrong,
        "about": None,
        "table": kept.table,
        "evaluated_ms": ms(kept.evaluated_ns) if kept.table else None,
    }
    if model is not None:
        training = model.training
        told["about"] = {
            "states": model.regime.states,
            "modes": model.regime.modes,
            "signals": len(model.watched),
            "window_s": model.window.length_ns / NS_PER_S,
            "components": model.components,
            "explained": model.explained,
            "budget": model.limits.budget,
            "t2": model.limits.t2,
            "q": model.limits.q,
            "spans": [{"from_ms": ms(start), "to_ms": ms(end)} for start, end in training.spans],
            "fitted": training.fitted,
            "held_out": training.held_out,
            "unseen": training.unseen,
            "sha256": kept.sha256,
        }
    return told


def scores(  # noqa: PLR0913  a model, a moment and what reads
    view: View, history: History, shelf: Shelf, entry: Entry, hours: float, at_ns: int | None
) -> dict[str, Any]:
    """What a version says up to the view's clock: its ratios, and what is behind the score at ``at_ns`` (the newest).

    Of one that is active what was stored is told; of another the last hour is scored for the page.
    """
    model, end_ns = entry.kept, view.clock_ns
    stored = entry.standing.state == "active"
    start_ns = end_ns - (round(hours * 3600) * NS_PER_S if stored else COMPUTED_NS)
    told: dict[str, Any] = {"stored": stored, "from_ms": ms(start_ns), "to_ms": ms(end_ns), "blame": None, "why": ""}
    try:
        if stored:
            lines = _stored(view, entry, start_ns, end_ns)
        else:
            scored = _score(history, shelf, entry, start_ns, end_ns)
            lines = _thinned(scored)
        told |= lines
        told["blame"] = _blame(view, history, shelf, entry, _last_scored(lines) if at_ns is None else at_ns)
    except ModelError as error:
        told["why"] = str(error)
        told |= {name: [] for name in ("t_ms", "t2", "q", "forest", "alarm") if name not in told}
    told["step_ms"] = model.window.step_ns / 1e6
    return told


def _last_scored(lines: dict[str, Any]) -> int | None:
    """The end of the last point that has a score; None for none."""
    t_ms = [at for at, value in zip(lines["t_ms"], lines["t2"], strict=True) if value is not None]
    if not t_ms:
        return None
    step_ms = float(np.median(np.diff(t_ms))) if len(t_ms) > 1 else 0.0
    return int((float(t_ms[-1]) + step_ms) * NS_PER_MS)


def _stored(view: View, entry: Entry, start_ns: int, end_ns: int) -> dict[str, Any]:
    """What was said live since it was activated; of each bucket the most."""
    start_ns = min(max(start_ns, entry.standing.changed_ns), end_ns)
    stream = next((one for one in view.streams().values() if one.id == f"{entry.standing.asset}:{STREAM}"), None)
    if stream is None:
        return {name: [] for name in ("t_ms", "t2", "q", "forest", "alarm")}
    told: dict[str, Any] = {}
    t_ns: NDArray[np.int64] | None = None
    for name in ("t2", "q", "forest", "alarm"):
        if all(one.name != f"anomaly.{name}" for one in stream.columns):
            told[name] = []
            continue
        series = pen(view, stream, f"anomaly.{name}", start_ns, end_ns, POINTS)
        t_ns = series.t_ns if t_ns is None else t_ns
        places = dict(zip(series.t_ns.tolist(), series.maximum.tolist(), strict=True))
        told[name] = [places.get(at) for at in t_ns.tolist()]
    told["from_ms"] = ms(max(min(start_ns, end_ns - LEAST_SHOWN_NS), 0))
    told["t_ms"] = [] if t_ns is None else [ms(at) for at in t_ns.tolist()]
    return told


def _score(history: History, shelf: Shelf, entry: Entry, start_ns: int, end_ns: int) -> Scored:
    model, version = entry.kept, entry.standing.version
    return score_stretch(
        history, model, shelf.scorer(model, version), shelf.forest(model, version), start_ns, end_ns + 1
    )


def _thinned(scored: Scored) -> dict[str, Any]:
    there = np.flatnonzero(scored.there)
    groups = np.array_split(there, POINTS) if len(there) > POINTS else [there[i : i + 1] for i in range(len(there))]
    told: dict[str, Any] = {"t_ms": [ms(int(scored.t_ns[one[0]])) for one in groups]}
    columns = {"t2": scored.ratios[:, 0], "q": scored.ratios[:, 1], "forest": scored.second}
    for name, values in columns.items():
        told[name] = [None if np.isnan(most := float(values[one].max())) else round(most, 4) for one in groups]
    told["alarm"] = [float(scored.alarm[one].any()) for one in groups]
    return told


def _blame(view: View, history: History, shelf: Shelf, entry: Entry, at_ns: int | None) -> dict[str, Any] | None:
    """What each signal adds to both ratios at a moment, or at the last before it that can be scored; None for none."""
    end_ns = view.clock_ns if at_ns is None else min(at_ns, view.clock_ns)
    model, version = entry.kept, entry.standing.version
    scorer = shelf.scorer(model, version)
    scored = score_stretch(history, model, scorer, None, end_ns - BESIDE_NS, end_ns + 1)
    there = np.flatnonzero(scored.there)
    if not len(there):
        return None
    place = int(there[-1])
    t_ns = int(scored.t_ns[place])
    sheet = _window(history, model, t_ns)
    both = scorer.score(sheet)
    t2_by, q_by = both.t2_by[0] / model.limits.t2, both.q_by[0] / model.limits.q
    order = np.argsort(-np.maximum(t2_by, q_by), kind="stable")
    known = _signals(view, {one.stream for one in model.watched})
    rows = []
    for i in order.tolist():
        one = model.watched[i]
        signal = known.get((one.stream, one.signal))
        rows.append(
            {
                "signal": one.signal,
                "label": {"ko": signal.label_ko, "en": signal.label_en} if signal else None,
                "t2": round(float(t2_by[i]), 4),
                "q": round(float(q_by[i]), 4),
            }
        )
    ratios = scored.ratios[place]
    return {"t_ms": ms(t_ns), "t2": round(float(ratios[0]), 4), "q": round(float(ratios[1]), 4), "rows": rows}


def _window(history: History, model: Model, t_ns: int) -> NDArray[np.float64]:
    """The one window that ends there: (1, rows, signals)."""
    start_ns = t_ns - (model.window.rows - 1) * model.window.step_ns
    return read_sheet(history, model.watched, model.regime, model.window, start_ns, t_ns + 1).values[None]


def _signals(view: View, streams: Collection[str]) -> dict[tuple[str, str], Signal]:
    return {
        (one.id, column.name): column for one in view.streams().values() if one.id in streams for column in one.columns
    }
