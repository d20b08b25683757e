"""`twin bench web`: pages in a real Chromium beside a plant of 500 machines and 20 live clients.

Broker, ingest, web, devices, clients and browser run on this machine at once, as in a small firm. Each figure of the
browser is Chromium's own: how long the page's main thread is taken (``TaskDuration``) and what CPU it uses of that
(``ThreadTime``), times by its clock, which is the machine's.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from connectors.broker import any_port
from connectors.publish import Publisher
from connectors.wall_clock import WallClock
from dashboards.bench import browser, stage
from dashboards.demo.crowd import crowd_assets, crowd_file
from twin.clock import NS_PER_MS
from twin.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dashboards.bench.browser import Browser

CLIENTS = 20
ASSET = "crowd/hall1/line01/M-0001"
MARKER = "crowd/hall1/line01/MARKER"
FIRST_MARK = 20_000
MARK_EVERY_S, JITTER_S = 0.45, 0.017
"""Marks are sent out of step with the pages' own ten times a second."""
SEEN_WITHIN_S = 2.0
READY_S = 40.0
SETTLED_S = 1.5
PAGES = {
    "overview": ("/", ".ft-site"),
    "floor": ("/floor/crowd", ".ft-row"),
    "asset": (f"/asset/{ASSET}", ".ft-sig b:not(:empty)"),
    "line": ("/line/crowd/hall1/line01", ".ft-stn"),
    "alarms": ("/alarms", ".ft-al-tabs"),
    "performance": ("/alarms/performance", ".ft-af-rows"),
    "trends": ("/trends", ".ft-find-list button"),
    "oee": ("/oee/crowd", ".oee-factor b.fig:not(:empty)"),
    "report": ("/report/crowd", ".rep-site"),
    "connections": ("/connections", ".ft-sources tbody tr"),
}
"""Each page's address, and what must stand there for its first paint to be useful: its own data, drawn."""
SHORT = ("overview", "floor", "asset")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: how many machines, for how long, on which pages; ``minutes`` of memory besides."""

    assets: int = 500
    seconds: float = 10.0
    pages: tuple[str, ...] = SHORT
    minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class _Plant:
    """A running plant: where its pages are, and who serves them."""

    page_url: str
    broker_url: str
    web_pid: int


def run(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the keys are told in docs/reference/bench.md. Raises SourceError where there is no Chromium."""
    with browser.opened() as chromium, _plant(plan.assets, say) as plant:
        socket_url = plant.page_url.replace("http", "ws", 1) + "/ws/live?site=crowd"
        with stage.worker("-m", "dashboards.bench.listeners", socket_url, str(CLIENTS), "0") as clients:
            clients.wait_ready()
            say(f"{CLIENTS} clients listen")
            answer = _latency(plan, plant, chromium)
            answer |= _pages(plan, plant, chromium, say)
        if plan.minutes:
            answer |= _memory(plan, plant, socket_url, say)
    return answer | {
        "assets": plan.assets, "signals": plan.assets * 10, "clients": CLIENTS, "machine": stage.machine()
    }  # fmt: skip


@contextmanager
def _plant(assets: int, say: Callable[[str], None]) -> Iterator[_Plant]:
    """Broker, ingest, web and devices of a crowd, in a folder of their own."""
    with (
        stage.broker("") as (_, broker_url),
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
    ):
        file, port = Path(folder) / "factory.toml", any_port()
        file.write_text(f'{crowd_file(assets)}\n[broker]\nuse = "{broker_url}"\n', encoding="utf-8")
        environ = {"TWIN__WEB__PORT": str(port)}
        verb = ("-m", "dashboards.cli")
        with (
            stage.worker(*verb, "ingest", str(file), environ=environ),
            stage.worker(*verb, "web", str(file), environ=environ) as web,
            stage.worker(*verb, "simulate", str(file), "--ledger", f"{folder}/published.json", environ=environ),
        ):
            plant = _Plant(f"http://127.0.0.1:{port}", broker_url, web.pid)
            _wait(plant, assets)
            say(f"{assets} machines speak, load {Path('/proc/loadavg').read_text(encoding='ascii').split()[0]}"
                if Path("/proc/loadavg").exists() else f"{assets} machines speak")  # fmt: skip
            yield plant


def _wait(plant: _Plant, assets: int) -> None:
    """Until the pages know the last machine's values; raises BrokerError where they do not in time."""
    last = crowd_assets(assets)[-1]
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{plant.page_url}/api/v1/latest?asset={last}", timeout=5) as answer:  # noqa: S310  our own
                if json.load(answer)["latest"]:
                    return
        except (OSError, http.client.HTTPException):
            pass  # the server comes up
        time.sleep(0.2)
    raise BrokerError(f"{last} was not heard of within {READY_S:.0f} s")


def _latency(plan: Plan, plant: _Plant, chromium: Browser) -> dict[str, Any]:
    """From publishing a value to its being painted, and the server's CPU meanwhile.

    The value is a further machine's, of the same site: each is sent once, twice a second, and must be seen.
    """
    publisher = Publisher(plant.broker_url, "twin-bench-marker", durable=False)
    publisher.wait_connected()
    clock = WallClock()
    sent: list[tuple[float, str]] = []

    def send() -> None:
        value = FIRST_MARK + len(sent)
        body = {"ts": clock.now_ns() // NS_PER_MS, "seq": len(sent), "mark": value}
        sent.append((clock.now_ns() / NS_PER_MS, str(value)))
        publisher.publish(f"{MARKER}/data", json.dumps(body).encode())

    try:
        send()
        with chromium.page() as page:
            page.open(f"{plant.page_url}/asset/{MARKER}?lang=en", f".ft-sig[title$='{MARKER}:mark'] b:not(:empty)")
            page.watch(f".ft-sig[title$='{MARKER}:mark'] .ft-value b")
            cpu_s, began_s = stage.cpu_s(plant.web_pid), time.monotonic()
            for number in range(round(plan.seconds / MARK_EVERY_S)):
                send()
                page.wait(MARK_EVERY_S + JITTER_S * (number % 7))
            server = (stage.cpu_s(plant.web_pid) - cpu_s) / (time.monotonic() - began_s)
            page.wait(SEEN_WITHIN_S)
            took = delays(sent[1:], page.seen())
    finally:
        publisher.close()
    p50, p95 = (round(float(np.percentile(took, q)), 1) for q in (50, 95))
    return {
        "publish_to_pixel_p50_ms": p50,
        "publish_to_pixel_p95_ms": p95,
        "samples": len(took),
        "server_cpu_percent": round(100 * server, 1),
    }


def delays(sent: list[tuple[float, str]], seen: list[tuple[float, str]]) -> list[float]:
    """How long (ms) each sent value took to be seen; both are (ms, digits) in order of time.

    One that was overtaken counts from its own sending to the first newer one that was seen. Raises BrokerError
    where the newest was never seen.
    """
    shown = [(at, int(text)) for at, text in seen if text]
    took: list[float] = []
    for at, value in sent:
        first = next((then for then, text in shown if text >= int(value)), None)
        if first is None:
            raise BrokerError(f"the value {value} was not seen on the page")
        took.append(first - at)
    return took


def _pages(plan: Plan, plant: _Plant, chromium: Browser, say: Callable[[str], None]) -> dict[str, Any]:
    """Each page opened cold, and what its main thread then costs; the worst of each is the figure."""
    paints: dict[str, float] = {}
    busy: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for name in plan.pages:
        address, selector = PAGES[name]
        with chromium.page() as page:
            paints[name] = page.open(f"{plant.page_url}{address}?lang=ko", selector)
            page.wait(SETTLED_S)
            if name in ("floor", "overview") or len(plan.pages) > len(SHORT):
                busy[name], cpu[name] = page.busy_percent(plan.seconds / 3)
        say(f"{name}: {paints[name]:.0f} ms, main thread {busy.get(name, float('nan')):.1f} %")
    return {
        "first_paint_ms": round(max(paints.values())),
        "main_thread_percent": round(max(busy.values()), 1),
        "main_thread_cpu_percent": round(max(cpu.values()), 1),
        "first_paint_ms_by_page": {name: round(value) for name, value in paints.items()},
        "main_thread_percent_by_page": {name: round(value, 1) for name, value in busy.items()},
        "main_thread_cpu_percent_by_page": {name: round(value, 1) for name, value in cpu.items()},
    }


def _memory(plan: Plan, plant: _Plant, socket_url: str, say: Callable[[str], None]) -> dict[str, Any]:
    """The server's memory over minutes with 20 clients, two of which never read."""
    with stage.worker("-m", "dashboards.bench.listeners", socket_url, str(CLIENTS), "2") as clients:
        clients.wait_ready()
        time.sleep(30.0)
        first = stage.memory_mb(plant.web_pid)
        for minute in range(round(plan.minutes)):
            time.sleep(60.0)
            say(f"{minute + 1} min: {stage.memory_mb(plant.web_pid):.1f} MB, {first:.1f} at first")
        return {
            "minutes": plan.minutes,
            "server_memory_mb": round(stage.memory_mb(plant.web_pid), 1),
            "server_memory_growth_mb": round(stage.memory_mb(plant.web_pid) - first, 1),
        }
