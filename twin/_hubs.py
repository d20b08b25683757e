"""What the factory file says of hubs: the own role and targets, and the partners that data go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin._sites import name_of, segment_of
from twin.site import HubRole, Partner

if TYPE_CHECKING:
    from twin._table import Table

_ROLES = tuple(role.value for role in HubRole)
_LATITUDE, _LONGITUDE = 90.0, 180.0


def role_of(table: Table, usual: HubRole | None = None) -> HubRole:
    """The role at ``role``; without a usual one it must be there."""
    told = table.get("role", str, None if usual is None else usual.value, choices=_ROLES)
    return HubRole(told) if told in _ROLES else HubRole.APPLICATION


def partner_of(table: Table) -> Partner:
    """One ``[[hub.partner]]``."""
    found = table.numbers("position_deg", 2)
    if found and not (abs(found[0]) <= _LATITUDE and abs(found[1]) <= _LONGITUDE):
        table.wrong("position_deg", f"{list(found)} is no place on earth", "[latitude, longitude] in degrees")
    position = (found[0], found[1]) if found else None
    partner = Partner(segment_of(table, "id"), name_of(table, "name"), role_of(table), position)
    table.done()
    return partner


def hub_targets_of(table: Table) -> dict[str, float]:
    """``[hub.targets]``: hours a week above 0, shares 0…1."""
    found: dict[str, float] = {}
    for name in ("hours_per_week", "usable", "labelled"):
        if table.has(name):
            value = table.get(name, float)
            if value <= 0 or (name != "hours_per_week" and value > 1):
                table.wrong(name, f"{value:g} is no such target", "hours above 0, or a share up to 1")
            found[name] = value
    table.done()
    return found
