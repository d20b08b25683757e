"""The pipeline's promises: nothing acknowledged before it is stored, every message accounted for, one true fold."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.ingest import pipeline as pipeline_module
from connectors.ingest.decoding import Decoding
from connectors.ingest.newcomers import Newcomers
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import make_decoder
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.config import IngestConfig
from twin.errors import StoreRejected, StoreUnavailable
from twin.events import Event, EventKind
from twin.keyframes import resume, verify
from twin.message import Message
from twin.ports import Commit, Delivery, Folded, Newcomer
from twin.sample import batch_of
from twin.site import Hub, Name

HUB = Hub("hub", Name("h", "h"), ())
T0 = 1_795_328_000 * NS_PER_S
GUILTY = 666.0
COUNTED = {"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"}
OPTIONS = {
    "counted": ("json_object", COUNTED),
    "plain": ("json_topic", {"topic": "one/{asset}/{signal}", "time": "ts"}),
}


@pytest.fixture(scope="module", autouse=True)
def _no_pauses():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_module, "LINGER_S", 0.0)
        patch.setattr(pipeline_module, "_BACK_OFF_S", (0.0, 0.0))
        yield


class Outage(MemoryStore):
    """A store with an unsteady server: it fails as ``script`` says, one word an append, and refuses GUILTY values.

    away: down before anything; torn: the transaction breaks after the fold; doubt: COMMIT went through and its
    answer was lost, as `SqlStore` settles it on the next try.
    """

    def __init__(self, script=()):
        super().__init__()
        self.script = list(script)
        self.tried = []
        self._doubt = None

    def append(self, commit, fold):
        self.tried.append(commit.batch.n)
        if self._doubt is not None:
            outcome, stored = self._doubt
            self._doubt = None
            fold(stored)
            return outcome
        word = self.script.pop(0) if self.script else ""
        if word == "away":
            raise StoreUnavailable("down")
        guilty = any(np.any(part.values == GUILTY) for part in commit.batch.frames)
        if word == "torn" or guilty:
            fold(commit.batch)
            raise StoreRejected("value too evil") if guilty else StoreUnavailable("connection lost")
        outcome = super().append(commit, fold)
        if word == "doubt":
            self._doubt = outcome, next(iter(self.batches(commit.batch.writer, commit.batch.n)))
            raise StoreUnavailable("connection lost in COMMIT")
        return outcome


class Device:
    """A source whose messages the test sends; it checks each acknowledgement against what the store counts."""

    def __init__(self, name, store):
        self.name = name
        self.acknowledged = []
        self.connected = True
        self._store = store

    def start(self, deliver, report):
        self.deliver, self.report, self.sent = deliver, report, 0

    def hold(self):
        pass

    def resume(self):
        pass

    def acknowledge(self, receipts):
        self.acknowledged += receipts
        assert self._store.by_source()[self.name]["received"] >= len(self.acknowledged), "acknowledged before stored"

    def stop(self):
        pass

    def send(self, topic, payload, received_ns, *, retain=False):
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.deliver([Delivery(self.name, Message(topic, body, received_ns, 1, retain), self.sent)])
        self.sent += 1


class Plant:
    """A pipeline, wired as `run_ingest` does it, with its devices and its clock in the test's hands."""

    def __init__(self, script=(), store=None, **config):
        self.store = Outage(script) if store is None else store
        self.clock = ManualClock(T0)
        self.queue = DeliveryQueue(5000)
        self.decoders = {name: make_decoder(d, o, name, HUB) for name, (d, o) in OPTIONS.items()}
        for name, state in self.store.decoder_states().items():
            self.decoders[name].restore(state)
        self.devices = {name: Device(name, self.store) for name in OPTIONS}
        self.mirror, keyframes = resume(self.store, "ingest")
        self.committed = []
        self.pipeline = Pipeline(
            IngestConfig(**config), self.queue, Decoding(self.decoders, 60.0, 5000), self.mirror, keyframes,
            self.store, self.devices, self.clock, lambda batch, latest: self.committed.append((batch.n, latest)),
        )  # fmt: skip
        for device in self.devices.values():
            device.start(self.queue.put, self.queue.report)

    @property
    def counted(self):
        return self.devices["counted"]

    def count(self, n, x, t_s=None, asset="ur3"):
        t_s = n if t_s is None else t_s
        body = {"ts": T0 // NS_PER_MS + round(t_s * 1000), "n": n, "x": x}
        self.counted.send(f"plant/{asset}/data", body, self.clock.now_ns())

    def drain(self):
        while len(self.queue):
            self.pipeline.step(0.0)

    def live(self):
        return self.mirror.canonical().splitlines()[1:]


def equations_hold(store):
    for terms in store.by_source().values():
        assert terms["received"] == terms["decoded"] + sum(terms["handled"].values()) + sum(terms["rejected"].values())
        assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"]
        assert terms["expected"] == terms["distinct"] + terms["gap"]


def letters(store):
    found = Counter()
    for letter in store.dead_letters(limit=10_000):
        found[letter.source, letter.reason] += letter.count
    return found


def test_a_message_is_acknowledged_once_and_only_after_it_is_stored():
    plant = Plant()
    plant.count(1, 1.5)
    plant.count(2, 2.5)
    assert plant.counted.acknowledged == []
    assert plant.pipeline.step(0.0) == 2
    assert plant.counted.acknowledged == [0, 1]
    frames = plant.store.frames("ur3:data", T0, T0 + 10 * NS_PER_S)
    assert frames.seq.tolist() == [1, 2]
    assert frames.values.tolist() == [[1.5], [2.5]]
    equations_hold(plant.store)


def test_the_twins_own_numbers_stay_the_newest_where_its_clock_is_set_back_an_hour():
    plant = Plant()
    for n in range(3):
        plant.count(n, 1.5, t_s=0)
        plant.pipeline.step(0.0)
        plant.clock.advance(2)
    plant.clock.set(plant.clock.now_ns() - 3600 * NS_PER_S)
    for n in range(3, 6):
        plant.count(n, 1.5, t_s=0)
        plant.pipeline.step(0.0)
        latest = plant.mirror.latest["twin/ingest:metrics"]
        assert latest.values[[s.name for s in latest.stream.columns].index("messages_total")] == n
        assert latest.received_ns == plant.clock.now_ns()
        plant.clock.advance(2)
    assert verify(plant.store).mismatches == ()


def test_two_sources_that_name_other_signals_alike_do_not_end_ingest():
    plant = Plant()
    decoders = {name: make_decoder("json_object", {"topic": "{asset}/{stream}"}, name, HUB) for name in ("a", "b")}
    decoding = Decoding(decoders, 60.0, 100)
    told = [
        Delivery(source, Message("pump/data", json.dumps(body).encode(), T0 + place, 1), place)
        for place, (source, body) in enumerate(
            [("a", {"x": 1}), ("b", {"x": 1, "y": 2}), ("b", {"x": 3, "y": 4}), ("a", {"x": 5})]
        )
    ]
    decoded = decoding.decode(told, 100)
    assert [(place, letter.reason) for place, letter in decoded.letters.items()] == [
        (1, "stream_clash"),
        (2, "stream_clash"),
    ]
    batch = batch_of("ingest", 1, T0, [part for part, _ in decoded.parts])
    assert plant.store.append(Commit(batch), lambda batch: Folded((), ())).stored == 2


@pytest.mark.parametrize("word", ["away", "torn", "doubt"])
def test_a_store_that_is_away_gets_the_same_batch_again_and_nothing_is_acknowledged_before(word):
    steady, plant = Plant(), Plant(["", word, word])
    for each in (steady, plant):
        each.count(1, 1.5)
        each.pipeline.step(0.0)
        each.clock.advance(61)
        each.count(2, 2.5)
        each.pipeline.step(0.0)
    assert len(list(steady.store.keyframes("ingest"))) == 2
    assert list(plant.store.keyframes("ingest")) == list(steady.store.keyframes("ingest"))
    assert plant.store.tried == ([1, 2, 2, 2] if word != "doubt" else [1, 2, 2])
    assert plant.counted.acknowledged == [0, 1]
    assert plant.mirror.canonical() == steady.mirror.canonical()
    assert plant.store.batch_events("ingest", 2) == steady.store.batch_events("ingest", 2)
    assert verify(plant.store).mismatches == ()


def test_a_pipeline_told_to_stop_gives_up_a_store_that_is_away_and_acknowledges_nothing():
    plant = Plant(["away"] * 3)
    plant.count(1, 1.5)
    plant.pipeline.stopping.set()
    before = plant.mirror.canonical()
    with pytest.raises(StoreUnavailable):
        plant.pipeline.step(0.0)
    assert plant.store.tried == [1]
    assert plant.counted.acknowledged == []
    assert plant.mirror.canonical() == before


def test_the_one_message_that_the_store_refuses_becomes_a_dead_letter_and_the_others_are_stored():
    plant = Plant()
    for n in range(16):
        plant.count(n, GUILTY if n == 5 else float(n))
    plant.drain()
    assert plant.store.frames("ur3:data", T0, T0 + 99 * NS_PER_S).seq.tolist() == [n for n in range(16) if n != 5]
    assert plant.counted.acknowledged == list(range(16))
    (letter,) = plant.store.dead_letters()
    assert (letter.reason, letter.detail) == ("store_rejected", "value too evil")
    assert json.loads(letter.payload)["x"] == GUILTY
    equations_hold(plant.store)
    assert verify(plant.store).mismatches == ()


def test_events_from_outside_are_stored_once_though_their_batch_is_cut_anew():
    plant = Plant()
    told = Event(EventKind.SESSION_LOST, T0, "twin/ingest/counted")
    plant.queue.report(told)
    for n in range(4):
        plant.count(n, GUILTY if n != 2 else 1.0)
    plant.drain()
    assert plant.store.events(0, 2 * T0, kinds=[EventKind.SESSION_LOST]) == [told]


@pytest.mark.parametrize(
    ("topic", "payload", "retain", "reason"),
    [
        ("plant/ur3/data", b"", False, "empty"),
        ("plant/ur3/data", b"{", False, "json_syntax"),
        ("plant/ur3/data", b"\xff", False, "encoding"),
        ("plant/ur3/data", b"[" * 40, False, "depth"),
        ("elsewhere", b"{}", False, "topic"),
        ("plant/ur3/data", b'{"ts": 5, "n": 1, "x": 1}', False, "ts_unit"),
        ("plant/ur3/data", b'{"ts": 1795328000000, "n": -1, "x": 1}', False, "seq"),
        ("plant/ur3/data", b'{"ts": 1795328000000, "n": true, "x": 1}', False, "seq"),
        ("plant/ur3/data", b'{"ts": 1795328000000, "n": 1, "x": 9007199254740993}', False, "int_range"),
        ("plant/ur3/data", b'{"ts": 1795328000000, "n": 1}', False, "schema"),
    ],
)
def test_a_message_without_meaning_is_a_dead_letter_with_its_reason_and_is_acknowledged(topic, payload, retain, reason):
    plant = Plant()
    plant.counted.send(topic, payload, T0, retain=retain)
    plant.count(1, 1.0)
    plant.drain()
    assert letters(plant.store) == {("counted", reason): 1}
    assert plant.store.dead_letters()[0].payload == payload
    terms = plant.store.by_source()["counted"]
    assert (terms["received"], terms["decoded"], terms["rejected"]) == (2, 1, {reason: 1})
    assert plant.counted.acknowledged == [0, 1]
    equations_hold(plant.store)


def test_a_decoder_that_fails_costs_one_dead_letter_not_the_pipeline():
    class Broken:
        def decode(self, message):
            raise ZeroDivisionError(message.topic)

        def state(self):
            return b""

        def restore(self, state):
            pass

    decoding = Decoding({"counted": Broken()}, 60.0, 10)
    letter = decoding.decode([Delivery("counted", Message("t", b"x", T0))], 1).letters[0]
    assert (letter.reason, letter.payload) == ("decoder_fault", b"x")


def test_more_signals_than_allowed_are_dead_letters():
    decoding = Decoding({"plain": make_decoder(*OPTIONS["plain"], "plain", HUB)}, 60.0, 3)
    told = [decoding.decode([Delivery("plain", Message(f"one/a/s{i % 5}", b"1", T0))], 1) for i in range(10)]
    assert [item.letters[0].reason if item.letters else "" for item in told] == [
        "",
        "",
        "",
        *["cardinality"] * 2,
    ] * 2


def test_devices_that_nobody_named_are_listed_once_and_only_so_many():
    newcomers = Newcomers(["known"], [Newcomer("plain", "old", 1, "t", "s", "x")], 3)
    decoding = Decoding({"plain": make_decoder(*OPTIONS["plain"], "plain", HUB)}, 60.0, 100, newcomers=newcomers)

    def hear(asset):
        return decoding.decode([Delivery("plain", Message(f"one/{asset}/s", b"1", T0))], 1)

    assert not hear("known").letters
    assert not hear("old").letters
    assert decoding.take_newcomers() == ()
    assert not hear("a").letters
    assert not hear("b").letters
    assert [(one.source, one.asset, one.first_ns) for one in decoding.take_newcomers()] == [
        ("plain", "a", T0), ("plain", "b", T0),
    ]  # fmt: skip
    assert decoding.take_newcomers() == ()
    assert hear("c").letters[0].reason == "unknown_device"
    assert not hear("a").letters
    assert not hear("known").letters


def test_a_retained_topic_that_is_cleared_is_handled():
    plant = Plant()
    plant.counted.send("plant/ur3/data", b"", T0, retain=True)
    plant.drain()
    assert plant.store.by_source()["counted"]["handled"] == {"retained_cleared": 1}
    assert plant.counted.acknowledged == [0]


def test_a_duplicate_changes_neither_the_mirror_nor_what_is_stored():
    plant = Plant()
    plant.count(1, 1.5)
    plant.count(2, 2.5)
    plant.drain()
    live, frames = plant.live(), plant.store.summary().frames
    plant.count(1, 1.5)
    plant.count(2, 2.5)
    plant.drain()
    assert plant.live() == live
    assert plant.store.summary().frames == frames
    terms = plant.store.by_source()["counted"]
    assert (terms["received"], terms["stored"], terms["duplicate"], terms["key_conflict"]) == (4, 2, 2, 0)
    assert plant.committed[-1][1] == ()
    assert plant.counted.acknowledged == [0, 1, 2, 3]


def test_another_value_under_the_same_key_is_kept_apart_and_counted():
    plant = Plant()
    plant.count(1, 1.5)
    plant.drain()
    plant.count(1, 9.0)
    plant.drain()
    assert plant.mirror.latest["ur3:data"].values.tolist() == [1.5]
    assert plant.store.by_source()["counted"]["key_conflict"] == 1
    assert letters(plant.store)["counted", "key_conflict"] == 1
    equations_hold(plant.store)


def test_frames_that_never_came_are_told_exactly():
    plant = Plant()
    for n in (1, 2, 5, 9):
        plant.count(n, 1.0)
    plant.drain()
    assert [(gap.from_seq, gap.to_seq) for gap in plant.store.gaps()] == [(6, 8), (3, 4)]
    terms = plant.store.by_source()["counted"]
    assert (terms["expected"], terms["distinct"], terms["gap"]) == (9, 4, 5)
    plant.count(7, 1.0)
    plant.count(7, 1.0)
    plant.drain()
    again = Plant(store=plant.store)
    again.count(4, 1.0)
    again.drain()
    assert sorted((gap.from_seq, gap.to_seq) for gap in plant.store.gaps()) == [(3, 3), (6, 6), (8, 8)]
    assert plant.store.by_source()["counted"]["gap"] == 3


def test_the_skew_of_a_sources_clock_is_told_by_its_median_and_tail():
    plant = Plant()

    def told():
        plant.clock.advance(1.0)
        plant.pipeline.step(0.0)
        latest = plant.mirror.latest["twin/ingest/counted:metrics"]
        row = dict(zip([signal.name for signal in latest.stream.columns], latest.values.tolist(), strict=True))
        return row["skew_s"], row["skew_p95_s"]

    assert np.isnan(told()).all()
    for n in range(1, 101):
        plant.count(n, 1.0, t_s=1.0 + (2.0 if n <= 90 else -8.0))
    plant.drain()
    assert told() == pytest.approx((-2.0, 8.0))
    for n in range(101, 801):
        plant.count(n, 1.0, t_s=3.0 - 0.5)
    plant.drain()
    assert told() == pytest.approx((-0.5, -0.5))


def test_a_clock_far_ahead_is_stored_and_not_live():
    plant = Plant()
    plant.count(1, 1.5, t_s=0)
    plant.count(2, 9.0, t_s=61)
    plant.count(3, 2.5, t_s=60)
    plant.drain()
    assert plant.mirror.latest["ur3:data"].values.tolist() == [2.5]
    assert plant.store.by_stream()["ur3:data"].frames == 3


def test_time_reaches_the_fold_without_messages():
    plant = Plant()
    plant.count(1, 1.5)
    plant.drain()
    plant.clock.advance(11)
    plant.pipeline.step(0.0)
    *_, last = plant.store.batches("ingest")
    assert plant.mirror.tick_ns == last.tick_ns == T0 + 11 * NS_PER_S
    assert [part.stream.asset.partition("/")[0] for part in last.frames] == ["twin"] * len(last.frames)


def test_a_batch_holds_no_more_messages_than_configured():
    plant = Plant(batch_messages=3)
    for n in range(8):
        plant.count(n, 1.0)
    assert [plant.pipeline.step(0.0) for _ in range(3)] == [3, 3, 2]


def test_a_batch_holds_no_more_frames_than_one_message_over_the_bound(monkeypatch):
    monkeypatch.setattr(pipeline_module, "MAX_BATCH_FRAMES", 10)
    plant = Plant()
    for first in range(0, 40, 4):
        ts = [T0 // NS_PER_MS + first + i for i in range(4)]
        plant.counted.send("plant/ur3/data", {"ts": ts, "n": first, "x": [1.0] * 4}, T0)
    assert [plant.pipeline.step(0.0) for _ in range(4)] == [3, 3, 3, 1]
    assert plant.counted.acknowledged == list(range(10))
    assert plant.store.by_stream()["ur3:data"].frames == 40


def test_a_decoder_restarted_within_the_second_keeps_the_names_of_its_streams():
    plant = Plant()
    plant.count(0, 0.0, asset="other")
    plant.drain()
    plant.count(1, 1.5)
    plant.drain()
    again = Plant(store=plant.store)
    again.counted.send("plant/ur3/data", {"ts": T0 // NS_PER_MS + 9, "n": 9, "y": 1.0}, T0)
    again.count(10, 2.5)
    again.drain()
    assert letters(again.store) == {}
    assert again.mirror.latest["ur3:data"].values.tolist() == [2.5]


def test_a_session_that_began_just_before_a_crash_is_remembered_after_it():
    plant = Plant()
    for n in (1, 2, 3):
        plant.count(n, 1.0, t_s=n)
        plant.drain()
    for n in (1, 2):
        plant.count(n, 5.0, t_s=10 + n)
        plant.drain()
    again = Plant(store=plant.store)
    for n in (2, 3):
        again.count(n, 5.0, t_s=10 + n)
        again.drain()
    terms = again.store.by_source()["counted"]
    assert (terms["stored"], terms["duplicate"], terms["key_conflict"]) == (6, 1, 0), "sent again, it has another key"


def test_a_clock_that_was_ahead_just_before_a_crash_is_remembered_after_it():
    plant = Plant()
    for n, t_s in ((1, 1), (2, 2), (3, 3600)):
        plant.count(n, 1.0, t_s=t_s)
        plant.drain()
    again = Plant(store=plant.store)
    for n, t_s in ((4, 4), (5, 5), (3, 3600)):
        again.count(n, 1.0, t_s=t_s)
        again.drain()
    terms = again.store.by_source()["counted"]
    assert (terms["stored"], terms["duplicate"], terms["key_conflict"]) == (5, 1, 0), "sent again, it has another key"


def test_a_field_that_turns_into_text_is_a_dead_letter_and_the_signal_keeps_its_type():
    plant = Plant()
    plant.count(1, 1.5)
    plant.count(2, "broken")
    plant.count(3, 3.5)
    plant.drain()
    assert letters(plant.store) == {("counted", "type_change"): 1}
    assert plant.mirror.latest["ur3:data"].values.tolist() == [3.5]
    assert not [stream for stream in plant.mirror.latest if "~" in stream]


def test_a_clock_set_back_silences_neither_the_twins_own_numbers_nor_the_decoders_states():
    plant = Plant()
    plant.count(1, 1.0)
    plant.drain()
    plant.clock.advance(86_400)
    plant.pipeline.step(0.0)
    plant.clock.advance(-86_000)
    plant.count(2, 1.0, t_s=100)
    plant.count(1, 1.0, t_s=200)
    plant.drain()
    *_, last = plant.store.batches("ingest")
    assert "twin/ingest:metrics" in {part.stream.id for part in last.frames}
    assert plant.store.decoder_states()["counted"] == plant.decoders["counted"].state()


def test_the_twins_own_numbers_tell_what_happened():
    plant = Plant()
    plant.count(1, 1.0)
    plant.counted.send("plant/ur3/data", b"{", T0)
    plant.drain()
    plant.clock.advance(1.0)
    plant.pipeline.step(0.0)
    own = plant.mirror.latest["twin/ingest:metrics"]
    told = dict(zip([signal.name for signal in own.stream.columns], own.values.tolist(), strict=True))
    assert (told["messages_total"], told["rejected_total"], told["queue"]) == (2, 1, 0)


actions = st.one_of(
    st.tuples(st.just("good"), st.sampled_from(["a", "b"]), st.integers(-5, 5)),
    st.tuples(st.just("good"), st.sampled_from(["a", "b"]), st.integers(-5, 5)),
    st.tuples(st.just("state"), st.sampled_from(["a", "b"]), st.sampled_from(["Idle", "Execute", "Held"])),
    st.tuples(st.just("late"), st.sampled_from(["a", "b"]), st.integers(1, 9)),
    st.tuples(st.just("again"), st.integers(0, 30), st.none()),
    st.tuples(st.just("conflict"), st.sampled_from(["a", "b"]), st.integers(50, 55)),
    st.tuples(st.just("bad"), st.sampled_from([b"", b"{", b"\xff", b'{"ts": 1, "n": 1, "x": 1}']), st.none()),
    st.tuples(st.just("guilty"), st.sampled_from(["a", "b"]), st.none()),
    st.tuples(st.just("ahead"), st.sampled_from(["a", "b"]), st.none()),
    st.tuples(st.just("cleared"), st.none(), st.none()),
    st.tuples(st.just("pass"), st.integers(0, 70), st.none()),
    st.tuples(st.just("step"), st.none(), st.none()),
)


class Script:
    """Plays a drawn list of actions onto a plant, and keeps its own ledger of what it sent."""

    def __init__(self, plant):
        self.plant = plant
        self.next_n = Counter()
        self.sent = []
        self.guilty = 0

    def tell(self, asset, n, x, ahead_s=0):
        plant = self.plant
        body = {"ts": T0 // NS_PER_MS + 1000 * (n + ahead_s), "n": n, "x": x}
        self.sent.append((f"plant/{asset}/data", body))
        plant.counted.send(*self.sent[-1], plant.clock.now_ns())

    def play(self, word, one, two):
        plant = self.plant
        if word in ("good", "guilty", "ahead"):
            self.next_n[one] += 2
            self.guilty += word == "guilty"
            self.tell(
                one, 20 + self.next_n[one], {"good": two, "guilty": GUILTY}.get(word, 1), 10**6 * (word == "ahead")
            )
        elif word == "late":
            self.tell(one, 20 + self.next_n[one] - two * 2 + 1, two)
        elif word == "conflict":
            self.tell(one, 20 + self.next_n[one], two)
        elif word == "again" and self.sent:
            topic, body = self.sent[one % len(self.sent)]
            self.guilty += body["x"] == GUILTY
            plant.counted.send(topic, body, plant.clock.now_ns())
        elif word == "state":
            body = {"timestamp": 0, "value": two, "ts": plant.clock.now_ns() // NS_PER_MS}
            plant.devices["plain"].send(f"one/{one}/state", body, plant.clock.now_ns())
        elif word in ("bad", "cleared"):
            plant.counted.send("plant/a/data", one or b"", plant.clock.now_ns(), retain=word == "cleared")
        elif word == "pass":
            plant.clock.advance(one)
        elif word == "step":
            plant.pipeline.step(0.0)


@settings(deadline=None, max_examples=examples(100))
@given(
    st.lists(actions, max_size=40),
    st.lists(st.sampled_from(["", "", "away", "torn", "doubt"]), max_size=12),
    st.sampled_from([2, 7, 1000]),
)
def test_whatever_comes_and_fails_every_message_is_accounted_for_and_the_fold_can_be_repeated(script, failures, size):
    plant = Plant(failures, batch_messages=size)
    playing = Script(plant)
    for action in script:
        playing.play(*action)
    plant.drain()
    store = plant.store
    equations_hold(store)
    for device in plant.devices.values():
        assert device.acknowledged == list(range(device.sent)), "each message once, in order"
        assert store.by_source().get(device.name, {}).get("received", 0) == device.sent
    rejected = sum(sum(t["rejected"].values()) + t["key_conflict"] for t in store.by_source().values())
    assert sum(letters(store).values()) == rejected == store.summary().dead_letters
    assert letters(store)["counted", "store_rejected"] == playing.guilty
    assert [batch.n for batch in store.batches("ingest")] == list(range(1, store.next_batch("ingest")))
    verdict = verify(store)
    assert verdict.mismatches == ()
    assert verdict.frames == store.summary().frames
    assert resume(store, "ingest")[0].canonical() == plant.mirror.canonical()
    assert {s: (x.t_ns, x.seq) for s, x in store.latest().items()} == {
        s: (x.t_ns, x.seq) for s, x in plant.mirror.latest.items()
    }
