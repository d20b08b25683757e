"""What can still be read of a damaged SQLite file, into the new store, while ingest goes on.

The frames come back batch by batch as the history of a writer of its own, ``NAME@<aside>``, with their
old numbers and ticks: a whole batch keeps its checksum and can be verified; one that lost rows is marked.
Damaged pages are gone around by halving the range of row ids until what cannot be read is alone.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.history import Archive
from connectors.care import notes
from connectors.care.check import UNREADABLE
from connectors.stores import _sqlite
from connectors.stores._codec import decode_stream, decode_texts, unpack
from connectors.stores._history import SqlHistory
from connectors.stores._reader import SqliteReader
from connectors.stores._roll_rows import LEVELS
from twin.alarms.kept import AlarmsFolded
from twin.checksum import checksum
from twin.errors import StoreUnavailable
from twin.events import Event, EventKind
from twin.keyframes import SALVAGED
from twin.ports import Commit, Folded, Keyframe, SourceCount
from twin.sample import Frames, batch_of

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from twin.clock import Clock
    from twin.ports import Store
    from twin.sample import Batch, Stream

log = logging.getLogger(__name__)
IDS_A_READ = 2048
ROLLUPS_A_TRANSACTION = 1000
NEAR = 16
"""Rows that lie on one page, or nearly: where one of them can be read its neighbours are tried one by one."""
_WRITER_ID_SHIFT = 44
_WAIT_S = 0.2
_ROWS = "SELECT id, stream_key, t_ns, seq, received_ns, writer_key, batch, quality, vals FROM frame"
_TEXT = "SELECT texts FROM frame_text WHERE stream_key = ? AND t_ns = ? AND seq = ?"
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What came of it. ``whole`` batches are verified; ``lost_frames`` is exact where the batch table was readable."""

    batches: int
    whole: int
    frames: int
    lost_frames: int
    lost_batches: int
    exact: bool


@dataclass(frozen=True, slots=True)
class _Cut:
    """A row of `batch` as it was; ``checksum`` is "" where the row could not be read."""

    n: int
    tick_ns: int
    frames: int
    first_id: int
    last_id: int
    checksum: str


class Salvage:
    """Brings over one file (mutable; one thread). ``store`` may be shared with ingest."""

    def __init__(self, aside: Path, path: Path, store: Store, clock: Clock, stop: threading.Event) -> None:
        self._old = SqlHistory(SqliteReader(aside))
        self._archive = Archive(SqliteReader(aside), aside.parent)
        self._name = aside.name
        self._path = path
        self._store = store
        self._clock = clock
        self._stop = stop
        self._streams: dict[int, Stream] = {}
        self._exact = self._all_streams = True

    def run(self) -> Salvaged | None:
        """Bring over all that can be read; None when told to stop before the end (it goes on at the next start)."""
        with closing(self._old), closing(self._archive):
            self._streams = self._read_streams()
            writers = self._read("SELECT writer_key, name FROM writer ORDER BY writer_key")
            self._exact = bool(writers)
            for key, name in writers:
                if not self._writer(int(key), str(name)):
                    return None
            if self._read("SELECT 1 FROM archive_part LIMIT 1"):
                for level in LEVELS:
                    self._rollups(level.table)
            result = self._end()
        log.warning("salvage of %s is done: %s", self._name, asdict(result))
        return result

    def _end(self) -> Salvaged:
        """Dead letters, counts and the note, in one transaction: it is done once."""
        with closing(_sqlite.open_writer(self._path)) as connection, _sqlite.translated():
            connection.execute("BEGIN IMMEDIATE")
            self._letters(connection)
            self._messages(connection)
            mine = (f"%@{self._name}",)
            batches, frames, partly = connection.execute(
                "SELECT count(*), coalesce(sum(b.frames), 0), coalesce(sum(b.checksum LIKE 'salvaged:%'), 0) "
                "FROM batch b JOIN writer w ON w.writer_key = b.writer_key WHERE w.name LIKE ?",
                mine,
            ).fetchone()
            lost_frames, lost_batches = connection.execute(
                "SELECT coalesce(sum(row_count), 0), coalesce(sum((kind = 'lost') * (to_n - from_n + 1)), 0) "
                "FROM removal WHERE writer LIKE ?",
                mine,
            ).fetchone()
            result = Salvaged(batches, batches - partly, frames, lost_frames, lost_batches, self._exact)
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (notes.REPLACED,)).fetchone()
            said = json.loads(row[0]) if row else {}
            notes.note(notes.runs(connection), notes.REPLACED, said | {"state": "done", **asdict(result)})
            connection.execute("COMMIT")
        return result

    def _read(self, sql: str, values: tuple[Any, ...] = ()) -> list[Row]:
        try:
            return self._old.ask(sql, values)
        except UNREADABLE:
            return []

    def _read_streams(self) -> dict[int, Stream]:
        tops = [
            key
            for table in ("stream", "stream_count", "latest", "frame")
            for (key,) in self._read(f"SELECT max(stream_key) FROM {table}")  # noqa: S608  constants only
        ]
        found: dict[int, Stream] = {}
        for key, *columns in self._by_halves(
            "SELECT stream_key, id, source, sequenced, period_s, columns, text_columns FROM stream "
            "WHERE stream_key >= ? AND stream_key < ? ORDER BY stream_key",
            1,
            max((key or 0 for key in tops), default=0) + 1,
        ):
            with suppress(*UNREADABLE):
                found[int(key)] = decode_stream(*columns)
        self._all_streams = len(found) == max((key or 0 for key in tops), default=0)
        return found

    def _by_halves(self, sql: str, start: int, end: int, values: tuple[Any, ...] = ()) -> Iterator[Row]:
        """The rows of a range of keys, around what cannot be read."""
        rows = self._try(sql, start, end, values)
        if rows is not None:
            yield from rows
        elif end - start > 1 and (end - start <= NEAR or self._any(sql, start, end, values)):
            middle = (start + end) // 2
            yield from self._by_halves(sql, start, middle, values)
            yield from self._by_halves(sql, middle, end, values)

    def _try(self, sql: str, start: int, end: int, values: tuple[Any, ...]) -> list[Row] | None:
        try:
            return self._old.ask(sql, (*values, start, end))
        except UNREADABLE:
            return None

    def _any(self, sql: str, start: int, end: int, values: tuple[Any, ...]) -> bool:
        """Whether any of a range can be read: every `NEAR`-th key is asked for, about one a page."""
        return any(self._try(sql, key, key + 1, values) is not None for key in range(start, end, NEAR))

    def _writer(self, key: int, name: str) -> bool:
        salvaged = f"{name}@{self._name}"
        done = self._store.next_batch(salvaged) - 1
        cuts = self._cuts(key)
        holes: list[tuple[int, int]] = []
        last = done or min(cuts, default=1) - 1
        keyframes = self._keyframes(key, salvaged)
        for n, rows in self._batches(key, cuts, done):
            if self._stop.is_set():
                return False
            if n > last + 1:
                holes.append((last + 1, n - 1))
            last = n
            self._bring(salvaged, key, n, rows, cuts.get(n), keyframes.pop(n, None))
        now_ns = self._clock.now_ns()
        with closing(_sqlite.open_writer(self._path)) as connection, _sqlite.translated():
            for start, end in holes:
                notes.removed(
                    notes.runs(connection), "lost", salvaged, (start, end), (0, now_ns), 0, "unreadable", now_ns
                )
        return True

    def _cuts(self, key: int) -> dict[int, _Cut]:
        sql = (
            "SELECT n, tick_ns, frames, first_id, last_id, checksum FROM batch "
            "WHERE writer_key = ? AND n >= ? AND n < ? ORDER BY n"
        )
        newest = self._read("SELECT coalesce(max(n), 0) FROM batch WHERE writer_key = ?", (key,))
        self._exact &= bool(newest)
        top = max([n for (n,) in newest], default=0)
        for (n,) in self._read("SELECT max(batch) FROM frame WHERE id >= ? AND id < ?", _ids(key)):
            top = max(top, n or 0)
        found = {row[0]: _Cut(*row) for row in self._by_halves(sql, 1, top + 1, (key,))}
        self._exact &= not found or len(found) == max(found) - min(found) + 1
        return found

    def _batches(self, key: int, cuts: dict[int, _Cut], done: int) -> Iterator[tuple[int, list[Row]]]:
        """Every batch of which anything is known, in order of n, with the rows that can be read."""
        low, high = _ids(key)
        ends = [cut.last_id for cut in cuts.values()] + [
            row[0] for row in self._read("SELECT max(id) FROM frame WHERE id >= ? AND id < ?", (low, high)) if row[0]
        ]
        first = min([cut.first_id for n, cut in cuts.items() if n > done], default=low) if self._exact else low
        end = min(high, max(ends, default=low) + 1)
        waiting = sorted(n for n in cuts if n > done)
        place = 0
        rows = itertools.chain.from_iterable(
            self._by_halves(f"{_ROWS} WHERE id >= ? AND id < ? ORDER BY id", start, min(start + IDS_A_READ, end))
            for start in range(first, end, IDS_A_READ)
        )
        for n, group in itertools.groupby(rows, key=lambda row: row[6]):
            if n <= done:
                continue
            while place < len(waiting) and waiting[place] < n:
                yield waiting[place], []
                place += 1
            if place < len(waiting) and waiting[place] == n:
                place += 1
            yield n, list(group)
        yield from ((n, []) for n in waiting[place:])

    def _bring(  # noqa: PLR0913
        self, writer: str, key: int, n: int, rows: list[Row], cut: _Cut | None, keyframe: Keyframe | None
    ) -> None:
        parts = list(self._frames(rows))
        tick_ns = cut.tick_ns if cut else max(int(part.received_ns.max()) for part in parts) if parts else 0
        if cut is None and not parts:
            return
        batch = batch_of(writer, n, tick_ns, parts)
        events, alarms = self._events(key, n), self._alarms(writer, n)
        inside, outside = events or ((), ())
        counts = tuple(
            SourceCount(source, decoded_frames=frames, last_received_ns=newest)
            for source, frames, newest in _sums(batch)
        )
        stored: list[Batch] = []

        def fold(new: Batch) -> Folded:
            stored.append(new)
            return Folded(inside, (), keyframe, alarms)

        self._append(Commit(batch, counts=counts, events=outside), fold)
        lost = max(0, cut.frames - len(batch) - self._archived(cut)) if cut and len(batch) < cut.frames else 0
        now = checksum(stored[-1]) if stored else ""
        is_whole = cut is not None and now == cut.checksum
        if is_whole and events is not None:
            return
        now_ns = self._clock.now_ns()
        with closing(_sqlite.open_writer(self._path)) as connection, _sqlite.translated():
            connection.execute("BEGIN IMMEDIATE")
            if events is None:
                notes.removed(notes.runs(connection), "event", writer, (n, n), (0, tick_ns), 0, "unreadable", now_ns)
            if not is_whole:
                connection.execute(
                    "UPDATE batch SET checksum = ? WHERE n = ? AND writer_key = "
                    "(SELECT writer_key FROM writer WHERE name = ?)",
                    (f"{SALVAGED}{now}", n, writer),
                )
            if lost:
                notes.removed(
                    notes.runs(connection), "partly", writer, (n, n), (0, tick_ns), lost, "unreadable", now_ns
                )
            connection.execute("COMMIT")

    def _archived(self, cut: _Cut) -> int:
        """How many of a batch's rows had left the file for the archive: they are not lost."""
        with suppress(*UNREADABLE):
            return sum(len(rows) for rows in self._archive.by_id(cut.first_id, cut.last_id))
        return 0

    def _append(self, commit: Commit, fold: Callable[[Batch], Folded]) -> None:
        while True:
            try:
                self._store.append(commit, fold)
            except StoreUnavailable:
                if self._stop.wait(_WAIT_S):
                    raise
            else:
                return

    def _frames(self, rows: list[Row]) -> Iterator[Frames]:
        """The rows as frames; those whose stream, values or texts cannot be read are lost."""
        for key, group in itertools.groupby(rows, key=lambda row: row[1]):
            stream = self._streams.get(key)
            good: list[tuple[Row, Any, tuple[str | None, ...]]] = []
            for row in group:
                with suppress(*UNREADABLE):
                    if stream is None:
                        continue
                    values = unpack([row[8]], stream.width)
                    texts: tuple[str | None, ...] = ()
                    if stream.text_columns:
                        texts = decode_texts(self._old.ask(_TEXT, (row[1], row[2], row[3]))[0][0])
                    good.append((row, values[0], texts))
            if stream is not None and good:
                yield Frames(
                    stream,
                    np.array([row[2] for row, _, _ in good], np.int64),
                    np.array([row[3] for row, _, _ in good], np.int64),
                    np.array([row[4] for row, _, _ in good], np.int64),
                    np.stack([values for _, values, _ in good]),
                    np.array([row[7] for row, _, _ in good], np.int16),
                    tuple(texts for _, _, texts in good) if stream.text_columns else (),
                )

    def _events(self, key: int, n: int) -> tuple[tuple[Event, ...], tuple[Event, ...]] | None:
        """The events of a batch's fold, and those from outside of it; None where they cannot be read."""
        inside: list[Event] = []
        outside: list[Event] = []
        try:
            for position, kind, *rest in self._old.ask(
                "SELECT position, kind, t_ns, asset, signal, before, after FROM event "
                "WHERE writer_key = ? AND batch = ? ORDER BY position",
                (key, n),
            ):
                (inside if position >= 0 else outside).append(Event(EventKind(kind), *rest))
        except UNREADABLE:
            return None
        return tuple(inside), tuple(outside)

    def _alarms(self, salvaged: str, n: int) -> AlarmsFolded:
        """What a batch told of alarms, and who did what to them; nothing where that cannot be read."""
        with suppress(*UNREADABLE):
            return self._old.batch_alarms(salvaged.removesuffix(f"@{self._name}"), n)
        return AlarmsFolded()

    def _keyframes(self, key: int, writer: str) -> dict[int, Keyframe]:
        """The writer's keyframes by batch; none where a stream is lost that they may tell of."""
        if not self._all_streams:
            return {}
        rows: list[Row] = []
        for (n,) in self._read("SELECT n FROM keyframe WHERE writer_key = ? ORDER BY n", (key,)):
            rows += self._read(
                "SELECT n, tick_ns, is_full, sha256, state FROM keyframe WHERE writer_key = ? AND n = ?", (key, n)
            )
        return {
            n: Keyframe(writer, n, tick_ns, bool(full), sha256, bytes(state))
            for n, tick_ns, full, sha256, state in rows
        }

    def _rollups(self, table: str) -> None:
        """Buckets of what is archived only: nothing else would fill them again. Those that are there stay."""
        marks = ",".join("?" * 11)
        for key in self._streams:
            at_ns = -(2**62)
            while not self._stop.is_set():
                rows = self._read(
                    f"SELECT * FROM {table} WHERE stream_key = ? AND start_ns > ? ORDER BY start_ns LIMIT ?",  # noqa: S608
                    (key, at_ns, ROLLUPS_A_TRANSACTION),
                )
                if not rows:
                    break
                at_ns = int(rows[-1][1])
                with closing(_sqlite.open_writer(self._path)) as connection, _sqlite.translated():
                    connection.execute("BEGIN IMMEDIATE")
                    connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608
                    connection.execute("COMMIT")

    def _letters(self, connection: Any) -> None:
        rows = self._read(
            "SELECT source, topic, reason, detail, payload, sha256, same, first_ns, last_ns, count FROM dead_letter"
        )
        kept: dict[str, list[int]] = {}
        for row in rows:
            if connection.execute(
                "INSERT INTO dead_letter (source, topic, reason, detail, payload, sha256, same, first_ns, last_ns, "
                "count) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (source, reason, same) DO NOTHING",
                row,
            ).rowcount:
                total = kept.setdefault(row[0], [0, 0])
                total[0] += int(row[9])
                total[1] += 1
        connection.executemany(
            "INSERT INTO source_count (source, dead_letters, dead_rows) VALUES (?,?,?) ON CONFLICT (source) DO "
            "UPDATE SET dead_letters = dead_letters + excluded.dead_letters, "
            "dead_rows = dead_rows + excluded.dead_rows",
            [(source, *totals) for source, totals in kept.items()],
        )

    def _messages(self, connection: Any) -> None:
        """What was counted of messages, where it adds up."""
        try:
            sources = self._old.by_source()
        except UNREADABLE:
            return
        for source, terms in sources.items():
            words: Any = terms
            kinds = [(kind, reason, n) for kind in ("handled", "rejected") for reason, n in words[kind].items()]
            if words["received"] != words["decoded"] + sum(n for _, _, n in kinds):
                continue
            connection.execute(
                "INSERT INTO source_count (source, received, decoded, redriven, last_received_ns) VALUES (?,?,?,?,?) "
                "ON CONFLICT (source) DO UPDATE SET received = received + excluded.received, "
                "decoded = decoded + excluded.decoded, redriven = redriven + excluded.redriven, "
                "last_received_ns = max(last_received_ns, excluded.last_received_ns)",
                (source, words["received"], words["decoded"], words["redriven"], words["last_received_ns"]),
            )
            connection.executemany(
                "INSERT INTO source_reason (source, kind, reason, count) VALUES (?,?,?,?) "
                "ON CONFLICT (source, kind, reason) DO UPDATE SET count = count + excluded.count",
                [(source, kind, reason, n) for kind, reason, n in kinds],
            )


def _ids(key: int) -> tuple[int, int]:
    """The row ids that a writer's frames may have."""
    return ((key - 1) << _WRITER_ID_SHIFT, key << _WRITER_ID_SHIFT)


def _sums(batch: Batch) -> list[tuple[str, int, int]]:
    frames: Counter[str] = Counter()
    newest: dict[str, int] = {}
    for part in batch.frames:
        source = part.stream.source
        frames[source] += len(part)
        newest[source] = max(newest.get(source, 0), int(part.received_ns.max()))
    return [(source, count, newest[source]) for source, count in frames.items()]
