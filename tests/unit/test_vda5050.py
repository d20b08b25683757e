"""VDA 5050: four versions are one model; a state is a snapshot; differences become events, once."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors import plugins
from connectors.decoders._vda5050 import model, rules
from twin.clock import NS_PER_S, iso_from_ns
from twin.errors import DecodeError
from twin.events import Event, EventKind
from twin.message import Announced, Finding, Handled, Liveness, Message
from twin.sample import SEQ_EPOCH_SHIFT, Frames
from twin.site import Hub, Name

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
T0 = 1_795_327_200 * NS_PER_S
ASSET = "acme/r1"


def made(**options):
    return plugins.make_decoder("vda5050", options, "test", Hub("h", Name("h", "h"), ()))


def captured(name):
    for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        body = base64.b64decode(row["payload_b64"])
        yield Message(row["topic"], body, round(row["ts"] * 1e9), row["qos"], bool(row["retain"]))


def body(n, second, version="2.1.0", **fields):
    head = {"headerId": n, "timestamp": iso_from_ns(T0 + second * NS_PER_S), "version": version}
    return {**head, "manufacturer": "acme", "serialNumber": "r1", **fields}


STATE = {
    "orderId": "", "orderUpdateId": 0, "lastNodeId": "", "lastNodeSequenceId": 0, "nodeStates": [], "edgeStates": [],
    "driving": False, "actionStates": [], "batteryState": {"batteryCharge": 50, "charging": False},
    "operatingMode": "AUTOMATIC", "errors": [], "safetyState": {"eStop": "NONE", "fieldViolation": False},
}  # fmt: skip


def message(topic, content, received_s=0, qos=1, retain=False):
    major = str(content.get("version", "2"))[0]
    payload = json.dumps(content).encode()
    return Message(f"uagv/v{major}/acme/r1/{topic}", payload, T0 + received_s * NS_PER_S, qos, retain)


def state(n, second, **fields):
    return message("state", body(n, second, **(STATE | fields)), second)


def events(found):
    return [part for part in found if isinstance(part, Event)]


def text(found, stream, signal):
    (part,) = [part for part in found if isinstance(part, Frames) and part.stream.name == stream]
    return part.texts[-1][[one.name for one in part.stream.text_columns].index(signal)]


def value(found, stream, signal):
    (part,) = [part for part in found if isinstance(part, Frames) and part.stream.name == stream]
    return part.values[-1][[one.name for one in part.stream.columns].index(signal)]


@pytest.mark.parametrize(("name", "findings"), [
    ("vda5050_agv-11", {"connection.qos": 2}),
    ("vda5050_agv-20", {"connection.qos": 2, "instantActions.key": 3}),
])  # fmt: skip
def test_a_capture_is_decoded_whole_and_its_faults_are_told(name, findings):
    decoder, told, rejected, frames = made(), [], [], Counter()
    for one in captured(name):
        try:
            told += list(decoder.decode(one))
        except DecodeError as error:
            rejected.append(error)
    frames.update(part.stream.name for part in told if isinstance(part, Frames))
    assert not rejected
    assert frames == {"pose": 87, "visualization": 55, "state": 32, "order": 4, "instant_actions": 3, "connection": 2,
                      "route": 10}  # fmt: skip
    assert Counter(part.rule for part in told if isinstance(part, Finding)) == findings
    assert [part.online for part in told if isinstance(part, Liveness)] == [True, False]
    kinds = Counter(event.kind for event in events(told))
    assert kinds == {
        EventKind.ORDER_CHANGED: 3,
        EventKind.ACTION_CHANGED: 14,
        EventKind.ERROR_RAISED: 1,
        EventKind.ERROR_CLEARED: 1,
    }


def test_both_captured_versions_are_one_model():
    def seen(name):
        decoder = made(asset="robot")
        told = [part for one in captured(name) for part in decoder.decode(one)]
        return [(e.kind, e.before.replace("-11", "").replace("-20", "")) for e in events(told)]

    assert seen("vda5050_agv-11") == seen("vda5050_agv-20")


def test_the_whole_capture_again_makes_no_event_and_the_same_sequences():
    decoder, messages = made(), list(captured("vda5050_agv-20"))
    first = [part for one in messages for part in decoder.decode(one)]
    again = [part for one in messages for part in decoder.decode(one)]

    def counts(told):
        return [part.seq.tolist() for part in told if isinstance(part, Frames) and part.stream.sequenced]

    assert events(first)
    assert events(again) == []
    assert counts(again) == counts(first)


def test_the_base_is_what_is_released_and_the_horizon_what_is_not():
    decoder = made()
    nodes = [{"nodeId": f"n{i}", "sequenceId": 2 * i, "released": i < 2, "actions": [],
              "nodePosition": {"x": 3 * i, "y": 1, "mapId": "m"}} for i in range(4)]  # fmt: skip
    edges = [{"edgeId": f"e{i}", "sequenceId": 2 * i + 1, "released": i < 1, "actions": [],
              "startNodeId": f"n{i}", "endNodeId": f"n{i + 1}"} for i in range(3)]  # fmt: skip
    list(decoder.decode(message("order", body(0, 0, orderId="o", orderUpdateId=0, nodes=nodes, edges=edges))))
    left = [{k: v for k, v in node.items() if k not in ("nodePosition", "actions")} for node in nodes[1:]]
    found = list(decoder.decode(state(0, 1, orderId="o", lastNodeId="n0", nodeStates=left, driving=True)))
    assert json.loads(text(found, "route", "route_base")) == {"nodes": ["n1"], "line": [[0, 1], [3, 1]]}
    assert json.loads(text(found, "route", "route_horizon")) == {
        "nodes": ["n2", "n3"],
        "line": [[3, 1], [6, 1], [9, 1]],
    }
    assert text(found, "state", "state") == "Execute"
    later = list(decoder.decode(state(1, 2, orderId="o", lastNodeId="n0", nodeStates=left, driving=True)))
    assert not [part for part in later if isinstance(part, Frames) and part.stream.name == "route"], "it is as it was"


@pytest.mark.parametrize(("fields", "wanted"), [
    ({}, "Idle"),
    ({"driving": True}, "Execute"),
    ({"driving": True, "paused": True}, "Held"),
    ({"safetyState": {"eStop": "AUTOACK", "fieldViolation": False}, "paused": True}, "Aborted"),
    ({"errors": [{"errorType": "x", "errorLevel": "FATAL"}]}, "Aborted"),
    ({"errors": [{"errorType": "x", "errorLevel": "WARNING"}]}, "Idle"),
    ({"errors": [{"errorType": "x", "errorLevel": "CRITICAL"}]}, "Held"),
    ({"safetyState": {"eStop": "NONE", "fieldViolation": True}, "driving": True}, "Suspended"),
    ({"operatingMode": "SERVICE"}, "Stopped"),
    ({"operatingMode": "INTERVENED", "driving": True}, "Held"),
    ({"operatingMode": "STARTUP"}, "Starting"),
    ({"nodeStates": [{"nodeId": "n", "sequenceId": 2, "released": False}]}, "Suspended"),
    ({"actionStates": [{"actionId": "a", "actionStatus": "WAITING"}]}, "Suspended"),
    ({"actionStates": [{"actionId": "a", "actionStatus": "RUNNING"}]}, "Execute"),
    ({"actionStates": [{"actionId": "a", "actionStatus": "FINISHED"}]}, "Idle"),
])  # fmt: skip
def test_what_a_robot_says_is_a_unit_state(fields, wanted):
    assert text(list(made().decode(state(0, 0, **fields))), "state", "state") == wanted


def test_three_names_of_one_thing_are_one_signal():
    new = body(0, 0, version="3.0.0", **{k: v for k, v in STATE.items() if k not in ("batteryState", "safetyState")})
    new |= {"powerSupply": {"stateOfCharge": 50, "charging": False}, "instantActionStates": [],
            "safetyState": {"activeEmergencyStop": "REMOTE", "fieldViolation": False},
            "mobileRobotPosition": {"x": 1, "y": 2, "theta": 0, "mapId": "m", "localized": True}}  # fmt: skip
    old = STATE | {"safetyState": {"eStop": "REMOTE", "fieldViolation": False},
                   "agvPosition": {"x": 1, "y": 2, "theta": 0, "mapId": "m", "positionInitialized": True}}  # fmt: skip
    told = [list(made().decode(one)) for one in (message("state", new), state(0, 0, **old))]
    for found in told:
        assert value(found, "state", "battery") == 0.5
        assert (value(found, "pose", "x"), value(found, "pose", "y")) == (1, 2)
        assert text(found, "state", "e_stop") == "REMOTE"
        assert not [part for part in found if isinstance(part, Finding)]


@pytest.mark.parametrize(("topic", "content", "rule"), [
    ("state", body(0, 0, **{k: v for k, v in STATE.items() if k != "errors"}), "state.errors.required"),
    ("state", body(0, 0, **STATE | {"operatingMode": "AUTO"}), "state.operatingMode.enum"),
    ("state", body(0, 0, **STATE | {"driving": 1}), "state.driving.type"),
    ("state", body(0, 0, **STATE | {"batteryState": {"batteryCharge": 300, "charging": True}}),
     "state.batteryState.batteryCharge.range"),
    ("state", body(0, 0, **STATE | {"actionStates": [{"actionId": "a", "actionStatus": "RETRIABLE"}]}),
     "state.actionStates[].actionStatus.enum"),
    ("state", body(0, 0, **STATE) | {"timestamp": "yesterday"}, "state.timestamp.format"),
    ("state", body(0, 0, **STATE) | {"timestamp": "2026-11-22T06:00:00.25"}, "state.timestamp.zone"),
    ("state", body(0, 0, **STATE) | {"serialNumber": "r2"}, "state.serialNumber.topic"),
    ("state", body(0, 0, **STATE) | {"version": "v2"}, "state.version.format"),
    ("connection", body(0, 0, connectionState="CONNECTION_BROKEN"), "connection.connectionState.enum"),
    ("connection", body(0, 0, version="3.0.0", connectionState="CONNECTIONBROKEN"), "connection.connectionState.enum"),
    ("visualization", body(0, 0), "visualization.empty"),
    ("order", body(0, 0, orderId="o", orderUpdateId=0, nodes=[{"nodeId": "n"}], edges=[]),
     "order.nodes[].released.required"),
    ("instantActions", body(0, 0, instantActions=[]), "instantActions.key"),
])  # fmt: skip
def test_what_breaks_the_standard_is_a_finding_and_is_understood(topic, content, rule):
    found = list(made().decode(message(topic, content)))
    assert rule in [part.rule for part in found if isinstance(part, Finding)]
    assert any(isinstance(part, Frames | Handled) for part in found)


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0", "2.1.0", "3.0.0"])
def test_paused_is_a_status_whatever_the_published_schema_says(version):
    faults = rules.faults("state", version[0], {"actionStates": [{"actionId": "a", "actionStatus": "PAUSED"}]})
    assert not [rule for rule, _ in faults if "actionStatus" in rule]


def test_two_states_of_one_millisecond_stay_two_and_the_later_one_holds():
    decoder = made()
    first = list(decoder.decode(state(4, 1, driving=False)))
    second = list(decoder.decode(state(5, 1, driving=True)))
    seqs = [int(part.seq[0]) for told in (first, second) for part in told
            if isinstance(part, Frames) and part.stream.name == "state"]  # fmt: skip
    assert seqs == [4, 5]


def test_a_robot_that_restarts_counts_on_in_a_new_session():
    decoder = made()
    list(decoder.decode(state(900, 1)))
    found = list(decoder.decode(state(0, 2, errors=[{"errorType": "x", "errorLevel": "FATAL"}])))
    (part,) = [part for part in found if isinstance(part, Frames) and part.stream.name == "state"]
    assert int(part.seq[0]) == 1 << SEQ_EPOCH_SHIFT
    assert [event.kind for event in events(found)] == [EventKind.ERROR_RAISED]


def test_a_late_state_makes_no_event():
    decoder = made()
    error = [{"errorType": "x", "errorLevel": "FATAL"}]
    list(decoder.decode(state(2, 2)))
    assert events(list(decoder.decode(state(1, 1, errors=error)))) == []
    assert [e.kind for e in events(list(decoder.decode(state(3, 3, errors=error))))] == [EventKind.ERROR_RAISED]


def test_silence_is_offline_and_a_word_ends_it():
    decoder = made(silence_s=30, margin_s=5)
    list(decoder.decode(message("connection", body(0, 0, connectionState="ONLINE"))))
    assert list(decoder.tick(T0 + 35 * NS_PER_S)) == []
    assert list(decoder.tick(T0 + 36 * NS_PER_S)) == [Liveness(ASSET, online=False, t_ns=T0 + 35 * NS_PER_S)]
    assert list(decoder.tick(T0 + 99 * NS_PER_S)) == [], "once"
    found = list(decoder.decode(state(0, 100)))
    assert [part for part in found if isinstance(part, Liveness)] == [
        Liveness(ASSET, online=True, t_ns=T0 + 100 * NS_PER_S)
    ]


@pytest.mark.parametrize(("word", "online"), [
    ("ONLINE", True), ("OFFLINE", False), ("HIBERNATING", True), ("CONNECTION_BROKEN", False),
])  # fmt: skip
def test_only_a_robot_that_said_it_is_online_is_watched_for_silence(word, online):
    decoder = made()
    found = list(decoder.decode(message("connection", body(0, 0, version="3.0.0", connectionState=word))))
    assert [part.online for part in found if isinstance(part, Liveness)] == [online]
    assert [part.online for part in decoder.tick(T0 + 10**6 * NS_PER_S)] == ([False] if word == "ONLINE" else [])


def test_a_last_will_dates_from_its_arrival():
    will = body(0, 0, connectionState="CONNECTIONBROKEN")
    found = list(made().decode(message("connection", will, received_s=500)))
    assert [part.t_ns for part in found if isinstance(part, Liveness)] == [T0 + 500 * NS_PER_S]
    assert text(found, "connection", "connection") == "CONNECTION_BROKEN"


def test_a_robot_whose_clock_is_behind_ours_comes_back_after_its_last_will():
    decoder, said = made(), []
    for second, arrives, word in (
        (0, 60, "ONLINE"),
        (0, 100, "CONNECTIONBROKEN"),
        (45, 105, "ONLINE"),
        (46, 106, "OFFLINE"),
    ):
        told = list(decoder.decode(message("connection", body(0, second, connectionState=word), arrives)))
        said += [part for part in told if isinstance(part, Liveness)]
    assert [part.online for part in said] == [True, False, True, False]
    assert [part.t_ns for part in said] == sorted({part.t_ns for part in said}), "each later than the one before"


def test_a_word_that_comes_late_changes_nothing():
    decoder = made()
    list(decoder.decode(message("connection", body(1, 10, connectionState="OFFLINE"))))
    told = list(decoder.decode(message("connection", body(0, 5, connectionState="ONLINE"))))
    assert not [part for part in told if isinstance(part, Liveness)]
    assert list(decoder.tick(T0 + 10**6 * NS_PER_S)) == []


def test_our_own_absence_is_not_the_robots_silence():
    decoder, again = made(), made()
    list(decoder.decode(state(0, 0)))
    again.restore(decoder.state())
    assert list(again.tick(T0 + 5000 * NS_PER_S)) == []
    assert [part.online for part in again.tick(T0 + 5041 * NS_PER_S)] == [False]


def test_a_restart_keeps_what_events_are_told_against():
    error = [{"errorType": "x", "errorLevel": "FATAL"}]
    decoder, again = made(), made()
    first = list(decoder.decode(state(0, 0, errors=error)))
    assert decoder.marks > 0
    again.restore(decoder.state())
    assert [e.kind for e in events(first)] == [EventKind.ERROR_RAISED]
    assert events(list(again.decode(state(1, 1, errors=error)))) == []
    assert [e.kind for e in events(list(again.decode(state(2, 2))))] == [EventKind.ERROR_CLEARED]


def test_a_robot_announces_itself_once_and_again_with_its_factsheet():
    decoder = made()
    sheet = {"typeSpecification": {"seriesName": "MR", "maxLoadMass": 600}, "physicalParameters": {"speedMax": 1.8}}
    told = [list(decoder.decode(one)) for one in (state(0, 0), state(1, 1), message("factsheet", body(0, 2, **sheet)))]
    found = [[part for part in parts if isinstance(part, Announced)] for parts in told]
    assert [len(parts) for parts in found] == [1, 0, 1]
    assert found[0][0].asset_type == "mobile_robot"
    assert found[2][0].attributes == {
        "manufacturer": "acme", "serial_number": "r1", "vda5050": "2.1.0", "series": "MR", "max_load_kg": "600",
        "max_speed_m_s": "1.8",
    }  # fmt: skip


def test_random_robots_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("connectors.decoders.vda5050.MAX_ROBOTS", 2)
    decoder, payload = made(), json.dumps(body(0, 0, **STATE)).encode()
    for name in ("a", "b"):
        list(decoder.decode(Message(f"uagv/v2/acme/{name}/state", payload, T0)))
    with pytest.raises(DecodeError) as caught:
        decoder.decode(Message("uagv/v2/acme/c/state", payload, T0))
    assert caught.value.reason == "cardinality"


def test_a_list_without_end_is_refused():
    with pytest.raises(DecodeError) as caught:
        model.snapshot({"errors": [{}] * (model.MAX_ITEMS + 1)})
    assert caught.value.reason == "too_many_values"


def test_the_state_as_it_came_is_kept_where_that_is_asked():
    one = state(0, 0)
    assert text(list(made(raw=True).decode(one)), "raw", "json") == one.payload.decode()


statuses = st.sampled_from(["WAITING", "RUNNING", "PAUSED", "FINISHED", "FAILED"])
snapshots = st.fixed_dictionaries({
    "orderId": st.sampled_from(["", "o1", "o2"]),
    "orderUpdateId": st.integers(0, 2),
    "actionStates": st.dictionaries(st.sampled_from("abc"), statuses).map(
        lambda told: [{"actionId": k, "actionStatus": v} for k, v in told.items()]),
    "errors": st.lists(st.fixed_dictionaries({
        "errorType": st.sampled_from(["e1", "e2"]), "errorLevel": st.sampled_from(["WARNING", "FATAL"]),
        "errorDescription": st.text("xy", max_size=2)}), max_size=3),
})  # fmt: skip


@settings(deadline=None)
@given(st.lists(snapshots, min_size=1, max_size=8), st.lists(st.integers(0, 7), max_size=6), st.integers(0, 7))
def test_the_events_sum_up_to_the_last_state(states, repeated, restart):
    decoder, told = made(), []
    for n, fields in enumerate(states):
        told += events(list(decoder.decode(state(n, n, **fields))))
        if n == restart:
            kept, decoder = decoder.state(), made()
            decoder.restore(kept)
        for again in repeated:
            if again <= n:
                assert events(list(decoder.decode(state(again, again, **states[again])))) == []
    last, actions, errors, order = states[-1], {}, set(), ""
    for event in told:
        if event.kind is EventKind.ACTION_CHANGED:
            assert actions.get(event.signal, "") in (event.before, "FINISHED", "FAILED")
            actions[event.signal] = event.after
        elif event.kind is EventKind.ERROR_RAISED:
            errors.add(event.signal)
        elif event.kind is EventKind.ERROR_CLEARED:
            errors.remove(event.signal)
        else:
            assert event.before == order
            order = event.after
    wanted = {one["actionId"]: one["actionStatus"] for one in last["actionStates"]}
    assert {k: v for k, v in actions.items() if k in wanted} == wanted
    assert {v for k, v in actions.items() if k not in wanted} <= {"", "FINISHED", "FAILED"}
    assert errors == {f"{one['errorLevel']} {one['errorType']}" for one in last["errors"]}
    assert order == (f"{last['orderId']}/{last['orderUpdateId']}" if last["orderId"] else "")


@settings(deadline=None)
@given(st.lists(snapshots, min_size=1, max_size=6), st.integers(0, 5))
def test_any_later_part_of_the_states_ends_in_the_same_snapshot(states, start):
    def last(first):
        decoder = made()
        for n, fields in list(enumerate(states))[first:]:
            found = list(decoder.decode(state(n, n, **fields)))
        (part,) = [part for part in found if isinstance(part, Frames) and part.stream.name == "state"]
        return part.texts, [str(x) for x in part.values[0]], int(part.t_ns[0]), int(part.seq[0])

    assert last(min(start, len(states) - 1)) == last(0)


odd = st.sampled_from(
    [None, True, 1, -1, 1.5, 101, "", "PAUSED", "AUTOMATIC", "RETRIABLE", "TEACHIN", [], [1], [{}], {}]
)


@settings(deadline=None, max_examples=examples(300))
@given(st.sampled_from(sorted(rules.MESSAGES)), st.sampled_from("123"), st.data())
def test_the_quick_check_and_the_one_that_says_why_agree(topic, major, data):
    def drawn(fields, depth=0):
        found = {}
        for name, field in fields.items():
            if major not in field.required and data.draw(st.integers(0, 3)) > 0:
                continue
            if data.draw(st.integers(0, 30)) == 0:
                if data.draw(st.booleans()):
                    found[name] = data.draw(odd)
                continue
            plain = {"text": "x", "int": 1, "number": 0.5, "flag": True, "any": [1], "list": [], "object": {}}
            found[name] = data.draw(st.sampled_from(sorted(field.words))) if field.words else plain[field.type]
            if field.inside:
                inner = drawn(field.inside, depth + 1) if field.type == "object" or depth < 2 else {}
                found[name] = inner if field.type == "object" else [inner]
        return found

    content = drawn(rules.MESSAGES[topic])
    assert rules.is_valid(topic, major, json.dumps(content).encode()) == (not rules.faults(topic, major, content))
