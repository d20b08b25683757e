"""Recorded traffic of real Sparkplug clients: every message has an outcome, values are those of another reading, faults are told."""

from __future__ import annotations

import base64
import json
import math
import struct
from collections import Counter
from pathlib import Path

import pytest
from sparkplug_edge import FIELDS, HUB, liveness, rows, told

from connectors import plugins
from twin.errors import DecodeError
from twin.gaps import SequenceCount
from twin.message import Finding, Handled, Message
from twin.sample import SEQ_EPOCH_SHIFT, Frames

CAPTURES = Path(__file__).resolve().parents[1] / "data" / "captures"
NAMES = ["spb_js_clean", "spb_js_crash", "spb_pysparkplug_clean"]


def messages_of(name):
    lines = (CAPTURES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        received_ns = round(row["ts"] * 1e6) * 1000
        yield Message(row["topic"], base64.b64decode(row["payload_b64"]), received_ns, row["qos"], False)


def run(name, **options):
    """What a decoder makes of a capture, its ticks a second apart: (message, told) pairs, and the decoder."""
    decoder = plugins.make_decoder("sparkplug_b", options, "test", HUB)
    outcomes, last_ns = [], 0
    for message in messages_of(name):
        while last_ns and message.received_ns - last_ns > 10**9:
            last_ns += 10**9
            outcomes.append((None, list(decoder.tick(last_ns))))
        last_ns = message.received_ns
        try:
            found = list(decoder.decode(message))
        except DecodeError as error:
            found = [error]
        outcomes.append((message, found))
    outcomes += [(None, list(decoder.tick(last_ns + second * 10**9))) for second in range(1, 30)]
    return outcomes


def all_of(outcomes):
    return [one for _, found in outcomes for one in found]


@pytest.mark.parametrize("name", NAMES)
def test_every_message_of_a_capture_is_decoded_handled_or_rejected(name):
    outcomes = run(name)
    kinds = Counter()
    for message, found in outcomes:
        if message is None:
            continue
        if told(found, Frames):
            kinds["decoded"] += 1
        elif told(found, Handled):
            kinds[told(found, Handled)[0].kind] += 1
        else:
            kinds[f"rejected {found[0].reason}"] += 1
    assert (
        kinds
        == {
            "spb_js_clean": {"decoded": 283, "state": 2, "command": 2, "death": 1},
            "spb_js_crash": {"decoded": 280, "death": 1},
            "spb_pysparkplug_clean": {"decoded": 72, "death": 2},
        }[name]
    )


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_missing_in_a_capture_of_loopback(name):
    seqs = [seq for stream, _, seq, _, _ in rows(all_of(run(name))) if stream.endswith(":messages")]
    epochs = {}
    for seq in seqs:
        epochs.setdefault(seq >> SEQ_EPOCH_SHIFT, []).append(seq)
    for counted in epochs.values():
        assert sorted(counted) == list(range(counted[0], counted[0] + len(counted)))
        count = SequenceCount(counted[0], counted[0])
        assert count.expected == 1


# Another reading: the bytes themselves, field by field.


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = struct.unpack("<d" if kind == 1 else "<f", data[at : at + size])[0], at + size
        yield number, value


def varint(data, at):
    found = shift = 0
    while True:
        found |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return found, at


def other_reading(name):
    """(asset, metric, ms, number) of every plain number in a capture, by hand."""
    found, names, kinds = [], {}, {}
    bits = {1: 8, 2: 16, 3: 32, 4: 64}
    for message in messages_of(name):
        _, group, verb, node, *device = message.topic.split("/") + [""] * (message.topic.count("/") < 3)
        if verb not in ("NBIRTH", "DBIRTH", "NDATA", "DDATA"):
            continue
        for number, body in fields(message.payload):
            if number != 2:
                continue
            told_fields = dict(fields(body))
            metric_name = told_fields.get(1, b"").decode() or names[node, told_fields[2]]
            if 2 in told_fields:
                names[node, told_fields[2]] = metric_name
            key = (node, *device, metric_name)
            kind = kinds.setdefault(key, told_fields.get(4))
            value = next((told_fields[n] for n in (10, 11, 12, 13, 14) if n in told_fields), None)
            is_own = metric_name == "bdSeq" or metric_name.startswith("Node Control")
            if value is None or is_own or told_fields.get(5):
                continue
            width = bits.get(kind)
            if width:
                value &= (1 << width) - 1
                value -= (value >> (width - 1)) << width
            found.append(("/".join([group, node, *device]).rstrip("/"), metric_name, told_fields[3], float(value)))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_plain_number_is_what_another_reading_finds(name):
    mine = []
    for part in told(all_of(run(name)), Frames):
        stream = part.stream
        if (
            len(stream.columns) == 1
            and not stream.text_columns
            and stream.name != "messages"
            and "~history" not in stream.id
        ):
            source_name = stream.columns[0].source_name
            mine += [
                (stream.asset, source_name, t_ns // 10**6, value)
                for t_ns, value in zip(part.t_ns.tolist(), part.values[:, 0].tolist(), strict=True)
                if not math.isnan(value) and "/" not in source_name.replace("j1/", "").replace("j2/", "")
            ]
    other = other_reading(name)
    assert len(other) > 100
    assert Counter(mine) == Counter(other)


def findings(outcomes):
    return {(one.device, one.rule) for one in told(all_of(outcomes), Finding)}


def test_what_the_javascript_client_does_otherwise_is_told():
    assert findings(run("spb_js_clean")) == {
        ("Plant1/js-edge-1", "payloads-nbirth-bdseq"),  # UInt64 instead of Int64
        ("Plant1/js-edge-1", "payloads-name-birth-data-requirement"),  # bdSeq without timestamp
        ("Plant1/js-edge-1", "payloads-ndeath-will-message-qos"),  # 0
        ("Plant1/js-edge-1", "payloads-metric-datatype-not-req"),
        ("Plant1/js-edge-1/press-01", "payloads-metric-datatype-not-req"),
    }


def test_what_the_python_client_does_otherwise_is_told():
    outcomes = run("spb_pysparkplug_clean")
    assert findings(outcomes) == {
        ("Plant1/py-edge-1", "payloads-ndeath-bdseq"),  # the next will's number
        ("Plant1/py-edge-1", "payloads-ndeath-will-message-qos"),
        ("Plant1/py-edge-1", "payloads-metric-datatype-not-req"),
        ("Plant1/py-edge-1/robot-07", "payloads-metric-datatype-not-req"),
        ("Plant1/py-edge-1/robot-07", "payloads-alias-data-cmd-requirement"),  # name beside alias
        ("Plant1/py-edge-1/gripper-1", "payloads-metric-datatype-not-req"),
    }


def test_the_death_with_the_wrong_number_ends_the_last_session_after_a_while():
    outcomes = run("spb_pysparkplug_clean")
    said = [one for one in liveness(all_of(outcomes)) if one[0] == "Plant1/py-edge-1"]
    assert [online for _, online, _ in said] == [True, True, False]
    (death,) = [message for message, found in outcomes if message and "NDEATH" in message.topic][1:]
    assert said[-1][2] == death.received_ns


def test_strict_mode_refuses_what_these_clients_send():
    outcomes = run("spb_js_clean", strict=True)
    refused = Counter(one.reason for one in told(all_of(outcomes), DecodeError))
    assert refused["not_conformant"] >= 2
    assert ("Plant1/js-edge-1", "payloads-nbirth-bdseq") in findings(outcomes)


@pytest.mark.parametrize("name", NAMES)
def test_many_messages_at_once_are_what_each_is_alone(name):
    alone = plugins.make_decoder("sparkplug_b", {}, "test", HUB)
    bulk = plugins.make_decoder("sparkplug_b", {}, "test", HUB)
    messages = list(messages_of(name))
    expected = Counter(rows([one for message in messages for one in alone.decode(message)]))
    found, start = [], 0
    while start < len(messages):
        blocks, left, looked_at = bulk.decode_many(messages[start : start + 50], 10_000)
        found += [part for block in blocks for part, _ in block.parts()]
        found += [one for place in left for one in bulk.decode(messages[start + place])]
        start += looked_at
    assert Counter(rows(found)) == expected
    assert bulk.state() == alone.state()


def test_fields_are_those_of_the_datatypes():
    assert FIELDS[9] == "float_value"
