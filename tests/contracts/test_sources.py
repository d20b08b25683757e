"""One suite for every source: each sentence of the port, on real brokers, in memory, and from a file."""

from __future__ import annotations

import base64
import json
import os
import shutil
import time

import pytest

from connectors import broker as broker_module
from connectors.broker import BrokerProcess, any_port
from connectors.publish import Publisher
from connectors.sources import Surroundings, capture, memory, mqtt
from connectors.wall_clock import WallClock
from twin.config import BrokerConfig, SourceConfig
from twin.events import EventKind
from twin.message import Ask
from twin.ports import Asking

MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
CONFIG = SourceConfig("line", ("plant/+/data",), "json_object")
DEADLINE_S = 60.0


class Taker:
    """Takes what a source delivers, as long as there is room (mutable; the source's thread calls it)."""

    def __init__(self, room=10_000):
        self.room = room
        self.deliveries = []
        self.events = []
        self.offers = 0

    def deliver(self, deliveries):
        self.offers += 1
        taken = max(0, min(len(deliveries), self.room - len(self.deliveries)))
        self.deliveries += deliveries[:taken]
        return taken

    @property
    def payloads(self):
        return [delivery.message.payload for delivery in self.deliveries]

    @property
    def numbers(self):
        """What was delivered, without repeats, in the order of its first coming."""
        return list(dict.fromkeys(int(payload) for payload in self.payloads))

    @property
    def receipts(self):
        return [delivery.receipt for delivery in self.deliveries]

    def kinds(self):
        return [event.kind for event in self.events]


class MqttBench:
    """The real source on a real broker."""

    is_durable = True

    def __init__(self, kind, folder, *, mqtt5):
        self._broker = BrokerProcess(kind, folder / "broker", any_port())
        self._broker.start()
        url = self._broker.url
        self._config = BrokerConfig(use=url) if mqtt5 else BrokerConfig(use="embedded", port=self._broker.port)
        self._publisher = Publisher(url, "bench", durable=False)
        self._publisher.wait_connected()
        self._made = []

    def make(self, *, expects_session=False):
        source = mqtt.Source(CONFIG, Surroundings(self._config, "contract", WallClock(), expects_session))
        self._made.append(source)
        return source

    def publish(self, topic, payload):
        self._publisher.publish(topic, payload)
        self.until(lambda: self._publisher.acknowledged() or not self._publisher.unacknowledged, "a PUBACK")

    def until(self, condition, what="it"):
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come"
            time.sleep(0.005)

    def let_pass(self):
        """Whatever could come by mistake has come: a message of a client of its own goes the whole way round."""
        marks = []
        self._publisher._client.subscribe("mark/#", 1)
        self._publisher._client.on_message = lambda *told: marks.append(told[-1].payload)
        while not marks:
            self._publisher._client.publish("mark/x", b"1", 1).wait_for_publish(5)
            time.sleep(0.02)
        for _ in range(5):
            seen = len(marks)
            self._publisher._client.publish("mark/x", b"1", 1).wait_for_publish(5)
            self.until(lambda was=seen: len(marks) > was, "the mark")

    def close(self):
        for source in self._made:
            source.stop()
        self._publisher.close()
        self._broker.stop()


class MemoryBench:
    """The double: broker and source in memory, moved by the test."""

    is_durable = True

    def __init__(self):
        self._broker = memory.MemoryBroker()

    def make(self, *, expects_session=False):
        surroundings = Surroundings(BrokerConfig(), "contract", WallClock(), expects_session)
        return memory.Source(CONFIG, surroundings, self._broker)

    def publish(self, topic, payload):
        assert self._broker.publish(topic, payload)

    def until(self, condition, what="it"):
        for _ in range(100):
            if condition():
                return
            self._broker.pump()
        raise AssertionError(f"{what} did not come")

    def let_pass(self):
        for _ in range(10):
            self._broker.pump()

    def close(self):
        """Nothing is held."""


class CaptureBench:
    """A recorded file: what is published before the start stands in it."""

    is_durable = False

    def __init__(self, folder):
        self._file = folder / "capture.jsonl"
        self._file.write_bytes(b"")
        self._made = []

    def make(self, *, expects_session=False):
        config = SourceConfig("line", ("plant/+/data",), "json_object", type="capture", path=str(self._file))
        source = capture.Source(config, Surroundings(BrokerConfig(), "contract", WallClock(), expects_session))
        self._made.append(source)
        return source

    def publish(self, topic, payload):
        told = base64.b64encode(payload).decode()
        row = {"ts": 1_795_328_000.0, "topic": topic, "qos": 1, "retain": 0, "payload_b64": told}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    until = MqttBench.until

    def let_pass(self):
        for source in self._made:
            self.until(lambda one=source: one.exhausted.is_set() or one._stopping.is_set(), "the end of the file")

    def close(self):
        for source in self._made:
            source.stop()


def _param(name, *marks):
    return pytest.param(name, marks=marks)


NO_MOSQUITTO = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto executable")
DURABLE = [
    "memory",
    "embedded",
    _param("mosquitto-3.1.1", pytest.mark.mosquitto, NO_MOSQUITTO),
    _param("mosquitto-5", pytest.mark.mosquitto, NO_MOSQUITTO),
]


@pytest.fixture
def bench(request, tmp_path, monkeypatch):
    monkeypatch.setattr(broker_module, "ACK_WAIT_S", 1)
    if request.param == "memory":
        made = MemoryBench()
    elif request.param == "capture":
        made = CaptureBench(tmp_path)
    else:
        kind, _, version = request.param.partition("-")
        made = MqttBench(kind, tmp_path, mqtt5=version == "5")
    yield made
    made.close()


every_source = pytest.mark.parametrize("bench", ["capture", *DURABLE], indirect=True)
every_broker = pytest.mark.parametrize("bench", DURABLE, indirect=True)


def started(bench, taker=None, **how):
    taker = taker or Taker()
    source = bench.make(**how)
    source.start(taker.deliver, taker.events.append)
    if bench.is_durable:
        bench.until(lambda: EventKind.SOURCE_CONNECTED in taker.kinds(), "the connection")
    return source, taker


def publish_all(bench, numbers):
    for n in numbers:
        bench.publish("plant/a/data", b"%d" % n)


@every_source
def test_messages_come_whole_and_in_order_and_only_those_of_its_topics(bench):
    if not bench.is_durable:
        publish_all(bench, range(50))
        bench.publish("elsewhere/a/data", b"51")
    source, taker = started(bench)
    if bench.is_durable:
        publish_all(bench, range(50))
        bench.publish("elsewhere/a/data", b"51")
    bench.until(lambda: len(taker.deliveries) >= 50, "fifty messages")
    bench.let_pass()
    assert taker.payloads == [b"%d" % n for n in range(50)]
    for source_name, message, _ in taker.deliveries:
        assert source_name == source.name == "line"
        assert (message.topic, message.retain) == ("plant/a/data", False)
        assert message.received_ns > 10**18
    source.stop()


@every_source
def test_what_finds_no_room_is_offered_again_in_order_and_nothing_is_skipped(bench):
    taker = Taker(room=7)
    if bench.is_durable:
        source, _ = started(bench, taker)
        publish_all(bench, range(40))
    else:
        publish_all(bench, range(40))
        source, _ = started(bench, taker)
    bench.until(lambda: len(taker.deliveries) == 7, "as many as there is room for")
    offers = taker.offers
    if bench.is_durable:
        bench.let_pass()
    assert taker.numbers == list(range(7))
    assert taker.offers >= offers
    taker.room = 10_000
    source.resume()
    bench.until(lambda: len(taker.numbers) == 40, "the rest")
    assert taker.payloads == [b"%d" % n for n in range(40)]
    source.stop()


@every_broker
def test_what_is_acknowledged_never_comes_again_and_what_is_not_does(bench):
    source, taker = started(bench)
    publish_all(bench, range(20))
    bench.until(lambda: len(taker.deliveries) == 20, "twenty messages")
    source.acknowledge(taker.receipts[:12])
    source.stop()
    again, second = started(bench)
    publish_all(bench, [99])
    bench.until(lambda: 99 in second.numbers and len(second.numbers) >= 9, "what was not acknowledged")
    assert sorted(second.numbers) == [*range(12, 20), 99]  # NATS sends again after a while, behind what is new
    assert EventKind.SESSION_LOST not in second.kinds()
    again.stop()


@every_broker
def test_a_receipt_of_an_earlier_connection_acknowledges_nothing(bench):
    source, taker = started(bench)
    publish_all(bench, range(10))
    bench.until(lambda: len(taker.deliveries) == 10, "ten messages")
    old = taker.receipts
    source.hold()
    source.resume()
    bench.until(lambda: len(taker.deliveries) >= 20, "all of them again")
    source.acknowledge(old)
    source.stop()
    again, third = started(bench)
    bench.until(lambda: len(third.numbers) == 10, "all of them a third time")
    assert third.numbers == list(range(10))
    again.stop()


@every_source
def test_receipts_of_others_are_ignored(bench):
    publish_all(bench, range(3))
    source, taker = started(bench)
    if bench.is_durable:
        publish_all(bench, range(3))
    bench.until(lambda: len(taker.deliveries) >= 3, "three messages")
    source.acknowledge([None, "x", -1, 1 << 80, object(), 0])
    source.acknowledge([])
    source.acknowledge(taker.receipts)
    source.acknowledge(taker.receipts)
    source.stop()


@every_broker
def test_while_held_nothing_comes_and_afterwards_everything(bench):
    source, taker = started(bench)
    publish_all(bench, range(5))
    bench.until(lambda: len(taker.deliveries) == 5, "five messages")
    source.acknowledge(taker.receipts[:2])
    source.hold()
    source.hold()
    publish_all(bench, range(5, 9))
    bench.let_pass()
    assert len(taker.deliveries) == 5
    assert EventKind.SOURCE_LOST in taker.kinds(), "a source that is held says so"
    source.resume()
    source.resume()
    bench.until(lambda: len(taker.deliveries) >= 12, "what was not acknowledged, and what came meanwhile")
    assert sorted(int(payload) for payload in taker.payloads[5:]) == [2, 3, 4, 5, 6, 7, 8]
    source.stop()


@every_source
def test_nothing_comes_after_the_end_and_ending_twice_is_no_matter(bench):
    publish_all(bench, range(3))
    source, taker = started(bench)
    if bench.is_durable:
        publish_all(bench, range(3))
    bench.until(lambda: len(taker.deliveries) >= 3, "three messages")
    source.stop()
    source.stop()
    source.hold()
    source.resume()
    source.acknowledge(taker.receipts)
    count = len(taker.deliveries)
    publish_all(bench, [50])
    bench.let_pass()
    assert len(taker.deliveries) == count


@every_source
def test_holding_and_resuming_before_the_start_is_no_matter(bench):
    publish_all(bench, range(3))
    source = bench.make()
    source.resume()
    source.acknowledge([1])
    taker = Taker()
    source.start(taker.deliver, taker.events.append)
    if bench.is_durable:
        bench.until(lambda: EventKind.SOURCE_CONNECTED in taker.kinds(), "the connection")
        publish_all(bench, range(3))
    bench.until(lambda: len(taker.deliveries) >= 3, "three messages")
    source.stop()


@every_broker
def test_a_session_that_was_expected_and_is_not_there_is_told(bench):
    _, taker = started(bench, expects_session=True)
    assert taker.kinds().count(EventKind.SESSION_LOST) == 1
    assert {event.asset for event in taker.events} == {"twin/ingest/line"}


@every_broker
def test_the_twins_own_topics_are_never_delivered(bench, monkeypatch):
    wide = SourceConfig("line", ("#",), "json_object")
    monkeypatch.setattr("test_sources.CONFIG", wide)
    source, taker = started(bench)
    bench.publish("factory-twin/live/ingest", b"7")
    publish_all(bench, [1])
    bench.until(lambda: taker.deliveries, "the message")
    assert 7 not in taker.numbers
    source.acknowledge(taker.receipts)
    source.stop()
    again, second = started(bench)
    publish_all(bench, [2])
    bench.until(lambda: 2 in second.numbers, "the next message")
    assert second.numbers == [2], "its own messages wait for nobody"
    again.stop()


@every_broker
def test_what_is_asked_is_published_in_order_and_what_cannot_be_is_counted(bench):
    source, taker = started(bench)
    assert isinstance(source, Asking)
    source.ask([Ask("plant/a/data", b"1"), Ask("no/+/topic", b"x"), Ask("plant/b/data", b"2", qos=1)])
    bench.until(lambda: len(taker.deliveries) >= 2, "its own words, which others would hear")
    assert [(d.message.topic, d.message.payload) for d in taker.deliveries] == [
        ("plant/a/data", b"1"), ("plant/b/data", b"2"),
    ]  # fmt: skip
    assert source.asks_dropped == 1
    source.stop()
    source.ask([Ask("plant/a/data", b"3"), Ask("plant/a/data", b"4")])
    assert source.asks_dropped == 3, "without a connection they are dropped"


@pytest.mark.parametrize("bench", ["capture"], indirect=True)
def test_of_a_recording_the_twins_own_topics_are_left_out(bench, monkeypatch):
    monkeypatch.setattr(bench, "make", lambda: capture.Source(
        SourceConfig("line", (), "json_object", type="capture", path=str(bench._file)),
        Surroundings(BrokerConfig(), "contract", WallClock(), False),
    ))  # fmt: skip
    bench.publish("factory-twin/live/ingest", b"7")
    bench.publish("anything/at/all", b"1")
    source, taker = started(bench)
    bench.until(source.exhausted.is_set, "the end of the file")
    bench.until(lambda: taker.deliveries, "the message")
    assert taker.numbers == [1]
    source.stop()
