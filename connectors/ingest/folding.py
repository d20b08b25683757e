"""The fold of a batch inside its transaction: the mirror, then the alarms, and keyframes of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.alarms.kept import AlarmsFolded
from twin.ports import Folded

if TYPE_CHECKING:
    from connectors.ingest.alarming import Alarming
    from twin.events import Event
    from twin.keyframes import KeyframePolicy
    from twin.mirror import Mirror
    from twin.sample import Batch


class Folding:
    """Folds the batches of one writer. Mutable; the thread that stores owns it."""

    def __init__(self, writer: str, mirror: Mirror, keyframes: KeyframePolicy, alarming: Alarming | None) -> None:
        self.mirror = mirror
        self._writer = writer
        self._keyframes = keyframes
        self._alarming = alarming
        self._folded = False

    def begin(self) -> None:
        """A batch is to be stored: take what people did meanwhile; nothing of it is folded yet."""
        self._folded = False
        if self._alarming is not None:
            self._alarming.look()

    def apply(self, stored: Batch, outside: tuple[Event, ...]) -> Folded:
        """Fold what was new of a batch; ``outside`` are the events that come with it."""
        self._folded = True
        events = self.mirror.apply(stored)
        keyframe = self._keyframes.after(self._writer, self.mirror)
        alarms = AlarmsFolded()
        if self._alarming is not None:
            keep = keyframe is not None
            alarms = self._alarming.apply(stored, self.mirror, (*outside, *events), keep=keep)
        return Folded(events, self.mirror.changed, keyframe, alarms)

    def undo(self) -> None:
        """The transaction failed."""
        if self._folded:
            self._folded = False
            self.mirror.undo()
            self._keyframes.undo()
            if self._alarming is not None:
                self._alarming.undo()

    def settled(self) -> None:
        """The transaction is stored."""
        if self._alarming is not None:
            self._alarming.settled()
