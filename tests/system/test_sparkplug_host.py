"""A Sparkplug host on real brokers: STATE as it must be, a real edge driven through births, data and rebirths."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from scripted_broker import ScriptedBroker

from connectors.broker import BrokerProcess, any_port, host_port
from connectors.encoders_sparkplug import Edge
from connectors.plugins import check_source, make_decoder
from connectors.publish import DOWN, UP, Publisher
from connectors.sources import Surroundings, sparkplug_host
from connectors.speakers.sparkplug_b import Speaker
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.config import BrokerConfig, SourceConfig
from twin.errors import DecodeError
from twin.events import EventKind
from twin.message import Ask, Liveness
from twin.ports import Asking
from twin.sample import Frames, Quality, Signal, stream_of
from twin.site import Hub, Name

tck = pytest.mark.tck
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
OPTIONS = {"host_id": "twin", "start_jitter_s": 0.0}
CONFIG = SourceConfig("gateways", ("spBv1.0/#",), "sparkplug_b", type="sparkplug_host", options=OPTIONS)
STATE = "spBv1.0/STATE/twin"
DEADLINE_S = 30.0
START_DEADLINE_S = 90.0  # a process is started in 2 s, in ten times that on a crowded machine
PRESS = stream_of("press", "data", [Signal("force", unit="kN"), Signal("speed")])


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:.0f} s"
        time.sleep(0.01)


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("mosquitto", marks=[pytest.mark.mosquitto, pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto executable")]),
    ]
)  # fmt: skip
def broker(request, tmp_path):
    process = BrokerProcess(request.param, tmp_path / "broker", any_port())
    process.kind_asked = request.param
    process.start()
    yield process
    process.stop()


@pytest.fixture
def mosquitto(tmp_path):
    if MOSQUITTO is None:
        pytest.skip("no mosquitto executable")
    process = BrokerProcess("mosquitto", tmp_path / "broker", any_port())
    process.start()
    yield process
    process.stop()


class Client:
    """A plain MQTT client that keeps what it hears (mutable; its network thread appends)."""

    def __init__(self, url, name, topics, *, will=None, answer=None):
        self.heard = []
        self.ready = threading.Event()
        self.answer = answer
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
        if will is not None:
            self.client.will_set(*will, 1, False)
        self.client.on_message = self._on_message
        self.client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in topics])
        self.client.on_subscribe = lambda *_: self.ready.set()
        host, port, _ = host_port(url)
        self.client.connect(host, port)
        self.client.loop_start()
        assert self.ready.wait(DEADLINE_S)

    def _on_message(self, client, _, message):
        self.heard.append((message.topic, message.payload, message.qos, message.retain))
        for topic, payload in self.answer(message.topic, message.payload) if self.answer else ():
            client.publish(topic, payload, 0)

    def states(self):
        return [(json.loads(payload), qos, retain) for topic, payload, qos, retain in self.heard if topic == STATE]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Host:
    """The source and its decoder, stepped by the test (mutable)."""

    def __init__(self, broker, *, mqtt5=False, config=CONFIG, client_id="host"):
        self.deliveries, self.events, self.told = [], [], []
        self.room = 10**6
        self.done = 0
        self.decoder = make_decoder("sparkplug_b", OPTIONS, "gateways", Hub("h", Name("h", "h"), ()))
        broker_config = BrokerConfig(use=broker.url) if mqtt5 else BrokerConfig(use="embedded", port=broker.port)
        self.source = sparkplug_host.Source(config, Surroundings(broker_config, client_id, WallClock()))
        self.source.start(self.deliver, self.events.append)

    def deliver(self, deliveries):
        taken = max(0, min(len(deliveries), self.room - len(self.deliveries)))
        self.deliveries += deliveries[:taken]
        return taken

    def up(self):
        wait_for(lambda: EventKind.SOURCE_CONNECTED in [event.kind for event in self.events], "the connection")
        return self

    def step(self):
        """Decode what came, publish what is asked for, acknowledge."""
        waiting = self.deliveries[self.done :]
        self.done += len(waiting)
        found = []
        for delivery in waiting:
            try:
                found += self.decoder.decode(delivery.message)
            except DecodeError as error:
                found.append(error)
        found += self.decoder.tick(WallClock().now_ns())
        self.source.ask([one for one in found if isinstance(one, Ask)])
        self.source.acknowledge([delivery.receipt for delivery in waiting])
        self.told += found
        return found

    def until(self, condition, what):
        """Step until it holds."""

        def stepped():
            self.step()
            return condition()

        wait_for(stepped, what)

    def values(self, stream):
        return [
            value
            for part in self.told
            if isinstance(part, Frames) and part.stream.id == stream
            for value in part.values[:, 0].tolist()
        ]

    def alive(self, path):
        said = [one.online for one in self.told if isinstance(one, Liveness) and one.path == path]
        return said[-1] if said else None


def frames(n, t_ns):
    return Frames(PRESS, np.array([t_ns], np.int64), np.array([n], np.int64), np.array([t_ns], np.int64), np.array([[float(n), 0.5]]), np.array([int(Quality.GOOD)], np.int16))  # fmt: skip


class EdgeClient(Client):
    """A real edge node: will, births, data; it does what it is told (mutable)."""

    def __init__(self, url, group="g"):
        self.edge = Edge(group, "n", {"press": [PRESS]})
        self.count = 0
        super().__init__(
            url,
            "edge",
            [self.edge.command_topic],
            will=self.edge.will(),
            answer=lambda topic, body: self.edge.hear(topic, body, WallClock().now_ns()),
        )

    def born(self):
        for topic, payload in self.edge.births(WallClock().now_ns()):
            self.client.publish(topic, payload, 0)

    def data(self, *, lost=False):
        self.count += 1
        for topic, payload, _ in self.edge.data("press", frames(self.count, WallClock().now_ns())):
            if not lost:
                self.client.publish(topic, payload, 0)


@tck(
    "host-topic-phid-birth-message", "host-topic-phid-birth-topic", "host-topic-phid-birth-qos", "host-topic-phid-birth-retain", "host-topic-phid-birth-payload",
    "host-topic-phid-birth-required", "host-topic-phid-birth-payload-timestamp", "message-flow-phid-sparkplug-state-publish", "message-flow-phid-sparkplug-state-publish-payload",
    "message-flow-phid-sparkplug-state-publish-payload-timestamp", "operational-behavior-host-application-connect-birth",
    "operational-behavior-host-application-connect-birth-topic", "operational-behavior-host-application-connect-birth-payload",
    "operational-behavior-host-application-connect-birth-qos", "operational-behavior-host-application-connect-birth-retained",
    "payloads-state-birth", "payloads-state-birth-payload", "components-ph-state", "intro-sparkplug-host-state", "conformance-primary-host",
    "operational-behavior-host-application-host-id", "operational-behavior-primary-application-state-with-multiple-servers-state",
    "operational-behavior-host-application-termination", "operational-behavior-host-application-death-topic", "operational-behavior-host-application-death-payload",
    "operational-behavior-host-application-death-qos", "operational-behavior-host-application-death-retained", "operational-behavior-host-application-disconnect-intentional",
    "host-topic-phid-death-payload-timestamp-disconnect-clean",
)  # fmt: skip
def test_the_host_says_that_it_is_there_and_before_it_leaves_that_it_goes(broker):
    watcher = Client(broker.url, "watcher", [STATE])
    before_ms = time.time_ns() // 10**6
    host = Host(broker).up()
    wait_for(lambda: len(watcher.states()) == 1, "the birth")
    (birth, qos, _) = watcher.states()[0]
    assert birth["online"] is True
    assert before_ms <= birth["timestamp"] <= time.time_ns() // 10**6
    assert qos == 1
    late = Client(broker.url, "late", [STATE])
    wait_for(late.states, "the retained birth")
    assert late.states() == [(birth, 1, True)]
    host.source.stop()
    wait_for(lambda: len(watcher.states()) == 2, "the death")
    death, qos, _ = watcher.states()[1]
    assert (death["online"], qos) == (False, 1)
    assert death["timestamp"] >= birth["timestamp"]
    later = Client(broker.url, "later", [STATE])
    wait_for(later.states, "the retained death")
    assert later.states() == [(death, 1, True)]
    for client in (watcher, late, later):
        client.close()


@tck(
    "operational-behavior-host-application-connect-will", "operational-behavior-host-application-connect-will-topic", "operational-behavior-host-application-connect-will-payload",
    "operational-behavior-host-application-connect-will-qos", "operational-behavior-host-application-connect-will-retained",
    "payloads-state-will-message", "payloads-state-will-message-qos", "payloads-state-will-message-retain", "payloads-state-will-message-payload",
    "host-topic-phid-death-required", "host-topic-phid-death-topic", "host-topic-phid-death-qos", "host-topic-phid-death-retain",
    "host-topic-phid-death-payload", "host-topic-phid-death-payload-timestamp-connect", "message-flow-phid-sparkplug-clean-session-311",
    "message-flow-phid-sparkplug-clean-session-50", "host-topic-phid-birth-sub-required", "message-flow-phid-sparkplug-subscription",
    "payloads-state-subscribe", "principles-birth-certificates-order", "host-topic-phid-birth-payload-timestamp",
    "operational-behavior-host-application-multi-server-timestamp", "operational-behavior-primary-application-state-with-multiple-servers-state-subs",
)  # fmt: skip
@pytest.mark.parametrize("mqtt5", [False, True], ids=["3.1.1", "5"])
def test_every_connection_is_clean_has_a_will_of_its_own_and_listens_before_it_speaks(mqtt5):
    broker = Recording()
    host = Host(broker, mqtt5=mqtt5)
    wills = []
    for n in range(2):
        wait_for(lambda count=n: len(broker.births()) == count + 1, "a birth")
        connection, birth = broker.births()[n]
        assert connection.level == (5 if mqtt5 else 4)
        assert connection.is_clean
        if mqtt5:
            assert connection.properties[0x11] == 0, "the session ends with the connection"
        will_topic, will, flags = will_of(connection)
        assert (will_topic, flags & 0x38) == (STATE, 0x28), "QoS 1, retained"
        assert json.loads(will) == {"online": False, "timestamp": birth["timestamp"]}
        assert connection.order[:2] == ["subscribe", "publish"]
        assert connection.topics == [STATE, "spBv1.0/#"]
        wills.append(birth["timestamp"])
        if n == 0:
            connection.break_off()
    assert wills[1] > wills[0], "each connection has a time of its own"
    host.source.stop()
    broker.close()


class Recording(ScriptedBroker):
    """A broker that notes in which order a client subscribes and publishes, and acknowledges (mutable)."""

    def _hear(self, connection, head, body):
        for name in ("order", "topics", "published"):
            if not hasattr(self, f"_{name}"):
                setattr(self, f"_{name}", {})
        kind = head & 0xF0
        if kind == 0x80:
            self._order.setdefault(id(connection), []).append("subscribe")
            if len(self._order[id(connection)]) == 1:
                self._topics[id(connection)] = filters(body, connection.level)
                answer = bytes([1] * len(self._topics[id(connection)]))
                connection.subscribed += 1
                connection.send(packet_of(0x90, body[:2] + (b"\x00" if connection.level == 5 else b"") + answer))
                return
        if kind == 0x30:
            self._order.setdefault(id(connection), []).append("publish")
            size = int.from_bytes(body[:2], "big")
            at = 2 + size + 2 * bool(head & 6)
            mid = body[2 + size : at]
            at += connection.level == 5
            self._published.setdefault(id(connection), []).append((body[2 : 2 + size].decode(), body[at:]))
            if head & 6:
                connection.send(packet_of(0x40, mid))
            return
        super()._hear(connection, head, body)

    def births(self):
        found = []
        for connection in self.connections:
            told = getattr(self, "_published", {}).get(id(connection), [])
            connection_view = View(
                connection,
                self._order.get(id(connection), []) if told else [],
                self._topics.get(id(connection), []) if told else [],
            )
            found += [(connection_view, json.loads(payload)) for topic, payload in told[:1] if topic == STATE]
        return found


class View:
    """A connection, and what it did in which order."""

    def __init__(self, connection, order, topics):
        self._connection, self.order, self.topics = connection, order, topics

    def __getattr__(self, name):
        return getattr(self._connection, name)


def packet_of(head, body):
    return bytes([head, len(body)]) + body


def filters(body, level):
    at, found = 2, []
    if level == 5:
        at += 1 + body[at]
    while at < len(body):
        size = int.from_bytes(body[at : at + 2], "big")
        found.append(body[at + 2 : at + 2 + size].decode())
        at += 3 + size
    return found


def will_of(connection):
    """(topic, payload, flags) of a CONNECT's will."""
    body, at = connection.connect, 10
    flags = body[7]
    if connection.level == 5:
        at += 1 + body[at]
    parts = []
    for n in range(3):
        if connection.level == 5 and n == 1:
            at += 1 + body[at]
        (size,) = struct.unpack(">H", body[at : at + 2])
        parts.append(body[at + 2 : at + 2 + size])
        at += 2 + size
    return parts[1].decode(), parts[2], flags


@tck("message-flow-hid-sparkplug-state-message-delivered")
def test_a_will_of_an_earlier_connection_that_comes_late_is_answered_at_once(broker):
    watcher = Client(broker.url, "watcher", [STATE])
    host = Host(broker).up()
    wait_for(lambda: len(watcher.states()) == 1, "the birth")
    birth = watcher.states()[0][0]
    stale = json.dumps({"online": False, "timestamp": birth["timestamp"] - 1000})
    watcher.client.publish(STATE, stale, 1, True)
    wait_for(lambda: len(watcher.states()) >= 3, "the birth again")
    assert [state["online"] for state, _, _ in watcher.states()][:3] == [True, False, True]
    assert watcher.states()[2][0] == birth
    watcher.client.publish(STATE, b"not json", 1, True)
    wait_for(lambda: any(payload == b"not json" for _, payload, _, _ in watcher.heard), "the nonsense")
    host.source.stop()
    watcher.close()


@tck(
    "host-topic-phid-death-payload-timestamp-disconnect-with-no-disconnect-packet",
    "host-topic-phid-death-payload-timestamp-connect",
)
def test_when_the_connection_breaks_the_broker_says_that_the_host_is_gone(mosquitto):
    watcher = Client(mosquitto.url, "watcher", [STATE])
    host = Host(mosquitto).up()
    wait_for(lambda: len(watcher.states()) == 1, "the birth")
    host.source._wire._real.close()
    wait_for(lambda: len(watcher.states()) >= 3, "the will, and the birth of the next connection")
    told = [state for state, _, _ in watcher.states()]
    assert [state["online"] for state in told[:3]][:3] == [True, False, True]
    assert told[1]["timestamp"] == told[0]["timestamp"]
    assert told[2]["timestamp"] > told[0]["timestamp"]
    host.source.stop()
    watcher.close()


@pytest.mark.parametrize("mqtt5", [False, True], ids=["3.1.1", "5"])
def test_an_edge_that_was_there_before_is_asked_and_understood(broker, mqtt5):
    if mqtt5 and broker.kind_asked == "embedded":
        pytest.skip("the embedded broker speaks MQTT 3.1.1 only")
    edge = EdgeClient(broker.url)
    edge.born()
    edge.data()
    host = Host(broker, mqtt5=mqtt5).up()
    assert isinstance(host.source, Asking)

    def asked_and_born():
        edge.data()
        host.step()
        return host.alive("g/n/press")

    wait_for(asked_and_born, "a birth that was asked for")
    count = edge.count
    edge.data()
    host.until(lambda: count + 1.0 in host.values("g/n/press:force"), "data by alias")
    edge.client._sock.close()
    host.until(lambda: host.alive("g/n") is False, "the will")
    assert host.alive("g/n/press") is False
    host.source.stop()
    edge.client.loop_stop()


def test_what_is_lost_on_the_way_shows_as_a_gap_and_brings_a_rebirth(mosquitto):
    host = Host(mosquitto).up()
    host.decoder.host.settings = type(host.decoder.host.settings)(
        **{
            **{name: getattr(host.decoder.host.settings, name) for name in host.decoder.host.settings.__slots__},
            "window_ns": 10**8,
        }
    )
    edge = EdgeClient(mosquitto.url)
    edge.born()
    host.until(lambda: host.alive("g/n/press"), "the birth")
    edge.data(lost=True)
    edge.data()
    host.until(lambda: host.decoder.host.nodes["g/n"].epoch == 2, "the rebirth")
    assert [payload for topic, payload, _, _ in edge.heard if topic == edge.edge.command_topic]
    counts = [
        int(part.seq[0]) & 0xFFFF for part in host.told if isinstance(part, Frames) and part.stream.id == "g/n:messages"
    ]
    assert counts[:4] == [0, 1, 3, 0]
    host.source.stop()
    edge.close()


# The port's own sentences, where no session is kept.


def test_what_finds_no_room_is_offered_again_in_order(broker):
    host = Host(broker)
    host.room = 7
    host.up()
    publisher = Client(broker.url, "publisher", ["x"])
    for n in range(40):
        publisher.client.publish("spBv1.0/g/NDATA/n", b"%d" % n, 1).wait_for_publish(5)
    wait_for(lambda: len(host.deliveries) == 7, "as many as there is room for")
    host.room = 10**6
    host.source.resume()
    wait_for(lambda: len([one for one in host.deliveries if one.message.topic != STATE]) == 40, "the rest")
    told = [one.message.payload for one in host.deliveries if one.message.topic != STATE]
    assert told == [b"%d" % n for n in range(40)]
    host.source.acknowledge([one.receipt for one in host.deliveries])
    host.source.acknowledge([None, "x", -1, object()])
    host.source.stop()
    publisher.close()


def test_while_the_store_is_away_the_host_is_gone_and_nodes_may_keep_what_they_have(broker):
    watcher = Client(broker.url, "watcher", [STATE])
    host = Host(broker).up()
    wait_for(lambda: len(watcher.states()) == 1, "the birth")
    host.source.hold()
    host.source.hold()
    wait_for(lambda: len(watcher.states()) == 2, "the death")
    count = len(host.deliveries)
    watcher.client.publish("spBv1.0/g/NDATA/n", b"1", 1).wait_for_publish(5)
    assert len(host.deliveries) == count
    host.source.ask([Ask("spBv1.0/g/NCMD/n", b"x")])
    assert host.source.asks_dropped == 1
    host.source.resume()
    host.source.resume()
    wait_for(lambda: len(watcher.states()) >= 3, "the birth again")
    assert [state["online"] for state, _, _ in watcher.states()][:3] == [True, False, True]
    host.source.stop()
    host.source.stop()
    watcher.close()


def test_without_a_name_of_its_own_the_host_is_called_as_its_client():
    config = SourceConfig("gateways", ("spBv1.0/#",), "sparkplug_b", type="sparkplug_host")
    source = sparkplug_host.Source(config, Surroundings(BrokerConfig(), "factory-twin-x", WallClock()))
    assert source.host_id == "factory-twin-x"
    assert check_source("sparkplug_host", "sparkplug_b", {"host_id": "a/b"})[0][0] == "options"


def test_a_simulated_edge_node_finds_its_host_and_its_will_is_told_when_it_dies(broker):
    host = Host(broker).up()
    speaker = Speaker("plant", "line", {"press": PRESS}, host_id="twin")
    spy = Client(broker.url, "spy", ["spBv1.0/plant/NDEATH/line"])
    line = Publisher(broker.url, "edge", durable=False, will=speaker.edge.will, topics=speaker.topics)

    def listen():
        for topic, payload in line.heard():
            for said in speaker.hear(topic, payload):
                line.publish(said.topic, said.payload, qos=said.qos)
        return speaker.is_heard

    try:
        wait_for(listen, "the host's STATE")
        now_ns = WallClock().now_ns()
        t_ns = np.array([now_ns, now_ns + 10**9], np.int64)
        part = Frames(
            PRESS,
            t_ns,
            np.arange(2, dtype=np.int64),
            t_ns,
            np.array([[1.5, 2.0], [2.5, 3.0]]),
            np.full(2, 192, np.int16),
        )
        promised = 0
        for said in speaker.say([part], 0, 1):
            line.publish(said.topic, said.payload, qos=said.qos, token=said.kept)
            promised += sum(kept.frames for kept in said.kept)
        host.until(lambda: len(host.values("plant/line/press:force")) == 2, "the data")
        assert promised == 2
        wait_for(lambda: not line.unacknowledged or line.acknowledged() is None, "the count of what was written")
        host.source.stop()
        wait_for(lambda: not listen(), "the host's goodbye")
        assert list(speaker.say([part], 0, 1)) == []
    finally:
        line._client._sock_close()  # without a goodbye: as a power cut is to the broker
        line._client.loop_stop()
    wait_for(lambda: spy.heard, "the will")
    spy.close()


FACTORY = """
[hub]
id = "h"
name = "h"
[broker]
use = "{url}"
[store]
url = "{store}"
[ingest]
writer = "{writer}"
[[site]]
id = "{group}"
name = "site"
[[source]]
name = "gateways-{group}"
type = "sparkplug_host"
topics = ["spBv1.0/#"]
decoder = "sparkplug_b"
options = {{ host_id = "twin", start_jitter_s = 0.0 }}
"""


class Ingest:
    """`twin ingest` of a factory file on a broker of its own (mutable: its process)."""

    def __init__(self, folder, broker, group, store):
        file = folder / f"{group}.toml"
        file.write_text(FACTORY.format(url=broker.url, store=store, writer=f"w-{group}", group=group), "utf-8")
        self.log = folder / f"{group}.log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "dashboards.cli", "ingest", str(file)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def until(self, condition, what):
        """Wait for it while the process lives; what it said is told where it does not come."""
        deadline = time.monotonic() + START_DEADLINE_S
        while not condition():
            assert self.process.poll() is None, f"{what}: the process ended; it said {self.log.read_text()!r}"
            assert time.monotonic() < deadline, (
                f"{what}: not in {START_DEADLINE_S:.0f} s; it said {self.log.read_text()!r}"
            )
            time.sleep(0.01)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_S) == 0, self.log.read_text()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@tck(
    "operational-behavior-host-application-multi-server-timestamp",
    "operational-behavior-primary-application-state-with-multiple-servers-state",
)
@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")
def test_on_two_brokers_the_host_has_a_state_each_and_one_store_has_what_both_bring(tmp_path):
    store = f"sqlite:///{tmp_path / 'twin.db'}"
    closing, brokers, ingests, watchers = [], {}, {}, {}
    try:
        for group in ("g", "h"):
            process = brokers[group] = BrokerProcess("embedded", tmp_path / f"broker-{group}", any_port())
            process.start()
            closing.append(process.stop)
            watchers[group] = Client(process.url, "watcher", [STATE])
            closing.append(watchers[group].close)
            ingests[group] = Ingest(tmp_path, process, group, store)
            closing.append(ingests[group].close)
            ingests[group].until(watchers[group].states, f"the birth on {group}")
        births = {group: watcher.states()[0][0] for group, watcher in watchers.items()}
        assert all(birth["online"] for birth in births.values())
        assert births["h"]["timestamp"] > births["g"]["timestamp"], "each connection has a time of its own"
        for number, (group, process) in enumerate(brokers.items()):
            edge = EdgeClient(process.url, group)
            closing.append(edge.close)
            edge.born()
            for _ in range(3 + number):
                edge.data()
        history = open_history(store)
        closing.append(history.close)
        expected = {"g/n/press:force": [1.0, 2.0, 3.0], "h/n/press:force": [1.0, 2.0, 3.0, 4.0]}

        def stored():
            rows = {name: history.frames(name, 0, 1 << 62) for name in expected if name in history.by_stream()}
            # The birth tells of no value yet.
            return {name: [x for x in part.values[:, 0].tolist() if not math.isnan(x)] for name, part in rows.items()}

        wait_for(lambda: stored() == expected, "what both edges told")
        ingests["g"].stop()
        wait_for(lambda: len(watchers["g"].states()) == 2, "the death on g")
        assert watchers["g"].states()[1][0]["online"] is False
        assert [state["online"] for state, _, _ in watchers["h"].states()] == [True], "the other host goes on"
        ingests["h"].stop()
        wait_for(lambda: len(watchers["h"].states()) == 2, "the death on h")
        assert watchers["h"].states()[1][0]["online"] is False
        received = {name: row["received"] for name, row in history.by_source().items()}
        assert received["gateways-g"] > 0
        assert received["gateways-h"] > 0
    finally:
        for close in reversed(closing):
            close()


def test_a_cut_connection_is_told_by_its_will_and_comes_back_only_when_it_is_mended(broker):
    edge = Speaker("plant", "line", {"press": PRESS}).edge
    spy = Client(broker.url, "spy", ["spBv1.0/plant/NDEATH/line"])
    line = Publisher(broker.url, "edge", durable=False, will=edge.will, topics=[edge.command_topic])
    heard = []

    def has(what, count=1):
        heard.extend(line.heard())
        return heard.count(what) == count

    try:
        wait_for(lambda: has(UP), "the connection")
        for number in range(100):
            line.publish("plant/count", str(number).encode(), qos=0, token=number)
        told = set()
        wait_for(lambda: told.update(line.acknowledged()) or len(told) == 100, "what was written")
        line.cut()
        line.cut()
        wait_for(lambda: has(DOWN), "the break")
        wait_for(lambda: spy.heard, "the will")
        assert edge.bdseq == 0
        tries = []
        line._client.on_connect_fail = lambda *_: tries.append(1)
        wait_for(lambda: len(tries) >= 1, "a try to come back")
        assert not line._client.is_connected()
        assert edge.bdseq == 0  # no session was begun
        line.mend()
        wait_for(lambda: has(UP, 2), "the connection again")
        assert edge.bdseq == 1
    finally:
        line.close()
        spy.close()
