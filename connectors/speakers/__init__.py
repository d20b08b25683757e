"""What simulated devices say, one file a dialect: frames of their assets → messages, and what each becomes.

A speaker knows how a conforming decoder stores its messages, and says so with each: that is the devices'
own ledger, against which the store is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from twin.sample import Frames


class Kept(NamedTuple):
    """What one message becomes in one stream: frames, values present, the least and the greatest ``seq``."""

    stream: str
    frames: int
    values: int
    first_seq: int
    last_seq: int


class Spoken(NamedTuple):
    """One message to publish, and what is stored of it; ``line`` names the connection, "" is the common one."""

    topic: str
    payload: bytes
    kept: tuple[Kept, ...] = ()
    qos: int = 1
    retain: bool = False
    line: str = ""


class Speaker(Protocol):
    """Speaks for some assets. Mutable: it counts its messages."""

    def hello(self, t_ns: int) -> Iterator[Spoken]:
        """What the devices say when they come."""
        ...

    def say(self, frames: Sequence[Frames], until_ns: int, rows: int) -> Iterator[Spoken]:
        """What the devices say of the frames up to ``until_ns``; ``rows`` a message at most, 1 when live."""
        ...

    def farewell(self, t_ns: int) -> Iterator[Spoken]:
        """What the devices say before they go."""
        ...


def present(frames: Frames) -> NDArray[np.int64]:
    """How many values each row holds: int64 (n,)."""
    texts = np.array([sum(text is not None for text in row) for row in frames.texts], np.int64)
    counted: NDArray[np.int64] = np.count_nonzero(~np.isnan(frames.values), axis=1).astype(np.int64)
    return counted + texts if len(texts) else counted
