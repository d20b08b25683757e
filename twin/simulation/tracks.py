"""Tracks: what a simulated unit did, as steps in time, written by events and read by sampling."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Step = TypeVar("Step")


class Track(Generic[Step]):
    """Steps by the time from which they hold. Mutable: the law of motion writes, the plant reads.

    Times are whole milliseconds since the plant's start, so that they are exact on every machine.
    """

    def __init__(self, first: Step) -> None:
        self.times: list[int] = [0]
        self.steps: list[Step] = [first]

    @property
    def last(self) -> Step:
        """The newest step written."""
        return self.steps[-1]

    def write(self, t_ms: int, step: Step) -> None:
        """From ``t_ms`` on ``step`` holds; of several steps at one time the last one counts."""
        if self.times[-1] == t_ms:
            self.steps[-1] = step
        else:
            self.times.append(t_ms)
            self.steps.append(step)

    def index(self, t_ms: NDArray[np.int64]) -> NDArray[np.intp]:
        """Which step holds at each of the times."""
        return np.searchsorted(np.array(self.times), t_ms, side="right") - 1

    def at(self, t_ms: int) -> Step:
        """The step that holds at ``t_ms``."""
        return self.steps[bisect_right(self.times, t_ms) - 1]

    def forget(self, before_ms: int) -> None:
        """Drop steps that ended before ``before_ms``."""
        keep = bisect_right(self.times, before_ms) - 1
        if keep > 0:
            del self.times[:keep]
            del self.steps[:keep]
