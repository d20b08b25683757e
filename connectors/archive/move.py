"""Moving closed days out of the database: written, synced, read again and compared, recorded; only then let go.

Killed at any point, the next run goes on: a part that is "begun" is nothing yet and is removed, one that is
"written" is ended by letting its rows go. A row is in the database, or in a written file, or in both under
one key; never in neither.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from connectors.archive import known
from connectors.archive.history import BEGUN, MOVED, WRITTEN
from connectors.archive.layout import DAY_NS, arrow, day_name, path_of, real_path, shape_of, site_of, told_path
from connectors.archive.read import PartFile
from connectors.archive.rows import StoredRows, joined
from connectors.archive.write import GROUP_ROWS, write
from connectors.care.files import sha256_of, sync
from connectors.stores._codec import decode_texts
from connectors.stores._reader import ROLLED_UNTIL
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from connectors.stores._driver import Driver
    from connectors.stores._history import SqlHistory
    from twin.clock import Clock
    from twin.sample import Stream

ROWS_A_DELETION = 2000
"""Rows let go in one transaction: some 10 ms, so that the writer's own never waits long."""
STREAMS_A_FILE = 256
FILE_ROWS = 4_000_000
REST_OF = 1.0
"""After each transaction the mover rests this many times as long as it took."""
_NEXT = "SELECT min(t_ns) FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ?"
_ROWS = """SELECT f.id, f.t_ns, f.seq, f.received_ns, f.writer_key, f.batch, f.quality, f.vals, x.texts FROM frame f
LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq
WHERE f.stream_key = ? AND f.t_ns >= ? AND f.t_ns < ? AND (f.t_ns, f.seq) > (?, ?)
ORDER BY f.t_ns, f.seq LIMIT ?"""
_PART = """INSERT INTO archive_part (path, site, day, frames, first_ns, last_ns, bytes, sha256, created_ns, state)
VALUES (?,?,?,?,?,?,?,?,?,?)"""


_IS_WRITTEN = """UPDATE archive_part SET frames = ?, first_ns = ?, last_ns = ?, bytes = ?, sha256 = ?, state = ?
WHERE path = ?"""


class Stops(Protocol):
    """What tells the mover to stop (a `threading.Event`)."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Rest, or until told to stop."""
        ...


@dataclass(slots=True)
class Moved:
    """What a run did (mutable)."""

    days: int = 0
    files: int = 0
    frames: int = 0
    bytes: int = 0
    let_go: int = 0


class Mover:
    """Moves what is older than a time (mutable; one at a time holds the lock of the name ``archive``)."""

    def __init__(  # noqa: PLR0913  what it works on, wired once
        self,
        history: SqlHistory,
        driver: Driver,
        folder: Path,
        base: Path | None,
        clock: Clock,
        stop: Stops,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        arrow()  # said at once where it is not installed
        self._history = history
        self._driver = driver
        self._folder = folder
        self._base = base
        self._clock = clock
        self._stop = stop
        self._progress = progress
        self.result = Moved()

    def run(self, before_ns: int) -> Moved:
        """Move every day that ends at or before ``before_ns``; StoreError where a file is not what it must be."""
        self._end_what_was_begun()
        streams = self._history.streams()
        days = self._days(streams, before_ns // DAY_NS * DAY_NS)
        for number, ((day, site, _), keys) in enumerate(sorted(days.items())):
            self._progress(number, len(days))
            if self._stop.is_set():
                break
            for start in range(0, len(keys), STREAMS_A_FILE):
                self._move(site, day, [(key, streams[key]) for key in keys[start : start + STREAMS_A_FILE]], start)
        self.result.days = len({(day, site) for day, site, _ in days})
        self._progress(len(days), len(days))
        return self.result

    def _end_what_was_begun(self) -> None:
        for path, sha256, state in self._history.ask(
            "SELECT path, sha256, state FROM archive_part WHERE state != ?", (MOVED,)
        ):
            file = real_path(path, self._base)
            if state != WRITTEN:
                # All of its rows are in the database still.
                for left in (file, beside(file)):
                    left.unlink(missing_ok=True)
                with transaction(self._driver):
                    self._driver.run("DELETE FROM archive_part WHERE path = ?", (path,))
                continue
            if not file.exists() or sha256_of(file) != sha256:
                raise StoreError(
                    f"the archive's file {file} is not what was written: bring it back from a copy; "
                    "nothing more is moved until then"
                )
            self._let_go(path, PartFile(file))

    def _days(self, streams: dict[int, Stream], before_ns: int) -> dict[tuple[int, str, str], list[int]]:
        """The streams that have hot rows of a day, by (day, site, shape)."""
        found: dict[tuple[int, str, str], list[int]] = {}
        for key, stream in streams.items():
            place = (site_of(stream), shape_of(stream))
            at_ns = -(2**62)
            # What is not rolled up yet stays: after a crash it is read again from the hot rows.
            rolled_ns = self._history.ask(ROLLED_UNTIL, (key,))[0][0]
            end_ns = before_ns if rolled_ns is None else min(before_ns, rolled_ns // DAY_NS * DAY_NS)
            while True:
                first = self._history.ask(_NEXT, (key, at_ns, end_ns))[0][0]
                if first is None:
                    break
                day = int(first) // DAY_NS
                found.setdefault((day, *place), []).append(key)
                at_ns = (day + 1) * DAY_NS
        return found

    def _move(self, site: str, day: int, streams: list[tuple[int, Stream]], number: int) -> None:
        created_ns = self._clock.now_ns()
        path = path_of(self._folder, streams[0][1], day_name(day), created_ns, number)
        while path.exists():
            number += 1
            path = path_of(self._folder, streams[0][1], day_name(day), created_ns, number)
        told = told_path(path, self._base)
        span = (day * DAY_NS, (day + 1) * DAY_NS)
        with transaction(self._driver):
            self._driver.run(_PART, (told, site, day_name(day), 0, *span, 0, "", created_ns, BEGUN))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            hot = (rows for key, stream in streams for rows in self._hot(key, stream, span))
            count, runs = write(beside(path), streams[0][1], hot)
            if count:
                self._compare(PartFile(beside(path)), dict(streams), span)
                sync(beside(path))
                size, sha256 = beside(path).stat().st_size, sha256_of(beside(path))
                beside(path).replace(path)
                for folder in (path.parent, path.parent.parent, self._folder, self._folder.parent):
                    sync(folder)
        except OSError as error:
            raise StoreUnavailable(f"{path} cannot be written: {error}") from error
        if not count:
            return  # let go meanwhile; the next run removes the record
        ends = (min(run.first_ns for run in runs), max(run.last_ns for run in runs))
        with transaction(self._driver):
            self._driver.run(_IS_WRITTEN, (count, *ends, size, sha256, WRITTEN, told))
            known.note(self._driver, ends[1] + 1)
        self.result.files += 1
        self.result.frames += count
        self.result.bytes += size
        self._let_go(told, PartFile(path))

    def _hot(self, key: int, stream: Stream, span: tuple[int, int]) -> Iterator[StoredRows]:
        at = (span[0] - 1, 0)
        while True:
            rows = self._history.ask(_ROWS, (key, *span, *at, GROUP_ROWS))
            if not rows:
                return
            yield rows_of(key, stream, rows, self._history)
            at = (int(rows[-1][1]), int(rows[-1][2]))
            if len(rows) < GROUP_ROWS:
                return

    def _compare(self, file: PartFile, streams: dict[int, Stream], span: tuple[int, int]) -> None:
        """Read the file again, and hold every row against the database's."""
        for key, stream in streams.items():
            runs = iter(file.runs.get(key, ()))
            waiting: list[StoredRows] = []
            for hot in self._hot(key, stream, span):
                while sum(map(len, waiting)) < len(hot):
                    run = next(runs, None)
                    if run is None:
                        break
                    waiting.append(file.rows([run], stream))
                ours = _joined_or_none(waiting)
                # A late frame may have come since: what is in the file must be the same, more may be hot.
                both = hot if ours is None else hot.take(np.isin(hot.id, ours.id))
                if ours is not None and not both.equals(ours.take(slice(0, len(both)))):
                    raise StoreError(
                        f"{file.path} is not what was written: the disk or its driver is not to be trusted"
                    )
                waiting = [] if ours is None else [ours.take(slice(len(both), None))]
            if any(map(len, waiting)) or next(runs, None) is not None:
                raise StoreError(f"{file.path} holds rows that the database does not have")

    def _let_go(self, told: str, file: PartFile) -> None:
        """Delete a file's rows from the database, a few at a time, and say so."""
        for key, runs in file.runs.items():
            for run in runs:
                keys = zip(file.column(run, "t_ns").to_pylist(), file.column(run, "seq").to_pylist(), strict=True)
                rows = [(key, t_ns, seq) for t_ns, seq in keys]
                for start in range(0, len(rows), ROWS_A_DELETION):
                    began = time.monotonic()
                    with transaction(self._driver):
                        delete(self._driver, rows[start : start + ROWS_A_DELETION])
                    self.result.let_go += len(rows[start : start + ROWS_A_DELETION])
                    if self._stop.wait((time.monotonic() - began) * REST_OF):
                        return
        with transaction(self._driver):
            self._driver.run("UPDATE archive_part SET state = ? WHERE path = ?", (MOVED, told))


@contextmanager
def transaction(driver: Driver) -> Iterator[None]:
    """One transaction of a driver; its errors come out as ours."""
    with driver.translated():
        try:
            driver.begin()
            yield
            driver.commit()
        except BaseException:
            driver.rollback()
            raise


def delete(driver: Driver, keys: Sequence[tuple[int, int, int]]) -> None:
    """Delete frames and their texts by key."""
    for table in ("frame_text", "frame"):
        driver.many(f"DELETE FROM {table} WHERE stream_key = ? AND t_ns = ? AND seq = ?", keys)  # noqa: S608


def rows_of(key: int, stream: Stream, rows: list[Any], history: SqlHistory) -> StoredRows:
    """What `_ROWS` gave as columns."""
    columns = list(zip(*rows, strict=True))
    texts = tuple(decode_texts(text) for text in columns[8]) if stream.text_columns else ()
    return StoredRows(
        key,
        stream,
        np.array(columns[:7], np.int64),
        history.decode(list(columns[7]), stream.width),
        texts,
    )


def _joined_or_none(parts: list[StoredRows]) -> StoredRows | None:
    parts = [part for part in parts if len(part)]
    return joined(parts) if parts else None


def beside(path: Path) -> Path:
    """The name that a file is written under: no pattern of data files matches it."""
    return path.with_name(f".{path.name}.part")
