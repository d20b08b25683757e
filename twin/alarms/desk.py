"""What operators may do to an alarm, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.alarms.record import MAX_SHELVED_S, ActionKind, AlarmAction, AlarmEventKind, AlarmState

if TYPE_CHECKING:
    from collections.abc import Mapping

_HIDES = (ActionKind.SHELVE, ActionKind.SUPPRESS, ActionKind.TAKE_OUT)
_TOLD: Mapping[ActionKind, AlarmEventKind] = {
    ActionKind.ACKNOWLEDGE: AlarmEventKind.ACKNOWLEDGED,
    ActionKind.RESET: AlarmEventKind.RESET,
    ActionKind.SHELVE: AlarmEventKind.SHELVED,
    ActionKind.UNSHELVE: AlarmEventKind.UNSHELVED,
    ActionKind.SUPPRESS: AlarmEventKind.SUPPRESSED,
    ActionKind.UNSUPPRESS: AlarmEventKind.UNSUPPRESSED,
    ActionKind.TAKE_OUT: AlarmEventKind.TAKEN_OUT,
    ActionKind.PUT_BACK: AlarmEventKind.PUT_BACK,
}


class Refusal(StrEnum):
    """Why an action cannot be done. Faces have the words for it (``refused.CODE`` of their catalogues)."""

    NO_SUCH_ALARM = "no_such_alarm"
    NOBODY = "nobody"
    """Nobody said who does it."""
    NO_REASON = "no_reason"
    """What hides an alarm needs a reason."""
    NOTHING_TO_ACKNOWLEDGE = "nothing_to_acknowledge"
    RAISED_ANEW = "raised_anew"
    """It was raised again since the row that was looked at."""
    NOT_LATCHED = "not_latched"
    """Only a latched alarm that is over and acknowledged is reset."""
    TIME_LIMIT = "time_limit"
    """It is shelved for more than 0 and at most `MAX_SHELVED_S`."""
    AS_IT_STANDS = "as_it_stands"
    """That is how it stands already."""


TIME_OVER = "time_over"
"""Why an alarm is no longer shelved that nobody unshelved."""


def refusal(action: AlarmAction, state: AlarmState) -> Refusal | None:
    """Why an action cannot be done; None where it can."""
    if not action.who.strip():
        return Refusal.NOBODY
    if action.kind in _HIDES and not action.why.strip():
        return Refusal.NO_REASON
    if action.kind is ActionKind.ACKNOWLEDGE:
        return _no_acknowledging(action, state)
    if action.kind is ActionKind.RESET and (not state.latched or state.raised or not state.acknowledged):
        return Refusal.NOT_LATCHED
    if action.kind is ActionKind.SHELVE and not 0 < action.for_s <= MAX_SHELVED_S:
        return Refusal.TIME_LIMIT
    wrong = {
        ActionKind.UNSHELVE: not state.shelved_until_ns,
        ActionKind.SUPPRESS: state.suppressed,
        ActionKind.UNSUPPRESS: not state.suppressed,
        ActionKind.TAKE_OUT: state.out_of_service,
        ActionKind.PUT_BACK: not state.out_of_service,
    }
    return Refusal.AS_IT_STANDS if wrong.get(action.kind) else None


def possible(state: AlarmState) -> tuple[ActionKind, ...]:
    """What may be done to an alarm as it stands."""
    return tuple(
        kind for kind in ActionKind if not refusal(AlarmAction(kind, state.id, "-", 0, "-", 0, MAX_SHELVED_S), state)
    )


def _no_acknowledging(action: AlarmAction, state: AlarmState) -> Refusal | None:
    if state.hidden or state.acknowledged:
        return Refusal.NOTHING_TO_ACKNOWLEDGE
    return Refusal.RAISED_ANEW if action.occurrence and action.occurrence != state.occurrence else None


def given(action: AlarmAction, state: AlarmState, tick_ns: int) -> tuple[AlarmEventKind, AlarmState]:
    """What is told, and the alarm's facts behind an action that nothing speaks against.

    What hides an alarm ends its row: whoever hid it knew of it. Where it still lasts when it is shown
    again, that is a new row, back to unacknowledged or normal by the live condition.
    """
    told = _TOLD[action.kind]
    if action.kind is ActionKind.ACKNOWLEDGE:
        return told, replace(state, acknowledged=True, who=action.who, why=action.why)
    if action.kind is ActionKind.RESET:
        return told, replace(state, latched=False)
    if action.kind in _HIDES:
        state = replace(state, acknowledged=True, latched=False, who=action.who, why=action.why)
    if action.kind is ActionKind.SHELVE:
        return told, replace(state, shelved_until_ns=tick_ns + action.for_ns)
    if action.kind is ActionKind.UNSHELVE:
        return told, replace(state, shelved_until_ns=0)
    if action.kind in (ActionKind.SUPPRESS, ActionKind.UNSUPPRESS):
        return told, replace(state, suppressed=action.kind is ActionKind.SUPPRESS)
    return told, replace(state, out_of_service=action.kind is ActionKind.TAKE_OUT)
