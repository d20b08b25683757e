"""Events: facts about the factory, in the past participle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """The facts that the fold, a source or a decoder can state."""

    STATE_CHANGED = "StateChanged"
    ASSET_APPEARED = "AssetAppeared"
    ASSET_LOST = "AssetLost"
    ASSET_RETURNED = "AssetReturned"
    SOURCE_CONNECTED = "SourceConnected"
    SOURCE_LOST = "SourceLost"
    SESSION_LOST = "SessionLost"
    """The broker forgot a durable session: what it queued in between is gone."""
    IDENTITY_CLASH = "IdentityClash"
    """Two publishers say that they are the same asset, and both are active."""
    STORE_REPLACED = "StoreReplaced"
    """The database was damaged and set aside; a new one was begun."""
    ORDER_CHANGED = "OrderChanged"
    """A mobile robot works on another order, or on an update of it (``order/update``)."""
    ACTION_CHANGED = "ActionChanged"
    """An action of an order came, went on to another status, or left the list before it ended."""
    ERROR_RAISED = "ErrorRaised"
    """A device tells of an error that it did not tell of before; ``after`` says which."""
    ERROR_CLEARED = "ErrorCleared"
    """A device tells of an error no longer; ``before`` says which."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact: what happened to which asset (or source), when, and from what to what."""

    kind: EventKind
    t_ns: int
    asset: str
    signal: str = ""
    before: str = ""
    after: str = ""

    @property
    def order(self) -> tuple[int, str, str, str]:
        """The order of events inside a batch."""
        return (self.t_ns, self.asset, self.signal, self.kind)
