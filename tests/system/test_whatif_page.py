"""The What-if page: a run in the background, followed, cancelled, kept; the web process answers meanwhile."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

from twin.clock import NS_PER_MS, NS_PER_S, ns_from_iso

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
START = "2026-11-16T06:00:00+09:00"
pytestmark = pytest.mark.timeout(400)
AT_NS = ns_from_iso(START) + 3600 * NS_PER_S
WAIT_S = 150.0
WEB = httpx.Client(trust_env=False, timeout=60)
"""One for all: each of its own would read the machine's certificates anew."""


@pytest.fixture(scope="module")
def server(morning):
    folder, url = morning, f"sqlite:///{morning / 'twin.db'}"
    (folder / "factory.toml").write_bytes(DEMO.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "TWIN__STORE__URL": url, "TWIN__WEB__PORT": str(port)}
    log = (folder / "web.log").open("wb")
    command = [sys.executable, "-m", "dashboards.cli", "web", str(folder / "factory.toml")]
    process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _there(base))
        yield base
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _there(base):
    try:
        return WEB.get(f"{base}/view/whatif?site=changwon").status_code == 200
    except httpx.HTTPError:
        return False


def until(true, wait_s=WAIT_S):
    deadline = time.monotonic() + wait_s
    while not (found := true()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.2)
    return found


def begin(base, **more):
    body = {"site": "changwon", "changes": [], "at_ms": AT_NS / NS_PER_MS, "hours": 1, "replications": 8, **more}
    return WEB.post(f"{base}/view/whatif", json=body)


def over(base, run):
    one = WEB.get(f"{base}/view/whatif/{run}").json()
    return one if one["state"] not in ("reading", "running") else None


def test_a_run_is_followed_to_its_answer_and_listed_until_it_expires(server):
    change = "changwon/machining/line1/MT-01.cycle=-10%"
    begun = begin(server, changes=[change])
    assert begun.status_code == 200, begun.text
    run = begun.json()["id"]
    slowest = 0.0
    while (one := over(server, run)) is None:
        asked = time.monotonic()
        assert WEB.get(f"{server}/view/directory").status_code == 200
        slowest = max(slowest, time.monotonic() - asked)
        time.sleep(0.1)
    print(f"\nwhile it ran the web process answered in {slowest * 1000:.0f} ms at most")
    assert one["state"] == "done", one["error"]
    answer = one["answer"]
    assert answer["changes"] == [change]
    assert answer["baseline"]["changwon"]["good"]["n"] == 8
    assert answer["actual"]["changwon"]["good"] > 0
    listed = WEB.get(f"{server}/view/whatif?site=changwon").json()["runs"]
    mine = next(each for each in listed if each["id"] == run)
    assert mine["expires_ms"] > mine["started_ms"]
    assert "answer" not in mine
    assert WEB.delete(f"{server}/view/whatif/{run}").status_code == 204
    assert WEB.get(f"{server}/view/whatif/{run}").status_code == 404


def test_settings_one_at_a_time_are_a_run_like_any(server):
    run = begin(server, sensitivity=["MT-01.cycle"]).json()["id"]
    one = until(lambda: over(server, run))
    assert one["state"] == "done", one["error"]
    assert one["sensitivity"] == ["MT-01.cycle"]
    assert [row["key"] for row in one["answer"]["swings"]["changwon"]["good"]] == ["MT-01.cycle"]


def test_a_run_is_cancelled_and_no_more_run_at_once_than_may(server):
    runs = [begin(server, replications=1000, hours=24).json()["id"] for _ in range(2)]
    refused = begin(server)
    assert refused.status_code == 409
    assert "wait for one" in refused.json()["error"]["do"]
    for run in runs:
        assert WEB.delete(f"{server}/view/whatif/{run}").status_code == 204
    for run in runs:
        until(lambda run=run: over(server, run))
        assert WEB.get(f"{server}/view/whatif/{run}").json()["state"] == "cancelled"


def test_what_cannot_be_is_refused_at_once_or_told_by_the_run(server):
    assert begin(server, changes=["nonsense"]).status_code == 400
    assert begin(server, hours=1000).status_code == 400
    assert begin(server, site="*").status_code == 400
    assert begin(server, site="nowhere").status_code == 404
    for wrong in (["--set"], ["a,b"], ["x"] * 61):
        assert begin(server, sensitivity=wrong).status_code == 400
    assert begin(server, sensitivity=["cycle"], changes=["MT-01.cycle=-10%"]).status_code == 400
    run = begin(server, changes=["MT-99.cycle=-10%"]).json()["id"]
    one = until(lambda: over(server, run))
    assert one["state"] == "failed"
    assert "There are" in one["error"]


@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "theme", "size"),
    [
        ("ko", "light", (1920, 1080)),
        pytest.param("en", "dark", (1024, 768), marks=pytest.mark.slow),
    ],
)
def test_the_page_runs_a_change_and_shows_every_figure_with_what_happened(server, lang, theme, size, tmp_path):
    with sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        wrong = []
        page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(
            f"{server}/whatif/changwon?lang={lang}&theme={theme}&at=2026-11-15T22:00:00.000Z&hours=1&n=20"
            "&set=changwon/machining/line1/MT-01.cycle=-20%25"
        )
        page.wait_for_selector(".wi-change")
        assert page.locator(".wi-change-v").inner_text().startswith("−20")
        page.click(".wi-go")
        page.wait_for_selector(".wi-row", timeout=WAIT_S * 1000)
        page.screenshot(path=str(tmp_path / "whatif.png"))
        assert page.locator(".wi-row").count() >= 8
        assert page.locator(".wi-real").count() >= 6
        assert page.locator(".wi-fit").count() > 8
        assert "MT-01.cycle=-20%" in page.locator(".wi-runs li.on b").first.inner_text()
        page.locator(".wi-figures .seg button, .card .seg button").nth(1).click()
        assert page.locator(".wi-row").count() >= 6
        before = page.url
        page.reload()
        page.wait_for_selector(".wi-row", timeout=WAIT_S * 1000)
        assert "run=" in before
        body = page.locator("body").inner_text()
        assert "whatif." not in body
        assert wrong == []
        browser.close()
