"""What a what-if reads of the store: the records before its moment, and what really happened after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.figures.figures import presence_of
from twin.bottleneck import Level
from twin.clock import NS_PER_S
from twin.cycles import finished
from twin.kpi import joined, kpis
from twin.kpi.tellings import Wanted, ideal_ns
from twin.sample import Role
from twin.states import stale_after_ns, state_intervals
from twin.whatif.record import BufferRecord, StationRecord, jobs_of
from twin.whatif.replicate import FIGURES, GRID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from connectors.figures import Asked, Figures
    from connectors.figures.reading import Reading
    from twin.kpi import Kept, Scope
    from twin.kpi.tellings import Telling
    from twin.sample import Stream
    from twin.site import Asset, Site
    from twin.states import StateInterval

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Source:
    """Where records are read: figures of the hub, one look at the store, and what was read already."""

    figures: Figures
    asked: Asked
    site: Site
    reading: Reading

    def kept(self, wanted: Wanted, start_ns: int, end_ns: int) -> Kept:
        """What a stream told in [start, end), with the frame before."""
        history = self.asked.history
        latest = self.asked.before(start_ns, (wanted.stream,))
        before = self.reading.before(history, (wanted,), start_ns, latest)[wanted]
        count = self.asked.counts.get(wanted.stream)
        return joined([before, self.reading.kept(history, wanted, count, start_ns, end_ns)], wanted.stale_ns)

    def intervals(self, asset: str, start_ns: int, end_ns: int) -> tuple[StateInterval, ...]:
        """The states of an asset over a time; () where it tells none."""
        telling: Telling | None = self.asked.told.get(asset)
        if telling is None or telling.state is None:
            return ()
        wanted, place = telling.state
        observed = self.kept(wanted, start_ns, end_ns).observations(wanted.stale_ns, place, None)
        if wanted.stale_ns is None:
            observed += presence_of(self.asked.history, asset, start_ns, end_ns)
        return state_intervals(observed, start_ns, end_ns, None)


def station_record(source: Source, asset: Asset, start_ns: int, end_ns: int) -> StationRecord | None:
    """What is known of a station before ``end_ns``; None where it tells no state."""
    found = _stream_with(source, asset.id, (Role.STATE,))
    if found is None:
        return None
    stream, at = found
    stale_ns = stale_after_ns(stream)
    counted = tuple(role for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT, Role.CYCLE_TIME) if role in at)
    kept = source.kept(
        Wanted(stream.id, tuple(at[role] for role in counted), (at[Role.STATE],), stale_ns), start_ns, end_ns
    )
    observed = kept.observations(stale_ns, 0, None)
    if stale_ns is None:
        observed += presence_of(source.asked.history, asset.id, start_ns, end_ns)
    intervals = state_intervals(observed, start_ns, end_ns, None)
    nominal, ideal = asset.attributes.get("cycle_s"), ideal_ns(asset)
    cycles, good, scrap, part_ns = _parts(kept, counted, start_ns, end_ns)
    return StationRecord(
        asset.id, asset.type, intervals, cycles, good, scrap, part_ns,
        None if ideal is None else ideal / NS_PER_S,
        float(nominal) if isinstance(nominal, int | float) and nominal > 0 else None,
    )  # fmt: skip


def _parts(kept: Kept, counted: tuple[Role, ...], start_ns: int, end_ns: int) -> tuple[Floats, int, int, int]:
    """Finished cycles in seconds, good parts, scrap, and when the last part was finished."""
    places = {role: place for place, role in enumerate(counted)}
    parts = [role for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT) if role in places]
    inside = {role: kept.rises(places[role]).within(start_ns, end_ns) for role in parts}
    last_ns = max([start_ns, *(int(one.t_ns[-1]) for one in inside.values() if len(one.t_ns))])
    cycles = np.zeros(0)
    if Role.CYCLE_TIME in places:
        made = np.sum([kept.counts[:, places[role]] for role in parts], axis=0) if parts else None
        _, cycles = finished(kept.t_ns, kept.counts[:, places[Role.CYCLE_TIME]], made)
    good, scrap = (inside[role].total if role in inside else 0 for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT))
    return cycles, good, scrap, last_ns


def buffer_record(source: Source, asset: Asset, start_ns: int, end_ns: int) -> BufferRecord | None:
    """How full a buffer was; None where it tells no level."""
    found = _stream_with(source, asset.id, (Role.LEVEL,))
    if found is None:
        return None
    stream, at = found
    columns = tuple(at[role] for role in (Role.LEVEL, Role.CAPACITY) if role in at)
    kept = source.kept(Wanted(stream.id, columns, (), stale_after_ns(stream)), start_ns, end_ns)
    there = ~np.isnan(kept.counts[:, 0])
    t_ns, level = kept.t_ns[there], kept.counts[there, 0]
    if not len(t_ns):
        return None
    told = kept.counts[there, 1] if Role.CAPACITY in at else np.full(len(t_ns), np.nan)
    known = told[~np.isnan(told)]
    given = asset.attributes.get("capacity")
    capacity = float(known[-1]) if len(known) else float(given) if isinstance(given, int | float) else np.inf
    return BufferRecord(
        asset.id, Level(t_ns, level, level, capacity), round(float(level[-1])),
        round(capacity) if np.isfinite(capacity) else None,
    )  # fmt: skip


def robot_jobs(source: Source, start_ns: int, end_ns: int) -> dict[str, tuple[list[float], list[float], list[int]]]:
    """The jobs of each mobile robot: their seconds, the idle seconds, and when each job ended."""
    robots = [asset.id for asset in source.site.assets if asset.type == "mobile_robot"]
    return {robot: jobs_of(found) for robot in robots if (found := source.intervals(robot, start_ns, end_ns))}


def actual_of(  # noqa: PLR0913  what is asked
    source: Source, scopes: Iterable[Scope], whole: Scope, buffers: Iterable[Asset], start_ns: int, end_ns: int
) -> dict[str, dict[str, Any]]:
    """What really happened in [start, end): each scope's figures, and parts made by each moment of the grid."""
    levels = {
        one.id: record.mean(start_ns, end_ns)
        for one in buffers
        if (record := buffer_record(source, one, start_ns, end_ns)) is not None
    }
    found: dict[str, dict[str, Any]] = {}
    for scope in scopes:
        one = source.figures.sum(source.asked, source.site, scope, start_ns, end_ns)
        told = kpis(one.total, outlet=one.outlet, outlets=max(1, len(scope.outlets)))
        values = {kpi.name: kpi.value for kpi in told if kpi.name in FIGURES}
        mine = [level for buffer, level in levels.items() if scope is whole or buffer.startswith(scope.id + "/")]
        if all(level is not None for level in mine):
            values["wip"] = sum(level for level in mine if level is not None)
        values["good"] = float(one.outlet.good + one.outlet.unplanned_parts)
        if scope is whole:
            jobs = robot_jobs(source, start_ns, end_ns)
            ended = sum(len([t for t in ends if start_ns < t <= end_ns]) for _, _, ends in jobs.values())
            if jobs:
                values["transports"] = ended / (end_ns - start_ns) * 3600 * NS_PER_S
        found[scope.id] = {
            "figures": values,
            "coverage": one.total.coverage,
            "made": _made(source, scope, start_ns, end_ns),
        }
    return found


def _made(source: Source, scope: Scope, start_ns: int, end_ns: int) -> list[float]:
    grid = start_ns + np.arange(GRID + 1) * ((end_ns - start_ns) // GRID)
    made = np.zeros(GRID + 1)
    for asset in scope.outlets:
        rises = source.figures.record(source.asked, source.site, asset, start_ns, end_ns).good.within(start_ns, end_ns)
        if len(rises.t_ns):
            total = np.concatenate([[0], np.cumsum(rises.amount)])
            made += total[np.searchsorted(rises.t_ns, grid, side="right")]
    return [float(value) for value in made]


def _stream_with(source: Source, asset: str, roles: tuple[Role, ...]) -> tuple[Stream, dict[Role, int]] | None:
    """The stream of an asset that has these roles, and the columns of all its roles."""
    for stream in sorted(source.asked.history.streams().values(), key=lambda one: one.id):
        if stream.asset == asset:
            signals = (*enumerate(stream.columns), *enumerate(stream.text_columns))
            at: dict[Role, int] = {one.role: place for place, one in signals if one.role is not Role.NONE}
            if all(role in at for role in roles):
                return stream, at
    return None
