"""The one file that reads the wall clock."""

from __future__ import annotations

import time


class WallClock:
    """The machine's own clock, UTC."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""
        return time.time_ns()
