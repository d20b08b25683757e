"""What every page says in a line of its own until it is no longer so.

A damaged store, a disk nearly full, two publishers of one identity.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.care import notes
from connectors.care.room import Level, room_of
from connectors.stores.sql import SqlHistory
from dashboards.status import ms
from twin.clock import NS_PER_S
from twin.events import EventKind

if TYPE_CHECKING:
    from connectors.care.room import Measured
    from twin.clock import Clock
    from twin.config import StoreConfig
    from twin.ports import History

Notice = dict[str, Any]
CLASH_TOLD_NS = 3600 * NS_PER_S
"""So long a clash of identities is told."""
CLASHES_TOLD = 3
CLASH_LOOK_NS = 5 * NS_PER_S


class Notices:
    """Looks once a second (mutable; the hub's loop asks). It looks at the disk itself: ingest may be stopped by it."""

    def __init__(self, config: StoreConfig, clock: Clock) -> None:
        folders = [Path(config.archive)] if config.archive else []
        self._room = room_of(config.url, config.low_mb, config.floor_mb, clock, folders)
        self._clock = clock
        self._clashes: list[Notice] = []
        self._clash_look_ns = -CLASH_LOOK_NS
        self.shown: list[Notice] = []

    @property
    def room(self) -> Measured:
        """How much room there was last."""
        return self._room.measured

    def look(self, history: History | None) -> list[Notice]:
        """The notices of now; ``history`` is None while the store cannot be read."""
        level = self._room.check()
        found = [] if level is Level.OK else [self._of_room()]
        if history is not None:
            found += self._of_clashes(history)
        if isinstance(history, SqlHistory):
            said = notes.noted(history, notes.REPLACED)
            if said and "confirmed_ns" not in said:
                found.insert(0, _replaced(said))
        self.shown = found
        return found

    def _of_clashes(self, history: History) -> list[Notice]:
        """Two publishers of one identity, the newest first; one line an asset."""
        now_ns = self._clock.now_ns()
        if abs(now_ns - self._clash_look_ns) >= CLASH_LOOK_NS:
            self._clash_look_ns = now_ns
            found = history.events(now_ns - CLASH_TOLD_NS, now_ns + 1, kinds=[EventKind.IDENTITY_CLASH], limit=50)
            newest = {event.asset: event for event in reversed(found)}
            self._clashes = [
                {
                    "kind": "identity_clash",
                    "level": "warning",
                    "t_ms": ms(event.t_ns),
                    "asset": event.asset,
                    "before": event.before,
                    "after": event.after,
                }
                for event in sorted(newest.values(), key=lambda one: -one.t_ns)[:CLASHES_TOLD]
            ]
        return self._clashes

    def _of_room(self) -> Notice:
        found = self._room.measured
        return {
            "kind": f"room_{found.level}",
            "level": "critical" if found.level is Level.CRITICAL else "warning",
            "free_mb": found.free // 1_000_000,
            "hours": None if found.full_in_s is None else round(found.full_in_s / 3600, 1),
        }


def _replaced(said: dict[str, Any]) -> Notice:
    done = said["state"] == "done"
    return {
        "kind": "store_salvaged" if done else "store_replaced",
        "level": "critical",
        "t_ms": ms(said["at_ns"]),
        "aside": said["aside"],
        "frames": said.get("frames"),
        "lost": said.get("lost_frames"),
        "exact": said.get("exact"),
    }
