"""PostgreSQL: the tables of frames in one partition a day, made by the writer before it needs them.

A day's rows go with a DROP TABLE, and indexes stay as small as a day. What lies far off (a clock in
1970 or 2500, a recording of years ago) is kept in the DEFAULT partition. ``(stream_key, t_ns, seq)``
is the only unique key: it holds the column that Citus distributes by and the one that TimescaleDB
cuts by. Batches are read back by ranges of ``id`` on a BRIN index; two writers' ids interleave, so
each of its entries keeps several ranges. Columns stand by size: padding would cost 16 bytes a frame.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAY_NS = 86_400 * 10**9
BACK_DAYS, AHEAD_DAYS = 400, 2
"""Days so far from the receiver's clock get a partition; what lies farther goes to DEFAULT."""
NEW_AT_ONCE = 40
"""Partitions made in one transaction: a first block of history may hold a month."""
LOCK_TIMEOUT_MS = 200
TRY_AGAIN_NS = 10 * 10**9

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE = "_before_"
_LONG_AGO = -(2**62)

_FRAME_ID = (
    "CREATE INDEX frame_id ON frame USING brin (id int8_minmax_multi_ops) "
    "WITH (pages_per_range = 32, autosummarize = on)"
)
TABLES = (
    (
        "CREATE TABLE frame (id BIGINT NOT NULL, t_ns BIGINT NOT NULL, seq BIGINT NOT NULL, "
        "received_ns BIGINT NOT NULL, batch BIGINT NOT NULL, stream_key INTEGER NOT NULL, "
        "writer_key SMALLINT NOT NULL, quality SMALLINT NOT NULL, vals DOUBLE PRECISION[] NOT NULL, "
        "CONSTRAINT frame_key UNIQUE (stream_key, t_ns, seq)) PARTITION BY RANGE (t_ns)"
    ),
    (
        "CREATE TABLE frame_text (stream_key INTEGER NOT NULL, t_ns BIGINT NOT NULL, seq BIGINT NOT NULL, "
        "texts TEXT NOT NULL, PRIMARY KEY (stream_key, t_ns, seq)) PARTITION BY RANGE (t_ns)"
    ),
    _FRAME_ID,
)
DEFAULTS = tuple(f"CREATE TABLE {name}_default PARTITION OF {name} DEFAULT" for name in ("frame", "frame_text"))
_COLUMNS = {
    "frame": "id, t_ns, seq, received_ns, batch, stream_key, writer_key, quality, vals",
    "frame_text": "stream_key, t_ns, seq, texts",
}
_NAMES = """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass('frame')"""
_IS_BY_DAY = "SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass('frame')"
_SUMMARIZE = """SELECT brin_summarize_new_values(i.indexrelid) FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i' JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
WHERE i.indrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass('frame'))"""
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('factory-twin days', 0))"


def day_of(t_ns: int) -> int:
    """The day, counted from 1970-01-01 UTC."""
    return t_ns // DAY_NS


def suffix_of(day: int) -> str:
    """What a day's partition is called behind its table's name: ``2026_11_27``."""
    return (_EPOCH + timedelta(days=day)).strftime("%Y_%m_%d")


def from_one_table(last_ns: int) -> list[str]:
    """Statements that make one plain table of each the partition of everything before tomorrow.

    Nothing is copied; only rows dated later (a clock ahead) move to DEFAULT.
    """
    cut = day_of(last_ns) + 1
    statements: list[str] = []
    for name in ("frame", "frame_text"):
        old = f"{name}{_BEFORE}{suffix_of(cut)}"
        statements.append(f"ALTER TABLE {name} RENAME TO {old}")
        # An index keeps its name when its table gets another one.
        key = "frame_key" if name == "frame" else "frame_text_pkey"
        statements.append(f"ALTER INDEX {key} RENAME TO {old}_key")
    before = f"frame{_BEFORE}{suffix_of(cut)}"
    statements += [f"ALTER TABLE {before} DROP CONSTRAINT frame_pkey", *TABLES, *DEFAULTS]
    for name in ("frame", "frame_text"):
        old = f"{name}{_BEFORE}{suffix_of(cut)}"
        statements += [
            (
                f"WITH later AS (DELETE FROM {old} WHERE t_ns >= {cut * DAY_NS} RETURNING {_COLUMNS[name]}) "  # noqa: S608
                f"INSERT INTO {name}_default ({_COLUMNS[name]}) SELECT {_COLUMNS[name]} FROM later"
            ),
            f"ALTER TABLE {name} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({cut * DAY_NS})",
        ]
    return statements


def summarize(connection: psycopg.Connection[Any]) -> None:
    """Take new frames up in the indexes of ids, and have this transaction use them; leaves it where a lock is held."""
    connection.execute(b"SET LOCAL enable_seqscan = off")
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}".encode())
            connection.execute(_SUMMARIZE.encode())
            connection.execute(b"SET LOCAL lock_timeout = 0")
    except psycopg.Error:
        if connection.closed:
            raise


class Days:
    """The partitions there are (mutable; the writer's): makes those that a batch needs, or leaves it to DEFAULT."""

    def __init__(self) -> None:
        self._known: set[int] | None = None
        self._first = _LONG_AGO
        self._by_day = True
        self._failed_ns = -TRY_AGAIN_NS

    def forget(self) -> None:
        """What was made may have been rolled back: look again when it is needed."""
        self._known = None

    def make(self, connection: psycopg.Connection[Any], t_ns: NDArray[np.int64], now_ns: int) -> None:
        """Make the partitions for frames of these times, in the running transaction.

        Never fails a batch: where a lock is not to be had or a statement fails, the rows go to
        DEFAULT and are moved when the partition is made at a later try.
        """
        known = self._look(connection)
        first, last = day_of(int(t_ns.min())), day_of(int(t_ns.max()))
        if not self._by_day or (first in known and last in known and last - first <= 1):
            return
        today = day_of(now_ns)
        days = {int(day) for day in set((t_ns // DAY_NS).tolist())}
        wanted = {day for day in days if max(self._first, today - BACK_DAYS) <= day <= today + AHEAD_DAYS}
        if today in wanted:
            wanted.add(today + 1)
        missing = sorted(wanted - known, reverse=True)[:NEW_AT_ONCE]
        if not missing or now_ns - self._failed_ns < TRY_AGAIN_NS:
            return
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}".encode())
                if not connection.execute(_ALONE.encode()).fetchall()[0][0]:
                    raise psycopg.errors.LockNotAvailable("another writer is making partitions")
                for day in missing:
                    self._make_day(connection, day)
                connection.execute(b"SET LOCAL lock_timeout = 0")
        except psycopg.Error:
            if connection.closed:
                raise
            self._failed_ns = now_ns
            self._known = None
            return
        known.update(missing)

    def _look(self, connection: psycopg.Connection[Any]) -> set[int]:
        if self._known is None:
            self._by_day = bool(connection.execute(_IS_BY_DAY.encode()).fetchall()[0][0])
            self._known = set()
            self._first = _LONG_AGO
            for (name,) in connection.execute(_NAMES.encode()).fetchall():
                text = str(name)[-10:]
                if name == "frame_default":
                    continue
                day = (datetime.strptime(text, "%Y_%m_%d").replace(tzinfo=UTC) - _EPOCH).days
                if _BEFORE in name:
                    self._first = day
                else:
                    self._known.add(day)
        return self._known

    def _make_day(self, connection: psycopg.Connection[Any], day: int) -> None:
        start, end = day * DAY_NS, (day + 1) * DAY_NS
        for name in ("frame", "frame_text"):
            made, default = f"{name}_{suffix_of(day)}", f"{name}_default"
            statements = (
                f"LOCK TABLE {default} IN ACCESS EXCLUSIVE MODE",
                f"CREATE TABLE {made} (LIKE {name})",
                (
                    f"WITH waiting AS (DELETE FROM {default} WHERE t_ns >= {start} AND t_ns < {end} RETURNING *) "  # noqa: S608
                    f"INSERT INTO {made} SELECT * FROM waiting"
                ),
                f"ALTER TABLE {name} ATTACH PARTITION {made} FOR VALUES FROM ({start}) TO ({end})",
            )
            for statement in statements:
                connection.execute(statement.encode())
