"""Change points: a known step is found where it is, noise gives none, and neither scale nor offset matter."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S
from twin.episodes.changes import LEAST_ROWS, RATE, Change, change_rows, changes
from twin.episodes.story import Track

SEEDS = st.integers(0, 2**32 - 1)
WITHIN = 20
"""Rows: of 60 seeds the farthest of a step of three spreads was two rows off, of a spread tripled 17."""


def noise(seed, n=400):
    return np.random.default_rng(seed).normal(size=n)


def rows(values):
    return [row for row, _, _ in change_rows(values)]


@given(SEEDS, st.integers(40, 360), st.floats(5, 50), st.booleans())
def test_a_known_step_is_found_at_its_place(seed, row, height, falls):
    values = noise(seed)
    values[row:] += -height if falls else height
    found = change_rows(values)
    assert min(abs(one - row) for one, _, _ in found) <= 3
    assert max(found, key=lambda one: one[1])[2], "and it is a level"


@given(SEEDS, st.integers(60, 340), st.floats(4, 50))
def test_a_known_spread_is_found_near_its_place(seed, row, times):
    values = noise(seed)
    values[row:] *= times
    found = change_rows(values)
    assert min(abs(one - row) for one, _, _ in found) <= WITHIN
    assert not max(found, key=lambda one: one[1])[2], "it is no level"


@pytest.mark.parametrize("n", [2 * LEAST_ROWS, 100, 700])
def test_noise_alone_gives_changes_no_more_often_than_is_stated(n):
    series = 300
    with_any = sum(bool(change_rows(noise(seed, n))) for seed in range(series))
    assert with_any <= series * RATE


@given(SEEDS, st.integers(-30, 30), st.integers(-1000, 1000))
def test_scale_and_offset_change_nothing(seed, power, offset):
    values = noise(seed)
    values[100:] += 5
    values[250:] *= 4
    found = rows(values)
    assert len(found) >= 2
    assert rows(values * 2.0**power) == found
    assert rows(values + offset) == found
    assert rows(-values) == found


@given(st.lists(st.floats(-1e300, 1e300, allow_nan=False), max_size=120))
def test_of_whatever_values_changes_lie_apart_in_order_and_the_same_again(values):
    array = np.array(values)
    found = change_rows(array)
    places = [0, *(row for row, _, _ in found), len(values)]
    assert all(two - one >= LEAST_ROWS for one, two in itertools.pairwise(places)) or not found
    assert all(np.isfinite(gain) and gain > 0 for _, gain, _ in found)
    assert change_rows(array.copy()) == found


def test_several_changes_are_all_found_and_steps_without_noise_exactly():
    values = np.repeat([0.0, 3.0, 1.0, 4.0, 0.0], 50)
    assert rows(values) == [50, 100, 150, 200]
    assert np.abs(np.array(rows(values + 0.2 * noise(1, 250))) - [50, 100, 150, 200]).max() <= 1
    assert rows(np.full(100, 7.0)) == []
    assert rows(np.repeat([0.0, 1.0], [LEAST_ROWS - 1, 90])) in ([], [LEAST_ROWS]), "too near an end"


def test_gaps_part_a_signal_and_what_is_absent_is_left_out():
    t_ns = np.arange(400, dtype=np.int64) * NS_PER_S // 10
    values = 0.1 * noise(2)
    values[200:] += 10
    whole = changes(Track(t_ns, values), 1.0, 5)
    assert [one.t_ns for one in whole] == [int(t_ns[200])]
    assert whole[0].is_level
    holed = values.copy()
    holed[150:180:2] = np.nan
    holed[60] = np.inf
    assert [one.t_ns for one in changes(Track(t_ns, holed), 1.0, 5)] == [int(t_ns[200])]
    t_ns[200:] += 60 * NS_PER_S
    assert changes(Track(t_ns, values), 1.0, 5) == [], "it changed while nothing was heard: nobody knows when"
    assert changes(Track(t_ns[:0], values[:0]), 1.0, 5) == []


def test_the_strongest_are_kept_in_order_of_time():
    values = np.repeat([0.0, 1.0, 9.0, 8.0], 60) + 0.1 * noise(3, 240)
    t_ns = np.arange(240, dtype=np.int64) * NS_PER_S
    every = changes(Track(t_ns, values), 5.0, 9)
    assert len(every) == 3
    two = changes(Track(t_ns, values), 5.0, 2)
    assert two == [one for one in every if one in two]
    assert min(one.gain for one in two) >= min(every, key=lambda one: one.gain).gain
    assert isinstance(two[0], Change)
