"""A calibrated model of a site at a moment, from what its store holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.figures import Figures
from connectors.figures.reading import Reading
from connectors.whatif.reading import Source, actual_of, buffer_record, robot_jobs, station_record
from twin.clock import NS_PER_S, iso_from_ns
from twin.errors import ScenarioError
from twin.flow import flow_of
from twin.kpi import ENERGY_SCALE, Of
from twin.shifts import calendar_of, planned
from twin.whatif.calibrate import Calibrating
from twin.whatif.change import works_of
from twin.whatif.model import Energy, Model
from twin.whatif.record import worked_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from twin.kpi import Scope
    from twin.ports import History
    from twin.site import Hub, Site
    from twin.whatif.calibrate import FitRow
    from twin.whatif.record import StationRecord

HISTORY_S = 24 * 3600.0
LEAST_S = 1800.0
_ENERGY_PART_S = 900.0
_LEAST_PARTS = 6
_JOULE_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Built:
    """A model, the laws in it, and from which time they are."""

    model: Model
    rows: tuple[FitRow, ...]
    from_ns: int
    source: Source
    scopes: tuple[Scope, ...]

    def actual(self) -> dict[str, dict[str, Any]] | None:
        """What really happened over the horizon; None where it is not all recorded."""
        end_ns = self.model.start_ns + round(self.model.horizon_s * NS_PER_S)
        newest_ns = max((one.last_ns for one in self.source.asked.counts.values()), default=0)
        if newest_ns < end_ns - NS_PER_S:
            return None
        buffers = [asset for asset in self.source.site.assets if asset.type == "buffer"]
        return actual_of(self.source, self.scopes, self.model.whole, buffers, self.model.start_ns, end_ns)


class Builder:
    """Makes models of one site from one store. Mutable: it keeps what it read, for the next moment."""

    def __init__(self, history: History, hub: Hub, site: Site) -> None:
        newest_ns = max((one.last_ns for one in history.by_stream().values()), default=0)
        self.site = site
        self.newest_ns = newest_ns
        figures = Figures(hub)
        self._source = Source(figures, figures.look(history, newest_ns + 1), site, Reading())

    @property
    def first_ns(self) -> int:
        """When the site's first frame was measured."""
        mine = [
            one.first_ns for stream, one in self._source.asked.counts.items() if stream.startswith(self.site.id + "/")
        ]
        return min(mine, default=0)

    def build(self, at_ns: int, horizon_s: float, history_s: float = HISTORY_S) -> Built:
        """The model at a moment, with laws from the time before it; raises ScenarioError of too little recorded."""
        source, site = self._source, self.site
        from_ns = max(at_ns - round(history_s * NS_PER_S), self.first_ns)
        if at_ns - from_ns < LEAST_S * NS_PER_S or at_ns > self.newest_ns + NS_PER_S:
            raise ScenarioError(
                f"{site.id}: recorded from {iso_from_ns(self.first_ns, 0)} to {iso_from_ns(self.newest_ns, 0)};"
                f" a what-if needs {LEAST_S / 60:g} min of that before its moment, which is {iso_from_ns(at_ns, 0)}"
            )
        scopes = source.figures.scopes(source.asked, site)
        whole = next(one for one in scopes if one.of is Of.SITE)
        flows = {one.id: flow_of(one.id, site.assets) for one in scopes if one.of is Of.LINE}
        flows = {line: flow for line, flow in flows.items() if flow.steps}
        if not flows:
            raise ScenarioError(f"{site.id}: no line of stations counts parts, so there is nothing to run")
        by_id = {asset.id: asset for asset in site.assets}
        wanted = {asset for flow in flows.values() for asset in flow.stations}
        records = {
            asset: found
            for asset in sorted(wanted)
            if (found := station_record(source, by_id[asset], from_ns, at_ns)) is not None
        }
        buffers = {
            asset: room
            for flow in flows.values()
            for asset in flow.buffers
            if (room := buffer_record(source, by_id[asset], from_ns, at_ns)) is not None
        }
        making = Calibrating(records, buffers)
        served = {
            asset.id: f"{asset.id.rpartition('/')[0]}/{asset.attributes['tended_by']}"
            for asset in site.assets
            if "tended_by" in asset.attributes
        }
        capacities = {
            asset.id: int(value)
            for asset in site.assets
            if asset.type == "buffer" and isinstance(value := asset.attributes.get("capacity"), int | float)
        }
        lines = tuple(making.line(one, flows[one.id], capacities, served) for one in scopes if one.id in flows)
        fleet = making.fleet({robot: one[:2] for robot, one in robot_jobs(source, from_ns, at_ns).items()})
        own = (whole, *(line.scope for line in lines))
        end_ns = at_ns + round(horizon_s * NS_PER_S)
        works = works_of(planned(calendar_of(site), at_ns, end_ns), at_ns)
        energy = {one.id: drawn for one in own if (drawn := self._energy(one, records, from_ns, at_ns)) is not None}
        model = Model(site.id, at_ns, horizon_s, works, lines, whole, fleet, energy)
        return Built(model, tuple(making.rows), from_ns, source, own)

    def _energy(self, scope: Scope, records: Mapping[str, StationRecord], from_ns: int, to_ns: int) -> Energy | None:
        """What a scope draws at rest and at work, by least squares over quarters of an hour; None unless metered."""
        part_ns = round(_ENERGY_PART_S * NS_PER_S)
        edges = np.arange(from_ns, to_ns + 1, part_ns)
        joule = np.zeros(len(edges) - 1)
        for meter in scope.meters:
            telling = self._source.asked.told.get(meter)
            if telling is None or telling.energy is None:
                return None
            wanted, place = telling.energy
            rises = self._source.kept(wanted, from_ns, to_ns).rises(place, telling.energy_scale)
            joule += np.histogram(rises.t_ns, edges, weights=rises.amount)[0] / ENERGY_SCALE * _JOULE_PER_KWH
        work_s = np.zeros(len(joule))
        for asset in scope.assets:
            if asset in records:
                work_s += worked_in(records[asset], edges)
        known = joule > 0
        if known.sum() < _LEAST_PARTS:
            return None
        table = np.column_stack([np.full(known.sum(), _ENERGY_PART_S), work_s[known]])
        found, *_ = np.linalg.lstsq(table, joule[known], rcond=None)
        base_w, work_w = (max(0.0, float(value)) for value in found)
        left, spread = joule[known] - table @ np.array([base_w, work_w]), float(joule[known].var())
        return Energy(base_w, work_w, 1.0 - float(left.var()) / spread if spread else 0.0)
