"""What may be wrong with a dataset."""

from __future__ import annotations

from dataclasses import dataclass

STUCK_SHARE = 0.9
"""Of the episodes: a signal that stands still in more of them is a risk."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: which ``check``, where, and in words. ``risk`` is no defect, but worth a look."""

    check: str
    where: str
    told: str
    risk: bool = False
