"""Alarms as the pages, the terminal and other programs are told of them: facts, and what their rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.directory import EVERY_SITE
from twin.alarms.desk import possible
from twin.alarms.flood import FLOOD_ABOVE, FLOOD_BELOW, FLOOD_WINDOW_NS
from twin.alarms.performance import CHATTERS_WITHIN_NS, STALE_NS, TEN_MINUTES_NS, performance
from twin.alarms.record import AlarmEventKind, AlarmState, Letter
from twin.alarms.rule import Priority, limit_of
from twin.alarms.watch import split_alarm
from twin.clock import NS_PER_S
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dashboards.view import View
    from twin.alarms.record import AlarmEvent
    from twin.alarms.rule import AlarmRule, RulesByAsset
    from twin.sample import Signal, Stream

Row = dict[str, Any]
DAY_NS = 24 * 3600 * NS_PER_S
MAX_RECENT = 1000
MAX_COUNTED = 50_000
"""So many entries of the journal are counted for the alarm system's own figures."""
_FLOODS = (AlarmEventKind.FLOOD_STARTED, AlarmEventKind.FLOOD_ENDED)
_COUNTED = (AlarmEventKind.RAISED, AlarmEventKind.REPEATED, AlarmEventKind.CLEARED, AlarmEventKind.ACKNOWLEDGED)
WAITS = frozenset({Letter.UNACKNOWLEDGED, Letter.RETURNED_UNACKNOWLEDGED, Letter.LATCHED_UNACKNOWLEDGED})
"""The states in which somebody must acknowledge."""


class AlarmWords:
    """What the rules say of alarms: name, priority, consequence, what to do. Values only, never changed."""

    def __init__(self, rules: RulesByAsset) -> None:
        self._rules = {(asset, rule.name): rule for asset, listed in rules.listed.items() for rule in listed}

    def rule(self, asset: str, name: str) -> AlarmRule | None:
        """The rule of an asset; None of one that is no longer there."""
        return self._rules.get((asset, name))

    def knows(self, alarm: str) -> bool:
        """Whether an alarm's id names a rule that there is."""
        return split_alarm(alarm)[:2] in self._rules

    def active(self, state: AlarmState, signal: Signal | None = None, priority: Priority | None = None) -> Row:
        """An alarm that is not normal; ``priority`` stands in where its rule is not known."""
        rule = self.rule(state.asset, state.rule)
        return {
            "id": state.id,
            "asset": state.asset,
            "site": site_of(state.asset),
            "rule": state.rule,
            "signal": state.signal,
            **self._told(rule, state.rule),
            "priority": priority if rule is None else rule.priority,
            "letter": state.letter.value,
            "waits": state.letter in WAITS,
            "raised": state.raised,
            "latched": state.latched,
            "shelved_until_ms": ms(state.shelved_until_ns) if state.shelved_until_ns else None,
            "suppressed": state.suppressed,
            "out_of_service": state.out_of_service,
            "occurrence": state.occurrence,
            "count": state.count,
            "raised_ms": ms(state.raised_ns) if state.raised_ns else None,
            "cleared_ms": ms(state.cleared_ns) if state.cleared_ns else None,
            "cause_ms": ms(state.cause_ns) if state.cause_ns else None,
            "value": state.value,
            "limit": None if rule is None else limit_of(rule.condition, signal),
            "condition": "" if rule is None else rule.condition.told(),
            "who": state.who,
            "why": state.why,
            "can": [kind.value for kind in possible(state)] if rule is not None else [],
        }

    def entry(self, event: AlarmEvent) -> Row:
        """An entry of the journal."""
        rule = self.rule(event.asset, event.rule)
        return {
            "t_ms": ms(event.t_ns),
            "kind": event.kind.value,
            "alarm": event.alarm,
            "asset": event.asset,
            "site": site_of(event.asset),
            "rule": event.rule,
            "signal": event.signal,
            "name": _name(rule, event.rule),
            "priority": event.priority,
            "letter": None if event.state is None else event.state.letter.value,
            "occurrence": event.occurrence,
            "count": event.count,
            "cause_ms": ms(event.cause_ns) if event.cause_ns else None,
            "value": event.value,
            "who": event.who,
            "why": event.why,
            "hidden": event.hidden,
        }

    def _told(self, rule: AlarmRule | None, name: str) -> Row:
        texts = {"name": _name(rule, name)}
        for key in ("consequence", "action"):
            text = None if rule is None else getattr(rule, key)
            texts[key] = {"ko": "", "en": ""} if text is None else {"ko": text.ko, "en": text.en}
        return texts

    def named(self, alarm: str) -> Row:
        """An alarm by its id only, for lists of the worst."""
        asset, name, signal = split_alarm(alarm)
        return {"alarm": alarm, "asset": asset, "signal": signal, "name": _name(self.rule(asset, name), name)}


def _name(rule: AlarmRule | None, name: str) -> dict[str, str]:
    return {"ko": name, "en": name} if rule is None else {"ko": rule.label.ko, "en": rule.label.en}


def rank(row: Row) -> tuple[bool, int, float]:
    """The order of a list of alarms: what waits for somebody first, then the priority, then the newest."""
    return not row["waits"], row["priority"] or len(Priority) + 1, -(row["raised_ms"] or 0.0)


def of_site(asset: str, site: str) -> bool:
    """Whether an asset is of a site; ``*`` takes all."""
    return site in (EVERY_SITE, site_of(asset))


def signals_of(states: Iterable[AlarmState], streams: Mapping[int, Stream]) -> dict[tuple[str, str], Signal]:
    """By asset and name: the signals that alarms are about."""
    wanted = {(state.asset, state.signal) for state in states if state.signal}
    if not wanted:
        return {}
    return {
        (stream.asset, signal.name): signal
        for stream in streams.values()
        for signal in stream.signals
        if (stream.asset, signal.name) in wanted
    }


def active(view: View, words: AlarmWords, site: str = EVERY_SITE) -> list[Row]:
    """Every alarm that is not normal at a view's moment, the most urgent first."""
    states = [state for state in view.alarms() if of_site(state.asset, site)]
    signals = signals_of(states, view.streams())
    rows = []
    for state in states:
        priority = None
        if words.rule(state.asset, state.rule) is None:
            last = view.alarm_events(0, view.clock_ns + 1, alarm=state.id, limit=1)
            priority = last[0].priority if last else None
        rows.append(words.active(state, signals.get((state.asset, state.signal)), priority))
    return sorted(rows, key=rank)


def load_of(view: View, sites: Iterable[str]) -> dict[str, Row]:
    """By site: when alarms were told of within the last ten minutes, and whether they are a flood."""
    since_ns = view.clock_ns - FLOOD_WINDOW_NS
    found: dict[str, Row] = {}
    for site in sites:
        told = view.alarm_events(
            since_ns + 1, view.clock_ns + 1, asset=site, kinds=(AlarmEventKind.RAISED,), limit=MAX_RECENT
        )
        raised = sorted(ms(event.t_ns) for event in told if not event.hidden)
        found[site] = {"recent_ms": raised, "flood": _is_flood(view, site, len(raised))}
    return found


def _is_flood(view: View, site: str, count: int) -> bool:
    if count > FLOOD_ABOVE or count < FLOOD_BELOW:
        return count > FLOOD_ABOVE
    last = view.alarm_events(view.clock_ns - DAY_NS, view.clock_ns + 1, asset=site, kinds=_FLOODS, limit=1)
    return bool(last) and last[0].kind is AlarmEventKind.FLOOD_STARTED


def figures(view: View, words: AlarmWords, site: str, start_ns: int, end_ns: int) -> Row:
    """How well the alarms of one operating position (a site, or all) served over [start, end)."""
    under = "" if site == EVERY_SITE else site
    told = view.alarm_events(start_ns - STALE_NS, end_ns, asset=under, kinds=_COUNTED, limit=MAX_COUNTED)
    counted = performance(reversed(told), start_ns, end_ns)
    # What was raised before the journal that is counted, and still stands.
    standing = {state.id for state in view.alarms() if state.raised and end_ns - state.raised_ns > STALE_NS}
    stale = {*counted.stale, *(alarm for alarm in standing if of_site(alarm.partition(":")[0], site))}
    return {
        "site": site,
        "from_ms": ms(start_ns),
        "to_ms": ms(end_ns),
        "complete": len(told) < MAX_COUNTED,
        "count": counted.count,
        "per_ten_minutes": list(counted.per_ten_minutes),
        "average_per_ten_minutes": counted.count * TEN_MINUTES_NS / (end_ns - start_ns) if end_ns > start_ns else None,
        "most_per_ten_minutes": max(counted.per_ten_minutes, default=0),
        "busy_ratio": counted.busy_ratio,
        "busy_hours_ratio": counted.busy_hours_ratio,
        "flood_s": counted.flood_ns / NS_PER_S,
        "flood_ratio": counted.flood_ratio,
        "top": [{**words.named(alarm), "count": count} for alarm, count in counted.top],
        "top_ratio": counted.top_ratio,
        "chattering": [words.named(alarm) for alarm in counted.chattering],
        "stale": [words.named(alarm) for alarm in sorted(stale)],
        "by_priority": {str(priority.value): counted.by_priority[priority] for priority in Priority},
        "priority_ratio": {str(priority.value): counted.priority_ratio(priority) for priority in Priority},
        "acknowledged_after_s": None
        if counted.acknowledged_after_ns is None
        else counted.acknowledged_after_ns / NS_PER_S,
        "flood_above": FLOOD_ABOVE,
        "chatters_within_s": CHATTERS_WITHIN_NS / NS_PER_S,
    }
