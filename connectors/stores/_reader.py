"""What the history asks of a database, and SQLite's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sqlalchemy.pool import QueuePool

from connectors.stores import _sqlite
from connectors.stores._codec import unpack

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CONNECTIONS_KEPT = 8
"""Idle connections of a reader; more threads at once open more, for as long as they read."""

_AS_OF = """SELECT f.stream_key, f.t_ns, f.seq, f.received_ns, f.quality, f.vals, x.texts
FROM stream s
JOIN frame f ON f.id = (SELECT g.id FROM frame g WHERE g.stream_key = s.stream_key AND g.t_ns <= ?
 AND g.quality != 68 ORDER BY g.t_ns DESC, g.seq DESC LIMIT 1)
LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq"""


class Reader(Protocol):
    """Many threads' connections for reading. SQL is written with ``?`` for parameters."""

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives; raises StoreUnavailable."""
        ...

    def as_of(self, t_ns: int, keys: Sequence[int] | None) -> list[Any]:
        """(stream_key, t_ns, seq, received_ns, quality, vals, texts) of the newest frame of each stream."""
        ...

    def samples(
        self, key: int, column: int, width: int, start_ns: int, end_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one column, in order of (t_ns, seq); NaN where absent."""
        ...

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """What the column `vals` gave → float64 (n, width)."""
        ...

    def size(self) -> int:
        """How much room the database takes, in bytes."""
        ...

    def close(self) -> None:
        """Release all connections."""
        ...


class SqliteReader:
    """Read-only connections to a SQLite file, one a reading thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pool = QueuePool(
            lambda: _sqlite.open_reader(path),  # type: ignore[arg-type]  # sqlite3's own connection is one
            pool_size=CONNECTIONS_KEPT,
            max_overflow=-1,
            reset_on_return=None,
        )

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives; raises StoreUnavailable."""
        with _sqlite.translated():
            connection = self._pool.connect()
            try:
                cursor = connection.cursor()
                cursor.execute(sql, values)
                rows: list[Any] = list(cursor.fetchall())
                return rows
            finally:
                connection.close()

    def as_of(self, t_ns: int, keys: Sequence[int] | None) -> list[Any]:
        """(stream_key, t_ns, seq, received_ns, quality, vals, texts) of the newest frame of each stream."""
        if keys is None:
            return self.ask(_AS_OF, (t_ns,))
        return [row for key in keys for row in self.ask(f"{_AS_OF} WHERE s.stream_key = ?", (t_ns, key))]

    def samples(
        self, key: int, column: int, width: int, start_ns: int, end_ns: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one column, in order of (t_ns, seq); NaN where absent."""
        rows = self.ask(
            "SELECT t_ns, vals FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ? ORDER BY t_ns, seq",
            (key, start_ns, end_ns),
        )
        return (
            np.array([row[0] for row in rows], np.int64),
            unpack([row[1] for row in rows], width)[:, column].copy(),
        )

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """Blobs → float64 (n, width)."""
        return unpack(column, width)

    def size(self) -> int:
        """The file and its log, in bytes."""
        log = self._path.with_name(f"{self._path.name}-wal")
        return sum(path.stat().st_size for path in (self._path, log) if path.exists())

    def close(self) -> None:
        """Release all connections."""
        self._pool.dispose()
