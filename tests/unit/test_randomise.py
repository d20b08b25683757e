"""Ranges and probabilities as they are typed: what cannot be is refused with what could, and nothing drawn leaves them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from twin.errors import ScenarioError
from twin.simulation.faults import FaultKind
from twin.simulation.randomise import ARM_FAULTS, PARAMETERS, Range, chosen, drawn, faults_of, ranges_of


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("frictoin=1", r"no parameter 'frictoin'; did you mean 'friction'\? There are: friction, payload, cycle_time"),
        ("colour=red", "There are: friction"),
        ("friction=2..1", "a range goes upwards"),
        ("payload=0..99", r"lies in 0\.\.11\.5 kg"),
        ("payload=log:0..2", "begins above 0"),
        ("payload=much", "is no range: write LOW..HIGH"),
        ("payload=nan..2", "a range goes upwards"),
        ("payload", "is no range"),
        ("payload=1,payload=2", "payload is there twice"),
    ],
)
def test_ranges_that_cannot_be_are_refused_with_what_could(text, told):
    with pytest.raises(ScenarioError, match=told):
        ranges_of(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("conveyor_jam=0.1", "no fault 'conveyor_jam' comes to an arm's attempt; there are: axis_friction"),
        ("grip_lost", "is no probability: write grip_lost=0.1"),
        ("grip_lost=1.5", "a number from 0 to 1"),
        ("grip_lost=0.7,axis_friction=0.7", r"add up to 1\.4"),
    ],
)
def test_faults_that_cannot_be_are_refused_with_what_could(text, told):
    with pytest.raises(ScenarioError, match=told):
        faults_of(text)


def test_what_is_not_named_stays_as_usual_and_one_number_is_fixed():
    ranges = ranges_of(" friction = 0.8..1.2 , payload=5, noise=log:0.5..2 ")
    assert ranges == {"friction": Range(0.8, 1.2), "payload": Range(5.0, 5.0), "noise": Range(0.5, 2.0, log=True)}
    assert [str(one) for one in ranges.values()] == ["0.8..1.2", "5", "log:0.5..2"]
    found = drawn(ranges, np.random.default_rng(1))
    assert (found["payload"], found["hall"]) == (5.0, PARAMETERS["hall"].usual)
    assert list(found) == list(PARAMETERS)


@given(st.integers(0, 2**32), st.booleans())
@settings(max_examples=examples(50), deadline=None)
def test_what_is_drawn_lies_in_its_range_and_moves_no_other_parameter(seed, log):
    one, other = (ranges_of(text) for text in ("payload=2..4", f"payload=2..4,cycle_time={'log:' * log}10..20"))
    first, second = (drawn(ranges, np.random.default_rng(seed)) for ranges in (one, other))
    assert 2 <= first["payload"] <= 4
    assert 10 <= second["cycle_time"] <= 20
    assert {name: value for name, value in first.items() if name != "cycle_time"} == {
        name: value for name, value in second.items() if name != "cycle_time"
    }


def test_a_logarithmic_range_has_half_of_its_draws_below_its_geometric_middle_and_faults_come_as_often_as_asked():
    random = np.random.default_rng(5)
    draws = [Range(1.0, 100.0, log=True).draw(random) for _ in range(2000)]
    assert 0.46 < np.mean(np.array(draws) < 10.0) < 0.54
    faults = faults_of("grip_lost=0.25,sensor_stuck=0.25")
    found = Counter(chosen(faults, random) for _ in range(2000))
    assert set(found) == {None, FaultKind.GRIP_LOST, FaultKind.SENSOR_STUCK}
    assert all(400 < found[kind] < 600 for kind in faults)
    assert found[None] > 900
    assert set(faults) <= set(ARM_FAULTS)
