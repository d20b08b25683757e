"""Episodes of a store judged: what is read of them, and copies among them."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.episodes.reading import streams_of
from connectors.quality.gate import gate
from connectors.quality.judging import judge_all
from connectors.stores.memory import MemoryStore
from twin.episodes import Episode, Method, Outcome
from twin.errors import EpisodeError
from twin.ports import Commit, Folded
from twin.quality import Check, Verdict
from twin.sample import Quality, Role, Signal, batch_of, frame, stream_of

ARM = "h/cell/arm"
STREAM = stream_of(
    ARM, "data", [Signal(f"q{i}", unit="rad", role=Role.JOINT_POSITION, index=i) for i in range(3)], period_s=0.1
)
ROWS, STEP_NS = 60, 100_000_000


def store_of(paths, *, ahead=()):
    """A store with one episode after the other; the rows ``ahead`` are of a clock that runs ahead."""
    store, episodes, parts = MemoryStore(), [], []
    for k, path in enumerate(paths):
        start_ns = 10**18 + k * 10**11
        for i, row in enumerate(path):
            t_ns = start_ns + i * STEP_NS
            quality = Quality.CLOCK_AHEAD if (k, i) in ahead else Quality.GOOD
            parts.append(frame(STREAM, t_ns, len(parts), t_ns + 1000, row.tolist(), quality=quality))
        end_ns = start_ns + (ROWS - 1) * STEP_NS + 1
        episodes.append(
            Episode(
                f"{ARM}@{start_ns}", ARM, start_ns, end_ns, start_ns, end_ns, Method.CYCLE, outcome=Outcome.SUCCESS,
                instruction_en="Weld",
            )
        )  # fmt: skip
    store.append(Commit(batch_of("w", 1, 2 * 10**18, parts)), lambda _batch: Folded((), ()))
    return store, episodes


@pytest.fixture
def ways():
    rng = np.random.default_rng(3)
    return [np.cumsum(rng.normal(0, 0.1, (ROWS, 3)), axis=0) for _ in range(4)]


def test_a_copy_is_a_defect_of_the_later_episode_and_stops_at_the_gate(ways):
    store, episodes = store_of([*ways, ways[1]])
    streams = streams_of(store)
    judged = judge_all(store, streams, episodes)
    assert [one.episode.id for one in judged.defective] == [episodes[4].id]
    (copy,) = (one for one in judged.defective[0].findings if one.check is Check.DUPLICATE)
    assert copy.why == f"the same path as {episodes[1].id}"
    with pytest.raises(EpisodeError, match="1 of 5 episodes have defects") as refused:
        gate(store, streams, episodes, None, allow_defects=False)
    assert f"{episodes[4].id}  duplicate at" in refused.value.problem
    assert gate(store, streams, episodes, None, allow_defects=True) is True
    assert gate(store, streams, episodes[:4], None, allow_defects=False) is False


def test_rows_of_a_clock_that_ran_ahead_count_as_lost(ways):
    store, episodes = store_of(ways, ahead={(2, i) for i in range(20, 30)})
    judged = judge_all(store, streams_of(store), episodes)
    assert [one.verdict for one in judged.episodes][2] is Verdict.DEFECT
    assert judged.counts()["gaps"] == {"characteristic": 3, "defect": 1}
    row = judged.row()
    assert row["verdicts"]["defect"] == 1
    assert row["axes"]["validity"]["defect"] == 1
