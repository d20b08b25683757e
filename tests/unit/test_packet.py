"""The packet codec: what is written is read again, and nothing else is read as a packet."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.packet import CHANGES, FULL, MAX_CHUNK_PACKETS, decode_packet, encode_chunk, encode_packet
from twin.errors import DecodeError
from twin.sample import Kind, Latest, Quality, Signal, stream_of

DATA = Path(__file__).parent.parent / "data" / "packets"
RECORDED = sorted(DATA.glob("*.json"))

STREAMS = {
    7: stream_of("jeonju/weld/R-101", "joints", [Signal("a"), Signal("b"), Signal("c")]),
    8: stream_of(
        "jeonju/weld/R-101", "status", [Signal("state", Kind.STATE), Signal("program", Kind.TEXT), Signal("n")]
    ),
    4_000_000_000: stream_of("jeonju/weld/R-101", "note", [Signal("note", Kind.TEXT)]),
}
TIMES_NS = st.integers(0, 4_000_000_000_000_000).map(lambda us: us * 1000)
NUMBERS = st.one_of(st.floats(allow_infinity=False), st.just(math.nan))
TEXTS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@st.composite
def entries(draw):
    listed = []
    for key in draw(st.lists(st.sampled_from(sorted(STREAMS)), unique=True)):
        stream = STREAMS[key]
        values = np.array(draw(st.lists(NUMBERS, min_size=stream.width, max_size=stream.width)), np.float64)
        texts = tuple(draw(TEXTS) for _ in stream.text_columns)
        quality = int(draw(st.sampled_from(list(Quality))))
        listed.append((key, Latest(stream, draw(TIMES_NS), 0, draw(TIMES_NS), quality, values, texts)))
    return listed


def parts(listed):
    return [
        (key, one.stream.id, one.t_ns, one.received_ns, one.quality, one.values.tobytes(), one.texts)
        for key, one in listed
    ]


@given(st.sampled_from([FULL, CHANGES]), TIMES_NS, entries())
def test_what_is_written_is_read_again_to_the_bit(kind, clock_ns, listed):
    packet = encode_packet(kind, clock_ns, listed)
    assert len(packet) % 8 == 0
    read_kind, read_clock_ns, read = decode_packet(packet, STREAMS)
    assert (read_kind, read_clock_ns, parts(read)) == (kind, clock_ns, parts(listed))


@given(st.binary(max_size=200))
def test_random_bytes_raise_a_decode_error_and_nothing_else(data):
    with pytest.raises(DecodeError):
        decode_packet(data, STREAMS)


@given(TIMES_NS, entries(), st.data())
def test_a_packet_with_one_byte_changed_is_read_or_refused_but_never_breaks(clock_ns, listed, data):
    packet = bytearray(encode_packet(FULL, clock_ns, listed))
    at = data.draw(st.integers(0, len(packet) - 1))
    packet[at] ^= data.draw(st.integers(1, 255))
    try:
        kind, _, read = decode_packet(bytes(packet), STREAMS)
    except DecodeError:
        return
    assert kind in (FULL, CHANGES)
    assert len(read) == len(listed)


@given(TIMES_NS, entries(), st.integers(1, 16))
def test_a_packet_cut_short_or_made_longer_is_refused(clock_ns, listed, count):
    packet = encode_packet(FULL, clock_ns, listed)
    for wrong in (packet[:-count], packet + bytes(count)):
        with pytest.raises(DecodeError):
            decode_packet(wrong, STREAMS)


def test_a_stream_that_the_directory_does_not_know_is_refused():
    latest = Latest(STREAMS[7], 0, 0, 0, 192, np.zeros(3))
    with pytest.raises(DecodeError, match="directory"):
        decode_packet(encode_packet(FULL, 0, [(9, latest)]), STREAMS)


def test_an_entry_with_other_columns_than_the_directory_says_is_refused():
    latest = Latest(STREAMS[7], 0, 0, 0, 192, np.zeros(3))
    with pytest.raises(DecodeError, match="columns"):
        decode_packet(encode_packet(FULL, 0, [(8, latest)]), STREAMS)


def test_a_time_that_is_not_a_number_is_refused():
    packet = bytearray(encode_packet(FULL, 0, []))
    packet[24:32] = np.array([np.nan], "<f8").tobytes()
    with pytest.raises(DecodeError, match="time"):
        decode_packet(bytes(packet), {})


def test_the_microsecond_survives_the_wire():
    t_ns = 1_795_156_327_123_457_000
    latest = Latest(STREAMS[7], t_ns, 0, t_ns + 1000, 192, np.zeros(3))
    _, clock_ns, [(_, read)] = decode_packet(encode_packet(CHANGES, t_ns, [(7, latest)]), STREAMS)
    assert (clock_ns, read.t_ns, read.received_ns) == (t_ns, t_ns, t_ns + 1000)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_packet_decodes_to_its_json(path):
    case = json.loads(path.read_text(encoding="utf-8"))
    streams = {
        stream["key"]: stream_of(
            stream["asset"],
            stream["name"],
            [Signal(name) for name in stream["columns"]] + [Signal(name, Kind.TEXT) for name in stream["texts"]],
        )
        for stream in case["streams"]
    }
    packet = base64.b64decode(case["packet_b64"])
    kind, clock_ns, read = decode_packet(packet, streams)
    assert {
        "kind": kind,
        "clock_ms": clock_ns / 1_000_000,
        "entries": [
            {
                "key": key,
                "t_ms": one.t_ns / 1_000_000,
                "received_ms": one.received_ns / 1_000_000,
                "quality": one.quality,
                "values": [None if math.isnan(value) else value for value in one.values.tolist()],
                "texts": list(one.texts),
            }
            for key, one in read
        ],
    } == case["expected"]
    assert encode_packet(kind, clock_ns, read) == packet


def test_the_recorded_packets_are_there():
    assert len(RECORDED) == 3


def test_a_chunk_tells_the_number_of_packets_and_the_length_of_each():
    packets = [encode_packet(FULL, 1_000_000, []), encode_packet(CHANGES, 2_000_000, [])]
    chunk = encode_chunk(packets)
    assert chunk[:8] == bytes([2, 0, 0, 0, 0, 0, 0, 0])
    assert chunk[8:16] == bytes([32, 0, 0, 0, 0, 0, 0, 0])
    assert chunk[16:48] == packets[0]
    assert chunk[56:] == packets[1]


def test_a_chunk_of_too_many_packets_is_refused():
    with pytest.raises(ValueError, match="at most"):
        encode_chunk([b""] * (MAX_CHUNK_PACKETS + 1))
