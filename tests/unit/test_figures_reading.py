"""What figures read of a stream while it goes on is what they would read of it at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from connectors.figures.reading import CHUNK_NS, Reading
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.kpi import kept_of, thinned
from twin.kpi.tellings import Wanted
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Signal, batch_of, stream_of

S = NS_PER_S
BEGIN_NS = 1_790_035_200 * S
STREAM = stream_of("s/M-1", "data", [Signal("parts"), Signal("state", kind=Kind.STATE)], sequenced=True)
WANTED = Wanted(STREAM.id, (0,), (0,), 3 * S)
ROW = st.tuples(
    st.integers(-40, 600),
    st.integers(0, 3),
    st.sampled_from(["Execute", "Held", None]),
    st.sampled_from([int(Quality.GOOD)] * 6 + [int(Quality.BAD), int(Quality.CLOCK_AHEAD)]),
)


def frames(rows, first_seq):
    """Frames of (time, parts, state, quality)."""
    n = len(rows)
    t_ns = np.array([row[0] for row in rows], np.int64)
    values = np.array([[row[1]] for row in rows], np.float64)
    quality = np.array([row[3] for row in rows], np.int16)
    seq = np.arange(first_seq, first_seq + n, dtype=np.int64)
    return Frames(STREAM, t_ns, seq, t_ns, values, quality, tuple((row[2],) for row in rows))


def same(one, other):
    """Whether two stretches tell the same."""
    return (
        one.t_ns.tolist() == other.t_ns.tolist()
        and np.array_equal(one.counts, other.counts, equal_nan=True)
        and one.words == other.words
        and one.heard.tolist() == other.heard.tolist()
        and one.silent.tolist() == other.silent.tolist()
    )


@given(st.lists(st.lists(ROW, min_size=1, max_size=6), min_size=1, max_size=12), st.integers(0, 3))
@settings(max_examples=examples(60))
def test_read_on_step_by_step_it_is_what_is_read_at_once(steps, back):
    store, reading = MemoryStore(), Reading()
    now_ns, seq = BEGIN_NS, 0
    for n, rows in enumerate(steps, 1):
        told = []
        for after_s, parts, state, quality in rows:
            # Most frames come in order, some late; one that runs ahead is dated an hour on.
            t_ns = now_ns + after_s * S // 2 + (3600 * S if quality == Quality.CLOCK_AHEAD else 0)
            told.append((t_ns, parts, state, quality))
            now_ns = max(now_ns, now_ns + after_s * S // 2)
        store.append(Commit(batch_of("w", n, now_ns, [frames(told, seq)])), lambda _: Folded((), (), None))
        seq += len(rows)
        count = store.by_stream()[STREAM.id]
        for start_ns, end_ns in ((BEGIN_NS, now_ns + 1), (BEGIN_NS + 7 * S, now_ns + 1), (BEGIN_NS, now_ns - back * S)):
            if start_ns < end_ns:
                gone_on = thinned(reading.kept(store, WANTED, count, start_ns, end_ns))
                at_once = kept_of(
                    store.frames(STREAM.id, start_ns, end_ns), WANTED.columns, WANTED.texts, WANTED.stale_ns
                )
                assert same(gone_on, at_once)


def test_a_stretch_that_goes_on_is_read_from_where_it_was_known(monkeypatch):
    store, reading = MemoryStore(), Reading()
    asked = []
    whole = store.frames
    monkeypatch.setattr(
        store,
        "frames",
        lambda stream, start_ns, end_ns: asked.append((start_ns, end_ns)) or whole(stream, start_ns, end_ns),
    )
    begin_ns = BEGIN_NS - BEGIN_NS % CHUNK_NS
    for n in range(1, 5):
        rows = [(begin_ns + (n * 100 + i) * S, n, "Execute", 192) for i in range(100)]
        store.append(Commit(batch_of("w", n, rows[-1][0], [frames(rows, n * 100)])), lambda _: Folded((), (), None))
        kept = reading.kept(store, WANTED, store.by_stream()[STREAM.id], begin_ns, rows[-1][0] + 1)
        assert kept.rises(0).total == n - 1
    assert [(start - begin_ns) // S for start, _ in asked] == [0, 199, 299, 399]
