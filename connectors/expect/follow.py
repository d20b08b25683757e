"""Follows the store, and publishes what is expected of each arm, by the same door as any device: over MQTT.

See docs/decisions/0039.
"""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from connectors.broker import url_of
from connectors.desk import Desk
from connectors.desk.expectations import newest
from connectors.expect.reading import believed, cycles_in, told_of
from connectors.factory_file import read_secret
from connectors.plugins import asset_types, make_decoder
from connectors.publish import Publisher
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from connectors.trial import takers
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import DecodeError, ExpectationError, StoreUnavailable
from twin.expectation import STREAM, Scorer, stream_for
from twin.expectation.residual import WINDOW_NS
from twin.message import Message
from twin.sample import Frames

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from connectors.desk.expectations import KeptFit
    from connectors.expect.reading import Told
    from twin.config import Factory
    from twin.ports import History
    from twin.sample import Stream
    from twin.site import AssetType

log = logging.getLogger(__name__)
LOOK_S = 0.5
PATIENT_S = 2.0
FITS_LOOK_NS = 15 * NS_PER_S
"""How often it is looked whether somebody fitted anew."""
MOST_BACK_NS = 3600 * NS_PER_S
"""After a stop it goes on where it ended, but no further back than this: that is for ``--from``."""
MOST_FRAMES = 12_000
"""Of one arm at a time: ten minutes of 20 Hz."""
HEARD_NS = 10 * NS_PER_S
CYCLE_BACK_NS = 300 * NS_PER_S
"""A cycle is told once it has ended; so far back the last one is looked for."""
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


class Follower:
    """Scores what came since the last look. Mutable; one thread looks.

    ``send`` publishes (topic, payload). With ``from_ns`` it begins there, else where its last row lies. What comes
    late, behind what was scored, is not scored: ``from_ns`` does that again, and the same rows again are duplicates.
    """

    def __init__(  # noqa: PLR0913  what it stands on
        self,
        history: History,
        kind: AssetType,
        fits: Mapping[str, KeptFit],
        now_ns: int,
        send: Callable[[str, bytes], None],
        from_ns: int | None = None,
    ) -> None:
        self._history = history
        self._kind = kind
        self._send = send
        self._from_ns = from_ns
        self._arms: dict[str, _Arm] = {}
        self.take_up(fits, now_ns)

    @property
    def arms(self) -> int:
        """How many arms are followed."""
        return len(self._arms)

    def take_up(self, fits: Mapping[str, KeptFit], now_ns: int) -> None:
        """Follow these arms by these fits; one that was fitted anew goes on where it is, by the new fit."""
        latest = self._history.latest()
        for asset, kept in sorted(fits.items()):
            before = self._arms.get(asset)
            if before is not None and before.kept.n == kept.n:
                continue
            try:
                told = told_of(self._history, asset)
            except ExpectationError as error:
                log.warning("%s", error)
                continue
            stream = stream_for(asset, self._kind)
            sent_ns = before.sent_ns if before else latest[stream.id].t_ns if stream.id in latest else 0
            sent_ns = max(sent_ns, now_ns - MOST_BACK_NS if sent_ns else now_ns - WINDOW_NS)
            if self._from_ns is not None and before is None:
                sent_ns = self._from_ns - 1
            # A window is read before the first row, so that it tells the same as if nothing had been in between.
            self._arms[asset] = _Arm(kept, told, stream, sent_ns - WINDOW_NS, sent_ns)

    def look(self, now_ns: int) -> int:
        """Score what came since; returns how many rows were published."""
        return sum(self._look_at(arm, now_ns) for arm in self._arms.values())

    def _look_at(self, arm: _Arm, now_ns: int) -> int:
        made = 0
        while True:
            read = self._history.frames(arm.told.joints.id, arm.t_ns + 1, now_ns + NS_PER_S, MOST_FRAMES)
            frames = believed(read)
            if not len(frames) or not self._is_heard(frames, now_ns):
                return made
            made += self._score(arm, frames)
            if len(read) < MOST_FRAMES:
                return made

    def _is_heard(self, frames: Frames, now_ns: int) -> bool:
        """Whether the arm is heard itself: a row of it would make the hub believe that it is there."""
        return self._from_ns is not None or now_ns - int(frames.received_ns[-1]) < HEARD_NS

    def _score(self, arm: _Arm, frames: Frames) -> int:
        end_ns = int(frames.t_ns[-1]) + 1
        arm.scorer.hear_cycles(*cycles_in(self._history, arm.told, arm.t_ns - CYCLE_BACK_NS, end_ns))
        rows = arm.scorer.feed(frames)
        arm.t_ns = end_ns - 1
        if rows is None:
            return 0
        fresh = rows.take(rows.t_ns > arm.sent_ns)
        for topic, payload in messages_of(fresh):
            self._send(topic, payload)
        arm.sent_ns = max(arm.sent_ns, int(rows.t_ns[-1]))
        return len(fresh)


def messages_of(rows: Frames) -> Iterator[tuple[str, bytes]]:
    """(topic, payload) of each row: a flat JSON object, its time in ms; what is absent is null.

    No sequence: the same row again is the same bytes, and so a duplicate.
    """
    topic = f"{rows.stream.asset}/{STREAM}"
    names = [signal.name for signal in rows.stream.columns]
    for t_ns, values in zip(rows.t_ns.tolist(), rows.values.tolist(), strict=True):
        told = {name: None if value != value else value for name, value in zip(names, values, strict=True)}  # noqa: PLR0124  NaN
        yield topic, _encode({"ts": t_ns // NS_PER_MS, **told})


def door_problem(factory: Factory, asset: str, kind: AssetType) -> str:
    """Why no source of the factory file would take an arm's expectations as its stream; "" where one does."""
    stream = stream_for(asset, kind)
    at = np.array([1_700_000_000 * NS_PER_S], np.int64)
    one = Frames(stream, at, at, at, np.ones((1, stream.width)), np.zeros(1, np.int16))
    ((topic, payload),) = messages_of(one)
    site = asset.partition("/")[0]
    want = (
        f'write a [[source]] with topics = ["{site}/+/+/+/{STREAM}"], decoder = "json_object" and'
        ' [source.options] topic = "{place...}/{asset}/{stream}", time = "ts"'
    )
    found = takers(factory, topic)
    if not found:
        return f"no source takes {topic}: {want}"
    for source in found:
        decoder = make_decoder(source.decoder, source.options, source.name, factory.hub)
        try:
            told = list(decoder.decode(Message(topic, payload, int(at[0]))))
        except DecodeError as error:
            return f"source {source.name} refuses {topic} ({error}): {want}"
        if [part.stream.id for part in told if isinstance(part, Frames)] != [stream.id]:
            return f"source {source.name} takes {topic} for something else: {want}"
    return ""


def run_expect(
    factory: Factory,
    stop: threading.Event,
    from_ns: int | None = None,
    say: Callable[[str], None] = log.info,
    *,
    patient: bool = False,
) -> int:
    """Publish what is expected until ``stop`` is set; one process of a store at a time. Returns the rows published.

    Raises ExpectationError where no arm was fitted, or no source would take it. A ``patient`` one waits for the store
    and for a first fit.
    """
    clock = WallClock()
    kind = asset_types()["robot_arm"]
    if patient and not _is_there(factory.store.url, stop):
        return 0
    with (
        writer_lock(factory.store.url, "expect"),
        closing(Desk(factory.store.url, clock)) as desk,
        closing(open_history(factory.store.url)) as history,
    ):
        fits = known_fits(factory, desk)
        while patient and not fits and not stop.wait(PATIENT_S):
            fits = known_fits(factory, desk)
        if patient and not fits:
            return 0
        if not fits:
            raise ExpectationError("no arm was fitted", "fit some first: twin expect fit FACTORY.toml")
        if problem := door_problem(factory, min(fits), kind):
            raise ExpectationError(problem)
        publisher = Publisher(
            url_of(factory.broker), f"factory-twin-{factory.hub.id}-expect", factory.broker,
            read_secret(factory.broker.password), durable=False,
        )  # fmt: skip
        try:
            publisher.wait_connected()
            follower = Follower(history, kind, fits, clock.now_ns(), publisher.publish, from_ns)
            say(f"{follower.arms} arms are followed")
            looked_ns, rows = clock.now_ns(), 0
            while not stop.wait(LOOK_S):
                now_ns = clock.now_ns()
                try:
                    rows += follower.look(now_ns)
                    if now_ns - looked_ns > FITS_LOOK_NS:
                        looked_ns = now_ns
                        follower.take_up(known_fits(factory, desk), now_ns)
                except StoreUnavailable as error:
                    log.warning("nothing can be read now: %s", error)
                publisher.acknowledged()
        finally:
            publisher.close()
    return rows


def _is_there(url: str, stop: threading.Event) -> bool:
    """Wait until the store can be opened; False when told to stop before."""
    while not stop.is_set():
        try:
            open_history(url).close()
        except StoreUnavailable as error:
            log.info("the store is waited for: %s", error)
            stop.wait(PATIENT_S)
        else:
            return True
    return False


def known_fits(factory: Factory, desk: Desk) -> dict[str, KeptFit]:
    """The newest fits of the arms that the factory file names."""
    assets = factory.hub.assets()
    return {asset: kept for asset, kept in newest(desk).items() if asset in assets}
