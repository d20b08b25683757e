"""What a law of motion is to the plant: it tells the truth about its assets, rows at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Stream, Texts

STATUS_MS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Rows of one stream before any sensor: ``t_ms`` int64 (n,), values float64 (n, width), texts."""

    stream: Stream
    t_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    texts: Texts = ()


@dataclass(slots=True)
class Span:
    """The stretch of time that laws are asked for: [begin_ms, end_ms), both whole seconds.

    ``power_w`` gathers each asset's power on the 1 s grid, for the meters, which are asked last.
    """

    begin_ms: int
    end_ms: int
    slow: bool
    power_w: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def grid(self, period_ms: int) -> NDArray[np.int64]:
        """The sample instants of a period that lie in the span."""
        first = -(-self.begin_ms // period_ms) * period_ms
        return np.arange(first, self.end_ms, period_ms, dtype=np.int64)


class Law(Protocol):
    """Moves some assets. Spans are asked for in order, without gaps."""

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams of its assets."""
        ...

    def sample(self, span: Span) -> list[Truth]:
        """The truth of every stream over the span."""
        ...

    def forget(self, before_ms: int) -> None:
        """Drop what is only needed before ``before_ms``."""
        ...
