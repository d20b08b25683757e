"""The twin watches itself through the same door: its numbers are signals of the asset ``twin/WRITER``."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.hearing import listening_stream
from twin.sample import Kind, Signal, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from connectors.ingest.decoding import Decoded
    from twin.ports import Outcome, SourceCount
    from twin.sample import Frames

EVERY_NS = NS_PER_S
_SIGNALS = (
    Signal("messages_total", Kind.COUNTER, "{message}", label_ko="수신 메시지", label_en="Messages received"),
    Signal("frames_total", Kind.COUNTER, "{frame}", label_ko="저장 프레임", label_en="Frames stored"),
    Signal("rejected_total", Kind.COUNTER, "{message}", label_ko="거부 메시지", label_en="Messages rejected"),
    Signal("queue", unit="{message}", label_ko="대기열", label_en="Queue"),
    Signal("commit_s", unit="s", label_ko="커밋 시간", label_en="Commit time"),
    Signal("commits_total", Kind.COUNTER, label_ko="커밋 수", label_en="Commits"),
)
_SOURCE_SIGNALS = (
    Signal("messages_total", Kind.COUNTER, "{message}", label_ko="수신 메시지", label_en="Messages received"),
    Signal("frames_total", Kind.COUNTER, "{frame}", label_ko="해독 프레임", label_en="Frames decoded"),
    Signal("rejected_total", Kind.COUNTER, "{message}", label_ko="거부 메시지", label_en="Messages rejected"),
    Signal("lag_s", unit="s", label_ko="지연", label_en="Lag"),
    Signal("newest_s", unit="s", label_ko="최신 장치 시각", label_en="Newest device time"),
    Signal("skew_s", unit="s", label_ko="시계 차이 (중앙값)", label_en="Clock skew (median)"),
    Signal("skew_p95_s", unit="s", label_ko="시계 차이 (95 %)", label_en="Clock skew (95 %)"),
)
SKEW_WINDOW = 512
"""Over how many messages the clock skew is told."""


@dataclass(slots=True)
class _Row:
    messages: int = 0
    frames: int = 0
    rejected: int = 0
    newest_ns: int = 0
    received_ns: int = 0
    skews_ns: deque[int] = field(default_factory=lambda: deque(maxlen=SKEW_WINDOW))


class Metrics:
    """Counts of this process, and the frames that tell them once a second. Mutable; the writer owns it.

    Counters begin at zero with the process; whoever wants a rate takes differences, and a fall to
    zero is a restart. ``lag_s`` is receive time minus device time of the newest frame; ``skew_s`` and
    ``skew_p95_s`` are the median and the 95th percentile of that over the last messages, each one's
    newest row (negative: the device's clock is ahead). Devices that tell no time have none.
    """

    def __init__(self, sources: tuple[str, ...], writer: str = "ingest") -> None:
        self._own = stream_of(f"twin/{writer}", "metrics", _SIGNALS, period_s=1.0, source="twin")
        self._rows = {name: _Row() for name in sources}
        self._streams = {
            name: stream_of(f"twin/ingest/{name}", "metrics", _SOURCE_SIGNALS, period_s=1.0, source="twin")
            for name in sources
        }  # fmt: skip
        self._listening = {name: listening_stream(name) for name in sources}
        self._next_ns = 0
        self._told_before_ns = 0
        self._commit_s = 0.0
        self._commits = 0
        self._stored = 0

    def stored(self, decoded: Decoded, counts: Sequence[SourceCount], outcome: Outcome) -> None:
        """Note deliveries that are now stored, with their counts."""
        self._stored += outcome.stored
        for count in counts:
            row = self._rows[count.source]
            row.messages += count.received
            row.rejected += sum(count.rejected.values())
            row.frames += count.decoded_frames
        if decoded.parts:
            self._see_clocks(decoded)

    def _see_clocks(self, decoded: Decoded) -> None:
        parts = [part for part, _ in decoded.parts]
        # The newest row of a message tells its device's clock: the last of its run.
        of_message = np.concatenate([places for _, places in decoded.parts])
        part_ends = np.cumsum([len(part) for part in parts]) - 1
        ends = np.union1d(np.flatnonzero(np.diff(of_message)), part_ends)
        t_ns = np.concatenate([part.t_ns for part in parts])[ends]
        received_ns = np.concatenate([part.received_ns for part in parts])[ends]
        sources = np.array([part.stream.source for part in parts])[np.searchsorted(part_ends, ends)]
        for name, row in self._rows.items():
            own = sources == name
            if not own.any():
                continue
            skews_ns = (received_ns - t_ns)[own]
            row.skews_ns.extend(skews_ns[skews_ns != 0][-SKEW_WINDOW:].tolist())
            newest = int(t_ns[own].argmax())
            newest_ns = int(t_ns[own][newest])
            if newest_ns >= row.newest_ns:
                row.newest_ns, row.received_ns = newest_ns, int(received_ns[own][newest])

    def committed(self, took_s: float) -> None:
        """Note how long a transaction took."""
        self._commits += 1
        self._commit_s = max(self._commit_s, took_s)

    def forget(self) -> None:
        """The frames told last were not stored: tell them again with the next batch."""
        self._next_ns = self._told_before_ns

    def frames(
        self, now_ns: int, tick_ns: int, n: int, queue: int, deaf: Callable[[], Collection[str]] = tuple
    ) -> list[Frames]:
        """The frames due now, or none; batch ``n`` with that tick holds them. ``deaf``: sources that do not listen.

        They are dated by the tick, which never goes back, and told apart by ``n``: so they are the newest
        even where the clock was set back. ``received_ns`` is the clock itself.
        """
        self._told_before_ns = self._next_ns
        if self._next_ns - EVERY_NS <= now_ns < self._next_ns:  # earlier still: the clock was set back
            return []
        self._next_ns = now_ns + EVERY_NS
        rows, unheard = self._rows.values(), deaf()
        own = frame(
            self._own,
            tick_ns,
            n,
            now_ns,
            (
                sum(row.messages for row in rows),
                self._stored,
                sum(row.rejected for row in rows),
                queue,
                self._commit_s,
                self._commits,
            ),
        )
        self._commit_s = 0.0
        return [
            own,
            *(frame(stream, tick_ns, n, now_ns, _told(self._rows[name])) for name, stream in self._streams.items()),
            *(frame(stream, tick_ns, n, now_ns, (name not in unheard,)) for name, stream in self._listening.items()),
        ]


def _told(row: _Row) -> tuple[float | None, ...]:
    """What a source's row says, in the order of its signals."""
    heard = row.newest_ns > 0
    lag_s = (row.received_ns - row.newest_ns) / NS_PER_S if heard else None
    newest_s = row.newest_ns / NS_PER_S if heard else None
    skew_s: tuple[float | None, float | None] = (None, None)
    if row.skews_ns:
        median, high = np.percentile(np.array(row.skews_ns), (50, 95)) / NS_PER_S
        skew_s = (float(median), float(high))
    return (row.messages, row.frames, row.rejected, lag_s, newest_s, *skew_s)
