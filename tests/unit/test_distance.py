"""How far simulated episodes lie from real ones: known shifts are measured, likes are near, too little is not assessed."""

from __future__ import annotations

import numpy as np
import pytest
from exported import arm_episodes, arm_history
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.episodes.reading import streams_of
from connectors.quality.comparing import Set, compare_sets
from twin.quality import Verdict
from twin.quality.distance import LEAST_EPISODES, POINTS, Side, compare, instants_of

SIGNALS = (("q", "rad"), ("torque", "N.m"))


def side(seed, episodes=20, shift=0.0, scale=1.0):
    random = np.random.default_rng(seed)
    values = random.normal(0.0, 1.0, (episodes, POINTS, 2)) * scale
    values[:, :, 1] = values[:, :, 1] * 10 + 50 + shift
    return Side(SIGNALS, values)


def test_two_draws_of_one_distribution_are_as_near_as_two_halves():
    found = compare("", side(1), side(2))
    assert found.verdict is Verdict.CHARACTERISTIC
    assert found.energy < 0.02
    for one in found.signals:
        assert one.verdict is Verdict.CHARACTERISTIC
        assert one.wasserstein < 0.06
        assert one.ks < 0.06


def test_a_shift_is_measured_in_interquartile_ranges_in_its_unit_and_against_the_halves():
    found = compare("", side(1), side(2, shift=27.0))
    near, far = found.signals
    assert near.verdict is Verdict.CHARACTERISTIC
    assert (far.signal, far.unit, far.verdict) == ("torque", "N.m", Verdict.RISK)
    assert far.wasserstein == pytest.approx(27.0 / 13.49, rel=0.05)
    assert far.shift == pytest.approx(27.0, rel=0.05)
    assert far.ks > 0.7
    assert far.floor < 0.1
    assert (found.verdict, found.energy > 0.1) == (Verdict.RISK, True)


@given(st.floats(0.1, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=examples(20), deadline=None)
def test_the_unit_that_is_measured_in_changes_no_distance(scale, offset):
    real, other = side(1), side(2, shift=5.0)
    here, there = (Side(one.signals, one.values * scale + offset) for one in (real, other))
    one, two = compare("", real, other), compare("", here, there)
    assert two.energy == pytest.approx(one.energy, abs=1e-6)
    for left, right in zip(one.signals, two.signals, strict=True):
        assert right.wasserstein == pytest.approx(left.wasserstein, rel=1e-3, abs=1e-5)
        assert right.ks == pytest.approx(left.ks, abs=1e-3)


def test_too_few_absent_and_standing_signals_are_not_assessed_and_say_why():
    few = compare("weld", side(1, LEAST_EPISODES - 1), side(2))
    assert (few.verdict, few.energy, few.real) == (Verdict.NOT_ASSESSED, None, LEAST_EPISODES - 1)
    assert "8 of each at least" in few.why
    assert {one.verdict for one in few.signals} == {Verdict.NOT_ASSESSED}
    still, gone = side(1), side(2)
    still.values[:, :, 0] = 3.0
    gone.values[:, : POINTS // 2 + 1, 1] = np.nan
    found = compare("", still, gone)
    assert ["hardly move" in one.why for one in found.signals] == [True, False]
    assert "are absent on a side" in found.signals[1].why
    assert found.verdict is Verdict.NOT_ASSESSED


def test_signals_of_one_side_only_are_left_out():
    other = Side((("torque", "N.m"), ("heat", "Cel")), side(2).values[:, :, ::-1])
    assert [one.signal for one in compare("", side(1), other).signals] == ["torque"]


def test_an_episodes_instants_hold_the_last_row():
    t_ns = np.array([0, 640, 641], np.int64)
    rows = instants_of(t_ns, 0, 1280)
    assert (len(rows), rows[0], rows[31], rows[-1]) == (POINTS, 0, 0, 2)
    assert instants_of(t_ns + 1280, 0, 1280).max() == -1


def test_sets_are_compared_together_and_by_every_task_that_both_know():
    history, some = arm_history(slow=True), arm_episodes()
    both = Set(history, streams_of(history), some)
    told = {one.task: one for one in compare_sets(both, both)}
    assert list(told) == ["", "Weld the left seam", "Weld the right seam"]
    assert (told[""].real, told[""].verdict, told[""].energy) == (10, Verdict.CHARACTERISTIC, 0.0)
    assert {one.signal for one in told[""].signals} >= {"joint_position_1", "power", "motor"}
    left = told["Weld the left seam"]
    assert (left.real, left.verdict, left.why.startswith("5 real and 5 simulated")) == (5, Verdict.NOT_ASSESSED, True)
