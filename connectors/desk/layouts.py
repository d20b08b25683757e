"""Layouts that people made, every version of them, and the drawings under the plans."""

from __future__ import annotations

import json
from dataclasses import astuple, replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Float, LargeBinary, Table, Text, func, select

from connectors.desk.drawing import Drawing
from connectors.desk.tables import metadata
from twin.layout import Layout
from twin.site import Pose

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from connectors.desk.open import Desk
    from twin.layout import Move

layout = Table(
    "desk_layout",
    metadata,
    Column("site", Text, primary_key=True),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("placed", Text, nullable=False),
    Column("drawing", Text, nullable=False),
    Column("restored", BigInteger, nullable=False),
)
"""Append-only; ``placed`` is a JSON object of [x_m, y_m, z_m, yaw_rad] by asset."""

drawing = Table(
    "desk_drawing",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("width", Float, nullable=False),
    Column("height", Float, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
)
"""By their own hash, as they are served: the upload itself is not kept."""


def heads(desk: Desk) -> dict[str, Layout]:
    """The layout in force of each site that has one."""
    last = select(layout.c.site, func.max(layout.c.n).label("n")).group_by(layout.c.site).subquery()
    same = (layout.c.site == last.c.site) & (layout.c.n == last.c.n)
    with desk.reading() as connection:
        return {row.site: _layout(row) for row in connection.execute(select(layout).join(last, same))}


def versions(desk: Desk, site: str, limit: int = 100) -> list[Layout]:
    """A site's versions, newest first."""
    wanted = select(layout).where(layout.c.site == site).order_by(layout.c.n.desc()).limit(limit)
    with desk.reading() as connection:
        return [_layout(row) for row in connection.execute(wanted)]


def version(desk: Desk, site: str, n: int) -> Layout | None:
    """One version."""
    with desk.reading() as connection:
        row = connection.execute(select(layout).where(layout.c.site == site, layout.c.n == n)).first()
    return None if row is None else _layout(row)


def save(desk: Desk, who: str, made: Layout, moved: list[Move]) -> Layout | None:
    """Keep ``made`` as the version after ``made.n``; None where somebody kept another one meanwhile.

    ``moved`` is what differs, for the audit trail.
    """
    kept = replace(made, n=made.n + 1, who=who, at_ns=desk.now_ns)
    detail: dict[str, object] = {
        "n": kept.n,
        "moved": {one.asset: [list(astuple(one.before)), list(astuple(one.after))] for one in moved},
        "drawing": kept.drawing,
        "restored": kept.restored,
        "note": kept.note,
    }
    try:
        with desk.writing(who, "layout.save", kept.site, detail) as connection:
            _must_follow(_last(connection, kept.site), made.n)
            connection.execute(layout.insert().values(_values(kept)))
    except _Overtaken:
        return None
    return kept


def keep_drawing(desk: Desk, who: str, site: str, one: Drawing) -> None:
    """Keep a drawing, to be put under a plan by a layout."""
    detail = {"sha256": one.sha256, "kind": one.kind, "bytes": len(one.body), "left_out": list(one.left_out)}
    with desk.writing(who, "layout.drawing", site, detail) as connection:
        known = connection.execute(select(drawing.c.sha256).where(drawing.c.sha256 == one.sha256)).first()
        if known is None:
            values = {
                "sha256": one.sha256,
                "kind": one.kind,
                "body": one.body,
                "width": one.width,
                "height": one.height,
            }
            connection.execute(drawing.insert().values(**values, site=site, at_ns=desk.now_ns, who=who))


def find_drawing(desk: Desk, sha256: str) -> tuple[str, Drawing] | None:
    """The site that a drawing was uploaded for, and the drawing."""
    with desk.reading() as connection:
        row = connection.execute(select(drawing).where(drawing.c.sha256 == sha256)).first()
    return None if row is None else (row.site, Drawing(row.kind, bytes(row.body), row.width, row.height))


class _Overtaken(Exception):
    """Another version came first: nothing is written, the audit trail neither."""


def _must_follow(last: int, before: int) -> None:
    if last != before:
        raise _Overtaken


def _last(connection: Connection, site: str) -> int:
    return connection.execute(select(func.max(layout.c.n)).where(layout.c.site == site)).scalar() or 0


def _values(one: Layout) -> dict[str, object]:
    names = ("site", "n", "at_ns", "who", "note", "drawing", "restored")
    placed = {asset: astuple(pose) for asset, pose in sorted(one.placed.items())}
    return {name: getattr(one, name) for name in names} | {"placed": json.dumps(placed, ensure_ascii=False)}


def _layout(row: Row[tuple[object, ...]]) -> Layout:
    kept = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
    placed = {asset: Pose(*pose) for asset, pose in json.loads(kept["placed"]).items()}
    names = ("site", "n", "at_ns", "who", "note", "drawing", "restored")
    return Layout(**{name: kept[name] for name in names}, placed=placed)
