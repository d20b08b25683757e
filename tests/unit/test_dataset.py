"""A dataset of episodes: what it holds, that the same input gives the same bytes, and that every seeded fault is named."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connectors.episodes.reading import streams_of
from connectors.exporters.lerobot import export
from connectors.exporters.papers import Terms, licence_of
from connectors.exporters.verify import verify
from connectors.stores.memory import MemoryStore
from twin.clock import NS_PER_S
from twin.episodes import Episode, Method, Outcome
from twin.errors import EpisodeError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Role, Signal, batch_of, stream_of

T0 = 1_790_000_000 * NS_PER_S
ARM = "s/cell/R-1"
STREAM = stream_of(
    ARM,
    "data",
    [Signal(f"q{i}", unit="rad", role=Role.JOINT_POSITION, index=i) for i in range(3)]
    + [Signal("power", unit="W"), Signal("gripped", Kind.FLAG)],
    sequenced=True,
    period_s=0.05,
)
TERMS = Terms("arm", "CC-BY-4.0", "factory-twin test")
ROWS, LENGTH = 2000, 200
"""A hundred seconds at 20 Hz, cut into ten episodes."""


@pytest.fixture(scope="module")
def history():
    at = np.arange(ROWS)
    t_ns = T0 + at * NS_PER_S // 20
    values = np.column_stack([np.sin(at / 20.0 + i) for i in range(3)] + [100 + at % 7, (at // 50) % 2]).astype(float)
    frames = Frames(STREAM, t_ns, at.astype(np.int64), t_ns, values, np.full(ROWS, 192, np.int16))
    store = MemoryStore()
    store.append(Commit(batch_of("w", 1, int(t_ns[-1]), [frames])), lambda _batch: Folded((), ()))
    return store


def episodes():
    found = []
    for i in range(ROWS // LENGTH):
        start_ns, last_ns = T0 + i * LENGTH * NS_PER_S // 20, T0 + ((i + 1) * LENGTH - 1) * NS_PER_S // 20
        outcome = Outcome.FAILURE if i % 3 == 0 else Outcome.SUCCESS
        task = "Weld the left seam" if i % 2 else "Weld the right seam"
        found.append(
            Episode(f"{ARM}@{start_ns}", ARM, start_ns, last_ns + 1, start_ns, last_ns + 1, Method.CYCLE, str(i),
                    outcome=outcome, instruction_ko="용접", instruction_en=task)
        )  # fmt: skip
    return found


def written(history, folder, fps=20, some=None):
    return export(history, streams_of(history), some or episodes(), folder, fps, TERMS)


@pytest.fixture
def dataset(history, tmp_path):
    written(history, tmp_path / "set")
    return tmp_path / "set"


def hashes(folder):
    return {
        one.relative_to(folder).as_posix(): hashlib.sha256(one.read_bytes()).hexdigest()
        for one in sorted(folder.rglob("*"))
        if one.is_file()
    }


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


def test_the_same_input_gives_the_same_bytes(history, tmp_path):
    for name in ("one", "two"):
        written(history, tmp_path / name)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_other_frame_rates_keep_times_exact(history, tmp_path):
    told = written(history, tmp_path / "slow", fps=7)
    assert told["frames"] == 10 * (7 * 199 // 20 + 1)
    assert verify(tmp_path / "slow") == []


def test_nothing_goes_out_without_a_licence_or_into_a_folder_that_holds_something(history, dataset):
    with pytest.raises(EpisodeError, match="goes out under a licence"):
        licence_of("")
    with pytest.raises(EpisodeError, match="no licence that is known"):
        licence_of("mine")
    assert licence_of("cc-by-4.0") == "CC-BY-4.0"
    with pytest.raises(EpisodeError, match="is not empty"):
        written(history, dataset)
    with pytest.raises(EpisodeError, match="no episode is meant"):
        export(history, {}, [], dataset / "x", 20, TERMS)


def test_what_breaks_leaves_no_half_dataset(history, tmp_path):
    class Stopped(Exception):
        pass

    def stop(done):
        if done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        export(history, streams_of(history), episodes(), tmp_path / "set", 20, TERMS, told=stop)
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
    (found,) = verify(dataset)
    assert (found.check, key in found.told) == ("totals", True)


def test_tasks_without_their_text_index_are_named(dataset):
    path = dataset / "meta/tasks.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    _sign(dataset)
    assert [one.check for one in verify(dataset)] == ["tasks"]


def test_a_file_that_was_changed_added_or_taken_away_is_named(dataset):
    with (dataset / "README.md").open("a", encoding="utf-8") as card:
        card.write("more")
    (dataset / "stray.txt").write_text("x", "utf-8")
    (dataset / "meta/provenance.json").unlink()
    told = {(one.check, one.where) for one in verify(dataset)}
    assert {("checksum", "README.md"), ("checksum", "stray.txt"), ("provenance", "meta/provenance.json")} <= told
    shutil.rmtree(dataset / "data")
    assert "files" in {one.check for one in verify(dataset)}


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
