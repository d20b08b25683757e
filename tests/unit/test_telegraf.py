"""Telegraf: line protocol as InfluxDB defines it, read back as it was written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors import plugins
from connectors.decoders._lines import read_lines
from twin.errors import DecodeError
from twin.message import Message
from twin.site import Hub, Name

T0 = 1_795_328_000 * 10**9


def decode(payload, **options):
    decoder = plugins.make_decoder("telegraf", options, "t", Hub("h", Name("h", "h"), ()))
    return list(decoder.decode(Message("telegraf/x", payload, T0)))


def escaped(text, marks):
    return "".join("\\" + char if char in marks else char for char in text)


def written(value):
    if isinstance(value, bool):
        return "t" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


names = st.text('ab,= "1é', min_size=1, max_size=6).filter(lambda name: name == name.strip() and name)
texts = st.text('ab,= "\\1é\t\n', max_size=6)
field_values = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), texts)


@settings(deadline=None, max_examples=examples(300))
@given(names, st.dictionaries(names, names, max_size=3), st.dictionaries(names, field_values, min_size=1, max_size=4),
       st.none() | st.integers(T0, T0 + 10**9))  # fmt: skip
def test_a_line_is_read_as_it_was_written(name, tags, fields, time):
    head = ",".join([escaped(name, ", ="), *(f"{escaped(k, ',= ')}={escaped(v, ',= ')}" for k, v in tags.items())])
    if any('"' in key for key in fields) or name.startswith("#"):
        return  # a field's key with a quotation mark has no writing, a name that begins with # is a comment
    body = ",".join(f"{escaped(k, ',= ')}={written(v)}" for k, v in fields.items())
    (line,) = read_lines(f"{head} {body}{'' if time is None else f' {time}'}\n".encode())
    assert (line.name, line.tags, list(line.fields.values()), line.time) == (name, tags, list(fields.values()), time)


@pytest.mark.parametrize(("line", "reason"), [
    ("cpu", "schema"), ("cpu,host=h", "schema"), ("cpu a", "schema"), ("cpu a=", "schema"), (",host=h a=1", "schema"),
    ("cpu a=1 2 3", "schema"), ("cpu a=1 soon", "schema"), ('cpu a="x', "schema"), ("cpu a=nan", "non_finite"),
    ("cpu a=1x", "schema"), ("cpu,h=1,h=2 a=1", "dup_key"), ("cpu a=1,a=2", "dup_key"), ("cpu a=12x3i", "schema"),
    ("cpu a=\x00", "nul"),
])  # fmt: skip
def test_a_line_that_cannot_be_read_is_refused_with_its_reason(line, reason):
    with pytest.raises(DecodeError) as caught:
        read_lines(line.encode())
    assert caught.value.reason == reason


@pytest.mark.parametrize(("precision", "digits"), [("s", 10), ("ms", 13), ("us", 16), ("ns", 19)])
def test_a_time_is_of_the_precision_that_was_agreed(precision, digits):
    stamp = str(T0 + 123_456_789)[:digits]
    (frame,) = decode(f"cpu,host=h a=1 {stamp}".encode(), precision=precision)
    assert int(frame.t_ns[0]) == int(stamp.ljust(19, "0"))
    with pytest.raises(DecodeError) as caught:
        decode(f"cpu,host=h a=1 {stamp}0".encode(), precision=precision)
    assert caught.value.reason == "ts_unit"


def test_lines_and_json_say_the_same():
    line = b"cpu,host=h,core=1 load=0.5,on=true 1795328000000000000"
    metric = {"name": "cpu", "tags": {"host": "h", "core": "1"}, "fields": {"load": 0.5, "on": True},
              "timestamp": 1795328000}  # fmt: skip
    (one,), (other,), (batched,) = decode(line), decode(json.dumps(metric).encode()), decode(
        json.dumps({"metrics": [metric]}).encode())  # fmt: skip
    for frame in (other, batched):
        assert (frame.stream.id, frame.values.tolist(), frame.t_ns.tolist()) == (
            one.stream.id, one.values.tolist(), one.t_ns.tolist())  # fmt: skip
    assert one.stream.id == "telegraf/h:cpu,core=1"


def test_lines_of_one_moment_stay_apart():
    found = decode(b"cpu,host=h a=1\ncpu,host=h a=1\n# nothing\n\n")
    assert len({int(frame.seq[0]) for frame in found}) == 2


def test_lines_without_end_are_refused(monkeypatch):
    monkeypatch.setattr("connectors.decoders._lines.MAX_LINES", 3)
    with pytest.raises(DecodeError) as caught:
        read_lines(b"cpu a=1\n" * 4)
    assert caught.value.reason == "too_many_values"
