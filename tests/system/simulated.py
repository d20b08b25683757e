"""The demo's devices without a broker: their edge nodes are told that their host is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.publish import UP
from connectors.speakers.cast import Cast
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from twin.config import Factory

START_NS = 1_750_039_200 * NS_PER_S
"""A Monday morning at eleven in Korea, in every browser's past."""


class FromZero:
    """Counts of devices that run for the first time."""

    def next_seq(self, _stream: str) -> int:
        return 0

    def session(self, _line: str) -> int:
        return -1


def cast_of(site, factory: Factory) -> Cast:
    """A site's devices, their edge nodes connected, and their host there."""
    cast = Cast(site, factory, START_NS, FromZero())
    for edge in cast.edges.values():
        edge.edge.will()
        list(edge.hear(*UP))
        list(edge.hear(edge.topics[1], b'{"online": true, "timestamp": 1}'))
    return cast
