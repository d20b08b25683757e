"""Payloads, taken out of their wrapping: some clients compress them (a convention, not part of the standard)."""

from __future__ import annotations

import zlib
from typing import Any

from connectors.decoders._sparkplug.proto import read
from twin.errors import DecodeError

COMPRESSED = "SPBV1.0_COMPRESSED"
_ZLIB_OR_GZIP = 47
_CHUNK = 65_536


def unwrapped(body: bytes, limit: int) -> Any:
    """The payload; raises DecodeError (empty, protobuf, compression, too_large).

    ``limit`` is the most bytes that a compressed payload may become. Sequence and timestamp are
    those inside.
    """
    payload = read(body)
    if payload.uuid != COMPRESSED:
        return payload
    unpacked = _unpacked(payload.body, limit)
    inner = read(unpacked)
    if inner.uuid == COMPRESSED:
        raise DecodeError("compression", "compressed twice")
    return inner


def _unpacked(body: bytes, limit: int) -> bytes:
    """What was packed by zlib or gzip."""
    packed = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        found = packed.decompress(body, limit + 1)
    except zlib.error as error:
        raise DecodeError("compression", str(error)) from error
    if len(found) > limit:
        raise DecodeError("too_large", f"more than {limit} bytes when unpacked")
    if not packed.eof or packed.unused_data:
        raise DecodeError("compression", "the packed payload is cut off, or something follows it")
    return found
