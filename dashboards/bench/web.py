"""`twin bench web`: pages in a real Chromium beside a plant of 500 machines and 20 live clients.

Broker, ingest, web, devices, clients and browser run on this machine at once, as in a small firm. Each figure of the
browser is Chromium's own: CPU of the page's main thread by its ``TaskDuration``, times by its clock, which is the
machine's.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from connectors.broker import any_port, host_port
from connectors.wall_clock import WallClock
from dashboards.bench import browser, stage
from dashboards.demo.crowd import crowd_file, last_asset
from twin.clock import NS_PER_MS
from twin.errors import BrokerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dashboards.bench.browser import Browser

CLIENTS = 20
ASSET = "crowd/hall1/line01/M-0001"
SIGNAL = "spindle_speed"
READY_S = 40.0
PAGES = {
    "overview": ("/", ".ft-site"),
    "floor": ("/floor/crowd", ".ft-row"),
    "asset": (f"/asset/{ASSET}", ".ft-sig b:not(:empty)"),
    "line": ("/line/crowd/hall1/line01", ".ft-stn"),
    "alarms": ("/alarms", ".ft-al-tabs"),
    "performance": ("/alarms/performance", ".ft-af-rows"),
    "trends": ("/trends", ".ft-find-list button"),
    "oee": ("/oee/crowd", ".oee-p"),
    "report": ("/report/crowd", ".rep-site"),
    "connections": ("/connections", ".ft-sources tbody tr"),
}
"""Each page's address, and what must stand there for its first paint to be useful: its own data, drawn."""
SHORT = ("overview", "floor", "asset")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: how many machines, for how long, on which pages; ``minutes`` of memory besides."""

    assets: int = 500
    seconds: float = 12.0
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
    last = last_asset(assets)
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{plant.page_url}/api/v1/latest?asset={last}", timeout=5) as answer:  # noqa: S310  our own
                if json.load(answer)["latest"]:
                    return
        except (urllib.error.URLError, OSError):
            pass  # the server comes up
        time.sleep(0.2)
    raise BrokerError(f"{last} was not heard of within {READY_S:.0f} s")


class _Tap:
    """Hears one machine at the broker, as its devices send (mutable: its network thread notes what and when)."""

    def __init__(self, url: str) -> None:
        self.sent: list[tuple[float, str]] = []
        """(ms since 1970, the value in digits)."""
        self._clock = WallClock()
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{ASSET}/data", 0)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        host, port, _ = host_port(url)
        self._client.connect(host, port)
        self._client.loop_start()
        if not self._subscribed.wait(5.0):
            raise BrokerError(f"no subscription at {url}")

    def _on_message(self, _: Any, __: Any, message: paho.MQTTMessage) -> None:
        value = json.loads(bytes(message.payload))[SIGNAL]
        if value is not None:
            self.sent.append((self._clock.now_ns() / NS_PER_MS, f"{value:.0f}"))

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


def _latency(plan: Plan, plant: _Plant, chromium: Browser) -> dict[str, Any]:
    """From the broker's delivery of a machine's message to its value on the page, and the server's CPU meanwhile."""
    with chromium.page() as page:
        page.open(f"{plant.page_url}{PAGES['asset'][0]}?lang=en", PAGES["asset"][1])
        page.watch(f".ft-sig[title$='{ASSET}:{SIGNAL}'] .ft-value b")
        tap = _Tap(plant.broker_url)
        cpu_s, began_s = stage.cpu_s(plant.web_pid), time.monotonic()
        page.wait(plan.seconds)
        server = (stage.cpu_s(plant.web_pid) - cpu_s) / (time.monotonic() - began_s)
        tap.close()
        took = paired(tap.sent, page.seen())
    p50, p95 = (round(float(np.percentile(took, q)), 1) for q in (50, 95))
    return {
        "publish_to_pixel_p50_ms": p50,
        "publish_to_pixel_p95_ms": p95,
        "samples": len(took),
        "server_cpu_percent": round(100 * server, 1),
    }


def paired(sent: list[tuple[float, str]], seen: list[tuple[float, str]]) -> list[float]:
    """How long (ms) each sent value took to be seen; values that were overtaken by a newer one are left out.

    Both are (ms, digits) in order of time. Raises BrokerError where less than half was seen: then nothing is told.
    """
    took: list[float] = []
    place = 0
    for at, value in sent[:-2]:
        for further in range(place, len(seen)):
            if seen[further][0] >= at - 1 and seen[further][1] == value:
                took.append(seen[further][0] - at)
                place = further + 1
                break
    if len(took) < max(1, len(sent) // 2):
        raise BrokerError(f"of {len(sent)} values only {len(took)} were seen on the page")
    return took


def _pages(plan: Plan, plant: _Plant, chromium: Browser, say: Callable[[str], None]) -> dict[str, Any]:
    """Each page opened cold, and what its main thread then costs; the worst of each is the figure."""
    paints: dict[str, float] = {}
    busy: dict[str, float] = {}
    for name in plan.pages:
        address, selector = PAGES[name]
        with chromium.page() as page:
            paints[name] = page.open(f"{plant.page_url}{address}?lang=ko", selector)
            page.wait(2.0)
            if name in ("floor", "overview") or len(plan.pages) > len(SHORT):
                busy[name] = page.busy_percent(plan.seconds / 3)
        say(f"{name}: {paints[name]:.0f} ms, main thread {busy.get(name, float('nan')):.1f} %")
    return {
        "first_paint_ms": round(max(paints.values())),
        "main_thread_percent": round(max(busy.values()), 1),
        "first_paint_ms_by_page": {name: round(value) for name, value in paints.items()},
        "main_thread_percent_by_page": {name: round(value, 1) for name, value in busy.items()},
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
