"""Alarms beside the mirror when nothing is wrong: 500 streams of 10 rows a batch. `python tests/benchmarks/bench_alarms.py`."""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np

from twin.alarms import AlarmBook
from twin.assets import machine_tool, robot_arm
from twin.clock import NS_PER_S
from twin.mirror import Mirror
from twin.sample import Batch, Frames, Stream, batch_of, stream_of
from twin.site import AssetType

STREAMS, ROWS, BATCHES = 500, 10, 40
T0 = 1_700_000_000 * NS_PER_S


def streams_of(kind: AssetType, *, texts: bool) -> list[Stream]:
    """Streams of that type's assets, each with the type's rules."""
    made = []
    for i in range(STREAMS):
        told = kind.streams[i % len(kind.streams)]
        signals = [signal for signal in told.signals if texts or not signal.kind.is_text]
        made.append(stream_of(f"s/a{i:03}", told.name, signals, sequenced=True, period_s=told.period_s))
    return made


def batch(streams: list[Stream], n: int, random: np.random.Generator) -> Batch:
    """Values in the middle of their range, so that nothing is raised."""
    parts = []
    t_ns = T0 + n * NS_PER_S + np.arange(ROWS) * (NS_PER_S // ROWS)
    for stream in streams:
        low = np.array([0.0 if one.low is None else one.low for one in stream.columns])
        high = np.array([low[i] + 1.0 if one.high is None else one.high for i, one in enumerate(stream.columns)])
        values = (low + high) / 2 + (high - low) * 0.2 * random.uniform(-1.0, 1.0, (ROWS, stream.width))
        texts = tuple(("Execute", "Production", "O1000")[: len(stream.text_columns)] for _ in range(ROWS))
        parts.append(
            Frames(
                stream,
                t_ns,
                n * ROWS + np.arange(ROWS),
                t_ns,
                values,
                np.full(ROWS, 192, np.int16),
                texts if texts[0] else (),
            )
        )
    return batch_of("w", n, T0 + (n + 1) * NS_PER_S, parts)


def measure(kind: AssetType, *, texts: bool, varied: bool) -> dict[str, float]:
    """Medians in ms; ``varied`` leaves other streams out of each batch, so that none is laid out as the last one."""
    random = np.random.default_rng(1)
    streams = streams_of(kind, texts=texts)
    mirror, book = Mirror(), AlarmBook(lambda _: kind.alarms)
    mirrored, folded = [], []
    for n in range(1, BATCHES + 1):
        kept = [one for i, one in enumerate(streams) if not varied or i % 11 != n % 11]
        told = batch(kept, n, random)
        begun = time.perf_counter()
        events = mirror.apply(told)
        between = time.perf_counter()
        raised = book.apply(told, mirror, events)
        folded.append(time.perf_counter() - between)
        mirrored.append(between - begun)
        if raised:
            raise AssertionError(raised[0])
    mirror_ms, alarms_ms = (1000 * statistics.median(times[BATCHES // 4 :]) for times in (mirrored, folded))
    return {"mirror_ms": mirror_ms, "alarms_ms": alarms_ms, "percent": 100 * alarms_ms / mirror_ms}


def main() -> None:
    """Print one line of JSON a case."""
    for kind in (machine_tool.ASSET_TYPE, robot_arm.ASSET_TYPE):
        for texts in (False, True):
            for varied in (False, True):
                case = {"type": kind.name, "texts": texts, "varied": varied}
                found = {key: round(value, 2) for key, value in measure(kind, texts=texts, varied=varied).items()}
                sys.stdout.write(json.dumps(case | found) + "\n")


if __name__ == "__main__":
    main()
