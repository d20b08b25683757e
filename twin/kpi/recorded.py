"""All that is known of an asset over a time, from what is kept of its frames. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.kpi.counts import NOTHING
from twin.kpi.scopes import scopes_of
from twin.kpi.times import slices_of
from twin.kpi.totals import AssetRecord, Totals, combined
from twin.shifts import calendar_of, planned
from twin.states import state_intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from twin.kpi.counts import Rises
    from twin.kpi.kept import Kept
    from twin.kpi.scopes import Scope
    from twin.kpi.tellings import Place, Telling, Wanted
    from twin.kpi.times import Slice, StopReason
    from twin.site import Site
    from twin.states import Observation

LOOK_BACK_NS = 24 * 3600 * NS_PER_S
"""A failure that has gone on for longer counts anew."""
STARTUP_S = 300
"""Scrap so soon behind a setup counts as the start's."""


def record_of(  # noqa: PLR0913  what an asset's record is made of
    telling: Telling,
    kept: Mapping[Wanted, Kept],
    site: Site,
    start_ns: int,
    end_ns: int,
    *,
    ideal_ns: int | None = None,
    presence: Iterable[Observation] = (),
    reasons: Iterable[StopReason] = (),
) -> AssetRecord:
    """The record of one asset over [start, end); ``kept`` begins with the last frame before ``start_ns``.

    ``presence`` says when an asset was lost and heard again whose frames come on change only.
    """
    counted = telling.good or telling.scrap
    return AssetRecord(
        _slices(telling, kept, site, start_ns, end_ns, presence, reasons),
        good=_rises(kept, telling.good),
        scrap=_rises(kept, telling.scrap),
        energy=None if telling.energy is None else _rises(kept, telling.energy, telling.energy_scale),
        ideal_ns=ideal_ns,
        gap_ns=None if counted is None else counted[0].stale_ns,
        startup_ns=STARTUP_S * NS_PER_S,
    )


def scopes_told(site: Site, told: Mapping[str, Telling]) -> tuple[Scope, ...]:
    """The site, its lines and its assets, as far as they tell something."""
    mine = {asset: one for asset, one in told.items() if asset.startswith(site.id + "/")}
    counting = [asset for asset, one in mine.items() if one.state is not None and one.good is not None]
    metering = [asset for asset, one in mine.items() if one.energy is not None]
    stated = [asset for asset, one in mine.items() if one.state is not None]
    return scopes_of(site, counting, metering, stated)


def summed(scope: Scope, totals: Callable[[str], Totals]) -> tuple[Totals, Totals]:
    """What a scope did in all, and what left it; ``totals`` gives an asset's."""
    wanted = (*scope.assets, *scope.outlets, *scope.meters)
    each = {asset: totals(asset) for asset in dict.fromkeys(wanted)}
    # A meter that is no machine brings its energy, and no time.
    energy = [
        Totals(energy=each[asset].energy, metered=each[asset].metered)
        for asset in scope.meters
        if asset not in scope.assets
    ]
    total = combined([*(each[asset] for asset in scope.assets), *energy])
    return total, combined(each[asset] for asset in scope.outlets)


def _slices(  # noqa: PLR0913  what states depend on
    telling: Telling,
    kept: Mapping[Wanted, Kept],
    site: Site,
    start_ns: int,
    end_ns: int,
    presence: Iterable[Observation],
    reasons: Iterable[StopReason],
) -> tuple[Slice, ...]:
    if telling.state is None:
        return ()
    wanted, place = telling.state
    same = telling.mode is not None and telling.mode[0] == wanted
    observed = kept[wanted].observations(wanted.stale_ns, place, telling.mode[1] if same and telling.mode else None)
    if telling.mode is not None and not same:
        observed += kept[telling.mode[0]].observations(None, None, telling.mode[1])
    observed += presence
    # From the frame before on, so that a failure that goes on is counted where it began.
    first_ns = max(start_ns - LOOK_BACK_NS, min([start_ns, *(one.t_ns for one in observed)]))
    intervals = state_intervals(observed, first_ns, end_ns, None)
    spans = planned(calendar_of(site), first_ns, end_ns)
    said = [one for one in reasons if one.start_ns < end_ns and one.end_ns > first_ns]
    return slices_of(intervals, spans, None, said)


def _rises(kept: Mapping[Wanted, Kept], place: Place | None, scale: int = 1) -> Rises:
    return NOTHING if place is None else kept[place[0]].rises(place[1], scale)
