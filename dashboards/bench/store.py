"""`twin bench store`: an empty store for each run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connectors.bench.store import run as measure
from dashboards.bench import stage


def run(kind: str, frames: int, *, full: bool) -> dict[str, Any]:
    """Measure a store of that kind."""
    with ExitStack() as stack:

        def empty() -> str:
            folder = stack.enter_context(TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True))
            return stack.enter_context(stage.store(kind, Path(folder)))

        answer = measure(empty, repeats=5 if full else 3, count=60 if full else 12, frames=frames)
    return {"store": kind, "machine": stage.machine(), **answer}
