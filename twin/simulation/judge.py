"""Judging alarms by the truth of a simulated plant: was each fault told, how soon, and what was told without one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.alarms.record import AlarmEventKind
from twin.clock import NS_PER_S
from twin.simulation.faults import USES, FaultKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from twin.alarms.record import AlarmEvent
    from twin.simulation.faults import Trouble

AFTER_S = 600.0
"""What follows from a fault may be told so long after its cause has gone."""
OWN_ALARMS = {"breakdown": ("aborted", "faulted")}
"""Alarms of what goes wrong of itself; an obstacle that is soon gone needs none."""


def alarms_of(kind: str) -> tuple[str, ...]:
    """The rules of which one must tell a trouble; () where none must."""
    return USES[FaultKind(kind)].alarms if kind in list(FaultKind) else OWN_ALARMS.get(kind, ())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one trouble: its first alarm, None where nobody was told."""

    trouble: Trouble
    alarm: AlarmEvent | None

    @property
    def delay_s(self) -> float | None:
        """From the trouble's begin to the alarm."""
        return None if self.alarm is None else (self.alarm.t_ns - self.trouble.start_ns) / NS_PER_S


@dataclass(frozen=True, slots=True)
class Judgement:
    """``false`` are alarms that no trouble explains, of which an operator was told for nothing."""

    verdicts: tuple[Verdict, ...]
    false: tuple[AlarmEvent, ...]

    @property
    def missed(self) -> tuple[Trouble, ...]:
        """Troubles that had to be told and were not."""
        return tuple(one.trouble for one in self.verdicts if one.alarm is None and alarms_of(one.trouble.kind))


def judge(
    journal: Iterable[AlarmEvent],
    troubles: Sequence[Trouble],
    *,
    also: Mapping[str, Collection[str]] | None = None,
    after_s: float = AFTER_S,
) -> Judgement:
    """Lay the journal beside the truth.

    ``also`` says which other assets a trouble's asset takes with it: those behind the same edge node.
    """
    raised = [one for one in journal if one.kind in (AlarmEventKind.RAISED, AlarmEventKind.REPEATED)]
    after_ns = round(after_s * NS_PER_S)
    explained: set[int] = set()
    verdicts: list[Verdict] = []
    for trouble in troubles:
        taken = {trouble.asset, *(also or {}).get(trouble.asset, ())}
        first: AlarmEvent | None = None
        for place, one in enumerate(raised):
            if one.asset in taken and trouble.start_ns <= one.t_ns < trouble.end_ns + after_ns:
                explained.add(place)
                if first is None and one.asset == trouble.asset and one.rule in alarms_of(trouble.kind):
                    first = one
        verdicts.append(Verdict(trouble, first))
    return Judgement(tuple(verdicts), tuple(one for place, one in enumerate(raised) if place not in explained))
