"""What of the tables had been received by a moment: `twin.receipt.Received`.

What came late is little, or nothing: it is looked for, and only where there is some are rows read one by one.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.stores._series import bucket_ns, changes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from connectors.stores._history import SqlHistory
    from twin.alarms.record import AlarmEvent, AlarmEventKind, AlarmState
    from twin.events import Event, EventKind
    from twin.sample import Frames

HOUR_NS = 3600 * 10**9
BACKS_NS = (HOUR_NS, 24 * HOUR_NS, 1 << 62)
"""So far back the text before a time is looked for, one after the other, where what is newest came late."""


class Cut(NamedTuple):
    """A condition on rows with ``writer_key`` and ``batch``, and its values: those of the batches received by then."""

    where: str
    values: tuple[int, ...]


EVERY_BATCH = Cut("1 = 1", ())


class SqlReceived:
    """What had been received by ``by_ns``; any thread may use it. What it found out of the batches it remembers."""

    def __init__(self, history: SqlHistory, by_ns: int) -> None:
        self._history = history
        self._by_ns = by_ns

    @cached_property
    def _cut(self) -> Cut:
        """The last batch of each writer that was received by then; a batch that is kept no longer counts as later."""
        last = [(self._history.writer_key(one) or 0, self._history.batch_at(one, self._by_ns)) for one in self._writers]
        parts = " OR ".join("(writer_key = ? AND batch <= ?)" for _ in last)
        return Cut(f"({parts})" if parts else "1 = 0", tuple(value for pair in last for value in pair))

    @cached_property
    def _writers(self) -> tuple[str, ...]:
        return self._history.writers()

    @cached_property
    def _last_id(self) -> int:
        """Every frame that was received later has a greater id: a writer that wrote nothing since has none such."""
        history, newest, ids = self._history, 0, []
        for writer in self._writers:
            n, (_, last) = history.batch_at(writer, self._by_ns), history.batch_range(writer)
            newest = max(newest, history.last_id(writer, last))
            if n < last:
                ids.append(history.last_id(writer, n))
        return min(ids, default=newest)

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream; of the first ``limit`` those that had come in."""
        frames = self._history.frames(stream, start_ns, end_ns, limit)
        return frames.take(frames.received_ns <= self._by_ns)

    def _late(self, stream: str, start_ns: int, end_ns: int) -> set[tuple[int, int]]:
        return self._history.late(stream, start_ns, end_ns, self._by_ns, self._last_id)

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """All frames of each part, without those that came later."""
        wanted = set(streams)
        counts = self._history.density(wanted, start_ns, end_ns, buckets)
        wide_ns = bucket_ns(start_ns, end_ns, buckets)
        late = [t_ns for one in wanted for t_ns, _ in self._late(one, start_ns, end_ns)] if wide_ns else []
        if late:
            counts -= np.bincount((np.array(late, np.int64) - start_ns) // wide_ns, minlength=buckets)
        return counts

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """The changes of a text signal; row by row where something of it came later."""
        before = self._history.text_at(stream, signal, start_ns)
        if end_ns <= start_ns or not self._late(stream, before[0] if before else start_ns, end_ns):
            return self._history.text_changes(stream, signal, start_ns, end_ns)
        texts = self._texts(stream, signal, start_ns + 1, end_ns)
        return changes_of(self._text_at(stream, signal, start_ns), start_ns, texts)

    def _texts(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str | None]]:
        frames = self.frames(stream, start_ns, end_ns)
        column = next((i for i, one in enumerate(frames.stream.text_columns) if one.name == signal), None)
        if column is None or not len(frames):
            return []
        return [(t_ns, row[column]) for t_ns, row in zip(frames.t_ns.tolist(), frames.texts, strict=True)]

    def _text_at(self, stream: str, signal: str, t_ns: int) -> str | None:
        for back_ns in BACKS_NS:
            texts = self._texts(stream, signal, t_ns - back_ns, t_ns + 1)
            found = next((text for _, text in reversed(texts) if text is not None), None)
            if found is not None:
                return found
        return None

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events of the batches received by then."""
        return self._history.events_of(start_ns, end_ns, asset, kinds, limit, self._cut)

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Alarms as those batches told them."""
        return self._history.alarms_of(t_ns, self._cut)

    def alarm_events(  # noqa: PLR0913  what a journal is asked
        self,
        start_ns: int,
        end_ns: int,
        *,
        asset: str = "",
        alarm: str = "",
        kinds: Sequence[AlarmEventKind] = (),
        limit: int = 1000,
    ) -> list[AlarmEvent]:
        """The journal of those batches."""
        return self._history.journal_of(start_ns, end_ns, asset, alarm, kinds, limit, self._cut)
