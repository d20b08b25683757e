"""The hub's ledger over HTTP: what it adds up to, for whom, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from access_world import World

from connectors.desk import comparisons, exports, generated
from connectors.desk import datasets as catalogue
from connectors.desk import episodes as book
from connectors.desk.datasets import Entry, Way
from connectors.desk.exports import Export
from connectors.desk.generated import Generated
from dashboards.calls.api_models import DatasetsAnswer, HubAnswer
from twin.clock import NS_PER_MS, NS_PER_S
from twin.datasets import Claims
from twin.episodes import Episode, Method, Outcome
from twin.quality import heaviest

ARM, MILL = "jeonju/weld/line1/R-105", "changwon/cut/line1/CNC-11"
DEFECT, RISK, CLEAN = "defect gaps; risk nan", "risk gaps; not_assessed lag", "characteristic gaps,nan"
MINUTE_NS = 60 * NS_PER_S


def episode(asset, start_ns, minutes, outcome=Outcome.SUCCESS):
    end_ns = start_ns + minutes * MINUTE_NS + 1
    name = f"{asset}@{start_ns}"
    return Episode(
        name, asset, start_ns, end_ns, start_ns, end_ns, Method.CYCLE, outcome=outcome, instruction_ko="용접",
        instruction_en="Weld",
    )  # fmt: skip


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("hub"))
    asyncio.run(made.hub.load())
    start_ns = recorded.start_ns
    known = [
        episode(ARM, start_ns, 1),
        episode(ARM, start_ns + MINUTE_NS * 2, 1, Outcome.FAILURE),
        episode(ARM, start_ns + MINUTE_NS * 3, 1, Outcome.UNKNOWN),
        episode(MILL, start_ns, 2),
    ]
    made.before_ns = made.clock.now_ns()
    made.clock.advance(1)
    book.keep(made.desk, "eva", known, {ARM: (0, 2**62), MILL: (0, 2**62)})
    book.keep_quality(made.desk, "eva", list(zip(known, (RISK, CLEAN, DEFECT, CLEAN), strict=True)))
    made.judged_ns = made.clock.now_ns()
    made.clock.advance(1)
    exports.keep(
        made.desk, "eva", Export("weld", "lerobot", "CC-BY-4.0", tuple(one.id for one in known[:2]), "ab", "X")
    )
    exports.keep(made.desk, "eva", Export("mill", "lerobot", "MIT", (known[3].id,), "cd"))
    made.clock.advance(60)
    made.known = known
    yield made
    made.reader.close()
    made.desk.close()


def ledger(world, who="all", path="/view/hub", **query):
    answer = world.get(path, who, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_hours_add_up_from_recording_to_export(world):
    told = ledger(world)
    totals = told["totals"]
    assert totals["episodes_h"] == pytest.approx(5 / 60, abs=1e-3)
    assert totals["usable_h"] == pytest.approx(4 / 60, abs=1e-3), "the one with a defect is left out"
    assert totals["labelled_h"] == pytest.approx(4 / 60, abs=1e-3)
    assert totals["exported_h"] == pytest.approx(4 / 60, abs=1e-3)
    assert (totals["episodes"], totals["judged"], totals["defect"]) == (4, 4, 1)
    assert (totals["exports"], totals["recipients"]) == (2, 1)
    assert totals["recorded_h"] == pytest.approx(sum(told["assets"].values()), abs=0.01)
    assert totals["recorded_h"] == pytest.approx(sum(week["recorded_h"] for week in told["weeks"]), abs=0.01)
    span_h = (world.before_ns - world.known[0].start_ns) / NS_PER_S / 3600
    assert 0.9 * span_h < told["assets"][ARM] <= 1.01 * span_h, "five minutes of it were recorded"
    row = next(one for one in told["rows"] if one["asset"] == ARM)
    assert (row["success"], row["failure"], row["unknown"], row["labelled"]) == (1, 1, 1, 2)
    assert row["quality"] == {"defect": 1, "risk": 1, "characteristic": 1, "": 0}
    assert row["recipients"] == ["X"]
    gaps = next(one for one in told["checks"] if one["check"] == "gaps")
    assert (gaps["defect"], gaps["risk"], gaps["characteristic"], gaps["axis"]) == (1, 1, 2, "validity")
    assert [one["name"] for one in told["exports"]] == ["mill", "weld"]


def test_of_another_site_nothing_is_told(world):
    told = ledger(world, "eva")
    assert {one["id"] for one in told["sites"]} == {"jeonju"}
    assert {one["asset"] for one in told["rows"]} == {ARM}
    assert [one["name"] for one in told["exports"]] == ["weld"]
    assert all(asset.startswith("jeonju/") for asset in told["assets"])


def test_in_the_past_nothing_from_after_the_moment_is_told(world):
    first = ledger(world, as_of_ms=world.before_ns / NS_PER_MS - 1)
    assert (first["totals"]["episodes"], first["totals"]["exports"], first["checks"]) == (0, 0, [])
    assert first["totals"]["recorded_h"] > 0
    cut = ledger(world, as_of_ms=world.judged_ns / NS_PER_MS + 1)
    assert (cut["totals"]["episodes"], cut["totals"]["judged"], cut["totals"]["exports"]) == (4, 4, 0)


def test_programs_are_told_the_same(world):
    told = ledger(world, path="/api/v1/hub", as_of=str(world.clock.now_ns() / NS_PER_MS - 1))
    shown = ledger(world, as_of_ms=world.clock.now_ns() / NS_PER_MS - 1)
    assert told == shown
    HubAnswer.model_validate(told, strict=True, extra="forbid")


# ---- the catalogue


def entry(name, way, asset, version="1.0.0", hub="demo"):
    log = ({"version": version, "changes": "new"},)
    claims = Claims(name, version, "mcap", "MIT", hub, assets=(asset,), changelog=log, content=name + version)
    return Entry(claims, way, "ab" * 32, f"/nowhere/{name}")


@pytest.fixture(scope="module")
def shared(world):
    """A world with datasets of both sites and of another hub, and a comparison of each site."""
    world.shared_ns = world.clock.now_ns()
    world.clock.advance(1)
    for one in (
        entry("weld", Way.MADE, ARM), entry("weld", Way.MADE, ARM, "1.1.0"), entry("mill", Way.MADE, MILL),
        entry("far", Way.IMPORTED, "north/line/R-1", hub="north"),
    ):  # fmt: skip
        catalogue.enter(world.desk, "eva", one)
    for asset in (ARM, MILL):
        side = {"episodes": 9, "assets": [asset]}
        comparisons.keep(world.desk, "eva", {"real": side, "simulated": side, "compared": []})
    world.clock.advance(60)
    return world


def listed(world, who="all", path="/view/datasets", **query):
    answer = world.get(path, who, **query)
    assert answer.status_code == 200, answer.text
    return [(one["id"], one["version"]) for one in answer.json()["datasets"]]


def test_datasets_are_told_newest_version_first_and_where_they_lie_is_not(shared):
    assert listed(shared) == [
        ("north/far", "1.0.0"), ("demo/weld", "1.1.0"), ("demo/weld", "1.0.0"), ("demo/mill", "1.0.0"),
    ]  # fmt: skip
    assert "/nowhere" not in shared.get("/api/v1/datasets", "all").text
    DatasetsAnswer.model_validate(shared.get("/api/v1/datasets", "all").json(), strict=True, extra="forbid")


def test_of_another_site_no_dataset_and_no_comparison_is_told_but_what_other_hubs_made(shared):
    mine = [("north/far", "1.0.0"), ("demo/weld", "1.1.0"), ("demo/weld", "1.0.0")]
    assert listed(shared, "eva") == listed(shared, "eva", "/api/v1/datasets") == mine
    assert ledger(shared)["comparison"]["real"]["assets"] == [MILL]
    assert ledger(shared, "eva")["comparison"]["real"]["assets"] == [ARM]


def test_an_imported_dataset_is_no_hour_of_this_hub_and_the_past_knew_of_none(shared):
    assert listed(shared, as_of_ms=shared.shared_ns / NS_PER_MS) == []
    assert ledger(shared, as_of_ms=shared.shared_ns / NS_PER_MS)["comparison"] is None
    assert not any("north" in str(one) for one in ledger(shared)["rows"])


def test_what_was_simulated_has_rows_and_totals_of_its_own(shared):
    before = ledger(shared)["totals"]
    asset = "jeonju/simulated/R-105"
    start_ns = shared.known[0].start_ns
    one = episode(asset, start_ns, 3)
    one = replace(one, method=Method.GENERATED, source="simulated:attempts")
    generated.keep(shared.desk, "eva", [Generated(one, {"seed": "1", "friction": 1.5})], {})
    shared.clock.advance(60)
    told = ledger(shared)
    same = ("episodes", "episodes_h", "labelled_h", "exported_h", "judged")
    assert {name: told["totals"][name] for name in same} == {name: before[name] for name in same}
    assert (told["totals"]["simulated"], told["totals"]["simulated_h"]) == (1, 0.05)
    row = next(one for one in told["rows"] if one["asset"] == asset)
    assert (row["source"], row["success"]) == ("simulated:attempts", 1)
    found = shared.get("/api/v1/episodes", "all", asset=asset).json()["episodes"]
    assert [(one["labelled"], one["by"], one["outcome"]) for one in found] == [(True, [], "success")]


def test_a_line_of_nobodys_words_is_no_verdict():
    assert [heaviest(one) for one in (DEFECT, RISK, CLEAN, "looks good", "")] == [
        "defect", "risk", "characteristic", "", "",
    ]  # fmt: skip
