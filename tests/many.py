"""How many examples a property is tried with: few where everybody waits, many in ``make proof``."""

from __future__ import annotations

from hypothesis import settings

ORDINARY = 50


def examples(count: int) -> int:
    """What the profile makes of ``count``, which is meant for a profile of `ORDINARY` examples."""
    return max(1, count * settings().max_examples // ORDINARY)
