"""PackML: the common state model of every asset.

ISA-TR88.00.02; numbers are those of its StateCurrent. Store names, not numbers: OPC UA companion
specifications number the same states differently.
"""

from __future__ import annotations

from enum import StrEnum


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


def state_named(text: str) -> UnitState:
    """The state of that name, whatever its case; Undefined if there is none."""
    return _BY_NAME.get(text.strip().lower(), UnitState.UNDEFINED)


_BY_NAME = {state.value.lower(): state for state in UnitState}
