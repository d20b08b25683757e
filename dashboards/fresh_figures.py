"""What figures are made of, as of a moment; and of now, made in the background so that a page finds it made.

A shift's figures of 500 machines are half a second of work of a core: too much while somebody waits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

from connectors.desk import stops
from connectors.figures import Figures
from dashboards.errors import AskedWrongly
from dashboards.moment import view_of
from dashboards.once import Once
from dashboards.summary import oee
from twin.clock import NS_PER_S
from twin.errors import StoreError
from twin.ids import site_of
from twin.kpi import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.desk.stops import Told
    from connectors.figures import Asked
    from dashboards.page import Behind
    from twin.site import Site

LIVE_EVERY_NS = 5 * NS_PER_S
"""Live figures are made anew so often; a new stop reason makes them anew at once."""
AHEAD_EVERY_S, AHEAD_SELDOM_S = 10.0, 60.0
"""So often figures are made in the background, and so seldom where that is much work."""
DUTY = 0.03
"""The share of a core that they may take before they are made less often."""
IDLE = 9
"""So many times longer than at work it is idle in between: pages are made by the same interpreter."""
FRESH_S = 20.0
"""What was made in the background counts for so long after the next time was due."""
LOOKS_KEPT, PAST_LOOKS_KEPT = 3, 2
"""Each holds all that happened in its time: some megabytes for 50 machines and a shift."""
Key = tuple[object, ...]
"""What names a look."""
log = logging.getLogger(__name__)


class Look:
    """What one answer is made of. Made for each request; ``told`` are the stops that count at its moment."""

    def __init__(self, behind: Behind, figures: Figures, as_of_ns: int | None) -> None:
        view = view_of(behind, as_of_ns)
        self.alarms = view.alarms
        self.live = view.is_live
        self.now_ns = view.clock_ns
        self.told: list[Told] = stops.told(
            behind.desk, 0, self.now_ns + oee.DAY_NS, as_of_ns=None if self.live else self.now_ns
        )
        causes = {site.id: catalogue(site.stop_reasons) for site in behind.factory.hub.sites}
        own = catalogue()
        reasons = [stops.reason(one, causes.get(site_of(one.asset), own)) for one in self.told]
        self.asked: Asked = figures.look(behind.reader.history(), self.now_ns, reasons)

    def site(self, figures: Figures, site: str) -> Site:
        """The site of that id; raises AskedWrongly."""
        for one in figures.sites(self.asked):
            if one.id == site:
                return one
        raise AskedWrongly(404, f"there is no site {site[:64]!r}", "site", "see /api/v1/sites")


class FreshFigures:
    """Looks at the store that several answers share. Mutable; any thread may ask."""

    def __init__(self, behind: Behind) -> None:
        self.figures = Figures(behind.factory.hub)
        self._behind = behind
        self._looks, self._past = Once(LOOKS_KEPT), Once(PAST_LOOKS_KEPT)
        self._lock = threading.Lock()
        self._told = 0
        self._ahead: tuple[int, Key] | None = None
        self.every_s = AHEAD_EVERY_S

    def told(self) -> None:
        """Somebody told of a stop or a shift: nothing that was made before counts."""
        with self._lock:
            self._told += 1
            self._ahead = None

    def key(self, as_of_ms: float | None) -> Key:
        """What names the look of a moment; None is now."""
        if as_of_ms is not None:
            return ("past", as_of_ms, self._told)
        now_ns = self._behind.clock.now_ns()
        with self._lock:
            if self._ahead is not None and 0 <= now_ns - self._ahead[0] < (self.every_s + FRESH_S) * NS_PER_S:
                return self._ahead[1]
            return ("live", now_ns // LIVE_EVERY_NS, self._told)

    def look(self, key: Key, make: Callable[[], Look]) -> Look:
        """The look of that name, made where there is none."""
        found: Look = (self._past if key[0] == "past" else self._looks).get(key, make)
        return found

    def make_ahead(self) -> None:
        """Make what the running shift's figures of every site are made of; lets others work in between."""
        now_ns, begun_s = self._behind.clock.now_ns(), time.thread_time()
        with self._lock:
            key: Key = ("ahead", now_ns, self._told)
        seen = self.look(key, lambda: Look(self._behind, self.figures, None))
        for site in self._behind.factory.hub.sites:
            span = oee.time_of(site, "shift", seen.now_ns)
            scopes = self.figures.scopes(seen.asked, site)
            for asset in dict.fromkeys(asset for one in scopes for asset in (*one.assets, *one.outlets, *one.meters)):
                began_s = time.perf_counter()
                self.figures.record(seen.asked, site, asset, span.start_ns, span.end_ns)
                time.sleep(min(IDLE * (time.perf_counter() - began_s), 1.0))
        took_s = time.thread_time() - begun_s
        with self._lock:
            self.every_s = min(max(AHEAD_EVERY_S, took_s / DUTY), AHEAD_SELDOM_S)
            if key[-1] == self._told:
                self._ahead = (now_ns, key)

    async def keep(self) -> None:
        """Make it again and again, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.make_ahead)
            except StoreError as error:  # whoever asks is told
                log.debug("no figures ahead: %s", error)
            except Exception:
                log.exception("figures are not made ahead, only when a page asks")
            await asyncio.sleep(self.every_s)
