"""What the JSON dialects share: template, streams, sequences, and the state that survives a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.decoders._json import SequenceTracker
from connectors.decoders._streams import StreamBook
from connectors.topics import TopicTemplate, fill_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.site import AssetType, Hub


class _State(msgspec.Struct):
    sequences: dict[str, list[int]]
    plain: dict[str, list[str]]


class TopicDialect:
    """Base of decoders that learn an asset from the topic. Mutable: caches and sequences."""

    def __init__(self, template: str, asset: str, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        self._template = TopicTemplate(template)
        self._asset_template = asset
        self._captured: dict[str, tuple[str, dict[str, str]]] = {}
        self.book = StreamBook(source, hub, types)
        self.sequences = SequenceTracker()

    @property
    def marks(self) -> int:
        """Goes up where the state must be saved with the very batch: a device began a session, or its time leapt."""
        return self.sequences.marks

    def place(self, topic: str) -> tuple[str, dict[str, str]]:
        """(asset id, captured levels) of a topic; raises DecodeError."""
        found = self._captured.get(topic)
        if found is None:
            captured = self._template.capture(topic)
            found = (fill_asset(captured, self._asset_template), captured)
            if len(self._captured) < 100_000:  # noqa: PLR2004  a cache, bounded against random topics
                self._captured[topic] = found
        return found

    def state(self) -> bytes:
        """Sequences and stream names that must survive a restart."""
        return msgspec.json.encode(_State(self.sequences.streams, self.book.plain))

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        if state:
            kept = msgspec.json.decode(state, type=_State)
            self.sequences.streams, self.book.plain = kept.sequences, kept.plain
