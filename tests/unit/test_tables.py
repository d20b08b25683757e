from __future__ import annotations

import numpy as np

from connectors.stores.memory import MemoryStore
from connectors.tables import table
from twin.ports import Commit, Folded
from twin.sample import Kind, Signal, batch_of, frame, stream_of

STREAM = stream_of("s/a", "data", (Signal("speed", unit="m/s"), Signal("state", Kind.STATE)), sequenced=True)


def _store() -> MemoryStore:
    store = MemoryStore()
    parts = [frame(STREAM, 10 + i, i, 100 + i, (i / 2 if i != 1 else None,), ("Execute",)) for i in range(3)]
    store.append(Commit(batch_of("w", 1, 5, parts)), lambda batch: Folded((), ()))
    return store


def test_a_table_holds_every_sample_by_device_time() -> None:
    numbers = table(_store(), "s/a:speed", 0, 100)
    assert numbers.index.astype("int64").tolist() == [10, 11, 12]
    assert numbers["value"].iloc[0] == 0.0
    assert np.isnan(numbers["value"].iloc[1])
    assert numbers["seq"].tolist() == [0, 1, 2]
    assert table(_store(), "s/a:state", 11, 12)["value"].tolist() == ["Execute"]


def test_a_signal_nobody_stored_gives_an_empty_table() -> None:
    assert table(_store(), "s/a:nothing", 0, 100).empty
