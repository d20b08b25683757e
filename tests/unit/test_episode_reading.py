"""What is read of a cycle number for cutting: fewer rows, the same episodes."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.episodes.reading import read_story, streams_of
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.episodes import EpisodeRules
from twin.episodes.cut import by_cycle
from twin.episodes.story import Story, Track
from twin.ports import Commit, Folded
from twin.sample import Kind, Signal, batch_of, frame, stream_of

STREAM = stream_of("h/cell/arm", "data", [Signal("cycle", Kind.COUNTER)])


@given(st.lists(st.tuples(st.integers(1, 70), st.integers(0, 5)), min_size=1, max_size=60))
@example([(1, 0), (15, 1), (49, 1)])
def test_thinned_rows_are_cut_as_all_rows_are(rows):
    tenths = np.cumsum([step for step, _ in rows])
    cycles = np.cumsum([turn == 0 for _, turn in rows]).astype(float)
    t_ns = tenths * (NS_PER_S // 10)
    store = MemoryStore()
    parts = [frame(STREAM, int(t), i, int(t), [c]) for i, (t, c) in enumerate(zip(t_ns, cycles, strict=True))]
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), parts)), lambda _batch: Folded((), ()))
    rules = EpisodeRules(max_gap_s=5.0)
    (streams,) = streams_of(store).values()
    read = read_story(store, "h/cell/arm", streams, rules, 0, int(t_ns[-1]) + 1)
    whole = Story("h/cell/arm", t_ns, cycle=Track(t_ns, cycles))
    assert [(one.start_ns, one.end_ns) for one in by_cycle(read, rules)] == [
        (one.start_ns, one.end_ns) for one in by_cycle(whole, rules)
    ]
