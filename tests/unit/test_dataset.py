"""A LeRobot dataset of episodes: what it holds, and that every seeded fault is named."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exported import LENGTH, STREAM, T0, TERMS, arm_history, written

from connectors.exporters.croissant import SUMS, licence_of, sums_of, write_json
from connectors.exporters.export import export
from connectors.exporters.verify import verify
from twin.clock import NS_PER_S
from twin.errors import EpisodeError


@pytest.fixture(scope="module")
def history():
    return arm_history()


@pytest.fixture
def dataset(history, tmp_path):
    written("lerobot", history, tmp_path / "set")
    return tmp_path / "set"


def test_a_dataset_holds_every_frame_and_what_came_of_each_episode(history, dataset):
    info = json.loads((dataset / "meta/info.json").read_text("utf-8"))
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"], info["fps"]) == (10, 2000, 2, 20)
    assert info["features"]["observation.state"]["names"] == ["q0", "q1", "q2"]
    assert info["features"]["observation.environment_state"]["names"] == ["power", "gripped"]
    data = pq.read_table(dataset / "data/chunk-000/file-000.parquet")
    state = np.array(data["observation.state"].to_pylist())
    frames = history.frames(STREAM.id, T0, T0 + 200 * NS_PER_S)
    assert state == pytest.approx(frames.values[:, :3], abs=1e-6)
    assert pq.read_metadata(dataset / "data/chunk-000/file-000.parquet").num_row_groups == 10
    rows = pq.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [one["success"] for one in rows] == [i % 3 != 0 for i in range(10)]
    assert rows[0]["stats/observation.state/mean"] == pytest.approx(state[:200].mean(axis=0).tolist(), abs=1e-6)
    stats = json.loads((dataset / "meta/stats.json").read_text("utf-8"))
    assert stats["observation.state"]["std"] == pytest.approx(state.std(axis=0).tolist(), abs=1e-6)
    tasks = pq.read_table(dataset / "meta/tasks.parquet").to_pandas()
    assert tasks.index.tolist() == ["Weld the right seam", "Weld the left seam"]
    assert verify(dataset) == []


@pytest.mark.parametrize(
    "content",
    [
        {"a": [], "b": {}, "c": [1.0, 1e-05, 1e22, -0.0, 2**70], "d": {"e": [[], {"f": None}]}, "한": '값\n"\\\u2028'},
        {"max": [float("inf"), 1.0], "min": [float("-inf")]},
    ],
    ids=["plain", "infinite"],
)
def test_papers_are_the_bytes_that_the_standard_library_would_write(tmp_path, content):
    write_json(tmp_path / "meta/some.json", content)
    expected = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    assert (tmp_path / "meta/some.json").read_text("utf-8") == expected


def test_other_frame_rates_keep_times_exact(history, tmp_path):
    told = written("lerobot", history, tmp_path / "slow", fps=7)
    assert told["frames"] == 10 * (7 * 199 // 20 + 1)
    assert verify(tmp_path / "slow") == []


def test_a_licence_is_one_that_is_known_or_ones_own(history, dataset):
    with pytest.raises(EpisodeError, match="goes out under a licence"):
        licence_of("")
    with pytest.raises(EpisodeError, match="no licence that is known"):
        licence_of("mine")
    assert licence_of("cc-by-4.0") == "CC-BY-4.0"
    assert licence_of("LicenseRef-Hub") == "LicenseRef-Hub"


def test_no_episodes_and_a_rate_that_is_none_are_refused(history, tmp_path):
    with pytest.raises(EpisodeError, match="no episode is meant"):
        export("lerobot", history, {}, [], tmp_path / "x", 20, TERMS)
    with pytest.raises(EpisodeError, match="0 frames a second"):
        written("lerobot", history, tmp_path / "x", fps=0)
    with pytest.raises(EpisodeError, match="--to hdf5: there are lerobot, mcap, parquet"):
        written("hdf5", history, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def edited(dataset, change):
    """The data's one table, changed and written back; and its checksum mended, so that only the data are wrong."""
    path = dataset / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    pq.write_table(change(table), path)
    _sign(dataset)


def _sign(dataset):
    croissant = json.loads((dataset / "croissant.json").read_text("utf-8"))
    for one in croissant["distribution"]:
        one["sha256"] = hashlib.sha256((dataset / one["contentUrl"]).read_bytes()).hexdigest()
    (dataset / "croissant.json").write_text(json.dumps(croissant), "utf-8")
    (dataset / SUMS).write_text(sums_of(dataset), "utf-8")


def with_column(table, name, values):
    at = table.schema.get_field_index(name)
    kind = table.schema.field(name).type
    if pa.types.is_fixed_size_list(kind):
        column = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel(), pa.float32()), values.shape[1])
    else:
        column = pa.array(values, kind)
    return table.set_column(at, table.schema.field(name), column)


def matrix(table, name):
    return np.array(table[name].to_pylist(), np.float32)


def _nan(table):
    values = matrix(table, "action")
    values[30:60] = np.nan
    return with_column(table, "action", values)


def _jitter(table):
    noise = np.random.default_rng(1).normal(0, 0.012, table.num_rows)
    return with_column(table, "timestamp", np.asarray(table["timestamp"]) + noise)


def _dropped(table):
    keep = np.ones(table.num_rows, bool)
    keep[500:515] = False
    return table.filter(pa.array(keep))


def _stuck(table):
    values = matrix(table, "observation.state")
    values[:, 1] = 0.25
    shifted = np.vstack([values[1:], values[-1:]])
    ends = np.arange(LENGTH - 1, table.num_rows, LENGTH)
    shifted[ends] = values[ends]
    return with_column(with_column(table, "observation.state", values), "action", shifted)


def _shifted(table):
    return with_column(table, "action", np.roll(matrix(table, "action"), 10, axis=0))


@pytest.mark.parametrize(
    ("change", "check"),
    [(_nan, "nan"), (_jitter, "jitter"), (_dropped, "rows"), (_stuck, "stuck"), (_shifted, "shift")],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_seeded_fault_in_the_data_is_named(dataset, change, check):
    edited(dataset, change)
    assert check in {one.check for one in verify(dataset)}


@pytest.mark.parametrize("key", ["total_frames", "total_episodes", "total_tasks"])
def test_a_wrong_total_is_named(dataset, key):
    path = dataset / "meta/info.json"
    info = json.loads(path.read_text("utf-8"))
    info[key] += 3
    path.write_text(json.dumps(info), "utf-8")
    _sign(dataset)
    (found,) = (one for one in verify(dataset) if one.check != "claims")  # and it is another content
    assert (found.check, key in found.told) == ("totals", True)


def test_tasks_without_their_text_index_are_named(dataset):
    path = dataset / "meta/tasks.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    _sign(dataset)
    assert [one.check for one in verify(dataset)] == ["tasks", "claims"]


def test_data_that_are_not_there_are_named(dataset):
    (dataset / "meta/provenance.json").unlink()
    shutil.rmtree(dataset / "data")
    told = {(one.check, one.where) for one in verify(dataset)}
    assert {("provenance", "meta/provenance.json"), ("files", "meta/episodes, data")} <= told


@pytest.mark.parametrize(
    "info", ["{}", "[]", "no", '{"fps": 0, "features": {}}', '{"fps": 5, "features": {"action": {}}}'],
    ids=["empty", "list", "no JSON", "no frames", "no state"],
)  # fmt: skip
def test_papers_that_say_too_little_are_named_and_nothing_breaks(dataset, info):
    (dataset / "meta/info.json").write_text(info, "utf-8")
    assert "info" in {one.check for one in verify(dataset)}


def test_columns_that_are_told_and_not_there_are_named(dataset):
    edited(dataset, lambda table: table.drop_columns(["timestamp"]))
    assert ("info", "data") in {(one.check, one.where) for one in verify(dataset)}
