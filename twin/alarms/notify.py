"""Who is told of which alarm, when: operators leave the room. Pure; `connectors.notify` sends.

A decision depends on the alarms as they are, on what was decided before, and on the time: so a process
that was away decides the same when it is back. Escalation is several rules with rising ``after_s``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twin.alarms.record import Letter
from twin.alarms.rule import Priority
from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from twin.alarms.record import AlarmState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TELLING = (Letter.UNACKNOWLEDGED, Letter.LATCHED_UNACKNOWLEDGED)
"""Somebody must act, and nobody has said that they do."""
AT_ONCE = 3
"""More alarms of one rule at one moment are one notice that lists them."""
LISTED = 20


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is to be told: minutes of the local day, on ``days`` (0 is Monday) on which it begins."""

    start_min: int
    end_min: int
    days: frozenset[int] = frozenset(range(7))

    def holds(self, t_ns: int, timezone: str) -> bool:
        """Whether a moment lies in it; one that ends before it begins reaches into the next day."""
        local = (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(ZoneInfo(timezone))
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.start_min < self.end_min:
            return day in self.days and self.start_min <= minute < self.end_min
        return (day in self.days and minute >= self.start_min) or ((day - 1) % 7 in self.days and minute < self.end_min)


@dataclass(frozen=True, slots=True)
class NotifyRule:
    """One who is told. ``least`` is the least urgent priority that is told, ``through`` that which breaks quiet hours.

    An alarm is told when it has lasted ``after_s`` without anybody's acknowledgement. Between two notices
    lie ``every_s``; what comes meanwhile is gathered. ``over`` tells the end of what was told, too.
    """

    name: str
    least: Priority = Priority.HIGH
    sites: frozenset[str] = frozenset()
    after_s: float = 0.0
    every_s: float = 60.0
    quiet: tuple[QuietHours, ...] = ()
    through: Priority | None = Priority.CRITICAL
    over: bool = False


class NoticeKind(StrEnum):
    """What a notice tells."""

    RAISED = "raised"
    OVER = "over"


Told = tuple[str, int]
"""An alarm's id and its row in the list (`AlarmState.occurrence`): what is told once."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one rule is to be told now; ``alarms`` by priority, then the oldest."""

    rule: str
    kind: NoticeKind
    t_ns: int
    alarms: tuple[Told, ...]


def due(  # noqa: PLR0913  what a decision depends on
    rule: NotifyRule,
    alarms: Iterable[AlarmState],
    priority_of: Callable[[AlarmState], Priority | None],
    timezones: Mapping[str, str],
    told: Collection[Told],
    last_ns: int,
    now_ns: int,
) -> list[Notice]:
    """The notices of a rule that are due.

    Args:
        rule: the rule.
        alarms: every alarm that is not normal.
        priority_of: an alarm's priority; None where its rule has gone.
        timezones: each site's, by its id.
        told: what this rule told already and did not yet tell the end of.
        last_ns: when it was told last, 0 for never.
        now_ns: the time.
    """
    alarms = tuple(alarms)
    if now_ns - last_ns < round(rule.every_s * NS_PER_S):
        return []
    waiting: list[tuple[Priority, int, Told]] = []
    for one in alarms:
        priority = priority_of(one)
        site = site_of(one.asset)
        if (
            priority is None
            or one.letter not in _TELLING
            or priority > rule.least
            or (rule.sites and site not in rule.sites)
            or (one.id, one.occurrence) in told
            or now_ns - one.raised_ns < round(rule.after_s * NS_PER_S)
        ):
            continue
        breaks = rule.through is not None and priority <= rule.through
        if not breaks and any(quiet.holds(now_ns, timezones.get(site, "UTC")) for quiet in rule.quiet):
            continue
        waiting.append((priority, one.raised_ns, (one.id, one.occurrence)))
    waiting.sort()
    notices = _gathered(rule.name, NoticeKind.RAISED, now_ns, [one for _, _, one in waiting])
    if rule.over:
        lasting = {(one.id, one.occurrence) for one in alarms if one.letter in _TELLING}
        notices += _gathered(rule.name, NoticeKind.OVER, now_ns, sorted(set(told) - lasting))
    return notices


def _gathered(rule: str, kind: NoticeKind, now_ns: int, told: list[Told]) -> list[Notice]:
    if len(told) > AT_ONCE:
        return [Notice(rule, kind, now_ns, tuple(told))]
    return [Notice(rule, kind, now_ns, (one,)) for one in told]
