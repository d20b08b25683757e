"""Every dialect of the simulated devices through the real pipeline: what the devices count is what is stored."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from simulated import START_NS, FromZero, cast_of

from connectors.plugins import asset_types, make_decoder
from connectors.speakers.cast import Cast, dialect_of
from twin.clock import NS_PER_S
from twin.computed import EXPECTATIONS
from twin.config import topic_matches
from twin.errors import DecodeError, ScenarioError
from twin.events import Event, EventKind
from twin.expectation import STREAM as EXPECTED
from twin.message import Finding, Message
from twin.sample import Frames, Role

SLOW_S, LIVE_S = 420, 35
OFFICIAL = Path(__file__).parents[3] / "shared/schemas/vda5050/2.1.0"


class Heard:
    """A host that decodes all that a cast says, and counts (mutable)."""

    def __init__(self, factory):
        self.factory = factory
        self.decoders = {s.name: make_decoder(s.decoder, s.options, s.name, factory.hub) for s in factory.sources}
        self.promised = defaultdict(lambda: [0, 0, 1 << 63, -1])
        self.stored = defaultdict(lambda: [0, 0, 1 << 63, -1])
        self.findings, self.rejected, self.messages, self.events = [], [], [], []
        self.frames = Counter()
        self.streams = {}

    def take(self, said, now_ns):
        for one in said:
            for kept in one.kept:
                _count(self.promised[kept.stream], *kept[1:])
            source = next(
                source for source in self.factory.sources if any(topic_matches(t, one.topic) for t in source.topics)
            )
            self.messages.append((source.name, one))
            try:
                told = list(self.decoders[source.name].decode(Message(one.topic, one.payload, now_ns, one.qos)))
            except DecodeError as error:
                self.rejected.append((one.topic, error))
                continue
            self.events += [found for found in told if isinstance(found, Event)]
            self.findings += [found for found in told if isinstance(found, Finding)]
            for part in told:
                if isinstance(part, Frames):
                    self.frames[source.name] += len(part)
                    self.streams[part.stream.id] = part.stream
                    texts = sum(text is not None for row in part.texts for text in row)
                    values = int((part.values == part.values).sum()) + texts
                    _count(self.stored[part.stream.id], len(part), values, int(part.seq.min()), int(part.seq.max()))


def _count(row, frames, values, first, last):
    row[:] = [row[0] + frames, row[1] + values, min(row[2], first), max(row[3], last)]


def play(factory):
    """Some minutes as history, then live: what was heard."""
    heard = Heard(factory)
    casts = [cast_of(site, factory) for site in factory.hub.sites]
    for cast in casts:
        heard.take(cast.hello(START_NS), START_NS)
    for second in range(60, SLOW_S + 1, 60):
        now_ns = START_NS + second * NS_PER_S
        for cast in casts:
            heard.take(cast.advance(now_ns, slow=True, rows=60), now_ns)
    for tenth in range(1, LIVE_S * 10 + 1):
        now_ns = START_NS + SLOW_S * NS_PER_S + tenth * NS_PER_S // 10
        for cast in casts:
            heard.take(cast.advance(now_ns, slow=False, rows=1), now_ns)
    for cast in casts:
        heard.take(cast.farewell(now_ns), now_ns)
    return heard


@pytest.fixture(scope="module")
def heard(demo_factory):
    return play(demo_factory)


@pytest.fixture(scope="module")
def fleet_hours(demo_factory):
    """Three hours of one site's mobile robots alone, without the rest of the plant."""
    site = demo_factory.hub.site("jeonju")
    robots = tuple(asset for asset in site.assets if asset.type == "mobile_robot")
    factory = replace(demo_factory, simulate=replace(demo_factory.simulate, fault=()))
    cast = Cast(replace(site, assets=robots), factory, START_NS, FromZero())
    heard = Heard(demo_factory)
    heard.take(cast.hello(START_NS), START_NS)
    for minute in range(10, 181, 10):
        now_ns = START_NS + minute * 60 * NS_PER_S
        heard.take(cast.advance(now_ns, slow=True, rows=60), now_ns)
    return heard


def test_every_message_is_stored_as_its_device_counts_it(heard):
    assert heard.rejected == []
    for stream, row in heard.promised.items():
        # The host counts an edge's messages itself: only frames and values can be told beforehand.
        exact = 4 if row[3] >= 0 else 2
        assert heard.stored[stream][:exact] == row[:exact], stream
    beside = {stream.partition(":")[2] for stream in heard.stored.keys() - heard.promised.keys()}
    assert beside <= {"route", "messages"}, "what decoders make of their own accord"


def test_no_simulated_device_breaks_its_standard(heard):
    assert [(found.device, found.rule, found.detail) for found in heard.findings] == []


def of_devices(source):
    """Whether devices speak to a source; what is expected of arms comes from the hub itself."""
    return not source.rest and not any(topic.startswith(EXPECTATIONS.prefix) for topic in source.topics)


def test_every_dialect_is_spoken_and_every_source_has_frames(heard, demo_factory):
    assert {source.decoder for source in demo_factory.sources} >= {
        "vda5050", "sparkplug_b", "ros_json", "uns", "homeassistant", "json_object",
    }  # fmt: skip
    for source in demo_factory.sources:
        assert not of_devices(source) or heard.frames[source.name] > 0, source.name


def test_each_asset_keeps_the_roles_of_its_type_whatever_it_speaks(heard, demo_factory):
    types = asset_types()
    told = defaultdict(set)
    for stream in heard.streams.values():
        told[stream.asset] |= {signal.role for signal in stream.signals}
    for asset in demo_factory.hub.assets().values():
        sent = [stream for stream in types[asset.type].streams if not stream.name.startswith(EXPECTED)]
        wanted = {signal.role for stream in sent for signal in stream.signals} - {Role.NONE}
        assert told[asset.id] >= wanted, asset.id


@pytest.mark.slow
def test_the_same_seed_and_start_say_the_same_bytes(heard, demo_factory):
    again = [one for _, one in play(demo_factory).messages]
    assert again == [one for _, one in heard.messages]


def test_header_ids_count_by_topic_and_go_on_after_a_restart(heard, demo_factory):
    seen = defaultdict(list)
    for name, one in heard.messages:
        if name.endswith("-robots"):
            seen[one.topic].append(json.loads(one.payload)["headerId"])
    assert len(seen) >= 10 * 4
    for counts in seen.values():
        assert counts == list(range(len(counts)))
    stream = "jeonju/fleet/AMR-01:state"
    site = demo_factory.hub.site("jeonju")
    counts = FromZero()
    counts.next_seq = lambda key: 500 if key == stream else 0
    cast = Cast(site, demo_factory, START_NS, counts)
    states = [
        one for one in cast.advance(START_NS + NS_PER_S, slow=False, rows=1) if one.topic.endswith("AMR-01/state")
    ]
    assert [json.loads(one.payload)["headerId"] for one in states] == [500]


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official VDA 5050 schemas are not in ../shared/schemas")
def test_every_message_of_a_robot_is_valid_by_the_official_schemas(fleet_hours):
    jsonschema = pytest.importorskip("jsonschema")
    checks = {}
    for path in OFFICIAL.glob("*.schema"):
        checks[path.stem] = jsonschema.Draft202012Validator(json.loads(path.read_text("utf-8")))
    seen = Counter()
    for _, one in fleet_hours.messages:
        topic = one.topic.rpartition("/")[2]
        if seen[topic] % 10 == 0:
            checks[topic].validate(json.loads(one.payload))
        seen[topic] += 1
    assert set(seen) == {"connection", "state", "visualization", "factsheet", "order", "instantActions"}


def test_a_blocked_robot_shows_as_an_error_that_ends_and_an_order_that_is_taken_back(fleet_hours):
    kinds = Counter(event.kind for event in fleet_hours.events)
    assert kinds[EventKind.ERROR_RAISED] > 2
    assert 0 <= kinds[EventKind.ERROR_RAISED] - kinds[EventKind.ERROR_CLEARED] <= 1
    assert kinds[EventKind.ORDER_CHANGED] > 50
    assert kinds[EventKind.ACTION_CHANGED] > 150
    assert fleet_hours.findings == []
    assert fleet_hours.rejected == []


def test_only_mobile_robots_speak_vda_5050(demo_factory):
    arm = next(asset for asset in demo_factory.hub.assets().values() if asset.type == "robot_arm")
    with pytest.raises(ScenarioError, match="mobile robots"):
        dialect_of(arm, {"robot_arm": "vda5050"})


def test_every_source_of_the_demo_stores_frames_rejects_nothing_and_breaks_no_rule(recorded, history):
    terms = history.by_source()
    for source in recorded.factory.sources:
        if of_devices(source):
            told = terms[source.name]
            assert told["stored"] > 0, source.name
            assert told["key_conflict"] == 0, source.name
            # One message of the recording is broken on purpose.
            assert sum(told["rejected"].values()) == (source.name == "jeonju-plant"), source.name
    assert list(history.findings()) == []
    assert [one.asset for one in history.newcomers()] == []
