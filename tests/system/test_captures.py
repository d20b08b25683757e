"""Real clients' recorded traffic over a real broker: every message is decoded, handled or rejected with a reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paho.mqtt.publish import multiple
from terminal import twin

from connectors.broker import BrokerProcess, any_port
from connectors.factory_file import read_factory
from connectors.ingest.run import run_ingest
from connectors.listen import listen
from connectors.plugins import names
from connectors.publish_file import publish_file
from connectors.recorded import Tally, read_capture
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.config import BrokerConfig
from twin.errors import BrokerError, ConfigError, StoreUnavailable
from twin.events import EventKind
from twin.keyframes import verify

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = sorted((ROOT / "tests/data/captures").glob("*.jsonl"))
DEADLINE_S = 60.0
FACTORY = """
[hub]
id = "captures"
name = "Captures"
[broker]
use = "embedded"
port = {port}
[[site]]
id = "field"
name = "Field"
[[source]]
name = "others"
topics = ["#"]
rest = true
qos = 0
decoder = "auto"
[source.options]
site = "field"
"""
SPARKPLUG = """
[[source]]
name = "sparkplug"
type = "sparkplug_host"
topics = ["spBv1.0/#"]
decoder = "sparkplug_b"
[source.options]
host_id = "captures"
"""


HAS_SPARKPLUG = "sparkplug_b" in names("decoders") and "sparkplug_host" in names("sources")


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:.0f} s"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def plant(tmp_path_factory):
    """A broker, and ingest of whatever comes."""
    folder = tmp_path_factory.mktemp("captures")
    port = any_port()
    text = FACTORY.format(port=port)
    if HAS_SPARKPLUG:
        text += SPARKPLUG
    (folder / "factory.toml").write_text(text, encoding="utf-8")
    factory = read_factory(folder / "factory.toml", {})
    broker = BrokerProcess("embedded", folder / "broker", port)
    broker.start()
    stop = threading.Event()
    ingest = threading.Thread(target=run_ingest, args=(factory, stop))
    ingest.start()
    try:
        history = wait_for(lambda: opened(factory.store.url), "the store")
        wait_for(lambda: connected(history) >= {one.name for one in factory.sources}, "the subscription")
        yield factory, broker, history
        history.close()
    finally:
        stop.set()
        ingest.join(20)
        broker.stop()


def opened(url):
    try:
        return open_history(url)
    except StoreUnavailable:
        return None


def connected(history):
    found = history.events(0, 2**62, kinds=[EventKind.SOURCE_CONNECTED])
    return {event.asset.rpartition("/")[2] for event in found}


def received(history, source):
    return history.by_source().get(source, {"received": 0})["received"]


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_every_message_of_a_capture_is_accounted_for(plant, path):
    _, broker, history = plant
    before = {source: received(history, source) for source in ("others", "sparkplug")}
    topics = [message.topic for message in read_capture(path, Tally())]
    to_host = sum(HAS_SPARKPLUG and topic.startswith("spBv1.0/") for topic in topics)
    to_others = sum(not topic.startswith("spBv1.0/") for topic in topics)
    result = publish_file(path, broker.url, None)
    assert result.published == result.rows > 0
    wait_for(lambda: received(history, "others") - before["others"] >= to_others, f"the receipt of {to_others}")
    # A host hears its own words too: its state, and what it asks of nodes.
    wait_for(lambda: received(history, "sparkplug") - before["sparkplug"] >= to_host, f"the receipt of {to_host}")
    assert received(history, "others") - before["others"] == to_others
    for terms in history.by_source().values():
        handled, rejected = sum(terms["handled"].values()), sum(terms["rejected"].values())
        assert terms["received"] == terms["decoded"] + handled + rejected
        assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"]
        assert terms["expected"] == terms["distinct"] + terms["gap"]
        assert "decoder_fault" not in terms["rejected"], [one.detail for one in history.dead_letters()]
        assert "store_rejected" not in terms["rejected"], [one.detail for one in history.dead_letters()]


def test_what_the_captures_left_verifies(plant):
    *_, history = plant
    verdict = verify(history)
    assert verdict.batches > 0
    assert not verdict.mismatches


def test_a_shell_loop_of_json_appears_as_a_pending_device(plant):
    factory, broker, history = plant
    port = broker.url.rpartition(":")[2]
    bodies = [json.dumps({"temperature": 20.0 + n, "running": True}) for n in range(5)]
    command = shutil.which("mosquitto_pub")
    if command is None:
        multiple([("yard/pump-9", body, 0, False) for body in bodies], port=int(port))
    for body in bodies if command else ():
        subprocess.run([command, "-p", port, "-t", "yard/pump-9", "-m", body], check=True, timeout=20)
    found = wait_for(
        lambda: [one for one in history.newcomers() if one.asset == "field/yard/pump-9"], "the pending device"
    )
    assert (found[0].source, found[0].topic, found[0].signals) == ("others", "yard/pump-9", "temperature, running")
    wait_for(lambda: history.by_stream().get("field/yard/pump-9:data"), "its frames")
    assert not [one for one in history.newcomers() if "factory-twin" in one.topic]
    assert not any(stream.asset.startswith("field/factory-twin") for stream in history.streams().values())
    assert factory.sources[0].leaves[-1] == "spBv1.0/#"


def test_the_last_messages_of_a_topic_are_heard_to_try_a_mapping_on(plant):
    factory, broker, _ = plant
    port = int(broker.url.rpartition(":")[2])
    multiple([(f"heard/{n}", b"%d" % n, 1, True) for n in range(3)], port=port)
    multiple([("factory-twin/live/x", b"own", 1, True)], port=port)
    found = listen(factory.broker, "heard/+", WallClock(), 10.0, 3)
    assert {(one.topic, one.payload) for one in found} == {(f"heard/{n}", b"%d" % n) for n in range(3)}
    assert len(listen(factory.broker, "heard/+", WallClock(), 10.0, 2)) == 2
    assert listen(factory.broker, "factory-twin/#", WallClock(), 0.5, 5) == [], "the twin's own packets are nobody's"
    with pytest.raises(ConfigError):
        listen(factory.broker, "a/#/b", WallClock(), 0.5, 5)
    with pytest.raises(BrokerError):
        listen(BrokerConfig(use=f"mqtt://127.0.0.1:{any_port()}"), "#", WallClock(), 0.5, 5)


def test_a_capture_is_decoded_to_samples_and_refusals_a_line():
    path = ROOT / "tests/data/captures/nodered_uns.jsonl"
    answer = twin("decode", "--dialect", "auto", "--capture", path, "--json")
    assert answer.returncode == 0, answer.stderr
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    samples = [row for row in rows if "signal" in row]
    refused = [row for row in rows if "reason" in row]
    assert len(samples) + len(refused) == len(rows)
    assert all(set(row) == {"asset", "signal", "t_ns", "value", "quality", "seq"} for row in samples)
    assert all({"topic", "reason"} <= set(row) for row in refused)
    assert len(samples) > 300


def test_options_reach_the_dialect_from_the_command_line_and_from_a_file(tmp_path):
    capture = tmp_path / "one.jsonl"
    capture.write_text('{"ts": 1795328000.5, "topic": "a/b/c", "payload_b64": "eyJ4IjogMX0="}\n')  # {"x": 1}
    options = tmp_path / "options.toml"
    options.write_text('asset = "site/{asset}"\n')
    answer = twin(
        "decode", "--dialect", "json_object", "--capture", capture, "--json", "--options", options, "--options",
        "topic={_}/{asset}/{stream}",
    )  # fmt: skip
    assert [json.loads(line)["asset"] for line in answer.stdout.splitlines()] == ["site/b"]
    wrong = twin("decode", "--dialect", "json_object", "--capture", capture, "--options", "tpoic=x")
    assert wrong.returncode == 2
    assert "tpoic" in wrong.stderr


def test_a_mapping_is_tried_on_one_message():
    new = ROOT / "dashboards/demo/new.toml"
    topic = "factory/line1/conveyor1/data"
    good = twin("decode", "--config", new, "--topic", topic, "--json", said=b'{"ts": 1795328000000, "speed": 0.3}')
    assert good.returncode == 1, "the count of messages is missing"
    (told,) = json.loads(good.stdout)
    assert told["source"] == "objects"
    assert told["rejected"][0]["hint"]
    good = twin(
        "decode", "--config", new, "--topic", topic, "--json", said=b'{"ts": 1795328000000, "seq": 1, "speed": 0.3}'
    )
    assert good.returncode == 0, good.stderr
    assert [(row["signal"], row["value"]) for row in json.loads(good.stdout)[0]["samples"]] == [("speed", 0.3)]
    other = twin("decode", "--config", new, "--topic", "somewhere/else", "--json", said=b"21.5")
    assert json.loads(other.stdout)[0]["source"] == "others"
    own = twin("decode", "--config", new, "--topic", "factory-twin/live/x", said=b"21.5")
    assert own.returncode == 1
    assert "no source takes" in own.stderr


def test_findings_of_a_store_and_of_a_capture_are_a_list(plant):
    factory, *_ = plant
    for asked in (["--url", factory.store.url], ["--capture", CAPTURES[0]]):
        answer = twin("conformance", *asked, "--json")
        assert answer.returncode == 0, answer.stderr
        rows = json.loads(answer.stdout)
        keys = {"device", "rule", "count", "detail", "first_ns", "last_ns", "source"}
        assert all(keys <= set(row) for row in rows)
    assert twin("conformance", "--json").returncode == 2


def test_plug_ins_are_listed_with_a_sentence_each():
    rows = json.loads(twin("plugins", "decoders", "--json").stdout)
    assert {row["name"] for row in rows} == set(names("decoders"))
    assert all(row["description"].endswith((".", ":")) or len(row["description"]) > 20 for row in rows)
    assert {row["kind"] for row in json.loads(twin("plugins", "--json").stdout)} == {"decoders", "sources", "assets"}
    assert twin("plugins", "nonsense").returncode == 2
