"""Archiving a store by its URL: for the command line, and for ingest's own upkeep."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from connectors.archive.layout import DAY_NS
from connectors.archive.move import Moved, Mover
from connectors.stores.lock import writer_lock
from connectors.stores.sql import base_of, open_driver, open_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twin.clock import Clock

LOCK = "archive"
"""The name under which one mover at a time holds the store's lock."""


def last_closed_ns(clock: Clock, after_days: float) -> int:
    """The end of the last day that ended ``after_days`` ago or earlier."""
    return (clock.now_ns() - round(after_days * DAY_NS)) // DAY_NS * DAY_NS


def archive(  # noqa: PLR0913  one argument an option
    url: str,
    folder: Path,
    before_ns: int,
    clock: Clock,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Moved:
    """Move the days before ``before_ns`` from the store at ``url`` to files below ``folder``.

    Raises StoreError where another process archives the same store, pyarrow is missing, or a file is
    not what was written; StoreUnavailable where database or disk is away.
    """
    with (
        writer_lock(url, LOCK),
        closing(open_history(url)) as history,
        closing(open_driver(url)) as driver,
    ):
        mover = Mover(history, driver, folder, base_of(url), clock, stop or threading.Event(), progress)
        return mover.run(before_ns)
