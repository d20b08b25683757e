"""Over a real broker: what the broker has acknowledged is stored, once, whatever dies in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.publish import single

from connectors import broker as broker_module
from connectors.broker import BrokerProcess, LogWatch, any_port, is_reachable
from connectors.ingest.decoding import Decoding
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import make_decoder
from connectors.publish import Publisher
from connectors.sources import Surroundings, mqtt
from connectors.stores.sql import open_history, open_store
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_MS
from twin.config import BrokerConfig, IngestConfig, SourceConfig
from twin.errors import BrokerError
from twin.events import EventKind
from twin.keyframes import resume, verify
from twin.site import Hub, Name

ROOT = Path(__file__).resolve().parents[2]
HUB = Hub("hub", Name("h", "h"), ())
SOURCE = SourceConfig(
    "line", ("plant/+/data",), "json_object", options={"topic": "plant/{asset}/{stream}", "time": "ts", "seq": "n"}
)
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
DEADLINE_S = 60.0


def wait_for(condition, what, timeout_s=DEADLINE_S, every=lambda: time.sleep(0.01)):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:.0f} s"
        every()


@pytest.fixture(
    params=[
        "embedded",
        pytest.param(
            "mosquitto",
            marks=[pytest.mark.mosquitto, pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto executable")],
        ),
    ]
)
def broker(request, tmp_path):
    process = BrokerProcess(request.param, tmp_path / "broker", any_port())
    process.start()
    yield process
    process.stop()


@pytest.fixture
def embedded(tmp_path):
    process = BrokerProcess("embedded", tmp_path / "broker", any_port())
    process.start()
    yield process
    process.stop()


class Ingest:
    """The ingest of one source, wired as `run_ingest` does it, stepped by the test."""

    def __init__(self, url, path, *, mqtt5=False, expects_session=False, capacity=5000):
        self.url = f"sqlite:///{path}"
        self.store = open_store(self.url)
        self.history = open_history(self.url)
        clock, self.queue = WallClock(), DeliveryQueue(capacity)
        decoders = {SOURCE.name: make_decoder(SOURCE.decoder, SOURCE.options, SOURCE.name, HUB)}
        for name, state in self.store.decoder_states().items():
            decoders[name].restore(state)
        port = int(url.rpartition(":")[2])
        config = BrokerConfig(use=url) if mqtt5 else BrokerConfig(use="embedded", port=port)
        self.source = mqtt.Source(SOURCE, Surroundings(config, "test-ingest", clock, expects_session))
        mirror, keyframes = resume(self.history, "ingest")
        self.pipeline = Pipeline(
            IngestConfig(), self.queue, Decoding(decoders, 60.0, 5000), mirror, keyframes, self.store,
            {SOURCE.name: self.source}, clock,
        )  # fmt: skip
        self.source.start(self.queue.put, self.queue.report)
        wait_for(lambda: self.source.connected, "the connection")

    @property
    def terms(self):
        return self.history.by_source().get(SOURCE.name, Counter())

    def step(self):
        self.pipeline.step(0.05)

    def step_until(self, condition, what):
        wait_for(condition, what, every=self.step)

    def close(self):
        self.source.stop()
        self.history.close()
        self.store.close()


def payload(n, t0_ns):
    return json.dumps({"ts": t0_ns // NS_PER_MS + n, "n": n, "x": n / 8}).encode()


def publish(url, numbers, t0_ns, asset="press"):
    """Publish and wait until the broker has acknowledged all."""
    publisher = Publisher(url, f"test-device-{asset}", durable=False)
    publisher.wait_connected()
    acknowledged = []
    for n in numbers:
        publisher.publish(f"plant/{asset}/data", payload(n, t0_ns), token=n)
        acknowledged += publisher.acknowledged()
    wait_for(lambda: acknowledged.extend(publisher.acknowledged()) or not publisher.unacknowledged, "the PUBACKs")
    publisher.close()
    assert sorted(acknowledged) == list(numbers)


@pytest.fixture
def t0_ns():
    return WallClock().now_ns() // NS_PER_MS * NS_PER_MS


def stored(ingest, asset="press"):
    frames = ingest.history.frames(f"{asset}:data", 0, 2**62)
    return frames.seq.tolist()


def test_what_is_published_is_stored_and_acknowledged_once(broker, tmp_path, t0_ns):
    ingest = Ingest(broker.url, tmp_path / "twin.db", mqtt5=broker.kind == "mosquitto")
    publish(broker.url, range(200), t0_ns)
    ingest.step_until(lambda: ingest.terms["received"] >= 200, "200 messages")
    assert stored(ingest) == list(range(200))
    ingest.close()
    again = Ingest(broker.url, tmp_path / "twin.db", mqtt5=broker.kind == "mosquitto", expects_session=True)
    publish(broker.url, [200], t0_ns)
    again.step_until(lambda: 200 in stored(again), "the next message")
    terms = again.terms
    assert (terms["received"], terms["stored"], terms["duplicate"]) == (201, 201, 0), (
        "an acknowledged message came again"
    )
    assert again.history.events(0, 2**62, kinds=[EventKind.SESSION_LOST]) == []
    assert verify(again.history).mismatches == ()
    again.close()


def test_a_retained_value_comes_once_over_mqtt_5(broker, tmp_path, t0_ns):
    if broker.kind != "mosquitto":
        pytest.skip("MQTT 3.1.1 sends what is retained at every subscription")
    port = int(broker.url.rpartition(":")[2])
    single("plant/press/data", payload(1, t0_ns), qos=1, retain=True, hostname="127.0.0.1", port=port)
    ingest = Ingest(broker.url, tmp_path / "twin.db", mqtt5=True)
    ingest.step_until(lambda: ingest.terms["received"] == 1, "the retained message")
    ingest.close()
    again = Ingest(broker.url, tmp_path / "twin.db", mqtt5=True, expects_session=True)
    publish(broker.url, [2], t0_ns)
    again.step_until(lambda: 2 in stored(again), "the next message")
    assert (again.terms["received"], again.terms["duplicate"]) == (2, 0)
    again.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "killed"])
def test_what_a_broker_has_acknowledged_survives_its_end(embedded, tmp_path, t0_ns, end):
    Ingest(embedded.url, tmp_path / "twin.db").close()
    publish(embedded.url, range(300), t0_ns)
    os.kill(embedded.pid, end)
    wait_for(lambda: embedded.wait(0) is not None, "the broker's end")
    embedded.start()
    ingest = Ingest(embedded.url, tmp_path / "twin.db", expects_session=True)
    ingest.step_until(lambda: len(stored(ingest)) >= 300, "all messages")
    assert stored(ingest) == list(range(300))
    assert ingest.history.events(0, 2**62, kinds=[EventKind.SESSION_LOST]) == []
    ingest.close()


def test_a_broker_killed_under_a_live_connection_loses_nothing(embedded, tmp_path, t0_ns):
    ingest = Ingest(embedded.url, tmp_path / "twin.db")
    publish(embedded.url, range(100), t0_ns)
    wait_for(lambda: len(ingest.queue) >= 10, "some deliveries")
    os.kill(embedded.pid, signal.SIGKILL)
    wait_for(lambda: embedded.wait(0) is not None and not ingest.source.connected, "the broker's end")
    embedded.start()
    kinds = [EventKind.SOURCE_LOST, EventKind.SOURCE_CONNECTED]

    def told():
        return [event.kind.value for event in ingest.history.events(0, 2**62, kinds=kinds)[::-1]]

    ingest.step_until(
        lambda: len(stored(ingest)) >= 100 and "SourceLost" in told() and told()[-1] == "SourceConnected", "recovery"
    )
    assert stored(ingest) == list(range(100))
    # A broker that has just come back may drop the first connection it takes: then it is lost, and stated, twice.
    assert told() == [*["SourceConnected", "SourceLost"] * (len(told()) // 2), "SourceConnected"]
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


def start_ingest(file):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TWIN__")}
    return subprocess.Popen(
        [sys.executable, "-m", "dashboards.cli", "ingest", str(file)], cwd=ROOT, env=environ,
        stdout=subprocess.DEVNULL, stderr=(file.parent / "ingest.log").open("ab"),
    )  # fmt: skip


def test_an_ingest_killed_three_times_in_a_stream_stores_every_acknowledged_message_once(embedded, tmp_path, t0_ns):
    total = 3000
    file = tmp_path / "factory.toml"
    file.write_text(FACTORY.format(url=embedded.url), encoding="utf-8")
    url = f"sqlite:///{tmp_path}/twin.db"
    open_store(url).close()
    history = open_history(url)

    def count():
        row = history.by_stream().get("press:data")
        return row.frames if row else 0

    def connected():
        return len(history.events(0, 2**62, kinds=[EventKind.SOURCE_CONNECTED]))

    publisher = Publisher(embedded.url, "test-device", durable=False)
    publisher.wait_connected()
    process = start_ingest(file)
    try:
        wait_for(lambda: connected() == 1, "the subscription")
        acknowledged, kills, stored_at_kill = [], 0, []
        for n in range(total):
            publisher.publish("plant/press/data", payload(n, t0_ns), token=n)
            acknowledged += publisher.acknowledged()
            if n in (700, 1400, 2100):
                before = count()
                wait_for(lambda before=before: count() > before, "progress")
                process.kill()
                process.wait()
                kills += 1
                stored_at_kill.append(count())
                process = start_ingest(file)
        wait_for(lambda: acknowledged.extend(publisher.acknowledged()) or len(acknowledged) == total, "the PUBACKs")
        wait_for(lambda: count() >= total, "every message")
        process.terminate()
        assert process.wait(10) == 0, (tmp_path / "ingest.log").read_text()
    finally:
        process.kill()
        process.wait()
        publisher.close()
    assert kills == 3
    assert 0 < stored_at_kill[0] < total
    assert history.frames("press:data", 0, 2**62).seq.tolist() == list(range(total))
    terms = history.by_source()["line"]
    assert (terms["stored"], terms["key_conflict"], terms["rejected"]) == (total, 0, {})
    assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"]
    verdict = verify(history)
    assert verdict.mismatches == ()
    assert verdict.frames == history.summary().frames
    history.close()


class Witness:
    """A second subscriber that acknowledges nothing, to know when the broker sends again."""

    def __init__(self, port):
        self.again = Counter()
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, "witness", clean_session=False, protocol=paho.MQTTv311, manual_ack=True
        )
        self._client.on_message = lambda _client, _data, got: self.again.update([got.payload] if got.dup else [])
        self._subscribed = False
        self._client.on_subscribe = lambda *_: setattr(self, "_subscribed", True)
        self._client.on_connect = lambda client, *_: client.subscribe(SOURCE.topics[0], 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        wait_for(lambda: self._subscribed, "the witness")

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def test_a_message_sent_again_on_the_live_connection_is_not_taken_twice(tmp_path, t0_ns, monkeypatch):
    monkeypatch.setattr(broker_module, "ACK_WAIT_S", 1)
    process = BrokerProcess("embedded", tmp_path / "broker", any_port())
    process.start()
    ingest, witness = Ingest(process.url, tmp_path / "twin.db"), Witness(process.port)
    try:
        publish(process.url, range(5), t0_ns)
        wait_for(lambda: len(ingest.queue) == 5, "the first delivery")
        wait_for(lambda: len(witness.again) == 5 and min(witness.again.values()) >= 2, "two redeliveries")
        assert len(ingest.queue) == 5
        ingest.step_until(lambda: ingest.terms["received"] >= 5, "the commit")
        assert (ingest.terms["received"], ingest.terms["duplicate"]) == (5, 0)
        assert stored(ingest) == list(range(5))
    finally:
        witness.close()
        ingest.close()
        process.stop()


def test_a_client_of_mqtt_5_is_refused_by_the_embedded_broker_and_told_what_to_do(embedded, tmp_path):
    report = tmp_path / "refused.json"
    watch = LogWatch(embedded.log, WallClock().now_ns, report)
    watch.start()
    answers = []
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "modern", protocol=paho.MQTTv5)
    client.on_connect = lambda *told: answers.append(told[3].value)
    client.connect("127.0.0.1", embedded.port)
    client.loop_start()
    wait_for(lambda: answers and watch.refusals and report.exists(), "the refusal")
    client.disconnect()
    client.loop_stop()
    watch.stop()
    refusal = watch.refusals[0]
    assert (answers[0], refusal.reason) == (132, "MQTT 5")
    assert refusal.client.startswith("127.0.0.1:")
    assert "mosquitto" in refusal.advice_en
    assert "mosquitto" in refusal.advice_ko
    assert json.loads(report.read_bytes())[0]["client"] == refusal.client


def connect(flags, rest, name=b"MQTT"):
    """A CONNECT packet of MQTT 3.1.1 with those flags, and what comes behind the keep-alive."""
    body = len(name).to_bytes(2, "big") + name + bytes([4, flags]) + b"\x00\x3c" + rest
    return bytes([0x10, len(body)]) + body


NO_USER = connect(0x42, b"\x00\x01d\x00\x01p")
REFUSED = [
    ("user", connect(0xC2, b"\x00\x01a\x00\x00\x00\x00")),
    ("user", NO_USER),
    ("client ID", connect(0x00, b"\x00\x00")),
    ("protocol", connect(0x02, b"\x00\x01c", b"XQTT")),
    ("topic", connect(0x02, b"\x00\x01e") + b"\x30\x06\x00\x03a/#{}"),
    ("websocket", b"GET / HTTP/1.1\r\n\r\n"),
]


@pytest.mark.parametrize(("reason", "sent"), REFUSED)
def test_what_else_a_broker_refuses_is_told_with_what_to_do(embedded, reason, sent):
    watch = LogWatch(embedded.log, lambda: 7)
    watch.start()
    with socket.create_connection(("127.0.0.1", embedded.port)) as client:
        client.sendall(sent)
        wait_for(lambda: watch.refusals, "the refusal")
    watch.stop()
    assert [(one.reason, one.client.startswith("127.0.0.1:")) for one in watch.refusals] == [(reason, True)]


@pytest.mark.skipif(shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None, reason="no mosquitto here")
def test_mosquitto_too_is_asked_why(tmp_path):
    process = BrokerProcess("mosquitto", tmp_path, any_port())
    process.start()
    try:
        wait_for(lambda: is_reachable(process.url), "the broker")
        watch = LogWatch(process.log, lambda: 7)
        watch.start()
        with socket.create_connection(("127.0.0.1", process.port)) as client:
            client.sendall(NO_USER)
            wait_for(lambda: watch.refusals, "the refusal")
        watch.stop()
    finally:
        process.stop()
    assert [(one.reason, one.client) for one in watch.refusals] == [("user", "d")]


def test_a_half_written_log_line_is_read_when_it_is_whole(tmp_path):
    log = tmp_path / "broker.log"
    log.write_bytes(b"")
    watch = LogWatch(log, lambda: 7)
    watch.start()
    line = b'[1] 2026/11/22 09:38:43 [ERR] 10.0.0.%d:56545 - mid:6 - "" - unacceptable protocol version of 5\n'
    with log.open("ab", buffering=0) as file:
        file.write(line % 1 + (line % 2)[:60])
        wait_for(lambda: len(watch.refusals) == 1, "a look at one line and a half")
        file.write((line % 2)[60:])
        wait_for(lambda: len(watch.refusals) == 2, "the second refusal")
    watch.stop()
    assert [(r.t_ns, r.client) for r in watch.refusals] == [(7, "10.0.0.1:56545"), (7, "10.0.0.2:56545")]


def test_a_topic_with_a_space_is_refused_by_the_embedded_broker_and_told_what_to_do(embedded):
    watch = LogWatch(embedded.log, WallClock().now_ns)
    watch.start()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "spacious", protocol=paho.MQTTv311)
    client.on_connect = lambda *_: client.publish("plant/press 1/data", b"{}", 1)
    client.connect("127.0.0.1", embedded.port)
    client.loop_start()
    wait_for(lambda: watch.refusals, "the refusal")
    client.disconnect()
    client.loop_stop()
    watch.stop()
    assert watch.refusals[0].reason == "topic"
    assert watch.refusals[0].client.startswith("127.0.0.1:")


def test_a_full_queue_holds_the_source_back_and_loses_nothing(broker, tmp_path, t0_ns):
    ingest = Ingest(broker.url, tmp_path / "twin.db", mqtt5=broker.kind == "mosquitto", capacity=60)
    publish(broker.url, range(100), t0_ns)
    wait_for(lambda: len(ingest.queue) == 60, "a full queue")
    longest = [len(ingest.queue)]

    def step():
        ingest.step()
        longest.append(len(ingest.queue))

    wait_for(lambda: len(stored(ingest)) >= 100, "all messages", every=step)
    assert max(longest) <= 60
    assert stored(ingest) == list(range(100))
    ingest.close()


def test_a_source_falls_back_to_3_1_1_where_the_broker_has_no_mqtt_5(embedded, tmp_path, t0_ns):
    ingest = Ingest(embedded.url, tmp_path / "twin.db", mqtt5=True)
    publish(embedded.url, range(20), t0_ns)
    ingest.step_until(lambda: len(stored(ingest)) >= 20, "all messages")
    assert stored(ingest) == list(range(20))
    ingest.close()


def test_a_taken_port_is_an_error_that_names_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} is taken"):
            BrokerProcess("embedded", tmp_path, port).start()


def test_a_stopped_broker_answers_no_more_and_can_start_again(broker):
    assert is_reachable(broker.url)
    broker.stop()
    assert not is_reachable(broker.url)
    broker.start()
    assert is_reachable(broker.url)
    assert broker.log.exists(), "the broker can write beside its data"


def test_a_publisher_without_a_broker_says_so():
    publisher = Publisher(f"mqtt://127.0.0.1:{any_port()}", "test", durable=False)
    with pytest.raises(BrokerError, match="no broker answers"):
        publisher.wait_connected(0.2)
    publisher.close()


def test_offers_are_never_kept_waiting_nor_counted(embedded):
    publisher = Publisher(embedded.url, "test-live", durable=False)
    publisher.offer("factory-twin/live/x", b"before the connection")
    publisher.wait_connected()
    for n in range(3 * 500):
        publisher.offer("factory-twin/live/x", str(n).encode())
    assert publisher.unacknowledged == 0
    assert len(publisher._acked_mids) <= 500
    publisher.close()


def test_the_twins_own_topics_are_never_ingested(embedded, tmp_path, t0_ns, monkeypatch):
    monkeypatch.setattr(
        sys.modules[__name__], "SOURCE", SourceConfig("line", ("#",), "json_object", options=SOURCE.options)
    )
    ingest = Ingest(embedded.url, tmp_path / "twin.db")
    publisher = Publisher(embedded.url, "test-own", durable=False)
    publisher.wait_connected()
    publisher.publish("factory-twin/live/ingest", b"\x00")
    publisher.publish("plant/press/data", payload(0, t0_ns))
    ingest.step_until(lambda: ingest.terms["received"] >= 1, "the message")
    assert (ingest.terms["received"], ingest.terms["rejected"]) == (1, {})
    publisher.close()
    ingest.close()
