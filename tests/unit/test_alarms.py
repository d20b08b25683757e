"""Alarms: the states of ISA-18.2 by example, the fold's laws as properties."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from twin.alarms import (
    ActionKind,
    AlarmAction,
    AlarmBook,
    AlarmEventKind,
    AlarmRule,
    Bound,
    Deviation,
    DeviceError,
    Frozen,
    InState,
    Letter,
    Limit,
    Missing,
    On,
    Priority,
    Rate,
    Stale,
    restore,
)
from twin.alarms.book import MAX_ALARMS_AN_ASSET
from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.mirror import Mirror
from twin.sample import Kind, Quality, Role, Signal, batch_of, frame, stream_of
from twin.site import Name

T0 = 1_700_000_000 * NS_PER_S
ASSET = "jeonju/line1/press"
PRESS = stream_of(
    ASSET, "data",
    [Signal("heat", high=70.0, low=10.0), Signal("force", role=Role.JOINT_EFFORT, low=-50.0, high=50.0),
     Signal("count", Kind.COUNTER)],
    sequenced=True, period_s=1.0,
)  # fmt: skip
STATE = stream_of(ASSET, "state", [Signal("state", Kind.STATE, role=Role.STATE), Signal("error", Kind.TEXT)])
PAIR = stream_of(ASSET, "pair", [Signal("level"), Signal("capacity")], period_s=1.0)
K = AlarmEventKind
HEAT = f"{ASSET}:hot"


def rule(name, condition, **more):
    text = Name("문구", "words")
    return AlarmRule(name, condition, more.pop("priority", Priority.HIGH), text, text, text, **more)


HOT = rule("hot", Limit(On("heat"), Bound.HI, deadband=5.0))


class Press:
    """A mirror and a book that fold second by second what is told."""

    def __init__(self, *rules):
        self.mirror, self.book = Mirror(), AlarmBook(lambda asset: rules if asset == ASSET else ())
        self.n = 0

    def tell(self, *parts, at=None, actions=(), events=()):
        self.n += 1
        batch = batch_of("w", self.n, T0 + (self.n if at is None else at) * NS_PER_S, parts)
        return self.book.apply(batch, self.mirror, (*self.mirror.apply(batch), *events), actions)

    def heat(self, *values, **more):
        first = (self.n + 1) * 100
        rows = [
            frame(PRESS, T0 + (first + i) * 10_000_000, first + i, T0, (value, 0.0, 0.0))
            for i, value in enumerate(values)
        ]
        return self.tell(*rows, **more)

    def act(self, kind, alarm=HEAT, who="kim", why="", **more):
        return self.tell(actions=[AlarmAction(kind, alarm, who, T0, why, **more)])

    def letter(self, alarm=HEAT):
        state = self.book.alarms.get(alarm)
        return Letter.NORMAL if state is None else state.letter


def kinds(events):
    return [event.kind for event in events]


def test_an_alarm_goes_from_normal_to_unacknowledged_to_acknowledged_to_normal():
    press = Press(HOT)
    assert press.heat(60.0) == ()
    (raised,) = press.heat(71.0)
    assert (raised.kind, raised.occurrence, raised.value, raised.priority) == (K.RAISED, 1, 71.0, Priority.HIGH)
    assert press.letter() is Letter.UNACKNOWLEDGED
    (told,) = press.act(ActionKind.ACKNOWLEDGE, why="fan on")
    assert (told.kind, told.who, told.why) == (K.ACKNOWLEDGED, "kim", "fan on")
    assert press.letter() is Letter.ACKNOWLEDGED
    assert press.heat(66.0) == ()  # within the deadband: 70 − 5
    assert kinds(press.heat(65.0)) == [K.CLEARED]
    assert press.letter() is Letter.NORMAL
    assert press.book.alarms == {}


def test_a_repeat_while_unacknowledged_counts_and_adds_no_row():
    press = Press(HOT)
    press.heat(71.0)
    press.heat(60.0)
    assert press.letter() is Letter.RETURNED_UNACKNOWLEDGED
    (again,) = press.heat(72.0)
    assert (again.kind, again.occurrence, again.count) == (K.REPEATED, 1, 2)
    assert press.letter() is Letter.UNACKNOWLEDGED
    press.heat(60.0)
    press.act(ActionKind.ACKNOWLEDGE)
    assert press.letter() is Letter.NORMAL
    (fresh,) = press.heat(73.0)
    assert (fresh.kind, fresh.occurrence, fresh.count) == (K.RAISED, 2, 1)


def test_a_spike_of_one_sample_is_seen_and_over_in_the_same_batch():
    press = Press(HOT)
    assert kinds(press.heat(60.0, 60.0, 99.0, 60.0)) == [K.RAISED, K.CLEARED]
    assert press.letter() is Letter.RETURNED_UNACKNOWLEDGED


def test_an_alarm_that_chatters_within_a_batch_tells_one_repeat_and_counts_them_all():
    press = Press(HOT)
    told = press.heat(*[60.0, 99.0] * 50)
    assert kinds(told) == [K.RAISED, K.CLEARED, K.REPEATED]
    assert press.book.alarms[HEAT].count == 50


def test_a_latched_alarm_waits_for_its_reset_after_acknowledging():
    press = Press(rule("hot", HOT.condition, latching=True))
    press.heat(71.0)
    press.heat(60.0)
    assert press.letter() is Letter.LATCHED_UNACKNOWLEDGED
    assert kinds(press.act(ActionKind.RESET)) == [K.REFUSED]
    press.act(ActionKind.ACKNOWLEDGE)
    assert press.letter() is Letter.LATCHED_ACKNOWLEDGED
    assert kinds(press.act(ActionKind.RESET)) == [K.RESET]
    assert press.letter() is Letter.NORMAL


def test_delays_run_by_ticks_and_a_condition_that_breaks_begins_them_again():
    press = Press(rule("hot", HOT.condition, on_delay_s=3.0, off_delay_s=2.0))
    assert press.heat(71.0, at=0) == ()
    assert press.heat(71.0, at=2) == ()
    assert press.heat(60.0, 71.0, at=3) == ()  # it was over for a moment: from 3 on
    assert press.tell(at=5) == ()
    (raised,) = press.tell(at=6)  # no frame is needed for time to pass
    assert (raised.kind, raised.t_ns) == (K.RAISED, T0 + 6 * NS_PER_S)
    assert press.heat(60.0, at=7) == ()
    assert press.heat(71.0, at=8) == ()
    assert press.heat(60.0, at=9) == ()
    assert kinds(press.tell(at=11)) == [K.CLEARED]


@pytest.mark.parametrize(
    ("hide", "show", "letter"),
    [
        (ActionKind.SHELVE, ActionKind.UNSHELVE, Letter.SHELVED),
        (ActionKind.SUPPRESS, ActionKind.UNSUPPRESS, Letter.SUPPRESSED),
        (ActionKind.TAKE_OUT, ActionKind.PUT_BACK, Letter.OUT_OF_SERVICE),
    ],
)
@pytest.mark.parametrize("lasts", [True, False])
def test_a_hidden_alarm_comes_back_by_the_live_condition(hide, show, letter, lasts):
    press = Press(HOT)
    press.heat(71.0)
    press.act(hide, why="sensor is being changed", for_s=60.0)
    assert press.letter() is letter
    assert [event.hidden for event in press.heat(60.0, 71.0)] == [True, True]
    if not lasts:
        press.heat(60.0)
    told = kinds(press.act(show))
    assert told[1:] == ([K.RAISED] if lasts else [])
    assert press.letter() is (Letter.UNACKNOWLEDGED if lasts else Letter.NORMAL)


def test_a_shelving_ends_by_itself_at_its_time():
    press = Press(HOT)
    press.act(ActionKind.SHELVE, why="known", for_s=5.0)  # at tick 1, before it was ever raised
    assert kinds(press.heat(71.0)) == [K.RAISED]  # hidden
    assert press.tell(at=5) == ()
    assert kinds(press.tell(at=6)) == [K.UNSHELVED, K.RAISED]
    assert press.letter() is Letter.UNACKNOWLEDGED
    assert kinds(press.heat(60.0)) == [K.CLEARED]


@pytest.mark.parametrize(
    ("kind", "more", "why"),
    [
        (ActionKind.ACKNOWLEDGE, {"who": " "}, "acknowledge:nobody"),
        (ActionKind.ACKNOWLEDGE, {"occurrence": 7}, "acknowledge:raised_anew"),
        (ActionKind.ACKNOWLEDGE, {"alarm": f"{ASSET}:no_such"}, "acknowledge:no_such_alarm"),
        (ActionKind.ACKNOWLEDGE, {"alarm": ""}, "acknowledge:no_such_alarm"),
        (ActionKind.SHELVE, {"for_s": 60.0}, "shelve:no_reason"),
        (ActionKind.SHELVE, {"why": "x", "for_s": 90_000.0}, "shelve:time_limit"),
        (ActionKind.SHELVE, {"why": "x", "for_s": math.nan}, "shelve:time_limit"),
        (ActionKind.UNSHELVE, {}, "unshelve:as_it_stands"),
        (ActionKind.RESET, {}, "reset:not_latched"),
    ],
)
def test_an_action_that_cannot_be_is_refused_and_told(kind, more, why):
    press = Press(HOT)
    press.heat(71.0)
    before = dict(press.book.alarms)
    (refused,) = press.act(kind, **more)
    assert refused.kind is K.REFUSED
    assert refused.why == why
    assert press.book.alarms == before


def test_late_frames_and_clocks_that_run_ahead_raise_nothing():
    press = Press(HOT)
    press.heat(60.0)
    late = frame(PRESS, T0, 1, T0, (99.0, 0.0, 0.0))
    ahead = frame(PRESS, T0 + 999 * NS_PER_S, 999, T0, (99.0, 0.0, 0.0), quality=Quality.CLOCK_AHEAD)
    assert press.tell(late) == ()
    assert press.tell(ahead) == ()
    beside = frame(PRESS, T0 + 1, 2, T0, (99.0, 0.0, 0.0))
    assert press.tell(beside, frame(PRESS, T0 + 9 * NS_PER_S, 900, T0, (60.0, 0.0, 0.0))) == ()


def test_a_limit_is_the_signals_own_and_a_share_of_it_for_every_signal_of_a_role():
    high = rule("torque", Limit(On(role=Role.JOINT_EFFORT), Bound.HI, share=0.9, magnitude=True))
    press = Press(high)
    assert press.tell(frame(PRESS, T0, 1, T0, (0.0, -45.0, 0.0))) == ()
    (raised,) = press.tell(frame(PRESS, T0 + 1, 2, T0, (0.0, -45.1, 0.0)))
    assert (raised.alarm, raised.signal) == (f"{ASSET}:torque:force", "force")


def test_a_lower_limit_of_a_magnitude_is_passed_from_both_sides():
    press = Press(rule("slack", Limit(On("force"), Bound.LO, 5.0, deadband=1.0, magnitude=True)))
    told = [
        press.tell(frame(PRESS, T0 + i, i, T0, (20.0, force, 0.0))) for i, force in enumerate((-5.0, -4.9, 5.9, 6.0))
    ]
    assert [kinds(events) for events in told] == [[], [K.RAISED], [], [K.CLEARED]]


def test_words_are_compared_whatever_their_case_and_the_delay_is_of_the_word():
    press = Press(rule("held", InState(frozenset({"Held"})), on_delay_s=2.0))
    press.tell(frame(STATE, T0 - 1, 0, T0, (), ("HELD", None)))
    press.tell(frame(STATE, T0, 0, T0, (), ("11", None)))  # StateCurrent's number is the same word
    assert kinds(press.tell()) == [K.RAISED]
    assert kinds(press.tell(frame(STATE, T0 + 1, 1, T0, (), ("Execute", None)))) == [K.CLEARED]


def test_a_devices_own_errors_are_one_alarm_each_and_a_text_may_tell_them_too():
    press = Press(rule("device", DeviceError()), rule("text", DeviceError(On("error"))))
    there = [Event(EventKind.ERROR_RAISED, T0, ASSET, code, "", "too hot") for code in ("E1", "E2")]
    gone = [Event(EventKind.ERROR_CLEARED, T0, ASSET, "E1", "E1", "")]
    assert [event.alarm for event in press.tell(events=there)] == [f"{ASSET}:device:E1", f"{ASSET}:device:E2"]
    assert [(event.kind, event.alarm) for event in press.tell(events=gone)] == [(K.CLEARED, f"{ASSET}:device:E1")]
    (raised,) = press.tell(frame(STATE, T0, 0, T0, (), ("Execute", "F07 door")))
    assert (raised.alarm, raised.value) == (f"{ASSET}:text", "F07 door")
    assert kinds(press.tell(frame(STATE, T0 + 1, 1, T0, (), ("Execute", "None")))) == [K.CLEARED]


def test_a_device_with_errors_without_end_has_two_hundred_alarms_and_one_for_the_rest():
    press = Press(rule("device", DeviceError()))
    for i in range(500):
        press.tell(events=[Event(EventKind.ERROR_RAISED, T0, ASSET, f"E{i}", "", "x" * 10_000)])
    assert len(press.book.alarms) == MAX_ALARMS_AN_ASSET + 1
    assert len(press.book.alarms[f"{ASSET}:device:E7"].value) == 200
    gone = press.tell(events=[Event(EventKind.ERROR_CLEARED, T0, ASSET, f"E{i}", "x", "") for i in range(500)])
    assert kinds(gone) == [K.CLEARED] * 201
    for alarm in list(press.book.alarms):
        press.act(ActionKind.ACKNOWLEDGE, alarm)
    assert press.book.alarms == {}
    assert press.book._crowd == {}


def test_an_asset_that_falls_silent_is_told_once_the_mirror_has_lost_it():
    press = Press(rule("silent", Stale()), rule("old", Stale("data")))
    press.tell(frame(PRESS, T0, 1, T0, (20.0, 0.0, 0.0)), at=0)
    assert press.tell(at=3) == ()
    assert [event.rule for event in press.tell(at=4)] == ["old"]  # three periods of 1 s, and more
    assert [event.rule for t in range(5, 12) for event in press.tell(at=t)] == ["silent"]  # the mirror's 10 s
    back = press.tell(frame(PRESS, T0 + 12 * NS_PER_S, 2, T0 + 12 * NS_PER_S, (20.0, 0.0, 0.0)), at=12)
    assert sorted((event.kind, event.rule) for event in back) == [(K.CLEARED, "old"), (K.CLEARED, "silent")]


def test_a_device_that_was_dead_when_the_hub_stopped_has_time_to_come_back_when_it_starts():
    lost = Event(EventKind.ASSET_LOST, T0 + NS_PER_S, ASSET)

    def told(*seconds):
        press = Press(rule("silent", Stale(), on_delay_s=5.0))
        press.tell(frame(PRESS, T0, 1, T0, (20.0, 0.0, 0.0)), at=0)
        press.tell(at=1, events=[lost])
        return [((e.t_ns - T0) // NS_PER_S, e.kind) for t in seconds for e in press.tell(at=t)]

    assert told(2, 3, 4, 5, 6) == [(6, K.RAISED)]
    assert told(2, 3, 600, *range(601, 640)) == [(625, K.RAISED)], "20 s to connect again, and the delay of 5 s"


def test_a_delay_does_not_run_on_while_the_hub_is_stopped():
    press = Press(rule("held", InState(frozenset({"Held"}), On("state")), on_delay_s=60.0))
    press.tell(frame(STATE, T0, 1, T0, (), ("Held", None)), at=0)
    assert [event for t in (1, 2, 3, 7200, 7201, 7202) for event in press.tell(at=t)] == []
    later_ns = T0 + 7203 * NS_PER_S
    assert press.tell(frame(STATE, later_ns, 2, later_ns, (), ("Execute", None)), at=7203) == ()


def test_a_deviation_is_the_difference_of_the_newest_of_both():
    press = Press(rule("over", Deviation(On("level"), On("capacity"), Bound.HI, 0.5)))
    assert press.tell(frame(PAIR, T0, 0, T0, (10.0, 10.0))) == ()
    assert kinds(press.tell(frame(PAIR, T0 + 1, 0, T0, (11.0, 10.0)))) == [K.RAISED]
    assert kinds(press.tell(frame(PAIR, T0 + 2, 0, T0, (None, 10.0)))) == []
    assert kinds(press.tell(frame(PAIR, T0 + 3, 0, T0, (10.0, 10.0)))) == [K.CLEARED]


def test_a_rate_is_told_over_its_window_and_not_by_a_step_between_two_frames():
    # 1 in 2 s is 0.5/s; the limit is 0.4/s over 8 s. Counting begins at second 10, from 0.
    press = Press(rule("fast", Rate(On("count"), 0.4, 8.0)))
    counts = [0] * 10 + [i // 2 for i in range(20)]
    told = [
        (second, event.kind)
        for second, count in enumerate(counts)
        for event in press.tell(frame(PRESS, T0 + second * NS_PER_S, second, T0, (20.0, 0.0, float(count))), at=second)
    ]
    # Behind 8 s of counting the window holds 4 in 8 s, 0.5/s; before, at second 16, 3 in 8 s, 0.375/s.
    assert told == [(18, K.RAISED)]


def second_by_second(press, values, *, heard=True):
    """A frame a second with that heat, or silence where it says so: what was told, and in which second."""
    told = []
    for second, heat in enumerate(values):
        one = frame(PRESS, T0 + second * NS_PER_S, second, T0 + second * NS_PER_S, (heat, 0.0, float(second)))
        parts = (one,) if heard or second < 3 else ()
        told += [(second, event.kind, event.cause_ns) for event in press.tell(*parts, at=second)]
    return told


def test_a_number_that_stays_the_same_while_its_stream_goes_on_is_stuck_until_it_moves():
    stuck = rule("stuck", Frozen(On("heat"), 5.0))
    told = second_by_second(Press(stuck), [20.0, 21.0, 20.5, *[20.5] * 8, 20.6, 20.6])
    assert told == [(7, K.RAISED, T0 + 7 * NS_PER_S), (11, K.CLEARED, T0 + 7 * NS_PER_S)]
    # Absent between: nothing new was measured.
    assert second_by_second(Press(stuck), [20.5, 20.5, None, None, 20.5, 20.5])[-1][:2] == (5, K.RAISED)
    assert second_by_second(Press(stuck), [20.0, 20.1] * 10) == []
    assert second_by_second(Press(stuck), [20.0] * 40, heard=False) == []


def test_a_number_seen_twice_the_same_by_chance_in_history_that_comes_fast_is_not_stuck():
    stuck = rule("stuck", Frozen(On("heat"), 600.0))

    def told(apart_s):
        press, heard = Press(stuck), []
        for look in range(40):  # eight looks of 200 s span more than 600 s; what lay between is not known
            t_ns = T0 + look * apart_s * NS_PER_S
            heard += press.tell(frame(PRESS, t_ns, look, t_ns, (20.5, 0.0, float(look))), at=look * apart_s)
        return [(event.kind, event.cause_ns - T0) for event in heard]

    assert told(200) == []
    assert told(60) == [(K.RAISED, 600 * NS_PER_S)]
    assert told(1) == []  # not yet


def test_a_number_that_is_absent_while_its_stream_goes_on_is_missing_and_silence_is_not():
    missing = rule("gone", Missing(On("heat")), on_delay_s=3.0, off_delay_s=2.0)
    told = second_by_second(Press(missing), [20.0, None, None, 20.0, *[None] * 6, *[20.0] * 4])
    assert [(second, kind) for second, kind, _ in told] == [(7, K.RAISED), (12, K.CLEARED)]
    silent = Press(missing)
    assert second_by_second(silent, [20.0, 20.0, None, *[None] * 2], heard=False) == []
    assert silent.tell(at=60) == ()


def test_more_than_ten_in_ten_minutes_are_a_flood_until_there_are_fewer_than_five():
    press = Press(*[rule(f"hot_{i:02}", HOT.condition) for i in range(11)])
    told = press.heat(71.0, at=0)
    assert kinds(told) == [K.RAISED] * 11 + [K.FLOOD_STARTED]
    assert (told[-1].asset, told[-1].count) == ("jeonju", 11)
    press.heat(60.0, at=1)
    assert press.tell(at=599) == ()
    assert kinds(press.tell(at=600)) == [K.FLOOD_ENDED]
    assert Press(*[rule(f"hot_{i:02}", HOT.condition) for i in range(10)]).heat(71.0)[-1].kind is K.RAISED


RULES = (
    HOT,
    rule("delayed", Limit(On("heat"), Bound.LO, deadband=3.0), on_delay_s=2.0, off_delay_s=1.0),
    rule("force", Limit(On(role=Role.JOINT_EFFORT), Bound.HIHI, magnitude=True, deadband=10.0), latching=True),
    rule("held", InState(frozenset({"Held"})), on_delay_s=1.0),
    rule("silent", Stale()),
    rule("fast", Rate(On("count"), 0.4, 8.0)),
    rule("error", DeviceError(On("error"))),
    rule("stuck", Frozen(On("heat"), 3.0)),
    rule("absent", Missing(On(role=Role.JOINT_EFFORT)), on_delay_s=1.0),
)
ALARMS = [f"{ASSET}:{name}" for name in ("hot", "delayed", "force:force", "held", "silent", "error")]


@st.composite
def folds(draw):
    """Batches with their ticks and actions: frames late, repeated, absent and ahead on purpose."""
    made, tick = [], 0
    for n in range(1, draw(st.integers(2, 14))):
        tick += draw(st.integers(0, 4))
        parts = {}
        for _ in range(draw(st.integers(0, 6))):
            t_s, seq = draw(st.integers(-3, 3)) + tick, draw(st.integers(0, 60))
            if draw(st.booleans()):
                heat = draw(st.sampled_from([None, 5.0, 12.0, 60.0, 66.0, 71.0]))
                force = draw(st.sampled_from([None, 0.0, 45.0, -60.0, 60.0]))
                quality = draw(st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.CLOCK_AHEAD]))
                one = frame(
                    PRESS, T0 + t_s * NS_PER_S, seq, T0 + tick * NS_PER_S, (heat, force, float(seq)), quality=quality
                )
            else:
                words = (draw(st.sampled_from([None, "Held", "Execute"])), draw(st.sampled_from([None, "", "E1"])))
                one = frame(STATE, T0 + t_s * NS_PER_S, seq, T0 + tick * NS_PER_S, (), words)
            parts[one.stream.id, t_s, seq] = one
        actions = draw(
            st.lists(
                st.builds(
                    AlarmAction, st.sampled_from(list(ActionKind)), st.sampled_from(ALARMS), st.just("kim"),
                    st.just(T0), st.sampled_from(["", "known"]), st.integers(0, 2), st.sampled_from([0.0, 3.0]),
                ),
                max_size=2,
            )
        )  # fmt: skip
        made.append((batch_of("w", n, T0 + tick * NS_PER_S, parts.values()), actions))
    return made


def start():
    return Mirror(), AlarmBook(lambda asset: RULES if asset == ASSET else ())


def run(mirror, book, batch, actions):
    return book.apply(batch, mirror, mirror.apply(batch), actions)


@given(folds())
@settings(max_examples=examples(60))
def test_the_same_batches_and_ticks_give_the_same_journal_and_undo_takes_one_back(made):
    mirror, book = start()
    other_mirror, other = start()
    for batch, actions in made:
        before, hashed = dict(book.alarms), book.canonical()
        told = run(mirror, book, batch, actions)
        mirror.undo()
        book.undo()
        assert (book.alarms, book.canonical()) == (before, hashed)
        assert run(mirror, book, batch, actions) == told
        assert run(other_mirror, other, batch, actions) == told
    assert book.sha256() == other.sha256()


@given(folds(), st.data())
@settings(max_examples=examples(60))
def test_a_book_that_was_written_down_and_read_again_goes_on_as_if_nothing_had_been(made, data):
    mirror, book = start()
    cut = data.draw(st.integers(0, len(made)))
    for batch, actions in made[:cut]:
        run(mirror, book, batch, actions)
    streams = {key: latest.stream for key, latest in mirror.latest.items()}
    again = restore(book.canonical(), lambda asset: RULES if asset == ASSET else (), streams)
    assert again.canonical() == book.canonical()
    for batch, actions in made[cut:]:
        events = mirror.apply(batch)
        assert again.apply(batch, mirror, events, actions) == book.apply(batch, mirror, events, actions)
    assert again.canonical() == book.canonical()


@given(folds())
@settings(max_examples=examples(60))
def test_looking_at_whole_columns_finds_what_looking_at_each_row_finds(made):
    """The alarm `hot` once more, written down row by row: over 70 it is raised, at 65 or below it is over."""
    mirror, book = start()
    hot, place = False, None
    for batch, _ in made:
        run(mirror, book, batch, ())
        rows = [
            (int(part.seq[i]), int(part.t_ns[i]), float(part.values[i, 0]))
            for part in batch.frames if part.stream is PRESS
            for i in range(len(part)) if part.quality[i] != Quality.CLOCK_AHEAD
        ]  # fmt: skip
        for *order, value in sorted(rows):
            if place is not None and order <= place:
                continue
            hot = value > 70.0 or (hot and not value <= 65.0)
        fresh = [order for *order, _ in rows]
        place = max([*fresh, *([] if place is None else [place])], default=None)
        state = book.alarms.get(HEAT)
        assert (state is not None and state.raised) is hot


@given(folds())
@settings(max_examples=examples(60))
def test_rows_of_the_list_are_numbered_without_gap_and_none_is_hidden(made):
    mirror, book = start()
    told = [event for batch, actions in made for event in run(mirror, book, batch, actions)]
    rows = [event.occurrence for event in told if event.kind is K.RAISED and not event.hidden]
    assert rows == list(range(1, book.occurrences + 1))
    for event in told:
        assert event.kind is not K.REPEATED or (event.count > 1 and not event.hidden)


@given(folds())
@settings(max_examples=examples(60))
def test_only_alarms_that_are_not_normal_are_kept_and_each_has_one_letter(made):
    mirror, book = start()
    for batch, actions in made:
        run(mirror, book, batch, actions)
        for state in book.alarms.values():
            assert not state.is_idle
            assert (state.letter in (Letter.SHELVED, Letter.SUPPRESSED, Letter.OUT_OF_SERVICE)) is state.hidden
            assert state.letter is not Letter.UNACKNOWLEDGED or (state.raised and state.occurrence > 0)


# What came late


def measured(*rows, at):
    """Frames measured at seconds of the test's own time, and received ``at`` another."""
    return [frame(PRESS, T0 + t * NS_PER_S, t, T0 + at * NS_PER_S, (value, 0.0, 0.0)) for t, value in rows]


def seconds(events):
    return [(event.kind, (event.t_ns - T0) // NS_PER_S, event.hidden) for event in events]


def test_what_is_long_over_is_in_the_journal_where_it_was_and_calls_nobody():
    press = Press(HOT)
    told = press.tell(*measured((10, 60.0), (20, 99.0), (50, 60.0), (60, 98.0), (70, 60.0), at=3600), at=3600)
    assert seconds(told) == [(K.RAISED, 20, True), (K.CLEARED, 50, True), (K.RAISED, 60, True), (K.CLEARED, 70, True)]
    assert [event.occurrence for event in told] == [1, 1, 2, 2]
    assert press.book.alarms == {}
    assert press.book.floods == {}


def test_what_came_late_and_lasts_is_shown():
    press = Press(HOT)
    assert seconds(press.tell(*measured((20, 99.0), at=3600), at=3600)) == [(K.RAISED, 20, True)]
    assert press.letter() is Letter.ACKNOWLEDGED, "it stands, and nobody is called yet"
    assert press.tell(at=3604) == ()
    assert seconds(press.tell(at=3605)) == [(K.RAISED, 3605, False)]
    assert press.letter() is Letter.UNACKNOWLEDGED
    assert press.tell(at=3700) == ()


def test_what_came_late_is_not_shown_while_what_ends_it_may_still_come():
    press = Press(HOT)
    told = list(press.tell(*measured((20, 99.0), at=3600), at=3600))
    for t in range(1, 31):  # two minutes of history each second: the device catches up
        told += press.tell(*measured((20 + 115 * t, 99.0 if t < 20 else 60.0), at=3600 + t), at=3600 + t)
    assert seconds(told) == [(K.RAISED, 20, True), (K.CLEARED, 20 + 115 * 20, True)]

    press, told = Press(HOT), []
    for t in range(40):
        told += press.tell(*measured((20 + 100 * t, 99.0), at=3600 + t), at=3600 + t)
    shown = [event for event in told if event.kind is K.RAISED and not event.hidden]
    assert [(event.t_ns - T0) // NS_PER_S for event in shown] == [3636], "once it has caught up, it is told"

    press, told = Press(HOT), []
    for t in range(0, 40, 2):
        told += press.tell(*measured((t, 99.0), at=100 + t), at=100 + t)
    assert seconds(told) == [(K.RAISED, 0, True), (K.RAISED, 106, False)], "a clock that is slow is no history"


def test_delays_of_what_came_late_run_by_when_it_was():
    press = Press(rule("hot", HOT.condition, on_delay_s=30.0, off_delay_s=10.0))
    rows = [(10, 99.0), (35, 60.0), (40, 99.0), (100, 60.0), (105, 99.0), (106, 60.0), (500, 60.0)]
    told = press.tell(*measured(*rows, at=7200), at=7200)
    assert seconds(told) == [(K.RAISED, 70, True)], "25 s were too short; from 40 on"
    assert press.tell(*measured((600, 60.0), at=7201), at=7201) == ()
    assert seconds(press.tell(at=7205)) == [(K.CLEARED, 116, True)]


def test_an_acknowledged_alarm_that_ended_long_ago_is_over_behind_its_acknowledgement():
    press = Press(HOT)
    press.tell(*measured((100, 99.0), at=100), at=100)
    press.act(ActionKind.ACKNOWLEDGE)
    acted_s = (press.book.tick_ns - T0) // NS_PER_S
    told = press.tell(*measured((101, 60.0), at=4000), at=4000)
    assert seconds(told) == [(K.CLEARED, max(101, acted_s), False)]
    assert press.letter() is Letter.NORMAL


def test_an_alarm_that_is_unacknowledged_is_repeated_by_what_came_late():
    press = Press(HOT)
    press.tell(*measured((10, 99.0), at=11), at=11)
    told = press.tell(*measured((20, 60.0), (30, 99.0), at=4000), at=4000)
    assert seconds(told) == [(K.CLEARED, 20, False), (K.REPEATED, 30, False)]
    assert press.letter() is Letter.UNACKNOWLEDGED


@given(st.lists(st.tuples(st.sampled_from([1, 5, 19, 20, 21, 300]), st.sampled_from([60.0, 67.0, 99.0])), max_size=30),
       st.integers(0, 2000), st.integers(1, 5), st.sampled_from([0.0, 20.0]))  # fmt: skip
@settings(max_examples=examples(100))
def test_the_past_is_told_alike_however_late_and_in_whatever_batches_it_came(steps, later_s, batches, delay_s):
    def journal(at_s, cuts):
        press, rows, t = Press(rule("hot", HOT.condition, on_delay_s=delay_s, off_delay_s=delay_s)), [], 0
        for gap, value in steps:
            t += gap
            rows.append((t, value))
        told, size = [], max(1, -(-len(rows) // cuts))
        for start in range(0, len(rows), size):
            told += press.tell(*measured(*rows[start : start + size], at=at_s), at=at_s)
        return seconds(told), press

    (one, first), (other, second) = journal(20_000, 1), journal(20_000 + later_s, batches)
    assert one == other
    for event in one:
        assert event[2], "all of it came late"
    assert [state.beyond for state in first.book.alarms.values()] == [
        state.beyond for state in second.book.alarms.values()
    ]
