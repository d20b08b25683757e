"""Whole processes of the product between a real broker and a real database, with their devices, to be hurt.

A run is: start, hurt (the test does that, through the methods here), settle, and then `invariants.verify`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from cluster import Cluster
from device import Device, Ledger, Settings, write_settings
from proxy import Proxy

from connectors.broker import BrokerProcess, any_port
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S
from twin.errors import StoreError
from twin.events import EventKind

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = "line"
INGEST = "twin/ingest:metrics"
DEADLINE_S = 60.0
FACTORY = """
[hub]
id = "test"
name = "Test"
[[site]]
id = "plant"
name = "Plant"
[broker]
{broker}
[store]
url = "{store}"
[ingest]
max_queue = {max_queue}
batch_messages = {batch_messages}
[web]
port = {web_port}
[[source]]
name = "line"
topics = ["plant/+/data"]
decoder = "json_object"
[source.options]
topic = "plant/{{asset}}/{{stream}}"
time = "ts"
seq = "n"
"""


def wait_for(condition, what, timeout_s=DEADLINE_S, every_s=0.02):
    """Wait until it is true; an AssertionError that says what did not happen."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() < began_s + timeout_s * busyness(), f"{what} did not happen within {timeout_s:.0f} s"
        time.sleep(every_s)


def busyness() -> float:
    """How many times longer things take than on a machine that is ours alone: 1, or the load on a processor."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass
class Seen:
    """What the watch saw of ingest while the run was on (mutable; the watch's thread writes)."""

    rss_bytes: list[int] = field(default_factory=list)
    fds: dict[int, list[int]] = field(default_factory=dict)
    """By process: how many files it had open, sample by sample."""


class Rig:
    """One run (mutable; the test's thread owns it, the watch's thread only looks)."""

    def __init__(
        self,
        folder: Path,
        broker: str,
        store: str,
        *,
        seed: int = 0,
        cluster: Cluster | None = None,
        max_queue: int = 5000,
        batch_messages: int = 1000,
        web: bool = False,
        between: tuple[str, ...] = (),
        more_sources: str = "",
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.random = random.Random(seed)
        self.broker = BrokerProcess(broker, folder / "broker", any_port())
        self.cluster = cluster if store == "postgres" else None
        self.url = cluster.database() if store == "postgres" and cluster else f"sqlite:///{folder / 'twin.db'}"
        self.max_queue = max_queue
        self.devices: list[Device | DeviceProcess] = []
        self.proxies: dict[str, Proxy] = {}
        self.ingest: subprocess.Popen[bytes] | None = None
        self.web: subprocess.Popen[bytes] | None = None
        self.seen = Seen()
        self.refused: set[int] = set()
        """Sequence numbers that the database will refuse."""
        self.kills = 0
        self.lossy_broker = ""
        """Why the broker itself may lose what it acknowledged; nothing may be lost where this is empty."""
        self.own_processes = {"ingest": ["-m", "dashboards.cli", "ingest"]}
        self.patience_s = 90.0
        """How long to wait for what is due, after the last PUBACK."""
        self.repaired_s: float | None = None
        self.caught_up_s: float | None = None
        self._connected_before = 0
        self._web_port = any_port() if web else 0
        self._batch_messages = batch_messages
        self._more_sources = more_sources
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._look, name="watch", daemon=True)
        self.broker.start()
        for where in between:
            if where == "store" and self.cluster is None:
                continue
            port = self.broker.port if where in ("ingest", "devices") else self.cluster.port
            self.proxies[where] = Proxy(port)
        self._store_url = self.url
        if "store" in self.proxies:
            self._store_url = self.url.replace(f":{self.cluster.port}/", f":{self.proxies['store'].port}/")
        self.file = self._factory_file()
        open_store(self.url).close()
        self.history = open_history(self.url)

    def _factory_file(self) -> Path:
        port = self.proxies["ingest"].port if "ingest" in self.proxies else self.broker.port
        embedded = self.broker.kind == "embedded"
        broker = f'use = "embedded"\nport = {port}' if embedded else f'use = "mqtt://127.0.0.1:{port}"'
        file = self.folder / "factory.toml"
        told = FACTORY.format(
            broker=broker, store=self._store_url, max_queue=self.max_queue, batch_messages=self._batch_messages,
            web_port=self._web_port or 8050,
        )  # fmt: skip
        file.write_text(told + self._more_sources, encoding="utf-8")
        return file

    def start(self) -> None:
        """Ingest (and the web where asked), until ingest has subscribed."""
        self.start_ingest()
        due = 1 + self._more_sources.count("[[source]]")
        wait_for(lambda: self.connections() >= due, f"the first subscription (see {self.folder / 'ingest.log'})", 30)
        if self._web_port:
            self.start_web()
            wait_for(self.is_green, "a green light", 30)
        self._watch.start()

    def start_ingest(self) -> None:
        self._connected_before = self.connections()
        self.ingest = self._process("ingest", self.own_processes["ingest"])

    def start_web(self) -> None:
        self.web = self._process("web", ["-m", "dashboards.cli", "web"])

    def _process(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("TWIN__")}
        environ["PYTHONPATH"] = str(ROOT)
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments, str(self.file)], cwd=self.folder, env=environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def device(self, total: int, rate_hz: float, **settings) -> Device:
        """A device that begins to publish now."""
        port = self.proxies["devices"].port if "devices" in self.proxies else self.broker.port
        name = f"d{len(self.devices)}"
        start_ms = time.time_ns() // 1_000_000
        settings = {"start_ms": start_ms, "bad_every": 251, **settings}
        told = Settings(name, port, str(self.folder / "ledger"), total, rate_hz, **settings)
        device = Device(told)
        self.devices.append(device)
        device.start()
        return device

    def connections(self) -> int:
        return len(self.history.events(0, 2**62, kinds=[EventKind.SOURCE_CONNECTED]))

    def acknowledged(self) -> int:
        return sum(len(device.ledger.acknowledged) for device in self.devices)

    def sent(self) -> int:
        return sum(device.sent for device in self.devices)

    def wait_sent(self, count: int) -> None:
        wait_for(lambda: self.sent() >= count, f"{count} messages sent", 120)

    def kill_ingest(self) -> None:
        """SIGKILL, and nothing is written down any more."""
        assert self.ingest is not None
        self.ingest.kill()
        self.ingest.wait()
        self.kills += 1

    def kill_broker(self) -> None:
        os.kill(self.broker.pid, signal.SIGKILL)
        wait_for(lambda: self.broker.wait(0) is not None, "the broker's end")
        self.kills += 1

    def restart_broker(self) -> None:
        """SIGTERM, and a start."""
        os.kill(self.broker.pid, signal.SIGTERM)
        wait_for(lambda: self.broker.wait(0) is not None, "the broker's end")
        self.broker.start()

    def repaired(self) -> None:
        """The fault is over: from here the recovery is timed."""
        self.repaired_s = time.monotonic()

    def is_green(self) -> bool:
        """What the health endpoint says; where there is no web process, what ``twin store info --max-age 3`` would."""
        if self._web_port:
            try:
                with urlopen(f"http://127.0.0.1:{self._web_port}/healthz", timeout=2.0) as answer:
                    return answer.status == 200
            except (HTTPError, URLError, OSError):
                return False
        try:
            now_ns = time.time_ns()
            own = self.history.latest().get(INGEST)
        except StoreError:
            return False
        return own is not None and -60 * NS_PER_S <= now_ns - own.received_ns <= 3 * NS_PER_S

    def wait_red(self, within_s: float = 5.0) -> None:
        wait_for(lambda: not self.is_green(), "a red light", within_s, 0.1)

    def wait_green(self, within_s: float = 10.0) -> None:
        wait_for(self.is_green, "a green light", within_s, 0.1)

    def stored(self) -> int:
        """How many of the devices' messages are stored or kept as dead letters, cheaply and by counts."""
        counts = self.history.by_source().get(SOURCE)
        if counts is None:
            return 0
        rows = self.devices[0].settings.rows
        return counts["stored"] // rows + self._letters(counts)

    def _letters(self, counts) -> int:
        rejected = sum(counts["rejected"].values()) + counts["key_conflict"]
        return len(self.history.dead_letters(source=SOURCE, limit=100_000)) if rejected else 0

    def settle(self) -> None:
        """Until every device's message is acknowledged, and all of them are stored; then end ingest cleanly."""
        wait_for(lambda: all(device.done for device in self.devices), "every PUBACK", max(self.patience_s, DEADLINE_S))
        if self.lossy_broker:
            self._wait_quiet()
        else:
            with contextlib.suppress(AssertionError):  # verify tells exactly which are missing
                wait_for(lambda: self.stored() >= self.acknowledged(), "everything stored", self.patience_s, 0.05)
        self.caught_up_s = time.monotonic()
        self.stop_ingest()

    def _wait_quiet(self, quiet_s: float = 3.0) -> None:
        """Until nothing more comes: how much there is to come, nobody knows."""
        last, since_s = -1, time.monotonic()
        while time.monotonic() - since_s < quiet_s:
            if (now := self.stored()) != last:
                last, since_s = now, time.monotonic()
            time.sleep(0.05)

    def stop_ingest(self) -> None:
        self._stopping.set()
        self._watch.join(10)
        assert self.ingest is not None
        # Only a process that is up can be told to stop: before, the signal just ends it.
        wait_for(lambda: self.connections() > self._connected_before, "the last ingest's subscription")
        self.ingest.terminate()
        try:
            code = self.ingest.wait(15)
        except subprocess.TimeoutExpired:
            raise AssertionError("ingest does not stop when told to") from None
        assert code == 0, f"ingest ended with {code}:\n{self.log('ingest')[-3000:]}"

    def log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def recovery_s(self) -> float | None:
        """From the repair until everything acknowledged was stored."""
        if self.repaired_s is None or self.caught_up_s is None:
            return None
        return self.caught_up_s - self.repaired_s

    def close(self) -> None:
        self._stopping.set()
        for device in self.devices:
            device.stop()
        for process in (self.ingest, self.web):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        for proxy in self.proxies.values():
            proxy.close()
        self.broker.stop()
        self.history.close()

    def _look(self) -> None:
        """Memory and open files of ingest, ten times a second; a process that is gone has none."""
        while not self._stopping.wait(0.1):
            if self.ingest is None or self.ingest.poll() is not None:
                continue
            with contextlib.suppress(OSError, StopIteration, ValueError):
                here = Path(f"/proc/{self.ingest.pid}")
                status = (here / "status").read_text(encoding="ascii").splitlines()
                line = next(line for line in status if line.startswith("VmRSS"))
                self.seen.rss_bytes.append(1024 * int(line.split()[1]))
                self.seen.fds.setdefault(self.ingest.pid, []).append(len(list((here / "fd").iterdir())))


class DeviceProcess:
    """A device as a process of its own, to be killed: it goes on from its ledger (mutable)."""

    def __init__(self, rig: Rig, total: int, rate_hz: float) -> None:
        folder = rig.folder / "ledger"
        folder.mkdir(parents=True, exist_ok=True)
        self.settings = Settings(
            f"d{len(rig.devices)}", rig.broker.port, str(folder), total, rate_hz,
            start_ms=time.time_ns() // 1_000_000, bad_every=251,
        )  # fmt: skip
        self._folder = folder
        self._told = folder / f"{self.settings.name}.json"
        write_settings(self.settings, self._told)
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        rig.devices.append(self)

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, str(HERE / "device.py"), str(self._told)])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def ledger(self) -> Ledger:
        """As it is on the disk now."""
        ledger = Ledger(self._folder, self.settings.name)
        ledger.close()
        return ledger

    @property
    def done(self) -> bool:
        return len(self.ledger.acknowledged) >= self.settings.total

    @property
    def sent(self) -> int:
        return max(self.ledger.published, default=-1) + 1

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
