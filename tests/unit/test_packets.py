"""PUBLISH packets are found whole, however a connection cuts them, and nothing else is touched."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sources._packets import MAX_KEPT_BYTES, Splitter, pubacks
from twin.message import Message

PINGRESP, SUBACK = b"\xd0\x00", b"\x90\x03\x00\x07\x01"


def length(n):
    out = bytearray()
    while True:
        n, byte = n >> 7, n & 0x7F
        out.append(byte | (0x80 if n else 0))
        if not n:
            return bytes(out)


def publish(topic, payload, mid=0, *, retain=False, dup=False, properties=None, qos=None):
    qos = (1 if mid else 0) if qos is None else qos
    body = struct.pack(">H", len(topic)) + topic + (struct.pack(">H", mid) if qos else b"")
    if properties is not None:
        body += length(len(properties)) + properties
    body += payload
    return bytes([0x30 | dup << 3 | qos << 1 | retain]) + length(len(body)) + body


def split_all(data, cuts, *, mqtt5=False):
    splitter = Splitter(mqtt5=mqtt5)
    messages, mids, others = [], [], b""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found, numbers, rest = splitter.split(data[start:end], 7)
        messages, mids, others = messages + found, mids + numbers, others + rest
    return messages, mids, others, splitter


packet = st.fixed_dictionaries(
    {
        "topic": st.text(min_size=1, max_size=12).map(lambda t: t.encode(errors="replace")),
        "payload": st.binary(max_size=300),
        "mid": st.integers(0, 0xFFFF),
        "retain": st.booleans(),
        "dup": st.booleans(),
    }
)


@given(
    st.lists(packet | st.sampled_from([PINGRESP, SUBACK]), max_size=12), st.lists(st.integers(0), max_size=20),
    st.none() | st.binary(max_size=200),
)  # fmt: skip
def test_messages_and_other_packets_come_out_in_order_whatever_the_cuts(packets, cuts, properties):
    stream, expected, expected_mids, expected_others = b"", [], [], b""
    for item in packets:
        if isinstance(item, bytes):
            stream, expected_others = stream + item, expected_others + item
            continue
        stream += publish(**item, properties=properties)
        qos = int(item["mid"] > 0)
        expected.append(Message(item["topic"].decode(), item["payload"], 7, qos, item["retain"]))
        expected_mids.append(item["mid"])
    messages, mids, others, splitter = split_all(stream, cuts, mqtt5=properties is not None)
    assert messages == expected
    assert mids == expected_mids
    assert others == expected_others
    assert splitter.waiting == 0


@given(st.binary(max_size=400), st.lists(st.integers(0), max_size=6), st.booleans())
def test_bytes_without_meaning_neither_raise_nor_vanish_into_memory(data, cuts, mqtt5):
    messages, mids, _, splitter = split_all(data, cuts, mqtt5=mqtt5)
    assert len(messages) == len(mids)
    assert splitter.waiting <= len(data)


@pytest.mark.parametrize(
    "packet",
    [
        publish(b"t", b"x", 0, qos=1),
        bytes([0x32, 1, 0]),
        bytes([0x32, 4, 0, 9, 65, 66]),
        publish(b"t", b"x", 3, qos=2),
    ],
    ids=["packet id 0", "no topic", "topic past the end", "QoS 2"],
)
def test_a_publish_that_is_not_of_ours_to_take_is_left_to_paho(packet):
    found, mids, others = Splitter(mqtt5=False).split(packet + PINGRESP, 7)
    assert (found, mids, others) == ([], [], packet + PINGRESP)


def test_a_publish_with_properties_that_end_nowhere_is_left_to_paho():
    packet = publish(b"t", b"", 3, properties=None)[:-2] + b"\x00\x03"
    broken = bytes([packet[0], packet[1] + 1]) + packet[2:] + b"\x7f"
    assert Splitter(mqtt5=True).split(broken + PINGRESP, 7) == ([], [], broken + PINGRESP)


@pytest.mark.parametrize("size", [MAX_KEPT_BYTES - 1, MAX_KEPT_BYTES, 5_000_000])
def test_of_a_payload_far_too_long_only_the_head_is_kept_and_what_follows_is_found(size):
    data = publish(b"big", bytes(size), 9) + PINGRESP + publish(b"t", b"x", 10)
    splitter = Splitter(mqtt5=False)
    messages, mids, others, kept = [], [], b"", 0
    for at in range(0, len(data), 65536):
        found, numbers, rest = splitter.split(data[at : at + 65536], 7)
        messages, mids, others = messages + found, mids + numbers, others + rest
        kept = max(kept, splitter.waiting)
    assert [(m.topic, len(m.payload)) for m in messages] == [("big", min(size, MAX_KEPT_BYTES)), ("t", 1)]
    assert (mids, others) == ([9, 10], PINGRESP)
    assert kept < MAX_KEPT_BYTES + 300_000


def test_acknowledgements_are_packets_of_four_bytes_in_order():
    assert pubacks([1, 0x1234, 65535]) == b"\x40\x02\x00\x01\x40\x02\x12\x34\x40\x02\xff\xff"


def test_a_topic_that_is_not_utf8_is_told_with_marks():
    found, _, _ = Splitter(mqtt5=False).split(publish(b"a\xff", b"x", 1), 7)
    assert found[0].topic == "a\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("mqtt5", [False, True], ids=["3.1.1", "5"])
def test_a_length_that_is_none_is_for_paho_to_end_the_connection_over_and_swallows_nothing(mqtt5):
    good = publish(b"a", b"1", 1, properties=b"" if mqtt5 else None)
    for cut in range(1, 12):
        broken = b"\x32\xff\xff\xff\xff\x7f" + b"x" * 20
        messages, mids, others, splitter = split_all(good + broken, [len(good) + cut], mqtt5=mqtt5)
        assert (len(messages), mids) == (1, [1])
        assert others.startswith(b"\x32\xff\xff\xff\xff")
        assert splitter._skip == 0
