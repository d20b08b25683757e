"""The archive: bytes a value, and a signal over 24 h at 10 Hz to 1,000 points, beside bare reading of its columns."""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.archive.history import MOVED
from connectors.archive.layout import DAY_NS, arrow, day_name, path_of, site_of, told_path
from connectors.archive.move import transaction
from connectors.archive.rows import StoredRows
from connectors.archive.write import GROUP_ROWS, write
from connectors.care.files import sha256_of
from connectors.stores.sql import open_driver, open_history, open_store
from twin.clock import NS_PER_S
from twin.ports import Commit, Folded
from twin.sample import Signal, batch_of, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WIDTH, HZ, POINTS = 20, 10, 1000
DAY = 20_720
ROWS = DAY_NS // NS_PER_S * HZ
SIGNALS = [Signal(f"s{k}") for k in range(WIDTH)]
STREAM = stream_of("bench/line/robot0", "all", SIGNALS, sequenced=True, period_s=1 / HZ, source="bench")


def run(folder: Path, *, say: Callable[[str], None], repeats: int = 9) -> dict[str, Any]:
    """Write a day of one robot as the archive does and read it through the history; times in ms, medians."""
    pa = arrow()
    began = time.perf_counter()
    url = f"sqlite:///{folder / 'archived.db'}"
    path = _fill(url, folder)
    size = path.stat().st_size
    say(f"{ROWS:,} frames archived in {time.perf_counter() - began:.1f} s, {size / ROWS / WIDTH:.2f} B a value")
    start_ns, end_ns = DAY * DAY_NS, (DAY + 1) * DAY_NS
    with closing(open_history(url)) as history:

        def draw() -> None:
            if not len(history.samples(STREAM.id, "s7", start_ns, end_ns, POINTS).t_ns):
                raise AssertionError("nothing was drawn from the archive")

        drawn_ms = _ms(draw, repeats)
    bare_ms = _ms(lambda: pa.parquet.read_table(path, columns=["t_ns", "s7"], partitioning=None), repeats)
    return {
        "archive_ms": round(drawn_ms, 3),
        "archive_limit_ms": round(bare_ms, 3),
        "archived_bytes_per_value": round(size / ROWS / WIDTH, 2),
    }


def _fill(url: str, folder: Path) -> Path:
    """A store whose only day lies in the archive; its roll-ups are said to be behind, so that frames are read."""
    with closing(open_store(url)) as store:
        one = frame(STREAM, (DAY + 1) * DAY_NS, ROWS + 1, (DAY + 1) * DAY_NS, [0.0] * WIDTH)
        store.append(Commit(batch_of("bench", 1, (DAY + 1) * DAY_NS, [one])), lambda _: Folded((), ()))
    path = path_of(folder / "archive", STREAM, day_name(DAY), 1, 0)
    path.parent.mkdir(parents=True)
    count, runs = write(path, STREAM, _rows())
    ends = (min(run.first_ns for run in runs), max(run.last_ns for run in runs))
    with closing(open_driver(url)) as driver, transaction(driver):
        driver.run(
            "INSERT INTO archive_part (path, site, day, frames, first_ns, last_ns, bytes, sha256, created_ns, state) "
            "VALUES (?,?,?,?,?,?,?,?,?,?)",
            (
                told_path(path, folder), site_of(STREAM), day_name(DAY), count, *ends, path.stat().st_size,
                sha256_of(path), 1, MOVED,
            ),
        )  # fmt: skip
        driver.run("UPDATE writer SET rolled_n = 0, rolled_ns = NULL")
    return path


def _rows() -> Iterator[StoredRows]:
    rng = np.random.default_rng(1)
    for first in range(0, ROWS, GROUP_ROWS):
        i = np.arange(first, min(first + GROUP_ROWS, ROWS))
        t_ns = DAY * DAY_NS + i * (NS_PER_S // HZ) + rng.integers(0, 3, len(i)) * 1_000_000
        received_ns = t_ns + rng.integers(1_000_000, 9_000_000, len(i))
        wave = np.sin(t_ns / (600 * NS_PER_S))[:, None] + rng.normal(size=(len(i), WIDTH))
        ints = np.array([i + 1, t_ns, i, received_ns, np.ones_like(i), i // 1000, np.full_like(i, 192)], np.int64)
        yield StoredRows(1, STREAM, ints, np.round(wave, 3))


def _ms(read: Callable[[], object], repeats: int) -> float:
    read()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        read()
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)
