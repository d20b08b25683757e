"""Cycle times: each cycle once, their spread, their bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.cycles import Spread, finished, histogram_of, spread_of

NAN = float("nan")


def _finished(cycle_s, made=None):
    t_ns = np.arange(len(cycle_s))
    found = finished(t_ns, np.array(cycle_s, float), None if made is None else np.array(made, float))
    return [(int(t), float(s)) for t, s in zip(*found, strict=True)]


def test_a_cycle_ends_where_the_count_of_parts_changes_whatever_it_lasted():
    assert _finished([50, 50, 50, 51, 51], [1, 1, 2, 3, 3]) == [(2, 50.0), (3, 51.0)]


def test_without_a_count_a_cycle_ends_where_its_time_changes():
    assert _finished([50, 50, 52, 52, 50]) == [(2, 52.0), (4, 50.0)]


def test_absent_values_and_zero_are_no_cycles():
    assert _finished([NAN, 0, 0, 50, 50], [0, 0, 1, 2, NAN]) == [(3, 50.0)]
    assert _finished([]) == []


def test_a_counter_that_began_again_ends_a_cycle_too():
    assert _finished([50, 50], [812, 0]) == [(1, 50.0)]


def test_the_spread_is_of_the_middle_eight_in_ten():
    assert spread_of(np.arange(1.0, 12.0)) == Spread(11, 6.0, 2.0, 10.0)
    assert spread_of(np.zeros(0)) is None


def test_bars_reach_to_the_takt_and_very_long_cycles_are_counted_beyond():
    cycle_s = np.array([50.0] * 95 + [51.0] * 4 + [900.0])
    found = histogram_of(cycle_s, 60.0)
    assert found.width_s == 0.5
    assert found.first_s <= 50
    assert found.first_s + found.width_s * len(found.counts) >= 60
    assert found.beyond == 1
    assert sum(found.counts) == 99


def test_there_are_no_bars_of_no_cycle():
    assert histogram_of(np.zeros(0), 60.0) is None


@given(st.lists(st.floats(0.1, 1e4), min_size=1, max_size=200), st.none() | st.floats(1, 1e4))
def test_every_cycle_is_in_one_bar_and_there_are_never_too_many(cycle_s, takt_s):
    found = histogram_of(np.array(cycle_s), takt_s)
    assert sum(found.counts) + found.beyond == len(cycle_s)
    assert 1 <= len(found.counts) <= 24
    assert found.first_s >= 0
    mantissa = found.width_s / 10 ** np.floor(np.log10(found.width_s) + 1e-9)
    assert mantissa == pytest.approx(round(mantissa))
