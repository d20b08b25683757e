"""Where messages come from: one file, one kind of source.

A source module offers ``Source``, made as ``Source(config, surroundings)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.config import NOT_INGESTED, topic_matches

if TYPE_CHECKING:
    from twin.clock import Clock
    from twin.config import BrokerConfig, SourceConfig


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source may need besides its own configuration.

    ``client_id`` is stable over restarts. ``expects_session`` says that this source has been heard
    before, so that a broker without its session means that queued messages are gone.
    """

    broker: BrokerConfig
    client_id: str
    clock: Clock
    expects_session: bool = False


MAX_TOPICS = 100_000


class Share:
    """Which topics are a source's own, of those that its filters bring (mutable: it remembers topics).

    Not its own are the twin's own topics, what is replayed, and what it leaves to other sources.
    """

    def __init__(self, config: SourceConfig) -> None:
        self._leaves = config.leaves
        # Some brokers let a bare # match topics that begin with $, against MQTT 3.1.1 § 4.7.2.
        self._asks_broker = not config.leaves or any(topic.startswith("$") for topic in config.topics)
        roots = {topic.split("/")[0] for topic in config.topics}
        self.is_all = not self._leaves and not roots & {"#", "+", *(one.split("/")[0] for one in NOT_INGESTED)}
        """Whether nothing that comes can be another's."""
        self._known: dict[str, bool] = {}

    def has(self, topic: str) -> bool:
        """Whether the source takes messages of that topic."""
        found = self._known.get(topic)
        if found is None:
            is_brokers = topic.startswith("$") and not self._asks_broker
            is_left = any(topic_matches(one, topic) for one in self._leaves)
            found = not topic.startswith(NOT_INGESTED) and not is_brokers and not is_left
            if len(self._known) >= MAX_TOPICS:
                self._known.clear()
            self._known[topic] = found
        return found
