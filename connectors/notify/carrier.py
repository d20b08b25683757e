"""What carries a notice to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twin.errors import TwinError

if TYPE_CHECKING:
    from connectors.desk.notices import Waiting


class NotTaken(TwinError):
    """A notice was not taken: it is tried again later."""


class Carrier(Protocol):
    """One way to one rule's people."""

    def carry(self, one: Waiting, subject: str, text: str) -> None:
        """Hand over one notice; raises NotTaken."""
        ...
