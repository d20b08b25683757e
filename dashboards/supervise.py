"""Child processes of one command: started in order, restarted when they die, stopped in order.

A child that is killed comes back; what it had in hand comes again from the broker, because nothing
is acknowledged before it is stored.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from connectors.broker import OWN_SESSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESTART_PAUSE_S = (0.2, 5.0)
CALM_S = 20.0
_LOOK_S = 0.02


class Child:
    """One supervised process. Mutable; the supervisor's thread owns it."""

    def __init__(self, name: str, arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.restarts = 0
        self._command = [sys.executable, "-m", "dashboards.cli", *arguments]
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._pause_s = RESTART_PAUSE_S[0]
        self._retry_s = 0.0
        self.expected_to_end = False

    @property
    def pid(self) -> int:
        """The process id, 0 when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    @property
    def started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    def start(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, env=self._environ, start_new_session=OWN_SESSION
        )
        self._started_s = time.monotonic()

    def watch(self, log: Callable[[str], None]) -> None:
        """Start it again if it has died; ever later when it dies at once."""
        if self._process is None or self._process.poll() is None:
            return
        now_s = time.monotonic()
        if self._retry_s == 0.0:
            if self.expected_to_end and self._process.returncode == 0:
                return
            if now_s - self._started_s > CALM_S:
                self._pause_s = RESTART_PAUSE_S[0]
            self._retry_s = now_s + self._pause_s
            log(f"{self.name} ended with {self._process.returncode}; starting it again")
            self._pause_s = min(self._pause_s * 2, RESTART_PAUSE_S[1])
        if now_s >= self._retry_s:
            self._retry_s = 0.0
            self.restarts += 1
            self.start()

    def ask_to_stop(self) -> None:
        """Send SIGTERM (or the system's nearest to it)."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()

    def wait(self, timeout_s: float) -> None:
        """Wait for its end; kill it when it takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def stop_together(children: Sequence[Child], timeout_s: float) -> list[str]:
    """Ask all to stop and wait, ``timeout_s`` for all together; returns the names of those that were killed."""
    for child in children:
        child.ask_to_stop()
    deadline_s = time.monotonic() + timeout_s
    while any(child.pid for child in children) and time.monotonic() < deadline_s:
        time.sleep(_LOOK_S)
    late = [child for child in children if child.pid]
    for child in children:
        child.wait(0.0)
    return [child.name for child in late]


def stop_event() -> threading.Event:
    """An event that SIGTERM, SIGINT and the parent's death set. For the main thread of a process."""
    stop = threading.Event()
    # A handler runs in the midst of whatever the main thread does, of another handler too, and the event has a lock
    # that one of those may hold. So the system writes the signal into a pipe, and a thread sets the event.
    ends = socket.socketpair()
    ends[1].setblocking(False)
    signal.set_wakeup_fd(ends[1].fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    threading.Thread(target=_hear, args=(ends, stop), name="signals", daemon=True).start()
    threading.Thread(target=_watch_parent, args=(stop,), name="parent-watch", daemon=True).start()
    return stop


def _hear(ends: tuple[socket.socket, socket.socket], stop: threading.Event) -> None:
    """Set the event for each signal that the system writes; both ends live as long as this thread."""
    while ends[0].recv(64):
        stop.set()


def _watch_parent(stop: threading.Event) -> None:
    parent = os.getppid()
    while not stop.wait(1.0):
        if os.getppid() != parent:
            stop.set()
