"""What ingest does beside ingesting, in threads of its own: salvage, the check of a large file, archive, retention."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.care.check import SQLITE
from connectors.care.salvage import Salvage
from connectors.care.start import check_in_background, to_salvage
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.clock import Clock
    from twin.config import StoreConfig
    from twin.ports import Store

log = logging.getLogger(__name__)
JOIN_S = 10.0


class Upkeep:
    """Runs while ingest does (mutable). `damage` is what the check in the background found; "" so far nothing."""

    def __init__(self, config: StoreConfig, store: Store, clock: Clock) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.damage = ""

    def start(self) -> None:
        """Begin."""
        url = self._config.url
        aside = to_salvage(url)
        if aside is not None:
            path = Path(url.removeprefix(SQLITE))
            salvage = Salvage(aside, path, self._store, self._clock, self._stop)
            self._spawn("salvage", salvage.run)
        if url.startswith(SQLITE):
            check_in_background(Path(url.removeprefix(SQLITE)), self._found)

    def stop(self) -> None:
        """End; what is under way ends at its next step."""
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    def _found(self, damage: str) -> None:
        self.damage = damage

    def _spawn(self, name: str, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except StoreError as error:
                if not self._stop.is_set():
                    log.error("%s ended: %s; it goes on at the next start", name, error)  # noqa: TRY400

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
