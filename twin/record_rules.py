"""Recordings by rule: an alarm, a state, or a time of day, each with what lies before and behind it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twin._sites import segment_of
from twin.alarms.record import AlarmEventKind
from twin.alarms.rule import Priority
from twin.clock import NS_PER_S
from twin.events import EventKind
from twin.ids import site_of
from twin.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin._table import Table
    from twin.alarms.record import AlarmEvent
    from twin.events import Event
    from twin.site import Hub

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRIORITIES = tuple(one.name.lower() for one in Priority)
_HOURS, _MINUTES = 24, 60


class Trigger(StrEnum):
    """What a rule waits for."""

    ALARM = "alarm"
    STATE = "state"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class RecordRule:
    """Records ``pre_s`` before and ``post_s`` behind what it waits for, at one site.

    An alarm: the one of the id ``alarm``, or any of ``priority`` and those more urgent. A state: ``asset``
    comes into ``state``. A schedule: each day at ``minute`` of the day, the site's local time.
    """

    name: str
    site: str
    on: Trigger
    alarm: str = ""
    priority: Priority = Priority.HIGH
    asset: str = ""
    state: str = ""
    minute: int = 0
    pre_s: float = 60.0
    post_s: float = 60.0
    tags: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """As its recordings tell where they come from."""
        return f"rule:{self.name}"


def record_rule(table: Table, hub: Hub) -> RecordRule | None:
    """One ``[[record]]``; None where it has mistakes."""
    before = len(table.mistakes)
    name = segment_of(table, "name")
    on = table.get("on", str, choices=tuple(Trigger))
    sites = tuple(one.id for one in hub.sites)
    asset, alarm = table.get("asset", str, ""), table.get("alarm", str, "")
    usual = site_of(asset or alarm) if asset or alarm else sites[0] if len(sites) == 1 else ""
    site = table.get("site", str, usual)
    priority = table.get("priority", str, "high", choices=_PRIORITIES)
    state, daily = table.get("state", str, ""), table.get("daily", str, "")
    pre_s, post_s = table.get("pre_s", float, 60.0), table.get("post_s", float, 60.0)
    tags = table.texts("tags")
    if site not in sites:
        table.wrong("site", f"no site {site!r}", "one of: " + ", ".join(sites))
    for key, value in (("pre_s", pre_s), ("post_s", post_s)):
        if value < 0:
            table.wrong(key, f"{value} is less than nothing", "0 or more")
    if pre_s + post_s <= 0:
        table.wrong("post_s", "nothing is recorded", "pre_s or post_s more than 0")
    if on == Trigger.STATE and (asset not in hub.assets() or not state):
        table.wrong("asset", f"needs an asset and its state, not {asset!r} and {state!r}", 'state = "Held"')
    minute = _minute(daily)
    if on == Trigger.SCHEDULE and minute is None:
        table.wrong("daily", f"{daily!r} is no time of day", '"06:00"')
    table.done()
    if len(table.mistakes) > before:
        return None
    return RecordRule(
        name, site, Trigger(on), alarm, Priority[priority.upper()], asset, state, minute or 0, pre_s, post_s, tags
    )


def _minute(text: str) -> int | None:
    hours, colon, minutes = text.partition(":")
    if not colon or not hours.isdecimal() or not minutes.isdecimal():
        return None
    found = int(hours), int(minutes)
    return found[0] * _MINUTES + found[1] if found[0] < _HOURS and found[1] < _MINUTES else None


def triggers(  # noqa: PLR0913  what a rule looks at
    rule: RecordRule,
    timezone: str,
    journal: Iterable[AlarmEvent],
    events: Iterable[Event],
    start_ns: int,
    end_ns: int,
) -> list[int]:
    """When what a rule waits for happened in [start, end), in order (ns)."""
    if rule.on is Trigger.ALARM:
        found = [one.t_ns for one in journal if _is_wanted(rule, one)]
    elif rule.on is Trigger.STATE:
        found = [
            one.t_ns
            for one in events
            if one.kind is EventKind.STATE_CHANGED and one.asset == rule.asset and one.after == rule.state
        ]
    else:
        found = list(_daily(rule.minute, timezone, start_ns, end_ns))
    return sorted(t_ns for t_ns in found if start_ns <= t_ns < end_ns)


def _is_wanted(rule: RecordRule, event: AlarmEvent) -> bool:
    if event.kind is not AlarmEventKind.RAISED or event.hidden or site_of(event.asset) != rule.site:
        return False
    if rule.alarm:
        return event.alarm == rule.alarm
    return event.priority is not None and event.priority <= rule.priority


def _daily(minute: int, timezone: str, start_ns: int, end_ns: int) -> Iterable[int]:
    """That minute of each local day; a day on which the clocks skip it has it an hour later."""
    zone = ZoneInfo(timezone)
    day = (_EPOCH + timedelta(microseconds=start_ns // 1000)).astimezone(zone).date() - timedelta(days=1)
    while True:
        local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        t_ns = (local.astimezone(UTC) - _EPOCH) // timedelta(seconds=1) * NS_PER_S
        if t_ns >= end_ns:
            return
        yield t_ns
        day += timedelta(days=1)


def wanted(rule: RecordRule, times: Iterable[int], kept: Iterable[Recording]) -> list[Recording]:
    """The recordings that a rule asks for and that are not there; none for what one of its own holds already."""
    mine = [one for one in kept if one.origin == rule.origin]
    names = {one.name for one in mine}
    found: list[Recording] = []
    for t_ns in times:
        if any(one.from_ns <= t_ns < one.to_ns for one in (*mine, *found)):
            continue
        stamp = (_EPOCH + timedelta(microseconds=t_ns // 1000)).strftime("%Y-%m-%dT%H:%M:%S")
        name = f"{rule.name} {stamp}Z"
        if name in names:
            continue
        names.add(name)
        from_ns, to_ns = t_ns - round(rule.pre_s * NS_PER_S), t_ns + max(1, round(rule.post_s * NS_PER_S))
        found.append(Recording(name, rule.site, from_ns, to_ns, rule.tags, origin=rule.origin))
    return found
