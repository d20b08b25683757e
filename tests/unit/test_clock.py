"""Time as integers: parsed and written to the nanosecond, never naive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S, ManualClock, ScaledClock, iso_from_ns, ns_from_iso

times_ns = st.integers(-(2**61), 2**62)


@given(times_ns)
def test_nine_decimals_are_read_back_exactly(t_ns):
    assert ns_from_iso(iso_from_ns(t_ns, 9)) == t_ns


@given(times_ns, st.integers(0, 8))
def test_fewer_decimals_are_cut_not_rounded(t_ns, decimals):
    step = 10 ** (9 - decimals)
    assert ns_from_iso(iso_from_ns(t_ns, decimals)) == t_ns // step * step


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001  the zone is drawn apart
    st.integers(-14 * 60, 14 * 60),
    st.sampled_from(".,"),
)
def test_any_offset_means_the_same_moment(moment, offset_min, point):
    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=offset_min)))
    micros = (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert ns_from_iso(zoned.isoformat().replace(".", point)) == micros * 1000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1970-01-01T00:00:00Z", 0),
        (" 1970-01-01T00:00:01.5Z ", 1_500_000_000),
        ("1970-01-01T09:00:00.000000001+09:00", 1),
        ("1970-01-01T00:00:00,25Z", 250_000_000),
        ("1970-01-01 00:00:00.1234567899Z", 123_456_789),
        ("19700101T000001.5Z", 1_500_000_000),
        ("1969-12-31T23:59:59.5Z", -500_000_000),
        ("1970-01-01T00:01Z", 60 * NS_PER_S),
    ],
)
def test_iso_8601_is_read_to_the_nanosecond(text, wanted):
    assert ns_from_iso(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T06:00:00",
        "2026-11-22T06:00:00.5",
        "2026-11-22",
        "2026-11-22T06:00.5Z",
        "2026-11-22T06:00:00.Z",
        "2026-11-22T06:00:60Z",
        "2026-11-22T06:00:00.1.2Z",
        "1795328000",
        "now",
        "",
    ],
)
def test_naive_times_and_nonsense_are_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  any of its messages
        ns_from_iso(text)


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(5)
    assert (clock.now_ns(), clock.now_ns()) == (5, 5)
    clock.advance(1.5)
    assert clock.now_ns() == 5 + 1_500_000_000
    clock.set(3)
    assert clock.now_ns() == 3


def test_a_scaled_clock_runs_at_its_rate_from_its_start():
    base = ManualClock(10 * NS_PER_S)
    clock = ScaledClock(base, 1_000, 60.0)
    assert clock.now_ns() == 1_000
    base.advance(2.0)
    assert clock.now_ns() == 1_000 + 120 * NS_PER_S
    base.set(9 * NS_PER_S)
    assert clock.now_ns() == 1_000 - 60 * NS_PER_S
