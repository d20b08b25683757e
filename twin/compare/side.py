"""What one side of a comparison holds: tracks of signals, and what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Extent:
    """[start_ns, end_ns) of one side, in its own time. Raises ValueError where that is empty."""

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        if self.end_ns <= self.start_ns:
            raise ValueError(f"[{self.start_ns}, {self.end_ns}) is no time")


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One signal of one side. ``t_ns``: int64 (n,), not falling; ``values``: float64 (n,), all finite.

    A signal of words has in ``values`` their places in ``words``. A value holds for ``fresh_ns``, and until the
    next one where that is None (signals that come on change only). Of the frames that are stored each
    ``every``-th was taken. ``low`` and ``high`` bound the normal range.
    """

    signal: str
    kind: Kind
    unit: str
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    words: tuple[str, ...] = ()
    fresh_ns: int | None = None
    every: int = 1
    low: float | None = None
    high: float | None = None

    def __len__(self) -> int:
        return len(self.t_ns)

    @property
    def is_discrete(self) -> bool:
        """Whether only equal and unequal mean something: flags, states, texts."""
        return self.kind.is_text or self.kind is Kind.FLAG

    def moved(self, origin_ns: int) -> Track:
        """The same on an axis whose zero is ``origin_ns``."""
        return Track(
            self.signal, self.kind, self.unit, self.t_ns - np.int64(origin_ns), self.values, self.words, self.fresh_ns,
            self.every, self.low, self.high,
        )  # fmt: skip


def word_track(signal: str, kind: Kind, changes: Sequence[tuple[int, str]]) -> Track:
    """A track of words from (t_ns, word) where they changed, in order of time."""
    words = tuple(sorted({word for _, word in changes}))
    places = {word: place for place, word in enumerate(words)}
    return Track(
        signal,
        kind,
        "",
        np.array([t_ns for t_ns, _ in changes], np.int64),
        np.array([places[word] for _, word in changes], np.float64),
        words,
    )


@dataclass(frozen=True, slots=True, order=True)
class Happening:
    """One event: ``text`` says what it is of its kind (a state, an alarm's rule, a key of an error).

    Two are the same event where ``kind``, ``asset`` and ``text`` are, at about the same relative time.
    """

    t_ns: int
    kind: str
    asset: str
    text: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same as another one."""
        return (self.kind, self.asset, self.text)
