"""Opening the desk: where it lies, its connections and transactions."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from connectors.desk import (  # noqa: F401  their tables belong to `metadata`
    actions,
    comparisons,
    datasets,
    episodes,
    expectations,
    exports,
    generated,
    labelling,
    layouts,
    models,
    notes,
    notices,
    papers,
    pens,
    people,
    recordings,
    remarks,
    stops,
    trail,
    upkeep,
)
from connectors.desk.heads import Head, heads_file, keep
from connectors.desk.tables import DESK_VERSION, meta, metadata
from twin.errors import StoreCorrupt, StoreError, StoreRejected, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine

    from twin.clock import Clock

_SQLITE = "sqlite:///"
_BUSY_S = 15.0
_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('factory-twin desk', 0))"


def desk_url(store_url: str) -> str:
    """Where the desk of a store lies: beside a SQLite file, in the same PostgreSQL database."""
    if not store_url.startswith(_SQLITE):
        return store_url
    path = Path(store_url.removeprefix(_SQLITE))
    return _SQLITE + str(path.with_name(f"{path.stem}-desk.db"))


class Desk:
    """What people wrote. Mutable: it keeps connections; any thread may use it.

    ``folder`` is the factory file's: there lie the heads of a desk in PostgreSQL (see `connectors.desk.heads`).
    Opened when it is first used; while the database is away every call raises StoreUnavailable, and the
    next one tries again.
    """

    def __init__(self, store_url: str, clock: Clock, folder: Path | None = None) -> None:
        self._url = desk_url(store_url)
        self.heads = heads_file(self._url, folder)
        self._clock = clock
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with."""
        with _translated(), self._opened().connect().execution_options(reads_only=True) as connection:
            yield connection

    @contextmanager
    def writing(
        self, who: str, act: str, subject: str, detail: Mapping[str, object] | None = None
    ) -> Iterator[Connection]:
        """A transaction of one act of one person, alone; the audit trail has it when it commits.

        ``act`` is a short word for what was done (``alarm.shelve``), ``subject`` what it was done to;
        ``detail`` may be filled inside the block.
        """
        told = {} if detail is None else detail
        with _translated(), self._opened().begin() as connection:
            alone(connection)
            yield connection
            now_ns = self._clock.now_ns()
            head = Head(*trail.add(connection, now_ns, who, act, subject, told))
        if self.heads is not None:
            keep(self.heads, head)

    @contextmanager
    def keeping(self) -> Iterator[Connection]:
        """A transaction of what is nobody's act (when a session was last used): the trail does not tell of it."""
        with _translated(), self._opened().begin() as connection:
            alone(connection)
            yield connection

    def is_there(self) -> bool:
        """Whether anything may be written: a SQLite desk that is no file yet holds nothing; asking does not make it."""
        return not self._url.startswith(_SQLITE) or Path(self._url.removeprefix(_SQLITE)).exists()

    def note(self, who: str, act: str, subject: str, detail: Mapping[str, object] | None = None) -> None:
        """Add to the trail what changed nothing else (a login that failed, an export)."""
        with self.writing(who, act, subject, detail):
            pass

    @property
    def now_ns(self) -> int:
        """The desk's clock."""
        return self._clock.now_ns()

    def close(self) -> None:
        """Release the database."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = _open(self._url)
            return self._engine


def alone(connection: Connection) -> None:
    """Wait until no other transaction writes to the desk (SQLite has begun so already)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(_ALONE))


def _open(url: str) -> Engine:
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # what people write is not everybody's to read
        except OSError as error:
            raise StoreUnavailable(f"cannot make {path}: {error}") from error
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(
            "postgresql+psycopg://" + url.partition("://")[2], pool_pre_ping=True, connect_args={"connect_timeout": 5}
        )
    try:
        _make(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make(engine: Engine) -> None:
    """Make what is missing; a desk that is whole is only read, so that opening waits for no writer."""
    with engine.connect().execution_options(reads_only=True) as connection:
        is_whole = set(metadata.tables) <= set(inspect(connection).get_table_names())
        found = connection.execute(select(meta.c.value).where(meta.c.key == "version")).scalar() if is_whole else None
    if found is None:
        with engine.begin() as connection:
            alone(connection)
            metadata.create_all(connection)
            found = connection.execute(select(meta.c.value).where(meta.c.key == "version")).scalar()
            if found is None:
                connection.execute(meta.insert().values(key="version", value=str(DESK_VERSION)))
    if found is not None and int(found) != DESK_VERSION:
        raise StoreError(f"the desk has version {found}, this program knows {DESK_VERSION}: use the newer program")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


@contextmanager
def _translated() -> Iterator[None]:
    """The database's errors as ours."""
    try:
        yield
    except IntegrityError as error:
        raise StoreRejected(f"the desk refuses it: {error.orig}") from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and "malformed" in str(error.orig):
            raise StoreCorrupt(f"the desk is damaged: {error.orig}") from error
        raise StoreUnavailable(f"the desk cannot be used now: {error.orig}") from error
