"""Devices that send one signal at a time: those of a declared asset are the signals of its type."""

from __future__ import annotations

import json

import pytest

from connectors import plugins
from connectors.decoders._sparkplug.layout import Layout, Words
from connectors.decoders._sparkplug.readings import Definition
from connectors.decoders._sparkplug.values import Datatype
from connectors.decoders._streams import StreamBook
from twin.clock import NS_PER_S
from twin.message import Message
from twin.sample import Frames, Kind, Role, Signal
from twin.site import Asset, AssetType, Hub, Name, Site, StreamType

T0 = 1_795_328_000 * NS_PER_S
NAME = Name("n", "n")
WARM = Signal("temperature", unit="Cel", role=Role.LEVEL, low=15.0, high=32.0, label_ko="온도", label_en="Warmth")
DOOR = Signal("door", Kind.STATE, label_ko="문", label_en="Door")
TYPES = {"room": AssetType("room", NAME, (StreamType("data", (WARM, DOOR, Signal("noise", unit="dB", high=85.0))),))}


def hub(*assets: str) -> Hub:
    rows = tuple(Asset(asset, "room", NAME) for asset in assets)
    return Hub("h", NAME, (Site("s", NAME, NAME, "Asia/Seoul", (10.0, 10.0), assets=rows),))


def stream_of_one(dialect, payload, heard_on, *assets, before=(), state=b"", **options):
    module = plugins.load("decoders", dialect)
    decoder = module.Decoder(module.Options(**options), "test", hub(*assets), TYPES)
    if state:
        decoder.restore(state)
    for one in before:
        list(decoder.decode(one))
    (part,) = (part for part in decoder.decode(Message(heard_on, payload, T0, 1)) if isinstance(part, Frames))
    return part.stream, decoder


def config(name, unit):
    body = {"name": name, "device": {"name": "x"}, "state_topic": "ha/x", "unit_of_measurement": unit}
    return Message("homeassistant/sensor/x/config", json.dumps(body).encode(), T0, 1, True)


def test_home_assistants_sensor_of_a_declared_asset_has_its_types_limits():
    stream, _ = stream_of_one(
        "homeassistant", b"20.5", "ha/x", "s/x", before=[config("temperature", "°C")], asset="s/{device}"
    )
    (signal,) = stream.signals
    assert (signal.unit, signal.low, signal.high, signal.role, signal.label_ko) == (
        "Cel",
        15.0,
        32.0,
        WARM.role,
        "온도",
    )
    assert stream.id == "s/x:temperature"


def test_another_unit_or_another_sort_of_value_is_not_the_types_signal():
    stream, _ = stream_of_one(
        "homeassistant", b"70", "ha/x", "s/x", before=[config("temperature", "°F")], asset="s/{device}"
    )
    (signal,) = stream.signals
    assert (signal.unit, signal.low, signal.high, signal.label_ko) == ("[degF]", None, None, "")
    stream, _ = stream_of_one("uns", b"1", "umh/v1/e/s/x/_historian/door", "s/x")
    assert stream.signals[0].kind is Kind.GAUGE
    stream, _ = stream_of_one("uns", b'"open"', "umh/v1/e/s/x/_historian/door", "s/x")
    assert (stream.signals[0].kind, stream.signals[0].label_ko) == (Kind.STATE, "문")


@pytest.mark.parametrize(
    ("dialect", "topic", "options"),
    [("uns", "umh/v1/e/s/x/_historian/temperature", {}), ("json_topic", "s/x/temperature", {"topic": "{place...}/{asset}/{signal}"})],
)  # fmt: skip
def test_a_tag_without_a_unit_takes_the_types(dialect, topic, options):
    stream, decoder = stream_of_one(dialect, b"20.5", topic, "s/x", **options)
    assert stream.id == "s/x:temperature"
    assert (stream.signals[0].unit, stream.signals[0].high) == ("Cel", 32.0)
    again, _ = stream_of_one(dialect, b"null", topic, "s/x", state=decoder.state(), **options)
    assert again == stream, "after a restart too, and for a null"


def test_frames_from_before_the_unit_was_known_keep_a_stream_of_their_own():
    topic = "umh/v1/e/s/x/_historian/temperature"
    before, decoder = stream_of_one("uns", b"20.5", topic)
    after, decoder = stream_of_one("uns", b"20.5", topic, "s/x", state=decoder.state())
    assert (before.id, before.signals[0].unit, after.signals[0].unit) == ("s/x:temperature", "1", "Cel")
    assert after.id != before.id
    later, _ = stream_of_one("uns", b"20.5", topic, "s/x", state=decoder.state())
    assert later.id == after.id


def test_a_signal_told_with_its_unit_keeps_its_stream_when_the_asset_is_declared():
    before, decoder = stream_of_one(
        "homeassistant", b"20", "ha/x", before=[config("temperature", "°C")], asset="s/{device}"
    )
    after, _ = stream_of_one("homeassistant", b"20", "ha/x", "s/x", state=decoder.state(), asset="s/{device}")
    assert (after.id, after.signals[0].high) == (before.id, 32.0)


def test_a_name_that_two_streams_of_the_type_use_differently_is_neither():
    twice = AssetType("room", NAME, (StreamType("a", (WARM,)), StreamType("b", (Signal("temperature", unit="K"),))))
    made = StreamBook("test", hub("s/x"), {"room": twice}).stream(
        "s/x", "temperature", [Signal("temperature")], sequenced=False
    )
    assert made.signals[0].unit == "1"


@pytest.mark.parametrize(("unit", "high"), [("1", 32.0), ("Cel", 32.0), ("[degF]", 150.0)])
def test_a_sparkplug_metric_is_the_types_signal_where_its_unit_is(unit, high):
    layout = Layout("s/x", "test", hub("s/x"), TYPES, Words({}, {}), whole=False)
    layout.define({"temperature": Definition(int(Datatype.DOUBLE), None, unit, 0.0, 150.0)})
    signal = layout.signal("temperature", "")
    assert (signal.high, signal.unit) == (high, "Cel" if high == 32.0 else unit)
