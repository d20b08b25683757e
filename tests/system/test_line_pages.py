"""Line, Cell and Fleet in a real browser, and the calls that they ask."""

from __future__ import annotations

import httpx
import pytest
from test_pages import browser, opened, server, until

from twin.clock import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.browser
__all__ = ["browser", "server"]
LINE = "jeonju/weld/line1"
ROBOT = f"{LINE}/R-105"


def _ask(server, call: str, **named) -> dict:
    answer = httpx.get(f"{server.url}/view/{call}", params=named, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_line_shows_every_station_with_its_cycle_and_one_bottleneck(browser, server):
    with opened(browser, f"{server.url}/line/{LINE}?lang=en", 1920, 1080) as (page, wrong):
        until(page, "document.querySelectorAll('.ft-stn:not([data-look=lost])').length === 9")
        until(page, "document.querySelectorAll('.ft-neck-s:not([hidden])').length === 1")
        until(
            page,
            "[...document.querySelectorAll('.ft-td.c6 b')].filter((b) => parseFloat(b.textContent) > 30).length >= 8",
        )
        assert page.locator(".ft-buf").count() == 8
        assert page.evaluate(
            "document.querySelector('.main').scrollHeight <= document.querySelector('.main').clientHeight"
        )
        assert not wrong


def test_from_the_overview_a_joint_is_three_clicks_away(browser, server):
    with opened(browser, f"{server.url}/?lang=en") as (page, wrong):
        page.click(f".ft-line a[href='/line/{LINE}']")
        page.click(f".ft-stn[href='/cell/{ROBOT}']")
        page.click(".ft-jt-c[data-signal$='effort.joint_3']")
        page.wait_for_selector(".ft-jt-c[data-signal$='effort.joint_3'].is-selected")
        until(page, "document.querySelectorAll('.ft-jt-c.is-selected').length === 1")
        assert page.url.split("?")[0].endswith(f"/cell/{ROBOT}")
        page.click(f".crumbs a[href='/line/{LINE}']")
        page.wait_for_selector(".ft-stn")
        assert not wrong


def test_a_link_from_a_line_in_the_past_stays_at_its_moment(browser, server, recorded):
    at_ms = (recorded.end_ns - 20 * NS_PER_S) // NS_PER_MS
    with opened(browser, f"{server.url}/line/{LINE}?lang=en") as (page, wrong):
        page.wait_for_selector(".ft-stn")
        page.evaluate(f"window.factoryTwin.clock.seek({at_ms})")
        until(page, "document.documentElement.dataset.mode === 'replay'")
        page.click(f".ft-stn[href='/cell/{ROBOT}']")
        page.wait_for_selector(".ft-steps li.is-now")
        assert page.evaluate("window.factoryTwin.clock.at_ms") == at_ms
        assert not wrong


def test_a_robot_chosen_in_the_table_is_chosen_on_the_plan_and_the_other_way(browser, server):
    with opened(browser, f"{server.url}/fleet/jeonju?lang=en", 1920, 1080) as (page, wrong):
        until(page, "document.querySelectorAll('.ft-fleet-t tbody tr').length === 6")
        page.click(".ft-fleet-t tr[data-id$='AMR-04']")
        until(page, "document.querySelector('.ft-plate.is-selected b')?.textContent === 'AMR-04'")
        assert page.inner_text(".ft-fleet-one h2") == "AMR-04"
        page.locator(".ft-plate", has_text="AMR-02").first.dispatch_event("click")
        until(page, "document.querySelector('.ft-fleet-t tr.sel')?.dataset.id.endsWith('AMR-02')")
        assert page.inner_text(".ft-fleet-one h2") == "AMR-02"
        assert not wrong


def test_the_fleet_is_walked_through_by_keys(browser, server):
    with opened(browser, f"{server.url}/fleet/jeonju?lang=en") as (page, wrong):
        page.wait_for_selector(".ft-fleet-t tbody tr[data-id]")
        page.locator(".ft-fleet-t tbody tr[tabindex='0']").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('.ft-fleet-t tr.sel')?.dataset.id.endsWith('AMR-05')")
        assert page.evaluate("document.documentElement.dataset.mode") == "live", "the arrows were the table's own"
        assert not wrong


def test_a_part_that_fails_says_so_and_the_others_go_on(browser, server):
    with opened(browser, f"{server.url}/connections?lang=en") as (page, wrong):
        page.wait_for_selector(".ft-ledger")
        page.route("**/view/line/states*", lambda route: route.fulfill(status=503, body="{}"))
        page.click(".nav a[href='/line']")
        page.click(f".pg-choices a[href='/line/{LINE}']")
        page.wait_for_selector(".ft-line-b .ft-part:last-child .ft-part-note:not([hidden])")
        until(
            page, "document.querySelector('.ft-line-b .ft-part:last-child .ft-part-note').textContent.includes('503')"
        )
        until(page, "parseFloat(document.querySelector('.ft-out b').textContent) >= 0")
        page.unroute("**/view/line/states*")
        until(page, "document.querySelector('.ft-line-b .ft-part:last-child .ft-part-note').hidden")
        assert all("503" in one for one in wrong)


def test_nothing_after_the_moment_asked_for_is_told(server, recorded):
    at_ms = (recorded.end_ns - 100 * NS_PER_S) / NS_PER_MS
    states = _ask(server, "line/states", place=LINE, as_of_ms=at_ms)
    assert states["clock_ms"] == at_ms
    ends = [segment[1] for station in states["stations"] for segment in station["segments"]]
    assert ends
    assert max(ends) <= at_ms + 1
    steps = _ask(server, "cell/steps", asset=ROBOT, as_of_ms=at_ms)
    assert steps["known"]
    assert steps["steps"]
    assert all(one["t_ms"] <= at_ms for one in steps["steps"])
    fleet = _ask(server, "fleet", site="jeonju", as_of_ms=at_ms)
    assert len(fleet["robots"]) == 6
    assert all(one["since_ms"] <= at_ms for one in fleet["robots"])


def test_a_past_answer_is_the_same_again_and_its_sums_hold(server, recorded):
    at_ms = (recorded.end_ns - 10 * NS_PER_S) / NS_PER_MS
    first = _ask(server, "line/states", place=LINE, as_of_ms=at_ms)
    assert first == _ask(server, "line/states", place=LINE, as_of_ms=at_ms)
    assert {one["asset"] for one in first["stations"]} >= {first["bottleneck"]["asset"]}
    assert 0 < first["bottleneck"]["share"] <= 1
    cycles = _ask(server, "cell/cycles", asset=ROBOT, as_of_ms=at_ms)
    bars = cycles["histogram"]
    assert cycles["count"] == sum(bars["counts"]) + bars["beyond"] > 0
    assert cycles["takt_s"] == 62.0


@pytest.mark.parametrize(
    ("call", "named", "status"),
    [("line/states", {"place": "jeonju/none"}, 404), ("fleet", {"site": "busan"}, 404), ("line/parts", {}, 422)],
)
def test_what_is_not_there_is_refused_with_what_to_do(server, call, named, status):
    answer = httpx.get(f"{server.url}/view/{call}", params=named, timeout=20)
    assert answer.status_code == status
    assert answer.json()
