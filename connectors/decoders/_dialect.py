"""A decoder with a topic template: which asset a topic means, beside what every plain decoder has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.decoders._plain import Plain
from connectors.topics import TopicTemplate, fill_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.site import AssetType, Hub


class TopicDialect(Plain):
    """Base of decoders that learn an asset from the topic. Mutable: see `Plain`; and a cache of topics."""

    def __init__(self, template: str, asset: str, source: str, hub: Hub, types: Mapping[str, AssetType]) -> None:
        super().__init__(source, hub, types)
        self._template = TopicTemplate(template)
        self._asset_template = asset
        self._captured: dict[str, tuple[str, dict[str, str]]] = {}

    def place(self, topic: str) -> tuple[str, dict[str, str]]:
        """(asset id, captured levels) of a topic; raises DecodeError."""
        found = self._captured.get(topic)
        if found is None:
            captured = self._template.capture(topic)
            found = (fill_asset(captured, self._asset_template), captured)
            if len(self._captured) < 100_000:  # noqa: PLR2004  a cache, bounded against random topics
                self._captured[topic] = found
        return found
