"""The alarms that the browsers have been told of, and what of them is news."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.summary.alarms import active, load_of
from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.summary.alarm_words import AlarmWords, Row
    from dashboards.view import View

AGAIN_NS = 10 * NS_PER_S
"""So often everything is read, whatever the journal's number says: of two writers one may commit behind the other."""


class LiveAlarms:
    """What is not normal now. Mutable; only the hub's loop touches it, one `look` at a time.

    ``rows`` are the alarms by id, ``load`` is how many there were lately, by site.
    """

    def __init__(self, words: AlarmWords, sites: Sequence[str]) -> None:
        self.words = words
        self.rows: dict[str, Row] = {}
        self.load: dict[str, Row] = {}
        self._sites = tuple(sites)
        self._number = -1
        self._read_ns = 0

    def is_due(self, number: int, now_ns: int) -> bool:
        """Whether the journal has gone on, or it is long ago that all was read."""
        return number != self._number or not 0 <= now_ns - self._read_ns < AGAIN_NS

    def look(self, view: View, number: int) -> set[str]:
        """Read what is not normal; returns the ids of the alarms that are news, also those that have gone."""
        rows = {row["id"]: row for row in active(view, self.words)}
        load = load_of(view, self._sites)
        news = {alarm for alarm, row in rows.items() if self.rows.get(alarm) != row} | (self.rows.keys() - rows.keys())
        self.rows, self.load = rows, load
        self._number, self._read_ns = number, view.clock_ns
        return news

    def told(self, news: set[str] | None, sites: frozenset[str] | None = None) -> dict[str, Any]:
        """The message: the alarms that are news and those that have gone, all of them with None; of some sites only."""
        listed = [
            alarm for alarm in (self.rows if news is None else sorted(news)) if sites is None or site_of(alarm) in sites
        ]
        return {
            "type": "alarms",
            "full": news is None,
            "alarms": [self.rows[alarm] for alarm in listed if alarm in self.rows],
            "gone": [alarm for alarm in listed if alarm not in self.rows],
            "load": {site: load for site, load in self.load.items() if sites is None or site in sites},
        }
