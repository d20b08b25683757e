"""PackML: the common state model of every asset.

ISA-TR88.00.02; numbers are those of its StateCurrent. Store names, not numbers: OPC UA companion
specifications number the same states differently, so a source whose numbers differ gives its own words
to `state_of`. Who may move where is data (`MOVES`); an asset that moves otherwise is recorded, never
rejected: vendors allow more, and between two samples a state may pass unseen. What an asset did over
a time is told by `twin.states`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class UnitState(StrEnum):
    """The 17 states, and Undefined."""

    UNDEFINED = "Undefined"
    CLEARING = "Clearing"
    STOPPED = "Stopped"
    STARTING = "Starting"
    IDLE = "Idle"
    SUSPENDED = "Suspended"
    EXECUTE = "Execute"
    STOPPING = "Stopping"
    ABORTING = "Aborting"
    ABORTED = "Aborted"
    HOLDING = "Holding"
    HELD = "Held"
    UNHOLDING = "Unholding"
    SUSPENDING = "Suspending"
    UNSUSPENDING = "Unsuspending"
    RESETTING = "Resetting"
    COMPLETING = "Completing"
    COMPLETE = "Complete"

    @property
    def number(self) -> int:
        """StateCurrent as ISA-TR88.00.02 numbers it."""
        return _ORDER.index(self)

    @classmethod
    def from_number(cls, number: int) -> UnitState:
        """The state of a StateCurrent number; Undefined for one the standard does not have."""
        return _ORDER[number] if 0 <= number < len(_ORDER) else cls.UNDEFINED


_ORDER = tuple(UnitState)

WORKING = frozenset(
    {UnitState.EXECUTE, UnitState.STARTING, UnitState.COMPLETING, UnitState.UNHOLDING, UnitState.UNSUSPENDING}
)
"""Running, or passing by itself into or out of running."""
WAITING = frozenset(
    {UnitState.IDLE, UnitState.SUSPENDED, UnitState.SUSPENDING, UnitState.COMPLETE, UnitState.RESETTING}
)
"""Able, but with nothing to do: starved, blocked, idle."""
FAULTED = frozenset({UnitState.ABORTED, UnitState.ABORTING, UnitState.HELD, UnitState.HOLDING})
"""Stopped by an inside cause."""
ACTING = frozenset(
    {
        UnitState.CLEARING, UnitState.STARTING, UnitState.EXECUTE, UnitState.STOPPING, UnitState.ABORTING,
        UnitState.HOLDING, UnitState.UNHOLDING, UnitState.SUSPENDING, UnitState.UNSUSPENDING, UnitState.RESETTING,
        UnitState.COMPLETING,
    }
)  # fmt: skip
"""Those that a unit leaves by itself, when what is done in them is done (SC, state complete)."""
PASSING = ACTING - {UnitState.EXECUTE}
"""Those that are short by nature: two samples may lie before and behind one."""


class UnitMode(StrEnum):
    """The modes of UnitModeCurrent: 0 to 3 are the standard's, 4 to 31 the user's."""

    INVALID = "Invalid"
    PRODUCTION = "Production"
    MAINTENANCE = "Maintenance"
    MANUAL = "Manual"
    USER = "User"
    """One that the standard leaves to the user."""

    @classmethod
    def from_number(cls, number: int) -> UnitMode:
        """The mode of a UnitModeCurrent number; Invalid for one outside 0…31."""
        if number in range(len(_MODES)):
            return _MODES[number]
        return cls.USER if len(_MODES) <= number <= _LAST_MODE else cls.INVALID


_MODES = (UnitMode.INVALID, UnitMode.PRODUCTION, UnitMode.MAINTENANCE, UnitMode.MANUAL)
_LAST_MODE = 31


class Command(StrEnum):
    """What makes a unit move: CntrlCmd, and SC, its own end of an acting state."""

    SC = "SC"
    RESET = "Reset"
    START = "Start"
    STOP = "Stop"
    HOLD = "Hold"
    UNHOLD = "Unhold"
    SUSPEND = "Suspend"
    UNSUSPEND = "Unsuspend"
    ABORT = "Abort"
    CLEAR = "Clear"
    COMPLETE = "Complete"

    @property
    def number(self) -> int:
        """CntrlCmd as ISA-TR88.00.02 numbers it; 0 for SC, which nobody commands."""
        return tuple(Command).index(self)


class Move(NamedTuple):
    """One edge of the state model."""

    before: UnitState
    by: Command
    after: UnitState


_BY_ITSELF = {
    UnitState.CLEARING: UnitState.STOPPED,
    UnitState.STARTING: UnitState.EXECUTE,
    UnitState.EXECUTE: UnitState.COMPLETING,
    UnitState.STOPPING: UnitState.STOPPED,
    UnitState.ABORTING: UnitState.ABORTED,
    UnitState.HOLDING: UnitState.HELD,
    UnitState.UNHOLDING: UnitState.EXECUTE,
    UnitState.SUSPENDING: UnitState.SUSPENDED,
    UnitState.UNSUSPENDING: UnitState.EXECUTE,
    UnitState.RESETTING: UnitState.IDLE,
    UnitState.COMPLETING: UnitState.COMPLETE,
}
_DOWN = frozenset({UnitState.ABORTING, UnitState.ABORTED})
_ENDED = _DOWN | {UnitState.STOPPING, UnitState.STOPPED, UnitState.CLEARING}
_DEFINED = tuple(state for state in UnitState if state is not UnitState.UNDEFINED)

MOVES: frozenset[Move] = frozenset(
    {
        *(Move(before, Command.SC, after) for before, after in _BY_ITSELF.items()),
        Move(UnitState.IDLE, Command.START, UnitState.STARTING),
        Move(UnitState.STOPPED, Command.RESET, UnitState.RESETTING),
        Move(UnitState.COMPLETE, Command.RESET, UnitState.RESETTING),
        Move(UnitState.EXECUTE, Command.HOLD, UnitState.HOLDING),
        Move(UnitState.HELD, Command.UNHOLD, UnitState.UNHOLDING),
        Move(UnitState.EXECUTE, Command.SUSPEND, UnitState.SUSPENDING),
        Move(UnitState.SUSPENDED, Command.UNSUSPEND, UnitState.UNSUSPENDING),
        Move(UnitState.EXECUTE, Command.COMPLETE, UnitState.COMPLETING),
        Move(UnitState.ABORTED, Command.CLEAR, UnitState.CLEARING),
        *(Move(before, Command.STOP, UnitState.STOPPING) for before in _DEFINED if before not in _ENDED),
        *(Move(before, Command.ABORT, UnitState.ABORTING) for before in _DEFINED if before not in _DOWN),
    }
)
"""ISA-TR88.00.02, the base state model: every edge, as data."""


class Passage(StrEnum):
    """How an asset came from one state to the next one that was seen."""

    BEGUN = "begun"
    """Nothing was known before, or nothing is known now."""
    SAME = "same"
    DIRECT = "direct"
    """An edge of the model."""
    PASSED = "passed"
    """By edges of the model, through acting states that no sample saw."""
    UNEXPECTED = "unexpected"
    """By no way that the model has: a vendor's own edge, or states that were missed."""


def passage(before: UnitState, after: UnitState, also: Collection[tuple[UnitState, UnitState]] = ()) -> Passage:
    """How one comes from ``before`` to ``after``; ``also`` are edges that this unit's vendor has beside the model's."""
    if UnitState.UNDEFINED in (before, after):
        return Passage.BEGUN
    if before is after:
        return Passage.SAME
    if after in _NEXT[before] or (before, after) in also:
        return Passage.DIRECT
    return Passage.PASSED if after in _REACHED[before] else Passage.UNEXPECTED


_NEXT = {state: frozenset(move.after for move in MOVES if move.before is state) for state in UnitState}


def _reached(before: UnitState) -> frozenset[UnitState]:
    """What can be next seen when only passing states are missed."""
    found: set[UnitState] = set()
    waiting = list(_NEXT[before])
    while waiting:
        state = waiting.pop()
        if state not in found:
            found.add(state)
            waiting += _NEXT[state] if state in PASSING else ()
    return frozenset(found)


_REACHED = {state: _reached(state) for state in UnitState}


class Cause(StrEnum):
    """Why a unit does not work, as far as its state and interlocks tell."""

    NONE = ""
    INSIDE = "inside"
    """Held, aborted: the unit itself."""
    OUTSIDE = "outside"
    """Suspended: something before or behind the unit."""
    BLOCKED = "blocked"
    """Suspended, and what is behind takes no more (EquipmentInterlock.Blocked)."""
    STARVED = "starved"
    """Suspended, and nothing comes from before (EquipmentInterlock.Starved)."""


def cause_of(state: UnitState, *, blocked: bool = False, starved: bool = False) -> Cause:
    """Held is an inside cause, Suspended an outside one; the interlocks say on which side. Blocked counts first."""
    if state in FAULTED:
        return Cause.INSIDE
    if state in (UnitState.SUSPENDED, UnitState.SUSPENDING):
        return Cause.BLOCKED if blocked else Cause.STARVED if starved else Cause.OUTSIDE
    return Cause.NONE


def state_named(text: str) -> UnitState:
    """The state of that name, whatever its case; Undefined if there is none."""
    return _BY_NAME.get(text.strip().lower(), UnitState.UNDEFINED)


def state_of(word: str, words: Mapping[str, UnitState] | None = None) -> UnitState:
    """The state that a device's word means: by its own ``words`` (lower case), by name, by StateCurrent's number.

    ``words`` is what a source is configured with: other languages, or other numbers, as those of the
    OPC UA companion specifications. Undefined for a word that means nothing.
    """
    key = word.strip().lower()
    if words is not None and key in words:
        return words[key]
    if key.isascii() and key.isdigit() and len(key) <= len("17"):
        return UnitState.from_number(int(key))
    return _BY_NAME.get(key, UnitState.UNDEFINED)


def mode_of(word: str, words: Mapping[str, UnitMode] | None = None) -> UnitMode:
    """The mode that a device's word means, as `state_of` does; a word that is not the standard's is the user's."""
    key = word.strip().lower()
    if words is not None and key in words:
        return words[key]
    if key.isascii() and key.isdigit() and len(key) <= len("31"):
        return UnitMode.from_number(int(key))
    return _MODE_BY_NAME.get(key, UnitMode.USER) if key else UnitMode.INVALID


_BY_NAME = {state.value.lower(): state for state in UnitState}
_MODE_BY_NAME = {mode.value.lower(): mode for mode in UnitMode}
