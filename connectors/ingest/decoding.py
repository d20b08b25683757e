"""Deliveries → frames, dead letters and counts. Nothing that a device sends stops it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from connectors.ingest.aside import TICK, Aside, Lives, kind_of, letter_of, refused, words_of
from connectors.ingest.complaints import Complaints
from connectors.stores._codec import same_columns
from twin.clock import NS_PER_S
from twin.decoder import BatchDecoder, BulkDecoder, TimedDecoder
from twin.errors import DecodeError
from twin.message import Announced, DeadLetter, Handled, Liveness, Message, Settled
from twin.ports import SourceCount
from twin.sample import Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.ingest.aside import Word
    from connectors.ingest.newcomers import Newcomers
    from twin.decoder import Decoder, Told
    from twin.ports import Delivery, Newcomer
    from twin.sample import Block, Latest, Stream

log = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES = 1_000_000
"""What MQTT 5 brokers are asked to hold back; older ones and recorded files do not know of it."""


HELD = "held"
"""The kind of handling of a message whose meaning waits for another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What became of some deliveries, each named by its place among them.

    ``parts``: frames, and for each of their rows the place of the delivery that it came from, int64
    (rows,). A delivery that is neither in ``letters`` nor in ``handled`` has become frames.
    ``asides`` are words that are no frames, in order. What no delivery brought has the place `TICK`.
    """

    deliveries: Sequence[Delivery]
    parts: tuple[tuple[Frames, NDArray[np.int64]], ...] = ()
    letters: Mapping[int, DeadLetter] = field(default_factory=dict)
    handled: Mapping[int, str] = field(default_factory=dict)
    asides: tuple[Aside, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return sum(len(part) for part, _ in self.parts)

    @property
    def of_ticks(self) -> bool:
        """Whether something in it came of no delivery."""
        return any(places[0] == TICK for _, places in self.parts) or any(one.place == TICK for one in self.asides)

    @property
    def can_be_cut(self) -> bool:
        """Whether there is more than one thing in it."""
        return len(self.deliveries) > 1 or (bool(self.deliveries) and self.of_ticks)

    def halves(self) -> tuple[Decoded, Decoded]:
        """The first half of the deliveries and the second one, each with what became of it.

        What came of no delivery is a half of its own: as it came after all of them, the second.
        """
        middle = len(self.deliveries) if self.of_ticks else len(self.deliveries) // 2
        return self._cut(0, middle), self._cut(middle, len(self.deliveries))

    def refused(self, letter: DeadLetter | None, reason: str, detail: str) -> Decoded:
        """The same, whose frames the store refuses: one delivery, or none."""
        asides = [
            Aside(one.place, one.source, word)
            for one in self.asides
            for word in refused([one.word], reason, detail)
        ]  # fmt: skip
        return Decoded(self.deliveries, letters={} if letter is None else {0: letter}, asides=tuple(asides))

    def _cut(self, start: int, end: int) -> Decoded:
        parts = []
        for part, places in self.parts:
            rows = places == TICK if start == end else (places >= start) & (places < end)
            if rows.any():
                parts.append((part.take(rows), places[rows] - start if start < end else places[rows]))
        return Decoded(
            self.deliveries[start:end],
            tuple(parts),
            {place - start: letter for place, letter in self.letters.items() if start <= place < end},
            {place - start: kind for place, kind in self.handled.items() if start <= place < end},
            tuple(
                one._replace(place=one.place - start) if start < end else one
                for one in self.asides
                if (start <= one.place < end if start < end else one.place == TICK)
            ),
        )


@dataclass(slots=True)
class _Found:
    """What deliveries have become so far (mutable): the fields of `Decoded`."""

    parts: list[tuple[Frames, NDArray[np.int64]]] = field(default_factory=list)
    letters: dict[int, DeadLetter] = field(default_factory=dict)
    handled: dict[int, str] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)


class Decoding:
    """The decoders of all sources. Mutable (decoders have state); the writer owns it."""

    def __init__(  # noqa: PLR0913  its limits, and what an earlier run left
        self,
        decoders: Mapping[str, Decoder],
        max_future_s: float,
        max_signals: int,
        monotonic_s: Callable[[], float] = time.monotonic,
        newcomers: Newcomers | None = None,
        before: Iterable[Latest] = (),
    ) -> None:
        """``before`` are the latest frames of an earlier run."""
        self.decoders = decoders
        self._newcomers = newcomers
        self._max_future_ns = round(max_future_s * NS_PER_S)
        self._max_signals = max_signals
        self._known: dict[str, dict[str, Stream]] = {name: {} for name in decoders}
        self._columns: dict[str, Stream] = {}
        self._signals: dict[str, int] = dict.fromkeys(decoders, 0)
        self._complaints = Complaints(log, monotonic_s)
        self._lives = Lives(before)

    @property
    def streams(self) -> int:
        """How many streams the decoders have made frames of so far."""
        return sum(map(len, self._known.values()))

    @property
    def marks(self) -> int:
        """Goes up where a decoder's state must be stored at once: at a new stream, and where the decoder says so."""
        return self.streams + sum(getattr(decoder, "marks", 0) for decoder in self.decoders.values())

    def decode(self, deliveries: Sequence[Delivery], max_frames: int) -> Decoded:
        """Decode deliveries in order until there are ``max_frames`` frames; the result holds those it came to.

        Everything that goes wrong with one becomes a dead letter with a reason. Where deliveries of
        several sources wait, the result's are in order by source.
        """
        places: dict[str, list[int]] = {}
        for place, delivery in enumerate(deliveries):
            places.setdefault(delivery.source, []).append(place)
        taken: list[int] = []
        found = _Found()
        frames = 0
        for source, waiting in places.items():
            if frames >= max_frames:
                break
            bulk, own, alone, told = self._decode_many(source, deliveries, waiting, max_frames - frames)
            found.parts += bulk
            frames += sum(len(part) for part, _ in bulk)
            for count, place in enumerate(alone):
                frames += self._decode_one(deliveries[place], place, found, told.get(place))
                if frames >= max_frames and not bulk and not told:
                    del own[count + 1 :]
                    break
            taken += own
        if len(taken) == len(deliveries):
            return Decoded(deliveries, tuple(found.parts), found.letters, found.handled, tuple(found.asides))
        return _renumbered(deliveries, sorted(taken), found)

    def ticked(self, decoded: Decoded, now_ns: int) -> Decoded:
        """The same, and what the decoders make of the time ``now_ns`` after these deliveries."""
        parts: list[tuple[Frames, NDArray[np.int64]]] = []
        asides: list[Aside] = []
        message = Message("", b"", now_ns)
        for source, decoder in self.decoders.items():
            if not isinstance(decoder, TimedDecoder):
                continue
            try:
                found = list(decoder.tick(now_ns))
            except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
                self._complaints.tell(source, "decoder_fault", f"tick: {type(error).__name__}: {error}", error)
                continue
            try:
                frames, words = self._sorted(source, found, message)
            except DecodeError as error:
                self._complaints.tell(source, error.reason, f"what time alone told is lost: {error.detail}")
                frames, words = [], refused(words_of(found), error.reason, error.detail)
            parts += [(_of_source(part, source), np.full(len(part), TICK, np.int64)) for part in frames if len(part)]
            asides += [Aside(TICK, source, word) for word in words]
        if not parts and not asides:
            return decoded
        return Decoded(
            decoded.deliveries, (*decoded.parts, *parts), decoded.letters, decoded.handled, (*decoded.asides, *asides)
        )

    def _decode_many(
        self, source: str, deliveries: Sequence[Delivery], places: list[int], max_frames: int
    ) -> tuple[list[tuple[Frames, NDArray[np.int64]]], list[int], list[int], dict[int, list[Told] | Exception]]:
        """(frames read at once, places looked at, those read one by one, by place what was told of these already)."""
        decoder = self.decoders[source]
        if len(places) == 1 or not isinstance(decoder, BulkDecoder | BatchDecoder):
            return [], list(places), places, {}
        fit = [place for place in places if len(deliveries[place].message.payload) <= MAX_PAYLOAD_BYTES]
        too_large = set(places).difference(fit) if len(fit) < len(places) else set()
        messages = [deliveries[place].message for place in fit]
        left: Iterable[int]
        told: dict[int, list[Told] | Exception] = {}
        try:
            if isinstance(decoder, BatchDecoder):
                blocks, told, looked_at = decoder.decode_batch(messages, max_frames)
                left = told
            else:
                blocks, left, looked_at = decoder.decode_many(messages, max_frames)
        except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
            self._complaints.tell(source, "decoder_fault", "many messages at once: read one by one instead", error)
            return [], list(places), places, {}
        of_message = np.array(fit, np.int64)
        found: list[tuple[Frames, NDArray[np.int64]]] = []
        refused: set[int] = set()
        for block in blocks:
            found += self._checked_block(source, block, of_message, refused)
        own = fit[:looked_at]
        if too_large:
            own = sorted([*own, *(place for place in too_large if looked_at == len(fit) or place < own[-1])])
        alone = sorted([*(fit[index] for index in refused.union(left)), *too_large.intersection(own)])
        if refused:
            found = _without(found, of_message[sorted(refused)])
        return found, own, alone, {fit[index]: said for index, said in told.items()}

    def _checked_block(
        self, source: str, block: Block, of_message: NDArray[np.int64], refused: set[int]
    ) -> Iterator[tuple[Frames, NDArray[np.int64]]]:
        """The frames of a block by stream, and the places of their rows.

        Messages of streams that are not known yet go to ``refused``: alone they are known, or told why not.
        """
        known = self._known[source]
        any_ahead = (block.t_ns > block.received_ns + self._max_future_ns).any()
        places = of_message[block.message]
        edges = block.edges.tolist()
        for (part, messages), start, end in zip(block.parts(), edges, edges[1:], strict=False):
            before = known.get(part.stream.id)
            if before is not part.stream and before != part.stream:
                refused.update(messages.tolist())
            else:
                yield (self._of_its_time(part) if any_ahead else part), places[start:end]

    def _decode_one(
        self, delivery: Delivery, place: int, to: _Found, told: list[Told] | Exception | None = None
    ) -> int:  # fmt: skip
        """Decode one delivery into frames, a dead letter or a kind of handling; how many frames that were.

        ``told`` is what its decoder has said of it, or raised; None where it was not asked yet.
        """
        message = delivery.message
        size = len(message.payload)
        if size > MAX_PAYLOAD_BYTES:
            to.letters[place] = self.reject(
                delivery, "too_large", f"{size} bytes, at most {MAX_PAYLOAD_BYTES} are taken"
            )
            return 0
        found: list[Told] = []
        try:
            found = list(self.decoders[delivery.source].decode(message)) if told is None else _said(told)
            frames = [self._checked(delivery.source, part, message) for part in found if isinstance(part, Frames)]
            if len(frames) < len(found) or not found:
                frames += self._beside(delivery, place, found, to)
        except DecodeError as error:
            to.letters[place] = self.reject(delivery, error.reason, error.detail)
            settled = refused(words_of(found), error.reason, error.detail)
            to.asides += [Aside(place, delivery.source, word) for word in settled]
            return 0
        except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
            to.letters[place] = self.reject(delivery, "decoder_fault", f"{type(error).__name__}: {error}", fault=error)
            return 0
        to.parts += [(part, np.full(len(part), place, np.int64)) for part in frames]
        return sum(map(len, frames))

    def _beside(self, delivery: Delivery, place: int, found: Sequence[Told], to: _Found) -> list[Frames]:
        """Note what is no frames, and as what the delivery counts; returns the frames that liveness becomes."""
        lives, words = self._words(delivery.source, found, delivery.message)
        to.asides += [Aside(place, delivery.source, word) for word in words]
        if not any(isinstance(part, Frames) for part in found):
            told = (part.kind for part in found if isinstance(part, Handled))
            to.handled[place] = next(told, None) or kind_of(found)
        return lives

    def _sorted(self, source: str, found: Sequence[Told], message: Message) -> tuple[list[Frames], list[Word]]:
        """Frames, and words beside them."""
        frames = [self._checked(source, part, message) for part in found if isinstance(part, Frames)]
        lives, words = self._words(source, found, message)
        return frames + lives, words

    def _words(self, source: str, found: Sequence[Told], message: Message) -> tuple[list[Frames], list[Word]]:
        """The frames that liveness becomes, and the words beside them, with what the newcomers make of these."""
        lives: list[Frames] = []
        words = words_of(found)
        for told in found:
            if isinstance(told, Liveness):
                part = self._lives.frame(told, source, message, message.received_ns + self._max_future_ns)
                try:
                    self._know(source, part, message)
                except DecodeError:
                    self._lives.forget(told.path)
                    raise
                lives.append(part)
                if self._newcomers is not None:
                    self._newcomers.live(told)
            elif isinstance(told, Announced) and self._newcomers is not None:
                words += self._newcomers.announce(source, told, message)
        return lives, words

    def reject(self, delivery: Delivery, reason: str, detail: str, fault: Exception | None = None) -> DeadLetter:
        """The delivery as a dead letter; ``fault`` is an error that is the program's own, told with its traceback."""
        message = delivery.message
        self._complaints.tell(delivery.source, reason, f"dead letter: {message.topic}: {detail}", fault)
        return DeadLetter(delivery.source, message.topic, reason, detail, message.payload, message.received_ns)

    def take_newcomers(self) -> tuple[Newcomer, ...]:
        """Devices seen for the first time since the last call."""
        return () if self._newcomers is None else self._newcomers.take()

    def _checked(self, source: str, part: Frames, message: Message) -> Frames:
        self._know(source, part, message)
        if message.retain:
            # The broker kept it for nobody knows how long: without a time of its own it is not of now.
            part = _judged(part, (part.t_ns == part.received_ns) & (part.quality == Quality.GOOD), Quality.STALE)
        return self._of_its_time(part)

    def _know(self, source: str, part: Frames, message: Message) -> None:
        """Let a stream in; raises DecodeError where there is no room for it, or another has its name."""
        known, stream = self._known[source], part.stream
        before = known.get(stream.id)
        if before is stream:
            return
        first = self._columns.get(stream.id, stream)
        if not same_columns(first, stream):
            raise DecodeError(
                "stream_clash",
                f"{stream.id} has the fields {_names(first)} already, and cannot have {_names(stream)} too",
            )
        if before is None:
            wanted = self._signals[source] + len(stream.signals)
            if wanted > self._max_signals:
                raise DecodeError("cardinality", f"more than {self._max_signals} signals from one source")
            if self._newcomers is not None:
                self._newcomers.see(source, message, stream)
            self._signals[source] = wanted
        self._columns[stream.id] = known[stream.id] = stream

    def _of_its_time(self, part: Frames) -> Frames:
        ahead = part.t_ns > part.received_ns + self._max_future_ns
        return _judged(part, ahead, Quality.CLOCK_AHEAD) if ahead.any() else part


def _said(told: list[Told] | Exception) -> list[Told]:
    if isinstance(told, Exception):
        raise told
    return told


def _without(
    parts: list[tuple[Frames, NDArray[np.int64]]], places: NDArray[np.int64]
) -> list[tuple[Frames, NDArray[np.int64]]]:
    """The parts without the rows of the messages at ``places``: what is read alone must not be there twice."""
    found = []
    for part, own in parts:
        kept = ~np.isin(own, places)
        if kept.all():
            found.append((part, own))
        elif kept.any():
            found.append((part.take(kept), own[kept]))
    return found


def _of_source(part: Frames, source: str) -> Frames:
    """The frames as that source's: without a delivery only their stream says whose they are."""
    return part if part.stream.source == source else replace(part, stream=replace(part.stream, source=source))


def _names(stream: Stream) -> str:
    return ", ".join(f"{signal.name} [{signal.unit}]" for signal in stream.signals[:20])


def _judged(part: Frames, rows: NDArray[np.bool_], quality: Quality) -> Frames:
    """The frames with another quality at those rows (a mask)."""
    judged = np.where(rows, np.int16(quality), part.quality)
    return Frames(part.stream, part.t_ns, part.seq, part.received_ns, part.values, judged, part.texts)


def _renumbered(deliveries: Sequence[Delivery], taken: list[int], found: _Found) -> Decoded:
    """What became of the deliveries at the places ``taken``, which are all that were looked at."""
    new = np.zeros(len(deliveries), np.int64)
    new[taken] = np.arange(len(taken))
    return Decoded(
        [deliveries[place] for place in taken],
        tuple((part, new[places]) for part, places in found.parts),
        {int(new[place]): letter for place, letter in found.letters.items()},
        {int(new[place]): kind for place, kind in found.handled.items()},
        tuple(one._replace(place=int(new[one.place])) for one in found.asides),
    )


@dataclass(slots=True)
class _Count:
    received: int = 0
    decoded: int = 0
    handled: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    decoded_frames: int = 0
    last_received_ns: int = 0


def count(decoded: Decoded) -> tuple[SourceCount, ...]:
    """The accounting terms of these deliveries, by source."""
    numbers = Counter([d[0] for d in decoded.deliveries])
    counts = {source: _Count(received, received) for source, received in numbers.items()}
    if len(counts) == 1:
        (only,) = counts.values()
        only.last_received_ns = max([delivery[1][2] for delivery in decoded.deliveries])
    else:
        for source, message, _ in decoded.deliveries:
            counts[source].last_received_ns = max(counts[source].last_received_ns, message.received_ns)
    for place, letter in decoded.letters.items():
        row = counts[decoded.deliveries[place].source]
        row.decoded -= 1
        _add(row.rejected, letter.reason, 1)
    for place, kind in decoded.handled.items():
        row = counts[decoded.deliveries[place].source]
        row.decoded -= 1
        _add(row.handled, kind, 1)
    for part, places in decoded.parts:
        place = int(places[0])
        source = part.stream.source if place == TICK else decoded.deliveries[place].source
        counts.setdefault(source, _Count()).decoded_frames += len(part)
    for aside in decoded.asides:
        if isinstance(aside.word, Settled):
            _settle(counts.setdefault(aside.source, _Count()), aside.word)
    return tuple(
        SourceCount(
            name, row.received, row.decoded, row.handled, row.rejected, row.decoded_frames,
            row.last_received_ns,
        )
        for name, row in counts.items()
    )  # fmt: skip


def _settle(row: _Count, word: Settled) -> None:
    """A held message is held no longer."""
    _add(row.handled, HELD, -1)
    if word.reason:
        _add(row.rejected, word.reason, 1)
    else:
        row.decoded += 1


def _add(counts: dict[str, int], name: str, number: int) -> None:
    counts[name] = counts.get(name, 0) + number


def letters_of(decoded: Decoded) -> tuple[DeadLetter, ...]:
    """The dead letters: of these deliveries, and of messages held before that came to nothing."""
    late = [letter for aside in decoded.asides if (letter := letter_of(aside)) is not None]
    return (*decoded.letters.values(), *late)
