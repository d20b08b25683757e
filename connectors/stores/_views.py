"""One view a stream: its frames with the signals by name.

A view is called as its stream, and has the columns `time_ns`, `time`, `seq`, `received_ns`, `quality`
and one for each signal. SQLite's are TEMP views, made by `twin sql` when it opens the file; PostgreSQL
has real ones in the schema `streams`, made by the writer soon after a stream appears.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.sample import Stream

SCHEMA = "streams"
FIXED = ("time_ns", "time", "seq", "received_ns", "quality")
MAX_SIGNALS = 1500
"""A view shows so many: PostgreSQL has no more than 1,600 columns, SQLite 2,000."""
_MAX_NAME = 63
"""Bytes of a name in PostgreSQL."""
_JOIN = "LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq"

POSTGRES_FUNCTIONS = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    (
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.value_at(vals float8[], i int) RETURNS float8 "
        "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT vals[i]'"
    ),
    (
        f"CREATE OR REPLACE FUNCTION {SCHEMA}.ns(at timestamptz) RETURNS bigint "  # noqa: S608  constants only
        "LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT (extract(epoch FROM at) * 1000000)::bigint * 1000'"
    ),
)


def view_name(stream_id: str) -> str:
    """The stream's id; where that is longer than a name may be, its beginning and a digest."""
    if len(stream_id.encode()) <= _MAX_NAME:
        return stream_id
    digest = hashlib.sha256(stream_id.encode()).hexdigest()[:10]
    return f"{_cut(stream_id, _MAX_NAME - len(digest) - 1)}~{digest}"


def column_names(stream: Stream) -> list[str]:
    """The names of a view's columns for the stream's signals, the numbers first.

    Where one is taken (upper and lower case are one to SQLite) a number follows it.
    """
    taken = set(FIXED)
    names: list[str] = []
    for signal in stream.signals[:MAX_SIGNALS]:
        name, number = _cut(signal.name, _MAX_NAME), 1
        while name.casefold() in taken:
            number += 1
            tail = f"_{number}"
            name = _cut(signal.name, _MAX_NAME - len(tail)) + tail
        taken.add(name.casefold())
        names.append(name)
    return names


def sqlite_view(key: int, stream: Stream) -> str:
    """The statement that makes a stream's view on a connection with `FUNCTIONS`."""
    cells = [f"value_at(f.vals, {i + 1})" for i in range(stream.width)]
    cells += [f"json_extract(x.texts, '$[{i}]')" for i in range(len(stream.text_columns))]
    return f"CREATE TEMP VIEW {_view(stream, key, cells, 'iso_time(f.t_ns)', '')}"


def postgres_view(key: int, stream: Stream) -> str:
    """The statement that makes a stream's view in PostgreSQL."""
    cells = [f"f.vals[{i + 1}]" for i in range(stream.width)]
    cells += [f"x.texts::jsonb ->> {i}" for i in range(len(stream.text_columns))]
    time = "timestamptz 'epoch' + (f.t_ns / 1000) * interval '1 microsecond'"
    return f"CREATE VIEW {_view(stream, key, cells, time, f'{SCHEMA}.')}"


def _view(stream: Stream, key: int, cells: Iterable[str], time: str, schema: str) -> str:
    named = ", ".join(f"{cell} AS {quoted(name)}" for cell, name in zip(cells, column_names(stream), strict=False))
    return (
        f"{schema}{quoted(view_name(stream.id))} AS SELECT f.t_ns AS time_ns, {time} AS time, f.seq, f.received_ns, "  # noqa: S608
        f"f.quality{', ' if named else ''}{named} FROM frame f {_JOIN if stream.text_columns else ''} "
        f"WHERE f.stream_key = {key}"
    )


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace("\x00", "").replace('"', '""') + '"'


def value_at(vals: bytes | None, i: int) -> float | None:
    """The i-th value (from 1) of a frame as SQLite keeps it; None where it is absent.

    How many presence bytes lead the values follows from the length: of the numbers that leave a
    multiple of 8 only one counts as many bits as there are values.
    """
    if vals is None:
        return None
    size = len(vals)
    for head in range(size % 8 or 8, size + 1, 8):
        bits = int.from_bytes(vals[:head], "little")
        if head + 8 * bits.bit_count() == size:
            break
    else:
        return None
    if not 0 < i <= 8 * head or not bits >> (i - 1) & 1:
        return None
    at = head + 8 * (bits & ((1 << (i - 1)) - 1)).bit_count()
    return float(np.frombuffer(vals, "<f8", 1, at)[0])


def iso_time(t_ns: int | None) -> str | None:
    """ISO 8601 in UTC with nanoseconds; None beyond the years 1 to 9999."""
    if t_ns is None:
        return None
    seconds, rest = divmod(t_ns, NS_PER_S)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    except (ValueError, OverflowError, OSError):
        return None


def ns(time: str | None) -> int | None:
    """Nanoseconds of an ISO time (UTC where it names no zone); None where it is none."""
    if time is None:
        return None
    try:
        at = datetime.fromisoformat(time)
    except (ValueError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1000


FUNCTIONS = (("value_at", 2, value_at), ("iso_time", 1, iso_time), ("ns", 1, ns))
"""(name, arguments, function) for SQLite."""


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")
