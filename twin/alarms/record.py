"""What is known of an alarm: independent facts, what operators did, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from twin.alarms.rule import Priority

MAX_SHELVED_S = 24 * 3600.0
"""Nobody may shelve for longer: what needs more is taken out of service, or its rule is wrong."""


class Letter(StrEnum):
    """The states of ISA-18.2 figure 4 / IEC 62682."""

    NORMAL = "A"
    UNACKNOWLEDGED = "B"
    ACKNOWLEDGED = "C"
    RETURNED_UNACKNOWLEDGED = "D"
    LATCHED_UNACKNOWLEDGED = "E"
    LATCHED_ACKNOWLEDGED = "F"
    SHELVED = "G"
    SUPPRESSED = "H"
    """By design."""
    OUT_OF_SERVICE = "I"


@dataclass(frozen=True, slots=True)
class AlarmState:
    """One alarm's facts. Where all have their defaults the alarm is normal, and the book keeps none.

    ``raised``: its cause is there, delays reckoned in. ``acknowledged``: nobody needs to be told.
    ``latched``: it waits for a reset. ``beyond``: what the last frame said, before any delay;
    ``turning_ns`` is the tick since which that differs from ``raised``, 0 where it does not.
    ``occurrence`` numbers the row in the list that the alarm has; ``count`` is how often it was raised in it.
    """

    id: str
    asset: str
    rule: str
    signal: str = ""
    stream: str = ""
    raised: bool = False
    acknowledged: bool = True
    latched: bool = False
    shelved_until_ns: int = 0
    suppressed: bool = False
    out_of_service: bool = False
    beyond: bool = False
    turning_ns: int = 0
    occurrence: int = 0
    count: int = 0
    raised_ns: int = 0
    cleared_ns: int = 0
    cause_ns: int = 0
    value: float | str | None = None
    who: str = ""
    why: str = ""
    acted_ns: int = 0
    """When somebody did something to it last."""
    late_ns: int = 0
    """The tick at which it was raised by what came late, until it is shown or over; 0 for none."""
    heard_ns: int = 0
    """The tick at which its last change came, where that came late."""

    @property
    def hidden(self) -> bool:
        """Whether operators are not to be told of it: shelved, suppressed by design, or out of service."""
        return self.out_of_service or self.suppressed or self.shelved_until_ns > 0

    @property
    def letter(self) -> Letter:
        """The one state of ISA-18.2 that these facts come to."""
        if self.hidden:
            return (
                Letter.OUT_OF_SERVICE
                if self.out_of_service
                else Letter.SUPPRESSED
                if self.suppressed
                else Letter.SHELVED
            )
        if self.raised:
            return Letter.ACKNOWLEDGED if self.acknowledged else Letter.UNACKNOWLEDGED
        if self.latched:
            return Letter.LATCHED_ACKNOWLEDGED if self.acknowledged else Letter.LATCHED_UNACKNOWLEDGED
        return Letter.NORMAL if self.acknowledged else Letter.RETURNED_UNACKNOWLEDGED

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to remember."""
        return self.letter is Letter.NORMAL and not self.beyond and not self.turning_ns


class ActionKind(StrEnum):
    """What an operator, or the plant's own logic, does to an alarm."""

    ACKNOWLEDGE = "acknowledge"
    RESET = "reset"
    """End a latched alarm whose cause has gone."""
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    SUPPRESS = "suppress"
    """By design: what follows from another alarm, or from the plant's state."""
    UNSUPPRESS = "unsuppress"
    TAKE_OUT = "take_out_of_service"
    PUT_BACK = "put_back_in_service"


@dataclass(frozen=True, slots=True)
class AlarmAction:
    """One action, as it is stored with the batch that it is folded with, before that batch's frames.

    ``given_ns`` is when it was given; its effect is from the batch's tick. ``occurrence`` is the row
    that was looked at (0: the one of now): an acknowledgement of an older row is refused. ``for_s`` is a
    shelving's time, at most `MAX_SHELVED_S`. ``who`` must be told, and ``why`` for all that hides an alarm.
    """

    kind: ActionKind
    alarm: str
    who: str
    given_ns: int
    why: str = ""
    occurrence: int = 0
    for_s: float = 0.0
    id: int = 0
    """Its number on the desk; they rise."""

    @property
    def for_ns(self) -> int:
        """How long it is to be shelved."""
        return round(self.for_s * NS_PER_S)


class AlarmEventKind(StrEnum):
    """What can be told of an alarm."""

    RAISED = "AlarmRaised"
    """A new row in the list."""
    REPEATED = "AlarmRepeated"
    """It was raised again while nobody had acknowledged it: no new row."""
    CLEARED = "AlarmCleared"
    ACKNOWLEDGED = "AlarmAcknowledged"
    RESET = "AlarmReset"
    SHELVED = "AlarmShelved"
    UNSHELVED = "AlarmUnshelved"
    SUPPRESSED = "AlarmSuppressed"
    UNSUPPRESSED = "AlarmUnsuppressed"
    TAKEN_OUT = "AlarmTakenOutOfService"
    PUT_BACK = "AlarmPutBackInService"
    REFUSED = "AlarmActionRefused"
    """An action that could not be; ``why`` says why."""
    DROPPED = "AlarmDropped"
    """Its rule is no longer there."""
    FLOOD_STARTED = "AlarmFloodStarted"
    FLOOD_ENDED = "AlarmFloodEnded"


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One fact in the journal: at the batch's tick ``t_ns``, caused by what was measured at ``cause_ns``.

    What came late is told as of when it was. ``hidden`` says that operators were not told (shelved, suppressed, out
    of service, or it came late). ``count`` is how
    many times the alarm was raised in this row so far. Of a flood, ``asset`` is the site, and the
    count is what came in the last ten minutes.
    """

    kind: AlarmEventKind
    t_ns: int
    alarm: str
    asset: str
    rule: str = ""
    signal: str = ""
    priority: Priority | None = None
    occurrence: int = 0
    count: int = 0
    cause_ns: int = 0
    value: float | str | None = None
    who: str = ""
    why: str = ""
    hidden: bool = False
    state: AlarmState | None = None
    """The alarm's facts behind it; None of a flood."""
