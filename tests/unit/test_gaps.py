"""Gaps are those of the set of frames that came, whatever order they came in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin import gaps as gaps_module
from twin.gaps import OpenGap, SequenceCount, by_epoch
from twin.sample import SEQ_EPOCH_SHIFT


def play(parts):
    count, listed = None, {}
    for n, part in enumerate(parts, 1):
        seqs = np.unique(np.array(part, np.int64))
        if count is None:
            count = SequenceCount(int(seqs[0]), int(seqs[0]))
        change = count.see(seqs, n, n)
        for start in change.closed:
            del listed[start]
        assert not change.opened.keys() & listed.keys()
        listed.update(change.opened)
        assert tuple(sorted(listed.values(), key=lambda gap: gap.from_seq)) == count.gaps
    return count


def of_set(came):
    ordered = sorted(came)
    return [(one + 1, other - 1) for one, other in pairwise(ordered) if other - one > 1]


orders = st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=8), min_size=1, max_size=12)


@given(orders)
def test_any_order_of_arrival_gives_the_gaps_of_the_set(parts):
    count = play(parts)
    came = {seq for part in parts for seq in part}
    assert [(gap.from_seq, gap.to_seq) for gap in count.gaps] == of_set(came)
    assert (count.first, count.last) == (min(came), max(came))
    assert count.expected == len(came) + count.missing
    assert count.unlisted == 0


@given(orders, st.integers(0, 12))
def test_a_count_taken_up_from_what_was_kept_goes_on_the_same(parts, cut):
    whole = play(parts)
    if not 0 < cut < len(parts):
        return
    half = play(parts[:cut])
    again = SequenceCount(half.first, half.last, reversed(half.gaps), half.unlisted)
    for n, part in enumerate(parts[cut:], cut + 1):
        again.see(np.unique(np.array(part, np.int64)), n, n)
    assert (again.first, again.last, again.gaps) == (whole.first, whole.last, whole.gaps)


@given(orders)
def test_gaps_beyond_the_bound_are_counted(parts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gaps_module, "MAX_OPEN", 3)
        count = play(parts)
    came = {seq for part in parts for seq in part}
    assert len(count.gaps) <= 3
    assert count.missing >= count.expected - len(came)
    assert count.missing < max(count.expected, 1)


def test_a_late_frame_splits_its_gap_and_keeps_its_date():
    count = SequenceCount(1, 1)
    count.see(np.array([10]), 5, 50)
    change = count.see(np.array([4]), 6, 60)
    assert change.closed == {2}
    assert count.gaps == (OpenGap(2, 3, 5, 50), OpenGap(5, 9, 5, 50))
    assert not count.see(np.array([4, 10, 11]), 7, 70)
    assert (count.expected, count.missing) == (11, 7)


def test_epochs_are_counted_apart():
    one = 1 << SEQ_EPOCH_SHIFT
    found = [(epoch, seqs.tolist()) for epoch, seqs in by_epoch(np.array([one + 2, 7, one, 7, 5]))]
    assert found == [(0, [5, 7]), (1, [one, one + 2])]
