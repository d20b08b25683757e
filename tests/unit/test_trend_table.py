"""Pens as a table: every sample is in it, also where times repeat, and points keep their spikes."""

from __future__ import annotations

import csv
import io

import numpy as np

from dashboards.moment import Range
from dashboards.summary.trend import RAW_SAMPLES, points_for
from dashboards.table import MARK, Pen, csv_lines
from twin.clock import NS_PER_S
from twin.ports import Series
from twin.sample import Signal, stream_of

FAST = stream_of("jeonju/weld/R-1", "joints", [Signal("torque", unit="N.m")], period_s=0.1)
SLOW = stream_of("jeonju/=weld/E-1", "data", [Signal("power", unit="W")])


class Recorded:
    """A view over samples in memory: raw where all are asked for, else two buckets."""

    def __init__(self, samples) -> None:
        self.samples = samples
        self.asked = []

    def trend(self, stream, signal, start_ns, end_ns, max_points):
        self.asked.append((start_ns, end_ns, max_points))
        t_ns, values = self.samples[f"{stream}:{signal}"]
        inside = (t_ns >= start_ns) & (t_ns < end_ns)
        t_ns, values = t_ns[inside], values[inside]
        if len(values) <= max_points:
            return Series(t_ns, values, values, values, raw=True)
        halves = np.array_split(np.arange(len(values)), 2)
        return Series(
            t_ns[[half[0] for half in halves]],
            np.array([values[half].min() for half in halves]),
            np.array([values[half].max() for half in halves]),
            np.array([values[half].mean() for half in halves]),
            raw=False,
        )


def rows_of(view, pens, asked, max_points=None):
    text = b"".join(csv_lines(view, pens, asked, max_points)).decode()
    assert text.startswith(MARK)
    return list(csv.reader(io.StringIO(text.removeprefix(MARK))))


def test_samples_of_one_moment_share_a_row_and_repeated_times_lose_none():
    fast = np.array([0, 1, 1, 3]) * NS_PER_S
    slow = np.array([1, 2]) * NS_PER_S
    view = Recorded(
        {
            f"{FAST.id}:torque": (fast, np.array([0.5, 1.25, 7.0, -3.0])),
            f"{SLOW.id}:power": (slow, np.array([100.0, 0.1])),
        }
    )
    pens = [
        Pen("jeonju/weld/R-1:torque", FAST, "torque", "N.m"),
        Pen("=jeonju/weld/E-1:power", SLOW, "power", "W"),
    ]
    head, *rows = rows_of(view, pens, Range(0, 4 * NS_PER_S))
    assert head == ["time_utc", "jeonju/weld/R-1:torque [N.m]", "'=jeonju/weld/E-1:power [W]"]
    assert rows == [
        ["1970-01-01T00:00:00.000000Z", "0.5", ""],
        ["1970-01-01T00:00:01.000000Z", "1.25", "100.0"],
        ["1970-01-01T00:00:01.000000Z", "7.0", ""],
        ["1970-01-01T00:00:02.000000Z", "", "0.1"],
        ["1970-01-01T00:00:03.000000Z", "-3.0", ""],
    ]


def test_a_long_table_is_read_in_pieces_that_miss_nothing():
    t_ns = np.arange(0, 50_000) * (NS_PER_S // 10)
    view = Recorded({f"{FAST.id}:torque": (t_ns, np.arange(50_000.0))})
    pens = [Pen("jeonju/weld/R-1:torque", FAST, "torque", "N.m")]
    _, *rows = rows_of(view, pens, Range(0, 5000 * NS_PER_S))
    assert [float(value) for _, value in rows] == list(np.arange(50_000.0))
    assert len(view.asked) == 3
    assert all(one[1] == other[0] for one, other in zip(view.asked, view.asked[1:], strict=False))


def test_points_are_told_with_their_least_and_greatest():
    values = np.zeros(1000)
    values[321] = 99.0
    view = Recorded({f"{FAST.id}:torque": (np.arange(1000) * NS_PER_S, values)})
    pens = [Pen("jeonju/weld/R-1:torque", FAST, "torque", "N.m")]
    head, *rows = rows_of(view, pens, Range(0, 1000 * NS_PER_S), 2)
    assert head[1:] == [f"jeonju/weld/R-1:torque {kind} [N.m]" for kind in ("min", "mean", "max")]
    assert [row[3] for row in rows] == ["99.0", "0.0"]


def test_a_fast_signal_over_a_long_time_comes_from_roll_ups():
    span_ns = RAW_SAMPLES * NS_PER_S // 100
    assert points_for(0.01, 0, span_ns, 1500) == 1500
    assert points_for(0.01, 0, 2 * span_ns, 1500) == 999  # parts of 10 s at least
    assert points_for(0.01, 0, 100 * span_ns, 1500) == 1500
    assert points_for(None, 0, 100 * span_ns, 1500) == 1500
    assert points_for(1.0, 0, 2 * span_ns, 1500) == 1500
