"""Messages (bytes, before meaning) and what decoders make of them besides frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.sample import Stream


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
    """A message understood that carries no samples; counted as handled(kind).

    The kind ``held`` says that its meaning waits for another message: the decoder keeps it in its
    state (with a mark), and says later by `Settled` what became of it.
    """

    kind: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that was `Handled` as ``held`` is decoded now (``reason`` is "") or is a dead letter."""

    message: Message
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Announced:
    """A device told of itself: what it is, and which streams it has (a birth, a factsheet, a discovery).

    ``asset_type`` is a guess, "" for none; ``name`` is the device's own; ``attributes`` are what it
    told of itself (manufacturer, serial number, model …). ``publisher`` tells two publishers of one
    identity apart, "" where the dialect cannot.
    """

    asset: str
    t_ns: int
    asset_type: str = ""
    name: str = ""
    streams: tuple[Stream, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    publisher: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """Something to publish back to a device's world, such as a request for its birth; lost if it cannot be sent."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A device broke a rule of the standard that it speaks, and was understood (or not) all the same.

    ``device`` is an asset, or a node above assets; ``rule`` is a short stable name (for Sparkplug the
    ``tck-id`` without its prefix, where there is one), ``detail`` the example at hand.
    """

    device: str
    rule: str
    detail: str
    t_ns: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not become samples, kept as received (payload capped by the writer)."""

    source: str
    topic: str
    reason: str
    detail: str
    payload: bytes
    received_ns: int
