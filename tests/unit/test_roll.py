"""Buckets of frames: what numpy says of the frames themselves, however they are cut and merged."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.stores._roll import NEVER, Roll, merged, roll_of

_value = st.one_of(st.just(math.nan), st.integers(-4, 4).map(float), st.floats(allow_nan=False))
_rows = st.lists(
    st.tuples(st.integers(1, 3), st.integers(-50, 200), st.integers(0, 3), st.lists(_value, min_size=3, max_size=3)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:3],
)


def of(rows, bucket_ns) -> Roll:
    keys, t_ns, seq, values = zip(*rows, strict=True)
    return roll_of(np.array(keys), np.array(t_ns), np.array(seq), np.array(values, np.float64), bucket_ns)


def expected(rows, bucket_ns):
    groups: dict[tuple[int, int], list] = {}
    for row in rows:
        groups.setdefault((row[0], row[1] // bucket_ns * bucket_ns), []).append(row)
    return {place: sorted(group, key=lambda row: row[1:3]) for place, group in sorted(groups.items())}


def assert_is(roll: Roll, rows, bucket_ns) -> None:
    groups = expected(rows, bucket_ns)
    assert list(zip(roll.keys.tolist(), roll.starts.tolist(), strict=True)) == list(groups)
    for i, group in enumerate(groups.values()):
        assert (roll.frames[i], roll.last_ns[i], roll.last_seq[i]) == (len(group), group[-1][1], group[-1][2])
        for column in range(3):
            present = [(row[1], row[2], row[3][column]) for row in group if not math.isnan(row[3][column])]
            assert roll.counts[i, column] == len(present)
            if not present:
                assert (roll.mins[i, column], roll.maxs[i, column], roll.sums[i, column]) == (np.inf, -np.inf, 0.0)
                assert math.isnan(roll.lasts[i, column])
                assert (roll.at_ns[i, column], roll.at_seq[i, column]) == (NEVER, NEVER)
                continue
            values = [value for _, _, value in present]
            assert (roll.mins[i, column], roll.maxs[i, column]) == (min(values), max(values))
            assert (roll.at_ns[i, column], roll.at_seq[i, column], roll.lasts[i, column]) == present[-1]
            with np.errstate(all="ignore"):
                total, size = np.sum(values), np.sum(np.abs(values))
            if np.isfinite(size):
                assert abs(roll.sums[i, column] - total) <= 1e-12 * size
        assert roll.uniform[i] == all(not math.isnan(value) for value in group[-1][3])


@given(_rows)
def test_buckets_are_what_their_frames_are(rows):
    assert_is(of(rows, 10), rows, 10)


@given(st.lists(_rows, min_size=1, max_size=4))
def test_parts_merge_to_what_the_whole_is_in_wider_buckets_too(cuts):
    seen: set = set()
    parts = []
    for cut in cuts:
        new = [row for row in cut if row[:3] not in seen]
        seen |= {row[:3] for row in new}
        if new:
            parts.append(new)
    rows = [row for part in parts for row in part]
    tens = merged([of(part, 10) for part in parts], 10)
    assert_is(tens, rows, 10)
    assert_is(merged([tens], 60), rows, 60)


def test_some_buckets_can_be_taken():
    roll = of([(1, 5, 0, [1.0, 2.0, 3.0]), (2, 5, 0, [4.0, 5.0, math.nan])], 10)
    assert roll.take(roll.uniform).keys.tolist() == [1]
    assert roll.take(np.array([1])).sums.tolist() == [[4.0, 5.0, 0.0]]
