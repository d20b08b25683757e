"""The ladder that every decoder climbs: named, documented, sampled, recorded, robust; and the laws of sequences."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path

import cbor2
import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from many import examples

from connectors import plugins
from connectors.decoders._json import MAX_DEPTH, SequenceTracker, parse, payload_seq, time_ns
from twin.clock import NS_PER_S
from twin.config import filter_problem
from twin.errors import DecodeError
from twin.message import Handled, Message
from twin.sample import SEQ_EPOCH_SHIFT, Frames
from twin.site import Hub, Name

DATA = Path(__file__).resolve().parents[1] / "data" / "decoders"
NAMES = plugins.names("decoders")
CASES = sorted(path.parent for path in DATA.glob("*/*/message.json"))
HUB = Hub("hub", Name("h", "h"), ())
SAMPLE = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def sample_of(name):
    """The source that the plug-in's docstring shows."""
    (text,) = SAMPLE.findall(plugins.load("decoders", name).__doc__)
    (source,) = tomllib.loads(text)["source"]
    return source


def made(name, options):
    return plugins.make_decoder(name, options, "test", HUB)


def message_of(row):
    body = row["payload"].encode() if "payload" in row else base64.b64decode(row["payload_b64"])
    return Message(row["topic"], body, row["received_ns"], 1, bool(row["retain"]))


def told(decoder, message):
    """What a decoder makes of a message, in plain values."""
    try:
        found = list(decoder.decode(message))
    except DecodeError as error:
        return {"error": error.reason if error.detail else "no detail"}
    if not any(isinstance(part, Frames) for part in found):
        return {"handled": [part.kind for part in found if isinstance(part, Handled)]}
    return {"frames": [plain(part) for part in found if isinstance(part, Frames)]}


def plain(part):
    texts = part.texts or ((),) * len(part)
    return {
        "stream": part.stream.id,
        "columns": {signal.name: signal.unit for signal in part.stream.columns},
        "text_columns": {signal.name: signal.kind.value for signal in part.stream.text_columns},
        "sequenced": part.stream.sequenced,
        "rows": [
            {
                "t_ns": int(part.t_ns[i]),
                "seq": int(part.seq[i]),
                "received_ns": int(part.received_ns[i]),
                "quality": int(part.quality[i]),
                "values": [None if np.isnan(x) else x for x in part.values[i].tolist()],
                "texts": list(texts[i]),
            }
            for i in range(len(part))
        ],
    }


def well_shaped(part):
    n = len(part)
    assert part.t_ns.shape == part.seq.shape == part.received_ns.shape == part.quality.shape == (n,)
    assert part.values.shape == (n, part.stream.width)
    assert part.values.dtype == np.float64
    assert not np.isinf(part.values).any()
    assert (part.seq >= 0).all()
    assert len(part.texts) == (n if part.stream.text_columns else 0)
    names = [signal.name for signal in part.stream.signals]
    assert len(names) == len(set(names))


def told_at_once(decoder, messages, max_rows):
    """What a decoder makes of messages by `decode_many`, and of those that it leaves by `decode`: one row a message."""
    found, start = [None] * len(messages), 0
    while start < len(messages):
        blocks, left, looked_at = decoder.decode_many(messages[start:], max_rows)
        for block in blocks:
            for part, places in block.parts():
                well_shaped(part)
                for place in np.unique(places).tolist():
                    assert found[start + place] is None
                    found[start + place] = {"frames": [plain(part.take(places == place))]}
        for place in left:
            assert found[start + place] is None
            found[start + place] = told(decoder, messages[start + place])
        assert 0 < looked_at <= len(messages) - start
        start += looked_at
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_is_named_and_described(name):
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert len(plugins.description("decoders", name)) > 20
    module = plugins.load("decoders", name)
    assert module.Options.__doc__
    assert module.Decoder.__doc__
    assert module.Decoder.decode.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_in_the_docstring_is_a_source_that_works(name):
    source = sample_of(name)
    assert source["decoder"] == name
    assert not any(filter_problem(topic) for topic in source["topics"])
    assert plugins.check_source("mqtt", name, source["options"]) == []
    options = msgspec.convert(source["options"], plugins.load("decoders", name).Options)
    assert made(name, source["options"]).state() is not None
    assert options != plugins.load("decoders", name).Options(), "a sample that sets nothing shows nothing"


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_option_is_refused(name):
    (problem,) = plugins.check_source("mqtt", name, {"tpoic": "x"})
    assert problem[0] == "options"
    assert "tpoic" in problem[1]


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_has_three_recorded_cases_one_of_them_an_error(name):
    expected = [json.loads((case / "expected.json").read_text()) for case in CASES if case.parent.name == name]
    assert len(expected) >= 3
    assert any("error" in each for each in expected)
    assert any("frames" in each for each in expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_recorded_message_is_decoded_as_expected(case):
    options = tomllib.loads((case / "options.toml").read_text(encoding="utf-8"))
    message = message_of(json.loads((case / "message.json").read_text(encoding="utf-8")))
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    decoder = made(case.parent.name, options)
    before = case / "before.json"
    for row in json.loads(before.read_text(encoding="utf-8")) if before.exists() else ():
        list(decoder.decode(message_of(row)))
    assert told(decoder, message) == expected
    assert told(decoder, message) == expected, "the same message again is the same frame"


def test_every_folder_of_cases_belongs_to_a_decoder():
    assert {case.parent.name for case in CASES} == set(NAMES)


words = st.sampled_from(
    [
        "ts",
        "t0",
        "dt_s",
        "v",
        "n",
        "x",
        "value",
        "header",
        "stamp",
        "sec",
        "nanosec",
        "name",
        "position",
        "velocity",
        "seq",
        "state",
        "",
    ]
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(0, 2**70), st.floats(), st.text(max_size=6),
    st.sampled_from([1795328000000, 1795328000, "2026-11-22T06:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00"]),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(words, st.text(max_size=4)), inner)),
    max_leaves=12,
)
jsonish = st.one_of(
    values.map(lambda value: json.dumps(value).encode()),
    st.tuples(values, st.integers(0, 60)).map(lambda t: json.dumps(t[0]).encode()[: t[1]]),
    st.sampled_from(
        [
            b"NaN", b"-Infinity", b"1e999", b"1e-400", b"9" * 5000, b"[" * 100_000, b'{"a":' * 5000, b'"\\ud800"',
            b'"\\u0000"', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b'{"x":1}trailing', b'{"x":1,"x":2}', b"\x00",
            b'{"x": NaN}', b'"' + b"a" * 70_000 + b'"', b"AUTO\x00", b"-", b"+5", b"0x10", b"12,5",
        ]
    ),
)  # fmt: skip
OPTION_SETS = {
    "json_object": [
        {},
        {"time": "ts", "seq": "n"},
        {"time": "ts", "time_unit": "iso", "zone_offset_h": 14.0},
        {"time": "ts", "values": [{"path": "x", "unit": "MPa", "to_unit": "Pa"}, {"path": "name.0", "kind": "text"}]},
    ],
    "json_array": [
        {},
        {"seq": "", "time_unit": "s"},
        {"seq": "n", "epoch": "value", "time_unit": "iso", "zone_offset_h": 14.0, "values": "x"},
        {"signals": [{"name": "x", "unit": "rad"}, {"name": "y"}]},
    ],
    "json_topic": [{}, {"time": "ts"}, {"time": "ts", "time_unit": "iso", "zone_offset_h": 14.0}],
    "ros_json": [{}],
}
TOPICS = {
    "auto": "sensors/temp1",
    "json_array": "a/b/data",
    "json_object": "a/b/data",
    "json_topic": "a/b/x",
    "ros_json": "a/b/joint_states",
    "homeassistant": "homeassistant/sensor/a/config",
    "mapping": "plant/press",
    "opcua_pubsub": "opcua/json/data/plc/group",
    "senml": "senml/oven",
    "tasmota": "tele/pump/SENSOR",
    "telegraf": "telegraf/gw",
    "uns": "umh/v1/e/s/a/_historian",
    "vda5050": "uagv/v2/maker/one/state",
}
NO_JSON = {"sparkplug_b"}
"""What nests there nests otherwise, and has tests of its own."""


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=examples(150))
@given(data=st.data())
def test_any_bytes_become_frames_or_a_decode_error(name, data):
    options = data.draw(st.sampled_from(OPTION_SETS.get(name, [sample_of(name)["options"]])))
    topic = data.draw(st.one_of(st.just(TOPICS.get(name, "a/b/c")), st.text(max_size=20)))
    decoder = made(name, options)
    reasons = set()
    for payload in data.draw(st.lists(st.one_of(st.binary(max_size=40), jsonish), min_size=1, max_size=3)):
        message = Message(topic, payload, 1795328000 * 10**9, 1, data.draw(st.booleans()))
        try:
            found = list(decoder.decode(message))
        except DecodeError as error:
            reasons.add(error.reason)
            continue
        for part in found:
            if isinstance(part, Frames):
                well_shaped(part)
    assert all(re.fullmatch(r"[a-z_]+", reason) for reason in reasons)
    decoder.restore(decoder.state())


def changed(data, value):
    """A JSON value with one thing in it replaced, left out, or there in another place."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(value)))
        if data.draw(st.integers(0, 4)) == 0:
            return {other: inner for other, inner in value.items() if other != key}
        return value | {key: changed(data, value[key])}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], changed(data, value[place]), *value[place + 1 :]]
    return data.draw(st.one_of(leaves, values))


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_a_recorded_message_with_something_changed_becomes_frames_or_a_decode_error(name, data):
    case = data.draw(st.sampled_from([case for case in CASES if case.parent.name == name]))
    decoder = made(name, tomllib.loads((case / "options.toml").read_text(encoding="utf-8")))
    before = case / "before.json"
    for row in json.loads(before.read_text(encoding="utf-8")) if before.exists() else ():
        list(decoder.decode(message_of(row)))
    message = message_of(json.loads((case / "message.json").read_text(encoding="utf-8")))
    for _ in range(2):
        payload = message.payload
        try:
            payload = json.dumps(changed(data, json.loads(payload))).encode()
        except ValueError:
            place = data.draw(st.integers(0, len(payload)))
            payload = (
                payload[:place] + data.draw(st.binary(max_size=3)) + payload[place + data.draw(st.integers(0, 2)) :]
            )
        assert set(told(decoder, message._replace(payload=payload))) <= {"frames", "handled", "error"}
    decoder.restore(decoder.state())
    assert set(told(decoder, message)) <= {"frames", "handled", "error"}


cells = st.one_of(
    st.floats(-9, 9), st.integers(-5, 5), st.none(), st.sampled_from([2**53, 2**60, 1e300, "x", True, []])
)
plain_rows = st.lists(st.one_of(st.floats(-9, 9), st.none()), min_size=2, max_size=2)


@st.composite
def array_messages(draw):
    """Messages of a few devices that mostly behave: counts go on, now and then something is odd."""
    counts, made = [draw(st.integers(0, 3)) for _ in range(3)], []
    for place in range(draw(st.integers(1, 12))):
        device = draw(st.integers(0, 2))
        odd = draw(st.integers(0, 5)) == 0
        rows = draw(st.integers(1, 3))
        width = draw(st.sampled_from([1, 2, 3])) if odd else 2
        v = [draw(st.lists(cells, min_size=width, max_size=width) if odd else plain_rows) for _ in range(rows)]
        n = draw(st.integers(-1, 2**42)) if odd and draw(st.booleans()) else counts[device]
        counts[device] = max(n, 0) % 2**30 + rows
        t = 1795328000000 + place * 40 + (draw(st.integers(-100, 10**12)) if odd else 0)
        body = (
            {"seq": n, "e": 2, "v": v[0], "ts": t} if rows == 1 else {"t0": t, "dt_s": 0.01, "seq": n, "v": v, "e": 2}
        )
        if odd:
            extra = draw(
                st.sampled_from(
                    [{}, {"ts": t}, {"t0": t}, {"dt_s": -1}, {"dt_s": None}, {"w": 1}, {"v": []}, {"e": -1}]
                )
            )
            body = {**body, **extra}
        text = json.dumps(body)
        if odd and draw(st.booleans()):
            text = text[:-1] + ', "ts": 5}'
        topic = f"p/a{device}/{draw(st.sampled_from(['data', 'data', 'other'])) if odd else 'data'}"
        made.append(Message(topic, text.encode(), 1795328000 * 10**9 + place, 1, odd and draw(st.booleans())))
    return made


@settings(deadline=None, max_examples=examples(150))
@given(
    st.lists(array_messages(), min_size=1, max_size=3),
    st.sampled_from([{}, {"seq": ""}, {"epoch": "e"}, {"topic": "p/{asset}/{_}", "stream": "one"}]),
    st.integers(1, 20),
)
def test_many_messages_at_once_are_what_each_is_alone(deliveries, options, max_rows):
    alone, bulk = made("json_array", options), made("json_array", options)
    for messages in deliveries:
        expected = [told(alone, message) for message in messages]
        assert told_at_once(bulk, messages, max_rows) == expected
        assert bulk.state() == alone.state()


def test_messages_that_are_as_they_should_be_are_read_at_once():
    decoder = made("json_array", {})

    def rows(device, n):
        body = {"t0": 1795328000000 + n * 10, "dt_s": 0.01, "seq": n, "v": [[n + 0.5, None], [n + 1.5, 0.25]]}
        return Message(f"p/a{device}/data", json.dumps(body).encode(), 1795328000 * 10**9, 1)

    for device in range(3):
        told(decoder, rows(device, 0))
    (block,), left, looked_at = decoder.decode_many([rows(d, n) for n in (2, 4, 6) for d in (2, 0, 1)], 100)
    assert (left, looked_at, len(block)) == ([], 9, 18)
    assert sorted(stream.id for stream in block.streams) == ["p/a0:data", "p/a1:data", "p/a2:data"]
    for part, _ in block.parts():
        assert part.seq.tolist() == [2, 3, 4, 5, 6, 7]
        assert part.t_ns.tolist() == [(1795328000000 + n * 10) * 10**6 for n in range(2, 8)]
        assert part.values[:, 0].tolist() == [2.5, 3.5, 4.5, 5.5, 6.5, 7.5]


@pytest.mark.parametrize("width", [1, 3, 40])
def test_single_samples_of_an_array_are_read_at_once(width):
    decoder, alone = made("json_array", {}), made("json_array", {})

    def sample(device, n):
        body = {"ts": 1795328000000 + n * 10, "seq": n, "v": [None if i == n else n + i / 4 for i in range(width)]}
        return Message(f"p/a{device}/data", json.dumps(body).encode(), 1795328000 * 10**9, 1)

    first, rest = [sample(d, 0) for d in range(3)], [sample(d, n) for n in range(1, 5) for d in (2, 0, 1)]
    for message in first:
        told(decoder, message), told(alone, message)
    assert decoder.decode_many(rest, 100)[1:] == ([], 12)
    again = made("json_array", {})
    for message in first:
        told(again, message)
    assert told_at_once(again, rest, 100) == [told(alone, message) for message in rest]


BULK = {
    "json_object": [{"topic": "p/{asset}/{stream}", **more} for more in (
        {}, {"time": "ts"}, {"time": "ts", "seq": "n"}, {"time": "ts", "time_unit": "iso"}, {"time": "ts", "ignore": ["x"]},
        {"time": "ts", "stream": "one"},
    )],
    "json_topic": [{"topic": "p/{asset}/{signal}", **more} for more in (
        {}, {"time": "ts"}, {"time": "ts", "time_unit": "iso"}, {"value": "x"},
    )],
    "uns": [{"prefix": "p", "skip_levels": 0}],
}  # fmt: skip
odd_values = st.one_of(
    leaves, st.sampled_from([{"x": 1}, [1], 2**53, 2**53 + 1, 2**60, 1e300, -0.0, True, "on", '"', "a:b", "\\"])
)


@st.composite
def flat_messages(draw, name, options):
    """Messages of a few devices that mostly send flat objects of numbers; now and then something is odd."""
    iso = options.get("time_unit") == "iso"
    time, count = ("timestamp_ms", "") if name == "uns" else (options.get("time", ""), options.get("seq", ""))
    fields = {"json_object": ["x", "y"], "json_topic": [options.get("value", "value")], "uns": ["value"]}[name]
    made, counts = [], [draw(st.integers(0, 3)) for _ in range(3)]
    for place in range(draw(st.integers(1, 14))):
        device = draw(st.integers(0, 2))
        odd = draw(
            st.sampled_from(
                [""] * 12 + ["value", "time", "no_time", "count", "extra", "twice", "tail", "topic", "kept"]
            )
        )
        body = {field: draw(st.floats(-9, 9)) for field in fields}
        if odd == "value":
            body[fields[0]] = draw(st.one_of(st.none(), odd_values))
        t = 1795328000000 + place * 40 + (draw(st.integers(-100, 10**12)) if odd == "time" else 0)
        if time and odd != "no_time":
            body[time] = f"2026-11-22T06:00:{place:02}{draw(st.sampled_from(['Z', '+09:00', '.25Z']))}" if iso else t
        if count:
            body[count] = draw(odd_values) if odd == "count" else counts[device]
            counts[device] += 1
        if odd == "extra":
            body |= {draw(st.sampled_from(["z", ""])): draw(odd_values)}
        text = json.dumps(body, ensure_ascii=False)
        if name != "json_object" and not time and odd != "twice" and draw(st.booleans()):
            text = json.dumps(body.get(fields[0]))
        if odd in ("twice", "tail"):
            text = text[:-1] + (
                f', "{fields[0]}": 5}}' if odd == "twice" else draw(st.sampled_from(["", "} ", "]", ",}"]))
            )
        level = "_historian/t" if name == "uns" else "data"
        topic = f"p/a{device}/{draw(st.sampled_from(['other', '_raw/t'])) if odd == 'topic' else level}"
        made.append(Message(topic, text.encode(), 1795328000 * 10**9 + place, 1, odd == "kept"))
    return made


def test_a_nested_message_among_flat_ones_is_read_as_it_is():
    decoder = made("json_object", {"topic": "p/{asset}/{stream}"})
    answers = [told(decoder, Message("p/a/data", body, 1)) for body in (b'{"x": 1}', b'{"x": 1, "": {"x": 2}}')]
    assert ["frames" in answer for answer in answers] == [True, True]


@pytest.mark.parametrize("name", sorted(BULK))
@settings(deadline=None, max_examples=examples(80))
@given(data=st.data(), max_rows=st.integers(1, 20))
def test_many_flat_messages_at_once_are_what_each_is_alone(name, data, max_rows):
    options = data.draw(st.sampled_from(BULK[name]))
    alone, bulk = made(name, options), made(name, options)
    for _ in range(data.draw(st.integers(1, 3))):
        messages = data.draw(flat_messages(name, options))
        expected = [told(alone, message) for message in messages]
        assert told_at_once(bulk, messages, max_rows) == expected
        assert bulk.state() == alone.state()


def test_a_part_of_a_name_that_is_none_by_itself_is_taken_though_the_topic_has_a_shape():
    decoder = made("json_object", {"topic": "p/{asset}/{stream}"})
    first, nested = (
        Message("p/a0/data", payload, 1795328000000000000, 1, False)
        for payload in (b'{"x": 0.0, "y": 0.0}', b'{"x": 0.0, "y": 0.0, "": {"x": 1}}')
    )
    told_at_once(decoder, [first], 1)
    ((found,),) = (one["frames"] for one in told_at_once(decoder, [nested], 1))
    assert set(found["columns"]) == {".x", "x", "y"}


STAMP = "2026-11-22T06:00:{:02}"
NESTED = {
    "mapping": ({"topic": "p/{asset}", "time": "at", "seq": "n",
                 "fields": [{"path": "a.v[1]", "signal": "x"}, {"path": "a.w", "signal": "y"}]}, "p/a{}",
                lambda n, v: {"at": 1795328000000 + n, "n": n, "kind": "k", "a": {"v": [5, v[0]], "w": v[1]}}),
    "tasmota": ({}, "tele/a{}/SENSOR",
                lambda n, v: {"Time": STAMP.format(n), "ENERGY": {"Power": v, "Total": v[0]}, "TempUnit": "C"}),
    "senml": ({"topic": "p/{asset}"}, "p/a{}",
              lambda n, v: [{"bn": "a:", "bt": 1795328000.5 + n, "n": "x", "v": v[0]}, {"n": "y", "u": "A", "v": v[1]}]),
    "opcua_pubsub": ({}, "opcua/json/data/a{}/g",
                     lambda n, v: {"MessageId": f"m{n}", "PublisherId": "p", "Messages": [
                         {"DataSetWriterId": 1, "SequenceNumber": n, "Timestamp": STAMP.format(n) + "Z",
                          "MessageType": "ua-keyframe",
                          "Payload": {"x": {"UaType": 11, "Value": v[0]}, "y": {"Value": v[1], "StatusCode": 0}}}]}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(NESTED))
@settings(deadline=None, max_examples=examples(80))
@given(data=st.data(), max_rows=st.integers(1, 20))
def test_many_nested_messages_at_once_are_what_each_is_alone(name, data, max_rows):
    options, topic, body_of = NESTED[name]
    alone, bulk = made(name, options), made(name, options)
    counts, second = [0] * 3, 0
    for _ in range(data.draw(st.integers(1, 3))):
        messages = []
        for _ in range(data.draw(st.integers(1, 10))):
            device, second = data.draw(st.integers(0, 2)), second + 1
            body = body_of(second if name != "mapping" else counts[device], data.draw(plain_rows))
            counts[device] += 1
            odd = data.draw(st.integers(0, 6)) == 0
            text = json.dumps(changed(data, body) if odd else body)
            if odd and data.draw(st.integers(0, 3)) == 0:
                text = (
                    text.replace('"v"', '"v": 7, "v"')
                    .replace('"Value"', '"Value": 7, "Value"')
                    .replace('"w"', '"w": 7, "w"')
                )
            messages.append(Message(topic.format(device), text.encode(), 1795328000 * 10**9 + second, 1))
        expected = [told(alone, message) for message in messages]
        assert told_at_once(bulk, messages, max_rows) == expected
        assert json.loads(bulk.state()) == json.loads(alone.state())


@pytest.mark.parametrize("name", sorted(NESTED))
def test_nested_messages_of_a_known_shape_are_read_at_once(name):
    options, topic, body_of = NESTED[name]
    decoder = made(name, options)

    def one(n):
        return Message(topic.format(0), json.dumps(body_of(n, [n + 0.5, 0.25])).encode(), 1795328000 * 10**9, 1)

    told(decoder, one(0))
    (block,), left, looked_at = decoder.decode_many([one(n) for n in (1, 2, 3)], 100)
    assert (left, looked_at, len(block)) == ([], 3, 3)


def test_flat_messages_of_a_known_shape_are_read_at_once():
    decoder = made("json_object", {"topic": "p/{asset}/{stream}", "time": "ts", "seq": "n"})

    def one(device, n):
        body = {"ts": 1795328000000 + n, "y": None if n == 3 else n + 0.5, "x": n, "n": n}
        return Message(f"p/a{device}/data", json.dumps(body).encode(), 1795328000 * 10**9, 1)

    for device in range(3):
        told(decoder, one(device, 0))
    (block,), left, looked_at = decoder.decode_many([one(d, n) for n in (1, 2, 3) for d in (2, 0, 1)], 100)
    assert (left, looked_at, len(block)) == ([], 9, 9)
    for part, _ in block.parts():
        assert part.seq.tolist() == [1, 2, 3]
        assert [signal.name for signal in part.stream.columns] == ["y", "x"]
        assert part.values[:2].tolist() == [[1.5, 1], [2.5, 2]]


@settings(deadline=None, max_examples=examples(150))
@given(
    st.lists(st.one_of(leaves, st.floats(-10, 10)), min_size=2, max_size=2),
    st.one_of(leaves, st.integers(0, 9)),
    st.lists(leaves, max_size=2),
)
def test_any_numbers_in_a_joint_state_become_frames_or_a_decode_error(position, sec, velocity):
    stamp = {"sec": sec, "nanosec": 5}
    body = {"header": {"stamp": stamp}, "name": ["a", "b"], "position": position, "velocity": velocity}
    answer = told(made("ros_json", {}), Message("s/r/joint_states", json.dumps(body).encode(), 1))
    assert set(answer) <= {"frames", "error"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NO_JSON])
@pytest.mark.parametrize("payload", [b"[" * (MAX_DEPTH + 1), b'{"a":' * 100_000], ids=["33", "100000"])
def test_a_payload_nested_too_deep_is_refused_before_parsing(name, payload):
    assert told(made(name, {}), Message(TOPICS[name], payload, 1)) == {"error": "depth"}


def test_brackets_inside_a_text_are_no_depth():
    body = json.dumps({"x": "[" * 100 + '"\\' + "{" * 100}).encode()
    assert "frames" in told(made("json_object", {}), Message("a/b/data", body, 1))


texts = st.text(st.sampled_from('ab:"\\ \t{}[,'), max_size=4)


@settings(max_examples=examples(300))
@given(
    st.recursive(
        st.one_of(st.integers(0, 9), texts),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(list), st.lists(st.tuples(texts, inner), max_size=3).map(tuple)
        ),
        max_leaves=10,
    ),
    st.sampled_from([":", " :", "\t: ", "\n:\n"]),
)
def test_a_key_is_there_twice_exactly_where_the_parser_says_nothing_of_it(value, colon):
    twice = False

    def written(item):
        nonlocal twice
        if isinstance(item, tuple):
            keys = [key for key, _ in item]
            twice = twice or len(set(keys)) < len(keys)
            return "{" + ",".join(f"{json.dumps(key)}{colon}{written(inner)}" for key, inner in item) + "}"
        if isinstance(item, list):
            return "[" + ",".join(map(written, item)) + "]"
        return json.dumps(item)

    payload = written(value).encode()
    if twice:
        with pytest.raises(DecodeError) as caught:
            parse(payload)
        assert caught.value.reason == "dup_key"
    else:
        parse(payload)


def test_random_names_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("connectors.decoders._streams.MAX_STREAMS", 5)
    decoder = made("json_object", {})
    answers = [told(decoder, Message("a/b/data", b'{"x%d": 1}' % i, 1)) for i in range(8)]
    assert [answer.get("error", "") for answer in answers] == [""] * 5 + ["cardinality"] * 3


T0 = 1_795_328_000 * 10**9
STEP = 10**9
COUNTED = {"topic": "p/{asset}/{stream}", "time": "ts", "time_unit": "ns", "seq": "n"}


class Device:
    """A device that counts its messages, and the decoder that listens to it."""

    def __init__(self):
        self.decoder = made("json_object", COUNTED)

    def hear(self, n, t_ns):
        body = json.dumps({"ts": t_ns, "n": n, "x": 1.0}).encode()
        (part,) = self.decoder.decode(Message("p/ur3/data", body, t_ns))
        return divmod(int(part.seq[0]), 1 << SEQ_EPOCH_SHIFT)

    def restart_decoder(self):
        state, self.decoder = self.decoder.state(), made("json_object", COUNTED)
        self.decoder.restore(state)


def test_a_count_that_begins_again_opens_a_new_epoch():
    device = Device()
    assert [device.hear(n, T0 + i * STEP) for i, n in enumerate([7, 8, 9, 0, 1])] == [
        (0, 7), (0, 8), (0, 9), (1, 0), (1, 1),
    ]  # fmt: skip


def test_a_wrapped_count_goes_on_above_the_old_one():
    device = Device()
    heard = [device.hear(n % 256, T0 + n * STEP) for n in range(600)]
    assert [epoch for epoch, _ in heard] == [n // 256 for n in range(600)]
    assert heard == sorted(heard)


def test_a_redelivered_message_stays_in_its_epoch():
    device = Device()
    first = {i: device.hear(n, T0 + i * STEP) for i, n in enumerate([0, 1, 2, 0, 1])}
    assert device.hear(1, T0 + 4 * STEP) == first[4] == (1, 1)
    assert device.hear(0, T0 + 3 * STEP) == first[3] == (1, 0)
    assert device.hear(2, T0 + 2 * STEP) == first[2] == (0, 2)


def test_a_late_message_does_not_open_an_epoch():
    device = Device()
    assert [device.hear(n, T0 + n * STEP) for n in (1, 2, 5, 3, 4, 6)] == [(0, n) for n in (1, 2, 5, 3, 4, 6)]


def test_a_repeated_count_at_the_same_time_is_the_same_frame():
    device = Device()
    assert device.hear(5, T0) == device.hear(5, T0) == (0, 5)


@settings(deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.sets(st.integers(0, 60)), st.data())
def test_epochs_and_ids_survive_a_restart_of_the_decoder(sessions, restarts, data):
    counts = [n for length in sessions for n in range(length)]
    steady, restarted, first = Device(), Device(), []
    for i, n in enumerate(counts):
        if i in restarts:
            restarted.restart_decoder()
        first.append(steady.hear(n, T0 + i * STEP))
        assert restarted.hear(n, T0 + i * STEP) == first[i]
    last = len(counts) - sessions[-1]
    for i in data.draw(st.lists(st.integers(last, len(counts) - 1), max_size=5)):
        again = restarted.hear(counts[i], T0 + i * STEP)
        assert again == steady.hear(counts[i], T0 + i * STEP) == first[i]


def test_the_plain_name_stays_with_the_fields_that_came_first_over_a_restart():
    def stream(decoder, body):
        (part,) = decoder.decode(Message("a/b/data", json.dumps(body).encode(), 1))
        return part.stream.id

    decoder = made("json_object", {})
    plain_id, other_id = stream(decoder, {"x": 1}), stream(decoder, {"x": 1, "y": 2})
    assert plain_id == "a/b:data"
    assert re.fullmatch(r"a/b:data~[0-9a-f]{6}", other_id)
    again = made("json_object", {})
    again.restore(decoder.state())
    assert stream(again, {"x": 1, "y": 2}) == other_id
    assert stream(again, {"x": 1}) == plain_id


@pytest.mark.parametrize("seq", [-1, 1 << SEQ_EPOCH_SHIFT, 1.0, "1", None, True])
def test_what_is_no_count_is_refused(seq):
    with pytest.raises(DecodeError) as caught:
        SequenceTracker().unwrap("a", seq, T0)
    assert caught.value.reason == "seq"


def test_a_told_epoch_is_used_as_it_is():
    tracker = SequenceTracker()
    assert tracker.unwrap("a", 5, T0, 3) == 3 << SEQ_EPOCH_SHIFT | 5
    for epoch in (-1, 1 << 30, True, "x"):
        with pytest.raises(DecodeError):
            tracker.unwrap("a", 5, T0, epoch)


def test_a_message_sent_again_two_sessions_later_keeps_the_sequence_of_its_own():
    tracker = SequenceTracker()
    said = [(7, 0), (8, 1), (1, 10), (2, 11), (1, 20), (1, 30), (2, 31)]
    first = [tracker.unwrap("a", seq, T0 + t_s * NS_PER_S) for seq, t_s in said]
    assert [divmod(seq, 1 << SEQ_EPOCH_SHIFT) for seq in first] == [
        (0, 7), (0, 8), (1, 1), (1, 2), (2, 1), (3, 1), (3, 2),
    ]  # fmt: skip
    assert [tracker.unwrap("a", seq, T0 + t_s * NS_PER_S) for seq, t_s in said] == first


def test_a_count_that_begins_anew_for_ever_takes_no_more_room():
    tracker = SequenceTracker()
    for t_s in range(1000):
        tracker.unwrap("a", 1, T0 + t_s * NS_PER_S)
    assert len(tracker.streams["a"]) < 30


@given(st.binary(max_size=50), st.binary(max_size=50))
@example(b"", b"\x00")
def test_a_payloads_hash_is_a_63_bit_count_and_tells_payloads_apart(one, other):
    assert 0 <= payload_seq(one) < 1 << 63
    assert (payload_seq(one) == payload_seq(other)) == (one == other)


@pytest.mark.parametrize(
    ("value", "unit", "zone_s", "wanted"),
    [
        (1795328000, "s", None, T0),
        (1795328000.25, "s", None, T0 + 250_000_000),
        (1795328000123, "ms", None, T0 + 123_000_000),
        (1795328000123456, "us", None, T0 + 123_456_000),
        (T0 + 1, "ns", None, T0 + 1),
        ("2026-11-22T06:13:20.000000001Z", "iso", None, T0 + 1),
        ("2026-11-22T15:13:20", "iso", 9 * 3600.0, T0),
        ("2026-11-22T06:13:20Z", "iso", 9 * 3600.0, T0),
    ],
)
def test_a_devices_time_is_read_in_its_unit(value, unit, zone_s, wanted):
    assert time_ns(value, unit, "ts", zone_s) == wanted


@pytest.mark.parametrize(
    ("value", "unit", "reason"),
    [
        (1795328000, "ms", "ts_unit"),
        (1795328000000, "s", "ts_unit"),
        (0, "s", "ts_unit"),
        (1e300, "s", "ts_unit"),
        (float("nan"), "s", "ts_range"),
        (float("inf"), "s", "ts_range"),
        (True, "s", "type"),
        ("1795328000", "s", "type"),
        (1795328000, "iso", "type"),
        ("2026-11-22T06:13:20", "iso", "ts_range"),
        ("9999-12-31T23:59:59Z", "iso", "ts_range"),
        ("1970-01-01T00:00:00Z", "iso", "ts_range"),
        ("yesterday", "iso", "ts_range"),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_never_guessed(value, unit, reason):
    with pytest.raises(DecodeError) as caught:
        time_ns(value, unit, "ts")
    assert caught.value.reason == reason


def test_null_fields_and_another_order_of_fields_stay_in_the_same_stream():
    decoder = plugins.make_decoder("json_object", {"topic": "{asset}/{stream}"}, "source", Hub("h", Name("h", "h"), ()))

    def frames(body):
        (made,) = decoder.decode(Message("robot/data", body, 10**18 + 5))
        return made

    first = frames(b'{"speed": 0.5, "stop": true, "note": "a"}')
    second = frames(b'{"note": null, "stop": false, "speed": null}')
    assert second.stream == first.stream
    assert second.values.tolist()[0][1] == 0.0
    assert str(second.values.tolist()[0][0]) == "nan"
    assert second.texts == ((None,),)


def line_of(n, v):
    values = ",".join(f"f{i}={'1i' if cell is None else cell}" for i, cell in enumerate(v))
    return f"plc,host=a {values},whole={n}i,on=true {1795328000000000000 + n}\n".encode()


def pack_of(n, v):
    first, second = (0.5 if cell is None else cell for cell in v)
    rows = [{-2: "a:", -3: 1795328000.5 + n, 0: "x", 2: first}, {0: "y", 1: "A", 2: second}]
    return cbor2.dumps(rows)


def joints_of(n, v, **header):
    stamp = {"sec": 1795328000 + n, "nanosec": 5}
    return json.dumps(
        {"header": {"stamp": stamp, "frame_id": "f"} | header, "name": ["a", "b"], "position": v}
    ).encode()


def many_of(n, v):
    return json.dumps({"ts": 1795328000000 + n} | {f"k{i}": v[i % 2] for i in range(40)}).encode()


def wide_pack_of(n, v):
    rows = [{"n": f"s{i}", "v": 0.5 if v[i % 2] is None else v[i % 2]} for i in range(30)]
    return json.dumps([rows[0] | {"bn": "a:", "bt": 1795328000.5 + n}, *rows[1:]]).encode()


HA = {"name": "power", "device": {"name": "a0"}, "unit_of_measurement": "W"}
WIRES = {
    "lines": ("telegraf", {}, "telegraf/a{}", line_of, ()),
    "metrics": ("telegraf", {"json_precision": "ms"}, "telegraf/a{}",
                lambda n, v: json.dumps({"fields": {"x": v[0], "y": v[1]}, "name": "plc", "tags": {"host": "a"},
                                         "timestamp": 1795328000000 + n}).encode(), ()),
    "bare": ("homeassistant", {}, "hmd/a{}", lambda n, v: str(v[0]).encode(),
             [Message(f"homeassistant/sensor/a{i}/config", json.dumps(HA | {"state_topic": f"hmd/a{i}"}).encode(), 1)
              for i in range(3)]),
    "cbor": ("senml", {"topic": "p/{asset}"}, "p/a{}", pack_of, ()),
    "wide pack": ("senml", {"topic": "p/{asset}"}, "p/a{}", wide_pack_of, ()),
    "joints": ("ros_json", {"topic": "p/{asset}"}, "p/a{}", joints_of, ()),
    "counted joints": ("ros_json", {"topic": "p/{asset}"}, "p/a{}", lambda n, v: joints_of(n, v, seq=n), ()),
    "wide": ("json_object", {"topic": "p/{asset}", "time": "ts"}, "p/a{}", many_of, ()),
}  # fmt: skip
SNIPPETS = [
    b"", b"i", b"u", b",", b"=", b" ", b"\n", b"_", b"-", b".", b"e5", b"e400", b"null", b"true", b'"', b"\\", b"nan", b"1i", b":",
    b"{", b"}", b"[", b"]", b"9" * 25, b"0", b"1", b"\xfb", b"\x00", b"\r", b"5 6", b'"x":1,', b",f0=3",
]  # fmt: skip


@st.composite
def broken(draw, payload):
    """A payload with a piece of it replaced, or there twice."""
    start, size = draw(st.integers(0, len(payload))), draw(st.sampled_from([0, 0, 1, 2, 9]))
    if draw(st.integers(0, 9)) == 0:
        return payload[:start] + payload
    return payload[:start] + draw(st.sampled_from(SNIPPETS)) + payload[start + size :]


@pytest.mark.parametrize("wire", sorted(WIRES))
@settings(deadline=None, max_examples=examples(80))
@given(data=st.data(), max_rows=st.integers(1, 20))
def test_many_payloads_at_once_are_what_each_is_alone_however_they_are_broken(wire, data, max_rows):
    name, options, topic, payload_of, before = WIRES[wire]
    alone, bulk = made(name, options), made(name, options)
    for message in before:
        assert told(alone, message) == told(bulk, message)
    counts = [0] * 3
    for _ in range(data.draw(st.integers(1, 3))):
        messages = []
        for _ in range(data.draw(st.integers(1, 10))):
            device = data.draw(st.integers(0, 2))
            counts[device] += 1
            payload = payload_of(counts[device], data.draw(plain_rows))
            if data.draw(st.integers(0, 5)) == 0:
                payload = data.draw(broken(payload))
            messages.append(Message(topic.format(device), payload, 1795328000 * 10**9 + sum(counts), 1))
        expected = [told(alone, message) for message in messages]
        assert told_at_once(bulk, messages, max_rows) == expected
        assert json.loads(bulk.state()) == json.loads(alone.state())


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_payloads_of_a_known_shape_are_read_at_once(wire):
    name, options, topic, payload_of, before = WIRES[wire]
    decoder = made(name, options)
    messages = [Message(topic.format(0), payload_of(n, [n + 0.5, 0.25]), 1795328000 * 10**9, 1) for n in range(4)]
    for message in (*before, messages[0]):
        told(decoder, message)
    (block,), left, looked_at = decoder.decode_many(messages[1:], 100)
    assert (left, looked_at, len(block)) == ([], 3, 3)


def test_a_payload_that_only_fits_with_its_neighbour_is_read_by_neither():
    decoder = made("json_object", {"topic": "p/{asset}"})
    told(decoder, Message("p/a", b'{"x": 1, "y": 2}', 1))
    payloads = [b'{"x": 1', b'"y": 2}', b'{"x": 1, "y": 2}{"x": 3, "y": 4}']
    answers = told_at_once(decoder, [Message("p/a", payload, n) for n, payload in enumerate(payloads)], 100)
    assert [list(answer) for answer in answers] == [["error"]] * 3
