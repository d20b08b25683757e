"""What is expected of arms: every fit that was made of each, so that a past one can be told from today's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Table, Text, func, select

from connectors.desk.tables import metadata
from twin.expectation.fit import arm_fit

if TYPE_CHECKING:
    from connectors.desk.open import Desk
    from twin.expectation import ArmFit

expectation = Table(
    "desk_expectation",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("body", Text, nullable=False),
)
"""Append-only; ``body`` is the fit as JSON."""


@dataclass(frozen=True, slots=True)
class KeptFit:
    """A fit, its number among those of its arm, and who made it when."""

    fit: ArmFit
    n: int
    at_ns: int
    who: str


def keep(desk: Desk, who: str, fit: ArmFit) -> KeptFit:
    """Keep a fit as the arm's newest."""
    told = fit.told()
    detail = {"from_ns": fit.start_ns, "to_ns": fit.end_ns, "joints": sum(one is not None for one in fit.joints)}
    with desk.writing(who, "expect.fit", fit.asset, detail) as connection:
        last = select(func.max(expectation.c.n)).where(expectation.c.asset == fit.asset)
        one = KeptFit(fit, (connection.execute(last).scalar() or 0) + 1, desk.now_ns, who)
        body = json.dumps(told, ensure_ascii=False)
        connection.execute(expectation.insert().values(asset=fit.asset, n=one.n, at_ns=one.at_ns, who=who, body=body))
    return one


def newest(desk: Desk, until_ns: int | None = None) -> dict[str, KeptFit]:
    """The newest fit of each arm; of those that had been made by ``until_ns``."""
    if not desk.is_there():
        return {}
    made = select(expectation.c.asset, func.max(expectation.c.n).label("n")).group_by(expectation.c.asset)
    last = (made if until_ns is None else made.where(expectation.c.at_ns <= until_ns)).subquery()
    same = (expectation.c.asset == last.c.asset) & (expectation.c.n == last.c.n)
    with desk.reading() as connection:
        rows = connection.execute(select(expectation).join(last, same)).all()
    return {row.asset: KeptFit(arm_fit(json.loads(row.body)), row.n, row.at_ns, row.who) for row in rows}
