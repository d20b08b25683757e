"""Simulated devices: they publish a plant that does not exist, by the same door as real ones.

Nothing behind the broker knows the difference. The devices keep their own ledger, counted at
PUBACK, so that what is stored can be compared with what was published.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from connectors.speakers.cast import Cast
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from pathlib import Path

    from connectors.publish import Publisher
    from connectors.speakers import Kept, Spoken
    from twin.clock import Clock
    from twin.config import Factory

log = logging.getLogger(__name__)
CHUNK_S = 60.0
LIVE_STEP_S = 0.05
HISTORY_ROWS = 60
LEDGER_EVERY_S = 1.0
CATCH_UP_MARGIN_S = 1.0
RATE_MARGIN_S = 60.0


class StreamLedger(msgspec.Struct):
    """What the broker has taken of one stream."""

    frames: int = 0
    values: int = 0
    first_seq: int = 0
    last_seq: int = -1


class Ledger:
    """The devices' own count, kept in a file. Mutable; the publishing thread writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.streams: dict[str, StreamLedger] = {}
        if path.exists():
            self.streams = msgspec.json.decode(path.read_bytes(), type=dict[str, StreamLedger])

    def next_seq(self, stream: str) -> int:
        """Where the stream's sequence goes on."""
        row = self.streams.get(stream)
        return row.last_seq + 1 if row else 0

    def add(self, kept: Kept) -> None:
        """Count what a message becomes that the broker acknowledged."""
        row = self.streams.get(kept.stream)
        if row is None:
            row = self.streams[kept.stream] = StreamLedger(first_seq=kept.first_seq)
        row.frames += kept.frames
        row.values += kept.values
        row.first_seq = min(row.first_seq, kept.first_seq)
        row.last_seq = max(row.last_seq, kept.last_seq)

    def save(self, until_ns: int) -> None:
        """Write the file and how far the devices' clocks have run, whole or not at all."""
        _write(self._path, self.streams)
        _write(_mark(self._path), _Mark(until_ns))


def _write(path: Path, content: object) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
    temporary.replace(path)


def start_time_ns(now_ns: int, ledger: Path, *, history_h: float, rate: float, span_s: float) -> int:
    """Where the devices' clocks begin, on a whole second.

    With ``rate`` early enough never to pass the wall clock within ``span_s``; else ``history_h`` hours
    ago, or where the last run ended if that is later. Never before what is published already.
    """
    early_s = span_s * rate + RATE_MARGIN_S if rate else history_h * 3600
    start_ns = now_ns - round(early_s * NS_PER_S)
    mark = _mark(ledger)
    if mark.exists():
        start_ns = max(start_ns, msgspec.json.decode(mark.read_bytes(), type=_Mark).until_ns)
    return min(now_ns, start_ns) // NS_PER_S * NS_PER_S + (NS_PER_S if mark.exists() else 0)


def _mark(ledger: Path) -> Path:
    return ledger.with_name("simulator.json")


class _Mark(msgspec.Struct):
    until_ns: int


class Devices:
    """All devices of the simulated sites. Mutable; one thread runs them.

    The plant's clock starts at ``start_ns`` and runs as fast as the broker takes messages until it
    meets the wall clock (arms at 1 Hz meanwhile), then in real time. With ``rate`` it runs that many
    times faster from the start, at full rates.
    """

    def __init__(  # noqa: PLR0913  what the devices need
        self,
        factory: Factory,
        publisher: Publisher,
        ledger: Ledger,
        clock: Clock,
        start_ns: int,
        rate: float = 0.0,
    ) -> None:
        self._casts = [
            Cast(site, factory.simulate, start_ns, ledger.next_seq)
            for site in factory.hub.sites
            if site.id in factory.simulate.sites
        ]
        self._publisher = publisher
        self._ledger = ledger
        self._clock = clock
        self._start_ns = start_ns
        self._rate = rate
        self._saved_s = 0.0
        self.now_ns = start_ns

    def run(self, stop: threading.Event, duration_s: float | None = None) -> None:
        """Publish until told to stop (or for ``duration_s``), then wait for the last acknowledgements."""
        began_s = time.monotonic()
        wall_start_ns = self._clock.now_ns()
        for cast in self._casts:
            self._publish(cast.hello(self.now_ns))
        while not stop.is_set() and (duration_s is None or time.monotonic() - began_s < duration_s):
            if self._rate:
                target_ns = self._start_ns + round((self._clock.now_ns() - wall_start_ns) * self._rate)
                self._advance(target_ns, slow=False, rows=1)
                stop.wait(LIVE_STEP_S / 2)
                continue
            behind_s = (self._clock.now_ns() - self.now_ns) / NS_PER_S
            if behind_s > CATCH_UP_MARGIN_S:
                self._advance(self.now_ns + round(min(CHUNK_S, behind_s) * NS_PER_S), slow=True, rows=HISTORY_ROWS)
            else:
                self._advance(self._clock.now_ns(), slow=False, rows=1)
                stop.wait(LIVE_STEP_S)
        for cast in self._casts:
            self._publish(cast.farewell(self.now_ns))
        self._drain()

    def _advance(self, until_ns: int, *, slow: bool, rows: int) -> None:
        if until_ns <= self.now_ns:
            return
        for cast in self._casts:
            self._publish(cast.advance(until_ns, slow=slow, rows=rows))
        self.now_ns = until_ns
        self._count()

    def _publish(self, messages: Iterable[Spoken]) -> None:
        for said in messages:
            self._publisher.publish(said.topic, said.payload, qos=said.qos, retain=said.retain, token=said.kept)

    def _count(self) -> None:
        for token in self._publisher.acknowledged():
            if isinstance(token, tuple):
                for kept in token:
                    self._ledger.add(kept)
        if time.monotonic() - self._saved_s > LEDGER_EVERY_S:
            self._saved_s = time.monotonic()
            self._ledger.save(self.now_ns)

    def _drain(self, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        while self._publisher.unacknowledged and time.monotonic() < deadline:
            self._count()
            time.sleep(0.02)
        if self._publisher.unacknowledged:
            log.error("%d messages were never acknowledged by the broker", self._publisher.unacknowledged)
        self._count()
        self._ledger.save(self.now_ns)
