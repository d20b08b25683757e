"""Recordings by rule: what triggers one, what lies around it, and that no look makes a second one."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.desk import Desk
from connectors.desk.recordings import recordings
from connectors.recordings.recorder import BACK_NS, Recorder
from connectors.stores.sql import open_store
from twin.alarms import AlarmEvent, AlarmEventKind, Priority
from twin.clock import NS_PER_S, ManualClock, iso_from_ns, ns_from_iso
from twin.config import parse_factory
from twin.errors import ConfigError
from twin.events import Event, EventKind
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.record_rules import RecordRule, Trigger, triggers, wanted
from twin.sample import Kind, Signal, batch_of, frame, stream_of

T0 = 1_795_328_000 * NS_PER_S
ARM = "jeonju/line1/ur3"
HUB = {
    "hub": {"id": "h", "name": "h"},
    "site": [
        {
            "id": "jeonju", "name": "전주", "timezone": "Asia/Seoul", "size_m": [10.0, 10.0],
            "asset": [{"id": "line1/ur3", "type": "robot_arm", "name": "UR3"}],
        }
    ],
}  # fmt: skip


def rules(*tables):
    return parse_factory({**HUB, "record": list(tables)}, ("robot_arm",)).record


def raised(t_ns, alarm=f"{ARM}:hot", priority=Priority.HIGH, **more):
    return AlarmEvent(AlarmEventKind.RAISED, t_ns, alarm, alarm.partition(":")[0], priority=priority, **more)


def test_an_alarm_is_chosen_by_id_or_by_priority_at_its_site():
    journal = [
        raised(1), raised(2, priority=Priority.LOW), raised(3, priority=Priority.CRITICAL), raised(4, hidden=True),
        raised(5, f"{ARM}:cold"), raised(6, "changwon/x:hot"), raised(99),
    ]  # fmt: skip
    any_high = RecordRule("a", "jeonju", Trigger.ALARM)
    this = RecordRule("a", "jeonju", Trigger.ALARM, alarm=f"{ARM}:cold")
    assert triggers(any_high, "UTC", journal, [], 0, 50) == [1, 3, 5]
    assert triggers(this, "UTC", journal, [], 0, 50) == [5]


def test_a_state_is_come_into_not_left():
    events = [
        Event(EventKind.STATE_CHANGED, 1, ARM, "state", "Execute", "Held"),
        Event(EventKind.STATE_CHANGED, 2, ARM, "state", "Held", "Execute"),
        Event(EventKind.STATE_CHANGED, 3, "jeonju/line1/other", "state", "", "Held"),
    ]
    rule = RecordRule("s", "jeonju", Trigger.STATE, asset=ARM, state="Held")
    assert triggers(rule, "UTC", [], events, 0, 50) == [1]


def test_a_schedule_is_by_the_sites_own_clock_through_the_change_of_summer_time():
    rule = RecordRule("d", "berlin", Trigger.SCHEDULE, minute=6 * 60)
    start_ns, end_ns = ns_from_iso("2026-03-28T00:00:00Z"), ns_from_iso("2026-03-31T00:00:00Z")
    found = [iso_from_ns(t_ns, 0) for t_ns in triggers(rule, "Europe/Berlin", [], [], start_ns, end_ns)]
    assert found == ["2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z", "2026-03-30T04:00:00Z"]


@given(st.lists(st.integers(0, 2000), max_size=30))
def test_every_trigger_is_inside_a_recording_and_looking_again_makes_no_other(seconds):
    rule = RecordRule("r", "jeonju", Trigger.ALARM, pre_s=10, post_s=60)
    times = sorted(T0 + one * NS_PER_S for one in seconds)
    first = wanted(rule, times, [])
    assert all(any(one.from_ns <= t_ns < one.to_ns for one in first) for t_ns in times)
    assert wanted(rule, times, first) == []
    assert len({one.name for one in first}) == len(first)
    assert all(not one.problem() for one in first)


def test_the_factory_file_says_what_is_recorded():
    alarm, state, daily = rules(
        {"name": "a", "on": "alarm", "priority": "critical", "pre_s": 5, "tags": ["x"]},
        {"name": "s", "on": "state", "asset": ARM, "state": "Held"},
        {"name": "d", "on": "schedule", "daily": "06:30", "post_s": 600},
    )
    assert (alarm.site, alarm.priority, alarm.pre_s, alarm.tags) == ("jeonju", Priority.CRITICAL, 5.0, ("x",))
    assert (state.on, state.asset, state.state) == (Trigger.STATE, ARM, "Held")
    assert (daily.minute, daily.post_s) == (390, 600.0)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"on": "sunrise"}, "on"),
        ({"on": "alarm", "site": "seoul"}, "site"),
        ({"on": "state", "asset": "jeonju/x", "state": "Held"}, "asset"),
        ({"on": "state", "asset": ARM}, "asset"),
        ({"on": "schedule", "daily": "25:00"}, "daily"),
        ({"on": "alarm", "pre_s": -1}, "pre_s"),
        ({"on": "alarm", "pre_s": 0, "post_s": 0}, "post_s"),
        ({"on": "alarm", "prio": "high"}, "prio"),
    ],
)
def test_a_mistake_is_named(table, key):
    with pytest.raises(ConfigError) as told:
        rules({"name": "r", **table})
    assert any(key in one.key for one in told.value.mistakes)


def test_two_rules_of_one_name_are_a_mistake():
    with pytest.raises(ConfigError):
        rules({"name": "r", "on": "alarm"}, {"name": "r", "on": "alarm"})


def test_what_the_store_tells_is_recorded_once_with_its_rule_as_origin(tmp_path):
    url = f"sqlite:///{tmp_path}/twin.db"
    stream = stream_of(ARM, "state", [Signal("state", Kind.STATE)], source="m")
    mirror = Mirror()

    def fold(batch):
        events = mirror.apply(batch)
        return Folded(events, mirror.changed)

    with closing(open_store(url)) as store:
        for n, state in enumerate(("Idle", "Execute", "Held", "Execute"), 1):
            t_ns = T0 + n * NS_PER_S
            store.append(Commit(batch_of("w", n, t_ns, [frame(stream, t_ns, n, t_ns, (), (state,))])), fold)
    clock = ManualClock(T0 + 60 * NS_PER_S)
    config = {**HUB, "record": [{"name": "held", "on": "state", "asset": ARM, "state": "Held", "pre_s": 5}]}
    factory = parse_factory(config, ("robot_arm",))
    recorder = Recorder(url, factory.hub, factory.record, clock)
    (made,) = recorder.look()
    assert (made.from_ns, made.to_ns) == (T0 - 2 * NS_PER_S, T0 + 63 * NS_PER_S)
    assert recorder.look() == []
    with closing(Desk(url, clock)) as desk:
        (kept,) = recordings(desk)
    assert (kept.name, kept.origin, kept.who) == (f"held {iso_from_ns(T0 + 3 * NS_PER_S, 0)}", "rule:held", "rule:held")
    clock.advance(2 * BACK_NS / NS_PER_S)
    assert Recorder(url, factory.hub, factory.record, clock).look() == []
