"""The store that forgets: both ports in one object, for tests, what-ifs and demonstrations."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from copy import deepcopy
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np

from connectors.stores import _tally
from connectors.stores._codec import (
    PAYLOAD_CAP,
    canonical,
    clean_letter,
    conflict_letter,
    same_columns,
    same_rows,
)
from connectors.stores._history import gap_terms
from connectors.stores._memory_alarms import MemoryAlarms
from connectors.stores._memory_kept import Kept, Place
from connectors.stores._met import Met
from connectors.stores._rows import picked, without_negative_zeros
from connectors.stores._series import bucket_ns, changes_of, series_of
from twin.checksum import checksum
from twin.errors import StoreRejected
from twin.gaps import SequenceCount, by_epoch
from twin.ports import (
    Commit,
    FindingCount,
    Folded,
    Gap,
    Keyframe,
    Newcomer,
    Outcome,
    Removal,
    Series,
    StoredDeadLetter,
    StoreSummary,
    StreamCount,
)
from twin.punctuality import see_batch
from twin.sample import Batch, Frames, Latest, Quality, Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from twin.events import Event, EventKind
    from twin.message import DeadLetter
    from twin.ports import SourceCount


class MemoryStore(MemoryAlarms):
    """`twin.ports.Store` and `twin.ports.History` in memory (mutable; a lock makes readers wait for a commit)."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = RLock()
        self._kept: dict[str, Kept] = {}
        self._batches: dict[str, dict[int, Batch]] = {}
        self._latest: dict[str, Latest] = {}
        self._met = Met()
        self._events: list[tuple[str, int, bool, Event]] = []
        self._keyframes: dict[str, list[Keyframe]] = {}
        self._checksums: dict[tuple[str, int], str] = {}
        self._decoder_states: dict[str, bytes] = {}
        self._letters: dict[tuple[str, str, str], StoredDeadLetter] = {}
        self._last_letter = 0
        self._sequences: dict[tuple[str, int], SequenceCount] = {}
        self._sources: dict[str, dict[str, object]] = {}

    def append(self, commit: Commit, fold: Callable[[Batch], Folded]) -> Outcome:
        """Store a commit: see `twin.ports.Store.append`."""
        batch = without_negative_zeros(commit.batch)
        with self._lock:
            if batch.n in self._batches.get(batch.writer, {}):
                raise StoreRejected(f"batch {batch.n} of {batch.writer!r} is stored already")
            for part in batch.frames:
                kept = self._kept.get(part.stream.id)
                if kept is not None and not same_columns(kept.stream, part.stream):
                    raise StoreRejected(f"stream {part.stream.id!r} is stored with other columns: it needs a new id")
            mask, duplicates, letters = self._compare(batch)
            stored = batch if mask.all() else picked(batch, mask)
            folded = fold(stored)
            self._write(commit, stored, folded)
            self._see(stored)
            for source, count in duplicates.items():
                _add(self._source(source), "duplicate", count)
            for letter in letters:
                _add(self._source(letter.source), "key_conflict", 1)
            self._remove_letters(commit.redriven)
            for letter in (*letters, *commit.dead_letters):
                self._keep_letter(letter)
        return Outcome(len(stored), sum(duplicates.values()), len(letters))

    def _compare(
        self, batch: Batch
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], dict[str, int], list[DeadLetter]]:
        """Which frames are new; how many are there already, by source; the letters of those that differ."""
        mask = np.ones(len(batch), np.bool_)
        duplicates: dict[str, int] = {}
        letters: list[DeadLetter] = []
        index = 0
        for part in batch.frames:
            kept = self._kept.get(part.stream.id)
            fresh: dict[Place, Frames] = {}
            for row, place in enumerate(zip(part.t_ns.tolist(), part.seq.tolist(), strict=True)):
                there = (kept.frames.get(place) if kept else None) or fresh.get(place)
                mask[index] = there is None
                index += 1
                if there is None:
                    fresh[place] = part.take(np.array([row]))
                elif (
                    same_rows(there.values, part.values[row : row + 1])[0] and there.texts == part.texts[row : row + 1]
                ):
                    duplicates[part.stream.source] = duplicates.get(part.stream.source, 0) + 1
                else:
                    letters.append(conflict_letter(part, row, there.values[0], there.texts[0] if there.texts else ()))
        return mask, duplicates, letters

    def _write(self, commit: Commit, stored: Batch, folded: Folded) -> None:
        for part in commit.batch.frames:
            kept = self._kept.setdefault(part.stream.id, Kept(len(self._kept) + 1, part.stream))
            kept.stream = part.stream
        see_batch(stored, [self._kept[part.stream.id].clock for part in stored.frames])
        self._met.take(commit.newcomers, commit.findings)
        for part in stored.frames:
            kept = self._kept[part.stream.id]
            for row, place in enumerate(zip(part.t_ns.tolist(), part.seq.tolist(), strict=True)):
                kept.frames[place] = part.take(np.array([row]))
            _add(self._source(part.stream.source), "stored", len(part))
        self._batches.setdefault(stored.writer, {})[stored.n] = stored
        self._checksums[stored.writer, stored.n] = checksum(stored)
        for latest in folded.latest:
            self._kept.setdefault(latest.stream.id, Kept(len(self._kept) + 1, latest.stream))
            self._latest[latest.stream.id] = replace(latest, values=canonical(latest.values))
        self._events += [(stored.writer, stored.n, False, event) for event in commit.events]
        self._events += [(stored.writer, stored.n, True, event) for event in folded.events]
        self._keep_alarms(stored.writer, stored.n, folded.alarms, commit.events)
        if folded.keyframe is not None:
            self._keyframes.setdefault(folded.keyframe.writer, []).append(folded.keyframe)
        self._decoder_states.update(commit.decoder_states)
        for count in commit.counts:
            self._count(count)

    def _source(self, source: str) -> dict[str, object]:
        return self._sources.setdefault(
            source,
            {
                "received": 0,
                "decoded": 0,
                "handled": {},
                "rejected": {},
                "decoded_frames": 0,
                "stored": 0,
                "duplicate": 0,
                "key_conflict": 0,
                "redriven": 0,
                "dead_letters": 0,
                "last_received_ns": 0,
            },
        )

    def _count(self, count: SourceCount) -> None:
        terms = self._source(count.source)
        for name in ("received", "decoded", "decoded_frames", "redriven"):
            _add(terms, name, getattr(count, name))
        for name in ("handled", "rejected"):
            reasons = terms[name]
            assert isinstance(reasons, dict)  # noqa: S101  for the type checker
            for reason, number in getattr(count, name).items():
                _add(reasons, reason, number)
                if not reasons[reason]:
                    del reasons[reason]
        terms["last_received_ns"] = max(_int(terms["last_received_ns"]), count.last_received_ns)

    def _keep_letter(self, raw: DeadLetter) -> None:
        letter = clean_letter(raw)
        _add(self._source(letter.source), "dead_letters", 1)
        key = (letter.source, letter.reason, _tally.same_letter(letter))
        kept = self._letters.get(key)
        if kept is not None:
            last_ns = max(kept.last_ns, letter.received_ns)
            self._letters[key] = replace(kept, count=kept.count + 1, last_ns=last_ns)
        elif sum(source == letter.source for source, _, _ in self._letters) < _tally.LETTERS_PER_SOURCE:
            self._last_letter += 1
            self._letters[key] = StoredDeadLetter(
                id=self._last_letter,
                source=letter.source,
                topic=letter.topic,
                reason=letter.reason,
                detail=letter.detail,
                payload=letter.payload[:PAYLOAD_CAP],
                sha256=hashlib.sha256(letter.payload).hexdigest(),
                first_ns=letter.received_ns,
                last_ns=letter.received_ns,
                count=1,
            )

    def _remove_letters(self, ids: Iterable[int]) -> None:
        gone = set(ids)
        for key, letter in list(self._letters.items()):
            if letter.id in gone:
                del self._letters[key]
                _add(self._source(letter.source), "dead_letters", -letter.count)

    def next_batch(self, writer: str) -> int:
        """The number the writer's next batch gets: one past its last, from 1."""
        with self._lock:
            return max(self._batches.get(writer, ()), default=0) + 1

    def stream_keys(self) -> dict[str, int]:
        """The stream key of every stream by its id."""
        return {stream: kept.key for stream, kept in self._kept.items()}

    def decoder_states(self) -> dict[str, bytes]:
        """What the decoders of each source saved last."""
        with self._lock:
            return dict(self._decoder_states)

    def removals(self) -> list[Removal]:
        """Nothing: a memory keeps all or is gone."""
        return []

    def close(self) -> None:
        """Nothing is held: what is stored stays as long as the object."""

    def streams(self) -> dict[int, Stream]:
        """Every stream by its stream key."""
        with self._lock:
            return {kept.key: kept.stream for kept in self._kept.values()}

    def latest(self) -> dict[str, Latest]:
        """The live values by stream id, as the last commit left them."""
        with self._lock:
            return dict(self._latest)

    def as_of(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """By device time: for each stream its newest frame with time <= ``t_ns`` (CLOCK_AHEAD left out)."""
        found: dict[str, Latest] = {}
        with self._lock:
            for stream in self._kept if streams is None else streams:
                kept = self._kept.get(stream)
                rows = kept.until(t_ns) if kept else iter(())
                row = next((row for row in rows if row.quality[0] != Quality.CLOCK_AHEAD), None)
                if row is not None and kept is not None:
                    found[stream] = Latest(
                        kept.stream,
                        int(row.t_ns[0]),
                        int(row.seq[0]),
                        int(row.received_ns[0]),
                        int(row.quality[0]),
                        row.values[0],
                        row.texts[0] if row.texts else (),
                    )
        return found

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream by device time, ordered by (t_ns, seq); the first ``limit`` of them."""
        with self._lock:
            kept = self._kept.get(stream) or Kept(0, Stream(stream))
            return kept.gathered(kept.between(start_ns, end_ns)[:limit])

    def samples(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal; more than ``max_points`` samples become min/max/mean buckets."""
        frames = self.frames(stream, start_ns, end_ns)
        names = [column.name for column in frames.stream.columns]
        if signal not in names:
            return series_of(np.empty(0, np.int64), np.empty(0), max_points)
        return series_of(frames.t_ns, frames.values[:, names.index(signal)], max_points)

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams lie in each of ``buckets`` equal parts of [start, end): int64 (buckets,)."""
        wide_ns = bucket_ns(start_ns, end_ns, buckets)
        counts = np.zeros(buckets, np.int64)
        with self._lock:
            for kept in (self._kept[stream] for stream in set(streams) & self._kept.keys()):
                for t_ns, _ in kept.between(start_ns, end_ns):
                    counts[(t_ns - start_ns) // wide_ns] += 1
        return counts

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed, beginning with its value at ``start_ns`` if known."""
        with self._lock:
            kept = self._kept.get(stream) or Kept(0, Stream(stream))
            names = [column.name for column in kept.stream.text_columns]
            if signal not in names or end_ns <= start_ns:
                return []
            column = names.index(signal)
            known = (row.texts[0][column] for row in kept.until(start_ns))
            before = next((text for text in known if text is not None), None)
            rows = [(t_ns, kept.frames[t_ns, seq].texts[0][column]) for t_ns, seq in kept.between(start_ns + 1, end_ns)]
        return changes_of(before, start_ns, rows)

    def batches(self, writer: str, first_n: int = 1, last_n: int | None = None) -> Iterator[Batch]:
        """The batches exactly as they were cut, in order, for a re-fold (batches without frames too)."""
        with self._lock:
            cuts = sorted(self._batches.get(writer, {}).items())
        end = len(cuts) if last_n is None else bisect_right([n for n, _ in cuts], last_n)
        yield from (batch for n, batch in cuts[:end] if n >= first_n)

    def batch_at(self, writer: str, t_ns: int) -> int:
        """The writer's last batch with a tick at or before ``t_ns``, 0 for none."""
        with self._lock:
            return max((n for n, one in self._batches.get(writer, {}).items() if one.tick_ns <= t_ns), default=0)

    def skim(self, writer: str, first_n: int, last_n: int) -> None:
        """None: the batches are at hand."""

    def writers(self) -> tuple[str, ...]:
        """Who has written."""
        with self._lock:
            return tuple(self._batches)

    def keyframes(self, writer: str, first_n: int = 1) -> Iterator[Keyframe]:
        """Keyframes in order of n."""
        with self._lock:
            kept = sorted(self._keyframes.get(writer, ()), key=lambda keyframe: keyframe.n)
        yield from (keyframe for keyframe in kept if keyframe.n >= first_n)

    def last_keyframe(self, writer: str, *, full: bool = False, until_n: int | None = None) -> Keyframe | None:
        """The newest keyframe (the newest full one); of those up to batch ``until_n``."""
        kept = self.keyframes(writer)
        wanted = [one for one in kept if (one.full or not full) and (until_n is None or one.n <= until_n)]
        return wanted[-1] if wanted else None

    def received(self, by_ns: int) -> MemoryStore:
        """A store with no more in it than had been received by then."""
        found = MemoryStore()
        with self._lock:
            found._kept = {name: one.received(by_ns) for name, one in self._kept.items()}
            found._events = [row for row in self._events if row[1] <= self.batch_at(row[0], by_ns)]
            folded = [(place, one) for place, one in self._folded.items() if place[1] <= self.batch_at(place[0], by_ns)]
            found._journal = tuple(event for _, one in folded for event in one.events)
        return found

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events by their time, newest first; ``asset`` matches an asset or all below a path."""
        with self._lock:
            found = [
                (event.t_ns, index, event)
                for index, (_, _, _, event) in enumerate(self._events)
                if start_ns <= event.t_ns < end_ns
                and (not asset or event.asset == asset or event.asset.startswith(f"{asset}/"))
                and (not kinds or event.kind in kinds)
            ]
        return [event for _, _, event in sorted(found, key=lambda row: row[:2], reverse=True)[:limit]]

    def batch_checksum(self, writer: str, n: int) -> str:
        """The `twin.checksum` of the batch as its writer recorded it; "" where there is no such batch."""
        with self._lock:
            return self._checksums.get((writer, n), "")

    def batch_events(self, writer: str, n: int) -> tuple[Event, ...]:
        """The events that the fold of one batch made, in the fold's order."""
        with self._lock:
            return tuple(event for by, at, folded, event in self._events if folded and (by, at) == (writer, n))

    def dead_letters(self, *, source: str = "", reason: str = "", limit: int = 100) -> list[StoredDeadLetter]:
        """Dead letters, newest first; of one source, of one reason, or of all."""
        with self._lock:
            kept = [
                letter
                for letter in self._letters.values()
                if source in ("", letter.source) and reason in ("", letter.reason)
            ]
        return sorted(kept, key=lambda letter: (letter.last_ns, letter.id), reverse=True)[:limit]

    def summary(self) -> StoreSummary:
        """What is in the store, in numbers; ``bytes`` are those of times and values."""
        with self._lock:
            counts = self.by_stream().values()
            return StoreSummary(
                frames=sum(count.frames for count in counts),
                values=sum(count.values for count in counts),
                streams=len(self._kept),
                signals=sum(len(kept.stream.signals) for kept in self._kept.values()),
                events=len(self._events),
                dead_letters=sum(_int(terms["dead_letters"]) for terms in self._sources.values()),
                batches=sum(map(len, self._batches.values())),
                keyframes=sum(map(len, self._keyframes.values())),
                first_ns=min((count.first_ns for count in counts), default=None),
                last_ns=max((count.last_ns for count in counts), default=None),
                bytes=sum(8 * (3 * count.frames + count.values) for count in counts),
            )

    def by_stream(self) -> dict[str, StreamCount]:
        """What is stored of each stream."""
        with self._lock:
            return {
                stream: StreamCount(
                    frames=len(kept.frames),
                    values=sum(row.value_count() for row in kept.frames.values()),
                    first_seq=min(seq for _, seq in kept.frames),
                    last_seq=max(seq for _, seq in kept.frames),
                    first_ns=kept.places[0][0],
                    last_ns=kept.places[-1][0],
                    late=kept.clock.late,
                    skew_ns=kept.clock.skew_ns,
                )
                for stream, kept in self._kept.items()
                if kept.frames
            }

    def newcomers(self) -> list[Newcomer]:
        """Devices that sent without being named in the factory file, or announced themselves, newest first."""
        with self._lock:
            return self._met.newcomers()

    def findings(self, *, source: str = "", device: str = "") -> list[FindingCount]:
        """Rules that devices broke, by source, device and rule; of one source, or one device, or all."""
        with self._lock:
            return self._met.findings(source, device)

    def by_source(self) -> dict[str, dict[str, object]]:
        """Every term of the accounting equations by source."""
        with self._lock:
            found = deepcopy(dict(sorted(self._sources.items())))
            totals = {source: [0, 0] for source in found}
            for (stream, _), count in self._sequences.items():
                total = totals[self._kept[stream].stream.source]
                total[0] += count.expected
                total[1] += count.missing
            return {source: {**terms, **gap_terms(*totals[source])} for source, terms in found.items()}

    def gaps(self, *, source: str = "", stream: str = "", limit: int = 100) -> list[Gap]:
        """Frames that a sequenced stream counted and that have not come, newest first."""
        with self._lock:
            found = [
                Gap(id_, gap.from_seq, gap.to_seq, gap.batch, gap.since_ns)
                for (id_, _), count in self._sequences.items()
                for gap in count.gaps
                if stream in ("", id_) and source in ("", self._kept[id_].stream.source)
            ]
        return sorted(found, key=lambda gap: (-gap.since_ns, gap.stream, -gap.from_seq))[:limit]

    def _see(self, batch: Batch) -> None:
        for part in batch.frames:
            for epoch, seqs in by_epoch(part.seq) if part.stream.sequenced else ():
                first = int(seqs[0])
                count = self._sequences.setdefault((part.stream.id, epoch), SequenceCount(first, first))
                count.see(seqs, batch.n, batch.tick_ns)


def _same(there: Frames, part: Frames, row: int) -> bool:
    return bool(same_rows(there.values, part.values[row : row + 1])[0]) and there.texts == part.texts[row : row + 1]


def _int(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101  for the type checker
    return value


def _add(terms: dict[str, object], name: str, number: int) -> None:
    terms[name] = _int(terms.get(name, 0)) + number
