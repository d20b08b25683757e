"""The readers' side, on SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores._alarms import AlarmReads
from connectors.stores._codec import decode_stream, decode_texts
from connectors.stores._cover import rolled_parts
from connectors.stores._reader import Place
from connectors.stores._received import EVERY_BATCH, SqlReceived
from connectors.stores._series import bucket_ns, buckets_of, changes_of, raw_series, series_from, series_of
from connectors.stores._skim import skim_of
from twin.events import Event, EventKind
from twin.ports import (
    FindingCount,
    Gap,
    Keyframe,
    Newcomer,
    Removal,
    Series,
    StoredDeadLetter,
    StoreSummary,
    StreamCount,
)
from twin.sample import Batch, Frames, Latest, Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from connectors.stores._reader import Reader
    from connectors.stores._received import Cut
    from twin.skim import Skim

BATCHES_A_READ = 256
FRAMES_A_READ = 20_000
"""Batches, and about how many frames of them, fetched at once by `SqlHistory.batches`: bounds its memory."""
KEYFRAMES_A_READ = 16
TEXTS_A_LOOK_BACK = 64
_LAST_N = int(np.iinfo(np.int64).max)

TERMS = (
    "received", "decoded", "decoded_frames", "stored", "duplicate", "key_conflict", "redriven", "dead_letters",
    "last_received_ns",
)  # fmt: skip
_STREAM = "stream_key, id, source, sequenced, period_s, columns, text_columns"
_TEXT_JOIN = "LEFT JOIN frame_text x ON x.stream_key = f.stream_key AND x.t_ns = f.t_ns AND x.seq = f.seq"
_KEYFRAME = """SELECT w.name, k.n, k.tick_ns, k.is_full, k.sha256, k.state
FROM keyframe k JOIN writer w ON w.writer_key = k.writer_key WHERE w.name = ?"""
_DENSITY = """WITH RECURSIVE part(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM part WHERE i + 1 < ?),
whole(start_ns, wide_ns, end_ns) AS (SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))
SELECT (SELECT count(*) FROM frame f WHERE f.stream_key = ? AND f.t_ns >= start_ns + i * wide_ns
 AND f.t_ns < start_ns + (i + 1) * wide_ns AND f.t_ns < end_ns) FROM part, whole ORDER BY i"""
# Two questions: SQLite reads each end of an index alone, but every row of it for both at once.
_RANGE = """SELECT (SELECT min(n) FROM batch WHERE writer_key = ?), (SELECT max(n) FROM batch WHERE writer_key = ?)"""
_EVENT = "SELECT kind, t_ns, asset, signal, before, after FROM event"


class SqlHistory(AlarmReads):
    """`twin.ports.History` on SQLite or PostgreSQL; any thread may use it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._writer_keys: dict[str, int] = {}

    def streams(self) -> dict[int, Stream]:
        """Every stream by its stream key."""
        rows = self._reader.ask(f"SELECT {_STREAM} FROM stream ORDER BY stream_key")  # noqa: S608  constants only
        return {int(key): decode_stream(*columns) for key, *columns in rows}

    def latest(self) -> dict[str, Latest]:
        """The live values by stream id, as the last commit left them."""
        rows = self._reader.ask("SELECT stream_key, t_ns, seq, received_ns, quality, vals, texts FROM latest")
        return self._latest_of(rows)

    def as_of(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """By device time: for each stream its newest frame with time <= ``t_ns`` (CLOCK_AHEAD left out)."""
        if streams is None:
            return self._latest_of(self._reader.as_of(t_ns, None))
        wanted = set(streams)
        keys = [key for key, stream in self.streams().items() if stream.id in wanted]
        return self._latest_of(self._reader.as_of(t_ns, keys))

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time, ordered by (t_ns, seq); the first ``limit`` of them.

        A stream that is not known gives no frames, of a stream without columns.
        """
        key, found = self._stream(stream)
        return self._frames(key, found, start_ns, end_ns, limit)

    def _frames(self, key: int, found: Stream, start_ns: int, end_ns: int, limit: int | None) -> Frames:
        rows = self._reader.ask(
            f"SELECT f.t_ns, f.seq, f.received_ns, f.quality, f.vals, {'x.texts' if found.text_columns else 'NULL'} "  # noqa: S608
            f"FROM frame f {_TEXT_JOIN if found.text_columns else ''} "
            "WHERE f.stream_key = ? AND f.t_ns >= ? AND f.t_ns < ? ORDER BY f.t_ns, f.seq"
            f"{'' if limit is None else ' LIMIT ?'}",
            (key, start_ns, end_ns, *(() if limit is None else (limit,))),
        )
        return self._frames_of(found, rows)

    def samples(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal; more than ``max_points`` samples become min/max/mean buckets.

        A signal that is not known has no samples.
        """
        key, found = self._stream(stream)
        column = _column(found.columns, signal)
        bounds = None if column is None else self._reader.bounds(key, start_ns, end_ns)
        if column is None or bounds is None:
            return series_of(np.empty(0, np.int64), np.empty(0), max_points)
        buckets = buckets_of(*bounds, max_points)
        place, end_ns = Place(key, column, found.width), bounds[1] + 1
        if buckets.level is None:
            few = self._reader.samples(place, bounds[0], end_ns, max_points + 1)
            if len(few[0]) <= max_points:
                return raw_series(*few)
        parts = list(rolled_parts(self._reader, place, buckets, bounds[0], end_ns))
        if sum(int(part.counts.sum()) for part in parts) <= max_points:
            return raw_series(*self._reader.samples(place, bounds[0], end_ns))
        return series_from(parts, buckets)

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams lie in each of ``buckets`` equal parts of [start, end): int64 (buckets,).

        A count a part on the index by (stream, time): no row is read, nothing is sorted.
        """
        wide_ns = bucket_ns(start_ns, end_ns, buckets)
        counts = np.zeros(buckets, np.int64)
        wanted = set(streams)
        for key, stream in self.streams().items() if wanted and wide_ns else ():
            if stream.id in wanted:
                counts += [n for (n,) in self._reader.ask(_DENSITY, (buckets, start_ns, wide_ns, end_ns, key))]
        return counts

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed, beginning with its value at ``start_ns`` if known.

        That first change is dated ``start_ns``. A signal that is not known has no changes.
        """
        key, found = self._stream(stream)
        column = _column(found.text_columns, signal)
        if column is None or end_ns <= start_ns:
            return []
        rows = self._reader.texts(key, start_ns, end_ns)
        texts = ((t_ns, decode_texts(row)[column]) for t_ns, row in rows)
        before = self._last_text(key, column, start_ns)
        return changes_of(before[1] if before else None, start_ns, texts)

    def _last_text(self, key: int, column: int, t_ns: int) -> tuple[int, str] | None:
        """The last text at or before a time and its own time, looking back past the rows where it is absent."""
        place = (t_ns, np.iinfo(np.int64).max)
        while True:
            rows = self._reader.ask(
                "SELECT t_ns, seq, texts FROM frame_text WHERE stream_key = ? AND (t_ns, seq) <= (?, ?) "  # noqa: S608  constants
                f"ORDER BY t_ns DESC, seq DESC LIMIT {TEXTS_A_LOOK_BACK}",
                (key, place[0], int(place[1])),
            )
            for found_ns, _, row in rows:
                text = decode_texts(row)[column]
                if text is not None:
                    return int(found_ns), text
            if len(rows) < TEXTS_A_LOOK_BACK:
                return None
            place = (rows[-1][0], rows[-1][1] - 1)

    def batches(self, writer: str, first_n: int = 1, last_n: int | None = None) -> Iterator[Batch]:
        """The batches exactly as they were cut, in order, for a re-fold (batches without frames too)."""
        key = self.writer_key(writer)
        end = np.iinfo(np.int64).max if last_n is None else last_n
        while key is not None:
            cuts = self._reader.ask(
                "SELECT n, tick_ns, first_id, last_id, frames FROM batch WHERE writer_key = ? AND n >= ? AND n <= ? "  # noqa: S608  constants
                f"ORDER BY n LIMIT {BATCHES_A_READ}",
                (key, first_n, int(end)),
            )
            if not cuts:
                return
            ahead = itertools.accumulate(last - first + 1 for _, _, first, last, _ in cuts)
            cuts = cuts[: 1 + sum(frames <= FRAMES_A_READ for frames in ahead)]
            streams = self.streams()
            rows = self._cut_rows(cuts[0][2], cuts[-1][3], sum(cut[4] for cut in cuts))
            by_batch = {n: list(group) for n, group in itertools.groupby(rows, key=lambda row: row[6])}
            for n, tick_ns, *_ in cuts:
                parts = [
                    self._frames_of(streams[stream_key], list(group))
                    for stream_key, group in itertools.groupby(by_batch.get(n, ()), key=lambda row: row[7])
                ]
                yield Batch(writer, int(n), int(tick_ns), tuple(parts))
            first_n = int(cuts[-1][0]) + 1

    def _cut_rows(self, first_id: int, last_id: int, expected: int) -> list[Any]:
        """The rows of a range of ids, in order; ``expected`` is how many there should be."""
        del expected
        return self._reader.ask(
            "SELECT f.t_ns, f.seq, f.received_ns, f.quality, f.vals, x.texts, f.batch, f.stream_key, f.id "  # noqa: S608
            f"FROM frame f {_TEXT_JOIN} WHERE f.id >= ? AND f.id <= ? ORDER BY f.id",
            (first_id, last_id),
        )

    def batch_at(self, writer: str, t_ns: int) -> int:
        """The writer's last batch with a tick at or before ``t_ns``, 0 for none; one such where ticks ran back.

        Halves the numbers on the primary key: there is no index by tick, and a commit pays for each.
        """
        key = self.writer_key(writer)
        low, (_, high) = 0, self.batch_range(writer)
        while low < high:
            middle = (low + high + 1) // 2
            rows = self._reader.ask(
                "SELECT n, tick_ns FROM batch WHERE writer_key = ? AND n >= ? ORDER BY n LIMIT 1", (key, middle)
            )
            n, tick_ns = (int(one) for one in rows[0])
            if tick_ns <= t_ns:
                low = n
            else:
                high = middle - 1
        return low

    def skim(self, writer: str, first_n: int, last_n: int) -> Skim | None:
        """What batches left, by the rows that count; None where they are not all in the database, or must be folded."""
        key = self.writer_key(writer)
        return None if key is None else skim_of(self._reader, self.streams(), self._latest_of, key, (first_n, last_n))

    def writers(self) -> tuple[str, ...]:
        """Who has written."""
        return tuple(name for (name,) in self._reader.ask("SELECT name FROM writer ORDER BY writer_key"))

    def keyframes(self, writer: str, first_n: int = 1) -> Iterator[Keyframe]:
        """Keyframes in order of n."""
        while True:
            rows = self._reader.ask(
                f"{_KEYFRAME} AND k.n >= ? ORDER BY k.n LIMIT {KEYFRAMES_A_READ}", (writer, first_n)
            )
            yield from map(_keyframe, rows)
            if len(rows) < KEYFRAMES_A_READ:
                return
            first_n = int(rows[-1][1]) + 1

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The newest keyframe (the newest full one); of those up to batch ``until_n``."""
        until = _LAST_N if until_n is None else until_n
        rows = self._reader.ask(
            f"{_KEYFRAME}{' AND k.is_full' if full else ''} AND k.n <= ? ORDER BY k.n DESC LIMIT 1", (writer, until)
        )
        return _keyframe(rows[0]) if rows else None

    def received(self, by_ns: int) -> SqlReceived:
        """What had been received by a moment."""
        return SqlReceived(self, by_ns)

    def last_id(self, writer: str, n: int) -> int:
        """The id of the last frame up to a writer's batch; before its first one where ``n`` is 0."""
        key = self.writer_key(writer)
        rows = self._reader.ask("SELECT last_id FROM batch WHERE writer_key = ? AND n = ?", (key, n))
        if not rows:
            sql = "SELECT first_id - 1 FROM batch WHERE writer_key = ? ORDER BY n LIMIT 1"
            rows = self._reader.ask(sql, (key,))
        return int(rows[0][0]) if rows else int(np.iinfo(np.int64).max)

    def late(self, stream: str, start_ns: int, end_ns: int, by_ns: int, last_id: int) -> set[tuple[int, int]]:
        """(t_ns, seq) of a stream's frames in [start, end) that came later: their ids are beyond ``last_id``."""
        sql = (
            "SELECT t_ns, seq FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ? AND id > ? AND received_ns > ?"
        )
        rows = self._reader.ask(sql, (self._stream(stream)[0], start_ns, end_ns, last_id, by_ns))
        return {(int(t_ns), int(seq)) for t_ns, seq in rows}

    def text_at(self, stream: str, signal: str, t_ns: int) -> tuple[int, str] | None:
        """The last text of a signal at or before a time, and its own time; None where there is none."""
        key, found = self._stream(stream)
        column = _column(found.text_columns, signal)
        return None if column is None else self._last_text(key, column, t_ns)

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events by their time, newest first; ``asset`` matches an asset or all below a path."""
        return self.events_of(start_ns, end_ns, asset, kinds, limit, EVERY_BATCH)

    def events_of(  # noqa: PLR0913  what is asked
        self, start_ns: int, end_ns: int, asset: str, kinds: Sequence[EventKind], limit: int, cut: Cut
    ) -> list[Event]:
        """The events of some batches."""
        where: list[str] = ["t_ns >= ?", "t_ns < ?", cut.where]
        conditions: list[Any] = [start_ns, end_ns, *cut.values]
        if asset:
            # "0" follows "/": the range holds every path that begins with "asset/".
            where.append("(asset = ? OR (asset >= ? AND asset < ?))")
            conditions += [asset, f"{asset}/", f"{asset}0"]
        if kinds:
            where.append(f"kind IN ({','.join('?' * len(kinds))})")
            conditions += [kind.value for kind in kinds]
        sql = f"{_EVENT} WHERE {' AND '.join(where)} ORDER BY t_ns DESC, id DESC LIMIT ?"
        return [_event(row) for row in self._reader.ask(sql, (*conditions, limit))]

    def batch_checksum(self, writer: str, n: int) -> str:
        """The `twin.checksum` of the batch as its writer recorded it; "" where there is no such batch."""
        rows = self._reader.ask(
            "SELECT checksum FROM batch WHERE writer_key = ? AND n = ?", (self.writer_key(writer), n)
        )
        return str(rows[0][0]) if rows else ""

    def batch_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events that the fold of one batch made, in the fold's order."""
        sql = f"{_EVENT} WHERE writer_key = ? AND batch = ? AND position >= 0 ORDER BY position"
        return tuple(_event(row) for row in self._reader.ask(sql, (self.writer_key(writer), n)))

    def dead_letters(self, *, source: str = "", reason: str = "", limit: int = 100) -> list[StoredDeadLetter]:
        """Dead letters, newest first; of one source, of one reason, or of all."""
        rows = self._reader.ask(
            "SELECT id, source, topic, reason, detail, payload, sha256, first_ns, last_ns, count FROM dead_letter "
            "WHERE (? = '' OR source = ?) AND (? = '' OR reason = ?) ORDER BY last_ns DESC, id DESC LIMIT ?",
            (source, source, reason, reason, limit),
        )
        return [_letter(*row) for row in rows]

    def summary(self) -> StoreSummary:
        """What is in the store, in numbers."""
        frames, values, first_ns, last_ns = self._reader.ask(
            "SELECT coalesce(sum(frames), 0), coalesce(sum(vals), 0), min(first_ns), max(last_ns) FROM stream_count"
        )[0]
        batches, events, keyframes = self._reader.ask(
            "SELECT coalesce(sum(batches), 0), coalesce(sum(events), 0), coalesce(sum(keyframes), 0) FROM writer"
        )[0]
        letters = self._reader.ask("SELECT coalesce(sum(dead_letters), 0) FROM source_count")[0][0]
        streams = self.streams().values()
        return StoreSummary(
            frames=int(frames),
            values=int(values),
            streams=len(streams),
            signals=sum(len(stream.signals) for stream in streams),
            events=int(events),
            dead_letters=int(letters),
            batches=int(batches),
            keyframes=int(keyframes),
            first_ns=first_ns,
            last_ns=last_ns,
            bytes=self._reader.size(),
        )

    def by_stream(self) -> dict[str, StreamCount]:
        """What is stored of each stream."""
        rows = self._reader.ask(
            "SELECT s.id, c.frames, c.vals, c.first_seq, c.last_seq, c.first_ns, c.last_ns, c.late, c.skew_ns "
            "FROM stream_count c JOIN stream s ON s.stream_key = c.stream_key ORDER BY s.stream_key"
        )
        return {stream: StreamCount(*counts) for stream, *counts in rows}

    def newcomers(self) -> list[Newcomer]:
        """Devices that sent without being named in the factory file, or announced themselves, newest first."""
        columns = ", ".join(column.name for column in fields(Newcomer))
        rows = self._reader.ask(f"SELECT {columns} FROM newcomer ORDER BY first_ns DESC, source, asset")  # noqa: S608  constants
        return [Newcomer(*row) for row in rows]

    def findings(self, *, source: str = "", device: str = "") -> list[FindingCount]:
        """Rules that devices broke, by source, device and rule; of one source, or one device, or all."""
        asked = [(name, value) for name, value in (("source", source), ("device", device)) if value]
        where = " AND ".join(f"{name} = ?" for name, _ in asked) or "1 = 1"
        columns = ", ".join(column.name for column in fields(FindingCount))
        rows = self._reader.ask(
            f"SELECT {columns} FROM finding WHERE {where} ORDER BY source, device, rule",  # noqa: S608  constants
            [value for _, value in asked],
        )
        return [replace(found, payload=bytes(found.payload)) for found in (FindingCount(*row) for row in rows)]

    def by_source(self) -> dict[str, dict[str, object]]:
        """Every term of the accounting equations by source."""
        reasons: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for source, kind, reason, count in self._reader.ask(
            "SELECT source, kind, reason, count FROM source_reason WHERE count != 0"
        ):
            reasons[source, kind][reason] = count
        counted = self._reader.ask(
            "SELECT s.source, sum(q.last_seq - q.first_seq + 1), sum(q.missing) FROM sequence_count q "
            "JOIN stream s ON s.stream_key = q.stream_key GROUP BY s.source"
        )
        gaps = {source: (int(expected), int(missing)) for source, expected, missing in counted}
        columns = ", ".join(TERMS)
        rows = self._reader.ask(f"SELECT source, {columns} FROM source_count ORDER BY source")  # noqa: S608  constants
        return {
            source: {
                **dict(zip(TERMS, terms, strict=True)),
                "handled": reasons.get((source, "handled"), {}),
                "rejected": reasons.get((source, "rejected"), {}),
                **gap_terms(*gaps.get(source, (0, 0))),
            }
            for source, *terms in rows
        }

    def gaps(self, *, source: str = "", stream: str = "", limit: int = 100) -> list[Gap]:
        """Frames that a sequenced stream counted and that have not come, newest first."""
        rows = self._reader.ask(
            "SELECT s.id, g.from_seq, g.to_seq, g.batch, g.since_ns FROM gap g JOIN stream s "
            "ON s.stream_key = g.stream_key WHERE (? = '' OR s.source = ?) AND (? = '' OR s.id = ?) "
            "ORDER BY g.since_ns DESC, s.id, g.from_seq DESC LIMIT ?",
            (source, source, stream, stream, limit),
        )
        return [Gap(*row) for row in rows]

    def removals(self) -> list[Removal]:
        """What is in the store no longer, oldest first."""
        rows = self._reader.ask(
            "SELECT kind, writer, from_n, to_n, from_ns, to_ns, row_count, why, at_ns FROM removal ORDER BY id"
        )
        return [Removal(*row) for row in rows]

    def batch_range(self, writer: str) -> tuple[int, int]:
        """The writer's first and last batch that is there; (1, 0) where there is none."""
        rows = self._reader.ask(_RANGE, (self.writer_key(writer),) * 2)
        return (int(rows[0][0]), int(rows[0][1])) if rows[0][0] is not None else (1, 0)

    def noted(self, key: str) -> str:
        """What was noted of the store itself under a word; "" where nothing was."""
        rows = self._reader.ask("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else ""

    def ask(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives, ``?`` for parameters; for those who look after the store itself."""
        return self._reader.ask(sql, values)

    def decode(self, column: Sequence[Any], width: int) -> NDArray[np.float64]:
        """What the column `vals` gave → float64 (n, width)."""
        return self._reader.decode(column, width)

    def close(self) -> None:
        """Release the database."""
        self._reader.close()

    def writer_key(self, writer: str) -> int | None:
        if writer not in self._writer_keys:  # a key is for good
            rows = self._reader.ask("SELECT writer_key FROM writer WHERE name = ?", (writer,))
            if not rows:
                return None
            self._writer_keys[writer] = int(rows[0][0])
        return self._writer_keys[writer]

    def _stream(self, stream: str) -> tuple[int, Stream]:
        rows = self._reader.ask(f"SELECT {_STREAM} FROM stream WHERE id = ?", (stream,))  # noqa: S608  constants only
        if not rows:
            return 0, Stream(stream)
        key, *columns = rows[0]
        return int(key), decode_stream(*columns)

    def _frames_of(self, stream: Stream, rows: Sequence[Any]) -> Frames:
        """Rows that begin with (t_ns, seq, received_ns, quality, vals, texts) as frames."""
        return Frames(
            stream,
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.int64),
            self._reader.decode([row[4] for row in rows], stream.width),
            np.array([row[3] for row in rows], np.int16),
            tuple(decode_texts(row[5]) for row in rows) if stream.text_columns else (),
        )

    def _latest_of(self, rows: Sequence[Any]) -> dict[str, Latest]:
        """Rows of (stream_key, t_ns, seq, received_ns, quality, vals, texts) by stream id."""
        streams = self.streams()
        by_width: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            by_width[streams[row[0]].width].append(row)
        found: dict[str, Latest] = {}
        for width, group in by_width.items():
            values = self._reader.decode([row[5] for row in group], width)
            for (key, t_ns, seq, received_ns, quality, _, text), row_values in zip(group, values, strict=True):
                texts = decode_texts(text) if text is not None else ()
                found[streams[key].id] = Latest(streams[key], t_ns, seq, received_ns, quality, row_values, texts)
        return found


def gap_terms(expected: int, missing: int) -> dict[str, int]:
    """The terms of sequenced streams in `History.by_source`."""
    return {"expected": expected, "distinct": expected - missing, "gap": missing}


def _column(signals: Sequence[Any], name: str) -> int | None:
    return next((index for index, signal in enumerate(signals) if signal.name == name), None)


def _keyframe(row: Any) -> Keyframe:
    writer, n, tick_ns, full, sha256, state = row
    return Keyframe(writer, n, tick_ns, bool(full), sha256, bytes(state))


def _letter(*row: Any) -> StoredDeadLetter:
    return StoredDeadLetter(*row)


def _event(row: Any) -> Event:
    kind, *rest = row
    return Event(EventKind(kind), *rest)
