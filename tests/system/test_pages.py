"""Every page in a real browser: both languages, both themes, now and in the past."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from connectors.desk import Desk
from connectors.packet import CHANGES, encode_packet
from connectors.plugins import asset_types
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from dashboards.app import create_app
from dashboards.live import LiveHub
from dashboards.page import Behind
from dashboards.reader import Reader
from twin.clock import NS_PER_MS, NS_PER_S, ScaledClock, iso_from_ns
from twin.sample import Latest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PAGES = {
    "overview": ("/", [".ft-site", ".ft-strip canvas", ".pg-event-list li time"]),
    "floor": ("/floor/jeonju", [".ft-twin canvas", ".ft-row", ".ft-strip canvas"]),
    "asset": ("/asset/jeonju/weld/line1/R-105", [".ft-joints", ".ft-trend canvas", ".ft-strip canvas"]),
    "choose": ("/asset", [".ft-row"]),
    "line": (
        "/line/jeonju/weld/line1",
        [".ft-stn[data-look]", ".ft-stn-strip canvas", ".ft-line-hourly canvas", ".ft-strip canvas"],
    ),
    "lines": ("/line", [".pg-choices a"]),
    "cell": (
        "/cell/jeonju/weld/line1/R-105",
        [".ft-jt-c b", ".ft-twin canvas", ".ft-steps li.is-now", ".ft-histogram canvas"],
    ),
    "cells": ("/cell", [".pg-choices a"]),
    "fleet": ("/fleet/jeonju", [".ft-fleet-t tbody tr", ".ft-twin canvas", ".ft-strip canvas"]),
    "compare": ("/compare", [".cmp-side.is-b select", ".cmp-plot canvas", ".cmp-player input"]),
    "trends": ("/trends", [".ft-find-list button", ".ft-board-plot canvas", ".ft-strip canvas"]),
    "layout": ("/floor/jeonju/edit", [".ft-lay .is-asset", ".ft-lay-versions li"]),
    "alarms": ("/alarms", [".ft-al-tabs", ".ft-al-detail", ".ft-figures .card"]),
    "performance": ("/alarms/performance", [".ft-af-rows", ".ft-af-chart canvas"]),
    "hub": ("/hub", [".hub-funnel .fig", ".hub-land", ".hub-weeks rect", ".hub-ledger-card tbody tr"]),
    "connections": ("/connections", [".ft-sources tbody tr", ".ft-ledger"]),
    "devices": ("/connections/devices", [".pg-pend", ".pg-conf"]),
    "oee": ("/oee/jeonju/weld/line1", [".oee-b", ".oee-p", ".oee-lane-names a", ".oee-now, .oee-factor .fig"]),
    "report": ("/report/jeonju", [".rep-site", ".rep-part"]),
    "label": ("/label", [".lb-nothing pre"]),
    "models": ("/models", [".md-none .empty", ".md-list"]),
    "mapping": ("/connections/mapping", ["#try-run", "#try-payload"]),
}
PATIENCE_S = 60
"""What four browsers that draw in software at once may take; nobody waits for it where all is well."""
NOISE = ("WebSocket is closed before the connection is established",)
"""Said by the browser when a page asks for one site while the socket for all is still opening."""

pytestmark = pytest.mark.browser


class Server:
    """The application under a real uvicorn, its hub fed by hand (mutable)."""

    def __init__(self, recorded, folder=None) -> None:
        self.clock = ScaledClock(WallClock(), recorded.end_ns, 1.0)
        self.reader = Reader(lambda: open_history(recorded.url), self.clock)
        self.hub = LiveHub(recorded.factory.hub, asset_types(), self.reader, self.clock)
        self.desk_url = recorded.url if folder is None else f"sqlite:///{folder}/twin.db"
        self.desk = Desk(self.desk_url, self.clock)
        behind = Behind(recorded.factory, self.hub, self.reader, self.desk, self.clock, recorded.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = uvicorn.Config(
            create_app(behind, self._living), host="127.0.0.1", port=self.port, log_config=None, access_log=False
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.loop = None

    @contextlib.asynccontextmanager
    async def _living(self):
        self.loop = asyncio.get_running_loop()
        await self.hub.load()
        tasks = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._feed())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self) -> None:
        """Live packets as ingest sends them: every stream again, dated now."""
        keys = {stream.id: key for key, stream in self.hub.streams.items()}
        first = dict(self.hub.latest)
        while True:
            now_ns = self.clock.now_ns()
            fresh = [
                (keys[name], Latest(one.stream, now_ns, 0, now_ns, one.quality, one.values, one.texts))
                for name, one in first.items()
            ]
            self.hub.receive(encode_packet(CHANGES, now_ns, fresh))
            await asyncio.sleep(0.2)

    def start(self) -> None:
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.reader.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def server(recorded):
    running = Server(recorded)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except sync_api.Error as error:
            pytest.skip(f"no Chromium at {CHROMIUM}: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@contextlib.contextmanager
def opened(browser, url: str, width: int = 1440, height: int = 900):
    """A page of its own, and what went wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(1000 * PATIENCE_S)
    wrong: list[str] = []
    page.on(
        "console",
        lambda one: (
            wrong.append(one.text)
            if one.type in ("error", "warning") and not any(noise in one.text for noise in NOISE)
            else None
        ),
    )
    page.on("pageerror", lambda error: wrong.append(f"page error: {error}"))
    page.on("response", lambda one: wrong.append(f"{one.status} {one.url}") if one.status >= 400 else None)
    page.on("request", lambda one: wrong.append(f"outside: {one.url}") if _is_outside(one.url, url) else None)
    page.goto(url)
    try:
        yield page, wrong
    finally:
        context.close()


def until(page, expression: str) -> None:
    """Wait until an expression holds; the page's policy forbids Playwright's own way, which evaluates text."""
    deadline = time.monotonic() + PATIENCE_S
    while not _holds(page, expression):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(50)


def _holds(page, expression: str) -> bool:
    """Whether an expression holds; not while the page is on its way to another."""
    try:
        return bool(page.evaluate(expression))
    except Exception as error:
        if "Execution context was destroyed" not in str(error):
            raise
        return False


def _is_outside(asked: str, ours: str) -> bool:
    parts = urlsplit(asked)
    return parts.scheme not in ("data", "blob") and parts.netloc != urlsplit(ours).netloc


def _address(server, path: str, lang: str, theme: str, at_ns: int | None) -> str:
    at = f"&at={iso_from_ns(at_ns)}" if at_ns is not None else ""
    return f"{server.url}{path}?lang={lang}&theme={theme}{at}"


FAST = {("ko", "light", False), ("en", "dark", True)}
LOOKS = [
    pytest.param(
        lang, theme, past, id=f"{lang}-{theme}-{'past' if past else 'live'}",
        marks=() if (lang, theme, past) in FAST else pytest.mark.slow,
    )
    for lang in ("ko", "en") for theme in ("light", "dark") for past in (False, True)
]  # fmt: skip
"""Each language, each theme, and both times in CI; every combination of them in `make proof`."""


@pytest.mark.parametrize(("lang", "theme", "past"), LOOKS)
@pytest.mark.parametrize("name", list(PAGES))
def test_a_page_shows_its_parts_without_an_error(browser, server, recorded, name, lang, theme, past):
    path, parts = PAGES[name]
    at_ns = recorded.end_ns - 20 * NS_PER_S if past else None
    with opened(browser, _address(server, path, lang, theme, at_ns)) as (page, wrong):
        for part in parts:
            page.wait_for_selector(part)
        assert page.get_attribute("html", "lang") == lang
        assert page.get_attribute("html", "data-theme") == theme
        assert page.get_attribute("html", "data-mode") == ("replay" if past else "live")
        assert page.locator(".nav a.on").count() == 1
        assert not wrong


@pytest.mark.parametrize(
    ("path", "call", "shown"),
    [
        ("/oee/jeonju/weld/line1", "/view/kpi/figures?", ".oee-factor b.fig:not(:empty)"),
        ("/report/jeonju", "/view/report?", ".rep-site"),
    ],
)
def test_what_a_page_shows_first_is_asked_for_beside_the_scripts_and_once(browser, server, path, call, shown):
    with opened(browser, f"{server.url}{path}?lang=ko") as (page, wrong):
        page.wait_for_selector(shown)
        script = "performance.getEntriesByType('resource').map((one) => [one.name, one.initiatorType])"
        asked = [kind for name, kind in page.evaluate(script) if call in name]
        assert asked == ["link"]
        assert wrong == []


def test_the_live_socket_moves_the_page(browser, server):
    with opened(browser, f"{server.url}/floor/jeonju?lang=en") as (page, wrong):
        until(page, "window.factoryTwin?.live.packets > 5")
        assert page.inner_text(".mode").strip() == "LIVE"
        until(page, "document.querySelector('[data-ledger=received]').textContent.length > 2")
        assert page.inner_text("#foot-verdict").startswith("✓")
        assert not wrong


def test_a_page_of_another_origin_gets_no_socket(server):
    address = f"ws://127.0.0.1:{server.port}/ws/live"
    with pytest.raises(InvalidStatus), connect(address, origin="http://evil.example"):
        pass
    with connect(address, origin=server.url) as socket_:
        assert json.loads(socket_.recv())["type"] == "directory"


def test_an_asset_chosen_in_the_list_is_told_of_beside_the_plan(browser, server):
    with opened(browser, f"{server.url}/floor/jeonju?lang=en") as (page, wrong):
        row = page.locator(".ft-row", has_text="R-105").first
        row.click()
        page.wait_for_selector("#chosen .ft-signals")
        assert "R-105" in page.inner_text("#chosen h2")
        page.click("#chosen .card-f a")
        page.wait_for_selector(".pg-asset h1")
        assert page.url.endswith("/asset/jeonju/weld/line1/R-105")
        assert not wrong


def test_the_plan_turns_to_three_dimensions(browser, server):
    with opened(browser, f"{server.url}/floor/changwon?lang=ko") as (page, wrong):
        page.wait_for_selector(".ft-twin canvas")
        page.click("#floor-3d")
        page.wait_for_selector("#floor-3d.on")
        assert page.locator("#floor-2d.on").count() == 0
        assert not wrong


def test_a_signal_clicked_joins_the_trend(browser, server):
    with opened(browser, f"{server.url}/asset/changwon/machining/line1/MT-01?lang=en") as (page, wrong):
        vibration = page.locator(".ft-sig", has_text="Spindle vibration").first
        vibration.click()
        until(page, "document.querySelectorAll('.ft-sig.is-selected').length === 4")
        vibration.click()
        until(page, "document.querySelectorAll('.ft-sig.is-selected').length === 3")
        assert not wrong


def test_language_and_theme_are_kept(browser, server):
    with opened(browser, f"{server.url}/connections?lang=ko") as (page, wrong):
        page.wait_for_selector(".ft-ledger")
        page.click("#theme")
        until(page, "document.documentElement.dataset.theme === 'dark'")
        page.click(".pg-lang [data-value=en]")
        until(page, "document.documentElement.lang === 'en'")
        page.wait_for_selector(".ft-ledger")
        assert page.get_attribute("html", "data-theme") == "dark"
        assert "Connections" in page.inner_text(".crumbs")
        assert not wrong


def test_an_event_leads_to_its_moment(browser, server):
    with opened(browser, f"{server.url}/?lang=en") as (page, wrong):
        page.click(".pg-seek >> nth=0")
        until(page, "document.documentElement.dataset.mode === 'replay'")
        assert not wrong


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/floor/busan",
        "/asset/jeonju/none",
        "/oee/jeonju/none",
        "/report/busan",
        "/line/jeonju/none",
        "/cell/jeonju/none",
        "/fleet/busan",
    ],
)
def test_what_is_not_there_is_said_in_words(browser, server, path):
    with opened(browser, f"{server.url}{path}?lang=en") as (page, wrong):
        page.wait_for_selector(".pg-nothing")
        assert not wrong


@pytest.mark.parametrize("name", list(PAGES))
def test_a_small_screen_scrolls_down_only(browser, server, name):
    with opened(browser, f"{server.url}{PAGES[name][0]}?lang=en", 1024, 768) as (page, wrong):
        page.wait_for_selector(PAGES[name][1][0])
        page.wait_for_timeout(300)
        width = page.evaluate(
            "[document.querySelector('.main').scrollWidth, document.querySelector('.main').clientWidth]"
        )
        assert width[0] <= width[1] + 1
        heights = page.evaluate("[...document.querySelectorAll('.main .card')].map((card) => card.offsetHeight)")
        assert min(heights) > 20, "a card has collapsed"
        assert not wrong


def test_times_are_those_of_the_recording(browser, server, recorded):
    at_ns = recorded.end_ns - 15 * NS_PER_S
    with opened(browser, _address(server, "/connections", "en", "light", at_ns)) as (page, wrong):
        until(page, "window.factoryTwin?.clock.replaying")
        assert page.evaluate("window.factoryTwin.clock.at_ms") == at_ns // NS_PER_MS
        assert not wrong


def test_a_question_mark_lists_the_keys_and_focus_is_seen(browser, server):
    with opened(browser, f"{server.url}/floor/jeonju?lang=en") as (page, wrong):
        page.wait_for_selector(".ft-timebar .is-play")
        page.keyboard.press("?")
        until(page, "document.querySelector('dialog.pg-keys')?.open === true")
        assert "Play and pause" in page.inner_text("dialog.pg-keys")
        page.keyboard.press("Escape")
        until(page, "document.querySelector('dialog.pg-keys').open === false")
        page.focus(".ft-tbtn")
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "[document.activeElement.className, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert "ft-tbtn" in seen[0]
        assert seen[1] == "solid"
        assert not wrong


def test_the_lanes_of_a_time_bar_are_moved_through_by_keys(browser, server):
    with opened(browser, f"{server.url}/?lang=en") as (page, wrong):
        page.wait_for_selector(".ft-strip.has-controls .ft-lane-plot canvas")
        plot = ".ft-strip.has-controls .ft-lane-plot"
        page.focus(plot)
        assert page.get_attribute(plot, "role") == "slider"
        page.keyboard.press("PageUp")
        until(page, "document.documentElement.dataset.mode === 'replay'")
        moment = page.get_attribute(plot, "aria-valuenow")
        page.keyboard.press("PageUp")
        until(page, f"document.querySelector('{plot}').getAttribute('aria-valuenow') < '{moment}'")
        assert page.get_attribute(plot, "aria-valuetext")
        page.keyboard.press("l")
        until(page, "document.documentElement.dataset.mode === 'live'")
        assert not wrong


def test_a_replay_runs_backwards_at_a_typed_speed_in_a_loop_and_its_address_keeps_that(browser, server, recorded):
    at_ns = (recorded.start_ns + recorded.end_ns) // 2
    with opened(browser, _address(server, "/floor/jeonju", "en", "light", at_ns)) as (page, wrong):
        page.wait_for_selector(".ft-timebar .is-play")
        clock = "window.factoryTwin.clock"
        until(page, f"{clock}?.replaying && {clock}.player.covers({clock}.at_ms)")
        before_ms = page.evaluate(f"{clock}.at_ms")
        page.keyboard.press(".")
        until(page, f"{clock}.at_ms > {before_ms}")
        stepped_ms = page.evaluate(f"{clock}.at_ms")
        page.keyboard.press(",")
        until(page, f"{clock}.at_ms < {stepped_ms}")
        page.fill(".ft-speed-in", "200")
        page.keyboard.press("Enter")
        assert page.get_attribute(".ft-speed-in", "aria-invalid") == "true"
        assert page.evaluate(f"{clock}.speed") == 1
        page.fill(".ft-speed-in", "-2.5x")
        page.keyboard.press("Enter")
        assert page.evaluate(f"{clock}.speed") == -2.5
        started_ms = page.evaluate(f"{clock}.at_ms")
        page.keyboard.press("i")
        page.keyboard.press(" ")
        until(page, f"{clock}.at_ms > {started_ms} + 30000")
        page.wait_for_url(re.compile(r"speed=-2\.5&loop="))
        page.keyboard.press(" ")
        with opened(browser, page.url) as (other, _):
            other.wait_for_selector(".ft-timebar .is-play")
            until(other, f"{clock}?.speed === -2.5")
            assert other.evaluate(f"{clock}.loop") == page.evaluate(f"{clock}.loop.map(Math.floor)")
        page.keyboard.press("l")
        until(page, "document.documentElement.dataset.mode === 'live'")
        page.wait_for_url(lambda url: "loop" not in url and "at=" not in url)
        assert not wrong


def test_wall_mode_shows_one_page_after_the_other_until_escape(browser, server):
    with opened(browser, f"{server.url}/?wall=5&pages=/,/floor/jeonju&lang=en") as (page, _):
        page.wait_for_selector("html[data-wall] .hdr")
        assert not page.locator("#nav").is_visible()
        assert not page.locator("#theme").is_visible()
        assert page.locator("#status").is_visible()
        assert "wall" not in page.url
        page.wait_for_url("**/floor/jeonju", timeout=9000)
        page.keyboard.press("Escape")
        page.wait_for_selector("#nav", state="visible")
        assert page.evaluate("sessionStorage.getItem('factory-twin-wall')") is None


def test_a_reason_is_given_where_the_stop_is_seen_and_the_figures_follow(browser, server):
    with opened(browser, f"{server.url}/oee/jeonju/weld/line1?lang=en") as (page, wrong):
        page.wait_for_selector("button.oee-p")
        title = page.locator("button.oee-p b").first.inner_text()
        page.locator("button.oee-p").first.click()
        stop = page.locator(".oee-s li").first
        stop.locator("select").select_option("no_material")
        stop.locator("input").fill("carrier late")
        with page.expect_response("**/view/kpi/stops") as told:
            stop.locator("button", has_text="Save").click()
        assert told.value.ok
        name = f"{title.split()[0]} Waiting for material"
        until(page, f"[...document.querySelectorAll('.oee-p b')].some((one) => one.textContent === {json.dumps(name)})")
        page.locator(".oee-p", has_text=name).click()
        page.wait_for_selector(".oee-s-h small")
        assert "local" in page.locator(".oee-s-h small").first.inner_text()
        page.locator(".oee-s button", has_text="Take back").first.click()
        until(
            page, f"![...document.querySelectorAll('.oee-p b')].some((one) => one.textContent === {json.dumps(name)})"
        )
        assert not wrong


def test_a_figure_says_what_it_was_made_of_to_the_keyboard_too(browser, server):
    with opened(browser, f"{server.url}/oee/jeonju?lang=en") as (page, wrong):
        page.wait_for_selector(".oee-b")
        factor = page.locator(".oee-factor").nth(1)
        assert not factor.locator(".oee-pop").is_visible()
        factor.focus()
        assert factor.locator(".oee-pop").is_visible()
        assert "APT" in factor.locator(".oee-pop").inner_text()
        assert "Data coverage" in factor.locator(".oee-pop").inner_text()
        assert not wrong


def test_the_shift_report_is_written_on_and_prints_to_a4(browser, server):
    with opened(browser, f"{server.url}/report/jeonju?lang=ko", 1440, 2000) as (page, wrong):
        page.wait_for_selector(".rep-site")
        page.locator(".rep-text").fill("R-105 팁 교체 필요")
        page.locator(".rep-write button").click()
        until(page, "document.querySelector('.rep-notes p')?.textContent === 'R-105 팁 교체 필요'")
        assert page.locator(".rep-sign button").is_disabled()  # the shift still runs
        page.emulate_media(media="print")
        assert not page.locator(".nav").is_visible()
        assert not page.locator(".rep-write").is_visible()
        page.emulate_media(media="screen")
        paper = page.pdf(format="A4", prefer_css_page_size=True)
        assert 1 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 2
        assert not wrong
