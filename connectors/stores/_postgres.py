"""PostgreSQL, the raw way: connections, binary COPY, and reading."""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from psycopg import errors
from sqlalchemy.pool import QueuePool

from connectors.stores._codec import decode_stream, from_lists, to_lists
from connectors.stores._days import Days, summarize
from connectors.stores._reader import BOUNDS, CONNECTIONS_KEPT, EVERYTHING_NS, ROLLED_UNTIL, Rolled, shared
from connectors.stores._series import Drawn
from connectors.stores._views import POSTGRES_FUNCTIONS, postgres_view, view_name
from twin.errors import StoreRejected, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from connectors.stores._driver import Key
    from connectors.stores._reader import Place, Span
    from connectors.stores._rows import Rows
    from connectors.stores._series import Buckets, Edge

STATEMENT_TIMEOUT_MS = 30_000
"""A frozen server must show as an error, not as a hang."""

_COLUMNS = "id, stream_key, t_ns, seq, received_ns, writer_key, batch, quality, vals"
_STORED = """SELECT k.stream_key, k.t_ns, k.seq, f.vals, x.texts
FROM (SELECT DISTINCT * FROM unnest(%s::int[], %s::bigint[], %s::bigint[]) AS u (stream_key, t_ns, seq)) AS k
JOIN frame f ON f.stream_key = k.stream_key AND f.t_ns = k.t_ns AND f.seq = k.seq
LEFT JOIN frame_text x ON x.stream_key = k.stream_key AND x.t_ns = k.t_ns AND x.seq = k.seq"""
_AS_OF = """SELECT s.stream_key, f.t_ns, f.seq, f.received_ns, f.quality, f.vals, x.texts
FROM stream s CROSS JOIN LATERAL (
 SELECT g.t_ns, g.seq, g.received_ns, g.quality, g.vals FROM frame g
 WHERE g.stream_key = s.stream_key AND g.t_ns <= %s AND g.quality != 68
 ORDER BY g.t_ns DESC, g.seq DESC LIMIT 1) AS f
LEFT JOIN frame_text x ON x.stream_key = s.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq"""
_TEXTS = """SELECT t_ns, texts FROM (
 SELECT t_ns, seq, texts, lag(texts) OVER (ORDER BY t_ns, seq) AS last FROM frame_text
 WHERE stream_key = ? AND t_ns > ? AND t_ns < ?) AS rows
WHERE last IS NULL OR last != texts ORDER BY t_ns, seq"""

# A range of the index for each bucket: to group the rows of the whole range the server would sort them.
_DRAWN = """WITH edge AS (SELECT * FROM unnest(?::bigint[], ?::bigint[], ?::bigint[]) AS u (i, start_ns, end_ns))
SELECT edge.i, d.* FROM edge CROSS JOIN LATERAL (
 SELECT count(vals[?]) AS n, min(vals[?]), max(vals[?]), sum(vals[?]) FROM frame
 WHERE stream_key = ? AND t_ns >= edge.start_ns AND t_ns < edge.end_ns) AS d WHERE d.n > 0"""
# Numbers in their network form, put together: no object for each of thousands of rows.
_ROLLED_AS = {
    "int8send(start_ns)": ">i8",
    "int8send(frames)": ">i8",
    "int4send(coalesce(counts[?], 0))": ">i4",
    "float8send(coalesce(mins[?], 'NaN'))": ">f8",
    "float8send(coalesce(maxs[?], 'NaN'))": ">f8",
    "float8send(coalesce(sums[?], 'NaN'))": ">f8",
}
_ROLLED = ", ".join(f"string_agg({cell}, '')" for cell in _ROLLED_AS)
_AT = "WITH at AS (SELECT * FROM unnest(?::int[], ?::bigint[]) AS u (stream_key, start_ns)) "
_SIZE = """SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"""
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"

_COPY_HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
_FLOAT8 = 701


def connect(url: str) -> psycopg.Connection[Any]:
    """A connection that notices a server that is gone or frozen."""
    return psycopg.connect(
        url,
        connect_timeout=5,
        keepalives=1,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
        application_name="factory-twin",
        options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c synchronous_commit=on -c jit=off "
        "-c client_min_messages=warning",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Errors of psycopg as ours: the data's own fault is StoreRejected, everything else StoreUnavailable."""
    try:
        yield
    except errors.CheckViolation as error:
        if error.diag.constraint_name:
            raise StoreRejected(f"PostgreSQL refuses the data: {error}") from error
        # Another writer has just made a partition that these rows belong to: tried again, they find it.
        raise StoreUnavailable(f"PostgreSQL: {error}") from error
    except (psycopg.DataError, psycopg.IntegrityError, UnicodeError, OverflowError) as error:
        raise StoreRejected(f"PostgreSQL refuses the data: {error}") from error
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL: {error}") from error


@lru_cache(maxsize=256)
def _sql(text: str) -> bytes:
    return text.replace("?", "%s").encode()


@lru_cache(maxsize=16)
def _unnested(text: str, types: tuple[str, ...]) -> bytes:
    """``VALUES (?,?)`` as a SELECT from whole columns; columns of arrays come as text (unnest would flatten them)."""
    head, _, tail = re.split(r"(VALUES \([?,]+\))", text)
    names = [f"c{number}" for number in range(len(types))]
    chosen = ",".join(f"{name}::{kind}" for name, kind in zip(names, types, strict=True))
    columns = ",".join(f"%s::{'text' if kind.endswith('[]') else kind}[]" for kind in types)
    return f"{head}SELECT {chosen} FROM unnest({columns}) AS u ({','.join(names)}){tail}".encode()  # noqa: S608


def _literal(values: Sequence[float | None]) -> str:
    """PostgreSQL's text of an array of numbers."""
    return f"{{{','.join('NULL' if value is None else repr(value) for value in values)}}}"


def copy_into(table: str) -> bytes:
    """The COPY of frames into ``table``, of what `copy_bytes` makes."""
    return f"COPY {table} ({_COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()


class PostgresDriver:
    """The writer's connection to PostgreSQL (mutable; one thread); connects anew where it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = connect(url)
        self._connection.autocommit = True
        self._days = Days()

    def begin(self) -> None:
        """Begin a transaction, connecting anew where the connection is gone.

        It is begun explicitly, because psycopg's `transaction` makes a savepoint only inside one:
        as the first statement it would be, and commit, the transaction itself.
        """
        if self._connection.closed:
            self._connection = connect(self._url)
            self._connection.autocommit = True
        self._connection.execute("BEGIN")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.commit()

    def rollback(self) -> None:
        """Undo the transaction; a connection that cannot is given up, and the server undoes it."""
        self._days.forget()
        try:
            self._connection.rollback()
        except psycopg.Error:
            self._connection.close()

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""
        return self._connection.execute(_sql(sql), values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        with self._connection.cursor() as cursor:
            cursor.executemany(_sql(sql), rows)

    def many_typed(self, sql: str, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Run one ``INSERT … VALUES (?,?…) …`` for many rows with columns of these types, in one statement.

        Half a thousand upserts row by row take the server and psycopg 20 ms.
        """
        columns = [
            [None if value is None else _literal(value) for value in column] if kind.endswith("[]") else list(column)
            for kind, column in zip(types, zip(*rows, strict=True), strict=True)
        ]
        self._connection.execute(_unnested(sql, tuple(types)), columns)

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives."""
        return self._connection.execute(_sql(sql), values, binary=True).fetchall()  # arrays four times as fast

    def ask_at(self, sql: str, keys: NDArray[np.int64], starts: NDArray[np.int64]) -> list[Any]:
        """The rows that a query gives which reads the pairs of the two columns as ``at (stream_key, start_ns)``."""
        return self._connection.execute(_sql(_AT + sql), (keys.tolist(), starts.tolist()), binary=True).fetchall()

    def alone(self, name: str) -> None:
        """Wait until no other transaction holds this name; it is held until this one ends."""
        self._connection.execute(_ALONE.encode(), (f"factory-twin {name}",))

    def index_ids(self) -> None:
        """Bring the index of ids up to date, which the server does about each minute."""
        summarize(self._connection)

    def make_views(self) -> None:
        """Make the named views of streams that have none; one writer at a time."""
        self.alone("views")
        for statement in POSTGRES_FUNCTIONS:
            self._connection.execute(statement.encode())
        there = {name for (name,) in self.ask("SELECT viewname FROM pg_views WHERE schemaname = 'streams'")}
        for key, *columns in self.ask(
            "SELECT stream_key, id, source, sequenced, period_s, columns, text_columns FROM stream ORDER BY stream_key"
        ):
            stream = decode_stream(*columns)
            if view_name(stream.id) not in there:
                self._connection.execute(postgres_view(key, stream).encode())

    def insert_frames(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Insert the rows whose key is not there yet; which ones were new, None for all of them.

        COPY cannot skip a row: where a key repeats it is undone, and the rows go through a stage.
        """
        data = copy_bytes(rows)
        self._days.make(self._connection, rows.t_ns, int(rows.received_ns.max()))
        try:
            with self._connection.transaction():
                self._copy("frame", data)
        except errors.UniqueViolation:
            return self._insert_staged(rows, data)
        return None

    def _copy(self, table: str, data: bytes) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(copy_into(table)) as copy,
        ):
            copy.write(data)

    def _insert_staged(self, rows: Rows, data: bytes) -> NDArray[np.bool_]:
        self.run(f"CREATE TEMP TABLE IF NOT EXISTS stage AS SELECT {_COLUMNS} FROM frame LIMIT 0")  # noqa: S608
        self.run("TRUNCATE stage")
        self._copy("stage", data)
        ids = self.ask(
            f"INSERT INTO frame ({_COLUMNS}) SELECT {_COLUMNS} FROM stage ORDER BY id "  # noqa: S608  constants only
            "ON CONFLICT (stream_key, t_ns, seq) DO NOTHING RETURNING id"
        )
        new = np.zeros(len(rows), np.bool_)
        new[[found - rows.first_id for (found,) in ids]] = True
        return new

    def stored(self, keys: Iterable[Key]) -> dict[Key, tuple[Any, str | None]]:
        """The values (as the column holds them) and texts of frames that are there."""
        columns = [list(column) for column in zip(*keys, strict=True)]
        found = self._connection.execute(_STORED.encode(), columns).fetchall()
        return {(key, t_ns, seq): (values, texts) for key, t_ns, seq, values, texts in found}

    def encode(self, values: NDArray[np.float64]) -> Sequence[Any]:
        """Rows of values → lists."""
        return to_lists(values)

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """Lists → float64 (n, width)."""
        return from_lists(column, width)

    def cells(self, values: NDArray[Any]) -> list[Any]:
        """Rows of numbers → lists, None for NaN."""
        return to_lists(values) if values.dtype.kind == "f" else values.tolist()

    def uncells(self, column: Sequence[Any], kind: type[Any], width: int) -> NDArray[Any]:
        """Lists → numbers (n, width)."""
        return np.array(column, kind).reshape(len(column), width)

    translated = staticmethod(translated)


def copy_bytes(rows: Rows) -> bytes:
    """The rows in PostgreSQL's binary COPY format: big-endian, each field behind its length, −1 for NULL."""
    parts = [_COPY_HEAD]
    for index, values in rows.groups:
        parts.append(_copy_rows(rows, slice(None) if index is None else index, values + 0.0))
    parts.append(_COPY_END)
    return b"".join(parts)


def _copy_rows(rows: Rows, index: slice | NDArray[np.intp], values: NDArray[np.float64]) -> bytes:
    count, width = values.shape
    fields: list[tuple[str, str, Any]] = [("fields", ">i2", 9)]
    fields += _field("id", ">i8", np.arange(rows.first_id, rows.first_id + len(rows))[index])
    fields += _field("stream_key", ">i4", rows.stream_keys[index])
    fields += _field("t_ns", ">i8", rows.t_ns[index])
    fields += _field("seq", ">i8", rows.seq[index])
    fields += _field("received_ns", ">i8", rows.received_ns[index])
    fields += _field("writer_key", ">i2", rows.writer_key)
    fields += _field("batch", ">i8", rows.batch)
    fields += _field("quality", ">i2", rows.quality[index])
    absent = np.isnan(values)
    missing = absent.sum(axis=1)
    head = 20 if width else 12
    fields.append(("vals_size", ">i4", head + 12 * width - 8 * missing))
    fields += [("dimensions", ">i4", int(width > 0)), ("has_null", ">i4", missing > 0), ("type", ">i4", _FLOAT8)]
    if width:
        fields += [("length", ">i4", width), ("lower", ">i4", 1)]
    layout = np.dtype([(name, kind) for name, kind, _ in fields])
    out = np.empty((count, layout.itemsize + 12 * width), np.uint8)
    fixed = np.empty(count, layout)
    for name, _, column in fields:
        fixed[name] = column
    out[:, : layout.itemsize] = fixed.view(np.uint8).reshape(count, -1)
    elements = np.empty((count, width), np.dtype([("size", ">i4"), ("value", ">f8")]))
    elements["size"] = np.where(absent, -1, 8)
    elements["value"] = values
    out[:, layout.itemsize :] = elements.view(np.uint8).reshape(count, -1)
    if not absent.any():
        return out.tobytes()
    keep = np.ones((count, width, 12), np.bool_)
    keep[:, :, 4:] = ~absent[:, :, None]
    mask = np.ones(out.shape, np.bool_)
    mask[:, layout.itemsize :] = keep.reshape(count, -1)
    return out[mask].tobytes()


def _field(name: str, kind: str, column: Any) -> list[tuple[str, str, Any]]:
    return [(f"{name}_size", ">i4", np.dtype(kind).itemsize), (name, kind, column)]


def _rolled(*cells: bytes | None) -> Rolled:
    """What `_ROLLED` gives → roll-ups in order of time; no cells where there is no row."""
    columns = [np.frombuffer(cell or b"", kind) for cell, kind in zip(cells, _ROLLED_AS.values(), strict=True)]
    order = np.argsort(columns[0], kind="stable")
    whole = [column[order].astype(np.int64) for column in columns[:3]]
    real = [column[order].astype(np.float64) for column in columns[3:]]
    return Rolled(whole[0], whole[1], whole[2], real[0], real[1], real[2])


class PostgresReader:
    """Read-only connections to PostgreSQL, one a reading thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = QueuePool(
            self._connect,  # type: ignore[arg-type]  # psycopg's own connection is one
            pool_size=CONNECTIONS_KEPT,
            max_overflow=-1,
            reset_on_return=None,
        )

    def _connect(self) -> psycopg.Connection[Any]:
        connection = connect(self._url)
        connection.autocommit = True
        connection.read_only = True
        return connection

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives; raises StoreUnavailable."""
        with translated():
            return self._ask(_sql(sql), values)

    def _ask(self, sql: bytes, values: Sequence[Any]) -> list[Any]:
        for tries_left in range(CONNECTIONS_KEPT, -1, -1):
            pooled = self._pool.connect()
            connection: psycopg.Connection[Any] = pooled.driver_connection  # type: ignore[assignment]
            try:
                with connection.cursor(binary=True) as cursor:
                    return cursor.execute(sql, values).fetchall()
            except psycopg.OperationalError:
                if not connection.closed or not tries_left:
                    raise
                # An idle connection that the server closed meanwhile, as it may have closed all that are kept.
                pooled.invalidate()
            finally:
                pooled.close()
        raise AssertionError("the last try returns or raises")

    def as_of(self, t_ns: int, keys: Sequence[int] | None) -> list[Any]:
        """(stream_key, t_ns, seq, received_ns, quality, vals, texts) of the newest frame of each stream."""
        with translated():
            if keys is None:
                return self._ask(_AS_OF.encode(), (t_ns,))
            return self._ask(f"{_AS_OF} WHERE s.stream_key = ANY(%s)".encode(), (t_ns, list(keys)))

    def samples(
        self, place: Place, start_ns: int, end_ns: int, limit: int = -1
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one column, in order of (t_ns, seq); absent ones are left out."""
        rows = self.ask(
            "SELECT t_ns, vals[?] FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ? AND vals[?] IS NOT NULL "
            "ORDER BY t_ns, seq LIMIT ?",
            (place.column + 1, place.key, start_ns, end_ns, place.column + 1, None if limit < 0 else limit),
        )
        return np.array([row[0] for row in rows], np.int64), np.array([row[1] for row in rows], np.float64)

    def bounds(self, key: int, start_ns: int, end_ns: int) -> tuple[int, int] | None:
        """The times of a stream's first and last frame with start <= t_ns < end; None where there are none."""
        ((first, last),) = self.ask(BOUNDS, (key, start_ns, end_ns) * 2)
        return None if first is None else (first, last)

    def drawn(self, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Drawn:
        """The samples of a column with start <= t_ns < end in buckets, from the frames."""
        return shared(buckets.edges(start_ns, end_ns), lambda edges: self._drawn(place, edges))

    def _drawn(self, place: Place, edges: Sequence[Edge]) -> Drawn:
        columns: list[Any] = [list(part) for part in zip(*edges, strict=True)] or [[], [], []]
        rows = self.ask(_DRAWN, (*columns, *[place.column + 1] * 4, place.key))
        return Drawn(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            *(np.array([row[at] for row in rows], np.float64) for at in (2, 3, 4)),
        )

    def rolled_until(self, key: int) -> int:
        """Of this stream everything older is in the roll-ups."""
        until = self.ask(ROLLED_UNTIL, (key,))[0][0]
        return EVERYTHING_NS if until is None else int(until)

    def rolled(self, place: Place, spans: Sequence[Span]) -> list[Rolled]:
        """A column of the roll-ups of some spans, each in order: one question for all of them."""
        at = place.column + 1
        parts, values = [], []
        for index, (level, start_ns, end_ns) in enumerate(spans):
            parts.append(
                f"SELECT {index}, {_ROLLED} FROM {level.table} "  # noqa: S608  constants only
                "WHERE stream_key = ? AND start_ns >= ? AND start_ns < ?"
            )
            values += [at, at, at, at, place.key, start_ns, end_ns]
        found = self.ask(" UNION ALL ".join(parts), values)
        return [_rolled(*cells) for _, *cells in sorted(found, key=lambda row: int(row[0]))]

    def texts(self, key: int, after_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Times and rows of texts with after < t_ns < end that differ from the row before, in order."""
        return self.ask(_TEXTS, (key, after_ns, end_ns))

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """Lists → float64 (n, width)."""
        return from_lists(column, width)

    def size(self) -> int:
        """What tables and indexes take on the server's disk, in bytes; an empty database has 7 MB more."""
        return int(self.ask(_SIZE)[0][0])

    def close(self) -> None:
        """Release all connections."""
        self._pool.dispose()
