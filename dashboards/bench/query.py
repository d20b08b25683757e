"""`twin bench query`: reads of an empty store's first day, beside the least the database does for them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connectors.bench import archived, query
from dashboards.bench import stage
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable


def run(store: str, full: bool, say: Callable[[str], None]) -> dict[str, Any]:  # noqa: FBT001  an option of the verb
    """Measure; the keys are told in docs/reference/bench.md."""
    with (
        TemporaryDirectory(prefix="twin-bench-", ignore_cleanup_errors=True) as folder,
        stage.store(store, Path(folder)) as url,
    ):
        answer = {"store": store, "machine": stage.machine(), **query.run(url, full=full, say=say)}
        return answer | _archived(Path(folder), say)


def _archived(folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The archive's figures, the same for every database; null where pyarrow is not installed."""
    try:
        return archived.run(folder, say=say)
    except StoreError as error:
        say(f"not measured: {error}")
        return dict.fromkeys(("archive_ms", "archive_limit_ms", "archived_bytes_per_value"))
