"""Edge nodes of three libraries, with their faults; what they published is what is stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

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
from stage import BROKER, FAR_NS, Stage, wait_for

from connectors.wall_clock import WallClock
from twin.events import EventKind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SOURCE = """
[[source]]
name = "line"
type = "sparkplug_host"
topics = ["spBv1.0/#"]
decoder = "sparkplug_b"
[source.options]
host_id = "twin"
reorder_s = 3.0
rebirth_interval_s = 30.0
start_jitter_s = 0.2
death_timeout_s = 2.0
"""
FILTER = "spBv1.0/#"
NODE = "plant/edge-1"
PRESS, OVEN = f"{NODE}/press", f"{NODE}/oven"


SET_BY_BROKER = frozenset({"payloads-ddeath-timestamp"} if BROKER == "embedded" else ())
"""A broker that knows Sparkplug gives deaths their time itself."""


@dataclass(frozen=True)
class Speaker:
    """A library: its script, the steps it can take and who is online after each, and the rules that it breaks."""

    party: str
    script: str
    steps: tuple[tuple[str, dict[str, bool]], ...]
    habits: frozenset[str]
    """Rules broken whenever it speaks, as the tables of the protocols say."""
    at_data: frozenset[str] = frozenset()
    at_end: frozenset[str] = frozenset()
    at_kill: frozenset[str] = frozenset()
    at_return: frozenset[str] = frozenset()
    counts_device_death: bool = True

    def __str__(self) -> str:
        return self.party

    @property
    def devices(self) -> tuple[str, ...]:
        """Who is online after its first step: the node and its devices."""
        return tuple(self.steps[0][1])

    @property
    def data_step(self) -> str:
        return self.steps[1][0]

    @property
    def uncounted(self) -> tuple[str, ...]:
        return ("NDEATH",) if self.counts_device_death else ("NDEATH", "DDEATH")


SPEAKERS = (
    Speaker(
        "sparkplug-client",
        "sparkplug_client.js",
        (
            ("connect", {NODE: True, PRESS: True, OVEN: True}),
            ("many", {}),
            ("odd", {}),
            ("compressed", {}),
            ("device_dies", {OVEN: False, NODE: True, PRESS: True}),
            ("device_returns", {OVEN: True}),
        ),
        habits=frozenset(
            {
                "payloads-nbirth-bdseq",  # UInt64 where the standard has Int64
                "payloads-name-birth-data-requirement",  # bdSeq without a timestamp
                "payloads-metric-datatype-not-req",  # a datatype in data
                "payloads-ndeath-will-message-qos",  # 0
            }
        ),
        at_data=frozenset({"not_finite"}),  # the script's own NaN
        at_return=frozenset({"topics-nbirth-bdseq-increment"}),  # always 0
    ),
    Speaker(
        "pysparkplug",
        "edge_pysparkplug.py",
        (
            ("connect", {NODE: True, PRESS: True}),
            ("data", {}),
            ("by_alias", {}),
            ("late_device", {OVEN: True}),
            ("late_device_dies", {OVEN: False, NODE: True, PRESS: True}),
        ),
        habits=frozenset(
            {
                "payloads-alias-data-cmd-requirement",  # the name beside the alias
                "payloads-metric-datatype-not-req",
                "payloads-ndeath-will-message-qos",
            }
        ),
        at_end=frozenset({"payloads-ndeath-bdseq"}),  # that of the next will
        at_return=frozenset({"topics-nbirth-bdseq-increment"}),  # each process begins at 0
    ),
    Speaker(
        "mqtt-spb-wrapper",
        "edge_mqtt_spb_wrapper.py",
        (("connect", {NODE: True, PRESS: True}), ("measure", {})),
        habits=frozenset(
            {
                "payloads-nbirth-rebirth-req",  # it is called CMD/Node Control/Rebirth
                "operational-behavior-data-publish-nbirth",  # names in data are not those of the birth
                "operational-behavior-data-publish-dbirth",
                "payloads-metric-datatype-not-req",
                "payloads-ndeath-will-message-qos",  # of the death that it publishes itself
                "payloads-ndeath-bdseq",  # 3 after a birth of 1; of the will 0
                "payloads-ddeath-seq",
                "payloads-ddeath-timestamp",
            }
        ),
        at_kill=frozenset({"topics-ddeath-mqtt"}),  # a will of the device's own, at QoS 1
        at_return=frozenset({"topics-nbirth-bdseq-increment"}),
        counts_device_death=False,
    ),
)
every_speaker = pytest.mark.parametrize("speaker", SPEAKERS, ids=str)


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, SOURCE, FILTER)
    yield made
    made.close()
    capture(made)


def wait_stored(stage, due):
    """Until every value that is due is stored."""
    wait_for(lambda: not due() - values_of(stage), lambda: differences(due(), values_of(stage)), every_s=0.2)


def wait_online(stage, path, is_online):
    wait_for(lambda: online(stage, path) is is_online, f"{path} {'online' if is_online else 'offline'}")


def take(stage, client, speaker, steps):
    for step in steps:
        client.take(step)
        for path, is_online in dict(speaker.steps).get(step, {}).items():
            wait_online(stage, path, is_online)


def finish(stage, client, speaker, scenario, broken, gap=0, unheard=0):
    """The node goes. All is stored, once, and nothing else; the sums hold; ``broken`` are the findings.

    Its first ``unheard`` messages are known by the copies that the broker kept.
    """
    wait_stored(stage, lambda: published(client.ledger))
    client.stop()
    for path in speaker.devices:
        wait_online(stage, path, False)
    wait_received(stage)
    stage.stop_ingest()
    ledger = client.ledger
    assert differences(published(ledger), values_of(stage)) == ""
    check_sums(stage)
    assert stage.terms["gap"] == gap
    assert len(rows_of(stage, f"{NODE}:messages")) == sequenced(ledger[unheard:], uncounted=speaker.uncounted)
    assert rules(stage) - SET_BY_BROKER == broken - SET_BY_BROKER
    leave_row(stage, client, scenario)


def rules(stage):
    return {rule for _, rule in findings(stage)}


@every_speaker
def test_what_a_node_published_is_stored(stage, installed, speaker):
    environment = installed(speaker.party)
    stage.start_ingest()
    client = stage.client(speaker.script, environment, "edge-1")
    take(stage, client, speaker, [step for step, _ in speaker.steps])
    finish(stage, client, speaker, "births, data, deaths", speaker.habits | speaker.at_data | speaker.at_end)
    assert client.said == [], "a rebirth was asked for without need"
    met = {one.asset for one in stage.history.newcomers() if one.announced}
    assert met == {path for _, paths in speaker.steps for path in paths}


def test_what_is_odd_and_legal_means_what_the_standard_says(stage, installed):
    speaker = SPEAKERS[0]
    environment = installed(speaker.party)
    stage.start_ingest()
    client = stage.client(speaker.script, environment, "edge-1")
    take(stage, client, speaker, ["connect", "odd"])
    finish(stage, client, speaker, "null, quality, history, PackML", speaker.habits | speaker.at_data)
    # Kept while offline: stored beside, and the live value is the birth's.
    kept = rows_of(stage, f"{PRESS}:u32~history")
    assert sorted(row["u32"] for row in kept) == [4294967291.0, 4294967292.0, 4294967293.0]
    latest = stage.history.latest()
    assert latest[f"{PRESS}:u32"].values.tolist() == [4294967295.0]
    # Null is absent and bad; a quality is kept; of several values in a message the last one lives.
    assert [(row["i16"], row["quality"]) for row in rows_of(stage, f"{PRESS}:i16")] == [(-32768.0, 192), (None, 0)]
    assert [(row["i32"], row["quality"]) for row in rows_of(stage, f"{PRESS}:i32")] == [(-(2.0**31), 192), (-5.0, 0)]
    assert latest[f"{PRESS}:u16"].values.tolist() == [3.0]
    # Units and PackML's states.
    units = {stream.id: signal.unit for stream in stage.history.streams().values() for signal in stream.columns}
    assert (units[f"{NODE}:Supply.Pressure"], units[f"{OVEN}:Temperature"]) == ("bar", "Cel")
    changes = stage.history.events(0, FAR_NS, asset=OVEN, kinds=[EventKind.STATE_CHANGED])
    told = Counter((event.before, event.after) for event in changes)
    assert told == Counter(pairwise(["", "Idle", "Execute", "Held", "Execute", "Complete"]))
    assert latest[f"{OVEN}:state~text"].texts == ("Complete",)


@every_speaker
def test_a_node_obeys_the_rebirth_that_a_lost_message_asks_for(stage, installed, speaker):
    environment = installed(speaker.party)
    stage.start_ingest()
    client = stage.client(speaker.script, environment, "edge-1")
    take(stage, client, speaker, ["connect", speaker.data_step, "gap"])
    wait_for(lambda: client.said == ["rebirth"], "the rebirth")
    take(stage, client, speaker, [speaker.data_step])
    finish(stage, client, speaker, "a lost message, rebirth", speaker.habits | speaker.at_end, gap=1)
    births = [row for row in client.ledger if row["kind"] == "NBIRTH"]
    assert (client.said, len(births)) == (["rebirth"], 2)
    asked = stage.witness.of("spBv1.0/plant/NCMD/edge-1")
    assert {(one.qos, one.retain) for one in asked} == {(0, False)}


@every_speaker
def test_a_node_that_is_killed_is_offline_with_its_devices_by_our_clock(stage, installed, speaker):
    environment = installed(speaker.party)
    stage.start_ingest()
    client = stage.client(speaker.script, environment, "edge-1")
    take(stage, client, speaker, ["connect", speaker.data_step])
    wait_stored(stage, lambda: published(client.ledger))
    before_ns = WallClock().now_ns()
    client.kill()
    for path in speaker.devices:
        wait_online(stage, path, False)
        assert before_ns <= lost_ns(stage, path) <= WallClock().now_ns()
    # The same node again, from the start.
    again = stage.client(speaker.script, environment, "edge-1")
    take(stage, again, speaker, ["connect", speaker.data_step])
    broken = speaker.habits | speaker.at_kill | speaker.at_return | speaker.at_end
    finish(stage, again, speaker, "killed, and back", broken)


@pytest.mark.parametrize(
    ("speaker", "early"), [(SPEAKERS[0], "odd"), (SPEAKERS[1], "by_alias")], ids=["sparkplug-client", "pysparkplug"]
)
def test_a_host_that_starts_late_asks_for_the_births_that_it_missed(stage, installed, speaker, early):
    environment = installed(speaker.party)
    client = stage.client(speaker.script, environment, "edge-1")
    client.take("connect")
    stage.wait_heard(len(speaker.devices), FILTER)
    missed = len(client.ledger)
    stage.start_ingest()
    client.take(early)
    if BROKER == "embedded":  # it keeps births, and gives them to the host: nobody needs to be asked
        client.take(speaker.data_step)
        broken = speaker.habits | speaker.at_end | (speaker.at_data if early == "odd" else set())
        finish(stage, client, speaker, "host starts late, births kept", broken, unheard=missed)
        assert client.said == []
        return
    wait_for(lambda: client.said == ["rebirth"], "the rebirth")
    unnamed = [row for row in client.ledger[missed:] if row["kind"] == "DDATA"]
    for path in speaker.devices:
        wait_online(stage, path, True)
    # What came before the births cannot be named: it is kept as it came, with the reason.
    client.take(speaker.data_step)
    wait_stored(stage, lambda: published([row for row in client.ledger[missed:] if row not in unnamed]))
    client.stop()
    for path in speaker.devices:
        wait_online(stage, path, False)
    wait_for(lambda: stage.terms["handled"].get("held", 0) == 0, "the end of waiting")
    stage.stop_ingest()
    due = published([row for row in client.ledger[missed:] if row not in unnamed])
    assert differences(due, values_of(stage)) == ""
    rejected = stage.terms["rejected"]
    assert rejected.keys() <= {"old_session", "no_birth"}
    assert sum(rejected.values()) == len(unnamed)
    check_sums(stage, rejected)
    kept = {letter.payload for letter in stage.history.dead_letters(source="line")}
    came = [one.payload for one in stage.witness.of("spBv1.0/plant/DDATA/edge-1/#")][: len(unnamed)]
    assert kept == set(came)
    assert rules(stage) == speaker.habits | speaker.at_end
    leave_row(stage, client, "host starts late, rebirth")
