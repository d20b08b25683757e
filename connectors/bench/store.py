"""`twin bench store`: batches into an empty store, beside the bare driver writing the same rows, in the same run.

The bare figure is the limit: multi-row INSERT (SQLite) and binary COPY (PostgreSQL) of rows that lie ready
in memory, into the same table, in one transaction a batch, and nothing else.
"""

from __future__ import annotations

import statistics
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores import _postgres, _sqlite
from connectors.stores._codec import pack
from connectors.stores._rows import rows_of
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Batch, Frames, Signal, batch_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

WIDTH, STREAMS, PERIOD_NS = 20, 500, NS_PER_S // 100
START_NS = 1_795_305_600 * NS_PER_S
_SQLITE = "sqlite:///"


def batches(count: int, frames: int) -> list[Batch]:
    """``count`` batches of ``frames`` frames of 500 streams at 100 Hz, values of three decimals."""
    rng = np.random.default_rng(1)
    signals = [Signal(f"v{k}") for k in range(WIDTH)]
    streams = [stream_of(f"line/robot{i:03d}", "joints", signals, sequenced=True, source="m") for i in range(STREAMS)]
    each = frames // STREAMS
    made = []
    for n in range(1, count + 1):
        seq = np.arange((n - 1) * each, n * each)
        t_ns = START_NS + seq * PERIOD_NS
        quality = np.full(each, 192, np.int16)
        parts = [Frames(s, t_ns, seq, t_ns, _values(seq, rng), quality) for s in streams]
        made.append(batch_of("bench", n, int(t_ns[-1]), parts))
    return made


def _values(seq: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.round(np.sin(seq[:, None] / 50 + rng.random(WIDTH) * 6), 3).astype(np.float64)


def run(urls: Callable[[], str], *, repeats: int, count: int, frames: int) -> dict[str, Any]:
    """Measure ``repeats`` times, store and bare in turn; ``urls`` gives an empty store's URL at each call."""
    work = batches(count, frames)
    total = count * frames
    wall, cpu, bare = [], [], []
    size = 0.0
    for _ in range(repeats):
        url = urls()
        open_store(url).close()
        bare.append(_bare(url, work))
        url = urls()
        store, mirror = open_store(url), Mirror()

        def fold(batch: Batch, mirror: Mirror = mirror) -> Folded:
            return Folded(mirror.apply(batch), mirror.changed)

        began, began_cpu = time.perf_counter(), time.process_time()
        for batch in work:
            # A new object, so that nothing worked out in the run before is used again.
            store.append(Commit(Batch(batch.writer, batch.n, batch.tick_ns, batch.frames)), fold)
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
        store.close()
        history = open_history(url)
        summary = history.summary()
        history.close()
        size = summary.bytes / summary.values
    frames_per_s, bare_per_s = total / statistics.median(wall), total / statistics.median(bare)
    return {
        "frames_per_s": round(frames_per_s),
        "values_per_s": round(frames_per_s * WIDTH),
        "bare_frames_per_s": round(bare_per_s),
        "ratio": round(frames_per_s / bare_per_s, 3),
        "cpu_us_per_frame": round(statistics.median(cpu) / total * 1e6, 2),
        "disk_bytes_per_value": round(size, 2),
        "frames_a_batch": frames,
        "streams": STREAMS,
    }


def _bare(url: str, work: list[Batch]) -> float:
    """Seconds that the driver alone takes for the same rows."""
    keys = list(range(1, STREAMS + 1))
    ready: list[Any] = []
    first = 1
    for batch in work:
        rows = rows_of(Batch(batch.writer, batch.n, batch.tick_ns, batch.frames), keys, first, 1)
        first += len(rows)
        ready.append(_statements(rows) if url.startswith(_SQLITE) else _postgres.copy_bytes(rows))
    if not url.startswith(_SQLITE):
        return _bare_postgres(url, ready)
    connection = _sqlite.open_writer(Path(url.removeprefix(_SQLITE)))
    connection.execute("PRAGMA wal_autocheckpoint = 10000")
    began = time.perf_counter()
    for statements in ready:
        connection.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            connection.execute(sql, values)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took


def _statements(rows: Any) -> list[tuple[str, list[Any]]]:
    cells = list(
        zip(
            range(rows.first_id, rows.first_id + len(rows)), rows.stream_keys.tolist(), rows.t_ns.tolist(),
            rows.seq.tolist(), rows.received_ns.tolist(), [rows.writer_key] * len(rows), [rows.batch] * len(rows),
            rows.quality.tolist(), pack(rows.groups[0][1]), strict=True,
        )
    )  # fmt: skip
    made = []
    for start in range(0, len(cells), _sqlite.ROWS_A_STATEMENT):
        part = cells[start : start + _sqlite.ROWS_A_STATEMENT]
        sql = f"INSERT INTO frame VALUES {','.join(['(?,?,?,?,?,?,?,?,?)'] * len(part))}"  # noqa: S608  constants
        made.append((sql, list(chain.from_iterable(part))))
    return made


def _bare_postgres(url: str, ready: list[bytes]) -> float:
    connection = _postgres.connect(url)
    began = time.perf_counter()
    for data in ready:
        with connection.cursor() as cursor, cursor.copy(_postgres.copy_into("frame")) as copy:
            copy.write(data)
        connection.commit()
    took = time.perf_counter() - began
    connection.close()
    return took
