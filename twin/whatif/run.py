"""One replication of a line as a list of events: cycles, buffers, starving and blocking, stops, breaks.

It knows of what `twin.simulation.line` does (SimPy, as the truth of simulated plants) what the figures need, and
nothing of what arms and machines look like meanwhile; a test shows that both make as many parts. Time is float
seconds from the start. Every station draws from shares of its own, so a variant meets the same luck as the baseline.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.simulation.sensors import random_of
from twin.whatif.model import Doing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from twin.whatif.model import Line, Model, Room, Station

_SELDOM = 96
"""Of stops and pauses so many draws are made; a replication with more begins again with the first."""
_DONE, _WAKE, _SERVED = 0, 1, 2


@dataclass(slots=True)
class Did:
    """What a station did up to the horizon: seconds and counts."""

    production_s: float = 0.0
    down_s: float = 0.0
    repair_s: float = 0.0
    failures: int = 0
    good: int = 0
    scrap: int = 0


@dataclass(frozen=True, slots=True)
class LineRun:
    """One replication: what each station did by its id, ``wip`` the mean of parts in buffers, when parts left whom."""

    did: dict[str, Did]
    wip: float
    left_s: dict[str, list[float]] = field(default_factory=dict)


def cycles_at_most(station: Station, horizon_s: float) -> int:
    """How many cycles are drawn; the same for a baseline and its variants."""
    return int(horizon_s / max(0.4 * station.cycle.mean_s, 1.0)) + 16


def run_line(line: Line, model: Model, seed: int, counts: dict[str, int]) -> LineRun:
    """Run a line once; ``counts`` are `cycles_at_most` of the baseline's stations."""
    return _Run(line, model, seed, counts).run()


class _Unit:
    """A station as it runs. Mutable."""

    __slots__ = (
        "at",
        "between",
        "cycles",
        "did",
        "downs",
        "first",
        "horizon_s",
        "lasts",
        "pause",
        "pauses",
        "place",
        "scraps",
        "seldom",
        "station",
        "step",
        "tender",
        "until",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  what a station runs by
        self, station: Station, place: int, step: int, horizon_s: float, shares: NDArray[np.float64], seed: int
    ) -> None:
        n = (len(shares) - 4 - 2 * _SELDOM * (1 + len(station.stops))) // 2
        self.station = station
        self.place, self.step, self.horizon_s = place, step, horizon_s
        self.tender = station.tender
        self.did = Did()
        self.first = shares[:4]
        self.cycles: list[float] = station.cycle.draw(shares[4 : 4 + n]).tolist()
        self.scraps: list[bool] = (shares[4 + n : 4 + 2 * n] < station.scrap_ratio).tolist()
        rest = shares[4 + 2 * n :].reshape(-1, _SELDOM)
        # A cycle's luck is independent of its pause's: the scrap's shares, turned round, serve for both.
        ratio = station.pauses_ratio
        self.pauses: list[bool] = (shares[4 + n : 4 + 2 * n] > 1.0 - ratio).tolist() if ratio else []
        self.pause: list[float] = station.pause.guessed(seed).draw(rest[0]).tolist()
        stops = station.stops
        between = [stop.between.guessed(seed) for stop in stops]
        self.between = [law.draw(rest[2 + 2 * i]).tolist() for i, law in enumerate(between)]
        self.lasts = [stop.lasts.guessed(seed).draw(rest[3 + 2 * i]).tolist() for i, stop in enumerate(stops)]
        since = station.start.since_s
        self.until: list[float] = [
            float(law.left(rest[2 + 2 * i][:1], since[i])[0]) if since else self.between[i][0]
            for i, law in enumerate(between)
        ]
        self.at = 0
        self.seldom = 1
        self.downs = list(station.downs_s)

    def within(self, begin_s: float, end_s: float) -> float:
        """How much of a time lies before the horizon."""
        horizon_s = self.horizon_s
        if end_s <= horizon_s:
            return end_s - begin_s
        return max(0.0, horizon_s - begin_s)

    def spend(self, t: float, work_s: float) -> float:
        """Work from ``t`` on, through every stop; returns when that is done."""
        did, until = self.did, self.until
        begun_s, left_s = t, work_s
        while until and (soonest := min(until)) <= left_s:
            kind = until.index(soonest)
            did.production_s += self.within(t, t + soonest)
            t += soonest
            left_s -= soonest
            for place in range(len(until)):
                until[place] -= soonest
            t = self.stand(t, kind, self.lasts[kind][self.seldom % _SELDOM])
            until[kind] = self.between[kind][self.seldom % _SELDOM]
            self.seldom += 1
        for place in range(len(until)):
            until[place] -= left_s
        did.production_s += self.within(t, t + left_s)
        t += left_s
        for begin_s, end_s in self.downs:
            if begun_s < begin_s < t:
                t = self.be_down(begin_s, end_s) + t - begin_s
        return t

    def stand(self, t: float, kind: int, lasts_s: float, *, begins: bool = True) -> float:
        """Stand by an inside cause; returns when it is over."""
        did, lost_s = self.did, self.within(t, t + lasts_s)
        did.down_s += lost_s
        if self.station.stops[kind].is_failure:
            did.repair_s += lost_s
            did.failures += begins and t < self.horizon_s
        return t + lasts_s

    def be_down(self, begin_s: float, end_s: float) -> float:
        """Be down as asked for; returns when that is over."""
        lost_s = self.within(begin_s, end_s)
        self.did.down_s += lost_s
        self.did.repair_s += lost_s
        self.did.failures += begin_s < self.horizon_s
        return end_s


class _Run:
    """A line as it runs. Mutable."""

    def __init__(self, line: Line, model: Model, seed: int, counts: dict[str, int]) -> None:
        self.line = line
        self.horizon_s = model.horizon_s
        self.rests = model.rests_s
        self.heap: list[tuple[float, int, int, int]] = []
        self.order = 0
        self.rooms: list[Room] = list(line.rooms)
        self.level = [room.level for room in line.rooms]
        self.starved: list[deque[_Unit]] = [deque() for _ in line.steps]
        self.blocked: list[deque[_Unit]] = [deque() for _ in line.steps]
        self.buffered = sum(room.level for room in line.rooms if room.buffers)
        self.area, self.area_s = 0.0, 0.0
        self.outlets = set(line.scope.outlets)
        self.left: dict[str, list[float]] = {asset: [] for asset in line.scope.outlets}
        self.units: list[_Unit] = []
        for step, stations in enumerate(line.steps):
            for one in stations:
                self.units.append(self._unit(one, len(self.units), step, seed, counts))
        self.tenders = [self._unit(one, place, -1, seed, counts) for place, one in enumerate(line.tenders)]
        self.asking: list[deque[_Unit]] = [deque() for _ in self.tenders]
        self.serving: list[_Unit | None] = [None] * len(self.tenders)

    def _unit(self, station: Station, place: int, step: int, seed: int, counts: dict[str, int]) -> _Unit:
        need = 4 + 2 * counts[station.id] + 2 * _SELDOM * (1 + len(station.stops))
        return _Unit(station, place, step, self.horizon_s, random_of(seed, station.id).random(need), seed)

    def push(self, t: float, what: int, place: int) -> None:
        """Something is to happen."""
        self.order += 1
        heapq.heappush(self.heap, (t, self.order, what, place))

    def run(self) -> LineRun:
        """From the start to the horizon."""
        self._start()
        heap, horizon_s, units = self.heap, self.horizon_s, self.units
        while heap:
            t, _, what, place = heapq.heappop(heap)
            if t >= horizon_s:
                break
            if what == _DONE:
                self._done(units[place], t)
            elif what == _WAKE:
                self._begin(units[place], t)
            else:
                self._served(place, t)
        self._note(horizon_s, 0)
        did = {unit.station.id: unit.did for unit in (*units, *self.tenders)}
        return LineRun(did, self.area / horizon_s, self.left)

    def _start(self) -> None:
        """Put everything as it stands; what is nearer to the end of the line begins first."""
        for unit in reversed(self.units):
            start, station = unit.station.start, unit.station
            t = unit.be_down(0.0, unit.downs[0][1]) if unit.downs and unit.downs[0][0] <= 0 else 0.0
            if start.doing is Doing.BLOCKED and unit.step < len(self.rooms):
                self.blocked[unit.step].append(unit)
            elif start.doing in (Doing.WORKING, Doing.STOPPED):
                kinds = [stop.kind for stop in station.stops]
                if start.doing is Doing.STOPPED and start.stop in kinds:
                    kind = kinds.index(start.stop)
                    lasts_s = float(station.stops[kind].lasts.left(unit.first[:1], start.stopped_s)[0])
                    t = unit.stand(t, kind, lasts_s, begins=False)
                left_s = float(station.cycle.left(unit.first[1:2], start.worked_s)[0])
                self.push(unit.spend(t, left_s), _DONE, unit.place)
            else:
                self.push(t, _WAKE, unit.place)
        for step, waiting in enumerate(self.blocked):
            while waiting and self.level[step] < self.rooms[step].capacity:
                self._pass_on(waiting.popleft(), 0.0)

    def _begin(self, unit: _Unit, t: float) -> None:
        """Begin a cycle, or wait for what it needs."""
        for begin_s, end_s in self.rests:
            if begin_s <= t < end_s:
                if end_s < self.horizon_s:
                    self.push(end_s, _WAKE, unit.place)
                return
        for begin_s, end_s in unit.downs:
            if begin_s < t < end_s:
                unit.be_down(t, end_s)
                self.push(end_s, _WAKE, unit.place)
                return
        if unit.step:
            if not self.level[unit.step - 1]:
                self.starved[unit.step].append(unit)
                return
            self._take(unit.step - 1, t)
        if unit.tender is None:
            self._work(unit, t)
        elif self.serving[unit.tender] is None:
            self._serve(unit.tender, unit, t)
        else:
            self.asking[unit.tender].append(unit)

    def _work(self, unit: _Unit, t: float) -> None:
        cycle_s = unit.cycles[unit.at % len(unit.cycles)]
        until = unit.until
        if (until and min(until) <= cycle_s) or unit.downs or t + cycle_s > self.horizon_s:
            done_s = unit.spend(t, cycle_s)
        else:  # what most cycles are
            for place in range(len(until)):
                until[place] -= cycle_s
            unit.did.production_s += cycle_s
            done_s = t + cycle_s
        self.push(done_s, _DONE, unit.place)

    def _serve(self, tender: int, unit: _Unit, t: float) -> None:
        """An arm loads a station, in the order in which they asked."""
        arm = self.tenders[tender]
        self.serving[tender] = unit
        for begin_s, end_s in self.rests:
            if begin_s <= t < end_s:
                t = end_s
        for begin_s, end_s in arm.downs:
            if begin_s <= t < end_s:
                t = arm.be_down(t, end_s)
        cycle_s = arm.cycles[arm.at % len(arm.cycles)]
        arm.at += 1
        self.push(arm.spend(t, cycle_s), _SERVED, tender)

    def _served(self, tender: int, t: float) -> None:
        unit, self.serving[tender] = self.serving[tender], None
        self.tenders[tender].did.good += 1
        if unit is not None:
            self._work(unit, t)
        if self.asking[tender]:
            self._serve(tender, self.asking[tender].popleft(), t)

    def _done(self, unit: _Unit, t: float) -> None:
        """A cycle is over: judge the part and pass it on."""
        at = unit.at % len(unit.scraps)
        unit.at += 1
        if unit.scraps[at]:
            unit.did.scrap += 1
        else:
            unit.did.good += 1
            if unit.station.id in self.outlets:
                self.left[unit.station.id].append(t)
            if unit.step < len(self.rooms):
                if self.level[unit.step] >= self.rooms[unit.step].capacity:
                    self.blocked[unit.step].append(unit)
                    return
                self._put(unit.step, t)
        self._next(unit, t, at)

    def _next(self, unit: _Unit, t: float, at: int) -> None:
        if unit.pauses and unit.pauses[at]:
            t += unit.pause[unit.seldom % _SELDOM]
            unit.seldom += 1
            self.push(t, _WAKE, unit.place)
        else:
            self._begin(unit, t)

    def _pass_on(self, unit: _Unit, t: float) -> None:
        """There is room for what a blocked station holds."""
        self._put(unit.step, t)
        self._next(unit, t, (unit.at - 1) % len(unit.scraps))

    def _put(self, step: int, t: float) -> None:
        self._note(t, 1 if self.rooms[step].buffers else 0)
        self.level[step] += 1
        waiting = self.starved[step + 1]
        if waiting:
            self._begin(waiting.popleft(), t)

    def _take(self, step: int, t: float) -> None:
        self._note(t, -1 if self.rooms[step].buffers else 0)
        self.level[step] -= 1
        waiting = self.blocked[step]
        if waiting and self.level[step] < self.rooms[step].capacity:
            self._pass_on(waiting.popleft(), t)

    def _note(self, t: float, change: int) -> None:
        """Parts in buffers change."""
        self.area += self.buffered * (t - self.area_s)
        self.area_s = t
        self.buffered += change
