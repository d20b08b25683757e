"""From ratios to alarms: only what persists, and only back when it is well back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Persistence:
    """An alarm comes with ``on`` looks above 1 one after the other, and goes with ``off`` looks below ``back``.

    A moment that is not scored (another regime, a sensor away) counts neither way, so that a machine which
    pauses between parts is judged over its parts; after ``forget_ns`` without a score nothing is known.
    """

    on: int = 30
    off: int = 30
    back: float = 0.8
    forget_ns: int = 600_000_000_000


@dataclass(frozen=True, slots=True)
class Spell:
    """Where an alarm stands: looks above 1 and below ``back`` one after the other, and when it was scored last."""

    alarm: bool = False
    above: int = 0
    below: int = 0
    scored_ns: int = -1

    def next(self, t_ns: int, ratio: float, rule: Persistence) -> Spell:
        """After a look at ``t_ns``; a ratio of NaN is none."""
        known = self if t_ns - self.scored_ns < rule.forget_ns else Spell()
        if math.isnan(ratio):
            return known
        above = min(known.above + 1, rule.on) if ratio > 1.0 else 0
        below = min(known.below + 1, rule.off) if ratio < rule.back else 0
        return Spell(below < rule.off if known.alarm else above >= rule.on, above, below, t_ns)


def alarming(t_ns: NDArray[np.int64], ratios: NDArray[np.float64], rule: Persistence) -> NDArray[np.bool_]:
    """Whether there is an alarm at each of the looks: int64 (n,) and float64 (n,), NaN where nothing was scored."""
    spell, found = Spell(), np.zeros(len(t_ns), np.bool_)
    for i, (at_ns, ratio) in enumerate(zip(t_ns.tolist(), ratios.tolist(), strict=True)):
        spell = spell.next(at_ns, ratio, rule)
        found[i] = spell.alarm
    return found
