"""Reading what matters of a stream, stretch by stretch; stretches that are over are kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.kpi import Kept, joined, kept_of, thinned
from twin.sample import Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.kpi.tellings import Wanted
    from twin.ports import History, StreamCount
    from twin.sample import Latest

CHUNK_NS = 900 * NS_PER_S
"""A stretch begins on a whole quarter of an hour."""
CHUNKS_KEPT = 8000

Stamp = tuple[int, int]
"""(late frames, first time) of a stream: as long as they stay, nothing came into the time that is over."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A stretch that is not over: what was told in [start, until), as long as the stamp stays."""

    start_ns: int
    stamp: Stamp
    until_ns: int
    kept: Kept


class Reading:
    """What streams told, as `Kept`. Mutable: it keeps stretches; any thread may ask.

    A stretch is kept once its stream has newer frames. From then on a frame can only come into it late, and
    late frames are counted (`StreamCount.late`): where that count has changed, the stretch is read again.
    The newest stretch of a stream is kept as far as that holds, and read on from there.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[Wanted, threading.Lock] = {}
        self._kept: OrderedDict[tuple[Wanted, int], tuple[Stamp, Kept]] = OrderedDict()
        self._newest: dict[Wanted, _Begun] = {}

    def kept(self, history: History, wanted: Wanted, count: StreamCount | None, start_ns: int, end_ns: int) -> Kept:
        """What a stream told in [start, end); ``count`` is of that stream, as `History.by_stream` has it."""
        parts = []
        at = start_ns
        if count is not None:  # where there is nothing, nothing is asked for
            at = min(max(at, count.first_ns - count.first_ns % CHUNK_NS), end_ns)
            end_ns = max(at, min(end_ns, count.last_ns + 1))
        with self._lock:
            reading = self._busy.setdefault(wanted, threading.Lock())
        with reading:  # who asks for the same stream meanwhile finds what was read, and does not read it too
            while at < end_ns:
                chunk_ns = at - at % CHUNK_NS
                until = min(chunk_ns + CHUNK_NS, end_ns)
                parts.append(self._part(history, wanted, count, at, until))
                at = until
        return joined(parts, wanted.stale_ns) if parts else nothing_of(wanted)

    def _part(self, history: History, wanted: Wanted, count: StreamCount | None, start_ns: int, end_ns: int) -> Kept:
        if count is None or start_ns % CHUNK_NS:
            return _read(history, wanted, start_ns, end_ns)
        stamp = (count.late, count.first_ns)
        if end_ns > count.last_ns or end_ns - start_ns < CHUNK_NS:
            return self._read_on(history, wanted, stamp, start_ns, end_ns)
        with self._lock:
            found = self._kept.get((wanted, start_ns))
            if found is not None and found[0] == stamp:
                self._kept.move_to_end((wanted, start_ns))
                return found[1]
        kept = self._read_on(history, wanted, stamp, start_ns, end_ns)
        with self._lock:
            self._kept[wanted, start_ns] = (stamp, kept)
            while len(self._kept) > CHUNKS_KEPT:
                self._kept.popitem(last=False)
        return kept

    def _read_on(self, history: History, wanted: Wanted, stamp: Stamp, start_ns: int, end_ns: int) -> Kept:
        """A stretch from its begin, as far as it is not known already; whoever calls holds the stream's lock."""
        begun = self._newest.get(wanted)
        if begun is not None and (begun.start_ns > start_ns or begun.until_ns > end_ns):
            return _read(history, wanted, start_ns, end_ns)  # somebody asks for an earlier moment
        if begun is None or (begun.start_ns, begun.stamp) != (start_ns, stamp):
            begun = _Begun(start_ns, stamp, start_ns, nothing_of(wanted))
        frames = history.frames(wanted.stream, begun.until_ns, end_ns)
        frames = frames.take(frames.quality != Quality.CLOCK_AHEAD)
        # What comes from now on is as new as the newest frame, or late, and counted.
        until_ns = int(frames.t_ns[-1]) if len(frames) else begun.until_ns
        sure = int(np.searchsorted(frames.t_ns, until_ns))
        known, rest = (
            kept_of(some, wanted.columns, wanted.texts, wanted.stale_ns)
            for some in (frames.take(np.arange(sure)), frames.take(np.arange(sure, len(frames))))
        )
        known = thinned(joined([begun.kept, known], wanted.stale_ns))
        self._newest[wanted] = _Begun(start_ns, stamp, until_ns, known)
        return joined([known, rest], wanted.stale_ns)

    def before(
        self, history: History, wanted: Iterable[Wanted], t_ns: int, latest: Mapping[str, Latest | None]
    ) -> dict[Wanted, Kept]:
        """What each stream told last before ``t_ns``: one frame, or none; ``latest`` are those frames."""
        return {one: _last(history, one, latest.get(one.stream), t_ns) for one in wanted}


def nothing_of(wanted: Wanted) -> Kept:
    """What a stream told where it told nothing."""
    none, no = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    return Kept(none, none, np.zeros((0, len(wanted.columns))), (), no, no)


def _read(history: History, wanted: Wanted, start_ns: int, end_ns: int) -> Kept:
    return kept_of(history.frames(wanted.stream, start_ns, end_ns), wanted.columns, wanted.texts, wanted.stale_ns)


def _last(history: History, wanted: Wanted, latest: Latest | None, t_ns: int) -> Kept:
    """The newest frame as `Kept`, its absent words filled with what was told before."""
    if latest is None:
        return nothing_of(wanted)
    frame = Frames(
        latest.stream, np.array([latest.t_ns], np.int64), np.array([latest.seq], np.int64),
        np.array([latest.received_ns], np.int64), latest.values.reshape(1, -1), np.array([latest.quality], np.int16),
        (tuple(latest.texts),) if latest.texts else (),
    )  # fmt: skip
    kept = kept_of(frame, wanted.columns, wanted.texts, wanted.stale_ns)
    if len(kept) and wanted.texts and any(word is None for word in kept.words[0]):
        names = [latest.stream.text_columns[i].name for i in wanted.texts]
        told = [history.text_changes(wanted.stream, name, t_ns - 1, t_ns) for name in names]
        words = tuple(
            (said[0][1] if said else None) if word is None else word
            for word, said in zip(kept.words[0], told, strict=True)
        )
        return Kept(kept.t_ns, kept.seq, kept.counts, (words,), kept.heard, kept.silent)
    return kept
