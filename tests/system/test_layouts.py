"""Layouts on the desk and over HTTP: kept, overtaken, restored, drawn under, shown in the directory, refused."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from dataclasses import replace

import pytest
from sqlalchemy import select
from test_rest import Web

from connectors.desk import Desk, layouts
from connectors.desk.drawing import checked
from connectors.desk.tables import audit
from dashboards.access import gate
from dashboards.access.auth import LOCAL
from dashboards.app import create_app
from twin.clock import ManualClock
from twin.layout import Layout
from twin.policy import Person, Role
from twin.site import Pose

R = "jeonju/weld/line1/R-105"
FLOOR = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 60"><script/><rect width="9" height="9"/></svg>'


@pytest.fixture(autouse=True)
def _nobody_stays():
    """Whoever a test asks as is gone with it."""
    yield
    gate.LOCAL = LOCAL


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def desk(request, tmp_path):
    if request.param == "sqlite":
        opened = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(7))
        yield opened
        opened.close()
        return
    with request.getfixturevalue("new_database")() as url:
        opened = Desk(url, ManualClock(7))
        yield opened
        opened.close()


def acts(desk):
    with desk.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.n)).all()
    return [(row.who, row.act, json.loads(row.detail)) for row in rows]


def test_versions_follow_each_other_and_one_that_comes_late_is_not_kept(desk):
    first = layouts.save(desk, "kim", Layout("jeonju", note="a", placed={R: Pose(1, 2, 0, 3)}), [])
    assert (first.n, first.who, first.at_ns) == (1, "kim", 7)
    assert layouts.save(desk, "lee", Layout("jeonju", placed={}), []) is None
    second = layouts.save(desk, "lee", replace(first, placed={}, note=""), [])
    other = layouts.save(desk, "lee", Layout("changwon"), [])
    assert layouts.heads(desk) == {"jeonju": second, "changwon": other}
    assert layouts.versions(desk, "jeonju") == [second, first]
    assert layouts.version(desk, "jeonju", 1) == first
    assert layouts.version(desk, "jeonju", 9) is None
    assert [who for who, act, _ in acts(desk) if act == "layout.save"] == ["kim", "lee", "lee"]


def test_a_drawing_is_kept_once_by_its_hash(desk):
    drawing = checked(FLOOR)
    for who in ("kim", "lee"):
        layouts.keep_drawing(desk, who, "jeonju", drawing)
    site, found = layouts.find_drawing(desk, drawing.sha256)
    assert (site, found.kind, found.body, found.sha256) == ("jeonju", "svg", drawing.body, drawing.sha256)
    assert layouts.find_drawing(desk, "0" * 64) is None
    assert [detail["left_out"] for _, _, detail in acts(desk)] == [["script"], ["script"]]


@pytest.fixture
def web(recorded, tmp_path):
    made = Web(recorded)
    made.behind = replace(made.behind, desk=Desk(f"sqlite:///{tmp_path}/twin.db", made.clock))
    made.app = create_app(made.behind, nullcontext)
    asyncio.run(made.hub.load())
    yield made
    gate.LOCAL = LOCAL
    made.behind.desk.close()
    made.reader.close()


def post(web, path, body=None, **how):
    return asyncio.run(web.ask("POST", path, json=body, **how))


def test_a_layout_moves_the_asset_on_every_page_until_an_earlier_one_is_restored(web):
    told = web.get("/view/layout", site="jeonju").json()
    home = told["from_file"][R]
    assert (told["n"], told["placed"], told["versions"]) == (0, {}, [])
    body = {"site": "jeonju", "before": 0, "placed": {R: [33.5, 21.0, 1.5]}, "note": "새 배치"}
    kept = post(web, "/view/layout", body).json()
    assert kept["versions"][0] | {"at_ms": 0} == {
        "n": 1, "at_ms": 0, "who": "local", "note": "새 배치", "restored": -1, "drawing": "", "moved": [R],
    }  # fmt: skip
    shown = {one["id"]: one["pose"] for one in web.get("/view/directory").json()["assets"]}
    assert [shown[R][0], shown[R][1], shown[R][3]] == [33.5, 21.0, 1.5]
    assert web.behind.asset(R).pose.x_m == 33.5
    assert post(web, "/view/layout", body).status_code == 409
    back = post(web, "/view/layout/restore", {"site": "jeonju", "before": 1, "n": 0}).json()
    assert (back["n"], back["placed"], back["versions"][0]["restored"]) == (2, {}, 0)
    again = post(web, "/view/layout/restore", {"site": "jeonju", "before": 2, "n": 1}).json()
    assert (again["n"], again["versions"][0]["restored"]) == (3, 1)
    assert again["placed"][R] == [33.5, 21.0, 1.5] != home
    moved = [detail["moved"] for _, act, detail in acts(web.behind.desk) if act == "layout.save"]
    assert [list(one) for one in moved] == [[R], [R], [R]]


def test_a_drawing_is_served_by_itself_under_its_own_policy(web):
    sent = asyncio.run(web.ask("POST", "/view/drawing?site=jeonju", content=FLOOR)).json()
    assert sent["left_out"] == ["script"]
    body = {"site": "jeonju", "before": 0, "placed": {}, "drawing": sent["sha256"]}
    assert post(web, "/view/layout", body).json()["drawing"] == sent["sha256"]
    (site,) = web.get("/view/directory", site="jeonju").json()["sites"]
    answer = web.get(site["drawing"])
    assert answer.headers["content-type"] == "image/svg+xml"
    assert any(
        "default-src 'none'" in one and "sandbox" in one for one in answer.headers.get_list("content-security-policy")
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert b"script" not in answer.content
    assert post(web, "/view/layout", {**body, "site": "changwon"}).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/view/layout", {"site": "busan", "before": 0, "placed": {}}, 404),
        ("/view/layout", {"site": "jeonju", "before": 0, "placed": {R: [1e9, 0, 0]}}, 400),
        ("/view/layout", {"site": "jeonju", "before": 0, "placed": {"jeonju/none": [1, 1, 0]}}, 400),
        ("/view/layout", {"site": "jeonju", "before": 0, "placed": {R: [1, 1]}}, 400),
        ("/view/layout", {"site": "jeonju", "before": 0, "placed": {}, "drawing": "../../etc"}, 404),
        ("/view/layout", {"site": "jeonju", "before": 0, "placed": {}, "note": "x" * 300}, 400),
        ("/view/layout", {"site": "jeonju", "placed": {}}, 400),
        ("/view/layout/restore", {"site": "jeonju", "before": 0, "n": 7}, 404),
    ],
)
def test_what_cannot_be_kept_is_refused_with_words(web, path, body, status):
    answer = post(web, path, body)
    assert answer.status_code == status
    assert answer.json()["error"]["do"]
    assert acts(web.behind.desk) == []


def test_a_file_that_is_no_drawing_is_refused(web):
    answer = asyncio.run(web.ask("POST", "/view/drawing?site=jeonju", content=b"GIF89a"))
    assert answer.status_code == 400
    assert "PNG" in answer.json()["error"]["what"]


@pytest.mark.parametrize(
    ("who", "status"),
    [(Person("op", Role.OPERATOR), 403), (Person("far", Role.ENGINEER, frozenset({"changwon"})), 404)],
    ids=["role", "site"],
)
def test_only_an_engineer_of_the_site_may(web, who, status):
    async def asked():
        gate.LOCAL = who
        return [
            await web.ask("POST", "/view/layout", json={"site": "jeonju", "before": 0, "placed": {}}),
            await web.ask("POST", "/view/layout/restore", json={"site": "jeonju", "before": 0, "n": 0}),
            await web.ask("POST", "/view/drawing?site=jeonju", content=FLOOR),
        ]

    assert [answer.status_code for answer in asyncio.run(asked())] == [status] * 3
