"""Virtual AGVs of two libraries carry out orders of their own masters; what they said is what is stored."""

from __future__ import annotations

import pytest
from balance import capture, check_sums, findings, leave_row, lost_ns, online, rows_of, wait_received
from stage import FAR_NS, Stage, wait_for
from vda_books import (
    COUNT_BITS,
    events,
    instant_values,
    ns_of,
    order_values,
    places,
    pose_values,
    read_lists,
    route_values,
    saw,
    sent,
    state_values,
    visualization_values,
)

from connectors.wall_clock import WallClock
from twin.events import EventKind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SOURCE = """
[[source]]
name = "line"
topics = ["uagv/+/+/+/+"]
decoder = "vda5050"
"""
AGV = "ACME/agv-7"
TOLD_BY_CHANGES = (
    EventKind.ORDER_CHANGED,
    EventKind.ACTION_CHANGED,
    EventKind.ERROR_RAISED,
    EventKind.ERROR_CLEARED,
)
LIB_STEPS = ("start", "order", "update", "failing", "rejected", "recovered")
SDK_STEPS = ("start", "order", "update", "error", "pause")


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, SOURCE, "uagv/#")
    yield made
    made.close()
    capture(made)


def stored(stage, stream, *lists):
    """The rows of a stream of the AGV, without what only the receiver knows."""
    rows = [read_lists(row, *lists) for row in rows_of(stage, f"{AGV}:{stream}")]
    return [{name: value for name, value in row.items() if name not in ("received_ns", "quality")} for row in rows]


def counted(stage, stream, bodies, values_of, *lists):
    """Each message is one row, with its own header's count and time, and its own values; and no other row."""
    rows = stored(stage, stream, *lists)
    due = [{"t_ns": ns_of(body), "header": body["headerId"], **values_of(body)} for body in bodies]
    found = [{**row, "header": row["seq"] & ((1 << COUNT_BITS) - 1)} for row in rows]
    for row in found:
        row.pop("seq")
    order = lambda row: (row["header"], row["t_ns"])  # noqa: E731
    assert sorted(found, key=order) == sorted(due, key=order)
    return len(due)


def uncounted(stage, stream, due, *lists):
    """Each of these is one row; and no other row."""
    found = [{name: value for name, value in row.items() if name != "seq"} for row in stored(stage, stream, *lists)]
    assert sorted(found, key=str) == sorted(due, key=str)
    return len(due)


def check_books(stage, client):
    """Stream by stream, value by value, what the connections sent against what is stored."""
    ledger = client.ledger
    states, moves, orders = sent(ledger, "state"), sent(ledger, "visualization"), sent(ledger, "order")
    # What the AGV sent is what its master saw, and the witness: nothing was lost between them.
    assert sorted(body["headerId"] for body in saw(ledger, "state")) == [body["headerId"] for body in states]
    assert sum("sent" in row for row in ledger) == len(
        [one for one in stage.witness.of(stage.filter) if b"CONNECTIONBROKEN" not in one.payload]
    )
    rows = counted(stage, "state", states, state_values, "actions", "error_list")
    rows += counted(stage, "visualization", moves, visualization_values)
    rows += counted(stage, "order", orders, order_values, "route_base", "route_horizon")
    rows += counted(stage, "instant_actions", sent(ledger, "instantActions"), instant_values, "actions")
    posed = [body for body in states + moves if "agvPosition" in body]
    rows += uncounted(stage, "pose", [{"t_ns": ns_of(body), **pose_values(body)} for body in posed])
    routes = route_values(states, places(orders))
    rows += uncounted(stage, "route", routes, "route_base", "route_horizon")
    check_events(stage, states)
    assert stage.history.latest()[f"{AGV}:state"].t_ns == ns_of(states[-1])
    (met,) = [one for one in stage.history.newcomers() if one.asset == AGV]
    assert met.asset_type == "mobile_robot"
    return rows


def check_events(stage, states):
    told = [
        (event.kind, event.t_ns, event.signal, event.before, event.after)
        for event in stage.history.events(0, FAR_NS, asset=AGV, kinds=TOLD_BY_CHANGES)
    ]
    assert sorted(told) == sorted(events(states))


def wait_lost(stage):
    wait_for(lambda: online(stage, AGV) is False, "the end of the AGV")


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_a_virtual_agv_carries_out_orders_and_all_it_said_is_stored(stage, installed, version):
    environment = installed("vda-5050-lib")
    stage.start_ingest()
    client = stage.client("vda_5050_lib.js", environment, version, "agv-7")
    for step in LIB_STEPS:
        client.take(step)
    client.stop()
    wait_received(stage)
    wait_lost(stage)
    stage.stop_ingest()
    check_sums(stage)
    rows = check_books(stage, client)
    ledger = client.ledger
    connections = [{"t_ns": ns_of(body), "connection": body["connectionState"]} for body in sent(ledger, "connection")]
    assert [one["connection"] for one in connections] == ["ONLINE", "OFFLINE"]
    rows += uncounted(stage, "connection", connections)
    assert stage.terms["stored"] == rows + len(rows_of(stage, f"{AGV}:liveness"))
    assert lost_ns(stage, AGV) == connections[-1]["t_ns"]
    # The master's callbacks, in its own order: what it saw of each action is what the events tell.
    callbacks = [(row["action"], row["status"]) for row in ledger if row.get("event") in ("action", "instant")]
    told = stage.history.events(0, FAR_NS, asset=AGV, kinds=[EventKind.ACTION_CHANGED])
    assert sorted(callbacks) == sorted((event.signal, event.after) for event in told)
    assert ("wait-1", "PAUSED") in callbacks
    assert ("drop-2", "FAILED") in callbacks
    nodes = [row["node"] for row in ledger if row.get("event") == "node"]
    passed = [row["last_node"] for row in stored(stage, "state")]
    assert [node for node, before in zip(passed, [None, *passed], strict=False) if node != before] == list(
        dict.fromkeys(nodes)
    )
    assert [row["error"] for row in ledger if row.get("event") == "processed" and "error" in row] == ["noRouteError"]
    due = {(AGV, "connection.qos")}
    if version == "2.0.0":
        due.add((AGV, "instantActions.key"))
    assert findings(stage).keys() == due
    leave_row(stage, client, f"VDA 5050 {version}, orders")


def test_a_fake_agv_carries_out_orders_and_all_it_said_is_stored(stage, installed):
    environment = installed("vda5050-sdk")
    stage.start_ingest()
    client = stage.client("sdk_vda5050.py", environment, "agv-7")
    for step in SDK_STEPS:
        client.take(step)
    client.stop()
    wait_received(stage)
    wait_lost(stage)
    stage.stop_ingest()
    check_sums(stage)
    rows = check_books(stage, client)
    connections = [
        {"t_ns": ns_of(body), "connection": body["connectionState"]} for body in sent(client.ledger, "connection")
    ]
    assert [one["connection"] for one in connections] == ["ONLINE", "OFFLINE"]
    rows += uncounted(stage, "connection", connections)
    assert stage.terms["stored"] == rows + len(rows_of(stage, f"{AGV}:liveness"))
    assert findings(stage) == {}
    leave_row(stage, client, "VDA 5050 2.1.0, orders")


@pytest.mark.parametrize(
    ("name", "script", "arguments", "broken"),
    [
        ("vda-5050-lib", "vda_5050_lib.js", ("2.0.0", "agv-7"), {(AGV, "connection.qos")}),
        ("vda5050-sdk", "sdk_vda5050.py", ("agv-7",), set()),
    ],
    ids=["vda-5050-lib", "vda5050-sdk"],
)
def test_an_agv_that_is_killed_while_it_drives_is_offline_by_our_clock(
    stage, installed, name, script, arguments, broken
):
    environment = installed(name)
    stage.start_ingest()
    client = stage.client(script, environment, *arguments)
    client.take("start")
    client.take("order")
    wait_for(lambda: online(stage, AGV), "the AGV online")
    before_ns = WallClock().now_ns()
    client.kill()
    wait_lost(stage)
    after_ns = WallClock().now_ns()
    wait_received(stage)
    stage.stop_ingest()
    check_sums(stage)
    (*_, last) = rows_of(stage, f"{AGV}:connection")
    assert last["connection"] == "CONNECTION_BROKEN"
    assert before_ns <= lost_ns(stage, AGV) <= after_ns
    assert before_ns <= last["t_ns"] <= after_ns
    assert stage.terms["received"] == len(stage.witness.of(stage.filter))
    states = sent(client.ledger, "state")
    assert stage.history.latest()[f"{AGV}:state"].t_ns == ns_of(states[-1])
    assert findings(stage).keys() == broken
    version = f"VDA 5050 {arguments[0] if len(arguments) > 1 else '2.1.0'}"
    leave_row(stage, client, f"{version}, killed")
