"""Sparkplug's values: every datatype, shapes, templates, wrapping, and payloads that mean harm."""

from __future__ import annotations

import gzip
import itertools
import re
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples
from sparkplug_edge import FIELDS, Edge, metric, reasons, rows, told, values

from connectors.decoders._sparkplug import proto
from connectors.decoders._sparkplug.proto import FILE, Payload, parsed
from connectors.decoders._sparkplug.units import ucum
from connectors.decoders._sparkplug.values import Datatype
from twin.errors import DecodeError
from twin.message import Ask
from twin.sample import Frames
from twin.units import known

tck = pytest.mark.tck
MAX = 2**53


def birth_of(kind, value, name="v", field=None, **options):
    edge = Edge(**options)
    edge.hear(edge.nbirth())
    return edge, edge.hear(
        edge.dbirth("d", [{"name": name, "value": value, "kind": kind, "alias": 1, "field": field or FIELDS[kind]}])
    )


# D10: datatypes


@tck("payloads-metric-datatype-value-type", "payloads-metric-datatype-value")
@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (1, 0xFFFFFFFB, -5.0), (1, 251, -5.0), (1, 127, 127.0), (2, 4294937296, -30000.0), (2, 35536, -30000.0), (3, 2294967296, -2e9),
        (4, 2**64 - 5, -5.0), (5, 250, 250.0), (6, 65000, 65000.0), (7, 4_000_000_000, 4e9), (8, MAX, float(MAX)),
        (9, 36.599998474121094, 36.599998474121094), (10, 812.25, 812.25), (11, True, 1.0), (11, False, 0.0),
        (12, "RUN", "RUN"), (13, 1795327686396, 1795327686396.0), (14, "Überdruck 你好", "Überdruck 你好"),
        (15, "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"), (17, b"\x00\xff", "AP8="), (18, b"G1", "RzE="),
    ],
)  # fmt: skip
def test_a_scalar_is_stored_exactly(kind, value, stored):
    _, found = birth_of(kind, value)
    suffix = "~text" if isinstance(stored, str) else ""
    assert values(found, f"g/n1/d:v{suffix}") == [stored]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (7, "long_value", 4_000_000_000),
        (4, "int_value", 7),
        (10, "float_value", 0.5),
        (9, "double_value", 0.5),
        (10, "int_value", 3),
        (11, "int_value", 1),
        (3, "boolean_value", True),
    ],
)
def test_a_number_in_another_field_than_its_own_is_still_that_number(kind, field, value):
    _, found = birth_of(kind, value, field=field)
    assert values(found, "g/n1/d:v") == [float(value)]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (3, "string_value", "3"),
        (10, "string_value", "x"),
        (12, "int_value", 3),
        (11, "int_value", 2),
        (16, "int_value", 1),
        (19, "int_value", 1),
        (31, "string_value", "x"),
        (20, "int_value", 1),
    ],
)
def test_a_value_of_another_kind_is_refused(kind, field, value):
    _, found = birth_of(kind, value, field=field)
    assert reasons(found)[0] in ("type", "datatype")
    assert not told(found, Frames)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [(8, 2**64 - 1, "18446744073709551615"), (8, MAX + 1, "9007199254740993"), (4, 2**63, "-9223372036854775808")],
)
def test_a_whole_number_beyond_2_53_is_stored_as_digits(kind, value, text):
    if text == "9007199254740993":
        value = MAX + 1
        text = str(value)
    _, found = birth_of(kind, value)
    assert values(found, "g/n1/d:v~text") == [text]
    assert values(found, "g/n1/d:v") == [None], "and the number is absent rather than nearly right"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_finite_number_is_absent_bad_and_told(value):
    edge, found = birth_of(10, value)
    assert [(cells, quality) for name, _, _, cells, quality in rows(found) if name == "g/n1/d:v"] == [((None,), 0)]
    assert "not_finite" in [one.rule for one in edge.log if hasattr(one, "rule")]


ARRAYS = [
    (22, "<bb", (-23, 123)), (23, "<hh", (-30000, 30000)), (24, "<ii", (-1, 315338746)), (25, "<qq", (-4270929666821191986, 5)),
    (26, "<BB", (23, 250)), (27, "<HH", (30, 52360)), (28, "<II", (52, 3293969225)), (29, "<QQ", (52, 7)),
    (30, "<ff", (1.23, 89.341)), (31, "<dd", (12.354213, 1022.9123213)), (34, "<QQ", (1256102875335, 1656107875000)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "form", "wanted"), ARRAYS)
def test_an_array_is_little_endian_and_becomes_numbered_signals(kind, form, wanted):
    _, found = birth_of(kind, struct.pack(form, *wanted))
    exact = tuple(float(value) for value in struct.unpack(form, struct.pack(form, *wanted)))
    told_cells = [cells for name, _, _, cells, _ in rows(found) if name.startswith("g/n1/d:v~")]
    if max(map(abs, exact)) > MAX:
        assert told_cells == [tuple(map(str, wanted)), (None, exact[1])], "the digits, and what is exact as a number"
    else:
        assert told_cells == [exact]
    (part,) = [part for part in told(found, Frames) if part.stream.id.startswith("g/n1/d:v~")][:1]
    assert [signal.name for signal in part.stream.signals] == ["v.0", "v.1"]


def test_truth_values_are_bits_the_first_one_highest():
    _, found = birth_of(32, bytes([12, 0, 0, 0, 0x34, 0xD0]))
    (cells,) = [cells for name, _, _, cells, _ in rows(found) if name.startswith("g/n1/d:v~")]
    assert cells == tuple(float(bit) for bit in "001101001101")


def test_texts_of_an_array_become_one_json_text():
    _, found = birth_of(33, b"ABC\x00hello\x00")
    assert values(found, "g/n1/d:v~text") == ['["ABC","hello"]']


def test_a_long_array_becomes_one_json_text():
    _, found = birth_of(26, bytes(300))
    assert values(found, "g/n1/d:v~text") == [str([0] * 300).replace(" ", "")]


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        (31, b"123"),
        (25, b"1234567"),
        (32, b"\x01"),
        (32, b"\x09\x00\x00\x00\xff"),
        (33, b"no end"),
        (33, b"\xff\x00"),
        (34, b"123456"),
    ],
)
def test_an_array_of_a_wrong_size_is_refused(kind, packed):
    _, found = birth_of(kind, packed)
    assert reasons(found)[0] in ("array", "encoding")


def test_an_array_that_is_absent_keeps_its_shape():
    edge, found = birth_of(31, struct.pack("<dd", 1.0, 2.0))
    (stream,) = [name for name, *_ in rows(found) if name.startswith("g/n1/d:v")]
    found = edge.hear(edge.ddata("d", [{"alias": 1, "value": None}]))
    assert values(found, stream) == [(None, None)]


# D9: data sets and templates


def with_dataset(edge, change=lambda table: None, rows_told=((("j1"), 0.5), (("j2"), -1.5))):
    payload = edge.payload()
    made = metric(payload, "joints", kind=16, alias=1, field="dataset_value")
    table = made.dataset_value
    table.num_of_columns = 2
    table.columns.extend(["name", "pos"])
    table.types.extend([12, 10])
    for name, position in rows_told:
        row = table.rows.add()
        row.elements.add(string_value=name)
        row.elements.add(double_value=position)
    change(table)
    return edge.message("DBIRTH", payload, "d")


@tck(
    "payloads-dataset-column-size",
    "payloads-dataset-types-def",
    "payloads-dataset-types-type",
    "payloads-dataset-types-value",
    "payloads-dataset-parameter-type-req",
    "payloads-template-dataset-value",
)
def test_a_data_set_becomes_a_signal_a_cell():
    edge = Edge()
    edge.hear(edge.nbirth())
    found = edge.hear(with_dataset(edge))
    (part,) = [part for part in told(found, Frames) if part.stream.id.startswith("g/n1/d:joints")]
    assert [signal.name for signal in part.stream.signals] == [
        "joints.0.pos",
        "joints.1.pos",
        "joints.0.name",
        "joints.1.name",
    ]
    assert part.values.tolist() == [[0.5, -1.5]]
    assert part.texts == (("j1", "j2"),)


@tck("payloads-dataset-column-num-headers", "payloads-dataset-types-num")
@pytest.mark.parametrize(
    "change",
    [
        lambda table: setattr(table, "num_of_columns", 3),
        lambda table: table.columns.append("more"),
        lambda table: table.types.append(10),
        lambda table: table.rows[0].elements.add(double_value=1.0),
        lambda table: table.types.__setitem__(0, 16),
    ],
)
def test_a_data_set_whose_columns_do_not_fit_is_refused(change):
    edge = Edge()
    edge.hear(edge.nbirth())
    assert reasons(edge.hear(with_dataset(edge, change))) == ["dataset"]


def test_a_large_data_set_becomes_one_text():
    edge = Edge()
    edge.hear(edge.nbirth())
    found = edge.hear(with_dataset(edge, rows_told=[("j", float(n)) for n in range(200)]))
    (text,) = values(found, "g/n1/d:joints~text")
    assert text.startswith('{"columns":["name","pos"],"rows":[["j",0.0],["j",1.0]')


def template(told_metric, members, *, ref="Motor", definition=False, parameters=()):
    told_metric.datatype = 19
    instance = told_metric.template_value
    instance.is_definition = definition
    instance.version = "1.0"
    if not definition:
        instance.template_ref = ref
    for name, kind, field, value in members:
        member = instance.metrics.add(name=name, datatype=kind)
        setattr(member, field, value)
    for name, value in parameters:
        instance.parameters.add(name=name, type=12, string_value=value)
    return instance


MEMBERS = [("rpm", 3, "int_value", 1500), ("amps", 10, "double_value", 3.25)]


@tck(
    "payloads-template-definition-nbirth", "payloads-template-definition-is-definition", "payloads-template-is-definition-definition",
    "payloads-template-definition-members", "payloads-template-definition-parameters", "topics-nbirth-templates", "payloads-template-is-definition",
    "payloads-template-instance-is-definition", "payloads-template-is-definition-instance", "payloads-template-instance-ref",
    "payloads-template-ref-instance", "payloads-template-instance-members", "payloads-template-instance-members-birth",
    "payloads-template-instance-members-data", "payloads-template-instance-parameters", "payloads-template-version",
    "payloads-template-parameter-name-required", "payloads-template-parameter-type-req", "payloads-template-parameter-value",
)  # fmt: skip
def test_members_of_a_template_are_metrics_of_their_own_and_data_may_tell_some_of_them():
    edge = Edge()
    payload = edge.payload()
    metric(payload, "bdSeq", 0, kind=4)
    metric(payload, "Node Control/Rebirth", False, kind=11)
    template(metric(payload, "Motor", field="template_value"), MEMBERS, definition=True, parameters=[("serial", "")])
    found = edge.hear(edge.message("NBIRTH", payload))
    assert [name for name, *_ in rows(found)] == ["g/n1:messages"], "a definition is no value"
    payload = edge.payload()
    template(metric(payload, "spindle", alias=1, field="template_value"), MEMBERS, parameters=[("serial", "M-7")])
    found = edge.hear(edge.message("DBIRTH", payload, "d"))
    assert values(found, "g/n1/d:spindle.rpm") == [1500.0]
    assert values(found, "g/n1/d:spindle.amps") == [3.25]
    assert values(found, "g/n1/d:spindle.serial~text") == ["M-7"]
    payload = edge.payload()
    template(metric(payload, alias=1, field="template_value"), [("amps", 0, "double_value", 4.5)])
    found = edge.hear(edge.message("DDATA", payload, "d"))
    assert values(found, "g/n1/d:spindle.amps") == [4.5]
    assert not values(found, "g/n1/d:spindle.rpm")


@tck("payloads-template-definition-ref", "payloads-template-ref-definition")
def test_a_member_without_datatype_has_that_of_the_definition():
    edge = Edge()
    payload = edge.payload()
    metric(payload, "bdSeq", 0, kind=4)
    metric(payload, "Node Control/Rebirth", False, kind=11)
    template(metric(payload, "Motor", field="template_value"), [("t", 1, "int_value", 0)], definition=True)
    edge.hear(edge.message("NBIRTH", payload))
    payload = edge.payload()
    template(metric(payload, "m", alias=1, field="template_value"), [("t", 0, "int_value", 251)])
    assert values(edge.hear(edge.message("DBIRTH", payload, "d")), "g/n1/d:m.t") == [-5.0]


@tck("payloads-template-definition-nbirth-only")
@pytest.mark.parametrize("verb", ["DBIRTH", "DDATA"])
def test_a_template_definition_elsewhere_than_in_the_nodes_birth_is_told(verb):
    edge = Edge()
    edge.up()
    payload = edge.payload()
    template(metric(payload, "Motor", field="template_value"), MEMBERS, definition=True)
    edge.hear(edge.message(verb, payload, "d"))
    assert "payloads-template-definition-nbirth-only" in [one.rule for one in edge.log if hasattr(one, "rule")]


def nested(depth):
    payload = Payload(timestamp=1_795_328_000_500, seq=1)
    inner = payload.metrics.add(name="t", datatype=19, timestamp=1_795_328_000_500)
    for _ in range(depth):
        inner = inner.template_value.metrics.add(name="t", datatype=19)
    inner.datatype, inner.double_value = 10, 1.5
    return payload.SerializeToString()


@pytest.mark.parametrize("depth", [8, 9, 40])
def test_templates_nest_only_so_deep(depth):
    edge = Edge()
    edge.hear(edge.nbirth())
    edge.seq += 1
    found = edge.hear(edge.message("DBIRTH", nested(depth), "d"))
    if depth <= 8:
        assert values(found, "g/n1/d:" + ".".join(["t"] * (depth + 1))) == [1.5]
    else:
        assert reasons(found) == ["depth"]


def test_a_payload_nested_beyond_the_parsers_limit_is_refused():
    edge = Edge()
    body = b"\x08\x01"
    for _ in range(5000):
        body = b"\x92\x01" + _varint(len(body) + 1 + len(_varint(len(body)))) + b"\x12" + _varint(len(body)) + body
    found = edge.hear(edge.message("NBIRTH", b"\x12" + _varint(len(body)) + body))
    assert reasons(found) == ["protobuf"]


def _varint(number):
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def test_a_message_of_too_many_values_is_refused():
    edge = Edge()
    edge.up()
    found = edge.hear(edge.ddata("d", [{"alias": 1, "value": 1.0, "field": "double_value"}] * 16_385))
    assert reasons(found) == ["too_many_values"]


def test_random_names_do_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr("connectors.decoders._sparkplug.ground.MAX_UNBORN", 5)
    monkeypatch.setattr("connectors.decoders._sparkplug.ground.MAX_NODES", 3)
    monkeypatch.setattr("connectors.decoders._sparkplug.ground.MAX_DEVICES", 2)
    edge = Edge()
    edge.up()
    found = [reasons(edge.hear(edge.ddata("d", [{"name": f"r{n}", "value": 1.0, "kind": 10}]))) for n in range(8)]
    assert found == [[]] * 4 + [["cardinality"]] * 4
    found = [reasons(edge.hear(edge.dbirth(f"d{n}", [{"name": "x", "value": 1.0, "kind": 10}]))) for n in range(3)]
    assert found == [[], ["cardinality"], ["cardinality"]]
    found = [reasons(one.hear(one.nbirth())) for one in (Edge(f"m{n}", decoder=edge.decoder) for n in range(4))]
    assert found == [[], [], ["cardinality"], ["cardinality"]]


# Names and units


def test_names_become_signals_and_keep_their_own():
    edge = Edge()
    names = ["a/b/c", "a.b.c", "bad:name#1", "", "n" * 80, "messages", "한글/속도"]
    found = edge.up(metrics=[{"name": name, "value": float(n), "kind": 10} for n, name in enumerate(names) if name])
    streams = {part.stream.columns[0].source_name: part.stream for part in told(found, Frames) if part.stream.columns}
    assert streams["a/b/c"].columns[0].name == "a.b.c"
    assert len({stream.id for stream in streams.values()}) == len(streams)
    assert streams["한글/속도"].id == "g/n1/d:한글.속도"
    assert streams["messages"].id != "g/n1/d:messages"
    assert all(len(stream.columns[0].name) <= 64 for stream in streams.values())
    assert all(len(stream.name) <= 64 for stream in streams.values())


@pytest.mark.parametrize(
    ("told_unit", "code"),
    [
        ("°C", "Cel"),
        ("rpm", "/min"),
        ("RPM", "/min"),
        ("Nm", "N.m"),
        ("mW", "{mW}"),
        ("kW", "kW"),
        ("MPa", "MPa"),
        ("bar", "bar"),
        ("", "1"),
        ("wobbles", "{wobbles}"),
        ("{x}", "{x}"),
        ("%", "%"),
        ("V", "V"),
    ],
)
def test_units_become_ucum_codes_and_unknown_ones_annotations(told_unit, code):
    assert ucum(told_unit) == code
    assert known(code) or code.startswith("{")


# Wrapping


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress], ids=["zlib", "gzip"])
def test_a_compressed_payload_is_what_is_inside(pack):
    edge = Edge()
    edge.up()
    inner = edge.ddata("d", [{"alias": 1, "value": 2.5, "field": "double_value"}])
    outer = Payload(uuid="SPBV1.0_COMPRESSED", body=pack(inner.payload)).SerializeToString()
    found = edge.hear(inner._replace(payload=outer))
    assert values(found, "g/n1/d:x") == [2.5]
    assert not [one for one in found if isinstance(one, DecodeError)]


def test_a_compressed_payload_may_not_become_too_large():
    edge = Edge(max_unpacked_bytes=1000)
    edge.up()
    bomb = Payload(uuid="SPBV1.0_COMPRESSED", body=zlib.compress(bytes(50_000_000))).SerializeToString()
    assert reasons(edge.hear(edge.message("DDATA", bomb, "d"))) == ["too_large"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        zlib.compress(b"x")[:-2],
        zlib.compress(b"x") + b"more",
        zlib.compress(Payload(uuid="SPBV1.0_COMPRESSED", body=zlib.compress(b"x")).SerializeToString()),
    ],
)
def test_what_cannot_be_unpacked_is_refused(body):
    edge = Edge()
    edge.up()
    outer = Payload(uuid="SPBV1.0_COMPRESSED", body=body).SerializeToString()
    assert reasons(edge.hear(edge.message("DDATA", outer, "d")))[0] in ("compression", "protobuf", "empty")


# The .proto


def test_the_proto_holds_the_published_fields_by_number():
    numbers = {message.name: {field.name: field.number for field in message.field} for message in FILE.message_type}
    assert numbers["Payload"] == {"timestamp": 1, "metrics": 2, "seq": 3, "uuid": 4, "body": 5}
    assert list(numbers["Metric"].items()) == [
        ("name", 1), ("alias", 2), ("timestamp", 3), ("datatype", 4), ("is_historical", 5), ("is_transient", 6), ("is_null", 7),
        ("metadata", 8), ("properties", 9), ("int_value", 10), ("long_value", 11), ("float_value", 12), ("double_value", 13),
        ("boolean_value", 14), ("string_value", 15), ("bytes_value", 16), ("dataset_value", 17), ("template_value", 18), ("extension_value", 19),
    ]  # fmt: skip
    assert numbers["PropertyValue"]["propertysets_value"] == 10
    assert numbers["Template"] == {"version": 1, "metrics": 2, "parameters": 3, "template_ref": 4, "is_definition": 5}
    assert all(
        field.HasField("oneof_index") == field.name.endswith("_value")
        for message in FILE.message_type
        for field in message.field
    )
    declared = Path(proto.PROTO).read_text(encoding="utf-8")
    assert len(re.findall(r"= \d+;", declared)) == sum(map(len, numbers.values())), "every field of the file is there"


def test_a_text_that_is_no_utf_8_is_refused_and_presence_is_told():
    with pytest.raises(DecodeError, match="UTF-8"):
        proto.read(b"\x22\x01\xff")
    assert Payload.FromString(b"\x12\x02\x10\x00").metrics[0].HasField("alias")
    assert not Payload().HasField("seq")
    table = Payload()
    table.metrics.add().dataset_value.types.extend([1, 2])
    assert table.SerializeToString() == b"\x12\x07\x8a\x01\x04\x18\x01\x18\x02", "numbers in a row are not packed"


def test_a_proto_with_more_than_the_reader_knows_is_refused():
    with pytest.raises(ValueError, match="is no field"):
        parsed('edition = "2023"; package x; message M { map<string, bytes> m = 1; }')


# Any bytes


numbers_of_fields = st.lists(
    st.tuples(st.integers(1, 19), st.sampled_from([0, 1, 2, 5]), st.integers(0, 2**64 - 1), st.binary(max_size=8)),
    max_size=6,
)


def wire(fields):
    made = b""
    for number, kind, value, body in fields:
        made += _varint(number << 3 | kind)
        made += {
            0: _varint(value),
            1: struct.pack("<Q", value),
            2: _varint(len(body)) + body,
            5: struct.pack("<I", value & 0xFFFFFFFF),
        }[kind]
    return made


@settings(max_examples=examples(200))
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NBIRTH", "DBIRTH", "NDATA", "DDATA", "DDEATH", "NDEATH", "NCMD"]),
            st.one_of(st.binary(max_size=40), st.lists(numbers_of_fields, max_size=3)),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_bytes_become_something_told_or_a_decode_error(messages):
    edge = Edge()
    edge.up()
    for verb, body in messages:
        octets = body
        if isinstance(body, list):
            octets = (
                b"\x08\x80\xa0\xfa\xd4\x8e\xa0\x34"
                + b"".join(b"\x12" + _varint(len(w := wire(one))) + w for one in body)
                + b"\x18\x02"
            )
        device = "d" if verb.startswith("D") else ""
        message = edge.message(verb, octets, device)
        for part in told(edge.hear(message), Frames):
            assert part.values.shape == (len(part), part.stream.width)
            assert (part.seq >= 0).all()
        edge.decoder.decode_many([message, message], 100)
    edge.tick(100.0)
    edge.restart()
    assert all(isinstance(one, Ask) for one in edge.tick())


def test_every_datatype_has_a_test_here():
    assert {int(kind) for kind in Datatype} == set(range(35))
    shown = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 16, 19, 32, 33, *(kind for kind, *_ in ARRAYS)}
    assert shown == set(range(1, 35)) - {20, 21}
    assert len(list(itertools.chain(ARRAYS))) == 11
