"""Recordings and marks in time, as people and rules keep them; each act stands in the audit trail."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Table, Text, select

from connectors.desk.tables import metadata
from twin.errors import RecordingError
from twin.recording import Mark, Recording, name_problem

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from connectors.desk.open import Desk

recording_row = Table(
    "desk_recording",
    metadata,
    Column("name", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("when_ns", BigInteger, nullable=False),
)
mark_row = Table(
    "desk_mark",
    metadata,
    Column("id", Text, primary_key=True),
    Column("site", Text, nullable=False),
    Column("from_ns", BigInteger, nullable=False),
    Column("to_ns", BigInteger, nullable=False),
    Column("label", Text, nullable=False),
    Column("properties", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("when_ns", BigInteger, nullable=False),
)


def recordings(desk: Desk, sites: Collection[str] | None = None) -> list[Recording]:
    """All of them, or those of some sites, in order of time."""
    if not desk.is_there():
        return []
    with desk.reading() as connection:
        rows = connection.execute(select(recording_row)).all()
    found = [_recording(dict(row._mapping)) for row in rows]  # noqa: SLF001  SQLAlchemy's public name for it
    return sorted((one for one in found if sites is None or one.site in sites), key=lambda one: (one.from_ns, one.name))


def recording(desk: Desk, name: str) -> Recording:
    """The one of that name; raises RecordingError where there is none."""
    for one in recordings(desk):
        if one.name == name:
            return one
    raise RecordingError(f"there is no recording {name!r}; `twin recordings` lists them")


def keep(desk: Desk, who: str, one: Recording) -> Recording:
    """Keep a new recording; raises RecordingError for one that cannot be, or whose name is taken."""
    if problem := one.problem():
        raise RecordingError(problem)
    kept = replace(one, who=who, when_ns=desk.now_ns)
    detail = {"site": kept.site, "from_ns": kept.from_ns, "to_ns": kept.to_ns, "tags": list(kept.tags)}
    with desk.writing(who, "recording.keep", kept.name, {**detail, "origin": kept.origin}) as connection:
        if connection.execute(select(recording_row.c.name).where(recording_row.c.name == kept.name)).first():
            raise RecordingError(f"there is a recording {kept.name!r} already")
        connection.execute(recording_row.insert().values(_row(kept)))
    return kept


def rename(desk: Desk, who: str, name: str, new: str) -> Recording:
    """Give a recording another name; raises RecordingError where that is none, or taken."""
    if problem := name_problem(new):
        raise RecordingError(problem)
    found = recording(desk, name)
    with desk.writing(who, "recording.rename", name, {"to": new}) as connection:
        if connection.execute(select(recording_row.c.name).where(recording_row.c.name == new)).first():
            raise RecordingError(f"there is a recording {new!r} already")
        mine = recording_row.c.name == name
        if not connection.execute(recording_row.update().where(mine).values(name=new)).rowcount:
            raise RecordingError(f"there is no recording {name!r}")
    return replace(found, name=new)


def remove(desk: Desk, who: str, name: str) -> None:
    """Let a recording go: its name and its hold on the data, not the data itself."""
    with desk.writing(who, "recording.remove", name) as connection:
        if not connection.execute(recording_row.delete().where(recording_row.c.name == name)).rowcount:
            raise RecordingError(f"there is no recording {name!r}")


def marks(desk: Desk, sites: Collection[str] | None = None) -> list[Mark]:
    """All of them, or those of some sites, in order of time."""
    if not desk.is_there():
        return []
    with desk.reading() as connection:
        rows = connection.execute(select(mark_row)).all()
    found = [_mark(dict(row._mapping)) for row in rows]  # noqa: SLF001  SQLAlchemy's public name for it
    return sorted((one for one in found if sites is None or one.site in sites), key=lambda one: (one.from_ns, one.id))


def put_mark(desk: Desk, who: str, one: Mark) -> Mark:
    """Keep a new bookmark or range; raises RecordingError for one that cannot be."""
    if problem := one.problem():
        raise RecordingError(problem)
    kept = replace(one, id=secrets.token_hex(8), who=who, when_ns=desk.now_ns)
    detail = {"site": kept.site, "from_ns": kept.from_ns, "to_ns": kept.to_ns, "label": kept.label}
    values = {name: getattr(kept, name) for name in mark_row.c.keys()}  # noqa: SIM118  columns
    values["properties"] = json.dumps(dict(kept.properties), ensure_ascii=False, sort_keys=True)
    with desk.writing(who, "mark.put", kept.id, detail) as connection:
        connection.execute(mark_row.insert().values(values))
    return kept


def take_mark(desk: Desk, who: str, mark_id: str) -> None:
    """Take a mark away; raises RecordingError where there is none."""
    with desk.writing(who, "mark.take", mark_id) as connection:
        if not connection.execute(mark_row.delete().where(mark_row.c.id == mark_id)).rowcount:
            raise RecordingError(f"there is no mark {mark_id!r}")


def _row(one: Recording) -> dict[str, object]:
    values = {name: getattr(one, name) for name in recording_row.c.keys()}  # noqa: SIM118  columns
    values["tags"] = json.dumps(one.tags, ensure_ascii=False)
    return values


def _recording(row: dict[Any, Any]) -> Recording:
    return Recording(**{**row, "tags": tuple(json.loads(row["tags"]))})


def _mark(row: dict[Any, Any]) -> Mark:
    return Mark(**{**row, "properties": json.loads(row["properties"])})
