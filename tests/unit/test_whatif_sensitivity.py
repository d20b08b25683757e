"""One setting at a time: which are stepped, by how much, and that the one that holds a line up comes first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from whatif_lines import true_model

from twin.errors import ScenarioError
from twin.whatif.law import constant
from twin.whatif.replicate import replicate
from twin.whatif.sensitivity import Lever, levers_of, replications_within, swings, variants

LINE = "changwon/machining/line1"


@pytest.fixture(scope="module")
def model():
    """Two hours of one line, of which INS-11 is by far the slowest station."""
    whole = true_model("changwon", 2.0)
    line = next(one for one in whole.lines if one.scope.id == LINE)
    steps = tuple(
        tuple(replace(one, cycle=constant(300.0)) if one.id.endswith("INS-11") else one for one in step)
        for step in line.steps
    )
    return replace(whole, lines=(replace(line, steps=steps),), fleet=None)


def test_a_word_is_every_station_or_buffer_that_has_it(model):
    stations = [one.id.rpartition("/")[2] for one in model.lines[0].stations]
    assert [one.key for one in levers_of(model, ["cycle"])] == [f"{name}.cycle" for name in stations]
    assert levers_of(model, ["INS-11.cycle"], 0.2) == [Lever("INS-11.cycle", "-20%", "+20%")]
    rooms = [room for room in model.lines[0].rooms if room.buffers]
    assert len(levers_of(model, ["capacity"])) == len(rooms)
    kinds = {one.key.rpartition(".")[2] for one in levers_of(model, ["all"])}
    assert kinds == {"cycle", "mttr", "capacity"}


def test_a_buffer_is_stepped_by_whole_parts_and_not_below_one(model):
    room = replace(next(one for one in model.lines[0].rooms if one.buffers), capacity=12, level=0)
    name = room.buffers[0].rpartition("/")[2]

    def stepped(what, **room_is):
        rooms = tuple(replace(room, **room_is) if one.buffers == room.buffers else one for one in model.lines[0].rooms)
        return levers_of(replace(model, lines=(replace(model.lines[0], rooms=rooms),)), [f"{name}.{what}"], 0.2)

    assert stepped("capacity") == [Lever(f"{name}.capacity", "-2", "+2")]
    assert stepped("capacity", capacity=1) == [Lever(f"{name}.capacity", "", "+1")]
    assert stepped("level") == [Lever(f"{name}.level", "", "+1")]
    assert stepped("level", level=12) == [Lever(f"{name}.level", "-2", "")]


@pytest.mark.parametrize("asked", ["R-999.cycle", "INS-11.down", "shift", "amr.count", "nothing"])
def test_what_cannot_be_stepped_says_what_can(model, asked):
    with pytest.raises(ScenarioError, match="cycle"):
        levers_of(model, [asked])


def test_a_budget_bounds_the_runs_and_one_too_small_says_so():
    assert replications_within(21, 100, 2100) == 100
    assert replications_within(21, 100, 210) == 10
    with pytest.raises(ScenarioError, match="name fewer settings, or give a budget of 168"):
        replications_within(21, 100, 167)


def test_the_slowest_station_swings_the_line_most_and_both_ways(model):
    levers = levers_of(model, ["cycle"])
    steps = variants(model, levers, "Asia/Seoul")
    assert len(steps) == 2 * len(levers)
    runs = [replicate([model, *(one for _, _, one in steps)], 1, number) for number in range(10)]
    baseline, *others = ([one[place] for one in runs] for place in range(1 + len(steps)))
    found = swings(baseline, [(lever, side, one) for (lever, side, _), one in zip(steps, others, strict=True)])
    first, *rest = found[LINE]["good"]
    assert first["key"] == "INS-11.cycle"
    assert first["distinct"]
    assert first["low"]["mean"] > 0 > first["high"]["mean"]
    assert first["low"]["ci"][0] <= first["low"]["mean"] <= first["low"]["ci"][1]
    assert first["low"]["better"] is True
    assert first["swing"] == max(abs(first["low"]["mean"]), abs(first["high"]["mean"]))
    # What is not the bottleneck changes little: under the same luck that is seen with ten runs.
    assert all(row["swing"] < first["swing"] / 3 for row in rest)
    assert [row["distinct"] for row in rest] == sorted((row["distinct"] for row in rest), reverse=True)
