"""The what-if's own line model: it makes what SimPy's makes, keeps its parts, and pairs its luck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_shift import START_NS, demo
from whatif_lines import true_model

from twin.errors import ScenarioError
from twin.simulation.calendar import Calendar
from twin.simulation.line import build_floor
from twin.whatif.change import Change, changed, keys_of
from twin.whatif.compare import bands, differences, told
from twin.whatif.law import constant
from twin.whatif.model import Doing, Fleet, Start
from twin.whatif.replicate import FIGURES, replicate
from twin.whatif.run import cycles_at_most, run_line

HOURS = 8


def runs(models, count, seed=1):
    found = [replicate(models, seed, number) for number in range(count)]
    return [[one[place] for one in found] for place in range(len(models))]


def variant(model, *changes):
    return changed(model, [Change.parse(one) for one in changes], "Asia/Seoul")


def good(replications, scope):
    return np.array([one.figures[scope]["good"] for one in replications])


@pytest.mark.parametrize("site", [pytest.param("jeonju", marks=pytest.mark.slow), "changwon"])
def test_it_makes_as_many_parts_as_the_simulated_plant(site):
    model = true_model(site, HOURS)
    (own,) = runs([model], 24)
    assets = [
        one for one in demo().hub.site(site).assets if one.type not in ("mobile_robot", "energy_meter", "environment")
    ]
    made = []
    for seed in range(14):
        floor = build_floor(assets, Calendar(demo().hub.site(site), START_NS), 500 + seed)
        floor.run(HOURS * 3_600_000)
        made.append(
            {line.scope.id: sum(floor.units[one].now.good for one in line.scope.outlets) for line in model.lines}
        )
    for line in model.lines:
        mine, theirs = good(own, line.scope.id), np.array([one[line.scope.id] for one in made])
        apart = abs(mine.mean() - theirs.mean())
        error = np.sqrt(mine.var(ddof=1) / len(mine) + theirs.var(ddof=1) / len(theirs))
        print(line.scope.id, mine.mean(), theirs.mean(), error)
        assert apart < 3.0 * error
        assert apart < 0.03 * theirs.mean()


def test_no_part_appears_or_vanishes_between_stations():
    model = true_model("jeonju", 4)
    for line in model.lines:
        counts = {one.id: cycles_at_most(one, model.horizon_s) for one in line.stations}
        run = run_line(line, model, 5, counts)
        for step in range(len(line.steps) - 1):
            before = sum(run.did[one.id].good for one in line.steps[step])
            after = sum(run.did[one.id].good + run.did[one.id].scrap for one in line.steps[step + 1])
            in_room = before + line.rooms[step].level - after
            assert 0 <= in_room <= line.rooms[step].capacity + 2 * len(line.steps[step + 1])


def test_a_variant_without_a_change_differs_by_nothing():
    model = true_model("changwon", 4)
    one, other = runs([model, variant(model)], 6)
    for figures in differences(one, other).values():
        for name, apart in figures.items():
            assert (apart["mean"], apart["distinct"]) == (0.0, False), name


def test_common_luck_makes_differences_sharper_than_luck_of_their_own():
    model = true_model("jeonju", 4)
    faster = variant(model, "R-105.cycle=-10%")
    one, other = runs([model, faster], 16)
    (own,) = runs([faster], 16, seed=99)
    line = "jeonju/weld/line1"
    paired = (good(other, line) - good(one, line)).std(ddof=1)
    apart = (good(own, line) - good(one, line)).std(ddof=1)
    assert paired < 0.7 * apart
    assert differences(one, other)[line]["good"]["mean"] > 0


@pytest.mark.parametrize(
    ("change", "figure", "sign"),
    [
        ("R-104.down=1h", "good", -1),
        ("R-104.down=1h@+1h", "availability", -1),
        ("R-105.cycle=-15%", "good", 1),
        ("R-105.scrap=20%", "good", -1),
        ("R-105.mtbf=-60%", "availability", -1),
        ("R-105.mttr=+100%", "availability", -1),
        ("B-40.level=0", "wip", -1),
        ("shift=08:00-10:00", "good", -1),
    ],
)
def test_each_change_moves_what_it_should(change, figure, sign):
    model = true_model("jeonju", 4)
    one, other = runs([model, variant(model, change)], 20)
    apart = differences(one, other)["jeonju/weld/line1"][figure]
    assert apart["mean"] * sign > 0
    assert apart["distinct"]


def test_one_robot_more_carries_more_and_touches_no_line():
    model = replace(true_model("changwon", 2), fleet=Fleet(2, constant(300.0), constant(60.0)))
    one, other = runs([model, variant(model, "amr.count=+1")], 4)
    apart = differences(one, other)["changwon"]
    assert apart["transports"]["mean"] == pytest.approx(10.0, abs=0.6)
    assert apart["good"]["mean"] == 0.0


def test_what_stands_at_the_start_goes_on_from_there():
    model = true_model("jeonju", 0.5)
    weld = model.lines[0]
    first = weld.steps[0][0]

    def begun(start):
        station = replace(
            first, start=start, cycle=constant(50.0), stops=first.stops, pauses_ratio=0.0, scrap_ratio=0.0
        )
        line = replace(weld, steps=((station,),), rooms=(), tenders=(), scope=replace(weld.scope, outlets=(first.id,)))
        counts = {station.id: cycles_at_most(station, model.horizon_s)}
        return run_line(line, model, 3, counts).left_s[first.id][0]

    assert begun(Start(Doing.WORKING, 40.0, since_s=(0.0,))) == pytest.approx(10.0)
    assert begun(Start(Doing.WAITING, since_s=(0.0,))) == pytest.approx(50.0)
    stopped = begun(Start(Doing.STOPPED, 40.0, "aborted", 100.0, (0.0,)))
    assert 20.0 + 10.0 < stopped < 480.0


def test_nothing_begins_in_a_break_and_figures_are_of_the_planned_time():
    model = true_model("jeonju", 5)
    assert model.rests_s[0] == (4 * 3600.0, 4 * 3600.0 + 1200.0)
    (only,) = runs([model], 4)
    figures = told(only)["jeonju"]
    assert set(figures) == set(FIGURES) - {"energy_per_part", "transports"}
    assert 0.5 < figures["availability"]["mean"] < 1.0
    low, high = figures["good"]["ci"]
    assert low < figures["good"]["mean"] < high
    made = np.array(bands(only)["jeonju"]["50"])
    assert (np.diff(made) >= 0).all()
    assert made[0] == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("R-105", "write KEY=VALUE"),
        ("R-105.speed=3", "did you mean"),
        ("R-999.cycle=-10%", "There are"),
        ("R-105.down=soon", "write 30min, 90s or 2h"),
        ("R-105.cycle=fast%", "is no number"),
        ("R-105.cycle=-100%", "nothing would be left"),
        ("R-105.scrap=1.4", "not from 0 to 1"),
        ("B-40.capacity=-99", "no whole number from 1"),
        ("B-40.capacity=+1.5", "no whole number"),
        ("shift=8-20", "write 08:00-12:00"),
        ("amr.count=+1", "There are"),
    ],
)
def test_a_change_that_cannot_be_says_what_there_is(text, words):
    with pytest.raises(ScenarioError, match=words):
        variant(true_model("jeonju", 1), text)


def test_every_key_that_is_listed_can_be_changed():
    model = true_model("jeonju", 1)
    values = {"down": "5min", "cycle": "-1%", "scrap": "1%", "mtbf": "+5%", "mttr": "+5%", "pauses": "0.01"}
    values |= {"capacity": "+1", "level": "2", "shift": "08:00-08:30"}
    for key in keys_of(model):
        assert variant(model, f"{key}={values[key.rpartition('.')[2]]}") != model, key
