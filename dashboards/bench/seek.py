"""`twin bench seek` and `twin bench verify`: reading the past, beside the bare reading of the same rows."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connectors.bench import seek
from connectors.stores.sql import open_history
from dashboards.bench import stage

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOWS_A_DAY = 20 / 3


def run_seek(store: str, days: float, assets: int, seeks: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Seek in a store of so many days, server only; the keys are told in docs/reference/bench.md."""
    with TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder:
        with stage.store(store, Path(folder)) as url:
            starts = seek.build(url, days, assets, max(1, round(days * WINDOWS_A_DAY)), say)
            answer = seek.measure(url, starts, seeks)
        plant = {"days": days, "assets": assets, "signals": assets * seek.WIDTH, "windows": len(starts)}
        return {"store": store, "machine": stage.machine(), "server_only": True, **plant, **answer}


def run_verify(store: str, seconds: int, assets: int, repeats: int) -> dict[str, Any]:
    """Fold a live store again, beside the bare reading of its batches."""
    with TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder:
        with stage.store(store, Path(folder)) as url:
            seek.build_live(url, seconds, assets)
            with closing(open_history(url)) as history:
                answer = seek.refold(history, repeats)
        return {"store": store, "machine": stage.machine(), "assets": assets, **answer}
