"""The page Data in a real browser: what was cut, judged and handed on is told, live and as it was."""

from __future__ import annotations

import pytest
from test_hub import ARM, CLEAN, DEFECT, MINUTE_NS, RISK, episode
from test_pages import Server, browser, opened, until  # noqa: F401  `browser` is a fixture

from connectors.desk import episodes as book
from connectors.desk import exports
from connectors.desk.exports import Export
from twin.clock import iso_from_ns
from twin.episodes import Outcome

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(recorded, tmp_path_factory):
    running = Server(recorded, tmp_path_factory.mktemp("desk"))
    running.start()
    yield running
    running.stop()


def text(page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({selector!r})?.textContent ?? ''")


def test_the_ledger_says_how_to_begin_and_then_what_there_is(browser, server, recorded):  # noqa: F811  the fixture
    with opened(browser, f"{server.url}/hub?lang=en", 1920, 1080) as (page, wrong):
        until(page, "document.querySelector('.hub-exports-card .pg-nothing')")
        assert "twin export" in text(page, ".hub-exports-card")
        assert "twin episodes cut" in text(page, ".hub-quality-card")
        assert page.evaluate("document.querySelectorAll('.hub-mark').length") >= 6, "two sites, four partners"
        assert wrong == []
    start_ns = recorded.start_ns
    known = [episode(ARM, start_ns + i * MINUTE_NS, 1, how) for i, how in enumerate((Outcome.SUCCESS, Outcome.FAILURE))]
    known.append(episode(ARM, start_ns + 3 * MINUTE_NS, 1))
    desk = server.desk
    book.keep(desk, "eva", known, {ARM: (0, 2**62)})
    book.keep_quality(desk, "eva", list(zip(known, (RISK, CLEAN, DEFECT), strict=True)))
    ids = tuple(one.id for one in known[:2])
    exports.keep(desk, "eva", Export("weld-set", "lerobot", "CC-BY-4.0", ids, "ab" * 32, "대전"))
    with opened(browser, f"{server.url}/hub?lang=ko", 1920, 1080) as (page, wrong):
        until(page, "document.querySelector('.hub-exports-card tbody tr')")
        row = text(page, ".hub-exports-card tbody tr")
        assert all(word in row for word in ("weld-set", "대전", "CC-BY-4.0", "abababab"))
        assert "용접" in text(page, ".hub-tasks")
        assert "유효성" in text(page, ".hub-checks")
        assert "33.3 %" in text(page, ".hub-n")
        assert page.evaluate("document.querySelectorAll('.hub-flow').length") == 1, "one way, from Jeonju to Daejeon"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert wrong == []
    before = iso_from_ns(start_ns + 90 * 10**9)
    with opened(browser, f"{server.url}/hub?lang=en&at={before}", 1024, 768) as (page, wrong):
        until(page, "document.querySelector('.hub-exports-card .pg-nothing')")
        assert not page.evaluate("Boolean(document.querySelector('.hub-checks'))"), "nothing was judged then"
        assert wrong == []
