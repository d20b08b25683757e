"""Roll-ups in the database: gathered in memory, written about every 10 s in the transaction of a batch.

With them goes a watermark on `writer`: the last batch that is in the roll-ups. What was gathered and
not written when the process ended is read back from the batches past it, so nothing is in a bucket
twice, and nothing is missing. Late frames correct old buckets: the row is read, merged, written.
Every stored frame counts, whatever its quality or date: a bucket is what `History.frames` gives for it.

Readers must know what is not in the roll-ups yet: frames of batches past the watermark are not older
than `writer.rolled_ns`, and where a stream's are, `rollup_late` says how old.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from connectors.stores._roll import Roll, merged, roll_of
from connectors.stores._roll_rows import (
    LEVELS,
    TEN_SECONDS,
    Group,
    Groups,
    groups_of,
    read_batches,
    read_bucket,
    read_rolls,
    write_rolls,
)
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from connectors.stores._driver import Driver
    from connectors.stores._rows import Rows

FLUSH_NS = 10 * NS_PER_S
FLUSH_AT_LAST_NS = 60 * NS_PER_S
FRAMES_A_BUCKET = 20
"""Buckets with fewer frames on average are written at `FLUSH_AT_LAST_NS` only: a row costs as much as many frames."""
LATE_NS = 20 * NS_PER_S
"""Frames older than the tick by this much are late: their streams are listed until the next flush."""
GATHERED_VALUES = 16_384 * 20
"""Frames are kept as they are until they have so many values: numpy's price is by call."""
MAX_VALUES = 400_000
"""Buckets times columns held in memory (60 bytes each) before they are written, whatever the time."""
CATCH_UP_FRAMES = 50_000
"""Frames read back in one transaction when batches past the watermark are found."""
FAST_S = 0.2
FAST_FRAMES = 50
"""5 Hz: from here on a stream, or a bucket of 10 s, has rows in `rollup_10s`."""

_LATE = """INSERT INTO rollup_late (stream_key, writer_key, first_ns) VALUES (?,?,?)
ON CONFLICT (stream_key, writer_key) DO UPDATE SET first_ns = excluded.first_ns"""
_COUNT = f"""SELECT at.stream_key, at.start_ns, (SELECT count(*) FROM frame f WHERE f.stream_key = at.stream_key
 AND f.t_ns >= at.start_ns AND f.t_ns < at.start_ns + {TEN_SECONDS.ns}) FROM at"""  # noqa: S608  constants only


class _Gathered:
    """Frames of streams of one width as they came (mutable): memory that is used again."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._width = width
        self._most = max(64, GATHERED_VALUES // width)
        self._columns: NDArray[np.int64] = np.empty((3, 0), np.int64)
        self._values: NDArray[np.float64] = np.empty((0, width), np.float64)
        self._room = self._values

    def _grow(self, size: int) -> None:
        filled = slice(self.count)
        columns = np.empty((3, size), np.int64)
        values, self._room = np.empty((2, size, self._width), np.float64)
        if self.count:
            columns[:, filled], values[filled] = self._columns[:, filled], self._values[filled]
        self._columns, self._values = columns, values

    def take(self, group: Group) -> bool:
        """Take frames, or none of them where there is no room."""
        end = self.count + len(group[0])
        if end > self._most:
            return False
        if end > self._columns.shape[1]:
            self._grow(min(max(1024, end, 2 * self._columns.shape[1]), self._most))
        here = slice(self.count, end)
        for column, given in zip(self._columns, group[:3], strict=True):
            column[here] = given
        self._values[here] = group[3]
        self.count = end
        return True

    def rolled(self) -> Roll:
        """The buckets of the frames, of which none are left here."""
        filled, self.count = slice(self.count), 0
        keys, t_ns, seq = self._columns[:, filled]
        return roll_of(keys, t_ns, seq, self._values[filled], TEN_SECONDS.ns, self._room[filled])


@dataclass(slots=True)
class _Next:
    """What `see` did in a transaction that is not known to be committed yet."""

    n: int
    seen_n: int
    tick_ns: int
    groups: Groups
    flushed: bool = False
    rolled_ns: int | None = None
    late: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _State:
    """What is known of a writer (mutable): everything of batches ``rolled_n`` + 1 to ``seen_n`` is gathered here."""

    key: int
    doubtful: bool = True
    rolled_n: int = 0
    rolled_ns: int | None = None
    seen_n: int = 0
    last_n: int = 0
    looked_ns: int | None = None
    flushed_ns: int = 0
    late: dict[int, int] = field(default_factory=dict)
    gathered: dict[int, _Gathered] = field(default_factory=dict)
    rolls: dict[int, list[Roll]] = field(default_factory=dict)
    next: _Next | None = None

    def drop(self) -> None:
        """Nothing is gathered any more."""
        for gathered in self.gathered.values():
            gathered.count = 0
        self.rolls = {}

    def gather(self, groups: Groups) -> None:
        """Take frames that are stored for good."""
        for group in groups:
            width = group[3].shape[1]
            gathered = self.gathered.setdefault(width, _Gathered(width))
            if not gathered.take(group):
                if gathered.count:
                    self._roll(width, gathered.rolled())
                if not gathered.take(group):
                    self._roll(width, rolled([group]))

    def roll(self) -> None:
        """Frames into buckets."""
        for width, gathered in self.gathered.items():
            if gathered.count:
                self._roll(width, gathered.rolled())

    def _roll(self, width: int, roll: Roll) -> None:
        rolls = self.rolls.setdefault(width, [])
        rolls.append(roll)
        if len(rolls) > 1 and sum(map(len, rolls[1:])) > 3 * len(rolls[0]):
            self.rolls[width] = [merged(rolls, TEN_SECONDS.ns)]

    def values(self) -> int:
        """How many buckets times columns are held."""
        return sum(len(roll) * width for width, rolls in self.rolls.items() for roll in rolls)

    def sizes(self) -> tuple[int, int]:
        """How many frames and buckets the rolls have."""
        rolls = list(itertools.chain.from_iterable(self.rolls.values()))
        return sum(int(roll.frames.sum()) for roll in rolls), sum(map(len, rolls))


class Rollups:
    """What the writers' batches add to the roll-ups (mutable; in the frames' own transactions)."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._states: dict[int, _State] = {}
        self._fast: dict[int, bool] = {}

    def forget(self) -> None:
        """The transaction was rolled back, or nobody knows: compare with the database when it is needed."""
        self._fast.clear()
        for state in self._states.values():
            state.next = None
            state.doubtful = True

    def see(self, writer_key: int, n: int, tick_ns: int, rows: Rows | None, new: NDArray[np.bool_] | None) -> None:
        """Take the frames of batch ``n`` that are new (all where ``new`` is None); the batch's row is there already.

        The last step of the transaction: it may wait for another writer's flush.
        """
        state = self._states.setdefault(writer_key, _State(writer_key))
        _settle(state)
        if state.doubtful:
            self._compare(state, n)
        groups = groups_of(rows, new)
        now = state.next = _Next(n, n, tick_ns, groups, rolled_ns=state.rolled_ns)
        if state.looked_ns is None:
            state.looked_ns = state.flushed_ns = tick_ns
        if state.seen_n < state.last_n:
            self._driver.index_ids()
            cuts, found = read_batches(self._driver, state.key, state.seen_n, n, CATCH_UP_FRAMES)
            now.seen_n = cuts
            if cuts >= state.last_n:
                now.seen_n = n
                self._flush(state, [*found, *groups])
            else:
                self._flush(state, found, complete=False)
                self._list_late(state, groups)
        elif _is_due(state, tick_ns):
            self._flush(state, groups)
        else:
            self._list_late(state, groups)

    @property
    def is_open(self) -> bool:
        """Whether there is something that `finish` would write."""
        return any(state.seen_n > state.rolled_n or state.next is not None for state in self._states.values())

    @property
    def is_caught_up(self) -> bool:
        """Whether every batch stored is in the roll-ups or gathered for them."""
        return all(
            (state.next or state).seen_n == (state.next.n if state.next else state.last_n)
            for state in self._states.values()
        )

    def finish(self) -> None:
        """Write what is gathered, in the running transaction: the writer ends."""
        for state in self._states.values():
            _settle(state)
            if not state.doubtful and state.seen_n == state.last_n and state.seen_n > state.rolled_n:
                state.next = _Next(state.seen_n, state.seen_n, state.looked_ns or 0, [], rolled_ns=state.rolled_ns)
                self._flush(state, [])

    def _compare(self, state: _State, n: int) -> None:
        """Hold what is remembered against the database."""
        ((rolled_n, rolled_ns),) = self._driver.ask(
            "SELECT rolled_n, rolled_ns FROM writer WHERE writer_key = ?", (state.key,)
        )
        last = self._driver.ask("SELECT max(n) FROM batch WHERE writer_key = ? AND n < ?", (state.key, n))[0][0]
        if rolled_n != state.rolled_n or state.seen_n < rolled_n:
            state.drop()
            state.rolled_n = state.seen_n = rolled_n
        state.rolled_ns, state.last_n = rolled_ns, max(last or 0, state.seen_n)
        late = self._driver.ask("SELECT stream_key, first_ns FROM rollup_late WHERE writer_key = ?", (state.key,))
        state.late = dict(late)
        state.doubtful = False

    def _list_late(self, state: _State, groups: Groups) -> None:
        now = state.next
        if now is None or state.rolled_ns is None:
            return
        for keys, t_ns, _, _ in groups:
            is_late = t_ns < state.rolled_ns
            for key, at in zip(keys[is_late].tolist(), t_ns[is_late].tolist(), strict=True) if is_late.any() else ():
                if at < min(state.late.get(key, state.rolled_ns), now.late.get(key, state.rolled_ns)):
                    now.late[key] = at
        if now.late:
            rows = [(key, state.key, at) for key, at in now.late.items()]
            self._driver.many_typed(_LATE, ("bigint",) * 3, rows)

    def _flush(self, state: _State, groups: Groups, *, complete: bool = True) -> None:
        """Write all that is gathered and these frames, which make it whole up to the next ``seen_n``."""
        now = state.next
        assert now is not None  # noqa: S101  for the type checker
        driver = self._driver
        driver.alone("roll-ups")
        state.roll()
        by_width: dict[int, Groups] = {}
        for group in groups:
            by_width.setdefault(group[3].shape[1], []).append(group)
        now.flushed = True
        if complete:
            now.rolled_ns = max(now.tick_ns - LATE_NS, np.iinfo(np.int64).min)
            driver.run("DELETE FROM rollup_late WHERE writer_key = ?", (state.key,))
        driver.run(
            "UPDATE writer SET rolled_n = ?, rolled_ns = ? WHERE writer_key = ?",
            (now.seen_n, now.rolled_ns, state.key),
        )
        for width in sorted({*by_width, *state.rolls}):
            parts = [*state.rolls.get(width, ()), *([rolled(by_width[width])] if width in by_width else ())]
            tens = merged(parts, TEN_SECONDS.ns)
            self._write_tens(tens, width)
            finer = tens
            for level in LEVELS[1:]:
                finer = merged([finer], level.ns)
                there = read_rolls(driver, level, finer, width)
                write_rolls(driver, level, finer if there is None else merged([there, finer], level.ns))

    def _write_tens(self, tens: Roll, width: int) -> None:
        """Write the buckets of fast streams; a new row must be whole, though a part may have been too slow before."""
        level = TEN_SECONDS
        there = read_rolls(self._driver, level, tens, width)
        known = set() if there is None else set(zip(there.keys.tolist(), there.starts.tolist(), strict=True))
        places = list(zip(tens.keys.tolist(), tens.starts.tolist(), strict=True))
        is_new = np.array([place not in known for place in places], np.bool_)
        fresh = tens.take(is_new)
        stored = {
            (key, start): count
            for key, start, count in (self._driver.ask_at(_COUNT, fresh.keys, fresh.starts) if len(fresh) else ())
        }
        counts = np.array(
            [stored[place] for place in zip(fresh.keys.tolist(), fresh.starts.tolist(), strict=True)], np.int64
        )
        is_fast = (counts >= FAST_FRAMES) | self._are_fast(fresh.keys.tolist())
        whole = counts == fresh.frames
        parts = [fresh.take(is_fast & whole)]
        for index in np.flatnonzero(is_fast & ~whole).tolist():
            group = read_bucket(self._driver, level, int(fresh.keys[index]), int(fresh.starts[index]), width)
            parts.append(rolled([group]))
        if there is not None:
            parts.append(merged([there, tens.take(~is_new)], level.ns))
        parts = [part for part in parts if len(part)]
        if parts:
            write_rolls(self._driver, level, merged(parts, level.ns))

    def _are_fast(self, keys: list[int]) -> NDArray[np.bool_]:
        if not self._fast.keys() >= set(keys):
            found = self._driver.ask("SELECT stream_key, period_s FROM stream")
            self._fast = {key: period_s is not None and period_s <= FAST_S for key, period_s in found}
        return np.array([self._fast[key] for key in keys], np.bool_)


def _settle(state: _State) -> None:
    """The last `see` was committed: nobody said otherwise."""
    now, state.next = state.next, None
    if now is None:
        return
    state.seen_n, state.last_n = now.seen_n, now.n
    if now.flushed:
        state.drop()
        state.rolled_n, state.rolled_ns = now.seen_n, now.rolled_ns
        state.looked_ns = state.flushed_ns = now.tick_ns
        if now.seen_n == now.n:
            state.late = {}
    else:
        state.gather(now.groups)
    state.late.update(now.late)


def _is_due(state: _State, tick_ns: int) -> bool:
    if state.values() >= MAX_VALUES:
        return True
    if state.looked_ns is None or tick_ns - state.looked_ns < FLUSH_NS:
        return False
    state.looked_ns = tick_ns
    state.roll()
    frames, buckets = state.sizes()
    return frames >= FRAMES_A_BUCKET * buckets or tick_ns - state.flushed_ns >= FLUSH_AT_LAST_NS


def rolled(groups: Groups) -> Roll:
    keys, t_ns, seq, values = (np.concatenate(column) for column in zip(*groups, strict=True))
    return roll_of(keys, t_ns, seq, values, TEN_SECONDS.ns)
