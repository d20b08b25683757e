"""Publish to pixel: from a device's MQTT publish to the value on a page in a real Chromium.

    python tests/benchmarks/publish_to_pixel.py [--samples 60] [--demo]

A marker value (a number never used twice) is published over MQTT at QoS 1; a MutationObserver in the page notes
when it stands in the document. Both clocks are this machine's. With ``--demo`` the two simulated plants run meanwhile.
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

from playwright.sync_api import sync_playwright

from connectors.broker import any_port
from connectors.publish import Publisher

WATCH = """
() => {
  window.seen = {};
  const look = () => {
    for (const text of document.body.innerText.match(/\\d{1,3}(,\\d{3})+/g) || []) {
      const key = text.replaceAll(",", "");
      if (!(key in window.seen)) window.seen[key] = Date.now();
    }
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}
"""
SOURCE = """
[[source]]
name = "bench"
topics = ["bench/+/+/data"]
decoder = "json_object"
[source.options]
topic = "{place...}/{asset}/{stream}"
"""
SITE = """
[hub]
id = "bench"
name = "bench"
[[site]]
id = "bench"
name = "bench"
[[site.asset]]
id = "cell/marker"
type = "buffer"
name = "marker"
"""


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--demo", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "factory.toml"
        demo = Path(__file__).parents[2] / "dashboards/demo/factory.toml"
        if options.demo:
            extra_site = SITE.partition("[[site]]")
            file.write_text(demo.read_text("utf-8") + "[[site]]" + extra_site[2] + SOURCE, "utf-8")
        else:
            file.write_text(SITE + SOURCE, "utf-8")
        web, mqtt = any_port(), any_port()
        environ = {**os.environ, "TWIN__WEB__PORT": str(web), "TWIN__BROKER__PORT": str(mqtt)}
        command = [sys.executable, "-m", "dashboards.cli", "run", str(file)]
        child = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            assert child.stdout.readline().startswith("ready")
            latencies = measure(f"http://127.0.0.1:{web}", f"mqtt://127.0.0.1:{mqtt}", options.samples)
        finally:
            child.terminate()
            child.wait()
    latencies.sort()
    answer = {
        "publish_to_pixel_p50_ms": round(statistics.median(latencies), 1),
        "publish_to_pixel_p95_ms": round(latencies[int(len(latencies) * 0.95)], 1),
        "samples": len(latencies),
        "with_demo_plants": options.demo,
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
    }
    print(json.dumps(answer))


def measure(page_url: str, broker_url: str, samples: int) -> list[float]:
    """Latencies in ms."""
    publisher = Publisher(broker_url, "bench")
    publisher.wait_connected()
    body = '{"level": %d, "capacity": 99999}'
    publisher.publish("bench/cell/marker/data", (body % 10_000).encode())
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{page_url}/api/v1/assets") as answer:  # noqa: S310  our own address
            if b"bench/cell/marker" in answer.read():
                break
        time.sleep(0.2)
    latencies = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"{page_url}/asset/bench/cell/marker?lang=en")
        while "10,000" not in page.inner_text("body"):
            page.wait_for_timeout(100)
        page.evaluate(WATCH)
        for i in range(samples):
            value = 20_001 + i
            sent_ms = time.time() * 1000
            publisher.publish("bench/cell/marker/data", (body % value).encode())
            page.wait_for_timeout(330 + 37 * (i % 7))
            seen = page.evaluate("window.seen")
            at = seen.get(str(value))
            if at is None:
                raise SystemExit(f"{value} never stood on the page; seen: {sorted(seen)[-5:]}")
            latencies.append(at - sent_ms)
        browser.close()
    publisher.close()
    return latencies


if __name__ == "__main__":
    main()
