"""What an asset did: its states over time, as intervals. Pure.

A word holds until the next one, and no longer than its stream stays fresh (`Stream.stale_after_s`,
the rule of the whole product): what lies behind is stale time, a bucket of its own, and so is the
time of which nothing is known. Intervals tile the time they are asked for: no gap, no overlap.

How `History` feeds it: the rows of the asset's state stream in [start, end), and the last one before;
by-exception streams give None as ``stale_after_ns`` and the asset's AssetLost and AssetReturned as
observations with `Heard.LOST` and `Heard.AGAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.packml import Passage, UnitMode, UnitState, mode_of, passage, state_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from twin.sample import Stream


class Heard(StrEnum):
    """What an observation says of the asset's presence."""

    NOW = "now"
    """It told its state and mode; None among them is absent, and what was told last holds."""
    AGAIN = "again"
    """It is there, and told no state: what was told last holds again."""
    LOST = "lost"
    """It is gone from here on, until it is heard."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A state word and a mode word as an asset told them at ``t_ns``; None is absent."""

    t_ns: int
    state: str | None = None
    mode: str | None = None
    heard: Heard = Heard.NOW


class Known(StrEnum):
    """Whether an interval's state is known."""

    KNOWN = "known"
    STALE = "stale"
    """Something was told, too long ago; or the asset was lost."""
    UNKNOWN = "unknown"
    """Nothing was told, or a word that means no state."""


@dataclass(frozen=True, slots=True)
class StateInterval:
    """One state over [start_ns, end_ns). ``mode`` is None for assets that tell none.

    Of stale time ``state`` is the last one told. ``passage`` says how the asset came here, and
    ``word`` is the device's own.
    """

    start_ns: int
    end_ns: int
    state: UnitState
    mode: UnitMode | None = None
    known: Known = Known.KNOWN
    passage: Passage = Passage.BEGUN
    word: str = ""

    @property
    def length_ns(self) -> int:
        """How long it lasted."""
        return self.end_ns - self.start_ns


def stale_after_ns(stream: Stream) -> int | None:
    """Age from which a stream's words are stale; None for one that sends on change only."""
    after_s = stream.stale_after_s
    return None if after_s is None else round(after_s * NS_PER_S)


class StateFold:
    """The states of one asset, observation by observation. Mutable: whoever made it feeds it, in order of ``t_ns``.

    ``also`` are edges that the unit's vendor allows beside the model's; ``words`` and ``modes`` its own words.
    """

    def __init__(
        self,
        start_ns: int,
        stale_after_ns: int | None,
        *,
        words: Mapping[str, UnitState] | None = None,
        modes: Mapping[str, UnitMode] | None = None,
        also: Collection[tuple[UnitState, UnitState]] = (),
    ) -> None:
        self._words, self._modes, self._also = words, modes, also
        self._stale_after_ns = stale_after_ns
        self._fresh_until_ns: int | None = start_ns
        self._told = StateInterval(start_ns, start_ns, UnitState.UNDEFINED, None, Known.UNKNOWN)
        self._open = self._told
        self._done: list[StateInterval] = []

    def see(self, one: Observation) -> None:
        """Take the next observation; one older than the one before is taken as of the same moment."""
        t_ns = max(one.t_ns, self._open.start_ns)
        self._go_stale(t_ns)
        if one.heard is Heard.LOST:
            self._fresh_until_ns = t_ns
            self._turn(replace(self._told, known=self._when_old(), passage=Passage.SAME), t_ns)
            return
        word = self._told.word if one.state is None else one.state
        state = state_of(word, self._words)
        mode = self._told.mode if one.mode is None else mode_of(one.mode, self._modes)
        known = Known.UNKNOWN if state is UnitState.UNDEFINED else Known.KNOWN
        how = passage(self._told.state, state, self._also)
        self._told = StateInterval(t_ns, t_ns, state, mode, known, how, word)
        self._fresh_until_ns = None if self._stale_after_ns is None else t_ns + self._stale_after_ns
        self._turn(self._told, t_ns)

    def until(self, end_ns: int) -> tuple[StateInterval, ...]:
        """Every interval up to ``end_ns``; the fold may go on behind it."""
        self._go_stale(end_ns)
        last = replace(self._open, end_ns=end_ns)
        return (*self._done, last) if last.length_ns > 0 else tuple(self._done)

    def _when_old(self) -> Known:
        return Known.UNKNOWN if self._told.known is Known.UNKNOWN else Known.STALE

    def _go_stale(self, t_ns: int) -> None:
        fresh_ns = self._fresh_until_ns
        if fresh_ns is not None and fresh_ns < t_ns and self._open.known is Known.KNOWN:
            self._turn(replace(self._told, known=Known.STALE, passage=Passage.SAME), fresh_ns)

    def _turn(self, new: StateInterval, t_ns: int) -> None:
        if _like(new, self._open):
            return
        if t_ns > self._open.start_ns:
            self._done.append(replace(self._open, end_ns=t_ns))
        if self._done and self._done[-1].end_ns == t_ns and _like(new, self._done[-1]):
            self._open = self._done.pop()  # told and taken back at one moment
        else:
            self._open = replace(new, start_ns=t_ns, end_ns=t_ns)


def _like(one: StateInterval, other: StateInterval) -> bool:
    return (one.state, one.mode, one.known, one.word) == (other.state, other.mode, other.known, other.word)


def state_intervals(  # noqa: PLR0913  what a unit's states depend on
    observations: Iterable[Observation],
    start_ns: int,
    end_ns: int,
    stale_after_ns: int | None,
    *,
    words: Mapping[str, UnitState] | None = None,
    modes: Mapping[str, UnitMode] | None = None,
    also: Collection[tuple[UnitState, UnitState]] = (),
) -> tuple[StateInterval, ...]:
    """The states over [start_ns, end_ns), in whatever order the observations come; those before say how it begins."""
    ordered = sorted(
        (one for one in observations if one.t_ns < end_ns),
        key=lambda one: (one.t_ns, one.heard, one.state or "", one.mode or ""),
    )
    if start_ns >= end_ns:
        return ()
    first_ns = min(start_ns, ordered[0].t_ns) if ordered else start_ns
    fold = StateFold(first_ns, stale_after_ns, words=words, modes=modes, also=also)
    for one in ordered:
        fold.see(one)
    return tuple(
        one if one.start_ns >= start_ns else replace(one, start_ns=start_ns, passage=Passage.SAME)
        for one in fold.until(end_ns)
        if one.end_ns > start_ns
    )


def unexpected(intervals: Iterable[StateInterval]) -> tuple[tuple[int, UnitState, UnitState], ...]:
    """The moves that the model does not have: when, from what, to what."""
    found: list[tuple[int, UnitState, UnitState]] = []
    before = UnitState.UNDEFINED
    for one in intervals:
        if one.passage is Passage.UNEXPECTED:
            found.append((one.start_ns, before, one.state))
        before = one.state
    return tuple(found)
