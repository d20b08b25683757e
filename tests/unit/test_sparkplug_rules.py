"""The host's rules, each test marked with the tck-ids that it proves (without their prefix)."""

from __future__ import annotations

import itertools

import pytest
from sparkplug_edge import (
    FIELDS,
    MS,
    T0,
    T0_MS,
    Edge,
    S,
    counts,
    handled,
    liveness,
    metric,
    reasons,
    rows,
    rules,
    settled,
    told,
    values,
)  # fmt: skip

from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.topics import read_topic
from connectors.plugins import check_source
from twin.errors import DecodeError
from twin.message import Announced, Ask, Finding, Handled, Liveness, Message, Settled
from twin.sample import Quality

tck = pytest.mark.tck
X = [{"name": "x", "value": 0.5, "kind": 10, "alias": 1}]
GOOD = int(Quality.GOOD)


def x(value, **more):
    """A value of metric x, as data tells it."""
    return [{"alias": 1, "value": value, "field": "double_value", **more}]


def asks(found):
    return [Payload.FromString(one.payload) for one in told(found, Ask)]


# T1: topics


@tck(
    "topic-structure-namespace-a",
    "topics-ddata-topic",
    "topics-ndata-topic",
    "topics-nbirth-topic",
    "topics-dbirth-topic",
)
@pytest.mark.parametrize(
    ("topic", "wanted"),
    [
        ("spBv1.0/g/NBIRTH/n", ("NBIRTH", "g", "n", "")),
        ("spBv1.0/g/DDATA/n/d", ("DDATA", "g", "n", "d")),
        ("spBv1.0/한국/NDATA/공작 기계", ("NDATA", "한국", "공작 기계", "")),
        ("spBv1.0/STATE/host", ("STATE", "", "host", "")),
        ("$sparkplug/certificates/spBv1.0/g/DBIRTH/n/d", ("DBIRTH", "g", "n", "d")),
    ],
)
def test_a_topic_is_taken_apart(topic, wanted):
    read = read_topic(topic)
    assert (read.verb, read.group, read.node, read.device) == wanted
    assert read.kept == topic.startswith("$")


@tck("topic-structure-namespace-device-id-associated-message-types")
@pytest.mark.parametrize("verb", ["DBIRTH", "DDEATH", "DDATA", "DCMD"])
def test_a_devices_message_names_its_device(verb):
    with pytest.raises(DecodeError, match="names no device"):
        read_topic(f"spBv1.0/g/{verb}/n")


@tck("topic-structure-namespace-device-id-non-associated-message-types")
@pytest.mark.parametrize("verb", ["NBIRTH", "NDEATH", "NDATA", "NCMD"])
def test_a_nodes_message_names_no_device(verb):
    with pytest.raises(DecodeError, match="names a device"):
        read_topic(f"spBv1.0/g/{verb}/n/d")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "spBv1.0",
        "spAv1.0/g/NDATA/n",
        "spBv1.0/g/XDATA/n",
        "spBv1.0/g/NDATA/",
        "spBv1.0/g/DDATA/n/d/e",
        "spBv1.0/STATE/a/b",
    ],
)
def test_what_is_no_topic_of_sparkplug_is_refused(topic):
    with pytest.raises(DecodeError) as caught:
        read_topic(topic)
    assert caught.value.reason == "topic"


@tck(
    "topic-structure-namespace-duplicate-device-id-across-edge-node",
    "topic-structure-namespace-unique-edge-node-descriptor",
)
def test_a_device_id_may_come_again_under_another_node():
    one = Edge("n1")
    other = Edge("n2", decoder=one.decoder)
    one.up()
    other.up()
    assert values(one.hear(one.ddata("d", x(1.5))), "g/n1/d:x") == [1.5]
    assert values(other.hear(other.ddata("d", x(2.5))), "g/n2/d:x") == [2.5]
    found = one.hear(one.ndeath())
    assert {path for path, _, _ in liveness(found)} == {"g/n1", "g/n1/d"}


@tck("case-sensitivity-sparkplug-ids")
def test_ids_that_differ_in_case_only_are_two_nodes_and_a_finding():
    one = Edge("Node")
    other = Edge("node", decoder=one.decoder)
    assert "case-sensitivity-sparkplug-ids" not in rules(one.up())
    found = other.up()
    assert "case-sensitivity-sparkplug-ids" in rules(found)
    assert "g/node/d" in {path for path, _, _ in liveness(found)}


@tck("case-sensitivity-metric-names")
def test_metrics_that_differ_in_case_only_are_two_signals_and_a_finding():
    edge = Edge(strict=True)
    found = edge.up(metrics=[{"name": "Temp", "value": 1.0, "kind": 10}, {"name": "temp", "value": 2.0, "kind": 10}])
    assert rules(found) == ["case-sensitivity-metric-names"]
    assert values(found, "g/n1/d:Temp") == [1.0]
    assert values(found, "g/n1/d:temp") == [2.0]


# B1 – B2: births


@tck(
    "topics-nbirth-mqtt", "topics-nbirth-seq-num", "topics-nbirth-timestamp", "topics-nbirth-metric-reqs", "topics-nbirth-metrics",
    "payloads-nbirth-timestamp", "payloads-nbirth-seq", "payloads-nbirth-bdseq", "topics-nbirth-bdseq-included",
    "payloads-sequence-num-req-nbirth", "message-flow-edge-node-birth-publish-nbirth-payload-bdSeq",
)  # fmt: skip
def test_a_birth_opens_a_session_and_tells_all_its_metrics():
    edge = Edge()
    found = edge.hear(edge.nbirth([{"name": "a/b", "value": 7, "kind": 3}, {"name": "word", "value": "w", "kind": 12}]))
    assert counts(found) == [(1, 0)]
    assert values(found, "g/n1:a.b") == [7.0]
    assert values(found, "g/n1:word~text") == ["w"]
    assert liveness(found) == [("g/n1", True, edge.t_ms * MS)]
    assert not rules(found)
    assert not [name for name, *_ in rows(found) if "bdSeq" in name or "Rebirth" in name]


@tck("payloads-nbirth-seq", "topics-nbirth-seq-num")
def test_a_birth_may_begin_at_any_number():
    edge = Edge()
    found = edge.hear(edge.nbirth(seq=200))
    assert counts(found) == [(1, 200)]
    assert not rules(found)
    edge.hear(edge.dbirth("d", X))
    assert counts(edge.hear_all(*[edge.ddata("d", x(1.0)) for _ in range(60)]))[-1] == (1, 261)


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        pytest.param({"bdseq": None}, "topics-nbirth-bdseq-included", marks=tck("topics-nbirth-bdseq-included")),
        pytest.param({"rebirth": False}, "payloads-nbirth-rebirth-req", marks=tck("payloads-nbirth-rebirth-req", "topics-nbirth-rebirth-metric", "operational-behavior-data-commands-rebirth-name")),
    ],
)  # fmt: skip
def test_what_a_birth_must_hold_is_missed(how, rule):
    edge = Edge()
    found = edge.hear(edge.nbirth(**how))
    assert rules(found) == [rule]
    assert counts(found) == [(1, 0)]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(lambda p: setattr(p.metrics[0], "datatype", 8), "payloads-nbirth-bdseq", marks=tck("payloads-nbirth-bdseq")),
        pytest.param(lambda p: setattr(p.metrics[1], "datatype", 3), "operational-behavior-data-commands-rebirth-datatype", marks=tck("operational-behavior-data-commands-rebirth-datatype")),
        pytest.param(lambda p: setattr(p.metrics[1], "boolean_value", True), "operational-behavior-data-commands-rebirth-value", marks=tck("operational-behavior-data-commands-rebirth-value")),
        pytest.param(lambda p: setattr(p.metrics[1], "alias", 9), "operational-behavior-data-commands-rebirth-name-aliases", marks=tck("operational-behavior-data-commands-rebirth-name-aliases")),
        pytest.param(lambda p: p.ClearField("timestamp"), "payloads-nbirth-timestamp", marks=tck("payloads-nbirth-timestamp")),
        pytest.param(lambda p: p.ClearField("seq"), "payloads-nbirth-seq", marks=tck("payloads-nbirth-seq")),
        pytest.param(lambda p: p.metrics[2].ClearField("datatype"), "payloads-metric-datatype-req", marks=tck("payloads-metric-datatype-req")),
        pytest.param(lambda p: p.metrics[2].ClearField("timestamp"), "payloads-name-birth-data-requirement", marks=tck("payloads-name-birth-data-requirement")),
        pytest.param(lambda p: p.metrics[2].ClearField("double_value"), "operational-behavior-data-publish-nbirth-values", marks=tck("operational-behavior-data-publish-nbirth-values")),
        pytest.param(lambda p: setattr(p.metrics[3], "name", "x"), "payloads-name-requirement", marks=tck("payloads-name-requirement")),
        pytest.param(lambda p: setattr(p.metrics[2], "timestamp", 17), "payloads-metric-timestamp-in-UTC", marks=tck("payloads-metric-timestamp-in-UTC")),
    ],
)  # fmt: skip
def test_a_birth_that_breaks_a_rule_is_understood_and_told(change, rule):
    edge = Edge()
    message = edge.nbirth([*X, {"name": "y", "value": 0.5, "kind": 10, "alias": 2}])
    payload = Payload.FromString(message.payload)
    change(payload)
    message = message._replace(payload=payload.SerializeToString())
    found = edge.hear(message)
    assert rules(found) == [rule]
    assert told(found, Liveness)
    strict = Edge(strict=True)
    if rule != "payloads-metric-timestamp-in-UTC":  # a time out of range is found out when it is read
        assert reasons(strict.hear(message)) == ["not_conformant"]
        assert rules(strict.tick()) == [rule], "and what is wrong is told all the same"
        assert not strict.decoder.host.nodes["g/n1"].born


@pytest.mark.parametrize(
    ("verb", "rule"),
    [
        pytest.param("nbirth", "payloads-nbirth-qos", marks=tck("payloads-nbirth-qos", "message-flow-edge-node-birth-publish-nbirth-qos")),
        pytest.param("dbirth", "payloads-dbirth-qos", marks=tck("payloads-dbirth-qos", "message-flow-device-birth-publish-dbirth-qos")),
        pytest.param("ndata", "payloads-ndata-qos", marks=tck("payloads-ndata-qos", "topics-ndata-mqtt")),
        pytest.param("ddata", "payloads-ddata-qos", marks=tck("payloads-ddata-qos", "topics-ddata-mqtt")),
        pytest.param("ddeath", "topics-ddeath-mqtt", marks=tck("topics-ddeath-mqtt")),
    ],
)  # fmt: skip
def test_another_quality_of_service_is_told(verb, rule):
    edge = Edge()
    edge.up(metrics=X)
    message = {
        "nbirth": edge.nbirth,
        "dbirth": lambda: edge.dbirth("d", X),
        "ndata": lambda: edge.ndata([]),
        "ddata": lambda: edge.ddata("d", x(1.0)),
        "ddeath": lambda: edge.ddeath("d"),
    }[verb]()
    assert rules(edge.hear(message._replace(qos=1))) == [rule]


@pytest.mark.parametrize(
    ("verb", "rule"),
    [
        pytest.param("nbirth", "payloads-nbirth-retain", marks=tck("payloads-nbirth-retain", "message-flow-edge-node-birth-publish-nbirth-retained")),
        pytest.param("dbirth", "payloads-dbirth-retain", marks=tck("payloads-dbirth-retain", "message-flow-device-birth-publish-dbirth-retained")),
        pytest.param("ndata", "payloads-ndata-retain", marks=tck("payloads-ndata-retain")),
        pytest.param("ddata", "payloads-ddata-retain", marks=tck("payloads-ddata-retain")),
        pytest.param("ndeath", "payloads-ndeath-will-message-retain", marks=tck("payloads-ndeath-will-message-retain")),
    ],
)  # fmt: skip
def test_what_must_not_be_retained_is_told(verb, rule):
    edge = Edge()
    edge.up(metrics=X)
    message = {
        "nbirth": edge.nbirth,
        "dbirth": lambda: edge.dbirth("d", X),
        "ndata": lambda: edge.ndata([]),
        "ddata": lambda: edge.ddata("d", x(1.0)),
        "ndeath": edge.ndeath,
    }[verb]()
    assert rule in rules(edge.hear(message._replace(retain=True)))


@tck("payloads-nbirth-bdseq-repeat", "topics-nbirth-bdseq-increment", "topics-nbirth-bdseq-matching")
def test_a_number_of_session_that_does_not_go_up_is_told_and_in_a_rebirth_it_need_not():
    edge = Edge()
    edge.up()
    assert "topics-nbirth-bdseq-increment" not in rules(edge.hear(edge.nbirth()))
    edge.hear(edge.ndeath())
    assert rules(edge.hear(edge.nbirth())) == ["topics-nbirth-bdseq-increment"]
    edge.hear(edge.ndeath())
    assert not rules(edge.hear(edge.nbirth(bdseq=1)))


@tck("topics-nbirth-metrics", "payloads-alias-birth-requirement")
def test_a_new_birth_drops_the_aliases_and_devices_of_the_session_before():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.nbirth(bdseq=1))
    born_ns = edge.t_ms * MS
    assert liveness(found) == [("g/n1", True, born_ns), ("g/n1/d", False, born_ns)]
    assert reasons(edge.hear(edge.ddata("d", x(1.0)))) == ["no_birth"]
    found = edge.hear(edge.dbirth("e", X))
    assert liveness(found)[-1][:2] == ("g/n1/e", True)
    assert reasons(edge.hear(edge.ddata("e", [{"alias": 2, "value": 1.0, "field": "double_value"}]))) == [
        "unknown_alias"
    ]


@tck("message-flow-device-birth-publish-nbirth-wait")
def test_a_device_cannot_be_born_before_its_node():
    edge = Edge()
    edge.seq = 0
    found = edge.hear(edge.dbirth("d", X))
    assert handled(found) == ["held"]
    assert rules(found) == ["message-flow-device-birth-publish-nbirth-wait"]
    late = edge.tick(20.0)
    assert settled(late) == ["no_birth"]
    assert rules(edge.log) == ["message-flow-device-birth-publish-nbirth-wait"], "told once"


@tck(
    "message-flow-device-birth-publish-dbirth-payload-seq", "topics-dbirth-seq", "payloads-dbirth-seq", "payloads-dbirth-seq-inc",
    "topics-dbirth-metrics", "topics-dbirth-metric-reqs", "topics-dbirth-timestamp", "payloads-dbirth-timestamp", "topics-dbirth-mqtt",
    "message-flow-device-birth-publish-dbirth-match-edge-node-topic", "message-flow-device-birth-publish-dbirth-payload",
)  # fmt: skip
def test_a_device_is_born_in_its_nodes_sequence():
    edge = Edge()
    found = edge.up()
    assert counts(found) == [(1, 0), (1, 1)]
    assert values(found, "g/n1/d:x") == [0.5]
    assert liveness(found)[-1] == ("g/n1/d", True, edge.t_ms * MS)
    assert not rules(found)


@tck("payloads-dbirth-order")
def test_a_device_that_is_found_later_is_born_later():
    edge = Edge()
    edge.up()
    edge.hear(edge.ddata("d", x(1.0)))
    found = edge.hear(edge.dbirth("late", [{"name": "y", "value": 1.0, "kind": 10, "alias": 2}]))
    assert liveness(found)[-1][:2] == ("g/n1/late", True)
    assert not rules(found)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        pytest.param(lambda p: p.ClearField("timestamp"), "payloads-dbirth-timestamp", marks=tck("payloads-dbirth-timestamp")),
        pytest.param(lambda p: p.ClearField("seq"), "payloads-dbirth-seq", marks=tck("payloads-dbirth-seq")),
        pytest.param(lambda p: p.metrics[0].ClearField("double_value"), "operational-behavior-data-publish-dbirth-values", marks=tck("operational-behavior-data-publish-dbirth-values")),
    ],
)  # fmt: skip
def test_a_devices_birth_that_breaks_a_rule_is_understood_and_told(change, rule):
    edge = Edge()
    edge.hear(edge.nbirth())
    message = edge.dbirth("d", X)
    payload = Payload.FromString(message.payload)
    change(payload)
    found = edge.hear(message._replace(payload=payload.SerializeToString()))
    assert rules(found) == [rule]
    assert liveness(found)[0][:2] == ("g/n1/d", True)


@tck("operational-behavior-data-publish-nbirth-change", "operational-behavior-data-publish-dbirth-change")
def test_a_birth_tells_which_streams_there_are_with_their_units_and_limits():
    edge = Edge()
    edge.hear(edge.nbirth())
    payload = edge.payload()
    told_metric = metric(payload, "Motor/speed", 12.5, kind=10, alias=3, t_ms=edge.t_ms)
    for key, kind, field, value in (
        ("engUnit", 12, "string_value", "rpm"), ("engLow", 10, "double_value", 0.0), ("engHigh", 3, "int_value", 3000),
    ):  # fmt: skip
        told_metric.properties.keys.append(key)
        setattr(told_metric.properties.values.add(type=kind), field, value)
    metric(payload, "Properties/Serial", "A-7", kind=12, t_ms=edge.t_ms)
    metric(payload, "Status/StateCurrent", 6, kind=3, t_ms=edge.t_ms)
    found = edge.hear(edge.message("DBIRTH", payload, "d"))
    (announced,) = told(found, Announced)
    signals = {signal.name: signal for stream in announced.streams for signal in stream.signals}
    speed = signals["Motor.speed"]
    assert (speed.unit, speed.low, speed.high, speed.source_name) == ("/min", 0.0, 3000.0, "Motor/speed")
    assert (announced.asset, announced.name, announced.publisher) == ("g/n1/d", "d", "g/n1")
    assert announced.attributes == {"Serial": "A-7"}
    assert announced.asset_type == "machine_tool"
    assert signals["state"].role == "state"
    assert values(found, "g/n1/d:state~text") == ["Execute"]


# B3 – B5: deaths


@tck(
    "operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
    "operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
    "operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
    "operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
    "topics-ndeath-topic", "topics-ndeath-payload", "payloads-ndeath-bdseq", "payloads-ndeath-will-message",
)  # fmt: skip
def test_a_nodes_death_takes_its_devices_with_it_at_the_hosts_time():
    edge = Edge()
    edge.up()
    edge.hear(edge.dbirth("e", [{"name": "y", "value": 1.0, "kind": 10, "alias": 2}]))
    found = edge.hear(edge.ndeath())
    assert liveness(found) == [(path, False, edge.now_ns) for path in ("g/n1", "g/n1/d", "g/n1/e")]
    assert handled(found) == ["death"]
    assert not rules(found)
    assert liveness(edge.hear(edge.ndeath()))[1:] == [], "the dead do not die again"


@tck("topics-ndeath-seq", "payloads-ndeath-seq")
def test_a_death_with_a_sequence_is_told_and_counts_for_nothing():
    edge = Edge()
    edge.up()
    made = Payload(seq=99)
    metric(made, "bdSeq", 0, kind=4)
    found = edge.hear(edge.message("NDEATH", made, qos=1))
    assert rules(found) == ["payloads-ndeath-seq"]
    assert not counts(found)


@tck("payloads-ndeath-will-message-qos", "message-flow-edge-node-birth-publish-will-message-qos")
def test_a_will_at_qos_0_is_told():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ndeath(qos=0))
    assert rules(found) == ["payloads-ndeath-will-message-qos"]
    assert liveness(found)[0][:2] == ("g/n1", False)


@tck("topics-ndeath-payload")
def test_a_death_without_number_or_with_more_than_it_is_told():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ndeath(bdseq=None))
    assert set(rules(found)) == {"topics-ndeath-payload", "payloads-ndeath-bdseq"}
    made = Payload()
    metric(made, "bdSeq", 0, kind=4)
    metric(made, "other", 1, kind=3)
    found = edge.hear(edge.message("NDEATH", made, qos=1))
    assert rules(found) == ["topics-ndeath-payload"]
    assert liveness(found)[0][:2] == ("g/n1", False)


@tck("payloads-ndeath-bdseq", "message-flow-edge-node-birth-publish-will-message-payload-bdSeq")
def test_a_death_of_another_number_is_suspect_the_node_is_asked_and_believed_dead_if_silent():
    edge = Edge(death_timeout_s=5.0)
    edge.up(bdseq=3)
    found = edge.hear(edge.ndeath(bdseq=2))
    heard_ns = edge.now_ns
    assert rules(found) == ["payloads-ndeath-bdseq"]
    assert not liveness(found)
    assert len(asks(edge.tick(0.1))) == 1
    assert not liveness(edge.tick(4.0))
    assert liveness(edge.tick(1.0)) == [("g/n1", False, heard_ns), ("g/n1/d", False, heard_ns)]


@pytest.mark.parametrize("answer", ["birth", "data"])
@tck("payloads-ndeath-bdseq")
def test_a_death_that_came_late_does_not_kill_the_session_that_lives(answer):
    edge = Edge(death_timeout_s=5.0)
    edge.up(bdseq=3)
    edge.hear(edge.ndeath(bdseq=2))
    edge.hear(edge.nbirth(bdseq=3) if answer == "birth" else edge.ddata("d", x(1.0)))
    assert not [one for one in liveness(edge.tick(10.0)) if not one[1]]
    assert edge.decoder.host.nodes["g/n1"].online


@tck("message-flow-edge-node-birth-publish-will-message-payload-bdSeq")
def test_the_number_wraps_from_255_to_0():
    edge = Edge()
    edge.up(bdseq=255)
    edge.hear(edge.ndeath(bdseq=255))
    edge.up(bdseq=0)
    assert not rules(edge.hear(edge.ndeath(bdseq=0)))


def test_the_death_of_a_node_that_nobody_knows_is_heard():
    edge = Edge()
    found = edge.hear(edge.ndeath())
    assert liveness(found) == [("g/n1", False, edge.now_ns)]
    assert not edge.decoder.host.nodes


@tck(
    "operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
    "operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
    "operational-behavior-device-ddeath", "payloads-ddeath-timestamp", "topics-ddeath-topic",
    "topics-ddeath-seq-num", "payloads-ddeath-seq", "payloads-ddeath-seq-inc",
)  # fmt: skip
def test_a_devices_death_has_the_time_that_it_tells_and_a_place_in_the_sequence():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddeath("d"))
    assert liveness(found) == [("g/n1/d", False, edge.t_ms * MS)]
    assert edge.t_ms * MS != edge.now_ns
    assert counts(found) == [(1, 2)]
    assert counts(edge.hear(edge.ndata([]))) == [(1, 3)]


@tck("payloads-ddeath-timestamp", "payloads-ddeath-seq")
def test_a_devices_death_without_time_and_sequence_has_the_hosts_time():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddeath("d", seq=False, timestamp=False))
    assert liveness(found) == [("g/n1/d", False, edge.now_ns)]
    assert set(rules(found)) == {"payloads-ddeath-timestamp", "payloads-ddeath-seq"}
    assert handled(found) == ["death"]


# D1 – D2: sequence, reordering


@tck(
    "payloads-sequence-num-always-included", "payloads-sequence-num-incrementing", "payloads-ndata-seq", "payloads-ndata-seq-inc",
    "payloads-ddata-seq", "payloads-ddata-seq-inc", "topics-ndata-seq-num", "topics-ddata-seq-num", "topics-ndata-payload", "topics-ddata-payload",
    "topics-ndata-timestamp", "topics-ddata-timestamp",
)  # fmt: skip
def test_one_sequence_runs_over_a_node_and_its_devices_and_goes_on_past_255():
    edge = Edge()
    edge.hear(edge.nbirth([{"name": "load", "value": 0.5, "kind": 10, "alias": 9}]))
    edge.hear(edge.dbirth("d", X))
    found = []
    for n in range(600):
        data = (
            edge.ddata("d", x(float(n))) if n % 3 else edge.ndata([{"alias": 9, "value": 1.0, "field": "double_value"}])
        )
        found += edge.hear(data)
    assert counts(found) == [(1, n + 2) for n in range(600)]
    seqs = [seq for name, _, seq, _, _ in rows(found) if name == "g/n1/d:x"]
    assert seqs == sorted(seqs)
    assert not edge.tick(60.0)


@tck("payloads-sequence-num-always-included", "payloads-ddata-seq", "payloads-ddata-timestamp")
def test_data_without_sequence_or_time_is_stored_and_told():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddata("d", x(1.5, t_ms=T0_MS), seq=False, timestamp=False))
    assert set(rules(found)) == {"payloads-ddata-seq", "payloads-ddata-timestamp"}
    assert values(found, "g/n1/d:x") == [1.5]
    assert not counts(found)


@tck(
    "operational-behavior-host-reordering-param",
    "operational-behavior-host-reordering-start",
    "operational-behavior-host-reordering-rebirth",
)
@pytest.mark.parametrize("window_s", [2.0, 7.0])
def test_a_gap_opens_a_window_and_when_it_closes_a_rebirth_is_asked_for(window_s):
    edge = Edge(reorder_s=window_s)
    edge.up()
    edge.ddata("d", x(1.0))  # lost
    found = edge.hear(edge.ddata("d", x(2.0)))
    assert values(found, "g/n1/d:x") == [2.0], "what is there is stored as it comes"
    assert counts(found) == [(1, 3)]
    assert not edge.tick(window_s - 0.1)
    (payload,) = asks(edge.tick(0.2))
    assert payload.metrics[0].boolean_value


@tck("operational-behavior-host-reordering-success")
def test_what_was_missing_comes_and_nothing_is_asked_for():
    edge = Edge(reorder_s=2.0)
    edge.up()
    late, next_one = edge.ddata("d", x(1.0)), edge.ddata("d", x(2.0))
    found = edge.hear_all(next_one, late)
    assert counts(found) == [(1, 3), (1, 2)]
    assert not edge.tick(60.0)


@tck("operational-behavior-host-reordering-param")
def test_a_window_of_nothing_asks_at_once():
    edge = Edge(reorder_s=0.0)
    edge.up()
    edge.ddata("d", x(1.0))
    edge.hear(edge.ddata("d", x(2.0)))
    assert len(asks(edge.tick())) == 1


@tck("operational-behavior-host-reordering-success", "payloads-alias-uniqueness")
def test_data_that_overtakes_its_birth_waits_for_it_and_is_settled():
    edge = Edge(reorder_s=2.0)
    edge.hear(edge.nbirth())
    birth, data = edge.dbirth("d", X), edge.ddata("d", x(7.5))
    first = edge.hear(data)
    assert handled(first) == ["held"]
    assert not rows(first)
    found = edge.hear(birth)
    assert values(found, "g/n1/d:x") == [0.5, 7.5]
    assert told(found, Settled) == [Settled(data)]
    assert counts(found) == [(1, 1), (1, 2)]
    assert not edge.tick(60.0)


def lost_message_and_births_asked_for(**options):
    """An edge that lost a message, was asked for its births, and makes them; (edge, node's birth, device's birth)."""
    edge = Edge(reorder_s=2.0, **options)
    edge.up()
    edge.ddata("d", x(1.0))
    edge.hear(edge.ddata("d", x(2.0)))
    assert len(asks(edge.tick(2.5))) == 1
    return edge, edge.nbirth(), edge.dbirth("d", X)


def test_a_devices_birth_that_overtakes_the_nodes_birth_that_was_asked_for_waits_for_it():
    edge, node, device = lost_message_and_births_asked_for()
    assert handled(edge.hear(device)) == ["held"]
    found = edge.hear(node)
    assert told(found, Settled) == [Settled(device)]
    assert counts(found) == [(2, 0), (2, 1)]
    assert values(found, "g/n1/d:x") == [0.5]
    assert [one[:2] for one in liveness(found)] == [("g/n1", True), ("g/n1/d", False), ("g/n1/d", True)]
    after = edge.hear(edge.ddata("d", x(3.0)))
    assert (values(after, "g/n1/d:x"), counts(after)) == ([3.0], [(2, 2)])
    assert not edge.tick(60.0)


def test_a_devices_birth_overtakes_that_of_its_node_at_a_broker_that_sends_copies_first():
    edge, node, device = lost_message_and_births_asked_for()
    found = edge.hear_all(copy_kept(device), device, copy_kept(node), node, edge.ddata("d", x(3.0)))
    assert (values(found, "g/n1/d:x"), sorted(counts(found))) == ([0.5, 3.0], [(2, 0), (2, 1), (2, 2)])
    assert settled(found) == ["", ""]
    assert not edge.tick(60.0)


def test_a_devices_birth_that_was_asked_for_and_whose_nodes_birth_does_not_come_is_a_dead_letter():
    edge, _, device = lost_message_and_births_asked_for()
    edge.hear(device)
    assert settled(edge.tick(2.5)) == ["no_birth"]


def test_a_device_that_is_found_while_births_are_awaited_is_born_in_this_session():
    edge, _, _ = lost_message_and_births_asked_for()
    edge.seq = 3
    found = edge.hear(edge.dbirth("e", X))
    assert (handled(found), counts(found)) == ([], [(1, 4)])


def test_what_waits_survives_a_restart_and_a_birth_that_does_not_come_makes_it_a_dead_letter():
    edge = Edge(reorder_s=2.0)
    edge.hear(edge.nbirth())
    birth, data = edge.dbirth("d", X), edge.ddata("d", x(7.5))
    marks = edge.decoder.marks
    edge.hear(data)
    assert edge.decoder.marks > marks, "what waits must be saved with the batch"
    edge.restart()
    found = edge.hear(birth)
    assert values(found, "g/n1/d:x") == [0.5, 7.5]
    again = Edge(reorder_s=2.0)
    again.hear(again.nbirth())
    again.dbirth("d", X)
    again.hear(again.ddata("d", x(7.5)))
    again.restart()
    found = again.tick(3.0)
    assert settled(found) == ["no_birth"]
    assert len(asks(found)) == 1


def test_no_more_waits_than_there_is_room_for():
    edge = Edge()
    edge.seq = 0
    kinds = [edge.hear(edge.ddata("d", x(1.0))) for _ in range(300)]
    assert [handled(one) for one in kinds[:256]] == [["held"]] * 256
    assert {tuple(reasons(one)) for one in kinds[256:]} == {("no_birth",)}


def test_a_message_sent_again_is_the_same_frame():
    edge = Edge()
    edge.up()
    data = edge.ddata("d", x(1.5))
    more = [edge.ddata("d", x(2.5)) for _ in range(5)]
    first = edge.hear(data)
    edge.hear_all(*more)
    assert rows(edge.hear(data)) == rows(first)
    assert not edge.tick(60.0)


def test_a_whole_session_played_again_is_the_same_frames():
    edge = Edge()
    messages = [edge.nbirth(), edge.dbirth("d", X), *[edge.ddata("d", x(float(n))) for n in range(300)]]
    messages += [edge.nbirth(bdseq=1), edge.dbirth("d", X), edge.ddata("d", x(2.0))]
    first = rows(edge.hear_all(*messages))
    assert rows(edge.hear_all(*messages)) == first


def test_a_message_from_before_the_birth_is_not_of_this_session():
    edge = Edge(reorder_messages=64)
    edge.up()
    old = edge.ddata("d", x(1.0), seq=250)
    edge.hear_all(edge.nbirth(bdseq=1), edge.dbirth("d", X))
    assert reasons(edge.hear(old)) == ["old_session"]


def test_a_dead_letter_that_is_read_again_much_later_is_not_ahead_of_the_session():
    edge = Edge()
    edge.up()
    letter = edge.ddata("d", [{"alias": 77, "value": 1.0, "field": "double_value"}])
    assert reasons(edge.hear(letter)) == ["unknown_alias"]
    for n in range(600):
        edge.now_ns += S // 10
        edge.hear(edge.ddata("d", x(float(n))))
    edge.hear(edge.dbirth("e", [{"name": "y", "value": 1.0, "kind": 10, "alias": 77}]))
    last = edge.decoder.host.nodes["g/n1"].count
    edge.hear(letter)
    assert edge.decoder.host.nodes["g/n1"].count == last
    assert counts(edge.hear(edge.ddata("d", x(1.0)))) == [(1, last + 1)]


def test_what_is_refused_is_not_missing():
    edge = Edge()
    edge.up()
    assert reasons(edge.hear(edge.ddata("d", [{"alias": 1, "value": "text", "field": "string_value"}]))) == ["type"]
    edge.hear(edge.ddata("d", x(2.0)))
    assert not edge.tick(60.0)


@pytest.mark.parametrize("seq", [256, 2**40, 2**63])
def test_a_number_that_is_no_sequence_is_refused(seq):
    edge = Edge()
    edge.up()
    assert reasons(edge.hear(edge.ddata("d", x(1.0), seq=seq))) == ["seq"]


# D3: rebirth


@tck(
    "operational-behavior-data-commands-ncmd-rebirth-verb", "operational-behavior-data-commands-ncmd-rebirth-name",
    "operational-behavior-data-commands-ncmd-rebirth-value", "operational-behavior-data-commands-ncmd-verb",
    "operational-behavior-data-commands-ncmd-metric-name", "operational-behavior-data-commands-ncmd-metric-value",
    "topics-ncmd-topic", "topics-ncmd-mqtt", "topics-ncmd-timestamp", "topics-ncmd-payload", "payloads-ncmd-timestamp", "payloads-ncmd-seq",
    "payloads-ncmd-qos", "payloads-ncmd-retain",
)  # fmt: skip
def test_a_rebirth_is_asked_for_by_name_at_qos_0_without_sequence():
    edge = Edge()
    edge.up()
    assert reasons(edge.hear(edge.ddata("d", [{"alias": 77, "value": 1.0, "field": "double_value"}]))) == [
        "unknown_alias"
    ]
    (ask,) = told(edge.tick(), Ask)
    assert (ask.topic, ask.qos, ask.retain) == ("spBv1.0/g/NCMD/n1", 0, False)
    payload = Payload.FromString(ask.payload)
    (one,) = payload.metrics
    assert (one.name, one.datatype, one.boolean_value) == ("Node Control/Rebirth", 11, True)
    assert not payload.HasField("seq")
    assert not one.HasField("alias")
    assert payload.timestamp == edge.now_ns // MS


def test_a_node_that_never_gets_it_right_is_asked_ever_more_rarely():
    edge = Edge(rebirth_interval_s=10.0)
    edge.up()
    asked_s = []
    for second in range(3600):
        edge.hear(edge.ddata("d", [{"alias": 77, "value": 1.0, "field": "double_value"}]))
        asked_s += [second] * len(asks(edge.tick(1.0)))
    apart = [after - before for before, after in itertools.pairwise(asked_s)]
    assert apart[0] >= 9
    assert apart == sorted(apart)
    assert 5 <= len(asked_s) <= 12


def test_rebirths_can_be_switched_off():
    edge = Edge(rebirth=False)
    edge.up()
    edge.hear(edge.ddata("d", [{"alias": 77, "value": 1.0, "field": "double_value"}]))
    assert not edge.tick(60.0)


def test_a_host_that_starts_late_asks_each_node_once_and_not_all_at_one_moment():
    first = Edge("n0", start_jitter_s=3.0)
    edges = [first, *[Edge(f"n{n}", decoder=first.decoder) for n in range(1, 30)]]
    for edge in edges:
        edge.seq = 100
        assert handled(edge.hear(edge.ndata(x(1.0)))) == ["held"]
    times = {}
    for tenth in range(100):
        for ask in told(first.decoder.tick(T0 + tenth * S // 10), Ask):
            assert times.setdefault(ask.topic, tenth) == tenth, "asked twice"
    assert len(times) == 30
    assert max(times.values()) <= 31
    assert len(set(times.values())) > 10


def test_after_a_restart_each_node_is_asked_once_for_nobody_knows_what_was_missed():
    edge = Edge()
    edge.up()
    edge.restart()
    assert len(asks(edge.tick())) == 1
    assert not edge.tick(60.0)
    assert values(edge.hear(edge.ddata("d", x(3.5))), "g/n1/d:x") == [3.5], "what goes on in sequence is understood"


# D4 – D6: aliases, datatypes, times


@tck("payloads-alias-data-cmd-requirement", "payloads-alias-birth-requirement")
def test_alias_0_is_an_alias():
    edge = Edge()
    edge.up(metrics=[{"name": "zero", "value": 1.0, "kind": 10, "alias": 0}])
    assert values(edge.hear(edge.ddata("d", [{"alias": 0, "value": 2.0, "field": "double_value"}])), "g/n1/d:zero") == [
        2.0
    ]


@tck("payloads-alias-data-cmd-requirement")
def test_a_name_beside_an_alias_is_told_once_a_session():
    edge = Edge()
    edge.up()
    found = edge.hear_all(*[edge.ddata("d", [{"name": "x", **x(1.0)[0]}]) for _ in range(5)])
    assert rules(found) == ["payloads-alias-data-cmd-requirement"]
    assert values(found, "g/n1/d:x") == [1.0] * 5
    edge.up(bdseq=1)
    assert rules(edge.hear(edge.ddata("d", [{"name": "x", **x(1.0)[0]}]))) == ["payloads-alias-data-cmd-requirement"]


@tck("payloads-alias-uniqueness")
def test_an_alias_of_two_metrics_is_nobodys_within_a_birth_and_over_devices():
    edge = Edge()
    twice = [{"name": "a", "value": 1.0, "kind": 10, "alias": 5}, {"name": "b", "value": 2.0, "kind": 10, "alias": 5}]
    found = edge.up(metrics=twice)
    assert rules(found) == ["payloads-alias-uniqueness"]
    assert values(found, "g/n1/d:a") == [1.0]
    assert reasons(edge.hear(edge.ddata("d", [{"alias": 5, "value": 1.0, "field": "double_value"}]))) == [
        "unknown_alias"
    ]
    edge.hear_all(edge.nbirth(bdseq=1), edge.dbirth("d", X))
    assert rules(edge.hear(edge.dbirth("e", X))) == ["payloads-alias-uniqueness"]
    assert reasons(edge.hear(edge.ddata("d", x(1.0)))) == ["unknown_alias"]


def test_an_alias_of_another_device_is_not_this_ones():
    edge = Edge()
    edge.up()
    edge.hear(edge.dbirth("e", [{"name": "y", "value": 1.0, "kind": 10, "alias": 2}]))
    assert reasons(edge.hear(edge.ddata("e", x(1.0)))) == ["unknown_alias"]


@tck("payloads-metric-datatype-not-req", "payloads-metric-datatype-value", "payloads-metric-datatype-value-type")
def test_data_is_read_with_the_births_datatype_and_one_told_again_is_told_once():
    edge = Edge()
    edge.up(metrics=[{"name": "i", "value": 250, "kind": 1, "alias": 1}])
    found = edge.hear_all(
        *[edge.ddata("d", [{"alias": 1, "value": 0xFFFFFFFB, "field": "int_value"}]) for _ in range(2)]
    )
    assert values(found, "g/n1/d:i") == [-5.0, -5.0]
    assert not rules(found)
    found = edge.hear_all(
        *[edge.ddata("d", [{"alias": 1, "value": 251, "kind": 7, "field": "int_value"}]) for _ in range(2)]
    )
    assert values(found, "g/n1/d:i") == [-5.0, -5.0]
    assert rules(found) == ["payloads-metric-datatype-not-req"]


@tck("payloads-metric-datatype-value")
def test_a_datatype_that_is_none_is_refused():
    edge = Edge()
    edge.hear(edge.nbirth())
    assert reasons(edge.hear(edge.dbirth("d", [{"name": "x", "value": 1, "kind": 99, "field": "int_value"}]))) == [
        "datatype"
    ]


@tck("payloads-name-birth-data-requirement", "payloads-timestamp-in-UTC", "payloads-metric-timestamp-in-UTC")
def test_the_time_is_the_metrics_else_the_payloads_else_the_hosts():
    edge = Edge()
    edge.up()
    message = edge.ddata("d", x(1.0, t_ms=T0_MS + 5))
    assert rows(edge.hear(message))[1][1] == (T0_MS + 5) * MS
    for timestamp in (True, False):
        message = edge.ddata("d", x(1.0), timestamp=timestamp)
        payload = Payload.FromString(message.payload)
        payload.metrics[0].ClearField("timestamp")
        found = edge.hear(message._replace(payload=payload.SerializeToString()))
        assert rows(found)[1][1] == (edge.t_ms * MS if timestamp else edge.now_ns)
        assert "payloads-name-birth-data-requirement" in rules(found)


# D7 – D8: historical, transient, null, quality


@tck(
    "operational-behavior-data-publish-nbirth-order",
    "operational-behavior-data-publish-dbirth-order",
)
def test_several_values_of_a_metric_in_one_message_stay_several_and_in_order():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddata("d", [*x(1.0), *x(2.0), *x(3.0)]))
    mine = [(seq, cells[0]) for name, _, seq, cells, _ in rows(found) if name == "g/n1/d:x"]
    assert [value for _, value in sorted(mine)] == [1.0, 2.0, 3.0]
    assert len({seq for seq, _ in mine}) == 3


def test_what_is_historical_is_stored_beside_and_never_becomes_the_live_value():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddata("d", [*x(1.0, t_ms=T0_MS + 10**6, is_historical=True), *x(2.0)]))
    assert values(found, "g/n1/d:x") == [2.0]
    assert values(found, "g/n1/d:x~history") == [1.0]


def test_what_is_transient_is_not_stored_unless_told_so():
    edge = Edge()
    edge.up()
    message = edge.ddata("d", [*x(1.0, is_transient=True)])
    found = edge.hear(message)
    assert not values(found, "g/n1/d:x")
    assert counts(found) == [(1, 2)]
    keeps = Edge(store_transient=True)
    keeps.up()
    assert values(keeps.hear(keeps.ddata("d", x(1.0, is_transient=True))), "g/n1/d:x") == [1.0]
    bare = Edge()
    bare.up()
    assert handled(bare.hear(bare.ddata("d", x(1.0, is_transient=True), seq=False))) == ["transient"]


@tck("operational-behavior-data-publish-nbirth-values", "operational-behavior-data-publish-dbirth-values")
def test_null_is_an_absent_value():
    edge = Edge()
    found = edge.up(
        metrics=[
            {"name": "x", "value": None, "kind": 10, "alias": 1},
            {"name": "t", "value": None, "kind": 12, "alias": 2},
        ]
    )
    assert not rules(found)
    assert values(found, "g/n1/d:x") == [None]
    assert values(found, "g/n1/d:t~text") == [None]
    assert values(edge.hear(edge.ddata("d", x(None))), "g/n1/d:x") == [None]


def with_quality(edge, told_type, field, value):
    message = edge.ddata("d", x(1.0))
    payload = Payload.FromString(message.payload)
    payload.metrics[0].properties.keys.append("Quality")
    setattr(payload.metrics[0].properties.values.add(type=told_type), field, value)
    return message._replace(payload=payload.SerializeToString())


@tck("payloads-propertyset-quality-value-type", "payloads-propertyset-quality-value-value")
@pytest.mark.parametrize(("told_quality", "stored"), [(192, 192), (0, 0), (500, 500), (17, 64)])
def test_a_quality_is_kept(told_quality, stored):
    edge = Edge()
    edge.up()
    found = edge.hear(with_quality(edge, 3, "int_value", told_quality))
    assert [quality for name, _, _, _, quality in rows(found) if name == "g/n1/d:x"] == [stored]


@tck(
    "payloads-propertyset-quality-value-type", "payloads-propertyset-quality-value-value",
    "payloads-propertyset-keys-array-size", "payloads-propertyset-values-array-size",
)  # fmt: skip
def test_properties_that_break_the_rules_are_told():
    edge = Edge()
    edge.hear(edge.nbirth())
    payload = edge.payload()
    bad = metric(payload, "a", 1.0, kind=10)
    bad.properties.keys.append("Quality")
    bad.properties.values.add(type=7, int_value=17)
    lame = metric(payload, "b", 1.0, kind=10)
    lame.properties.keys.extend(["one", "two"])
    lame.properties.values.add(type=3, int_value=1)
    found = edge.hear(edge.message("DBIRTH", payload, "d"))
    assert set(rules(found)) == {
        "payloads-propertyset-quality-value-type", "payloads-propertyset-quality-value-value", "payloads-propertyset-keys-array-size",
    }  # fmt: skip


# D11 – D12: commands, aware brokers


@tck("topics-dcmd-topic", "topics-dcmd-mqtt", "topics-dcmd-payload", "topics-dcmd-timestamp", "payloads-dcmd-seq", "payloads-dcmd-qos", "payloads-dcmd-retain", "payloads-dcmd-timestamp", "payloads-ncmd-seq", "payloads-name-cmd-requirement",
     "operational-behavior-data-commands-dcmd-verb", "operational-behavior-data-commands-dcmd-metric-name", "operational-behavior-data-commands-dcmd-metric-value")  # fmt: skip
def test_a_command_of_another_host_is_watched_and_its_faults_are_told():
    edge = Edge()
    edge.up()
    made = Payload(timestamp=T0_MS)
    metric(made, "run", True, kind=11)
    found = edge.hear(edge.message("DCMD", made, "d"))
    assert (handled(found), rules(found), rows(found)) == (["command"], [], [])
    made.seq = 4
    made.ClearField("timestamp")
    found = edge.hear(edge.message("DCMD", made, "d", qos=1, retain=True))
    assert set(rules(found)) == {
        "payloads-dcmd-seq",
        "payloads-dcmd-timestamp",
        "payloads-dcmd-qos",
        "payloads-dcmd-retain",
    }
    assert counts(edge.hear(edge.ddata("d", x(1.0)))) == [(1, 2)], "it has no place in the sequence"


def test_the_states_of_hosts_are_handled():
    edge = Edge()
    assert edge.hear(Message("spBv1.0/STATE/scada", b'{"online":true,"timestamp":1}', T0, 1, True)) == [
        Handled("state")
    ]
    assert edge.hear(Message("STATE/scada", b"ONLINE", T0, 1, True)) == [Handled("state")]


@tck(
    "conformance-mqtt-aware-nbirth-mqtt-topic",
    "conformance-mqtt-aware-dbirth-mqtt-topic",
    "conformance-mqtt-aware-nbirth-mqtt-retain",
    "conformance-mqtt-aware-dbirth-mqtt-retain",
)
def test_births_that_an_aware_broker_keeps_spare_the_node_a_rebirth():
    edge = Edge()
    births = [edge.nbirth(), edge.dbirth("d", X)]
    edge.seq = 57
    for birth in births:
        kept = birth._replace(topic=f"$sparkplug/certificates/{birth.topic}", retain=True)
        assert not rules(edge.hear(kept))
    found = edge.hear(edge.ddata("d", x(4.5)))
    assert values(found, "g/n1/d:x") == [4.5]
    assert counts(found) == [(1, 58)]
    assert not edge.tick(60.0)
    again = births[0]._replace(topic=f"$sparkplug/certificates/{births[0].topic}", retain=True)
    assert edge.hear(again) == [Handled("birth_repeated")], "it ends no session"


def copy_kept(birth):
    """The copy of a birth that an aware broker keeps."""
    return birth._replace(topic=f"$sparkplug/certificates/{birth.topic}", retain=True)


def test_copies_of_births_may_come_in_any_order():
    edge = Edge()
    node, device = edge.nbirth(), edge.dbirth("d", X)
    found = edge.hear_all(copy_kept(device), copy_kept(node), edge.ddata("d", x(2.0)))
    assert values(found, "g/n1/d:x") == [0.5, 2.0]
    assert (settled(found), rules(found)) == ([""], [])


@pytest.mark.parametrize("first", ["kept", "born"])
def test_a_birth_and_the_copy_that_an_aware_broker_makes_of_it_are_one_birth(first):
    edge = Edge()
    found = []
    births = [edge.nbirth([{"name": "n", "value": 1.5, "kind": 10}]), edge.dbirth("d", X)]
    for birth in births:
        pair = [copy_kept(birth), birth]
        found += edge.hear_all(*(pair if first == "kept" else pair[::-1]))
    found += edge.hear(edge.ddata("d", x(2.0)))
    assert (values(found, "g/n1:n"), values(found, "g/n1/d:x")) == ([1.5], [0.5, 2.0])
    assert counts(found) == [(1, 0), (1, 1), (1, 2)]
    assert [one[:2] for one in liveness(found)] == [("g/n1", True), ("g/n1/d", True)]
    assert not rules(found)
    edge.restart()
    assert handled(edge.hear_all(*map(copy_kept, births))) == ["birth_repeated", "birth_repeated"]
    again = edge.hear_all(edge.nbirth(bdseq=1), edge.dbirth("d", X))
    assert values(again, "g/n1/d:x") == [0.5], "another session, another birth"


# § 1.3: what real clients do


@tck("operational-behavior-data-publish-nbirth", "operational-behavior-data-publish-dbirth")
def test_a_metric_that_was_in_no_birth_is_stored_and_told_each_time():
    edge = Edge()
    edge.up()
    new = {"name": "new", "value": 2.5, "kind": 10}
    found = edge.hear_all(edge.ddata("d", [new]), edge.ddata("d", [new]))
    assert values(found, "g/n1/d:new") == [2.5, 2.5]
    assert rules(found).count("operational-behavior-data-publish-dbirth") == 2
    found = edge.hear(edge.ndata([{"name": "bare", "value": 3, "field": "int_value"}]))
    assert values(found, "g/n1:bare") == [3.0], "without a datatype its field tells what it is"


def test_a_client_that_leaves_a_prefix_out_of_its_data_is_understood():
    edge = Edge()
    edge.up(metrics=[{"name": "DATA/speed", "value": 1.0, "kind": 10}])
    found = edge.hear(edge.ddata("d", [{"name": "speed", "value": 2.5, "kind": 10}]))
    assert values(found, "g/n1/d:DATA.speed") == [2.5]
    assert "operational-behavior-data-publish-dbirth" in rules(found)


@tck("payloads-alias-birth-requirement", "payloads-name-requirement")
def test_a_birth_without_names_takes_them_from_the_session_before_where_they_are_certain():
    edge = Edge()
    edge.up(
        metrics=[
            {"name": "a", "value": 1.0, "kind": 10, "alias": 5},
            {"name": "b", "value": 2.0, "kind": 10, "alias": 6},
        ]
    )
    edge.hear_all(edge.ndeath(), edge.nbirth(bdseq=1))
    nameless = [{"value": 3.0, "kind": 10, "alias": 5}, {"value": 4.0, "kind": 10, "alias": 7}]
    found = edge.hear(edge.dbirth("d", nameless))
    assert values(found, "g/n1/d:a") == [3.0]
    assert {"payloads-alias-birth-requirement", "payloads-name-requirement"} <= set(rules(found))
    assert len([name for name, *_ in rows(found)]) == 2, "the other one is in quarantine"
    edge.hear_all(edge.ndeath(bdseq=1), edge.nbirth(bdseq=2))
    shared = [{"value": 3.0, "kind": 10, "alias": 5}, {"value": 4.0, "kind": 10, "alias": 5}]
    found = edge.hear(edge.dbirth("d", shared))
    assert not values(found, "g/n1/d:a"), "of two with one alias neither is certain"
    assert "payloads-alias-uniqueness" in rules(found)


def test_strict_mode_refuses_what_breaks_a_must_and_tells_it():
    edge = Edge(strict=True)
    edge.up()
    found = edge.hear(edge.ddata("d", [{"name": "x", **x(1.0)[0]}]))
    assert reasons(found) == ["not_conformant"]
    found = edge.hear(edge.ddata("d", x(2.0)))
    assert rules(found) == ["payloads-alias-data-cmd-requirement"]
    assert values(found, "g/n1/d:x") == [2.0]


def test_every_finding_names_its_device():
    edge = Edge()
    edge.up()
    found = edge.hear_all(edge.ddata("d", x(1.0), timestamp=False), edge.ndata([], timestamp=False), edge.ndeath(qos=0))
    assert [(one.device, one.rule) for one in told(found, Finding)] == [
        ("g/n1/d", "payloads-ddata-timestamp"), ("g/n1", "payloads-ndata-timestamp"), ("g/n1", "payloads-ndeath-will-message-qos"),
    ]  # fmt: skip
    assert all(one.detail for one in told(found, Finding))


def test_fields_of_the_test_edge_cover_every_datatype():
    assert set(FIELDS) == set(range(1, 35)) - {16, 19, 20, 21}
    assert GOOD == 192


def test_numbers_of_states_and_modes_may_have_words_of_their_own():
    metrics = [
        {"name": "Status/StateCurrent", "value": 4, "kind": 3, "alias": 1},
        {"name": "Status/UnitModeCurrent", "value": 1, "kind": 3, "alias": 2},
    ]
    usual = Edge().up(metrics=metrics)
    assert values(usual, "g/n1/d:state~text") == ["Idle"]
    assert values(usual, "g/n1/d:mode~text") == ["Production"]
    opc = Edge(states={"4": "Execute"}, modes={"1": "Auto"})
    found = opc.up(metrics=metrics)
    assert values(found, "g/n1/d:state~text") == ["Execute"]
    assert values(found, "g/n1/d:mode~text") == ["Auto"]
    found = opc.hear(opc.ddata("d", [{"alias": 1, "value": 77, "field": "int_value"}]))
    assert values(found, "g/n1/d:state~text") == ["77"], "a number that has no word stays"


@pytest.mark.parametrize(
    "options",
    [
        {"asset": "{group}/{node}"},
        {"asset": "{group}/{node}/{device}/{line}"},
        {"host_id": "a/b"},
        {"reorder_messages": 200},
        {"reorder_s": -1.0},
        {"streams": "all"},
    ],
)
def test_options_that_cannot_work_are_refused(options):
    assert check_source("sparkplug_host", "sparkplug_b", options)


def test_assets_are_named_by_the_template():
    edge = Edge(asset="plant/{group}-{node}/{device}")
    found = edge.up()
    assert [path for path, _, _ in liveness(found)] == ["plant/g-n1", "plant/g-n1/d"]
