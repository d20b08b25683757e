"""Machines behind an edge node in Sparkplug B 3.0, with a primary host (tck-id-host-topic-phid…).

The node is born when its host is there, and keeps what it has while the host says that it is away: then it is
born again and sends what it kept as historical. Data goes at QoS 0, as the standard has it: it counts when it is
written, apart from what is promised. What was on its way when a host died is lost, and shows as a gap.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from connectors.decoders._sparkplug.topics import state_topic
from connectors.encoders_sparkplug import Edge
from connectors.publish import DOWN, UP
from connectors.speakers import Kept, Spoken, present
from twin.clock import NS_PER_S
from twin.sample import Frames, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from twin.sample import Stream

log = logging.getLogger(__name__)
MAX_KEPT = 60_000
"""How many frames of a device are kept while the host is away; the oldest go first."""
HISTORY_ROWS = 60


class Speaker:
    """One edge node and its devices. Mutable: its session, and what it keeps for the host.

    ``devices`` gives each device's stream by its id. Without a ``host_id`` it waits for nobody.
    """

    def __init__(
        self, group: str, node: str, devices: Mapping[str, Stream], *, host_id: str = "", bdseq: int = -1
    ) -> None:
        self.line = f"{group}/{node}"
        """The name of its connection: it has a will of its own."""
        self.edge = Edge(
            group, node, {name: (stream,) for name, stream in devices.items()}, on_change=True, bdseq=bdseq
        )
        self._devices = dict(devices)
        self._names = {stream.id: name for name, stream in devices.items()}
        self._host_topic = state_topic(host_id) if host_id else ""
        self._host_ms = -1
        self._is_up = False
        self._host_is_there = not host_id
        self._born = False
        self._was_born = False
        self._kept: dict[str, list[Frames]] = {name: [] for name in devices}
        self._newest: dict[str, Frames] = {}
        self.dropped = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """What it listens to: its commands, and whether its host is there."""
        return (self.edge.command_topic, *((self._host_topic,) if self._host_topic else ()))

    @property
    def is_heard(self) -> bool:
        """Whether its connection and its host are there."""
        return self._is_up and self._host_is_there

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """Nothing yet: it is born with its first values, when its host is there."""
        del t_ns
        return iter(())

    def hear(self, topic: str, payload: bytes) -> Iterator[Spoken]:
        """Take what came on its connection; its births, where its host asks for them."""
        if (topic, payload) == UP:
            self._is_up, self._born = True, False
        elif (topic, payload) == DOWN:
            self._is_up = self._born = False
        elif topic == self._host_topic:
            self._hear_host(payload)
        elif self._born:
            yield from self._with_births(self.edge.hear(topic, payload, self._newest_ns()))

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """Births where they are due, what was kept, then the frames; or keep them."""
        del until_ns
        for whole in frames:
            part = whole if rows == 1 else _thinned(whole)
            if not len(part):
                continue
            name = self._names[part.stream.id]
            self._newest[name] = part
            self._kept[name].append(part)
        if not self.is_heard or len(self._newest) < len(self._devices):
            self._bound()
            return
        historical = self._was_born and not self._born
        if not self._born:
            yield from self._births(historical=historical)
        for name, parts in self._kept.items():
            if parts:
                part = merge(parts)
                many = HISTORY_ROWS if historical else rows
                for topic, payload, told in self.edge.data_many(name, part, many, historical=historical):
                    yield Spoken(topic, payload, tuple(_kept(part, told, historical=historical)), 0, False, self.line)
                parts.clear()

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """Its death, before it disconnects on purpose."""
        del t_ns
        if self._born:
            topic, payload = self.edge.death()
            yield Spoken(topic, payload, (), 1, False, self.line)

    def _births(self, *, historical: bool) -> Iterator[Spoken]:
        """All births: with the newest values after an absence, with the first ones where it begins."""
        for name, parts in self._kept.items():
            if historical or not parts:
                self.edge.note(name, self._newest[name])
            else:
                self.edge.note(name, _first(parts[0]))
        t_ns = self._newest_ns() if historical else min(int(parts[0].t_ns[0]) for parts in self._kept.values() if parts)
        self._born = self._was_born = True
        yield from self._with_births(self.edge.births(t_ns))

    def _with_births(self, births: Sequence[tuple[str, bytes]]) -> Iterator[Spoken]:
        """The births as messages: what a device's birth tells is stored as its newest values."""
        for topic, payload in births:
            name = topic.split("/", 4)[4] if topic.count("/") == 4 else ""  # noqa: PLR2004  spBv1.0/g/DBIRTH/n/d
            kept: tuple[Kept, ...] = ()
            if name:
                told = sum(value is not None for value in self.edge.last(name).values())
                kept = (Kept(self._devices[name].id, 1, told, 0, -1),)
            yield Spoken(topic, payload, kept, 0, False, self.line)

    def _hear_host(self, payload: bytes) -> None:
        """STATE counts when it is not older than what is known (tck-id-message-flow-edge-node-…-timestamp)."""
        try:
            told = json.loads(payload)
            at_ms, is_there = int(told["timestamp"]), bool(told["online"])
        except (ValueError, TypeError, KeyError):
            return
        if at_ms >= self._host_ms:
            self._host_ms, self._host_is_there = at_ms, is_there
            if not is_there:
                self._born = False

    def _newest_ns(self) -> int:
        return max(int(part.t_ns[-1]) for part in self._newest.values())

    def _bound(self) -> None:
        for name, parts in self._kept.items():
            while len(parts) > 1 and sum(map(len, parts)) > MAX_KEPT:
                self.dropped += len(parts.pop(0))
                log.error("%s/%s: the host is away for too long; %d frames are lost", self.line, name, self.dropped)


def _kept(part: Frames, told: Sequence[int], *, historical: bool) -> Iterator[Kept]:
    """What the rows become: frames of the device's stream, or of one stream a metric beside it."""
    if not historical:
        yield Kept(part.stream.id, len(told), int(present(part)[list(told)].sum()), 0, -1)
        return
    asset = part.stream.asset
    for i, signal in enumerate(part.stream.columns):
        values = sum(value == value for value in part.values[list(told), i].tolist())  # noqa: PLR0124  not NaN
        yield Kept(f"{asset}:{signal.name}~history", len(told), values, 0, -1)
    for i, signal in enumerate(part.stream.text_columns):
        values = sum(part.texts[row][i] is not None for row in told)
        yield Kept(f"{asset}:{signal.name}~text~history", len(told), values, 0, -1)


def _thinned(part: Frames) -> Frames:
    """One frame a second: history is told so."""
    keep = part.t_ns % NS_PER_S == 0
    numbers = (part.t_ns[keep], part.seq[keep], part.received_ns[keep], part.values[keep], part.quality[keep])
    texts = tuple(row for row, kept in zip(part.texts, keep.tolist(), strict=True) if kept) if part.texts else ()
    return Frames(part.stream, *numbers, texts)


def _first(part: Frames) -> Frames:
    one = slice(0, 1)
    numbers = (part.t_ns[one], part.seq[one], part.received_ns[one], part.values[one], part.quality[one])
    return Frames(part.stream, *numbers, part.texts[one])
