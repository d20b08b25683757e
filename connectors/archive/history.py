"""What is hot and what is archived as one history; who asks does not know which is which."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.layout import names_of, real_path, shape_of, site_of
from connectors.archive.read import part_file
from connectors.archive.rows import StoredRows, joined
from connectors.stores._codec import decode_stream, encode_texts, pack, to_lists
from connectors.stores._reader import SqliteReader
from connectors.stores._series import Drawn
from connectors.stores._series import joined as joined_drawings
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from connectors.archive.layout import Run
    from connectors.archive.read import PartFile
    from connectors.stores._reader import Place, Reader, Rolled, Span
    from connectors.stores._series import Buckets
    from twin.sample import Stream

BEGUN, WRITTEN, MOVED = "begun", "written", "moved"
"""States of a part: nobody reads it yet; its rows are hot too; they are hot no longer."""
RUNS_KEPT = 64
_PARTS = """SELECT path, first_ns, last_ns, sha256, state FROM archive_part
WHERE site = ? AND last_ns >= ? AND first_ns < ? AND state != 'begun' ORDER BY first_ns, path"""
_STREAM = """SELECT id, source, sequenced, period_s, columns, text_columns FROM stream WHERE stream_key = ?"""


@dataclass(frozen=True, slots=True)
class Part:
    """A row of `archive_part`, with its file's place."""

    path: Path
    first_ns: int
    last_ns: int
    sha256: str
    state: str

    def file(self) -> PartFile:
        """The file; raises StoreUnavailable."""
        return part_file(self.path, self.sha256)


class Archive:
    """The parts that a store's table names. Any thread may ask; it keeps what it read last."""

    def __init__(self, reader: Reader, base: Path | None) -> None:
        self._reader = reader
        self._base = base
        self._streams: dict[int, Stream] = {}
        self._ids: dict[str, tuple[int, int]] = {}
        self._kept: OrderedDict[tuple[Path, Run], StoredRows] = OrderedDict()
        self._lock = Lock()

    def close(self) -> None:
        """Release the connections that were used to ask for parts."""
        self._reader.close()

    def encode(self, values: NDArray[np.float64]) -> Sequence[Any]:
        """Values (n, width) as the column `vals` of this database gives them."""
        return pack(values) if isinstance(self._reader, SqliteReader) else to_lists(values)

    def stream(self, key: int) -> Stream | None:
        """The stream of a key."""
        if key not in self._streams:
            for row in self._reader.ask(_STREAM, (key,)):
                self._streams[key] = decode_stream(*row)
        return self._streams.get(key)

    def parts(self, stream: Stream, start_ns: int, end_ns: int) -> list[Part]:
        """The parts that may hold frames of a stream in [start, end), oldest first."""
        rows = self._reader.ask(_PARTS, (site_of(stream), start_ns, end_ns))
        mark = f"-{shape_of(stream)}-" if rows else ""
        return [Part(real_path(row[0], self._base), *row[1:]) for row in rows if mark in row[0]]

    def runs(self, key: int, start_ns: int, end_ns: int) -> Iterator[tuple[Part, list[Run]]]:
        """The parts with the runs of a stream that reach into [start, end), oldest first."""
        stream = self.stream(key)
        for part in self.parts(stream, start_ns, end_ns) if stream is not None else ():
            runs = [r for r in part.file().runs.get(key, ()) if r.last_ns >= start_ns and r.first_ns < end_ns]
            if runs:
                yield part, runs

    def rows(self, key: int, start_ns: int, end_ns: int, limit: int | None = None) -> StoredRows | None:
        """The rows of a stream in [start, end) in order of (t_ns, seq), the first ``limit`` at least; None for none."""
        found: list[StoredRows] = []
        stream = self.stream(key)
        for part, run in sorted(
            ((part, run) for part, runs in self.runs(key, start_ns, end_ns) for run in runs),
            key=lambda one: one[1].first_ns,
        ):
            if limit is not None and sum(map(len, found)) >= limit and run.first_ns > max(r.t_ns[-1] for r in found):
                break
            assert stream is not None  # noqa: S101  it has runs
            rows = self.run(part, run, stream)
            found.append(rows.take(slice(*np.searchsorted(rows.t_ns, [start_ns, end_ns]))))
        return sorted_rows(joined(found)) if found else None

    def run(self, part: Part, run: Run, stream: Stream) -> StoredRows:
        """A run's rows; the last ones read are kept."""
        with self._lock:
            kept = self._kept.get((part.path, run))
            if kept is not None:
                self._kept.move_to_end((part.path, run))
                return kept
        rows = part.file().rows([run], stream)
        with self._lock:
            self._kept[part.path, run] = rows
            while len(self._kept) > RUNS_KEPT:
                self._kept.popitem(last=False)
        return rows

    def samples(
        self, place: Place, start_ns: int, end_ns: int, limit: int = -1
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one column, in order of (t_ns, seq), the first ``limit``; NaN where absent."""
        stream = self.stream(place.key)
        found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
        plain = True
        for part, runs in self.runs(place.key, start_ns, end_ns) if stream is not None else ():
            assert stream is not None  # noqa: S101  it has runs
            name = names_of(stream)[place.column]
            for some in [runs] if limit < 0 else [[run] for run in runs]:
                if found and 0 <= limit <= sum(len(one[0]) for one in found) and some[0].first_ns > found[-1][0][-1]:
                    break
                t_ns, seq, values = part.file().numbers(some, name, start_ns, end_ns)
                plain &= seq is None
                if len(t_ns):
                    plain &= not found or bool(found[-1][0][-1] < t_ns[0])
                    found.append((t_ns, values))
        if not found:
            return np.empty(0, np.int64), np.empty(0)
        if not plain:
            rows = self.rows(place.key, start_ns, end_ns)
            found = [] if rows is None else [(rows.t_ns, rows.values[:, place.column])]
        end = None if limit < 0 else limit
        return np.concatenate([one[0] for one in found])[:end], np.concatenate([one[1] for one in found])[:end]

    def bounds(self, key: int, start_ns: int, end_ns: int) -> tuple[int, int] | None:
        """The times of a stream's first and last frame with start <= t_ns < end; None where there are none."""
        ends: list[int] = []
        for part, runs in self.runs(key, start_ns, end_ns):
            for run in runs:
                if run.first_ns >= start_ns and run.last_ns < end_ns:
                    ends += [run.first_ns, run.last_ns]
                    continue
                t_ns = part.file().column(run, "t_ns").to_numpy()
                t_ns = t_ns[slice(*np.searchsorted(t_ns, [start_ns, end_ns]))]
                ends += [int(t_ns[0]), int(t_ns[-1])] if len(t_ns) else []
        return (min(ends), max(ends)) if ends else None

    def is_moving(self, key: int, start_ns: int, end_ns: int) -> bool:
        """Whether rows of a stream in [start, end) may be hot and archived both."""
        return any(part.state == WRITTEN for part, _ in self.runs(key, start_ns, end_ns))

    def newest(self, key: int, after_ns: int, t_ns: int) -> StoredRows | None:
        """The newest frame of a stream with after < time <= ``t_ns``, CLOCK_AHEAD left out, as one row."""
        stream = self.stream(key)
        best: StoredRows | None = None
        found = [(part, run) for part, runs in self.runs(key, after_ns + 1, t_ns + 1) for run in runs]
        for part, run in sorted(found, key=lambda one: -one[1].last_ns):
            if stream is None or (best is not None and run.last_ns < best.t_ns[0]):
                break
            rows = self.run(part, run, stream)
            good = np.flatnonzero((rows.t_ns <= t_ns) & (rows.t_ns > after_ns) & (rows.quality != Quality.CLOCK_AHEAD))
            if len(good):
                last = rows.take(good[-1:])
                if best is None or (last.t_ns[0], last.seq[0]) > (best.t_ns[0], best.seq[0]):
                    best = last
        return best

    def by_id(self, first: int, last: int) -> Iterator[StoredRows]:
        """The rows with ids from ``first`` to ``last``, stream by stream."""
        for path, first_ns, last_ns, sha256, state in self._reader.ask(
            "SELECT path, first_ns, last_ns, sha256, state FROM archive_part WHERE state != 'begun' ORDER BY path"
        ):
            part = Part(real_path(path, self._base), first_ns, last_ns, sha256, state)
            if path not in self._ids:
                runs = list(itertools.chain.from_iterable(part.file().runs.values()))
                self._ids[path] = (min(r.first_id for r in runs), max(r.last_id for r in runs))
            low, high = self._ids[path]
            if high < first or low > last:
                continue
            for key, runs in part.file().runs.items():
                stream = self.stream(key)
                for run in runs:
                    if stream is not None and run.last_id >= first and run.first_id <= last:
                        rows = self.run(part, run, stream)
                        mask = (rows.id >= first) & (rows.id <= last)
                        if mask.any():
                            yield rows.take(mask)


def ordered(
    t_ns: NDArray[np.int64], seq: NDArray[np.int64], values: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
    """In order of (t_ns, seq), each key once."""
    if len(t_ns) > 1:
        steps = np.diff(t_ns)
        if not (steps > 0).all():
            order = np.lexsort((seq, t_ns))
            t_ns, seq, values = t_ns[order], seq[order], values[order]
            new = np.concatenate([[True], (np.diff(t_ns) != 0) | (np.diff(seq) != 0)])
            t_ns, seq, values = t_ns[new], seq[new], values[new]
    return t_ns, seq, values


def sorted_rows(rows: StoredRows) -> StoredRows:
    """Rows in order of (t_ns, seq), each key once."""
    if len(rows) > 1 and not (np.diff(rows.t_ns) > 0).all():
        rows = rows.take(np.lexsort((rows.seq, rows.t_ns)))
        rows = rows.take(np.concatenate([[True], (np.diff(rows.t_ns) != 0) | (np.diff(rows.seq) != 0)]))
    return rows


def gathered(t_ns: NDArray[np.int64], values: NDArray[np.float64], buckets: Buckets) -> Drawn:
    """Samples (n,) in time order → one row a bucket; absent ones are left out."""
    present = ~np.isnan(values)
    if not present.all():
        t_ns, values = t_ns[present], values[present]
    if not len(t_ns):
        return Drawn(t_ns, t_ns, values, values, values)
    first, last = buckets.index(t_ns[[0, -1]]).tolist()
    index = np.arange(first, last + 1)
    # Where each bucket begins is looked up, not worked out for each sample: a tenth of the time.
    starts = np.searchsorted(t_ns, buckets.origin_ns + index * buckets.wide_ns)
    counts = np.diff(np.append(starts, len(t_ns)))
    index, starts, counts = index[counts > 0], starts[counts > 0], counts[counts > 0]
    with np.errstate(invalid="ignore", over="ignore"):
        return Drawn(
            index,
            counts,
            np.minimum.reduceat(values, starts),
            np.maximum.reduceat(values, starts),
            np.add.reduceat(values, starts),
        )


class ArchivedReader:
    """`Reader` of a database and its archive: what is hot is asked first, so that a move under way hides nothing."""

    def __init__(self, hot: Reader, archive: Archive) -> None:
        self._hot = hot
        self._archive = archive

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives, of the database itself."""
        return self._hot.ask(sql, values)

    def as_of(self, t_ns: int, keys: Sequence[int] | None) -> list[Any]:
        """(stream_key, t_ns, seq, received_ns, quality, vals, texts) of the newest frame of each stream."""
        hot = {row[0]: row for row in self._hot.as_of(t_ns, keys)}
        if not self._hot.ask("SELECT 1 FROM archive_part WHERE first_ns <= ? LIMIT 1", (t_ns,)):
            return list(hot.values())
        every = keys if keys is not None else [key for (key,) in self._hot.ask("SELECT stream_key FROM stream")]
        for key in every:
            row = hot.get(key)
            last = self._archive.newest(key, row[1] - 1 if row else -(2**62), t_ns)
            if last is not None and (row is None or (last.t_ns[0], last.seq[0]) > (row[1], row[2])):
                hot[key] = (
                    key,
                    int(last.t_ns[0]),
                    int(last.seq[0]),
                    int(last.received_ns[0]),
                    int(last.quality[0]),
                    self._archive.encode(last.values)[0],
                    encode_texts(last.texts[0]) if last.texts else None,
                )
        return list(hot.values())

    def samples(
        self, place: Place, start_ns: int, end_ns: int, limit: int = -1
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Times and values of one column, in order of (t_ns, seq), the first ``limit``; absent ones NaN or left out."""
        t_ns, values = self._hot.samples(place, start_ns, end_ns, limit)
        old_ns, old = self._archive.samples(place, start_ns, end_ns, limit)
        end = None if limit < 0 else limit
        if not len(old):
            return t_ns, values
        if not len(t_ns):
            return old_ns, old
        if old_ns[-1] < t_ns[0]:
            return np.concatenate([old_ns, t_ns])[:end], np.concatenate([old, values])[:end]
        rows = self._hot.ask(
            "SELECT t_ns, seq, vals FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ? ORDER BY t_ns, seq",
            (place.key, start_ns, end_ns),
        )
        archived = self._archive.rows(place.key, start_ns, end_ns)
        assert archived is not None  # noqa: S101  there were samples
        hot = self._hot.decode([row[2] for row in rows], place.width)[:, place.column]
        t_ns, _, values = ordered(
            np.concatenate([np.array([row[0] for row in rows], np.int64), archived.t_ns]),
            np.concatenate([np.array([row[1] for row in rows], np.int64), archived.seq]),
            np.concatenate([hot, archived.values[:, place.column]]),
        )
        return t_ns[:end], values[:end]

    def bounds(self, key: int, start_ns: int, end_ns: int) -> tuple[int, int] | None:
        """The times of a stream's first and last frame with start <= t_ns < end; None where there are none."""
        both = [self._hot.bounds(key, start_ns, end_ns), self._archive.bounds(key, start_ns, end_ns)]
        found = [one for one in both if one is not None]
        return (min(one[0] for one in found), max(one[1] for one in found)) if found else None

    def drawn(self, place: Place, buckets: Buckets, start_ns: int, end_ns: int) -> Drawn:
        """The samples of a column with start <= t_ns < end in buckets, from the frames."""
        if self._archive.is_moving(place.key, start_ns, end_ns):
            return gathered(*self.samples(place, start_ns, end_ns), buckets)
        hot = self._hot.drawn(place, buckets, start_ns, end_ns)
        t_ns, values = self._archive.samples(place, start_ns, end_ns)
        if not len(t_ns):
            return hot
        return joined_drawings([hot, gathered(t_ns, values, buckets)])

    def rolled_until(self, key: int) -> int:
        """Of this stream everything older is in the roll-ups."""
        return self._hot.rolled_until(key)

    def rolled(self, place: Place, spans: Sequence[Span]) -> list[Rolled]:
        """A column of the roll-ups of some spans, in order."""
        return self._hot.rolled(place, spans)

    def texts(self, key: int, after_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Times and rows of texts (as stored) with after < t_ns < end that differ from the row before, in order."""
        hot = self._hot.texts(key, after_ns, end_ns)
        old = self._archive.rows(key, after_ns + 1, end_ns)
        if old is None or not len(old):
            return hot
        rows = [(t, s, encode_texts(x)) for t, s, x in zip(old.t_ns.tolist(), old.seq.tolist(), old.texts, strict=True)]
        if hot and hot[0][0] <= rows[-1][0]:
            found = self._hot.ask(
                "SELECT t_ns, seq, texts FROM frame_text WHERE stream_key = ? AND t_ns > ? AND t_ns < ?",
                (key, after_ns, end_ns),
            )
            rows = sorted({*rows, *(tuple(row) for row in found)})
            hot = []
        changes: list[tuple[int, str]] = []
        for t_ns, text in itertools.chain(((t, x) for t, _, x in rows), hot):
            if not changes or changes[-1][1] != text:
                changes.append((t_ns, text))
        return changes

    def text_at(self, key: int, column: int, after_ns: int, t_ns: int) -> tuple[int, str] | None:
        """The last archived text with after < time <= ``t_ns``, looking back past the rows where it is absent."""
        stream = self._archive.stream(key)
        found = [(part, run) for part, runs in self._archive.runs(key, after_ns + 1, t_ns + 1) for run in runs]
        for part, run in sorted(found, key=lambda one: -one[1].last_ns):
            if stream is None:
                break
            rows = self._archive.run(part, run, stream)
            for row in range(int(np.searchsorted(rows.t_ns, t_ns, "right")) - 1, -1, -1):
                text = rows.texts[row][column]
                if rows.t_ns[row] <= after_ns:
                    break
                if text is not None:
                    return int(rows.t_ns[row]), text
        return None

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """What the column `vals` gave → float64 (n, width)."""
        return self._hot.decode(column, width)

    def size(self) -> int:
        """How much room the database takes, in bytes; the archive's files are not in it."""
        return self._hot.size()

    def close(self) -> None:
        """Release all connections."""
        self._hot.close()
