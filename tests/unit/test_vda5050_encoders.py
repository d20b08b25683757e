"""What simulated robots and fleet masters send: valid by the official 2.1 schemas, and read again as it was meant."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors import encoders_vda5050 as vda
from connectors import plugins
from connectors.decoders._vda5050 import model, rules
from twin.clock import NS_PER_S
from twin.message import Finding, Message
from twin.site import Hub, Name

OFFICIAL = Path(__file__).parents[3] / "shared/schemas/vda5050/2.1.0"
"""The published schemas, beside the project; they are used, not shipped."""
ROBOT = vda.Robot("acme", "r1")
T0 = 1_795_327_200 * NS_PER_S
words = st.text("abc-1", min_size=1, max_size=5)
metres = st.floats(-1000, 1000)
positions = st.builds(vda.Position, metres, metres, st.floats(-3, 3), words, st.booleans())
actions = st.builds(vda.Action, words, words, st.sampled_from(["NONE", "SOFT", "HARD"]),
                    st.dictionaries(words, st.one_of(words, metres, st.booleans()), max_size=2))  # fmt: skip
nodes = st.builds(vda.Node, words, st.integers(0, 99).map(lambda n: 2 * n), st.booleans(), metres, metres, words,
                  st.lists(actions, max_size=1).map(tuple))  # fmt: skip
edges = st.builds(vda.Edge, words, st.integers(0, 99).map(lambda n: 2 * n + 1), st.booleans(), words, words)
statuses = st.builds(
    vda.Status, st.none() | positions, st.floats(0, 1), st.booleans(), words, st.integers(0, 9), words,
    st.integers(0, 9), st.lists(nodes, max_size=3).map(tuple), st.lists(edges, max_size=3).map(tuple), st.booleans(),
    st.booleans(), st.booleans(), st.none() | st.floats(0, 9), st.none() | st.tuples(metres, metres, metres),
    st.lists(st.builds(vda.ActionStatus, words, st.sampled_from(["WAITING", "RUNNING", "FINISHED"]), words, words),
             max_size=2).map(tuple),
    st.lists(st.builds(vda.Fault, words, st.sampled_from(["WARNING", "FATAL"]), words,
                       st.dictionaries(words, words, max_size=2)), max_size=2).map(tuple),
    st.lists(st.builds(vda.Load, words, words, st.none() | st.floats(0, 900)), max_size=2).map(tuple),
    st.sampled_from(["AUTOMATIC", "MANUAL", "TEACHIN"]), st.sampled_from(["NONE", "MANUAL"]), st.booleans(),
    st.none() | st.floats(10, 60), st.none() | st.floats(0, 9000),
)  # fmt: skip


def every_message(draw_status, position, order_nodes, order_edges, asked):
    return {
        "connection": vda.connection(ROBOT, 0, T0, "ONLINE"),
        "visualization": vda.visualization(ROBOT, 1, T0, position, (0.5, 0.0, 0.1)),
        "state": vda.state(ROBOT, 2, T0, draw_status),
        "factsheet": vda.factsheet(ROBOT, 0, T0, vda.Facts("MR", action_types=("pick", "drop"))),
        "order": vda.order(ROBOT, 3, T0, "o-1", 1, order_nodes, order_edges),
        "instantActions": vda.instant_actions(ROBOT, 4, T0, asked),
    }


@cache
def _official(topic):
    schema = json.loads((OFFICIAL / f"{topic}.schema").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official VDA 5050 schemas are not in ../shared/schemas")
@settings(deadline=None, max_examples=examples(50))
@given(statuses, positions, st.lists(nodes, min_size=1, max_size=3), st.lists(edges, max_size=3),
       st.lists(actions, max_size=2))  # fmt: skip
def test_every_message_is_valid_by_the_official_schema(status, position, order_nodes, order_edges, asked):
    for topic, payload in every_message(status, position, order_nodes, order_edges, asked).items():
        _official(topic).validate(json.loads(payload))


@settings(deadline=None, max_examples=examples(50))
@given(statuses, positions, st.lists(nodes, min_size=1, max_size=3), st.lists(edges, max_size=3),
       st.lists(actions, max_size=2))  # fmt: skip
def test_every_message_is_decoded_without_a_finding(status, position, order_nodes, order_edges, asked):
    decoder = plugins.make_decoder("vda5050", {}, "test", Hub("h", Name("h", "h"), ()))
    for topic, payload in every_message(status, position, order_nodes, order_edges, asked).items():
        assert rules.faults(topic, "2", json.loads(payload)) == []
        found = list(decoder.decode(Message(ROBOT.topic(topic), payload, T0, 1)))
        assert [part for part in found if isinstance(part, Finding)] == []


@settings(deadline=None, max_examples=examples(50))
@given(statuses)
def test_a_state_is_read_as_it_was_meant(status):
    found = model.snapshot(json.loads(vda.state(ROBOT, 0, T0, status)))
    assert (found.order_id, found.order_update_id, found.last_node) == (
        status.order_id,
        status.order_update_id,
        status.last_node,
    )
    assert found.battery == pytest.approx(status.battery_ratio)
    assert (found.driving, found.paused, found.charging) == (status.driving, status.paused, status.charging)
    assert [(stop.id, stop.sequence, stop.released, stop.x, stop.y) for stop in found.stops] == [
        (node.id, node.sequence, node.released, node.x_m, node.y_m) for node in status.nodes
    ]
    assert [(way.id, way.sequence, way.released) for way in found.ways] == [
        (edge.id, edge.sequence, edge.released) for edge in status.edges
    ]
    assert [(fault.type, fault.level) for fault in found.faults] == [(one.type, one.level) for one in status.faults]
    assert [(action.id, action.status) for action in found.actions] == [(a.id, a.status) for a in status.actions]
    assert (found.pose is None) == (status.position is None)


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official VDA 5050 schemas are not in ../shared/schemas")
@pytest.mark.parametrize("topic", ["connection", "state", "order", "instantActions", "visualization", "factsheet"])
@pytest.mark.parametrize(("folder", "major"), [("2.1.0", "2"), ("3.0-main", "3")])
def test_our_own_field_tables_require_what_the_official_schema_requires(topic, folder, major):
    schema = json.loads((OFFICIAL.parent / folder / f"{topic}.schema").read_text())

    def required(part, path):
        if "$ref" in part:
            part = schema["definitions"][part["$ref"].rpartition("/")[2]]
        if "items" in part:
            part = part["items"]
            part = schema["definitions"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        told = {(*path, name) for name in part.get("required", [])}
        for name, inner in part.get("properties", {}).items():
            told |= required(inner, (*path, name))
        return told

    def ours(fields, path):
        told = set()
        for name, field in fields.items():
            told |= {(*path, name)} if major in field.required else set()
            told |= ours(field.inside, (*path, name))
        return told

    known = ours(rules.MESSAGES[topic], ())
    official = required(schema, ())
    depth = {path[:-1] for path in known}
    assert {path for path in official if path[:-1] in depth} - known == set(), "we do not ask for it"
    shared = {path for path in known if path[:-1] in {other[:-1] for other in official}}
    assert shared - official == set(), "we ask for more than the standard"
