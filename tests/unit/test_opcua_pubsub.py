"""OPC UA PubSub: every shape of a message, four encodings of a field, key and delta frames."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import plugins
from connectors.decoders._opcua.fields import field_of, quality_of
from twin.clock import NS_PER_S, iso_from_ns
from twin.errors import DecodeError
from twin.message import Announced, Handled, Liveness, Message
from twin.sample import Frames, Quality
from twin.site import Hub, Name

T0 = 1_795_328_000 * NS_PER_S
TOPIC = "opcua/json/data/plc/g/w"


def made(**options):
    return plugins.make_decoder("opcua_pubsub", options, "t", Hub("h", Name("h", "h"), ()))


def decode(decoder, body, topic=TOPIC):
    return list(decoder.decode(Message(topic, json.dumps(body).encode(), T0)))


def data_set(n, payload, kind="ua-keyframe"):
    stamp = iso_from_ns(T0 + n * NS_PER_S)
    return {"DataSetWriterId": 3, "SequenceNumber": n, "Timestamp": stamp, "MessageType": kind, "Payload": payload}


def values(frame):
    texts = frame.texts[0] if frame.texts else ()
    told = [*zip(frame.stream.columns, frame.values[0].tolist(), strict=True),
            *zip(frame.stream.text_columns, texts, strict=True)]  # fmt: skip
    return {signal.name: None if isinstance(value, float) and math.isnan(value) else value for signal, value in told}


@pytest.mark.parametrize("body", [
    {"MessageId": "1", "MessageType": "ua-data", "PublisherId": "plc", "Messages": [data_set(1, {"a": 1.5})]},
    {"MessageType": "ua-data", "Messages": data_set(1, {"a": 1.5})},
    data_set(1, {"a": 1.5}),
    [data_set(1, {"a": 1.5})],
    {"Payload": {"a": 1.5}},
    {"a": 1.5},
], ids=["network", "single", "bare", "array", "no header", "payload only"])  # fmt: skip
def test_every_shape_of_a_message_says_the_same(body):
    (frame,) = decode(made(), body)
    assert (frame.stream.asset, values(frame)) == ("plc", {"a": 1.5})


@pytest.mark.parametrize(("told", "value", "quality"), [
    (1.5, 1.5, Quality.GOOD),
    ({"Type": 11, "Body": 1.5}, 1.5, Quality.GOOD),
    ({"UaType": 11, "Value": 1.5}, 1.5, Quality.GOOD),
    ({"Value": {"Type": 11, "Body": 1.5}, "SourceTimestamp": "2026-11-22T06:00:00Z"}, 1.5, Quality.GOOD),
    ({"UaType": 11, "Value": 1.5, "StatusCode": {"Code": 0}}, 1.5, Quality.GOOD),
    ({"Value": 1.5, "StatusCode": 0x40000000}, 1.5, Quality.UNCERTAIN),
    ({"Value": 1.5, "Status": {"Code": 0x80000000, "Symbol": "Bad"}}, None, Quality.BAD),
    ({"StatusCode": {"Code": 0x80AB0000}}, None, Quality.BAD),
    ({"Type": 9, "Body": "18446744073709551615"}, 18446744073709551615, Quality.GOOD),
    ({"UaType": 10, "Value": "NaN"}, None, Quality.GOOD),
    ({"UaType": 21, "Value": {"Locale": "ko", "Text": "가동"}}, "가동", Quality.GOOD),
])  # fmt: skip
def test_a_field_is_read_in_each_encoding(told, value, quality):
    field = field_of("x", told)
    assert (field.values, field.quality) == ({"x": value}, quality)


def test_an_array_is_its_elements_and_a_structure_its_members():
    assert field_of("x", [1, 2]).values == {"x.0": 1, "x.1": 2}
    assert field_of("x", {"a": 1, "b": {"c": 2}}).values == {"x.a": 1, "x.b.c": 2}


@given(st.integers(0, 2**32 - 1))
def test_the_quality_is_in_the_upper_two_bits(code):
    assert quality_of(code) == (192, 64, 0, 0)[code // 2**30]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("kd"), st.dictionaries(st.sampled_from("abc"), st.floats(-9, 9), min_size=1)),
                min_size=1, max_size=8), st.sets(st.integers(0, 7)))  # fmt: skip
def test_deltas_without_a_gap_add_up_to_the_whole(changes, restarts):
    decoder, state = made(), {"a": 0.0, "b": 0.0, "c": 0.0}
    decode(decoder, data_set(0, state))
    for n, (sort, change) in enumerate(changes, 1):
        state = state | change
        if n in restarts:
            kept, decoder = decoder.state(), made()
            decoder.restore(kept)
        body = data_set(n, state) if sort == "k" else data_set(n, change, "ua-deltaframe")
        (frame,) = decode(decoder, body)
        assert values(frame) == state
        assert frame.quality.tolist() == [Quality.GOOD]
        assert frame.seq.tolist() == [n]


def test_a_delta_after_a_gap_is_uncertain_until_the_next_key_frame():
    decoder = made()
    decode(decoder, data_set(0, {"a": 1.0, "b": 2.0}))
    found = [decode(decoder, data_set(n, {"a": float(n)}, kind))[0]
             for n, kind in ((2, "ua-deltaframe"), (3, "ua-deltaframe"))]  # fmt: skip
    assert [values(frame) for frame in found] == [{"a": 2.0, "b": None}, {"a": 3.0, "b": None}]
    assert [frame.quality.tolist() for frame in found] == [[64], [64]]
    decode(decoder, data_set(4, {"a": 4.0, "b": 5.0}))
    (frame,) = decode(decoder, data_set(5, {"a": 6.0}, "ua-deltaframe"))
    assert values(frame) == {"a": 6.0, "b": 5.0}


def test_metadata_gives_units_and_announces():
    decoder = made()
    fields = [{"Name": "t", "BuiltInType": 11, "ValueRank": -1, "Properties": [
        {"Key": {"Name": "EngineeringUnits"}, "Value": {"Type": 22, "Body": {"DisplayName": {"Text": "°C"}}}}]},
        {"Name": "on", "BuiltInType": 1}]  # fmt: skip
    meta = {
        "MessageType": "ua-metadata",
        "PublisherId": "plc",
        "DataSetWriterId": 3,
        "MetaData": {"Name": "Oven", "Fields": fields},
    }
    told = decode(decoder, meta, "opcua/json/metadata/plc/g/w")
    assert isinstance(told[0], Announced)
    assert told[-1] == Handled("metadata")
    (frame,) = decode(decoder, data_set(1, {"t": 181.5, "on": True}))
    assert {signal.name: signal.unit for signal in frame.stream.columns} == {"t": "Cel", "on": "1"}


@pytest.mark.parametrize(("status", "online"), [(2, True), (0, False), (1, False), (3, False), ("Operational", True)])
def test_the_status_topic_is_liveness(status, online):
    told = decode(made(), {"MessageType": "ua-status", "PublisherId": "plc", "Status": status}, "opcua/json/status/plc")
    assert told[0] == Liveness("plc", online, T0)


@pytest.mark.parametrize(("topic", "kind"), [
    ("opcua/json/connection/plc", "connection"), ("opcua/json/application/plc", "application"),
    ("opcua/json/endpoints/plc", "endpoints"),
])  # fmt: skip
def test_what_is_no_data_is_handled(topic, kind):
    assert decode(made(), {"PublisherId": "plc"}, topic) == [Handled(kind)]


def test_a_keep_alive_is_no_frame():
    assert decode(made(), {"DataSetWriterId": 1, "SequenceNumber": 4, "MessageType": "ua-keepalive"}) == [
        Handled("keepalive")
    ]


@pytest.mark.parametrize(("body", "reason"), [
    (data_set(1, [1]), "schema"),
    (data_set(1, {"a": {"Value": 1, "StatusCode": "Bad"}}), "schema"),
    (data_set(1, {"a": 1}, "ua-other"), "schema"),
    (data_set(1, {"a": list(range(1000))}), "too_many_values"),
    (data_set(1, {"a": 1}) | {"SequenceNumber": "x"}, "seq"),
    (data_set(1, {"a": 1}) | {"Timestamp": "soon"}, "ts_range"),
    ([1], "schema"),
    ([], "too_many_values"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_reason(body, reason):
    with pytest.raises(DecodeError) as caught:
        decode(made(), body)
    assert caught.value.reason == reason


def test_several_data_sets_of_one_message_are_several_frames():
    found = decode(made(), {"PublisherId": "plc", "Messages": [
        {"DataSetWriterName": name, "Payload": {"a": 1}} for name in ("x", "y")]}, "opcua/json/data/plc")  # fmt: skip
    assert [part.stream.id for part in found if isinstance(part, Frames)] == ["plc:x", "plc:y"]
