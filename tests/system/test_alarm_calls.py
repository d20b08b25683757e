"""Alarms over REST and in the terminal: what is active, the journal, figures, and what people do."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json

import httpx
import pytest
from alarmed import Alarmed
from sqlalchemy import select
from typer.testing import CliRunner

from connectors.desk.tables import audit
from connectors.plugins import asset_types
from connectors.stores.sql import open_history
from dashboards.access import gate
from dashboards.access.auth import LOCAL
from dashboards.app import create_app
from dashboards.cli import app
from dashboards.live import LiveHub
from dashboards.page import Behind
from dashboards.reader import Reader
from twin.clock import NS_PER_MS
from twin.policy import Person, Role

ACTIONS = "/api/v1/alarms/actions"


@contextlib.asynccontextmanager
async def _nothing():
    yield


class Web:
    """The pages over a plant whose alarms are folded beside them (mutable)."""

    def __init__(self, plant: Alarmed, folder, *, runs: bool = False) -> None:
        self.plant = plant
        self.reader = Reader(lambda: open_history(plant.url), plant.clock)
        self.hub = LiveHub(plant.factory.hub, asset_types(), self.reader, plant.clock)
        behind = Behind(plant.factory, self.hub, self.reader, plant.desk, plant.clock, folder)
        self.app = create_app(behind, self._living if runs else _nothing)
        self.person = LOCAL

    @contextlib.asynccontextmanager
    async def _living(self):
        await self.hub.load()
        task = asyncio.create_task(self.hub.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _ask(self, method, path, **how) -> httpx.Response:
        gate.LOCAL = self.person
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8050") as client:
            return await client.request(method, path, **how)

    def get(self, path, **params) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, params=params or None))

    def do(self, kind, alarm, **rest) -> httpx.Response:
        return asyncio.run(self._ask("POST", ACTIONS, json={"actions": [{"kind": kind, "alarm": alarm, **rest}]}))


@pytest.fixture(autouse=True)
def _nobody_stays():
    """Whoever a test asks as is gone with it."""
    yield
    gate.LOCAL = LOCAL


@pytest.fixture
def plant(demo_factory, tmp_path):
    made = Alarmed(demo_factory, f"sqlite:///{tmp_path / 'twin.db'}")
    made.step(seconds=3)
    yield made
    made.close()


@pytest.fixture
def web(plant, tmp_path):
    made = Web(plant, tmp_path)
    yield made
    made.reader.close()


def letters(web, **params):
    return {row["id"]: row["letter"] for row in web.get("/api/v1/alarms", **params).json()["alarms"]}


def test_an_alarm_tells_its_value_its_limit_and_what_to_do(web, plant):
    assert web.get("/api/v1/alarms").json()["alarms"] == []
    plant.step(effort=312.0)
    (row,) = web.get("/api/v1/alarms").json()["alarms"]
    assert (row["id"], row["priority"], row["letter"], row["waits"]) == (plant.torque, 2, "B", True)
    assert (row["value"], row["limit"], row["site"]) == (312.0, 280.0, "jeonju")
    assert row["name"]["en"] == "Joint torque beyond its limit"
    assert row["action"]["ko"].startswith("로봇을 정지")
    assert "acknowledge" in row["can"]
    assert "reset" not in row["can"]


def test_the_most_urgent_comes_first_and_what_is_asked_for_is_chosen(web, plant):
    plant.step(vibration=30.0)
    plant.step(effort=312.0, vibration=30.0)
    rows = web.get("/api/v1/alarms").json()["alarms"]
    assert [row["priority"] for row in rows] == [1, 2]
    assert list(letters(web, site="jeonju")) == [plant.torque]
    assert list(letters(web, priority=1)) == [plant.vibration]
    assert list(letters(web, asset=plant.mill.rpartition("/")[0])) == [plant.vibration]
    assert web.get("/api/v1/alarms", site="busan").status_code == 404
    load = web.get("/api/v1/alarms").json()["load"]
    assert [len(load[site]["recent_ms"]) for site in ("jeonju", "changwon")] == [1, 1]
    assert not load["jeonju"]["flood"]


def test_who_acknowledges_is_in_the_journal_and_in_the_trail(web, plant):
    plant.step(effort=312.0)
    (row,) = web.get("/api/v1/alarms").json()["alarms"]
    web.person = Person("김현우", Role.OPERATOR, frozenset({"jeonju"}))
    answer = web.do("acknowledge", plant.torque, occurrence=row["occurrence"], why="확인했음")
    assert answer.status_code == 200
    assert answer.json()["actions"][0]["alarm"] == plant.torque
    plant.step(effort=312.0)
    assert letters(web) == {plant.torque: "C"}
    entry = web.get("/api/v1/alarms/journal", limit=1).json()["journal"][0]
    assert (entry["kind"], entry["who"], entry["why"]) == ("AlarmAcknowledged", "김현우", "확인했음")
    plant.step(seconds=20)
    over = web.get("/api/v1/alarms/journal", kind="AlarmCleared").json()["journal"][0]
    assert (over["who"], over["why"]) == ("", "")
    with plant.desk.reading() as connection:
        (trail,) = connection.execute(select(audit)).all()
    assert (trail.who, trail.act, trail.subject) == ("김현우", "alarm.acknowledge", plant.torque)
    again = web.do("acknowledge", plant.torque)
    assert (again.status_code, again.json()["error"]["what"]) == (409, "there is nothing to acknowledge")


def test_shelving_needs_a_reason_and_ends_by_itself(web, plant):
    plant.step(effort=312.0)
    assert web.do("shelve", plant.torque, for_s=60).status_code == 409
    assert web.do("shelve", plant.torque, for_s=60, why="sensor is being changed\x00").status_code == 200
    plant.step(effort=312.0)
    (row,) = web.get("/api/v1/alarms").json()["alarms"]
    assert (row["letter"], row["why"]) == ("G", "sensor is being changed")
    assert row["shelved_until_ms"] == plant.clock.now_ns() / NS_PER_MS + 60_000
    plant.step(effort=312.0, seconds=61)
    assert letters(web)[plant.torque] == "B"


def test_a_right_is_asked_for_at_the_site_of_the_alarm(web, plant):
    plant.step(effort=312.0, vibration=30.0, seconds=3)
    operator = Person("lee", Role.OPERATOR, frozenset({"jeonju"}))
    for person, kind, alarm, status in (
        (Person("park", Role.VIEWER), "acknowledge", plant.torque, 403),
        (operator, "acknowledge", plant.vibration, 403),
        (operator, "suppress", plant.torque, 403),
        (operator, "shelve", plant.torque, 200),
        (Person("choi", Role.ENGINEER), "take_out_of_service", plant.vibration, 200),
    ):
        web.person = person
        assert web.do(kind, alarm, why="because", for_s=60).status_code == status, (person, kind)
    plant.step(effort=312.0, vibration=30.0)
    told = letters(web)
    assert (told[plant.torque], told[plant.vibration]) == ("G", "I")


def test_a_latched_alarm_is_reset_when_it_is_over_and_acknowledged(web, plant):
    plant.step(vibration=30.0, seconds=3)
    assert web.do("reset", plant.vibration).status_code == 409
    plant.step(seconds=10)
    assert letters(web) == {plant.vibration: "E"}
    assert web.do("acknowledge", plant.vibration).status_code == 200
    plant.step()
    assert letters(web) == {plant.vibration: "F"}
    assert web.do("reset", plant.vibration).status_code == 200
    plant.step()
    assert letters(web) == {}


def test_files_are_for_those_who_may_and_the_trail_tells_of_them(web, plant):
    plant.step(effort=312.0)
    web.person = Person("park", Role.VIEWER)
    assert web.get("/api/v1/alarms/active.csv").status_code == 403
    web.person = Person("kim", Role.OPERATOR, frozenset({"jeonju"}))
    assert web.get("/api/v1/alarms/journal.csv", site="changwon").status_code == 404
    answer = web.get("/api/v1/alarms/active.csv", site="jeonju", lang="ko")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = list(csv.reader(answer.content.decode("utf-8-sig").splitlines()))
    told = dict(zip(head, row, strict=True))
    assert (told["id"], told["value"], told["name"]) == (plant.torque, "312.0", "관절 토크 한계 초과")
    journal = web.get("/api/v1/alarms/journal.csv", site="jeonju", lang="en").content.decode("utf-8-sig").splitlines()
    assert len(journal) == 2
    with plant.desk.reading() as connection:
        trail = [(row.who, row.act, row.subject) for row in connection.execute(select(audit))]
    assert trail == [("kim", "export", "alarms.csv"), ("kim", "export", "alarm-journal.csv")]


def test_a_reason_that_a_spreadsheet_would_run_is_text_in_the_file(web, plant):
    plant.step(effort=312.0)
    assert web.do("shelve", plant.torque, why="=1+1", for_s=60).status_code == 200
    plant.step(effort=312.0)
    assert ",'=1+1," in web.get("/api/v1/alarms/active.csv").text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"actions": [{"kind": "acknowledge", "alarm": "jeonju/none:torque"}]}, 404),
        ({"actions": [{"kind": "suppress", "alarm": "ARM:torque_hihi:made up", "why": "x"}]}, 404),
        ({"actions": [{"kind": "delete", "alarm": "ARM:torque_hihi:effort"}]}, 422),
        ({"actions": [{"kind": "shelve", "alarm": "ARM:torque_hihi:effort", "why": "x", "for_s": 1e6}]}, 409),
        ({"actions": [{"kind": "shelve", "alarm": "ARM:torque_hihi:effort", "why": "x" * 501, "for_s": 60}]}, 422),
        ({"actions": []}, 422),
        ([], 422),
    ],
)
def test_what_cannot_be_asked_says_why(web, plant, body, status):
    text = json.dumps(body).replace("ARM", plant.arm)
    answer = asyncio.run(web._ask("POST", ACTIONS, content=text, headers={"content-type": "application/json"}))
    assert (answer.status_code, bool(answer.json()["error"]["what"])) == (status, True)


def test_of_several_actions_none_is_done_where_one_cannot_be(web, plant):
    plant.step(effort=312.0)
    one = {"kind": "acknowledge", "alarm": plant.torque}
    answer = asyncio.run(web._ask("POST", ACTIONS, json={"actions": [one, {**one, "alarm": plant.vibration}]}))
    assert answer.status_code == 409
    plant.step(effort=312.0)
    assert letters(web) == {plant.torque: "B"}


def test_the_past_is_told_as_it_was(web, plant):
    plant.step(effort=312.0)
    then = plant.clock.now_ns() // NS_PER_MS
    plant.step(seconds=20)
    assert letters(web) == {plant.torque: "D"}
    assert letters(web, as_of=then) == {plant.torque: "B"}
    assert letters(web, as_of=then - 2000) == {}
    kinds = [entry["kind"] for entry in web.get("/api/v1/alarms/journal", as_of=then).json()["journal"]]
    assert kinds == ["AlarmRaised"]
    entries = web.get("/api/v1/alarms/journal", kind="AlarmCleared", alarm=plant.torque).json()["journal"]
    assert [entry["kind"] for entry in entries] == ["AlarmCleared"]


def test_the_figures_of_the_alarm_system_are_those_of_the_site(web, plant):
    plant.step(effort=312.0)
    web.do("acknowledge", plant.torque)
    plant.step(effort=312.0)
    found = web.get("/api/v1/alarms/performance", site="jeonju").json()
    assert found["count"] == 1
    assert found["by_priority"] == {"1": 0, "2": 1, "3": 0, "4": 0}
    assert found["top"][0]["alarm"] == plant.torque
    assert found["top"][0]["name"]["ko"] == "관절 토크 한계 초과"
    assert found["acknowledged_after_s"] == 1.0
    assert web.get("/api/v1/alarms/performance", site="changwon").json()["count"] == 0
    empty = web.get("/api/v1/alarms/performance", **{"from": 1000, "to": 1000}).json()
    assert empty["average_per_ten_minutes"] is None


def test_an_alarm_is_a_mark_on_the_time_bar_unless_it_was_hidden(web, plant):
    plant.step(state="Aborted")
    span = {"from_ms": plant.clock.now_ns() / NS_PER_MS - 60_000, "to_ms": plant.clock.now_ns() / NS_PER_MS + 60_000}
    marks = [one for one in web.get("/view/lanes", **span).json()["events"] if one["kind"] == "AlarmRaised"]
    assert [(one["asset"], one["signal"], one["after"]) for one in marks] == [(plant.arm, "aborted", "2")]
    web.do("suppress", plant.torque, why="follows from the stop")
    plant.step(effort=312.0, state="Aborted")
    marks = [one for one in web.get("/view/lanes", **span).json()["events"] if one["kind"] == "AlarmRaised"]
    assert [one["signal"] for one in marks] == ["aborted"]


def test_every_answer_is_as_it_is_described(web, plant):
    plant.step(effort=312.0)
    described = web.get("/api/v1/openapi.json").json()
    schemas = described["components"]["schemas"]
    for path, name, rows in (
        ("/api/v1/alarms", "AlarmsAnswer", ("alarms", "AlarmModel")),
        ("/api/v1/alarms/journal", "JournalAnswer", ("journal", "AlarmEntryModel")),
        ("/api/v1/alarms/performance", "AlarmFiguresAnswer", ("top", "OftenModel")),
    ):
        answer = web.get(path).json()
        assert answer.keys() == schemas[name]["properties"].keys()
        assert answer[rows[0]][0].keys() == schemas[rows[1]]["properties"].keys()
        assert path in described["paths"]


# The terminal


def run(*arguments):
    return CliRunner().invoke(app, ["alarms", *arguments])


@pytest.fixture
def file(plant, tmp_path):
    from importlib.resources import files

    path = tmp_path / "factory.toml"
    path.write_text((files("dashboards") / "demo" / "factory.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_the_terminal_tells_what_rest_tells(web, plant, file):
    plant.step(effort=312.0)
    plant.step(seconds=20)
    given = run("--url", plant.url, "--factory", str(file), "--json", "--from", "0")
    assert given.exit_code == 0, given.output
    told = json.loads(given.stdout)
    assert told["active"] == web.get("/api/v1/alarms").json()["alarms"]
    assert told["journal"] == web.get("/api/v1/alarms/journal").json()["journal"]
    only = json.loads(run("--url", plant.url, "--json", "--active").stdout)
    assert only == {"active": told["active"]}, "the factory file beside the store gives the names"


def test_the_terminal_tells_people_with_shapes_and_what_to_do(plant, file):
    plant.step(effort=312.0)
    told = run("--url", plant.url, "--factory", str(file), "--active", "--lang", "ko").stdout
    assert "▲ 2" in told
    assert "관절 토크 한계 초과  312 (limit 280)" in told
    assert "로봇을 정지하고" in told


def test_the_terminal_tells_the_past(plant):
    plant.step(effort=312.0)
    then = plant.clock.now_ns() // NS_PER_MS
    plant.step(seconds=20)
    told = json.loads(run("--url", plant.url, "--json", "--to", str(then + 1), "--asset", "jeonju").stdout)
    assert [(row["letter"], row["name"]["en"]) for row in told["active"]] == [("B", "torque_hihi")], "no file, no name"
    assert [entry["kind"] for entry in told["journal"]] == ["AlarmRaised"]
    assert json.loads(run("--url", plant.url, "--json", "--asset", "changwon").stdout) == {"active": [], "journal": []}


@pytest.mark.parametrize("wrong", [(), ("--lang", "fr"), ("--from", "yesterday"), ("--from", "2000", "--to", "1000")])
def test_the_terminal_says_what_was_asked_wrongly(plant, wrong):
    given = run(*(("--url", plant.url, *wrong) if wrong else ()))
    assert given.exit_code == 2
