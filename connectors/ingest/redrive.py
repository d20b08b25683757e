"""Dead letters through the decoders of today: what a mended decoder or factory file now understands is stored."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from connectors.ingest.alarming import Alarming
from connectors.ingest.aside import findings_of
from connectors.ingest.decoding import Decoded, Decoding, count, letters_of
from connectors.ingest.folding import Folding
from connectors.plugins import make_decoder, rules_of
from twin.errors import StoreRejected
from twin.events import Event
from twin.keyframes import resume_with_alarms
from twin.message import Message
from twin.ports import Commit, Delivery, SourceCount
from twin.sample import batch_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.clock import Clock
    from twin.config import Factory
    from twin.ports import History, Store, StoredDeadLetter

LETTERS_A_BATCH = 200
LETTERS_A_SOURCE = 10_000
MADE_BY_THE_STORE = "key_conflict"
"""Letters of this reason hold two frames that contradict each other, not a message."""


@dataclass(slots=True)
class Redriven:
    """What became of the dead letters, in rows (mutable while it runs); ``messages`` counts repeats too."""

    letters: int = 0
    messages: int = 0
    frames: int = 0
    stored: int = 0
    duplicate: int = 0
    key_conflict: int = 0
    cut: int = 0
    """Longer than what is kept of a payload: these cannot be read again."""
    no_message: int = 0
    no_source: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    """Still dead letters, by the reason of today."""


class Redrive:
    """Feeds dead letters again, in the order they came. Mutable: mirror and decoders; one run each.

    A letter keeps its topic and its first receive time. One that is decoded leaves the dead letters
    in the transaction that stores its frames, and its messages move from rejected to decoded (or
    handled), so that received = decoded + handled + rejected stays true; ``redriven`` counts them.
    The repeats of a letter (the same payload on the same topic) move with it, and their frames, which
    are the same, are told once. One that is still not understood stays as it is.
    """

    def __init__(self, factory: Factory, store: Store, history: History, clock: Clock) -> None:
        self._writer = factory.ingest.writer
        self._store = store
        self._history = history
        self._clock = clock
        mirror, keyframes, alarms = resume_with_alarms(history, self._writer, rules_of(factory))
        self._folding = Folding(self._writer, mirror, keyframes, Alarming(alarms, None, 0, clock))
        decoders = {s.name: make_decoder(s.decoder, s.options, s.name, factory.hub) for s in factory.sources}
        for name, state in store.decoder_states().items():
            if name in decoders:
                decoders[name].restore(state)
        self._decoding = Decoding(decoders, factory.ingest.max_future_s, factory.ingest.max_signals_per_source)
        self._result = Redriven()

    def run(self, source: str = "", reason: str = "") -> Redriven:
        """Feed the letters of a source and a reason, or all; raises StoreUnavailable."""
        for name in [source] if source else sorted(self._history.by_source()):
            letters = self._history.dead_letters(source=name, reason=reason, limit=LETTERS_A_SOURCE)
            chosen = sorted(letters, key=lambda letter: (letter.first_ns, letter.id))
            for first in range(0, len(chosen), LETTERS_A_BATCH):
                self._feed(chosen[first : first + LETTERS_A_BATCH])
        return self._result

    def _feed(self, letters: Sequence[StoredDeadLetter]) -> None:
        understood: list[tuple[StoredDeadLetter, Decoded]] = []
        for letter in letters:
            decoded = self._decoded(letter)
            if decoded is not None:
                understood.append((letter, decoded))
        if understood:
            self._store_all(understood)

    def _decoded(self, letter: StoredDeadLetter) -> Decoded | None:
        result = self._result
        if letter.reason == MADE_BY_THE_STORE:
            result.no_message += 1
        elif letter.source not in self._decoding.decoders:
            result.no_source += 1
        elif hashlib.sha256(letter.payload).hexdigest() != letter.sha256:
            result.cut += 1
        else:
            message = Message(letter.topic, letter.payload, letter.first_ns, 1)
            decoded = self._decoding.decode([Delivery(letter.source, message)], 1)
            if not decoded.letters:
                return decoded
            self._refuse(decoded.letters[0].reason)
        return None

    def _refuse(self, reason: str) -> None:
        self._result.refused[reason] = self._result.refused.get(reason, 0) + 1

    def _store_all(self, understood: list[tuple[StoredDeadLetter, Decoded]]) -> None:
        try:
            self._commit(understood)
        except StoreRejected:
            if len(understood) == 1:
                self._refuse("store_rejected")
                return
            middle = len(understood) // 2
            self._store_all(understood[:middle])
            self._store_all(understood[middle:])

    def _commit(self, understood: Sequence[tuple[StoredDeadLetter, Decoded]]) -> None:
        parts = [part for _, decoded in understood for part, _ in decoded.parts]
        tick_ns = max(self._folding.mirror.tick_ns, self._clock.now_ns())
        sources = {letter.source for letter, _ in understood}
        asides = [aside for _, decoded in understood for aside in decoded.asides]
        commit = Commit(
            batch=batch_of(self._writer, self._store.next_batch(self._writer), tick_ns, parts),
            counts=tuple(_count(letter, decoded) for letter, decoded in understood),
            decoder_states={name: self._decoding.decoders[name].state() for name in sources},
            redriven=tuple(letter.id for letter, _ in understood),
            dead_letters=tuple(letter for _, decoded in understood for letter in letters_of(decoded)),
            events=tuple(aside.word for aside in asides if isinstance(aside.word, Event)),
            findings=tuple(
                found for _, decoded in understood for found in findings_of(decoded.asides, decoded.deliveries)
            ),
        )
        self._folding.begin()
        try:
            outcome = self._store.append(commit, partial(self._folding.apply, outside=commit.events))
        except StoreRejected:
            self._folding.undo()
            raise
        self._folding.settled()
        result = self._result
        result.letters += len(understood)
        result.messages += sum(letter.count for letter, _ in understood)
        result.frames += sum(map(len, parts))
        result.stored += outcome.stored
        result.duplicate += outcome.duplicate
        result.key_conflict += outcome.key_conflict


def _count(letter: StoredDeadLetter, decoded: Decoded) -> SourceCount:
    """The letter's messages move out of rejected; messages held before that they settle count as ever."""
    again = letter.count
    (told,) = count(decoded)
    held = Counter(told.handled)
    held.subtract(decoded.handled.values())
    handled = Counter({kind: number for kind, number in held.items() if number})
    handled.update(dict.fromkeys(decoded.handled.values(), again))
    own = 0 if decoded.handled else 1
    return SourceCount(
        letter.source,
        decoded=told.decoded - own + own * again,
        handled=handled,
        rejected={**told.rejected, letter.reason: told.rejected.get(letter.reason, 0) - again},
        decoded_frames=told.decoded_frames,
        redriven=again,
    )
