"""What ingest does beside ingesting, in threads of its own.

Salvage, the check of a large file, packing the indexes of closed days, recordings by rule, the archive, retention.
"""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.archive.run import LOCK, archive, last_closed_ns
from connectors.care.check import SQLITE
from connectors.care.retention import Retention
from connectors.care.salvage import Salvage
from connectors.care.start import check_in_background, to_salvage
from connectors.desk import Desk
from connectors.desk.recordings import recordings
from connectors.stores._packing import pack_closed_days
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_driver, open_history
from twin.clock import NS_PER_S, iso_from_ns
from twin.config import RetentionConfig
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.recordings.recorder import Recorder
    from twin.clock import Clock
    from twin.config import StoreConfig
    from twin.ports import Store

log = logging.getLogger(__name__)
JOIN_S = 10.0
PERIOD_S = 60.0
ARCHIVE_EVERY_NS = 3600 * NS_PER_S
PACK_EVERY_NS = 3600 * NS_PER_S
CLOSED_AFTER_DAYS = 2 / 24
"""A day is packed so long after its end: what comes late has come by then."""
PACKING_LOCK = "packing"
RECORDING_LOCK = "recording-rules"
RETENTION_LOCK = "retention"
"""The name under which one process at a time lets old data go."""


class Upkeep:
    """Runs while ingest does (mutable). `damage` is what the check in the background found; "" so far nothing."""

    def __init__(self, config: StoreConfig, store: Store, clock: Clock, recorder: Recorder | None = None) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._recorder = recorder
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._holding = ""
        self.damage = ""

    def start(self) -> None:
        """Begin."""
        url = self._config.url
        aside = to_salvage(url)
        if aside is not None:
            path = Path(url.removeprefix(SQLITE))
            salvage = Salvage(aside, path, self._store, self._clock, self._stop)
            self._spawn("salvage", salvage.run)
        by_day = not url.startswith(SQLITE)
        if by_day or self._config.archive or self._config.retention != RetentionConfig() or self._recorder:
            self._spawn("care", self._care)
        if url.startswith(SQLITE):
            check_in_background(Path(url.removeprefix(SQLITE)), self._found)

    def stop(self) -> None:
        """End; what is under way ends at its next step."""
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    def _care(self) -> None:
        """Packing, the archive and retention, over and over; what fails is tried again the next time."""
        said = ""
        next_archive_ns = next_packing_ns = 0
        by_day = not self._config.url.startswith(SQLITE)
        while not self._stop.wait(PERIOD_S):
            try:
                if self._recorder is not None and self._is_free(RECORDING_LOCK):
                    self._recorder.look()
                if self._config.archive and self._clock.now_ns() >= next_archive_ns and self._is_free(LOCK):
                    self._archive()
                    next_archive_ns = self._clock.now_ns() + ARCHIVE_EVERY_NS
                if self._config.retention != RetentionConfig() and self._is_free(RETENTION_LOCK):
                    self._retain()
                if by_day and self._clock.now_ns() >= next_packing_ns and self._is_free(PACKING_LOCK):
                    self._pack()
                    next_packing_ns = self._clock.now_ns() + PACK_EVERY_NS
                said = ""
            except StoreError as error:
                if str(error) != said:
                    said = str(error)
                    log.error("looking after the store failed, it is tried again: %s", said)  # noqa: TRY400

    def _is_free(self, lock: str) -> bool:
        """Whether no other process is at it: of several ingest workers one does it."""
        try:
            with writer_lock(self._config.url, lock):
                return True
        except StoreUnavailable:
            raise
        except StoreError:
            return False

    def _archive(self) -> None:
        config = self._config
        before_ns = last_closed_ns(self._clock, config.archive_after_days)
        archive(config.url, Path(config.archive), before_ns, self._clock, self._stop)

    def _pack(self) -> None:
        url = self._config.url
        with writer_lock(url, PACKING_LOCK):
            pack_closed_days(url, last_closed_ns(self._clock, CLOSED_AFTER_DAYS), self._stop)

    def _retain(self) -> None:
        config = self._config
        with (
            writer_lock(config.url, RETENTION_LOCK),
            closing(open_history(config.url)) as history,
            closing(open_driver(config.url)) as driver,
        ):
            rules, archived_only = config.retention, bool(config.archive)
            with closing(Desk(config.url, self._clock)) as desk:
                kept = recordings(desk)
            pins = [(one.from_ns, one.to_ns) for one in kept]
            care = Retention(history, driver, rules, self._clock, self._stop, archived_only=archived_only, pins=pins)
            held_ns = care.run().held_ns
        holding = next((one.name for one in kept if one.from_ns == held_ns), "")
        if holding != self._holding and held_ns is not None:
            log.warning("raw data from %s on stays for the recording %r", iso_from_ns(held_ns), holding)
        self._holding = holding

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
