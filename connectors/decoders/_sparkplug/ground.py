"""What a host keeps of its nodes, and how it turns a message's readings into frames and findings.

The rules of the game are in `host`; this is the ground they stand on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoders._json import EARLIEST_NS, END_NS, payload_seq
from connectors.decoders._sparkplug import rules
from connectors.decoders._sparkplug.layout import Layout, counted, counting, is_value
from connectors.decoders._sparkplug.rules import Broken
from connectors.decoders._sparkplug.session import Birth, Device, Node, unpacked
from connectors.decoders._sparkplug.topics import Verb
from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import DecodeError
from twin.message import Finding
from twin.sample import SEQ_EPOCH_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.decoders._sparkplug.readings import Definition, Reading
    from connectors.decoders._sparkplug.topics import Topic
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Frames

MAX_NODES = 20_000
MAX_DEVICES = 1000
MAX_METRICS = 500_000
MAX_UNBORN = 5000
"""So many metrics may a device send that its birth did not name."""
_LOW = (1 << SEQ_EPOCH_SHIFT) - 1
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """How the host behaves."""

    window_ns: int
    late_messages: int
    rebirth: bool
    rebirth_interval_ns: int
    start_jitter_s: float
    death_timeout_ns: int
    strict: bool
    store_transient: bool
    max_unpacked: int


@dataclass(slots=True)
class Heard:
    """A message that is being read: its topic, its payload, and the rules found broken so far (mutable)."""

    topic: Topic
    message: Message
    payload: Any
    broken: list[Broken] = field(default_factory=list)

    @property
    def now_ns(self) -> int:
        """When it was received."""
        return self.message.received_ns

    @property
    def seq(self) -> int | None:
        """Its sequence number, if it has one."""
        return int(self.payload.seq) if self.payload.HasField("seq") else None

    @property
    def t_ns(self) -> int:
        """When it was sent; when it was received, where it does not say or cannot mean it."""
        told_ns = int(self.payload.timestamp) * NS_PER_MS
        return told_ns if EARLIEST_NS <= told_ns < END_NS else self.message.received_ns

    @property
    def is_kept(self) -> bool:
        """Whether a broker kept it: it may be of any age, and has no place in the sequence."""
        return self.topic.kept or self.message.retain

    def breaks(self, rule: str, detail: str) -> None:
        """Note a broken rule."""
        self.broken.append(Broken(rule, detail))


class Ground:
    """The nodes, their births and layouts. Mutable; the host that builds on it owns it.

    ``asset_of`` gives the asset id of (group, node, device), ``layout_of`` a new layout of an asset.
    """

    def __init__(
        self,
        settings: Settings,
        asset_of: Callable[[str, str, str], str],
        layout_of: Callable[[str], Layout],
        source: str,
    ) -> None:
        self.settings = settings
        self.nodes: dict[str, Node] = {}
        self.births: dict[str, Birth] = {}
        self.pending: list[Told] = []
        """What could not be told with a message that was refused."""
        self.marks = 0
        self.recall: Callable[[Message], int] = lambda _message: -1
        """The count of a message that was read with many others and is read again alone; -1 for another one."""
        self._asset_of = asset_of
        self._layout_of = layout_of
        self._source = source
        self._layouts: dict[tuple[str, str], Layout] = {}
        self._metrics = 0
        self._held_bytes = 0
        self._unasked: list[str] = []
        self._timed: set[str] = set()
        self._spellings: dict[str, set[str]] = {}

    # Nodes and devices.

    def _node(self, heard: Heard) -> Node:
        topic = heard.topic
        found = self.nodes.get(topic.key)
        if found is None:
            if len(self.nodes) >= MAX_NODES:
                raise DecodeError("cardinality", f"more than {MAX_NODES} nodes from one source")
            found = Node(topic.group, topic.node, self._asset_of(topic.group, topic.node, ""))
            self.nodes[topic.key] = found
            spellings = self._spellings.setdefault(topic.key.casefold(), set())
            spellings.add(topic.key)
            if len(spellings) > 1:
                heard.breaks("case-sensitivity-sparkplug-ids", " and ".join(sorted(spellings)))
        return found

    def _device(self, node: Node, heard: Heard) -> Device:
        device = heard.topic.device
        found = node.devices.get(device)
        if found is None:
            if len(node.devices) >= MAX_DEVICES:
                raise DecodeError("cardinality", f"more than {MAX_DEVICES} devices at one node")
            found = node.devices[device] = Device(self._asset_of(node.group, node.node, device))
        return found

    def _lay_out(self, node: Node, device: str) -> Layout:
        """A new layout, by the birth as it is now."""
        layout = self._layout_of(node.devices[device].asset if device else node.asset)
        layout.define(self.births[node.key].definitions[device])
        self._layouts[node.key, device] = layout
        return layout

    def layout(self, node: Node, device: str) -> Layout:
        """The layout of a device that was born ("" for the node's own metrics)."""
        return self._layouts.get((node.key, device)) or self._lay_out(node, device)

    def _define_unborn(self, layout: Layout, definitions: Mapping[str, Definition]) -> None:
        """Take metrics that no birth named; raises DecodeError (cardinality) for too many of them."""
        if definitions:
            if layout.size + len(definitions) > max(MAX_UNBORN, 2 * layout.born):
                raise DecodeError("cardinality", f"more than {MAX_UNBORN} metrics that no birth named")
            layout.define_unborn(definitions)

    def _keep_birth(self, node: Node) -> None:
        birth = self.births[node.key]
        node.birth = birth.packed()
        self._metrics = sum(one.size for one in self.births.values())
        self.marks += 1

    # Sequence.

    def _place(self, node: Node, heard: Heard) -> int:
        """The count of a message within its session; -1 for one without a sequence number.

        Raises DecodeError (old_session) for one sent before the session's birth.
        """
        seq = heard.seq
        if seq is None:
            return -1
        if node.count < 0:
            node.count, node.first = seq - 1, seq
        count = self.recall(heard.message)
        if count >= 0:
            return count
        is_old = heard.now_ns + max(self.settings.window_ns, NS_PER_S) < node.heard_ns
        count = node.place(seq, self.settings.late_messages, old=is_old)
        if count < 0:
            if is_old or heard.t_ns < node.birth_ns:
                raise DecodeError("old_session", f"seq {seq}, sent before the birth of {node.key}")
            count = node.count + 1 + (seq - node.count - 1) % (rules.MAX_SEQ + 1)
        return count

    def _take(self, node: Node, count: int, heard: Heard) -> None:
        if count >= 0:
            node.take(count, heard.now_ns, self.settings.window_ns)
            self._watch(node)

    def _arrived(self, node: Node, heard: Heard) -> None:
        """Note a message that is refused or waits: it is not missing."""
        if node.born and heard.topic.verb is not Verb.NBIRTH:
            try:
                self._take(node, self._place(node, heard), heard)
            except DecodeError:
                return

    # Frames.

    def _counted(self, node: Node, count: int, heard: Heard) -> list[Told]:
        """The frame that counts the message: what is lost shows as a gap of that stream."""
        if count < 0:
            return []
        seq = node.epoch << SEQ_EPOCH_SHIFT | count
        stream = counting(node.asset, self._source)
        return [counted(stream, heard.t_ns, seq, heard.now_ns, len(heard.payload.metrics))]

    def _frames(
        self, layout: Layout, node: Node, count: int, readings: Iterable[Reading], heard: Heard
    ) -> list[Frames]:
        """The frames of a message's readings; what is not kept, and what is no value, is left out."""
        timed = []
        wrong: list[str] = []
        for reading in readings:
            if not is_value(reading.path) or (reading.transient and not self.settings.store_transient):
                continue
            t_ns = heard.t_ns
            if reading.t_ms is not None:
                told_ns = reading.t_ms * NS_PER_MS
                if EARLIEST_NS <= told_ns < END_NS:
                    t_ns = told_ns
                else:
                    wrong.append(f"{reading.path}: {reading.t_ms}")
            timed.append((reading, t_ns))
        if wrong:
            heard.breaks("payloads-metric-timestamp-in-UTC", ", ".join(wrong[:_EXAMPLES]))
        if count >= 0:
            seq = node.frame_seq(count)
        else:
            seq = node.epoch << SEQ_EPOCH_SHIFT | payload_seq(heard.message.payload) & _LOW & ~0x3FFF
        frames, odd = layout.frames(timed, seq, heard.now_ns)
        if odd:
            heard.breaks("not_finite", ", ".join(odd[:_EXAMPLES]))
        return frames

    # Conformance.

    def _refuse_broken(self, node: Node | None, heard: Heard) -> None:
        """In strict mode, raise DecodeError (not_conformant) for a MUST that is broken; the findings are told later."""
        if self.settings.strict:
            must = [broken for broken in heard.broken if broken.is_must]
            if must:
                self.pending += self._findings(node, heard)
                raise DecodeError("not_conformant", f"{must[0].rule}: {must[0].detail}")

    def _findings(self, node: Node | None, heard: Heard) -> list[Told]:
        """The rules a message breaks; a habit of the client is told once a session."""
        if not heard.broken:
            return []
        topic = heard.topic
        device = self._asset_of(topic.group, topic.node, topic.device)
        told: list[Told] = []
        for broken in heard.broken:
            if broken.rule in rules.ONCE and node is not None:
                mark = f"{topic.device} {broken.rule}"
                if mark in node.told:
                    continue
                node.told.append(mark)
            told.append(Finding(device, broken.rule, broken.detail, heard.now_ns))
        heard.broken = []
        return told

    # Time.

    def _want_birth(self, node: Node, now_ns: int, delay_ns: int) -> None:
        if self.settings.rebirth:
            node.want_birth(now_ns, delay_ns, self.settings.rebirth_interval_ns)
            self._watch(node)

    def _watch(self, node: Node) -> None:
        if node.has_timer:
            self._timed.add(node.key)

    # What survives a restart.

    def state(self) -> bytes:
        """All nodes, their births packed."""
        return msgspec.msgpack.encode(self.nodes)

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave; each node that was born is asked for its birth once."""
        if not state:
            return
        self.nodes = msgspec.msgpack.decode(state, type=dict[str, Node])
        self.births = {key: unpacked(node.birth) for key, node in self.nodes.items() if node.birth}
        self._layouts = {}
        self._timed = {key for key, node in self.nodes.items() if node.has_timer}
        self._unasked = sorted(self.births)
        self._metrics = sum(one.size for one in self.births.values())
        self._held_bytes = sum(len(held.payload) for node in self.nodes.values() for held in node.held)
        self._spellings = {}
        for key in self.nodes:
            self._spellings.setdefault(key.casefold(), set()).add(key)
