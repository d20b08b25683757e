"""The edge that simulated plants speak through: heard by the strict host, it breaks no rule and loses no value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sparkplug_edge import MS, T0, S, rules, told

from connectors import plugins
from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders._sparkplug.topics import read_topic
from connectors.encoders_sparkplug import MODE_METRIC, STATE_METRIC, Edge
from twin.message import Announced, Ask, Liveness, Message
from twin.packml import UnitState
from twin.sample import Frames, Kind, Quality, Signal, stream_of
from twin.site import Asset, Hub, Name, Site

tck = pytest.mark.tck
TYPE = plugins.asset_types()["machine_tool"]
CNC = stream_of("g/n/cnc", "data", TYPE.streams[0].signals)
PLAIN = stream_of(
    "g/n/box", "data", [Signal("a.b"), Signal("on", Kind.FLAG), Signal("n", Kind.COUNTER), Signal("word", Kind.TEXT)]
)


class Listener:
    """A strict host with the edge at its other end (mutable)."""

    def __init__(self, edge, hub=None, **options):
        self.edge = edge
        self.decoder = plugins.make_decoder(
            "sparkplug_b", {"strict": True, **options}, "test", hub or Hub("h", Name("h", "h"), ())
        )
        self.now_ns = T0

    def hear(self, *messages, qos=0):
        found = []
        for topic, payload, *_ in messages:
            self.now_ns += MS
            found += self.decoder.decode(Message(topic, payload, self.now_ns, qos))
        return found

    def tick(self):
        self.now_ns += 20 * S
        return list(self.decoder.tick(self.now_ns))


def frames_of(stream, numbers, texts=(), first_ns=T0 + S):
    n = len(numbers)
    times = first_ns + np.arange(n, dtype=np.int64) * 500 * MS
    return Frames(stream, times, np.arange(n), times, np.array(numbers, np.float64).reshape(n, stream.width), np.full(n, np.int16(Quality.GOOD)), tuple(texts))  # fmt: skip


def machine_rows(count):
    numbers = [[i + row / 8 for i in range(CNC.width)] for row in range(count)]
    for row in numbers:
        for i, signal in enumerate(CNC.columns):
            if signal.kind is Kind.COUNTER:
                row[i] = float(int(row[i]))
    texts = []
    for row in range(count):
        words = {"state": list(UnitState)[row % 18].value, "mode": "Production", "program": f"O{row}"}
        texts.append(tuple(words[signal.name] for signal in CNC.text_columns))
    return frames_of(CNC, numbers, texts)


@tck(
    "message-flow-edge-node-birth-publish-nbirth-topic", "message-flow-edge-node-birth-publish-nbirth-payload",
    "message-flow-edge-node-birth-publish-nbirth-payload-seq", "message-flow-device-birth-publish-dbirth-topic",
    "operational-behavior-edge-node-birth-sequence-wait",
)  # fmt: skip
def test_births_break_no_rule_and_announce_a_machine_with_units():
    edge = Edge("g", "n", {"cnc": [CNC]})
    listener = Listener(edge)
    edge.will()
    found = listener.hear(*edge.births(T0))
    assert not rules(found)
    assert [(one.path, one.online) for one in told(found, Liveness)] == [("g/n", True), ("g/n/cnc", True)]
    announced = told(found, Announced)[1]
    assert announced.asset_type == "machine_tool"
    units = {signal.name: signal.unit for stream in announced.streams for signal in stream.signals}
    assert units == {signal.name: signal.unit for signal in CNC.signals}


def test_every_value_comes_through_as_it_was_one_stream_a_metric():
    edge = Edge("g", "n", {"cnc": [CNC]})
    listener = Listener(edge)
    listener.hear(*edge.births(T0))
    part = machine_rows(40)
    found = listener.hear(*edge.data("cnc", part))
    assert not rules(found)
    for i, signal in enumerate(CNC.columns):
        values = [
            value
            for one in told(found, Frames)
            if one.stream.id == f"g/n/cnc:{signal.name}"
            for value in one.values[:, 0].tolist()
        ]
        assert values == part.values[:, i].tolist(), signal.name
    states = [one.texts[0][0] for one in told(found, Frames) if one.stream.id == "g/n/cnc:state~text"]
    assert states == [texts[0] for texts in part.texts]


def test_a_declared_machine_keeps_the_stream_of_its_type():
    asset = Asset("g/n/cnc", "machine_tool", Name("공작기계", "CNC"))
    hub = Hub(
        "h", Name("h", "h"), (Site("g", Name("g", "g"), Name("r", "r"), "Asia/Seoul", (10.0, 10.0), assets=(asset,)),)
    )
    edge = Edge("g", "n", {"cnc": [CNC]})
    listener = Listener(edge, hub)
    found = listener.hear(*edge.births(T0))
    part = machine_rows(5)
    found = listener.hear(*edge.data("cnc", part))
    mine = [one for one in told(found, Frames) if one.stream.id == "g/n/cnc:data"]
    assert [one.values[0].tolist() for one in mine] == part.values.tolist()
    assert [one.texts[0] for one in mine] == list(part.texts)
    assert mine[0].stream.period_s == TYPE.streams[0].period_s
    assert {one.stream.id for one in told(found, Frames)} == {"g/n/cnc:data", "g/n:messages"}
    labels = {signal.name: signal.label_ko for signal in mine[0].stream.signals}
    assert labels["spindle_speed"] == "주축 회전수"


def test_on_change_tells_only_what_changed_and_nothing_where_nothing_did():
    edge = Edge("g", "n", {"box": [PLAIN]}, on_change=True)
    listener = Listener(edge)
    listener.hear(*edge.births(T0))
    part = frames_of(PLAIN, [[1.0, 1.0, 5.0], [1.0, 1.0, 5.0], [1.0, 0.0, 6.0]], [("x",), ("x",), ("x",)])
    messages = list(edge.data("box", part))
    assert [rows for _, _, rows in messages] == [slice(0, 1), slice(2, 3)]
    assert [len(Payload.FromString(body).metrics) for _, body, _ in messages] == [4, 2]
    found = listener.hear(*messages)
    assert not rules(found)
    assert [one.values[0, 0] for one in told(found, Frames) if one.stream.id.endswith(":on")] == [1.0, 0.0]


@tck(
    "operational-behavior-data-commands-rebirth-action-1", "operational-behavior-data-commands-rebirth-action-2",
    "operational-behavior-data-commands-rebirth-action-3", "message-flow-edge-node-ncmd-subscribe",
)  # fmt: skip
def test_a_rebirth_is_obeyed_with_the_same_number_and_the_last_values():
    edge = Edge("g", "n", {"box": [PLAIN]})
    listener = Listener(edge, start_jitter_s=0.0)
    edge.will()
    edge.births(T0)  # nobody listens
    (late,) = edge.data("box", frames_of(PLAIN, [[1.5, 1.0, 5.0]], [("x",)]))
    listener.hear(late)
    (ask,) = told(listener.tick(), Ask)
    assert ask.topic == edge.command_topic
    answer = edge.hear(ask.topic, ask.payload, T0 + 2 * S)
    assert [read_topic(topic).verb for topic, _ in answer] == ["NBIRTH", "DBIRTH"]
    found = listener.hear(*answer)
    assert not rules(found)
    assert [one.values[0, 0] for one in told(found, Frames) if one.stream.id.endswith(":a.b")] == [1.5]
    assert listener.decoder.host.nodes["g/n"].bdseq == edge.bdseq == 0


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("spBv1.0/g/NCMD/other", b""),
        ("nonsense", b"x"),
        ("spBv1.0/g/NCMD/n", b"\xff\xff"),
        ("spBv1.0/g/NCMD/n", Payload(timestamp=5).SerializeToString()),
        ("spBv1.0/g/DCMD/n/box", Payload(timestamp=5).SerializeToString()),
    ],
)
def test_what_asks_for_nothing_gets_nothing(topic, body):
    assert Edge("g", "n", {"box": [PLAIN]}).hear(topic, body, T0) == []


@tck(
    "message-flow-edge-node-birth-publish-will-message", "message-flow-edge-node-birth-publish-will-message-topic",
    "message-flow-edge-node-birth-publish-will-message-payload", "operational-behavior-edge-node-intentional-disconnect-ndeath",
    "payloads-ndeath-will-message-publisher",
)  # fmt: skip
def test_the_will_and_the_death_on_purpose_bear_the_number_of_the_birth_and_it_goes_round():
    edge = Edge("g", "n", {"box": [PLAIN]}, bdseq=254)
    listener = Listener(edge)
    for number in (255, 0, 1):
        will = edge.will()
        assert edge.bdseq == number
        found = listener.hear(*edge.births(T0 + number * S))
        assert not rules(found)
        assert edge.death() == will
        found = listener.hear(will, qos=1)
        assert not rules(found)
        assert [(one.path, one.online) for one in told(found, Liveness)] == [("g/n", False), ("g/n/box", False)]


def test_a_device_dies_and_is_born_again():
    edge = Edge("g", "n", {"box": [PLAIN], "cnc": [CNC]})
    listener = Listener(edge)
    listener.hear(*edge.births(T0))
    found = listener.hear(edge.device_death("box", T0 + S))
    assert [(one.path, one.online, one.t_ns) for one in told(found, Liveness)] == [("g/n/box", False, T0 + S)]
    assert len(edge.births(T0 + 2 * S)) == 2, "the dead are not born with the node"
    edge.births(T0 + 2 * S)
    listener.hear(*edge.births(T0 + 3 * S))
    found = listener.hear(edge.device_birth("box", T0 + 4 * S))
    assert [(one.path, one.online) for one in told(found, Liveness)] == [("g/n/box", True)]
    assert not rules(found)


def test_packml_is_told_by_its_tags_and_numbers():
    edge = Edge("g", "n", {"cnc": [CNC]})
    (_, body) = edge.births(T0)[1]
    names = {metric.name: metric for metric in Payload.FromString(body).metrics}
    assert {STATE_METRIC, MODE_METRIC} <= set(names)
    (first, *_) = edge.data("cnc", machine_rows(7))
    by_alias = {metric.alias: metric for metric in Payload.FromString(first[1]).metrics}
    assert by_alias[names[STATE_METRIC].alias].int_value == 0
    assert by_alias[names[MODE_METRIC].alias].int_value == 1


@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=False),
            st.booleans(),
            st.integers(-(2**52), 2**52),
            st.one_of(
                st.none(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
            ),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_values_come_through(rows_told):
    edge = Edge("g", "n", {"box": [PLAIN]})
    listener = Listener(edge)
    listener.hear(*edge.births(T0))
    part = frames_of(PLAIN, [[a, float(b), float(c)] for a, b, c, _ in rows_told], [(word,) for *_, word in rows_told])
    found = listener.hear(*edge.data("box", part))
    assert not rules(found)

    def column(name):
        return np.concatenate([one.values[:, 0] for one in told(found, Frames) if one.stream.id == f"g/n/box:{name}"])

    for i, name in enumerate(["a.b", "on", "n"]):
        np.testing.assert_array_equal(column(name), part.values[:, i])
    assert [one.texts[0][0] for one in told(found, Frames) if one.stream.id.endswith("word~text")] == [
        word for *_, word in rows_told
    ]
