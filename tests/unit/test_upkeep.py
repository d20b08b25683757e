"""Maintenance counters, by hand and as laws."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.upkeep import DAY_NS, MOST_AHEAD_NS, Counts, Due, standing

HOUR_NS = DAY_NS // 24


def test_hours_run_are_due_when_they_are_used_up_at_the_pace_of_late():
    found = standing(Counts.HOURS_RUN, 500.0, 0, 30 * DAY_NS, 400.0, 100.0, 7 * DAY_NS)
    assert (found.used, found.share, found.due) == (400.0, 0.8, Due.OK)
    assert found.due_ns == 37 * DAY_NS  # 100 h more at 100 h in seven days


@pytest.mark.parametrize(("used", "due"), [(89.9, Due.OK), (90.0, Due.SOON), (99.9, Due.SOON), (100.0, Due.NOW)])
def test_from_nine_tenths_on_it_is_due_soon(used, due):
    assert standing(Counts.PARTS, 100.0, 0, DAY_NS, used, 0.0, DAY_NS).due is due


def test_what_stands_still_has_no_day_and_what_is_over_is_due_now():
    assert standing(Counts.PARTS, 100.0, 0, DAY_NS, 10.0, 0.0, DAY_NS).due_ns is None
    assert standing(Counts.PARTS, 100.0, 0, DAY_NS, 130.0, 0.0, DAY_NS).due_ns == DAY_NS
    assert standing(Counts.PARTS, 1e9, 0, DAY_NS, 0.0, 1.0, DAY_NS).due_ns is None  # in 2.7 million years


@given(st.floats(0.5, 3650.0), st.integers(0, MOST_AHEAD_NS), st.integers(0, 3650))
def test_days_count_themselves(every, since_ns, after):
    found = standing(Counts.DAYS, every, since_ns, since_ns + after * DAY_NS, 1e6, 0.0, 0)
    assert found.used == after
    if found.due is Due.NOW:
        assert found.due_ns == since_ns + after * DAY_NS
    else:
        assert found.due_ns == pytest.approx(since_ns + every * DAY_NS, abs=HOUR_NS)
