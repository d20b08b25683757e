"""SQLite's checkpoints, off the writer's path.

A commit appends to the log, and from time to time the log must go into the file: 40 MB of it stop a
commit for a tenth of a second or more. So another connection does it meanwhile. It never gets all of
a log that goes on growing, and only a log that is all done begins again from its start: where it has
become long the writer waits for the little that is left.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)
EVERY_BYTES = 32 * 1024 * 1024
"""How much the log grows between two checkpoints."""
LONG_BYTES = 4 * EVERY_BYTES
"""From this length on the log is to begin again, at the next moment when little of it is left to do."""
LITTLE_BYTES = EVERY_BYTES // 4
PATIENCE_MS = 50
"""How long the writer waits for readers of the log before it leaves it to grow."""


class Checkpoints:
    """Keeps the log of one database short. Mutable; the writer tells of its commits, a thread does the work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._done_bytes = 0
        self._wanted = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def committed(self, writer: sqlite3.Connection) -> None:
        """Look at the log after a commit: ask for a checkpoint, or finish one where the log has become long."""
        size = self._size()
        if size < self._done_bytes:
            self._done_bytes = 0
        left = size - self._done_bytes
        if size >= LONG_BYTES and not self._wanted.is_set() and (left <= LITTLE_BYTES or size >= 2 * LONG_BYTES):
            self._begin_again(writer, size)
        elif left >= EVERY_BYTES:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
                self._thread.start()
            self._wanted.set()

    def _begin_again(self, writer: sqlite3.Connection, size: int) -> None:
        (patience_ms,) = writer.execute("PRAGMA busy_timeout").fetchone()
        writer.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
        busy = True
        try:
            busy = bool(writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        except sqlite3.Error as error:  # what is committed stays so, and the next commit meets the fault itself
            log.warning("a checkpoint failed: %s", error)
        finally:
            writer.execute(f"PRAGMA busy_timeout = {patience_ms}")
        self._done_bytes = size if busy else 0

    def close(self, writer: sqlite3.Connection) -> None:
        """End the thread, and put the log into the file, which readers that stay would keep the last one from."""
        self._stopping = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(sqlite3.Error):  # what is committed is in the log, and the next one finds it there
            writer.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def _run(self) -> None:
        while not self._stopping:  # looked at after each clearing: a wish to stop is not cleared away
            self._wanted.wait()
            if not self._stopping:
                size = self._size()
                self._checkpoint()
                self._done_bytes = size
                self._wanted.clear()

    def _checkpoint(self) -> None:
        try:
            # A connection for each: no pragma that writes, for the writer may hold the lock for long.
            with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:  # a full disk, a damaged file: the writer meets it too, and tells it
            log.warning("a checkpoint failed: %s", error)
