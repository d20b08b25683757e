"""What people say of an asset: remarks, one after the other; nothing of it is ever overwritten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, func, select

from connectors.desk.tables import metadata
from twin.errors import StoreRejected

if TYPE_CHECKING:
    from connectors.desk.open import Desk

MAX_TEXT = 2000

remark_row = Table(
    "desk_remark",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)
"""Append-only."""
Index("desk_remark_of", remark_row.c.asset, remark_row.c.n)


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark."""

    n: int
    asset: str
    text: str
    who: str
    at_ns: int


def say(desk: Desk, who: str, asset: str, text: str) -> Remark:
    """Add a remark; raises StoreRejected for an empty or too long one."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        raise StoreRejected(f"a remark has 1 to {MAX_TEXT} characters")
    with desk.writing(who, "asset.remark", asset, {"text": text}) as connection:
        last = connection.execute(select(func.max(remark_row.c.n))).scalar()
        kept = Remark((last or 0) + 1, asset, text, who, desk.now_ns)
        connection.execute(remark_row.insert().values(**asdict(kept)))
    return kept


def remarks(desk: Desk, asset: str, as_of_ns: int | None = None, limit: int = 100) -> list[Remark]:
    """An asset's last remarks by ``as_of_ns``, newest first."""
    wanted = select(remark_row).where(remark_row.c.asset == asset)
    if as_of_ns is not None:
        wanted = wanted.where(remark_row.c.at_ns <= as_of_ns)
    with desk.reading() as connection:
        rows = connection.execute(wanted.order_by(remark_row.c.n.desc()).limit(limit)).all()
    return [Remark(row.n, row.asset, row.text, row.who, row.at_ns) for row in rows]
