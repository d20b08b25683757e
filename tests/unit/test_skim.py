"""A leap over many batches comes to the state of their fold, or says that it cannot tell."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples
from skimming import skim_of
from test_mirror import ARM, DOOR, METER, PRESS, T0, one

from twin.clock import NS_PER_S
from twin.hearing import listening_stream
from twin.mirror import Mirror, restore
from twin.sample import batch_of, frame, stream_of
from twin.skim import leap

SLOW = stream_of("jeonju/cell1/ur3", "slow", ARM.columns, period_s=30.0)
KEEN = stream_of("jeonju/cell1/fan", "data", ARM.columns)
EAR = listening_stream("plant")
STREAMS = (ARM, METER, DOOR, PRESS, SLOW, KEEN)


@st.composite
def histories(draw):
    """Batches a second or some apart, of frames that come in order or not, heard at once or late."""
    ticks = list(itertools.accumulate(draw(st.lists(st.sampled_from([0, 1, 1, 1, 2, 6, 11]), min_size=2, max_size=14))))
    batches, there = [], set()
    for n, tick_s in enumerate(ticks, 1):
        rows = draw(
            st.lists(
                st.tuples(st.sampled_from(STREAMS), st.integers(-3, 2), st.integers(0, 9), st.integers(0, 4)),
                max_size=5,
            )
        )
        # A store has one frame of a key: what comes twice is in no batch.
        rows = [
            row for row in rows if (key := (row[0].id, tick_s + row[1], row[2])) not in there and not there.add(key)
        ]
        parts = [
            one(stream, T0 + (tick_s + dt) * NS_PER_S, seq, T0 + (tick_s - late) * NS_PER_S)
            for stream, dt, seq, late in rows
        ]
        parts.append(frame(EAR, T0 + tick_s * NS_PER_S, n, T0 + tick_s * NS_PER_S, [1.0]))
        batches.append(batch_of("w", n, T0 + tick_s * NS_PER_S, parts))
    return batches, draw(st.integers(1, len(batches) - 1))


@given(histories())
@settings(max_examples=examples(600))
def test_a_leap_is_the_fold_or_nothing(history):
    batches, cut = history
    before, folded = Mirror(), Mirror()
    for batch in batches:
        folded.apply(batch)
    for batch in batches[:cut]:
        before.apply(batch)
    state = before.canonical()
    by_id = {one.stream.id: one.stream for one in folded.latest.values()}
    leaping = restore(state, by_id.__getitem__)
    if leap(leaping, skim_of(batches[cut:])):
        assert leaping.canonical() == folded.canonical()
    else:
        assert leaping.canonical() == state, "it is as it was"


def test_an_ordinary_minute_is_leapt_over_and_one_in_which_an_asset_falls_silent_is_not():
    def minute(quiet_from: int):
        return [
            batch_of(
                "w", n, T0 + n * NS_PER_S,
                [one(s, T0 + n * NS_PER_S, n, T0 + n * NS_PER_S) for s in (ARM, PRESS) if s is ARM or n < quiet_from],
            )
            for n in range(1, 60)
        ]  # fmt: skip

    assert leap(Mirror(), skim_of(minute(99)))
    assert not leap(Mirror(), skim_of(minute(40)))
    assert leap(Mirror(), skim_of(minute(55))), "of four seconds nobody says that it is lost"


def test_what_does_not_follow_is_refused():
    batches = [batch_of("w", n, T0 + n * NS_PER_S, [one(ARM, T0 + n, n)]) for n in (1, 2, 3)]
    assert not leap(Mirror(), skim_of(batches[1:]))
    back = [batches[0], batch_of("w", 2, T0, [one(ARM, T0 + 9, 9)])]
    assert not leap(Mirror(), skim_of(back)), "ticks that ran back are folded"
