"""``[[alarm]]`` of a factory file: rules that people give, and what they change of those of an asset type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin._sites import name_of
from twin.alarms.given import CHANGEABLE, GivenRule
from twin.alarms.rule import (
    LEAST_WITHIN_S,
    AlarmRule,
    Bound,
    Deviation,
    DeviceError,
    InState,
    Limit,
    On,
    Priority,
    Rate,
    Stale,
)
from twin.errors import IdError
from twin.ids import segment
from twin.sample import Role
from twin.site import Name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from twin._table import Table
    from twin.alarms.rule import Condition
    from twin.site import Hub

_PRIORITIES = tuple(one.name.lower() for one in Priority)
_BOUNDS = tuple(one.value for one in Bound)
_ROLES = tuple(sorted(one.value for one in Role if one is not Role.NONE))


def given_rule(table: Table, hub: Hub, asset_types: tuple[str, ...]) -> GivenRule | None:
    """One table; None where it cannot be read."""
    before = len(table.mistakes)
    assets = _assets(table, hub, asset_types)
    name = table.get("name", str)
    if table.get("disabled", bool, False):
        found = GivenRule(table.key, assets, name, disabled=True)
    elif table.has("when"):
        found = GivenRule(table.key, assets, name, rule=_rule(table, name))
    else:
        found = GivenRule(table.key, assets, name, changes=_changes(table))
        if not found.changes and len(table.mistakes) == before:
            table.wrong("when", "missing", f"one of: {', '.join(WHEN)}; or what it changes of the type's own rule")
    table.done()
    return found if len(table.mistakes) == before else None


def _assets(table: Table, hub: Hub, asset_types: tuple[str, ...]) -> tuple[str, ...]:
    """The assets that a rule is for: one, all of a type, or all below a path."""
    assets = hub.assets()
    if sum(map(table.has, ("asset", "type", "under"))) != 1:
        table.wrong("asset", "needs one of asset, type and under", 'asset = "site/line/asset"')
        return ()
    if table.has("asset"):
        asset = table.get("asset", str, choices=tuple(assets))
        return (asset,)
    if table.has("type"):
        kind = table.get("type", str, choices=asset_types)
        return tuple(asset for asset, one in assets.items() if one.type == kind)
    under = table.get("under", str).rstrip("/")
    found = tuple(asset for asset in assets if asset == under or asset.startswith(f"{under}/"))
    if not found:
        table.wrong("under", f"no asset is below {under!r}")
    return found


def _rule(table: Table, name: str) -> AlarmRule | None:
    is_name = _is_segment(table, name)
    when = table.get("when", str, choices=WHEN)
    condition = _CONDITIONS[when](table) if when in _CONDITIONS else None
    label = name_of(table, "label")
    consequence = name_of(table, "consequence") if table.has("consequence") else label
    action, priority = name_of(table, "action"), _priority(table)
    on_delay_s, off_delay_s = _least(table, "on_delay_s"), _least(table, "off_delay_s")
    latching = table.get("latching", bool, False)
    if condition is None or not is_name:
        return None
    return AlarmRule(name, condition, priority, label, consequence, action, on_delay_s, off_delay_s, latching)


def _is_segment(table: Table, name: str) -> bool:
    try:
        problem = "" if segment(name) == name else "it cannot be part of an id"
    except IdError as error:
        problem = error.problem
    if problem:
        table.wrong("name", f"{name!r}: {problem}", "without / : and control characters")
    return not problem


def _limit(table: Table) -> Condition:
    value = table.get("value", float, 0.0) if table.has("value") else None
    bound, deadband, share = _bound(table), _least(table, "deadband"), table.get("share", float, 1.0)
    return Limit(_on(table), bound, value, deadband, share, table.get("magnitude", bool, False))


def _rate(table: Table) -> Condition | None:
    on, per_s, within_s = _on(table), table.get("per_s", float), table.get("within_s", float, 60.0)
    if within_s < LEAST_WITHIN_S:
        table.wrong("within_s", f"{within_s} s is too short to tell a rate", f"{LEAST_WITHIN_S:g} or more")
        return None
    return Rate(on, per_s, within_s)


def _state(table: Table) -> Condition:
    words = table.texts("states")
    if not words:
        table.wrong("states", "missing", 'states = ["Aborted"]')
    on = _on(table) if table.has("signal") else On(role=Role.STATE)
    return InState(frozenset(words), on)


def _deviation(table: Table) -> Condition:
    on, other, bound = _on(table), On(table.get("other", str)), _bound(table)
    return Deviation(on, other, bound, table.get("value", float), _least(table, "deadband"))


def _stale(table: Table) -> Condition:
    return Stale(table.get("stream", str, ""))


def _error(table: Table) -> Condition:
    return DeviceError(_on(table) if table.has("signal") or table.has("role") else None)


_CONDITIONS: Mapping[str, Callable[[Table], Condition | None]] = {
    "limit": _limit, "rate": _rate, "state": _state, "deviation": _deviation, "stale": _stale, "error": _error,
}  # fmt: skip
WHEN = tuple(_CONDITIONS)
"""What a rule may look at."""


def _priority(table: Table) -> Priority:
    told = table.get("priority", str, "low", choices=_PRIORITIES)
    return Priority[told.upper()] if told in _PRIORITIES else Priority.LOW


def _on(table: Table) -> On:
    if table.has("signal") == table.has("role"):
        table.wrong("signal", "needs one of signal and role", f"roles are: {', '.join(_ROLES)}")
        return On()
    if table.has("signal"):
        return On(table.get("signal", str))
    role = table.get("role", str, choices=_ROLES)
    return On(role=Role(role)) if role in _ROLES else On()


def _bound(table: Table) -> Bound:
    told = table.get("limit", str, choices=_BOUNDS)
    return Bound(told) if told in _BOUNDS else Bound.HI


def _changes(table: Table) -> dict[str, object]:
    """What a table says of a rule that the asset type has."""
    found: dict[str, object] = {}
    for key, kind in CHANGEABLE.items():
        if not table.has(key):
            continue
        if kind is Name:
            found[key] = name_of(table, key)
        elif kind is Priority:
            found[key] = _priority(table)
        elif kind is bool:
            found[key] = table.get(key, bool)
        else:
            found[key] = table.get(key, float) if key == "value" else _least(table, key)
    return found


def _least(table: Table, key: str) -> float:
    value = table.get(key, float, 0.0)
    if value < 0:
        table.wrong(key, f"{value} is less than nothing", "0 or more")
        return 0.0
    return value
