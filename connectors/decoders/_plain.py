"""A decoder without a topic template: its streams, its sequences, and the state that survives a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.decoders._json import SequenceTracker
from connectors.decoders._streams import StreamBook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.site import AssetType, Hub


class _State(msgspec.Struct):
    sequences: dict[str, list[int]]
    plain: dict[str, list[str]]


class Plain:
    """Base of decoders that read their topics themselves. Mutable: caches and sequences."""

    def __init__(self, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        self.book = StreamBook(source, hub, types)
        self.sequences = SequenceTracker()

    @property
    def marks(self) -> int:
        """Goes up where the state must be saved with the very batch: a device began a session, or its time leapt."""
        return self.sequences.marks

    def state(self) -> bytes:
        """Sequences and stream names that must survive a restart."""
        return msgspec.json.encode(_State(self.sequences.streams, self.book.plain))

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        if state:
            kept = msgspec.json.decode(state, type=_State)
            self.sequences.streams, self.book.plain = kept.sequences, kept.plain
