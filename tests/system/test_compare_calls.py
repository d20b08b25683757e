"""Comparisons over HTTP: by site, within limits, and what the page draws of both sides."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest
from access_world import World, packets_of
from terminal import twin

from connectors.desk.recordings import keep
from connectors.packet import decode_packet
from connectors.stores.sql import open_history
from dashboards.calls import compare as calls
from twin.clock import NS_PER_MS, NS_PER_S
from twin.recording import Recording

API, VIEW = "/api/v1/compare", "/view/compare"
ARM = "jeonju/weld/line1/R-105"
KEYS = ["signals", "events_only_a", "events_only_b", "kpis"]


@pytest.fixture(scope="module")
def world(recorded, tmp_path_factory):
    made = World(recorded, tmp_path_factory.mktemp("compare"))
    asyncio.run(made.hub.load())
    end_ns = recorded.end_ns
    for name, site, back_s in (("last", "jeonju", 4), ("before", "jeonju", 8), ("tools", "changwon", 8)):
        from_ns = end_ns - back_s * NS_PER_S
        keep(made.desk, "kim", Recording(name, site, from_ns, from_ns + 4 * NS_PER_S))
    yield made
    made.reader.close()
    made.desk.close()


def test_a_program_is_told_what_differs(world):
    answer = world.get(API, "eva", a="last", b="before", asset="R-105")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert list(told) == KEYS
    signals = {row["signal"] for row in told["signals"]}
    assert f"{ARM}:position.joint_2" in signals
    assert all(one.startswith(ARM) for one in signals)
    assert any(row["relative"] for row in told["signals"])
    assert {row["of"] for row in told["kpis"]} == {ARM}
    same = world.get(API, "eva", a="last", b="last", asset="R-105").json()
    assert {row["relative"] for row in same["signals"]} <= {0.0}
    assert (same["events_only_a"], same["events_only_b"]) == ([], [])


def test_nobody_compares_what_is_of_another_site(world):
    for path in (API, VIEW):
        assert world.get(path, a="last", b="before").status_code == 401
        refused = world.get(path, "eva", a="tools", b="last")
        assert refused.status_code == 404
        assert "changwon" not in refused.text
        assert world.get(path, "chang", a="last", b="tools").status_code == 404
        assert world.get(path, "eva", a="last", b="live", site="changwon").status_code == 404
    listed = {who: world.get(f"{VIEW}/sides", who).json() for who in ("eva", "chang", "all")}
    names = {who: [one["name"] for one in told["recordings"]] for who, told in listed.items()}
    assert names == {"eva": ["before", "last"], "chang": ["tools"], "all": ["before", "tools", "last"]}
    assert (listed["eva"]["sites"], listed["all"]["sites"]) == (["jeonju"], ["changwon", "jeonju"])


def test_who_may_export_has_it_as_a_file_and_the_trail_tells_of_it(world):
    path = f"{API}.csv"
    assert world.get(path, a="last", b="before").status_code == 401
    assert world.get(path, "vera", a="last", b="before").status_code == 403
    assert world.get(path, "eva", a="tools", b="last").status_code == 404
    answer = world.get(path, "eva", a="last", b="before", asset="R-105")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    told = world.get(API, "eva", a="last", b="before", asset="R-105").json()
    signals = [row for row in rows if row["what"] == "signal"]
    assert [row["name"] for row in signals] == [row["signal"] for row in told["signals"]]
    assert [row["rms"] for row in signals] == ["" if row["rms"] is None else str(row["rms"]) for row in told["signals"]]
    events = len(told["events_only_a"]) + len(told["events_only_b"])
    assert len(rows) == len(told["signals"]) + events + len(told["kpis"])
    assert world.acts()[-1] == ("eva", "export", "compare.csv")


def interval(world, back_s, for_s):
    begin_ms = world.clock.now_ns() / NS_PER_MS - back_s * 1000
    return f"{begin_ms}..{begin_ms + for_s * 1000}"


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"a": "last", "b": "nope"}, 404, "no recording 'nope'"),
        ({"a": "live", "b": "live"}, 400, "both live"),
        ({"a": "last", "b": "before", "align": "sideways"}, 400, "event:NAME"),
        ({"a": "last", "b": "before", "align": "clock"}, 400, "no time in common"),
        ({"a": "last", "b": "before", "align": "event:Aborting"}, 404, "both have"),
        ({"a": "last", "b": "simulated:nowhere"}, 404, "twin scenario run"),
        ({"a": "last", "b": "0..1000", "site": "jeonju"}, 400, "nothing of 'jeonju' was measured"),
        ({"a": "last", "b": "0..900000000", "site": "jeonju"}, 400, "too long"),
        ({"a": "last"}, 422, "required"),
        ({"a": "last", "b": "before", "tolerance_s": "-1"}, 422, "greater"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(world, query, status, words):
    answer = world.get(API, "eva", **query)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert words in error["what"]
    assert error["where"]
    assert error["do"]


def test_more_than_a_page_can_wait_for_is_refused(world, monkeypatch):
    monkeypatch.setattr(calls, "MAX_FRAMES", 100)
    answer = world.get(API, "eva", a="last", b="before")
    assert (answer.status_code, answer.json()["error"]["where"]) == (400, "a")
    assert "twin compare" in answer.json()["error"]["do"]
    assert world.get(API, "eva", a="last", b="before", asset="R-105").status_code == 200


def test_the_page_is_told_of_both_sides_and_draws_them(world, recorded):
    told = world.get(VIEW, "eva", a="last", b="live", asset="R-105").json()
    assert set(KEYS) < set(told)
    assert (told["start_s"], told["end_s"]) == (0, 4)
    a, b = told["a"], told["b"]
    assert (a["fixed"], a["name"], b["name"], b["origin"]) == ("last", "last", None, "live")
    assert [lane["asset"] for lane in a["lanes"]] == [ARM]
    assert a["lanes"][0]["segments"][0][0] == 0
    roles = {role for stream in a["streams"] for role in stream["columns"]}
    assert {f"joint_position#{i}" for i in range(6)} <= roles
    joint = f"{ARM}:position.joint_2"
    asked = {
        "of": b["fixed"],
        "site": "jeonju",
        "origin_ms": b["origin_ms"],
        "from_ms": b["from_ms"],
        "to_ms": b["to_ms"],
    }
    series = world.get(f"{VIEW}/trend", "eva", signal=joint, **asked).json()["series"][joint]
    assert (series["unit"], series["held"]) == ("rad", False)
    assert len(series["t_s"]) > 20
    assert 0 <= series["t_s"][0] <= series["t_s"][-1] < 4
    chunk = world.get(f"{VIEW}/chunk", "eva", of=b["fixed"], site="jeonju", from_ms=b["from_ms"], to_ms=b["to_ms"])
    history = open_history(recorded.url)
    entries = [latest for one in packets_of(chunk.content) for _, latest in decode_packet(one, history.streams())[2]]
    history.close()
    assert {one.stream.asset.split("/")[0] for one in entries} == {"jeonju"}
    assert any(one.stream.asset == ARM for one in entries)
    assert max(one.t_ns for one in entries) <= round(b["to_ms"] * NS_PER_MS)


def test_the_present_moves_on_and_is_not_drawn_by_that_name(world):
    answer = world.get(f"{VIEW}/chunk", "eva", of="live", from_ms=0, to_ms=1, site="jeonju")
    assert (answer.status_code, answer.json()["error"]["do"]) == (400, "ask for its interval, FROM..TO")
    now_ms = world.clock.now_ns() / NS_PER_MS
    much = world.get(f"{VIEW}/chunk", "eva", of="last", from_ms=now_ms - 600_000, to_ms=now_ms, hz=20)
    assert much.status_code == 400


SCENARIO = (
    'name = "twist"\nsite = "{site}"\nseed = 1\nstart = 2026-11-16T09:00:00+09:00\nduration_s = 10\nbatch_s = 5\n'
)


def test_a_scenario_beside_the_factory_file_is_a_side_of_its_site_only(world, recorded, tmp_path):
    folder = recorded.folder / "simulated"
    for site in ("jeonju", "changwon"):
        (tmp_path / "twist.toml").write_text(SCENARIO.format(site=site).replace("twist", f"twist-{site}"), "utf-8")
        assert twin("scenario", "run", tmp_path / "twist.toml", "--folder", folder).returncode == 0
    listed = world.get(f"{VIEW}/sides", "eva").json()["simulated"]
    assert [(one["said"], one["site"]) for one in listed] == [("simulated:twist-jeonju@1", "jeonju")]
    told = world.get(VIEW, "eva", a="last", b="simulated:twist-jeonju@1", asset="R-105").json()
    assert told["b"]["origin"] == "simulated:twist-jeonju@1"
    joint = f"{ARM}:position.joint_2"
    assert next(row for row in told["signals"] if row["signal"] == joint)["n"] > 0
    b = told["b"]
    asked = {"of": b["fixed"], "from_ms": b["from_ms"], "to_ms": b["from_ms"] + 4000}
    drawn = world.get(f"{VIEW}/trend", "eva", signal=joint, origin_ms=b["origin_ms"], **asked).json()["series"][joint]
    assert drawn["t_s"] == [0.0, 1.0, 2.0, 3.0]
    assert len(packets_of(world.get(f"{VIEW}/chunk", "eva", **asked).content)) > 10
    assert world.get(VIEW, "eva", a="last", b="simulated:twist-changwon@1").status_code == 404
    assert "changwon" not in json.dumps(listed)
