"""µs per frame of 20 values, in batches of 1000: the store beside the bare driver, in the same run.

    python tests/benchmarks/bench_store.py [--frames 100000] [--streams 50] [--postgres URL]

The bare figures are the ceiling: `executemany` (SQLite) and binary COPY (PostgreSQL) of the same rows,
ready in memory, into the same table, in one transaction a batch. CPU is this process alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine

from connectors.stores import _migrations, _postgres, _schema, _sqlite
from connectors.stores._codec import pack
from connectors.stores._rows import rows_of
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from twin.ports import Commit, Folded, Store
from twin.sample import Batch, Frames, Latest, Signal, Stream, batch_of, stream_of

BATCH, WIDTH, PERIOD_NS = 1000, 20, 10_000_000


def batches(count: int, streams: int) -> list[Batch]:
    """Batches of 1000 frames, the streams taking turns, at 100 Hz each."""
    rng = np.random.default_rng(1)
    made: list[Stream] = [
        stream_of(f"site/line/arm{i}", "all", [Signal(f"s{k}") for k in range(WIDTH)], sequenced=True, source="mqtt")
        for i in range(streams)
    ]
    each = BATCH // streams
    result = []
    for n in range(1, count // BATCH + 1):
        seq = np.arange((n - 1) * each, n * each)
        parts = [
            Frames(
                s, seq * PERIOD_NS, seq, seq * PERIOD_NS, rng.normal(size=(each, WIDTH)), np.full(each, 192, np.int16)
            )
            for s in made
        ]
        result.append(batch_of("bench", n, n * PERIOD_NS, parts))
    return result


def timed(name: str, steps: Iterator[int]) -> float:
    """Run the steps, print wall and CPU µs per frame; the wall figure."""
    wall, cpu = time.perf_counter(), time.process_time()
    frames = sum(steps)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:34} {wall / frames * 1e6:7.2f} µs wall {cpu / frames * 1e6:7.2f} µs CPU a frame")
    return wall / frames


def newest(batch: Batch) -> Folded:
    """What a mirror gives: the newest frame of each stream."""
    return Folded(
        (),
        tuple(
            Latest(p.stream, int(p.t_ns[-1]), int(p.seq[-1]), int(p.received_ns[-1]), 192, p.values[-1])
            for p in batch.frames
        ),
    )


def append_all(store: Store, work: list[Batch]) -> Iterator[int]:
    for batch in work:
        yield store.append(Commit(batch), newest).stored


def append_again(store: Store, work: list[Batch]) -> Iterator[int]:
    for batch in work:
        again = Batch(batch.writer, store.next_batch(batch.writer), batch.tick_ns, batch.frames)
        yield store.append(Commit(again), lambda _: Folded((), ())).duplicate


def bare_sqlite(path: Path, work: list[Batch], keys: dict[str, int]) -> Iterator[int]:
    connection = _sqlite.open_writer(path)
    first = 1
    ready = []
    for batch in work:
        rows = rows_of(batch, [keys[part.stream.id] for part in batch.frames], first, 1)
        first += len(rows)
        columns = (rows.stream_keys, rows.t_ns, rows.seq, rows.received_ns)
        blobs = pack(rows.groups[0][1])
        ids = range(rows.first_id, rows.first_id + len(rows))
        tail = ([1] * BATCH, [batch.n] * BATCH, rows.quality.tolist(), blobs)
        ready.append(list(zip(ids, *(column.tolist() for column in columns), *tail, strict=True)))

    def steps() -> Iterator[int]:
        for rows in ready:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO frame VALUES (?,?,?,?,?,?,?,?,?)", rows)
            connection.execute("COMMIT")
            yield len(rows)
        connection.close()

    return steps()


def bare_postgres(url: str, work: list[Batch], keys: dict[str, int]) -> Iterator[int]:
    connection = _postgres.connect(url)
    first = 1
    ready = []
    for batch in work:
        rows = rows_of(batch, [keys[part.stream.id] for part in batch.frames], first, 1)
        first += len(rows)
        ready.append(_postgres.copy_bytes(rows))

    def steps() -> Iterator[int]:
        for data in ready:
            with (
                connection.cursor() as cursor,
                cursor.copy(f"COPY frame ({_postgres._COLUMNS}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
            ):
                copy.write(data)
            connection.commit()
            yield BATCH
        connection.close()

    return steps()


def compare(name: str, url: str, bare: Callable[[], Iterator[int]], work: list[Batch]) -> None:
    """Store, bare, store again with duplicates, and a few reads."""
    ceiling = timed(f"{name} bare", bare())
    store = open_store(url)
    wall = timed(f"{name} append", append_all(store, work))
    print(f"{name} append is {ceiling / wall:.2f} of bare")
    timed(f"{name} append, all duplicates", append_again(store, work[:10]))
    history = open_history(url)
    end = 2**62
    stream = work[0].frames[0].stream.id
    for title, read in (
        ("samples of one signal", lambda: history.samples(stream, "s7", 0, end, 1000)),
        ("as_of, all streams", lambda: history.as_of(end)),
        ("summary", history.summary),
        ("all batches", lambda: list(history.batches("bench"))),
    ):
        start = time.perf_counter()
        read()
        print(f"{name} {title}: {(time.perf_counter() - start) * 1e3:.1f} ms")
    print(f"{name} bytes a frame: {history.summary().bytes / history.summary().frames:.0f}")
    history.close()
    store.close()


def empty_postgres(url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: _postgres.connect(url))
    with engine.begin() as connection:
        _schema.metadata.drop_all(connection)
        _migrations.prepare(connection)
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--postgres", default="", help="URL of a database whose tables may be dropped")
    options = parser.parse_args()
    work = batches(options.frames, options.streams)
    keys = {part.stream.id: key for key, part in enumerate(work[0].frames, 1)}
    timed("memory append", append_all(MemoryStore(), work[:20]))
    with tempfile.TemporaryDirectory() as folder:
        open_store(f"sqlite:///{folder}/bare.db").close()
        url = f"sqlite:///{folder}/store.db"
        compare("SQLite", url, lambda: bare_sqlite(Path(folder, "bare.db"), work, keys), work)
    if options.postgres:
        empty_postgres(options.postgres)
        steps = bare_postgres(options.postgres, work, keys)

        def bare() -> Iterator[int]:
            yield from steps
            empty_postgres(options.postgres)

        compare("PostgreSQL", options.postgres, bare, work)


if __name__ == "__main__":
    main()
