"""Archive: bytes a value, and one signal of 24 h at 10 Hz to 1,000 points. `python tests/benchmarks/bench_archive.py`."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from connectors.stores._reader import Place
from connectors.stores._series import buckets_of, series_from
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S, ManualClock
from twin.ports import Commit, Folded
from twin.sample import Frames, Signal, batch_of, stream_of

ARM = stream_of("jeonju/line1/r1", "joints", [Signal(f"v{i}") for i in range(20)], sequenced=True, source="mqtt")
T0 = 20_000 * DAY_NS
FRAMES = 864_000


def frames(first: int, count: int, amplitude: float) -> Frames:
    i = np.arange(first, first + count)
    rng = np.random.default_rng(first)
    phases = np.arange(20)
    values = np.round(
        np.sin(i[:, None] / (50 + 7 * phases)) * amplitude + rng.normal(0, amplitude / 100, (count, 20)), 3
    )
    t_ns = T0 + i * (NS_PER_S // 10) + rng.integers(0, 3, count) * 1_000_000
    received = t_ns + rng.integers(1_000_000, 9_000_000, count)
    return Frames(ARM, t_ns, i.astype(np.int64), received, values, np.full(count, 192, np.int16))


def measured(amplitude: float, folder: Path) -> dict[str, float]:
    url = f"sqlite:///{folder / 'twin.db'}"
    with closing(open_store(url)) as store:
        for n, first in enumerate(range(0, FRAMES, 2000), 1):
            part = frames(first, 2000, amplitude)
            store.append(Commit(batch_of("w", n, int(part.received_ns.max()), [part])), lambda batch: Folded((), ()))
    hot = (folder / "twin.db").stat().st_size
    began, cpu = time.monotonic(), time.process_time()
    moved = archive(url, folder / "archive", T0 + 2 * DAY_NS, ManualClock(T0 + 9 * DAY_NS))
    took, cpu = time.monotonic() - began, time.process_time() - cpu
    timed: dict[str, list[float]] = {"query": [], "raw": []}
    with closing(open_history(url)) as history:
        reader = history._reader
        for number in range(9):
            began = time.perf_counter()
            series = history.samples(ARM.id, f"v{number}", T0, T0 + DAY_NS, 1000)
            timed["query"].append(time.perf_counter() - began)
            assert 500 < len(series.t_ns) <= 1000
            began = time.perf_counter()
            first, last = reader.bounds(1, T0, T0 + DAY_NS)
            buckets = buckets_of(first, last, 1000)
            drawn = reader.drawn(Place(1, number, 20), buckets, first, last + 1)
            series_from([drawn], buckets)
            timed["raw"].append(time.perf_counter() - began)
            assert drawn.counts.sum() == FRAMES
    return {
        "amplitude": amplitude,
        "hot_bytes_a_value": round(hot / FRAMES / 20, 2),
        "archived_bytes_a_value": round(moved.bytes / FRAMES / 20, 2),
        "archive_s": round(took, 1),
        "archive_cpu_us_a_frame": round(cpu / FRAMES * 1e6, 1),
        "rollup_query_ms": round(statistics.median(timed["query"]) * 1000, 1),
        "archive_query_first_ms": round(timed["raw"][0] * 1000, 1),
        "archive_query_ms": round(statistics.median(timed["raw"]) * 1000, 1),
    }


if __name__ == "__main__":
    for amplitude in (1.0, 100.0):
        with tempfile.TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(measured(amplitude, Path(folder))) + "\n")
            sys.stdout.flush()
