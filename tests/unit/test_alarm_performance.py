"""The alarm system's own figures, against cases counted by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twin.alarms import AlarmEvent, AlarmEventKind, Priority
from twin.alarms.flood import FLOOD_ABOVE, FLOOD_BELOW, FLOOD_WINDOW_NS
from twin.alarms.performance import performance
from twin.clock import NS_PER_S

MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S


def raised(t_s, alarm="a:x", kind=AlarmEventKind.RAISED, priority=Priority.LOW, count=1, hidden=False):
    return AlarmEvent(kind, t_s * NS_PER_S, alarm, "a", priority=priority, count=count, hidden=hidden)


def test_a_quiet_day_has_zeros_and_nothing_to_divide_by():
    found = performance([], 0, 24 * HOUR)
    assert (found.count, found.flood_ns, found.busy_ratio, found.top_ratio) == (0, 0, 0.0, None)
    assert len(found.per_ten_minutes) == 144
    assert performance([], 0, 0).flood_ratio is None


def test_an_hour_with_a_flood_comes_out_as_counted_by_hand():
    # Twelve at seconds 0…11: the eleventh, at second 10, makes it a flood. Fewer than five are left when
    # the eighth (second 7) leaves the window, at second 607. So 597 s of 3600 s.
    events = [raised(t, f"a:{t % 3}", priority=Priority.HIGH if t == 0 else Priority.LOW) for t in range(12)]
    events += [raised(1200, "a:0"), raised(1210, "a:9", hidden=True)]
    found = performance(events, 0, HOUR)
    assert found.count == 13
    assert found.per_ten_minutes == (12, 0, 1, 0, 0, 0)
    assert found.busy_ratio == 1 / 6
    assert found.busy_hours_ratio == 0.0
    assert found.flood_ns == 597 * NS_PER_S
    assert found.flood_ratio == 597 / 3600
    assert found.top == (("a:0", 5), ("a:1", 4), ("a:2", 4))
    assert found.top_ratio == 1.0
    assert found.chattering == ("a:0", "a:1", "a:2")
    assert found.priority_ratio(Priority.HIGH) == 1 / 13


def test_chattering_is_three_in_less_than_a_minute_with_the_repeats_of_one_batch_counted():
    slow = [raised(t, "a:slow") for t in (0, 30, 60)]
    fast = [raised(0, "a:fast"), raised(5, "a:fast", AlarmEventKind.REPEATED, count=9)]
    assert performance([*slow, *fast], 0, HOUR).chattering == ("a:fast",)


def test_what_stands_for_more_than_a_day_is_stale():
    events = [raised(0, "a:old"), raised(0, "a:gone"), raised(5, "a:gone", AlarmEventKind.CLEARED), raised(10, "a:day")]
    assert performance(events, 10 * HOUR, 24 * HOUR + 5 * NS_PER_S).stale == ("a:old",)


@given(st.lists(st.integers(0, 3000), max_size=60))
def test_time_in_flood_is_what_second_by_second_counting_gives(times):
    """Ticks of a second: a flood begins above ten in the window and is over below five."""
    on, seconds = False, 0
    for t in range(4000):
        count = sum(t - FLOOD_WINDOW_NS // NS_PER_S < one <= t for one in times)
        on = count >= FLOOD_BELOW if on else count > FLOOD_ABOVE
        seconds += on
    found = performance([raised(t) for t in sorted(times)], 0, 4000 * NS_PER_S)
    assert found.flood_ns == seconds * NS_PER_S


@given(st.lists(st.integers(0, 7199), max_size=40), st.integers(1, 7199))
def test_counts_of_two_parts_of_a_time_add_up(times, cut):
    events = [raised(t, f"a:{t % 5}") for t in sorted(times)]
    whole = performance(events, 0, 7200 * NS_PER_S)
    first, second = performance(events, 0, cut * NS_PER_S), performance(events, cut * NS_PER_S, 7200 * NS_PER_S)
    assert first.count + second.count == whole.count
    assert first.flood_ns + second.flood_ns == whole.flood_ns
