"""A whole comparison: signal by signal, so that no more than one signal of each side is held at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.compare.lag import lag_of
from twin.compare.numbers import number_difference
from twin.compare.words import word_difference
from twin.sample import Kind

if TYPE_CHECKING:
    from twin.compare.align import Alignment
    from twin.compare.figures import FigureDifference
    from twin.compare.happenings import Matching
    from twin.compare.lag import Lag
    from twin.compare.numbers import NumberDifference
    from twin.compare.side import Track
    from twin.compare.words import WordDifference


@dataclass(frozen=True, slots=True)
class SignalDifference:
    """How one signal differs; ``only`` is ``a`` or ``b`` where one side has it alone.

    Both differences are None where the sides were never known at once. ``every`` is (A's, B's): of so many frames
    one was taken.
    """

    signal: str
    kind: str
    unit: str
    only: str = ""
    numbers: NumberDifference | None = None
    words: WordDifference | None = None
    lag: Lag | None = None
    every: tuple[int, int] = (1, 1)
    why: str = ""
    """Why there is nothing to tell; "" where there is."""

    @property
    def relative(self) -> float:
        """How great the difference is, 0…1: RMS by the spread of both, or the share of time that words differ."""
        if self.words is not None:
            return self.words.unequal
        if self.numbers is None or self.numbers.spread == 0:
            return 0.0
        return min(1.0, self.numbers.rms / self.numbers.spread)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs; ``signals`` with the greatest difference first, those of one side last."""

    alignment: Alignment
    signals: tuple[SignalDifference, ...]
    events: Matching
    figures: tuple[FigureDifference, ...]


def difference_of(a: Track | None, b: Track | None, alignment: Alignment) -> SignalDifference:
    """How one signal differs, each track in its side's own time; None for a side without it. Raises ValueError."""
    known = a if a is not None else b
    if known is None:
        raise ValueError("a signal of neither side")
    if a is None or b is None:
        return SignalDifference(known.signal, known.kind.value, known.unit, "b" if a is None else "a")
    every = (a.every, b.every)
    if a.is_discrete != b.is_discrete or (not a.is_discrete and a.unit != b.unit):
        why = f"A has {a.kind.value} in {a.unit or 'words'}, B {b.kind.value} in {b.unit or 'words'}"
        return SignalDifference(a.signal, a.kind.value, a.unit, every=every, why=why)
    ours, theirs = a.moved(alignment.a_origin_ns), b.moved(alignment.b_origin_ns)
    span = alignment.start_ns, alignment.end_ns
    if a.is_discrete:
        words = word_difference(ours, theirs, *span)
        why = "" if words else "never known on both sides at once"
        return SignalDifference(a.signal, a.kind.value, "", words=words, every=every, why=why)
    numbers = number_difference(ours, theirs, *span)
    lag = lag_of(ours, theirs, *span) if numbers else None
    why = "" if numbers else "never known on both sides at once"
    return SignalDifference(a.signal, a.kind.value, a.unit, numbers=numbers, lag=lag, every=every, why=why)


def ranked(signals: list[SignalDifference]) -> tuple[SignalDifference, ...]:
    """The greatest difference first; then free texts (numbers of orders, and the like), which differ with each run.

    Then those that cannot be told, then those that one side has alone.
    """

    def place(one: SignalDifference) -> tuple[str, bool, bool, float, str]:
        untold = one.numbers is None and one.words is None
        return one.only, untold, one.kind == Kind.TEXT, -one.relative, one.signal

    return tuple(sorted(signals, key=place))
