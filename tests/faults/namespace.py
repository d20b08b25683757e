"""A network of one's own, whose only link can be taken down."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

_CLONE_NEWNET = 0x40000000


def why_not() -> str:
    """Why there cannot be one here, or nothing."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can make a network namespace"
    if shutil.which("ip") is None:
        return "no `ip` program"
    done = subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "the kernel lets nobody make a network namespace here"


def run_inside(what):
    """Call ``what`` in a thread with a network of its own; so have the threads and processes it starts."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_enter, what).result()


def _enter(what):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    link(up=True)
    return what()


def link(*, up: bool) -> None:
    """Take the loopback of this thread's network up or down."""
    subprocess.run(["ip", "link", "set", "lo", "up" if up else "down"], check=True)
