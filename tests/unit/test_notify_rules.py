"""Who is told of what, and when: delays, quiet hours, floods, and that nothing is told twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.alarms import AlarmState, Priority
from twin.alarms.notify import NoticeKind, NotifyRule, QuietHours, due
from twin.clock import NS_PER_S

SEOUL = "Asia/Seoul"
ZONES = {"jeonju": SEOUL, "changwon": SEOUL}
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=ZoneInfo(SEOUL))  # a Friday


def ns(moment):
    return round(moment.timestamp()) * NS_PER_S


NOW = ns(NOON)


def alarm(name="jeonju/weld/R-1:hot", row=1, age_s=10.0, **more):
    facts = {"raised": True, "acknowledged": False, "raised_ns": NOW - round(age_s * NS_PER_S), **more}
    return AlarmState(name, name.partition(":")[0], "hot", occurrence=row, **facts)


def ask(rule, alarms, told=(), last_ns=0, now_ns=NOW, priority=Priority.HIGH):
    return due(rule, alarms, lambda _: priority, ZONES, set(told), last_ns, now_ns)


ALL = NotifyRule("all", Priority.LOW, every_s=0.0)


def told_of(notices):
    return [one for notice in notices for one in notice.alarms]


def test_an_alarm_is_told_once_while_nobody_has_acknowledged_it():
    one = alarm()
    (notice,) = ask(ALL, [one])
    assert (notice.kind, notice.alarms) == (NoticeKind.RAISED, ((one.id, 1),))
    assert ask(ALL, [one], told=notice.alarms) == []
    assert ask(ALL, [alarm(row=2)], told=notice.alarms) != [], "a new row is news"
    assert ask(ALL, [replace(one, acknowledged=True)]) == []
    assert ask(ALL, [replace(one, raised=False)]) == [], "it has returned"
    assert ask(ALL, [replace(one, shelved_until_ns=NOW + 9)]) == []
    assert ask(ALL, [replace(one, raised=False, latched=True)]) != []


def test_escalation_waits_its_time():
    later = replace(ALL, after_s=600.0)
    assert ask(later, [alarm(age_s=599)]) == []
    assert ask(later, [alarm(age_s=600)]) != []


@pytest.mark.parametrize(("least", "priority", "is_told"), [
    (Priority.HIGH, Priority.CRITICAL, True), (Priority.HIGH, Priority.HIGH, True), (Priority.HIGH, Priority.MEDIUM, False),
    (Priority.LOW, Priority.LOW, True), (Priority.LOW, None, False),
])  # fmt: skip
def test_what_is_less_urgent_is_not_told(least, priority, is_told):
    assert bool(ask(replace(ALL, least=least), [alarm()], priority=priority)) is is_told


def test_a_rule_is_for_its_sites():
    here = replace(ALL, sites=frozenset({"changwon"}))
    assert told_of(ask(here, [alarm(), alarm("changwon/a:hot")])) == [("changwon/a:hot", 1)]


@pytest.mark.parametrize(("hours", "at", "quiet"), [
    (QuietHours(22 * 60, 7 * 60), NOON.replace(hour=21, minute=59), False),
    (QuietHours(22 * 60, 7 * 60), NOON.replace(hour=22), True),
    (QuietHours(22 * 60, 7 * 60), NOON.replace(day=28, hour=6, minute=59), True),
    (QuietHours(22 * 60, 7 * 60), NOON.replace(day=28, hour=7), False),
    (QuietHours(22 * 60, 7 * 60, frozenset({4})), NOON.replace(day=28, hour=3), True),
    (QuietHours(22 * 60, 7 * 60, frozenset({4})), NOON.replace(day=28, hour=23), False),
    (QuietHours(0, 24 * 60, frozenset({5, 6})), NOON, False),
    (QuietHours(0, 24 * 60, frozenset({5, 6})), NOON.replace(day=29, hour=23, minute=59), True),
])  # fmt: skip
def test_quiet_hours_are_local_and_belong_to_the_day_they_begin_on(hours, at, quiet):
    assert hours.holds(ns(at), SEOUL) is quiet
    rule = replace(ALL, quiet=(hours,))
    one = alarm(raised_ns=ns(at) - NS_PER_S)
    assert bool(ask(rule, [one], now_ns=ns(at))) is not quiet
    assert ask(rule, [one], now_ns=ns(at), priority=Priority.CRITICAL), "critical ones break through"
    assert bool(ask(replace(rule, through=None), [one], now_ns=ns(at), priority=Priority.CRITICAL)) is not quiet


def test_what_came_in_quiet_hours_is_told_behind_them_if_it_lasts():
    rule = replace(ALL, quiet=(QuietHours(22 * 60, 7 * 60),))
    night, morning = ns(NOON.replace(hour=23)), ns(NOON.replace(day=28, hour=7))
    one = alarm(raised_ns=night)
    assert ask(rule, [one], now_ns=night) == []
    assert told_of(ask(rule, [one], now_ns=morning)) == [(one.id, 1)]


def test_many_at_once_are_one_notice_the_most_urgent_first():
    alarms = [alarm(f"jeonju/a{i}:hot", age_s=i) for i in range(1, 30)]
    order = {one.id: Priority.CRITICAL if one.id.startswith("jeonju/a17") else Priority.LOW for one in alarms}
    (notice,) = due(ALL, alarms, lambda one: order[one.id], ZONES, set(), 0, NOW)
    assert len(notice.alarms) == 29
    assert [name for name, _ in notice.alarms[:2]] == ["jeonju/a17:hot", "jeonju/a29:hot"]
    assert len(ask(ALL, alarms[:3])) == 3


def test_between_two_notices_lies_a_time():
    rule = replace(ALL, every_s=60.0)
    assert ask(rule, [alarm()], last_ns=NOW - 59 * NS_PER_S) == []
    assert ask(rule, [alarm()], last_ns=NOW - 60 * NS_PER_S) != []


def test_the_end_is_told_where_it_is_wanted():
    told = {("jeonju/weld/R-1:hot", 1), ("jeonju/weld/R-2:hot", 4)}
    assert ask(ALL, [alarm()], told=told) == []
    (notice,) = ask(replace(ALL, over=True), [alarm()], told=told)
    assert (notice.kind, notice.alarms) == (NoticeKind.OVER, (("jeonju/weld/R-2:hot", 4),))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.booleans()), max_size=40), st.booleans())
def test_whatever_comes_each_row_is_told_once_and_its_end_once(steps, over):
    rule, told, seen = replace(ALL, over=over), set(), []
    now_ns = NOW
    for asset, row, acknowledged in steps:
        now_ns += NS_PER_S
        alarms = [alarm(f"jeonju/a{asset}:hot", row, acknowledged=acknowledged)]
        for notice in due(rule, alarms, lambda _: Priority.HIGH, ZONES, told, 0, now_ns):
            seen += [(notice.kind, one) for one in notice.alarms]
            for one in notice.alarms:
                told = told | {one} if notice.kind is NoticeKind.RAISED else told - {one}
    ends = [one for kind, one in seen if kind is NoticeKind.OVER]
    begins = [one for kind, one in seen if kind is NoticeKind.RAISED]
    assert over or not ends
    assert all(ends.count(one) in (begins.count(one), begins.count(one) - 1) for one in begins) or not over
