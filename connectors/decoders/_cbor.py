"""CBOR (RFC 8949) from a stranger: bounded before it is read, so that a few bytes cannot ask for gigabytes.

A walk over the heads counts items and depth; cbor2 then decodes. Tags are refused: SenML needs none, and some
of them (big numbers, regular expressions, references) make work or cycles.
"""

from __future__ import annotations

from typing import Any

import cbor2

from connectors.decoders._json import MAX_DEPTH
from twin.errors import DecodeError

MAX_ITEMS = 200_000
_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_ENDLESS = 31
_BYTES, _TEXT, _ARRAY, _MAP, _TAG = range(2, 7)
"""Major types (RFC 8949 § 3.1) that the walk has to know."""
_BREAK = 0xFF
_FLOAT64 = 0xFB


def float_places(payload: bytes) -> list[int]:
    """Where the eight bytes of each float64 of a payload are, in its order; raises DecodeError as `read` does."""
    found: list[int] = []
    _look_over(payload, found)
    return found


def read(payload: bytes) -> Any:
    """The one CBOR item of a payload; raises DecodeError (empty, depth, too_many_values, schema, encoding)."""
    if not payload:
        raise DecodeError("empty", "no payload")
    _look_over(payload)
    try:
        return cbor2.loads(payload)
    except (cbor2.CBORDecodeError, UnicodeDecodeError, ValueError, RecursionError, OverflowError) as error:
        is_text = isinstance(error, UnicodeDecodeError) or isinstance(error.__cause__, UnicodeDecodeError)
        reason = "encoding" if is_text else "schema"
        raise DecodeError(reason, f"no CBOR: {error}"[:300]) from error


def _look_over(payload: bytes, floats: list[int] | None = None) -> None:
    """Walk the heads: lengths must lie within the payload, nesting and numbers of items within bounds.

    ``floats`` takes the places behind the heads of float64.
    """
    at, seen = 0, 0
    waiting: list[int] = [1]
    while waiting:
        if waiting[-1] == 0:
            waiting.pop()
            continue
        if at >= len(payload):
            raise DecodeError("schema", "no CBOR: it ends too early")
        head = payload[at]
        if head == _BREAK and waiting[-1] < 0:
            waiting.pop()
            at += 1
            continue
        seen += 1
        if seen > MAX_ITEMS:
            raise DecodeError("too_many_values", f"more than {MAX_ITEMS} items")
        waiting[-1] -= 1 if waiting[-1] > 0 else 0
        if head == _FLOAT64 and floats is not None:
            floats.append(at + 1)
        at = _item(payload, at, waiting)
    if at != len(payload):
        raise DecodeError("schema", f"{len(payload) - at} bytes behind the CBOR item")


def _item(payload: bytes, at: int, waiting: list[int]) -> int:
    """The place behind an item's head (and a string's bytes); what is inside of it is put on ``waiting``."""
    major, size, at = _head(payload, at)
    if major == _TAG:
        raise DecodeError("schema", "a CBOR tag, where none belongs")
    if major in (_BYTES, _TEXT):
        return _after_string(payload, major, size, at)
    if major in (_ARRAY, _MAP):
        waiting.append(-1 if size is None else size * (2 if major == _MAP else 1))
        if len(waiting) > MAX_DEPTH + 1:
            raise DecodeError("depth", f"nested deeper than {MAX_DEPTH}")
    return at


def _head(payload: bytes, at: int) -> tuple[int, int | None, int]:
    """(major type, argument or None for endless, place behind the head)."""
    major, short = payload[at] >> 5, payload[at] & 31
    at += 1
    if short < 24:  # noqa: PLR2004  the argument itself
        return major, short, at
    if short == _ENDLESS and major in (_BYTES, _TEXT, _ARRAY, _MAP):
        return major, None, at
    size = _ARGUMENT_BYTES.get(short)
    if size is None or at + size > len(payload):
        raise DecodeError("schema", "no CBOR: a head that cannot be")
    return major, int.from_bytes(payload[at : at + size], "big"), at + size


def _after_string(payload: bytes, major: int, size: int | None, at: int) -> int:
    while size is None:
        if at >= len(payload):
            raise DecodeError("schema", "no CBOR: it ends too early")
        if payload[at] == _BREAK:
            return at + 1
        inner, length, at = _head(payload, at)
        if inner != major or length is None:
            raise DecodeError("schema", "no CBOR: a piece of another kind in a string")
        at += length
    if at + size > len(payload):
        raise DecodeError("schema", "no CBOR: a string that ends too early")
    return at + size
