"""What stops a station in the middle of a cycle on purpose: a part that is lost, a tool that breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from twin.simulation.faults import FaultKind

if TYPE_CHECKING:
    from twin.simulation.faults import Course

NOTICE_MS = 2_000
"""How long a machine's control takes to notice that its tool is broken."""
LEAST_STOP_MS = 20_000
"""What is lost or broken takes so long to set right at least."""
_LEAST_RUN_MS = 1_000
_IN_CUT = (0.1, 0.9)
"""The phases of a machine tool's cycle in which its tool may break."""


class Happening(NamedTuple):
    """What went wrong of itself, or a fault when it struck: [begin_ms, end_ms), since the plant's start."""

    kind: str
    asset: str
    begin_ms: int
    end_ms: int
    severity: float = 1.0


class Mishap(NamedTuple):
    """A fault that strikes after ``run_ms`` more milliseconds of work, and is over at ``until_ms``."""

    kind: FaultKind
    run_ms: int
    until_ms: int
    severity: float


class Mishaps:
    """The faults that strike one station. Mutable: each spell strikes once.

    ``carries`` are the phases between which the station holds a part.
    """

    def __init__(self, grips: Course, breakages: Course) -> None:
        self.carries = (0.2, 0.8)
        self._courses = {FaultKind.GRIP_LOST: grips, FaultKind.TOOL_BREAKAGE: breakages}
        self._struck: dict[FaultKind, int] = {}
        """By kind, when the last spell that struck was over: the next one begins later."""

    def next(self, t_ms: int, done_ms: int, cycle_ms: int, within_ms: int) -> Mishap | None:
        """The first fault that strikes within ``within_ms`` of work; ``done_ms`` of the cycle are done at ``t_ms``."""
        found = [
            mishap
            for kind, course in self._courses.items()
            if course and (mishap := self._strike(kind, course, t_ms, done_ms, cycle_ms)) is not None
        ]
        first = min(found, key=lambda mishap: (mishap.run_ms, mishap.kind), default=None)
        if first is None or first.run_ms > within_ms - NOTICE_MS:
            return None
        spell = self._courses[first.kind].at(t_ms + first.run_ms)
        self._struck[first.kind] = spell.end_ms if spell else 0
        return first

    def _strike(self, kind: FaultKind, course: Course, t_ms: int, done_ms: int, cycle_ms: int) -> Mishap | None:
        spell = course.after(max(t_ms, self._struck.get(kind, 0)))
        if spell is None:
            return None
        low, high = self.carries if kind is FaultKind.GRIP_LOST else _IN_CUT
        begin_ms = t_ms - done_ms
        strikes_ms = max(t_ms + _LEAST_RUN_MS, begin_ms + round(low * cycle_ms), spell.begin_ms)
        if strikes_ms >= min(begin_ms + round(high * cycle_ms), spell.end_ms):
            return None
        return Mishap(kind, strikes_ms - t_ms, max(spell.end_ms, strikes_ms + LEAST_STOP_MS), spell.severity)
