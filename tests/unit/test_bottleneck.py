"""Which station holds a line up, by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.bottleneck import Level, Waits, bottleneck_of, cause_of_wait, lasting, momentary, turning_point, waits_of
from twin.packml import Cause

#        0    10   20   30   40   50   60
# A      ========----=====--------------
# B      ---=====================-------
# C      ==--==--==--==--==--============
ACTIVE = {
    "A": [(0, 20), (25, 35)],
    "B": [(5, 45)],
    "C": [(0, 4), (10, 14), (40, 60)],
}


def test_at_each_moment_the_station_with_the_longest_active_period_holds_the_others_up():
    assert momentary(ACTIVE, 0, 60) == [(0, 5, "A"), (5, 45, "B"), (45, 60, "C")]


def test_a_period_that_began_before_the_time_looked_at_counts_from_its_beginning():
    assert momentary({"A": [(-100, 10)], "B": [(0, 60)]}, 0, 60) == [(0, 10, "A"), (10, 60, "B")]


def test_while_no_station_is_active_none_holds_up():
    assert momentary({"A": [(0, 10), (30, 40)]}, 0, 60) == [(0, 10, "A"), (30, 40, "A")]
    assert bottleneck_of({"A": []}, [["A"]], {}, 0, 60) is None
    found = bottleneck_of({"A": [(0, 10)], "B": [(30, 60)]}, [["A"], ["B"]], {}, 0, 100)
    assert (found.station, found.share, found.now) == ("B", 0.75, None)


def test_of_two_equally_long_periods_the_station_named_first_counts():
    assert momentary({"B": [(0, 60)], "A": [(0, 60)]}, 0, 60) == [(0, 60, "B")]


def test_the_bottleneck_is_the_one_that_was_it_for_the_largest_part():
    found = bottleneck_of(ACTIVE, [["A"], ["B"], ["C"]], {}, 0, 60)
    assert (found.station, found.share, found.now, found.since_ns) == ("B", 40 / 60, "C", 40)
    assert not found.borne_out


def test_it_is_borne_out_where_those_before_are_blocked_and_those_behind_starved():
    waits = {"A": Waits(blocked_ns=12, starved_ns=3), "B": Waits(1, 1), "C": Waits(blocked_ns=0, starved_ns=30)}
    found = bottleneck_of(ACTIVE, [["A"], ["B"], ["C"]], waits, 0, 60)
    assert found.borne_out


def test_the_turning_point_is_where_blocked_turns_to_starved():
    blocked, starved, neither = Waits(10, 2), Waits(1, 9), Waits(3, 3)
    assert turning_point([blocked, blocked, neither, starved]) == 2
    assert turning_point([neither, starved, starved]) == 0
    assert turning_point([starved, blocked]) is None
    assert turning_point([blocked, starved]) == 1
    assert turning_point([Waits(10, 2), Waits(2, 10)]) is None, "both could be it, and both waited 12"


def test_of_two_neighbours_that_turn_the_one_that_waited_less_is_it():
    assert turning_point([Waits(10, 2), Waits(4, 1), Waits(1, 9)]) == 1


def test_a_line_of_one_station_has_no_turning_point():
    assert turning_point([Waits()]) is None


def _level(least, most, capacity=8.0) -> Level:
    return Level(np.arange(len(least)) * 60, np.array(least, float), np.array(most, float), capacity)


def test_a_full_buffer_behind_blocks_and_an_empty_one_before_starves():
    full, empty = _level([2, 8, 3], [5, 8, 6]), _level([0, 4, 4], [3, 8, 8])
    assert cause_of_wait((70, 80), [], [full]) is Cause.BLOCKED
    assert cause_of_wait((70, 80), [empty], [full]) is Cause.BLOCKED
    assert cause_of_wait((10, 20), [empty], [full]) is Cause.STARVED
    assert cause_of_wait((130, 140), [empty], [full]) is Cause.OUTSIDE
    assert cause_of_wait((70, 80), [], []) is Cause.OUTSIDE


def test_of_two_buffers_behind_both_must_be_full_to_block():
    full, roomy = _level([8], [8]), _level([1], [2])
    assert cause_of_wait((0, 5), [], [full, roomy]) is Cause.OUTSIDE


def test_waits_are_added_up_by_what_they_were_for():
    waits = [((0, 5), Cause.BLOCKED), ((7, 9), Cause.STARVED), ((10, 20), Cause.BLOCKED), ((30, 31), Cause.OUTSIDE)]
    assert waits_of(waits) == Waits(15, 2, 1)


def test_a_wait_over_a_part_of_time_that_was_not_recorded_tells_nothing():
    assert Level(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), 8.0).was((0, 10)) == (False, False)


spans = st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 60)).map(lambda s: (s[0], s[0] + s[1])), max_size=8)


@given(st.dictionaries(st.sampled_from("ABCD"), spans, min_size=1))
def test_exactly_the_time_in_which_something_is_active_has_a_bottleneck(active):
    stretches = momentary(active, 0, 100)
    assert all(0 <= a < b <= 100 for a, b, _ in stretches)
    assert all(first[1] <= then[0] for first, then in pairwise(stretches))
    busy = lasting([span for listed in active.values() for span in listed], 0, 100)
    assert sum(b - a for a, b, _ in stretches) == busy
    for a, b, name in stretches:
        assert lasting(active[name], a, b) == b - a
