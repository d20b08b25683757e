"""Rolls ⇄ rows of the roll-up tables, and the frames that they are made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores._roll import NEVER, Roll
from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from connectors.stores._driver import Driver
    from connectors.stores._rows import Rows

from numpy.typing import NDArray

Group = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""Frames of streams of one width: stream keys, times, sequences (n,), values (n, width)."""
Groups = list[Group]


@dataclass(frozen=True, slots=True)
class Level:
    """One table of roll-ups."""

    table: str
    ns: int


TEN_SECONDS = Level("rollup_10s", 10 * NS_PER_S)
MINUTE = Level("rollup_1m", 60 * NS_PER_S)
HOUR = Level("rollup_1h", 3600 * NS_PER_S)
LEVELS = (TEN_SECONDS, MINUTE, HOUR)

_COLUMNS = "stream_key, start_ns, frames, last_ns, last_seq, mins, maxs, sums, counts, lasts, lasts_at"
_TYPES = ("bigint", "bigint", "bigint", "bigint", "bigint", *("float8[]",) * 3, "int[]", "float8[]", "bigint[]")
_BATCHES_AT_ONCE = 5000
_WRITER_ID_SHIFT = 44


def groups_of(rows: Rows | None, new: NDArray[np.bool_] | None) -> Groups:
    """The new frames of a batch by width, those of streams without numbers left out."""
    groups: Groups = []
    for index, values in () if rows is None else rows.groups:
        if not values.shape[1]:
            continue
        if index is None:
            picked: Any = slice(None) if new is None else new
            inner: Any = picked
        else:
            inner = slice(None) if new is None else new[index]
            picked = index[inner]
        keys = rows.stream_keys[picked] if rows is not None else np.empty(0, np.int64)
        if rows is not None and len(keys):
            groups.append((keys, rows.t_ns[picked], rows.seq[picked], values[inner]))
    return groups


def read_batches(driver: Driver, writer_key: int, after_n: int, before_n: int, frames: int) -> tuple[int, Groups]:
    """The frames of the writer's batches between two numbers, about so many; and the last batch they are of."""
    cuts = driver.ask(
        f"SELECT n, first_id, last_id FROM batch WHERE writer_key = ? AND n > ? AND n < ? ORDER BY n "  # noqa: S608
        f"LIMIT {_BATCHES_AT_ONCE}",
        (writer_key, after_n, before_n),
    )
    total, taken = 0, []
    for cut in cuts:
        taken.append(cut)
        total += cut[2] - cut[1] + 1
        if total >= frames:
            break
    rows = driver.ask(
        "SELECT stream_key, t_ns, seq, vals FROM frame WHERE id >= ? AND id <= ?", (taken[0][1], taken[-1][2])
    )
    return int(taken[-1][0]), _groups_by_width(driver, rows)


def read_bucket(driver: Driver, level: Level, key: int, start_ns: int, width: int) -> Group:
    """All frames of a bucket that are of batches within the writers' watermarks."""
    where, values = "", []
    for (writer_key,) in driver.ask("SELECT writer_key FROM writer ORDER BY writer_key"):
        last = driver.ask(
            "SELECT last_id FROM batch WHERE writer_key = ? "
            "AND n <= (SELECT rolled_n FROM writer WHERE writer_key = ?) ORDER BY n DESC LIMIT 1",
            (writer_key, writer_key),
        )
        where += " AND NOT (id > ? AND id <= ?)"
        values += [last[0][0] if last else (writer_key - 1) << _WRITER_ID_SHIFT, writer_key << _WRITER_ID_SHIFT]
    rows = driver.ask(
        f"SELECT t_ns, seq, vals FROM frame WHERE stream_key = ? AND t_ns >= ? AND t_ns < ?{where}",  # noqa: S608
        (key, start_ns, start_ns + level.ns, *values),
    )
    t_ns, seq, cells = zip(*rows, strict=True)
    return np.full(len(rows), key), np.array(t_ns, np.int64), np.array(seq, np.int64), driver.decode(cells, width)


def read_rolls(driver: Driver, level: Level, wanted: Roll, width: int) -> Roll | None:
    """The rows there are for these buckets; None for none."""
    columns = ", ".join(f"r.{name}" for name in _COLUMNS.split(", "))
    rows = driver.ask_at(
        f"SELECT {columns} FROM at CROSS JOIN {level.table} r "  # noqa: S608  constants only
        "WHERE r.stream_key = at.stream_key AND r.start_ns = at.start_ns",
        wanted.keys,
        wanted.starts,
    )
    return _roll_from(driver, rows, width) if rows else None


def write_rolls(driver: Driver, level: Level, roll: Roll) -> None:
    """Put the buckets in place of what is there."""
    absent = roll.counts == 0
    uniform = roll.uniform.tolist()
    at = driver.cells(np.concatenate([roll.at_ns, roll.at_seq], axis=1))
    rows = zip(
        roll.keys.tolist(),
        roll.starts.tolist(),
        roll.frames.tolist(),
        roll.last_ns.tolist(),
        roll.last_seq.tolist(),
        *(driver.cells(np.where(absent, np.nan, column)) for column in (roll.mins, roll.maxs, roll.sums)),
        driver.cells(roll.counts.astype(np.int32)),
        driver.cells(roll.lasts),
        [None if same else cell for same, cell in zip(uniform, at, strict=True)],
        strict=True,
    )
    updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ")[2:])
    driver.many_typed(
        f"INSERT INTO {level.table} ({_COLUMNS}) VALUES ({','.join('?' * len(_TYPES))}) "  # noqa: S608  constants only
        f"ON CONFLICT (stream_key, start_ns) DO UPDATE SET {updates}",
        _TYPES,
        list(rows),
    )


def _roll_from(driver: Driver, rows: list[Any], width: int) -> Roll:
    keys, starts, frames, last_ns, last_seq, mins, maxs, sums, counts, lasts, lasts_at = zip(*rows, strict=True)
    number = driver.uncells(counts, np.int32, width).astype(np.int64)
    absent = number == 0
    newest_ns, newest_seq = np.array(last_ns, np.int64), np.array(last_seq, np.int64)
    at_ns, at_seq = (np.repeat(column[:, None], width, axis=1) for column in (newest_ns, newest_seq))
    ragged = [index for index, cell in enumerate(lasts_at) if cell is not None]
    if ragged:
        found = driver.uncells([lasts_at[index] for index in ragged], np.int64, 2 * width)
        at_ns[ragged], at_seq[ragged] = found[:, :width], found[:, width:]
    at_ns[absent], at_seq[absent] = NEVER, NEVER
    return Roll(
        np.array(keys, np.int64),
        np.array(starts, np.int64),
        np.array(frames, np.int64),
        newest_ns,
        newest_seq,
        np.where(absent, np.inf, driver.uncells(mins, np.float64, width)),
        np.where(absent, -np.inf, driver.uncells(maxs, np.float64, width)),
        np.where(absent, 0.0, driver.uncells(sums, np.float64, width)),
        number,
        driver.uncells(lasts, np.float64, width),
        at_ns,
        at_seq,
    )


def _groups_by_width(driver: Driver, rows: list[Any]) -> Groups:
    if not rows:
        return []
    widths = {
        int(key): len(json.loads(columns)) for key, columns in driver.ask("SELECT stream_key, columns FROM stream")
    }
    by_width: dict[int, list[Any]] = {}
    for row in rows:
        by_width.setdefault(widths[row[0]], []).append(row)
    groups: Groups = []
    for width, found in by_width.items():
        if width:
            keys, t_ns, seq, cells = zip(*found, strict=True)
            columns = (np.array(column, np.int64) for column in (keys, t_ns, seq))
            groups.append((*columns, driver.decode(cells, width)))  # type: ignore[arg-type]
    return groups
