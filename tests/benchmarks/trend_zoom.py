"""Zoom on the Trends page over ten million samples of one signal: from the hand to the new picture, in a real Chromium.

    python tests/benchmarks/trend_zoom.py [--rows 10000000] [--keep FOLDER]

A store of one stream at 100 Hz is built (and rolled up) as its writer leaves it, with spikes of one sample; the page
server reads it. Each step is a key, a click or a turn of the wheel that brings data which the browser does not have; its time ends
with the frame that shows the answer. Printed as JSON: medians and the slowest, by the length of the window.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from connectors.broker import any_port
from connectors.stores._rows import Rows
from connectors.stores._sqlite import SqliteDriver
from connectors.stores.sql import open_store
from twin.clock import NS_PER_S
from twin.ports import Commit, Folded
from twin.sample import Frames, Latest, Signal, batch_of, stream_of

HZ = 100
AT_ONCE = 50_000
WRITER = "bench"
SPIKE_EVERY = 1_000_003
SPIKE = 500.0
PEN = "bench/cell/robot:torque"
SITE = """
[hub]
id = "bench"
name = "bench"
[[site]]
id = "bench"
name = "bench"
[[site.asset]]
id = "cell/robot"
type = "robot_arm"
name = "robot"
"""
ASKED = """
() => {
  window.took = {};
  const ask = window.fetch;
  window.fetch = async (...how) => {
    const answer = await ask(...how);
    if (!String(how[0]).startsWith("/view/trend?")) return answer;
    const json = answer.json.bind(answer);
    answer.json = async () => {
      const body = await json();
      requestAnimationFrame(() => requestAnimationFrame(() => {
        window.drawn = performance.now();
        window.shown = { points: body.t_ms.length, raw: body.raw, max: Math.max(...body.max) };
      }));
      return body;
    };
    return answer;
  };
  for (const kind of ["wheel", "keydown", "click"]) {
    document.addEventListener(kind, () => (window.began = performance.now()), { capture: true, passive: true });
  }
}
"""


def write(path: Path, rows: int, end_ns: int) -> int:
    """The store of one stream of ``rows`` frames; returns the time of its first one."""
    stream = stream_of(
        "bench/cell/robot", "all", [Signal("torque", unit="N.m")], sequenced=True, period_s=1 / HZ, source="bench"
    )
    first_ns = end_ns - rows * (NS_PER_S // HZ)
    at = np.array([first_ns - NS_PER_S], np.int64)
    frames = Frames(stream, at, at // NS_PER_S, at, np.zeros((1, 1)), np.array([192], np.int16))
    store = open_store(f"sqlite:///{path}")
    newest = Latest(stream, int(at[0]), 1, int(at[0]), 192, frames.values[0])
    store.append(Commit(batch_of(WRITER, 1, first_ns, [frames])), lambda _: Folded((), (newest,)))
    key = store.stream_keys()[stream.id]
    store.close()
    driver = SqliteDriver(path)
    rng = np.random.default_rng(1)
    driver.begin()
    driver.run("UPDATE writer SET rolled_ns = NULL")
    for n, start in enumerate(range(0, rows, AT_ONCE), 2):
        place = np.arange(start, min(start + AT_ONCE, rows))
        t_ns = first_ns + place * (NS_PER_S // HZ)
        values = np.round(100 * np.sin(t_ns / (600 * NS_PER_S)) + rng.normal(size=len(place)), 3)
        values[place % SPIKE_EVERY == SPIKE_EVERY // 2] = SPIKE
        quality = np.full(len(place), 192, np.int64)
        driver.insert_frames(
            Rows(
                start + 2,
                1,
                n,
                np.full(len(place), key),
                t_ns,
                t_ns // 10**7,
                t_ns,
                quality,
                ((None, values[:, None]),),
            )
        )
        driver.run(
            "INSERT INTO batch (writer_key, n, tick_ns, frames, first_id, last_id, checksum) VALUES (1,?,?,?,?,?,'')",
            (n, int(t_ns[-1]), len(place), start + 2, start + 1 + len(place)),
        )
        driver.commit()
        driver.begin()
    driver.commit()
    driver.close()
    store = open_store(f"sqlite:///{path}")
    # as a writer that finds frames past its roll-ups: it takes some up with each batch
    for _ in range(rows):
        n = store.next_batch(WRITER)
        store.append(Commit(batch_of(WRITER, n, end_ns + 60 * NS_PER_S, ())), lambda _: Folded((), ()))
        if store.is_rolled_up:
            break
    store.close()
    return first_ns


def step(page, what) -> tuple[float, dict]:
    """How long a step takes until its answer is drawn (ms), and what was drawn."""
    page.evaluate("window.drawn = 0")
    what()
    deadline = time.monotonic() + 20
    while not page.evaluate("window.drawn"):
        if time.monotonic() > deadline:
            raise SystemExit("no new picture within 20 s")
        page.wait_for_timeout(10)
    page.wait_for_timeout(150)
    return page.evaluate("window.drawn - window.began"), page.evaluate("window.shown")


def measure(page, first_ns: int, rows: int) -> dict[str, object]:
    """Steps at several lengths of the window, each to data that is new."""
    box = page.locator(".ft-board-plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    found: dict[str, list[float]] = {}
    points: dict[str, str] = {}
    spikes = 0

    def note(taken: tuple[float, dict]) -> None:
        nonlocal spikes
        span_s = float(page.evaluate("new URL(location.href).searchParams.get('span')") or 0)
        band = next(name for name, most in BANDS if span_s <= most)
        found.setdefault(band, []).append(taken[0])
        points[band] = f"{taken[1]['points']}{' raw' if taken[1]['raw'] else ''}"
        spikes += taken[1]["max"] == SPIKE

    for _ in range(2):
        page.focus(".ft-board-plot")
        for _ in range(34):
            taken = step(page, lambda: page.mouse.wheel(0, -100))
            page.wait_for_timeout(200)
            note(taken)
        for _ in range(4):
            note(step(page, lambda: page.keyboard.press("Shift+ArrowLeft")))
        for _ in range(34):
            taken = step(page, lambda: page.mouse.wheel(0, 100))
            page.wait_for_timeout(200)
            note(taken)
    every = [one for some in found.values() for one in some]
    return {
        "rows": rows,
        "steps": len(every),
        "zoom_p50_ms": round(statistics.median(every)),
        "zoom_p95_ms": round(sorted(every)[int(len(every) * 0.95)]),
        "zoom_most_ms": round(max(every)),
        "by_window": {
            name: {
                "p50_ms": round(statistics.median(found[name])),
                "most_ms": round(max(found[name])),
                "points": points[name],
            }
            for name, _ in BANDS
            if name in found
        },
        "pictures_with_a_spike": spikes,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }


BANDS = (("to 10 min", 600), ("to 1 h", 3600), ("to 5,000 s", 5000), ("to 8 h", 28_800), ("longer", 1e9))


def main() -> None:
    """Build, serve, measure."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rows", type=int, default=10_000_000)
    asked.add_argument("--keep", type=Path, help="where the store is kept and used again")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        store, about = folder / "twin.db", folder / "about.json"
        if not about.exists():
            began = time.monotonic()
            first_ns = write(store, given.rows, time.time_ns() // NS_PER_S * NS_PER_S)
            about.write_text(json.dumps({"first_ns": first_ns, "rows": given.rows}))
            sys.stderr.write(
                f"{given.rows:,} rows in {time.monotonic() - began:.0f} s, {store.stat().st_size / 1e6:,.0f} MB\n"
            )
        known = json.loads(about.read_text())
        (folder / "factory.toml").write_text(SITE)
        port = any_port()
        environ = os.environ | {"TWIN__WEB__PORT": str(port), "TWIN__STORE__URL": json.dumps(f"sqlite:///{store}")}
        command = [sys.executable, "-m", "dashboards.cli", "web", str(folder / "factory.toml")]
        server = subprocess.Popen(command, env=environ)
        try:
            print(json.dumps(_in_browser(port, known), indent=1))
        finally:
            server.terminate()
            server.wait(10)


def _in_browser(port: int, known: dict[str, int]) -> dict[str, object]:
    base = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            urllib.request.urlopen(f"{base}/words.js", timeout=1).close()  # noqa: S310  our own
            break
        except OSError:
            time.sleep(0.1)
    span_s = known["rows"] / HZ
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(known["first_ns"] / NS_PER_S + span_s))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.add_init_script(f"({ASKED})()")
        page.goto(f"{base}/trends?lang=en&pen={PEN}&span={span_s:g}&to={end}")
        deadline = time.monotonic() + 30
        while not page.evaluate("window.drawn || 0") and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        answer = measure(page, known["first_ns"], known["rows"])
        browser.close()
        return answer


if __name__ == "__main__":
    main()
