"""A simulated edge node with a primary host: born when it is there, kept meanwhile, told as historical after."""

from __future__ import annotations

import json

import numpy as np
import pytest

from connectors.decoders._sparkplug.proto import Payload
from connectors.decoders.sparkplug_b import Decoder, Options
from connectors.publish import DOWN, UP
from connectors.speakers import sparkplug_b
from connectors.speakers.sparkplug_b import Speaker
from twin.clock import NS_PER_S
from twin.message import Ask, Finding, Liveness, Message
from twin.sample import Frames, Kind, Quality, Role, Signal, stream_of
from twin.site import Asset, AssetType, Hub, Name, Pose, Site, StreamType

T0 = 1_795_328_000 * NS_PER_S
NAME = Name("가", "a")
SIGNALS = (
    Signal("speed", unit="m/s"),
    Signal("good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT),
    Signal("state", Kind.STATE, role=Role.STATE),
)
DEVICES = {name: stream_of(f"s/line/{name}", "data", SIGNALS) for name in ("M1", "M2")}
TYPE = AssetType("press", NAME, (StreamType("data", SIGNALS, 1.0),))
ASSETS = tuple(Asset(f"s/line/{name}", "press", NAME, Pose(0.0, 0.0)) for name in DEVICES)
HUB = Hub("h", NAME, (Site("s", NAME, NAME, "UTC", (9.0, 9.0), assets=ASSETS),))


def rows(name, first, count):
    """Frames of a device, one a second; now and then its speed is absent."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    values = np.column_stack((numbers * 0.5, numbers // 4)).astype(float)
    values[numbers % 5 == 3, 0] = np.nan
    texts = tuple(("Execute" if number % 7 else "Held",) for number in numbers.tolist())
    t_ns = T0 + numbers * NS_PER_S
    return Frames(DEVICES[name], t_ns, numbers, t_ns, values, np.full(count, int(Quality.GOOD), np.int16), texts)


def state(at_ms, online=True):
    return json.dumps({"online": online, "timestamp": at_ms}).encode()


def command():
    payload = Payload()
    payload.metrics.add(name="Node Control/Rebirth", datatype=11, boolean_value=True)
    return payload.SerializeToString()


class Plant:
    """An edge, and a host that decodes what it says (mutable)."""

    def __init__(self):
        self.speaker = Speaker("s", "line", DEVICES, host_id="host")
        self.speaker.edge.will()
        self.decoder = Decoder(Options(start_jitter_s=0.0), "test", HUB, {"press": TYPE})
        self.made = 0
        self.promised, self.stored, self.told, self.topics = {}, {}, [], []

    def hear(self, topic, payload):
        self.take(self.speaker.hear(topic, payload))

    def host(self, at_ms, online=True):
        self.hear("spBv1.0/STATE/host", state(at_ms, online))

    def run(self, count, rows_each=1):
        self.take(self.speaker.say([rows(name, self.made, count) for name in DEVICES], 0, rows_each))
        self.made += count

    def take(self, said):
        for one in said:
            assert one.qos == (1 if "NDEATH" in one.topic else 0)
            self.topics.append(one.topic)
            for kept in one.kept:
                before = self.promised.get(kept.stream, (0, 0))
                self.promised[kept.stream] = (before[0] + kept.frames, before[1] + kept.values)
            for part in self.decoder.decode(Message(one.topic, one.payload, T0 + self.made * NS_PER_S, one.qos)):
                if isinstance(part, Frames):
                    key = part.stream.id
                    texts = sum(text is not None for row in part.texts for text in row)
                    values = int(np.count_nonzero(~np.isnan(part.values))) + texts
                    before = self.stored.get(key, (0, 0))
                    self.stored[key] = (before[0] + len(part), before[1] + values)
                else:
                    self.told.append(part)

    def started(self):
        self.hear(*UP)
        self.host(1)
        self.run(5)
        return self

    def births(self):
        return [topic for topic in self.topics if "BIRTH" in topic]


def without_counts(stored):
    return {stream: row for stream, row in stored.items() if not stream.endswith(":messages")}


def test_a_node_is_born_with_its_first_values_once_its_host_is_there():
    plant = Plant()
    plant.run(3)
    plant.hear(*UP)
    plant.run(1)
    plant.host(10, online=False)
    plant.run(1)
    assert plant.topics == []
    plant.host(20)
    plant.run(2)
    assert plant.births() == ["spBv1.0/s/NBIRTH/line", "spBv1.0/s/DBIRTH/line/M1", "spBv1.0/s/DBIRTH/line/M2"]
    assert without_counts(plant.stored) == plant.promised
    assert {stream.partition(":")[2] for stream in plant.promised} == {"data"}, "nothing was missed yet"
    assert plant.stored["s/line/M1:data"][0] == 7
    assert [one for one in plant.told if isinstance(one, Finding | Ask)] == []


@pytest.mark.parametrize("rows_each", [1, 4, 60])
def test_many_samples_a_message_are_stored_as_one_a_message(rows_each):
    plant = Plant()
    plant.hear(*UP)
    plant.host(1)
    for _ in range(3):
        plant.run(20, rows_each)
    assert without_counts(plant.stored) == plant.promised
    assert plant.stored["s/line/M1:data"][0] == 60


def test_what_was_kept_while_the_host_was_away_is_told_as_historical_after_a_new_birth():
    plant = Plant().started()
    before = dict(plant.stored)
    plant.host(30, online=False)
    plant.run(12)
    assert plant.stored == before
    plant.host(40)
    plant.run(1)
    assert len(plant.births()) == 6
    assert without_counts(plant.stored) == plant.promised
    assert plant.stored["s/line/M1:good_count~history"] == (13, 13)
    assert plant.stored["s/line/M1:state~text~history"] == (13, 13)
    frames, values = plant.stored["s/line/M1:speed~history"]
    assert (frames, values) == (13, 11), "an absent value is told as null"
    assert plant.stored["s/line/M1:data"][0] == before["s/line/M1:data"][0] + 1, "the birth, with the newest values"
    plant.run(4)
    assert plant.stored["s/line/M1:data"][0] == before["s/line/M1:data"][0] + 5
    assert [one for one in plant.told if isinstance(one, Finding)] == []


def test_an_older_state_of_the_host_says_nothing():
    plant = Plant().started()
    plant.host(50, online=True)
    plant.host(40, online=False)
    plant.run(1)
    assert plant.speaker.is_heard
    plant.hear("spBv1.0/STATE/host", b"OFFLINE")
    assert plant.speaker.is_heard


def test_a_lost_connection_ends_the_session_and_the_next_one_has_the_next_number():
    plant = Plant().started()
    assert plant.speaker.edge.bdseq == 0
    plant.hear(*DOWN)
    plant.run(2)
    topic, will = plant.speaker.edge.will()
    assert topic == "spBv1.0/s/NDEATH/line"
    assert Payload.FromString(will).metrics[0].long_value == 1
    plant.hear(*UP)
    plant.run(1)
    assert len(plant.births()) == 6
    assert without_counts(plant.stored) == plant.promised


def test_a_host_that_asks_for_births_gets_them_with_the_newest_values():
    plant = Plant().started()
    plant.hear("spBv1.0/s/NCMD/line", command())
    assert len(plant.births()) == 6
    plant.hear("spBv1.0/s/NCMD/other", command())
    assert len(plant.births()) == 6
    plant.run(2)
    assert without_counts(plant.stored) == plant.promised


def test_a_node_says_its_death_before_it_goes():
    plant = Plant().started()
    plant.take(plant.speaker.farewell(0))
    assert plant.topics[-1] == "spBv1.0/s/NDEATH/line"
    dead = {one.path for one in plant.told if isinstance(one, Liveness) and not one.online}
    assert dead == {"s/line", "s/line/M1", "s/line/M2"}
    silent = Plant()
    silent.take(silent.speaker.farewell(0))
    assert silent.topics == []


def test_what_is_kept_is_bounded_and_what_is_dropped_is_counted(monkeypatch):
    monkeypatch.setattr(sparkplug_b, "MAX_KEPT", 100)
    plant = Plant()
    for _ in range(15):
        plant.run(10)
    assert plant.speaker.dropped == 2 * 50
    plant.hear(*UP)
    plant.host(1)
    plant.run(1)
    assert plant.stored["s/line/M1:data"][0] == 101
