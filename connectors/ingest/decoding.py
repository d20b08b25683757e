"""Deliveries → frames, dead letters and counts. Nothing that a device sends stops it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import DeadLetter, Handled, Liveness
from twin.ports import SourceCount
from twin.sample import Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.ports import Decoder, Delivery

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What became of one delivery: frames, or a kind of handling, or a dead letter."""

    delivery: Delivery
    frames: tuple[Frames, ...] = ()
    handled: str = ""
    dead_letter: DeadLetter | None = None


@dataclass(slots=True)
class _Count:
    received: int = 0
    decoded: int = 0
    handled: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    decoded_frames: int = 0
    last_received_ns: int = 0


class Decoding:
    """The decoders of all sources. Mutable (decoders have state); the writer owns it."""

    def __init__(self, decoders: Mapping[str, Decoder], max_future_s: float, max_signals: int) -> None:
        self.decoders = decoders
        self._max_future_ns = round(max_future_s * NS_PER_S)
        self._max_signals = max_signals
        self._known: dict[str, set[str]] = {name: set() for name in decoders}
        self._signals: dict[str, int] = dict.fromkeys(decoders, 0)

    @property
    def streams(self) -> int:
        """How many streams the decoders have made frames of so far."""
        return sum(map(len, self._known.values()))

    def decode(self, delivery: Delivery) -> Decoded:
        """Decode one delivery; everything that goes wrong becomes a dead letter with a reason."""
        message = delivery.message
        try:
            found = list(self.decoders[delivery.source].decode(message))
            frames = tuple(self._checked(delivery.source, part) for part in found if isinstance(part, Frames))
        except DecodeError as error:
            return self.reject(delivery, error.reason, error.detail)
        except Exception as error:
            log.exception(
                "%s: the decoder failed on a message on %s; it is kept as a dead letter", delivery.source, message.topic
            )
            return self.reject(delivery, "decoder_fault", f"{type(error).__name__}: {error}")
        if frames:
            return Decoded(delivery, frames)
        for part in found:
            if isinstance(part, Handled):
                return Decoded(delivery, handled=part.kind)
            if isinstance(part, Liveness):
                return Decoded(delivery, handled="liveness")
        return Decoded(delivery, handled="empty")

    @staticmethod
    def reject(delivery: Delivery, reason: str, detail: str) -> Decoded:
        """The delivery as a dead letter."""
        message = delivery.message
        letter = DeadLetter(delivery.source, message.topic, reason, detail, message.payload, message.received_ns)
        return Decoded(delivery, dead_letter=letter)

    def _checked(self, source: str, part: Frames) -> Frames:
        known = self._known[source]
        if part.stream.id not in known:
            wanted = self._signals[source] + len(part.stream.signals)
            if wanted > self._max_signals:
                raise DecodeError("cardinality", f"more than {self._max_signals} signals from one source")
            known.add(part.stream.id)
            self._signals[source] = wanted
        ahead = part.t_ns > part.received_ns + self._max_future_ns
        if ahead.any():
            quality = np.where(ahead, np.int16(Quality.CLOCK_AHEAD), part.quality)
            return Frames(part.stream, part.t_ns, part.seq, part.received_ns, part.values, quality, part.texts)
        return part


def count(decoded: Iterable[Decoded]) -> tuple[SourceCount, ...]:
    """The accounting terms of these deliveries, by source."""
    counts: dict[str, _Count] = {}
    for item in decoded:
        row = counts.setdefault(item.delivery.source, _Count())
        row.received += 1
        row.last_received_ns = max(row.last_received_ns, item.delivery.message.received_ns)
        if item.dead_letter is not None:
            row.rejected[item.dead_letter.reason] = row.rejected.get(item.dead_letter.reason, 0) + 1
        elif item.frames:
            row.decoded += 1
            row.decoded_frames += sum(len(part) for part in item.frames)
        else:
            row.handled[item.handled] = row.handled.get(item.handled, 0) + 1
    return tuple(
        SourceCount(
            name, row.received, row.decoded, row.handled, row.rejected, row.decoded_frames, row.last_received_ns
        )
        for name, row in counts.items()
    )
