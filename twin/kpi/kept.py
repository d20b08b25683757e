"""The few frames that figures are made of: where a word or a count changed, and the edges of silences. Pure.

A machine that sends once a second tells the same for most of the time. What is kept of its frames gives
exactly what all of them would give (a property test says so), at a hundredth of the size, so a stretch of
time that is over can be kept in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from twin.kpi.counts import NOTHING, Rises, rises_of
from twin.sample import Quality
from twin.states import Heard, Observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Frames

Words = tuple[str | None, ...]
_UNHEARD = (Quality.BAD, Quality.STALE)


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Frames of a stream in order of (t_ns, seq), n of them, with k counters.

    int64 (n,): ``t_ns``, ``seq``; float64 (n, k): ``counts``, NaN absent; ``words``: n rows of texts;
    bool (n,): ``heard`` (False: the frame itself says that it is bad or stale), ``silent`` (the next
    frame came later than the stream stays fresh).
    """

    t_ns: NDArray[np.int64]
    seq: NDArray[np.int64]
    counts: NDArray[np.float64]
    words: tuple[Words, ...]
    heard: NDArray[np.bool_]
    silent: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.t_ns)

    def rises(self, column: int, scale: int = 1) -> Rises:
        """The rises of a counter."""
        return rises_of(self.t_ns, self.counts[:, column], self.seq, scale=scale) if len(self) else NOTHING

    def observations(self, stale_ns: int | None, state: int | None, mode: int | None) -> list[Observation]:
        """What the frames say of the asset; silences are said as such, so that the fold needs no stale time.

        ``state`` and ``mode`` are places in a row of ``words``; behind the last frame the stream is silent.
        """
        found: list[Observation] = []
        last = len(self) - 1
        for row, (t_ns, words, heard, silent) in enumerate(
            zip(self.t_ns.tolist(), self.words, self.heard.tolist(), self.silent.tolist(), strict=True)
        ):
            if not heard:
                found.append(Observation(t_ns, heard=Heard.LOST))
                continue
            told = None if state is None else words[state]
            found.append(Observation(t_ns, told, None if mode is None else words[mode]))
            if stale_ns is not None and (silent or row == last):
                found.append(Observation(t_ns + stale_ns, heard=Heard.LOST))
        return found


def kept_of(frames: Frames, columns: Sequence[int], texts: Sequence[int], stale_ns: int | None) -> Kept:
    """The frames that matter, of a stretch in order of time: its counters ``columns`` and words ``texts``."""
    there = frames.quality != Quality.CLOCK_AHEAD
    if not there.all():
        frames = frames.take(there)
    n = len(frames)
    heard = ~np.isin(frames.quality, _UNHEARD)
    counts = np.where(heard[:, None], frames.values[:, list(columns)], np.nan)
    words = tuple(tuple(row[i] for i in texts) for row in frames.texts) if texts and frames.texts else ((),) * n
    if n == 0:
        return Kept(frames.t_ns, frames.seq, counts, words, heard, np.zeros(0, np.bool_))
    silent = np.zeros(n, np.bool_)
    if stale_ns is not None:
        silent[:-1] = np.diff(frames.t_ns) > stale_ns
    return _picked(Kept(frames.t_ns, frames.seq, counts, words, heard, silent))


def thinned(kept: Kept) -> Kept:
    """What `kept_of` gives of a stretch, from what it gave of its parts, joined: their edges matter no more."""
    return _picked(kept) if len(kept) > 2 else kept  # noqa: PLR2004  first and last


def _picked(every: Kept) -> Kept:
    """The rows that matter: the first, the last, and both sides of each change and silence."""
    n, counts, words, heard, silent = len(every), every.counts, every.words, every.heard, every.silent
    before, after = counts[:-1], counts[1:]
    changes = silent[:-1] | (heard[1:] != heard[:-1])
    if counts.shape[1]:
        changes |= ((before != after) & ~(np.isnan(before) & np.isnan(after))).any(axis=1)
    if words[0] or words[-1]:
        changes |= np.fromiter((a != b for a, b in pairwise(words)), np.bool_, n - 1)
    picked = np.zeros(n, np.bool_)
    picked[0] = picked[-1] = True
    picked[:-1] |= changes
    picked[1:] |= changes
    rows = np.flatnonzero(picked)
    return Kept(
        every.t_ns[rows],
        every.seq[rows],
        counts[rows],
        tuple(words[i] for i in rows.tolist()),
        heard[rows],
        silent[rows],
    )


def joined(parts: Sequence[Kept], stale_ns: int | None) -> Kept:
    """Stretches that follow each other (one at least) as one."""
    some = [part for part in parts if len(part)]
    if not some:
        return parts[0]
    silent = np.concatenate([part.silent for part in some])
    if stale_ns is not None:
        ends = np.cumsum([len(part) for part in some])[:-1]
        for end, part, following in zip(ends.tolist(), some, some[1:], strict=False):
            silent[end - 1] = int(following.t_ns[0]) - int(part.t_ns[-1]) > stale_ns
    return Kept(
        np.concatenate([part.t_ns for part in some]),
        np.concatenate([part.seq for part in some]),
        np.concatenate([part.counts for part in some]),
        tuple(row for part in some for row in part.words),
        np.concatenate([part.heard for part in some]),
        silent,
    )
