"""The packet a browser is sent, live and in replay: docs/reference/live-protocol.md in code.

Little-endian, arrays aligned to 8 bytes. Times travel as float64 milliseconds, which keeps the
microsecond until the year 2255; the sequence stays at home.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from twin.errors import DecodeError
from twin.sample import Latest, Quality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from twin.sample import Stream

MAGIC = 0x31505446
FULL = 1
"""Kind of a packet that holds every stream's newest frame."""
CHANGES = 2
"""Kind of a packet that holds the streams that have a newer frame than the packet before."""
MAX_CHUNK_PACKETS = 600

_HEAD = struct.Struct("<IB3xIIIId")
_CHUNK_HEAD = struct.Struct("<II")
_QUALITIES = frozenset(int(quality) for quality in Quality)
_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000
_US_PER_MS = 1_000
_MAX_MS = 9.2e12
"""Beyond it a time does not fit 64 bits of nanoseconds."""

_TEXTS = msgspec.json.Decoder(dict[str, list[str | None]])


def encode_packet(kind: int, clock_ns: int, entries: Sequence[tuple[int, Latest]]) -> bytes:
    """Write one packet.

    Args:
        kind: `FULL` or `CHANGES`.
        clock_ns: the moment the packet stands for, ns UTC.
        entries: (stream key, newest frame), at most one of a stream.

    Returns:
        The packet, a multiple of 8 bytes long.

    """
    n = len(entries)
    texts = {
        str(i): latest.texts for i, (_, latest) in enumerate(entries) if any(text is not None for text in latest.texts)
    }
    tail = msgspec.json.encode(texts) if texts else b""
    values = np.concatenate([latest.values for _, latest in entries]) if n else np.empty(0, np.float64)
    return b"".join(
        (
            _HEAD.pack(MAGIC, kind, n, len(values), len(tail), 0, clock_ns / _NS_PER_MS),
            _padded(np.array([key for key, _ in entries], "<u4").tobytes()),
            _padded(np.array([len(latest.values) for _, latest in entries], "<u4").tobytes()),
            _padded(np.array([latest.quality for _, latest in entries], "<u4").tobytes()),
            np.array([latest.t_ns / _NS_PER_MS for _, latest in entries], "<f8").tobytes(),
            np.array([latest.received_ns / _NS_PER_MS for _, latest in entries], "<f8").tobytes(),
            values.astype("<f8", copy=False).tobytes(),
            _padded(tail),
        )
    )


def decode_packet(data: bytes, streams: Mapping[int, Stream]) -> tuple[int, int, list[tuple[int, Latest]]]:
    """Read one packet.

    Args:
        data: exactly one packet.
        streams: the directory, stream key to stream.

    Returns:
        The kind, the clock in ns UTC (to the microsecond), and the entries; each has ``seq`` 0,
        since the wire does not carry it.

    Raises:
        DecodeError: the bytes are no packet, or do not fit the directory.

    """
    kind, n, w, b, clock_ms = _head(data)
    at = _HEAD.size
    keys = np.frombuffer(data, "<u4", n, at)
    widths = np.frombuffer(data, "<u4", n, at + _up8(4 * n))
    qualities = np.frombuffer(data, "<u4", n, at + 2 * _up8(4 * n))
    at += 3 * _up8(4 * n)
    t_ns = _times_ns(np.frombuffer(data, "<f8", n, at))
    received_ns = _times_ns(np.frombuffer(data, "<f8", n, at + 8 * n))
    at += 16 * n
    values = np.frombuffer(data, "<f8", w, at).astype(np.float64)
    if int(widths.sum(dtype=np.uint64)) != w:
        raise DecodeError("packet", "the entries' widths do not add up to the number of values")
    texts = _texts(data[at + 8 * w : at + 8 * w + b], n)
    entries: list[tuple[int, Latest]] = []
    start = 0
    for i in range(n):
        key, end, quality = int(keys[i]), start + int(widths[i]), int(qualities[i])
        stream = streams.get(key)
        if stream is None:
            raise DecodeError("packet", f"stream key {key} is not in the directory")
        row = texts.get(i, (None,) * len(stream.text_columns))
        if end - start != stream.width or len(row) != len(stream.text_columns):
            raise DecodeError("packet", f"entry {i} does not have the columns of {stream.id}")
        if quality not in _QUALITIES:
            raise DecodeError("packet", f"entry {i} has the unknown quality {quality}")
        entries.append((key, Latest(stream, t_ns[i], 0, received_ns[i], quality, values[start:end], row)))
        start = end
    return kind, _times_ns(np.array([clock_ms]))[0], entries


def encode_chunk(packets: Sequence[bytes]) -> bytes:
    """Join packets into the answer of ``/view/chunk``: their number, then each with its length.

    Raises:
        ValueError: more than `MAX_CHUNK_PACKETS`.

    """
    if len(packets) > MAX_CHUNK_PACKETS:
        raise ValueError(f"a chunk holds at most {MAX_CHUNK_PACKETS} packets, not {len(packets)}")
    parts = [_CHUNK_HEAD.pack(len(packets), 0)]
    for packet in packets:
        parts += (_CHUNK_HEAD.pack(len(packet), 0), packet)
    return b"".join(parts)


def _head(data: bytes) -> tuple[int, int, int, int, float]:
    """Kind, entries, values, text bytes and clock, after checking that the length fits them."""
    if len(data) < _HEAD.size:
        raise DecodeError("packet", f"{len(data)} bytes are shorter than a packet's head")
    magic, kind, n, w, b, zero, clock_ms = _HEAD.unpack_from(data)
    if magic != MAGIC or zero != 0 or data[5:8] != bytes(3):
        raise DecodeError("packet", "not a packet's head")
    if kind not in (FULL, CHANGES):
        raise DecodeError("packet", f"unknown kind {kind}")
    size = _HEAD.size + 3 * _up8(4 * n) + 16 * n + 8 * w + _up8(b)
    if len(data) != size:
        raise DecodeError("packet", f"{len(data)} bytes, the head tells of {size}")
    return int(kind), int(n), int(w), int(b), float(clock_ms)


def _texts(tail: bytes, n: int) -> dict[int, tuple[str | None, ...]]:
    """Text rows by entry index."""
    if not tail:
        return {}
    try:
        rows = {int(index): tuple(row) for index, row in _TEXTS.decode(tail).items()}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise DecodeError("packet", f"texts: {error}") from error
    if any(not 0 <= index < n for index in rows):
        raise DecodeError("packet", "texts of an entry that is not there")
    return rows


def _times_ns(ms: NDArray[np.float64]) -> list[int]:
    """Milliseconds on the wire to whole microseconds, in ns."""
    if not bool(np.all(np.abs(ms) <= _MAX_MS)):
        raise DecodeError("packet", "a time that is no time")
    return [round(value * _US_PER_MS) * _NS_PER_US for value in ms.tolist()]


def _up8(size: int) -> int:
    return (size + 7) & ~7


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)
