"""A view: the factory at one moment, now or then. What a page shows is a function of it.

Both views answer the same questions and never tell of anything after their clock, so every page
that shows the present shows the past too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from twin.clock import NS_PER_S
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from twin.alarms import AlarmEvent, AlarmEventKind, AlarmState
    from twin.events import Event, EventKind
    from twin.ports import History, Series
    from twin.receipt import Received
    from twin.sample import Frames, Latest, Stream

HEARD_AGAIN_S = 10.0
"""An asset is lost when nothing was heard of it for this long, or for three of its own periods."""


class View(Protocol):
    """The factory as of ``clock_ns``."""

    @property
    def clock_ns(self) -> int:
        """The moment this view stands for."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether that moment is now."""
        ...

    def streams(self) -> Mapping[int, Stream]:
        """Every stream by its key."""
        ...

    def latest(self) -> Mapping[str, Latest]:
        """The newest frame of each stream, by stream id."""
        ...

    def at(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """The newest frames at an earlier moment, by device time."""
        ...

    def frames(self, stream: str, start_ns: int, end_ns: int | None = None, limit: int | None = None) -> Frames:
        """A stream's frames in [start, end), to the clock at the latest."""
        ...

    def trend(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal."""
        ...

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams were measured in each equal part of a time."""
        ...

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Where a text signal changed."""
        ...

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events, newest first."""
        ...

    def alarms(self) -> list[AlarmState]:
        """Every alarm that is not normal, by id."""
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
        """The journal of alarms, newest first."""
        ...

    def age_s(self, latest: Latest) -> float:
        """How long ago a frame was heard."""
        ...


class _Bounded:
    """What both views read from a history, cut off after the clock."""

    def __init__(self, history: History, clock_ns: int, streams: Mapping[int, Stream]) -> None:
        self._history = history
        self._told: Received = history
        self._clock_ns = clock_ns
        self._streams = streams

    @property
    def clock_ns(self) -> int:
        """The moment this view stands for."""
        return self._clock_ns

    def streams(self) -> Mapping[int, Stream]:
        """Every stream by its key."""
        return self._streams

    def at(self, t_ns: int, streams: Iterable[str] | None = None) -> dict[str, Latest]:
        """The newest frames at an earlier moment, by device time."""
        return self._history.as_of(min(t_ns, self._clock_ns), streams)

    def frames(self, stream: str, start_ns: int, end_ns: int | None = None, limit: int | None = None) -> Frames:
        """A stream's frames in [start, end), to the clock at the latest."""
        end_ns = self._clock_ns + 1 if end_ns is None else self._end(end_ns)
        return self._told.frames(stream, start_ns, end_ns, limit)

    def trend(self, stream: str, signal: str, start_ns: int, end_ns: int, max_points: int) -> Series:
        """One numeric signal."""
        return self._history.samples(stream, signal, start_ns, self._end(end_ns), max_points)

    def density(self, streams: Iterable[str], start_ns: int, end_ns: int, buckets: int) -> NDArray[np.int64]:
        """How many frames of some streams were measured in each equal part of a time."""
        return self._told.density(streams, start_ns, self._end(end_ns), buckets)

    def text_changes(self, stream: str, signal: str, start_ns: int, end_ns: int) -> list[tuple[int, str]]:
        """Where a text signal changed."""
        if start_ns > self._clock_ns:
            return []
        return self._told.text_changes(stream, signal, start_ns, self._end(end_ns))

    def events(
        self, start_ns: int, end_ns: int, *, asset: str = "", kinds: Sequence[EventKind] = (), limit: int = 1000
    ) -> list[Event]:
        """Events, newest first."""
        return self._told.events(start_ns, self._end(end_ns), asset=asset, kinds=kinds, limit=limit)

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
        """The journal of alarms, newest first."""
        end_ns = self._end(end_ns)
        return self._told.alarm_events(start_ns, end_ns, asset=asset, alarm=alarm, kinds=kinds, limit=limit)

    def _end(self, end_ns: int) -> int:
        """Half-open ranges end just after the clock at the latest."""
        return min(end_ns, self._clock_ns + 1)


class LiveView(_Bounded):
    """The factory now: the hub's newest frames, the history behind them."""

    def __init__(
        self, history: History, clock_ns: int, streams: Mapping[int, Stream], latest: Mapping[str, Latest]
    ) -> None:
        super().__init__(history, clock_ns, streams)
        self._latest = latest

    @property
    def is_live(self) -> bool:
        """Always: its clock is the wall's."""
        return True

    def latest(self) -> Mapping[str, Latest]:
        """The newest frame of each stream, as the hub has it."""
        return self._latest

    def alarms(self) -> list[AlarmState]:
        """Every alarm that is not normal, as the last commit left it."""
        return self._history.alarms()

    def age_s(self, latest: Latest) -> float:
        """Since it was received: a device whose clock is off is heard all the same."""
        return (self._clock_ns - latest.received_ns) / NS_PER_S


class PastView(_Bounded):
    """The factory as of a moment of the past, by device time."""

    def __init__(self, history: History, t_ns: int) -> None:
        super().__init__(history, t_ns, history.streams())
        self._latest: dict[str, Latest] | None = None

    @property
    def is_live(self) -> bool:
        """Never."""
        return False

    def latest(self) -> Mapping[str, Latest]:
        """The newest frame of each stream that was measured by then."""
        if self._latest is None:
            self._latest = self._history.as_of(self._clock_ns)
        return self._latest

    def alarms(self) -> list[AlarmState]:
        """Every alarm that was not normal then, by what the journal had told."""
        return self._told.alarms_at(self._clock_ns)

    def age_s(self, latest: Latest) -> float:
        """Since it was measured: receive times may lie after the moment looked at."""
        return (self._clock_ns - latest.t_ns) / NS_PER_S


def is_stale(view: View, latest: Latest) -> bool:
    """Whether a frame is too old, or marked so, to be believed."""
    if latest.quality in (Quality.STALE, Quality.BAD):
        return True
    after_s = latest.stream.stale_after_s
    return after_s is not None and view.age_s(latest) > after_s


class Deaths:
    """What was said to be gone: an asset, or something above it. As the mirror has it, for any moment.

    An asset is gone while nothing was heard of it since that was said last of it or of what is above
    it: a node that is back does not bring back what is behind it.
    """

    def __init__(self, latest: Mapping[str, Latest]) -> None:
        said = [one for one in latest.values() if one.stream.tells_presence]
        self._gone = {one.stream.asset: found for one in said if (found := _gone(one)) is not None}
        self._heard: dict[str, float] = {}
        if self._gone:
            for one in latest.values():
                if not one.stream.tells_presence or one.values[0] != 0:
                    asset = one.stream.asset
                    self._heard[asset] = max(self._heard.get(asset, 0.0), one.received_ns / NS_PER_S)

    def died_ns(self, asset: str) -> int | None:
        """When the asset was said to be gone; None where it is not."""
        if not self._gone:
            return None
        heard_s = self._heard.get(asset, 0.0)
        path, found = asset, None
        while path:
            gone_ns, gone_heard_s = self._gone.get(path, (0, -1.0))
            if gone_heard_s >= heard_s and (found is None or gone_ns < found):
                found = gone_ns
            path = path.rpartition("/")[0]
        return found


def _gone(said: Latest) -> tuple[int, float] | None:
    """When it was gone last (ns), and when that was heard (s); None where it never was."""
    if said.values[0] == 0:
        return said.t_ns, said.received_ns / NS_PER_S
    gone_s, heard_s = number(said, "gone_s"), number(said, "gone_heard_s")
    return None if gone_s is None or heard_s is None else (round(gone_s * NS_PER_S), heard_s)


def is_lost(view: View, frames: Iterable[Latest]) -> bool:
    """Whether none of an asset's streams was heard for too long; streams on change only say nothing."""
    periodic = [one for one in frames if one.stream.stale_after_s is not None]
    return bool(periodic) and all(
        view.age_s(one) > max(HEARD_AGAIN_S, one.stream.stale_after_s or 0.0) for one in periodic
    )


def number(latest: Latest | None, signal: str) -> float | None:
    """A numeric signal of a frame; None where absent."""
    if latest is None:
        return None
    for column, value in zip(latest.stream.columns, latest.values, strict=True):
        if column.name == signal:
            return None if np.isnan(value) else float(value)
    return None
