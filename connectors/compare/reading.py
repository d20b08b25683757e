"""One side read from a store: a signal at a time, thinned where there is too much of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from twin.alarms.record import AlarmEventKind
from twin.clock import NS_PER_S
from twin.compare import Happening, Track, happening_of
from twin.compare.side import word_track
from twin.errors import RecordingError
from twin.ids import site_of
from twin.sample import Kind, Quality, Role, frame, merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.compare.choice import Choice
    from twin.ports import History, Series, StreamCount
    from twin.sample import Frames, Latest, Signal, Stream

MAX_POINTS = 200_000
"""Of a signal with more samples each k-th is taken, k the least that leaves no more than so many."""
MAX_EVENTS = 100_000
PAGE_ROWS = 50_000
CYCLE = "cycle"
_COUNTS = (Role.GOOD_COUNT, Role.SCRAP_COUNT)
_TOLD = (AlarmEventKind.RAISED, AlarmEventKind.REPEATED, AlarmEventKind.CLEARED)


class Reading:
    """A side as its store has it, by device time. Mutable: it keeps the last stream that it read.

    ``asset`` names an asset, or a place with all that stands there, by its id or the end of it; "" for all.
    With ``below_site`` ids begin below the site, so that two sites can be laid onto each other.
    """

    def __init__(self, history: History, choice: Choice, *, asset: str = "", below_site: bool = False) -> None:
        self.history = history
        self.choice = choice
        self._asset = asset
        self._cut = len(choice.site) + 1 if below_site else 0
        self._kept: tuple[str, Frames, int] | None = None
        self._at: dict[str, tuple[Stream, Signal]] = {}
        for stream in sorted(history.streams().values(), key=lambda one: one.id):
            if self.is_asked(stream.asset) and not stream.is_of_a_node:
                for signal in stream.signals:
                    self._at.setdefault(self.shown(f"{stream.asset}:{signal.name}"), (stream, signal))

    def shown(self, path: str) -> str:
        """An id as it is compared."""
        return path[self._cut :]

    @property
    def is_narrow(self) -> bool:
        """Whether less than the whole site is asked for."""
        return bool(self._asset)

    def is_asked(self, asset: str) -> bool:
        """Whether an asset is of the side."""
        if site_of(asset) != self.choice.site:
            return False
        wanted = self._asset
        return not wanted or any(
            part == wanted or part.startswith(wanted + "/") or part.endswith("/" + wanted) or f"/{wanted}/" in part
            for part in (asset, asset[len(self.choice.site) + 1 :])
        )

    @property
    def signals(self) -> list[str]:
        """Every signal, those of a stream together."""
        return list(self._at)

    def frames_count(self) -> int:
        """How many frames there are to be read."""
        names = {stream.id for stream, _ in self._at.values()}
        extent = self.choice.extent
        return int(self.history.density(names, extent.start_ns, extent.end_ns, 1).sum()) if names else 0

    def track(self, signal: str) -> Track | None:
        """A signal's track; None where the side has no such signal, or nothing of it."""
        if signal not in self._at:
            return None
        stream, column = self._at[signal]
        extent = self.choice.extent
        if column.kind.is_text:
            changes = self.history.text_changes(stream.id, column.name, extent.start_ns, extent.end_ns)
            return word_track(signal, column.kind, changes) if changes else None
        frames, every = self._frames(stream)
        values = frames.values[:, stream.columns.index(column)]
        there = np.isfinite(values)
        if not there.any():
            return None
        stale_s = stream.stale_after_s
        fresh_ns = None if stale_s is None else round(stale_s * NS_PER_S)
        return Track(
            signal, column.kind, column.unit, frames.t_ns[there], values[there], (), fresh_ns, every, column.low,
            column.high,
        )  # fmt: skip

    def drawn(self, signal: str, start_ns: int, end_ns: int, max_points: int) -> tuple[Series, str, bool] | None:
        """A numeric signal within a part of the side, drawn; its unit; whether a value holds until the next one.

        None where there is none of that name.
        """
        if signal not in self._at or self._at[signal][1].kind.is_text:
            return None
        stream, column = self._at[signal]
        extent = self.choice.extent
        start_ns, end_ns = max(start_ns, extent.start_ns), min(end_ns, extent.end_ns)
        series = self.history.samples(stream.id, column.name, start_ns, max(start_ns, end_ns), max_points)
        return series, column.unit, stream.period_s is None or column.kind is not Kind.GAUGE

    def release(self) -> None:
        """Let go of what was read last."""
        self._kept = None

    def _frames(self, stream: Stream) -> tuple[Frames, int]:
        """A stream's frames, each k-th of them, and k; of one that sends on change the last before, too."""
        if self._kept is not None and self._kept[0] == stream.id:
            return self._kept[1], self._kept[2]
        extent = self.choice.extent
        every = max(1, -(-self._count(stream.id) // MAX_POINTS))
        parts = []
        passed = 0
        for page in pages_of(self.history, stream.id, extent.start_ns, extent.end_ns):
            rows = np.arange(-passed % every, len(page), every)
            passed += len(page)
            taken = page.take(rows)
            parts.append(taken.take(taken.quality != Quality.CLOCK_AHEAD))
        if stream.period_s is None:
            last = self._before.get(stream.id)
            if last is not None:
                parts.insert(0, _frame_of(last))
        frames = merge(parts) if parts else self.history.frames(stream.id, 0, 0)
        self._kept = (stream.id, frames, every)
        return frames, every

    def _count(self, stream: str) -> int:
        """How many frames of a stream there are; of one that is short altogether as many as it has."""
        kept = self._counts.get(stream)
        if kept is not None and kept.frames <= MAX_POINTS:
            return kept.frames
        extent = self.choice.extent
        return int(self.history.density([stream], extent.start_ns, extent.end_ns, 1).sum())

    @cached_property
    def _counts(self) -> dict[str, StreamCount]:
        return self.history.by_stream()

    @cached_property
    def _before(self) -> dict[str, Latest]:
        """The last frame before the side of each stream that sends on change."""
        names = {stream.id for stream, _ in self._at.values() if stream.period_s is None}
        return self.history.as_of(self.choice.extent.start_ns - 1, names)

    def happenings(self) -> list[Happening]:
        """Events and alarms; raises RecordingError where there are too many to be held."""
        extent, site = self.choice.extent, self.choice.site
        events = self.history.events(extent.start_ns, extent.end_ns, asset=site, limit=MAX_EVENTS + 1)
        alarms = self.history.alarm_events(
            extent.start_ns, extent.end_ns, asset=site, kinds=_TOLD, limit=MAX_EVENTS + 1
        )
        if max(len(events), len(alarms)) > MAX_EVENTS:
            raise RecordingError(f"{self.choice.said} has more than {MAX_EVENTS} events: compare a shorter time")
        found = [*map(happening_of, events), *map(happening_of, alarms)]
        return [self._moved(one) for one in found if self.is_asked(one.asset)]

    def begins(self) -> list[Happening]:
        """What a side can be aligned by besides its events: words that signals took on, and where cycles began."""
        extent = self.choice.extent
        found: list[Happening] = []
        for stream, signal in self._at.values():
            if signal.kind.is_text:
                changes = self.history.text_changes(stream.id, signal.name, extent.start_ns, extent.end_ns)
                found += [Happening(t_ns, signal.name, stream.asset, word) for t_ns, word in changes[1:]]
        counting = {stream.id: stream for stream, signal in self._at.values() if signal.role in _COUNTS}
        for stream in counting.values():
            t_ns = self._first_count(stream)
            if t_ns is not None:
                found.append(Happening(t_ns, CYCLE, stream.asset))
        return [self._moved(one) for one in found]

    def _first_count(self, stream: Stream) -> int | None:
        """When a part was first counted: there the next cycle began."""
        places = [at for at, column in enumerate(stream.columns) if column.role in _COUNTS]
        extent = self.choice.extent
        before = None
        for page in pages_of(self.history, stream.id, extent.start_ns, extent.end_ns):
            made = page.values[:, places].sum(axis=1)
            told = np.flatnonzero(np.isfinite(made))
            if len(told) == 0:
                continue
            rows = made[told] if before is None else np.concatenate([[before], made[told]])
            changed = np.flatnonzero(np.diff(rows))
            if len(changed):
                return int(page.t_ns[told[changed[0] + (1 if before is None else 0)]])
            before = float(rows[-1])
        return None

    def _moved(self, one: Happening) -> Happening:
        return Happening(one.t_ns, one.kind, self.shown(one.asset), one.text) if self._cut else one


def pages_of(history: History, stream: str, start_ns: int, end_ns: int) -> Iterator[Frames]:
    """A stream's frames in pages, so that no more than one of them is in memory; none is cut within one moment."""
    while start_ns < end_ns:
        page = history.frames(stream, start_ns, end_ns, PAGE_ROWS)
        if len(page) < PAGE_ROWS:
            if len(page):
                yield page
            return
        last_ns = int(page.t_ns[-1])
        if last_ns > int(page.t_ns[0]):
            yield page.take(page.t_ns < last_ns)
            start_ns = last_ns
        else:
            yield history.frames(stream, last_ns, last_ns + 1)
            start_ns = last_ns + 1


def _frame_of(last: Latest) -> Frames:
    return frame(last.stream, last.t_ns, last.seq, last.received_ns, last.values.tolist(), last.texts, last.quality)
