"""PostgreSQL: the key's index of a closed day, packed once nothing more is added to it.

Half a thousand streams each add at their own place in the index, and each of its pages splits in
the middle: half of every page stays empty (PostgreSQL splits at the end of a group only for keys of
up to 16 bytes, and this one has 20). Once the day is over, REINDEX gives that back, 1.5 bytes of
about 17 a value, without keeping anybody from writing or reading.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, LiteralString

from psycopg import sql

from connectors.stores._days import BACK_DAYS, day_of, suffix_of
from connectors.stores._postgres import connect, translated

if TYPE_CHECKING:
    import threading

log = logging.getLogger(__name__)
LOOSE_BYTES = 48
"""From so many bytes a row on an index is packed: an entry takes 36, and 40 in a page filled to nine tenths."""
FEW_ROWS = 10_000
LOOK_BACK_DAYS = min(30, BACK_DAYS)
_LOOSE: LiteralString = """SELECT n.nspname, i.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE t.relname = ANY(%s) AND x.indisunique AND x.indisvalid AND t.reltuples >= %s
AND pg_relation_size(i.oid) > %s * t.reltuples AND pg_table_is_visible(t.oid) ORDER BY i.relname"""
# What a REINDEX leaves that was cut short: it is used by nobody.
_LEFT: LiteralString = """SELECT n.nspname, i.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE NOT x.indisvalid AND i.relname LIKE '%%\\_ccnew%%' AND t.relname = ANY(%s)"""


def pack_closed_days(url: str, before_ns: int, stop: threading.Event) -> tuple[str, ...]:
    """Pack the indexes of the days that ended before a time, those that are loose; returns their names.

    Raises StoreUnavailable, StoreRejected.
    """
    last = day_of(before_ns)
    days = [suffix_of(day) for day in range(last - LOOK_BACK_DAYS, last)]
    tables = [f"{name}_{day}" for name in ("frame", "frame_text") for day in days]
    packed: list[str] = []
    with translated(), closing(connect(url)) as connection:
        connection.autocommit = True
        connection.execute("SET statement_timeout = 0")  # of a large day it takes minutes
        for place in connection.execute(_LEFT, (tables,)).fetchall():
            connection.execute(sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(*place)))
        for place in connection.execute(_LOOSE, (tables, FEW_ROWS, LOOSE_BYTES)).fetchall():
            if stop.is_set():
                break
            connection.execute(sql.SQL("REINDEX INDEX CONCURRENTLY {}").format(sql.Identifier(*place)))
            packed.append(str(place[1]))
    if packed:
        log.info("packed the indexes of closed days: %s", ", ".join(packed))
    return tuple(packed)
