"""Which right each action on an alarm needs, and what the person who asks may do where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.access.auth import allowed
from twin.alarms.record import ActionKind
from twin.policy import Right

if TYPE_CHECKING:
    from twin.site import Hub

RIGHTS = {
    ActionKind.ACKNOWLEDGE: Right.ACKNOWLEDGE,
    ActionKind.RESET: Right.ACKNOWLEDGE,
    ActionKind.SHELVE: Right.SHELVE,
    ActionKind.UNSHELVE: Right.SHELVE,
    ActionKind.SUPPRESS: Right.SUPPRESS,
    ActionKind.UNSUPPRESS: Right.SUPPRESS,
    ActionKind.TAKE_OUT: Right.SUPPRESS,
    ActionKind.PUT_BACK: Right.SUPPRESS,
}
"""The right that each action needs, at the alarm's site."""


def may_do(hub: Hub) -> dict[str, list[str]]:
    """By site: the actions that the person who asks may do there."""
    return {site.id: [kind.value for kind, right in RIGHTS.items() if allowed(right, site.id)] for site in hub.sites}
