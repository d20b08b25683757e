"""An asset's signals onto a regular grid, stretch by stretch: what was fresh, and in which regime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.anomaly.windows import whole, windows_of
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from twin.anomaly import Regime, Watched, Window
    from twin.ports import History

CHUNK_NS = 6 * 3600 * 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """n rows of a grid: ``t_ns`` int64 (n,), ``values`` float64 (n, signals), NaN where absent or stale.

    ``in_regime``: bool (n,), whether the asset was in the regime then.
    """

    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    in_regime: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.bool_]:
        """Rows that have every signal: bool (n,)."""
        found: NDArray[np.bool_] = np.logical_and.reduce(~np.isnan(self.values), axis=1)
        return found

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Rows that a window may hold: bool (n,)."""
        return self.present & self.in_regime

    def ends(self, rows: int, usable: NDArray[np.bool_] | None = None) -> NDArray[np.intp]:
        """Rows at which a whole window of ``rows`` usable rows ends: intp (m,)."""
        return np.flatnonzero(whole(self.usable if usable is None else usable, rows)) + rows - 1

    def windows(self, rows: int, ends: NDArray[np.intp]) -> NDArray[np.float64]:
        """The windows that end there: (m, rows, signals)."""
        found: NDArray[np.float64] = windows_of(self.values, rows)[ends - (rows - 1)]
        return found


def read_sheet(  # noqa: PLR0913  a range of some signals
    history: History, watched: Sequence[Watched], regime: Regime, window: Window, start_ns: int, end_ns: int
) -> Sheet:
    """Some signals in [start_ns, end_ns), on the window's grid; frames that are not good count as absent."""
    t_ns = window.grid(start_ns, end_ns)
    values = np.full((len(t_ns), len(watched)), np.nan)
    for stream in dict.fromkeys(one.stream for one in watched):
        mine = [(place, one) for place, one in enumerate(watched) if one.stream == stream]
        _hold(history, stream, mine, t_ns, values)
    in_regime = np.ones(len(t_ns), np.bool_)
    for by, wanted in ((regime.state_by, regime.states), (regime.mode_by, regime.modes)):
        if by and wanted and len(t_ns):
            told = _texts(history, by, t_ns)
            in_regime &= np.isin(told, wanted)
    return Sheet(t_ns, values, in_regime)


def _hold(
    history: History,
    stream: str,
    mine: Sequence[tuple[int, Watched]],
    t_ns: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """What each signal of a stream told last, where that is fresh, into its column."""
    known = next((one for one in history.streams().values() if one.id == stream), None)
    if known is None:
        return
    places = {signal.name: column for column, signal in enumerate(known.columns)}
    hold_ns = max(one.hold_ns for _, one in mine)
    for rows in _chunks(t_ns):
        at_ns = t_ns[rows]
        frames = history.frames(stream, int(at_ns[0]) - hold_ns, int(at_ns[-1]) + 1)
        frames = frames.take(frames.quality == Quality.GOOD)
        if not len(frames):
            continue
        before = np.searchsorted(frames.t_ns, at_ns, side="right") - 1
        age_ns = at_ns - frames.t_ns[np.maximum(before, 0)]
        for place, one in mine:
            if one.signal in places:
                fresh = (before >= 0) & (age_ns <= one.hold_ns)
                values[rows, place] = np.where(fresh, frames.values[before, places[one.signal]], np.nan)


def _chunks(t_ns: NDArray[np.int64]) -> Iterator[slice]:
    if not len(t_ns):
        return
    edges = np.searchsorted(t_ns, np.arange(int(t_ns[0]), int(t_ns[-1]) + CHUNK_NS, CHUNK_NS))
    for start, end in zip(edges, [*edges[1:], len(t_ns)], strict=True):
        if end > start:
            yield slice(int(start), int(end))


def _texts(history: History, by: tuple[str, ...], t_ns: NDArray[np.int64]) -> NDArray[np.str_]:
    """What a text signal told last at each instant; "" before anything."""
    stream, signal = by
    changes = history.text_changes(stream, signal, int(t_ns[0]), int(t_ns[-1]) + 1)
    if not changes:
        return np.full(len(t_ns), "")
    times = np.array([at_ns for at_ns, _ in changes], np.int64)
    texts = np.array(["", *(text for _, text in changes)])
    return texts[np.searchsorted(times, t_ns, side="right")]
