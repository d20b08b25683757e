"""What a scenario is: a site, a seed, a time, steps, and expectations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S

if TYPE_CHECKING:
    from twin.scenario.expect import Expectation
    from twin.simulation.changes import Errand, Setting
    from twin.simulation.faults import Fault
    from twin.site import Name

BATCH_S = 2.0
"""How often what came is cut into a batch, unless the scenario says otherwise."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario for one site of a hub. Times of steps and expectations count in seconds from ``start_ns``.

    ``breakdowns``: stations break down of themselves, too. ``full_rate``: joints and poses at their own
    periods, not once a second. ``attributes`` are those of assets that are others from the start on.
    """

    name: str
    title: Name
    site: str
    seed: int
    start_ns: int
    duration_s: float
    breakdowns: bool = False
    full_rate: bool = False
    batch_s: float = BATCH_S
    attributes: tuple[Setting, ...] = ()
    faults: tuple[Fault, ...] = ()
    settings: tuple[Setting, ...] = ()
    errands: tuple[Errand, ...] = ()
    expectations: tuple[Expectation, ...] = field(default=())

    @property
    def end_ns(self) -> int:
        """When it is over."""
        return self.ns(self.duration_s)

    def ns(self, after_s: float) -> int:
        """A time of the scenario as UTC."""
        return self.start_ns + round(after_s * NS_PER_S)
