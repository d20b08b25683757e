"""A model against a known truth: how often it cries wolf, what it misses, and what crying always would be worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.models.score import score_stretch
from twin.anomaly.measures import always, found_of, judge
from twin.clock import NS_PER_S
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from connectors.models.score import Scored
    from twin.anomaly import Model, Scorer, Second
    from twin.ports import History


@dataclass(frozen=True, slots=True)
class Wrong:
    """A time [start_ns, end_ns) in which something truly was wrong, and what."""

    kind: str
    start_ns: int
    end_ns: int


def evaluate(  # noqa: PLR0913  a model, a range and the truth of it
    history: History,
    model: Model,
    scorer: Scorer,
    forest: Second | None,
    start_ns: int,
    end_ns: int,
    truth: Sequence[Wrong],
    aftermath_s: float,
) -> dict[str, Any]:
    """The table of a model over [start_ns, end_ns), as JSON has it.

    A window is anomalous whose last row lies in a time of the truth. What lies after one, for
    ``aftermath_s`` and for as long as a window still holds rows of it, counts neither way: heat stays
    when its cause has gone. Raises ModelError where nothing could be scored.
    """
    scored = score_stretch(history, model, scorer, forest, start_ns, end_ns)
    within = [one for one in truth if one.start_ns < end_ns and one.end_ns > start_ns]
    bad = _inside(scored.t_ns, [(one.start_ns, one.end_ns) for one in within])
    later_ns = max(round(aftermath_s * NS_PER_S), model.window.length_ns)
    after = _inside(scored.t_ns, [(one.end_ns, one.end_ns + later_ns) for one in within]) & ~bad
    there = scored.there
    if not there.any():
        raise ModelError(
            f"nothing of {model.asset} could be scored there: it never was in {model.regime.told()} for a whole window",
            "choose another time",
        )
    used = there & ~after
    far_all = scored.alarm[there & ~bad]
    return {
        "model": model.name,
        "asset": model.asset,
        "regime": model.regime.told(),
        "from_ns": start_ns,
        "to_ns": end_ns,
        "step_s": model.window.step_ns / NS_PER_S,
        "aftermath_s": later_ns / NS_PER_S,
        "windows": int(used.sum()),
        "anomalous": float(bad[used].mean()) if used.any() else 0.0,
        "not_scored": {
            "normal_s": int((~there & ~bad).sum()) * model.window.step_ns / NS_PER_S,
            "anomalous_s": int((~there & bad).sum()) * model.window.step_ns / NS_PER_S,
        },
        "alarms_far_with_aftermath": float(far_all.mean()) if len(far_all) else None,
        "rows": [asdict(one) for one in _rows(scored, used, bad)],
        "faults": _by_kind(scored, within, model),
    }


def _inside(t_ns: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> NDArray[np.bool_]:
    found = np.zeros(len(t_ns), np.bool_)
    for start_ns, end_ns in spans:
        low, high = np.searchsorted(t_ns, (start_ns, end_ns))
        found[low:high] = True
    return found


def _rows(scored: Scored, used: NDArray[np.bool_], bad: NDArray[np.bool_]) -> list[Any]:
    truth, t2, q = bad[used], scored.ratios[used, 0], scored.ratios[used, 1]
    worst = scored.worst[used]
    rows = [
        judge("t2", truth, t2 > 1.0, t2),
        judge("q", truth, q > 1.0, q),
        judge("t2_or_q", truth, worst > 1.0, worst),
        judge("alarm", truth, scored.alarm[used], worst),
    ]
    second = scored.second[used]
    if not np.isnan(second).any():
        rows.append(judge("forest", truth, second > 1.0, second))
    return [*rows, always(truth)]


def _by_kind(scored: Scored, truth: Sequence[Wrong], model: Model) -> list[dict[str, Any]]:
    """For each kind of trouble: how often it was, could be seen, was alarmed of, how soon, and what was blamed."""
    told = []
    for kind in sorted({one.kind for one in truth}):
        spans = [(one.start_ns, one.end_ns) for one in truth if one.kind == kind]
        seen = [span for span in spans if scored.there[_inside(scored.t_ns, [span])].any()]
        delays = [one for one in found_of(scored.t_ns, scored.alarm, seen) if one is not None]
        blamed = scored.blame[_inside(scored.t_ns, spans) & (scored.worst > 1.0)]
        most = np.bincount(blamed.argmax(axis=1)).argmax() if len(blamed) else None
        told.append(
            {
                "kind": kind,
                "count": len(spans),
                "seen": len(seen),
                "alarmed": len(delays),
                "delay_s": float(np.median(delays)) if delays else None,
                "blamed": None if most is None else model.signals[int(most)],
            }
        )
    return told
