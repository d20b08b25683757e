"""The process that tells what is expected of each fitted arm, beside how far off it is. See docs/decisions/0039."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec

from connectors.desk import Desk
from connectors.desk.expectations import newest
from connectors.expect.reading import CYCLE_BACK_NS, believed, cycles_in, told_of
from connectors.follow import follow, resume_ns
from connectors.plugins import asset_types
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_MS, NS_PER_S
from twin.computed import EXPECTATIONS
from twin.errors import ExpectationError
from twin.expectation import Scorer, stream_for
from twin.expectation.residual import WINDOW_NS

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterator, Mapping

    from connectors.desk.expectations import KeptFit
    from connectors.expect.reading import Told
    from twin.config import Factory
    from twin.ports import History
    from twin.sample import Frames, Stream
    from twin.site import AssetType

log = logging.getLogger(__name__)
MOST_BACK_NS = 3600 * NS_PER_S
"""After a stop it goes on where it ended, but no further back than this: that is for ``--from``."""
MOST_FRAMES = 12_000
"""Of one arm at a time: ten minutes of 20 Hz."""
HEARD_NS = 10 * NS_PER_S
_encode = msgspec.json.Encoder().encode


class _Arm:
    """One arm that is followed. Mutable: how far it was read, and which row was published last."""

    __slots__ = ("kept", "scorer", "sent_ns", "t_ns", "told")

    def __init__(self, kept: KeptFit, told: Told, stream: Stream, t_ns: int, sent_ns: int) -> None:
        self.kept = kept
        self.told = told
        self.t_ns = t_ns
        self.sent_ns = sent_ns
        self.scorer = Scorer(kept.fit, told.wiring, stream)


class Arms:
    """Every fitted arm of a store, as `connectors.follow` follows it. Mutable; one thread looks.

    ``declared`` are the ids of the factory file's assets. With ``from_ns`` it begins there, else where its last row
    lies. What comes late, behind what was scored, is not scored: ``from_ns`` does that again, and the same rows again
    are duplicates.
    """

    def __init__(
        self,
        declared: Collection[str],
        kind: AssetType,
        from_ns: int | None = None,
        say: Callable[[str], None] = log.info,
    ) -> None:
        self._declared = declared
        self._kind = kind
        self._from_ns = from_ns
        self._say = say
        self._arms: dict[str, _Arm] = {}
        self._refused: dict[str, str] = {}

    def take_up(self, history: History, desk: Desk, now_ns: int) -> None:
        """Follow the arms that are fitted; one that was fitted anew goes on where it is, by the new fit."""
        before = len(self._arms)
        self._take_up(history, known_fits(self._declared, desk), now_ns)
        if len(self._arms) != before:
            self._say(f"{len(self._arms)} arms are followed")

    def _take_up(self, history: History, fits: Mapping[str, KeptFit], now_ns: int) -> None:
        fresh = {asset: kept for asset, kept in fits.items() if not self._follows(asset, kept)}
        latest = history.latest() if fresh else {}
        for asset, kept in sorted(fresh.items()):
            try:
                told = told_of(history, asset)
                stream = stream_for(asset, self._kind, told.wiring.joints)
            except ExpectationError as error:
                if self._refused.get(asset) != str(error):
                    log.warning("%s", error)
                self._refused[asset] = str(error)
                continue
            before = self._arms.get(asset)
            if before is None and self._from_ns is not None:
                sent_ns = self._from_ns - 1
            else:
                said_ns = before.sent_ns if before else latest[stream.id].t_ns if stream.id in latest else None
                sent_ns = resume_ns(said_ns, now_ns, MOST_BACK_NS, WINDOW_NS)
            # A window is read before the first row, so that it tells the same as if nothing had been in between.
            self._arms[asset] = _Arm(kept, told, stream, sent_ns - WINDOW_NS, sent_ns)

    def _follows(self, asset: str, kept: KeptFit) -> bool:
        return asset in self._arms and self._arms[asset].kept.n == kept.n

    def look(self, history: History, now_ns: int) -> Iterator[tuple[str, bytes]]:
        """(topic, payload) of each row since the last look. Raises StoreError."""
        for arm in self._arms.values():
            for rows in self._rows_of(history, arm, now_ns):
                yield from messages_of(rows)

    def _rows_of(self, history: History, arm: _Arm, now_ns: int) -> Iterator[Frames]:
        while True:
            read = history.frames(arm.told.joints.id, arm.t_ns + 1, now_ns + NS_PER_S, MOST_FRAMES)
            frames = believed(read)
            if not len(frames) or not self._is_heard(frames, now_ns):
                return
            rows = _score(history, arm, frames)
            if rows is not None:
                yield rows
            if len(read) < MOST_FRAMES:
                return

    def _is_heard(self, frames: Frames, now_ns: int) -> bool:
        """Whether the arm is heard itself: a row of it would make the hub believe that it is there."""
        return self._from_ns is not None or now_ns - int(frames.received_ns[-1]) < HEARD_NS


def _score(history: History, arm: _Arm, frames: Frames) -> Frames | None:
    """The rows of an arm that were not published yet."""
    end_ns = int(frames.t_ns[-1]) + 1
    arm.scorer.hear_cycles(*cycles_in(history, arm.told, arm.t_ns - CYCLE_BACK_NS, end_ns))
    rows = arm.scorer.feed(frames)
    arm.t_ns = end_ns - 1
    if rows is None:
        return None
    fresh = rows.take(rows.t_ns > arm.sent_ns)
    arm.sent_ns = max(arm.sent_ns, int(rows.t_ns[-1]))
    return fresh


def messages_of(rows: Frames) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of each row: a flat JSON object, its time in ms; what is absent is null.

    No sequence: the same row again is the same bytes, and so a duplicate.
    """
    topic = EXPECTATIONS.topic(rows.stream.asset, rows.stream.name)
    names = [signal.name for signal in rows.stream.columns]
    for t_ns, values in zip(rows.t_ns.tolist(), rows.values.tolist(), strict=True):
        told = {name: None if value != value else value for name, value in zip(names, values, strict=True)}  # noqa: PLR0124  NaN
        yield topic, _encode({"ts": t_ns // NS_PER_MS, **told})


def run_expect(
    factory: Factory,
    stop: threading.Event,
    from_ns: int | None = None,
    say: Callable[[str], None] = log.info,
    *,
    patient: bool = False,
) -> int:
    """Publish what is expected until ``stop`` is set; one process of a store at a time. Returns the rows published.

    Raises ExpectationError where no arm was fitted. A ``patient`` one waits for the store, and for a first fit.
    """
    declared = factory.hub.assets()
    if not patient:
        with closing(open_history(factory.store.url)), closing(Desk(factory.store.url, WallClock())) as desk:
            if not known_fits(declared, desk):
                raise ExpectationError("no arm was fitted", "fit some first: twin expect fit FACTORY.toml")
    arms = Arms(declared, asset_types()["robot_arm"], from_ns, say)
    return follow(factory, EXPECTATIONS, arms, stop, patient=patient)


def known_fits(declared: Collection[str], desk: Desk) -> dict[str, KeptFit]:
    """The newest fits of the arms that the factory file names."""
    return {asset: kept for asset, kept in newest(desk).items() if asset in declared}
