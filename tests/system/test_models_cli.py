"""`twin model`: from a store to a version that scores, judged beside whoever cries always; what it refuses."""

from __future__ import annotations

import json
import sys
from contextlib import closing

import numpy as np
import onnxruntime
import pytest
from terminal import twin

from connectors.desk import Desk, labelling
from connectors.stores.sql import open_store
from connectors.truth import write_truth
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_S, iso_from_ns
from twin.episodes import Episode, Label, Method
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of
from twin.simulation.faults import Trouble

ASSET, T0, ROWS = "h/line/press", 1_750_000_000 * NS_PER_S, 2000
STREAM = stream_of(
    ASSET, "data", [Signal("force", unit="N"), Signal("current", unit="A"), Signal("state", Kind.STATE, role=Role.STATE)],
    period_s=1.0,
)  # fmt: skip
FAULTY = (T0 + 1700 * NS_PER_S, T0 + 1800 * NS_PER_S)
AFTER = ("--from", iso_from_ns(T0 + 1500 * NS_PER_S))
LEARN = (
    "--asset",
    ASSET,
    "--from",
    iso_from_ns(T0),
    "--to",
    iso_from_ns(T0 + 1500 * NS_PER_S),
    "--window",
    10,
    "--budget",
    0.01,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models-cli")
    rng = np.random.default_rng(1)
    force = 50 + rng.normal(0, 1, ROWS)
    values = np.stack([force, 0.1 * force + rng.normal(0, 0.02, ROWS)], axis=1)
    values[1700:1800, 1] += 0.5
    t_ns = T0 + np.arange(ROWS) * NS_PER_S
    good = np.full(ROWS, int(Quality.GOOD), np.int16)
    frames = Frames(STREAM, t_ns, np.arange(ROWS), t_ns, values, good, (("Execute",),) * ROWS)
    with closing(open_store(f"sqlite:///{folder}/twin.db")) as store:
        store.append(Commit(batch_of("w", 1, int(t_ns[-1]), [frames])), lambda _batch: Folded((), ()))
    write_truth(
        folder / "faults.jsonl", [Trouble("friction", ASSET, *FAULTY), Trouble("jam", "h/line/other", T0, T0 + 1)]
    )
    return folder


def model(folder, *arguments):
    verb, *rest = arguments
    return twin("model", verb, *rest, "--url", f"sqlite:///{folder}/twin.db")


def test_from_a_store_to_a_version_that_scores(folder, tmp_path):
    trained = json.loads(model(folder, "train", "press", *LEARN, "--json").stdout)
    assert (trained["version"], trained["new"]) == (1, True)
    again = model(folder, "train", "press", *LEARN)
    assert "press 1 (the same as before): h/line/press, Execute" in again.stdout

    judged = model(folder, "evaluate", "press", *AFTER, "--truth", folder / "faults.jsonl", "--aftermath", 30)
    assert judged.returncode == 0
    assert "always positive" in judged.stdout
    assert "friction             1 times, 1 could be scored, 1 alarmed" in judged.stdout

    scored = model(folder, "score", "press", *AFTER, "--json")
    assert scored.returncode == 1, "there was an alarm: the answer is no"
    (spell,) = json.loads(scored.stdout)["alarms"]
    assert FAULTY[0] < spell["from_ns"] < FAULTY[1]
    assert model(folder, "score", "press", *AFTER, "--to", iso_from_ns(FAULTY[0])).returncode == 0

    assert model(folder, "activate", "press").returncode == 0
    assert [(one["name"], one["state"]) for one in json.loads(model(folder, "list", "--json").stdout)] == [
        ("press", "active")
    ]
    shown = json.loads(model(folder, "show", "press", "--json").stdout)
    assert [row["name"] for row in shown["table"]["rows"]][-1] == "always"
    assert model(folder, "retire", "press").stdout == "press 1 is retired\n"

    out = tmp_path / "out"
    assert model(folder, "export", "press", out).returncode == 0
    session = onnxruntime.InferenceSession((out / "pca.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["signals"] == "force,current"
    (t2,) = session.run(["t2"], {"windows": np.full((3, 10, 2), 5.0, np.float32)})
    assert t2.shape == (3, 1)
    assert model(folder, "export", "press", out).returncode == 2, "a folder that is not empty"


def test_anomalies_that_people_marked_are_the_truth_and_are_not_learned_from(folder):
    assert model(folder, "evaluate", "press", *AFTER).returncode == 2, "nothing is known to have been wrong"
    with closing(Desk(f"sqlite:///{folder}/twin.db", WallClock())) as desk:
        one = Episode(f"{ASSET}@{T0}", ASSET, T0, T0 + ROWS * NS_PER_S, T0, T0 + ROWS * NS_PER_S, Method.HAND)
        labelling.make(desk, "kim", one)
        labelling.put(desk, "kim", [Label(one.id, *FAULTY, "anomaly", "current too high")])
    judged = json.loads(model(folder, "evaluate", "press", *AFTER, "--json").stdout)
    assert [(one["kind"], one["alarmed"]) for one in judged["faults"]] == [("current too high", 1)]
    whole = model(folder, "train", "whole", "--asset", ASSET, "--window", 10, "--budget", 0.01, "--no-forest", "--json")
    assert json.loads(whole.stdout)["training"]["left_out"]["labelled"] == 100.0


def test_what_is_asked_wrongly_ends_with_2_and_what_is_not_installed_with_3(folder, monkeypatch):
    for arguments, said in (
        (("train", "new", "--asset", "h/line/none"), "no asset 'h/line/none'"),
        (("train", "new", *LEARN, "--recording", "none"), "no recording 'none'"),
        (("show", "none"), "there is no model 'none'"),
        (("activate", "press", "--version", 9), "version 9"),
        (("train", "../x", *LEARN), "cannot be called"),
    ):
        ended = model(folder, *arguments)
        assert (ended.returncode, said in ended.stderr) == (2, True), ended
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    ended = model(folder, "score", "press", *AFTER)
    assert ended.returncode == 3
    assert "pip install 'factory-twin[models]'" in ended.stderr


def test_a_file_that_was_changed_is_shown_as_such(folder):
    path = folder / "models" / "press" / "1" / "pca.onnx"
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + b"\0")
    ended = model(folder, "show", "press")
    path.write_bytes(kept)
    assert ended.returncode == 2
    assert "not the file that was trained" in ended.stderr
