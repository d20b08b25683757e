"""Recordings by rule, beside ingest: what happened since the last look is named before anything of it can be let go."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING

from connectors.desk import Desk
from connectors.desk.recordings import keep, recordings
from connectors.stores.sql import open_history
from twin.alarms.record import AlarmEventKind
from twin.clock import NS_PER_S
from twin.errors import RecordingError
from twin.events import EventKind
from twin.record_rules import Trigger, triggers, wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twin.clock import Clock
    from twin.ports import History
    from twin.record_rules import RecordRule
    from twin.recording import Recording
    from twin.site import Hub

log = logging.getLogger(__name__)
BACK_NS = 3600 * NS_PER_S
"""So far back each look goes: what a restart missed, and what came late, is recorded all the same."""
AT_ONCE = 1000
MOST = 500
"""Recordings of one rule; then it says so and records no more until some are removed."""


class Recorder:
    """Looks, now and then (mutable; one thread)."""

    def __init__(self, url: str, hub: Hub, rules: Sequence[RecordRule], clock: Clock) -> None:
        self._url = url
        self._hub = hub
        self._rules = rules
        self._clock = clock
        self._full: set[str] = set()

    def look(self) -> list[Recording]:
        """Keep what the rules ask for; returns what is new. Raises StoreError."""
        if not self._rules:
            return []
        now_ns = self._clock.now_ns()
        made: list[Recording] = []
        with closing(open_history(self._url)) as history, closing(Desk(self._url, self._clock)) as desk:
            kept = recordings(desk)
            for rule in self._rules:
                found = wanted(rule, self._times(history, rule, now_ns), kept)
                room = MOST - sum(one.origin == rule.origin for one in kept)
                if len(found) > room and rule.name not in self._full:
                    log.error("%r has %d recordings: it records no more until some are removed", rule.origin, MOST)
                    self._full.add(rule.name)
                for one in found[: max(0, room)]:
                    self._full.discard(rule.name)
                    try:
                        made.append(keep(desk, rule.origin, one))
                    except RecordingError as error:  # somebody has the name
                        log.warning("%s is not recorded: %s", one.name, error)
        return made

    def _times(self, history: History, rule: RecordRule, now_ns: int) -> list[int]:
        start_ns, end_ns = now_ns - BACK_NS, now_ns + 1
        site = self._hub.site(rule.site)
        timezone = site.timezone if site is not None else "UTC"
        journal = (
            history.alarm_events(start_ns, end_ns, asset=rule.site, kinds=[AlarmEventKind.RAISED], limit=AT_ONCE)
            if rule.on is Trigger.ALARM
            else []
        )
        events = (
            history.events(start_ns, end_ns, asset=rule.asset, kinds=[EventKind.STATE_CHANGED], limit=AT_ONCE)
            if rule.on is Trigger.STATE
            else []
        )
        return triggers(rule, timezone, journal, events, start_ns, end_ns)
