"""One suite for every store: each sentence of the ports `Store` and `History`, and round trips."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from many import examples
from skimming import skim_of

from connectors.stores import _history, _tally
from connectors.stores.lock import writer_lock
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from twin.alarms import ActionKind, AlarmAction, AlarmEvent, AlarmEventKind, AlarmState, Priority
from twin.alarms.kept import AlarmKeyframe, AlarmsFolded
from twin.errors import StoreError, StoreRejected, StoreUnavailable
from twin.events import Event, EventKind
from twin.hearing import listening_stream
from twin.message import DeadLetter
from twin.ports import Commit, FindingCount, Folded, Gap, Keyframe, Newcomer, Outcome, SourceCount
from twin.sample import (
    SEQ_EPOCH_SHIFT,
    Batch,
    Frames,
    Kind,
    Latest,
    Quality,
    Role,
    Signal,
    batch_of,
    frame,
    merge,
    stream_of,
)
from twin.skim import Skim

ARM = stream_of(
    "jeonju/cell1/ur3",
    "joints",
    [Signal("q0", unit="rad", role=Role.JOINT_POSITION, low=-6.28, high=6.28, label_ko="관절 0"), Signal("q1")],
    sequenced=True,
    period_s=0.1,
    source="mqtt",
)
DOOR = stream_of(
    "jeonju/cell1/door",
    "state",
    [Signal("state", Kind.STATE), Signal("open", Kind.FLAG), Signal("note", Kind.TEXT)],
    source="uns",
)
SERVER = {"host": "127.0.0.1", "user": "root"}


@dataclass
class Place:
    """Somewhere to store: a memory, a file, a database."""

    url: str
    memory: MemoryStore | None = None

    def store(self) -> Any:
        return self.memory or open_store(self.url)

    def history(self) -> Any:
        return self.memory or open_history(self.url)


class Bench:
    """A place with its writer and its reader, and the shortest words for using them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.store = place.store()
        self.history = place.history()
        self.seen: list[Batch] = []

    def fold(self, batch: Batch) -> Folded:
        self.seen.append(batch)
        return Folded((), ())

    def append(self, *parts: Frames, fold: Any = None, tick_ns: int = 0, **more: Any) -> Outcome:
        n = self.store.next_batch("w")
        return self.store.append(Commit(batch_of("w", n, tick_ns, parts), **more), fold or self.fold)

    def restart(self) -> None:
        self.store.close()
        self.store = self.place.store()

    def close(self) -> None:
        self.history.close()
        self.store.close()


@pytest.fixture(scope="module")
def server_database(new_database):
    """A database of this run's own on the PostgreSQL server, dropped at the end."""
    with new_database() as url:
        yield url.rpartition("/")[2]


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_place(request, tmp_path):
    """Makes an empty place of one kind."""
    if request.param == "memory":
        return lambda: Place("", MemoryStore())
    if request.param == "sqlite":
        return lambda: Place(f"sqlite:///{tmp_path}/new/folder/twin.db")
    name = request.getfixturevalue("server_database")

    def make() -> Place:
        with psycopg.connect(**SERVER, dbname=name, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid != pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return Place(f"postgresql://root@127.0.0.1/{name}")

    return make


@pytest.fixture
def place(new_place):
    return new_place()


@pytest.fixture
def bench(place):
    made = Bench(place)
    yield made
    made.close()


def arm(t_ns: int, seq: int, *values: float | None, received_ns: int = 7, quality: int = 192) -> Frames:
    return frame(ARM, t_ns, seq, received_ns, values, quality=quality)


def door(t_ns: int, state: str | None, note: str | None = None, is_open: float | None = 1) -> Frames:
    return frame(DOOR, t_ns, t_ns, t_ns, (is_open,), (state, note))


def assert_same_frames(one: Frames, other: Frames) -> None:
    assert one.stream == other.stream
    for name in ("t_ns", "seq", "received_ns", "quality"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name
        assert getattr(one, name).dtype == getattr(other, name).dtype, name
    assert one.values.dtype == np.float64
    assert one.values.shape == other.values.shape
    assert one.values.tobytes() == other.values.tobytes()
    assert one.texts == other.texts


def assert_same_batches(one: list[Batch], other: list[Batch]) -> None:
    assert [(b.writer, b.n, b.tick_ns) for b in one] == [(b.writer, b.n, b.tick_ns) for b in other]
    for left, right in zip(one, other, strict=True):
        assert [part.stream.id for part in left.frames] == [part.stream.id for part in right.frames]
        for a, b in zip(left.frames, right.frames, strict=True):
            assert_same_frames(a, b)


# Alarms

RAISED = AlarmState(
    "jeonju/cell1/ur3:hot", "jeonju/cell1/ur3", "hot", "q", "jeonju/cell1/ur3:joints", raised=True, acknowledged=False,
    occurrence=1, count=1, raised_ns=20, cause_ns=19, value=float("inf"),
)  # fmt: skip
DOOR_OPEN = AlarmState(
    "jeonju/cell10/door:open", "jeonju/cell10/door", "open", raised=True, acknowledged=False, value="열림\x00\ud800"
)


def told(kind, state, t_ns, **more):
    return AlarmEvent(
        kind, t_ns, state.id, state.asset, state.rule, state.signal, Priority.HIGH, 1, 1, 19, state.value, state=state,
        **more,
    )  # fmt: skip


def with_alarms(**alarms):
    return lambda batch: Folded((), (), alarms=AlarmsFolded(**alarms))


def test_alarms_their_journal_and_actions_come_back(bench):
    assert (bench.history.alarms(), bench.history.alarms_at(99), bench.history.alarm_events(0, 99)) == ([], [], [])
    assert (bench.history.last_action("w"), bench.history.alarm_keyframe("w", 1)) == (0, None)
    numbers = [bench.history.last_alarm_event()]
    kinds = AlarmEventKind
    first = (told(kinds.RAISED, RAISED, 20), told(kinds.RAISED, DOOR_OPEN, 20))
    keyframe = AlarmKeyframe("w", 1, 20, "rules", "sha", b"\x00\xff")
    bench.append(
        fold=with_alarms(events=first, changed={one.id: one for one in (RAISED, DOOR_OPEN)}, keyframe=keyframe),
        tick_ns=20,
        events=(Event(EventKind.ERROR_RAISED, 5, "jeonju/a"), Event(EventKind.ERROR_CLEARED, 6, "jeonju/b")),
    )
    assert bench.history.alarms() == [RAISED, DOOR_OPEN]
    assert bench.history.alarms("nobody") == []
    quiet = replace(RAISED, raised=False, acknowledged=True)
    shelved = replace(DOOR_OPEN, acknowledged=True, shelved_until_ns=90, who="김", why="점검")
    action = AlarmAction(ActionKind.SHELVE, DOOR_OPEN.id, "김", 28, "점검\x00", 1, 60.0, 7)
    second = (told(kinds.SHELVED, shelved, 30, who="김", why="점검"), told(kinds.CLEARED, quiet, 30))
    bench.append(
        fold=with_alarms(events=second, changed={RAISED.id: None, shelved.id: shelved}, actions=(action,)), tick_ns=30
    )
    flood = AlarmEvent(kinds.FLOOD_STARTED, 40, "", "jeonju", count=11)
    bench.append(fold=with_alarms(events=(flood,)), tick_ns=40)
    history = bench.history
    numbers.append(history.last_alarm_event())
    bench.append(fold=with_alarms(), tick_ns=41)
    numbers.append(history.last_alarm_event())
    assert numbers[0] == 0 < numbers[1] == numbers[2]
    assert history.alarms() == [shelved]
    assert [history.alarms_at(t_ns) for t_ns in (19, 20, 29, 30)] == [
        [],
        [RAISED, DOOR_OPEN],
        [RAISED, DOOR_OPEN],
        [shelved],
    ]
    assert history.alarm_events(0, 99) == [flood, *reversed(second), *reversed(first)]
    assert history.alarm_events(20, 30) == list(reversed(first))
    assert history.alarm_events(0, 99, limit=1) == [flood]
    assert history.alarm_events(0, 99, asset="jeonju/cell1") == [second[1], first[0]]
    assert history.alarm_events(0, 99, alarm=DOOR_OPEN.id, kinds=[kinds.SHELVED]) == [second[0]]
    assert history.batch_alarms("w", 1) == AlarmsFolded(first)
    assert history.batch_alarms("w", 2) == AlarmsFolded(second, actions=(action,))
    assert history.batch_alarms("w", 9) == AlarmsFolded()
    assert [one.asset for one in history.outside_events("w", 1)] == ["jeonju/a", "jeonju/b"]
    assert (history.last_action("w"), history.last_action("nobody")) == (7, 0)
    assert history.alarm_keyframe("w", 1) == keyframe
    assert list(history.alarm_keyframes("w")) == [keyframe]
    assert list(history.alarm_keyframes("w", 2)) == []


def test_alarms_of_a_commit_that_fails_are_not_kept(bench):
    def fold(_batch):
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        bench.append(fold=fold, tick_ns=20)
    bench.append(fold=with_alarms(events=(told(AlarmEventKind.RAISED, RAISED, 20),), changed={RAISED.id: RAISED}))
    bench.restart()
    assert bench.history.alarms() == [RAISED]
    assert len(bench.history.alarm_events(0, 99)) == 1


# Writing


def test_an_empty_store_has_nothing(bench):
    summary = bench.history.summary()
    assert (summary.frames, summary.values, summary.streams, summary.batches) == (0, 0, 0, 0)
    assert summary.first_ns is None
    assert summary.last_ns is None
    assert bench.store.next_batch("w") == 1
    assert bench.store.decoder_states() == {}
    assert bench.history.streams() == {}
    assert bench.history.latest() == {}
    assert bench.history.as_of(2**62) == {}
    assert bench.history.writers() == ()
    assert list(bench.history.batches("w")) == []
    assert list(bench.history.keyframes("w")) == []
    assert bench.history.last_keyframe("w") is None
    assert bench.history.events(0, 2**62) == []
    assert bench.history.batch_events("w", 1) == ()
    assert bench.history.dead_letters() == []
    assert bench.history.by_stream() == {}
    assert bench.history.by_source() == {}
    assert bench.history.gaps() == []
    assert len(bench.history.frames("nowhere:x", 0, 9)) == 0
    assert len(bench.history.samples("nowhere:x", "q", 0, 9, 5).t_ns) == 0
    assert bench.history.text_changes("nowhere:x", "q", 0, 9) == []


def test_new_frames_are_stored_and_folded_once(bench):
    outcome = bench.append(arm(10, 1, 0.5, 1.5), door(11, "EXECUTE"), tick_ns=99)
    assert outcome == Outcome(stored=2, duplicate=0, key_conflict=0)
    (batch,) = bench.seen
    assert (batch.writer, batch.n, batch.tick_ns, len(batch)) == ("w", 1, 99, 2)
    assert_same_frames(bench.history.frames(ARM.id, 0, 100), arm(10, 1, 0.5, 1.5))
    assert_same_frames(bench.history.frames(DOOR.id, 0, 100), door(11, "EXECUTE"))


def test_a_stream_comes_back_equal(bench):
    bench.append(arm(10, 1, 0.5, 1.5), door(11, "EXECUTE"))
    assert set(bench.history.streams().values()) == {ARM, DOOR}


def test_a_stream_keeps_its_key_through_a_restart(bench):
    bench.append(arm(10, 1, 0.5, 1.5), door(11, "EXECUTE"))
    before = bench.history.streams()
    bench.restart()
    bench.append(door(12, "HELD"), arm(11, 2, 0.5, 1.5))
    assert bench.history.streams() == before


def test_a_stream_with_other_columns_is_rejected_and_nothing_is_written(bench):
    bench.append(arm(10, 1, 0.5, 1.5))
    other = stream_of("jeonju/cell1/ur3", "joints", [Signal("q0", unit="deg")], sequenced=True)
    for _ in range(2):
        with pytest.raises(StoreRejected, match="columns"):
            bench.append(door(1, "IDLE"), frame(other, 20, 2, 0, (1.0,)))
    assert set(bench.history.streams().values()) == {ARM}
    assert bench.append(arm(20, 2, 0.5, 1.5), door(1, "IDLE")).stored == 2


def test_a_stream_described_anew_with_the_same_columns_takes_the_new_words(bench):
    bench.append(arm(10, 1, 0.5, 1.5))
    renamed = replace(ARM, period_s=0.2, columns=(replace(ARM.columns[0], label_ko="어깨"), ARM.columns[1]))
    bench.append(replace(arm(20, 2, 0.5, 1.5), stream=renamed))
    assert list(bench.history.streams().values()) == [renamed]
    assert len(bench.history.frames(ARM.id, 0, 100)) == 2


def test_a_redelivered_frame_is_a_duplicate(bench):
    bench.append(arm(10, 1, 0.5, None))
    outcome = bench.append(merge([arm(10, 1, 0.5, None, received_ns=8), arm(11, 2, 0.5, None)]))
    assert outcome == Outcome(stored=1, duplicate=1, key_conflict=0)
    assert bench.seen[-1].frames[0].seq.tolist() == [2]
    assert bench.history.frames(ARM.id, 10, 11).received_ns.tolist() == [7]
    assert bench.history.dead_letters() == []


def test_a_redelivered_frame_is_a_duplicate_after_a_restart(bench):
    bench.append(arm(10, 1, 0.5, None), door(3, "IDLE", "한글"))
    bench.restart()
    assert bench.append(arm(10, 1, 0.5, None), door(3, "IDLE", "한글")) == Outcome(0, 2, 0)
    assert bench.seen[-1].frames == ()
    assert bench.append(arm(11, 2, 0.5, None)) == Outcome(1, 0, 0)


def test_a_frame_twice_in_one_commit_is_stored_once(bench):
    outcome = bench.append(merge([arm(10, 1, 1, 2), arm(10, 1, 1, 2), arm(10, 1, 9, 2), arm(9, 1, 9, 2)]))
    assert outcome == Outcome(stored=2, duplicate=1, key_conflict=1)
    assert bench.history.frames(ARM.id, 0, 100).values.tolist() == [[9, 2], [1, 2]]


def test_other_values_under_the_same_key_go_to_the_dead_letters(bench):
    bench.append(arm(10, 1, 0.5, None), door(3, "IDLE"))
    assert bench.append(arm(10, 1, 0.5, 0.0, received_ns=8), door(3, "HELD")) == Outcome(0, 0, 2)
    assert bench.history.frames(ARM.id, 0, 100).value_count() == 1
    assert bench.history.text_changes(DOOR.id, "state", 0, 100) == [(3, "IDLE")]
    (letter,) = bench.history.dead_letters(source="mqtt")
    assert letter.reason == "key_conflict"
    assert b'"kept":{"texts":[],"values":[0.5,null]},"refused":{"texts":[],"values":[0.5,0.0]}' in letter.payload
    assert (letter.first_ns, letter.last_ns, letter.count) == (8, 8, 1)
    assert [letter.source for letter in bench.history.dead_letters()] == ["mqtt", "uns"]


def test_many_duplicates_are_told_from_conflicts_in_a_mixed_batch(bench):
    old = merge([arm(t, t, t, None if t % 3 else 1) for t in range(200)])
    bench.append(old, door(1, "A"))
    again = [arm(t, t, t if t % 10 else -1, None if t % 3 else 1) for t in range(100, 300)]
    assert bench.append(merge(again), door(1, "A"), door(2, "A")) == Outcome(101, 91, 10)
    assert bench.history.by_stream()[ARM.id].frames == 300
    assert [len(part) for part in bench.seen[-1].frames] == [1, 100]


def test_when_the_fold_raises_nothing_is_written_and_a_retry_works(bench):
    bench.append(arm(9, 1, 1, 1))

    def broken(batch: Batch) -> Folded:
        raise ZeroDivisionError

    parts = (arm(10, 2, 1, 1), door(3, "IDLE"))
    more = {
        "dead_letters": (DeadLetter("mqtt", "t", "json_syntax", "", b"{", 5),),
        "counts": (SourceCount("mqtt", received=3),),
        "decoder_states": {"mqtt": b"x"},
    }
    with pytest.raises(ZeroDivisionError):
        bench.append(*parts, fold=broken, **more)
    summary = bench.history.summary()
    assert (summary.frames, summary.batches, summary.streams, summary.dead_letters) == (1, 1, 1, 0)
    assert bench.store.decoder_states() == {}
    assert bench.history.by_source()["mqtt"]["received"] == 0
    assert bench.append(*parts, **more) == Outcome(2, 0, 0)
    assert bench.history.summary().batches == 2
    assert bench.store.decoder_states() == {"mqtt": b"x"}


def test_a_batch_number_cannot_be_used_twice(bench):
    bench.append(arm(9, 1, 1, 1))
    with pytest.raises(StoreRejected):
        bench.store.append(Commit(batch_of("w", 1, 0, [arm(10, 2, 1, 1)])), bench.fold)
    assert bench.history.summary().frames == 1
    assert bench.append(arm(10, 2, 1, 1)) == Outcome(1, 0, 0)


def test_batch_numbers_go_on_after_a_restart_and_belong_to_a_writer(bench):
    for _ in range(3):
        bench.append()
    bench.restart()
    assert bench.store.next_batch("w") == 4
    assert bench.store.next_batch("other") == 1


def test_two_writers_share_a_store(bench):
    for n in (1, 2):
        for writer, seq in (("a", 10), ("b", 20)):
            bench.store.append(Commit(batch_of(writer, n, n, [arm(n, seq, seq, n)])), bench.fold)
    assert bench.history.writers() == ("a", "b")
    assert [batch.frames[0].seq.tolist() for batch in bench.history.batches("b")] == [[20], [20]]
    assert bench.history.summary().batches == 4


def test_what_decoders_saved_last_comes_back(bench):
    bench.append(decoder_states={"mqtt": b"\x00one", "uns": b""})
    bench.append(decoder_states={"mqtt": b"two"})
    bench.restart()
    assert bench.store.decoder_states() == {"mqtt": b"two", "uns": b""}


def test_a_text_that_no_database_takes_never_stops_a_dead_letter(bench):
    bench.append(dead_letters=(DeadLetter("mqtt", "a\x00b", "encoding", "lone \ud800", b"\x00\xff", 5),))
    (letter,) = bench.history.dead_letters()
    assert letter.payload == b"\x00\xff"
    assert "\x00" not in letter.topic


# Values


def test_negative_zero_is_stored_and_folded_as_zero(bench):
    bench.append(arm(10, 1, -0.0, 1.0))
    for values in (bench.seen[0].frames[0].values, bench.history.frames(ARM.id, 0, 99).values):
        assert not np.signbit(values[0, 0])
    assert bench.append(arm(10, 1, 0.0, 1.0)) == Outcome(0, 1, 0)


def test_absent_values_come_back_absent(bench):
    bench.append(merge([arm(1, 1, None, 2), arm(2, 2, None, None), arm(3, 3, 1, 2)]))
    values = bench.history.frames(ARM.id, 0, 9).values
    assert np.isnan(values).tolist() == [[True, False], [True, True], [False, False]]
    assert bench.history.by_stream()[ARM.id].values == 3


def test_sequences_up_to_62_bits_and_far_times_are_exact(bench):
    seq, t_ns = 2**62 + 1, 2**62 - 1
    bench.append(arm(t_ns, seq, 1, 1), arm(-5, 1, 1, 1))
    frames = bench.history.frames(ARM.id, -10, 2**62)
    assert frames.t_ns.tolist() == [-5, t_ns]
    assert frames.seq.tolist() == [1, seq]
    assert bench.history.by_stream()[ARM.id].last_seq == seq


@pytest.mark.parametrize("text", ["대기 중", "'; DROP TABLE frame; --", "🤖\u200f\t\n", "\\u0041", "", '"[null]"'])
def test_texts_are_exact(bench, text):
    bench.append(door(1, text, None), door(2, None, text))
    assert bench.history.frames(DOOR.id, 0, 9).texts == ((text, None), (None, text))


def test_a_stream_without_numbers_and_one_of_many_are_stored(bench):
    words = stream_of("a", "words", [Signal("w", Kind.TEXT)])
    wide = stream_of("a", "wide", [Signal(f"s{i}") for i in range(70)])
    row = [None if i % 7 == 0 else i / 3 for i in range(70)]
    bench.append(frame(words, 1, 1, 1, (), ("x",)), frame(wide, 1, 1, 1, row), arm(1, 1, 1, 1))
    assert bench.history.frames("a:words", 0, 9).values.shape == (1, 0)
    assert bench.history.as_of(5)["a:words"].texts == ("x",)
    assert_same_frames(bench.history.frames("a:wide", 0, 9), frame(wide, 1, 1, 1, row))
    assert_same_batches(list(bench.history.batches("w")), bench.seen)


@pytest.mark.parametrize("width", [1, 8, 57, 64, 65])
def test_a_signal_is_read_from_rows_of_any_presence(bench, width):
    wide = stream_of("a", "wide", [Signal(f"s{i}") for i in range(width)])
    rows = [[1.5 * i for i in range(width)], [None] * width]
    rows += [[i if i % 2 == odd else None for i in range(width)] for odd in (0, 1)]
    frames = merge([frame(wide, t, t, t, row) for t, row in enumerate(rows)])
    bench.append(frames)
    for column in {0, width // 2, width - 1}:
        series = bench.history.samples("a:wide", f"s{column}", 0, 99, 99)
        expected = [(t, row[column]) for t, row in enumerate(rows) if row[column] is not None]
        assert list(zip(series.t_ns.tolist(), series.mean.tolist(), strict=True)) == expected


# Reading frames


def test_ranges_are_half_open_and_ordered_by_time_then_sequence(bench):
    bench.append(merge([arm(30, 3, 3, 3), arm(20, 9, 2, 9), arm(20, 2, 2, 2), arm(10, 1, 1, 1)]))
    frames = bench.history.frames(ARM.id, 10, 30)
    assert list(zip(frames.t_ns.tolist(), frames.seq.tolist(), strict=True)) == [(10, 1), (20, 2), (20, 9)]
    assert bench.history.frames(ARM.id, 10, 31, limit=2).seq.tolist() == [1, 2]
    assert len(bench.history.frames(ARM.id, 30, 10)) == 0
    assert bench.history.samples(ARM.id, "q1", 10, 30, 100).mean.tolist() == [1, 2, 9]


def test_latest_is_what_the_fold_gave_last(bench):
    def fold(value: float) -> Any:
        latest = Latest(ARM, 5, 2**60, 6, 64, np.array([value, np.nan]))
        words = Latest(DOOR, 1, 1, 1, 192, np.array([np.nan]), ("대기", None))
        return lambda _: Folded((), (latest, words))

    bench.append(arm(10, 1, 1, 1), fold=fold(1.0))
    bench.append(fold=fold(-0.0))
    latest = bench.history.latest()
    assert set(latest) == {ARM.id, DOOR.id}
    found = latest[ARM.id]
    assert (found.stream, found.t_ns, found.seq, found.received_ns, found.quality) == (ARM, 5, 2**60, 6, 64)
    assert found.values.tobytes() == np.array([0.0, np.nan]).tobytes()
    assert latest[DOOR.id].texts == ("대기", None)


def test_as_of_sees_late_data_and_leaves_out_clocks_ahead(bench):
    bench.append(arm(10, 1, 1, 1), arm(50, 5, 5, 5), door(10, "IDLE", "x"))
    bench.append(arm(30, 3, 3, None), arm(40, 4, 4, 4, quality=Quality.CLOCK_AHEAD), arm(30, 2, 2, 2))
    found = bench.history.as_of(45)
    assert found[ARM.id].seq == 3
    assert np.isnan(found[ARM.id].values[1])
    assert found[DOOR.id].texts == ("IDLE", "x")
    assert found[DOOR.id].stream == DOOR
    assert bench.history.as_of(50, [ARM.id, "nowhere:x"])[ARM.id].seq == 5
    assert set(bench.history.as_of(50, [ARM.id, "nowhere:x"])) == {ARM.id}
    assert bench.history.as_of(9) == {}
    assert bench.history.as_of(10, []) == {}


def test_a_spike_of_one_sample_survives_the_drawing(bench):
    values = np.sin(np.arange(5000) / 100)
    values[3333] = 50.0
    frames = merge([arm(i * 10, i, values[i], None if i % 2 else 1.0) for i in range(5000)])
    bench.append(frames)
    series = bench.history.samples(ARM.id, "q0", 0, 50_000, 100)
    assert not series.raw
    assert len(series.t_ns) <= 100
    assert series.maximum.max() == 50.0
    assert series.minimum.min() == values.min()
    assert np.all((series.minimum <= series.mean) & (series.mean <= series.maximum))
    assert np.all(np.diff(series.t_ns) > 0)
    raw = bench.history.samples(ARM.id, "q1", 100, 200, 100)
    assert raw.raw
    assert raw.t_ns.tolist() == [100, 120, 140, 160, 180]
    assert len(bench.history.samples(ARM.id, "no_such", 0, 9, 5).t_ns) == 0


def test_the_density_counts_frames_by_device_time_in_equal_parts(bench):
    times = [99, 100, 101, 119, 120, 179, 180, 189]
    bench.append(merge([arm(t, t, t, None, received_ns=10**9) for t in times]), door(130, "IDLE"), door(150, "HELD"))
    assert bench.history.density([ARM.id], 100, 189, 5).tolist() == [2, 2, 0, 0, 2]
    assert bench.history.density([ARM.id, DOOR.id, DOOR.id, "nowhere:x"], 100, 189, 5).tolist() == [2, 3, 1, 0, 2]
    assert bench.history.density([DOOR.id], 100, 189, 1).tolist() == [2]
    assert bench.history.density([DOOR.id], 150, 152, 4).tolist() == [1, 0, 0, 0]
    for asked in (([], 100, 189), ([ARM.id], 189, 100), (["nowhere:x"], 0, 10**18)):
        assert bench.history.density(*asked, 3).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="1 at least"):
        bench.history.density([ARM.id], 0, 9, 0)


def test_text_changes_begin_with_the_value_at_the_start_and_collapse_repeats(bench):
    rows = [
        (1, "IDLE"),
        (2, None),
        (3, "IDLE"),
        (10, "EXECUTE"),
        (11, "EXECUTE"),
        (12, None),
        (13, "EXECUTE"),
        (20, "HELD"),
    ]
    bench.append(merge([door(t, state, f"n{t}") for t, state in rows]))
    assert bench.history.text_changes(DOOR.id, "state", 0, 99) == [(1, "IDLE"), (10, "EXECUTE"), (20, "HELD")]
    assert bench.history.text_changes(DOOR.id, "state", 2, 20) == [(2, "IDLE"), (10, "EXECUTE")]
    assert bench.history.text_changes(DOOR.id, "state", 10, 12) == [(10, "EXECUTE")]
    assert bench.history.text_changes(DOOR.id, "state", 99, 100) == [(99, "HELD")]
    assert bench.history.text_changes(DOOR.id, "note", 19, 99) == [(19, "n13"), (20, "n20")]
    assert bench.history.text_changes(DOOR.id, "open", 0, 99) == []


def test_the_value_at_the_start_is_found_behind_many_absent_ones(bench):
    bench.append(merge([door(1, "IDLE"), *(door(t, None, "x") for t in range(2, 300))]))
    assert bench.history.text_changes(DOOR.id, "state", 299, 400) == [(299, "IDLE")]


def test_what_had_been_received_by_a_moment_holds_nothing_that_came_later(bench):
    """From 20 to 29 a gateway holds back; at 50 it brings it."""
    kinds = AlarmEventKind
    for tick in range(10, 61):
        held = range(20, 30) if tick == 50 else ()
        times = [*held, *([] if 20 <= tick < 30 else [tick])]
        said = Event(EventKind.STATE_CHANGED, held[0] if held else tick, DOOR.asset, "state", "a", "b")
        alarm = told(
            kinds.CLEARED if tick == 50 else kinds.RAISED, replace(RAISED, raised=tick != 50), 25 if held else tick
        )
        rows = [
            replace(door(t, f"{'LATE' if t in held else 'OK'}{t // 10}"), received_ns=np.array([tick])) for t in times
        ]
        bench.append(
            *([merge(rows)] if rows else []),
            fold=with_alarms(events=(alarm,) if tick in (11, 50) else ()),
            tick_ns=tick,
            events=(said,) if tick in (10, 50) else (),
        )
    history = bench.history
    whole = [(10, "OK1"), (20, "LATE2"), (30, "OK3"), (40, "OK4")]
    assert history.text_changes(DOOR.id, "state", 0, 49) == whole
    for by_ns, late in ((49, False), (50, True), (1 << 61, True)):
        seen = history.received(by_ns)
        assert seen.text_changes(DOOR.id, "state", 0, 49) == (whole if late else [whole[0], *whole[2:]])
        assert seen.text_changes(DOOR.id, "state", 25, 35) == [(25, "LATE2" if late else "OK1"), (30, "OK3")]
        assert seen.density([DOOR.id, "nowhere:x"], 10, 50, 4).tolist() == [10, 10 if late else 0, 10, 10]
        assert seen.frames(DOOR.id, 0, 49).t_ns.tolist() == [t for t in range(10, 49) if late or not 20 <= t < 30]
        assert [one.t_ns for one in seen.events(0, 99)] == ([20, 10] if late else [10])
        assert [one.t_ns for one in seen.events(0, 99, asset="jeonju", limit=1)] == [20 if late else 10]
        assert [one.t_ns for one in seen.alarm_events(0, 99)] == ([25, 11] if late else [11])
        assert [one.raised for one in seen.alarms_at(40)] == [not late]
    early = history.received(9)
    assert (early.text_changes(DOOR.id, "state", 0, 99), early.events(0, 99), early.alarms_at(99)) == ([], [], [])
    assert (early.frames(DOOR.id, 0, 99).t_ns.tolist(), early.density([DOOR.id], 0, 99, 1).tolist()) == ([], [0])
    assert early.text_changes(DOOR.id, "no_such", 0, 99) == history.received(9).text_changes("no:such", "x", 0, 9) == []


# Batches, keyframes, events


def test_batches_come_back_as_they_were_cut(bench):
    bench.append(merge([arm(30, 3, 3, None), arm(10, 1, 1, 1)]), door(1, "가"), tick_ns=100)
    bench.append(tick_ns=200)
    bench.append(merge([arm(10, 1, 1, 1), arm(5, 7, 0.1, 2)]), tick_ns=300)
    bench.append(arm(10, 1, 1, 1), tick_ns=400)
    assert_same_batches(list(bench.history.batches("w")), bench.seen)
    assert_same_batches(list(bench.history.batches("w", 2, 3)), bench.seen[1:3])
    assert list(bench.history.batches("nobody")) == []


def test_many_batches_come_back_in_order_however_many_are_read_at_once(bench, monkeypatch):
    monkeypatch.setattr(_history, "FRAMES_A_READ", 50)
    monkeypatch.setattr(_history, "BATCHES_A_READ", 40)
    for n in range(1, 151):
        parts = [merge([arm(n, n + i, n, None) for i in range(60 if n == 7 else 3)])] if n % 3 else []
        bench.store.append(Commit(batch_of("w", n, n * 10, parts)), bench.fold)
    assert_same_batches(list(bench.history.batches("w")), bench.seen)


def test_keyframes_come_back_in_order(bench):
    made = [Keyframe("w", n, n * 10, n in (1, 3), f"{n:064x}", bytes([n, 0])) for n in range(1, 41)]
    for keyframe in made:
        bench.append(fold=lambda _, keyframe=keyframe: Folded((), (), keyframe))
    assert list(bench.history.keyframes("w")) == made
    assert list(bench.history.keyframes("w", 38)) == made[37:]
    assert bench.history.last_keyframe("w") == made[-1]
    assert bench.history.last_keyframe("w", full=True) == made[2]
    assert bench.history.last_keyframe("w", until_n=30) == made[29]
    assert bench.history.last_keyframe("w", full=True, until_n=2) == made[0]
    assert bench.history.last_keyframe("nobody") is None
    assert bench.history.summary().keyframes == 40


def test_the_last_batch_at_a_moment_is_found_by_its_tick(bench):
    for tick_ns in (10, 20, 20, 30, 50):
        bench.append(tick_ns=tick_ns)
    found = [bench.history.batch_at("w", t_ns) for t_ns in (9, 10, 19, 20, 29, 30, 49, 50, 99)]
    assert found == [0, 1, 1, 3, 3, 4, 4, 5, 5]
    assert bench.history.batch_at("nobody", 99) == 0


def laid_open(skim: Skim) -> Any:
    """A skim as plain values."""
    return (
        skim.first_n,
        skim.ticks,
        {
            one.newest.stream.id: (
                one.heard_ns, one.newest.t_ns, one.newest.seq, one.newest.received_ns, one.newest.quality,
                tuple((one.newest.values + 0.0).tolist()), one.newest.texts,
            )
            for one in skim.streams
        },
    )  # fmt: skip


def test_a_skim_is_what_the_batches_left_or_there_is_none(bench):
    if bench.place.memory is not None:
        pytest.skip("its batches are at hand")
    rng = np.random.default_rng(5)
    for n in range(1, 9):
        times = rng.permutation(40)[:4] + 1  # in no order: what came late is not the newest
        parts = [frame(ARM, 1000 + int(t), int(rng.integers(99)), 7000 + n, [float(t), 1.5]) for t in times]
        parts += [frame(DOOR, 1000 + 10 * n + int(t), n, 7000 + n, [1.0], ("Idle", f"{n}")) for t in times[: n % 3]]
        bench.append(*parts, tick_ns=100 * n)
    for first_n, last_n in ((1, 8), (3, 5), (4, 4)):
        batches = list(bench.history.batches("w", first_n, last_n))
        assert laid_open(bench.history.skim("w", first_n, last_n)) == laid_open(skim_of(batches))
    assert bench.history.skim("w", 3, 9) is None, "there is no ninth"
    assert bench.history.skim("nobody", 1, 2) is None
    ear = listening_stream("mqtt")
    bench.append(frame(ear, 2000, 1, 2000, [1.0]), tick_ns=900)
    assert bench.history.skim("w", 8, 9) is not None
    bench.append(frame(ear, 2001, 2, 2001, [0.0]), tick_ns=1000)
    bench.append(frame(ARM, 9000, 200, 2002, [1.0, 1.0], quality=Quality.CLOCK_AHEAD), tick_ns=1100)
    alive = stream_of("jeonju/cell1", "liveness", [Signal("online", Kind.FLAG, role=Role.ONLINE)])
    bench.append(frame(alive, 2003, 1, 2003, [1.0]), tick_ns=1200)
    for n in (10, 11, 12):
        assert bench.history.skim("w", n, n) is None, "in which order it came matters"


def test_events_are_read_by_time_asset_and_kind(bench):
    def event(t_ns: int, asset: str, kind: EventKind = EventKind.STATE_CHANGED) -> Event:
        return Event(kind, t_ns, asset, "state", "IDLE", "실행")

    folded = (event(20, "s/a/x"), event(10, "s/a"), event(20, "s/ab"), event(30, "s/a/y", EventKind.ASSET_LOST))
    outside = Event(EventKind.SESSION_LOST, 15, "mqtt")
    bench.append(fold=lambda _: Folded(folded, ()), events=(outside,))
    read = bench.history.events
    assert read(0, 99) == [folded[3], folded[2], folded[0], outside, folded[1]]
    assert read(10, 20) == [outside, folded[1]]
    assert read(0, 99, asset="s/a") == [folded[3], folded[0], folded[1]]
    assert read(0, 99, kinds=[EventKind.ASSET_LOST, EventKind.SESSION_LOST]) == [folded[3], outside]
    assert read(0, 99, asset="s", kinds=[EventKind.STATE_CHANGED], limit=1) == [folded[2]]
    assert bench.history.batch_events("w", 1) == folded
    assert bench.history.batch_events("w", 2) == ()
    assert bench.history.summary().events == 5


# Accounting


def test_the_same_dead_letter_is_one_row_with_a_count(bench):
    big = b"x" * 100_000
    letter = DeadLetter("mqtt", "a/b", "json_syntax", "line 1", b"{", 5)
    bench.append(dead_letters=(letter, replace(letter, received_ns=9), replace(letter, payload=big)))
    bench.restart()
    bench.append(
        dead_letters=(replace(letter, received_ns=7), replace(letter, source="uns"), replace(letter, reason="type"))
    )
    bench.append(dead_letters=(replace(letter, payload=big[:-1]), replace(letter, topic="t" * 65_000, received_ns=1)))
    letters = bench.history.dead_letters()
    first = next(row for row in letters if (row.source, row.reason, row.payload) == ("mqtt", "json_syntax", b"{"))
    assert (first.topic, first.detail, first.first_ns, first.last_ns, first.count) == ("a/b", "line 1", 5, 9, 3)
    assert letters[0] == first
    assert len(letters) == 6
    assert sorted(len(row.payload) for row in letters) == [1, 1, 1, 1, 65536, 65536]
    assert len({row.sha256 for row in letters}) == 3
    assert len(bench.history.dead_letters(source="uns")) == 1
    assert len(bench.history.dead_letters(limit=2)) == 2
    assert bench.history.summary().dead_letters == 8


def test_a_dead_letter_that_is_decoded_after_all_is_kept_no_longer(bench, monkeypatch):
    monkeypatch.setattr(_tally, "LETTERS_PER_SOURCE", 2)
    letters = tuple(DeadLetter("mqtt", "t", "type", "", bytes([i]), i) for i in (1, 2, 2))
    bench.append(dead_letters=letters, counts=(SourceCount("mqtt", 3, 0, {}, {"type": 3}),))
    newest = bench.history.dead_letters()[0]
    assert newest.count == 2
    moved = SourceCount("mqtt", 0, 2, {}, {"type": -2}, 1, redriven=2)
    bench.append(arm(1, 1, 1, 1), counts=(moved,), redriven=(newest.id,))
    bench.restart()
    assert [letter.payload for letter in bench.history.dead_letters()] == [bytes([1])]
    assert bench.history.summary().dead_letters == 1
    terms = bench.history.by_source()["mqtt"]
    assert (terms["received"], terms["decoded"], terms["rejected"], terms["redriven"]) == (3, 2, {"type": 1}, 2)
    assert (terms["decoded_frames"], terms["stored"]) == (1, 1)
    bench.append(dead_letters=(DeadLetter("mqtt", "t", "type", "", b"again there is room", 9),))
    assert len(bench.history.dead_letters()) == 2
    bench.append(
        dead_letters=letters[1:2], redriven=(bench.history.dead_letters()[0].id,),
        counts=(SourceCount("mqtt", rejected={"type": -1}),),
    )  # fmt: skip
    assert bench.history.by_source()["mqtt"]["rejected"] == {}


def test_a_failed_commit_keeps_the_dead_letters_that_it_would_have_removed(bench):
    bench.append(dead_letters=(DeadLetter("mqtt", "t", "type", "", b"x", 1),))
    (letter,) = bench.history.dead_letters()

    def fail(batch):
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  our own
        bench.append(arm(1, 1, 1, 1), fold=fail, redriven=(letter.id,))
    assert bench.history.dead_letters() == [letter]


def test_dead_letters_beyond_the_room_of_a_source_are_counted(bench, monkeypatch):
    monkeypatch.setattr(_tally, "LETTERS_PER_SOURCE", 5)
    letters = tuple(DeadLetter("mqtt", "t", "type", "", bytes([i]), i) for i in range(8))
    bench.append(dead_letters=letters[:4])
    bench.append(dead_letters=letters)
    bench.append(dead_letters=(replace(letters[0], source="uns"),))
    assert len(bench.history.dead_letters(source="mqtt")) == 5
    assert bench.history.summary().dead_letters == 13
    assert {source: terms["dead_letters"] for source, terms in bench.history.by_source().items()} == {
        "mqtt": 12,
        "uns": 1,
    }
    assert sum(row.count for row in bench.history.dead_letters(source="mqtt")) == 9


def test_the_accounting_equations_hold_by_source(bench):
    first = SourceCount("mqtt", 9, 5, {"ping": 1}, {"type": 3}, 4, last_received_ns=50)
    second = SourceCount("mqtt", 3, 2, {"ping": 1}, {}, 2, last_received_ns=40)
    bench.append(merge([arm(t, t, 1, 1) for t in range(4)]), counts=(first,))
    bench.append(arm(0, 0, 1, 1), arm(1, 1, 2, 2), counts=(second, SourceCount("uns", 1, 0, {}, {"json_syntax": 1})))
    bench.restart()
    sources = bench.history.by_source()
    assert sources["mqtt"] == {
        "received": 12,
        "decoded": 7,
        "handled": {"ping": 2},
        "rejected": {"type": 3},
        "decoded_frames": 6,
        "stored": 4,
        "duplicate": 1,
        "key_conflict": 1,
        "redriven": 0,
        "dead_letters": 1,
        "last_received_ns": 50,
        "expected": 4,
        "distinct": 4,
        "gap": 0,
    }
    assert sources["uns"]["rejected"] == {"json_syntax": 1}


def test_frames_that_never_came_are_gaps_until_they_come(bench):
    epoch = 1 << SEQ_EPOCH_SHIFT
    bench.append(arm(1, 3, 0, 0), tick_ns=10)
    bench.append(merge([arm(9, 9, 0, 0), arm(7, 7, 0, 0), arm(99, epoch + 5, 0, 0)]), door(1, "IDLE"), tick_ns=20)
    assert bench.history.gaps() == [Gap(ARM.id, 8, 8, 2, 20), Gap(ARM.id, 4, 6, 2, 20)]
    bench.restart()
    bench.append(merge([arm(5, 5, 0, 0), arm(5, 5, 0, 0), arm(100, epoch + 7, 0, 0), arm(0, 1, 0, 0)]), tick_ns=30)
    assert bench.history.gaps(stream=ARM.id, source="mqtt") == [
        Gap(ARM.id, epoch + 6, epoch + 6, 3, 30),
        Gap(ARM.id, 2, 2, 3, 30),
        Gap(ARM.id, 8, 8, 2, 20),
        Gap(ARM.id, 6, 6, 2, 20),
        Gap(ARM.id, 4, 4, 2, 20),
    ]
    assert len(bench.history.gaps(limit=2)) == 2
    assert bench.history.gaps(source="uns") == bench.history.gaps(stream=DOOR.id) == []
    terms = bench.history.by_source()["mqtt"]
    assert (terms["expected"], terms["distinct"], terms["gap"]) == (9 + 3, 7, 5)
    bench.append(arm(8, 8, 0, 0), tick_ns=40)
    assert bench.history.by_source()["mqtt"]["gap"] == 4


def test_a_failed_commit_changes_no_gap(bench):
    bench.append(arm(1, 1, 0, 0))

    def fail(batch):
        raise ValueError

    for fold in (fail, None):
        if fold:
            with pytest.raises(ValueError):  # noqa: PT011  our own
                bench.append(arm(9, 9, 0, 0), fold=fold)
            assert bench.history.gaps() == []
        else:
            bench.append(arm(5, 5, 0, 0))
    assert [(gap.from_seq, gap.to_seq) for gap in bench.history.gaps()] == [(2, 4)]


def test_the_counts_of_streams_are_exact(bench):
    bench.append(merge([arm(30, 3, 3, None), arm(10, 7, 1, 1)]), door(1, "가"))
    bench.append(merge([arm(30, 3, 3, None), arm(5, 4, 0.1, 2)]), door(2, None, None, None))
    counts = bench.history.by_stream()
    arm_count, door_count = counts[ARM.id], counts[DOOR.id]
    assert (arm_count.frames, arm_count.values, door_count.frames, door_count.values) == (3, 5, 2, 2)
    assert (arm_count.first_seq, arm_count.last_seq, arm_count.first_ns, arm_count.last_ns) == (3, 7, 5, 30)
    summary = bench.history.summary()
    assert (summary.frames, summary.values, summary.streams, summary.signals) == (5, 7, 2, 5)
    assert (summary.first_ns, summary.last_ns, summary.batches) == (1, 30, 2)
    assert summary.bytes > 0


# Any frames

_values = st.one_of(st.none(), st.floats(allow_nan=False), st.integers(-3, 3).map(float))
_texts = st.one_of(st.none(), st.text(st.characters(exclude_characters="\x00", codec=None), max_size=8))
_times = st.integers(-(2**62), 2**62) | st.integers(0, 5)


@st.composite
def _cuts(draw):
    streams = [
        stream_of(
            "s/a",
            str(index),
            [Signal(f"n{i}") for i in range(width)] + [Signal(f"t{i}", Kind.TEXT) for i in range(texts)],
            sequenced=index % 2 == 0,
            source=f"source{index % 2}",
        )
        for index, (width, texts) in enumerate(
            draw(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 2)), min_size=1, max_size=4))
        )
    ]
    row = st.sampled_from(streams).flatmap(
        lambda stream: st.builds(
            lambda t_ns, seq, values, texts, quality: frame(stream, t_ns, seq, 5, values, tuple(texts), quality),
            _times,
            st.integers(0, 2**62) | st.integers(0, 2),
            st.lists(_values, min_size=stream.width, max_size=stream.width),
            st.lists(_texts, min_size=len(stream.text_columns), max_size=len(stream.text_columns)),
            st.sampled_from([0, 64, 68, 192, 500]),
        )
    )
    return draw(st.lists(st.lists(row, max_size=12), min_size=1, max_size=4))


def test_any_frames_come_back_bit_by_bit(new_place):
    shared = Bench(new_place())
    number = itertools.count()

    @settings(max_examples=examples(40), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(_cuts())
    def check(cuts):
        # The same database for all examples: each gets a writer and stream ids of its own.
        run = next(number)
        model = MemoryStore()
        seen: list[Batch] = []
        ids: set[str] = set()
        for n, parts in enumerate(cuts, 1):
            named = [replace(part, stream=replace(part.stream, id=f"s/{run}:{part.stream.name}")) for part in parts]
            ids |= {part.stream.id for part in named}
            commit = Commit(batch_of(f"w{run}", n, n, named))
            expected = model.append(commit, lambda _: Folded((), ()))
            outcome = shared.store.append(commit, lambda batch: (seen.append(batch), Folded((), ()))[1])
            assert outcome == expected
            assert outcome.stored + outcome.duplicate + outcome.key_conflict == len(commit.batch)
        assert_same_batches(list(shared.history.batches(f"w{run}")), seen)
        assert_same_batches(list(model.batches(f"w{run}")), seen)
        counts = shared.history.by_stream()
        for stream in ids:
            assert_same_frames(
                shared.history.frames(stream, -(2**63), 2**63 - 1), model.frames(stream, -(2**63), 2**63 - 1)
            )
            assert counts[stream] == model.by_stream()[stream]
            assert shared.history.gaps(stream=stream) == model.gaps(stream=stream)
        found, known = shared.history.as_of(3, ids), model.as_of(3, ids)
        assert {key: (row.t_ns, row.seq, row.texts) for key, row in found.items()} == {
            key: (row.t_ns, row.seq, row.texts) for key, row in known.items()
        }

    try:
        check()
    finally:
        shared.close()


# What only databases do


SQLITE = pytest.mark.parametrize("new_place", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize("new_place", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
DATABASES = pytest.mark.parametrize(
    "new_place", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@DATABASES
def test_there_is_no_history_before_the_first_store(place):
    with pytest.raises(StoreUnavailable if place.url.startswith("sqlite") else StoreError):
        open_history(place.url)


@DATABASES
def test_one_writer_of_a_name_at_a_time(place):
    with writer_lock(place.url, "ingest"):
        with pytest.raises(StoreError, match="as 'ingest'"), writer_lock(place.url, "ingest"):
            pass
        with writer_lock(place.url, "../another"):
            pass
    with writer_lock(place.url, "ingest"):
        pass


@DATABASES
def test_a_newer_schema_is_refused_by_name(place):
    store = open_store(place.url)
    store._driver.begin()
    store._driver.run("UPDATE meta SET value = '999' WHERE key = 'schema_version'")
    store._driver.commit()
    store.close()
    for opened in (open_store, open_history):
        with pytest.raises(StoreError, match="schema 999"):
            opened(place.url)


@DATABASES
def test_an_older_schema_is_refused_by_name(place):
    store = open_store(place.url)
    store._driver.begin()
    store._driver.run("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    store._driver.commit()
    store.close()
    for opened in (open_store, open_history):
        with pytest.raises(StoreError, match="schema 1 "):
            opened(place.url)


def test_an_unknown_url_is_refused():
    for opened in (open_store, open_history):
        with pytest.raises(StoreError, match="sqlite:///"):
            opened("mysql://somewhere")


@DATABASES
def test_a_database_that_fails_at_the_end_leaves_nothing_and_a_retry_works(place):
    bench = Bench(place)
    parts = (arm(10, 1, 1, 1), door(3, "IDLE"))
    driver = bench.store._driver
    driver.begin()
    driver.run("ALTER TABLE writer RENAME TO writer_away")
    driver.commit()
    commit = Commit(batch_of("w", 1, 5, parts))
    with pytest.raises(StoreUnavailable):
        bench.store.append(commit, bench.fold)
    driver.begin()
    driver.run("ALTER TABLE writer_away RENAME TO writer")
    driver.commit()
    assert bench.history.summary().frames == 0
    assert bench.store.append(commit, bench.fold) == Outcome(2, 0, 0)
    assert_same_batches(list(bench.history.batches("w")), [commit.batch])
    bench.close()


@DATABASES
def test_a_reader_sees_commits_of_a_writer_it_shares_nothing_with(place):
    bench = Bench(place)
    for t in range(5):
        bench.append(arm(t, t, t, t))
        assert bench.history.summary().frames == t + 1
        assert bench.history.as_of(99)[ARM.id].seq == t
    bench.close()


@DATABASES
def test_a_reader_cannot_write(place):
    bench = Bench(place)
    with pytest.raises(StoreError):
        bench.history._reader.ask("DELETE FROM meta")
    bench.close()


@DATABASES
def test_a_commit_whose_answer_is_lost_is_not_stored_twice(place, monkeypatch):
    bench = Bench(place)
    bench.append(arm(1, 1, 1, 1))
    driver = bench.store._driver
    commit_for_good = driver.commit
    lost = sqlite3.OperationalError if place.url.startswith("sqlite") else psycopg.OperationalError

    def commit_and_lose_the_answer() -> None:
        commit_for_good()
        raise lost("the connection is gone")

    commit = Commit(batch_of("w", 2, 5, [arm(1, 1, 1, 1), arm(2, 2, 2, 2)]), counts=(SourceCount("mqtt", 2),))
    monkeypatch.setattr(driver, "commit", commit_and_lose_the_answer)
    with pytest.raises(StoreUnavailable):
        bench.store.append(commit, bench.fold)
    monkeypatch.undo()
    assert bench.store.append(commit, bench.fold) == Outcome(1, 1, 0)
    assert bench.seen[-1].frames[0].seq.tolist() == [2]
    assert bench.history.by_source()["mqtt"]["received"] == 2
    assert bench.append(arm(3, 3, 3, 3)) == Outcome(1, 0, 0)
    assert_same_batches(list(bench.history.batches("w")), [bench.seen[0], bench.seen[1], bench.seen[3]])
    bench.close()


@SQLITE
def test_a_locked_file_is_unavailable_and_a_retry_works(place):
    bench = Bench(place)
    bench.store._driver.run("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(place.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            bench.store.append(Commit(batch_of("w", 1, 0, [arm(1, 1, 1, 1)])), bench.fold)
        other.execute("ROLLBACK")
    assert bench.append(arm(1, 1, 1, 1)) == Outcome(1, 0, 0)
    bench.close()


@SQLITE
def test_a_full_disk_is_unavailable_and_a_retry_works(place):
    bench = Bench(place)
    bench.append(arm(1, 1, 1, 1))
    frames = merge([arm(t, t, t, t) for t in range(2, 5000)])
    bench.store._driver.run("PRAGMA max_page_count = 40")
    with pytest.raises(StoreUnavailable, match="full"):
        bench.append(frames)
    assert bench.history.summary().frames == 1
    bench.store._driver.run("PRAGMA max_page_count = 100000")
    assert bench.append(frames) == Outcome(4998, 0, 0)
    assert bench.store._driver.ask("PRAGMA integrity_check") == [("ok",)]
    bench.close()


@POSTGRES
def test_a_lost_connection_is_unavailable_and_the_next_try_connects_anew(place):
    bench = Bench(place)
    bench.append(arm(1, 1, 1, 1))
    with psycopg.connect(**SERVER, dbname="postgres", autocommit=True) as other:
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        other.execute(gone, (place.url.rpartition("/")[2],))
    with pytest.raises(StoreUnavailable):
        bench.store.append(Commit(batch_of("w", 2, 0, [arm(2, 2, 2, 2)])), bench.fold)
    assert bench.history.summary().frames == 1
    assert bench.append(arm(2, 2, 2, 2)) == Outcome(1, 0, 0)
    bench.close()


def test_a_reader_never_sees_a_half_made_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    wrong: list[BaseException] = []
    made = threading.Event()

    def look() -> None:
        while not made.is_set():
            try:
                open_history(url).close()
            except StoreUnavailable:
                continue
            except BaseException as error:  # noqa: BLE001  whatever a reader meets
                wrong.append(error)
                return

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    open_store(url).close()
    made.set()
    for reader in readers:
        reader.join()
    assert not wrong


PACED = stream_of("s/a", "paced", [Signal("x")], source="m")


def paced(t_ns, skew_ns=0, quality=192):
    return frame(PACED, t_ns, t_ns, t_ns + skew_ns, (1.0,), quality=quality)


def test_late_frames_are_counted_against_the_newest_that_came_before_them(bench):
    def late():
        return bench.history.by_stream()[PACED.id].late

    bench.append(paced(10), paced(30), paced(20), paced(40))
    assert late() == 1
    bench.append(paced(50))
    bench.restart()
    bench.append(paced(45), paced(60), paced(55))
    assert late() == 3
    bench.append(paced(45), paced(60))
    assert late() == 3, "what came twice is not late"
    bench.append(paced(2**60, quality=68), paced(70))
    bench.append(paced(80))
    assert late() == 3, "what a device dated ahead makes nothing late"


def test_the_skew_of_each_streams_clock_is_the_least_of_late_and_survives_a_restart(bench):
    def skew():
        return bench.history.by_stream()[PACED.id].skew_ns

    bench.append(paced(10))
    assert skew() is None, "a device that tells no time has no skew"
    bench.append(paced(1000, 800))
    assert skew() == 800
    bench.restart()
    bench.append(paced(2000, 0))
    bench.append(paced(3000, 1600))
    assert skew() == 812, "a delay raises it slowly"
    bench.append(paced(4000, -700))
    assert skew() == -700


def test_a_batch_that_is_refused_moves_no_clock(bench):
    bench.append(paced(1000, 800))

    def broken(_):
        raise StoreRejected("no")

    with pytest.raises(StoreRejected):
        bench.append(paced(5000, 8000), fold=broken)
    bench.append(paced(2000, 800))
    count = bench.history.by_stream()[PACED.id]
    assert (count.late, count.skew_ns) == (0, 800)


def test_newcomers_are_kept_as_they_came_first(bench):
    first = Newcomer("m", "s/new", 5, "s/new/data", "s/new:data", "x, y")
    bench.append(paced(1), newcomers=(first, Newcomer("m", "s/b\x00c"[:3], 7, "t\x00", "s/b:data", "x")))
    bench.restart()
    bench.append(paced(2), newcomers=(Newcomer("m", "s/new", 9, "other", "s/new:other", "z"),))
    assert bench.history.newcomers() == [Newcomer("m", "s/b", 7, "t\N{REPLACEMENT CHARACTER}", "s/b:data", "x"), first]


def test_what_a_device_announces_is_added_to_how_it_was_met_and_the_last_word_counts(bench):
    met = Newcomer("m", "s/new", 5, "s/new/data", "s/new:data", "x, y", last_ns=5)
    told = Newcomer(
        "m", "s/new", 8, "births", "s/new:other", "z", "robot_arm", "로봇 7", '{"maker": "ACME"}',
        '[{"name": "other", "signals": []}]', "10.0.0.7", 8,
    )  # fmt: skip
    bench.append(paced(1), newcomers=(met,))
    bench.append(paced(2), newcomers=(told,))
    first_of_it = replace(told, first_ns=5, topic="s/new/data", stream="s/new:data", signals="x, y")
    assert bench.history.newcomers() == [first_of_it]
    bench.restart()
    bench.append(paced(3), newcomers=(replace(told, name="b\x00d", last_ns=9), replace(told, asset="s/z", first_ns=1)))
    assert bench.history.newcomers() == [
        replace(first_of_it, name="b\N{REPLACEMENT CHARACTER}d", last_ns=9), replace(told, asset="s/z", first_ns=1),
    ]  # fmt: skip


def found(device, rule, count=1, t_ns=5, source="m"):
    return FindingCount(source, device, rule, count, t_ns, t_ns + count, f"at {t_ns}", "a/topic", b"\x00\xff")


def test_findings_add_up_and_keep_the_last_example(bench):
    bench.append(
        paced(1), findings=(found("s/a", "order", 3, 50), found("s/a", "alias"), found("n", "order", source="o"))
    )
    bench.restart()
    bench.append(paced(2), findings=(found("s/a", "order", 2, 40), replace(found("s/b", "x"), payload=b"p" * 5000)))
    both = replace(found("s/a", "order", 5, 40), last_ns=53)
    assert bench.history.findings(source="m") == [
        found("s/a", "alias"), both, replace(found("s/b", "x"), payload=b"p" * 1000),
    ]  # fmt: skip
    assert bench.history.findings(device="n") == [found("n", "order", source="o")]
    assert len(bench.history.findings()) == 4


def test_a_source_has_room_for_so_many_findings_and_counts_the_rest(bench, monkeypatch):
    monkeypatch.setattr(_tally, "FINDINGS_PER_SOURCE", 2)
    bench.append(paced(1), findings=tuple(found(f"s/{i}", "order", 2, i) for i in range(5)))
    bench.append(
        paced(2), findings=(found("s/0", "order", 1, 9), found("s/9", "order", 1, 7), found("x", "y", source="o"))
    )
    assert [(one.source, one.device, one.rule, one.count) for one in bench.history.findings()] == [
        ("m", "", "more", 7), ("m", "s/0", "order", 3), ("m", "s/1", "order", 2), ("o", "x", "y", 1),
    ]  # fmt: skip


def test_findings_of_a_batch_that_is_refused_are_not_kept(bench):
    def broken(_):
        raise StoreRejected("no")

    with pytest.raises(StoreRejected):
        bench.append(paced(5000, 8000), fold=broken, findings=(found("s/a", "order"),))
    assert bench.history.findings() == []
