"""What the Trends page asks for: pens by roll-ups, what happened meanwhile, groups, exports and their trail."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import select
from test_rest import Web

from connectors.desk import Desk
from connectors.desk.tables import audit
from dashboards.access import gate
from dashboards.access.auth import LOCAL
from dashboards.app import create_app
from dashboards.page import Asked
from dashboards.pages.trends import PAGE
from twin.clock import NS_PER_MS
from twin.policy import Person, Role
from twin.shifts import Shift
from twin.site import Name

POWER = "jeonju/weld/line1/R-105:power"
TORQUE = "jeonju/weld/line1/R-105:effort.joint_2"
FAR = "changwon/machining/line1/MT-01:power"
STATE = "jeonju/weld/line1/R-105:state"
GROUP = {"name_ko": "용접", "name_en": "", "pens": [TORQUE, POWER], "span_s": 600.0, "shift_s": 3600.0}


@pytest.fixture(autouse=True)
def _nobody_stays():
    """Whoever a test asks as is gone with it."""
    yield
    gate.LOCAL = LOCAL


@pytest.fixture
def web(recorded, tmp_path):
    made = Web(recorded)
    made.behind = replace(made.behind, desk=Desk(f"sqlite:///{tmp_path}/twin.db", made.clock))
    made.app = create_app(made.behind, nullcontext)
    made.span = {"from_ms": recorded.start_ns // NS_PER_MS, "to_ms": recorded.end_ns // NS_PER_MS + 1}
    asyncio.run(made.hub.load())
    yield made
    gate.LOCAL = LOCAL
    made.behind.desk.close()
    made.reader.close()


def ask(web, method, path, who=LOCAL, **how):
    async def asked():
        gate.LOCAL = who
        return await web.ask(method, path, **how)

    return asyncio.run(asked())


def acts(web):
    with web.behind.desk.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.n)).all()
    return [(row.who, row.act, row.subject, json.loads(row.detail)) for row in rows]


def test_every_sample_is_in_the_table_and_the_export_on_the_trail(web, recorded):
    answer = ask(web, "GET", "/view/trend.csv", params={"pen": [POWER, TORQUE], **web.span})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head == ["time_utc", f"{POWER} [W]", f"{TORQUE} [N.m]"]
    history = web.reader.history()
    for at, signal in ((1, POWER), (2, TORQUE)):
        name = signal.partition(":")[2]
        stream = next(
            s
            for s in history.streams().values()
            if s.asset == signal.partition(":")[0] and any(c.name == name for c in s.columns)
        )
        series = history.samples(stream.id, name, recorded.start_ns, recorded.end_ns + NS_PER_MS, 10**9)
        assert series.raw
        assert [float(row[at]) for row in rows if row[at]] == series.mean.tolist()
    (who, act, subject, detail) = acts(web)[-1]
    assert (who, act, subject, detail["pens"]) == ("local", "export", "trend.csv", [POWER, TORQUE])


def test_points_as_drawn_have_their_least_and_greatest(web):
    answer = ask(web, "GET", "/view/trend.csv", params={"pen": [TORQUE], "max_points": 20, **web.span})
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert len(head) == 4
    assert 0 < len(rows) <= 20
    assert all(float(low) <= float(mean) <= float(high) for _, low, mean, high in rows)


def test_a_table_of_the_past_ends_at_its_moment(web, recorded):
    as_of = recorded.start_ns // NS_PER_MS + 60_000
    answer = ask(web, "GET", "/view/trend.csv", params={"pen": [POWER], "as_of_ms": as_of, **web.span})
    assert (
        0
        < answer.content.count(b"\n")
        < ask(web, "GET", "/view/trend.csv", params={"pen": [POWER], **web.span}).content.count(b"\n")
    )


def test_a_picture_is_noted_before_it_is_made(web):
    body = {"pens": [POWER], **web.span}
    assert ask(web, "POST", "/view/trend.png", json=body).status_code == 204
    assert acts(web)[-1][1:3] == ("export", "trend.png")


def test_who_may_not_export_gets_nothing_and_leaves_no_trail(web):
    viewer = Person("viewer", Role.VIEWER)
    far = Person("far", Role.OPERATOR, frozenset({"changwon"}))
    for who, status in ((viewer, 403), (far, 404)):
        assert ask(web, "GET", "/view/trend.csv", who, params={"pen": [POWER], **web.span}).status_code == status
        assert ask(web, "POST", "/view/trend.png", who, json={"pens": [POWER], **web.span}).status_code == status
    assert acts(web) == []


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"pen": [STATE]}, 400),
        ({"pen": ["jeonju/none:power"]}, 404),
        ({"pen": ["power"]}, 400),
        ({"pen": []}, 422),
        ({"pen": [POWER] * 13}, 422),
        ({"pen": [POWER], "to_ms": 0}, 400),
        ({"pen": [POWER], "from_ms": 0}, 400),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_words(web, params, status):
    answer = ask(web, "GET", "/view/trend.csv", params={**web.span, **params})
    assert answer.status_code == status
    assert answer.json()["error"]["what"]


def test_a_group_is_kept_shared_and_removed(web):
    kept = ask(web, "POST", "/view/pens", json=GROUP).json()
    assert kept["name"] == {"ko": "용접", "en": "용접"}
    assert kept["mine"]
    other = Person("lee", Role.OPERATOR)
    assert ask(web, "GET", "/view/pens", other).json()["groups"] == []
    assert ask(web, "POST", "/view/pens", other, json={**GROUP, "id": kept["id"]}).status_code == 404
    shared = ask(web, "POST", "/view/pens", json={**GROUP, "id": kept["id"], "shared": True}).json()
    (seen,) = ask(web, "GET", "/view/pens", other).json()["groups"]
    assert (seen["id"], seen["mine"], seen["pens"]) == (shared["id"], False, [TORQUE, POWER])
    assert ask(web, "DELETE", f"/view/pens/{kept['id']}", other).status_code == 404
    assert ask(web, "DELETE", f"/view/pens/{kept['id']}").status_code == 204
    assert ask(web, "GET", "/view/pens").json()["groups"] == []
    assert [act for _, act, _, _ in acts(web)] == ["pens.save", "pens.save", "pens.remove"]


def test_a_group_of_sites_that_one_does_not_see_is_not_told(web):
    assert ask(web, "POST", "/view/pens", json={**GROUP, "pens": [FAR], "shared": True}).status_code == 200
    near = Person("near", Role.OPERATOR, frozenset({"jeonju"}))
    assert ask(web, "GET", "/view/pens", near).json()["groups"] == []
    assert ask(web, "POST", "/view/pens", near, json={**GROUP, "pens": [FAR]}).status_code == 403
    assert ask(web, "POST", "/view/pens", Person("v", Role.VIEWER), json=GROUP).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"name_ko": " "},
        {"name_ko": "x" * 81},
        {"pens": []},
        {"pens": ["x"]},
        {"pens": [POWER] * 13},
        {"span_s": 1e12},
        {"span_s": "a"},
        {"more": 1},
    ],
)
def test_a_group_that_cannot_be_is_refused_with_words(web, change):
    answer = ask(web, "POST", "/view/pens", json={**GROUP, **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["do"]
    assert acts(web) == []


def test_a_shift_ago_is_as_long_as_most_shifts_of_the_site(web):
    hub = web.behind.factory.hub
    day, night = (
        Shift(name, Name(name, name), start, end) for name, start, end in (("d", 420, 900), ("n", 1320, 1800))
    )
    short = Shift("s", Name("s", "s"), 0, 240)
    sites = (replace(hub.sites[0], shifts=(short, day, night)), replace(hub.sites[1], shifts=()))
    behind = replace(web.behind, factory=replace(web.behind.factory, hub=replace(hub, sites=sites)))
    board = PAGE.layout(Asked(behind, "ko")).children[0]
    assert board.shifts == {"jeonju": 8 * 3600}
    assert board.may_export
    assert board.may_keep


def test_meanwhile_tells_states_and_only_those_of_the_assets_asked_for(web):
    asset = STATE.partition(":")[0]
    told = ask(web, "GET", "/view/meanwhile", params={"asset": [asset], **web.span}).json()
    (lane,) = told["lanes"]
    assert lane["asset"] == asset
    assert lane["segments"]
    assert all(event["asset"] == asset for event in told["events"])
    far = Person("far", Role.VIEWER, frozenset({"changwon"}))
    assert ask(web, "GET", "/view/meanwhile", far, params={"asset": [asset], **web.span}).status_code == 403
