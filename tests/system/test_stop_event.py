"""Told to stop, a process stops, whatever its main thread was at when it was told."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

WAITS = """
import signal, sys
from dashboards.supervise import stop_event
stop = stop_event()
print("ready", flush=True)
if sys.argv[1] == "inside":
    with stop._cond:  # where the main thread is, now and then, when it waits or another handler of its own sets the event
        signal.raise_signal(signal.SIGTERM)
print("stopped" if stop.wait(15) else "never told", flush=True)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


def _run(where: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS, where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _end(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    try:
        process.wait(30)
    finally:
        process.kill()
    assert process.stdout is not None
    assert process.stderr is not None
    # Not `communicate`: the line before may have been read together with what came after it.
    return process.stdout.read(), process.stderr.read(), process.returncode


def test_a_signal_in_the_midst_of_the_event_itself_does_not_hang_it():
    assert _end(_run("inside")) == ("stopped\n", "", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it(number):
    process = _run("outside")
    process.send_signal(number)
    assert _end(process) == ("stopped\n", "", 0)
