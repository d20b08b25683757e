"""Trends and the floor's layout in a real browser: what people do with them, and what stays of it."""

from __future__ import annotations

import csv
import io
import re

import pytest
from test_pages import browser, opened, server, until  # noqa: F401  fixtures by name

from twin.clock import NS_PER_S, iso_from_ns

pytestmark = pytest.mark.browser
TORQUE = "jeonju/weld/line1/R-105:effort.joint_2"
POWER = "jeonju/weld/line1/R-105:power"
R = "jeonju/weld/line1/R-105"


def shows(page, *texts):
    until(
        page, f"{list(texts)}.every((text) => document.querySelector('.ft-readings tbody')?.innerText.includes(text))"
    )


def test_pens_found_by_words_are_drawn_and_stand_in_the_address(browser, server):  # noqa: F811
    with opened(browser, f"{server.url}/trends?lang=en") as (page, wrong):
        page.fill(".ft-find-in", "r-105 j2 torque")
        until(page, "document.querySelectorAll('.ft-find-list button').length === 1")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        shows(page, "J2 torque")
        until(page, "/N·m/.test(document.querySelector('.ft-readings tbody').innerText)")
        until(page, f"location.search.includes('pen={TORQUE}')")
        until(page, r"/\d/.test(document.querySelector('.ft-readings td.is-now').textContent)")
        page.click(".ft-readings .ft-x")
        until(page, "!location.search.includes('pen=')")
        assert not wrong


def test_a_link_opens_exactly_this(browser, server, recorded):  # noqa: F811
    end = iso_from_ns(recorded.end_ns - 20 * NS_PER_S)
    a, b = (iso_from_ns(recorded.end_ns - back * NS_PER_S) for back in (100, 40))
    query = f"pen={TORQUE}&pen={POWER}&span=120&to={end}&shift=60&view=lanes&a={a}&b={b}&pick={POWER}"
    with opened(browser, f"{server.url}/trends?{query}&lang=en") as (page, wrong):
        shows(page, "J2 torque", "Power")
        for head in ("B − A", "Change"):
            assert page.locator(".ft-readings th", has_text=head).first.is_visible()
        until(page, r"/\d/.test(document.querySelector('.ft-readings td.is-delta').textContent)")
        assert page.locator("tr.is-picked", has_text="Power").count() == 1
        assert page.inner_text("[data-lanes=true]") == page.inner_text(".seg button.on[data-lanes]")
        page.focus(".ft-board-plot")
        page.keyboard.press("Escape")
        until(page, "!location.search.includes('&a=') && location.search.includes('shift=60')")
        page.locator(".ft-readings th.is-a").wait_for(state="hidden")
        assert not wrong


def test_mouse_and_keys_move_zoom_and_set_cursors(browser, server, recorded):  # noqa: F811
    end = iso_from_ns(recorded.end_ns - 60 * NS_PER_S)
    with opened(browser, f"{server.url}/trends?pen={POWER}&span=100&to={end}&lang=en") as (page, wrong):
        shows(page, "Power")
        box = page.locator(".ft-board-plot").bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.click(*middle)
        until(page, "location.search.includes('&a=')")
        page.mouse.click(middle[0] + 120, middle[1])
        until(page, "location.search.includes('&b=')")
        page.mouse.move(*middle)
        page.mouse.wheel(0, -100)
        until(page, "Number(new URLSearchParams(location.search).get('span')) < 99")
        page.focus(".ft-board-plot")
        page.keyboard.press("0")
        until(page, "!location.search.includes('&to=')")
        assert page.get_attribute("button.is-on", "aria-pressed") == "true"
        page.keyboard.press("ArrowLeft")
        until(page, "location.search.includes('&to=')")
        assert page.get_attribute("html", "data-mode") == "live", "arrows on the plot are the plot's"
        before = page.evaluate("new URLSearchParams(location.search).get('to')")
        page.mouse.move(middle[0], middle[1] - 40)
        page.mouse.down()
        page.mouse.move(middle[0] + 200, middle[1] - 40, steps=4)
        page.mouse.up()
        until(page, f"new URLSearchParams(location.search).get('to') < {before!r}")
        assert not wrong


def test_a_group_is_saved_opened_and_removed(browser, server):  # noqa: F811
    with opened(browser, f"{server.url}/trends?pen={POWER}&span=300&lang=ko") as (page, wrong):
        shows(page, "전력")
        page.click(".ft-groups-card header button")
        page.fill(".ft-group-form input[lang=ko]", "용접 전력")
        page.click(".ft-group-form [type=submit]")
        page.wait_for_selector(".ft-group b")
        assert page.inner_text(".ft-group b") == "용접 전력"
        page.click(".ft-readings .ft-x")
        until(page, "!location.search.includes('pen=')")
        page.click(".ft-group")
        shows(page, "전력")
        page.click(".ft-groups .ft-x")
        page.click(".ft-groups .ft-x.is-sure")
        until(page, "document.querySelectorAll('.ft-group').length === 0")
        assert not wrong


def test_csv_and_png_are_saved(browser, server, recorded):  # noqa: F811
    end = iso_from_ns(recorded.end_ns - 20 * NS_PER_S)
    with opened(browser, f"{server.url}/trends?pen={POWER}&span=60&to={end}&lang=en") as (page, wrong):
        shows(page, "Power")
        with page.expect_download() as waiting:
            page.click("text=CSV, all samples")
        rows = list(csv.reader(io.StringIO(waiting.value.path().read_bytes().decode("utf-8-sig"))))
        assert rows[0] == ["time_utc", f"{POWER} [W]"]
        assert len(rows) > 5
        with page.expect_download() as waiting:
            page.click("text=PNG")
        body = waiting.value.path().read_bytes()
        assert re.match(rb"\x89PNG\r\n\x1a\n", body)
        assert len(body) > 20_000
        assert not wrong


def test_one_click_leads_from_an_asset_to_its_trends(browser, server):  # noqa: F811
    with opened(browser, f"{server.url}/asset/{R}?lang=en") as (page, wrong):
        page.click("#trend-open")
        page.wait_for_selector(".ft-readings tbody tr")
        assert page.locator(".ft-readings tbody tr").count() == 3
        assert f"pen={R}:" in page.url
        assert not wrong


FLOOR = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 60"><script/><rect width="90" height="50" fill="#999"/></svg>'


def test_an_asset_is_placed_by_keys_and_by_hand_and_everybody_sees_it(browser, server):  # noqa: F811
    with opened(browser, f"{server.url}/floor/jeonju?lang=en") as (page, wrong):
        page.click("#floor-edit")
        node = f'[data-asset="{R}"]'
        page.wait_for_selector(node)
        page.focus(node)
        page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("r")
        until(page, "document.querySelectorAll('.ft-lay-moved li b').length === 1")
        assert "+15°" in page.inner_text(".ft-lay-moved li")
        page.keyboard.press("Control+z")
        page.keyboard.press("Control+z")
        until(page, "document.querySelectorAll('.ft-lay-moved li b').length === 0")
        box = page.locator(f"{node} .is-body").bounding_box()
        at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*at)
        page.mouse.down()
        page.mouse.move(at[0] + 60, at[1] + 40, steps=5)
        page.mouse.up()
        page.set_input_files(
            ".ft-lay-card input[type=file]", {"name": "f.svg", "mimeType": "image/svg+xml", "buffer": FLOOR}
        )
        until(page, "document.querySelectorAll('.ft-lay-moved li b').length === 2")
        assert "script" in page.inner_text(".ft-lay-card .ft-note")
        page.fill(".ft-lay-save input", "moved for the test")
        page.click(".ft-lay-save .btn")
        until(page, "document.querySelectorAll('.ft-lay-versions li').length === 2")
        assert "moved for the test" in page.inner_text(".ft-lay-versions")
        pose = f"window.factoryTwin.live.directory.assets.get('{R}').pose.x_m"
        moved = page.evaluate(pose)
        page.click('.ft-lay-versions [data-n="0"]')
        until(page, f"{pose} !== {moved}")
        until(page, "document.querySelectorAll('.ft-lay-versions li').length === 3")
        page.click(".ft-board-bar a")
        page.wait_for_selector(".ft-twin canvas")
        assert not wrong
