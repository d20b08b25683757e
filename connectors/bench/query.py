"""Reading: the latest of 2,000 signals, and a signal over 24 h at 10 Hz from frames and from roll-ups.

Each beside a limit of the same run: the least that the database does to find those rows, asked for
by bare SQL on one connection, with nothing of them taken out.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores import _postgres, _sqlite
from connectors.stores._rows import Rows
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.ports import Commit, Folded
from twin.sample import Batch, Frames, Latest, Signal, Stream, batch_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.stores._driver import Driver

WIDTH, HZ, DAY_S = 20, 10, 86_400
POINTS = 1000
LATEST_STREAMS = 100
FIRST_NS = 1_790_000_000 * NS_PER_S
ROWS_AT_ONCE = 40_000
WRITER = "bench"
_VISIT = "SELECT count(quality) FROM frame WHERE stream_key = {key} AND t_ns >= {start} AND t_ns < {end}"
_VISIT_ROLLED = (
    "SELECT count(frames) FROM rollup_1m WHERE stream_key = {key} AND start_ns >= {start} AND start_ns < {end}"
)
_VISIT_LATEST = "SELECT stream_key, t_ns, seq, received_ns, quality, vals FROM latest"


def run(url: str, *, full: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Build a day of frames in the empty store at ``url`` and read it; times in ms, medians.

    ``robots`` robots take turns row by row, so one's rows do not lie side by side: 2, and 8 when ``full``.
    """
    robots = 8 if full else 2
    repeats = 9 if full else 3
    began = time.perf_counter()
    streams = _write(url, robots, DAY_S, WIDTH)
    say(f"{robots * DAY_S * HZ:,} frames of {WIDTH} values written in {time.perf_counter() - began:.1f} s")
    driver = _driver(url)
    history = open_history(url)
    end_ns = FIRST_NS + DAY_S * NS_PER_S
    key = next(key for key, stream in history.streams().items() if stream.id == streams[0].id)

    def draw() -> int:
        return len(history.samples(streams[0].id, "s7", FIRST_NS, end_ns, POINTS).t_ns)

    def bare(sql: str) -> float:
        asked = sql.format(key=key, start=FIRST_NS, end=end_ns)
        return _ms(lambda: driver.ask(asked), repeats)

    try:
        points = draw()
        answer: dict[str, Any] = {
            "latest_ms": _ms(history.latest, 4 * repeats),
            "latest_limit_ms": bare(_VISIT_LATEST),
            "raw_ms": _ms(draw, repeats),
            "raw_limit_ms": bare(_VISIT),
        }
        say(f"from frames: {answer['raw_ms']:.0f} ms")
        began = time.perf_counter()
        _roll_up(url, DAY_S)
        say(f"rolled up in {time.perf_counter() - began:.1f} s")
        if draw() != points:
            raise AssertionError("roll-ups and frames give different drawings")
        answer |= {"rollup_ms": _ms(draw, 4 * repeats), "rollup_limit_ms": bare(_VISIT_ROLLED)}
        summary = history.summary()
    finally:
        history.close()
        driver.close()
    return {
        "robots": robots,
        "frames": robots * DAY_S * HZ,
        "points": points,
        "signals": LATEST_STREAMS * WIDTH,
        **{name: round(value, 3) for name, value in answer.items()},
        "hot_bytes_per_value": round(summary.bytes / (robots * DAY_S * HZ * WIDTH), 2),
    }


def write_long(url: str, points: int, asset: str, say: Callable[[str], None]) -> tuple[int, int]:
    """Fill an empty store with ``points`` frames of two values of one asset, ten a second, rolled up.

    Returns (first, end) of them in ns.
    """
    began = time.perf_counter()
    seconds = -(-points // HZ)
    _write(url, 1, seconds, 2, asset)
    say(f"{seconds * HZ:,} frames written in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    _roll_up(url, seconds)
    say(f"rolled up in {time.perf_counter() - began:.0f} s")
    return FIRST_NS, FIRST_NS + seconds * NS_PER_S


def _ms(read: Callable[[], object], repeats: int) -> float:
    read()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        read()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def _driver(url: str) -> Driver:
    if url.startswith("sqlite:///"):
        return _sqlite.SqliteDriver(Path(url.removeprefix("sqlite:///")))
    return _postgres.PostgresDriver(url)


def _stream(asset: str, width: int) -> Stream:
    signals = [Signal(f"s{k}") for k in range(width)]
    return stream_of(asset, "all", signals, sequenced=True, period_s=1 / HZ, source="bench")


def _write(url: str, robots: int, seconds: int, width: int, asset: str = "") -> list[Stream]:
    """The streams and their latest through the store, then their frames through the driver alone.

    One stream where an ``asset`` is named, else `LATEST_STREAMS`.
    """
    assets = [asset] if asset else [f"bench/line/robot{number}" for number in range(LATEST_STREAMS)]
    streams = [_stream(one, width) for one in assets]
    rng = np.random.default_rng(1)
    at = np.array([FIRST_NS - NS_PER_S], np.int64)
    parts = [Frames(s, at, at // NS_PER_S, at, rng.normal(size=(1, width)), np.array([192], np.int16)) for s in streams]

    def fold(_: Batch) -> Folded:
        return Folded((), tuple(Latest(p.stream, int(at[0]), 1, int(at[0]), 192, p.values[0]) for p in parts))

    store = open_store(url)
    store.append(Commit(batch_of(WRITER, 1, FIRST_NS, parts)), fold)
    keys = store.stream_keys()
    store.close()
    driver = _driver(url)
    each = np.array([keys[stream.id] for stream in streams[:robots]], np.int64)
    ticks = ROWS_AT_ONCE // robots
    first_id = len(streams) + 1
    driver.begin()
    driver.run("UPDATE writer SET rolled_ns = NULL")
    for n, start in enumerate(range(0, seconds * HZ, ticks), 2):
        t_ns = np.repeat(FIRST_NS + np.arange(start, min(start + ticks, seconds * HZ)) * (NS_PER_S // HZ), robots)
        wave = np.sin(t_ns / (600 * NS_PER_S))[:, None] + rng.normal(size=(len(t_ns), width))
        rows = Rows(
            first_id, 1, n, np.tile(each, len(t_ns) // robots), t_ns, t_ns // 10**8, t_ns,
            np.full(len(t_ns), 192, np.int64), ((None, np.round(wave, 3)),),
        )  # fmt: skip
        driver.insert_frames(rows)
        driver.run(
            "INSERT INTO batch (writer_key, n, tick_ns, frames, first_id, last_id, checksum) VALUES (1,?,?,?,?,?,'')",
            (n, int(t_ns[-1]), len(rows), first_id, first_id + len(rows) - 1),
        )
        first_id += len(rows)
        driver.commit()
        driver.begin()
    driver.commit()
    driver.begin()
    driver.run("ANALYZE")  # as autovacuum does within a minute
    driver.commit()
    driver.close()
    return streams


def _roll_up(url: str, seconds: int) -> None:
    """What a writer does that finds frames past the roll-ups: it takes some up with each batch."""
    store = open_store(url)
    tick_ns = FIRST_NS + (seconds + 60) * NS_PER_S
    for _ in range(seconds * HZ):
        n = store.next_batch(WRITER)
        store.append(Commit(batch_of(WRITER, n, tick_ns, ())), lambda _: Folded((), ()))
        if store.is_rolled_up:
            break
    store.close()
