"""How much room there is for what comes: ok, low, critical; said early, and acted on before the database fails.

Below the floor ingest acknowledges nothing more: the broker keeps what comes, and the writer goes on by
itself when there is room again.
"""

from __future__ import annotations

import shutil
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.care.check import SQLITE
from connectors.care.files import LOGS
from twin.clock import NS_PER_S
from twin.sample import Kind, Signal, frame, stream_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.clock import Clock
    from twin.sample import Frames

LOOK_EVERY_NS = NS_PER_S
TELL_EVERY_NS = 10 * NS_PER_S
RATE_OVER_NS = 600 * NS_PER_S
EARLY_S = 24 * 3600.0
"""Low is said when the disk will be full within this time, however much is free now."""
RATE_NEEDS_NS = 590 * NS_PER_S
"""A burst (history that comes in at a start) is no pace: it is told after ten minutes of watching."""
_SIGNALS = (
    Signal("disk_free", unit="By", label_ko="남은 디스크", label_en="Disk free"),
    Signal("disk_used", unit="By", label_ko="저장소 크기", label_en="Store size"),
    Signal("time_to_full_s", unit="s", label_ko="가득 찰 때까지", label_en="Time to full"),
    Signal("level", Kind.STATE, label_ko="저장 공간", label_en="Room"),
)


class Level(StrEnum):
    """How much room there is."""

    OK = "ok"
    LOW = "low"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found at a moment. Bytes; ``full_in_s`` None where nothing grows or it is not known yet."""

    level: Level
    free: int
    used: int
    full_in_s: float | None


class Room:
    """Watches the disks of a store (mutable; one thread asks). A server's disk is not seen from here."""

    def __init__(  # noqa: PLR0913  what is watched, and from when it matters
        self, folders: Sequence[Path], database: Path | None, low: int, floor: int, clock: Clock, writer: str
    ) -> None:
        self._stream = stream_of(f"twin/{writer}", "room", _SIGNALS, period_s=10.0, source="twin")
        self._folders = [*folders, *([database.parent] if database is not None else [])]
        self._database = database
        self._low = low
        self._floor = floor
        self._clock = clock
        self._looked_ns = 0
        self._told_ns = 0
        self._sizes: deque[tuple[int, int]] = deque()
        self.measured = Measured(Level.OK, 0, 0, None)

    def check(self) -> Level:
        """How much room there is now; the disk itself is asked once a second."""
        now_ns = self._clock.now_ns()
        if self._folders and abs(now_ns - self._looked_ns) >= LOOK_EVERY_NS:
            self._looked_ns = now_ns
            self.measured = self._measure(now_ns)
        return self.measured.level

    def _measure(self, now_ns: int) -> Measured:
        try:
            free = min(shutil.disk_usage(_existing(folder)).free for folder in self._folders)
        except OSError:
            return self.measured  # a disk that is gone shows in the store itself
        used = self._size()
        self._sizes.append((now_ns, free))
        while now_ns - self._sizes[0][0] > RATE_OVER_NS:
            self._sizes.popleft()
        then_ns, then = self._sizes[0]
        full_in_s = None
        if now_ns - then_ns >= RATE_NEEDS_NS and then > free:
            full_in_s = max(0, free - self._floor) * (now_ns - then_ns) / NS_PER_S / (then - free)
        if free < self._floor:
            level = Level.CRITICAL
        elif free < self._low or (full_in_s is not None and full_in_s < EARLY_S):
            level = Level.LOW
        else:
            level = Level.OK
        return Measured(level, free, used, full_in_s)

    def _size(self) -> int:
        if self._database is None:
            return 0
        files = [self._database.with_name(self._database.name + end) for end in ("", *LOGS)]
        return sum(file.stat().st_size for file in files if file.exists())

    def words(self) -> str:
        """Why nothing is stored, and what to do."""
        return (
            f"the disk is nearly full ({self.measured.free // 1_000_000} MB left, {self._floor // 1_000_000} MB is the "
            "floor): nothing is acknowledged until there is room; free some, or lower [store] floor_mb"
        )

    def frames(self) -> Frames | None:
        """The frame that tells of it, when one is due; it is due again until `told`."""
        now_ns = self._clock.now_ns()
        if not self._folders or now_ns - self._told_ns < TELL_EVERY_NS:
            return None
        found = self.measured
        values = (float(found.free), float(found.used), found.full_in_s)
        return frame(self._stream, now_ns, 0, now_ns, values, (found.level.value,))

    def told(self) -> None:
        """The frame is stored."""
        self._told_ns = self._clock.now_ns()


def room_of(  # noqa: PLR0913  as `Room`
    url: str, low_mb: int, floor_mb: int, clock: Clock, folders: Sequence[Path] = (), writer: str = "ingest"
) -> Room:
    """The room of the store at ``url``, and of other folders (an archive's); told as signals of ``twin/WRITER``."""
    database = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
    return Room(folders, database, low_mb * 1_000_000, floor_mb * 1_000_000, clock, writer)


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
