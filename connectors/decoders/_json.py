"""JSON with guards: encoding, depth, numbers, times. Shared by the JSON dialects."""

from __future__ import annotations

import hashlib
import math
from typing import Any, Literal

import msgspec

from twin.clock import NS_PER_S, ns_from_iso
from twin.errors import DecodeError
from twin.sample import SEQ_EPOCH_SHIFT

MAX_DEPTH = 32
MAX_INT = 2**53
TimeUnit = Literal["s", "ms", "us", "ns", "iso"]
_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_EARLIEST_NS = 946_684_800 * NS_PER_S
_END_NS = 4_102_444_800 * NS_PER_S
_EPOCH, _LAST, _LAST_NS, _BEGAN = range(4)
_generic = msgspec.json.Decoder()


def parse(payload: bytes) -> Any:
    """Any JSON value; raises DecodeError (empty, encoding, depth, json_syntax)."""
    guard(payload)
    return decode(_generic, payload)


def guard(payload: bytes) -> None:
    """Raise DecodeError for a payload that must not reach a parser."""
    if not payload:
        raise DecodeError("empty", "no payload")
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _depth(payload) > MAX_DEPTH:
        raise DecodeError("depth", f"nested deeper than {MAX_DEPTH}")


def decode(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    """Run a msgspec decoder; its errors become DecodeError (encoding, json_syntax, schema)."""
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise DecodeError("schema", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError as broken:
            raise DecodeError("encoding", f"not UTF-8 at byte {broken.start}") from error
        raise DecodeError("json_syntax", str(error)) from error


def _depth(payload: bytes) -> int:
    depth = deepest = 0
    in_text = escaped = False
    for byte in payload:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # noqa: PLR2004  backslash
                escaped = True
            elif byte == 0x22:  # noqa: PLR2004  quotation mark
                in_text = False
        elif byte == 0x22:  # noqa: PLR2004
            in_text = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def number(value: object, where: str) -> float:
    """A JSON number (or truth value) as float; raises DecodeError (type, non_finite, int_range)."""
    if isinstance(value, bool):
        return 1.0 if value else 0.0
    if isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            raise DecodeError("int_range", f"{where}: {value} has no exact float64")
        return float(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise DecodeError("non_finite", f"{where}: {value}")
        return value
    raise DecodeError("type", f"{where}: {type(value).__name__} where a number belongs")


def text(value: object, where: str) -> str:
    """A JSON text as it is, without NUL; raises DecodeError (type, nul)."""
    if not isinstance(value, str):
        raise DecodeError("type", f"{where}: {type(value).__name__} where a text belongs")
    if "\0" in value:
        raise DecodeError("nul", f"{where}: a NUL character")
    return value


def time_ns(value: object, unit: TimeUnit, where: str, zone_offset_s: float | None = None) -> int:
    """A device's time as ns UTC; raises DecodeError (ts_range, ts_unit, type).

    ``iso`` texts carry their offset, or ``zone_offset_s`` says which one they mean. A number whose
    size does not fit ``unit`` (outside 2000 to 2100) is refused, never guessed.
    """
    if unit == "iso":
        t_ns = _iso_ns(value, where, zone_offset_s)
        if not _EARLIEST_NS <= t_ns < _END_NS:
            raise DecodeError("ts_range", f"{where}: {value} is outside 2000 to 2100")
        return t_ns
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DecodeError("type", f"{where}: {type(value).__name__} where a time in {unit} belongs")
    if isinstance(value, float) and not math.isfinite(value):
        raise DecodeError("ts_range", f"{where}: {value}")
    if isinstance(value, int):
        t_ns = value * _NS[unit]
    else:
        whole = math.floor(value)
        t_ns = whole * _NS[unit] + round((value - whole) * _NS[unit])
    if not _EARLIEST_NS <= t_ns < _END_NS:
        raise DecodeError("ts_unit", f"{where}: {value} {unit} is outside 2000 to 2100; is the unit right?")
    return t_ns


def _iso_ns(value: object, where: str, zone_offset_s: float | None) -> int:
    if not isinstance(value, str):
        raise DecodeError("type", f"{where}: {type(value).__name__} where an ISO 8601 time belongs")
    try:
        return ns_from_iso(value)
    except ValueError as error:
        if zone_offset_s is not None:
            try:
                return ns_from_iso(value.strip() + "Z") - round(zone_offset_s * NS_PER_S)
            except ValueError:
                raise DecodeError("ts_range", f"{where}: {value!r} is not ISO 8601") from error
        raise DecodeError("ts_range", f"{where}: {error}") from error


def payload_seq(payload: bytes) -> int:
    """A 63-bit hash of a payload: the ``seq`` of devices that count nothing."""
    return int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest(), "big") >> 1


class SequenceTracker:
    """Unwraps the sources' own sequences to 63 bits, a session's epoch above bit 40.

    Mutable; one decoder owns it. A count that goes back while the device's time goes on is a new
    session; a count that goes back with the time is a redelivery or a late frame of the same one.
    """

    def __init__(self) -> None:
        self.streams: dict[str, list[int]] = {}
        """By key: epoch, last sequence, its time, the time the epoch began. Part of the decoder's state."""

    def unwrap(self, key: str, seq: object, t_ns: int, epoch: object = None) -> int:
        """The 63-bit sequence; raises DecodeError (seq) for one that cannot be."""
        if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 1 << SEQ_EPOCH_SHIFT:
            raise DecodeError("seq", f"{seq!r} is no sequence number (0 to 2**{SEQ_EPOCH_SHIFT})")
        if epoch is not None:
            if isinstance(epoch, bool) or not isinstance(epoch, int) or not 0 <= epoch < 1 << (62 - SEQ_EPOCH_SHIFT):
                raise DecodeError("seq", f"{epoch!r} is no session epoch")
            return epoch << SEQ_EPOCH_SHIFT | seq
        row = self.streams.get(key)
        if row is None:
            self.streams[key] = [0, seq, t_ns, t_ns]
            return seq
        if t_ns < row[_BEGAN] and row[_EPOCH] > 0:
            return (row[_EPOCH] - 1) << SEQ_EPOCH_SHIFT | seq
        if seq <= row[_LAST] and t_ns > row[_LAST_NS]:
            row[:] = [row[_EPOCH] + 1, seq, t_ns, t_ns]
        elif seq > row[_LAST]:
            row[_LAST], row[_LAST_NS] = seq, max(row[_LAST_NS], t_ns)
        return row[_EPOCH] << SEQ_EPOCH_SHIFT | seq
