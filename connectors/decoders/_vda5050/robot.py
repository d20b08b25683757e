"""What is remembered of a robot, and a message with what its header and its topic say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from twin.message import Message

GONE = ("OFFLINE", "CONNECTION_BROKEN")


class Robot(msgspec.Struct):
    """What is remembered of a robot (mutable; the decoder owns it): the newest state, and whether it is there."""

    seq: int = -1
    t_ns: int = 0
    order: str = ""
    actions: dict[str, str] = {}
    errors: list[str] = []
    route: list[str | None] = []
    route_seq: int = -1
    known: dict[str, tuple[float, float]] = {}
    connection: str = ""
    connection_ns: int = 0
    online: bool | None = None
    liveness_ns: int = 0
    silent: bool = False
    announced: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether a message of it is no news: neither was it silent, nor did it say that it is gone."""
        return not self.silent and self.connection not in GONE


class Head(NamedTuple):
    """A message with what its header and its topic say."""

    message: Message
    asset: str
    topic: str
    major: str
    body: dict[str, Any]
    t_ns: int
    quality: int
    findings: list[tuple[str, str]]
