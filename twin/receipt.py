"""By receipt: what of a history had come in by a moment of the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from twin.alarms.record import AlarmEvent, AlarmEventKind, AlarmState
    from twin.events import Event, EventKind
    from twin.sample import Frames


class Received(Protocol):
    """Reads of `twin.ports.History`, of what had been received by a moment: by device time, and nothing else.

    Frames count by their receive time; events and alarms by the tick of the batch that told them.
    """

    def frames(self, stream: str, start_ns: int, end_ns: int, limit: int | None = None) -> Frames:
        """The frames of a stream, ordered by (t_ns, seq); of the first ``limit`` those that had come in."""
        ...

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams lie in each of ``buckets`` equal parts of [start, end): int64 (buckets,)."""
        ...

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """(t_ns, text) where a text signal changed, beginning with its value at ``start_ns`` if known."""
        ...

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events by their time, newest first; ``asset`` matches an asset or all below a path."""
        ...

    def alarms_at(self, t_ns: int) -> list[AlarmState]:
        """Every alarm that was not normal at a moment, by id: what the journal had told by then."""
        ...

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
        """The journal, newest first; ``asset`` matches an asset or all below a path."""
        ...
