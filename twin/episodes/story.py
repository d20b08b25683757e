"""What one asset told over a time, as much of it as cutting and judging episodes need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from twin.events import Event

Words = tuple[tuple[int, str], ...]
"""(t_ns, text) where a text changed, in order of time."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One number over time: int64 and float64 (n,), in order of time; absent values are left out."""

    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.t_ns)

    def between(self, start_ns: int, end_ns: int) -> NDArray[np.float64]:
        """The values in [start_ns, end_ns)."""
        first, last = np.searchsorted(self.t_ns, [start_ns, end_ns])
        return self.values[first:last]


NOTHING = Track(np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """What an asset told. ``heard`` is every time at which its slowest frame of interest came: int64 (n,)."""

    asset: str
    heard: NDArray[np.int64]
    states: Words = ()
    modes: Words = ()
    programs: Words = ()
    cycle: Track = NOTHING
    good: Track = NOTHING
    scrap: Track = NOTHING
    speed: Track = NOTHING
    faults: Mapping[str, Track] = field(default_factory=dict)
    events: tuple[Event, ...] = ()

    def gaps(self, max_gap_s: float) -> tuple[tuple[int, int], ...]:
        """(last time heard, next time heard) of every silence longer than that."""
        wide = np.flatnonzero(np.diff(self.heard) > round(max_gap_s * 1e9))
        return tuple((int(self.heard[i]), int(self.heard[i + 1])) for i in wide)


def word_at(words: Words, t_ns: int) -> str:
    """The text that held at ``t_ns``; "" before the first."""
    found = ""
    for at_ns, text in words:
        if at_ns > t_ns:
            break
        found = text
    return found
