"""A site as the what-if runs it: lines of stations and buffers, with laws of chance, as they stand at the start."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.whatif.law import Law, constant

if TYPE_CHECKING:
    from twin.kpi import Scope

_NEVER_S = 1e12


class Doing(StrEnum):
    """What a station does at the start."""

    WORKING = "working"
    STOPPED = "stopped"
    """By an inside cause, in the middle of a cycle."""
    BLOCKED = "blocked"
    """It holds a finished part."""
    WAITING = "waiting"
    """For a part, its arm, or the end of a break: it begins as soon as it can."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One kind of inside stop: after ``between`` seconds of work, for ``lasts``; ``is_failure`` as in ISO 22400."""

    kind: str
    between: Law
    lasts: Law
    is_failure: bool


@dataclass(frozen=True, slots=True)
class Start:
    """How a station stands at the start.

    ``worked_s`` is how much of its cycle is done, ``stop`` the kind of the stop it is in and ``stopped_s`` how long
    it has been; ``since_s`` how much it has worked since the last stop of each kind.
    """

    doing: Doing = Doing.WAITING
    worked_s: float = 0.0
    stop: str = ""
    stopped_s: float = 0.0
    since_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Station:
    """A station, or an arm that tends some (`Line.tenders`).

    Between cycles it waits for something outside its line in ``pauses_ratio`` of all cycles, for ``pause`` seconds.
    ``downs_s`` are times in which it is down because somebody asks for it.
    """

    id: str
    cycle: Law
    scrap_ratio: float = 0.0
    stops: tuple[Stop, ...] = ()
    pauses_ratio: float = 0.0
    pause: Law = field(default_factory=lambda: constant(0.0))
    ideal_s: float | None = None
    downs_s: tuple[tuple[float, float], ...] = ()
    start: Start = Start()
    tender: int | None = None
    """The place of the arm that loads it, among the line's tenders."""


@dataclass(frozen=True, slots=True)
class Room:
    """Room for parts behind a step: ``level`` of ``capacity`` at the start; ``buffers`` () is one hand-over place."""

    buffers: tuple[str, ...]
    capacity: int
    level: int


@dataclass(frozen=True, slots=True)
class Line:
    """Steps of stations side by side in the order of the flow; ``rooms[i]`` is behind step i, none behind the last."""

    scope: Scope
    steps: tuple[tuple[Station, ...], ...]
    rooms: tuple[Room, ...]
    tenders: tuple[Station, ...] = ()

    @property
    def stations(self) -> tuple[Station, ...]:
        """Every station, step by step, then the tenders."""
        return (*(one for step in self.steps for one in step), *self.tenders)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Mobile robots, each by itself: ``job`` seconds from order to idle, ``idle`` seconds to the next one."""

    count: int
    job: Law
    idle: Law


@dataclass(frozen=True, slots=True)
class Energy:
    """What a scope draws: ``base_w`` always, and ``work_w`` for each station at work; ``r2`` how well that fits."""

    base_w: float
    work_w: float
    r2: float


@dataclass(frozen=True, slots=True)
class Model:
    """A site from one moment on. ``works_s`` are the times from the start that are planned to be worked."""

    site: str
    start_ns: int
    horizon_s: float
    works_s: tuple[tuple[float, float], ...]
    lines: tuple[Line, ...]
    whole: Scope
    fleet: Fleet | None = None
    energy: dict[str, Energy] = field(default_factory=dict)

    @property
    def rests_s(self) -> tuple[tuple[float, float], ...]:
        """The times from the start that are not planned."""
        rests, at = [], 0.0
        for begin, end in self.works_s:
            if begin > at:
                rests.append((at, begin))
            at = end
        return tuple([*rests, (at, _NEVER_S)] if at < self.horizon_s else rests)
