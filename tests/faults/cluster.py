"""A PostgreSQL of its own: it can be stopped without warning, frozen and killed, and nobody else notices."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from room import new_folder

from connectors.broker import any_port

_ROOTS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
BIN = _ROOTS[-1] if _ROOTS else None
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def why_not() -> str:
    """Why there cannot be one here, or nothing."""
    if BIN is None or not (BIN / "initdb").exists():
        return "no PostgreSQL programs under /usr/lib/postgresql"
    if AS_ROOT and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return ""


class Cluster:
    """A data folder and its server (mutable; the test that made it ends it)."""

    def __init__(self) -> None:
        self.folder = new_folder("twin-cluster-")  # pytest's own folders are closed to others
        self.port = any_port()
        self._databases = 0
        if AS_ROOT:
            shutil.chown(self.folder, "postgres", "postgres")
        self._tool("initdb", "-D", str(self.data), "-U", "twin", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as config:
            config.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
                "fsync = on\nsynchronous_commit = on\nshared_buffers = 32MB\nmax_connections = 40\n"
                "log_min_messages = warning\n"
            )
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start and wait until it answers."""
        self._tool("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-t", "60", "start")

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is as good as a crash: it recovers from its log at the next start."""
        self._tool("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children."""
        pids = self._pids()
        for pid in pids:
            _send(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in pids):
            assert time.monotonic() < deadline, "PostgreSQL does not die"
            time.sleep(0.02)

    def freeze(self) -> None:
        """SIGSTOP to every process: it neither answers nor closes anything."""
        for pid in self._pids():
            _send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._pids():
            _send(pid, signal.SIGCONT)

    def database(self) -> str:
        """The URL of a new, empty database."""
        self._databases += 1
        name = f"run{self._databases}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

    def close(self) -> None:
        self.thaw()
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _url(self, name: str) -> str:
        return f"postgresql://twin@127.0.0.1:{self.port}/{name}"

    def _pids(self) -> list[int]:
        """The postmaster first, then its children."""
        file = self.data / "postmaster.pid"
        if not file.exists():
            return []
        first = int(file.read_text(encoding="ascii").split()[0])
        children = Path(f"/proc/{first}/task/{first}/children")
        return [first, *(map(int, children.read_text(encoding="ascii").split()) if children.exists() else [])]

    def _tool(self, name: str, *arguments: str) -> None:
        assert BIN is not None
        command = [str(BIN / name), *arguments]
        if AS_ROOT:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(
            command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}"


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
