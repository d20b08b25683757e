"""Home Assistant's discovery: what it announces, what waits for it, and what is never run."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import plugins
from connectors.decoders._homeassistant.template import path_of, value_at
from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import Announced, Finding, Handled, Liveness, Message, Settled
from twin.sample import Frames, Kind
from twin.site import Hub, Name

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
T0 = 1_795_328_000 * NS_PER_S


def made(**options):
    return plugins.make_decoder("homeassistant", options, "test", Hub("h", Name("h", "h"), ()))


def captured():
    for line in (CAPTURES / "homeassistant.jsonl").read_text().splitlines():
        row = json.loads(line)
        body = base64.b64decode(row["payload_b64"])
        yield Message(row["topic"], body, round(row["ts"] * 1e9), row["qos"], bool(row["retain"]))


def config(body, topic="homeassistant/sensor/e/config"):
    return Message(topic, json.dumps(body).encode(), T0, 0, True)


def rows(told):
    return sorted((part.stream.id, int(part.t_ns[0]), part.values.tolist(), part.texts) for part in told
                  if isinstance(part, Frames))  # fmt: skip


def test_the_capture_is_decoded_whole():
    decoder = made()
    told = [part for one in captured() for part in decoder.decode(one)]
    assert len([part for part in told if isinstance(part, Announced)]) == 3
    assert not [part for part in told if isinstance(part, Handled) and part.kind != "discovery"]
    assert len(rows(told)) == len(list(captured())) - 3
    assert {part.stream.columns[0].unit for part in told if isinstance(part, Frames) and part.stream.columns} == {
        "Cel",
        "bar",
        "1",
    }


def test_values_that_come_before_their_discovery_lose_nothing():
    messages = list(captured())
    ordered = made()
    wanted = rows(part for one in messages for part in ordered.decode(one))
    late, told = made(), []
    for one in sorted(messages, key=lambda each: each.topic.endswith("/config")):
        told += list(late.decode(one))
    assert rows(told) == wanted
    held = [part for part in told if isinstance(part, Handled) and part.kind == "held"]
    assert len(held) == len([part for part in told if isinstance(part, Settled)]) == len(wanted)
    assert all(not part.reason for part in told if isinstance(part, Settled))


def test_what_waits_survives_a_restart():
    first, second = made(), made()
    values = [one for one in captured() if not one.topic.endswith("/config")]
    list(first.decode(values[0]))
    assert first.marks > 0
    second.restore(first.state())
    told = [part for one in captured() if one.topic.endswith("/config") for part in second.decode(one)]
    assert [part.message for part in told if isinstance(part, Settled)] == [values[0]]


def test_what_waits_too_long_is_a_dead_letter_with_its_reason():
    decoder = made(hold_s=10)
    one = Message("plant/x", b"5", T0)
    assert list(decoder.decode(one)) == [Handled("held")]
    assert list(decoder.tick(T0 + 10 * NS_PER_S)) == []
    (settled,) = decoder.tick(T0 + 11 * NS_PER_S)
    assert (settled.message, settled.reason) == (one, "unknown_device")
    assert list(decoder.tick(T0 + 99 * NS_PER_S)) == []


def test_only_so_much_waits(monkeypatch):
    monkeypatch.setattr("connectors.decoders.homeassistant.MAX_HELD", 2)
    decoder = made()
    for n in range(2):
        list(decoder.decode(Message(f"plant/{n}", b"5", T0)))
    with pytest.raises(DecodeError) as caught:
        decoder.decode(Message("plant/9", b"5", T0))
    assert caught.value.reason == "unknown_device"


def test_a_device_tells_of_all_its_entities_at_once():
    decoder = made()
    body = {
        "dev": {"ids": "d1", "name": "Fan"}, "o": {"name": "maker"}, "~": "plant/fan", "stat_t": "~/state",
        "cmps": {
            "a": {"p": "sensor", "dev_cla": "temperature", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t }}"},
            "b": {"p": "binary_sensor", "name": "Door", "pl_on": "open", "pl_off": "shut",
                  "val_tpl": "{{ value_json.door }}"},
        },
    }  # fmt: skip
    (announced, *_) = decoder.decode(config(body, "homeassistant/device/d1/config"))
    assert announced.asset == "Fan"
    assert [stream.signals[0].kind for stream in announced.streams] == [Kind.GAUGE, Kind.FLAG]
    told = list(decoder.decode(Message("plant/fan/state", b'{"t": 21.5, "door": "open"}', T0)))
    assert [part.values.tolist() for part in told] == [[[21.5]], [[1.0]]]


@pytest.mark.parametrize(("mode", "wanted"), [
    ("latest", [True, True, False]), ("all", [False, True, False]), ("any", [True, True, True]),
])  # fmt: skip
def test_availability_is_liveness(mode, wanted):
    decoder = made()
    list(decoder.decode(config({"name": "x", "device": {"name": "d"}, "state_topic": "s", "availability_mode": mode,
                                "availability": [{"topic": "a"}, {"t": "b", "pl_avail": "up", "pl_not_avail": "no"}]}))
    )  # fmt: skip
    said = [("a", b"online"), ("b", b"up"), ("b", b"no")]
    told = [part for topic, word in said for part in decoder.decode(Message(topic, word, T0))]
    assert [part.online for part in told if isinstance(part, Liveness)] == wanted


def test_a_configuration_that_is_cleared_takes_its_topics_with_it():
    decoder = made(hold_s=0)
    list(decoder.decode(config({"name": "x", "state_topic": "s"})))
    assert list(decoder.decode(Message("homeassistant/sensor/e/config", b"", T0, 0, True))) == [
        Handled("discovery_removed")
    ]
    with pytest.raises(DecodeError):
        decoder.decode(Message("s", b"5", T0))


def test_a_template_of_another_form_is_a_finding_and_is_not_run():
    decoder = made()
    told = list(decoder.decode(config({"name": "x", "state_topic": "s", "value_template": "{{ 7 * 7 }}"})))
    assert [part.rule for part in told if isinstance(part, Finding)] == ["homeassistant.template"]
    assert list(decoder.decode(Message("s", b"5", T0))) == [Handled("template")]


@pytest.mark.parametrize(("template", "path"), [
    ("", []),
    ("{{ value }}", []),
    ("{{ value_json.a }}", ["a"]),
    ("{{value_json.a.b}}", ["a", "b"]),
    ("{{ value_json['a b'].c[0] }}", ["a b", "c", 0]),
    ('{{ value_json["a"] | float(0) }}', ["a"]),
    ("{{ value_json.a | int }}", ["a"]),
    ("{{ value_json.a | round(1) }}", None),
    ("{% if 1 %}{{ value_json.a }}{% endif %}", None),
    ("{{ value_json.__class__() }}", None),
    ("{{ value_json.a }} kW", None),
    ("{{ value.a }}", None),
])  # fmt: skip
def test_of_templates_only_a_path_is_understood(template, path):
    assert path_of(template) == path


def reason_of(path):
    try:
        value_at(b'{"a": 1}', path)
    except DecodeError as error:
        return error.reason
    return ""


@given(st.text(max_size=40))
def test_any_template_is_a_path_or_nothing(template):
    path = path_of("{{ value_json" + template + " }}")
    if path:
        assert reason_of(path) in ("", "schema")


@pytest.mark.parametrize("word", [b"unknown", b"unavailable", b"None", b""])
def test_a_word_for_no_value_is_no_value(word):
    decoder = made()
    list(decoder.decode(config({"name": "x", "state_topic": "s", "unit_of_measurement": "W"})))
    (frame,) = decoder.decode(Message("s", word, T0))
    assert str(frame.values[0][0]) == "nan"
    assert frame.quality.tolist() == [0]
