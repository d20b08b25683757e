"""A model from what was recorded: laws for each station, how everything stands, and how good the laws are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from twin.errors import ScenarioError
from twin.packml import UnitState
from twin.states import Known
from twin.whatif.fit import LEAST, Fit, fitted, rare
from twin.whatif.law import constant, measured
from twin.whatif.model import Doing, Fleet, Line, Room, Start, Station, Stop
from twin.whatif.record import ABORTED, KINDS, in_cycle_s, pauses_of, stops_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from twin.bottleneck import Level
    from twin.flow import Flow
    from twin.kpi import Scope
    from twin.whatif.record import BufferRecord, StationRecord, Stops

    Floats = NDArray[np.float64]

ASSUMED_REPAIR_S = 300.0
_FEW = 3


@dataclass(frozen=True, slots=True)
class FitRow:
    """One law of one station: ``what`` is cycle, between_aborted, aborted, between_held, held, pause, job, idle."""

    asset: str
    what: str
    fit: Fit


@dataclass(slots=True)
class Calibrating:
    """Laws of a site's stations. Mutable: it keeps every law that is fitted.

    ``stops`` are of every station by kind, so that those of a kind of station may stand in for each other.
    """

    records: Mapping[str, StationRecord]
    buffers: Mapping[str, BufferRecord]
    stops: dict[str, dict[str, Stops]] = field(default_factory=dict)
    rows: list[FitRow] = field(default_factory=list)
    _pooled: dict[tuple[str, str], tuple[Fit, Fit] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stops = {asset: stops_of(record) for asset, record in self.records.items()}

    def line(self, scope: Scope, flow: Flow, capacities: Mapping[str, int], served: Mapping[str, str]) -> Line:
        """A line with its laws, as it stands.

        ``capacities`` are those that the factory file gives, ``served`` names the arm that loads a station.
        """
        arms = list(dict.fromkeys(asset for step in flow.steps for asset in step.tenders))
        steps = tuple(
            tuple(
                self._station(asset, flow, arms.index(served[asset]) if served.get(asset) in arms else None)
                for asset in step.stations
            )
            for step in flow.steps
        )
        rooms = tuple(self._room(step.buffers, capacities) for step in flow.steps[:-1])
        return Line(scope, steps, rooms, tuple(self._station(asset, flow, None, tends=True) for asset in arms))

    def fleet(self, robots: Mapping[str, tuple[list[float], list[float]]]) -> Fleet | None:
        """Mobile robots by their jobs and idle times, all of one law; None where too few jobs were seen."""
        jobs = np.array([job for one, _ in robots.values() for job in one])
        idles = np.array([idle for _, one in robots.values() for idle in one])
        job, idle = fitted(jobs), fitted(idles)
        if job is None or idle is None:
            return None
        self.rows += [FitRow("amr", "job", job), FitRow("amr", "idle", idle)]
        return Fleet(len(robots), job.law, idle.law)

    def _station(self, asset: str, flow: Flow, arm: int | None, *, tends: bool = False) -> Station:
        record = self.records.get(asset)
        if record is None:
            raise ScenarioError(f"{asset}: nothing is recorded of its states, so it cannot be run")
        cycle = self._cycle(record)
        self.rows.append(FitRow(asset, "cycle", cycle))
        stops = tuple(self._stop(record, kind, *laws) for kind in KINDS if (laws := self._laws(record, kind)))
        made = record.good + record.scrap
        before, behind = (self._levels(names) for names in flow.around(asset))
        # What a machine or its arm waits for is the other one: the model has that already.
        pauses = [] if arm is not None or tends else pauses_of(record, before, behind)
        station = Station(
            asset, cycle.law, record.scrap / made if made else 0.0, stops, ideal_s=record.ideal_s, tender=arm,
            start=self._start(record, behind),
        )  # fmt: skip
        if not pauses or not made:
            return station
        pause = fitted(np.array(pauses)) or Fit(measured(np.array(pauses)), len(pauses), "measured", why="few")
        self.rows.append(FitRow(asset, "pause", pause))
        ratio = min(0.5, len(pauses) / made)
        return replace(station, pauses_ratio=ratio, pause=pause.law)

    def _cycle(self, record: StationRecord) -> Fit:
        found = fitted(record.cycles_s)
        if found is not None:
            return found
        if record.nominal_s:
            return Fit(
                constant(record.nominal_s), len(record.cycles_s), "constant", "", {"value_s": record.nominal_s},
                why="the cycle_s of the factory file",
            )  # fmt: skip
        if len(record.cycles_s) >= _FEW:
            return Fit(measured(record.cycles_s), len(record.cycles_s), "measured", why="few")
        raise ScenarioError(
            f"{record.id}: {len(record.cycles_s)} finished cycles are recorded, {LEAST} are needed, and the"
            " factory file gives no cycle_s"
        )

    def _laws(self, record: StationRecord, kind: str) -> tuple[Fit, Fit] | None:
        """How often and how long: the station's own, else those of its like, else that it is rare; None for never."""
        own = self.stops[record.id][kind]
        between, lasts = fitted(np.array(own.between_s), np.array([own.since_s])), fitted(np.array(own.lasts_s))
        if between is not None and lasts is not None:
            return between, lasts
        return self._of_its_like(record.type, kind)

    def _of_its_like(self, kind_of_asset: str, kind: str) -> tuple[Fit, Fit] | None:
        key = (kind_of_asset, kind)
        if key not in self._pooled:
            like = [one for one in self.records.values() if one.type == kind_of_asset]
            stops = [self.stops[one.id][kind] for one in like]
            between_s = np.array([value for one in stops for value in one.between_s])
            lasts_s = np.array([value for one in stops for value in one.lasts_s])
            still_s = np.array([one.since_s for one in stops])
            self._pooled[key] = _pooled(between_s, still_s, lasts_s, sum(one.worked_s for one in like), kind_of_asset)
        return self._pooled[key]

    def _stop(self, record: StationRecord, kind: str, between: Fit, lasts: Fit) -> Stop:
        self.rows += [FitRow(record.id, f"between_{kind}", between), FitRow(record.id, kind, lasts)]
        return Stop(kind, between.law, lasts.law, is_failure=kind == ABORTED)

    def _start(self, record: StationRecord, behind: Sequence[Level]) -> Start:
        stops = self.stops[record.id]
        with_laws = [kind for kind in KINDS if self._laws(record, kind)]
        since = tuple(stops[kind].since_s for kind in with_laws)
        last = record.intervals[-1] if record.intervals else None
        if last is None or last.known is not Known.KNOWN:
            return Start(since_s=since)
        for kind in with_laws:
            open_s = stops[kind].open_s
            if open_s is not None:
                return Start(Doing.STOPPED, in_cycle_s(record), kind, open_s, since)
        if last.state is UnitState.EXECUTE:
            return Start(Doing.WORKING, in_cycle_s(record), since_s=since)
        full = bool(behind) and all(one.was((record.end_ns - 1, record.end_ns))[0] for one in behind)
        waits = last.state in (UnitState.SUSPENDED, UnitState.SUSPENDING)
        return Start(Doing.BLOCKED if waits and full else Doing.WAITING, since_s=since)

    def _room(self, buffers: tuple[str, ...], capacities: Mapping[str, int]) -> Room:
        if not buffers:
            return Room((), 1, 0)
        known = [self.buffers[one] for one in buffers if one in self.buffers]
        level = sum(one.level for one in known)
        each = {one.id: one.capacity for one in known}
        capacity = sum(each.get(name) or capacities.get(name, 1) for name in buffers)
        return Room(buffers, max(capacity, level, 1), level)

    def _levels(self, names: Sequence[str]) -> list[Level]:
        return [self.buffers[name].levels for name in names if name in self.buffers]


def _pooled(between_s: Floats, still_s: Floats, lasts_s: Floats, worked_s: float, of: str) -> tuple[Fit, Fit] | None:
    """The laws of all stations of a type together; None where none of them ever stopped like that."""
    if not len(between_s) and not len(lasts_s):
        return None
    why = f"too few of its own: all of type {of}"
    between, lasts = fitted(between_s, still_s), fitted(lasts_s)
    if between is None:
        between = rare(worked_s, len(between_s), f"only {len(between_s)} at all of type {of}")
    if lasts is None:
        lasts = (
            Fit(measured(lasts_s), len(lasts_s), "measured", why=f"only {len(lasts_s)} at all of type {of}")
            if len(lasts_s) >= _FEW
            else rare(ASSUMED_REPAIR_S * (len(lasts_s) + 0.5), len(lasts_s), "assumed: 300 s on average")
        )
    return _because(between, why), _because(lasts, why)


def _because(fit: Fit, why: str) -> Fit:
    return replace(fit, why=fit.why or why)
