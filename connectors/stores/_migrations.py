"""Making the tables, and bringing those of an older program forward: numbered steps, one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Table, inspect

from connectors.stores import _days, _schema
from connectors.stores._schema import SCHEMA_VERSION, meta, metadata
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OLDEST = 2
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('factory-twin schema', 0))"


_NEWCOMER_3 = {
    dialect: f"""CREATE TABLE newcomer (source TEXT NOT NULL, asset {path} NOT NULL, first_ns BIGINT NOT NULL,
topic TEXT NOT NULL, stream TEXT NOT NULL, signals TEXT NOT NULL, PRIMARY KEY (source, asset))"""
    for dialect, path in (("sqlite", "VARCHAR"), ("postgresql", 'VARCHAR COLLATE "C"'))
}
"""The table as schema 3 had it."""


def prepare(connection: Connection) -> None:
    """Make the tables where there are none, and migrate older ones forward.

    Raises StoreError where the database is not ours, or is of a program too old or too new.
    """
    if connection.dialect.name == "sqlite":
        # All tables appear at once, or a reader would find some without the version.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # Several ingest workers may start together; and to rewrite a table takes as long as it takes.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(_ONE_AT_A_TIME)
    if not inspect(connection).has_table("meta"):
        _create(connection)
        connection.execute(meta.insert().values(key="schema_version", value=str(SCHEMA_VERSION)))
    version = _version(connection)
    while version in MIGRATIONS:
        MIGRATIONS[version](connection)
        version += 1
        connection.execute(meta.update().where(meta.c.key == "schema_version").values(value=str(version)))
    check_version(connection)


def check_version(connection: Connection) -> None:
    """Raise StoreError unless the database has the schema of this program."""
    version = _version(connection)
    if version < _OLDEST:
        raise StoreError(
            f"the database has schema {version} of a program before the first release, this one knows "
            f"{SCHEMA_VERSION}: set [store] url to a new one"
        )
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"the database has schema {version}, this program reads {SCHEMA_VERSION}: "
            "`twin store migrate --url URL` brings it forward, and so does the next start of `twin ingest`"
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"the database has schema {version}, this program knows {SCHEMA_VERSION} at most: use a newer version"
        )


def _version(connection: Connection) -> int:
    found = connection.execute(meta.select().where(meta.c.key == "schema_version")).first()
    if found is None:
        raise StoreError("the database has a table `meta` without a schema_version: it is not ours")
    return int(found.value)


def _create(connection: Connection) -> None:
    by_day = [_schema.frame, _schema.frame_text] if connection.dialect.name == "postgresql" else []
    metadata.create_all(connection, tables=[table for table in metadata.sorted_tables if table not in by_day])
    if by_day:
        _run(connection, *_days.TABLES, *_days.DEFAULTS)


def _to_3(connection: Connection) -> None:
    """Roll-ups, late data, devices that nobody configured, the archive; in PostgreSQL partitions by day."""
    is_postgres = connection.dialect.name == "postgresql"
    _run(
        connection,
        "ALTER TABLE writer ADD COLUMN rolled_n BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE writer ADD COLUMN rolled_ns BIGINT",
        "ALTER TABLE stream_count ADD COLUMN late BIGINT DEFAULT 0 NOT NULL",
        "ALTER TABLE stream_count ADD COLUMN newest_ns BIGINT",
        "ALTER TABLE stream_count ADD COLUMN skew_ns BIGINT",
    )
    new: list[Table] = [
        _schema.rollup_10s,
        _schema.rollup_1m,
        _schema.rollup_1h,
        _schema.rollup_late,
        _schema.archive_part,
        _schema.removal,
    ]
    metadata.create_all(connection, tables=new)
    _run(connection, _NEWCOMER_3[connection.dialect.name])
    if is_postgres:
        last_ns = connection.exec_driver_sql("SELECT coalesce(max(tick_ns), 0) FROM batch").scalar_one()
        _run(connection, *_days.from_one_table(int(last_ns)))


def _to_4(connection: Connection) -> None:
    """What devices announce of themselves, and the rules that they break."""
    _run(
        connection,
        *(
            f"ALTER TABLE newcomer ADD COLUMN {name} TEXT DEFAULT '{default}' NOT NULL"
            for name, default in _schema.NEWCOMER_TOLD.items()
        ),
        "ALTER TABLE newcomer ADD COLUMN last_ns BIGINT DEFAULT 0 NOT NULL",
        "UPDATE newcomer SET last_ns = first_ns",
    )
    metadata.create_all(connection, tables=[_schema.finding])


def _to_5(connection: Connection) -> None:
    """Alarms."""
    new = [_schema.alarm_event, _schema.alarm, _schema.alarm_action, _schema.alarm_keyframe]
    metadata.create_all(connection, tables=new)


MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {2: _to_3, 3: _to_4, 4: _to_5}
"""By the version that a step begins with."""


def _run(connection: Connection, *statements: str) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)
