"""Groups of trend pens that people keep: their own, or one for everybody."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Boolean, Column, Float, Table, Text, func, or_, select

from connectors.desk.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from connectors.desk.open import Desk

MAX_GROUPS = 200
"""Of one person."""

pen_group = Table(
    "desk_pen_group",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name_ko", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("pens", Text, nullable=False),
    Column("span_s", Float, nullable=False),
    Column("shift_s", Float, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PenGroup:
    """Pens (signal ids) that are looked at together, over how long, beside how long ago (0 for nothing).

    ``id`` is "" until it is kept.
    """

    id: str
    owner: str
    name_ko: str
    name_en: str
    shared: bool
    pens: tuple[str, ...]
    span_s: float
    shift_s: float = 0.0
    changed_ns: int = 0


def groups(desk: Desk, owner: str) -> list[PenGroup]:
    """The owner's groups and those shared with everybody, by name."""
    wanted = or_(pen_group.c.owner == owner, pen_group.c.shared)
    with desk.reading() as connection:
        rows = connection.execute(select(pen_group).where(wanted).order_by(pen_group.c.name_ko, pen_group.c.id)).all()
    return [_group(row) for row in rows]


def save(desk: Desk, who: str, group: PenGroup) -> PenGroup | None:
    """Keep a new group, or change one of ``who``'s own; None where there is no such group, or no room for one more."""
    kept = replace(group, id=group.id or secrets.token_hex(8), owner=who, changed_ns=desk.now_ns)
    detail = {"name_ko": kept.name_ko, "name_en": kept.name_en, "shared": kept.shared, "pens": list(kept.pens)}
    values = {name: getattr(kept, name) for name in pen_group.c.keys() if name not in ("id", "pens")}  # noqa: SIM118  columns
    values["pens"] = json.dumps(kept.pens, ensure_ascii=False)
    try:
        with desk.writing(who, "pens.save", kept.id, detail) as connection:
            if group.id:
                mine = (pen_group.c.id == kept.id) & (pen_group.c.owner == who)
                _must(connection.execute(pen_group.update().where(mine).values(values)).rowcount)
            else:
                _must(MAX_GROUPS - _count(connection, who))
                connection.execute(pen_group.insert().values(id=kept.id, **values))
    except _Nothing:
        return None
    return kept


def remove(desk: Desk, who: str, group_id: str, *, of_others: bool = False) -> bool:
    """Take a group away: one's own, or with ``of_others`` anybody's; whether there was one."""
    wanted = pen_group.c.id == group_id
    if not of_others:
        wanted &= pen_group.c.owner == who
    try:
        with desk.writing(who, "pens.remove", group_id) as connection:
            _must(connection.execute(pen_group.delete().where(wanted)).rowcount)
    except _Nothing:
        return False
    return True


class _Nothing(Exception):
    """Nothing was changed: neither is the audit trail."""


def _must(found: int) -> None:
    if found <= 0:
        raise _Nothing


def _count(connection: Connection, owner: str) -> int:
    return connection.execute(select(func.count()).where(pen_group.c.owner == owner)).scalar_one()


def _group(row: Row[tuple[object, ...]]) -> PenGroup:
    kept = row._mapping  # noqa: SLF001  SQLAlchemy's public name for it
    return PenGroup(**{**kept, "pens": tuple(json.loads(kept["pens"])), "shared": bool(kept["shared"])})
