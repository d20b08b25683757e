"""Messages (bytes, before meaning) and what decoders make of them besides frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Message(NamedTuple):
    """One MQTT application message as it arrived. ``received_ns`` is the receiver's clock.

    A tuple, because a plant makes tens of thousands a second.
    """

    topic: str
    payload: bytes
    received_ns: int
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Liveness:
    """A device (an asset, or all below a path) said that it is there, or its last will said it is not."""

    path: str
    online: bool
    t_ns: int


@dataclass(frozen=True, slots=True)
class Handled:
    """A message understood that carries no samples; counted as handled(kind)."""

    kind: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not become samples, kept as received (payload capped by the writer)."""

    source: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    received_ns: int
