"""Every message of the captured traffic is decoded by the dialect that it speaks, and none is left over."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from connectors import plugins
from twin.config import topic_matches
from twin.message import Message
from twin.sample import Frames
from twin.site import Hub, Name

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
HUB = Hub("h", Name("h", "h"), ())
SPOKEN = {
    "nodered_uns": [
        ("umh/v1/#", "uns", {}),
        ("enterprise/+/+/+/+/telemetry", "json_object", {"topic": "enterprise/{site}/{area}/{line}/{asset}/{stream}",
                                                         "time": "ts", "time_unit": "iso"}),
        ("enterprise/+/+/+/palletizer/+", "json_topic", {"topic": "enterprise/{site}/{area}/{line}/{asset}/{signal}"}),
        ("senml/+/+", "senml", {"topic": "senml/{line}/{asset}"}),
    ],
    "homeassistant": [("#", "homeassistant", {})],
    "handmade_samples": [
        ("robots/+/joint_states", "ros_json", {"topic": "robots/{asset}/joint_states"}),
        ("tele/#", "tasmota", {"zone_offset_h": 9.0}),
        ("opcua/#", "opcua_pubsub", {}),
        ("senml/#", "senml", {"topic": "senml/{asset}"}),
        ("telegraf/#", "telegraf", {}),
        ("telegraf-json/#", "telegraf", {}),
        ("ditto/#", "mapping", {"topic": "ditto/{_}/{asset}/things/twin/events/modified", "time": "timestamp",
                                "time_unit": "iso", "fields": [{"path": "value"}]}),
    ],
    "vda5050_agv-11": [("uagv/#", "vda5050", {})],
    "vda5050_agv-20": [("uagv/#", "vda5050", {})],
}  # fmt: skip
WITHOUT_FRAMES = {
    "homeassistant": 3,
    "handmade_samples": 2,
}
"""Configurations; a last will and a keep-alive."""


def captured(name):
    for line in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
        row = json.loads(line)
        body = base64.b64decode(row["payload_b64"])
        yield Message(row["topic"], body, round(row["ts"] * 1e9), row["qos"], bool(row["retain"]))


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_a_capture_is_decoded_completely(name):
    decoders = [(pattern, plugins.make_decoder(word, options, "test", HUB)) for pattern, word, options in SPOKEN[name]]
    seen, framed = 0, 0
    for message in captured(name):
        decoder = next(decoder for pattern, decoder in decoders if topic_matches(pattern, message.topic))
        seen += 1
        framed += any(isinstance(part, Frames) for part in decoder.decode(message))
    assert seen > 5
    assert framed == seen - WITHOUT_FRAMES.get(name, 0)


def test_the_captures_again_are_the_same_frames():
    counts = []
    for _ in range(2):
        found = Counter()
        for name, spoken in SPOKEN.items():
            made = [(pattern, plugins.make_decoder(word, options, "t", HUB)) for pattern, word, options in spoken]
            for message in captured(name):
                decoder = next(decoder for pattern, decoder in made if topic_matches(pattern, message.topic))
                for part in decoder.decode(message):
                    if isinstance(part, Frames):
                        found.update(
                            (part.stream.id, int(t), int(seq)) for t, seq in zip(part.t_ns, part.seq, strict=True)
                        )
        counts.append(found)
    assert counts[0] == counts[1]
