"""Sequence gaps in the database: worked out by `twin.gaps`, kept in the transaction of the frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.gaps import OpenGap, SequenceCount, by_epoch
from twin.sample import SEQ_EPOCH_SHIFT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.stores._driver import Driver
    from twin.sample import Batch

MAX_REMEMBERED = 100_000

_COUNT = """INSERT INTO sequence_count (stream_key, epoch, first_seq, last_seq, missing, unlisted) VALUES (?,?,?,?,?,?)
ON CONFLICT (stream_key, epoch) DO UPDATE SET first_seq = excluded.first_seq, last_seq = excluded.last_seq,
missing = excluded.missing, unlisted = excluded.unlisted"""
_OPENED = "INSERT INTO gap (stream_key, epoch, from_seq, to_seq, batch, since_ns) VALUES (?,?,?,?,?,?)"
_CLOSED = "DELETE FROM gap WHERE stream_key = ? AND from_seq = ?"


class Gaps:
    """The counts of the streams written lately (mutable: a memory of what the tables hold)."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._counts: dict[tuple[int, int], SequenceCount] = {}

    def forget(self) -> None:
        """What is remembered may have been rolled back: read it again when it is needed."""
        self._counts.clear()

    def see(self, batch: Batch, keys: Mapping[str, int]) -> None:
        """Take the new frames of a batch; ``keys`` are the stream keys by stream id."""
        rows: list[tuple[int, ...]] = []
        closed: list[tuple[int, int]] = []
        opened: list[tuple[int, ...]] = []
        if not batch.frames:
            return
        columns = batch.columns
        broken = columns.where(columns.steps(columns.seq) != 1).tolist()
        edges = columns.edges.tolist()
        for part, start, end, first, last, in_disorder in zip(
            batch.frames, edges, edges[1:], columns.seq[columns.edges[:-1]].tolist(),
            columns.seq[columns.edges[1:] - 1].tolist(), broken, strict=False,
        ):  # fmt: skip
            if not part.stream.sequenced:
                continue
            key, epoch = keys[part.stream.id], first >> SEQ_EPOCH_SHIFT
            if not in_disorder and epoch == last >> SEQ_EPOCH_SHIFT:
                count = self._count(key, epoch, first)
                if count.go_on(first, last):
                    rows.append((key, epoch, count.first, last, count.missing, count.unlisted))
                    continue
            for epoch, seqs in by_epoch(columns.seq[start:end]):
                count = self._count(key, epoch, int(seqs[0]))
                change = count.see(seqs, batch.n, batch.tick_ns)
                rows.append((key, epoch, count.first, count.last, count.missing, count.unlisted))
                closed += [(key, start) for start in change.closed]
                opened += [
                    (key, epoch, gap.from_seq, gap.to_seq, gap.batch, gap.since_ns) for gap in change.opened.values()
                ]
        if rows:
            self._driver.many_typed(_COUNT, ("bigint",) * 6, rows)
        if closed:
            self._driver.many(_CLOSED, closed)
        if opened:
            self._driver.many_typed(_OPENED, ("bigint",) * 6, opened)

    def _count(self, key: int, epoch: int, seq: int) -> SequenceCount:
        found = self._counts.get((key, epoch))
        if found is None:
            if len(self._counts) >= MAX_REMEMBERED:
                self._counts.clear()
            found = self._counts[key, epoch] = self._read(key, epoch, seq)
        return found

    def _read(self, key: int, epoch: int, seq: int) -> SequenceCount:
        rows = self._driver.ask(
            "SELECT first_seq, last_seq, unlisted FROM sequence_count WHERE stream_key = ? AND epoch = ?", (key, epoch)
        )
        if not rows:
            return SequenceCount(seq, seq)
        gaps = self._driver.ask(
            "SELECT from_seq, to_seq, batch, since_ns FROM gap WHERE stream_key = ? AND epoch = ?", (key, epoch)
        )
        first, last, unlisted = rows[0]
        return SequenceCount(first, last, [OpenGap(*gap) for gap in gaps], unlisted)
