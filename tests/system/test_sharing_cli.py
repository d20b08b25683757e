"""Two hubs share datasets by the commands that data stewards type: generated, exported, checked, taken in, packed."""

from __future__ import annotations

import json

import pytest
from terminal import twin

from connectors.desk import Desk
from connectors.desk import episodes as book
from connectors.exporters.verify import verify
from twin.clock import ManualClock
from twin.episodes import Episode, Method

NORTH = """
[hub]
id = "north"
name = { ko = "북쪽", en = "North" }
contact = "data@north.example"

[broker]
use = "mqtt://127.0.0.1:9"

[[site]]
id = "north"
name = { ko = "공장", en = "Plant" }
region = { ko = "전북", en = "Jeonbuk" }
timezone = "Asia/Seoul"
size_m = [10.0, 10.0]

  [[site.asset]]
  id = "weld/line1/R-1"
  type = "robot_arm"
  name = { ko = "R-1", en = "R-1" }
  attributes = { model = "ur10e", cycle_s = 10.0, part_kg = 3.0 }
"""


@pytest.fixture(scope="module")
def hubs(tmp_path_factory):
    """(factory file, store) of a hub that generated episodes, and of one that made nothing."""
    folder = tmp_path_factory.mktemp("hubs")
    found = []
    for name in ("north", "south"):
        (folder / name).mkdir()
        file = folder / name / "factory.toml"
        file.write_text(NORTH.replace("north", name), "utf-8")
        found.append(("--factory", str(file), "--url", f"sqlite:///{folder / name / 'twin.db'}"))
    made = twin("episodes", "generate", "12", "--randomise", "payload=1..5", "--faults", "grip_lost=0.2", "--seed", "4",
                *found[0], "--json")  # fmt: skip
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert (told["episodes"], told["asset"], told["frames"] > 2000) == (12, "north/simulated/R-1", True)
    return folder, *found


def export(folder, name, hub, *more):
    done = twin("export", str(folder / name), "--to", "parquet", "--licence", "CC-BY-4.0", "--fps", "5", "--name",
                "weld", "--allow-defects", *more, *hub, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_one_hub_generates_another_takes_in_and_hands_on(hubs):
    folder, north, south = hubs
    first = export(folder, "one", north)
    assert (first["id"], first["version"], first["episodes"]) == ("north/weld", "1.0.0", 12)
    second = export(folder, "two", north, "--episodes", "success=true", "--changes", "no failures", "--pseudonyms")
    assert (second["version"], second["changes"]) == ("1.1.0", "no failures")
    taken = twin("datasets", "import", str(folder / "one"), "--into", str(folder / "kept"), *south, "--json")
    assert taken.returncode == 0, taken.stderr
    told = json.loads(taken.stdout)
    assert (told["way"], told["contact"], told["split_s"]["real"]) == ("imported", "data@north.example", 0.0)
    packed = twin("datasets", "pack", str(folder / "set"), "north/weld@1.0.0", *south, "--json")
    assert packed.returncode == 0, packed.stderr
    assert json.loads(packed.stdout)["lineage"][0]["id"] == "north/weld"
    assert [one for one in verify(folder / "set") if not one.risk] == []
    listed = twin("datasets", "list", *south)
    assert "north/weld 1.0.0  parquet  12 episodes" in listed.stdout
    assert "(simulated 0.0" in listed.stdout
    removed = twin("datasets", "remove", "north/weld", *south)
    assert "its files stay in" in removed.stdout
    assert (folder / "kept/north/weld/1.0.0-parquet/SHA256SUMS").is_file()
    missing = twin("datasets", "show", "north/weld", *south)
    assert (missing.returncode, "no dataset 'north/weld'" in missing.stderr) == (2, True)


def test_every_parameter_and_the_truth_of_each_fault_stand_in_the_dataset(hubs):
    import pyarrow.parquet as pq

    folder, north, _ = hubs
    export(folder, "full", north)
    rows = pq.read_table(folder / "full/episodes.parquet").to_pylist()
    assert all(1 <= row["sim_payload"] <= 5 and row["sim_cycle_time"] == 10.0 for row in rows)
    assert len({row["sim_seed"] for row in rows}) == 12
    assert {row["sim_run_seed"] for row in rows} == {"4"}
    failed = [row for row in rows if not row["success"]]
    assert failed
    assert {row["cause"] for row in failed} == {row["sim_fault"] for row in failed} == {"grip_lost"}
    told = json.loads((folder / "full/meta/provenance.json").read_text("utf-8"))
    assert told["episodes"][0]["made_of"]["payload"] == rows[0]["sim_payload"]
    labels = pq.read_table(folder / "full/labels.parquet").to_pylist()
    anomalies = [one for one in labels if one["channel"] == "anomaly"]
    assert len(anomalies) == len(failed)
    assert {one["source"] for one in labels} == {"simulation"}


def test_what_is_typed_for_the_papers_names_nobody_either(hubs):
    folder, north, _ = hubs
    asset, start_ns = "north/weld/line1/R-1", 1_767_225_600_000_000_000
    one = Episode("x", asset, start_ns, start_ns + 1, start_ns, start_ns + 1, Method.HAND, "kim.minsu")
    desk = Desk(north[3], ManualClock(start_ns))
    book.keep(desk, "kim", [one], {asset: (0, 1)})
    desk.close()
    done = twin("export", str(folder / "named"), "--licence", "MIT", "--to", "parquet", "--allow-defects", "--pseudonyms",
                "--description", "by kim.minsu", "--episodes", "source=simulated", *north)  # fmt: skip
    assert (done.returncode, "--description 'by kim.minsu' names somebody" in done.stderr) == (2, True)
    assert not (folder / "named").exists()


def test_sets_are_compared_by_the_command_and_what_cannot_be_is_said(hubs):
    _, north, _ = hubs
    done = twin("episodes", "compare-sets", "source=simulated", "source=simulated", *north, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["compared"][0]
    assert (told["verdict"], told["energy"]) == ("characteristic", 0.0)
    none = twin("episodes", "compare-sets", "source=replay", *north)
    assert (none.returncode, "no episode is meant by 'source=replay'" in none.stderr) == (2, True)
    wrong = twin("episodes", "generate", "1", "--randomise", "frictoin=1", *north)
    assert (wrong.returncode, "did you mean 'friction'" in wrong.stderr) == (2, True)
    other = twin("episodes", "generate", "1", "--type", "conveyor", *north)
    assert other.returncode == 2
