"""What came of comparing real with simulated episodes: figures that take a while, kept with who asked and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Integer, Table, Text, func, select

from connectors.desk.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desk.open import Desk

comparison_row = Table(
    "desk_comparison",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("told", Text, nullable=False),
)
"""Append-only; ``told`` is what `connectors.quality.comparing.told` says, as JSON."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison as it came out at that moment."""

    n: int
    at_ns: int
    who: str
    told: Mapping[str, Any]

    @property
    def sites(self) -> frozenset[str]:
        """Of which sites it tells."""
        assets = [*self.told["real"]["assets"], *self.told["simulated"]["assets"]]
        return frozenset(one.partition("/")[0] for one in assets)


def keep(desk: Desk, who: str, told: Mapping[str, Any]) -> int:
    """Keep a comparison, with its line in the trail; returns its number."""
    detail = {side: told[side]["episodes"] for side in ("real", "simulated")}
    with desk.writing(who, "episodes.compare", ", ".join(told["real"]["assets"])[:200], detail) as connection:
        n: int = connection.execute(select(func.coalesce(func.max(comparison_row.c.n), 0))).scalar_one() + 1
        row = {"n": n, "at_ns": desk.now_ns, "who": who, "told": json.dumps(told, ensure_ascii=False)}
        connection.execute(comparison_row.insert().values(row))
    return n


def newest(desk: Desk, sites: frozenset[str] | None, until_ns: int | None = None) -> Comparison | None:
    """The newest one (until a moment) of which all belongs to some sites; None: to any."""
    if not desk.is_there():
        return None
    query = select(comparison_row).order_by(comparison_row.c.n.desc())
    if until_ns is not None:
        query = query.where(comparison_row.c.at_ns <= until_ns)
    with desk.reading() as connection:
        for row in connection.execute(query):
            one = Comparison(row.n, row.at_ns, row.who, json.loads(row.told))
            if sites is None or one.sites <= sites:
                return one
    return None
