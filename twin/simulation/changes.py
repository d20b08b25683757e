"""What is changed in a simulated plant while it runs: settings of stations, and orders to its mobile robots."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.simulation.calendar import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from simpy.events import Event

    from twin.simulation.fleet import Fleet
    from twin.simulation.line import Floor, Unit

SETTINGS: dict[str, tuple[float, float]] = {
    "cycle_s": (8.0, 3600.0),
    "scrap_ratio": (0.0, 1.0),
    "between_failures_s": (60.0, 1e9),
}
"""What of a station may change while it runs, with the least and the most it may be."""


@dataclass(frozen=True, slots=True)
class Setting:
    """From ``at_s`` seconds after the start a station's ``name`` is ``value``; from its next cycle, or failure, on."""

    at_s: float
    asset: str
    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Errand:
    """From ``at_s`` seconds after the start a mobile robot is to go to ``node``, before it chooses for itself."""

    at_s: float
    asset: str
    node: str


def setting_problem(one: Setting) -> str:
    """What is wrong with a setting; "" when nothing is."""
    if one.name not in SETTINGS:
        return f"{one.name!r} cannot change while a station runs; there are: {', '.join(SETTINGS)}"
    low, high = SETTINGS[one.name]
    if not (math.isfinite(one.value) and low <= one.value <= high):
        return f"{one.name} = {one.value:g} is no number from {low:g} to {high:g}"
    return ""


def change_settings(floor: Floor, settings: Iterable[Setting]) -> None:
    """Let stations change as told; each is one of the floor's."""
    for one in settings:
        floor.env.process(_change(floor.units[one.asset], one))


def _change(unit: Unit, one: Setting) -> Generator[Event, object, None]:
    yield unit.env.timeout(round(one.at_s * MS_PER_S))
    setattr(unit, one.name, one.value)


def give_errands(fleet: Fleet, errands: Iterable[Errand]) -> None:
    """Put errands before the robots they are for; each is one of the fleet's."""
    robots = {robot.asset.id: robot for robot in fleet.robots}
    for one in sorted(errands, key=lambda errand: errand.at_s):
        robots[one.asset].errands.append((round(one.at_s * MS_PER_S), one.node))
