"""Key performance indicators by ISO 22400-2. Pure.

Read it as a figure comes about: ``times`` says what each moment counts as, ``counts`` what was counted,
``totals`` lays one to the other and adds up, ``measures`` divides.

How `History` answers ``twin kpi`` for [start, end): of each asset the rows of its state stream from the last
one before ``start`` on give `twin.states.state_intervals`; with ``twin.shifts.planned`` of the site's calendar
and the stored stop reasons, `slices_of` cuts them. The rows of its counters (roles good_count, scrap_count,
energy) from the last one before ``start`` on give `rises_of`; both make an `AssetRecord`, with the cycle time
that the factory file gives as PRI and the stream's stale time as ``gap_ns``. Then `totals_of` each shift,
`combined` for lines and sites, and `kpis`. Nothing is kept: late rows and new stop reasons count at once.
"""

from twin.kpi.counts import ENERGY_SCALE, NOTHING, Rises, rises_of
from twin.kpi.measures import Kpi, Losses, kpis, losses
from twin.kpi.times import Bucket, Slice, StopReason, TimeRules, by_reason, slices_of, within
from twin.kpi.totals import ZERO, AssetRecord, Totals, combined, series, totals_of

__all__ = [
    "ENERGY_SCALE", "NOTHING", "ZERO", "AssetRecord", "Bucket", "Kpi", "Losses", "Rises", "Slice", "StopReason",
    "TimeRules", "Totals", "by_reason", "combined", "kpis", "losses", "rises_of", "series", "slices_of", "totals_of",
    "within",
]  # fmt: skip
