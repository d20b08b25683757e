"""When silence counts: only while the hub itself listens, and what comes is not late.

A hub that was stopped, whose broker was away, or that lags behind its queue has heard nothing, and that says
nothing about the devices. All of it is read from the batches, so replay decides the same: ingest cuts one each
second, so a longer step of their ticks is a time without ingest; and it tells of each source whether it listens
(``twin/ingest/SOURCE:listening``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.sample import Kind, Signal, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.sample import Frames, Latest, Stream

LISTENING_SUFFIX = ":listening"
"""How the id of a stream ends that says whether a source listens."""
HOLE_NS = 5 * NS_PER_S
"""Ticks further apart than this: ingest did not run, or was busy with one batch."""
GRACE_NS = 20 * NS_PER_S
"""What devices have to connect again after the hub or its broker was away, before their silence begins to count."""
CATCH_UP_NS = 60 * NS_PER_S
"""Whose newest frame came later than this is catching up (or its clock is wrong), and may pause for as long."""


@dataclass(slots=True)
class Hearing:
    """Since when the hub listens. Mutable: the mirror owns it.

    ``awake_ns`` is the tick of the batch that ended the last hole, 0 before the first; ``deaf_ns`` by source the
    last tick at which it did not listen.
    """

    awake_ns: int = 0
    deaf_ns: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Hearing:
        """As it is now."""
        return Hearing(self.awake_ns, dict(self.deaf_ns))

    def tick(self, before_ns: int, tick_ns: int) -> None:
        """Time has gone on from one batch's tick to the next one's."""
        if before_ns and tick_ns - before_ns > HOLE_NS:
            self.awake_ns = tick_ns

    def hear(self, parts: Iterable[Frames], tick_ns: int) -> None:
        """What ingest says of its sources."""
        for part in parts:
            if part.stream.source == OWN_SOURCE and not part.values[-1, 0]:
                self.deaf_ns[part.stream.asset.rpartition("/")[2]] = tick_ns

    def counts_from_ns(self, sources: Iterable[str]) -> int:
        """From when on silence counts of what comes by these sources; 0 for always.

        Where an asset comes by several, all of them must listen.
        """
        away = max([self.awake_ns, *(self.deaf_ns.get(source, 0) for source in sources)])
        return away + GRACE_NS if away else 0

    def lines(self) -> list[list[str | int]]:
        """As facts of the canonical state; none while nothing was ever missed."""
        awake: list[list[str | int]] = [["hearing", "", self.awake_ns]] if self.awake_ns else []
        return awake + [["hearing", source, t_ns] for source, t_ns in sorted(self.deaf_ns.items())]

    def take(self, source: str, t_ns: int) -> None:
        """Undo one of `lines`."""
        if source:
            self.deaf_ns[source] = t_ns
        else:
            self.awake_ns = t_ns


OWN_SOURCE = "twin"
"""The source of what the twin tells of itself."""


def listening_stream(source: str) -> Stream:
    """The stream in which ingest tells whether a source listens: 1, or 0 while it is away or far behind."""
    signal = Signal("listening", Kind.FLAG, label_ko="수신 중", label_en="Listening")
    return stream_of(f"twin/ingest/{source}", LISTENING_SUFFIX[1:], (signal,), period_s=1.0, source=OWN_SOURCE)


def heard_by_asset(latest: Mapping[str, Latest]) -> dict[str, list[Latest]]:
    """The newest frames of each asset's streams."""
    found: dict[str, list[Latest]] = {}
    for one in latest.values():
        found.setdefault(one.stream.asset, []).append(one)
    return found


def patience_ns(lost_after_ns: int, frames: Iterable[Latest]) -> int:
    """For how long an asset may be silent: longer where what it told last came late, for that comes in chunks."""
    newest = max(frames, key=lambda one: one.received_ns, default=None)
    is_late = newest is not None and newest.received_ns - newest.t_ns > CATCH_UP_NS
    return max(lost_after_ns, CATCH_UP_NS) if is_late else lost_after_ns
