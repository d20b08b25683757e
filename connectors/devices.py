"""Simulated devices: they publish a plant that does not exist, by the same door as real ones.

Nothing behind the broker knows the difference. The devices keep their own ledger, counted at
PUBACK, so that what is stored can be compared with what was published.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import msgspec

from connectors.publish import DOWN
from connectors.speakers.cast import Cast
from connectors.truth import truth_path, write_truth
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from connectors.publish import Publisher
    from connectors.speakers import Kept, Spoken
    from connectors.speakers.sparkplug_b import Speaker as Edge
    from twin.clock import Clock
    from twin.config import Factory

log = logging.getLogger(__name__)
CHUNK_S = 120.0
LIVE_STEP_S = 0.05
HISTORY_ROWS = 120
LEDGER_EVERY_S = 1.0
HOST_TIMEOUT_S = 20.0
CATCH_UP_MARGIN_S = 1.0
BRIEF_S = 30.0
RATE_MARGIN_S = 60.0
CUT_WAIT_S = 2.0


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
        self.truth = truth_path(path)
        """Where what went wrong is written."""
        self.streams = _read(path)
        """What is promised: the broker acknowledged it at QoS 1."""
        self.unpromised = _read(unpromised_path(path))
        """What was written at QoS 0: a host that is away does not get it."""
        mark = _mark(path)
        self._sessions = dict(msgspec.json.decode(mark.read_bytes(), type=_Mark).sessions) if mark.exists() else {}

    def next_seq(self, stream: str) -> int:
        """Where the stream's sequence goes on."""
        row = self.streams.get(stream)
        return row.last_seq + 1 if row else 0

    def session(self, line: str) -> int:
        """The number of a connection's last session, -1 before the first."""
        return self._sessions.get(line, -1)

    def begin_session(self, line: str, number: int) -> None:
        """Note the number of a connection's session."""
        self._sessions[line] = number

    def add(self, kept: Kept, *, promised: bool = True) -> None:
        """Count what a message becomes that the broker acknowledged, or that was written at QoS 0."""
        streams = self.streams if promised else self.unpromised
        row = streams.get(kept.stream)
        if row is None:
            row = streams[kept.stream] = StreamLedger(first_seq=kept.first_seq)
        row.frames += kept.frames
        row.values += kept.values
        row.first_seq = min(row.first_seq, kept.first_seq)
        row.last_seq = max(row.last_seq, kept.last_seq)

    def save(self, until_ns: int) -> None:
        """Write the file and how far the devices' clocks have run, whole or not at all."""
        _write(self._path, self.streams)
        if self.unpromised:
            _write(unpromised_path(self._path), self.unpromised)
        _write(_mark(self._path), _Mark(until_ns, self._sessions))


def unpromised_path(ledger: Path) -> Path:
    """Where the count of what went at QoS 0 lies, beside the ledger."""
    return ledger.with_name(f"{ledger.stem}-qos0{ledger.suffix}")


def _read(path: Path) -> dict[str, StreamLedger]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, StreamLedger]) if path.exists() else {}


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
    sessions: dict[str, int] = {}


def pace(behind_s: float) -> tuple[float, bool, int]:
    """How far to go on when the devices' clocks are so far behind, whether at slow rates, and rows a message.

    Within `BRIEF_S` every device still speaks as often as it does live: a busy machine must not make one that
    would be thinned out as history look as if it had fallen silent.
    """
    if behind_s <= CATCH_UP_MARGIN_S:
        return behind_s, False, 1
    if behind_s <= BRIEF_S:
        return behind_s, True, 1
    return min(CHUNK_S, behind_s), True, HISTORY_ROWS


class Devices:
    """All devices of the simulated sites. Mutable; one thread runs them.

    The plant's clock starts at ``start_ns`` and runs as fast as the broker takes messages until it
    meets the wall clock (arms at 1 Hz meanwhile), then in real time. With ``rate`` it runs that many
    times faster from the start, at full rates. ``open_line`` opens the connection of an edge node, which
    has a will of its own; without it edge nodes are silent. Faults count from when the devices start; what
    went wrong is written beside the ledger.
    """

    def __init__(  # noqa: PLR0913  what the devices need
        self,
        factory: Factory,
        publisher: Publisher,
        ledger: Ledger,
        clock: Clock,
        start_ns: int,
        rate: float = 0.0,
        open_line: Callable[[Edge], Publisher] | None = None,
    ) -> None:
        self._casts = [
            Cast(site, factory, start_ns, ledger, start_ns if rate else max(start_ns, clock.now_ns()))
            for site in factory.hub.sites
            if site.id in factory.simulate.sites
        ]
        self._cut: set[str] = set()
        self._edges = {line: edge for cast in self._casts for line, edge in cast.edges.items()}
        self._lines = {line: open_line(edge) for line, edge in self._edges.items()} if open_line else {}
        self._publisher = publisher
        self._ledger = ledger
        self._clock = clock
        self._start_ns = start_ns
        self._rate = rate
        self._saved_s = 0.0
        self.now_ns = start_ns

    def run(self, stop: threading.Event, duration_s: float | None = None) -> None:
        """Publish until told to stop (or for ``duration_s``), then wait for the last acknowledgements."""
        self._wait_for_hosts(stop)
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
            step_s, slow, rows = pace(behind_s)
            self._advance(self.now_ns + round(step_s * NS_PER_S), slow=slow, rows=rows)
            if not slow:
                stop.wait(LIVE_STEP_S)
        for cast in self._casts:
            self._publish(cast.farewell(self.now_ns))
        self._drain()

    def _advance(self, until_ns: int, *, slow: bool, rows: int) -> None:
        if until_ns <= self.now_ns:
            return
        self._listen()
        for cast in self._casts:
            self._publish(cast.advance(until_ns, slow=slow, rows=rows))
            write_truth(self._ledger.truth, cast.troubles())
        self.now_ns = until_ns
        self._count()
        self._pull()

    def _pull(self) -> None:
        """Cut the connections of edge nodes as their faults say, and mend them."""
        cut = {line for cast in self._casts for line in cast.cut_lines()} & self._lines.keys()
        for line in sorted(cut - self._cut):
            # What is on its way must be out, or it would be lost in the client.
            deadline = time.monotonic() + CUT_WAIT_S
            while self._lines[line].unacknowledged and time.monotonic() < deadline:
                self._count()
                time.sleep(LIVE_STEP_S / 10)
            self._lines[line].cut()
            self._publish(self._edges[line].hear(*DOWN))
        for line in sorted(self._cut - cut):
            self._lines[line].mend()
        self._cut = cut

    def _wait_for_hosts(self, stop: threading.Event) -> None:
        """Let edge nodes find their host, so that they need not keep what they have; not for long."""
        deadline = time.monotonic() + HOST_TIMEOUT_S
        self._listen()
        while not all(edge.is_heard for edge in self._edges.values()) and time.monotonic() < deadline:
            if stop.wait(LIVE_STEP_S):
                return
            self._listen()

    def _listen(self) -> None:
        """Hand the edge nodes what came on their connections, and send what they answer."""
        for line, publisher in self._lines.items():
            edge = self._edges[line]
            for topic, payload in publisher.heard():
                self._publish(edge.hear(topic, payload))
            self._ledger.begin_session(line, edge.edge.bdseq)

    def _publish(self, messages: Iterable[Spoken]) -> None:
        for said in messages:
            publisher = self._lines.get(said.line) if said.line else self._publisher
            if publisher is not None:
                token = (said.qos > 0, said.kept)
                publisher.publish(said.topic, said.payload, qos=said.qos, retain=said.retain, token=token)

    def _count(self) -> None:
        for publisher in (self._publisher, *self._lines.values()):
            for token in publisher.acknowledged():
                if isinstance(token, tuple):
                    promised, every = token
                    for kept in every:
                        self._ledger.add(kept, promised=promised)
        if time.monotonic() - self._saved_s > LEDGER_EVERY_S:
            self._saved_s = time.monotonic()
            self._ledger.save(self.now_ns)

    def _drain(self, timeout_s: float = 10.0) -> None:
        deadline = time.monotonic() + timeout_s
        every = (self._publisher, *self._lines.values())
        while any(publisher.unacknowledged for publisher in every) and time.monotonic() < deadline:
            self._count()
            time.sleep(0.02)
        left = sum(publisher.unacknowledged for publisher in every)
        if left:
            log.error("%d messages were never acknowledged by the broker", left)
        self._count()
        self._ledger.save(self.now_ns)
        for publisher in self._lines.values():
            publisher.close()
