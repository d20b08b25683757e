"""``twin ingest`` under a clock that can be set: it is off by so many seconds as stand in the file ``clock`` beside
the factory file."""

from __future__ import annotations

import sys
from pathlib import Path

from connectors import wall_clock
from connectors.ingest import run
from dashboards.cli import main
from twin.clock import NS_PER_S

OFFSET = Path(sys.argv[-1]).parent / "clock"


class SteppedClock(wall_clock.WallClock):
    """The wall clock and what somebody did to it."""

    def now_ns(self) -> int:
        try:
            off_s = float(OFFSET.read_text(encoding="ascii") or 0)
        except (OSError, ValueError):
            off_s = 0.0
        return super().now_ns() + round(off_s * NS_PER_S)


run.WallClock = SteppedClock
sys.argv = ["twin", "ingest", *sys.argv[1:]]
main()
