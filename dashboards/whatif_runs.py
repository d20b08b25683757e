"""What-ifs that people started: each a process of its own, listed, cancelled, and forgotten in time.

The web process only waits for them: `twin whatif` reads the store, fits and runs on all cores with low priority,
says on stderr how far it is and on stdout what came of it.
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twin.clock import Clock

KEPT_NS = 3600 * NS_PER_S
"""So long after it ended a what-if can be looked at."""
MOST_KEPT = 40
MOST_RUNNING = 2
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: from which moment (None: the newest) for how long, with which changes, how often.

    With ``sensitivity`` each of those settings is stepped by itself, and ``changes`` are none.
    """

    site: str
    at_ms: float | None
    hours: float
    replications: int
    changes: tuple[str, ...]
    seed: int
    history_hours: float
    sensitivity: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """As `twin whatif` takes them."""
        found = ["--site", self.site, "--hours", f"{self.hours:g}", "--replications", str(self.replications)]
        found += ["--seed", str(self.seed), "--history-hours", f"{self.history_hours:g}"]
        found += [] if self.at_ms is None else ["--at", f"{self.at_ms:.0f}"]
        found += ["--sensitivity", ",".join(self.sensitivity)] if self.sensitivity else []
        return [*found, *(part for one in self.changes for part in ("--set", one))]


@dataclass(slots=True)
class Run:
    """One what-if. Mutable: its own thread moves it on.

    ``state`` is reading, running, done, failed or cancelled; ``done`` how much of the running is done, 0…1.
    """

    id: str
    who: str
    asked: Question
    started_ns: int
    state: str = "reading"
    done: float = 0.0
    answer: bytes = b""
    error: str = ""
    ended_ns: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether its process has ended."""
        return self.ended_ns > 0

    def told(self, *, whole: bool) -> dict[str, Any]:
        """As the page has it; ``whole`` with the answer."""
        asked = self.asked
        found: dict[str, Any] = {
            "id": self.id,
            "who": self.who,
            "site": asked.site,
            "at_ms": asked.at_ms,
            "hours": asked.hours,
            "replications": asked.replications,
            "changes": asked.changes,
            "sensitivity": asked.sensitivity,
            "state": self.state,
            "done": self.done,
            "error": self.error,
            "started_ms": self.started_ns / 1e6,
            "expires_ms": (self.ended_ns + KEPT_NS) / 1e6 if self.ended_ns else None,
        }
        if whole:
            found["answer"] = msgspec.Raw(self.answer) if self.answer else None
        return found


class Runs:
    """All what-ifs of a web process. Mutable; any thread may ask.

    ``arguments`` name the factory file, ``environ`` the store.
    """

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], clock: Clock) -> None:
        self._arguments = list(arguments)
        self._environ = {**os.environ, **environ}
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        atexit.register(self.close)

    def start(self, who: str, asked: Question) -> Run | None:
        """Begin one; None while as many run as may."""
        with self._lock:
            self._forget()
            if sum(not one.is_over for one in self._runs.values()) >= MOST_RUNNING:
                return None
            run = Run(secrets.token_hex(6), who, asked, self._clock.now_ns())
            command = [sys.executable, "-m", "dashboards.cli", "whatif", *self._arguments, *asked.arguments()]
            run.process = subprocess.Popen(
                [*command, "--json", "--steps"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=self._environ, start_new_session=True,
            )  # fmt: skip
            self._runs[run.id] = run
        threading.Thread(target=self._follow, args=(run,), name=f"what-if {run.id}", daemon=True).start()
        return run

    def of(self, site: str) -> list[Run]:
        """Those of a site, newest first."""
        with self._lock:
            self._forget()
            mine = [one for one in self._runs.values() if site_of(one.asked.site) == site]
        return sorted(mine, key=lambda one: -one.started_ns)

    def get(self, run_id: str) -> Run | None:
        """The one of that id."""
        with self._lock:
            self._forget()
            return self._runs.get(run_id)

    def end(self, run: Run) -> None:
        """Cancel one that runs, or forget one that is over."""
        if run.is_over:
            with self._lock:
                self._runs.pop(run.id, None)
            return
        run.state = "cancelled"
        _stop(run)

    def close(self) -> None:
        """End all that run."""
        for run in list(self._runs.values()):
            if not run.is_over:
                _stop(run)

    def _follow(self, run: Run) -> None:
        """Listen to one until it ends."""
        process = run.process
        assert process is not None  # noqa: S101  it was started
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        said: list[bytes] = []
        listening = threading.Thread(target=self._listen, args=(run, process.stderr, said), daemon=True)
        listening.start()
        answer = process.stdout.read()
        code = process.wait()
        listening.join()
        if code == 0 and run.state != "cancelled":
            run.answer, run.state, run.done = answer, "done", 1.0
        elif run.state != "cancelled":
            run.state = "failed"
            run.error = b"".join(said).decode("utf-8", "replace").strip()[-1000:] or f"it ended with {code}"
        run.ended_ns = self._clock.now_ns()

    def _listen(self, run: Run, lines: Any, said: list[bytes]) -> None:
        """Numbers are progress, the rest is what went wrong."""
        for line in lines:
            try:
                run.done = float(line)
                if run.state == "reading":
                    run.state = "running"
            except ValueError:
                said.append(line)
                del said[:-40]

    def _forget(self) -> None:
        """Drop what ended too long ago, and the oldest of too many."""
        now_ns = self._clock.now_ns()
        over = sorted((one for one in self._runs.values() if one.is_over), key=lambda one: one.ended_ns)
        for place, one in enumerate(over):
            if now_ns - one.ended_ns > KEPT_NS or len(over) - place > MOST_KEPT:
                self._runs.pop(one.id, None)


def _stop(run: Run) -> None:
    """Ask a process to end, with all that it started; and make it, when it does not."""
    process = run.process
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
