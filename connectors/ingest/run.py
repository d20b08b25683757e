"""The ingest process: everything wired, run until told to stop."""

from __future__ import annotations

import gc
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.broker import url_of
from connectors.care.guarded import GuardedStore
from connectors.care.room import room_of
from connectors.care.start import open_for_writing, suspect
from connectors.care.upkeep import Upkeep
from connectors.desk import Desk
from connectors.factory_file import read_secret
from connectors.ingest.ahead import DecodingAhead
from connectors.ingest.alarming import Alarming
from connectors.ingest.decoding import Decoding
from connectors.ingest.live import LIVE_TOPIC, LivePackets
from connectors.ingest.newcomers import Newcomers
from connectors.ingest.pipeline import Pipeline
from connectors.ingest.queue import DeliveryQueue
from connectors.plugins import load, make_decoder, rules_of
from connectors.publish import Publisher
from connectors.recordings.recorder import Recorder
from connectors.sources import Surroundings
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S
from twin.errors import StoreCorrupt
from twin.keyframes import resume_with_alarms

if TYPE_CHECKING:
    import threading

    from twin.config import Factory
    from twin.keyframes import KeyframePolicy
    from twin.mirror import Mirror
    from twin.ports import History, Source

log = logging.getLogger(__name__)
SOUND_FOR_NS, TRIES = 10 * NS_PER_S, 3
"""A database that is damaged sooner than this, so many times in a row, is the disk's fault: no other one is begun."""


COLLECT_AFTER = 200_000
"""Allocations before the collector looks: tens of thousands of messages live for a moment, and none in a circle."""


def run_ingest(factory: Factory, stop: threading.Event) -> None:
    """Ingest every source of the factory file until ``stop`` is set; what is in hand is stored first.

    A database that turns out damaged meanwhile is set aside, and a new one begun. Raises StoreError
    where another process writes under the same name, StoreCorrupt where new ones are damaged as soon.
    """
    gc.set_threshold(COLLECT_AFTER, 20, 100)
    clock = WallClock()
    with writer_lock(factory.store.url, factory.ingest.writer):
        tries = 0
        while True:
            began_ns = clock.now_ns()
            try:
                _run(factory, stop, clock)
            except StoreCorrupt as error:
                suspect(factory.store.url)
                tries = tries + 1 if clock.now_ns() - began_ns < SOUND_FOR_NS else 0
                if stop.is_set() or tries >= TRIES:
                    raise
                log.error("the store is damaged: %s", error)  # noqa: TRY400  said once, and acted on
            else:
                return


def _run(factory: Factory, stop: threading.Event, clock: WallClock) -> None:
    config = factory.store
    folders = [Path(config.archive)] if config.archive else []
    room = room_of(config.url, config.low_mb, config.floor_mb, clock, folders, factory.ingest.writer)
    store = GuardedStore(open_for_writing(config.url, factory.ingest.writer, clock), room, factory.ingest.writer)
    history = open_history(factory.store.url)
    desk = Desk(config.url, clock)
    mirror, keyframes, alarming = _resumed(factory, history, desk, clock)
    known = history.by_source()
    decoders = {s.name: make_decoder(s.decoder, s.options, s.name, factory.hub) for s in factory.sources}
    for name, state in store.decoder_states().items():
        if name in decoders:
            decoders[name].restore(state)
    sources: dict[str, Source] = {}
    for source in factory.sources:
        client_id = f"factory-twin-{factory.hub.id}-{factory.ingest.writer}-{source.name}"
        surroundings = Surroundings(factory.broker, client_id, clock, expects_session=source.name in known)
        sources[source.name] = load("sources", source.type).Source(source, surroundings)
    password = read_secret(factory.broker.password)
    # A name of its own for each writer: of two clients of one name the broker throws one out, again and again.
    live_id = f"factory-twin-{factory.hub.id}-{factory.ingest.writer}-live"
    publisher = Publisher(url_of(factory.broker), live_id, factory.broker, password, durable=False)
    topic = LIVE_TOPIC + factory.ingest.writer
    packets = LivePackets(store.stream_keys, lambda body: publisher.offer(topic, body), clock)
    queue = DeliveryQueue(factory.ingest.max_queue)
    newcomers = Newcomers(factory.hub.assets(), history.newcomers(), factory.ingest.max_newcomers)
    limits = factory.ingest
    decoding = Decoding(
        decoders,
        limits.max_future_s,
        limits.max_signals_per_source,
        newcomers=newcomers,
        before=mirror.latest.values(),
    )

    pipeline = Pipeline(
        factory.ingest, queue, decoding, mirror, keyframes, store, sources, clock, packets.committed, stop,
        alarming,
    )  # fmt: skip
    recorder = Recorder(config.url, factory.hub, factory.record, clock) if factory.record else None
    upkeep = Upkeep(config, store, clock, recorder)
    upkeep.start()
    packets.start()
    for each in sources.values():
        each.start(queue.put, queue.report)
    ahead = DecodingAhead(pipeline)
    ahead.start()
    try:
        while (prepared := ahead.take()) is not None:
            if stop.is_set():
                ahead.stop()
            pipeline.store(prepared)
            if upkeep.damage:
                raise StoreCorrupt(upkeep.damage)
        pipeline.step(0.0)
    finally:
        ahead.stop()
        for each in sources.values():
            each.stop()
        upkeep.stop()
        packets.stop()
        publisher.close()
        history.close()
        desk.close()
        store.close()


def _resumed(
    factory: Factory, history: History, desk: Desk, clock: WallClock
) -> tuple[Mirror, KeyframePolicy, Alarming]:
    """The fold as this writer left it."""
    writer = factory.ingest.writer
    mirror, keyframes, alarms = resume_with_alarms(history, writer, rules_of(factory))
    shares = any(name != writer for name in history.writers())
    return mirror, keyframes, Alarming(alarms, desk, history.last_action(writer), clock, shares=shares)
