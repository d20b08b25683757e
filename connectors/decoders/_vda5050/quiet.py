"""Many messages at once: those of a robot that tell but numbers anew are read in columns, all others one by one.

A message is quiet that is like the one of its robot and topic before it: then no event, no finding and no line of a
route is to be told of it. Messages are looked at in their order; what waits in a run is noted before anything of the
same robot is read alone, so what is remembered of a robot is at any moment what reading one by one leaves.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from connectors.decoders import _json
from connectors.decoders._vda5050.likeness import PERCENT, POSE, likeness_of
from twin.message import Finding, Handled
from twin.sample import SEQ_EPOCH_SHIFT, Block, Frames, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import msgspec
    from numpy.typing import NDArray

    from connectors.decoders._vda5050.likeness import Likeness, Read
    from connectors.decoders._vda5050.robot import Head, Robot
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Stream, Texts

TOPICS = ("state", "visualization")
MAX_READINGS = 8
"""How often the messages of a topic are read at once in one batch: a robot may tell now these fields, now others."""
_MAX_COUNT = 1 << SEQ_EPOCH_SHIFT


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A message that was read alone, and what it said: what the next ones are compared with.

    ``colons`` are those outside of its time; ``row`` is its row in ``stream``, ``pose_row`` that in ``pose`` (None: it
    told no position).
    """

    asset: str
    topic: str
    likeness: Likeness
    rest: tuple[msgspec.Raw, ...]
    colons: int
    slashes: int
    stream: Stream
    row: NDArray[np.float64]
    texts: tuple[str | None, ...]
    pose: Stream | None
    pose_row: NDArray[np.float64]
    pose_quality: int

    def is_as(self, other: Seen) -> bool:
        """Whether a message that could be like the other one could be like this one."""
        return (self.likeness, self.colons, self.slashes) == (other.likeness, other.colons, other.slashes)


@dataclass(slots=True, eq=False)
class _Run:
    """Quiet messages of a robot and topic that count on without a gap. Mutable while they are collected."""

    seen: Seen
    read: Read
    first: int
    last: int
    first_ns: int
    last_ns: int
    rows: list[int]
    places: list[int]
    epoch: int = 0


class Memory:
    """What was seen last of each robot and topic. Mutable: a cache that its decoder owns."""

    def __init__(self) -> None:
        self._by_topic: dict[str, Seen] = {}
        self._topics: dict[tuple[str, str], str] = {}

    def of(self, topic: str) -> Seen | None:
        """What was seen last on an MQTT topic."""
        return self._by_topic.get(topic)

    def topics_of(self, asset: str) -> list[str]:
        """The MQTT topics of a robot of which something was seen."""
        return [topic for name in TOPICS if (topic := self._topics.get((asset, name))) is not None]

    def forget(self, asset: str, topic: str) -> None:
        """Something is read of that robot and topic: what comes next is not compared with what was before it."""
        # An order tells where nodes are, and the route of a state is made of them.
        key = (asset, "state" if topic == "order" else topic)
        if key in self._topics:
            self._by_topic.pop(self._topics.pop(key), None)

    def learn(self, head: Head, told: Sequence[Told], robot: Robot) -> None:
        """Note a message just read alone, where the next one may be compared with it."""
        seen = _seen(head, told, robot) if head.topic in TOPICS else None
        if seen is not None:
            self._topics[head.asset, head.topic] = head.message.topic
            self._by_topic[head.message.topic] = seen


def _seen(head: Head, told: Sequence[Told], robot: Robot) -> Seen | None:
    frames = {part.stream.name: part for part in told if isinstance(part, Frames)}
    main, pose = frames.get(head.topic), frames.get("pose")
    if main is None or head.message.retain or any(isinstance(part, Finding | Handled) for part in told):
        return None
    if head.quality != Quality.GOOD or not main.stream.sequenced:
        return None
    if head.topic == "state" and (robot.seq, robot.t_ns) != (int(main.seq[0]), head.t_ns):
        return None  # it came late: what is remembered is of another one
    likeness = likeness_of(head.topic, head.major, head.body)
    payload = head.message.payload
    one = None if likeness is None else likeness.parser.one(payload)
    if likeness is None or one is None:
        return None
    rest = likeness.rest(one[0])
    slashes = payload.count(b"\\")
    if slashes and slashes != sum(bytes(part).count(b"\\") for part in rest):
        return None
    return Seen(
        head.asset, head.topic, likeness, rest, payload.count(b":") - one[0].timestamp.count(":"), slashes, main.stream,
        main.values[0], main.texts[0], None if pose is None else pose.stream,
        np.full(len(POSE), np.nan) if pose is None else pose.values[0],
        Quality.GOOD if pose is None else int(pose.quality[0]),
    )  # fmt: skip


@dataclass(slots=True, eq=False)
class Batch:
    """One call of `decode_batch`. Mutable; used once.

    ``alone`` reads a message one by one; ``asset_of`` gives the robot of an MQTT topic, "" for none.
    """

    messages: Sequence[Message]
    memory: Memory
    sequences: _json.SequenceTracker
    robots: Mapping[str, Robot]
    heard_ns: dict[str, int]
    asset_of: Callable[[str], str]
    alone: Callable[[Message], Iterable[Told]]
    told: dict[int, list[Told] | Exception] = field(default_factory=dict)
    _open: dict[str, _Run] = field(default_factory=dict)
    _runs: dict[str, list[_Run]] = field(default_factory=lambda: {topic: [] for topic in TOPICS})
    _reads: list[tuple[Read, int, Seen] | None] = field(default_factory=list)
    _places: dict[str, list[int]] = field(default_factory=dict)
    _unread: dict[str, Likeness] = field(default_factory=dict)
    _readings: dict[str, int] = field(default_factory=dict)
    _compared: dict[str, Seen] = field(default_factory=dict)

    def read(self) -> list[Block]:
        """Read all messages; what is in no block is in ``told``."""
        self._reads = [None] * len(self.messages)
        for place, message in enumerate(self.messages):
            self._places.setdefault(message[0], []).append(place)
        self._unread = {topic: seen.likeness for topic in self._places if (seen := self.memory.of(topic)) is not None}
        if not self._take_all():
            for place, message in enumerate(self.messages):
                if not self._take(place, message):
                    self._read_alone(place, message)
        while self._open:
            self._close(next(iter(self._open.values())))
        return [block for runs in self._runs.values() if runs for block in self._blocks(runs)]

    def _read_alike(self, likeness: Likeness, start: int) -> None:
        """Read the messages from ``start`` on, of all topics that wait, that may be of that likeness."""
        topics = [topic for topic, own in self._unread.items() if own is likeness]
        places = []
        for topic in topics:
            del self._unread[topic]
            self._readings[topic] = self._readings.get(topic, 0) + 1
            own = self._places[topic]
            places += own[bisect_left(own, start) :]
        places = [place for place in sorted(places) if not self.messages[place][4]]
        self._compared |= {topic: seen for topic in topics if (seen := self.memory.of(topic)) is not None}
        seens = [self._compared[self.messages[place][0]] for place in places]
        payloads = [self.messages[place][1] for place in places]
        read = likeness.read(payloads, [seen.rest for seen in seens], sum([seen.colons for seen in seens]))
        for place, row, payload, seen in zip(places, read.rows, payloads, seens, strict=True):
            is_usual = row is not None and (read.is_plain or _is_whole(payload, read.times[row], seen))
            self._reads[place] = (read, row, seen) if is_usual and row is not None else None

    def _take_all(self) -> bool:
        """Make a run of all messages of each topic, where each of them is quiet; whether it was so."""
        if len(self._unread) < len(self._places):
            return False
        for likeness in set(self._unread.values()):
            self._read_alike(likeness, 0)
        runs = {}
        for topic, places in self._places.items():
            found = self._reads[places[0]]
            if found is None or not found[0].is_plain:
                return False
            read, _, seen = found
            rows = [one[1] for place in places if (one := self._reads[place]) is not None]
            counts, t_ns = [read.counts[row] for row in rows], [read.t_ns[row] for row in rows]
            goes_on = counts == list(range(counts[0], counts[0] + len(places))) and t_ns == sorted(t_ns)
            if not (goes_on and 0 <= counts[0] < _MAX_COUNT and self.robots[seen.asset].is_heard):
                return False
            runs[topic] = _Run(seen, read, counts[0], counts[-1], t_ns[0], t_ns[-1], rows, list(places))
        self._open = runs
        return True

    def _take(self, place: int, message: Message) -> bool:
        """Put a message into a run; whether it is quiet."""
        topic = message[0]
        seen = self.memory.of(topic)
        if seen is not None and topic in self._unread:
            self._read_alike(seen.likeness, place)
        found = self._reads[place]
        if seen is None or found is None or not _is_quiet(seen, *found):
            return False
        read, row, _ = found
        count, t_ns = read.counts[row], read.t_ns[row]
        run = self._open.get(topic)
        if run is not None:
            if run.seen is seen and run.read is read and count == run.last + 1 and t_ns >= run.last_ns:
                run.last, run.last_ns = count, t_ns
                run.rows.append(row)
                run.places.append(place)
                return True
            self._close(run)
            if self.memory.of(topic) is not seen:
                return self._take(place, message)
        is_usual = 0 <= count < _MAX_COUNT and self.robots[seen.asset].is_heard
        if is_usual:
            self._open[topic] = _Run(seen, read, count, count, t_ns, t_ns, [row], [place])
        return is_usual

    def _read_alone(self, place: int, message: Message) -> None:
        asset = self.asset_of(message[0])
        for topic in self.memory.topics_of(asset):
            if topic in self._open:
                self._close(self._open[topic])
        try:
            self.told[place] = list(self.alone(message))
        except Exception as error:  # noqa: BLE001  whoever asked for the message tells of it
            self.told[place] = error
        seen = self.memory.of(message[0])
        if seen is not None and self._readings.get(message[0], 0) < MAX_READINGS:
            found = self._compared.get(message[0])
            if found is None or not found.is_as(seen):
                self._unread[message[0]] = seen.likeness

    def _close(self, run: _Run) -> None:
        """Note what a run leaves of its robot; the first of one that does not go on from what was is read alone."""
        seen = run.seen
        del self._open[self.messages[run.places[0]][0]]
        while run.places:
            key = f"{seen.asset}:{seen.topic}"
            epoch = self.sequences.go_on(key, run.first, run.last, run.first_ns, run.last_ns)
            if epoch is not None:
                run.epoch = epoch
                if seen.topic == "state":
                    robot = self.robots[seen.asset]
                    robot.seq, robot.t_ns = epoch << SEQ_EPOCH_SHIFT | run.last, run.last_ns
                self._runs[seen.topic].append(run)
                return
            self._read_alone(run.places[0], self.messages[run.places[0]])
            del run.places[0], run.rows[0]
            if run.places:
                run.first += 1
                run.first_ns = run.read.t_ns[run.rows[0]]

    def _blocks(self, runs: list[_Run]) -> Iterable[Block]:
        """Runs of one topic as a block of its own streams, and one of positions."""
        yield self._block(runs, is_pose=False)
        placed = [run for run in runs if run.seen.pose is not None]
        if placed:
            yield self._block(placed, is_pose=True)

    def _block(self, runs: list[_Run], *, is_pose: bool) -> Block:
        by_stream: dict[str, list[_Run]] = {}
        streams: dict[str, Stream] = {}
        for run in runs:
            stream = run.seen.pose if is_pose and run.seen.pose is not None else run.seen.stream
            streams[stream.id] = stream
            by_stream.setdefault(stream.id, []).append(run)
        runs = [run for some in by_stream.values() for run in some]
        sizes = np.array([len(run.places) for run in runs])
        starts = np.cumsum(sizes) - sizes
        places = list(chain.from_iterable([run.places for run in runs]))
        received_ns = np.array([self.messages[place][2] for place in places], np.int64)
        bare = np.array([run.seen.pose_row if is_pose else run.seen.row for run in runs])
        values = np.repeat(bare, sizes, axis=0)
        names = [signal.name for signal in next(iter(streams.values())).columns]
        _fill(values, names, runs, starts)
        if is_pose:
            seq = _json.payload_seqs([self.messages[place][1] for place in places])
            texts: Texts = ()
        else:
            self._hear(runs, np.maximum.reduceat(received_ns, starts).tolist())
            firsts = np.array([run.epoch << SEQ_EPOCH_SHIFT | run.first for run in runs], np.int64)
            seq = np.repeat(firsts - starts, sizes) + np.arange(len(places))
            texts = tuple(chain.from_iterable([[run.seen.texts] * len(run.places) for run in runs]))
        quality = np.array([run.seen.pose_quality if is_pose else Quality.GOOD for run in runs], np.int16)
        edges = np.cumsum([0, *(sum([len(run.places) for run in some]) for some in by_stream.values())])
        t_ns = np.array([run.read.t_ns[row] for run in runs for row in run.rows], np.int64)
        return Block(
            tuple(streams.values()), edges, t_ns, seq, received_ns, values, np.repeat(quality, sizes),
            np.array(places, np.int64), texts,
        )  # fmt: skip

    def _hear(self, runs: Sequence[_Run], received_ns: Sequence[int]) -> None:
        for run, heard_ns in zip(runs, received_ns, strict=True):
            asset = run.seen.asset
            self.heard_ns[asset] = max(heard_ns, self.heard_ns.get(asset, 0))


def _is_quiet(seen: Seen, read: Read, row: int, compared: Seen) -> bool:
    if compared is seen:
        return read.is_plain or read.rest[row] == seen.rest
    return seen.is_as(compared) and read.rest[row] == seen.rest


def _is_whole(payload: bytes, time: str, seen: Seen) -> bool:
    """Whether a message like that has each key once: then it has as many colons, and as many backslashes."""
    return payload.count(b":") - time.count(":") == seen.colons and payload.count(b"\\") == seen.slashes


def _fill(values: NDArray[np.float64], names: list[str], runs: Sequence[_Run], starts: NDArray[np.int64]) -> None:
    """Put the numbers that the messages of runs tell in the columns ``names`` of ``values``, float64 (n, width)."""
    by_read: dict[Read, tuple[list[int], list[int]]] = {}
    for run, start in zip(runs, starts.tolist(), strict=True):
        at, rows = by_read.setdefault(run.read, ([], []))
        at += range(start, start + len(run.rows))
        rows += run.rows
    for read, (at, rows) in by_read.items():
        told = read.values[rows]
        columns = {name: told[:, place] for place, name in enumerate(read.likeness.columns)}
        columns |= {name: columns[name] / 100 for name in PERCENT & columns.keys()}
        if "speed" in names and columns.keys() & {"vx", "vy"}:
            none = np.zeros(len(rows))
            both = (columns.get(name, none).tolist() for name in ("vx", "vy"))
            columns["speed"] = np.array(list(map(math.hypot, *both)))
        for place, name in enumerate(names):
            if name in columns:
                values[at, place] = columns[name]
