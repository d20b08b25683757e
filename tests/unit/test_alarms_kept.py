"""Alarms kept with their batches: a restart goes on exactly, a re-fold finds what was changed, rules may change."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.stores.memory import MemoryStore
from twin.alarms import ActionKind, AlarmAction, AlarmEventKind, AlarmRule, Bound, Limit, On, Priority, rules_by_asset
from twin.alarms.rule import SILENT
from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.keyframes import resume_with_alarms, verify
from twin.ports import Commit, Folded
from twin.sample import Signal, batch_of, frame, stream_of
from twin.site import Asset, Hub, Name, Site

START = 500_000 * 3600 * NS_PER_S
ASSET = "jeonju/cell1/ur3"
ARM = stream_of(ASSET, "joints", [Signal("torque", high=10.0)], sequenced=True, period_s=1.0, source="a")
HOT = AlarmRule(
    "torque",
    Limit(On("torque"), Bound.HI, 10.0, deadband=1.0),
    Priority.HIGH,
    Name("토크", "Torque"),
    Name("-", "-"),
    Name("-", "-"),
    on_delay_s=2.0,
)


def hub():
    site = Site("jeonju", Name("전주", "Jeonju"), Name("전북", "Jeonbuk"), "Asia/Seoul", (10.0, 10.0))
    return Hub("h", Name("h", "h"), (dataclasses.replace(site, assets=(Asset(ASSET, "robot_arm", Name("u", "u")),)),))


def rules(*given):
    return rules_by_asset(hub(), {"robot_arm": given or (HOT, SILENT)})


class Writer:
    """A writer as ingest is one, and a restart that reads everything back."""

    def __init__(self, store, chosen):
        self.store = store
        self.mirror, self.policy, self.alarms = resume_with_alarms(store, "w", chosen)

    def append(self, n, torque, actions=(), outside=(), fail=False):
        t_ns = START + n * NS_PER_S
        parts = [] if torque is None else [frame(ARM, t_ns, n, t_ns, (torque,))]
        batch = batch_of("w", n, t_ns, parts)

        def fold(stored):
            events = self.mirror.apply(stored)
            keyframe = self.policy.after("w", self.mirror)
            keep = keyframe is not None
            told = self.alarms.apply(stored, self.mirror, (*outside, *events), actions, keep=keep)
            if fail:
                raise RuntimeError("the disk")
            return Folded(events, self.mirror.changed, keyframe, told)

        try:
            self.store.append(Commit(batch, events=tuple(outside)), fold)
        except RuntimeError:
            self.mirror.undo()
            self.policy.undo()
            self.alarms.undo()
            return
        self.alarms.settled()


def acknowledge(n, number):
    return AlarmAction(ActionKind.ACKNOWLEDGE, f"{ASSET}:torque", "kim", START + n, id=number)


def journal(store):
    return [(one.kind, one.t_ns - START) for one in reversed(store.alarm_events(0, 2**62))]


STEP = st.tuples(st.sampled_from([5.0, 9.5, 12.0, None]), st.booleans(), st.booleans(), st.booleans())


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(STEP, min_size=1, max_size=90))
def test_restarts_and_failed_commits_change_nothing(steps):
    calm, rough = MemoryStore(), MemoryStore()
    one, other = Writer(calm, rules()), Writer(rough, rules())
    for n, (torque, acts, fails, restarts) in enumerate(steps, 1):
        actions = [acknowledge(n, n)] if acts else []
        outside = [Event(EventKind.ERROR_RAISED, START + n, ASSET, "e1", "", "jam")] if acts else []
        one.append(n, torque, actions, outside)
        if fails:
            other.append(n, torque, actions, outside, fail=True)
        other.append(n, torque, actions, outside)
        if restarts:
            other = Writer(rough, rules())
    assert journal(calm) == journal(rough)
    assert calm.alarms() == rough.alarms()
    assert one.alarms.book.canonical() == other.alarms.book.canonical()
    assert calm.last_action("w") == rough.last_action("w")
    for store in (calm, rough):
        verdict = verify(store, rules())
        assert (verdict.mismatches, verdict.alarm_batches) == ((), len(steps) - 1)
        for n in range(len(steps) + 1):
            at = {alarm.id for alarm in store.alarms_at(START + n * NS_PER_S)}
            told = [one for one in reversed(store.alarm_events(0, START + n * NS_PER_S + 1)) if one.state is not None]
            last = {one.alarm: one.state.letter.value for one in told}
            assert at == {alarm for alarm, letter in last.items() if letter != "A"}


def test_a_changed_journal_is_found():
    store = MemoryStore()
    writer = Writer(store, rules())
    for n in range(1, 8):
        writer.append(n, 12.0)
    (raised,) = store.alarm_events(0, 2**62, kinds=[AlarmEventKind.RAISED])
    n = (raised.t_ns - START) // NS_PER_S
    kept = store._folded["w", n]
    store._folded["w", n] = dataclasses.replace(kept, events=(dataclasses.replace(raised, value=11.0),))
    (found,) = verify(store, rules()).mismatches
    assert (found.n, found.what) == (n, "alarms")


def test_an_alarm_whose_rule_has_gone_is_dropped_and_told():
    store = MemoryStore()
    writer = Writer(store, rules())
    for n in range(1, 6):
        writer.append(n, 12.0)
    assert [alarm.id for alarm in store.alarms()] == [f"{ASSET}:torque"]
    writer = Writer(store, rules(SILENT))
    writer.append(6, 12.0)
    assert store.alarms() == []
    assert next(one.kind for one in store.alarm_events(0, 2**62)) is AlarmEventKind.DROPPED
    assert store.alarms_at(START + 5 * NS_PER_S)[0].id == f"{ASSET}:torque"
    assert store.alarms_at(START + 6 * NS_PER_S) == []
    assert verify(store, rules()).mismatches == ()
    assert verify(store, rules(SILENT)).mismatches == ()


@pytest.mark.parametrize("number", [0, 3])
def test_the_last_action_is_known(number):
    store = MemoryStore()
    writer = Writer(store, rules())
    writer.append(1, 12.0, [acknowledge(1, number)] if number else [])
    assert store.last_action("w") == number
    assert store.last_action("nobody") == 0
