"""A real broker, our real ingest, real clients of other people, and a witness who hears what goes over the wire.

The scripts of `clients/` drive the client libraries. They take a word a line on their input (a step), answer
``done WORD`` on their output, and write what they publish into a ledger of their own: one JSON object a message.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from third_parties import Environment

from connectors.broker import BrokerProcess, any_port
from connectors.stores.sql import open_history, open_store
from connectors.wall_clock import WallClock
from twin.config import topic_matches
from twin.events import EventKind

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).resolve().parent / "clients"
MOSQUITTO = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
BROKER = os.environ.get("INTEROP_BROKER") or ("mosquitto" if MOSQUITTO else "embedded")
"""``embedded`` or ``mosquitto``."""
DEADLINE_S = 60.0
FAR_NS = 2**62
FACTORY = """\
[hub]
id = "interop"
name = "Interop"
[[site]]
id = "plant"
name = "Plant"
[broker]
{broker}
[store]
url = "{store}"
"""


def wait_for(condition, what, timeout_s=DEADLINE_S, every_s=0.02):
    """Wait until it is true; an AssertionError that says what did not happen."""
    began_s = time.monotonic()
    while not condition():
        if time.monotonic() > began_s + timeout_s * busyness():
            raise AssertionError(f"{what() if callable(what) else what} did not happen within {timeout_s:.0f} s")
        time.sleep(every_s)


def busyness() -> float:
    """How many times longer things take than on a machine that is ours alone: 1, or the load on a processor."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True)
class Heard:
    """A message as the witness heard it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    at_ns: int


class Witness:
    """Hears everything (mutable; the network thread appends)."""

    def __init__(self, port: int) -> None:
        self.heard: list[Heard] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="witness", protocol=paho.MQTTv311)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10), "the witness cannot subscribe"

    def _hear(self, _client, _userdata, message) -> None:
        now_ns = WallClock().now_ns()
        self.heard.append(Heard(message.topic, message.payload, message.qos, message.retain, now_ns))

    def of(self, topic_filter: str) -> list[Heard]:
        return [one for one in list(self.heard) if topic_matches(topic_filter, one.topic)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Client:
    """A script that drives somebody's library (mutable)."""

    def __init__(self, script: str, environment: Environment, folder: Path, port: int, *arguments: str) -> None:
        self.name = f"{Path(script).stem}-{'-'.join(arguments)}"
        self.party = environment.party
        folder.mkdir(parents=True, exist_ok=True)
        self._ledger = folder / f"{self.name}.jsonl"
        self._errors = folder / f"{self.name}.log"
        self.said: list[str] = []
        self._answers: queue.Queue[str] = queue.Queue()
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("TWIN__", "PYTHON"))}
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [*environment.command, str(SCRIPTS / script), str(port), str(self._ledger), *arguments],
                cwd=folder, env={**variables, **dict(environment.variables)}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout:
            word = line.strip()
            if word.startswith("done "):
                self._answers.put(word.removeprefix("done "))
            else:
                self.said.append(word)
        self._answers.put("")

    def take(self, step: str, timeout_s: float = DEADLINE_S) -> None:
        """Take a step, and wait until it is done."""
        self._process.stdin.write(step + "\n")
        self._process.stdin.flush()
        try:
            answer = self._answers.get(timeout=timeout_s * busyness())
        except queue.Empty:
            raise AssertionError(f"{self.name}: {step!r} was not done within {timeout_s:.0f} s\n{self.log}") from None
        assert answer == step, f"{self.name}: {step!r} was answered by {answer!r}\n{self.log}"

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Its last step, and its end."""
        self.take("stop")
        self._process.stdin.close()
        assert self._process.wait(20) == 0, self.log

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    @property
    def log(self) -> str:
        return self._errors.read_text(encoding="utf-8", errors="replace")[-3000:]

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """What it says that it published, so far; a line that is not whole yet is left out."""
        if not self._ledger.exists():
            return []
        text = self._ledger.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


class Stage:
    """One run (mutable; the test's thread owns it)."""

    def __init__(self, folder: Path, source: str, topic_filter: str) -> None:
        """``source`` is one ``[[source]]`` of the factory file, with the name ``line``."""
        self.folder = folder
        self.filter = topic_filter
        self.clients: list[Client] = []
        self.ingest: subprocess.Popen[bytes] | None = None
        self.url = f"sqlite:///{folder / 'twin.db'}"
        self.broker = BrokerProcess(BROKER, folder / "broker", any_port())
        self.broker.start()
        self.witness = Witness(self.broker.port)
        external = f'use = "mqtt://127.0.0.1:{self.broker.port}"'
        broker = external if BROKER == "mosquitto" else f'use = "embedded"\nport = {self.broker.port}'
        self.file = folder / "factory.toml"
        self.file.write_text(FACTORY.format(broker=broker, store=self.url) + source, encoding="utf-8")
        open_store(self.url).close()
        self.history = open_history(self.url)

    def start_ingest(self) -> None:
        """Our ingest as a process, until its source is connected and subscribed."""
        before = self._connections()
        environ = {key: value for key, value in os.environ.items() if not key.startswith("TWIN__")}
        with (self.folder / "ingest.log").open("ab") as log:
            self.ingest = subprocess.Popen(
                [sys.executable, "-m", "dashboards.cli", "ingest", str(self.file)], cwd=self.folder,
                env={**environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(lambda: self._connections() > before, lambda: f"the subscription\n{self.log}")

    def _connections(self) -> int:
        return len(self.history.events(0, FAR_NS, kinds=[EventKind.SOURCE_CONNECTED]))

    def client(self, script: str, environment: Environment, *arguments: str) -> Client:
        client = Client(script, environment, self.folder / "clients", self.broker.port, *arguments)
        self.clients.append(client)
        return client

    def wait_heard(self, count, topic_filter: str) -> None:
        """Until the witness has heard so many messages."""
        wait_for(
            lambda: len(self.witness.of(topic_filter)) >= count,
            lambda: f"message {count} on {topic_filter} ({len(self.witness.of(topic_filter))} were heard)",
        )

    @property
    def terms(self) -> dict[str, Any]:
        """The terms of our accounting."""
        return self.history.by_source().get("line", {})

    def stop_ingest(self) -> None:
        """SIGTERM; it stores what it has, and ends with 0, and had nothing to complain of."""
        assert self.ingest is not None
        self.ingest.terminate()
        try:
            code = self.ingest.wait(30)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"ingest does not stop when told to\n{self.log}") from None
        assert code == 0, f"ingest ended with {code}:\n{self.log}"
        assert "Traceback" not in self.log, self.log

    @property
    def log(self) -> str:
        path = self.folder / "ingest.log"
        return path.read_text(encoding="utf-8", errors="replace")[-4000:] if path.exists() else ""

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self.ingest is not None and self.ingest.poll() is None:
            self.ingest.kill()
            self.ingest.wait()
        self.witness.close()
        self.broker.stop()
        self.history.close()
