"""What reads a dialect: the socket of decoders. Plug-ins pass the same contract suite as our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from twin.events import Event
    from twin.message import Announced, Ask, Finding, Handled, Liveness, Message, Settled
    from twin.sample import Block, Frames

Told: TypeAlias = "Frames | Liveness | Announced | Event | Finding | Ask | Handled | Settled"
"""What a decoder may make of a message."""


class Decoder(Protocol):
    """Bytes → samples, one dialect a class. Raises DecodeError for a message that has no meaning."""

    def decode(self, message: Message) -> Iterable[Told]:
        """What the message says. All of it or DecodeError: never a part."""
        ...

    def state(self) -> bytes:
        """What must survive a restart (sequence epochs …); b"" for none.

        Saved once a second with a batch, and with the very batch that brings a new stream, or makes an
        attribute ``marks`` of the decoder go up (a new session of a device, say).
        """
        ...

    def restore(self, state: bytes) -> None:
        """Take back what `state` gave."""
        ...


@runtime_checkable
class TimedDecoder(Decoder, Protocol):
    """A decoder to which time itself means something: a silence, a message that did not come."""

    def tick(self, now_ns: int) -> Iterable[Told]:
        """What the receiver's clock says, about once a second, between messages; mostly nothing."""
        ...


@runtime_checkable
class BulkDecoder(Decoder, Protocol):
    """A decoder that can read many messages at once."""

    def decode_many(self, messages: Sequence[Message], max_rows: int) -> tuple[list[Block], list[int], int]:
        """What `decode` would make of these messages, one after the other, and the state it would leave.

        Returns blocks (whose ``message`` are places in ``messages``), the places of messages that
        are left for `decode` to read in that order (all of a stream, or none of it; and every
        retained one), and how many messages were looked at: it stops once ``max_rows`` rows are there.
        """
        ...


@runtime_checkable
class BatchDecoder(Decoder, Protocol):
    """A decoder that can read many messages at once, those too that say more than frames: order matters to it."""

    def decode_batch(
        self, messages: Sequence[Message], max_rows: int
    ) -> tuple[list[Block], dict[int, list[Told] | Exception], int]:
        """What `decode` would make of these messages, one after the other, and the state it would leave.

        Returns blocks (whose ``message`` are places in ``messages``, and which hold all that their messages
        say); by place, what `decode` told of each other message, or raised; and how many messages were
        looked at: it stops once there are about ``max_rows`` rows.
        """
        ...
