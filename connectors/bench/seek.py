"""A store to seek in: keyframes of many days, frames in some windows of them; and how fast a past state is read.

Between the windows batches hold no frames, and their keyframes what a plant would have come to by then:
a seek finds what it finds in a store of so many days, without those days' frames on the disk.
"""

from __future__ import annotations

import statistics
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.instant import mirror_at
from twin.keyframes import KeyframePolicy, verify
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Frames, Signal, batch_of, stream_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from twin.ports import History
    from twin.sample import Batch, Stream

WIDTH = 10
DAY_S, WINDOW_S = 86_400, 180
BEGIN_NS = 1_790_035_200 * NS_PER_S
WRITER = "bench"


def streams_of(assets: Sequence[str]) -> list[Stream]:
    """One stream of ten signals an asset, once a second."""
    signals = [Signal(f"s{k}") for k in range(WIDTH)]
    return [stream_of(asset, "data", signals, sequenced=True, period_s=1.0, source="m") for asset in assets]


class _Plant:
    """What the streams measure: slow waves and noise, and half of the signals hold for minutes (mutable)."""

    def __init__(self, streams: Sequence[Stream], seed: int) -> None:
        self._streams = streams
        self._rng = np.random.default_rng(seed)
        self._held = np.round(self._rng.normal(size=(len(streams), WIDTH)) * 50, 1)

    def batch(self, n: int, t_ns: int) -> Batch:
        """What all of them measure at one moment."""
        values = self._values(t_ns)
        at, seq = np.array([t_ns], np.int64), np.array([t_ns // NS_PER_S], np.int64)
        quality = np.array([192], np.int16)
        parts = [Frames(s, at, seq, at, values[i : i + 1], quality) for i, s in enumerate(self._streams)]
        return batch_of(WRITER, n, t_ns, parts)

    def _values(self, t_ns: int) -> NDArray[np.float64]:
        moving = self._rng.normal(size=self._held.shape) + np.sin(t_ns / (600 * NS_PER_S)) * 20
        turned = self._rng.random(self._held.shape) < 1 / 600
        self._held[turned] = np.round(moving[turned] * 3, 1)
        values = self._held.copy()
        values[:, : WIDTH // 2] = np.round(moving[:, : WIDTH // 2], 3)
        return values


def build(url: str, days: float, assets: Sequence[str], windows: int, say: Callable[[str], None]) -> list[int]:
    """Write the store at ``url``; returns where its windows begin (ns)."""
    streams = streams_of(assets)
    plant, mirror, keyframes = _Plant(streams, 1), Mirror(), KeyframePolicy()
    minutes = round(days * DAY_S / 60)
    chosen = (
        np.sort(np.random.default_rng(2).choice(max(1, minutes // 4), min(windows, minutes // 4), replace=False)) * 4
    )
    in_window = {int(m) + k for m in chosen for k in range(WINDOW_S // 60)}
    began = time.perf_counter()
    n = 0
    with closing(open_store(url)) as store:
        for minute in range(minutes):
            first_ns = BEGIN_NS + minute * 60 * NS_PER_S
            for second in range(60 if minute in in_window else 1):
                n += 1
                batch = plant.batch(n, first_ns + second * NS_PER_S)
                kept = batch if minute in in_window else batch_of(WRITER, n, batch.tick_ns, ())

                def fold(_: Batch, batch: Batch = batch) -> Folded:
                    mirror.apply(batch)
                    return Folded((), mirror.changed, keyframes.after(WRITER, mirror))

                store.append(Commit(kept), fold)
            if minute % 1440 == 1439:  # noqa: PLR2004  once a day
                say(f"day {minute // 1440 + 1} of {days:g} written, {time.perf_counter() - began:.0f} s")
    return [BEGIN_NS + int(minute) * 60 * NS_PER_S for minute in chosen]


def instants(starts: Sequence[int], seeks: int) -> list[int]:
    """Random instants (ns) in the windows."""
    rng = np.random.default_rng(3)
    return [int(rng.choice(starts)) + int(rng.integers(WINDOW_S * NS_PER_S)) for _ in range(seeks)]


def measure(url: str, starts: Sequence[int], seeks: int) -> dict[str, Any]:
    """Seek to random instants in the windows: the mirror folded, and the newest frames by device time, in ms."""
    at = instants(starts, seeks)
    with closing(open_history(url)) as history:
        mirror_at(history, WRITER, at[0])
        history.as_of(at[0])
        fold = [_ms(partial(mirror_at, history, WRITER, t_ns)) for t_ns in at]
        as_of = [_ms(partial(history.as_of, t_ns)) for t_ns in at]
        sizes = history.ask("SELECT count(*), avg(length(state)) FROM keyframe")[0]
        signals = len(history.streams()) * WIDTH
    return {
        "seeks": seeks,
        "fold_p50_ms": _at(fold, 50), "fold_p95_ms": _at(fold, 95),
        "as_of_p50_ms": _at(as_of, 50), "as_of_p95_ms": _at(as_of, 95),
        "keyframes": int(sizes[0]),
        "keyframe_bytes_per_signal": round(float(sizes[1]) / signals, 2),
    }  # fmt: skip


def refold(history: History, repeats: int) -> dict[str, Any]:
    """`twin verify` of a whole store beside the bare reading of its batches, in turn; medians."""
    raw, folded, frames = [], [], 0
    for _ in range(repeats):
        began = time.perf_counter()
        frames = sum(len(batch) for writer in history.writers() for batch in history.batches(writer))
        raw.append(time.perf_counter() - began)
        began = time.perf_counter()
        verdict = verify(history)
        folded.append(time.perf_counter() - began)
        if verdict.mismatches:
            raise AssertionError("the store does not fold to what was recorded")
    read_s, fold_s = statistics.median(raw), statistics.median(folded)
    return {
        "frames": frames,
        "read_frames_per_s": round(frames / read_s),
        "verify_frames_per_s": round(frames / fold_s),
        "ratio": round(read_s / fold_s, 3),
    }


def build_live(url: str, seconds: int, assets: Sequence[str]) -> None:
    """A store that was written live for so long: every frame there, to be folded again."""
    plant, mirror, keyframes = _Plant(streams_of(assets), 1), Mirror(), KeyframePolicy()

    def fold(batch: Batch) -> Folded:
        events = mirror.apply(batch)
        return Folded(events, mirror.changed, keyframes.after(WRITER, mirror))

    with closing(open_store(url)) as store:
        for n in range(1, seconds + 1):
            store.append(Commit(plant.batch(n, BEGIN_NS + n * NS_PER_S)), fold)


def _ms(read: Callable[[], object]) -> float:
    began = time.perf_counter()
    read()
    return (time.perf_counter() - began) * 1e3


def _at(times: list[float], percent: int) -> float:
    return round(float(np.percentile(times, percent)), 1)
