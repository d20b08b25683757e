"""The wiring: `twin run` and `twin demo` as one command over several processes."""

from __future__ import annotations

import http.client
import os
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from connectors.broker import BrokerProcess, LogWatch, is_reachable, kind_of, url_of
from connectors.devices import Ledger
from connectors.factory_file import read_factory
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from dashboards.supervise import Child, stop_together
from twin.errors import BrokerError, ConfigError, StoreUnavailable
from twin.events import EventKind

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from twin.config import Factory

READY_TIMEOUT_S = 60.0
SUBSCRIBED_TIMEOUT_S = 10.0
UNPROMISED_TIMEOUT_S = 10.0
DRAIN_TIMEOUT_S = 60.0
"""How long nothing more may be stored before what is missing is told as missing."""
DEVICES_STOP_S, HUB_STOP_S, BROKER_STOP_S = 1.5, 2.0, 1.0
"""How long each may take to stop, together less than 5 s."""
POLL_S = 0.1
FILE_LOOK_S = 1.0
"""How often the factory file is looked at; what changed is taken up once it has rested for so long."""


def log(text: str) -> None:
    """One line of progress, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: the factory file, where the data lies, and how the simulated devices run."""

    file: Path
    factory: Factory
    folder: Path
    simulate: tuple[str, ...] = ()
    """Arguments of `twin simulate`; () starts no simulator."""
    environ: dict[str, str] = field(default_factory=dict)


class Composition:
    """Broker, ingest, web and simulator of one factory. Mutable; its thread supervises."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        factory = plan.factory
        self._clock = WallClock()
        self._started_ns = 0
        kind = kind_of(factory.broker)
        self.broker = None if kind == "external" else BrokerProcess(kind, plan.folder / "broker", factory.broker.port)
        self._watch = (
            LogWatch(self.broker.log, self._clock.now_ns, plan.folder / "broker" / "refused.json")
            if self.broker is not None and kind == "embedded"
            else None
        )
        environ = plan.environ
        self.ingest = Child("ingest", ["ingest", str(plan.file)], environ)
        self.web = Child("web", ["web", str(plan.file)], environ)
        self.notify = Child("notify", ["notify", str(plan.file)], environ) if factory.notify else None
        expecting = ["expect", "run", str(plan.file), "--wait"]
        self.expect = Child("expect", expecting, environ) if factory.expect.score else None
        self.score = Child("score", ["score", str(plan.file)], environ) if factory.models.score else None
        self.simulator = (
            Child("simulator", ["simulate", str(plan.file), *plan.simulate], environ) if plan.simulate else None
        )
        self._file_stamp = self._file_seen = _stamp(plan.file)
        self._file_looked_s = 0.0
        self.page_url = f"http://{_host_for_people(factory.web.host)}:{factory.web.port}"
        self.broker_url = url_of(factory.broker)

    @property
    def _children(self) -> list[Child]:
        return [
            child
            for child in (self.ingest, self.web, self.notify, self.score, self.expect, self.simulator)
            if child is not None
        ]

    def start(self) -> None:
        """Start everything; raises BrokerError when the broker cannot be had."""
        if self.broker is not None:
            self.broker.start()
            if self._watch is not None:
                self._watch.start()
        elif not is_reachable(self.broker_url):
            log(f"no broker answers at {self.broker_url} yet; it is tried again and again")
        self._started_ns = self._clock.now_ns()
        self.ingest.start()
        self.web.start()
        if self.notify is not None:
            self.notify.start()
        for child in (self.score, self.expect):
            if child is not None:
                child.start()

    def wait_ready(self, stop: threading.Event) -> bool:
        """Wait until page and broker answer, and what devices send is kept; False when told to stop before."""
        began_s = time.monotonic()
        deadline = began_s + READY_TIMEOUT_S
        while not stop.is_set():
            self.watch()
            patient = time.monotonic() - began_s < SUBSCRIBED_TIMEOUT_S
            if is_reachable(self.broker_url, 0.2) and _answers(self.page_url + "/healthz"):
                if self._is_subscribed():
                    return True
                if not patient:
                    log("ingest has not subscribed yet; see the Connections page")
                    return True
            if time.monotonic() > deadline:
                log(f"{self.page_url} does not answer after {READY_TIMEOUT_S:.0f} s")
                return False
            stop.wait(0.05)
        return False

    def watch(self) -> None:
        """One look at every child."""
        if self.broker is not None and self.broker.wait(0) is not None:
            log("the broker ended; starting it again")
            try:
                self.broker.start()
            except BrokerError as error:
                log(str(error))
        if self.simulator is not None and not self.simulator.started and self._is_subscribed():
            self.simulator.start()
        for child in self._children:
            child.watch(log)
        if time.monotonic() - self._file_looked_s >= FILE_LOOK_S:
            self._file_looked_s = time.monotonic()
            self._look_at_file()

    def _look_at_file(self) -> None:
        """Take up a factory file that changed (a device was accepted): its devices and sources, no more than that."""
        stamp = _stamp(self.plan.file)
        seen, self._file_seen = self._file_seen, stamp
        if stamp in (self._file_stamp, None) or stamp != seen:
            return
        self._file_stamp = stamp
        known = self.plan.factory
        try:
            factory = read_factory(self.plan.file, {**os.environ, **self.plan.environ})
        except ConfigError as error:
            log(f"the changed factory file is not taken up: {error}")
            return
        if factory == known:
            return
        beside = replace(factory, hub=known.hub, sources=known.sources, alarms=known.alarms, record=known.record)
        if beside != known:
            log("the factory file changed in more than devices, sources, alarms and recordings: start `twin run` anew")
            return
        log("the factory file changed: ingest and web start anew with it")
        self.plan = replace(self.plan, factory=factory)
        for child in (self.ingest, self.web, self.notify, self.score, self.expect):
            if child is not None:
                child.ask_to_stop()

    def _is_subscribed(self) -> bool:
        """Whether the broker keeps messages for every source: what devices send before that is nobody's."""
        try:
            history = open_history(self.plan.factory.store.url)
        except StoreUnavailable:
            return False
        try:
            events = history.events(self._started_ns, 1 << 62, kinds=[EventKind.SOURCE_CONNECTED])
        except StoreUnavailable:
            return False
        finally:
            history.close()
        wanted = {source.name for source in self.plan.factory.sources if source.type == "mqtt"}
        return wanted <= {event.asset.rpartition("/")[2] for event in events}

    def supervise(self, stop: threading.Event, duration_s: float | None) -> None:
        """Watch until told to stop, or for ``duration_s``."""
        deadline = None if duration_s is None else time.monotonic() + duration_s
        while not stop.wait(POLL_S) and (deadline is None or time.monotonic() < deadline):
            self.watch()

    def stop(self) -> None:
        """Stop the devices, then ingest and web, then the broker: within 5 s even where the machine is busy.

        Whoever takes too long is killed. Nothing is lost: what is not stored is not acknowledged, and comes again.
        """
        hub = [self.ingest, self.web, self.notify, self.score, self.expect]
        groups = (([self.simulator], DEVICES_STOP_S), (hub, HUB_STOP_S))
        for group, timeout_s in groups:
            for name in stop_together([child for child in group if child is not None], timeout_s):
                log(f"{name} took too long to stop and was killed; what it had in hand comes again")
        if self._watch is not None:
            self._watch.stop()
        if self.broker is not None:
            self.broker.stop(BROKER_STOP_S)

    def settle(self, ledger: Path, stop: threading.Event) -> tuple[int, int, int]:
        """Stop the devices and wait until ingest has all of it; returns (published, stored, missing) frames."""
        if self.simulator is not None:
            self.simulator.ask_to_stop()
            self.simulator.wait(15.0)
        deadline, most = time.monotonic() + DRAIN_TIMEOUT_S, 0
        while True:
            self.ingest.watch(log)
            published, stored, missing = compare(ledger, self.plan.factory.store.url)
            if stored > most:
                deadline, most = time.monotonic() + DRAIN_TIMEOUT_S, stored
            if missing == 0 or time.monotonic() > deadline or stop.wait(0.2):
                return published, stored, missing

    def settle_unpromised(self, ledger: Path, stop: threading.Event) -> tuple[int, int]:
        """(published, stored) frames of what went at QoS 0, once no more of it comes."""
        published, stored, _ = compare(ledger, self.plan.factory.store.url, promised=False)
        deadline = time.monotonic() + UNPROMISED_TIMEOUT_S
        while stored < published and time.monotonic() < deadline and not stop.wait(0.5):
            before = stored
            published, stored, _ = compare(ledger, self.plan.factory.store.url, promised=False)
            if stored == before:
                break
        return published, stored


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def compare(ledger: Path, store_url: str, *, promised: bool = True) -> tuple[int, int, int]:
    """(published, stored, missing) frames of the streams in the devices' own ledger; or of what went at QoS 0."""
    counted = Ledger(ledger)
    told = counted.streams if promised else counted.unpromised
    history = open_history(store_url)
    try:
        kept = history.by_stream()
    finally:
        history.close()
    published = sum(row.frames for row in told.values())
    stored = sum(kept[stream].frames for stream in told if stream in kept)
    missing = sum(max(0, row.frames - (kept[stream].frames if stream in kept else 0)) for stream, row in told.items())
    return published, stored, missing


def _host_for_people(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0):  # noqa: S310  our own address
            return True
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):  # where nobody listens, a socket may meet itself and hear its question
        return False
