"""Maintenance counters: how much of an interval between two upkeeps is used up, and when it will be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from twin.clock import NS_PER_S

DAY_NS = 24 * 3600 * NS_PER_S
SOON = 0.9
"""From this share of the interval on a upkeep is due soon."""
MOST_AHEAD_NS = 3650 * DAY_NS
"""What would be due later than that is not foretold."""


class Counts(StrEnum):
    """What is counted between two upkeeps."""

    HOURS_RUN = "run_h"
    """Hours in production (the KPIs' production time, APT)."""
    PARTS = "parts"
    """Parts made: good, scrap and rework."""
    DAYS = "days"
    """Days by the calendar."""


class Due(StrEnum):
    """How a upkeep stands."""

    OK = "ok"
    SOON = "soon"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a upkeep stands: ``used`` of ``every`` in what is counted; when it is used up, None where nobody can say."""

    used: float
    share: float
    due: Due
    due_ns: int | None


def standing(  # noqa: PLR0913  what a upkeep is reckoned from
    counts: Counts, every: float, since_ns: int, now_ns: int, used: float, lately: float, lately_ns: int
) -> Standing:
    """How a upkeep stands at ``now_ns`` that was last done at ``since_ns``.

    ``used`` was counted since then (of days nothing needs to be counted), ``lately`` over the last ``lately_ns``:
    at that pace it goes on. ``every`` is above 0.
    """
    if counts is Counts.DAYS:
        used, lately, lately_ns = (now_ns - since_ns) / DAY_NS, 1.0, DAY_NS
    share = used / every
    due = Due.NOW if share >= 1 else Due.SOON if share >= SOON else Due.OK
    left_ns: float | None = None
    if share >= 1:
        left_ns = 0.0
    elif lately > 0 and lately_ns > 0:
        left_ns = (every - used) / lately * lately_ns
    told = left_ns is not None and left_ns <= MOST_AHEAD_NS
    return Standing(used, share, due, now_ns + round(left_ns or 0.0) if told else None)
