"""What decoders say besides frames reaches the store with the delivery that brought it, and every sum still adds up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples
from test_pipeline import GUILTY, T0, Outage, equations_hold

from connectors.ingest import pipeline as pipeline_module
from connectors.ingest.aside import Lives
from connectors.ingest.decoding import Decoding
from connectors.ingest.newcomers import ACTIVE_NS, Newcomers
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from twin.clock import NS_PER_S, ManualClock
from twin.config import IngestConfig
from twin.errors import DecodeError, StoreUnavailable
from twin.events import Event, EventKind
from twin.keyframes import resume, verify
from twin.message import Announced, Ask, Finding, Handled, Liveness, Message, Settled
from twin.ports import Delivery
from twin.sample import Signal, frame, stream_of

DATA = stream_of("site/arm", "data", [Signal("x")], source="talk")


@pytest.fixture(scope="module", autouse=True)
def _no_pauses():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline_module, "LINGER_S", 0.0)
        patch.setattr(pipeline_module, "_BACK_OFF_S", (0.0, 0.0))
        yield


class Talkative:
    """A dialect whose messages say in JSON what is to be said. Mutable: what it holds."""

    def __init__(self):
        self.held = {}
        self.at_tick = []
        self.ticks = []

    def decode(self, message):
        words = json.loads(message.payload)
        if any(word[0] == "refuse" or (word[0] == "hold" and word[1] in self.held) for word in words):
            raise DecodeError("refused", "on request")
        for word, *how in words:
            yield from self._say(message, word, *how)

    def _say(self, message, word, value=None, more=""):
        now_ns = message.received_ns
        if word == "data":
            yield frame(DATA, now_ns, int(value), now_ns, (float(value),))
        elif word == "live":
            yield Liveness(value, bool(more), now_ns)
        elif word == "hold":
            self.held[value] = message
            yield Handled("held")
        elif word == "settle" and value in self.held:
            held = self.held.pop(value)
            yield Settled(held, more, "too late" if more else "")
            if not more:
                yield frame(DATA, held.received_ns, int(value), now_ns, (float(value),))
        elif word == "find":
            yield Finding("site/arm", value, more, now_ns)
        elif word == "ask":
            yield Ask(value, b"please")
        elif word == "born":
            yield Announced(value, now_ns, "robot_arm", "Arm", (DATA,), {"maker": "ACME"}, more)
        elif word == "event":
            yield Event(EventKind.STATE_CHANGED, now_ns, "site/arm", "state", "", value)

    def tick(self, now_ns):
        self.ticks.append(now_ns)
        message = Message("", json.dumps(self.at_tick).encode(), now_ns)
        self.at_tick = []
        return list(self.decode(message))

    def state(self):
        return b""

    def restore(self, state):
        del state


class Talk:
    """A source that can be asked."""

    name = "talk"
    connected = True

    def __init__(self):
        self.asked = []
        self.acknowledged = 0

    def ask(self, asks):
        self.asked += [one.topic for one in asks]

    def acknowledge(self, receipts):
        self.acknowledged += len(receipts)

    def hold(self):
        pass

    def resume(self):
        pass


class Room:
    """A pipeline with one talkative source."""

    def __init__(self, script=(), declared=(), limit=100):
        self.store, self.clock, self.queue = Outage(script), ManualClock(T0), DeliveryQueue(5000)
        self.decoder, self.source = Talkative(), Talk()
        newcomers = Newcomers(declared, self.store.newcomers(), limit)
        self.mirror, keyframes = resume(self.store, "ingest")
        self.pipeline = Pipeline(
            IngestConfig(), self.queue, Decoding({"talk": self.decoder}, 60.0, 50, newcomers=newcomers), self.mirror,
            keyframes, self.store, {"talk": self.source}, self.clock,
        )  # fmt: skip

    def say(self, *words):
        body = json.dumps([list(word) if isinstance(word, tuple) else [word] for word in words]).encode()
        self.queue.put([Delivery("talk", Message("say", body, self.clock.now_ns(), 1), 1)])

    def step(self, pass_s=0.0):
        self.clock.advance(pass_s)
        self.pipeline.step(0.0)

    @property
    def terms(self):
        return self.store.by_source()["talk"]


def test_a_held_message_counts_as_held_until_it_is_settled_and_then_as_what_it_came_to():
    room = Room()
    room.say(("hold", 1))
    room.say(("hold", 2))
    room.say(("hold", 3))
    room.step()
    assert room.terms["handled"] == {"held": 3}
    room.say(("settle", 1))
    room.say(("settle", 2, "orphan"))
    room.step()
    assert (room.terms["received"], room.terms["decoded"], room.terms["decoded_frames"]) == (5, 2, 1)
    assert room.terms["handled"] == {"held": 1, "settled": 1}
    assert room.terms["rejected"] == {"orphan": 1}
    (letter,) = room.store.dead_letters()
    assert (letter.topic, letter.payload, letter.detail) == ("say", b'[["hold", 2]]', "too late")
    equations_hold(room.store)


def test_time_alone_settles_what_was_held_and_is_told_once_a_second():
    room = Room()
    room.say(("hold", 7))
    room.step()
    room.decoder.at_tick = [["settle", 7], ["live", "site/arm", 0], ["ask", "rebirth"], ["find", "silence", "long"]]
    room.step(0.5)
    assert room.decoder.held, "not within the second"
    room.step(0.5)
    assert (room.terms["received"], room.terms["decoded"], room.terms["handled"]) == (1, 1, {})
    assert room.terms["decoded_frames"] == room.terms["stored"] == 2
    assert room.source.asked == ["rebirth"]
    (found,) = room.store.findings()
    assert (found.rule, found.topic, found.payload) == ("silence", "", b"")
    assert room.mirror.presence["site/arm"].lost
    assert len(room.decoder.ticks) == 2
    equations_hold(room.store)
    assert not verify(room.store).mismatches


def test_while_messages_wait_time_is_that_of_the_newest_one_decoded(monkeypatch):
    monkeypatch.setattr(pipeline_module, "MAX_BATCH_FRAMES", 1)
    room = Room()
    room.say(("data", 1))
    room.say(("data", 2))
    room.step(30.0)
    assert room.decoder.ticks == [T0], "the second one waits: nothing is overdue yet"
    room.step(1.0)
    assert room.decoder.ticks == [T0, T0 + 31 * NS_PER_S]


def test_an_asked_word_goes_out_after_the_commit_and_once_however_often_that_was_tried():
    room = Room(["away", "torn", "doubt"])
    room.say(("ask", "rebirth"), "handled")
    room.say(("data", 1))
    room.step()
    assert room.source.asked == ["rebirth"]
    assert room.store.by_source()["talk"]["handled"] == {"ask": 1}


def test_what_is_not_committed_asks_for_nothing():
    room = Room(["away"] * 3)
    room.say(("ask", "rebirth"))
    room.pipeline.stopping.set()
    with pytest.raises(StoreUnavailable):
        room.step()
    assert room.source.asked == []


def test_a_refused_message_takes_its_own_words_with_it_and_no_others():
    room = Room()
    room.say(("data", 1), ("ask", "a"), ("find", "first"))
    room.say(("data", GUILTY), ("ask", "b"), ("find", "second"), ("event", "Held"))
    room.say(("data", 3), ("ask", "c"), ("find", "third"), ("event", "Idle"))
    room.decoder.at_tick = [["ask", "d"], ["find", "fourth"]]
    room.step(1.0)
    assert sorted(room.source.asked) == ["a", "c", "d"]
    assert {found.rule for found in room.store.findings()} == {"first", "third", "fourth"}
    assert [event.after for event in room.store.events(0, 2**62, kinds=[EventKind.STATE_CHANGED])] == ["Idle"]
    assert room.terms["rejected"] == {"store_rejected": 1}
    assert room.source.acknowledged == 3
    equations_hold(room.store)


def test_what_the_store_refuses_of_a_held_message_is_its_dead_letter():
    room = Room()
    room.say(("hold", GUILTY))
    room.say(("hold", "666"))
    room.step()
    room.say(("settle", GUILTY), ("data", 1))
    room.decoder.at_tick = [["settle", "666"]]
    room.step(1.0)
    assert room.terms["handled"] == {}
    assert room.terms["rejected"] == {"store_rejected": 3}
    assert {letter.payload for letter in room.store.dead_letters()} == {
        b'[["hold", 666.0]]', b'[["hold", "666"]]', b'[["settle", 666.0], ["data", 1]]',
    }  # fmt: skip
    equations_hold(room.store)


def test_a_tick_that_fails_stops_nothing(monkeypatch):
    room = Room()
    monkeypatch.setattr(room.decoder, "tick", lambda _: 1 // 0)
    room.say(("data", 1))
    room.step(1.0)
    assert room.terms["decoded"] == 1


def test_frames_of_a_tick_count_for_the_decoders_own_source_whatever_they_say(monkeypatch):
    room = Room()
    stray = stream_of("site/stray", "data", [Signal("x")], source="nobody")
    monkeypatch.setattr(room.decoder, "tick", lambda now_ns: [frame(stray, now_ns, 1, now_ns, (1.0,))])
    room.step(1.0)
    assert (room.terms["received"], room.terms["decoded_frames"], room.terms["stored"]) == (0, 1, 1)
    equations_hold(room.store)


def test_liveness_is_a_frame_of_its_own_stream_and_its_message_is_handled():
    room = Room()
    room.say(("live", "site/arm", 1))
    room.step()
    room.say(("live", "site/arm", 0), ("data", 4))
    room.step(1.0)
    frames = room.store.frames("site/arm:liveness", 0, 2**62)
    assert frames.values[:, 0].tolist() == [1.0, 0.0]
    assert str(frames.values[0, 1:].tolist()) == "[nan, nan]", "it never was gone"
    assert frames.values[1, 1:].tolist() == [frames.t_ns[1] / NS_PER_S, frames.received_ns[1] / NS_PER_S]
    assert room.terms["handled"] == {"liveness": 1}
    assert room.terms["decoded"] == 1
    assert room.store.streams()[1].tells_presence
    equations_hold(room.store)


def test_what_was_said_in_one_piece_keeps_its_order_whatever_the_clocks_say():
    lives = Lives()
    piece = Message("t", b"", T0)

    def told(online, t_ns):
        part = lives.frame(Liveness("n", online, t_ns), "s", piece, T0 + 60 * NS_PER_S)
        return int(part.t_ns[0]), int(part.received_ns[0])

    assert told(True, T0 - 500) == (T0 - 500, T0)
    assert told(False, T0) == (T0 + 1000, T0 + 1000), "a death by the receiver's clock"
    assert told(True, T0 - 300) == (T0 + 1001, T0 + 2000), "the clock of the reborn is slow"
    assert told(True, T0 - 300) == (T0 + 1001, T0 + 3000), "said again it is the same frame"
    assert told(False, T0 + 3600 * NS_PER_S)[0] == T0 + 4000, "a clock an hour ahead: gone is gone, now"


def test_a_device_that_announces_itself_is_listed_with_all_that_it_told():
    room = Room()
    room.say(("born", "site/arm", "10.0.0.1"))
    room.step()
    (one,) = room.store.newcomers()
    assert (one.asset, one.asset_type, one.name, one.publisher) == ("site/arm", "robot_arm", "Arm", "10.0.0.1")
    assert json.loads(one.attributes) == {"maker": "ACME"}
    assert json.loads(one.streams) == [
        {"name": "data", "signals": [{"name": "x", "kind": "gauge", "unit": "1", "role": ""}]}
    ]
    assert room.terms["handled"] == {"announced": 1}


def test_announcements_beyond_the_bound_are_dead_letters():
    room = Room(limit=2, declared=["site/named"])
    for name in ("a", "b", "c", "named", "a"):
        room.say(("born", f"site/{name}"))
    room.step()
    assert room.terms["rejected"] == {"unknown_device": 1}
    assert {one.asset for one in room.store.newcomers()} == {"site/a", "site/b", "site/named"}


def clashes(room):
    return [(e.asset, e.before, e.after) for e in room.store.events(0, 2**62, kinds=[EventKind.IDENTITY_CLASH])]


def test_two_publishers_of_one_identity_are_told_once():
    room = Room()
    for publisher in ("one", "one", "two", "one", "two"):
        room.say(("born", "site/arm", publisher))
        room.step(1.0)
    assert clashes(room) == [("site/arm", "one", "two")]


def test_a_publisher_that_said_goodbye_or_fell_silent_long_ago_may_be_replaced():
    room = Room()
    room.say(("born", "site/node/arm", "old"))
    room.say(("live", "site/node", 0))
    room.say(("born", "site/node/arm", "new"))
    room.step()
    room.say(("born", "site/meter", "old"))
    room.step(1.0)
    room.clock.advance(ACTIVE_NS / NS_PER_S)
    room.say(("born", "site/meter", "new"))
    room.step()
    assert clashes(room) == []
    room.say(("born", "site/meter", "old"))
    room.step()
    assert clashes(room) == [("site/meter", "new", "old")], "the old one is there still"


def test_two_streams_of_one_name_and_other_fields_do_not_stop_ingest(monkeypatch):
    room = Room()
    other = stream_of(DATA.id.rpartition(":")[0], "data", [Signal("x"), Signal("y")], source="talk")
    plain = room.decoder.decode

    def decode(message):
        if message.topic == "other":
            return [frame(other, message.received_ns, 1, message.received_ns, (1.0, 2.0))]
        return plain(message)

    monkeypatch.setattr(room.decoder, "decode", decode)
    room.say(("data", 1))
    room.queue.put([Delivery("talk", Message("other", b"", room.clock.now_ns(), 1), 1)])
    room.say(("data", 2))
    room.step()
    assert room.terms["rejected"] == {"stream_clash": 1}
    assert room.terms["stored"] == 2
    equations_hold(room.store)


words = st.one_of(
    st.tuples(st.just("data"), st.sampled_from([1, 2, 3, 4, int(GUILTY)])),
    st.tuples(st.just("settle"), st.integers(1, 4), st.sampled_from(["", "", "orphan"])),
    st.tuples(st.just("live"), st.sampled_from(["site", "site/arm"]), st.integers(0, 1)),
    st.tuples(st.just("find"), st.sampled_from(["order", "alias"])),
    st.tuples(st.just("born"), st.sampled_from(["site/arm", "site/b"]), st.sampled_from(["", "p", "q"])),
    st.tuples(st.just("ask"), st.just("rebirth")),
    st.tuples(st.just("refuse"), st.just("why")),
)
held = st.tuples(st.just("hold"), st.integers(1, 4)).map(lambda word: [word])
turns = st.one_of(st.lists(words, max_size=3), held, st.sampled_from([0.0, 0.4, 1.0]))
failures = st.lists(st.sampled_from(["", "away", "torn", "doubt"]), max_size=6)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(turns, max_size=25), failures)
def test_whatever_is_said_and_fails_every_sum_adds_up_and_the_fold_can_be_repeated(script, failing):
    room = Room(failing)
    said = 1
    room.say(("data", 0))
    for turn in script:
        if isinstance(turn, list):
            room.say(*turn)
            said += 1
        else:
            room.decoder.at_tick = [["settle", 1], ["live", "site/arm", 0]]
            room.step(turn)
    room.step(1.0)
    assert room.terms["received"] == room.source.acknowledged == said
    assert room.terms["handled"].get("held", 0) == len(room.decoder.held)
    equations_hold(room.store)
    assert not verify(room.store).mismatches


def test_an_edge_node_that_has_no_signals_of_its_own_is_no_pending_device():
    newcomers = Newcomers((), (), 10)
    message = Message("spBv1.0/g/NBIRTH/edge", b"", T0)
    counting = stream_of("g/edge", "messages", [Signal("metrics")], sequenced=True)
    newcomers.see("gateways", message, counting)
    newcomers.announce("gateways", Announced("g/edge", T0, "", "edge", (), {}, "g/edge"), message)
    newcomers.see("gateways", message, counting)
    assert newcomers.take() == ()
    newcomers.announce("gateways", Announced("g/edge/press", T0, "", "press", (DATA,), {}), message)
    assert [one.asset for one in newcomers.take()] == ["g/edge/press"]
