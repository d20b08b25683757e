"""Trainings that people started on the page: one at a time, each a process of its own, so that pages stay quick."""

from __future__ import annotations

import atexit
import os
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twin.clock import Clock

MOST_KEPT = 20
PATIENCE_S = 5.0


@dataclass(slots=True)
class Training:
    """One training. Mutable: its own thread moves it on. ``state`` is running, done or failed."""

    id: str
    who: str
    name: str
    asset: str
    started_ns: int
    state: str = "running"
    error: str = ""
    ended_ns: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def told(self) -> dict[str, Any]:
        """As the page has it."""
        return {
            "id": self.id, "who": self.who, "name": self.name, "asset": self.asset, "state": self.state,
            "error": self.error, "started_ms": self.started_ns / 1e6,
        }  # fmt: skip


class Trainings:
    """All trainings of a web process. Mutable; any thread may ask. ``environ`` names the store."""

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = {**os.environ, **environ}
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: list[Training] = []
        atexit.register(self.close)

    def start(self, who: str, name: str, asset: str, arguments: Sequence[str]) -> Training | None:
        """Begin one, `twin model train` with these arguments; None while another runs."""
        with self._lock:
            if any(one.state == "running" for one in self._runs):
                return None
            run = Training(secrets.token_hex(6), who, name, asset, self._clock.now_ns())
            command = [sys.executable, "-m", "dashboards.cli", "model", "train", *arguments]
            run.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                env=self._environ, start_new_session=True,
            )  # fmt: skip
            self._runs = [run, *self._runs][:MOST_KEPT]
        threading.Thread(target=self._follow, args=(run,), name=f"training {run.id}", daemon=True).start()
        return run

    def all(self) -> list[Training]:
        """Newest first."""
        with self._lock:
            return list(self._runs)

    def close(self) -> None:
        """End the one that runs."""
        for run in self.all():
            process = run.process
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _follow(self, run: Training) -> None:
        process = run.process
        assert process is not None  # noqa: S101  it was started
        _, said = process.communicate()
        if process.returncode:
            run.error = said.decode("utf-8", "replace").strip()[-1000:] or f"it ended with {process.returncode}"
        run.ended_ns = self._clock.now_ns()
        run.state = "failed" if process.returncode else "done"
