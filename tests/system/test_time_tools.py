"""Beside the time bar: whether what is shown is what happened, marks, recordings, and how far a step goes."""

from __future__ import annotations

import pytest
from test_pages import Server, browser, opened, until  # noqa: F401  a fixture

from connectors.desk import recordings
from twin.clock import NS_PER_MS, NS_PER_S, iso_from_ns

pytestmark = pytest.mark.browser


def test_a_moment_is_verified_marked_looped_and_kept(browser, recorded, tmp_path):  # noqa: F811
    server = Server(recorded, tmp_path)
    server.start()
    at_ns = (recorded.end_ns - 100 * NS_PER_S) // (60 * NS_PER_S) * 60 * NS_PER_S + 10 * NS_PER_S
    try:
        with opened(browser, f"{server.url}/floor/jeonju?lang=en&at={iso_from_ns(at_ns)}", 1920, 1080) as (page, wrong):
            until(page, "['true', 'gaps'].includes(document.querySelector('.ft-fid')?.dataset.grade)")
            page.click(".ft-fid")
            assert "100 %" in page.inner_text(".ft-fid-pop dl")
            assert "equal" in page.inner_text(".ft-fid-pop dl")
            page.keyboard.press("Escape")

            page.keyboard.press("b")
            page.fill(".ft-bm-pop input", "arc lost")
            page.keyboard.press("Enter")
            until(page, "document.querySelector('.bm-go b')?.textContent === 'arc lost'")
            (mark,) = recordings.marks(server.desk)
            assert (mark.site, mark.label, mark.from_ns, mark.to_ns) == ("jeonju", "arc lost", at_ns, at_ns)
            page.keyboard.press("Escape")

            page.select_option(".ft-timebar select[title^='How far']", "10")
            page.evaluate("document.activeElement.blur()")
            page.keyboard.press("ArrowLeft")
            until(page, f"Math.abs(window.factoryTwin.clock.at_ms - {at_ns / NS_PER_MS - 10_000}) < 1")
            page.keyboard.press("i")
            page.keyboard.press("b")
            page.fill(".ft-bm-pop input", "weld 12")
            page.click(".bm-b button:nth-child(3)")
            until(page, "document.querySelectorAll('.bm-list')[1].textContent.includes('weld 12')")
            (kept,) = recordings.recordings(server.desk)
            assert (kept.from_ns, kept.to_ns) == (at_ns - 10 * NS_PER_S, at_ns + 50 * NS_PER_S)
            page.locator(".bm-go", has_text="weld 12").click()
            until(page, f"window.factoryTwin.clock.loop?.[0] === {kept.from_ns // NS_PER_MS}")
            page.keyboard.press("b")
            page.fill(".ft-bm-pop input", "weld 12")
            page.click(".bm-b button:nth-child(3)")  # there is one of that name
            page.wait_for_selector(".ft-bm-pop [role=alert]:not([hidden])")
            page.locator(".bm-list .btn").first.click()
            until(page, "!document.querySelector('.bm-list .btn')")
            assert recordings.marks(server.desk) == []
            assert [one for one in wrong if "409" not in one] == []
    finally:
        server.stop()
