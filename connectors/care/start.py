"""Opening a store for its writer: a damaged SQLite file is set aside, a new one begun, and what is readable salvaged.

A file up to `CHECK_AT_ONCE` is checked whole before anything is written into it (0.2 s for 100 MB); a
larger one while ingest runs already, unless something was found wrong with it before: a file of 100 GB
would keep the plant waiting for minutes at each start.
"""

from __future__ import annotations

import logging
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.archive.known import HORIZON
from connectors.care import notes
from connectors.care.check import SQLITE, UNREADABLE, newest_are_sound, problems
from connectors.care.files import LOGS, aside_of, move_aside, whole
from connectors.stores import _sqlite
from connectors.stores._history import SqlHistory
from connectors.stores._reader import SqliteReader
from connectors.stores.sql import open_history, open_store
from twin.alarms.kept import carried
from twin.errors import StoreCorrupt, StoreError
from twin.events import Event, EventKind
from twin.keyframes import KeyframePolicy, resume, state_of
from twin.mirror import Mirror, restore
from twin.ports import Commit, Folded
from twin.sample import batch_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from connectors.stores._append import SqlStore
    from twin.alarms.record import AlarmState
    from twin.clock import Clock
    from twin.sample import Batch

log = logging.getLogger(__name__)
CHECK_AT_ONCE = 256 * 1024 * 1024
_MAGIC, _ID_AT = b"SQLite format 3\0", 68
NO_BATCH = (1, 0)
_OUR_WORD, _LOOKED_AT = b"stream_key", 1024 * 1024


def open_for_writing(url: str, writer: str, clock: Clock) -> SqlStore:
    """The writer of the store at ``url``; a damaged file is set aside for it. The writer's lock must be held.

    Raises as `connectors.stores.sql.open_store`; StoreError where the file is no database and nothing
    tells that it ever was ours.
    """
    if not url.startswith(SQLITE):
        return open_store(url)
    path = Path(url.removeprefix(SQLITE))
    aside = _under_way(path)
    why = "found before" if aside else damage(path)
    store = None
    if not why:
        try:
            store = open_store(url)
        except StoreCorrupt as error:
            why = str(error)
    if store is None:
        if aside is None:
            if not was_ours(path):
                raise StoreError(f"{path} is no database of ours ({why}): move it away, or set another [store] url")
            log.error("%s is damaged (%s): it is set aside and a new one begun", path, why)
            aside = aside_of(path, "corrupt", clock.now_ns())
            with whole(suspicion(path)) as beside:
                beside.write_text(f"{aside.name}\n", encoding="utf-8")
        move_aside(path, aside)
        store = open_store(url)
        with closing(open_history(url)) as history:
            is_noted = notes.noted(history, notes.REPLACED).get("aside") == aside.name
        if not is_noted:
            _note(path, aside, writer, why, clock.now_ns())
        suspicion(path).unlink()
    with closing(open_history(url)) as history:
        said = notes.noted(history, notes.REPLACED)
        begun = said and said["writer"] == writer and history.batch_range(writer) == NO_BATCH
    if begun:
        _begin(store, path.with_name(said["aside"]), writer, said, clock.now_ns())
    return store


def to_salvage(url: str) -> Path | None:
    """The file that salvage has not ended with yet."""
    if not url.startswith(SQLITE):
        return None
    with closing(open_history(url)) as history:
        said = notes.noted(history, notes.REPLACED)
    aside = Path(url.removeprefix(SQLITE)).with_name(said["aside"]) if said else None
    return aside if aside is not None and said["state"] == "salvaging" and aside.exists() else None


def _under_way(path: Path) -> Path | None:
    """The name under which the file is being set aside, where that was cut short."""
    try:
        name = suspicion(path).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not name:
        return None
    return path.with_name(name)


def damage(path: Path) -> str:
    """What is wrong with a SQLite file, before anything is written into it; "" where nothing is found.

    Raises StoreUnavailable where the file cannot be reached just now (locked, no file numbers, an
    I/O error): that is no damage, and nothing is set aside for it.
    """
    if not path.exists() or not path.stat().st_size:
        return ""
    suspect = suspicion(path)
    if suspect.exists() or path.stat().st_size <= CHECK_AT_ONCE:
        found = problems(path)
        if found:
            return found[0]
    try:
        bad = newest_are_sound(path)
    except StoreCorrupt as error:
        return str(error)
    except StoreError as error:
        if _sqlite.is_away(error.__cause__):
            raise
        return ""  # no tables yet, or another's: opening will say so
    except UNREADABLE as error:
        return f"the newest batches cannot be read: {error}"
    suspect.unlink(missing_ok=True)
    return bad


def suspicion(path: Path) -> Path:
    """The file whose presence asks for a whole check at the next start."""
    return path.with_name(f"{path.name}.suspect")


def suspect(url: str) -> None:
    """Something was found wrong with the store: check it whole at the next opening, however large it is."""
    if url.startswith(SQLITE):
        suspicion(Path(url.removeprefix(SQLITE))).touch()


def was_ours(path: Path) -> bool:
    """Whether a file that cannot be opened as a database looks as if it had been one of ours."""
    with path.open("rb") as file:
        begin = file.read(_LOOKED_AT)
    id_ = int.from_bytes(begin[_ID_AT : _ID_AT + 4], "big")
    foreign = begin.startswith(_MAGIC) and id_ not in (0, _sqlite.APPLICATION_ID)
    return not foreign and (id_ == _sqlite.APPLICATION_ID or _OUR_WORD in begin or _has_log(path))


def _has_log(path: Path) -> bool:
    return any(path.with_name(path.name + end).exists() for end in LOGS)


def check_in_background(path: Path, found: Callable[[str], None]) -> threading.Thread | None:
    """Check a file that was too large to check at once; ``found`` is told what is wrong, from another thread."""
    if not path.exists() or path.stat().st_size <= CHECK_AT_ONCE:
        return None

    def look() -> None:
        try:
            bad = problems(path)
        except StoreError as error:
            log.warning("the check of %s did not end, the next start begins it again: %s", path, error)
            return
        if bad:
            suspicion(path).touch()
            found(bad[0])

    thread = threading.Thread(target=look, name="store-check", daemon=True)
    thread.start()
    return thread


def _note(path: Path, aside: Path, writer: str, why: str, now_ns: int) -> None:
    """Say in the new store what happened, and from which batch on it holds the writer's."""
    last = _carried_over(aside, writer)[2]
    # Without any number to carry on from, one that no writer can have reached.
    last = last or now_ns // 1_000_000
    with closing(_sqlite.open_writer(path)) as connection, _sqlite.translated():
        connection.execute("BEGIN IMMEDIATE")
        notes.removed(notes.runs(connection), "begun", writer, (1, last), (0, now_ns), 0, why[:200], now_ns)
        _keep_keys(connection, aside)
        said = {"at_ns": now_ns, "why": why[:500], "aside": aside.name, "writer": writer, "last_n": last}
        notes.note(notes.runs(connection), notes.REPLACED, said | {"state": "salvaging"})
        connection.execute("COMMIT")


def _keep_keys(connection: sqlite3.Connection, aside: Path) -> None:
    """What the archive's files lean on: the streams under their old keys, and the list of the files themselves."""
    with closing(SqlHistory(SqliteReader(aside))) as history:
        for table, columns in (
            ("stream", "stream_key, id, asset, name, source, sequenced, period_s, columns, text_columns, created_ns"),
            ("archive_part", "path, site, day, frames, first_ns, last_ns, bytes, sha256, created_ns, state"),
        ):
            rows: list[Any] = []
            with suppress(*UNREADABLE):
                rows = history.ask(f"SELECT {columns} FROM {table}")  # noqa: S608  constants only
            marks = ",".join("?" * (columns.count(",") + 1))
            connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608
        with suppress(*UNREADABLE):
            horizon = history.noted(HORIZON)
            if horizon:
                connection.execute("INSERT INTO meta (key, value) VALUES (?,?)", (HORIZON, horizon))


def _begin(store: SqlStore, aside: Path, writer: str, said: dict[str, Any], now_ns: int) -> None:
    """The first batch of the new store: it carries on the writer's numbers, and the live state where it can be read."""
    mirror, states, _ = _carried_over(aside, writer)
    event = Event(EventKind.STORE_REPLACED, now_ns, "twin/ingest", before=said["why"][:200], after=aside.name)

    def fold(batch: Batch) -> Folded:
        events = mirror.apply(batch)
        alarms = carried(writer, batch.n, batch.tick_ns, _live_alarms(aside, writer))
        return Folded(events, tuple(mirror.latest.values()), KeyframePolicy().after(writer, mirror), alarms)

    batch = batch_of(writer, said["last_n"] + 1, max(now_ns, mirror.tick_ns), ())
    store.append(Commit(batch, decoder_states=states, events=(event,)), fold)


def _live_alarms(aside: Path, writer: str) -> list[AlarmState]:
    """The alarms as the writer left them; none where they cannot be read."""
    try:
        with closing(SqlHistory(SqliteReader(aside))) as history:
            return history.alarms(writer)
    except UNREADABLE:
        log.warning("the alarms of %s cannot be read: those that last are raised anew", aside.name)
        return []


def _live_state(history: SqlHistory, writer: str) -> Mirror:
    """The mirror as the writer left it; from the last keyframe and the live values where batches cannot be read."""
    try:
        return resume(history, writer)[0]
    except UNREADABLE:
        last, full = history.last_keyframe(writer), history.last_keyframe(writer, full=True)
        by_id = {stream.id: stream for stream in history.streams().values()}
        mirror = restore(state_of(last, full), by_id.__getitem__) if last is not None else Mirror()
        mirror.latest.update(history.latest())
        return mirror


def _carried_over(aside: Path, writer: str) -> tuple[Mirror, dict[str, bytes], int]:
    """The live state, the decoders' states and the last batch number, as far as they can be read."""
    mirror, numbers = Mirror(), [0]
    states: dict[str, bytes] = {}
    try:
        history = SqlHistory(SqliteReader(aside))
    except UNREADABLE:
        return mirror, states, 0
    with closing(history):
        try:
            mirror = _live_state(history, writer)
            numbers.append(mirror.n)
        except UNREADABLE:
            log.warning("the live state of %s cannot be read: it begins empty", aside.name)
        try:
            states = {str(name): bytes(state) for name, state in history.ask("SELECT source, state FROM decoder_state")}
        except UNREADABLE:
            log.warning("the decoders' states of %s cannot be read: their sequences begin a new epoch", aside.name)
        for sql in (
            "SELECT max(n) FROM batch WHERE writer_key = (SELECT writer_key FROM writer WHERE name = ?)",
            "SELECT max(n) FROM keyframe WHERE writer_key = (SELECT writer_key FROM writer WHERE name = ?)",
            "SELECT batch FROM frame WHERE ? != '' ORDER BY id DESC LIMIT 1",
        ):
            try:
                numbers += [int(n) for (n,) in history.ask(sql, (writer,)) if n is not None]
            except UNREADABLE:
                continue
    return mirror, states, max(numbers)
