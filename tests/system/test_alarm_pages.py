"""Alarms in a real browser: the banner, the list, acknowledging, shelving, the past."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import uvicorn
from alarmed import Alarmed
from test_alarm_calls import Web
from test_pages import browser, opened  # noqa: F401  a fixture

pytestmark = pytest.mark.browser
WAIT_MS = 60_000


class Running:
    """A plant that runs, four seconds each second, and its pages under a real uvicorn (mutable)."""

    def __init__(self, factory, folder) -> None:
        self.plant = Alarmed(factory, f"sqlite:///{folder / 'twin.db'}")
        self.plant.step(seconds=5)
        self.tells: dict[str, float | str] = {}
        self.stopping = threading.Event()
        self.web = Web(self.plant, folder, runs=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.server = uvicorn.Server(uvicorn.Config(self.web.app, host="127.0.0.1", port=self.port, log_config=None))
        self.threads = [threading.Thread(target=one, daemon=True) for one in (self.server.run, self._steps)]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        for thread in self.threads:
            thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)

    def _steps(self) -> None:
        while not self.stopping.wait(0.25):
            self.plant.step(**self.tells)

    def stop(self) -> None:
        self.stopping.set()
        self.server.should_exit = True
        for thread in self.threads:
            thread.join(10)
        self.web.reader.close()
        self.plant.close()


@pytest.fixture
def running(demo_factory, tmp_path):
    made = Running(demo_factory, tmp_path)
    made.start()
    yield made
    made.stop()


def test_an_alarm_is_above_every_page_until_somebody_acknowledges_it(browser, running):  # noqa: F811
    with opened(browser, running.url + "/connections?lang=en&theme=light") as (page, wrong):
        page.wait_for_selector(".ft-banner-none:has-text('No active alarm')", timeout=WAIT_MS)
        running.tells = {"state": "Aborted"}
        item = page.locator(".ft-banner-item:not([hidden])").first
        item.wait_for(timeout=WAIT_MS)
        assert "Arm aborted" in item.inner_text()
        assert item.locator("svg.ft-pri-2").count() == 1
        item.locator("button").click()
        page.wait_for_selector(".ft-banner-none:has-text('All acknowledged')", timeout=WAIT_MS)
        page.keyboard.press("a")
        page.wait_for_selector(".ft-al-row[role=option] .c-state:has-text('Acknowledged')", timeout=WAIT_MS)
        assert wrong == []


def test_an_operator_acknowledges_and_shelves_by_keyboard_with_a_reason(browser, running):  # noqa: F811
    running.tells = {"effort": 312.0, "vibration": 30.0}
    with opened(browser, running.url + "/alarms?lang=ko&theme=light") as (page, wrong):
        row = page.locator(f".ft-al-row[data-id='{running.plant.vibration}']")
        row.wait_for(timeout=WAIT_MS)
        row.click()
        assert page.locator(".ft-ad-h h2").inner_text() == "주축 진동 위험"
        assert "이송을 멈추고" in page.locator(".ft-ad-do").inner_text()
        page.wait_for_selector(".ft-ad-j li:has-text('발생')", timeout=WAIT_MS)
        page.keyboard.press("k")
        page.wait_for_selector(f"[data-id='{running.plant.vibration}'] .c-state:text-is('확인')", timeout=WAIT_MS)
        shelve = page.locator(".ft-ad-shelve > .btn")
        assert shelve.is_disabled()
        page.fill(".ft-ad-hands textarea", "진동 센서 교체 중")
        shelve.click()
        page.locator(".ft-al-tabs button:has-text('보류')").click()
        page.wait_for_selector(f"[data-id='{running.plant.vibration}'] .c-state:has-text('보류')", timeout=WAIT_MS)
        page.locator(".ft-al-tabs button:has-text('이력')").click()
        page.wait_for_selector(".ft-jn-row .c-why:has-text('진동 센서 교체 중')", timeout=WAIT_MS)
        assert wrong == []


def test_an_alarm_becomes_an_episode_in_two_clicks(browser, running):  # noqa: F811
    running.tells = {"vibration": 30.0}
    with opened(browser, running.url + "/alarms?lang=ko&theme=light") as (page, wrong):
        row = page.locator(f".ft-al-row[data-id='{running.plant.vibration}']")
        row.wait_for(timeout=WAIT_MS)
        row.click()
        page.click(".ft-ad-links button:has-text('이 구간을 에피소드로')")
        page.wait_for_selector(".lb-list li.on:has-text('판정 없음')", timeout=WAIT_MS)
        page.wait_for_selector(".lb-facts:has-text('사람이 지정')", timeout=WAIT_MS)
        assert wrong == []


def test_in_the_past_nothing_can_be_done_and_the_alarms_are_those_of_then(browser, running):  # noqa: F811
    running.tells = {"effort": 312.0}
    with opened(browser, running.url + "/alarms?lang=en&theme=dark") as (page, wrong):
        row = f"[data-id='{running.plant.torque}']"
        page.wait_for_selector(row, timeout=WAIT_MS)
        raised_ms = page.evaluate("window.factoryTwin.alarms.list[0].raised_ms")
        page.evaluate(f"window.factoryTwin.clock.seek({raised_ms - 2000})")
        page.wait_for_selector(".ft-al-list .pg-nothing:has-text('No active alarm')", timeout=WAIT_MS)
        page.evaluate(f"window.factoryTwin.clock.seek({raised_ms + 500})")
        page.wait_for_selector(row, timeout=WAIT_MS)
        assert page.locator(".ft-ad-ack").is_disabled()
        assert "looking at the past" in page.locator(".ft-ad-why").inner_text()
        page.keyboard.press("l")
        page.wait_for_selector(".ft-ad-ack:not([disabled])", timeout=WAIT_MS)
        assert wrong == []


def test_of_many_alarms_only_those_in_sight_are_in_the_page(browser, running):  # noqa: F811
    with opened(browser, running.url + "/alarms?lang=en&theme=light") as (page, wrong):
        page.wait_for_selector(".ft-banner-none:has-text('No active alarm')", timeout=WAIT_MS)
        page.evaluate("""() => {
          const { live, clock } = window.factoryTwin;
          const texts = { ko: "가", en: "x" };
          const alarms = Array.from({ length: 2000 }, (_, i) => ({ id: `jeonju/a/A-${i}:hot`, asset: `jeonju/a/A-${i}`,
            site: "jeonju", rule: "hot", signal: "", name: texts, consequence: texts, action: texts, priority: 3, letter: "B",
            waits: true, raised: true, latched: false, shelved_until_ms: null, occurrence: 1, count: 1, can: [], value: 1,
            limit: 1, unit: "", condition: texts, beyond: "", who: "", why: "", raised_ms: clock.now() - i * 1000 }));
          live.tell("alarms", { full: true, alarms, gone: [], load: { jeonju: { recent_ms: [], flood: true } } });
        }""")
        page.wait_for_selector(".ft-al-row[data-id='jeonju/a/A-0:hot']", timeout=WAIT_MS)
        assert page.locator(".ft-al-row[role=option]").count() < 60
        page.locator(".ft-al-list .ft-scroller").evaluate("node => node.scrollTop = node.scrollHeight")
        page.wait_for_selector(".ft-al-row[data-id='jeonju/a/A-1999:hot']", timeout=WAIT_MS)
        assert page.locator(".ft-al-row[role=option]").count() < 60
        assert page.locator(".ft-flood").is_visible()
        assert wrong == []
