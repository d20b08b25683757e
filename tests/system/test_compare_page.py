"""The Compare page in a real browser: chosen, linked, played by keys, in both languages."""

from __future__ import annotations

import contextlib

import pytest
from test_pages import browser, opened, server, until  # noqa: F401  fixtures by name

from connectors.desk.recordings import keep, remove
from twin.clock import NS_PER_S
from twin.recording import Recording

pytestmark = pytest.mark.browser
ARM = "jeonju/weld/line1/R-105"
JOINT = f"{ARM}:position.joint_2"
LINK = f"/compare?a=run-2&b=run-1&asset=R-105&near={ARM}&s={JOINT}"
AT = "Number(new URLSearchParams(location.search).get('t'))"


@pytest.fixture(scope="module")
def runs(server, recorded):  # noqa: F811
    for name, back_s in (("run-1", 8), ("run-2", 4)):
        from_ns = recorded.end_ns - back_s * NS_PER_S
        keep(server.desk, "kim", Recording(name, "jeonju", from_ns, from_ns + 4 * NS_PER_S))
    yield server
    for name in ("run-1", "run-2"):
        remove(server.desk, "kim", name)


@contextlib.contextmanager
def compared(browser, url, **size):  # noqa: F811
    with opened(browser, url, **size) as (page, wrong):
        page.wait_for_selector(".ft-compare.has-answer:not(.is-loading)", timeout=30_000)
        yield page, wrong


def test_two_recordings_are_chosen_and_compared_by_a_click(browser, runs):  # noqa: F811
    with opened(browser, f"{runs.url}/compare?lang=en") as (page, wrong):
        # The newest is A and the one before is B, until somebody says otherwise.
        until(page, "document.querySelector('.cmp-side.is-a select')?.value === 'run-2'")
        assert page.input_value(".cmp-side.is-b select") == "run-1"
        until(page, "document.querySelectorAll('.cmp-go select option').length > 10")
        page.select_option(".cmp-go select", ARM)
        page.click(".cmp-go .main-btn")
        page.wait_for_selector(".ft-compare.has-answer", timeout=30_000)
        until(page, "document.querySelectorAll('.cmp-tbl tbody tr').length > 10")
        assert page.locator(".cmp-tbl tr.sel").count() == 3
        until(page, "location.search.includes('a=run-2') && location.search.includes('b=run-1')")
        page.fill(".card-h input[type=search]", "position.joint_2")
        page.focus(".cmp-tbl tbody tr[tabindex]")
        page.keyboard.press("Enter")
        until(page, f"location.search.includes('s={JOINT}')")
        assert page.locator(".cmp-pens .chip").count() == 4
        assert not wrong
        page.click(".cmp-align [data-way=clock]")
        page.click(".cmp-go .main-btn")
        page.wait_for_selector(".cmp-note.is-wrong", timeout=30_000)
        assert "no time in common" in page.inner_text(".cmp-note")
        assert all("400" in one for one in wrong), "the refusal itself"


def test_a_link_opens_exactly_this_and_keys_play_it(browser, runs):  # noqa: F811
    with compared(browser, f"{runs.url}{LINK}&t=1&x=2&lang=ko") as (page, wrong):
        assert page.inner_text(".cmp-at") == "1.0 s / 4.0 s"
        assert page.input_value(".cmp-player select") == "2"
        assert page.locator(".cmp-pens .chip").count() == 1
        assert "비교" in page.inner_text(".nav a.on")
        # The robot seen close, B's joints beside A's.
        page.wait_for_selector(".cmp-joints:not([hidden])", timeout=30_000)
        until(page, r"/\d.*°/.test(document.querySelector('.cmp-joints').innerText)")
        until(page, r"/\d+ mm/.test(document.querySelector('.cmp-joints p').innerText)")
        page.keyboard.press("ArrowRight")
        until(page, f"{AT} === 2")
        page.keyboard.press(".")
        until(page, f"{AT} === 2.1")
        page.keyboard.press("Home")
        until(page, "!location.search.includes('t=') || " + AT + " === 0")
        page.keyboard.press(" ")
        until(page, f"{AT} >= 4")
        assert page.inner_text(".cmp-play") == "▶", "it stops at the end"
        assert page.get_attribute("html", "data-mode") == "live", "the plant's own clock is left alone"
        page.keyboard.press("x")
        until(page, "location.search.includes('a=run-1') && location.search.includes('b=run-2')")
        page.wait_for_selector(".ft-compare:not(.is-loading)", timeout=30_000)
        assert not wrong


@pytest.mark.slow
def test_on_a_small_screen_nothing_is_wider_than_it(browser, runs):  # noqa: F811
    with compared(browser, f"{runs.url}{LINK}&lang=en&theme=dark", width=1024, height=768) as (page, wrong):
        until(page, "document.querySelectorAll('.cmp-tbl tbody tr').length > 10")
        wide = page.evaluate("[document.documentElement.scrollWidth, document.querySelector('.main').scrollWidth]")
        assert max(wide) <= 1024
        for part in (".cmp-twin", ".cmp-plot", ".cmp-lanes", ".cmp-tbl", ".cmp-kpis", ".cmp-events, .cmp-r .ft-empty"):
            box = page.locator(part).first.bounding_box()
            assert box["width"] > 150, part
            assert box["height"] > 15, part
        assert page.locator(".cmp-player").bounding_box()["y"] < 768, "the player stays in view"
        assert not wrong
