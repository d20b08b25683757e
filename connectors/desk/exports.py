"""Exports: which dataset went out, when, under which licence, to whom; each stands in the audit trail, too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Column, Integer, Table, Text, func, select

from connectors.desk.tables import metadata

if TYPE_CHECKING:
    from connectors.desk.open import Desk

export_row = Table(
    "desk_export",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("licence", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("episodes", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("with_defects", Boolean, nullable=False),
)
"""Append-only; ``episodes`` are their ids as JSON, ``sha256`` is that of the manifest, ``croissant.json``."""


@dataclass(frozen=True, slots=True)
class Export:
    """One dataset that went out. ``recipient`` is "" where nobody said to whom."""

    name: str
    format: str
    licence: str
    episodes: tuple[str, ...]
    sha256: str
    recipient: str = ""
    with_defects: bool = False
    who: str = ""
    at_ns: int = 0
    n: int = 0


def keep(desk: Desk, who: str, one: Export) -> int:
    """Write down an export, with its line in the trail; returns its number."""
    detail = {
        "format": one.format, "licence": one.licence, "to": one.recipient, "episodes": len(one.episodes),
        "sha256": one.sha256, "with_defects": one.with_defects,
    }  # fmt: skip
    with desk.writing(who, "dataset.export", one.name[:200], detail) as connection:
        n: int = connection.execute(select(func.coalesce(func.max(export_row.c.n), 0))).scalar_one() + 1
        row = {**asdict(one), "n": n, "who": who, "at_ns": desk.now_ns, "episodes": json.dumps(one.episodes)}
        connection.execute(export_row.insert().values(row))
    return n


def exports(desk: Desk, until_ns: int | None = None) -> list[Export]:
    """All of them, or those until a moment, in order."""
    if not desk.is_there():
        return []
    query = select(export_row).order_by(export_row.c.n)
    if until_ns is not None:
        query = query.where(export_row.c.at_ns <= until_ns)
    with desk.reading() as connection:
        rows = connection.execute(query).all()
    return [
        Export(**{**row._mapping, "episodes": tuple(json.loads(row.episodes))})  # noqa: SLF001  SQLAlchemy's public name for it
        for row in rows
    ]
