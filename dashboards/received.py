"""The other time base of a replay: by receipt, what the hub knew at a moment, in the order in which it came in.

By device time (the base of decision 6) a page at T shows what was measured by T, whenever it came. By receipt it shows
what had come in by T: late data are late again, and the newest value is the one that the operator saw. The state comes
from the mirror at that instant (`twin.instant`), so it is the one whose hash was recorded.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import OrderedDict
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from fastapi import Query

from connectors.packet import CHANGES, FULL, encode_chunk, encode_packet
from dashboards.access import scope
from dashboards.errors import AskedWrongly
from dashboards.summary.directory import belongs
from dashboards.summary.packets import latest_of
from dashboards.view import PastView
from twin.clock import NS_PER_S
from twin.errors import RecordingError
from twin.instant import mirror_at
from twin.ports import Series
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dashboards.page import Behind
    from twin.mirror import Mirror
    from twin.ports import History
    from twin.sample import Latest, Stream

INSTANTS_KEPT = 12
END_NS = 1 << 62
RAW_FRAMES = 200_000
"""A trend over more frames is drawn from roll-ups, but for those parts of it of which something came later."""
PARTS = 64
WIDE_NS = 2 * NS_PER_S
"""From such steps on frames are laid out by their receive times, not folded batch by batch: a batch is shorter."""
SLACK_NS = 60 * NS_PER_S
"""A device's clock may run so far ahead or have been set back: by device time frames are read so much wider."""

_by_receipt: ContextVar[bool] = ContextVar("factory_twin_by_receipt", default=False)


def is_by_receipt() -> bool:
    """Whether the call that is being answered asked for the base ``receive``."""
    return _by_receipt.get()


async def take_base(
    base: Annotated[Literal["device", "receive"], Query(description="by device time, or as it came in")] = "device",
) -> None:
    """For a router's ``dependencies``: calls below it may be asked with ``base=receive``."""
    _by_receipt.set(base == "receive")


class Instants:
    """The state by receipt at some moments: each found once. Mutable and bounded; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, dict[str, Latest]] = OrderedDict()

    def at(self, history: History, t_ns: int) -> dict[str, Latest]:
        """The newest frame of each stream, as the mirrors had it; raises AskedWrongly where that is kept no longer."""
        with self._lock:
            if t_ns in self._kept:
                self._kept.move_to_end(t_ns)
                return self._kept[t_ns]
        found: dict[str, Latest] = {}
        is_over = True
        for writer, mirror in _mirrors(history, t_ns).items():
            found |= mirror.latest
            # Until a later batch is there, one that belongs to the moment may still be written.
            is_over = is_over and history.batch_at(writer, END_NS) > mirror.n
        if not is_over:
            return found
        with self._lock:
            self._kept[t_ns] = found
            while len(self._kept) > INSTANTS_KEPT:
                self._kept.popitem(last=False)
        return found


class ReceivedView(PastView):
    """The factory as of a moment of the past, by receipt.

    Frames, states over time (lanes), density, events and alarms stand at the times that they tell, and only those are
    there that had come in: the lane of a late stretch appears when it came.
    """

    def __init__(self, history: History, whole: History, instants: Instants, t_ns: int) -> None:
        super().__init__(history, t_ns)
        self._told = history.received(t_ns)
        self._whole = whole
        self._instants = instants
        self._names = frozenset(one.id for one in self.streams().values())

    def latest(self) -> Mapping[str, Latest]:
        """The newest frame of each stream that had come in by then."""
        return self.at(self.clock_ns)

    def at(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """The newest frames at an earlier moment, by receipt."""
        wanted = self._names if streams is None else self._names & set(streams)
        found = self._instants.at(self._whole, min(t_ns, self.clock_ns))
        return {name: found[name] for name in wanted if name in found}

    def trend(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal, of what had come in; of very many frames roll-ups where nothing came later."""
        one = next((each for each in self.streams().values() if each.id == stream), None)
        end_ns = self._end(end_ns)
        if one is None or end_ns <= start_ns:
            return super().trend(stream, signal, start_ns, end_ns, max_points)
        if (end_ns - start_ns) / NS_PER_S / (one.period_s or 1.0) <= RAW_FRAMES:
            return self._read(one, signal, start_ns, end_ns, max_points)
        spans = self._spans(one, start_ns, end_ns)
        if not any(is_late for _, _, is_late in spans):
            return super().trend(stream, signal, start_ns, end_ns, max_points)
        return _joined([self._span(one, signal, span, max_points // PARTS + 1) for span in spans])

    def _spans(self, stream: Stream, start_ns: int, end_ns: int) -> list[tuple[int, int, bool]]:
        """(start, end, whether something of it came later) of a long time, some `PARTS` of it."""
        wide_ns = -(-(end_ns - start_ns) // PARTS)
        all_of_it, told = (one.density([stream.id], start_ns, end_ns, PARTS) for one in (self._history, self._told))
        late = (all_of_it != told).tolist()
        starts = [start_ns + i * wide_ns for i in range(PARTS)]
        return [(at, min(at + wide_ns, end_ns), one) for at, one in zip(starts, late, strict=True) if at < end_ns]

    def _span(self, stream: Stream, signal: str, span: tuple[int, int, bool], max_points: int) -> Series:
        start_ns, end_ns, is_late = span
        if not is_late:
            return super().trend(stream.id, signal, start_ns, end_ns, max_points)
        few = self._history.density([stream.id], start_ns, end_ns, 1)[0] <= RAW_FRAMES
        return self._read(stream, signal, start_ns, end_ns if few else start_ns, max_points)

    def _read(self, stream: Stream, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """Of the frames themselves."""
        frames = self.frames(stream.id, start_ns, end_ns)
        column = next((i for i, each in enumerate(stream.columns) if each.name == signal), None)
        values = np.full(len(frames), np.nan) if column is None else frames.values[:, column]
        known = np.isfinite(values)
        return _drawn(frames.t_ns[known], values[known], start_ns, end_ns, max_points)

    def age_s(self, latest: Latest) -> float:
        """Since it was received, as it was live."""
        return (self.clock_ns - latest.received_ns) / NS_PER_S


def received_chunk(behind: Behind, site: str, start_ns: int, end_ns: int, rate_hz: float) -> bytes:
    """The state by receipt at ``start_ns``, then every 1/``rate_hz`` s the streams that had changed, to ``end_ns``."""
    history = behind.reader.whole()
    streams = history.streams()
    sites = scope.reach()
    seen = streams if sites is None else scope.streams_of(streams, sites)
    keys = {one.id: key for key, one in seen.items() if belongs(one.asset, site)}
    step_ns = round(NS_PER_S / rate_hz)
    ticks = np.arange(start_ns + step_ns, end_ns + 1, step_ns, dtype=np.int64).tolist()
    mirrors = _mirrors(history, start_ns)
    opening = {name: one for mirror in mirrors.values() for name, one in mirror.latest.items() if name in keys}
    packets = [encode_packet(FULL, start_ns, [(keys[name], one) for name, one in opening.items()])]
    waiting: list[dict[str, Latest]] = [{} for _ in ticks]
    if ticks and step_ns >= WIDE_NS:
        for stream in (seen[key] for key in keys.values()):
            _strewn(history, stream, opening.get(stream.id), ticks, waiting)
    elif ticks:
        for writer, mirror in mirrors.items():
            for place, changed in _folded(history, writer, mirror, ticks):
                waiting[place] |= {one.stream.id: one for one in changed if one.stream.id in keys}
    packets += [
        encode_packet(CHANGES, t_ns, [(keys[name], one) for name, one in changed.items()])
        for t_ns, changed in zip(ticks, waiting, strict=True)
    ]
    return encode_chunk(packets)


def _folded(history: History, writer: str, mirror: Mirror, ticks: list[int]) -> Iterator[tuple[int, Iterable[Latest]]]:
    """(place among the ticks, what changed) batch by batch."""
    for batch in history.batches(writer, mirror.n + 1):
        tick_ns = max(mirror.tick_ns, batch.tick_ns)
        place = bisect_left(ticks, tick_ns)
        if place == len(ticks):
            return
        mirror.apply(batch)
        yield place, mirror.changed


def _strewn(
    history: History, stream: Stream, before: Latest | None, ticks: list[int], waiting: list[dict[str, Latest]]
) -> None:
    """Put a stream's newest frame by receipt into each tick's changes: of what had come in, the last in live order.

    A frame can only become the newest that is newer than the one before: older ones need not be read.
    """
    first_ns = before.t_ns + 1 if before is not None and not stream.sequenced else 0
    if before is not None and stream.sequenced:
        first_ns = before.t_ns - SLACK_NS
    frames = history.frames(stream.id, first_ns, ticks[-1] + SLACK_NS)
    frames = frames.take(frames.quality != Quality.CLOCK_AHEAD)
    rank = frames.seq if stream.sequenced else frames.t_ns
    if before is not None:
        newer = rank > (before.seq if stream.sequenced else before.t_ns)
        frames, rank = frames.take(newer), rank[newer]
    if not len(frames):
        return
    order = np.argsort(frames.received_ns, kind="stable")
    best = np.maximum.accumulate(rank[order])
    # The row of each best so far: where it was reached first.
    reached = np.flatnonzero(np.diff(best, prepend=best[0] - 1))
    ends = np.searchsorted(frames.received_ns[order][reached], np.array(ticks, np.int64), side="right") - 1
    last = -1
    for place, at in enumerate(ends.tolist()):
        if at > last:
            waiting[place][stream.id] = latest_of(frames, int(order[reached[at]]))
            last = at


def _mirrors(history: History, t_ns: int) -> dict[str, Mirror]:
    try:
        return {writer: mirror_at(history, writer, t_ns) for writer in history.writers()}
    except RecordingError as error:
        raise AskedWrongly(404, str(error), "base", "look at it by device time, without base=receive") from error


def _joined(parts: list[Series]) -> Series:
    """One after the other; at least one."""
    t_ns, least, most, mean = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("t_ns", "minimum", "maximum", "mean")
    )
    return Series(t_ns, least, most, mean, raw=all(one.raw for one in parts))


def _drawn(t_ns: np.ndarray, values: np.ndarray, start_ns: int, end_ns: int, max_points: int) -> Series:
    """Raw where they are few, else least, greatest and mean of equal parts of the time."""
    if len(t_ns) <= max_points:
        return Series(t_ns, values, values, values, raw=True)
    wide_ns = -(-(end_ns - start_ns) // max_points)
    part = (t_ns - start_ns) // wide_ns
    first = np.flatnonzero(np.diff(part, prepend=part[0] - 1))
    counts = np.diff(np.append(first, len(part)))
    return Series(
        start_ns + part[first] * wide_ns,
        np.minimum.reduceat(values, first),
        np.maximum.reduceat(values, first),
        np.add.reduceat(values, first) / counts,
        raw=False,
    )
