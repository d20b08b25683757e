"""Many messages at once: what a steady node sends becomes blocks; the rest is left to the host's own reading.

A node's messages are taken as long as each follows the one before: the first that is odd, out of
sequence, or no data message leaves itself and all after it of that node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.decoders._json import EARLIEST_NS, END_NS
from connectors.decoders._sparkplug import wire
from connectors.decoders._sparkplug.layout import counting, is_value
from connectors.decoders._sparkplug.places import PLACE_BITS
from connectors.decoders._sparkplug.topics import Verb
from connectors.decoders._sparkplug.values import MAX_INT, SIGNED_BITS, UNSIGNED_BITS, Datatype
from twin.clock import NS_PER_MS
from twin.errors import DecodeError
from twin.sample import SEQ_EPOCH_SHIFT, Block, Quality

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from connectors.decoders._sparkplug.host import Host
    from connectors.decoders._sparkplug.layout import Group
    from connectors.decoders._sparkplug.session import Node
    from connectors.decoders._sparkplug.topics import Topic
    from twin.message import Message
    from twin.sample import Stream

MAX_ALIAS = 1 << 14
MAX_ROUTES = 50_000
_MIN_METRIC_BYTES = 13
_NOWHERE, _GROUPED = -1, -2
_TYPED, _NAMED = "payloads-metric-datatype-not-req", "payloads-alias-data-cmd-requirement"
_WHOLE, _REAL, _TRUTH = 1, 2, 3
_CLASS = np.zeros(64, np.uint8)
_CLASS[[*SIGNED_BITS, *UNSIGNED_BITS]] = _WHOLE
_CLASS[[Datatype.FLOAT, Datatype.DOUBLE]] = _REAL
_CLASS[Datatype.BOOLEAN] = _TRUTH
_BITS = np.full(64, 64, np.uint64)
_SIGN = np.zeros(64, np.uint64)
for _kind, _bits in {**SIGNED_BITS, **UNSIGNED_BITS}.items():
    _BITS[_kind] = _bits
for _kind, _bits in SIGNED_BITS.items():
    _SIGN[_kind] = 1 << (_bits - 1)
_WIDTH = np.array([(1 << int(bits)) - 1 for bits in _BITS], np.uint64)
_EARLIEST_MS, _END_MS = EARLIEST_NS // NS_PER_MS, END_NS // NS_PER_MS


class Route:
    """Where the aliases of a topic go, for as long as the node's births are these (its fields never change).

    ``places``: int32 by alias, the number of the alias's stream in ``streams`` (the first counts the
    node's messages), or nowhere, or grouped: then ``columns`` holds its column in the group.
    ``kinds``: uint8 by alias, its datatype. Behind the ``aliases`` that may be told come all metrics by
    name: ``names`` gives their numbers. ``rows`` is how many frames a message makes, if it tells each once.
    """

    def __init__(self, host: Host, node: Node, topic: Topic, source: str) -> None:
        birth = host.births[node.key]
        layout = host.layout(node, topic.device)
        self.node, self.birth, self.device = node, node.birth, topic.device
        streams: list[Stream] = [counting(node.asset, source)]
        definitions = birth.definitions[topic.device]
        owned = {alias: path for alias, (device, path) in birth.aliases.items() if device == topic.device}
        self.aliases = max((alias for alias in owned if alias < MAX_ALIAS), default=-1) + 1
        self.names = {path.encode(): self.aliases + number for number, path in enumerate(definitions)}
        size = self.aliases + len(definitions)
        self.places = np.full(size, _NOWHERE, np.int32)
        self.columns = np.zeros(size, np.int32)
        self.kinds = np.zeros(size, np.uint8)
        groups = {id(group): group for group in layout.groups.values()}
        only = next(iter(groups.values())) if len(groups) == 1 else None
        self.group: Group | None = only if only is not None and not only.text_columns else None
        for number, path in enumerate(definitions):
            index = self.aliases + number
            self.kinds[index] = definitions[path].kind
            stream = layout.single(path)
            if stream is not None:
                self.places[index] = len(streams)
                streams.append(stream)
            elif self.group is not None and is_value(path) and layout.signal_name(path) in self.group.columns:
                self.places[index] = _GROUPED
                self.columns[index] = self.group.columns[layout.signal_name(path)]
        for alias, path in owned.items():
            if alias < MAX_ALIAS:
                index = self.names[path.encode()]
                for column in (self.places, self.columns, self.kinds):
                    column[alias] = column[index]
        self.streams = tuple(streams)
        self.rows = len(streams) + (self.group is not None)


class Bulk:
    """Reads many messages for a host. Mutable: routes by topic, and what the last call took."""

    def __init__(self, host: Host, read_topic: Callable[[str], Topic], source: str) -> None:
        self._host = host
        self._read_topic = read_topic
        self._source = source
        self._routes: dict[str, Route] = {}
        self._last: tuple[Sequence[Message], NDArray[np.int64]] | None = None
        self._kept: Sequence[Message] = ()
        self._recalled: dict[int, int] = {}

    def recall(self, message: Message) -> int:
        """The count that the last call gave a message, which ingest reads again alone; -1 for another one."""
        if self._last is not None:
            messages, counts = self._last
            self._recalled = {id(one): count for one, count in zip(messages, counts.tolist(), strict=True)}
            self._last, self._kept = None, messages  # their ids are good as long as they are kept
        return self._recalled.get(id(message), -1)

    def read(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`."""
        self._last, self._kept, self._recalled = None, (), {}
        payloads = [message[1] for message in messages]
        topics = [message[0] for message in messages]
        numbers, routes, nodes = self._numbered(topics)
        if not routes:
            return [], list(range(len(messages))), len(messages)
        route = np.fromiter(map(numbers.__getitem__, topics), np.int64, len(messages))
        most = np.array([*(one.rows for one in routes), 1], np.int64)[np.where(route < 0, -1, route)]
        rows = np.minimum(np.fromiter(map(len, payloads), np.int64, len(payloads)) // _MIN_METRIC_BYTES + 1, most)
        looked_at = min(int(np.searchsorted(np.cumsum(rows), max_rows)) + 1, len(messages))
        messages, payloads = messages[:looked_at], payloads[:looked_at]
        run = _Run(messages, wire.read(payloads), route[:looked_at], routes, nodes)
        self._last = (messages, run.counts)
        return run.blocks(), np.flatnonzero(~run.taken).tolist(), looked_at

    def _numbered(self, topics: list[str]) -> tuple[dict[str, int], list[Route], list[Node]]:
        """By topic the number of its route, or −1 − the number of its node, or beyond all for an unknown one."""
        numbers: dict[str, int] = {}
        routes: list[Route] = []
        nodes: dict[str, tuple[int, Node]] = {}
        others: list[tuple[str, str]] = []
        for text in dict.fromkeys(topics):
            found = self._routes.get(text)
            if (
                found is None
                or found.node.birth is not found.birth
                or self._host.nodes.get(found.node.key) is not found.node
            ):
                found = self._made(text, others)
            if found is not None:
                numbers[text] = len(routes)
                routes.append(found)
                nodes.setdefault(found.node.key, (len(nodes), found.node))
        for text, key in others:
            numbers[text] = -1 - nodes[key][0] if key in nodes else -1 - len(nodes)
        return numbers, routes, [node for _, node in nodes.values()]

    def _made(self, text: str, others: list[tuple[str, str]]) -> Route | None:
        """A new route; a topic that has none is noted with its node."""
        self._routes.pop(text, None)
        try:
            topic = self._read_topic(text)
        except DecodeError:
            others.append((text, ""))
            return None
        node = self._host.nodes.get(topic.key)
        is_data = topic.verb in (Verb.NDATA, Verb.DDATA) and not topic.kept
        if node is None or not node.born or not is_data or topic.device not in self._host.births[node.key].definitions:
            others.append((text, topic.key))
            return None
        if len(self._routes) >= MAX_ROUTES:
            self._routes.clear()
        self._routes[text] = found = Route(self._host, node, topic, self._source)
        return found


class _Run:
    """One call: which messages are taken, and their blocks. Mutable; used once."""

    def __init__(
        self,
        messages: Sequence[Message],
        read: wire.Wire,
        route: NDArray[np.int64],
        routes: list[Route],
        nodes: list[Node],
    ) -> None:
        self._messages, self._wire, self._routes, self._nodes = messages, read, routes, nodes
        self._route = np.maximum(route, 0)
        numbers = {node.key: number for number, node in enumerate(nodes)}
        of_route = np.array([numbers[one.node.key] for one in routes], np.int64)
        self._node = np.where(route >= 0, of_route[self._route], -1 - route)
        bad = read.odd | (route < 0) | (read.ms < _EARLIEST_MS) | (read.ms >= _END_MS)
        retained = [message[4] for message in messages]
        if True in retained:
            bad |= np.array(retained, np.bool_)
        self._bad = bad
        self._look_up()
        self._convert()
        self._grouped = self._group()
        self.taken, self.counts = self._in_sequence()

    def _look_up(self) -> None:
        """Where each metric goes, and what it is."""
        routes, read = self._routes, self._wire
        of = self._route[read.message]
        aliases = np.array([one.aliases for one in routes], np.int64)
        number = np.where(read.aliased & (read.alias < aliases[of]), read.alias, -1)
        rows = np.flatnonzero(read.named)
        if len(rows):
            number[rows] = self._numbers_of_names(rows, of)
        sizes = np.array([len(one.places) for one in routes], np.int64)
        index = np.where(number >= 0, (np.cumsum(sizes) - sizes)[of] + number, -1)
        self._place = np.concatenate([*(one.places for one in routes), [np.int32(_NOWHERE)]])[index]
        self._kind = np.concatenate([*(one.kinds for one in routes), [np.uint8(0)]])[index]
        self._column = np.concatenate([*(one.columns for one in routes), [np.int32(0)]])[index]
        wrong = self._place == _NOWHERE
        if read.typed.any():
            wrong |= read.typed & ~self._told(_TYPED)[of]
        if len(rows) and read.aliased[rows].any():
            wrong |= read.named & read.aliased & ~self._told(_NAMED)[of]
        if read.metric_ms is not read.ms:
            wrong |= (read.metric_ms < _EARLIEST_MS) | (read.metric_ms >= _END_MS)
        self._bad[read.message[wrong]] = True

    def _told(self, rule: str) -> NDArray[np.bool_]:
        """By route: whether that habit of its node is told already."""
        return np.array([f"{one.device} {rule}" in one.node.told for one in self._routes], np.bool_)

    def _numbers_of_names(self, rows: NDArray[np.int64], of: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of metrics told by name; −1 for a name that is in no birth."""
        read = self._wire
        names = [one.names for one in self._routes]
        starts, stops = read.name_start[rows].tolist(), read.name_stop[rows].tolist()
        found = [
            names[route].get(read.body[start:stop], -1)
            for route, start, stop in zip(of[rows].tolist(), starts, stops, strict=True)
        ]
        return np.array(found, np.int64)

    def _convert(self) -> None:
        """The values, by the datatype of the birth; what is not exactly a float64 is left."""
        read = self._wire
        kind, tag, raw = self._kind, read.tag, read.raw
        told = _CLASS[kind]
        values = raw.view(np.float64).copy()
        wrong = (told == _REAL) & (tag != wire.DOUBLE) & (tag != wire.FLOAT)
        rows = np.flatnonzero(tag == wire.FLOAT)
        if len(rows):
            values[rows] = raw[rows].astype(np.uint32).view(np.float32)
        rows = np.flatnonzero(told == _TRUTH)
        if len(rows):
            wrong[rows] |= tag[rows] != wire.BOOL
            values[rows] = raw[rows]
        rows = np.flatnonzero(told == _WHOLE)
        if len(rows):
            wrong[rows] |= (tag[rows] != wire.INT) & (tag[rows] != wire.LONG)
            width, sign = _WIDTH[kind[rows]], _SIGN[kind[rows]]
            whole = (raw[rows] & width) ^ sign
            exact = whole.view(np.int64) - sign.view(np.int64)
            # Of a sign bit at the top the difference wraps round to what is meant; an unsigned one so large is left.
            wrong[rows] |= (exact > MAX_INT) | (exact < -MAX_INT)
            values[rows] = exact
        values[wrong | (told == 0)] = 0.0
        wrong |= ~np.isfinite(values)
        self._bad[read.message[wrong]] = True
        self._values = values

    def _group(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
        """By width: messages that tell all of a group at one time, when that is, and their values; others are left."""
        read = self._wire
        rows = np.flatnonzero(self._place == _GROUPED)
        if not len(rows):
            return []
        widths = np.array([one.group.stream.width if one.group else 0 for one in self._routes], np.int64)
        width = widths[self._route]
        message = read.message[rows]
        count = np.bincount(message, minlength=len(width))
        self._bad[(count > 0) & (count != width)] = True
        found = []
        for wide in np.unique(widths[widths > 0]).tolist():
            mine = np.flatnonzero((count > 0) & (width == wide) & ~self._bad)
            if not len(mine):
                continue
            where = np.full(len(width), -1, np.int64)
            where[mine] = np.arange(len(mine))
            picked = rows[where[message] >= 0]
            values = np.full((len(mine), wide), np.nan)
            values[where[read.message[picked]], self._column[picked]] = self._values[picked]
            times = read.metric_ms[picked].reshape(len(mine), wide)
            wrong = np.isnan(values).any(axis=1) | (times != times[:, :1]).any(axis=1)
            self._bad[mine[wrong]] = True
            found.append((mine, times[:, 0] * NS_PER_MS, values))
        return found

    def _in_sequence(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Which messages are taken, and the count of each within its session."""
        count = len(self._messages)
        steady = [node.is_steady and node.count >= 0 for node in self._nodes]
        last = np.array([*(node.count for node in self._nodes), 0], np.int64)
        order = np.argsort(self._node, kind="stable")
        node = self._node[order]
        starts = np.flatnonzero(np.diff(node, prepend=-1))
        sizes = np.diff(np.append(starts, count))
        step = np.arange(count) - np.repeat(starts, sizes)
        counts = last[node] + 1 + step
        wrong = self._bad[order] | (self._wire.seq[order] != counts % 256) | ~np.array([*steady, False], np.bool_)[node]
        cut = np.minimum.reduceat(np.where(wrong, step, count), starts)
        good = step < np.repeat(cut, sizes)
        kept = np.minimum(cut, sizes)
        last_kept = order[np.maximum(starts + kept - 1, 0)]
        for number, more, newest in zip(node[starts].tolist(), kept.tolist(), last_kept.tolist(), strict=True):
            if more:
                self._nodes[number].count += more
                self._nodes[number].heard_ns = self._messages[newest].received_ns
        taken, all_counts = np.zeros(count, np.bool_), np.full(count, -1, np.int64)
        taken[order] = good
        all_counts[order] = np.where(good, counts, -1)
        return taken, all_counts

    def blocks(self) -> list[Block]:
        """The frames of the messages that are taken."""
        kept = np.flatnonzero(self.taken)
        if not len(kept):
            return []
        read, messages = self._wire, self._messages
        received_ns = np.fromiter([message[2] for message in messages], np.int64, len(messages))
        epochs = np.array([node.epoch for node in self._nodes] + [0], np.int64) << SEQ_EPOCH_SHIFT
        epoch = epochs[self._node]
        sent_ns = read.ms * NS_PER_MS
        found = []
        for mine, t_ns, values in self._grouped:
            rows = np.flatnonzero(self.taken[mine])
            rows = rows[np.argsort(self._route[mine[rows]], kind="stable")]
            if not len(rows):
                continue
            message = mine[rows]
            route = self._route[message]
            starts = np.flatnonzero(np.diff(route, prepend=-1))
            edges = np.append(starts, len(rows))
            told = values[rows]
            groups = [group for number in route[starts].tolist() if (group := self._routes[number].group) is not None]
            for group, last in zip(groups, told[edges[1:] - 1].tolist(), strict=True):
                group.values = last
            seq = epoch[message] | self.counts[message] << PLACE_BITS
            streams = tuple(group.stream for group in groups)
            found.append(_block(streams, edges, t_ns[rows], seq, received_ns[message], told, message))
        found.append(self._singles(kept, epoch, sent_ns, received_ns))
        return found

    def _singles(
        self,
        kept: NDArray[np.int64],
        epoch: NDArray[np.int64],
        sent_ns: NDArray[np.int64],
        received_ns: NDArray[np.int64],
    ) -> Block:
        """A block of all streams of one column, those that count messages among them."""
        read, routes = self._wire, self._routes
        sizes = np.array([len(one.streams) for one in routes], np.int64)
        bases = np.cumsum(sizes) - sizes
        rows = np.flatnonzero(self.taken[read.message] & (self._place >= 0))
        of_row = read.message[rows]
        slots = np.concatenate([bases[self._route[kept]], bases[self._route[of_row]] + self._place[rows]])
        total = int(sizes.sum())
        # Topics of one node share the stream that counts its messages.
        firsts: dict[int, int] = {}
        same = np.array([firsts.setdefault(id(one.node), int(base)) for one, base in zip(routes, bases, strict=True)])
        slots[: len(kept)] = same[self._route[kept]]
        message = np.concatenate([kept, of_row])
        order = np.argsort(slots.astype(np.uint16) if total <= np.iinfo(np.uint16).max else slots, kind="stable")
        slots, message = slots[order], message[order]
        t_ns = np.concatenate([sent_ns[kept], read.metric_ms[rows] * NS_PER_MS])[order]
        values = np.concatenate([read.metrics[kept].astype(np.float64), self._values[rows]])[order]
        seq = epoch[message] | self.counts[message] << PLACE_BITS
        counting_rows = order < len(kept)
        seq[counting_rows] = (epoch[message] | self.counts[message])[counting_rows]
        again = (np.diff(slots, prepend=-1) == 0) & (np.diff(message, prepend=-1) == 0)
        if again.any():
            index = np.arange(len(again))
            seq += np.where(again, index - np.maximum.accumulate(np.where(again, 0, index)), 0)
        starts = np.flatnonzero(np.diff(slots, prepend=-1))
        streams = [stream for one in routes for stream in one.streams]
        picked = tuple([streams[slot] for slot in slots[starts].tolist()])
        edges = np.append(starts, len(slots))
        return _block(picked, edges, t_ns, seq, received_ns[message], values.reshape(-1, 1), message)


def _block(  # noqa: PLR0913  the columns of a block
    streams: tuple[Stream, ...],
    edges: Sequence[int] | NDArray[np.intp],
    t_ns: NDArray[np.int64],
    seq: NDArray[np.int64],
    received_ns: NDArray[np.int64],
    values: NDArray[np.float64],
    message: NDArray[np.int64],
) -> Block:
    quality = np.full(len(t_ns), np.int16(Quality.GOOD))
    return Block(streams, np.asarray(edges, np.intp), t_ns, seq, received_ns, values, quality, message)
