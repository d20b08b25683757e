"""The Models page's calls: who sees which models, who may change them, and how they stood at a moment."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from access_world import World

from connectors.desk.proof import told
from connectors.models.book import Book
from connectors.models.files import Shelf
from connectors.models.train import Order
from connectors.stores.sql import open_history
from twin.anomaly import Window
from twin.anomaly.config import ModelsConfig
from twin.clock import NS_PER_MS, NS_PER_S

ARM, TOOL = "jeonju/weld/line1/R-101", "changwon/machining/line1/MT-01"


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    factory = replace(recorded.factory, models=ModelsConfig(score=True, folder=str(folder)))
    made = World(replace(recorded, factory=factory), tmp_path_factory.mktemp("calls"))
    asyncio.run(made.hub.load())
    made.trained_ns = made.clock.now_ns()
    history = open_history(recorded.url)
    book = Book(Shelf(folder), made.desk)
    for name, asset in (("arm", ARM), ("tool", TOOL)):
        order = Order(
            name, asset, ((recorded.start_ns, recorded.end_ns),), ("any",), (), ("power",), (),
            Window(NS_PER_S, 10), budget=0.05, forest=False,
        )  # fmt: skip
        book.train(history, order, "kim")
    history.close()
    made.clock.advance(60.0)
    yield made
    made.reader.close()
    made.desk.close()


def names(answer):
    return [(one["name"], one["state"], one["may"]) for one in answer.json()["models"]]


def test_each_sees_the_models_of_their_sites_and_only_engineers_may_change_them(world):
    assert names(world.get("/view/models", "eva")) == [("arm", "trained", True)]
    assert names(world.get("/view/models", "vera")) == [("arm", "trained", False)]
    assert names(world.get("/view/models", "chang")) == [("tool", "trained", True)]
    assert names(world.get("/view/models", "all")) == [("arm", "trained", False), ("tool", "trained", False)]
    assert names(world.get("/view/models", "all", site="changwon")) == [("tool", "trained", False)]
    assert world.get("/view/models", "vera").json()["assets"] == []
    assert {one["id"].partition("/")[0] for one in world.get("/view/models", "eva").json()["assets"]} == {"jeonju"}


def test_a_model_is_activated_and_retired_with_a_line_in_the_trail(world):
    deed = {"name": "arm", "version": 1, "act": "activate"}
    assert world.send("POST", "/view/models/acts", "vera", json=deed).status_code == 403
    assert world.send("POST", "/view/models/acts", "chang", json=deed).status_code == 404, "it is not there for them"
    assert world.send("POST", "/view/models/acts", "eva", json={**deed, "act": "burn"}).status_code == 400
    assert world.send("POST", "/view/models/acts", "eva", json={**deed, "version": 7}).status_code == 404
    assert world.send("POST", "/view/models/acts", "eva", json=deed).json() == {"state": "active"}
    assert names(world.get("/view/models", "eva")) == [("arm", "active", True)]
    active_ns = world.clock.now_ns()
    world.clock.advance(10.0)
    assert world.send("POST", "/view/models/acts", "eva", json={**deed, "act": "retire"}).json() == {"state": "retired"}
    assert [one["act"] for one in told(world.desk) if one["who"] == "eva" and one["act"].startswith("model.")] == [
        "model.activate", "model.retire",
    ]  # fmt: skip
    for t_ns, state in ((world.trained_ns - NS_PER_S, []), (world.trained_ns, ["trained"]), (active_ns, ["active"])):
        then = world.get("/view/models", "eva", as_of_ms=t_ns / NS_PER_MS).json()
        assert [one["state"] for one in then["models"]] == state


def test_scores_of_a_model_are_told_up_to_the_moment_and_no_further(world, recorded):
    end_ms = recorded.end_ns / NS_PER_MS
    whole = world.get("/view/models", "eva", name="arm", version=1, at_ms=end_ms).json()["detail"]
    assert not whole["stored"]
    assert len(whole["t_ms"]) > 200
    assert max(whole["t_ms"]) <= end_ms + 3000, "a value holds for three periods"
    assert [row["signal"] for row in whole["blame"]["rows"]] == ["power"]
    assert whole["blame"]["rows"][0]["t2"] == pytest.approx(whole["blame"]["t2"], abs=2e-4)
    assert world.get("/view/models", "chang", name="arm", version=1).json()["detail"] is None
    moment_ms = (world.trained_ns + 5 * NS_PER_S) / NS_PER_MS
    then = world.get("/view/models", "eva", name="arm", version=1, as_of_ms=moment_ms).json()["detail"]
    assert max(then["t_ms"]) <= moment_ms
    assert then["to_ms"] == moment_ms


def test_a_training_that_cannot_be_is_refused_before_it_starts(world):
    asked = {"name": "new", "asset": ARM, "hours": 1}

    def status(who="eva", **more):
        return world.send("POST", "/view/models", who, json={**asked, **more}).status_code

    assert status("vera") == 403
    assert status(asset=TOOL) == 403
    assert status(asset="jeonju/weld/line1/R-999") == 404
    for name in ("--url=x", ".x", "a/b", "", "x" * 65):
        assert status(name=name) == 400, name
    assert status(hours=0) == 400
    assert status(recordings=["none"]) == 404


# ---- for programs


TABLE = {
    "model": "arm", "asset": ARM, "regime": "any state", "from_ns": 1_000_000, "to_ns": 2_000_000, "step_s": 1.0,
    "aftermath_s": 600.0, "windows": 10, "anomalous": 0.5, "not_scored": {"normal_s": 0.0, "anomalous_s": 0.0},
    "alarms_far_with_aftermath": None,
    "rows": [
        {"name": "always", "far": 1.0, "mar": 0.0, "precision": 0.5, "f1": 2 / 3, "auroc": 0.5, "auprc": 0.5},
    ],
    "faults": [{"kind": "friction", "count": 2, "seen": 1, "alarmed": 1, "delay_s": 4.0, "blamed": "power"}],
}  # fmt: skip


def test_programs_list_the_models_of_their_sites_with_their_reports(world):
    book = Book(Shelf(Path(world.behind.factory.models.folder)), world.desk)
    book.evaluated(book.find("arm"), TABLE, "kim")
    (mine,) = world.get("/api/v1/models", "vera").json()["models"]
    assert (mine["name"], mine["version"], mine["asset"], mine["wrong"]) == ("arm", 1, ARM, "")
    assert (mine["signals"], mine["window_s"], mine["budget"]) == (["power"], 10.0, 0.05)
    assert mine["report"]["rows"] == TABLE["rows"]
    assert mine["report"]["faults"] == TABLE["faults"]
    assert (mine["report"]["from_ms"], mine["report"]["far_with_aftermath"]) == (1.0, None)
    assert mine["report"]["evaluated_ms"] == world.clock.now_ns() / NS_PER_MS
    assert [one["name"] for one in world.get("/api/v1/models", "all").json()["models"]] == ["arm", "tool"]
    assert [one["name"] for one in world.get("/api/v1/models", "all", asset=TOOL).json()["models"]] == ["tool"]
    assert [one["name"] for one in world.get("/api/v1/models", "chang").json()["models"]] == ["tool"]
    then = world.get("/api/v1/models", "vera", as_of=world.trained_ns // NS_PER_MS).json()
    assert [(one["state"], one["report"]) for one in then["models"]] == [("trained", None)]
    before = world.get("/api/v1/models", "vera", as_of=(world.trained_ns - NS_PER_S) // NS_PER_MS).json()
    assert before["models"] == []


def test_one_model_is_told_whole_and_another_sites_is_not_there(world):
    one = world.get("/api/v1/models/arm", "vera").json()
    assert (one["version"], one["about"]["files"], one["about"]["asset"]) == (1, one["files"], ARM)
    assert one["about"]["training"]["fitted"] > 0
    assert world.get("/api/v1/models/arm", "vera", version=1).json() == one
    for path, who in (("arm?version=2", "vera"), ("none", "vera"), ("tool", "vera"), ("arm", "chang")):
        answer = world.get(f"/api/v1/models/{path}", who)
        assert (answer.status_code, answer.json()["error"]["where"]) == (404, "name"), (path, who)


def test_files_go_to_those_who_may_export_and_only_as_they_were_trained(world):
    one = world.get("/api/v1/models/arm", "olaf").json()
    path = "/api/v1/models/arm/1/pca.onnx"
    got = world.get(path, "olaf")
    assert (got.status_code, got.headers["content-type"]) == (200, "application/octet-stream")
    assert hashlib.sha256(got.content).hexdigest() == one["files"]["pca.onnx"]
    about = world.get("/api/v1/models/arm/1/model.json", "olaf")
    assert about.headers["content-disposition"] == 'attachment; filename="model.json"'
    assert hashlib.sha256(about.content).hexdigest() == one["sha256"]
    assert world.acts()[-2:] == [("olaf", "model.export", "arm 1")] * 2
    assert world.get(path, "vera").status_code == 403, "a viewer exports nothing"
    assert world.get(path, "chang").status_code == 404
    assert world.get("/api/v1/models/arm/1/forest.onnx", "olaf").status_code == 404, "it has none"
    assert world.get("/api/v1/models/arm/2/pca.onnx", "olaf").status_code == 404
    file = Path(world.behind.factory.models.folder) / "arm/1/pca.onnx"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\0")
    try:
        refused = world.get(path, "olaf")
        assert (refused.status_code, refused.json()["error"]["where"]) == (409, "file")
    finally:
        file.write_bytes(whole)
