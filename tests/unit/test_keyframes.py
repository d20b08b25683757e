"""Keyframes: when they are due, that a restart resumes exactly, that a re-fold finds what was changed."""

from __future__ import annotations

import dataclasses
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.keyframes import HOUR_NS, MINUTE_NS, KeyframePolicy, resume, state_of, verify
from twin.mirror import Mirror, restore
from twin.ports import Commit, Folded
from twin.sample import Batch, Kind, Signal, batch_of, frame, stream_of

START = 500_000 * HOUR_NS
ARM = stream_of("jeonju/cell1/ur3", "joints", [Signal("q0"), Signal("q1")], sequenced=True, period_s=1.0, source="a")
DOOR = stream_of("jeonju/cell1/door", "state", [Signal("state", Kind.STATE)], period_s=30.0, source="b")


class Writer:
    """A writer as ingest is one: a mirror and a policy over a store, and a restart that reads them back."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.mirror, self.policy = resume(store, "w")

    def append(self, batch: Batch) -> None:
        self.store.append(Commit(batch), self.fold)

    def fold(self, stored: Batch) -> Folded:
        events = self.mirror.apply(stored)
        return Folded(events, self.mirror.changed, self.policy.after("w", self.mirror))


def arm(t_ns, seq):
    return frame(ARM, t_ns, seq, t_ns, (seq / 8, None if seq % 5 == 0 else -seq / 16))


def door(t_ns, seq):
    return frame(DOOR, t_ns, seq, t_ns, (), (("Idle", "Execute", "Held")[seq % 3],))


def batches_over(times_ns):
    return [
        batch_of("w", n, t_ns, [arm(t_ns, n), *([door(t_ns, n)] if n % 4 == 0 else [])])
        for n, t_ns in enumerate(times_ns, 1)
    ]


def keyframes_after(times_ns):
    mirror, policy = Mirror(), KeyframePolicy()
    made = []
    for batch in batches_over(times_ns):
        mirror.apply(batch)
        keyframe = policy.after("w", mirror)
        if keyframe is not None:
            made.append((keyframe.tick_ns - START, keyframe.full))
    return made


def test_the_first_keyframe_is_full_the_next_are_differences_and_each_hour_begins_full():
    times = range(START, START + HOUR_NS + 2 * MINUTE_NS, 10 * NS_PER_S)
    made = keyframes_after(times)
    assert made == [(i * MINUTE_NS, i % 60 == 0) for i in range(62)]


def test_a_keyframe_comes_with_the_first_batch_of_a_minute_not_on_the_minute():
    s = NS_PER_S
    assert keyframes_after([START + 59 * s, START + 61 * s, START + 62 * s, START + 125 * s]) == [
        (59 * s, True), (61 * s, False), (125 * s, False),
    ]  # fmt: skip


def test_a_silence_of_hours_makes_one_full_keyframe():
    assert keyframes_after([START, START + 5 * HOUR_NS + NS_PER_S]) == [(0, True), (5 * HOUR_NS + NS_PER_S, True)]


def test_an_undone_keyframe_comes_again_the_same():
    mirror, policy = Mirror(), KeyframePolicy()
    for batch in batches_over([START, START + MINUTE_NS, START + HOUR_NS]):
        mirror.apply(batch)
        first = policy.after("w", mirror)
        policy.undo()
        assert policy.after("w", mirror) == first
        assert first is not None


def test_undoing_where_no_keyframe_was_due_forgets_nothing():
    mirror, policy = Mirror(), KeyframePolicy()
    first, second = batches_over([START, START + NS_PER_S])
    mirror.apply(first)
    assert policy.after("w", mirror) is not None
    mirror.apply(second)
    assert policy.after("w", mirror) is None
    policy.undo()
    assert policy.after("w", mirror) is None


def test_every_keyframe_holds_the_state_whose_hash_it_bears():
    store = MemoryStore()
    writer = Writer(store)
    states = {}
    for batch in batches_over(range(START, START + 4 * MINUTE_NS, 20 * NS_PER_S)):
        writer.append(batch)
        states[batch.n] = writer.mirror.canonical()
    full = None
    keyframes = list(store.keyframes("w"))
    assert [k.full for k in keyframes] == [True, False, False, False]
    for keyframe in keyframes:
        full = keyframe if keyframe.full else full
        state = state_of(keyframe, full)
        assert state == states[keyframe.n]
        mirror = restore(state, {stream.id: stream for stream in (ARM, DOOR)}.__getitem__)
        assert mirror.sha256() == keyframe.sha256


def test_a_difference_without_its_full_keyframe_is_refused():
    store = MemoryStore()
    writer = Writer(store)
    for batch in batches_over([START, START + MINUTE_NS]):
        writer.append(batch)
    with pytest.raises(ValueError, match="needs its full one"):
        state_of(list(store.keyframes("w"))[1])


@settings(deadline=None, max_examples=examples(50))
@given(
    st.lists(st.integers(0, 50 * 60), min_size=1, max_size=30).map(sorted),
    st.sets(st.integers(0, 30), max_size=4),
)
def test_a_restarted_writer_goes_on_as_one_that_never_stopped(seconds, restarts):
    batches = batches_over([START + s * NS_PER_S for s in seconds])
    unbroken, broken = Writer(MemoryStore()), Writer(MemoryStore())
    for i, batch in enumerate(batches):
        if i in restarts:
            broken = Writer(broken.store)
        unbroken.append(batch)
        broken.append(batch)
    assert broken.mirror.canonical() == unbroken.mirror.canonical()
    assert list(broken.store.keyframes("w")) == list(unbroken.store.keyframes("w"))
    assert all(broken.store.batch_events("w", b.n) == unbroken.store.batch_events("w", b.n) for b in batches)
    verdict = verify(broken.store)
    assert verdict.mismatches == ()
    assert (verdict.batches, verdict.frames) == (len(batches), sum(map(len, batches)))
    assert verdict.keyframes == len(list(broken.store.keyframes("w")))


def history_of(batches, told=None):
    """A store of ``batches`` whose recorded events and keyframes are those of ``told``."""
    recorded = MemoryStore()
    writer = Writer(recorded)
    for batch in told or batches:
        writer.append(batch)
    if told is None:
        return recorded
    keyframes = {keyframe.n: keyframe for keyframe in recorded.keyframes("w")}
    store = MemoryStore()
    for batch in batches:
        events = recorded.batch_events("w", batch.n)
        store.append(Commit(batch), lambda _, n=batch.n, e=events: Folded(e, (), keyframes.get(n)))
    return store


TIMES = range(START, START + 3 * MINUTE_NS, 10 * NS_PER_S)


def with_part(batch, part):
    return dataclasses.replace(batch, frames=tuple(part if f.stream.id == part.stream.id else f for f in batch.frames))


def test_verify_passes_an_untouched_history():
    verdict = verify(history_of(batches_over(TIMES)))
    assert (verdict.batches, verdict.frames, verdict.keyframes) == (18, 22, 3)
    assert verdict.mismatches == ()


def test_verify_finds_a_single_flipped_bit():
    told = batches_over(TIMES)
    at = 6  # the batch that closes with the second keyframe
    part = next(f for f in told[at].frames if f.stream == ARM)
    bits = part.values.copy().view(np.uint64)
    bits[0, 0] ^= 1
    batches = [
        *told[:at],
        with_part(told[at], dataclasses.replace(part, values=bits.view(np.float64))),
        *told[at + 1 :],
    ]
    (mismatch,) = verify(history_of(batches, told)).mismatches
    assert (mismatch.writer, mismatch.n, mismatch.what) == ("w", at + 1, "hash")
    assert mismatch.recorded != mismatch.folded


@pytest.mark.parametrize("column", ["t_ns", "seq", "received_ns", "quality"])
def test_verify_finds_a_changed_column(column):
    told = batches_over(TIMES)
    part = told[6].frames[-1]
    changed = dataclasses.replace(part, **{column: getattr(part, column) + 1})
    batches = [*told[:6], with_part(told[6], changed), *told[7:]]
    assert {m.what for m in verify(history_of(batches, told)).mismatches} >= {"hash"}


def test_verify_finds_a_changed_state_by_its_event():
    told = batches_over(TIMES)
    part = next(f for f in told[7].frames if f.stream == DOOR)
    batches = [*told[:7], with_part(told[7], dataclasses.replace(part, texts=(("Aborted",),))), *told[8:]]
    mismatches = verify(history_of(batches, told)).mismatches
    assert ("events", 8) in {(m.what, m.n) for m in mismatches}


@pytest.mark.parametrize("at", [6, 8])
def test_verify_finds_a_missing_batch(at):
    told = batches_over(TIMES)
    mismatches = verify(history_of([*told[:at], *told[at + 1 :]], told)).mismatches
    assert ("batch missing", at + 1) in {(m.what, m.n) for m in mismatches}


def test_verify_finds_a_keyframe_whose_batch_is_gone():
    store = MemoryStore()
    writer = Writer(store)
    first, second = batches_over([START, START + MINUTE_NS])
    writer.append(first)
    writer.mirror.apply(second)
    stray = writer.policy.after("w", writer.mirror)
    store.append(Commit(Batch("other", 1, START)), lambda _: Folded((), (), stray))
    assert ("keyframe without batch", 2) in {(m.what, m.n) for m in verify(store).mismatches}


def test_verify_finds_a_changed_tick():
    told = batches_over(TIMES)
    batches = [*told[:6], dataclasses.replace(told[6], tick_ns=told[6].tick_ns + 1), *told[7:]]
    assert verify(history_of(batches, told)).mismatches


def test_keyframes_are_compressed():
    store = history_of(batches_over(TIMES))
    assert all(zlib.decompress(keyframe.state) for keyframe in store.keyframes("w"))
