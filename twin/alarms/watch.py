"""Which frames of a batch an alarm must be worked out for: whole columns at once, rows only where one is beyond.

A quiet batch costs one comparison a column. What is found here is only worth a look; whether it is an
alarm is said by the rule, row by row (`twin.alarms.book`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from twin.alarms.rule import Deviation, DeviceError, Frozen, InState, Limit, Missing, Rate, Stale
from twin.sample import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from twin.alarms.rule import AlarmRule, On, Rules
    from twin.sample import Batch, Stream

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule on one signal: the alarm it may raise, and where its value stands.

    ``column`` is among the stream's numbers, or among its texts; ``limit`` is a `Limit`'s for this signal.
    """

    alarm: str
    asset: str
    rule: AlarmRule
    signal: str = ""
    stream: str = ""
    column: int = 0
    limit: float = 0.0

    def rows(self, values: Floats) -> tuple[Bools, Bools]:
        """Of a column of numbers without NaN: which are beyond the limit, and which are back by the deadband."""
        condition = self.rule.condition
        assert isinstance(condition, Limit)  # noqa: S101  only those are asked
        found = np.abs(values) if condition.magnitude else values
        if condition.bound.is_upper:
            return found > self.limit, found <= self.limit - condition.deadband
        return found < self.limit, found >= self.limit + condition.deadband


@dataclass(slots=True, eq=False)
class Watch:
    """Everything that is looked for in one stream. Made once a stream; nobody changes it.

    ``slot`` is the row of its bounds in the table of its width.
    """

    stream: Stream
    slot: int
    limits: tuple[Check, ...] = ()
    texts: tuple[Check, ...] = ()


@dataclass(slots=True)
class Watched:
    """All checks that are not by column, of every stream seen so far. Mutable: `Watchers` adds to it."""

    words: dict[tuple[str, str], list[Check]] = field(default_factory=dict)
    """By asset and name of a state signal: told by StateChanged."""
    silence: dict[str, list[Check]] = field(default_factory=dict)
    """By asset: told by AssetLost and AssetReturned."""
    each_second: list[Check] = field(default_factory=list)
    """Rates, deviations, sensors that tell nothing new, and streams that are stale."""


class _Table:
    """The bounds of all streams of one width. Mutable: `Watchers` adds to it.

    ``low`` and ``high`` float64 (streams, width): beyond them some limit is passed; infinite where none is.
    """

    def __init__(self, width: int) -> None:
        self._rows: list[tuple[Floats, Floats]] = []
        self._stacked = np.zeros((2, 0, width))
        self.has_limits = False

    def add(self, low: Floats, high: Floats) -> int:
        """One more stream's; returns its row."""
        self._rows.append((low, high))
        self.has_limits = self.has_limits or bool(((low > -np.inf) | (high < np.inf)).any())
        return len(self._rows) - 1

    @property
    def low(self) -> Floats:
        """The lower bounds."""
        low: Floats = self._stack()[0]
        return low

    @property
    def high(self) -> Floats:
        """The upper bounds."""
        high: Floats = self._stack()[1]
        return high

    def _stack(self) -> Floats:
        if self._stacked.shape[1] < len(self._rows):
            self._stacked = np.array(self._rows).swapaxes(0, 1)
        return self._stacked


class Watchers:
    """The watches of every stream seen so far, and the plan of the last batch. Mutable; the book owns it.

    Most batches hold the same streams as the one before, so the limits of all their rows are kept.
    """

    def __init__(self, rules: Callable[[str], Rules]) -> None:
        self.watched = Watched()
        self._rules = rules
        self._watches: dict[str, Watch] = {}
        self._tables: dict[int, _Table] = {}
        self._silent_known: set[str] = set()
        self._by_asset: dict[str, dict[str, Stream]] = {}
        self._streams: list[Stream] = []
        self._plan: list[Watch] = []
        self._sizes: NDArray[np.intp] = np.zeros(0, np.intp)
        self._bounds: list[tuple[Floats, Floats] | None] = []
        self.with_texts: list[int] = []
        """Places in the last batch of the parts that have checks on texts."""

    def watch(self, stream: Stream) -> Watch:
        """The watch of a stream; made when it is seen first, and again when its columns have changed."""
        known = self._watches.get(stream.id)
        if known is None or (known.stream is not stream and known.stream != stream):
            if known is not None:
                self._forget(stream)
            known = self._watches[stream.id] = self._compile(stream)
        return known

    def look(self, batch: Batch) -> list[int]:
        """Places of the parts in which a number is beyond a limit. Late frames and clocks ahead are among them."""
        streams = [part.stream for part in batch.frames]
        sizes = batch.columns.sizes
        if streams != self._streams:
            self._plan = [self.watch(stream) for stream in streams]
            self._streams = streams
            self.with_texts = [place for place, one in enumerate(self._plan) if one.texts]
            self._lay_out(batch)
        elif not np.array_equal(sizes, self._sizes):
            self._lay_out(batch)
        found: list[int] = []
        for (rows, values), bounds in zip(batch.columns.groups, self._bounds, strict=True):
            if bounds is None:
                continue
            beyond = (values < bounds[0]) | (values > bounds[1])
            if beyond.any():
                which = np.flatnonzero(beyond.any(axis=1))
                places = np.searchsorted(batch.columns.edges, which if rows is None else rows[which], side="right") - 1
                found += np.unique(places).tolist()
        return sorted(found)

    def plan(self, place: int) -> Watch:
        """The watch of a part of the last batch."""
        return self._plan[place]

    def find(self, asset: str, on: On) -> tuple[str, int] | None:
        """The stream and the column of an asset's number; None while no stream that has it was seen."""
        for name, stream in sorted(self._by_asset.get(asset, {}).items()):
            for column, _ in _taken(stream, on):
                return name, column
        return None

    def _lay_out(self, batch: Batch) -> None:
        """Lay the limits of each row beside the batch's values, by width as they are."""
        self._sizes = batch.columns.sizes
        widths = np.array([one.stream.width for one in self._plan])
        slots = np.array([one.slot for one in self._plan])
        self._bounds = []
        for width in sorted(set(widths.tolist())):
            table = self._tables[width]
            mine = widths == width
            rows = np.repeat(slots[mine], self._sizes[mine])
            self._bounds.append((table.low[rows], table.high[rows]) if table.has_limits else None)

    def _compile(self, stream: Stream) -> Watch:
        self._by_asset.setdefault(stream.asset, {})[stream.id] = stream
        low, high = np.full(stream.width, -np.inf), np.full(stream.width, np.inf)
        limits: list[Check] = []
        texts: list[Check] = []
        asset = stream.asset
        for rule in self._rules(asset):
            condition = rule.condition
            if isinstance(condition, Limit):
                for check in _limits(stream, rule, condition):
                    _widen(check, condition, low, high)
                    limits.append(check)
            elif isinstance(condition, InState | DeviceError):
                if condition.on is not None:
                    texts += self._words(stream, rule, condition.on)
            elif isinstance(condition, Rate | Frozen | Missing):
                self.watched.each_second += [
                    Check(alarm_of(asset, rule, name), asset, rule, name, stream.id, column)
                    for column, name in _taken(stream, condition.on)
                ]
            elif isinstance(condition, Deviation):
                self.watched.each_second += [
                    Check(alarm_of(asset, rule), asset, rule, name, stream.id, column)
                    for column, name in _taken(stream, condition.one)[:1]
                ]
            elif isinstance(condition, Stale):
                self._silence(stream, rule, condition)
        self.watched.each_second.sort(key=lambda check: check.alarm)
        slot = self._tables.setdefault(stream.width, _Table(stream.width)).add(low, high)
        return Watch(stream, slot, tuple(limits), tuple(texts))

    def _words(self, stream: Stream, rule: AlarmRule, on: On) -> list[Check]:
        """Checks on words: states are told by events, other texts must be read."""
        read: list[Check] = []
        for column, signal in enumerate(stream.text_columns):
            if on.takes(signal):
                alarm = alarm_of(stream.asset, rule)
                check = Check(alarm, stream.asset, rule, signal.name, stream.id, column)
                if signal.kind is Kind.STATE:
                    self.watched.words.setdefault((stream.asset, signal.name), []).append(check)
                else:
                    read.append(check)
        return read

    def _silence(self, stream: Stream, rule: AlarmRule, condition: Stale) -> None:
        check = Check(alarm_of(stream.asset, rule), stream.asset, rule, "", stream.id if condition.stream else "")
        if condition.stream:
            if stream.name == condition.stream and stream.stale_after_s is not None:
                self.watched.each_second.append(check)
        elif check.alarm not in self._silent_known:
            self._silent_known.add(check.alarm)
            self.watched.silence.setdefault(stream.asset, []).append(check)

    def _forget(self, stream: Stream) -> None:
        """Drop the checks of a stream whose columns have changed; the asset's silence stays."""
        self.watched.each_second = [check for check in self.watched.each_second if check.stream != stream.id]
        for key, checks in self.watched.words.items():
            self.watched.words[key] = [check for check in checks if check.stream != stream.id]


def alarm_of(asset: str, rule: AlarmRule, signal: str = "") -> str:
    """An alarm's id: ``asset:rule``, or ``asset:rule:signal`` where the rule looks at all signals of a role."""
    return f"{asset}:{rule.name}:{signal}" if signal else f"{asset}:{rule.name}"


def split_alarm(alarm: str) -> tuple[str, str, str]:
    """An alarm's id → asset, rule and signal ("" where it has none)."""
    asset, _, rest = alarm.partition(":")
    rule, _, signal = rest.partition(":")
    return asset, rule, signal


def _limits(stream: Stream, rule: AlarmRule, condition: Limit) -> Iterator[Check]:
    for column, signal in enumerate(stream.columns):
        limit = condition.limit_for(signal) if condition.on.takes(signal) else None
        if limit is not None:
            name = "" if condition.on.signal else signal.name
            yield Check(alarm_of(stream.asset, rule, name), stream.asset, rule, signal.name, stream.id, column, limit)


def _widen(check: Check, condition: Limit, low: Floats, high: Floats) -> None:
    """Bring the column's bounds as near as the nearest of its limits."""
    column = check.column
    if condition.bound.is_upper:
        high[column] = min(high[column], check.limit)
        if condition.magnitude:
            low[column] = max(low[column], -check.limit)
    elif condition.magnitude:
        low[column] = np.inf  # what is near zero cannot be told by two bounds: every row is looked at
    else:
        low[column] = max(low[column], check.limit)


def _taken(stream: Stream, on: On) -> list[tuple[int, str]]:
    """The number columns that a selection takes, and the names by which its alarms differ."""
    return [(column, signal.name) for column, signal in enumerate(stream.columns) if on.takes(signal)]
