"""Episodes as plain tables: resampled as LeRobot's, exact, null where nothing was told; and every seeded fault named."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from exported import LENGTH, ROWS, SLOW, STREAM, T0, arm_episodes, arm_history, written

from connectors.exporters.croissant import SUMS, sums_of
from connectors.exporters.verify import verify
from twin.clock import NS_PER_S


@pytest.fixture(scope="module")
def history():
    return arm_history(slow=True)


@pytest.fixture
def dataset(history, tmp_path):
    written("parquet", history, tmp_path / "set")
    return tmp_path / "set"


def test_frames_episodes_and_labels_are_three_tables_that_join(history, dataset):
    frames = pq.read_table(dataset / "frames.parquet")
    assert frames.schema.names[:4] == ["episode_index", "frame_index", "time", "timestamp"]
    assert frames.num_rows == ROWS
    stored = history.frames(STREAM.id, T0, T0 + 200 * NS_PER_S)
    for i, name in enumerate(("q0", "q1", "q2", "power", "gripped")):
        assert frames[name].to_pylist() == stored.values[:, i].tolist()  # on the grid: as it was measured, to the bit
    assert frames["time"].cast("int64").to_pylist() == stored.t_ns.tolist()
    assert frames.schema.field("q0").metadata[b"unit"] == b"rad"
    assert frames.schema.field("gripped").metadata[b"resampled"] == b"hold"
    episodes = pq.read_table(dataset / "episodes.parquet").to_pylist()
    assert [one["length"] for one in episodes] == [LENGTH] * 10
    assert [one["first_row"] for one in episodes] == list(range(0, ROWS, LENGTH))
    assert [one["success"] for one in episodes] == [i % 3 != 0 for i in range(10)]
    labels = pq.read_table(dataset / "labels.parquet").to_pylist()
    assert {one["label"] for one in labels if one["channel"] == "outcome" and one["episode_index"] == 3} == {"failure"}


def test_words_hold_and_what_is_absent_is_null(history, dataset):
    frames = pq.read_table(dataset / "frames.parquet")
    slow = history.frames(SLOW.id, T0, T0 + 200 * NS_PER_S)
    told = [(t, row[0]) for t, row in zip(slow.t_ns.tolist(), slow.texts, strict=True) if row[0]]
    at_ns = frames["time"].cast("int64").to_pylist()
    held = [[text for t, text in told if t <= now][-1:] or [told[0][1]] for now in at_ns]
    assert frames["slow.상태"].to_pylist() == [one[0] for one in held]
    assert frames["slow.motor"].null_count == 0
    assert pc.min(frames["slow.motor"]).as_py() > 38


def test_a_signal_without_any_value_in_an_episode_is_null_there(tmp_path):
    history = arm_history(slow=True)
    first = arm_episodes()[0]
    short = replace(first, end_ns=first.start_ns + 5)  # before the slow stream's first value
    told = written("parquet", history, tmp_path / "set", some=[short, arm_episodes()[1]])
    frames = pq.read_table(tmp_path / "set/frames.parquet")
    assert frames["slow.motor"].to_pylist()[0] is None
    assert frames["slow.motor"].null_count == 1
    assert frames["slow.상태"].to_pylist()[0] is None
    assert told["without_values"] == ["slow.motor"]
    assert [one for one in verify(tmp_path / "set") if not one.risk] == []


def _sign(dataset):
    croissant = json.loads((dataset / "croissant.json").read_text("utf-8"))
    for one in croissant["distribution"]:
        one["sha256"] = hashlib.sha256((dataset / one["contentUrl"]).read_bytes()).hexdigest()
    (dataset / "croissant.json").write_text(json.dumps(croissant), "utf-8")
    (dataset / SUMS).write_text(sums_of(dataset), "utf-8")


def _with(table, name, values):
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def _late(table):
    at_ns = np.array(table["time"].cast("int64").to_pylist())
    at_ns[100:110] += 1
    return _with(table, "time", at_ns)


def _nan(table):
    values = np.array(table["q1"].to_pylist())
    values[30:60] = np.nan
    return _with(table, "q1", values)


def _stuck(table):
    return _with(table, "q2", np.full(table.num_rows, 0.25))


@pytest.mark.parametrize(
    ("file", "change", "check"),
    [
        ("frames", _late, "jitter"),
        ("frames", _nan, "nan"),
        ("frames", _stuck, "stuck"),
        ("frames", lambda table: table.filter(pa.array(np.arange(table.num_rows) % 500 != 7)), "rows"),
        ("frames", lambda table: table.take(pa.array(np.roll(np.arange(table.num_rows), 3))), "rows"),
        ("frames", lambda table: table.drop_columns(["q0"]), "info"),
        ("episodes", lambda table: table.slice(1), "totals"),
        ("labels", lambda table: _with(table, "episode_index", [99] * table.num_rows), "labels"),
    ],
)
def test_a_seeded_fault_in_the_tables_is_named(dataset, file, change, check):
    path = dataset / f"{file}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    _sign(dataset)
    assert check in {one.check for one in verify(dataset)}


@pytest.mark.parametrize("told", ["{}", "[]", "no", '{"format": "parquet"}', '{"format": "tape"}'])
def test_papers_that_say_too_little_are_named_and_nothing_breaks(dataset, told):
    (dataset / "meta/provenance.json").write_text(told, "utf-8")
    assert "provenance" in {one.check for one in verify(dataset)}
