"""The time that a cycle should take, and each step of its program: the middle of what they took, and the spread."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_CYCLES = 8
MIN_STEPS = 5
_LEAST_SPREAD_S = 0.05
"""Cycle times are told in hundredths at best: a spread below this would call any cycle strange."""
_MAD = 1.4826


@dataclass(frozen=True, slots=True)
class CycleFit:
    """Of ``count`` cycles: the middle one and the spread around it, a standard deviation by the median. Seconds."""

    median_s: float
    spread_s: float
    count: int

    def off(self, cycle_s: float) -> float:
        """How many spreads a cycle is longer than expected; below 0 shorter."""
        return (cycle_s - self.median_s) / self.spread_s


@dataclass(frozen=True, slots=True)
class StepFit:
    """A step of the program, and how long it took: median and spread in seconds, over ``count`` times."""

    step: str
    median_s: float
    spread_s: float
    count: int


def fit_cycles(cycle_s: NDArray[np.float64]) -> CycleFit | None:
    """What finished cycles (`twin.cycles.finished`) say; None of fewer than `MIN_CYCLES`."""
    if len(cycle_s) < MIN_CYCLES:
        return None
    return CycleFit(*_middle(cycle_s), len(cycle_s))


def fit_steps(changes: Sequence[tuple[int, str]]) -> tuple[StepFit, ...]:
    """What changes of the program's text (t_ns, step) say of each step, in the order in which steps came first.

    The first and the last stretch are left out: they began before, or go on.
    """
    lengths: dict[str, list[float]] = {}
    for (begin_ns, step), (end_ns, _) in pairwise(changes[1:]):
        lengths.setdefault(step, []).append((end_ns - begin_ns) / NS_PER_S)
    return tuple(
        StepFit(step, *_middle(np.array(taken)), len(taken))
        for step, taken in lengths.items()
        if step and len(taken) >= MIN_STEPS
    )


def _middle(taken_s: NDArray[np.float64]) -> tuple[float, float]:
    median = float(np.median(taken_s))
    return median, max(_MAD * float(np.median(np.abs(taken_s - median))), _LEAST_SPREAD_S)
