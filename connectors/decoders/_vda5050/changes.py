"""What changed between two states of a robot, as events. Pure: the caller keeps what was there before.

Law: to sum up the events of a run of states gives the open actions, the errors and the order of the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.decoders._vda5050.model import ENDED
from twin.events import Event, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from connectors.decoders._vda5050.model import ActionState, Fault, Snapshot

MAX_ACTIONS = 200
MAX_ERRORS = 50
"""How many actions and errors of a robot are remembered, and so told of."""
MAX_ID = 100
MAX_KEY = 300


def order_of(snapshot: Snapshot) -> str:
    """``order/update`` of a state; "" while there is no order."""
    return f"{snapshot.order_id[:MAX_ID]}/{snapshot.order_update_id or 0}" if snapshot.order_id else ""


def actions_of(actions: Iterable[ActionState]) -> dict[str, str]:
    """Action id → status, of the first `MAX_ACTIONS`."""
    found: dict[str, str] = {}
    for action in actions:
        if action.id and len(found) < MAX_ACTIONS:
            found[action.id[:MAX_ID]] = action.status[:MAX_ID]
    return found


def errors_of(faults: Iterable[Fault]) -> dict[str, str]:
    """Error key → what the first of that key tells, of the first `MAX_ERRORS`."""
    found: dict[str, str] = {}
    for fault in faults:
        if len(found) < MAX_ERRORS:
            found.setdefault(fault.key[:MAX_KEY], fault.told[:MAX_KEY])
    return found


def order_changes(asset: str, t_ns: int, before: str, after: str) -> Iterator[Event]:
    """The event of another order or order update."""
    if before != after:
        yield Event(EventKind.ORDER_CHANGED, t_ns, asset, "order", before, after)


def action_changes(asset: str, t_ns: int, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Event]:
    """An event for each action that is new, has another status, or is gone before it ended."""
    for action, status in after.items():
        if before.get(action) != status:
            yield Event(EventKind.ACTION_CHANGED, t_ns, asset, action, before.get(action, ""), status)
    for action, status in before.items():
        if action not in after and status not in ENDED:
            yield Event(EventKind.ACTION_CHANGED, t_ns, asset, action, status, "")


def error_changes(asset: str, t_ns: int, before: Iterable[str], after: Mapping[str, str]) -> Iterator[Event]:
    """An event for each error that is new (with its description) or gone; ``signal`` is the error's key."""
    known = set(before)
    for key, description in after.items():
        if key not in known:
            yield Event(EventKind.ERROR_RAISED, t_ns, asset, key, "", description or key)
    for key in sorted(known - after.keys()):
        yield Event(EventKind.ERROR_CLEARED, t_ns, asset, key, key, "")
