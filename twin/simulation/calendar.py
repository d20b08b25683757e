"""When a plant rests: two shifts a day, each with its meal break, in the site's own time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import ScenarioError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.site import Site

MS_PER_S = 1000
MS_PER_HOUR = 3_600_000
MS_PER_DAY = 24 * MS_PER_HOUR
BREAKS_MS = ((12 * MS_PER_HOUR, 12 * MS_PER_HOUR + 1_200_000), (20 * MS_PER_HOUR, 20 * MS_PER_HOUR + 1_200_000))
"""Planned stops of each day, local time: twenty minutes from 12:00 and from 20:00."""


class Calendar:
    """Planned stops, in milliseconds since the plant's start; raises ScenarioError for a time zone there is not."""

    def __init__(self, site: Site, start_ns: int) -> None:
        # The offset of the start holds for the whole run: a plant does not eat earlier when clocks change.
        try:
            zone = ZoneInfo(site.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ScenarioError(f"{site.id}: no time zone is called {site.timezone!r}") from error
        offset = datetime.fromtimestamp(start_ns // NS_PER_S, zone).utcoffset() or timedelta()
        self._local_start_ms = (start_ns // NS_PER_MS + offset // timedelta(milliseconds=1)) % MS_PER_DAY

    def time_of_day_ms(self, t_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Local milliseconds since midnight."""
        return (t_ms + self._local_start_ms) % MS_PER_DAY

    def rests(self, t_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each of the times lies in a planned stop."""
        local = self.time_of_day_ms(t_ms)
        resting = np.zeros(len(t_ms), np.bool_)
        for begin, end in BREAKS_MS:
            resting |= (local >= begin) & (local < end)
        return resting

    def rest_left_ms(self, t_ms: int) -> int:
        """How long the planned stop at ``t_ms`` still lasts; 0 in working time."""
        local = (t_ms + self._local_start_ms) % MS_PER_DAY
        return next((end - local for begin, end in BREAKS_MS if begin <= local < end), 0)
