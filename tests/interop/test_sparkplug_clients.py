"""Edge nodes of three libraries, with their faults; what they published is what is stored."""

from __future__ import annotations

import pytest
from balance import (
    capture,
    check_sums,
    differences,
    findings,
    leave_row,
    lost_ns,
    online,
    rows_of,
    values_of,
    wait_received,
)
from spb_books import published, sequenced
from stage import Stage, wait_for

from connectors.wall_clock import WallClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SOURCE = """
[[source]]
name = "line"
type = "sparkplug_host"
topics = ["spBv1.0/#"]
decoder = "sparkplug_b"
[source.options]
host_id = "twin"
reorder_s = 1.0
rebirth_interval_s = 2.0
start_jitter_s = 0.2
death_timeout_s = 2.0
"""
FILTER = "spBv1.0/#"
NODE = "plant/edge-1"


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, SOURCE, FILTER)
    yield made
    made.close()
    capture(made)


def wait_stored(stage, client):
    """Until every value of the ledger is stored."""

    def is_done():
        return not published(client.ledger) - values_of(stage)

    wait_for(is_done, lambda: differences(published(client.ledger), values_of(stage)))


def wait_online(stage, path, is_online):
    wait_for(lambda: online(stage, path) is is_online, f"{path} {'online' if is_online else 'offline'}")


def finish(stage, client, scenario, gap=0):
    """All is stored, once, and nothing else; the sums hold."""
    wait_stored(stage, client)
    wait_received(stage)
    stage.stop_ingest()
    ledger = client.ledger
    assert differences(published(ledger), values_of(stage)) == ""
    check_sums(stage)
    assert stage.terms["gap"] == gap
    assert len(rows_of(stage, f"{NODE}:messages")) == sequenced(ledger)
    leave_row(stage, client, scenario, published(ledger).total())


def rules(stage):
    return {rule for _, rule in findings(stage)}


JS_HABITS = {
    "payloads-nbirth-bdseq",  # UInt64 where the standard has Int64
    "payloads-name-birth-data-requirement",  # bdSeq without a timestamp
    "payloads-metric-datatype-not-req",  # a datatype in data
}
JS_STEPS = ("many", "odd", "compressed")


def test_what_sparkplug_client_published_is_stored_compressed_or_not(stage, installed):
    environment = installed("sparkplug-client")
    stage.start_ingest()
    client = stage.client("sparkplug_client.js", environment, "edge-1")
    client.take("connect")
    for path in (NODE, f"{NODE}/press", f"{NODE}/oven"):
        wait_online(stage, path, True)
    for step in JS_STEPS:
        client.take(step)
    wait_stored(stage, client)
    client.take("device_dies")
    wait_online(stage, f"{NODE}/oven", False)
    assert (online(stage, NODE), online(stage, f"{NODE}/press")) == (True, True)
    client.take("device_returns")
    wait_online(stage, f"{NODE}/oven", True)
    wait_stored(stage, client)
    client.stop()
    for path in (NODE, f"{NODE}/press", f"{NODE}/oven"):
        wait_online(stage, path, False)
    finish(stage, client, "births, data, compressed, deaths")
    assert client.said == [], "a rebirth was asked for without need"
    assert rules(stage) == JS_HABITS | {"not_finite", "payloads-ndeath-will-message-qos"}


def test_sparkplug_client_obeys_the_rebirth_that_a_lost_message_asks_for(stage, installed):
    environment = installed("sparkplug-client")
    stage.start_ingest()
    client = stage.client("sparkplug_client.js", environment, "edge-1")
    client.take("connect")
    client.take("many")
    client.take("gap")
    wait_for(lambda: client.said == ["rebirth"], "the rebirth")
    client.take("odd")
    client.stop()
    wait_online(stage, NODE, False)
    finish(stage, client, "a lost message, rebirth", gap=1)
    births = [row for row in client.ledger if row["kind"] == "NBIRTH"]
    assert (client.said, len(births)) == (["rebirth"], 2)
    asked = stage.witness.of("spBv1.0/plant/NCMD/edge-1")
    assert [(one.qos, one.retain) for one in asked] == [(0, False)]


def test_sparkplug_client_killed_is_offline_with_its_devices_by_our_clock(stage, installed):
    environment = installed("sparkplug-client")
    stage.start_ingest()
    client = stage.client("sparkplug_client.js", environment, "edge-1")
    client.take("connect")
    client.take("many")
    wait_stored(stage, client)
    before_ns = WallClock().now_ns()
    client.kill()
    paths = (NODE, f"{NODE}/press", f"{NODE}/oven")
    for path in paths:
        wait_online(stage, path, False)
    after_ns = WallClock().now_ns()
    # The same node again, from the start: as if nothing had been.
    again = stage.client("sparkplug_client.js", environment, "edge-1")
    again.take("connect")
    for path in paths:
        wait_online(stage, path, True)
        assert before_ns <= lost_ns(stage, path) <= after_ns
    again.take("odd")
    again.stop()
    wait_online(stage, NODE, False)
    finish(stage, again, "killed, and back")
    assert rules(stage) == JS_HABITS | {
        "not_finite",
        "payloads-ndeath-will-message-qos",  # 0
        "topics-nbirth-bdseq-increment",  # always 0
    }


def test_a_host_that_starts_late_asks_pysparkplug_for_its_births(stage, installed):
    environment = installed("pysparkplug")
    client = stage.client("edge_pysparkplug.py", environment, "edge-1")
    client.take("connect")
    stage.wait_heard(2, "spBv1.0/plant/+/edge-1/#")
    unheard = len(client.ledger)
    stage.start_ingest()
    client.take("by_alias")
    wait_for(lambda: client.said == ["rebirth"], "the rebirth")
    for path in (NODE, f"{NODE}/press"):
        wait_online(stage, path, True)
    client.take("data")
    client.stop()
    wait_online(stage, NODE, False)
    del unheard


def test_what_pysparkplug_published_is_stored(stage, installed):
    environment = installed("pysparkplug")
    stage.start_ingest()
    client = stage.client("edge_pysparkplug.py", environment, "edge-1")
    client.take("connect")
    for step in ("data", "by_alias", "late_device"):
        client.take(step)
    wait_online(stage, f"{NODE}/oven", True)
    client.take("late_device_dies")
    wait_online(stage, f"{NODE}/oven", False)
    assert online(stage, NODE) is True
    client.stop()
    for path in (NODE, f"{NODE}/press"):
        wait_online(stage, path, False)
    finish(stage, client, "births, data, arrays, late device")
    assert client.said == []


def test_pysparkplug_killed_is_offline_with_its_devices_by_our_clock(stage, installed):
    environment = installed("pysparkplug")
    stage.start_ingest()
    client = stage.client("edge_pysparkplug.py", environment, "edge-1")
    client.take("connect")
    client.take("data")
    wait_stored(stage, client)
    before_ns = WallClock().now_ns()
    client.kill()
    for path in (NODE, f"{NODE}/press"):
        wait_online(stage, path, False)
        assert before_ns <= lost_ns(stage, path) <= WallClock().now_ns()
    finish(stage, client, "killed")


def test_what_mqtt_spb_wrapper_published_is_stored(stage, installed):
    environment = installed("mqtt-spb-wrapper")
    stage.start_ingest()
    client = stage.client("edge_mqtt_spb_wrapper.py", environment, "edge-1")
    client.take("connect")
    client.take("measure")
    client.stop()
    for path in (NODE, f"{NODE}/press"):
        wait_online(stage, path, False)
    finish(stage, client, "births, data, deaths")
