"""Rates and lags of sources, from the metrics that ingest stores once a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dashboards.status import source_stream
from dashboards.view import number
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dashboards.view import View
    from twin.sample import Frames

OVER_S = 5.0
MAX_GAP_S = 3.0
HISTORY_S = 60


def column(frames: Frames, signal: str) -> NDArray[np.float64]:
    """One signal's values (n,), NaN where absent; all NaN for a signal that is not known."""
    for index, one in enumerate(frames.stream.columns):
        if one.name == signal:
            return frames.values[:, index]
    return np.full(len(frames), np.nan)


def rises(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much a counter rose between samples (n,) → (n-1,); where it fell it began again at zero."""
    steps = np.diff(values)
    return np.where(steps < 0, values[1:], steps)


def rate(view: View, stream: str, signal: str) -> float:
    """A counter's rise a second over the last few seconds; 0 when it is not told any more."""
    frames = view.frames(stream, view.clock_ns - round(OVER_S * NS_PER_S))
    return _rate_of(frames, signal, view.clock_ns)


def _rate_of(frames: Frames, signal: str, clock_ns: int) -> float:
    if len(frames) < 2 or clock_ns - int(frames.t_ns[-1]) > MAX_GAP_S * NS_PER_S:  # noqa: PLR2004  a difference needs two
        return 0.0
    span_s = (int(frames.t_ns[-1]) - int(frames.t_ns[0])) / NS_PER_S
    return float(np.nansum(rises(column(frames, signal)))) / span_s if span_s > 0 else 0.0


def rate_history(frames: Frames, signal: str, clock_ns: int) -> list[float]:
    """The rate of each of the last 60 seconds, oldest first; 0 where nothing was told."""
    history = [0.0] * HISTORY_S
    t_ns = frames.t_ns
    for i, rise in enumerate(rises(column(frames, signal)) if len(frames) > 1 else ()):
        span_s = (int(t_ns[i + 1]) - int(t_ns[i])) / NS_PER_S
        place = HISTORY_S - 1 - int((clock_ns - int(t_ns[i + 1])) // NS_PER_S)
        if 0 <= place < HISTORY_S and 0 < span_s <= MAX_GAP_S and np.isfinite(rise):
            history[place] = float(rise) / span_s
    return history


def lag_s(view: View, source: str) -> float:
    """Receive time minus device time of the source's newest frame; 0 where it is not known."""
    return number(view.latest().get(source_stream(source)), "lag_s") or 0.0


def ingest_told(view: View, source: str) -> bool:
    """Whether ingest told its numbers then: data that came in later have a past, but no rate or lag in it."""
    own = view.latest().get(source_stream(source))
    return own is not None and view.clock_ns - own.t_ns <= OVER_S * NS_PER_S
