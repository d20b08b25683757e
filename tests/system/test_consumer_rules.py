"""The consumer's rules (docs/reliability.md), one test each, against a broker that does what the test wants.

Messages are pushed, packet ids chosen, sessions forgotten and lines cut at will, on MQTT 3.1.1 and 5.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scripted_broker import ScriptedBroker, packet

from connectors.ingest import pipeline as pipeline_module
from connectors.ingest.decoding import Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import make_decoder
from connectors.sources import Surroundings, mqtt
from connectors.stores.memory import MemoryStore
from connectors.wall_clock import WallClock
from twin.config import BrokerConfig, IngestConfig, SourceConfig
from twin.errors import StoreUnavailable
from twin.events import EventKind
from twin.keyframes import resume, verify
from twin.site import Hub, Name

ROOT = Path(__file__).resolve().parents[2]
HUB = Hub("hub", Name("h", "h"), ())
SOURCE = SourceConfig(
    "line", ("plant/+/data",), "json_object", options={"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"}
)
T0_MS = 1_795_328_000_000
DEADLINE_S = 60.0


def wait_for(condition, what, every=lambda: time.sleep(0.005), timeout_s=DEADLINE_S):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        every()


class Unsteady(MemoryStore):
    """A memory store that is away while it is told to be."""

    def __init__(self):
        super().__init__()
        self.is_away = False

    def append(self, commit, fold):
        if self.is_away:
            raise StoreUnavailable("down")
        return super().append(commit, fold)


class Ingest:
    """The real source and pipeline on a scripted broker; the test steps the writer."""

    def __init__(self, broker, *, mqtt5, capacity=5000, store=None, expects_session=False):
        self.store = store or Unsteady()
        clock = WallClock()
        self.queue = DeliveryQueue(capacity)
        config = BrokerConfig(use=broker.url) if mqtt5 else BrokerConfig(use="embedded", port=broker.port)
        self.source = mqtt.Source(SOURCE, Surroundings(config, "rules", clock, expects_session))
        decoder = make_decoder(SOURCE.decoder, SOURCE.options, SOURCE.name, HUB)
        mirror, keyframes = resume(self.store, "ingest")
        self.pipeline = Pipeline(
            IngestConfig(), self.queue, Decoding({SOURCE.name: decoder}, 60.0, 5000), mirror, keyframes, self.store,
            {SOURCE.name: self.source}, clock,
        )  # fmt: skip
        self.source.start(self.queue.put, self.queue.report)
        wait_for(lambda: self.source.connected, "the connection")

    def step(self):
        self.pipeline.step(0.05)

    def step_until(self, condition, what):
        wait_for(condition, what, every=self.step)

    @property
    def stored(self):
        return self.store.frames("press:data", 0, 2**62).seq.tolist()

    def kinds(self):
        """What is stored of the connection, in order."""
        kinds = (EventKind.SOURCE_CONNECTED, EventKind.SOURCE_LOST, EventKind.SESSION_LOST)
        return [event.kind for event in self.store.events(0, 2**62, kinds=kinds)[::-1]]

    def close(self):
        self.source.stop()


def body(n):
    return json.dumps({"ts": T0_MS + n, "n": n, "x": n / 8}).encode()


@pytest.fixture
def broker():
    made = ScriptedBroker()
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["3.1.1", "5"])
def mqtt5(request):
    return request.param


@pytest.fixture
def ingest(broker, mqtt5):
    made = Ingest(broker, mqtt5=mqtt5)
    yield made
    made.close()


def test_the_session_is_durable_and_bounded(broker, ingest, mqtt5):
    said = broker.now
    assert not said.is_clean, "a clean start throws away what waits"
    assert said.keepalive_s == mqtt.KEEPALIVE_S
    assert b"rules" in said.connect
    if mqtt5:
        assert said.properties[0x11] >= 86_400, "without an expiry the session ends with the connection"
        assert 0 < said.properties[0x21] <= 65_535
        assert said.properties[0x27] == mqtt.MAXIMUM_PACKET_BYTES


def test_every_connection_subscribes_though_the_session_is_there(broker, ingest):
    broker.session_present = True
    for _ in range(2):
        count = len(broker.connections)
        broker.now.break_off()
        wait_for(
            lambda was=count: len(broker.connections) > was and broker.connections[-1].subscribed, "a subscription"
        )
    ingest.step()
    assert EventKind.SESSION_LOST not in ingest.kinds()


def test_a_session_that_is_gone_is_an_event_in_the_store_each_time(broker, ingest):
    for times in (1, 2):
        broker.now.break_off()
        ingest.step_until(lambda due=times: ingest.kinds().count(EventKind.SESSION_LOST) == due, "the event")
    assert verify(ingest.store).mismatches == ()


def test_an_old_receipt_acknowledges_nothing_where_packet_ids_begin_anew(broker, ingest):
    for n in range(50):
        broker.now.publish(body(n), n + 1)
    wait_for(lambda: len(ingest.queue) == 50, "fifty messages")
    first = broker.now
    first.break_off()
    wait_for(lambda: broker.now is not first and ingest.source.connected, "another connection")
    for n in range(50, 100):
        broker.now.publish(body(n), n - 49)
    wait_for(lambda: len(ingest.queue) == 100, "fifty others under the same ids")
    ingest.pipeline._config = IngestConfig(batch_messages=50)
    ingest.step()
    assert ingest.stored == list(range(50))
    assert first.pubacks == broker.now.pubacks == [], "the broker was told that messages are stored that are not"
    ingest.step()
    wait_for(lambda: len(broker.now.pubacks) == 50, "the acknowledgements")
    assert ingest.stored == list(range(100))


def test_acknowledgements_go_out_in_the_order_of_delivery_after_the_commit(broker, ingest):
    mids = [7, 3, 500, 4, 65_535, 1, 2]
    for n, mid in enumerate(mids):
        broker.now.publish(body(n), mid)
    wait_for(lambda: len(ingest.queue) == len(mids), "the messages")
    assert broker.now.pubacks == []
    ingest.store.is_away = True
    thread = threading.Thread(target=ingest.step)
    thread.start()
    wait_for(lambda: not len(ingest.queue), "the writer at work")
    assert broker.now.pubacks == []
    ingest.store.is_away = False
    thread.join(DEADLINE_S)
    wait_for(lambda: len(broker.now.pubacks) == len(mids), "the acknowledgements")
    assert broker.now.pubacks == mids


def test_what_is_sent_again_on_the_same_connection_is_stored_and_acknowledged_once(broker, ingest):
    for again in (False, True, True):
        for n in range(5):
            broker.now.publish(body(n), n + 1, again=again)
    broker.now.publish(body(9), 9)
    wait_for(lambda: len(ingest.queue) == 6, "six messages")
    ingest.step()
    wait_for(lambda: len(broker.now.pubacks) == 6, "the acknowledgements")
    broker.now.publish(body(0), 1, again=True)
    wait_for(lambda: len(ingest.queue) == 1, "one that comes again behind its acknowledgement")
    ingest.step()
    wait_for(lambda: len(broker.now.pubacks) == 7, "its second acknowledgement")
    assert broker.now.pubacks == [1, 2, 3, 4, 5, 9, 1]
    assert ingest.stored == [0, 1, 2, 3, 4, 9]
    assert ingest.store.by_source()["line"]["duplicate"] == 1


NAUGHTY = {
    "a topic that is not UTF-8": lambda line: line.publish(b"{}", 1, topic=b"plant/\xff\xfe/data"),
    "an empty topic": lambda line: line.publish(b"{}", 1, topic=b""),
    "a NUL in the topic": lambda line: line.publish(b"{}", 1, topic=b"plant/a\x00b/data"),
    "QoS 0": lambda line: line.publish(b"{", 0, qos=0),
    "an empty payload": lambda line: line.publish(b"", 1),
    "a payload of 3 MB": lambda line: line.publish(b"[" * 3_000_000, 1),
    "nested deeply": lambda line: line.publish(b'{"a":' * 50_000, 1),
    "packet id 0 at QoS 1": lambda line: line.publish(b"{}", 0),
    "a PUBACK for nothing": lambda line: line.send(packet(0x40, b"\x00\x07")),
    "a length of five bytes": lambda line: line.send(b"\x32\xff\xff\xff\xff\x7f"),
    "QoS 3": lambda line: line.send(packet(0x36, b"\x00\x01a\x00\x01x")),
    "a reserved packet": lambda line: line.send(packet(0xF0, b"")),
    "half a packet, and the end": lambda line: (line.send(b"\x32\x20\x00\x05pla"), line.break_off()),
}


@pytest.mark.parametrize("naughty", NAUGHTY.values(), ids=NAUGHTY.keys())
def test_whatever_a_broker_sends_the_next_good_message_is_stored(broker, ingest, naughty):
    broker.session_present = True
    naughty(broker.now)

    def good_one():
        ingest.step()
        try:
            broker.now.publish(body(1), 77)
        except OSError:
            return  # it has hung up, and will come back

    wait_for(lambda: ingest.stored == [1], "the good message", every=good_one)
    terms = ingest.store.by_source()["line"]
    assert terms["received"] == terms["decoded"] + sum(terms["handled"].values()) + sum(terms["rejected"].values())
    assert verify(ingest.store).mismatches == ()


def test_a_broker_that_sends_far_more_than_it_may_fills_no_more_than_the_queue(broker, mqtt5):
    ingest = Ingest(broker, mqtt5=mqtt5, capacity=100)
    longest = [0]
    line = broker.now

    def flood():
        for n in range(5000):
            line.publish(body(n), n + 1)

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()

    def step():
        longest.append(len(ingest.queue))
        ingest.pipeline.step(0.0)

    wait_for(lambda: len(line.pubacks) == 5000, "every acknowledgement", every=step)
    assert max(longest) <= 100
    assert line.pubacks == list(range(1, 5001))
    assert ingest.stored == list(range(5000))
    ingest.close()


def test_a_queue_that_stays_full_gives_the_connection_up_until_there_is_room(broker, mqtt5, monkeypatch):
    monkeypatch.setattr(mqtt, "PATIENCE_S", 0.2)
    ingest = Ingest(broker, mqtt5=mqtt5, capacity=10)
    broker.session_present = True
    first = broker.now
    for n in range(30):
        first.publish(body(n), n + 1)
    wait_for(lambda: first.left, "the end of the connection")
    assert len(ingest.queue) == 10
    assert first.pubacks == []
    ingest.step_until(lambda: broker.now is not first, "another connection")
    assert broker.connections[-1].pubacks == [], "what was taken over the first connection is not the second's"
    for n in range(30):
        broker.now.publish(body(n), n + 1, again=True)
    ingest.step_until(lambda: len(broker.now.pubacks) == 30, "every acknowledgement")
    assert ingest.stored == list(range(30))
    ingest.close()


def test_a_store_away_for_long_gives_the_connection_up_and_takes_it_up_again(broker, mqtt5, monkeypatch):
    monkeypatch.setattr(pipeline_module, "HOLD_AFTER_S", 0.2)
    monkeypatch.setattr(pipeline_module, "_BACK_OFF_S", (0.05, 0.05))
    ingest = Ingest(broker, mqtt5=mqtt5)
    broker.session_present = True
    ingest.store.is_away = True
    first = broker.now
    first.publish(body(0), 1)
    writer = threading.Thread(target=lambda: wait_for(lambda: 1 in ingest.stored, "recovery", every=ingest.step))
    writer.start()
    wait_for(lambda: first.left, "the end of the connection")
    assert len(broker.connections) == 1
    ingest.store.is_away = False
    wait_for(lambda: broker.now is not first, "another connection")
    broker.now.publish(body(0), 1, again=True)
    broker.now.publish(body(1), 2)
    writer.join(DEADLINE_S)
    ingest.step()
    wait_for(lambda: broker.now.pubacks == [1, 2], "the acknowledgements")
    assert first.pubacks == []
    assert ingest.stored == [0, 1]
    assert ingest.kinds() == [EventKind.SOURCE_CONNECTED, EventKind.SOURCE_LOST, EventKind.SOURCE_CONNECTED]
    (lost,) = ingest.store.events(0, 2**62, kinds=[EventKind.SOURCE_LOST])
    assert lost.after == mqtt.HELD, "an operator must not look for a fault in the network"
    ingest.close()


def test_a_refused_subscription_is_no_connection_and_is_said(broker, mqtt5, caplog):
    broker.grant = False
    config = BrokerConfig(use=broker.url) if mqtt5 else BrokerConfig(use="embedded", port=broker.port)
    source = mqtt.Source(SOURCE, Surroundings(config, "rules", WallClock()))
    source.start(len, lambda event: None)
    wait_for(lambda: any("refused a subscription" in told.getMessage() for told in caplog.records), "a line in the log")
    assert not source.connected
    source.stop()


def test_a_connection_that_another_client_of_the_same_name_took_says_so_and_comes_back(broker):
    ingest = Ingest(broker, mqtt5=True)
    broker.session_present = True
    first = broker.now
    first.send(packet(0xE0, b"\x8e"))
    first.break_off()
    wait_for(lambda: broker.now is not first and ingest.source.connected, "the connection, taken back")
    broker.now.publish(body(1), 1)
    ingest.step_until(lambda: ingest.stored == [1], "the message")
    (lost,) = ingest.store.events(0, 2**62, kinds=[EventKind.SOURCE_LOST])
    assert lost.after == "Session taken over"
    ingest.close()


FACTORY = """
[hub]
id = "test"
name = "Test"
[[site]]
id = "plant"
name = "Plant"
[broker]
use = "{url}"
[store]
url = "sqlite:///twin.db"
[[source]]
name = "line"
topics = ["plant/+/data"]
decoder = "json_object"
[source.options]
topic = "plant/{{asset}}/{{stream}}"
time = "ts"
seq = "n"
"""


def test_a_second_process_of_the_same_name_does_not_start_and_never_connects(broker, tmp_path):
    file = tmp_path / "factory.toml"
    file.write_text(FACTORY.format(url=broker.url), encoding="utf-8")
    command = [sys.executable, "-m", "dashboards.cli", "ingest", str(file)]
    first = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for(lambda: [one for one in broker.connections if one.subscribed], "the first process's subscription")
        names = [one.connect for one in broker.connections]
        second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 3
        assert "another process writes" in second.stderr
        assert [one.connect for one in broker.connections] == names, "it took the first one's session from it"
    finally:
        first.terminate()
        first.wait(10)


def test_a_broker_that_refuses_mqtt_5_at_once_is_spoken_to_in_3_1_1(broker, monkeypatch):
    """The refusal comes while the source is still starting: it must not be left without a connection for good."""
    connect, refused = mqtt.Source._connect, threading.Event()
    restart = mqtt.Source._restart

    def slowly(self):
        client = connect(self)
        if self._protocol == mqtt.paho.MQTTv5:
            refused.wait(10)
            time.sleep(0.1)
        return client

    def noted(self, client):
        refused.set()
        restart(self, client)

    monkeypatch.setattr(mqtt.Source, "_connect", slowly)
    monkeypatch.setattr(mqtt.Source, "_restart", noted)
    broker.refuse_mqtt5 = True
    ingest = Ingest(broker, mqtt5=True)
    assert refused.is_set()
    ingest.close()
