"""JSON with guards: encoding, depth, numbers, times. Shared by the JSON dialects."""

from __future__ import annotations

import hashlib
import math
import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from twin.clock import NS_PER_S, ns_from_iso
from twin.errors import DecodeError
from twin.sample import SEQ_EPOCH_SHIFT

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{}"\\'))
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


def _depth(payload: bytes) -> int:
    """How deep brackets nest outside of texts; escaped quotation marks inside texts are heeded."""
    structure = payload.translate(None, _NOT_STRUCTURE)
    if b"\\" in structure:
        structure = re.sub(rb"\\.", b"", payload, flags=re.DOTALL).translate(None, _NOT_STRUCTURE)
    outside = b"".join(structure.split(b'"')[::2])
    if not outside:
        return 0
    return int(np.cumsum(_STEPS[np.frombuffer(outside, np.uint8)], dtype=np.int64).max())


def numbers(cells: list[Any], where: str) -> NDArray[np.float64]:
    """JSON numbers, truth values and nulls as float64 (n,), NaN for null; raises DecodeError as `number` does."""
    try:
        column = np.array(cells)
    except (ValueError, OverflowError):
        column = np.array(cells, object)
    if column.ndim == 1 and column.dtype == np.float64 and np.isfinite(column).all():
        return column
    if column.ndim == 1 and column.dtype == np.int64 and (np.abs(column) <= MAX_INT).all():
        return column.astype(np.float64)
    return np.array([np.nan if cell is None else number(cell, where) for cell in cells], np.float64)


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


def times_ns(values: list[Any], unit: TimeUnit, where: str, zone_offset_s: float | None = None) -> NDArray[np.int64]:
    """Many times as `time_ns` reads them: int64 (n,)."""
    if unit != "iso" and all(type(value) is int for value in values):
        first, last = time_ns(min(values), unit, where), time_ns(max(values), unit, where)
        if _EARLIEST_NS <= first <= last < _END_NS:
            return np.array(values, np.int64) * _NS[unit]
    return np.array([time_ns(value, unit, where, zone_offset_s) for value in values], np.int64)


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

    def unwrap_all(self, key: str, seqs: list[Any], t_ns: NDArray[np.int64], epoch: object = None) -> NDArray[np.int64]:
        """Sequences of the rows of one message: int64 (n,)."""
        first = self.unwrap(key, seqs[0], int(t_ns[0]), epoch)
        count = len(seqs)
        if count > 1 and all(type(seq) is int for seq in seqs):
            counted = np.array(seqs, np.int64)
            if (np.diff(counted) == 1).all() and (np.diff(t_ns) >= 0).all():
                last = self.unwrap(key, seqs[-1], int(t_ns[-1]), epoch)
                if last - first == count - 1:
                    unwrapped: NDArray[np.int64] = counted + (first - seqs[0])
                    return unwrapped
        rest = [self.unwrap(key, seq, t, epoch) for seq, t in zip(seqs[1:], t_ns[1:].tolist(), strict=True)]
        return np.array([first, *rest], np.int64)

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
