"""The invariants have teeth: an ingest that acknowledges too early is found out, and so is every touched row."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from invariants import verify
from rig import HERE, Rig
from scenarios import ingest_killed_before_a_slow_store

from connectors.stores.sql import open_history


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_ingest_that_acknowledges_before_it_stores_is_found_out(folder, seed):
    rig = Rig(folder, "embedded", "sqlite", seed=seed)
    rig.own_processes["ingest"] = [str(HERE / "early_ingest.py")]
    rig.patience_s = 8.0
    try:
        rig.start()
        ingest_killed_before_a_slow_store(rig, total=9000, rate_hz=1500.0, kills=2, slow_s=0.2)
        with pytest.raises(AssertionError, match=r"I1 .* acknowledged messages are lost"):
            verify(rig)
    finally:
        rig.close()


TOUCHES = {
    "a frame is gone": ("DELETE FROM frame WHERE id = (SELECT max(id) - 20 FROM frame)", "I1"),
    "a frame is another one": ("UPDATE frame SET seq = seq + 100000 WHERE id = (SELECT max(id) - 20 FROM frame)", "I1"),
    "a value is another one": (
        """UPDATE frame SET vals = (SELECT vals FROM frame f WHERE f.stream_key = frame.stream_key AND f.id < frame.id
        ORDER BY id LIMIT 1) WHERE id = (SELECT max(id) FROM frame WHERE stream_key IN
        (SELECT stream_key FROM stream WHERE source = 'line'))""",
        "I2",
    ),
    "a dead letter is gone": ("DELETE FROM dead_letter WHERE id = (SELECT min(id) FROM dead_letter)", "I1"),
    "a message is not counted": ("UPDATE source_count SET received = received - 1 WHERE source = 'line'", "I9"),
    "a frame is not counted": ("UPDATE source_count SET stored = stored - 1 WHERE source = 'line'", "I9"),
    "a batch is another one": ("UPDATE batch SET tick_ns = tick_ns + 1 WHERE n = 3", "I3"),
    "a live value is an old one": (
        "UPDATE latest SET seq = seq - 1 WHERE stream_key = (SELECT min(stream_key) FROM stream WHERE source = 'line')",
        "I4",
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run in which nothing went wrong."""
    rig = Rig(tmp_path_factory.mktemp("run"), "embedded", "sqlite")
    try:
        rig.start()
        rig.device(600, 1e9, bad_every=101)
        rig.settle()
        assert verify(rig).acknowledged == 600
        yield rig
    finally:
        rig.close()


@pytest.mark.parametrize(("touch", "number"), TOUCHES.values(), ids=TOUCHES.keys())
def test_a_touched_row_is_found(run, tmp_path, touch, number):
    copy = tmp_path / "twin.db"
    with closing(sqlite3.connect(run.folder / "twin.db")) as whole, closing(sqlite3.connect(copy)) as there:
        whole.backup(there)
        assert there.execute(touch).rowcount == 1
        there.commit()
    honest = run.history
    run.history = open_history(f"sqlite:///{copy}")
    try:
        with pytest.raises(AssertionError, match=number):
            verify(run)
    finally:
        run.history.close()
        run.history = honest
