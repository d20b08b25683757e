"""The mapping decoder: paths, times, units, items, and errors that say where a path ends."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import plugins
from connectors.decoders._path import MISSING, at, parse_path
from connectors.decoders.mapping import Options
from twin.errors import DecodeError
from twin.message import Message
from twin.site import Hub, Name

T0 = 1_795_328_000 * 10**9


def made(**options):
    return plugins.make_decoder("mapping", {"topic": "{asset}", **options}, "test", Hub("h", Name("h", "h"), ()))


def decode(decoder, body):
    return list(decoder.decode(Message("press", json.dumps(body).encode(), T0)))


def detail(decoder, body):
    with pytest.raises(DecodeError) as caught:
        decode(decoder, body)
    return caught.value.detail


keys = st.text("ab.[]\"'0 ", min_size=1, max_size=4).filter(lambda key: not ('"' in key and "'" in key))


@given(st.lists(st.one_of(keys, st.integers(0, 3)), min_size=1, max_size=5))
def test_a_path_as_it_is_written_leads_to_what_it_names(steps):
    written, body = "", "here"
    for step in steps:
        mark = "'" if isinstance(step, str) and '"' in step else '"'
        written += f"[{step}]" if isinstance(step, int) else f"[{mark}{step}{mark}]"
    for step in reversed(steps):
        body = {step: body} if isinstance(step, str) else [*["x"] * step, body]
    assert at(body, parse_path(written)) == "here"


@pytest.mark.parametrize(("path", "steps"), [
    ("a", ("a",)), ("a.b", ("a", "b")), ("a[0]", ("a", 0)), ("a[0][1].b", ("a", 0, 1, "b")), ("a.0", ("a", "0")),
    ('["a.b"].c', ("a.b", "c")), ("[2].x", (2, "x")), ("온도.값", ("온도", "값")),
])  # fmt: skip
def test_a_path_is_read_step_by_step(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize("path", [".a", "a..b", "a[", "a[x]", "a]b", "a[0]b", "a[-1]"])
def test_a_path_that_cannot_be_read_is_a_mistake_in_the_factory_file(path):
    with pytest.raises(ValueError, match="path"):
        parse_path(path)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"topic": "{asset}", "fields": [{"path": path}]}, Options)


@given(st.recursive(st.integers(), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text("ab"), inner))))
def test_a_path_that_leads_nowhere_is_missing_and_never_an_error(body):
    assert at(body, parse_path("a[1].b.c[7]")) is MISSING or body


@pytest.mark.parametrize(("body", "wanted"), [
    ({"b": 1}, "a.x[1]: no 'a' in the message, which is an object with b"),
    ({"a": {"y": 1}}, "a.x[1]: no 'x' in a, which is an object with y"),
    ({"a": {"x": [5]}}, "a.x[1]: no 1 in a.x, which is a list of 1"),
    ({"a": None}, "a.x[1]: no 'x' in a, which is null"),
])  # fmt: skip
def test_an_error_says_where_the_path_ends(body, wanted):
    assert detail(made(fields=[{"path": "a.x[1]"}]), body).endswith(wanted)


def test_fields_of_one_time_are_one_frame_and_those_of_another_are_another():
    decoder = made(time="t", fields=[{"path": "a"}, {"path": "b"}, {"path": "c", "time": "late", "time_unit": "s"}])
    first, second = decode(decoder, {"t": 1795328000500, "late": 1795327990, "a": 1, "b": 2, "c": 3})
    assert (first.values.tolist(), first.t_ns.tolist()) == ([[1, 2]], [T0 + 5 * 10**8])
    assert (second.values.tolist(), second.t_ns.tolist()) == ([[3]], [T0 - 10 * 10**9])


def test_values_are_converted_to_the_unit_that_is_wanted():
    (frame,) = decode(made(fields=[{"path": "p", "unit": "bar", "to_unit": "Pa"}]), {"p": 2.5})
    assert (frame.values.tolist(), frame.stream.columns[0].unit) == ([[250_000.0]], "Pa")


def test_each_item_of_a_list_is_a_message_of_its_own_asset():
    decoder = made(asset="plant/{asset}/{item}", each="rows", each_name="who.id", fields=[{"path": "v"}])
    found = decode(decoder, {"rows": [{"who": {"id": 3}, "v": 1}, {"who": {"id": "x"}, "v": 2}]})
    assert [(frame.stream.asset, frame.values.tolist()) for frame in found] == [
        ("plant/press/3", [[1]]),
        ("plant/press/x", [[2]]),
    ]


def test_items_of_one_asset_at_one_moment_stay_apart():
    found = decode(made(each="rows", fields=[{"path": "v"}]), {"rows": [{"v": 1}, {"v": 1}]})
    assert len({int(frame.seq[0]) for frame in found}) == 2


@pytest.mark.parametrize(("options", "what"), [
    ({"fields": []}, "one field"),
    ({"fields": [{"path": "a"}, {"path": "b", "signal": "a"}]}, "twice"),
    ({"fields": [{"path": "a", "unit": "m", "to_unit": "s"}]}, "cannot become"),
    ({"fields": [{"path": "a", "kind": "text", "unit": "m", "to_unit": "mm"}]}, "text"),
    ({"asset": "x/{item}", "fields": [{"path": "a"}]}, "item"),
    ({"each_name": "a", "fields": [{"path": "a"}]}, "each"),
])  # fmt: skip
def test_a_mapping_that_cannot_work_is_refused(options, what):
    with pytest.raises(msgspec.ValidationError, match=what):
        msgspec.convert({"topic": "{asset}", **options}, Options)
