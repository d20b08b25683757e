"""Devices that send without being named in the factory file: listed, and bounded in number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.errors import DecodeError
from twin.ports import Newcomer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.message import Message
    from twin.sample import Stream

MAX_SIGNALS_TOLD = 50


class Newcomers:
    """Who is known. Mutable; the thread that decodes owns it.

    ``declared`` are the assets of the factory file, ``known`` the newcomers of earlier runs. One
    source may bring ``limit`` newcomers, so that random names fill neither memory nor store; what
    more of them send is a dead letter, to be fed again once the device is named.
    """

    def __init__(self, declared: Iterable[str], known: Iterable[Newcomer], limit: int) -> None:
        self._declared = frozenset(declared)
        self._limit = limit
        self._assets: dict[str, set[str]] = {}
        self._new: list[Newcomer] = []
        for one in known:
            if one.asset not in self._declared:
                self._assets.setdefault(one.source, set()).add(one.asset)

    def see(self, source: str, message: Message, stream: Stream) -> None:
        """Take a stream's first message; raises DecodeError (unknown_device) where the list is full."""
        asset = stream.asset
        if asset in self._declared:
            return
        assets = self._assets.setdefault(source, set())
        if asset in assets:
            return
        if len(assets) >= self._limit:
            raise DecodeError(
                "unknown_device",
                f"{asset} is not in the factory file, and {self._limit} such devices of this source are listed already",
            )
        assets.add(asset)
        signals = ", ".join(signal.name for signal in stream.signals[:MAX_SIGNALS_TOLD])
        self._new.append(Newcomer(source, asset, message.received_ns, message.topic, stream.id, signals))

    def take(self) -> tuple[Newcomer, ...]:
        """Those seen since the last call."""
        new, self._new = tuple(self._new), []
        return new
