"""What the rules say of alarms, and alarms and their journal as rows for every face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.i18n import component_words
from dashboards.status import ms
from twin.alarms.desk import TIME_OVER, Refusal, possible
from twin.alarms.record import ActionKind, AlarmEventKind, Letter
from twin.alarms.rule import Deviation, DeviceError, InState, Limit, Rate, limit_of
from twin.alarms.watch import split_alarm
from twin.ids import site_of

if TYPE_CHECKING:
    from twin.alarms.record import AlarmEvent, AlarmState
    from twin.alarms.rule import AlarmRule, Condition, Priority, RulesByAsset
    from twin.sample import Signal

Row = dict[str, Any]
WAITS = frozenset({Letter.UNACKNOWLEDGED, Letter.RETURNED_UNACKNOWLEDGED, Letter.LATCHED_UNACKNOWLEDGED})
"""The states in which somebody must acknowledge."""
_HAPPENED = frozenset({AlarmEventKind.RAISED, AlarmEventKind.REPEATED, AlarmEventKind.CLEARED, AlarmEventKind.DROPPED})
_ACTS = frozenset(AlarmEventKind) - _HAPPENED
"""What somebody did; of what happened by itself an event still knows who did something last."""


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
            "unit": "" if signal is None else signal.unit,
            "condition": {"ko": "", "en": ""} if rule is None else _condition(rule, signal),
            "beyond": "" if rule is None else _beyond(rule.condition),
            "who": state.who,
            "why": why_said(state.why)["en"],
            "why_said": why_said(state.why),
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
            "who": event.who if event.kind in _ACTS else "",
            "why": why_said(event.why)["en"] if event.kind in _ACTS else "",
            "why_said": why_said(event.why if event.kind in _ACTS else ""),
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


def refused_said(problem: Refusal) -> dict[str, str]:
    """Why an action is refused, in both languages."""
    return {lang: component_words(lang)[f"refused.{problem}"] for lang in ("ko", "en")}


def why_said(why: str) -> dict[str, str]:
    """A reason in both languages: people's own words as they are, the fold's in ours."""
    if why == TIME_OVER:
        return {lang: component_words(lang)["alarm.time_over"] for lang in ("ko", "en")}
    kind, _, problem = why.partition(":")
    if kind in set(ActionKind) and problem in set(Refusal):
        said = refused_said(Refusal(problem))
        return {lang: f"{component_words(lang)[f'alarm.{kind}']}: {said[lang]}" for lang in ("ko", "en")}
    return {"ko": why, "en": why}


def _name(rule: AlarmRule | None, name: str) -> dict[str, str]:
    return {"ko": name, "en": name} if rule is None else {"ko": rule.label.ko, "en": rule.label.en}


def _condition(rule: AlarmRule, signal: Signal | None) -> dict[str, str]:
    """When it is raised, in words; the numbers stand beside it as value and limit."""
    ko, en = _when(rule.condition, signal)
    if rule.on_delay_s:
        ko, en = f"{ko}, {rule.on_delay_s:g}초 지속", f"{en}, for {rule.on_delay_s:g} s"
    return {"ko": ko, "en": en}


def _when(condition: Condition, signal: Signal | None) -> tuple[str, str]:
    if isinstance(condition, Limit | Rate):
        ko, en = (condition.on.told(),) * 2 if signal is None else _label(signal)
        if isinstance(condition, Rate):
            rises = ("증가", "rises") if condition.per_s >= 0 else ("감소", "falls")
            change, span = f"{abs(condition.per_s) * condition.within_s:g}", f"{condition.within_s:g}"
            return f"{ko} {span}초에 {change} 넘게 {rises[0]}", f"{en} {rises[1]} by more than {change} in {span} s"
        beyond = ("초과", "above") if condition.bound.is_upper else ("미만", "below")
        return f"{condition.bound}: {ko} 한계 {beyond[0]}", f"{condition.bound}: {en} {beyond[1]} its limit"
    if isinstance(condition, Deviation):
        return condition.told(), condition.told()
    if isinstance(condition, InState):
        told = [
            " · ".join(component_words(lang).get(f"state.{word}", word) for word in sorted(condition.words))
            for lang in ("ko", "en")
        ]
        return f"상태: {told[0]}", f"state: {told[1]}"
    if isinstance(condition, DeviceError):
        return "장비가 보고한 오류", "an error that the device reports"
    return "데이터 수신 없음", "nothing heard of it"


def _label(signal: Signal) -> tuple[str, str]:
    name = signal.source_name or signal.name
    return signal.label_ko or name, signal.label_en or name


def _beyond(condition: Condition) -> str:
    """On which side of the limit it is raised: above, below, either (by size), or none."""
    if isinstance(condition, Limit) and condition.magnitude:
        return "either"
    if isinstance(condition, Limit | Deviation):
        return "above" if condition.bound.is_upper else "below"
    return ""
