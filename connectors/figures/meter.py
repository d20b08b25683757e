"""How long an asset ran and how much it made since a moment, day by day; the desk keeps the days that are over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.desk import upkeep
from twin.clock import NS_PER_S
from twin.upkeep import DAY_NS

if TYPE_CHECKING:
    from connectors.desk import Desk
    from connectors.figures.figures import Asked, Figures
    from twin.site import Site

SETTLED_NS = 3600 * NS_PER_S
"""A day is kept so long after its end: what comes later still is not counted."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Time in production in ns, and parts made."""

    run_ns: int = 0
    parts: int = 0

    def __add__(self, other: Meter) -> Meter:
        """Both together."""
        return Meter(self.run_ns + other.run_ns, self.parts + other.parts)


def heard_since_ns(asked: Asked, asset: str) -> int | None:
    """When an asset first told its state or counted its parts; None where it never did."""
    telling = asked.told.get(asset)
    streams = [one.stream for one in telling.wanted] if telling else []
    return min((asked.counts[one].first_ns for one in streams if one in asked.counts), default=None)


def metered(  # noqa: PLR0913  where it is read from, and of what
    desk: Desk, figures: Figures, asked: Asked, site: Site, asset: str, start_ns: int
) -> Meter:
    """What an asset did from ``start_ns``, or its first data, to ``asked.now_ns``."""
    first_ns = heard_since_ns(asked, asset)
    if first_ns is None:
        return Meter()
    at, end_ns = max(start_ns, first_ns), asked.now_ns
    kept = upkeep.metered(desk, asset, at, end_ns)
    found, new = Meter(), dict[int, tuple[int, int]]()
    while at < end_ns:
        day_ns = at - at % DAY_NS
        until = min(day_ns + DAY_NS, end_ns)
        whole = at == day_ns and until == day_ns + DAY_NS and until + SETTLED_NS <= end_ns
        if whole and day_ns in kept:
            found += Meter(*kept[day_ns])
        else:
            total = figures.totals(asked, site, asset, at, until)
            found += Meter(total.production_ns, total.made)
            if whole:
                new[day_ns] = (total.production_ns, total.made)
        at = until
    if new:
        upkeep.keep_metered(desk, asset, new)
    return found
