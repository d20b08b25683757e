"""SenML: the rules of RFC 8428 for base fields, times, units and labels, in JSON and in CBOR."""

from __future__ import annotations

import json

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors import plugins
from connectors.decoders import _cbor
from connectors.decoders._json import MAX_DEPTH
from twin.errors import DecodeError
from twin.message import Message
from twin.site import Hub, Name

T0_S = 1_795_328_000
NOW_NS = (T0_S + 5) * 10**9
LABELS = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6, "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5,
          "t": 6, "ut": 7, "vd": 8}  # fmt: skip


def decode(pack, **options):
    decoder = plugins.make_decoder("senml", {"topic": "{asset}", **options}, "t", Hub("h", Name("h", "h"), ()))
    payload = pack if isinstance(pack, bytes) else json.dumps(pack).encode()
    return list(decoder.decode(Message("oven", payload, NOW_NS)))


def told(frames):
    """(asset, t_ns, name) → (unit, value)."""
    found = {}
    for part in frames:
        texts = part.texts[0] if part.texts else ()
        for signal, value in [*zip(part.stream.columns, part.values[0].tolist(), strict=True),
                              *zip(part.stream.text_columns, texts, strict=True)]:  # fmt: skip
            found[part.stream.asset, int(part.t_ns[0]), signal.name] = (signal.unit, value)
    return found


def test_base_fields_hold_until_they_are_set_anew():
    pack = [
        {"bn": "a:", "bt": T0_S, "bu": "Cel", "n": "t1", "v": 20.5},
        {"n": "t2", "v": 21.5, "t": -1},
        {"bu": "A", "n": "i", "v": 3},
        {"n": "p", "u": "W", "v": 7},
    ]
    assert told(decode(pack)) == {
        ("oven", T0_S * 10**9, "t1"): ("Cel", 20.5),
        ("oven", (T0_S - 1) * 10**9, "t2"): ("Cel", 21.5),
        ("oven", T0_S * 10**9, "i"): ("A", 3.0),
        ("oven", T0_S * 10**9, "p"): ("W", 7.0),
    }


@pytest.mark.parametrize(("bt", "t", "wanted_ns"), [
    (0, 0, NOW_NS), (0, -30, NOW_NS - 30 * 10**9), (-1.5, 0.5, NOW_NS - 10**9), (T0_S + 0.25, 0, T0_S * 10**9 + 250_000_000),
    (T0_S, -0.5, T0_S * 10**9 - 500_000_000), (2**28 - 1, 0, NOW_NS + (2**28 - 1) * 10**9),
])  # fmt: skip
def test_a_small_time_is_relative_to_now(bt, t, wanted_ns):
    (frame,) = decode([{"n": "x", "v": 1, "bt": bt, "t": t}])
    assert int(frame.t_ns[0]) == wanted_ns


def test_values_and_sums_are_added_to_their_bases():
    found = told(decode([{"bn": "m", "bv": 100, "bs": 5, "n": "e", "u": "W", "v": 1, "s": 2}]))
    assert {name: value for (_, _, name), (_, value) in found.items()} == {"e": 101.0, "e.sum": 7.0}


def test_the_base_name_can_be_the_asset():
    pack = [{"bn": "urn:dev:1:", "n": "t", "v": 1}, {"bn": "urn:dev:2:", "n": "t", "v": 2}]
    assert [part.stream.asset for part in decode(pack, asset="gw/{base}")] == ["gw/urn%3Adev%3A1", "gw/urn%3Adev%3A2"]


@pytest.mark.parametrize(("pack", "reason"), [
    ([], "too_many_values"),
    ({"n": "a", "v": 1}, "schema"),
    ([{"v": 1}], "schema"),
    ([{"n": "a"}], "schema"),
    ([{"n": "a", "v": 1, "vs": "x"}], "schema"),
    ([{"n": "a", "v": 1, "bver": 12}], "schema"),
    ([{"n": "a", "v": 1, "x_": 1}], "schema"),
    ([{"n": "a", "v": "1"}], "type"),
    ([{"n": "a", "vb": 1}], "type"),
    ([{"n": "a", "v": 1}, {"n": "a", "v": 2}], "dup_key"),
    ([{"n": "a", "v": 1, "bt": 1e300}], "ts_range"),
    ([{"n": "a", "v": 1, "bt": 5e8}], "ts_range"),
])  # fmt: skip
def test_a_pack_that_breaks_a_rule_is_refused_whole(pack, reason):
    with pytest.raises(DecodeError) as caught:
        decode(pack)
    assert caught.value.reason == reason


records = st.lists(
    st.fixed_dictionaries(
        {"n": st.sampled_from("abcdefg"), "v": st.floats(-1e6, 1e6)},
        optional={"u": st.sampled_from(["Cel", "A", "%RH"]), "t": st.integers(-1000, 0), "bt": st.just(float(T0_S))},
    ),
    min_size=1, max_size=6, unique_by=lambda record: record["n"],
)  # fmt: skip


@settings(deadline=None)
@given(records)
def test_cbor_and_json_say_the_same(pack):
    as_cbor = cbor2.dumps([{LABELS[key]: value for key, value in record.items()} for record in pack])
    assert told(decode(as_cbor)) == told(decode(pack))


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), st.text(max_size=5),
              st.binary(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=3), inner, max_size=4)),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None)
@given(plain)
def test_any_plain_cbor_is_read_as_it_was_written(value):
    assert _cbor.read(cbor2.dumps(value)) == value


def reason_of(payload):
    try:
        _cbor.read(payload)
    except DecodeError as error:
        return error.reason
    return ""


@settings(deadline=None, max_examples=examples(500))
@given(
    st.one_of(st.binary(max_size=60), st.tuples(plain, st.binary(max_size=3)).map(lambda t: cbor2.dumps(t[0]) + t[1]))
)
def test_any_bytes_are_cbor_or_a_decode_error(payload):
    assert reason_of(payload) in ("", "empty", "schema", "encoding", "depth", "too_many_values")


@pytest.mark.parametrize(("payload", "reason"), [
    (b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "schema"),
    (b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "schema"),
    (b"\x81" * (MAX_DEPTH + 2) + b"\x00", "depth"),
    (b"\x9f" * 1000, "depth"),
    (b"\xc2\x41\x01", "schema"),
    (b"\x80\x00", "schema"),
    (b"", "empty"),
    (b"\x61\xff", "encoding"),
])  # fmt: skip
def test_a_few_bytes_cannot_ask_for_much(payload, reason):
    with pytest.raises(DecodeError) as caught:
        _cbor.read(payload)
    assert caught.value.reason == reason


def test_too_many_items_are_refused(monkeypatch):
    monkeypatch.setattr(_cbor, "MAX_ITEMS", 10)
    with pytest.raises(DecodeError) as caught:
        _cbor.read(cbor2.dumps(list(range(11))))
    assert caught.value.reason == "too_many_values"
