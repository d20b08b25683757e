"""`twin.ports.History` over database and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.history import WRITTEN, Archive, ArchivedReader
from connectors.stores._codec import encode_texts
from connectors.stores._history import SqlHistory
from connectors.stores._series import bucket_ns
from twin.sample import Frames, merge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.archive.history import Part
    from connectors.archive.layout import Run
    from connectors.archive.rows import StoredRows
    from connectors.stores._reader import Reader


class WholeHistory(SqlHistory):
    """Reads hot and archive as one; any thread may use it.

    The database is asked first and the archive second: rows that move meanwhile are seen twice, never
    not at all, and each key counts once.
    """

    def __init__(self, reader: Reader, base: Path | None) -> None:
        self._archive = Archive(reader, base)
        self._reader: ArchivedReader
        super().__init__(ArchivedReader(reader, self._archive))

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time, ordered by (t_ns, seq); the first ``limit`` of them."""
        key, found = self._stream(stream)
        hot = self._frames(key, found, start_ns, end_ns, limit)
        old = self._archive.rows(key, start_ns, end_ns, limit)
        if old is None or not len(old):
            return hot
        both = _frames_of(old)
        if len(hot):
            both = merge([both, hot])
            order = np.lexsort((both.seq, both.t_ns))
            t_ns, seq = both.t_ns[order], both.seq[order]
            new = np.concatenate([[True], (np.diff(t_ns) != 0) | (np.diff(seq) != 0)])
            both = both.take(order[new])
        return both if limit is None else both.take(np.arange(min(limit, len(both))))

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams lie in each of ``buckets`` equal parts of [start, end): int64 (buckets,)."""
        wanted = set(streams)
        counts = super().density(wanted, start_ns, end_ns, buckets)
        wide_ns = bucket_ns(start_ns, end_ns, buckets)
        for key, stream in self.streams().items() if wanted and wide_ns else ():
            if stream.id in wanted:
                for part, runs in self._archive.runs(key, start_ns, end_ns):
                    for run in runs:
                        counts += self._counted(part, run, key, (start_ns, end_ns), wide_ns, buckets)
        return counts

    def _counted(  # noqa: PLR0913
        self, part: Part, run: Run, key: int, span_ns: tuple[int, int], wide_ns: int, buckets: int
    ) -> NDArray[np.int64]:
        start_ns, end_ns = span_ns
        first, last = (run.first_ns - start_ns) // wide_ns, (run.last_ns - start_ns) // wide_ns
        if part.state != WRITTEN and first == last and run.first_ns >= start_ns and run.last_ns < end_ns:
            counts = np.zeros(buckets, np.int64)
            counts[first] = run.rows
            return counts
        t_ns = np.asarray(part.file().column(run, "t_ns").to_numpy())
        if part.state == WRITTEN:
            seq = part.file().column(run, "seq").to_numpy()
            hot = self._reader.ask(
                "SELECT t_ns, seq FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns <= ?",
                (key, run.first_ns, run.last_ns),
            )
            there = {tuple(row) for row in hot}
            t_ns = t_ns[[key not in there for key in zip(t_ns.tolist(), seq.tolist(), strict=True)]]
        t_ns = t_ns[(t_ns >= start_ns) & (t_ns < end_ns)]
        return np.bincount((t_ns - start_ns) // wide_ns, minlength=buckets).astype(np.int64)

    def late(self, stream: str, start_ns: int, end_ns: int, by_ns: int, last_id: int) -> set[tuple[int, int]]:
        """(t_ns, seq) of a stream's frames in [start, end) that came later: their ids are beyond ``last_id``."""
        found = super().late(stream, start_ns, end_ns, by_ns, last_id)
        old = self._archive.rows(self._stream(stream)[0], start_ns, end_ns)
        if old is not None:
            rows = old.received_ns > by_ns
            found |= set(zip(old.t_ns[rows].tolist(), old.seq[rows].tolist(), strict=True))
        return found

    def _last_text(self, key: int, column: int, t_ns: int) -> tuple[int, str] | None:
        hot = super()._last_text(key, column, t_ns)
        old = self._reader.text_at(key, column, hot[0] if hot else -(2**62), t_ns)
        return old or hot

    def _cut_rows(self, first_id: int, last_id: int, expected: int) -> list[Any]:
        rows = super()._cut_rows(first_id, last_id, expected)
        if len(rows) >= expected:
            return rows
        by_id = {row[8]: row for row in rows}
        for old in self._archive.by_id(first_id, last_id):
            column = self._archive.encode(old.values)
            texts: list[Any] = [encode_texts(row) for row in old.texts] or [None] * len(old)
            for place, id_ in enumerate(old.id.tolist()):
                by_id[id_] = (
                    int(old.t_ns[place]),
                    int(old.seq[place]),
                    int(old.received_ns[place]),
                    int(old.quality[place]),
                    column[place],
                    texts[place],
                    int(old.batch[place]),
                    old.stream_key,
                    id_,
                )
        return [by_id[id_] for id_ in sorted(by_id)]


def _frames_of(rows: StoredRows) -> Frames:
    return Frames(
        rows.stream, rows.t_ns, rows.seq, rows.received_ns, rows.values, rows.quality.astype(np.int16), rows.texts
    )
