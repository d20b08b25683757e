"""The Models page's calls: who sees which models, who may change them, and how they stood at a moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

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
