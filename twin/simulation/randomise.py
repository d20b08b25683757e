"""Domain randomisation: which parameters an attempt has, from which ranges they are drawn, and which faults come.

What is drawn is rounded to six decimals, so that it is the same on every machine although logarithms may differ.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from twin.errors import ScenarioError
from twin.simulation.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

DECIMALS = 6
LOG = "log:"


class Parameter(NamedTuple):
    """One parameter of an arm's attempt: its value where nothing is said, its bounds and unit."""

    usual: float
    low: float
    high: float
    unit: str
    told: str


PARAMETERS: dict[str, Parameter] = {
    "friction": Parameter(1.0, 0.1, 5.0, "1", "friction in every joint, times the usual"),
    "payload": Parameter(4.5, 0.0, 11.5, "kg", "the part's mass"),
    "cycle_time": Parameter(24.0, 8.0, 300.0, "s", "how long the work takes"),
    "poses": Parameter(0.05, 0.0, 0.15, "rad", "how far taught poses may lie from the task's"),
    "stray": Parameter(1.0, 0.0, 4.0, "1", "how far cycles stray from the path, times the usual"),
    "noise": Parameter(1.0, 0.0, 20.0, "1", "the sensors' noise, times the usual"),
    "hall": Parameter(23.0, -10.0, 50.0, "Cel", "the hall's temperature"),
    "warm": Parameter(6.0, 0.0, 40.0, "Cel", "how much warmer the motors are at the beginning"),
}
"""What can be randomised of a robot arm, by name."""

ARM_FAULTS = (
    FaultKind.AXIS_FRICTION,
    FaultKind.AXIS_OVERHEATING,
    FaultKind.GRIP_LOST,
    FaultKind.SENSOR_STUCK,
    FaultKind.SENSOR_DRIFT,
    FaultKind.SENSOR_DROPOUT,
)
"""What may go wrong in an attempt."""


@dataclass(frozen=True, slots=True)
class Range:
    """[low, high], uniform, or uniform in its logarithm."""

    low: float
    high: float
    log: bool = False

    def draw(self, random: np.random.Generator) -> float:
        """One number of it; takes one number of ``random``, whatever the range."""
        share = float(random.random())
        if self.log:
            return round(math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low))), DECIMALS)
        return round(self.low + share * (self.high - self.low), DECIMALS)

    def __str__(self) -> str:
        span = f"{self.low:g}" if self.low == self.high else f"{self.low:g}..{self.high:g}"
        return f"{LOG}{span}" if self.log else span


def ranges_of(text: str) -> dict[str, Range]:
    """``friction=0.8..1.2,payload=log:0.5..8,warm=5`` as ranges; what is not named keeps its usual value.

    Raises ScenarioError for what cannot be, with what could.
    """
    found: dict[str, Range] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        name, equals, span = (one.strip() for one in part.partition("="))
        if name not in PARAMETERS:
            near = difflib.get_close_matches(name, PARAMETERS, 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise ScenarioError(f"there is no parameter {name!r}{meant} There are: {', '.join(PARAMETERS)}")
        if name in found:
            raise ScenarioError(f"{name} is there twice")
        found[name] = _range(name, span if equals else "")
    return found


def _range(name: str, text: str) -> Range:
    of = PARAMETERS[name]
    log = text.startswith(LOG)
    low, dots, high = text.removeprefix(LOG).partition("..")
    try:
        span = Range(float(low), float(high) if dots else float(low), log)
    except ValueError:
        raise ScenarioError(f"{name}={text!r} is no range: write LOW..HIGH, log:LOW..HIGH or one number") from None
    if not of.low <= span.low <= span.high <= of.high:
        raise ScenarioError(f"{name}={text}: a range goes upwards and lies in {of.low:g}..{of.high:g} {of.unit}")
    if log and span.low <= 0:
        raise ScenarioError(f"{name}={text}: a range that is uniform in its logarithm begins above 0")
    return span


def faults_of(text: str) -> dict[FaultKind, float]:
    """``grip_lost=0.1,axis_friction=0.05`` as probabilities: an attempt has one fault or none.

    Raises ScenarioError for what cannot be, with what could.
    """
    found: dict[FaultKind, float] = {}
    for part in (one.strip() for one in text.split(",") if one.strip()):
        name, _, share = (one.strip() for one in part.partition("="))
        if name not in [one.value for one in ARM_FAULTS]:
            raise ScenarioError(f"no fault {name!r} comes to an arm's attempt; there are: {', '.join(ARM_FAULTS)}")
        try:
            probability = float(share)
        except ValueError:
            raise ScenarioError(f"{part!r} is no probability: write {name}=0.1") from None
        if not 0 <= probability <= 1:
            raise ScenarioError(f"{part!r} is no probability: write a number from 0 to 1")
        found[FaultKind(name)] = found.get(FaultKind(name), 0.0) + probability
    if sum(found.values()) > 1 + 1e-9:
        raise ScenarioError(f"the probabilities add up to {sum(found.values()):g}: an attempt has one fault at most")
    return found


def drawn(ranges: Mapping[str, Range], random: np.random.Generator) -> dict[str, float]:
    """Every parameter of one attempt, drawn in the order of PARAMETERS: another range moves no other parameter."""
    return {name: ranges.get(name, Range(of.usual, of.usual)).draw(random) for name, of in PARAMETERS.items()}


def chosen(faults: Mapping[FaultKind, float], random: np.random.Generator) -> FaultKind | None:
    """Which fault an attempt has; takes one number of ``random``."""
    share = float(random.random())
    for kind in ARM_FAULTS:
        share -= faults.get(kind, 0.0)
        if share < 0:
            return kind
    return None
