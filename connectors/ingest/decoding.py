"""Deliveries → frames, dead letters and counts. Nothing that a device sends stops it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from connectors.ingest.complaints import Complaints
from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.message import DeadLetter, Handled
from twin.ports import SourceCount
from twin.sample import Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from twin.ports import Decoder, Delivery

log = logging.getLogger(__name__)
MAX_PAYLOAD_BYTES = 1_000_000
"""What MQTT 5 brokers are asked to hold back; older ones and recorded files do not know of it."""


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

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        max_future_s: float,
        max_signals: int,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.decoders = decoders
        self._max_future_ns = round(max_future_s * NS_PER_S)
        self._max_signals = max_signals
        self._known: dict[str, set[str]] = {name: set() for name in decoders}
        self._signals: dict[str, int] = dict.fromkeys(decoders, 0)
        self._complaints = Complaints(log, monotonic_s)

    @property
    def streams(self) -> int:
        """How many streams the decoders have made frames of so far."""
        return sum(map(len, self._known.values()))

    def decode(self, delivery: Delivery) -> Decoded:
        """Decode one delivery; everything that goes wrong becomes a dead letter with a reason."""
        message = delivery.message
        size = len(message.payload)
        if size > MAX_PAYLOAD_BYTES:
            return self.reject(delivery, "too_large", f"{size} bytes, at most {MAX_PAYLOAD_BYTES} are taken")
        try:
            found = list(self.decoders[delivery.source].decode(message))
            frames = tuple(
                self._checked(delivery.source, part, retained=message.retain)
                for part in found
                if isinstance(part, Frames)
            )
        except DecodeError as error:
            return self.reject(delivery, error.reason, error.detail)
        except Exception as error:  # noqa: BLE001  a decoder of a stranger may raise anything
            return self.reject(delivery, "decoder_fault", f"{type(error).__name__}: {error}", fault=error)
        if frames:
            return Decoded(delivery, frames)
        kinds = [part.kind if isinstance(part, Handled) else "liveness" for part in found]
        return Decoded(delivery, handled=kinds[0] if kinds else "empty")

    def reject(self, delivery: Delivery, reason: str, detail: str, fault: Exception | None = None) -> Decoded:
        """The delivery as a dead letter; ``fault`` is an error that is the program's own, told with its traceback."""
        message = delivery.message
        self._complaints.tell(delivery.source, reason, f"dead letter: {message.topic}: {detail}", fault)
        letter = DeadLetter(delivery.source, message.topic, reason, detail, message.payload, message.received_ns)
        return Decoded(delivery, dead_letter=letter)

    def _checked(self, source: str, part: Frames, *, retained: bool) -> Frames:
        known = self._known[source]
        if part.stream.id not in known:
            wanted = self._signals[source] + len(part.stream.signals)
            if wanted > self._max_signals:
                raise DecodeError("cardinality", f"more than {self._max_signals} signals from one source")
            known.add(part.stream.id)
            self._signals[source] = wanted
        ahead = part.t_ns > part.received_ns + self._max_future_ns
        if ahead.any():
            return _judged(part, ahead, Quality.CLOCK_AHEAD)
        if retained:
            # The broker kept it for nobody knows how long: without a time of its own it is not of now.
            return _judged(part, (part.t_ns == part.received_ns) & (part.quality == Quality.GOOD), Quality.STALE)
        return part


def _judged(part: Frames, rows: NDArray[np.bool_], quality: Quality) -> Frames:
    """The frames with another quality at those rows (a mask)."""
    judged = np.where(rows, np.int16(quality), part.quality)
    return Frames(part.stream, part.t_ns, part.seq, part.received_ns, part.values, judged, part.texts)


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
