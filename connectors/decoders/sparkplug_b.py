"""Sparkplug B 3.0: births, data and deaths of nodes and devices, as a host application reads them.

The host's state machine is `connectors.decoders._sparkplug.host`. Give it a source of type
``sparkplug_host``, which says that the host is there and asks nodes for their births.

```toml
[[source]]
name = "gateways"
type = "sparkplug_host"
topics = ["spBv1.0/#"]
decoder = "sparkplug_b"
[source.options]
host_id = "factory-twin"
asset = "{group}/{node}/{device}"
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from connectors.decoders._sparkplug.bulk import Bulk
from connectors.decoders._sparkplug.ground import Settings
from connectors.decoders._sparkplug.host import Host
from connectors.decoders._sparkplug.layout import MODES, STATES, Layout, Words, named
from connectors.decoders._sparkplug.topics import read_topic
from twin.clock import NS_PER_S
from twin.message import Handled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.decoders._sparkplug.topics import Topic
    from twin.decoder import Told
    from twin.message import Message
    from twin.sample import Block
    from twin.site import AssetType, Hub

MAX_TOPICS = 100_000
_FIELDS = ("{group}", "{node}", "{device}")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``asset`` makes asset ids; of a node, levels with {device} are left out, or ``node`` makes its id.

    ``node`` is for nodes whose devices stand among others: a node's death is that of all below it. Times are
    in seconds.

    ``host_id`` is the name under which the source says that it is there. ``reorder_s`` is how long a
    missing message is waited for before a rebirth is asked for (0: not at all), ``reorder_messages``
    how far behind one may come. ``states`` and ``modes`` give words for PackML's numbers where a
    device numbers otherwise. ``streams``: one a metric, or one a device that always sends all.
    """

    host_id: str = ""
    asset: str = "{group}/{node}/{device}"
    node: str = ""
    strict: bool = False
    streams: Literal["metric", "device"] = "metric"
    reorder_s: float = 5.0
    reorder_messages: int = 64
    rebirth: bool = True
    rebirth_interval_s: float = 10.0
    start_jitter_s: float = 3.0
    death_timeout_s: float = 5.0
    store_transient: bool = False
    max_unpacked_bytes: int = 4_000_000
    states: dict[str, str] = {}
    modes: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what cannot work; msgspec reports it with its place."""
        left = self.asset
        for field in _FIELDS:
            left = left.replace(field, "")
        if "{" in left or "}" in left or "{node}" not in self.asset or "{device}" not in self.asset:
            raise ValueError(f"asset {self.asset!r}: write {{node}} and {{device}}, and {{group}} if you like")
        if "{device}" in self.node or (self.node and "{node}" not in self.node):
            raise ValueError(f"node {self.node!r}: write {{node}}, and {{group}} if you like")
        if any(sign in self.host_id for sign in "/+#"):
            raise ValueError(f"host_id {self.host_id!r} must be without / + #")
        if not 0 <= self.reorder_messages <= 128:  # noqa: PLR2004  half of the numbers there are
            raise ValueError("reorder_messages: 0 to 128")
        times = (self.reorder_s, self.rebirth_interval_s, self.start_jitter_s, self.death_timeout_s)
        if any(not 0 <= each <= 86_400 for each in times):  # noqa: PLR2004  a day
            raise ValueError("times are 0 to 86400 seconds")


class Decoder:
    """A host's ears. Mutable: the nodes' sessions (see `Host`), and a cache of topics."""

    def __init__(self, options: Options, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        words = Words({**STATES, **options.states}, {**MODES, **options.modes})
        whole = options.streams == "device"
        self._levels = options.asset.split("/")
        self._node_levels = options.node.split("/") if options.node else self._levels
        self._topics: dict[str, Topic] = {}
        settings = Settings(
            window_ns=round(options.reorder_s * NS_PER_S),
            late_messages=options.reorder_messages,
            rebirth=options.rebirth,
            rebirth_interval_ns=round(options.rebirth_interval_s * NS_PER_S),
            start_jitter_s=options.start_jitter_s,
            death_timeout_ns=round(options.death_timeout_s * NS_PER_S),
            strict=options.strict,
            store_transient=options.store_transient,
            max_unpacked=options.max_unpacked_bytes,
        )
        self.host = Host(
            settings, self.asset_of, lambda asset: Layout(asset, source, hub, types, words, whole=whole), source
        )

        self._bulk = Bulk(self.host, self.topic, source)
        self.host.recall = self._bulk.recall

    @property
    def marks(self) -> int:
        """Goes up where the state must be saved with the very batch: a birth, a death, a message that waits."""
        return self.host.marks

    def asset_of(self, group: str, node: str, device: str) -> str:
        """The asset id of a node (no device), or of a device."""
        found = []
        for level in self._levels if device else self._node_levels:
            if "{device}" in level and not device:
                continue
            found.append(named(level.replace("{group}", group).replace("{node}", node).replace("{device}", device)))
        return "/".join(found)

    def topic(self, text: str) -> Topic:
        """A topic taken apart; raises DecodeError (topic)."""
        found = self._topics.get(text)
        if found is None:
            found = read_topic(text)
            if len(self._topics) < MAX_TOPICS:
                self._topics[text] = found
        return found

    def decode(self, message: Message) -> Iterable[Told]:
        """The frames, liveness, announcements and findings of a message; see `Host.hear`."""
        if message.retain and not message.payload:
            return [Handled("retained_cleared")]
        topic = self.topic(message.topic)
        told = self.host.hear(topic, message)
        if self.host.pending:
            told, self.host.pending = [*self.host.pending, *told], []
        return told

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """See `twin.decoder.BulkDecoder`."""
        if self.host.pending or self.host.settings.strict:
            return [], list(range(len(messages))), len(messages)
        return self._bulk.read(messages, max_rows)

    def tick(self, now_ns: int) -> Iterable[Told]:
        """What the passing of time says; see `Host.tick`."""
        return self.host.tick(now_ns)

    def state(self) -> bytes:
        """The sessions, and what waits."""
        return self.host.state()

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        self.host.restore(state)
