"""JSON with guards: encoding, depth, numbers, times. Shared by the JSON dialects."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from xxhash import xxh3_64_digest, xxh3_64_intdigest

from twin.clock import NS_PER_S, ns_from_iso
from twin.errors import DecodeError
from twin.sample import SEQ_EPOCH_SHIFT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_DEPTH = 32
MAX_INT = 2**53
MAX_SEQ_JUMP = 1_000_000
"""How far a sequence may jump at once; what a device could have counted meanwhile comes on top."""
FASTEST_HZ = 10_000
TimeUnit = Literal["s", "ms", "us", "ns", "iso"]
UNIT_NS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
EARLIEST_NS = 946_684_800 * NS_PER_S
END_NS = 4_102_444_800 * NS_PER_S
_DAY_S = 86_400
_LEAP_SECOND = re.compile(r"(.*T?\d\d:?\d\d:?)60(?:[.,]\d+)?(\D.*|)", re.DOTALL)
_BEFORE_COLON = (b'":', b" :", b"\t:", b"\n:", b"\r:")
_RANGE_REASONS = {"Number out of range": "non_finite", "Integer value out of range": "int_range"}
_EPOCH, _LAST, _LAST_NS, _BEGAN, _BEGAN_BEFORE = range(5)
LEAP_NS = 60 * NS_PER_S
"""A device's time that goes on by more at once may be a clock that is set back later."""
MAX_SESSIONS = 16
"""Of how many sessions of a stream it is known when they began: a message may be sent again long after."""
_generic = msgspec.json.Decoder()


def parse(payload: bytes) -> Any:
    """Any JSON value; raises DecodeError (empty, encoding, depth, json_syntax, dup_key, non_finite, int_range)."""
    guard(payload)
    body = decode(_generic, payload)
    if isinstance(body, dict | list):
        _check_keys(payload, body)
    return body


def guard(payload: bytes) -> None:
    """Raise DecodeError for a payload that must not reach a parser."""
    if not payload:
        raise DecodeError("empty", "no payload")
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _depth(payload) > MAX_DEPTH:
        raise DecodeError("depth", f"nested deeper than {MAX_DEPTH}")


def decode(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    """Run a msgspec decoder; its errors become DecodeError.

    The reasons are encoding, json_syntax, schema, and where a number cannot be held non_finite or int_range.
    """
    try:
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        reason = _RANGE_REASONS.get(str(error).partition(" - ")[0], "schema")
        raise DecodeError(reason, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _what_is_wrong(payload, error) from error


def _what_is_wrong(payload: bytes, error: Exception) -> DecodeError:
    """Why the strict parser refused: the standard library's lenient one reads what is only half wrong."""
    try:
        told = payload.decode("utf-8")
    except UnicodeDecodeError as broken:
        return DecodeError("encoding", f"not UTF-8 at byte {broken.start}")
    if told.startswith("\ufeff"):
        return DecodeError("encoding", "a byte order mark; JSON is UTF-8 without one")
    if "\0" in told[:2]:
        return DecodeError("encoding", "UTF-16 or UTF-32; JSON is UTF-8")
    try:
        json.loads(told, parse_constant=_refuse_constant, parse_int=_nothing, parse_float=_nothing)
    except DecodeError as found:
        return found
    except (ValueError, RecursionError):
        return DecodeError("json_syntax", str(error))
    return DecodeError("encoding", "half of a surrogate pair")


def _refuse_constant(word: str) -> None:
    raise DecodeError("non_finite", f"{word} is no JSON number")


def _nothing(_digits: str) -> None:
    """Numbers are of no interest here, and may have more digits than Python would read."""


def _check_keys(payload: bytes, body: Any) -> None:
    """Raise DecodeError (dup_key) where an object has a key twice: the parser keeps the last and says nothing.

    Every key ends in a colon, so as many colons as decoded keys leave no room for one more. Colons in
    texts make that too many; then only colons behind a quotation mark or a blank can be a key's. Where
    that is too many as well, the payload is read again, key by key.
    """
    keys = _key_count(body, payload.count(b"{"))
    if payload.count(b":") != keys and sum(map(payload.count, _BEFORE_COLON)) != keys:
        read_keys(payload)


def _key_count(body: Any, objects: int) -> int:
    """The keys of all objects in a value, ``objects`` of them at most."""
    if objects == 1 and isinstance(body, dict):
        return len(body)
    keys = 0
    waiting = [body]
    while waiting and objects:
        item = waiting.pop()
        if type(item) is dict:
            keys += len(item)
            objects -= 1
            item = item.values()
        waiting += [inner for inner in item if type(inner) is dict or type(inner) is list]
    return keys


def read_keys(payload: bytes) -> None:
    """Read valid JSON again, key by key; raises DecodeError (dup_key)."""
    json.loads(payload, object_pairs_hook=_each_once, parse_int=_nothing, parse_float=_nothing)


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise DecodeError("dup_key", f"the key {key!r} is there twice in one object")
        seen.add(key)


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


def numbers(cells: list[Any], where: str, *, flag: bool = False) -> NDArray[np.float64]:
    """JSON numbers and nulls as float64 (n,), NaN for null; raises DecodeError as `number` does."""
    if len(cells) == 1 or bool in set(map(type, cells)):
        # One cell is quicker without an array; among numbers an array would take a truth value for one.
        return np.array([np.nan if cell is None else number(cell, where, flag=flag) for cell in cells], np.float64)
    try:
        column = np.array(cells)
    except (ValueError, OverflowError):
        column = np.array(cells, object)
    if column.ndim == 1 and column.dtype == np.float64 and np.isfinite(column).all():
        return column
    if column.ndim == 1 and column.dtype == np.int64 and (np.abs(column) <= MAX_INT).all():
        return column.astype(np.float64)
    return np.array([np.nan if cell is None else number(cell, where, flag=flag) for cell in cells], np.float64)


def number(value: object, where: str, *, flag: bool = False) -> float:
    """A JSON number as float, or a truth value of a ``flag``; raises DecodeError (type, non_finite, int_range)."""
    if isinstance(value, bool):
        if not flag:
            raise DecodeError("type", f"{where}: a truth value where a number belongs")
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
        if EARLIEST_NS <= first <= last < END_NS:
            return np.array(values, np.int64) * UNIT_NS[unit]
    return np.array([time_ns(value, unit, where, zone_offset_s) for value in values], np.int64)


def time_ns(value: object, unit: TimeUnit, where: str, zone_offset_s: float | None = None) -> int:
    """A device's time as ns UTC; raises DecodeError (ts_range, ts_unit, type).

    ``iso`` texts carry their offset, or ``zone_offset_s`` says which one they mean. A number whose
    size does not fit ``unit`` (outside 2000 to 2100) is refused, never guessed.
    """
    if unit == "iso":
        t_ns = _iso_ns(value, where, zone_offset_s)
        if not EARLIEST_NS <= t_ns < END_NS:
            raise DecodeError("ts_range", f"{where}: {value} is outside 2000 to 2100")
        return t_ns
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DecodeError("type", f"{where}: {type(value).__name__} where a time in {unit} belongs")
    if isinstance(value, float) and not math.isfinite(value):
        raise DecodeError("ts_range", f"{where}: {value}")
    if isinstance(value, int):
        t_ns = value * UNIT_NS[unit]
    else:
        whole = math.floor(value)
        t_ns = whole * UNIT_NS[unit] + round((value - whole) * UNIT_NS[unit])
    if not EARLIEST_NS <= t_ns < END_NS:
        raise DecodeError("ts_unit", f"{where}: {value} {unit} is outside 2000 to 2100; is the unit right?")
    return t_ns


def _iso_ns(value: object, where: str, zone_offset_s: float | None) -> int:
    if not isinstance(value, str):
        raise DecodeError("type", f"{where}: {type(value).__name__} where an ISO 8601 time belongs")
    leap = _LEAP_SECOND.fullmatch(value)
    told = f"{leap[1]}59.999{leap[2]}" if leap else value
    try:
        t_ns = ns_from_iso(told)
    except ValueError as error:
        if zone_offset_s is None:
            raise DecodeError("ts_range", f"{where}: {error}") from error
        try:
            t_ns = ns_from_iso(told.strip() + "Z") - round(zone_offset_s * NS_PER_S)
        except ValueError:
            raise DecodeError("ts_range", f"{where}: {value!r} is not ISO 8601") from error
    if leap and t_ns // NS_PER_S % _DAY_S != _DAY_S - 1:
        raise DecodeError("ts_range", f"{where}: {value!r} has a second 60 that is no leap second")
    return t_ns


def payload_seq(payload: bytes) -> int:
    """A 63-bit hash of a payload: the ``seq`` of devices that count nothing.

    It tells messages apart and keeps no secret. Two that differ and have one hash, at one time of one stream, are a
    ``key_conflict`` to the store, which compares what they say.
    """
    return xxh3_64_intdigest(payload) >> 1


def payload_seqs(payloads: Sequence[bytes]) -> NDArray[np.int64]:
    """`payload_seq` of many payloads: int64 (n,)."""
    digests = b"".join(map(xxh3_64_digest, payloads))
    return (np.frombuffer(digests, ">u8") >> np.uint64(1)).astype(np.int64)


class SequenceTracker:
    """Unwraps the sources' own sequences to 63 bits, a session's epoch above bit 40.

    Mutable; one decoder owns it. A count that goes back while the device's time goes on is a new
    session; a count that goes back with the time is a redelivery or a late frame of the same one.
    A count that jumps further than the device can have counted is refused once (a flipped bit must
    not poison what is newest); where the next one goes on from there, it is a new session.
    """

    def __init__(self) -> None:
        self.marks = 0
        """How often a session began, or a device's time leapt: what comes again later is judged by that."""
        self._refused: dict[str, int] = {}
        self.streams: dict[str, list[int]] = {}
        """By key: epoch, last sequence, its time, when the epoch began, then when those before it did, newest first.

        Part of the decoder's state.
        """

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

    def go_on(self, key: str, first: int, last: int, first_ns: int, last_ns: int) -> int | None:
        """The epoch of a run of counts ``first`` to ``last`` that goes on right after what came before.

        None, and nothing is noted, where it does not: then `unwrap` decides count by count. Times
        must not fall within the run.
        """
        row = self.streams.get(key)
        if row is None:
            self.streams[key] = [0, last, last_ns, first_ns]
            return 0
        if first != row[_LAST] + 1 or (first_ns < row[_BEGAN] and row[_EPOCH] > 0):
            return None
        self.marks += last_ns > row[_LAST_NS] + LEAP_NS
        row[_LAST], row[_LAST_NS] = last, max(row[_LAST_NS], last_ns)
        return row[_EPOCH]

    def unwrap(self, key: str, seq: object, t_ns: int, epoch: object = None) -> int:
        """The 63-bit sequence; raises DecodeError (seq, seq_jump) for one that cannot be."""
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
            return _session_at(row, t_ns) << SEQ_EPOCH_SHIFT | seq
        jump = seq - row[_LAST]
        if jump > MAX_SEQ_JUMP + max(t_ns - row[_LAST_NS], 0) * FASTEST_HZ // NS_PER_S:
            refused = self._refused.pop(key, None)
            if refused is None or not refused < seq <= refused + MAX_SEQ_JUMP or t_ns <= row[_LAST_NS]:
                self._refused[key] = seq
                raise DecodeError("seq_jump", f"{seq} after {row[_LAST]}: {jump} messages cannot have come between")
            self._begin_session(row, seq, t_ns)
        elif seq <= row[_LAST] and t_ns > row[_LAST_NS]:
            self._begin_session(row, seq, t_ns)
        elif seq > row[_LAST]:
            self.marks += t_ns > row[_LAST_NS] + LEAP_NS
            row[_LAST], row[_LAST_NS] = seq, max(row[_LAST_NS], t_ns)
        return row[_EPOCH] << SEQ_EPOCH_SHIFT | seq

    def _begin_session(self, row: list[int], seq: int, t_ns: int) -> None:
        self.marks += 1
        row[:] = [row[_EPOCH] + 1, seq, t_ns, t_ns, *row[_BEGAN : _BEGAN + MAX_SESSIONS]]


def _session_at(row: list[int], t_ns: int) -> int:
    """The epoch of a time before the present one began: a message of that session that came late, or again."""
    epoch = row[_EPOCH] - 1
    for began_ns in row[_BEGAN_BEFORE:]:
        if t_ns >= began_ns or epoch == 0:
            break
        epoch -= 1
    return epoch
