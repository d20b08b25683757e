"""The alarms' part of the fold in ingest: what people did is taken from the desk, in order and once each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from connectors.desk.actions import waiting
from twin.clock import NS_PER_S
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.desk import Desk
    from twin.alarms.kept import AlarmFold, AlarmsFolded
    from twin.alarms.record import AlarmAction
    from twin.clock import Clock
    from twin.events import Event
    from twin.mirror import Mirror
    from twin.sample import Batch

log = logging.getLogger(__name__)
LOOK_NS = NS_PER_S // 5
"""How often the desk is looked at."""


class Alarming:
    """Folds the alarms of one writer. Mutable; the thread that stores owns it.

    ``last`` is the number of the last action that is stored; without a desk nobody does anything. Of
    several writers each folds the actions on assets that it hears of: ``shares`` says that there may be others.
    """

    def __init__(self, fold: AlarmFold, desk: Desk | None, last: int, clock: Clock, *, shares: bool = False) -> None:
        self._fold = fold
        self._desk = desk
        self._clock = clock
        self._shares = shares
        self._last = last
        self._looked_ns = 0
        self._waiting: Sequence[AlarmAction] = ()
        self._is_away = False

    def apply(self, batch: Batch, mirror: Mirror, events: Sequence[Event], *, keep: bool) -> AlarmsFolded:
        """Fold a batch, with the actions that wait."""
        actions = [one for one in self._waiting if not self._shares or self._is_mine(one, mirror)]
        return self._fold.apply(batch, mirror, events, actions, keep=keep)

    def look(self) -> None:
        """Take what waits on the desk, before a batch; what was taken before and is not stored stays taken."""
        now_ns = self._clock.now_ns()
        if self._desk is None or self._waiting or 0 <= now_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now_ns
        try:
            self._waiting = waiting(self._desk, self._last)
        except StoreError as error:
            if not self._is_away:
                log.warning("what people do to alarms waits: %s", error)
            self._is_away = True
        else:
            self._is_away = False

    def undo(self) -> None:
        """The last batch was not stored."""
        self._fold.undo()

    def settled(self) -> None:
        """The last batch is stored, and with it the actions that waited."""
        self._fold.settled()
        if self._waiting:
            self._last, self._waiting = self._waiting[-1].id, ()

    def _is_mine(self, action: AlarmAction, mirror: Mirror) -> bool:
        return action.alarm.partition(":")[0] in mirror.presence
