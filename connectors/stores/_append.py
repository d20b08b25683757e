"""The writer: one commit, one transaction."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from connectors.stores import _alarms, _tally
from connectors.stores._clocks import Clocks
from connectors.stores._codec import (
    clean_newcomer,
    conflict_letter,
    decode_stream,
    decode_texts,
    encode_signals,
    encode_texts,
    same_columns,
    same_rows,
)
from connectors.stores._gaps import Gaps
from connectors.stores._rollup import Rollups
from connectors.stores._rows import count_rows, picked, rows_of, text_rows, without_negative_zeros
from twin.checksum import checksum
from twin.clock import NS_PER_S
from twin.errors import StoreError, StoreRejected
from twin.ports import Commit, Folded, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from connectors.archive.known import Known
    from connectors.stores._driver import Driver
    from connectors.stores._rows import Rows
    from twin.message import DeadLetter
    from twin.sample import Batch, Stream

log = logging.getLogger(__name__)
VIEWS_NS = 10 * NS_PER_S
"""New streams get their named views at most so often."""
_WRITER_ID_SHIFT = 44
"""Frame ids of the second writer begin at 1 << 44, so that two writers never give the same one."""

_LATEST = """INSERT INTO latest (stream_key, t_ns, seq, received_ns, quality, vals, texts) VALUES (?,?,?,?,?,?,?)
ON CONFLICT (stream_key) DO UPDATE SET t_ns = excluded.t_ns, seq = excluded.seq, received_ns = excluded.received_ns,
quality = excluded.quality, vals = excluded.vals, texts = excluded.texts"""
_LATEST_TYPES = ("bigint", "bigint", "bigint", "bigint", "smallint", "float8[]", "text")
_EVENT = """INSERT INTO event (writer_key, batch, position, t_ns, kind, asset, signal, before, after)
VALUES (?,?,?,?,?,?,?,?,?)"""
_NEWCOMER = """INSERT INTO newcomer (source, asset, first_ns, topic, stream, signals, asset_type, name, attributes,
streams, publisher, last_ns) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (source, asset) DO """
_ANNOUNCED = f"""{_NEWCOMER} UPDATE SET asset_type = excluded.asset_type, name = excluded.name,
attributes = excluded.attributes, streams = excluded.streams, publisher = excluded.publisher,
last_ns = excluded.last_ns"""
_DECODER_STATE = """INSERT INTO decoder_state (source, state) VALUES (?,?)
ON CONFLICT (source) DO UPDATE SET state = excluded.state"""


@dataclass(slots=True)
class _Writer:
    """What is known of a writer (mutable): its key, and the id that its next frame gets."""

    key: int
    next_id: int


@dataclass(frozen=True, slots=True, eq=False)
class _Sorted:
    """A batch after its frames were inserted: the new ones, and what became of the others."""

    batch: Batch
    keys: dict[str, int]
    duplicates: dict[str, int]
    conflicts: dict[str, int]
    letters: tuple[DeadLetter, ...]
    first_id: int
    last_id: int
    rows: Rows | None = None
    new: NDArray[np.bool_] | None = None
    """Which of the rows are; None for all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """A transaction whose COMMIT failed: a lost connection does not tell whether it went through."""

    batch: Batch
    outcome: Outcome
    given: int


class SqlStore:
    """`twin.ports.Store` on SQLite or PostgreSQL (mutable: it remembers keys; one thread)."""

    def __init__(self, driver: Driver, known: Known | None = None) -> None:
        self._driver = driver
        self._known = known
        self._writers: dict[str, _Writer] = {}
        self._streams: dict[str, tuple[int, Stream]] = {}
        self._doubt: _Doubt | None = None
        self._gaps = Gaps(driver)
        self._clocks = Clocks(driver)
        self._rollups = Rollups(driver)
        self._new_streams = True  # those of the last writer may have no views yet
        self._views_ns = -VIEWS_NS
        self._views_failed = False

    def append(self, commit: Commit, fold: Callable[[Batch], Folded]) -> Outcome:
        """Store a commit durably, in one transaction: see `twin.ports.Store.append`.

        After StoreUnavailable, give the same commit again (same n): where the connection was lost in
        the middle of COMMIT and the transaction turns out to be stored, it is not stored twice.
        """
        settled = self._settle(commit)
        if settled is not None:
            fold(settled.batch)  # the caller's mirror takes the batch up; what it made is stored already
            return settled.outcome
        batch = without_negative_zeros(commit.batch)
        with self._transaction():
            with self._driver.translated():
                result = self._insert(batch)
            folded = fold(result.batch)
            with self._driver.translated():
                self._write(commit, result, folded)
            outcome = Outcome(len(result.batch), sum(result.duplicates.values()), sum(result.conflicts.values()))
            self._doubt = _Doubt(result.batch, outcome, len(batch))
        self._doubt = None
        if self._new_streams and abs(batch.tick_ns - self._views_ns) >= VIEWS_NS:
            self._make_views(batch.tick_ns)
        return outcome

    def _make_views(self, tick_ns: int) -> None:
        """In a transaction of its own: that a view cannot be made stops no batch."""
        self._new_streams, self._views_ns = False, tick_ns
        try:
            with self._transaction(), self._driver.translated():
                self._driver.make_views()
        except StoreError as error:
            self._new_streams = True
            if not self._views_failed:
                log.warning("the views of new streams cannot be made yet: %s", error)
            self._views_failed = True

    def _settle(self, commit: Commit) -> _Doubt | None:
        """What was in doubt, if it is this commit and was stored after all."""
        doubt, batch = self._doubt, commit.batch
        if doubt is None:
            return None
        with self._transaction(), self._driver.translated():
            found = self._driver.ask(
                "SELECT checksum FROM batch WHERE n = ? AND writer_key = "
                "(SELECT writer_key FROM writer WHERE name = ?)",
                (doubt.batch.n, doubt.batch.writer),
            )
        self._doubt = None
        again = (batch.writer, batch.n, len(batch)) == (doubt.batch.writer, doubt.batch.n, doubt.given)
        return doubt if again and found and found[0][0] == checksum(doubt.batch) else None

    def next_batch(self, writer: str) -> int:
        """The number the writer's next batch gets: one past its last, from 1."""
        with self._transaction(), self._driver.translated():
            rows = self._driver.ask(
                "SELECT max(n) FROM batch WHERE writer_key = (SELECT writer_key FROM writer WHERE name = ?)", (writer,)
            )
        return int(rows[0][0] or 0) + 1

    def stream_keys(self) -> dict[str, int]:
        """The stream key of every stream this writer has stored frames of, by its id."""
        return {stream: key for stream, (key, _) in self._streams.items()}

    def decoder_states(self) -> dict[str, bytes]:
        """What the decoders of each source saved last."""
        with self._transaction(), self._driver.translated():
            return {
                source: bytes(state) for source, state in self._driver.ask("SELECT source, state FROM decoder_state")
            }

    @property
    def is_rolled_up(self) -> bool:
        """Whether the roll-ups lack nothing but what came since the last seconds' flush."""
        return self._rollups.is_caught_up

    def close(self) -> None:
        """Release the database; what is not in the roll-ups yet is put there, or read again by the next writer."""
        if self._rollups.is_open:
            with suppress(StoreError), self._transaction(), self._driver.translated():
                self._rollups.finish()
        if self._known is not None:
            self._known.close()
        self._driver.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._driver.translated():
                self._driver.begin()
            yield
            with self._driver.translated():
                self._driver.commit()
        except BaseException:
            self._driver.rollback()
            # What was remembered may have been rolled back: it is read again when it is needed.
            self._writers.clear()
            self._streams.clear()
            self._gaps.forget()
            self._clocks.forget()
            self._rollups.forget()
            raise

    def _insert(self, batch: Batch) -> _Sorted:
        writer = self._writer(batch.writer)
        first = writer.next_id
        if not batch.frames:
            return _Sorted(batch, {}, {}, {}, (), first, first - 1)
        keys = [self._stream_key(part.stream, batch.tick_ns) for part in batch.frames]
        by_id = {part.stream.id: key for part, key in zip(batch.frames, keys, strict=True)}
        rows = rows_of(batch, keys, first, writer.key)
        writer.next_id += len(rows)
        new = self._driver.insert_frames(rows)
        if self._known is not None:
            new = self._known.sift(rows, new)
        stored = batch if new is None else picked(batch, new)
        texts = text_rows(stored.frames, [by_id[part.stream.id] for part in stored.frames])
        if texts:
            self._driver.many("INSERT INTO frame_text (stream_key, t_ns, seq, texts) VALUES (?,?,?,?)", texts)
        duplicates: dict[str, int] = {}
        conflicts: dict[str, int] = {}
        letters = () if new is None else self._compare(batch, rows, new, duplicates, conflicts)
        return _Sorted(stored, by_id, duplicates, conflicts, letters, first, writer.next_id - 1, rows, new)

    def _compare(
        self,
        batch: Batch,
        rows: Rows,
        new: NDArray[np.bool_],
        duplicates: dict[str, int],
        conflicts: dict[str, int],
    ) -> tuple[DeadLetter, ...]:
        """Hold the frames that were not new against those that are there."""
        letters: list[DeadLetter] = []
        known = ~new
        stored = (self._known or self._driver).stored(
            zip(rows.stream_keys[known].tolist(), rows.t_ns[known].tolist(), rows.seq[known].tolist(), strict=True)
        )
        start = 0
        for part in batch.frames:
            key = int(rows.stream_keys[start])
            there = np.flatnonzero(known[start : start + len(part)])
            start += len(part)
            if not len(there):
                continue
            found = [stored[key, int(part.t_ns[row]), int(part.seq[row])] for row in there]
            kept = self._driver.decode([column for column, _ in found], part.stream.width)
            same = same_rows(kept, part.values[there]).tolist()
            source = part.stream.source
            for place, row in enumerate(there.tolist()):
                text = found[place][1]
                kept_texts = decode_texts(text) if text is not None else ()
                if same[place] and kept_texts == (part.texts[row] if part.texts else ()):
                    duplicates[source] = duplicates.get(source, 0) + 1
                else:
                    conflicts[source] = conflicts.get(source, 0) + 1
                    letters.append(conflict_letter(part, row, kept[place], kept_texts))
        return tuple(letters)

    def _write(self, commit: Commit, result: _Sorted, folded: Folded) -> None:
        driver, batch = self._driver, result.batch
        writer = self._writer(batch.writer)
        driver.run(
            "INSERT INTO batch (writer_key, n, tick_ns, frames, first_id, last_id, checksum) VALUES (?,?,?,?,?,?,?)",
            (writer.key, batch.n, batch.tick_ns, len(batch), result.first_id, result.last_id, checksum(batch)),
        )
        keys = [result.keys[part.stream.id] for part in batch.frames]
        _tally.count_streams(driver, count_rows(batch, keys, self._clocks.see(batch, keys)))
        self._gaps.see(batch, result.keys)
        stored: dict[str, int] = {}
        for part in batch.frames:
            stored[part.stream.source] = stored.get(part.stream.source, 0) + len(part)
        _tally.count_sources(driver, commit.counts, stored, result.duplicates, result.conflicts)
        _tally.remove_letters(driver, commit.redriven)
        _tally.keep_letters(driver, (*result.letters, *commit.dead_letters))
        events = [(-1 - i, event) for i, event in enumerate(commit.events)] + list(enumerate(folded.events))
        if events:
            driver.many(
                _EVENT,
                [
                    (writer.key, batch.n, place, e.t_ns, e.kind.value, e.asset, e.signal, e.before, e.after)
                    for place, e in events
                ],
            )
        self._write_latest(folded, batch.tick_ns)
        keyframe = folded.keyframe
        if keyframe is not None:
            driver.run(
                "INSERT INTO keyframe (writer_key, n, tick_ns, is_full, sha256, state) VALUES (?,?,?,?,?,?)",
                (
                    self._writer(keyframe.writer).key,
                    keyframe.n,
                    keyframe.tick_ns,
                    keyframe.full,
                    keyframe.sha256,
                    keyframe.state,
                ),
            )
        _alarms.write(driver, writer.key, batch.n, folded.alarms)
        newcomers = list(map(clean_newcomer, commit.newcomers))
        for sql, announced in ((f"{_NEWCOMER} NOTHING", False), (_ANNOUNCED, True)):
            rows = [astuple(one) for one in newcomers if one.announced is announced]
            if rows:
                driver.many(sql, rows)
        if commit.findings:
            _tally.keep_findings(driver, commit.findings)
        if commit.decoder_states:
            driver.many(_DECODER_STATE, list(commit.decoder_states.items()))
        driver.run(
            "UPDATE writer SET batches = batches + 1, events = events + ?, keyframes = keyframes + ? "
            "WHERE writer_key = ?",
            (len(events), int(keyframe is not None), writer.key),
        )
        self._rollups.see(writer.key, batch.n, batch.tick_ns, result.rows, result.new)

    def _write_latest(self, folded: Folded, tick_ns: int) -> None:
        by_width: dict[int, list[int]] = {}
        for index, latest in enumerate(folded.latest):
            by_width.setdefault(latest.stream.width, []).append(index)
        rows = []
        for chosen in by_width.values():
            column = self._driver.encode(np.stack([folded.latest[index].values for index in chosen]))
            for index, value in zip(chosen, column, strict=True):
                latest = folded.latest[index]
                key = self._stream_key(latest.stream, tick_ns)
                texts = encode_texts(latest.texts)
                rows.append((key, latest.t_ns, latest.seq, latest.received_ns, latest.quality, value, texts))
        if rows:
            self._driver.many_typed(_LATEST, _LATEST_TYPES, rows)

    def _writer(self, name: str) -> _Writer:
        known = self._writers.get(name)
        if known is not None:
            return known
        rows = self._driver.ask("SELECT writer_key FROM writer WHERE name = ?", (name,))
        if not rows:
            rows = self._driver.ask(
                "INSERT INTO writer (name, batches, events, keyframes) VALUES (?, 0, 0, 0) RETURNING writer_key",
                (name,),
            )
        key = int(rows[0][0])
        last = self._driver.ask("SELECT last_id FROM batch WHERE writer_key = ? ORDER BY n DESC LIMIT 1", (key,))
        next_id = int(last[0][0]) + 1 if last else ((key - 1) << _WRITER_ID_SHIFT) + 1
        self._writers[name] = _Writer(key, next_id)
        return self._writers[name]

    def _stream_key(self, stream: Stream, tick_ns: int) -> int:
        known = self._streams.get(stream.id)
        if known is not None and (known[1] is stream or known[1] == stream):
            return known[0]
        rows = self._driver.ask(
            "SELECT stream_key, id, source, sequenced, period_s, columns, text_columns FROM stream WHERE id = ?",
            (stream.id,),
        )
        told = (stream.source, bool(stream.sequenced), stream.period_s, *_signals(stream))
        if not rows:
            key = self._driver.ask(
                "INSERT INTO stream (source, sequenced, period_s, columns, text_columns, id, asset, name, created_ns) "
                "VALUES (?,?,?,?,?,?,?,?,?) RETURNING stream_key",
                (*told, stream.id, stream.asset, stream.name, tick_ns),
            )[0][0]
            self._new_streams = True
        else:
            key, *columns = rows[0]
            stored = decode_stream(*columns)
            if not same_columns(stored, stream):
                raise StoreRejected(
                    f"stream {stream.id!r} is stored with other columns {_names(stored)}, not {_names(stream)}: "
                    "a changed set of columns needs a new id"
                )
            if stored != stream:
                self._driver.run(
                    "UPDATE stream SET source = ?, sequenced = ?, period_s = ?, columns = ?, text_columns = ? "
                    "WHERE stream_key = ?",
                    (*told, key),
                )
        self._streams[stream.id] = (int(key), stream)
        return int(key)


def _signals(stream: Stream) -> tuple[str, str]:
    return encode_signals(stream.columns), encode_signals(stream.text_columns)


def _names(stream: Stream) -> Sequence[str]:
    return [f"{signal.name} [{signal.unit}]" for signal in stream.signals]
