"""`twin bench ingest`: from a real broker into a real store, with everything on, beside the client's own limit."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.bench.load import PERIOD_MS, TOPIC_TEMPLATE, TOPICS, Load
from connectors.broker import host_port
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from dashboards.bench import stage
from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import BrokerError, StoreUnavailable
from twin.events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboards.bench.stage import Worker
    from twin.ports import History, StoreSummary

START_TIMEOUT_S = 20.0
POLL_S = 0.02
SETTLE_S = 60.0

_FACTORY = """\
[hub]
id = "bench"
name = "Bench"
[[site]]
id = "bench"
name = "Bench"
[broker]
use = "{broker}"
[store]
url = "{store}"
[ingest]
max_signals_per_source = 1000000
[[source]]
name = "robots"
topics = ["{topics}"]
decoder = "json_array"
[source.options]
topic = "{template}"
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure. ``messages`` bounds an unpaced run; with a ``rate`` it lasts ``seconds``."""

    store: str = "sqlite"
    broker: str = ""
    robots: int = 500
    frames: int = 1
    messages: int = 100_000
    repeats: int = 3
    rate: float = 0.0
    seconds: float = 60.0


def run(plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the keys are told in docs/reference/bench.md."""
    with stage.broker(plan.broker) as (kind, url):
        if kind == "embedded" and not plan.rate:
            plan = _smaller(plan)
        say(f"broker {kind}, store {plan.store}, {plan.robots} robots, {plan.frames} frames a message")
        answer = _paced(plan, url, say) if plan.rate else _unpaced(plan, url, say)
    return {"broker": kind, "store": plan.store, "machine": stage.machine(), **answer}


def _smaller(plan: Plan) -> Plan:
    """The embedded broker syncs every message: a run with it lasts as long with fewer of them."""
    return replace(plan, messages=max(plan.messages // 10, 2 * plan.robots))


def _unpaced(plan: Plan, url: str, say: Callable[[str], None]) -> dict[str, Any]:
    blocks = max(1, plan.messages // plan.robots)
    ceilings: list[float] = []
    runs: list[dict[str, float]] = []
    for number in range(plan.repeats):
        ceilings.append(_ceiling(plan, url, blocks))
        say(f"ceiling {number + 1}: {ceilings[-1]:,.0f} messages/s")
        runs.append(_once(plan, url, blocks))
        say(f"ingest {number + 1}: {runs[-1]['messages_per_s']:,.0f} messages/s")
    rate, ceiling = statistics.median(r["messages_per_s"] for r in runs), statistics.median(ceilings)
    values = plan.frames * Load().values
    return {
        "values_per_s": round(rate * values),
        "messages_per_s": round(rate),
        "ceiling_messages_per_s": round(ceiling),
        "ratio": round(rate / ceiling, 3),
        "values_per_message": values,
        "lost": int(sum(r["lost"] for r in runs)),
        "duplicates": int(sum(r["duplicates"] for r in runs)),
        "cpu_us_per_message": round(statistics.median(r["cpu_us_per_message"] for r in runs), 2),
        "memory_mb": round(max(r["memory_mb"] for r in runs)),
        "disk_bytes_per_value": round(statistics.median(r["disk_bytes_per_value"] for r in runs), 2),
        "commit_p99_ms": round(statistics.median(r["commit_p99_ms"] for r in runs), 1),
        "runs": [round(r["messages_per_s"]) for r in runs],
        "ceiling_runs": [round(c) for c in ceilings],
    }


def load_of(plan: Plan, blocks: int, *, skip: int = 0, rate: float = 0.0) -> Load:
    """The load of a plan: ``blocks`` messages of each robot."""
    # The robots' clocks end where ours is: none of their times lies ahead.
    span_ms = (skip + blocks) * plan.frames * PERIOD_MS
    first_ms = WallClock().now_ns() // NS_PER_MS - (0 if rate else span_ms)
    return Load(robots=plan.robots, frames=plan.frames, blocks=blocks, skip=skip, rate=rate, first_ms=first_ms)


def load_command(url: str, load: Load) -> tuple[str, ...]:
    """The load generator's command line."""
    host, port, _ = host_port(url)
    return "-m", "connectors.bench.load", host, str(port), msgspec.json.encode(load).decode()


def _ceiling(plan: Plan, url: str, blocks: int) -> float:
    host, port, _ = host_port(url)
    load = load_of(plan, blocks)
    messages = str(blocks * plan.robots)
    with (
        stage.worker("-m", "connectors.bench.ceiling", host, str(port), messages) as client,
        stage.worker(*load_command(url, load)) as generator,
    ):
        client.wait_ready()
        generator.wait_ready()
        generator.go()
        sent = generator.answer()
        ended = client.answer()
    took_s: float = (ended["ended_ns"] - sent["began_ns"]) / NS_PER_S
    return float(messages) / took_s


class Ingest:
    """A running `twin ingest` of one source, and its store (mutable)."""

    def __init__(self, child: Worker, store_url: str) -> None:
        self.child = child
        self._store_url = store_url
        self.history = self._opened()

    def _opened(self) -> History:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            if self.child.ended:
                raise BrokerError("ingest ended before it began")
            try:
                history = open_history(self._store_url)
                if history.events(0, 1 << 62, kinds=[EventKind.SOURCE_CONNECTED]):
                    return history
                history.close()
            except StoreUnavailable:
                pass
            if time.monotonic() > deadline:
                raise BrokerError(f"ingest did not subscribe within {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)

    def received(self) -> int:
        """Messages stored so far."""
        terms: dict[str, Any] = self.history.by_source().get("robots", {})
        return int(terms.get("received", 0))

    def wait(self, messages: int) -> int:
        """Wait until so many are stored; when that was seen (ns)."""
        deadline = time.monotonic() + SETTLE_S
        while self.received() < messages:
            if self.child.ended or time.monotonic() > deadline:
                raise BrokerError(f"ingest stored {self.received()} of {messages} messages, and no more")
            time.sleep(POLL_S)
        return WallClock().now_ns()

    def result(self) -> tuple[dict[str, Any], StoreSummary, int, list[float]]:
        """(the source's terms, the store in numbers, the robots' frames, each second's longest commit in ms)."""
        history = self.history
        try:
            terms: dict[str, Any] = history.by_source()["robots"]
            robots = [row.frames for stream, row in history.by_stream().items() if not stream.startswith("twin/")]
            own = history.frames("twin/ingest:metrics", 0, 1 << 62)
            column = [signal.name for signal in own.stream.columns].index("commit_s")
            commits = sorted(float(seconds) * 1000 for seconds in own.values[:, column])
            return terms, history.summary(), sum(robots), commits
        finally:
            history.close()


def factory(url: str, store_url: str, folder: Path) -> Path:
    """A factory file with one source of robots."""
    file = folder / "factory.toml"
    text = _FACTORY.format(broker=url, store=store_url, topics=TOPICS, template=TOPIC_TEMPLATE)
    file.write_text(text.replace('id = "bench"\nname', f'id = "bench{time.monotonic_ns()}"\nname', 1), encoding="utf-8")
    return file


def _once(plan: Plan, url: str, blocks: int) -> dict[str, float]:
    """One unpaced run into an empty store."""
    messages = blocks * plan.robots
    with (
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(plan.store, Path(folder)) as store_url,
        stage.worker("-m", "dashboards.cli", "ingest", str(factory(url, store_url, Path(folder)))) as child,
    ):
        ingest = Ingest(child, store_url)
        with stage.worker(*load_command(url, load_of(plan, 1))) as warm:
            # The first block makes the streams; its time is the start of the others.
            warm.wait_ready()
            warm.go()
            warm.answer()
        ingest.wait(plan.robots)
        load = load_of(plan, blocks, skip=1)
        with stage.worker(*load_command(url, load)) as generator:
            generator.wait_ready()
            cpu_s = stage.cpu_s(child.pid)
            generator.go()
            sent = generator.answer()
            ended_ns = ingest.wait(messages + plan.robots)
        cpu_s = stage.cpu_s(child.pid) - cpu_s
        memory_mb = stage.memory_mb(child.pid)
        child.end()  # the log goes into the file
        terms, summary, distinct, commits = ingest.result()
        return {
            "messages_per_s": messages / ((ended_ns - sent["began_ns"]) / NS_PER_S),
            "cpu_us_per_message": cpu_s / messages * 1e6,
            "lost": (messages + plan.robots) * plan.frames - distinct,
            "duplicates": terms["duplicate"],
            "memory_mb": memory_mb,
            "disk_bytes_per_value": summary.bytes / max(1, summary.values),
            "commit_p50_ms": commits[len(commits) // 2],
            "commit_p99_ms": commits[int(0.99 * (len(commits) - 1))],
        }


def _paced(plan: Plan, url: str, say: Callable[[str], None]) -> dict[str, Any]:
    """A load in time: whether ingest holds it, what waits, what memory and commits do."""
    blocks = max(1, round(plan.rate * plan.seconds / plan.robots))
    messages = blocks * plan.robots
    backlog: list[int] = []
    memory: list[float] = []
    with (
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(plan.store, Path(folder)) as store_url,
        stage.worker("-m", "dashboards.cli", "ingest", str(factory(url, store_url, Path(folder)))) as child,
    ):
        ingest = Ingest(child, store_url)
        with stage.worker(*load_command(url, load_of(plan, blocks, rate=plan.rate))) as generator:
            generator.wait_ready()
            cpu_s = stage.cpu_s(child.pid)
            generator.go()
            began = time.monotonic()
            while (spent_s := time.monotonic() - began) < messages / plan.rate:
                time.sleep(1.0)
                spent_s = min(time.monotonic() - began, messages / plan.rate)
                backlog.append(round(spent_s * plan.rate) - ingest.received())
                memory.append(stage.memory_mb(child.pid))
                if len(backlog) % 10 == 0:
                    say(f"{len(backlog)} s: backlog {backlog[-1]} messages, memory {memory[-1]:.0f} MB")
            sent = generator.answer()
            ended_ns = ingest.wait(messages)
        cpu_s = stage.cpu_s(child.pid) - cpu_s
        child.end()
        terms, summary, distinct, commits = ingest.result()
    third = max(1, len(backlog) // 3)
    took_s = (ended_ns - sent["began_ns"]) / NS_PER_S
    return {
        "values_per_s": round(messages * plan.frames * Load().values / took_s),
        "messages_per_s": round(messages / took_s),
        "rate": plan.rate,
        "values_per_message": plan.frames * Load().values,
        "lost": messages * plan.frames - distinct,
        "duplicates": terms["duplicate"],
        "cpu_us_per_message": round(cpu_s / messages * 1e6, 2),
        "backlog_first": round(statistics.median(backlog[:third])),
        "backlog_last": round(statistics.median(backlog[-third:])),
        "backlog_max": max(backlog),
        "memory_first_mb": round(statistics.median(memory[:third])),
        "memory_last_mb": round(statistics.median(memory[-third:])),
        "caught_up_s": round((ended_ns - sent["sent_ns"]) / NS_PER_S, 2),
        "load_late_s": round(sent["late_s"], 3),
        "commit_p50_ms": round(commits[len(commits) // 2], 1),
        "commit_p99_ms": round(commits[int(0.99 * (len(commits) - 1))], 1),
        "disk_bytes_per_value": round(summary.bytes / max(1, summary.values), 2),
        "seconds": round(took_s, 1),
    }
