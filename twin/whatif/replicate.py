"""One replication of a whole site: its figures by ISO 22400-2, of baseline and variant under the same luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.kpi import ENERGY_SCALE, Totals, kpis, summed
from twin.simulation.sensors import random_of
from twin.whatif.run import LineRun, cycles_at_most, run_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from twin.kpi import Scope
    from twin.whatif.model import Energy, Fleet, Line, Model, Station
    from twin.whatif.run import Did

FIGURES = (
    "good", "throughput", "oee", "availability", "effectiveness", "quality_ratio", "cycle_time", "wip",
    "energy_per_part", "transports",
)  # fmt: skip
"""What a what-if tells of each scope; ``good`` parts and ``transports`` are counted, ``wip`` is parts in buffers."""
UNITS = {
    "good": "{part}", "throughput": "/h", "cycle_time": "s", "wip": "{part}", "energy_per_part": "kW.h",
    "transports": "/h",
}  # fmt: skip
LOWER_IS_BETTER = frozenset({"cycle_time", "wip", "energy_per_part"})
GRID = 48
"""At so many moments of the horizon the parts made so far are told."""
_JOULE_PER_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Replication:
    """By scope: figures by name (None where not defined), and parts made by each of `GRID` + 1 moments: float64."""

    figures: dict[str, dict[str, float | None]]
    made: dict[str, NDArray[np.float64]]


def seed_of(seed: int, number: int) -> int:
    """The seed of one replication; baseline and variant share it (common random numbers)."""
    return int(random_of(seed, "replication", str(number)).integers(1 << 62))


def replicate(models: Iterable[Model], seed: int, number: int) -> list[Replication]:
    """Run baseline and variants once, under the same luck. The first one is the baseline."""
    listed = list(models)
    counts = {
        station.id: cycles_at_most(station, listed[0].horizon_s)
        for line in listed[0].lines
        for station in line.stations
    }
    own = seed_of(seed, number)
    return [_run(model, own, counts) for model in listed]


def _run(model: Model, seed: int, counts: dict[str, int]) -> Replication:
    runs = {line.scope.id: run_line(line, model, seed, counts) for line in model.lines}
    trips = None if model.fleet is None else _trips(model.fleet, model.horizon_s, seed)
    planned_s = sum(end - begin for begin, end in model.works_s)
    did = {asset: one for run in runs.values() for asset, one in run.did.items()}
    ideals = {one.id: one.ideal_s for line in model.lines for one in line.stations}
    figures: dict[str, dict[str, float | None]] = {}
    made: dict[str, NDArray[np.float64]] = {}
    grid = np.linspace(0.0, model.horizon_s, GRID + 1)
    for scope in (model.whole, *(line.scope for line in model.lines)):
        own = [runs[scope.id]] if scope.id in runs else list(runs.values())
        energy = model.energy.get(scope.id)
        found = _figures(scope, did, ideals, planned_s, energy, model.horizon_s)
        found["wip"] = sum(run.wip for run in own)
        found["good"] = float(sum(did[asset].good for asset in scope.outlets if asset in did))
        if scope is model.whole and trips is not None:
            found["transports"] = trips / model.horizon_s * 3600.0
        figures[scope.id] = found
        made[scope.id] = _made(scope, own, grid)
    return Replication(figures, made)


def _figures(  # noqa: PLR0913  what figures are of
    scope: Scope,
    did: Mapping[str, Did],
    ideals: Mapping[str, float | None],
    planned_s: float,
    energy: Energy | None,
    horizon_s: float,
) -> dict[str, float | None]:
    """The figures of a scope, by the same formulas as those of what really happened."""

    def totals(asset: str) -> Totals:
        return totals_of(did[asset], ideals[asset], planned_s) if asset in did else Totals()

    total, outlet = summed(scope, totals)
    if energy is not None:
        work_s = sum(did[asset].production_s for asset in scope.assets if asset in did)
        joule = energy.base_w * horizon_s + energy.work_w * work_s
        total += Totals(energy=round(joule / _JOULE_PER_KWH * ENERGY_SCALE), metered=1)
    found = kpis(total, outlet=outlet, outlets=max(1, len(scope.outlets)))
    return {one.name: one.value for one in found if one.name in FIGURES}


def totals_of(did: Did, ideal_s: float | None, planned_s: float) -> Totals:
    """What a station did as the sums that KPIs are made of; what is left of the planned time it waited."""
    production_s = min(did.production_s, planned_s)
    down_s = min(did.down_s, planned_s - production_s)
    ideal_ns = round((ideal_s or 0.0) * NS_PER_S)
    return Totals(
        production_ns=round(production_s * NS_PER_S),
        delay_ns=round((planned_s - production_s - down_s) * NS_PER_S),
        down_ns=round(down_s * NS_PER_S),
        repair_ns=round(did.repair_s * NS_PER_S),
        failures=did.failures,
        good=did.good,
        scrap=did.scrap,
        ideal_good_ns=did.good * ideal_ns,
        ideal_scrap_ns=did.scrap * ideal_ns,
        without_ideal=int(ideal_s is None),
    )


def _made(scope: Scope, runs: Iterable[LineRun], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Parts that left the scope by each moment of the grid."""
    times = [t for run in runs for asset in scope.outlets for t in run.left_s.get(asset, ())]
    return np.searchsorted(np.sort(np.array(times)), grid, side="right").astype(np.float64)


def _trips(fleet: Fleet, horizon_s: float, seed: int) -> int:
    """How many jobs the mobile robots end, each by itself and with luck of its own."""
    ended = 0
    job, idle = fleet.job.guessed(seed), fleet.idle.guessed(seed)
    need = int(horizon_s / max(fleet.job.mean_s + fleet.idle.mean_s, 1.0) * 3) + 16
    for number in range(fleet.count):
        shares = random_of(seed, "mobile_robot", str(number)).random((2, need))
        rounds = np.cumsum(job.draw(shares[0]) + idle.draw(shares[1]))
        ended += int(np.searchsorted(rounds - rounds[0] * shares[0, 0], horizon_s))
    return ended


def station_of(model: Model, asset: str) -> tuple[Line, Station] | None:
    """The station of that id, and its line."""
    return next(((line, one) for line in model.lines for one in line.stations if one.id == asset), None)
