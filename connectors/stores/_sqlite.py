"""SQLite, the raw way: connections, pragmas, and the hot path of the writer."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores._checkpoint import Checkpoints
from connectors.stores._codec import pack, unpack
from twin.errors import StoreCorrupt, StoreRejected, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.stores._driver import Key
    from connectors.stores._rows import Rows

APPLICATION_ID = 0x46545731
"""Tells `file` and other programs that the database is ours ("FTW1")."""
BUSY_TIMEOUT_MS = 5000
ROWS_A_STATEMENT = 60
"""One statement for so many rows takes a fifth less time than one a row, and gives other threads fewer occasions."""

_ROW = "(?,?,?,?,?,?,?,?,?)"
_ONCE = "ON CONFLICT (stream_key, t_ns, seq) DO NOTHING"
_INSERT = f"INSERT INTO frame VALUES {_ROW} {_ONCE}"  # noqa: S608  constants
_INSERT_MANY = f"INSERT INTO frame VALUES {','.join([_ROW] * ROWS_A_STATEMENT)} {_ONCE}"  # noqa: S608  constants
_AT = """WITH at (stream_key, start_ns) AS (
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) """
_STORED = """SELECT f.vals, x.texts FROM frame f
LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq
WHERE f.stream_key = ? AND f.t_ns = ? AND f.seq = ?"""


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that writes durably: every commit is on the disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # see `Checkpoints`
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return connection


def open_reader(path: Path, *, mapped: bool = True) -> sqlite3.Connection:
    """A connection that cannot write, usable while another process does.

    A ``mapped`` file is read faster, but each page that was read counts as this process's memory.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA query_only = ON")
    if mapped:
        connection.execute("PRAGMA mmap_size = 1073741824")
    return connection


@contextmanager
def translated() -> Iterator[None]:
    """Errors of sqlite3 as ours: the data's own fault is StoreRejected, everything else StoreUnavailable."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, UnicodeError, OverflowError) as error:
        raise StoreRejected(f"SQLite refuses the data: {error}") from error
    except sqlite3.Error as error:
        if is_corrupt(error):
            raise StoreCorrupt(f"SQLite: {error}") from error
        raise StoreUnavailable(f"SQLite: {error}") from error


_AWAY = frozenset(
    (
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_AUTH,
    )
)


def is_away(error: BaseException | None) -> bool:
    """Whether an error of sqlite3 says that the file cannot be reached just now, and nothing about what is in it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _AWAY


def is_corrupt(error: BaseException | None) -> bool:
    """Whether an error of sqlite3 says that the file itself is damaged, or is no database."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteDriver:
    """The writer's connection to a SQLite file (mutable; one thread)."""

    def __init__(self, path: Path) -> None:
        self._connection = open_writer(path)
        self._checkpoints = Checkpoints(path)

    def begin(self) -> None:
        """Take the write lock at once, so that nothing can fail on it later."""
        self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.execute("COMMIT")
        self._checkpoints.committed(self._connection)

    def rollback(self) -> None:
        """Undo the transaction; SQLite has undone it itself after some errors (a full disk)."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            # The transaction is gone with its connection, or is rolled back from the log at the next opening.
            return

    def close(self) -> None:
        """Release the file."""
        self._checkpoints.close(self._connection)
        self._connection.close()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; how many rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(sql, rows)

    def many_typed(self, sql: str, types: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Run one ``INSERT … VALUES (?,?…) …`` for many rows; SQLite needs no types."""
        del types
        self._connection.executemany(sql, rows)

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives."""
        return self._connection.execute(sql, values).fetchall()

    def ask_at(self, sql: str, keys: NDArray[np.int64], starts: NDArray[np.int64]) -> list[Any]:
        """The rows that a query gives which reads the pairs of the two columns as ``at (stream_key, start_ns)``."""
        pairs = json.dumps(np.stack([keys, starts], axis=1).tolist())
        return self._connection.execute(_AT + sql, (pairs,)).fetchall()

    def alone(self, name: str) -> None:
        """There is one writer at a time anyway."""

    def index_ids(self) -> None:
        """The id is the table's own order."""

    def make_views(self) -> None:
        """The views are made by who reads: see `_views`."""

    def insert_frames(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Insert the rows whose key is not there yet; which ones were new, None for all of them."""
        count = len(rows)
        before = self._connection.total_changes
        cells = zip(
            range(rows.first_id, rows.first_id + count),
            rows.stream_keys.tolist(),
            rows.t_ns.tolist(),
            rows.seq.tolist(),
            rows.received_ns.tolist(),
            repeat(rows.writer_key, count),
            repeat(rows.batch, count),
            rows.quality.tolist(),
            _blobs(rows),
            strict=True,
        )
        for _ in range(count // ROWS_A_STATEMENT):
            self._connection.execute(_INSERT_MANY, list(chain.from_iterable(islice(cells, ROWS_A_STATEMENT))))
        self._connection.executemany(_INSERT, cells)
        if self._connection.total_changes - before == count:
            return None
        ids = self.ask("SELECT id FROM frame WHERE id BETWEEN ? AND ?", (rows.first_id, rows.first_id + count - 1))
        new = np.zeros(count, np.bool_)
        new[[found - rows.first_id for (found,) in ids]] = True
        return new

    def stored(self, keys: Iterable[Key]) -> dict[Key, tuple[Any, str | None]]:
        """The values (as the column holds them) and texts of frames that are there."""
        found: dict[Key, tuple[Any, str | None]] = {}
        for key in keys:
            for row in self.ask(_STORED, key):
                found[key] = row
        return found

    def encode(self, values: NDArray[np.float64]) -> Sequence[Any]:
        """Rows of values → blobs."""
        return pack(values)

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """Blobs → float64 (n, width)."""
        return unpack(column, width)

    def cells(self, values: NDArray[Any]) -> list[Any]:
        """Rows of numbers → blobs, little-endian."""
        kind = values.dtype.newbyteorder("<")
        row = f"V{kind.itemsize * values.shape[1]}"
        cells: list[Any] = np.ascontiguousarray(values, kind).view(row).ravel().tolist()
        return cells

    def uncells(self, column: Sequence[Any], kind: type[Any], width: int) -> NDArray[Any]:
        """Blobs → numbers (n, width)."""
        little = np.dtype(kind).newbyteorder("<")
        return np.frombuffer(b"".join(column), little).reshape(len(column), width).astype(kind)

    translated = staticmethod(translated)


def _blobs(rows: Rows) -> Sequence[bytes]:
    if len(rows.groups) == 1:
        return pack(rows.groups[0][1])
    column = np.empty(len(rows), object)
    for index, values in rows.groups:
        column[index] = pack(values)
    blobs: list[bytes] = column.tolist()
    return blobs
