"""The SQL stores: where a URL leads, for the writer and for readers.

``sqlite:///PATH`` (PATH relative to the working directory, or absolute after a fourth slash) and
``postgresql://…``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from connectors.archive.history import Archive
from connectors.archive.known import Known
from connectors.archive.whole import WholeHistory
from connectors.stores import _migrations, _postgres, _sqlite
from connectors.stores._append import SqlStore
from connectors.stores._history import SqlHistory
from connectors.stores._reader import SqliteReader
from twin.errors import StoreCorrupt, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from connectors.stores._driver import Driver
    from connectors.stores._reader import Reader

__all__ = ["SqlHistory", "SqlStore", "base_of", "open_driver", "open_history", "open_store"]

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


def open_store(url: str) -> SqlStore:
    """The writer of the database at ``url``; a SQLite file, its folder and the tables are made as needed.

    A database of an older version of this program is migrated.

    Raises StoreUnavailable where the database cannot be reached, StoreError where it is not ours or
    was written by a newer version of this program.
    """
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make the folder {path.parent}: {error}") from error
        _on_schema(url, write=True)
        with _sqlite.translated():
            return _store(_sqlite.SqliteDriver(path), SqliteReader(path), path.parent)
    if url.startswith(_POSTGRES):
        _on_schema(url, write=True)
        with _postgres.translated():
            return _store(_postgres.PostgresDriver(url), _postgres.PostgresReader(url), None)
    raise StoreError(f"no store for {url!r}: write sqlite:///PATH or postgresql://…")


def _store(driver: Driver, reader: Reader, base: Path | None) -> SqlStore:
    return SqlStore(driver, Known(driver, Archive(reader, base)))


def open_driver(url: str) -> Driver:
    """The raw connection of a writer, for those who look after the store itself; the tables are there already."""
    if url.startswith(_SQLITE):
        with _sqlite.translated():
            return _sqlite.SqliteDriver(Path(url.removeprefix(_SQLITE)))
    with _postgres.translated():
        return _postgres.PostgresDriver(url)


def base_of(url: str) -> Path | None:
    """The folder of a SQLite file: paths of the archive are relative to it."""
    return Path(url.removeprefix(_SQLITE)).parent if url.startswith(_SQLITE) else None


def open_history(url: str, *, mapped: bool = True) -> SqlHistory:
    """Readers of the database at ``url``, while a writer of another process may be writing.

    Who reads through months passes ``mapped`` False: a file of SQLite is then not mapped into memory.
    Raises StoreUnavailable where there is no database yet, StoreCorrupt where its file is damaged,
    StoreError where it is not ours or was written by another version of this program.
    """
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        if not path.exists():
            raise StoreUnavailable(f"there is no database at {path} yet")
        _on_schema(url, write=False)
        return WholeHistory(SqliteReader(path, mapped=mapped), path.parent)
    if url.startswith(_POSTGRES):
        _on_schema(url, write=False)
        return WholeHistory(_postgres.PostgresReader(url), None)
    raise StoreError(f"no history for {url!r}: write sqlite:///PATH or postgresql://…")


def _on_schema(url: str, *, write: bool) -> None:
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        opened = _sqlite.open_writer if write else _sqlite.open_reader
        engine = create_engine("sqlite://", creator=lambda: opened(path), poolclass=NullPool)
    else:
        engine = create_engine("postgresql+psycopg://", creator=lambda: _postgres.connect(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            if write:
                _migrations.prepare(connection)
            else:
                _migrations.check_version(connection)
    except DBAPIError as error:
        if _sqlite.is_corrupt(error.orig):
            raise StoreCorrupt(f"the database is damaged: {error.orig}") from error
        raise StoreUnavailable(f"the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()
