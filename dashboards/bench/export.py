"""`twin bench export`: a robot's hours from an empty store's folder into each format."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connectors.archive.layout import arrow
from dashboards.bench import stage

if TYPE_CHECKING:
    from collections.abc import Callable


def run(store: str, hours: float, repeats: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure; the keys are told in docs/reference/bench.md. Raises StoreError without pyarrow."""
    arrow()
    from connectors.bench import export  # noqa: PLC0415  pyarrow is an extra

    with (
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(store, Path(folder)) as url,
    ):
        target = Path(folder) / "exports"
        return {
            "store": store,
            "machine": stage.machine(),
            **export.run(url, target, hours=hours, repeats=repeats, say=say),
        }
