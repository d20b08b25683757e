"""KPIs from what is stored: the golden shift through frames, store, desk, command line and REST."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import replace
from itertools import pairwise

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from connectors.desk import Desk, notes, stops
from connectors.factory_file import factory_of
from connectors.figures import Figures
from connectors.figures.answer import answer
from connectors.plugins import asset_types
from connectors.stores.memory import MemoryStore
from connectors.stores.sql import open_history, open_store
from dashboards.app import create_app
from dashboards.cli import app as cli
from dashboards.fresh_figures import AHEAD_EVERY_S, AHEAD_SELDOM_S, FRESH_S, FreshFigures
from dashboards.live import LiveHub
from dashboards.page import Behind
from dashboards.reader import Reader
from dashboards.summary import oee
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock, ns_from_iso
from twin.errors import StoreRejected
from twin.kpi import catalogue
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of

S = NS_PER_S
START = ns_from_iso("2026-03-02T08:00:00+09:00")
ASSET = "jeonju/weld/line1/R-1"
FACTORY = """
[hub]
id = "h"
name = "h"
[[site]]
id = "jeonju"
name = { ko = "전주", en = "Jeonju" }
timezone = "Asia/Seoul"
  [site.targets]
  oee = 0.8
  [[site.shift]]
  id = "1"
  name = { ko = "1조", en = "Shift 1" }
  start = "08:00"
  end = "16:00"
  breaks = [["12:00", "12:30"]]
  [[site.stop_reason]]
  code = "tip"
  name = { ko = "팁 드레싱", en = "Tip dressing" }
  loss = "setup"
  [[site.place]]
  id = "weld/line1"
  level = "line"
  name = { ko = "용접 1라인", en = "Weld line 1" }
  [[site.asset]]
  id = "weld/line1/R-1"
  type = "robot_arm"
  name = { ko = "R-1", en = "R-1" }
  attributes = { station = 1, cycle_s = 75.0, ideal_cycle_s = 60.0 }
  [[site.asset]]
  id = "weld/EM-1"
  type = "energy_meter"
  name = { ko = "전력량계", en = "Meter" }
[[source]]
name = "x"
topics = ["x/#"]
decoder = "json_topic"
[source.options]
topic = "{site}/{asset}/{signal}"
"""
STATUS = stream_of(
    ASSET,
    "status",
    [
        Signal("good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT),
        Signal("scrap_count", Kind.COUNTER, "{part}", Role.SCRAP_COUNT),
        Signal("state", Kind.STATE, role=Role.STATE),
    ],
    period_s=10.0,
    source="x",
)
METER = stream_of("jeonju/weld/EM-1", "data", [Signal("energy", Kind.COUNTER, "kW.h", Role.ENERGY)], period_s=60.0)
# The golden shift of tests/unit/test_kpi.py, told every 10 s: seconds, state; and what the counters show from when on.
STATES = [
    (0, "Starting"), (1_200, "Execute"), (9_000, "Aborted"), (9_600, "Execute"), (14_400, "Suspended"),
    (17_400, "Execute"), (24_000, "Aborted"), (25_200, "Held"), (27_600, "Execute"),
]  # fmt: skip
GOOD = [(-10, 1000), (9_000, 1120), (14_000, 1200), (24_000, 1290), (28_790, 1300)]
SCRAP = [(-10, 7), (1_500, 12), (20_000, 27)]


def at(told, seconds):
    return [value for t, value in told if t <= seconds][-1]


def shift_frames(first_s=-10, last_s=28_800, step_s=10, gap=(0, 0)):
    times = [t for t in range(first_s, last_s + 1, step_s) if not gap[0] <= t < gap[1]]
    n = len(times)
    t_ns = np.array([START + t * S for t in times], np.int64)
    values = np.array([[at(GOOD, t), at(SCRAP, t)] for t in times], np.float64)
    texts = tuple((at([(-10, "Starting"), *STATES], t),) for t in times)
    return Frames(STATUS, t_ns, np.arange(n, dtype=np.int64), t_ns, values, np.full(n, Quality.GOOD, np.int16), texts)


def meter_frames():
    t_ns = np.array([START, START + 28_740 * S], np.int64)
    two = np.arange(2, dtype=np.int64)
    return Frames(METER, t_ns, two, t_ns, np.array([[500.0], [564.0]]), np.full(2, Quality.GOOD, np.int16))


def keep(store, *parts, n=1):
    batch = batch_of("ingest", n, START + 40_000 * S, parts)
    store.append(Commit(batch), lambda _: Folded((), ()))


def small_factory(tmp_path):
    return factory_of(FACTORY.encode(), tmp_path / "factory.toml", {})


@pytest.fixture
def factory(tmp_path):
    (tmp_path / "factory.toml").write_text(FACTORY, encoding="utf-8")
    return small_factory(tmp_path)


@pytest.fixture
def url(tmp_path):
    place = f"sqlite:///{tmp_path}/twin.db"
    store = open_store(place)
    keep(store, shift_frames(), meter_frames())
    store.close()
    return place


def of(told, level):
    return next(row for row in told["rows"] if row["level"] == level)


def run(*arguments):
    found = CliRunner().invoke(cli, ["kpi", *arguments])
    return found.exit_code, found.stdout


SPAN = ("--from", "2026-03-02T08:00:00+09:00", "--to", "2026-03-02T16:00:00+09:00")


def test_the_command_gives_the_shift_as_computed_by_hand(url, factory):
    code, text = run("--url", url, "--json", *SPAN)
    assert code == 0
    told = json.loads(text)
    row = of(told, "asset")
    value = {name: one["value"] for name, one in row["kpis"].items()}
    assert value["availability"] == pytest.approx(20_400 / 27_000, abs=0)
    assert value["effectiveness"] == 60 * 320 / 20_400
    assert value["quality_ratio"] == 300 / 320
    assert value["oee"] == 18_000 / 27_000
    assert value["mtbf"] == (21_600 + 1_800) / 3
    assert row["kpis"]["mtbf"]["other"] == {"convention": "FE", "value": (21_600 + 1_800) / 2}
    assert value["mttr"] == 600.0
    assert value["throughput"] == 320 / 7.5
    assert value["takt_time"] is None
    assert row["kpis"]["takt_time"]["why_none"] == "neither takt nor demand is given"
    assert row["kpis"]["availability"]["inputs"] == {"APT": 20_400.0, "PBT": 27_000.0}
    assert (row["coverage"], row["part"], row["line"]) == (1.0, None, "jeonju/weld/line1")
    assert row["losses_s"]["breakdown"] == 4_200.0
    line = of(told, "line")
    assert line["kpis"]["oee"]["value"] == value["oee"]
    assert line["kpis"]["energy_per_part"]["value"] == 64 / 320
    assert row["kpis"]["energy_per_part"]["value"] is None
    assert row["targets"] == {"oee": 0.8}


def test_the_other_convention_a_line_and_each_shift_can_be_asked_for(url, factory):
    _, text = run("--url", url, "--json", *SPAN, "--convention", "FE", "--asset", "R-1")
    (row,) = json.loads(text)["rows"]
    assert (row["kpis"]["mtbf"]["value"], row["kpis"]["mtbf"]["convention"]) == ((21_600 + 1_800) / 2, "FE")
    _, text = run("--url", url, "--json", *SPAN, "--line", "weld/line1", "--by", "shift")
    (row,) = json.loads(text)["rows"]
    assert (row["level"], row["shift"], row["day"]) == ("line", "1", "2026-03-02")
    assert run("--url", url, *SPAN)[0] == 0
    assert run("--url", url, *SPAN, "--by", "week")[0] == 2
    assert run("--url", url, "--from", "yesterday")[0] == 2
    assert run("--url", url, *SPAN, "--site", "busan")[0] == 1


def test_without_a_factory_file_there_is_no_oee_and_the_reason_is_told(tmp_path, url):
    code, text = run("--url", url, "--json", *SPAN)
    assert code == 0
    oee = of(json.loads(text), "asset")["kpis"]["oee"]
    assert oee["value"] is None
    assert "planned run time" in oee["why_none"]


@pytest.fixture(params=["sqlite", "memory", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    """(a writing store, its reading side)."""
    if request.param == "memory":
        made = MemoryStore()
        yield made, made
        return
    with contextlib.ExitStack() as stack:
        place = f"sqlite:///{tmp_path}/kept.db"
        if request.param == "postgresql":
            place = stack.enter_context(request.getfixturevalue("new_database")())
        made = open_store(place)
        stack.callback(made.close)
        history = open_history(place)
        stack.callback(history.close)
        yield made, history


def test_every_store_answers_alike_and_late_frames_count_at_once(store, tmp_path):
    writing, history = store
    factory = small_factory(tmp_path)
    figures = Figures(factory.hub)
    end = START + 28_800 * S

    def coverage_and_oee():
        told = answer(figures, figures.look(history, end + 3_600 * S), START, end, asset="R-1")
        return told["rows"][0]["coverage"], told["rows"][0]["kpis"]["oee"]["value"]

    keep(writing, shift_frames(gap=(5_000, 6_000)))
    thin, _ = coverage_and_oee()
    # Silent from 30 s behind the last frame at 4,990 s until the next one at 6,000 s: 980 s of 27,000.
    assert thin == pytest.approx(1 - 980 / 27_000)
    assert coverage_and_oee()[0] == thin
    late = shift_frames(first_s=5_000, last_s=5_990)
    keep(writing, replace(late, seq=late.seq + 100_000), n=2)
    assert coverage_and_oee() == (1.0, 18_000 / 27_000)


def test_two_halves_of_a_shift_add_up_to_it_and_a_failure_counts_once(url, factory):
    history = open_history(url)
    figures = Figures(factory.hub)
    asked = figures.look(history, START + 30_000 * S)
    site = factory.hub.sites[0]
    whole = figures.totals(asked, site, ASSET, START, START + 28_800 * S)
    for cut_s in (0, 1_234, 9_300, 14_400, 15_000, 24_500, 28_800):
        a = figures.totals(asked, site, ASSET, START, START + cut_s * S)
        b = figures.totals(asked, site, ASSET, START + cut_s * S, START + 28_800 * S)
        assert replace(a + b, without_ideal=0, startup_scrap=0, ideal_startup_ns=0) == replace(
            whole, without_ideal=0, startup_scrap=0, ideal_startup_ns=0
        )
    history.close()


def test_a_reason_changes_the_figures_at_once_and_its_history_stays(url, factory):
    desk = Desk(url, ManualClock(START + 30_000 * S))
    first = stops.tell(desk, "kim", ASSET, START + 25_200 * S, START + 27_600 * S, "mechanical")
    _, text = run("--url", url, "--json", *SPAN, "--asset", "R-1")
    assert json.loads(text)["rows"][0]["totals"]["down_s"] == 4_200.0
    corrected = stops.tell(desk, "lee", ASSET, first.start_ns, first.end_ns, "meeting", "교육", first.stop)
    _, text = run("--url", url, "--json", *SPAN, "--asset", "R-1")
    row = json.loads(text)["rows"][0]
    assert (row["totals"]["down_s"], row["totals"]["planned_s"]) == (1_800.0, 24_600.0)
    assert row["kpis"]["oee"]["value"] == 18_000 / 24_600
    assert [one.code for one in stops.history(desk, first.stop)] == ["mechanical", "meeting"]
    assert [one.n for one in stops.told(desk, START, START + 28_800 * S)] == [corrected.n]
    assert stops.told(desk, START, START + 28_800 * S, as_of_ns=START) == []
    stops.withdraw(desk, "lee", first.stop)
    assert stops.told(desk, START, START + 28_800 * S) == []
    with pytest.raises(StoreRejected, match="ends after"):
        stops.tell(desk, "kim", ASSET, START, START, "jam")
    with pytest.raises(StoreRejected, match="nobody told"):
        stops.tell(desk, "kim", "jeonju/other", START, START + S, "jam", stop=first.stop)
    desk.close()


def test_a_sites_own_reason_is_in_its_catalogue(factory):
    causes = catalogue(factory.hub.sites[0].stop_reasons)
    assert causes["tip"].name.ko == "팁 드레싱"
    assert "mechanical" in causes


class Web:
    """The pages over a store, with a clock that is set (mutable)."""

    def __init__(self, factory, url, tmp_path, now_ns) -> None:
        self.clock = ManualClock(now_ns)
        self.reader = Reader(lambda: open_history(url), self.clock)
        self.hub = LiveHub(factory.hub, asset_types(), self.reader, self.clock)
        self.desk = Desk(url, self.clock)
        self.behind = Behind(factory, self.hub, self.reader, self.desk, self.clock, tmp_path)
        self.app = create_app(self.behind, _nothing)

    def ask(self, method, path, **how):
        async def asking():
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8050") as client:
                return await client.request(method, path, **how)

        return asyncio.run(asking())

    def get(self, path, **params):
        return self.ask("GET", path, params=params)


@contextlib.asynccontextmanager
async def _nothing():
    yield


@pytest.fixture
def web(factory, url, tmp_path):
    made = Web(factory, url, tmp_path, START + 28_900 * S)
    asyncio.run(made.hub.load())
    yield made
    made.desk.close()
    made.reader.close()


def test_rest_and_command_say_the_same(web, url):
    span = {"from": "2026-03-02T08:00:00+09:00", "to": "2026-03-02T16:00:00+09:00"}
    for more in ({}, {"by": "shift"}, {"line": "weld/line1", "convention": "FE"}, {"asset": ASSET}):
        rest = web.get("/api/v1/kpi", **span, **more).json()
        options = [part for name, value in more.items() for part in (f"--{name}", value)]
        command = json.loads(run("--url", url, "--json", *SPAN, *options)[1])
        assert rest["rows"] == command["rows"]
        assert rest["rows"]
    assert web.get("/api/v1/kpi", by="week").status_code == 400
    assert web.get("/api/v1/kpi", convention="x").status_code == 400
    assert web.get("/api/v1/kpi", site="busan").status_code == 404


def test_a_reason_given_on_the_page_moves_the_pages_figures(web):
    shift = {"scope": "jeonju/weld/line1", "span": "shift"}
    found = web.get("/view/kpi/stops", **shift).json()
    assert found["may_tell"]
    group = next(one for one in found["groups"] if one["state"] == "Held")
    assert (group["bucket"], group["count"], group["s"]) == ("down", 1, 2_400.0)
    stop = group["stops"][0]
    body = {"asset": ASSET, "from_ms": stop["from_ms"], "to_ms": stop["to_ms"], "code": "tip", "note": "2회"}
    before = web.get("/view/kpi/figures", **shift).json()["row"]
    assert web.ask("POST", "/view/kpi/stops", json=body).status_code == 200
    after = web.get("/view/kpi/figures", **shift).json()["row"]
    assert after["totals"]["setup_s"] - before["totals"]["setup_s"] == 2_400.0
    group = next(one for one in web.get("/view/kpi/stops", **shift).json()["groups"] if one["code"] == "tip")
    assert (group["bucket"], group["stops"][0]["note"], group["stops"][0]["who"]) == ("setup", "2회", "local")
    undone = {**body, "code": "", "note": "", "stop": group["stops"][0]["stop"]}
    assert web.ask("POST", "/api/v1/stops", json=undone).status_code == 200
    assert web.get("/view/kpi/figures", **shift).json()["row"]["totals"] == before["totals"]
    history = web.get("/view/kpi/history", stop=undone["stop"]).json()["told"]
    assert [one["code"] for one in history] == ["tip", ""]
    # As of before it was told, it counts for nothing; and then nothing is changed from there.
    past = web.get("/view/kpi/stops", as_of_ms=START / NS_PER_MS + 28_850_000, **shift).json()
    assert not past["may_tell"]


def test_what_is_told_wrongly_is_refused_with_what_to_do(web):
    good = {"asset": ASSET, "from_ms": 1.0, "to_ms": 2.0, "code": "jam"}
    for change, status in (
        ({"code": "nonsense"}, 400), ({"asset": "jeonju/none"}, 404), ({"to_ms": 0.5}, 400), ({"code": ""}, 400),
        ({"asset": "busan/x"}, 404), ({"more": 1}, 422), ({"note": "x" * 501}, 400),
    ):  # fmt: skip
        told = web.ask("POST", "/view/kpi/stops", json={**good, **change})
        assert told.status_code == status, change
        assert told.json()["error"]["do"]
    assert web.ask("POST", "/view/kpi/stops", content=b"{}").status_code == 415
    assert web.get("/api/v1/stops").json() == {"stops": []}
    assert web.get("/view/kpi/figures", scope="jeonju/nowhere").status_code == 404
    assert web.get("/view/kpi/figures", scope="jeonju", span="year").status_code == 400


def test_lanes_tile_the_shift_and_keep_every_failure(web):
    told = web.get("/view/kpi/lanes", scope="jeonju", span="shift").json()
    (lane,) = told["lanes"]
    parts = lane["parts"]
    assert parts[0][0] == told["time"]["from_ms"]
    assert parts[-1][1] == told["time"]["to_ms"]
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    assert [one[2] for one in parts].count("failed") == 2
    assert lane["availability"] == 20_400 / 27_000


def test_a_shift_is_signed_once_over_and_a_later_reason_shows(web):
    report = web.get("/view/report", site="jeonju", day="2026-03-02", shift="1").json()
    assert report["over"]
    assert report["alarms"] == []
    of_shift = {"site": "jeonju", "day": "2026-03-02", "shift": "1"}
    assert web.ask("POST", "/view/report/notes", json={**of_shift, "text": "팁 교체 필요"}).status_code == 200
    stale = web.ask("POST", "/view/report/sign", json={**of_shift, "sha256": report["sha256"]})
    assert stale.status_code == 409
    report = web.get("/view/report", **of_shift).json()
    assert [one["text"] for one in report["notes"]] == ["팁 교체 필요"]
    assert web.ask("POST", "/view/report/sign", json={**of_shift, "sha256": report["sha256"]}).status_code == 200
    (signed,) = web.get("/view/report", **of_shift).json()["signatures"]
    assert (signed["who"], signed["holds"], signed["changed"]) == ("local", True, [])
    held = {"asset": ASSET, "from_ms": (START + 25_200 * S) / NS_PER_MS, "to_ms": (START + 27_600 * S) / NS_PER_MS}
    assert web.ask("POST", "/view/kpi/stops", json={**held, "code": "meeting"}).status_code == 200
    (signed,) = web.get("/view/report", **of_shift).json()["signatures"]
    assert not signed["holds"]
    changed = {one["kpi"]: (one["signed"], one["now"]) for one in signed["changed"] if one["of"] == "jeonju"}
    assert changed["oee"] == (18_000 / 27_000, 18_000 / 24_600)


def test_a_shift_that_is_none_is_not_reported_and_an_empty_note_is_none(web):
    for day, shift in (("2026-03-01", "9"), ("2026-13-01", "1"), ("2027-03-02", "1")):
        assert web.get("/view/report", site="jeonju", day=day, shift=shift).status_code in (400, 404)
    with pytest.raises(StoreRejected, match="characters"):
        notes.write(web.desk, "kim", notes.ShiftOf("jeonju", "2026-03-02", "1"), "  ")


def test_a_running_shift_cannot_be_signed(factory, url, tmp_path):
    web = Web(factory, url, tmp_path, START + 20_000 * S)
    asyncio.run(web.hub.load())
    report = web.get("/view/report", site="jeonju").json()
    assert not report["over"]
    body = {"site": "jeonju", "day": "2026-03-02", "shift": "1", "sha256": report["sha256"]}
    assert web.ask("POST", "/view/report/sign", json=body).status_code == 409
    now = web.get("/view/kpi/now", site="jeonju").json()
    assert now["target"] == 0.8
    assert now["oee"]["value"] == report["rows"][0]["kpis"]["oee"]["value"]
    trend = web.get("/view/kpi/trend", scope="jeonju", back=1).json()
    assert trend["row"] is None  # nothing was stored before this shift
    web.desk.close()
    web.reader.close()


def test_a_shift_of_a_site_is_answered_fast_the_second_time(factory, url):
    history = open_history(url)
    figures = Figures(factory.hub)
    answer(figures, figures.look(history, START + 30_000 * S), START, START + 28_800 * S)
    began = time.perf_counter()
    answer(figures, figures.look(history, START + 30_000 * S), START, START + 28_800 * S)
    assert time.perf_counter() - began < 1.0
    history.close()


def test_what_is_made_ahead_is_found_made_until_it_is_old_or_somebody_tells_of_a_stop(web):
    fresh = FreshFigures(web.behind)
    made = []
    record = fresh.figures._record
    fresh.figures._record = lambda asked, site, asset, *span: made.append(asset) or record(asked, site, asset, *span)
    fresh.make_ahead()
    once, key = len(made), fresh.key(None)
    assert ASSET in made
    assert key[0] == "ahead"
    seen = fresh.look(key, lambda: pytest.fail("it was made"))
    site = web.behind.factory.hub.sites[0]
    span = oee.time_of(site, "shift", seen.now_ns)
    scope = fresh.figures.scopes(seen.asked, site)[0]
    oee.figures_json(fresh.figures, seen.asked, site, scope, span)
    assert len(made) == once, "the page finds all of it"
    assert AHEAD_EVERY_S <= fresh.every_s <= AHEAD_SELDOM_S
    web.clock.advance(fresh.every_s + FRESH_S)
    assert fresh.key(None)[0] == "live"
    fresh.make_ahead()
    assert fresh.key(None)[0] == "ahead"
    fresh.told()
    assert fresh.key(None)[0] == "live"
    assert fresh.key(5.0)[:2] == ("past", 5.0)
