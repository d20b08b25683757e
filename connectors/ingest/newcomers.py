"""Devices as they are met: that send without being named in the factory file, or tell of themselves.

Listed, and bounded in number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.errors import DecodeError
from twin.events import Event, EventKind
from twin.ports import Newcomer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from twin.message import Announced, Liveness, Message
    from twin.sample import Stream

MAX_SIGNALS_TOLD = 50
MAX_STREAMS_TOLD = 200
MAX_TEXT = 300
MAX_ATTRIBUTES = 50
ACTIVE_NS = 600 * NS_PER_S
"""Two publishers that announce themselves as one asset within so long are both active, unless one said goodbye."""


@dataclass(slots=True)
class _Publisher:
    """Who an asset is (mutable): who announced it last and before, and when."""

    name: str
    t_ns: int
    before: str = ""


class Newcomers:
    """Who is known. Mutable; the thread that decodes owns it.

    ``declared`` are the assets of the factory file, ``known`` the newcomers of earlier runs. One
    source may bring ``limit`` newcomers, so that random names fill neither memory nor store; what
    more of them send is a dead letter, to be fed again once the device is named.
    """

    def __init__(self, declared: Iterable[str], known: Iterable[Newcomer], limit: int) -> None:
        self._declared = frozenset(declared)
        self._above = frozenset(
            asset[:end] for asset in self._declared for end in range(len(asset)) if asset[end] == "/"
        )
        self._limit = limit
        self._assets: dict[str, set[str]] = {}
        self._publishers: dict[str, _Publisher] = {}
        self._clashes: set[str] = set()
        self._nodes: set[str] = set()
        """Those that announced themselves without a signal and a type: gateways."""
        self._new: dict[tuple[str, str], Newcomer] = {}
        for one in known:
            if one.asset not in self._declared:
                self._assets.setdefault(one.source, set()).add(one.asset)
            if one.publisher:
                self._publishers[one.asset] = _Publisher(one.publisher, one.last_ns)

    def see(self, source: str, message: Message, stream: Stream) -> None:
        """Take a stream's first message; raises DecodeError (unknown_device) where the list is full.

        That something above assets of the factory file lives or dies makes no newcomer of it, nor that an edge
        node counts its messages: the devices behind it are what there is to accept.
        """
        asset = stream.asset
        if asset in self._declared or (stream.tells_presence and asset in self._above):
            return
        if stream.is_of_a_node and asset in self._nodes:
            return
        if self._let_in(source, asset):
            signals = ", ".join(signal.name for signal in stream.signals[:MAX_SIGNALS_TOLD])
            now_ns = message.received_ns
            one = Newcomer(source, asset, now_ns, message.topic, stream.id, signals, last_ns=now_ns)
            self._new.setdefault((source, asset), one)

    def announce(self, source: str, told: Announced, message: Message) -> Sequence[Event]:
        """Take what a device told of itself; the clash with another publisher, once, if there is one.

        Raises DecodeError (unknown_device) where the list is full.
        """
        is_node = not told.streams and not told.asset_type
        if is_node and told.asset not in self._declared:
            self._nodes.add(told.asset)
            self._new.pop((source, told.asset), None)
            return self._clash(told, message.received_ns) if told.publisher else ()
        if told.asset not in self._declared:
            self._let_in(source, told.asset)
        first = told.streams[0] if told.streams else None
        signals = [signal.name for stream in told.streams for signal in stream.signals]
        self._new[source, told.asset] = Newcomer(
            source, told.asset, message.received_ns, message.topic, first.id if first else "",
            ", ".join(signals[:MAX_SIGNALS_TOLD]), told.asset_type[:MAX_TEXT], told.name[:MAX_TEXT],
            attributes_json(told.attributes), streams_json(told.streams), told.publisher[:MAX_TEXT],
            message.received_ns,
        )  # fmt: skip
        return self._clash(told, message.received_ns) if told.publisher else ()

    def live(self, told: Liveness) -> None:
        """Who said goodbye is active no longer."""
        if not told.online:
            below = told.path + "/"
            for asset in [one for one in self._publishers if one == told.path or one.startswith(below)]:
                self._publishers[asset].t_ns = -ACTIVE_NS
                self._publishers[asset].before = ""

    def take(self) -> tuple[Newcomer, ...]:
        """Those met since the last call."""
        new, self._new = tuple(self._new.values()), {}
        return new

    def _let_in(self, source: str, asset: str) -> bool:
        """Whether the asset was not known; raises DecodeError (unknown_device) where the list is full."""
        assets = self._assets.setdefault(source, set())
        if asset in assets:
            return False
        if len(assets) >= self._limit:
            raise DecodeError(
                "unknown_device",
                f"{asset} is not in the factory file, and {self._limit} such devices of this source are listed already",
            )
        assets.add(asset)
        return True

    def _clash(self, told: Announced, now_ns: int) -> Sequence[Event]:
        publisher = told.publisher[:MAX_TEXT]
        known = self._publishers.get(told.asset)
        if known is None or known.name == publisher:
            if known is None:
                self._publishers[told.asset] = _Publisher(publisher, now_ns)
            else:
                known.t_ns = now_ns
            return ()
        both = now_ns - known.t_ns < ACTIVE_NS or publisher == known.before
        self._publishers[told.asset] = _Publisher(publisher, now_ns, known.name)
        if not both or told.asset in self._clashes:
            return ()
        self._clashes.add(told.asset)
        return (Event(EventKind.IDENTITY_CLASH, now_ns, told.asset, before=known.name, after=publisher),)


def attributes_json(attributes: Mapping[str, str]) -> str:
    """What a device told of itself, as JSON; so much of it."""
    listed = list(attributes.items())[:MAX_ATTRIBUTES]
    return json.dumps({name[:MAX_TEXT]: str(text)[:MAX_TEXT] for name, text in listed}, ensure_ascii=False)


def streams_json(streams: Sequence[Stream]) -> str:
    """The streams that a device told of, as JSON (see `Newcomer`); so many of them."""
    return json.dumps(
        [
            {
                "name": stream.name,
                "signals": [
                    {"name": one.name, "kind": one.kind.value, "unit": one.unit, "role": one.role.value}
                    for one in stream.signals[:MAX_SIGNALS_TOLD]
                ],
            }
            for stream in streams[:MAX_STREAMS_TOLD]
        ],
        ensure_ascii=False,
    )
