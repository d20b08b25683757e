"""Payloads that are one bare value: JSON, or a word without quotation marks."""

from __future__ import annotations

from typing import Any

from connectors.decoders import _json
from twin.errors import DecodeError

MAX_WORD = 4096
_JSON_WORDS = frozenset({b"true", b"false", b"null", b"NaN", b"Infinity"})


def bare_value(payload: bytes) -> Any:
    """A JSON value, or a text written without quotation marks; raises DecodeError as `_json.parse` does."""
    if payload[:1].isalpha() and payload not in _JSON_WORDS:
        return bare_word(payload)
    try:
        return _json.parse(payload)
    except DecodeError as error:
        if error.reason != "json_syntax":
            raise
        return bare_word(payload, error)


def bare_word(payload: bytes, error: DecodeError | None = None) -> str:
    """A text written without quotation marks; ``error`` is what the JSON parser said of it, if it was asked."""
    try:
        word = payload.decode("utf-8").strip()
    except UnicodeDecodeError as broken:
        raise DecodeError("encoding", f"not UTF-8 at byte {broken.start}") from broken
    looks_like_json = word[:1] in '{["' or word[:1].isdigit() or word[:1] in "-+."
    if not word or looks_like_json or len(word) > MAX_WORD:
        raise error or DecodeError("json_syntax", f"a word of {len(word)} characters; {MAX_WORD} are taken")
    return word
