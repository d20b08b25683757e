"""How the KPIs of two sides differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.kpi import Kpi

Scoped = tuple[str, str]
"""(level, id) of a site, a line or an asset."""


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """One KPI of one scope: its value on each side and A − B, each None where it is not defined."""

    level: str
    of: str
    name: str
    unit: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """A − B."""
        return None if self.a is None or self.b is None else self.a - self.b


def figure_differences(
    a: Mapping[Scoped, Iterable[Kpi]], b: Mapping[Scoped, Iterable[Kpi]], convention: str
) -> tuple[FigureDifference, ...]:
    """Every KPI of every scope that either side has, in their order; of two conventions the one that is asked for."""
    found = []
    for scope in dict.fromkeys((*a, *b)):
        ours, theirs = (
            {one.name: one for one in side.get(scope, ()) if one.convention in ("", convention)} for side in (a, b)
        )
        for name in dict.fromkeys((*ours, *theirs)):
            one, other = ours.get(name), theirs.get(name)
            unit = one.unit if one else other.unit if other else ""
            found.append(
                FigureDifference(*scope, name, unit, one.value if one else None, other.value if other else None)
            )
    return tuple(found)
