"""What a measurement needs around it: a broker, an empty store, processes that are ended again."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from connectors.broker import BrokerProcess, any_port, is_reachable
from twin.errors import BrokerError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

UP_S = 40.0
POSTGRES = "postgresql://postgres@127.0.0.1:5432/test"


@contextmanager
def broker(url: str) -> Iterator[tuple[str, str]]:
    """(kind, URL) of the broker to measure with: the given one, else a mosquitto, else the embedded one."""
    if url:
        if not is_reachable(url):
            raise BrokerError(f"no broker answers at {url}")
        yield "external", url
        return
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    kind = "mosquitto" if shutil.which("mosquitto", path=path) else "embedded"
    with TemporaryDirectory(prefix="twin-bench-broker-", ignore_cleanup_errors=True) as folder:
        process = BrokerProcess(kind, Path(folder), any_port())
        process.start()
        try:
            yield kind, process.url
        finally:
            process.stop()


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """URL of an empty store of that kind (sqlite, postgres); raises StoreUnavailable where there is no server."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'bench.db'}"
        return
    server = os.environ.get("TWIN__BENCH__POSTGRES", POSTGRES)
    name = f"twin_bench_{uuid4().hex[:12]}"
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        raise StoreUnavailable(
            f"no PostgreSQL at {server}: {str(error).strip()}; set TWIN__BENCH__POSTGRES to one"
        ) from error
    with connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    parts = urlsplit(server)
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


class Worker:
    """A child process of the measurement that speaks in lines. Mutable; ended by whoever made the stage."""

    def __init__(self, arguments: list[str], environ: dict[str, str] | None = None) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TWIN__")}
        self._child = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**clean, **(environ or {})},
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    def wait_ready(self) -> None:
        """Wait for the line ``ready``; raises BrokerError where the process ends before."""
        if self._line().strip() != b"ready":
            raise BrokerError(f"a process of the measurement ended with {self._child.wait()}")

    def go(self) -> None:
        """Tell it to begin."""
        if self._child.stdin is not None:
            self._child.stdin.write(b"go\n")
            self._child.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The JSON line it ends with."""
        line = self._line()
        if not line:
            raise BrokerError(f"a process of the measurement ended with {self._child.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def _line(self) -> bytes:
        return b"" if self._child.stdout is None else self._child.stdout.readline()

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._child.poll() is not None

    def end(self) -> None:
        """Ask it to end, and make it."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(10)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def worker(*arguments: str, environ: dict[str, str] | None = None) -> Iterator[Worker]:
    """A child process, ended with the block."""
    made = Worker(list(arguments), environ)
    with ExitStack() as stack:
        stack.callback(made.end)
        yield made


@contextmanager
def pages(store_url: str, factory: str, folder: Path) -> Iterator[str]:
    """The address of the pages on a store, by a factory file of that text; raises BrokerError where none come up."""
    file, port = folder / "factory.toml", any_port()
    file.write_text(factory, encoding="utf-8")
    environ = {"TWIN__WEB__PORT": str(port), "TWIN__STORE__URL": store_url}
    address = f"http://127.0.0.1:{port}"
    with worker("-m", "dashboards.cli", "web", str(file), environ=environ):
        deadline = time.monotonic() + UP_S
        while True:
            try:
                with urllib.request.urlopen(f"{address}/healthz", timeout=5):  # noqa: S310  our own
                    break
            except urllib.error.HTTPError:
                break  # it answers: of an ingest that does not run it says so
            except (OSError, http.client.HTTPException):
                if time.monotonic() > deadline:
                    raise BrokerError(f"no page answers at {address} within {UP_S:.0f} s") from None
                time.sleep(0.1)
        yield address


def cpu_s(pid: int) -> float:
    """CPU seconds a process has used (user and system), 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Resident memory of a process, 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def machine() -> str:
    """The machine in a few words."""
    model, cores = "unknown processor", os.cpu_count() or 0
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        memory_gb = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)
    except (OSError, ValueError):
        return f"{model}, {cores} cores"
    return f"{model}, {cores} cores, {memory_gb} GB"
