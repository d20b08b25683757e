"""Signals of different rates onto one clock: which value a frame gets is declared, never guessed.

A gauge is drawn linearly between its neighbours, or held; a counter, a flag, a state and a text hold what
was told last. Before the first value of an episode the first one holds, behind the last one the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Signal

LINEAR, HOLD = "linear", "hold"
POLICY = {Kind.GAUGE: LINEAR, Kind.COUNTER: HOLD, Kind.FLAG: HOLD, Kind.STATE: HOLD, Kind.TEXT: HOLD}
"""How each kind of signal is resampled."""


def policy_of(signal: Signal, gauge: str = LINEAR) -> str:
    """``linear`` or ``hold``; ``gauge`` is what was chosen for gauges."""
    return gauge if signal.kind is Kind.GAUGE else POLICY[signal.kind]


def frame_count(start_ns: int, end_ns: int, fps: float) -> int:
    """How many frames of 1 / fps lie from the first sample to the last, both included."""
    return (end_ns - 1 - start_ns) * round(fps * 1000) // 1_000_000_000_000 + 1


def grid(start_ns: int, end_ns: int, fps: float) -> NDArray[np.int64]:
    """The times of the frames, int64 (n,): start + i / fps."""
    steps = np.arange(frame_count(start_ns, end_ns, fps), dtype=np.int64)
    return start_ns + steps * 1_000_000_000_000 // round(fps * 1000)


def resample(
    at_ns: NDArray[np.int64],
    t_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    policies: Sequence[str],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values (m, k) at times t_ns (m,) → (n, k) at ``at_ns``, and which of the k columns had no value at all.

    NaN is absent. A column without any value comes back as NaN.
    """
    out = np.full((len(at_ns), values.shape[1]), np.nan)
    missing = np.zeros(values.shape[1], np.bool_)
    if not len(t_ns):
        return out, ~missing
    present = ~np.isnan(values)
    whole = present.all(axis=0)
    groups = [(LINEAR, np.array([one == LINEAR for one in policies]) & whole),
              (HOLD, np.array([one == HOLD for one in policies]) & whole)]  # fmt: skip
    for policy, columns in groups:
        if columns.any():
            out[:, columns] = _at(at_ns, t_ns, values[:, columns], policy)
    for column in np.flatnonzero(~whole).tolist():
        rows = present[:, column]
        if not rows.any():
            missing[column] = True
            continue
        out[:, column] = _at(at_ns, t_ns[rows], values[rows, column : column + 1], policies[column])[:, 0]
    return out, missing


def hold_texts(at_ns: NDArray[np.int64], t_ns: NDArray[np.int64], texts: Sequence[str | None]) -> list[str]:
    """The text that held at each time; the first one before it, "" where there is none."""
    told = [(t, text) for t, text in zip(t_ns.tolist(), texts, strict=True) if text is not None]
    if not told:
        return [""] * len(at_ns)
    times = np.array([t for t, _ in told], np.int64)
    rows = np.maximum(np.searchsorted(times, at_ns, side="right") - 1, 0)
    return [told[row][1] for row in rows.tolist()]


def _at(
    at_ns: NDArray[np.int64], t_ns: NDArray[np.int64], values: NDArray[np.float64], policy: str
) -> NDArray[np.float64]:
    """The columns of ``values`` (m, k), all present, at other times: (n, k)."""
    if np.array_equal(at_ns, t_ns):
        return values
    after = np.searchsorted(t_ns, at_ns, side="right")
    before = np.maximum(after - 1, 0)
    if policy == HOLD:
        return values[before]
    after = np.minimum(after, len(t_ns) - 1)
    width = (t_ns[after] - t_ns[before]).astype(np.float64)
    share = np.divide(at_ns - t_ns[before], width, out=np.zeros(len(at_ns)), where=width > 0)
    share = np.clip(share, 0.0, 1.0)[:, None]
    found: NDArray[np.float64] = values[before] * (1.0 - share) + values[after] * share
    return found
