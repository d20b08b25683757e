"""Rules that people give for their plant, over those that the asset types have."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from twin.alarms.rule import AlarmRule, Priority
from twin.errors import Mistake
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.alarms.rule import Rules
    from twin.site import Hub

CHANGEABLE: Mapping[str, type] = {
    "value": float,
    "deadband": float,
    "priority": Priority,
    "label": Name,
    "consequence": Name,
    "action": Name,
    "on_delay_s": float,
    "off_delay_s": float,
    "latching": bool,
}
"""What may be changed of a type's rule: its own parts, and the numbers of its condition."""
_OF_CONDITION = ("value", "deadband")


@dataclass(frozen=True, slots=True)
class GivenRule:
    """One ``[[alarm]]``: a whole ``rule``, ``changes`` of the type's rule of that name, or that it is ``disabled``.

    ``key`` is where it stands in the file.
    """

    key: str
    assets: tuple[str, ...]
    name: str
    rule: AlarmRule | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    disabled: bool = False


def laid_over(hub: Hub, types: Mapping[str, Rules], given: Iterable[GivenRule]) -> dict[str, Rules]:
    """The rules of each declared asset: its type's, with those given laid over them, in their order."""
    listed = {asset: {rule.name: rule for rule in types.get(one.type, ())} for asset, one in hub.assets().items()}
    for one in given:
        for asset in one.assets:
            rules = listed[asset]
            if one.rule is not None:
                rules[one.name] = one.rule
            elif one.disabled:
                rules.pop(one.name, None)
            elif one.name in rules:
                rules[one.name] = _changed(rules[one.name], one.changes)
    return {asset: tuple(rules[name] for name in sorted(rules)) for asset, rules in listed.items()}


def mistakes(hub: Hub, types: Mapping[str, Rules], given: Iterable[GivenRule]) -> list[Mistake]:
    """What is wrong with rules that lean on those of the asset types."""
    found: list[Mistake] = []
    listed = {asset: {rule.name: rule for rule in types.get(one.type, ())} for asset, one in hub.assets().items()}
    for one in given:
        for asset in one.assets:
            rules = listed[asset]
            if one.rule is not None:
                rules[one.name] = one.rule
                continue
            rule = rules.get(one.name)
            if rule is None:
                hint = f"{asset} has: {', '.join(sorted(rules))}"
                found.append(Mistake(f"{one.key}.name", f"{one.name!r} is no rule of {asset}", hint))
            else:
                has = {each.name for each in fields(rule.condition)}
                found += [
                    Mistake(f"{one.key}.{key}", f"the rule {one.name!r} has none", "give a whole rule: when = …")
                    for key in one.changes
                    if key in _OF_CONDITION and key not in has
                ]
            if found and found[-1].key.startswith(one.key):
                break  # said once, not for each asset of a type
    return found


def _changed(rule: AlarmRule, changes: Mapping[str, Any]) -> AlarmRule:
    of_condition = {key: value for key, value in changes.items() if key in _OF_CONDITION}
    own = {key: value for key, value in changes.items() if key not in _OF_CONDITION}
    condition = replace(rule.condition, **of_condition) if of_condition else rule.condition
    return replace(rule, condition=condition, **own)
