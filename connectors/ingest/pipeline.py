"""queue → decode → batch → mirror → one transaction → acknowledge.

The order inside a transaction is the store's: insert, fold what was new, write what the fold made,
commit. Only after that are the messages acknowledged, so everything acknowledged is stored or is a
dead letter.
"""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from connectors.ingest.aside import findings_of
from connectors.ingest.decoding import Decoded, Decoding, count, letters_of
from connectors.ingest.folding import Folding
from connectors.ingest.metrics import Metrics
from twin.clock import NS_PER_S
from twin.errors import StoreRejected, StoreUnavailable
from twin.events import Event
from twin.message import Ask
from twin.ports import Asking, Commit, SourceCount
from twin.sample import batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.ingest.alarming import Alarming
    from connectors.ingest.queue import DeliveryQueue
    from twin.clock import Clock
    from twin.config import IngestConfig
    from twin.keyframes import KeyframePolicy
    from twin.mirror import Mirror
    from twin.ports import Delivery, Newcomer, Source, Store
    from twin.sample import Batch, Frames, Latest

log = logging.getLogger(__name__)
LINGER_S = 0.05
"""How long a transaction waits for company: it bounds the commit rate, and adds this much latency."""
CROWD = 50
"""With this many messages waiting, a transaction waits for no more company."""
MAX_BATCH_FRAMES = 20_000
TICK_S = 1.0
"""Without messages, an empty batch is committed this often, so that time itself reaches the fold."""
LOOK_S = 0.1
"""How often a wait for messages looks whether it is told to stop."""
_BACK_OFF_S = (0.1, 5.0)
BEHIND_NS = 5 * NS_PER_S
"""A message that waited here for longer: what a device sent since waits too, and is no silence."""
HOLD_AFTER_S = 10.0
"""A store that is away for longer: the sources give their connections up, and the brokers keep what comes."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What the next transaction is to hold of the outside: deliveries decoded, facts, and decoders' states."""

    decoded: Decoded
    events: tuple[Event, ...] = ()
    states: Mapping[str, bytes] = field(default_factory=dict)
    newcomers: tuple[Newcomer, ...] = ()


class Pipeline:
    """The one writer. Mutable; `prepare` is called from one thread only, and `store` from one."""

    def __init__(  # noqa: PLR0913  the parts of the pipeline, wired once
        self,
        config: IngestConfig,
        queue: DeliveryQueue,
        decoding: Decoding,
        mirror: Mirror,
        keyframes: KeyframePolicy,
        store: Store,
        sources: Mapping[str, Source],
        clock: Clock,
        committed: Callable[[Batch, Sequence[Latest]], None] = lambda _batch, _latest: None,
        stopping: threading.Event | None = None,
        alarming: Alarming | None = None,
    ) -> None:
        self._config = config
        self._queue = queue
        self._decoding = decoding
        self._folding = Folding(config.writer, mirror, keyframes, alarming)
        self._store = store
        self._sources = sources
        self._clock = clock
        self._committed = committed
        self._n = store.next_batch(config.writer)
        self._tick_ns = mirror.tick_ns
        self._ticked_ns = 0
        self._states_saved_ns = 0
        self._states_saved_marks = 0
        self._states: dict[str, bytes] = {}
        self.metrics = Metrics(tuple(decoding.decoders), config.writer)
        self.stopping = stopping or threading.Event()

    def step(self, wait_s: float = TICK_S) -> int:
        """Take what waits, store it, acknowledge it; returns how many messages that were."""
        return self.store(self.prepare(wait_s))

    def prepare(self, wait_s: float = TICK_S) -> Prepared:
        """Take what waits and decode it. May run in another thread than `store`, a batch ahead of it."""
        deliveries, events = self._queue.take(self._config.batch_messages, min(wait_s, LOOK_S))
        while not deliveries and wait_s > LOOK_S and not self.stopping.is_set():
            wait_s -= LOOK_S
            deliveries, more_events = self._queue.take(self._config.batch_messages, min(wait_s, LOOK_S))
            events += more_events
        if 0 < len(deliveries) < CROWD and not self.stopping.wait(LINGER_S):
            more, more_events = self._queue.take(self._config.batch_messages - len(deliveries), 0.0)
            deliveries, events = deliveries + more, events + more_events
        decoded = self._decoding.decode(deliveries, MAX_BATCH_FRAMES)
        if len(decoded.deliveries) < len(deliveries):
            looked_at = set(map(id, decoded.deliveries))
            self._queue.put_back([delivery for delivery in deliveries if id(delivery) not in looked_at])
        decoded = self._ticked(decoded)
        return Prepared(decoded, events, self._decoder_states(), self._decoding.take_newcomers())

    def _ticked(self, decoded: Decoded) -> Decoded:
        """Once a second, tell the decoders the time.

        While messages wait it is that of the newest one decoded: a message that waits here has not failed to come.
        """
        now_ns = self._clock.now_ns()
        if 0 <= now_ns - self._ticked_ns < NS_PER_S:  # less: the clock was set back
            return decoded
        self._ticked_ns = now_ns
        if decoded.deliveries and len(self._queue):
            now_ns = max([delivery.message.received_ns for delivery in decoded.deliveries])
        return self._decoding.ticked(decoded, now_ns)

    def store(self, prepared: Prepared) -> int:
        """Store what was prepared, in order, and acknowledge it; returns how many messages that were."""
        self._store_all(prepared)
        if self._queue.has_room:
            for source in self._sources.values():
                source.resume()
        return len(prepared.decoded.deliveries)

    def _store_all(self, prepared: Prepared) -> None:
        """Store, bisecting down to the guilty message when the database refuses the data itself."""
        decoded = prepared.decoded
        try:
            self._commit(prepared)
        except StoreRejected as error:
            if decoded.can_be_cut:
                first, second = decoded.halves()
                self._store_all(replace(prepared, decoded=first))
                self._store_all(Prepared(second))
                return
            if decoded.letters or not (decoded.deliveries or decoded.of_ticks):
                raise
            letter = None
            if decoded.deliveries:
                letter = self._decoding.reject(decoded.deliveries[0], "store_rejected", str(error))
            else:
                log.error("what time alone told is refused by the store and lost: %s", error)  # noqa: TRY400
            self._commit(replace(prepared, decoded=decoded.refused(letter, "store_rejected", str(error))))
        self._acknowledge(decoded.deliveries)

    def _commit(self, prepared: Prepared) -> None:
        """One transaction, tried until the store takes or refuses it. Never drops, never acknowledges before.

        Raises StoreRejected; and StoreUnavailable when told to stop meanwhile: what is in hand comes again.
        """
        decoded = prepared.decoded
        now_ns = self._clock.now_ns()
        self._tick_ns = max(self._tick_ns, now_ns)
        own = self.metrics.frames(
            now_ns, self._tick_ns, self._n, len(self._queue), partial(self._deaf, decoded, now_ns)
        )
        batch = batch_of(self._config.writer, self._n, self._tick_ns, [*(part for part, _ in decoded.parts), *own])
        counts = count(decoded)
        commit = Commit(
            batch=batch,
            dead_letters=letters_of(decoded),
            counts=(*counts, *_own_count(own, now_ns)),
            decoder_states=prepared.states,
            events=(*prepared.events, *(one.word for one in decoded.asides if isinstance(one.word, Event))),
            newcomers=prepared.newcomers,
            findings=findings_of(decoded.asides, decoded.deliveries),
        )
        pause_s, longest_s = _BACK_OFF_S
        waited_s = 0.0
        while True:
            self._folding.begin()
            try:
                outcome = self._store.append(commit, partial(self._folding.apply, outside=commit.events))
            except StoreRejected:
                self._folding.undo()
                self.metrics.forget()
                raise
            except StoreUnavailable as error:
                self._folding.undo()
                if self.stopping.is_set():
                    raise
                log.error("the store is away, batch %d waits: %s", self._n, error)  # noqa: TRY400  said once a try
                waited_s += self._wait(pause_s)
                if waited_s >= HOLD_AFTER_S:
                    for source in self._sources.values():
                        source.hold()
                pause_s = min(pause_s * 2, longest_s)
                continue
            self._n += 1
            self._folding.settled()
            self.metrics.committed((self._clock.now_ns() - now_ns) / NS_PER_S)
            self.metrics.stored(decoded, counts, outcome)
            self._committed(batch, self._folding.mirror.changed)
            self._ask(decoded)
            return

    def _deaf(self, decoded: Decoded, now_ns: int) -> list[str]:
        """The sources that are not connected, or whose newest messages waited so long that more of them must wait."""
        newest_ns = dict.fromkeys(self._sources, now_ns)
        for source, message, _ in decoded.deliveries:
            newest_ns[source] = message.received_ns  # in order
        return [
            name
            for name, source in self._sources.items()
            if not source.connected or now_ns - newest_ns[name] > BEHIND_NS
        ]

    def _ask(self, decoded: Decoded) -> None:
        """Publish what decoders asked for: after the commit, so once, however often that was tried."""
        by_source: dict[str, list[Ask]] = {}
        for aside in decoded.asides:
            if isinstance(aside.word, Ask):
                by_source.setdefault(aside.source, []).append(aside.word)
        for name, asks in by_source.items():
            source: object = self._sources.get(name)
            if isinstance(source, Asking):
                source.ask(asks)
            else:
                log.warning(
                    "%s: its messages come from where nothing can be published: %d asks dropped", name, len(asks)
                )

    def _wait(self, pause_s: float) -> float:
        paused_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311  jitter
        self.stopping.wait(paused_s)
        return paused_s

    def _decoder_states(self) -> dict[str, bytes]:
        """What the decoders want saved with the batch: each second, and with what must not be forgotten."""
        now_ns, marks = self._clock.now_ns(), self._decoding.marks
        # A stream that the store knows and the decoder has forgotten would get its name with other fields; and
        # of a session that it has forgotten, what comes again would be stored again.
        is_marked = marks != self._states_saved_marks
        if 0 <= now_ns - self._states_saved_ns < NS_PER_S and not is_marked:  # less: the clock was set back
            return {}
        states = {name: decoder.state() for name, decoder in self._decoding.decoders.items()}
        changed = {name: state for name, state in states.items() if state != self._states.get(name)}
        if changed:
            self._states.update(changed)
            self._states_saved_ns, self._states_saved_marks = now_ns, marks
        return changed

    def _acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        by_source: dict[str, list[object]] = {}
        for source, _, receipt in deliveries:
            by_source.setdefault(source, []).append(receipt)
        for name, receipts in by_source.items():
            self._sources[name].acknowledge(receipts)


def _own_count(own: list[Frames], now_ns: int) -> tuple[SourceCount, ...]:
    """The twin's own samples count like anyone's."""
    if not own:
        return ()
    frames = sum(len(part) for part in own)
    return (SourceCount("twin", len(own), len(own), decoded_frames=frames, last_received_ns=now_ns),)
