"""Where a figure becomes a risk or a defect: defaults, and the factory file's ``[quality]``."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twin._table import Table

_SHARES = frozenset(
    {"lost_risk", "lost_defect", "nan_risk", "nan_defect", "stuck_risk", "stuck_defect", "limit_near", "limit_risk",
     "idle_speed", "idle_risk", "coverage_risk", "failures_risk"}
)  # fmt: skip
_POSITIVE = frozenset({"gap_periods", "smooth_min_hz", "cells"})
_WHOLE = frozenset({"cells", "episodes_risk"})


@dataclass(frozen=True, slots=True)
class Thresholds:
    """A figure above ``…_risk`` is a risk, above ``…_defect`` a defect.

    Shares are 0…1, times seconds (``_s``), rates Hz.
    """

    gap_periods: float = 1.5
    """A step longer than so many middle steps is a gap."""
    lost_risk: float = 0.0
    lost_defect: float = 0.1
    """Share of the frames that gaps swallowed."""
    jitter_risk: float = 0.25
    jitter_defect: float = 1.0
    """How far 95 % of the steps stay from the middle one, as a share of it."""
    rate_risk: float = 0.1
    rate_defect: float = 0.5
    """How far the middle rate lies from the declared one, as a share of it."""
    nan_risk: float = 0.0
    nan_defect: float = 0.1
    """Share of a signal's values that are absent."""
    stuck_risk: float = 0.5
    stuck_defect: float = 0.95
    """Share of an episode's steps in which a signal did not change although most of its kin did."""
    range_risk: float = 0.0
    range_defect: float = 1.0
    """How far beyond its declared range a value lies, in widths of the range."""
    limit_near: float = 0.01
    """So near to an end of its range (in widths) a joint is at its limit."""
    limit_risk: float = 0.05
    """Share of the frames at a limit."""
    skew_risk_s: float = 0.05
    skew_defect_s: float = 0.5
    """How far two streams' clocks lie apart."""
    lag_risk_s: float = 0.2
    lag_defect_s: float = 1.0
    """How long the state follows its command."""
    idle_speed: float = 0.02
    """Below this share of the speed that one frame in twenty exceeds nothing moves."""
    idle_risk: float = 0.5
    """Share of the frames without motion."""
    smooth_min_hz: float = 10.0
    """Below this rate smoothness is not assessed."""
    duplicate_risk: float = 0.02
    """Two paths nearer than this (in standard deviations of the set) are near-duplicates."""
    cells: float = 10
    """Into so many cells each signal's span is cut for coverage."""
    coverage_risk: float = 0.3
    """Below this share of the greatest possible entropy a task's states are narrow."""
    episodes_risk: float = 20
    """Fewer episodes of a task than this are few."""
    failures_risk: float = 0.05
    """Below this share of failures (or of successes) there is too little of them to learn from."""


def thresholds_of(table: Table) -> Thresholds:
    """Parse the ``[quality]`` table: each key is a field's name."""
    usual = Thresholds()
    given: dict[str, float] = {}
    for one in fields(Thresholds):
        value = table.get(one.name, float, float(getattr(usual, one.name)))
        if value < 0 or (one.name in _POSITIVE and value <= 0):
            table.wrong(one.name, f"{value:g} is too small", "write a number above 0")
        elif one.name in _SHARES and value > 1:
            table.wrong(one.name, f"{value:g} is no share", "0 to 1")
        elif one.name in _WHOLE and value != int(value):
            table.wrong(one.name, f"{value:g} is not whole", "write a whole number")
        given[one.name] = value
    found = Thresholds(**given)
    for one in fields(Thresholds):
        risk = one.name.replace("_defect", "_risk")
        if risk != one.name and given[one.name] < given[risk]:
            table.wrong(
                one.name, f"{given[one.name]:g} lies below {risk} {given[risk]:g}", "a defect is more than a risk"
            )
    table.done()
    return found
