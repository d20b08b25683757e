"""One writer of a name at a time: a lock beside the SQLite file, or an advisory lock in PostgreSQL.

The system lets go of it when the process ends, however it ends.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote

from connectors.stores import _postgres
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQLITE = "sqlite:///"
_TRY_LOCK = b"SELECT pg_try_advisory_lock(hashtextextended('factory-twin writer ' || %s, 0))"


@contextmanager
def writer_lock(url: str, writer: str) -> Iterator[None]:
    """Hold the right to write as ``writer`` into the store at ``url``.

    Raises StoreError where another process holds it, StoreUnavailable where the lock cannot be reached.
    """
    lock = _file_lock(Path(url.removeprefix(_SQLITE)), writer) if url.startswith(_SQLITE) else _server_lock(url, writer)
    with lock:
        yield


@contextmanager
def _file_lock(database: Path, writer: str) -> Iterator[None]:
    path = database.with_name(f"{database.name}.{quote(writer, safe='')}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise StoreUnavailable(f"cannot open the lock {path}: {error}") from error
    with file:
        if not try_lock(file):
            file.seek(0)
            raise StoreError(f"{_taken(str(database), writer)} (process {file.read(20).strip() or 'unknown'})")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        # The file stays: two processes could lock two files of one name if it were removed.
        yield


def try_lock(file: TextIO) -> bool:
    """Take the lock of a file until it is closed; False where another process holds it."""
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  there is none elsewhere

            file.seek(100)  # beyond what is written, so that others can read it
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415  there is none on Windows

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _server_lock(url: str, writer: str) -> Iterator[None]:
    with _postgres.translated():
        connection = _postgres.connect(url)
    with closing(connection):
        with _postgres.translated():
            connection.autocommit = True
            row = connection.execute(_TRY_LOCK, (writer,)).fetchone()
        if row is None or not row[0]:
            raise StoreError(_taken("the PostgreSQL database", writer))
        yield


def _taken(where: str, writer: str) -> str:
    return f"another process writes into {where} as {writer!r}: stop it, or set another [ingest] writer"
