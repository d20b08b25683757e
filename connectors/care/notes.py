"""What the store says of itself: notes in the table `meta`, and the record of what was let go."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.stores import _sqlite

if TYPE_CHECKING:
    import sqlite3

    from connectors.stores._history import SqlHistory

REPLACED = "replaced"
"""The note of a damaged database that was set aside: at_ns, why, aside, state, salvaged, lost, confirmed_ns."""

_NOTE = "INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
_LONGER = """UPDATE removal SET to_n = ?, to_ns = ?, row_count = row_count + ?, at_ns = ?
WHERE kind = ? AND writer = ? AND why = ? AND to_n = ?"""
_REMOVED = """INSERT INTO removal (kind, writer, from_n, to_n, from_ns, to_ns, row_count, why, at_ns)
VALUES (?,?,?,?,?,?,?,?,?)"""


Run = Callable[[str, Sequence[Any]], int]
"""Runs a statement with ``?`` for parameters, and tells how many rows it changed: a driver's `run`, or `runs`."""


def runs(connection: sqlite3.Connection) -> Run:
    """The statements of a plain connection."""
    return lambda sql, values: connection.execute(sql, values).rowcount


def note(run: Run, key: str, value: dict[str, Any]) -> None:
    """Write a note; the one under the same word is replaced."""
    run(_NOTE, (key, json.dumps(value, ensure_ascii=False)))


def noted(history: SqlHistory, key: str) -> dict[str, Any]:
    """Read a note; {} where there is none."""
    text = history.noted(key)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def removed(  # noqa: PLR0913  one argument a column
    run: Run,
    kind: str,
    writer: str,
    batches: tuple[int, int],
    times_ns: tuple[int, int],
    rows: int,
    why: str,
    at_ns: int,
) -> None:
    """Record what is gone: see `twin.ports.Removal`. What follows on the last record makes that one longer."""
    first, last = batches
    longer = (last, times_ns[1], rows, at_ns, kind, writer, why, first - 1)
    if not run(_LONGER, longer):
        run(_REMOVED, (kind, writer, first, last, *times_ns, rows, why, at_ns))


def confirm(url: str, now_ns: int) -> None:
    """Note that an engineer knows of the database that was set aside (only SQLite files are)."""
    path = Path(url.removeprefix("sqlite:///"))
    with closing(_sqlite.open_writer(path)) as connection, _sqlite.translated():
        connection.execute("BEGIN IMMEDIATE")
        row = connection.execute("SELECT value FROM meta WHERE key = ?", (REPLACED,)).fetchone()
        if row is not None:
            note(runs(connection), REPLACED, json.loads(row[0]) | {"confirmed_ns": now_ns})
        connection.execute("COMMIT")
