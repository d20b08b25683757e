"""Deliveries → frames, dead letters and counts. Nothing that a device sends stops it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from connectors.ingest.complaints import Complaints
from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import DeadLetter, Handled
from twin.ports import BulkDecoder, SourceCount
from twin.sample import Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.ingest.newcomers import Newcomers
    from twin.message import Message
    from twin.ports import Decoder, Delivery, Newcomer
    from twin.sample import Block

log = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES = 1_000_000
"""What MQTT 5 brokers are asked to hold back; older ones and recorded files do not know of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What became of some deliveries, each named by its place among them.

    ``parts``: frames, and for each of their rows the place of the delivery that it came from, int64
    (rows,). A delivery that is neither in ``letters`` nor in ``handled`` has become frames.
    """

    deliveries: Sequence[Delivery]
    parts: tuple[tuple[Frames, NDArray[np.int64]], ...] = ()
    letters: Mapping[int, DeadLetter] = field(default_factory=dict)
    handled: Mapping[int, str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return sum(len(part) for part, _ in self.parts)

    def halves(self) -> tuple[Decoded, Decoded]:
        """The first half of the deliveries and the second one, each with what became of it."""
        middle = len(self.deliveries) // 2
        return self._cut(0, middle), self._cut(middle, len(self.deliveries))

    def _cut(self, start: int, end: int) -> Decoded:
        parts = []
        for part, places in self.parts:
            rows = (places >= start) & (places < end)
            if rows.any():
                parts.append((part.take(rows), places[rows] - start))
        return Decoded(
            self.deliveries[start:end],
            tuple(parts),
            {place - start: letter for place, letter in self.letters.items() if start <= place < end},
            {place - start: kind for place, kind in self.handled.items() if start <= place < end},
        )


class Decoding:
    """The decoders of all sources. Mutable (decoders have state); the writer owns it."""

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        max_future_s: float,
        max_signals: int,
        monotonic_s: Callable[[], float] = time.monotonic,
        newcomers: Newcomers | None = None,
    ) -> None:
        self.decoders = decoders
        self._newcomers = newcomers
        self._max_future_ns = round(max_future_s * NS_PER_S)
        self._max_signals = max_signals
        self._known: dict[str, set[str]] = {name: set() for name in decoders}
        self._signals: dict[str, int] = dict.fromkeys(decoders, 0)
        self._complaints = Complaints(log, monotonic_s)

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
        parts: list[tuple[Frames, NDArray[np.int64]]] = []
        letters: dict[int, DeadLetter] = {}
        handled: dict[int, str] = {}
        frames = 0
        for source, waiting in places.items():
            if frames >= max_frames:
                break
            bulk, own, alone = self._decode_many(source, deliveries, waiting, max_frames - frames)
            parts += bulk
            frames += sum(len(part) for part, _ in bulk)
            for count, place in enumerate(alone):
                frames += self._decode_one(deliveries[place], place, parts, letters, handled)
                if frames >= max_frames and not bulk:
                    del own[count + 1 :]
                    break
            taken += own
        if len(taken) == len(deliveries):
            return Decoded(deliveries, tuple(parts), letters, handled)
        return _renumbered(deliveries, sorted(taken), parts, letters, handled)

    def _decode_many(
        self, source: str, deliveries: Sequence[Delivery], places: list[int], max_frames: int
    ) -> tuple[list[tuple[Frames, NDArray[np.int64]]], list[int], list[int]]:
        """(frames read at once, the places looked at, the places of them that are to be read one by one)."""
        decoder = self.decoders[source]
        if len(places) == 1 or not isinstance(decoder, BulkDecoder):
            return [], list(places), places
        fit = [place for place in places if len(deliveries[place].message.payload) <= MAX_PAYLOAD_BYTES]
        too_large = set(places).difference(fit) if len(fit) < len(places) else set()
        try:
            blocks, left, looked_at = decoder.decode_many([deliveries[place].message for place in fit], max_frames)
        except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
            self._complaints.tell(source, "decoder_fault", "many messages at once: read one by one instead", error)
            return [], list(places), places
        of_message = np.array(fit, np.int64)
        found: list[tuple[Frames, NDArray[np.int64]]] = []
        refused: set[int] = set()
        for block in blocks:
            found += self._checked_block(source, block, of_message, refused)
        own = fit[:looked_at]
        if too_large:
            own = sorted([*own, *(place for place in too_large if looked_at == len(fit) or place < own[-1])])
        alone = [fit[index] for index in sorted(refused.union(left))]
        return found, own, sorted([*alone, *too_large.intersection(own)])

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
            if part.stream.id not in known:
                refused.update(messages.tolist())
            else:
                yield (self._of_its_time(part) if any_ahead else part), places[start:end]

    def _decode_one(
        self,
        delivery: Delivery,
        place: int,
        parts: list[tuple[Frames, NDArray[np.int64]]],
        letters: dict[int, DeadLetter],
        handled: dict[int, str],
    ) -> int:
        """Decode one delivery into frames, a dead letter or a kind of handling; how many frames that were."""
        message = delivery.message
        size = len(message.payload)
        if size > MAX_PAYLOAD_BYTES:
            letters[place] = self.reject(delivery, "too_large", f"{size} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
            return 0
        try:
            found = list(self.decoders[delivery.source].decode(message))
            frames = [self._checked(delivery.source, part, message) for part in found if isinstance(part, Frames)]
        except DecodeError as error:
            letters[place] = self.reject(delivery, error.reason, error.detail)
            return 0
        except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
            letters[place] = self.reject(delivery, "decoder_fault", f"{type(error).__name__}: {error}", fault=error)
            return 0
        if not frames:
            kinds = [part.kind if isinstance(part, Handled) else "liveness" for part in found]
            handled[place] = kinds[0] if kinds else "empty"
        parts += [(part, np.full(len(part), place, np.int64)) for part in frames]
        return sum(map(len, frames))

    def reject(self, delivery: Delivery, reason: str, detail: str, fault: Exception | None = None) -> DeadLetter:
        """The delivery as a dead letter; ``fault`` is an error that is the program's own, told with its traceback."""
        message = delivery.message
        self._complaints.tell(delivery.source, reason, f"dead letter: {message.topic}: {detail}", fault)
        return DeadLetter(delivery.source, message.topic, reason, detail, message.payload, message.received_ns)

    def take_newcomers(self) -> tuple[Newcomer, ...]:
        """Devices seen for the first time since the last call."""
        return () if self._newcomers is None else self._newcomers.take()

    def _checked(self, source: str, part: Frames, message: Message) -> Frames:
        known = self._known[source]
        if part.stream.id not in known:
            wanted = self._signals[source] + len(part.stream.signals)
            if wanted > self._max_signals:
                raise DecodeError("cardinality", f"more than {self._max_signals} signals from one source")
            if self._newcomers is not None:
                self._newcomers.see(source, message, part.stream)
            known.add(part.stream.id)
            self._signals[source] = wanted
        if message.retain:
            # The broker kept it for nobody knows how long: without a time of its own it is not of now.
            part = _judged(part, (part.t_ns == part.received_ns) & (part.quality == Quality.GOOD), Quality.STALE)
        return self._of_its_time(part)

    def _of_its_time(self, part: Frames) -> Frames:
        ahead = part.t_ns > part.received_ns + self._max_future_ns
        return _judged(part, ahead, Quality.CLOCK_AHEAD) if ahead.any() else part


def _judged(part: Frames, rows: NDArray[np.bool_], quality: Quality) -> Frames:
    """The frames with another quality at those rows (a mask)."""
    judged = np.where(rows, np.int16(quality), part.quality)
    return Frames(part.stream, part.t_ns, part.seq, part.received_ns, part.values, judged, part.texts)


def _renumbered(
    deliveries: Sequence[Delivery],
    taken: list[int],
    parts: list[tuple[Frames, NDArray[np.int64]]],
    letters: dict[int, DeadLetter],
    handled: dict[int, str],
) -> Decoded:
    """What became of the deliveries at the places ``taken``, which are all that were looked at."""
    new = np.zeros(len(deliveries), np.int64)
    new[taken] = np.arange(len(taken))
    return Decoded(
        [deliveries[place] for place in taken],
        tuple((part, new[places]) for part, places in parts),
        {int(new[place]): letter for place, letter in letters.items()},
        {int(new[place]): kind for place, kind in handled.items()},
    )


@dataclass(slots=True)
class _Count:
    received: int = 0
    not_decoded: int = 0
    handled: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    decoded_frames: int = 0
    last_received_ns: int = 0


def count(decoded: Decoded) -> tuple[SourceCount, ...]:
    """The accounting terms of these deliveries, by source."""
    counts = {source: _Count(received) for source, received in Counter([d[0] for d in decoded.deliveries]).items()}
    if len(counts) == 1:
        (only,) = counts.values()
        only.last_received_ns = max([delivery[1][2] for delivery in decoded.deliveries])
    else:
        for source, message, _ in decoded.deliveries:
            counts[source].last_received_ns = max(counts[source].last_received_ns, message.received_ns)
    for place, letter in decoded.letters.items():
        row = counts[decoded.deliveries[place].source]
        row.not_decoded += 1
        row.rejected[letter.reason] = row.rejected.get(letter.reason, 0) + 1
    for place, kind in decoded.handled.items():
        row = counts[decoded.deliveries[place].source]
        row.not_decoded += 1
        row.handled[kind] = row.handled.get(kind, 0) + 1
    for part, places in decoded.parts:
        counts[decoded.deliveries[int(places[0])].source].decoded_frames += len(part)
    return tuple(
        SourceCount(
            name, row.received, row.received - row.not_decoded, row.handled, row.rejected, row.decoded_frames,
            row.last_received_ns,
        )
        for name, row in counts.items()
    )  # fmt: skip
