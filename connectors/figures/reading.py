"""Reading what matters of a stream, stretch by stretch; stretches that are over are kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.kpi import Kept, joined, kept_of
from twin.sample import Frames

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


class Reading:
    """What streams told, as `Kept`. Mutable: it keeps stretches; any thread may ask.

    A stretch is kept once its stream has newer frames. From then on a frame can only come into it late, and
    late frames are counted (`StreamCount.late`): where that count has changed, the stretch is read again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: dict[Wanted, threading.Lock] = {}
        self._kept: OrderedDict[tuple[Wanted, int], tuple[Stamp, Kept]] = OrderedDict()

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
        over = count is not None and end_ns <= count.last_ns and end_ns - start_ns == CHUNK_NS
        if count is None or not over:
            return _read(history, wanted, start_ns, end_ns)
        stamp = (count.late, count.first_ns)
        with self._lock:
            found = self._kept.get((wanted, start_ns))
            if found is not None and found[0] == stamp:
                self._kept.move_to_end((wanted, start_ns))
                return found[1]
        kept = _read(history, wanted, start_ns, end_ns)
        with self._lock:
            self._kept[wanted, start_ns] = (stamp, kept)
            while len(self._kept) > CHUNKS_KEPT:
                self._kept.popitem(last=False)
        return kept

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
