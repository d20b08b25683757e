"""Letting old data go: per class, in small transactions, and on the record.

Raw data goes batch by batch from the oldest (by receipt), up to a full keyframe: what is kept begins with
a state that can be verified and replayed. With an archive, only what is archived goes.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.archive.layout import DAY_NS
from connectors.archive.move import transaction
from connectors.care import notes
from connectors.stores._sqlite import SqliteDriver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.archive.move import Stops
    from connectors.stores._driver import Driver
    from connectors.stores._history import SqlHistory
    from twin.clock import Clock
    from twin.config import RetentionConfig

log = logging.getLogger(__name__)
FRAMES_A_TRANSACTION = 2000
ROWS_A_TRANSACTION = 1000
BATCHES_A_TRANSACTION = 200
REST_OF = 1.0
"""After each transaction it rests this many times as long as it took."""
GB = 1_000_000_000

_TOLD = {"event": "", "alarm_event": " AND alarm NOT IN (SELECT alarm FROM alarm)"}
"""What is let go by age, and what of it stays: of an alarm that lasts, all that was told."""
_ACTIONS = """DELETE FROM alarm_action WHERE writer_key = ? AND batch >= ? AND batch <= ?
AND id < (SELECT max(id) FROM alarm_action WHERE writer_key = ?)"""
"""The last one stays: what people did before it is folded."""
_FULL_BEFORE = """SELECT max(n) FROM keyframe WHERE writer_key = ? AND is_full AND n <= ?"""
_KEPT_ONE = "SELECT n FROM batch WHERE writer_key = ? AND tick_ns >= ? ORDER BY n LIMIT 1"
_SQLITE_SIZE = """SELECT (p.page_count - f.freelist_count) * s.page_size
FROM pragma_page_count() p, pragma_freelist_count() f, pragma_page_size() s"""
_POSTGRES_SIZE = """SELECT coalesce(sum(pg_total_relation_size(relid)
 * (n_live_tup + 1.0) / (n_live_tup + n_dead_tup + 1.0)), 0)::bigint FROM pg_stat_user_tables"""


@dataclass(slots=True)
class LetGo:
    """How many rows went, by class (mutable). ``held_ns``: raw data from there on stays for a pin; None for no pin."""

    rows: dict[str, int] = field(default_factory=dict)
    held_ns: int | None = None

    def add(self, kind: str, rows: int) -> None:
        """Count some."""
        self.rows[kind] = self.rows.get(kind, 0) + rows


class Retention:
    """Applies the rules once (mutable; one thread, with a connection of its own).

    ``pins`` are spans of receive time whose raw data stays whatever the rules say.
    """

    def __init__(  # noqa: PLR0913  what it works on, wired once
        self,
        history: SqlHistory,
        driver: Driver,
        rules: RetentionConfig,
        clock: Clock,
        stop: Stops,
        *,
        archived_only: bool = False,
        pins: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._history = history
        self._driver = driver
        self._rules = rules
        self._clock = clock
        self._stop = stop
        self._archived_only = archived_only
        self._pins = pins
        self._is_sqlite = isinstance(driver, SqliteDriver)
        self.result = LetGo()

    def run(self) -> LetGo:
        """Let go what the rules say; raises StoreUnavailable."""
        rules, now_ns = self._rules, self._clock.now_ns()
        if rules.raw_days:
            for name, key in self._writers():
                self._raw(name, key, self._before(name, key, self._pinned(now_ns - _ns(rules.raw_days))), "age")
        if rules.rollup_days:
            self._rollups(now_ns - _ns(rules.rollup_days))
        if rules.events_days:
            self._events(now_ns - _ns(rules.events_days))
        if rules.dead_letter_days:
            self._letters(now_ns - _ns(rules.dead_letter_days))
        if rules.max_gb and self._size() > rules.max_gb * GB:
            self._shrink(now_ns)
        return self.result

    def _writers(self) -> list[tuple[str, int]]:
        return [(str(name), int(key)) for key, name in self._history.ask("SELECT writer_key, name FROM writer")]

    def _pinned(self, cutoff_ns: int) -> int:
        """The cutoff, no later than the first pin that it would reach into."""
        held = min((start for start, end in self._pins if start < cutoff_ns and end > start), default=None)
        self.result.held_ns = held
        return cutoff_ns if held is None else held

    def _before(self, name: str, key: int, cutoff_ns: int) -> int:
        """The batch to begin with: the last full keyframe's before everything that stays; 0 where nothing can go."""
        first, last = self._history.batch_range(name)
        kept = self._history.ask(_KEPT_ONE, (key, cutoff_ns))
        rolled = int(self._history.ask("SELECT rolled_n FROM writer WHERE writer_key = ?", (key,))[0][0])
        stays = min(int(kept[0][0]) if kept else last, rolled)
        if self._archived_only and first <= last:
            stays = min(stays, self._first_hot(key, first, stays))
        full = self._history.ask(_FULL_BEFORE, (key, stays))[0][0]
        return int(full or 0)

    def _first_hot(self, key: int, first: int, stays: int) -> int:
        """The first batch that has a frame in the database still, ``stays`` where none before has."""
        ends = self._history.ask(
            "SELECT min(first_id), max(last_id) FROM batch WHERE writer_key = ? AND n >= ? AND n < ?",
            (key, first, stays),
        )[0]
        if ends[0] is None:
            return stays
        row = self._history.ask(
            "SELECT batch FROM frame WHERE id >= ? AND id <= ? ORDER BY id LIMIT 1", (ends[0], ends[1])
        )
        return int(row[0][0]) if row else stays

    def _raw(self, name: str, key: int, until: int, why: str) -> int:
        """Let the batches before ``until`` go; how many frames those were."""
        gone = 0
        while not self._stop.is_set():
            cuts = self._history.ask(
                "SELECT n, tick_ns, first_id, last_id FROM batch WHERE writer_key = ? AND n < ? ORDER BY n LIMIT ?",
                (key, until, BATCHES_A_TRANSACTION),
            )
            if not cuts:
                break
            frames = 0
            chosen: list[tuple[int, ...]] = []
            for cut in cuts:
                frames += int(cut[3]) - int(cut[2]) + 1
                if chosen and frames > FRAMES_A_TRANSACTION:
                    break
                chosen.append(cut)
            began = time.monotonic()
            with transaction(self._driver):
                gone += self._let_go(name, key, chosen, why)
            self._rest(began)
        return gone

    def _let_go(self, name: str, key: int, cuts: list[tuple[int, ...]], why: str) -> int:
        run = self._driver.run
        first, last = int(cuts[0][0]), int(cuts[-1][0])
        ids = (int(cuts[0][2]), int(cuts[-1][3]))
        run(
            "DELETE FROM frame_text WHERE (stream_key, t_ns, seq) IN "
            "(SELECT stream_key, t_ns, seq FROM frame WHERE id >= ? AND id <= ?)",
            ids,
        )
        rows = run("DELETE FROM frame WHERE id >= ? AND id <= ?", ids)
        for table in ("keyframe", "alarm_keyframe"):
            run(f"DELETE FROM {table} WHERE writer_key = ? AND n >= ? AND n <= ?", (key, first, last))  # noqa: S608
        run("DELETE FROM batch WHERE writer_key = ? AND n >= ? AND n <= ?", (key, first, last))
        run(_ACTIONS, (key, first, last, key))
        times = (int(cuts[0][1]), int(cuts[-1][1]))
        notes.removed(run, "raw", name, (first, last), times, rows, why, self._clock.now_ns())
        self.result.add("raw", rows)
        return rows

    def _rollups(self, before_ns: int) -> None:
        for table in ("rollup_10s", "rollup_1m", "rollup_1h"):
            for (key,) in self._history.ask("SELECT stream_key FROM stream"):
                while not self._stop.is_set():
                    ends = self._history.ask(
                        f"SELECT min(start_ns), max(start_ns), count(*) FROM (SELECT start_ns FROM {table} "  # noqa: S608
                        "WHERE stream_key = ? AND start_ns < ? ORDER BY start_ns LIMIT ?) AS old",
                        (key, before_ns, ROWS_A_TRANSACTION),
                    )[0]
                    if not ends[2]:
                        break
                    began = time.monotonic()
                    with transaction(self._driver):
                        rows = self._driver.run(
                            f"DELETE FROM {table} WHERE stream_key = ? AND start_ns <= ?",  # noqa: S608  constants
                            (key, ends[1]),
                        )
                        self._record("rollup", "", (0, 0), (int(ends[0]), int(ends[1])), rows)
                    self._rest(began)

    def _events(self, before_ns: int) -> None:
        for table, stays in _TOLD.items():
            self._told(table, stays, before_ns)

    def _told(self, table: str, stays: str, before_ns: int) -> None:
        names = {key: name for name, key in self._writers()}
        while not self._stop.is_set():
            rows = self._history.ask(
                f"SELECT id, writer_key, batch, t_ns FROM {table} WHERE t_ns < ?{stays} ORDER BY t_ns, id LIMIT ?",  # noqa: S608
                (before_ns, ROWS_A_TRANSACTION),
            )
            if not rows:
                return
            began = time.monotonic()
            with transaction(self._driver):
                self._driver.many(f"DELETE FROM {table} WHERE id = ?", [(row[0],) for row in rows])  # noqa: S608
                for key in {row[1] for row in rows}:
                    mine = [row for row in rows if row[1] == key]
                    batches, times = [int(row[2]) for row in mine], [int(row[3]) for row in mine]
                    ends = ((min(batches), max(batches)), (min(times), max(times)))
                    self._record("event", names[key], *ends, len(mine))
            self._rest(began)

    def _letters(self, before_ns: int) -> None:
        """Rows go; their messages stay counted, as those that found no room."""
        while not self._stop.is_set():
            rows = self._history.ask(
                "SELECT id, source, count, last_ns FROM dead_letter WHERE last_ns < ? ORDER BY last_ns LIMIT ?",
                (before_ns, ROWS_A_TRANSACTION),
            )
            if not rows:
                return
            began = time.monotonic()
            with transaction(self._driver):
                for id_, source, _, last_ns in rows:
                    found = self._driver.ask(
                        "DELETE FROM dead_letter WHERE id = ? AND last_ns = ? RETURNING count", (id_, last_ns)
                    )
                    for (count,) in found:
                        self._driver.run(
                            "UPDATE source_count SET dead_rows = dead_rows - 1, dead_overflow = dead_overflow + ? "
                            "WHERE source = ?",
                            (count, source),
                        )
                times = (int(rows[0][3]), int(rows[-1][3]))
                self._record("dead_letter", "", (0, 0), times, len(rows))
            self._rest(began)

    def _record(self, kind: str, writer: str, batches: tuple[int, int], times: tuple[int, int], rows: int) -> None:
        run, now_ns = self._driver.run, self._clock.now_ns()
        longer = run(
            "UPDATE removal SET to_n = CASE WHEN to_n > ? THEN to_n ELSE ? END, to_ns = CASE WHEN to_ns > ? THEN to_ns "
            "ELSE ? END, row_count = row_count + ?, at_ns = ? WHERE kind = ? AND writer = ? AND why = 'age'",
            (batches[1], batches[1], times[1], times[1], rows, now_ns, kind, writer),
        )
        if not longer:
            notes.removed(run, kind, writer, batches, times, rows, "age", now_ns)
        self.result.add(kind, rows)

    def _size(self) -> int:
        return int(self._history.ask(_SQLITE_SIZE if self._is_sqlite else _POSTGRES_SIZE)[0][0])

    def _shrink(self, now_ns: int) -> None:
        """The oldest raw data goes, one full keyframe's span after the other, until the store is small enough."""
        for name, key in self._writers():
            while self._size() > self._rules.max_gb * GB and not self._stop.is_set():
                first, last = self._history.batch_range(name)
                limit = self._before(name, key, self._pinned(now_ns))
                step = self._history.ask(
                    "SELECT min(n) FROM keyframe WHERE writer_key = ? AND is_full AND n > ? AND n <= ?",
                    (key, first, min(limit, last)),
                )[0][0]
                if step is None:
                    log.warning("the store is larger than max_gb, and nothing of %s may go yet", name)
                    break
                self._raw(name, key, int(step), "size")
                if not self._is_sqlite:
                    return  # the server counts what is gone a little later: the rest goes with the next run

    def _rest(self, began: float) -> None:
        self._stop.wait((time.monotonic() - began) * REST_OF)


def _ns(days: float) -> int:
    return round(days * DAY_NS)
