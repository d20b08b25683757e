"""An arm over a time that is over, beside its fit: the same rows as were, or would have been, published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.expect.reading import CYCLE_BACK_NS, cycles_in, joint_frames, told_of
from twin.expectation import Scorer, stream_for
from twin.expectation.residual import WINDOW_NS
from twin.sample import merge

if TYPE_CHECKING:
    from twin.expectation import ArmFit
    from twin.ports import History
    from twin.sample import Frames
    from twin.site import AssetType


def scored(history: History, fit: ArmFit, kind: AssetType, start_ns: int, end_ns: int) -> Frames | None:
    """The rows of an arm in [start, end); None where nothing of it is stored.

    Raises ExpectationError where its joints are not told.
    """
    told = told_of(history, fit.asset)
    scorer = Scorer(fit, told.wiring, stream_for(fit.asset, kind, told.wiring.joints))
    scorer.hear_cycles(*cycles_in(history, told, start_ns - CYCLE_BACK_NS, end_ns))
    parts = [scorer.feed(frames) for frames in joint_frames(history, told, start_ns - WINDOW_NS, end_ns)]
    made = [part for part in parts if part is not None]
    if not made:
        return None
    rows = merge(made)
    return rows.take(rows.t_ns >= start_ns)
