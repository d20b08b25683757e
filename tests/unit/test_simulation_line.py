"""Lines as discrete events: parts are conserved, stations starve, block, break down and rest."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from twin.clock import ns_from_iso
from twin.errors import ScenarioError
from twin.packml import UnitState
from twin.simulation.calendar import Calendar
from twin.simulation.line import BRAKE_MS, Floor, StationStep, build_floor
from twin.site import Asset, Name, Site

START_NS = ns_from_iso("2026-11-16T00:00:00+09:00")
HOUR_MS = 3_600_000
NAME = Name("가", "a")
SITE = Site("s", NAME, NAME, "Asia/Seoul", (10.0, 10.0))


def asset(leaf: str, kind: str, **attributes: str | float) -> Asset:
    return Asset(f"s/line/{leaf}", kind, NAME, attributes=attributes)


def arms(*cycles_s: float, capacity: int = 4, **attributes: float) -> list[Asset]:
    stations = [asset(f"R-{i}", "robot_arm", station=i, cycle_s=c, **attributes) for i, c in enumerate(cycles_s, 1)]
    buffers = [asset(f"B-{i}", "buffer", after=i, capacity=capacity) for i in range(1, len(cycles_s))]
    return [*stations, *buffers]


def ran(assets: list[Asset], hours: float, *, seed: int = 7, start_ns: int = START_NS) -> Floor:
    floor = build_floor(assets, Calendar(SITE, start_ns), seed)
    floor.run(round(hours * HOUR_MS))
    return floor


def shares(steps: list[StationStep], times: list[int], until_ms: int) -> dict[UnitState, float]:
    spent: dict[UnitState, float] = {}
    for step, begin, end in zip(steps, times, [*times[1:], until_ms], strict=True):
        spent[step.state] = spent.get(step.state, 0.0) + (end - begin) / until_ms
    return spent


def test_no_part_appears_or_vanishes_between_stations() -> None:
    floor = ran(arms(50.0, 52.0, 48.0, scrap_ratio=0.1), 8)
    for number in (1, 2):
        before, after = floor.units[f"s/line/R-{number}"].now, floor.units[f"s/line/R-{number + 1}"].now
        buffer = floor.buffers[f"s/line/B-{number}"]
        handed_over = before.good + 2 - int(buffer.room.level)
        waiting_to_hand_over = 0 <= handed_over - (after.good + after.scrap) <= 2
        assert waiting_to_hand_over, (number, handed_over, after)


def test_a_slow_station_blocks_the_one_before_and_starves_the_one_after() -> None:
    floor = ran(arms(40.0, 80.0, 40.0, between_failures_s=1e8), 4)
    state = {
        i: shares(unit.track.steps, unit.track.times, 4 * HOUR_MS) for i, unit in enumerate(floor.units.values(), 1)
    }
    assert state[1][UnitState.SUSPENDED] > 0.4
    assert state[3][UnitState.SUSPENDED] > 0.4
    assert state[2].get(UnitState.SUSPENDED, 0.0) < 0.05
    assert max(floor.buffers["s/line/B-1"].track.steps) == 4
    assert floor.buffers["s/line/B-2"].track.last <= 1


def test_a_breakdown_freezes_the_cycle_and_is_repaired_in_minutes() -> None:
    floor = ran(arms(50.0, between_failures_s=1800.0), 8)
    track = floor.units["s/line/R-1"].track
    repairs_ms = [
        end - begin
        for step, begin, end in zip(track.steps, track.times, track.times[1:], strict=False)
        if step.state is UnitState.ABORTED and step.rate == 0.0
    ]
    assert 6 <= len(repairs_ms) <= 30
    assert all(120_000 - BRAKE_MS <= repair <= 480_000 for repair in repairs_ms)


def test_phase_is_continuous_through_every_breakdown() -> None:
    track = ran(arms(50.0, between_failures_s=900.0), 4).units["s/line/R-1"].track
    for step, following, begin, end in zip(track.steps, track.steps[1:], track.times, track.times[1:], strict=False):
        after = end - begin
        reached = step.phase + after * (step.rate + 0.5 * step.bend * after)
        if following.cycle == step.cycle and following.rate > 0.0:
            assert reached == pytest.approx(following.phase, abs=1e-9)
        elif following.cycle > step.cycle and step.state is UnitState.EXECUTE:
            assert reached == pytest.approx(1.0, abs=1e-9)


def test_stations_stop_at_the_meal_break_and_finish_their_cycle_first() -> None:
    noon = ns_from_iso("2026-11-16T12:00:00+09:00")
    floor = ran(arms(50.0, between_failures_s=1e8), 1, start_ns=noon - 1800 * 10**9)
    track = floor.units["s/line/R-1"].track
    stops = [t for t, step in zip(track.times, track.steps, strict=True) if step.state is UnitState.STOPPED]
    assert len(stops) == 1
    assert 1_800_000 <= stops[0] < 1_800_000 + 55_000
    ended = track.times[track.times.index(stops[0]) + 1]
    assert ended == 1_800_000 + 1_200_000


def test_machine_tools_wait_for_their_arm_and_wear_their_tools() -> None:
    machines = [asset(f"MT-{i}", "machine_tool", station=1, tended_by="T-1", cycle_s=60.0) for i in (1, 2, 3)]
    floor = ran([*machines, asset("T-1", "robot_arm", cycle_s=30.0)], 8)
    loads = floor.units["s/line/T-1"].now.good
    parts = sum(floor.units[machine.id].now.good + floor.units[machine.id].now.scrap for machine in machines)
    assert parts <= loads <= parts + 3
    assert parts > 600
    worn = [step.wear_um for step in floor.units["s/line/MT-1"].track.steps]
    assert any(later < earlier for earlier, later in itertools.pairwise(worn))
    assert max(worn) < 290
    assert floor.tending == {"s/line/T-1"}


def test_an_inspection_rejects_what_deviates_too_far() -> None:
    floor = ran([asset("INS-1", "inspection", station=1, cycle_s=10.0)], 8)
    steps = floor.units["s/line/INS-1"].track.steps
    last = floor.units["s/line/INS-1"].now
    assert 0.008 < last.scrap / (last.good + last.scrap) < 0.03
    assert all(step.passed == (abs(step.deviation_mm) <= 0.25) for step in steps)


def test_the_same_seed_gives_the_same_line_and_another_seed_another() -> None:
    first, again, other = (ran(arms(50.0, 51.0), 2, seed=seed).units["s/line/R-2"].track for seed in (7, 7, 8))
    assert (first.times, first.steps) == (again.times, again.steps)
    assert first.times != other.times


@pytest.mark.parametrize(
    ("assets", "words"),
    [
        ([asset("R-1", "robot_arm", cycle_s=50.0)], "needs the attribute station"),
        ([*arms(50.0), replace(arms(50.0)[0], id="s/line/R-9")], "are all station 1"),
        ([asset("R-1", "robot_arm", station=1, cycle_s="fast")], "cycle_s = 'fast' is no number"),
        ([asset("MT-1", "machine_tool", station=1, tended_by="T-9")], "tended_by names no arm"),
        ([asset("B-1", "buffer", after=1)], "without stations"),
        ([*arms(50.0, 50.0), asset("B-9", "buffer", after=7)], "after = 7 is no station"),
    ],
)
def test_a_line_that_cannot_run_is_refused_with_the_reason(assets: list[Asset], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        ran(assets, 0.1)
