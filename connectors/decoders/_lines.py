r"""InfluxDB line protocol: ``measurement[,tag=value…] field=value[,field=value…] [time]``, one metric a line.

A comma, a blank and (in keys and tags) an equals sign are escaped by a backslash; inside a text in
quotation marks only the mark and the backslash are. Lines that begin with ``#`` are comments.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from connectors.decoders._streams import signal_name
from twin.errors import DecodeError

MAX_LINES = 10_000
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")
_TRUE, _FALSE = frozenset({"t", "T", "true", "True", "TRUE"}), frozenset({"f", "F", "false", "False", "FALSE"})
_ESCAPED = re.compile(r"\\([,= \\])")
_IN_TEXT = re.compile(r'\\(["\\])')
_MAX_DIGITS = 20
_MAX_NUMBER = 400
_LINE = re.compile(
    r"[ \t]*+(?P<head>(?:\\.|[^\\ \n])++) ++"
    r'(?P<fields>(?:"(?:\\.|[^"\\])*+"|\\.|[^\\ \n"])++)'
    r"(?: ++(?P<time>[+-]?\d++))?[ \t\r]*+(?:\n|\Z)",
    re.DOTALL,
)
"""One metric. Only in fields does a quotation mark open a text, which may go over several lines."""
_NOTHING = re.compile(r"[ \t\r]*+(?:#[^\n]*+)?(?:\n|\Z)")


class Line(NamedTuple):
    """One metric: its measurement, its tags, its fields by signal name, and its time (None: it has none)."""

    name: str
    tags: dict[str, str]
    fields: dict[str, Any]
    time: Any


def read_lines(payload: bytes) -> list[Line]:
    """All metrics of a payload; raises DecodeError (empty, encoding, schema, non_finite, nul, dup_key)."""
    if not payload:
        raise DecodeError("empty", "no payload")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("encoding", f"not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        raise DecodeError("nul", "a NUL character")
    found: list[Line] = []
    place = 0
    while place < len(text):
        skipped = _NOTHING.match(text, place)
        if skipped is not None and skipped.end() > place:
            place = skipped.end()
            continue
        if len(found) >= MAX_LINES:
            raise DecodeError("too_many_values", f"more than {MAX_LINES} lines")
        line = _LINE.match(text, place)
        if line is None:
            raise DecodeError("schema", f"{text[place : place + 80]!r} is no line: measurement, fields, perhaps a time")
        found.append(_line(line["head"], line["fields"], line["time"]))
        place = line.end()
    return found


def head_of(payload: bytes) -> bytes:
    """The measurement and the tags of a message of one line; b"" for JSON."""
    return b"" if payload[:1] == b"{" else payload.partition(b" ")[0]


def as_json(payload: bytes) -> bytes | None:
    """One plain line of numbers and a time as the JSON ``[head, {field: number}, time]``; JSON as it is; else None.

    Numbers that are none are no JSON either.
    """
    if payload[:1] == b"{":
        return payload
    parts = payload.split(b" ")
    if len(parts) != 3 or b'"' in payload:  # noqa: PLR2004  head, fields, time
        return None
    head, fields, time = parts
    time = time.removesuffix(b"\n")
    if not time.isdigit() or len(time) > _MAX_DIGITS:
        return None
    if len(fields) > _MAX_NUMBER and max(map(len, fields.split(b","))) > _MAX_NUMBER:
        return None
    if b"i," in fields or b"u," in fields or fields[-1:] in (b"i", b"u"):
        # Where numbers end in i or u, nothing but digits stands before it.
        bare = fields.translate(None, b"0123456789-") + b","
        whole = bare.count(b"=i,") + bare.count(b"=u,")
        fields = (fields + b",").replace(b"i,", b",").replace(b"u,", b",")[:-1]
        if whole != bare.count(b"i,") + bare.count(b"u,"):
            return None
    return b'["%b",{"%b},%b]' % (head, fields.replace(b"=", b'":').replace(b",", b',"'), time)


def _line(told: str, values: str, time: str | None) -> Line:
    head = _split(told, ",", keep_texts=False)
    if not head[0]:
        raise DecodeError("schema", "a line without a measurement")
    tags: dict[str, str] = {}
    for pair in head[1:]:
        key, value = _pair(pair, "tag", keep_texts=False)
        if key in tags:
            raise DecodeError("dup_key", f"the tag {key!r} is there twice")
        tags[key] = _plain(value)
    fields: dict[str, Any] = {}
    for pair in _split(values, ",", keep_texts=True):
        key, value = _pair(pair, "field", keep_texts=True)
        name = signal_name(key)
        if name in fields:
            raise DecodeError("dup_key", f"the field {key!r} is there twice")
        fields[name] = _value(value, key)
    return Line(_plain(head[0]), tags, fields, None if time is None else _whole(time, "time"))


def _split(text: str, at: str, *, keep_texts: bool) -> list[str]:
    """Cut at a character that is neither escaped nor (with ``keep_texts``) inside quotation marks."""
    if "\\" not in text and '"' not in text:
        return text.split(at)
    parts: list[str] = []
    start, inside, escaped = 0, False, False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"' and keep_texts:
            inside = not inside
        elif char == at and not inside:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


def _pair(pair: str, what: str, *, keep_texts: bool) -> tuple[str, str]:
    parts = _split(pair, "=", keep_texts=keep_texts)
    if len(parts) < 2 or not parts[0] or not parts[1]:  # noqa: PLR2004
        raise DecodeError("schema", f"{pair[:80]!r} is no {what}: key=value belongs there")
    return _plain(parts[0]), pair[len(parts[0]) + 1 :]


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _value(text: str, key: str) -> Any:
    if text[:1] == '"':
        if len(text) < 2 or text[-1] != '"':  # noqa: PLR2004
            raise DecodeError("schema", f"{key}: a text that does not end")
        return _IN_TEXT.sub(r"\1", text[1:-1])
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[-1] in "iu":
        return _whole(text[:-1], key)
    if not _NUMBER.fullmatch(text) or len(text) > _MAX_NUMBER:
        reason = "non_finite" if text.strip("+-").lower() in ("nan", "inf", "infinity") else "schema"
        raise DecodeError(reason, f"{key}: {text[:80]!r} is no number, text or truth value")
    return float(text)


def _whole(text: str, key: str) -> int:
    if not _WHOLE.fullmatch(text) or len(text) > _MAX_DIGITS:
        raise DecodeError("schema", f"{key}: {text[:80]!r} is no whole number")
    return int(text)
