"""Events: facts about the factory, in the past participle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """The facts that the fold can state."""

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
