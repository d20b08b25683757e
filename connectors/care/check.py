"""Reading a store again: is it what was written? SQLite does not notice a flipped bit, a batch's checksum does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.stores import _sqlite
from connectors.stores._history import SqlHistory
from connectors.stores._reader import SqliteReader
from connectors.stores.sql import open_history
from twin.alarms.kept import keyframe_fits
from twin.checksum import checksum
from twin.errors import StoreCorrupt, StoreError, StoreUnavailable
from twin.keyframes import SALVAGED, Kept, state_fits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from twin.ports import Keyframe
    from twin.sample import Batch

SQLITE = "sqlite:///"
NEWEST = 16
"""How many of each writer's newest batches a quick check reads again."""
UNREADABLE = (StoreError, ValueError, KeyError, TypeError, IndexError, OverflowError, MemoryError)
"""What reading flipped bits may end in: a row that is none, a text that is no JSON, a stream nobody knows."""
_SINGLE = 256


@dataclass(frozen=True, slots=True)
class Damage:
    """One place that is not what was written. ``n`` is 0 where it is no batch's."""

    writer: str
    n: int
    what: str
    streams: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found. ``file`` holds what SQLite itself says of a broken file; ``salvaged`` batches are not whole.

    ``data_checksums`` tells whether a PostgreSQL server guards its own pages; None for SQLite, which cannot.
    """

    database: str
    file: tuple[str, ...]
    batches: int
    frames: int
    keyframes: int
    salvaged: int
    damaged: tuple[Damage, ...]
    data_checksums: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether everything is what was written."""
        return not self.file and not self.damaged


@dataclass(slots=True)
class _Count:
    batches: int = 0
    frames: int = 0
    keyframes: int = 0
    salvaged: int = 0


def check(
    url: str, *, quick: bool = False, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Findings:
    """Read the store at ``url`` again and hold every batch and keyframe against its checksum.

    ``quick`` reads the newest batches only. ``progress`` is told (batches read, batches in all).
    Raises StoreUnavailable where there is no store, StoreError where it is not ours.
    """
    file: tuple[str, ...] = ()
    if url.startswith(SQLITE):
        path = Path(url.removeprefix(SQLITE))
        if not path.exists():
            raise StoreUnavailable(f"there is no database at {path}")
        file = problems(path)
    try:
        history = open_history(url)
    except StoreCorrupt as error:
        return Findings("sqlite", (*file, str(error)), 0, 0, 0, 0, ())
    guarded = None if url.startswith(SQLITE) else history.ask("SHOW data_checksums")[0][0] == "on"
    count, damaged = _Count(), []
    with closing(history):
        try:
            damaged = list(_damages(history, count, quick=quick, progress=progress))
        except StoreError as error:
            file = (*file, str(error))
    return Findings(
        "sqlite" if url.startswith(SQLITE) else "postgresql",
        file,
        count.batches,
        count.frames,
        count.keyframes,
        count.salvaged,
        tuple(damaged),
        guarded,
    )


def problems(path: Path) -> tuple[str, ...]:
    """What SQLite itself finds wrong with a file; () where nothing is. 0.2 s for 100 MB in the cache.

    Raises StoreUnavailable where the file cannot be read just now: that says nothing about it.
    """
    try:
        with closing(_sqlite.open_reader(path)) as connection, _sqlite.translated():
            connection.execute("PRAGMA mmap_size = 0")  # a file cut short would end the process
            rows = connection.execute("PRAGMA quick_check(20)").fetchall()
    except sqlite3.Error as error:
        if _sqlite.is_corrupt(error):
            return (str(error),)
        raise StoreUnavailable(f"{path} cannot be read: {error}") from error
    except StoreError as error:
        if _sqlite.is_away(error.__cause__):
            raise
        return (str(error),)
    return tuple(str(text) for (text,) in rows if text != "ok")


def newest_are_sound(path: Path) -> str:
    """The first damage among the newest batches of a SQLite file, in words; "" where there is none.

    Only the file itself is read: batches with rows in the archive are passed over. Raises
    StoreUnavailable where the file cannot be read just now.
    """
    with closing(SqlHistory(SqliteReader(path))) as history:
        is_archived = bool(history.ask("SELECT 1 FROM archive_part LIMIT 1"))
        for damage in _damages(history, _Count(), quick=True, progress=lambda _done, _all: None, strict=True):
            sizes = history.ask(
                "SELECT b.frames, b.first_id, b.last_id FROM batch b JOIN writer w ON w.writer_key = b.writer_key "
                "WHERE w.name = ? AND b.n = ?",
                (damage.writer, damage.n),
            )
            for frames, first_id, last_id in sizes if is_archived and damage.what == "checksum" else ():
                there = history.ask("SELECT count(*) FROM frame WHERE id >= ? AND id <= ?", (first_id, last_id))
                if there[0][0] < frames:
                    break
            else:
                return f"batch {damage.n} of {damage.writer!r}: {damage.what} {damage.detail}"
    return ""


def _damages(
    history: SqlHistory,
    count: _Count,
    *,
    quick: bool,
    progress: Callable[[int, int], None],
    strict: bool = False,
) -> Iterator[Damage]:
    """What is not as it was written; ``strict`` raises where the database cannot be reached just now."""
    total = history.summary().batches
    for writer in history.writers():
        for n, batch in _batches(history, writer, quick=quick, strict=strict):
            count.batches += 1
            if count.batches % _SINGLE == 0:
                progress(count.batches, total)
            if isinstance(batch, str):
                yield Damage(writer, n, "unreadable", (), batch)
                continue
            count.frames += len(batch)
            written, read = history.batch_checksum(writer, n), checksum(batch)
            if written.startswith(SALVAGED):
                count.salvaged += 1
            elif written != read:
                streams = tuple(sorted({part.stream.id for part in batch.frames}))
                yield Damage(writer, n, "checksum", streams, f"is {read}, was written as {written}")
        yield from _keyframes(history, writer, count, quick=quick)
    progress(count.batches, total)


def _batches(history: SqlHistory, writer: str, *, quick: bool, strict: bool) -> Iterator[tuple[int, Batch | str]]:
    """Every batch that should be there, or why it cannot be read."""
    n, last = history.batch_range(writer)
    n = max(n, last - NEWEST + 1) if quick else n
    # A batch of which retention let rows go is not whole, and need not be.
    n = max(n, Kept(writer, history.removals()).first)
    while n <= last:
        try:
            for batch in history.batches(writer, n, last):
                yield batch.n, batch
                n = batch.n + 1
        except UNREADABLE as first:
            if strict and _sqlite.is_away(first.__cause__):
                raise
            end = min(n + _SINGLE, last + 1)
            while n < end:
                try:
                    found = list(history.batches(writer, n, n))
                    yield from ((batch.n, batch) for batch in found)
                except UNREADABLE as error:
                    yield n, str(error)
                n += 1
        else:
            return


def _keyframes(history: SqlHistory, writer: str, count: _Count, *, quick: bool) -> Iterator[Damage]:
    full: Keyframe | None = None
    last: Any = history.last_keyframe(writer, full=True) if quick else None
    for keyframe in history.keyframes(writer, last.n if last else 1):
        count.keyframes += 1
        if keyframe.full:
            full = keyframe
        if not state_fits(keyframe, full):
            yield Damage(writer, keyframe.n, "keyframe", (), "the state is not what its hash was made of")
    for told in history.alarm_keyframes(writer, last.n if last else 1):
        if not keyframe_fits(told):
            yield Damage(writer, told.n, "alarm keyframe", (), "the state is not what its hash was made of")
