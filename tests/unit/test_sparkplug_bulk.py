"""Many messages at once, and messages in any order: the same frames as one by one and in order."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples
from sparkplug_edge import MS, T0_MS, Edge, S, counts, handled, reasons, rows, settled, told, values

from connectors.decoders._sparkplug import bulk as bulk_module
from connectors.ingest.decoding import Decoding
from connectors.ingest.newcomers import Newcomers
from twin.decoder import BulkDecoder, TimedDecoder
from twin.message import Settled
from twin.ports import Delivery
from twin.sample import Frames

KINDS = {
    1: ("i8", 1),
    2: ("i32", 3),
    3: ("i64", 4),
    4: ("u64", 8),
    5: ("f", 9),
    6: ("d", 10),
    7: ("b", 11),
    8: ("when", 13),
    9: ("t", 12),
    200: ("far", 10),
}
VALUES = {
    1: st.sampled_from([0, 5, 251, 0xFFFFFFFB]), 2: st.integers(0, 2**32 - 1), 3: st.integers(0, 2**64 - 1), 4: st.integers(0, 2**64 - 1),
    5: st.floats(width=32), 6: st.floats(), 7: st.booleans(), 8: st.integers(0, 2**42), 9: st.text(max_size=3), 200: st.floats(-9, 9),
}  # fmt: skip
FIELD = {
    1: "int_value",
    2: "int_value",
    3: "long_value",
    4: "long_value",
    5: "float_value",
    6: "double_value",
    7: "boolean_value",
    8: "long_value",
    9: "string_value",
    200: "double_value",
}


def births(edge):
    metrics = [{"name": name, "value": None, "kind": kind, "alias": alias} for alias, (name, kind) in KINDS.items()]
    return [
        edge.nbirth([{"name": "load", "value": 0.5, "kind": 10, "alias": 50}]),
        edge.dbirth("d", metrics),
        edge.dbirth("e", [{"name": "x", "value": 0.5, "kind": 10, "alias": 60}]),
    ]


def pair(**options):
    """Two decoders that have heard the same births of two nodes, and the nodes."""
    nodes = [Edge("n1", **options), Edge("n2", **options)]
    alone = nodes[0].decoder
    other = Edge("n1", **options).decoder
    for node in nodes:
        for birth in births(node):
            list(alone.decode(birth))
            list(other.decode(birth))
    return nodes, alone, other


def compare(alone, bulk, messages, max_rows=100_000):
    expected = Counter()
    outcome = []
    for message in messages:
        found = Edge(decoder=alone).hear(message)
        expected += Counter(rows(found))
        outcome.append((reasons(found), handled(found)))
    got, start, at_once = Counter(), 0, 0
    while start < len(messages):
        blocks, left, looked_at = bulk.decode_many(messages[start:], max_rows)
        assert 0 < looked_at <= len(messages) - start
        taken = set()
        for block in blocks:
            for part, places in block.parts():
                assert part.values.shape == (len(part), part.stream.width)
                assert not set(places.tolist()) & set(left)
                taken |= set(places.tolist())
                got += Counter(rows([part]))
        assert taken | set(left) == set(range(looked_at))
        at_once += len(taken)
        for place in left:
            found = Edge(decoder=bulk).hear(messages[start + place])
            got += Counter(rows(found))
            assert outcome[start + place] == (reasons(found), handled(found))
        start += looked_at
    assert got == expected
    assert bulk.state() == alone.state()
    return at_once


@st.composite
def traffic(draw):
    """Messages of two nodes that mostly behave; now and then something is odd."""
    nodes, alone, other = pair(streams=draw(st.sampled_from(["metric", "metric", "device"])))
    made = []
    for _ in range(draw(st.integers(1, 14))):
        node = draw(st.sampled_from(nodes))
        odd = draw(st.integers(0, 6))
        aliases = draw(st.lists(st.sampled_from([1, 2, 3, 5, 6, 7, 8, 200] if odd else sorted(KINDS)), max_size=4))
        metrics = []
        for alias in aliases:
            one = {"alias": alias, "value": draw(VALUES[alias]), "field": FIELD[alias]}
            if draw(st.integers(0, 9)) == 0:
                one |= draw(
                    st.sampled_from(
                        [
                            {"is_historical": True},
                            {"is_transient": True},
                            {"kind": KINDS[alias][1]},
                            {"name": KINDS[alias][0]},
                            {"name": KINDS[alias][0], "alias": None},
                            {"name": "n" * 130, "alias": None},
                            {"name": "", "alias": None},
                            {"name": "named"},
                            {"t_ms": 5},
                            {"t_ms": T0_MS + 7},
                            {"value": None, "field": None},
                            {"alias": 77},
                            {"alias": 20_000},
                            {"is_null": False},
                        ]
                    )
                )
                if one["value"] is None:
                    del one["field"]
            metrics.append(one)
        how = draw(
            st.sampled_from([{}, {}, {}, {}, {}, {"seq": False}, {"timestamp": False}, {"seq": 3}, {"seq": 250}])
        )
        match draw(st.integers(0, 12)):
            case 0:
                message = node.nbirth(bdseq=draw(st.integers(0, 3)))
            case 1:
                message = node.dbirth(
                    "e", [{"name": "x", "value": 0.5, "kind": 10, "alias": draw(st.integers(60, 61))}]
                )
            case 2:
                message = node.ndeath(draw(st.integers(0, 1)))
            case 3:
                message = node.ddeath("d")
            case 4:
                node.payload()  # lost
                message = node.ndata([{"alias": 50, "value": 1.5, "field": "double_value"}], **how)
            case 5:
                message = node.ddata("e", [{"alias": 60, "value": 1.5, "field": "double_value"}], **how)
            case _:
                message = node.ddata("d", metrics, **how)
        if draw(st.integers(0, 15)) == 0:
            message = message._replace(retain=True)
        if draw(st.integers(0, 15)) == 0:
            cut = draw(st.integers(0, len(message.payload)))
            message = message._replace(
                payload=message.payload[:cut]
                + draw(st.binary(max_size=3))
                + message.payload[cut + draw(st.integers(0, 2)) :]
            )
        made.append(message)
    return alone, other, made


@settings(max_examples=examples(120))
@given(traffic(), st.integers(1, 60))
def test_many_messages_at_once_are_what_each_is_alone(case, max_rows):
    alone, bulk, messages = case
    compare(alone, bulk, messages, max_rows)


@pytest.mark.parametrize("streams", ["metric", "device"])
def test_messages_that_are_as_they_should_be_are_read_at_once(streams):
    edge = Edge(streams=streams)
    other = Edge(streams=streams)
    metrics = [{"name": f"m{n}", "value": 0.5, "kind": 10, "alias": n} for n in range(150)]
    for one in (edge, other):
        one.up(metrics=metrics)
    messages = [
        edge.ddata(
            "d", [{"alias": n, "value": n + k / 8, "field": "double_value", "t_ms": T0_MS + k} for n in range(150)]
        )
        for k in range(300)
    ]
    assert compare(other.decoder, edge.decoder, messages) == 300
    streams_told = {
        name for name, *_ in rows(edge.hear(edge.ddata("d", [{"alias": 3, "value": 1.0, "field": "double_value"}])))
    }
    assert len(streams_told) == 2


def test_what_is_beside_a_group_and_what_tells_half_of_it_is_understood():
    edge, other = Edge(streams="device"), Edge(streams="device")
    for one in (edge, other):
        one.up(
            metrics=[
                {"name": "a", "value": 1.0, "kind": 10, "alias": 1},
                {"name": "b", "value": 2.0, "kind": 10, "alias": 2},
            ]
        )
    whole = [{"alias": 1, "value": 3.0, "field": "double_value"}, {"alias": 2, "value": 4.0, "field": "double_value"}]
    messages = [edge.ddata("d", whole), edge.ddata("d", whole[:1]), edge.ddata("d", [whole[1] | {"value": 7.5}])]
    assert compare(other.decoder, edge.decoder, messages) == 1
    found = edge.hear(edge.ddata("d", [whole[0] | {"value": 9.0}]))
    (stream,) = {name for name, *_ in rows(found)} - {"g/n1:messages"}
    assert values(found, stream) == [(9.0, 7.5)], "what a message does not tell has not changed"


def test_several_values_of_one_metric_in_a_message_stay_several_at_once():
    edge, other = Edge(), Edge()
    for one in (edge, other):
        one.up()
    message = edge.ddata("d", [{"alias": 1, "value": value, "field": "double_value"} for value in (1.0, 2.0, 3.0)])
    assert compare(other.decoder, edge.decoder, [message]) == 1


def test_a_birth_within_the_call_voids_what_was_known_before():
    edge, other = Edge(), Edge()
    for one in (edge, other):
        one.up()
    data = edge.ddata("d", [{"alias": 1, "value": 1.0, "field": "double_value"}])
    birth = edge.nbirth(bdseq=1)
    device = edge.dbirth("d", [{"name": "y", "value": 0.5, "kind": 10, "alias": 1}])
    after = edge.ddata("d", [{"alias": 1, "value": 2.0, "field": "double_value"}])
    assert compare(other.decoder, edge.decoder, [data, birth, device, after]) == 1
    found = edge.hear(edge.ddata("d", [{"alias": 1, "value": 3.0, "field": "double_value"}]))
    assert values(found, "g/n1/d:y") == [3.0]


def test_the_strict_host_reads_each_message_alone():
    edge, other = Edge(strict=True), Edge(strict=True)
    for one in (edge, other):
        one.up()
    messages = [
        edge.ddata("d", [{"alias": 1, "value": 1.0, "field": "double_value"} | odd]) for odd in ({}, {"name": "x"})
    ]
    assert compare(other.decoder, edge.decoder, messages) == 0


def test_routes_are_bounded(monkeypatch):
    monkeypatch.setattr(bulk_module, "MAX_ROUTES", 2)
    edge = Edge()
    edge.up()
    for device in ("e", "f", "h"):
        edge.hear(edge.dbirth(device, [{"name": "x", "value": 0.5, "kind": 10, "alias": ord(device)}]))
        edge.decoder.decode_many(
            [edge.ddata(device, [{"alias": ord(device), "value": 1.0, "field": "double_value"}])], 10
        )
    assert len(edge.decoder._bulk._routes) <= 2


def test_after_a_restart_ingest_reads_alone_what_it_does_not_know_yet_and_nothing_is_missed():
    edge = Edge()
    edge.up()
    edge.restart()
    messages = [edge.ddata("d", [{"alias": 1, "value": float(n), "field": "double_value"}]) for n in range(300)]
    decoding = Decoding({"test": edge.decoder}, 5.0, 1000, newcomers=Newcomers([], [], 100))
    decoded = decoding.decode([Delivery("test", message) for message in messages], 100_000)
    assert not decoded.letters
    found = [part for part, _ in decoded.parts]
    assert sorted(counts(found)) == [(1, n + 2) for n in range(300)]
    assert sorted(values(found, "g/n1/d:x")) == [float(n) for n in range(300)]
    assert not edge.decoder.host.nodes["g/n1"].missing


def test_the_decoder_reads_in_bulk_and_heeds_time():
    decoder = Edge().decoder
    assert isinstance(decoder, BulkDecoder)
    assert isinstance(decoder, TimedDecoder)


# Any order within the window


@settings(max_examples=examples(80))
@given(st.data())
def test_any_order_within_the_window_gives_the_same_frames(data):
    edge = Edge(reorder_s=5.0, start_jitter_s=0.0)
    messages = [edge.nbirth([{"name": "load", "value": 0.5, "kind": 10, "alias": 50}])]
    messages.append(edge.dbirth("d", [{"name": "x", "value": 0.5, "kind": 10, "alias": 1}]))
    for n in range(data.draw(st.integers(1, 30))):
        match data.draw(st.integers(0, 3)):
            case 0:
                messages.append(edge.ndata([{"alias": 50, "value": float(n), "field": "double_value"}]))
            case 1:
                messages.append(
                    edge.dbirth(f"late{n}", [{"name": "y", "value": float(n), "kind": 10, "alias": 100 + n}])
                )
                messages.append(edge.ddata(f"late{n}", [{"alias": 100 + n, "value": n + 0.5, "field": "double_value"}]))
            case _:
                messages.append(edge.ddata("d", [{"alias": 1, "value": float(n), "field": "double_value"}]))
    in_order = Edge(reorder_s=5.0)
    expected = Counter(rows(in_order.hear_all(*messages)))
    order = data.draw(st.permutations(range(len(messages))))
    other = Edge(reorder_s=5.0, start_jitter_s=0.0)
    found = []
    for step, place in enumerate(order):
        message = messages[place]._replace(received_ns=messages[0].received_ns + step * MS)
        if data.draw(st.integers(0, 4)) == 0:
            other.restart()
        if data.draw(st.integers(0, 4)) == 0:
            found += other.decoder.tick(message.received_ns)
        found += other.hear(message)
    received = {(name, t_ns, seq): cells for name, t_ns, seq, cells, _ in expected}
    assert {(name, t_ns, seq): cells for name, t_ns, seq, cells, _ in rows(found)} == received
    assert len(rows(found)) == sum(expected.values()), "each once"
    assert set(settled(found)) <= {""}
    assert handled(found).count("held") == len(told(found, Settled))
    node = other.decoder.host.nodes["g/n1"]
    assert not node.missing
    assert not node.held


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=50), st.sets(st.integers(0, 49)))
def test_what_is_lost_shows_as_an_exact_gap(numbers, lost):
    edge = Edge()
    found = edge.up()
    for n, number in enumerate(numbers):
        message = edge.ddata("d", [{"alias": 1, "value": number, "field": "double_value"}])
        if n not in lost:
            found += edge.hear(message)
    came = sorted(count for _, count in counts(found))
    assert came == [0, 1, *[n + 2 for n in range(len(numbers)) if n not in lost]]


def test_a_message_at_once_has_the_receivers_time():
    edge = Edge()
    edge.up()
    (block,), _, _ = edge.decoder.decode_many(
        [edge.ddata("d", [{"alias": 1, "value": 1.0, "field": "double_value"}])], 10
    )
    assert set(block.received_ns.tolist()) == {edge.now_ns}
    assert block.quality.tolist() == [192, 192]
    assert np.array_equal(block.edges, [0, 1, 2])
    assert all(isinstance(part, Frames) for part, _ in block.parts())
    assert S == 1000 * MS
