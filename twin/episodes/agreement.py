"""How far two people who labelled the same episodes agree, beyond what chance would give."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two people over the episodes that both labelled: how many, the share that is the same, Cohen's kappa.

    ``kappa`` is None where it is undefined: nothing in common, or both said one and the same word throughout.
    """

    first: str
    second: str
    episodes: int
    same: float | None
    kappa: float | None


def agreement(first: str, second: str, said: Mapping[str, Mapping[str, str]]) -> Agreement:
    """Cohen's kappa of two people; ``said`` holds of each person the label of every episode they judged, by its id."""
    one, other = said.get(first, {}), said.get(second, {})
    both = sorted(one.keys() & other.keys())
    n = len(both)
    if not n:
        return Agreement(first, second, 0, None, None)
    same = sum(one[episode] == other[episode] for episode in both)
    counts, others = Counter(one[episode] for episode in both), Counter(other[episode] for episode in both)
    # in whole numbers, so that "undefined" is exact: n * n * (agreement by chance)
    chance = sum(count * others[label] for label, count in counts.items())
    kappa = None if chance == n * n else (n * same - chance) / (n * n - chance)
    return Agreement(first, second, n, same / n, kappa)


def agreements(said: Mapping[str, Mapping[str, str]]) -> list[Agreement]:
    """Of every two people who have an episode in common, the pairs with the most in common first."""
    found = [agreement(first, second, said) for first, second in combinations(sorted(said), 2)]
    return sorted((one for one in found if one.episodes), key=lambda one: (-one.episodes, one.first, one.second))
