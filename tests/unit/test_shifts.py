"""Shift calendars: local times, nights, breaks, days off and the hour that clocks take or give."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S, ns_from_iso
from twin.shifts import Shift, ShiftCalendar, clipped, merged, planned, shift_spans, without
from twin.site import Name

NAME = Name("주간", "Day")
DAY = Shift("day", NAME, 8 * 60, 16 * 60, frozenset(range(5)), ((12 * 60, 12 * 60 + 40),))
NIGHT = Shift("night", NAME, 22 * 60, 30 * 60)
HOUR = 3600 * NS_PER_S
spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


def moments(listed):
    return {t for a, b in listed for t in range(a, b)}


def test_a_day_shift_of_seoul_is_eight_hours_without_its_break():
    calendar = ShiftCalendar("Asia/Seoul", (DAY,))
    start = ns_from_iso("2026-11-16T00:00:00+09:00")  # a Monday
    (one,) = shift_spans(calendar, start, start + 24 * HOUR)
    assert (one.shift, one.day) == ("day", "2026-11-16")
    assert one.start_ns == ns_from_iso("2026-11-16T08:00:00+09:00")
    assert sum(b - a for a, b in one.working) == 8 * HOUR - 2400 * NS_PER_S
    assert shift_spans(calendar, start + 120 * HOUR, start + 168 * HOUR) == ()  # Saturday and Sunday
    holiday = ShiftCalendar("Asia/Seoul", (DAY,), frozenset({"2026-11-16"}))
    assert shift_spans(holiday, start, start + 24 * HOUR) == ()


def test_a_night_shift_belongs_to_the_day_on_which_it_begins():
    start = ns_from_iso("2026-11-17T03:00:00+09:00")
    (one,) = shift_spans(ShiftCalendar("Asia/Seoul", (NIGHT,)), start, start + HOUR)
    assert (one.day, one.end_ns) == ("2026-11-16", ns_from_iso("2026-11-17T06:00:00+09:00"))
    assert planned(ShiftCalendar("Asia/Seoul", (NIGHT,)), start, start + 10 * HOUR) == ((start, start + 3 * HOUR),)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 7), ("2026-10-24", 9), ("2026-06-01", 8)])
def test_a_night_in_which_clocks_are_changed_is_as_long_as_it_is_for_those_who_work_it(day, hours):
    start = ns_from_iso(f"{day}T20:00:00+00:00")
    found = [
        one for one in shift_spans(ShiftCalendar("Europe/Berlin", (NIGHT,)), start, start + 2 * HOUR) if one.day == day
    ]
    assert found[0].end_ns - found[0].start_ns == hours * HOUR


@pytest.mark.parametrize(
    "wrong", [{"start_min": 1440}, {"end_min": 480}, {"end_min": 480 + 1441}, {"breaks_min": ((479, 500),)}]
)  # fmt: skip
def test_a_shift_that_is_none_is_refused(wrong):
    with pytest.raises(ValueError, match="shift x"):
        Shift(**{"id": "x", "name": NAME, "start_min": 480, "end_min": 960} | wrong)


@given(spans, spans, st.integers(0, 30), st.integers(0, 30))
def test_spans_are_sets_of_moments(one, other, start, end):
    assert moments(merged(one)) == moments(one)
    assert moments(without(one, other)) == moments(one) - moments(other)
    assert moments(clipped(one, start, end)) == moments(one) & moments([(start, end)])
    joined = merged(one)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(joined))
