"""What is read of episodes for their frames: the same however many are read at once; and what is said of columns."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from exported import STREAM, arm_episodes, arm_history

from connectors.exporters.frames import BLOCK_NS, BLOCK_ROWS, Blocks
from connectors.exporters.stats import QUANTILES, stats_of, together
from twin.clock import NS_PER_S


class Reads:
    """Counts what is read of a history."""

    def __init__(self, history):
        self._history = history
        self.spans = []

    def frames(self, stream, start_ns, end_ns):
        self.spans.append((start_ns, end_ns))
        return self._history.frames(stream, start_ns, end_ns)


@pytest.fixture(scope="module")
def history():
    return arm_history()


def shuffled(episodes):
    random.Random(3).shuffle(episodes)
    return episodes


@pytest.mark.parametrize(
    ("make", "queries"),
    [
        (lambda episodes: episodes, 2),
        (lambda episodes: episodes[::2], 5),  # 10 s of silence between them
        (lambda episodes: [replace(one, end_ns=one.end_ns + 5 * NS_PER_S) for one in episodes], 10),  # overlapping
        (shuffled, 9),
    ],
    ids=["near", "far", "overlapping", "shuffled"],
)
def test_blocks_hold_what_each_episode_reads_alone(history, make, queries):
    episodes, reads = make(arm_episodes()), Reads(history)
    blocks = Blocks(reads, episodes)
    for one in episodes:
        found = blocks.frames(STREAM.id, one.start_ns, one.end_ns)
        alone = history.frames(STREAM.id, one.start_ns, one.end_ns)
        assert found.t_ns.tolist() == alone.t_ns.tolist()
        assert found.values.tolist() == alone.values.tolist()
    assert len(reads.spans) <= queries
    assert all(end - start <= BLOCK_NS for start, end in reads.spans)


def test_a_block_is_bounded_and_one_that_begins_in_its_midst_reads_what_is_left(history):
    (first, *_) = arm_episodes()
    long = [replace(first, start_ns=first.start_ns + i * 100 * NS_PER_S, end_ns=first.start_ns + (i + 1) * 100 * NS_PER_S)
            for i in range(7)]  # fmt: skip
    reads = Reads(history)
    blocks = Blocks(reads, long)
    for one in long[1:]:
        blocks.frames(STREAM.id, one.start_ns, one.end_ns)
    spans = [((a - first.start_ns) // NS_PER_S, (b - first.start_ns) // NS_PER_S) for a, b in reads.spans]
    assert spans == [(100, 200), (200, 500), (500, 700)]


def test_of_a_fast_stream_less_is_read_at_once(history):
    reads = Reads(history)
    second = NS_PER_S
    (first, *_) = arm_episodes()
    short = [replace(first, start_ns=first.start_ns + i * second, end_ns=first.start_ns + (i + 1) * second)
             for i in range(90)]  # fmt: skip
    blocks = Blocks(Faster(reads, 500), short)
    for one in short:
        assert len(blocks.frames(STREAM.id, one.start_ns, one.end_ns)) == 20 * 500
    longest = max(end - start for start, end in reads.spans)
    assert longest * 20 * 500 / second <= BLOCK_ROWS


class Faster:
    """A history whose frames come so many times as often."""

    def __init__(self, history, times):
        self._history, self._times = history, times

    def frames(self, stream, start_ns, end_ns):
        found = self._history.frames(stream, start_ns, end_ns)
        return found.take(np.repeat(np.arange(len(found)), self._times))


def test_statistics_are_those_of_numpy_and_keep_none_of_the_rows():
    rng = np.random.default_rng(4)
    columns = {"wide": rng.normal(size=(37, 3)).astype(np.float32), "one": np.arange(37), "short": np.full(37, 2)}
    found = stats_of(columns)
    for name, values in columns.items():
        told = values.reshape(37, -1).astype(np.float64)
        for key, share in QUANTILES.items():
            assert found[name][key] == pytest.approx(np.quantile(told, share, axis=0), rel=1e-12)
        assert found[name]["min"].tolist() == told.min(axis=0).tolist()
        assert found[name]["max"].tolist() == told.max(axis=0).tolist()
        assert found[name]["mean"] == pytest.approx(told.mean(axis=0))
        assert found[name]["std"] == pytest.approx(told.std(axis=0))
        assert found[name]["count"].tolist() == [37]
        kept = {id(one.base): one.base.nbytes for one in found[name].values() if one.base is not None}
        assert sum(kept.values()) < 1000
    alone = stats_of({"one": np.array([5.0])})["one"]
    assert alone.pop("std").tolist() == [0.0]
    assert alone.pop("count").tolist() == [1.0]
    assert [value.tolist() for value in alone.values()] == [[5.0]] * 8


def test_statistics_added_up_in_parts_are_those_of_all():
    rng = np.random.default_rng(5)
    parts = [stats_of({"x": rng.normal(size=(n, 2))})["x"] for n in (5, 9, 30, 2)]
    whole, again = together(parts), together([together(parts[:2]), *parts[2:]])
    for key, value in whole.items():
        assert again[key] == pytest.approx(value)
