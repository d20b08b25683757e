"""Comparing two sides: golden cases by hand, and the laws: same, shifted, mirrored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S, ns_from_iso
from twin.compare import Align, Alignment, Comparison, Extent, Happening, Track, aligned, difference_of, matched, told
from twin.compare.figures import figure_differences
from twin.compare.side import word_track
from twin.compare.whole import ranked
from twin.errors import RecordingError
from twin.kpi import Kpi
from twin.sample import Kind

MS = 1_000_000
STEP = 100 * MS
FRESH = 3 * NS_PER_S


def gauge(values, start_ns=0, step_ns=STEP, **parts):
    at = start_ns + np.arange(len(values), dtype=np.int64) * step_ns
    given_ = {"kind": Kind.GAUGE, "unit": "rad", "fresh_ns": FRESH, **parts}
    return Track("site/arm:q0", t_ns=at, values=np.array(values, np.float64), **given_)


def whole(a, b):
    end_ns = max(int(one.t_ns[-1]) for one in (a, b)) + 1
    return Alignment(0, 0, 0, end_ns)


def row(a, b, alignment=None):
    one = difference_of(a, b, alignment or whole(a, b))
    return told(Comparison(alignment or whole(a, b), (one,), matched((), (), tolerance_ns=1), ()))["signals"][0]


def test_numbers_differ_by_root_mean_square_mean_and_greatest_with_its_moment():
    found = row(gauge([0, 1, 2, 3]), gauge([0, 1, 5, 2]))
    assert (found["n"], found["max"], found["at_s"], found["a"], found["b"]) == (4, 3.0, 0.2, 2.0, 5.0)
    assert found["rms"] == pytest.approx(np.sqrt(10 / 4))
    assert found["mean"] == pytest.approx(-2 / 4)
    assert found["relative"] == pytest.approx(np.sqrt(10 / 4) / 5)
    assert (found["unit"], found["unequal"]) == ("rad", None)


def test_a_slower_track_is_a_line_between_its_samples_but_not_over_a_gap():
    found = row(gauge([0, 0, 0, 0, 0]), gauge([0, 4], step_ns=4 * STEP))
    assert (found["n"], found["max"], found["at_s"]) == (5, 4.0, 0.4)
    assert found["rms"] == pytest.approx(np.sqrt((1 + 4 + 9 + 16) / 5))
    gap = row(gauge([0] * 61), replace(gauge([0, 4], step_ns=60 * STEP), fresh_ns=2 * NS_PER_S))
    # What B told at 0 holds for 2 s, then nothing is known until 6 s.
    assert (gap["n"], gap["max"], gap["at_s"]) == (22, 4.0, 6.0)


def test_what_comes_on_change_holds_from_before_the_beginning():
    held = replace(gauge([5.0], start_ns=-NS_PER_S), fresh_ns=None)
    found = row(held, gauge([5, 6, 5]), Alignment(0, 0, 0, NS_PER_S))
    assert (found["n"], found["max"], found["a"], found["b"]) == (3, 1.0, 5.0, 6.0)


def test_counters_are_compared_by_how_much_they_rose():
    counter = {"kind": Kind.COUNTER, "unit": "1"}
    found = row(gauge([100, 101, 103], **counter), gauge([7, 8, 9], **counter))
    assert (found["max"], found["a"], found["b"]) == (1.0, 3.0, 2.0)


def test_words_differ_by_the_share_of_time_and_first_at():
    a = word_track("s/m:state", Kind.STATE, [(0, "Idle"), (4 * NS_PER_S, "Execute")])
    b = word_track("s/m:state", Kind.STATE, [(0, "Idle"), (6 * NS_PER_S, "Execute"), (9 * NS_PER_S, "Held")])
    found = row(a, b, Alignment(0, 0, 0, 10 * NS_PER_S))
    assert (found["unequal"], found["at_s"], found["a"], found["b"]) == (0.3, 4.0, "Execute", "Idle")
    assert (found["rms"], found["lag_ms"]) == (None, None)
    same = row(a, a, Alignment(0, 0, 0, 10 * NS_PER_S))
    assert (same["unequal"], same["at_s"], same["a"]) == (0.0, None, None)


def test_flags_are_compared_only_while_both_are_fresh():
    a = gauge([1, 1], kind=Kind.FLAG, step_ns=NS_PER_S, fresh_ns=NS_PER_S - 1)
    b = gauge([1, 0], kind=Kind.FLAG, step_ns=NS_PER_S, fresh_ns=NS_PER_S - 1)
    found = row(a, b, Alignment(0, 0, 0, 10 * NS_PER_S))
    assert (found["unequal"], found["at_s"], found["a"], found["b"]) == (0.5, 1.0, "1", "0")


def test_a_signal_of_one_side_and_one_in_another_unit_are_named_with_no_figures():
    alone = row(gauge([1]), None, Alignment(0, 0, 0, NS_PER_S))
    assert (alone["only"], alone["rms"], alone["n"]) == ("a", None, 0)
    assert row(None, gauge([1]), Alignment(0, 0, 0, NS_PER_S))["only"] == "b"
    other = row(gauge([1, 2]), gauge([1, 2], unit="deg"))
    assert (other["only"], other["rms"]) == (None, None)
    assert "rad" in other["why"]
    apart = row(gauge([1, 2]), gauge([1, 2], start_ns=3600 * NS_PER_S))
    assert (apart["rms"], apart["relative"]) == (None, None)
    with pytest.raises(ValueError, match="neither"):
        difference_of(None, None, Alignment(0, 0, 0, 1))


def test_the_greatest_difference_comes_first_and_what_one_side_has_last():
    span = Alignment(0, 0, 0, NS_PER_S)
    near = difference_of(replace(gauge([0, 9, 0]), signal="s:near"), replace(gauge([0, 8, 0]), signal="s:near"), span)
    far = difference_of(replace(gauge([0, 1, 0]), signal="s:far"), replace(gauge([1, 0, 1]), signal="s:far"), span)
    bounded = [replace(gauge(one), signal="s:bounded", low=-50.0, high=50.0) for one in ([0, 1, 0], [1, 0, 1])]
    # Beside its normal range a difference may be small that is great beside what was seen.
    small = difference_of(*bounded, span)
    assert small.relative == pytest.approx(0.01)
    alone = difference_of(replace(gauge([1]), signal="s:alone"), None, span)
    orders = difference_of(*(word_track("s:order", Kind.TEXT, [(0, one)]) for one in "pq"), span)
    assert orders.relative == 1.0
    names = [one.signal for one in ranked([alone, orders, small, near, far])]
    assert names == ["s:far", "s:near", "s:bounded", "s:order", "s:alone"]


# ---- lag ----

STEADY = np.random.default_rng(7)


@pytest.mark.parametrize("k", [-37, -1, 0, 1, 5, 40])
def test_a_shift_by_k_samples_is_a_lag_of_k(k):
    values = np.cumsum(STEADY.normal(size=400))
    a, b = gauge(values), gauge(values, start_ns=k * STEP)
    found = row(a, b, Alignment(0, 0, 0, 400 * STEP))
    assert found["lag_ms"] == k * 100
    assert found["confidence"] == pytest.approx(1.0)


@pytest.mark.parametrize("k", [0, 3, -77])
def test_a_long_track_is_lagged_to_one_sample_too(k):
    values = np.sin(np.arange(30_000) / 700) + STEADY.normal(size=30_000) * 0.2
    found = row(gauge(values), gauge(values, start_ns=k * STEP), Alignment(0, 0, 0, 30_000 * STEP))
    assert found["lag_ms"] == k * 100


def test_a_slow_wave_one_sample_late_is_not_called_equal():
    values = np.sin(np.arange(4000) * 2 * np.pi / 20_000)
    found = row(gauge(values), gauge(values, start_ns=STEP), Alignment(0, 0, 0, 4000 * STEP))
    assert found["lag_ms"] == 100


def test_what_stands_still_or_is_not_alike_has_no_lag():
    still = row(gauge([3.0] * 50), gauge([3.0] * 50))
    assert (still["rms"], still["lag_ms"], still["confidence"]) == (0.0, None, None)
    noise = row(gauge(STEADY.normal(size=2000)), gauge(STEADY.normal(size=2000)))
    assert noise["lag_ms"] is None
    assert row(gauge([1, 2, 3]), gauge([1, 2, 3]))["lag_ms"] is None


values_ = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=60)


@given(values_)
def test_a_side_beside_itself_differs_in_nothing(values):
    found = row(gauge(values), gauge(values))
    assert (found["rms"], found["max"], found["mean"], found["relative"]) == (0.0, 0.0, 0.0, 0.0)
    assert found["lag_ms"] in (0.0, None)


@given(values_, values_, st.integers(-5, 5))
def test_exchanging_the_sides_mirrors_the_numbers(one, other, k):
    a, b = gauge(one), gauge(other, start_ns=k * STEP)
    there, back = row(a, b), row(b, a)
    for name in ("n", "rms", "max", "at_s", "unequal"):
        assert there[name] == back[name], name
    assert (there["a"], there["b"]) == (back["b"], back["a"])
    if there["mean"] is not None:
        assert there["mean"] == -back["mean"]
    if there["lag_ms"] is not None:
        assert there["lag_ms"] == -back["lag_ms"]
        assert there["confidence"] == pytest.approx(back["confidence"])


# ---- alignment ----


def test_the_way_is_read_and_said_again():
    for text in ("clock", "offset", "offset:0.42", "event:Execute", "event:cycle@line1/R-101"):
        assert str(Align.parse(text)) == text
    for wrong in ("", "now", "clock:3", "offset:far", "offset:nan", "offset:1e99", "event", "event:", "event:@R-1"):
        with pytest.raises(RecordingError, match="clock, offset"):
            Align.parse(wrong)


def extent(start, seconds):
    start_ns = ns_from_iso(start)
    return Extent(start_ns, start_ns + seconds * NS_PER_S)


def test_by_clock_is_the_very_time_where_both_have_some_and_else_the_time_of_day():
    a = extent("2026-11-20T14:00:00+09:00", 600)
    same = aligned(Align.parse("clock"), a, extent("2026-11-20T14:05:00+09:00", 600))
    assert same.a_origin_ns == same.b_origin_ns == ns_from_iso("2026-11-20T14:05:00+09:00")
    assert (same.start_ns, same.span_s) == (0, 300)
    day = aligned(Align.parse("clock"), a, extent("2026-11-17T14:02:00+09:00", 60), timezone="Asia/Seoul")
    assert day.a_origin_ns == ns_from_iso("2026-11-20T14:02:00+09:00")
    assert day.b_origin_ns == ns_from_iso("2026-11-17T14:02:00+09:00")
    # Over a change of clocks the wall's time counts: 14:00 in winter is 14:00 in summer.
    winter = aligned(
        Align.parse("clock"),
        extent("2026-01-10T14:00:00+01:00", 600),
        extent("2026-07-10T14:00:00+02:00", 600),
        timezone="Europe/Berlin",
    )
    assert winter.span_s == 600
    with pytest.raises(RecordingError, match="offset"):
        aligned(Align.parse("clock"), a, extent("2026-11-17T20:00:00+09:00", 60), timezone="Asia/Seoul")


def test_by_offset_both_begin_at_once_or_b_so_much_later():
    a, b = extent("2026-11-20T14:00:00+09:00", 600), extent("2026-11-17T09:00:00+09:00", 300)
    plain = aligned(Align.parse("offset"), a, b)
    assert (plain.a_origin_ns, plain.b_origin_ns, plain.span_s) == (a.start_ns, b.start_ns, 300)
    later = aligned(Align.parse("offset:100"), a, b)
    assert (later.a_origin_ns - a.start_ns, later.b_origin_ns - b.start_ns) == (100 * NS_PER_S, 0)
    earlier = aligned(Align.parse("offset:-100"), a, b)
    assert (earlier.a_origin_ns - a.start_ns, earlier.b_origin_ns - b.start_ns) == (0, 100 * NS_PER_S)
    assert earlier.span_s == 200


def test_by_event_zero_is_the_first_of_an_asset_that_has_it_in_both():
    a, b = Extent(0, 100 * NS_PER_S), Extent(1000 * NS_PER_S, 1100 * NS_PER_S)
    ours = [
        Happening(5 * NS_PER_S, "StateChanged", "s/l/R-1", "Execute"),
        Happening(20 * NS_PER_S, "StateChanged", "s/l/R-2", "Execute"),
    ]
    theirs = [
        Happening(1030 * NS_PER_S, "StateChanged", "s/l/R-2", "Execute"),
        Happening(1040 * NS_PER_S, "AlarmRaised", "s/l/R-1", "hot"),
    ]
    found = aligned(Align.parse("event:execute"), a, b, ours, theirs)
    assert (found.a_origin_ns, found.b_origin_ns) == (20 * NS_PER_S, 1030 * NS_PER_S)
    assert (found.start_ns, found.end_ns) == (-20 * NS_PER_S, 70 * NS_PER_S)
    back = aligned(Align.parse("event:execute"), b, a, theirs, ours)
    assert (back.b_origin_ns, back.a_origin_ns) == (found.a_origin_ns, found.b_origin_ns)
    with pytest.raises(RecordingError, match="in B; both have: Execute, StateChanged"):
        aligned(Align.parse("event:Execute@R-1"), a, b, ours, theirs)
    with pytest.raises(RecordingError, match="in A; both have"):
        aligned(Align.parse("event:hot"), a, b, ours, theirs)
    with pytest.raises(RecordingError, match="no asset in common"):
        aligned(Align.parse("event:StateChanged"), a, b, ours[:1], theirs)


# ---- events ----


def test_events_pair_within_the_tolerance_and_the_rest_is_of_one_side():
    def raised(t_s, text="hot", asset="s/R-1"):
        return Happening(round(t_s * NS_PER_S), "AlarmRaised", asset, text)

    ours = [raised(1.0), raised(5.0), raised(9.0, "silent")]
    theirs = [raised(1.4), raised(7.0), raised(9.0, "silent", "s/R-2")]
    found = matched(ours, theirs, tolerance_ns=NS_PER_S)
    assert [(one.t_ns, other.t_ns) for one, other in found.both] == [(NS_PER_S, 1_400_000_000)]
    assert [one.text for one in found.only_a] == ["hot", "silent"]
    assert [one.asset for one in found.only_b] == ["s/R-1", "s/R-2"]
    # An event of just outside is told of neither side, and still takes its partner.
    edge = matched(ours[:1], theirs[:1], tolerance_ns=NS_PER_S, within_ns=(0, 1_200_000_000))
    assert (len(edge.both), edge.only_a, edge.only_b) == (1, (), ())


happenings = st.lists(
    st.builds(Happening, st.integers(0, 40), st.sampled_from("xy"), st.just("s/a"), st.sampled_from("pq")), max_size=25
)


@given(happenings, happenings, st.integers(0, 5))
def test_events_are_told_once_and_mirrored_when_the_sides_are_exchanged(a, b, tolerance):
    found, back = matched(a, b, tolerance_ns=tolerance), matched(b, a, tolerance_ns=tolerance)
    assert (found.only_a, found.only_b) == (back.only_b, back.only_a)
    assert sorted([one for one, _ in found.both] + list(found.only_a)) == sorted(a)
    assert sorted([one for _, one in found.both] + list(found.only_b)) == sorted(b)
    assert all(one.key == other.key and abs(one.t_ns - other.t_ns) <= tolerance for one, other in found.both)
    for one in found.only_a:
        left = [other for other in found.only_b if other.key == one.key and abs(other.t_ns - one.t_ns) <= tolerance]
        assert not left
    assert matched(a, a, tolerance_ns=tolerance).only_a == ()


# ---- figures ----


def test_figures_are_of_both_sides_and_their_difference_null_where_undefined():
    def kpi(name, value, convention=""):
        return Kpi(name, value, "1", (), 1.0, convention)

    site, line = ("site", "s"), ("line", "s/l")
    found = figure_differences(
        {site: [kpi("oee", 0.75), kpi("mtbf", 10.0, "FE+1"), kpi("mtbf", 20.0, "FE")], line: [kpi("oee", 0.5)]},
        {site: [kpi("oee", 0.5), kpi("mtbf", None, "FE+1")]},
        "FE+1",
    )
    assert [(one.of, one.name, one.a, one.b, one.difference) for one in found] == [
        ("s", "oee", 0.75, 0.5, 0.25), ("s", "mtbf", 10.0, None, None), ("s/l", "oee", 0.5, None, None),
    ]  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.integers(-60, 60))
def test_whatever_moves_at_random_is_lagged_by_its_shift(seed, k):
    values = np.round(np.cumsum(np.random.default_rng(seed).normal(size=200)), 3)
    found = row(gauge(values), gauge(values, start_ns=k * STEP), Alignment(0, 0, 0, 200 * STEP))
    assert found["lag_ms"] == k * 100
