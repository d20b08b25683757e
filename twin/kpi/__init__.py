"""Key performance indicators by ISO 22400-2. Pure.

Read it as a figure comes about: ``times`` says what each moment counts as, ``counts`` what was counted,
``totals`` lays one to the other and adds up, ``measures`` divides. ``kept`` is what is read of an asset's
frames, ``scopes`` which assets a figure is of, ``reasons`` what operators may say of a stop.

How `History` answers ``twin kpi`` for [start, end) (`connectors.figures`): of each asset the rows of its state
stream from the last one before ``start`` on give `twin.states.state_intervals`; with ``twin.shifts.planned`` of
the site's calendar and the stop reasons of the desk, `slices_of` cuts them. The rows of its counters (roles
good_count, scrap_count, energy) from the last one before ``start`` on give `rises_of`; both make an `AssetRecord`,
with the cycle time that the factory file gives as PRI and the stream's stale time as ``gap_ns``. Then
`totals_of` each shift, `combined` for lines and sites, and `kpis`. Late rows and new stop reasons count at once.
"""

from twin.kpi.counts import ENERGY_SCALE, NOTHING, Rises, rises_of
from twin.kpi.kept import Kept, joined, kept_of, thinned
from twin.kpi.measures import Kpi, Losses, kpis, losses
from twin.kpi.reasons import CATALOGUE, Loss, StopCause, catalogue
from twin.kpi.recorded import record_of, scopes_told, summed
from twin.kpi.scopes import Of, Scope, scopes_of
from twin.kpi.times import Bucket, Slice, StopReason, TimeRules, by_reason, slices_of, within
from twin.kpi.totals import ZERO, AssetRecord, Totals, combined, series, totals_of

__all__ = [
    "CATALOGUE", "ENERGY_SCALE", "NOTHING", "ZERO", "AssetRecord", "Bucket", "Kept", "Kpi", "Loss", "Losses", "Of",
    "Rises", "Scope", "Slice", "StopCause", "StopReason", "TimeRules", "Totals", "by_reason", "catalogue", "combined",
    "joined", "kept_of", "kpis", "losses", "record_of", "rises_of", "scopes_of", "scopes_told", "series",
    "slices_of", "summed", "thinned", "totals_of", "within",
]  # fmt: skip
