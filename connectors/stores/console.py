"""SQL by hand: one statement, read only, on either kind of database."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql as composed

from connectors.stores import _postgres, _sqlite, _views
from connectors.stores.sql import open_history
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_AT_ONCE = 1000
TIMEOUT_S = 30.0
READING = ("select", "with", "values", "table", "explain", "show")
_SQLITE = "sqlite:///"
_STEPS = 10_000
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_FORBIDDEN_FUNCTIONS = {"load_extension", "writefile", "readfile", "edit"}


class SqlMistake(StoreError):
    """The database does not take the statement."""


@contextmanager
def answer_of(url: str, statement: str, timeout_s: float = TIMEOUT_S) -> Iterator[tuple[list[str], Iterator[Any]]]:
    """The names of the columns and the rows that a statement gives; nothing can be written.

    The named views of `_views` are there by their streams' names. Raises SqlMistake for a statement
    that is wrong, writes, or takes too long; StoreUnavailable where the database cannot be reached.
    """
    word = re.match(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*([A-Za-z]*)", statement, re.DOTALL)
    if word is None or word[1].lower() not in READING:
        raise SqlMistake(f"only statements that read: {', '.join(READING).upper()}")
    if url.startswith(_SQLITE):
        with _sqlite_answer(url, statement, timeout_s) as answer:
            yield answer
    else:
        with _postgres_answer(url, statement, timeout_s) as answer:
            yield answer


@contextmanager
def _sqlite_answer(url: str, statement: str, timeout_s: float) -> Iterator[tuple[list[str], Iterator[Any]]]:
    history = open_history(url)
    streams = history.streams()
    history.close()
    with closing(_sqlite.open_reader(Path(url.removeprefix(_SQLITE)))) as connection:
        connection.execute("PRAGMA query_only = OFF")  # the file itself is open for reading only
        for name, arguments, function in _views.FUNCTIONS:
            connection.create_function(name, arguments, function, deterministic=True)
        for key, stream in streams.items():
            connection.execute(_views.sqlite_view(key, stream))
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_authorize)
        deadline = time.monotonic() + timeout_s
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
        try:
            cursor = connection.execute(statement)
            yield [column[0] for column in cursor.description or ()], _rows(cursor)
        except sqlite3.Warning as error:
            raise SqlMistake(f"SQLite: {error}") from error
        except sqlite3.Error as error:
            late = f" (after {timeout_s:g} s)" if "interrupted" in str(error) else ""
            raise SqlMistake(f"SQLite: {error}{late}") from error


def _authorize(action: int, name: str | None, function: str | None, _database: str | None, _view: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and function in _FORBIDDEN_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    del name
    return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY


@contextmanager
def _postgres_answer(url: str, statement: str, timeout_s: float) -> Iterator[tuple[list[str], Iterator[Any]]]:
    open_history(url).close()
    try:
        with _postgres.connect(url) as connection:
            connection.read_only = True
            connection.execute(f"SET LOCAL statement_timeout = {int(timeout_s * 1000)}".encode())
            connection.execute(f"SET LOCAL search_path = {_views.SCHEMA}, public".encode())
            with connection.cursor() as cursor:
                # A prepared statement is one statement: none can end the transaction and begin another.
                cursor.execute(statement.encode(), prepare=True)
                yield [column.name for column in cursor.description or ()], _rows(cursor)
            connection.rollback()
    except (psycopg.errors.ConnectionTimeout, psycopg.errors.AdminShutdown) as error:
        raise StoreUnavailable(f"PostgreSQL: {error}") from error
    except psycopg.Error as error:
        raise SqlMistake(f"PostgreSQL: {error}") from error


def _rows(cursor: Any) -> Iterator[Any]:
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        yield from rows


def make_reading_role(url: str, name: str, password: str) -> None:
    """A role of the PostgreSQL database that can log in and SELECT, from the tables and the streams' views.

    An existing one gets the password and the rights anew. Raises StoreError for other databases.
    """
    if url.startswith(_SQLITE):
        raise StoreError("a SQLite file has no roles: give readers the file to read only, or use PostgreSQL")
    with _postgres.translated(), _postgres.connect(url) as connection:
        for statement in _views.POSTGRES_FUNCTIONS:
            connection.execute(statement.encode())
        role = composed.Identifier(name)
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchall()
        owner = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname = current_user", (name,))
        if owner.fetchall():
            raise StoreError(f"{name!r} is the role that owns the database: choose another name")
        verb = composed.SQL("ALTER" if there else "CREATE")
        connection.execute(
            composed.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, role, composed.Literal(password)
            )
        )
        database = composed.Identifier(connection.info.dbname)
        for text in (
            "ALTER ROLE {role} SET default_transaction_read_only = on",
            "ALTER ROLE {role} SET statement_timeout = '60s'",
            "ALTER ROLE {role} IN DATABASE {database} SET search_path = streams, public",
            "GRANT CONNECT ON DATABASE {database} TO {role}",
            "GRANT USAGE ON SCHEMA public, streams TO {role}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public, streams TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA streams GRANT SELECT ON TABLES TO {role}",
        ):
            connection.execute(composed.SQL(text).format(role=role, database=database))
