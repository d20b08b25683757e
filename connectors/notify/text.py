"""A notice in words: what a person reads at night, and what a program is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from twin.alarms.notify import LISTED, NoticeKind
from twin.ids import site_of

if TYPE_CHECKING:
    from twin.alarms.notify import Notice
    from twin.alarms.record import AlarmState
    from twin.alarms.rule import AlarmRule, RulesByAsset
    from twin.site import Hub

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "ko": {
        "over": "해제", "more": "외 {n}건", "many": "경보 {n}건", "since": "발생", "value": "값", "do": "조치",
        "so": "영향", "1": "긴급", "2": "높음", "3": "보통", "4": "낮음", "test": "시험 알림입니다.",
    },
    "en": {
        "over": "over", "more": "and {n} more", "many": "{n} alarms", "since": "since", "value": "value", "do": "Do",
        "so": "Consequence", "1": "critical", "2": "high", "3": "medium", "4": "low", "test": "This is a test.",
    },
}  # fmt: skip


def rule_of(state: AlarmState, rules: RulesByAsset) -> AlarmRule | None:
    """The rule that an alarm is of; None where it has gone."""
    return next((rule for rule in rules(state.asset) if rule.name == state.rule), None)


def body_of(
    notice: Notice, states: dict[tuple[str, int], AlarmState], rules: RulesByAsset, hub: Hub, page_url: str
) -> dict[str, object]:
    """What a notice tells, for people and programs; it does not change with later rules."""
    zones = {site.id: site.timezone for site in hub.sites}
    assets = hub.assets()
    told: list[dict[str, object]] = []
    for alarm, occurrence in notice.alarms[:LISTED]:
        state = states.get((alarm, occurrence))
        asset = state.asset if state is not None else alarm.partition(":")[0]
        row: dict[str, object] = {
            "alarm": alarm, "occurrence": occurrence, "asset": asset, "site": site_of(asset),
            "asset_name": _both(assets[asset].name) if asset in assets else None,
        }  # fmt: skip
        rule = None if state is None else rule_of(state, rules)
        if state is not None and rule is not None:
            row |= {
                "priority": int(rule.priority), "label": _both(rule.label), "consequence": _both(rule.consequence),
                "action": _both(rule.action), "signal": state.signal, "value": state.value,
                "raised_at": _local(state.raised_ns, zones.get(site_of(asset), "UTC")),
            }  # fmt: skip
        told.append(row)
    return {"hub": hub.id, "kind": notice.kind.value, "count": len(notice.alarms), "alarms": told, "page": page_url}


def subject(body: dict[str, object], language: str) -> str:
    """One line."""
    words = _WORDS[language]
    alarms: list[dict[str, object]] = body["alarms"]  # type: ignore[assignment]
    if not alarms:
        return f"[Factory Twin] {words['test']}"
    head = _line(alarms[0], language)
    if body["kind"] == NoticeKind.OVER.value:
        head = f"{words['over']}: {head}"
    more = int(str(body["count"])) - 1
    return f"[Factory Twin] {head}" + (f" {words['more'].format(n=more)}" if more else "")


def text(body: dict[str, object], language: str) -> str:
    """The whole message."""
    words = _WORDS[language]
    alarms: list[dict[str, object]] = body["alarms"]  # type: ignore[assignment]
    lines = [words["test"]] if not alarms else [] if len(alarms) == 1 else [words["many"].format(n=body["count"])]
    for alarm in alarms:
        lines += ["", _line(alarm, language)]
        for key, name in (("raised_at", "since"), ("value", "value"), ("consequence", "so"), ("action", "do")):
            found = alarm.get(key)
            if isinstance(found, dict):
                found = found[language]
            if found not in (None, ""):
                lines.append(f"  {words[name]}: {found:g}" if isinstance(found, float) else f"  {words[name]}: {found}")
    left = int(str(body["count"])) - len(alarms)
    if left > 0:
        lines += ["", words["more"].format(n=left)]
    return "\n".join([*lines, "", str(body["page"])]).strip() + "\n"


def _line(alarm: dict[str, object], language: str) -> str:
    label, name = alarm.get("label"), alarm.get("asset_name")
    priority = alarm.get("priority")
    parts = [
        f"[{_WORDS[language][str(priority)]}]" if priority else "",
        str(name[language]) if isinstance(name, dict) else str(alarm["asset"]),
        str(label[language]) if isinstance(label, dict) else str(alarm["alarm"]),
    ]
    return " ".join(part for part in parts if part)


def _both(name: object) -> dict[str, str]:
    return {language: name.in_language(language) for language in _WORDS}  # type: ignore[attr-defined]


def _local(t_ns: int, timezone: str) -> str:
    moment = (_EPOCH + timedelta(microseconds=t_ns // 1000)).astimezone(ZoneInfo(timezone))
    return moment.isoformat(sep=" ", timespec="seconds")
