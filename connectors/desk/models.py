"""What people did with anomaly models: trained, activated, retired, evaluated. Each act stands in the audit trail."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Integer, Table, Text, func, select

from connectors.desk.tables import metadata
from twin.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desk.open import Desk

model_row = Table(
    "desk_model",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("asset", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
"""Append-only; ``sha256`` is of the version's ``model.json``, ``detail`` is JSON (of an evaluation, its table)."""


class Act(StrEnum):
    """What can be done with a version."""

    TRAIN = "train"
    ACTIVATE = "activate"
    RETIRE = "retire"
    EVALUATE = "evaluate"


STATES = {Act.TRAIN: "trained", Act.ACTIVATE: "active", Act.RETIRE: "retired"}


@dataclass(frozen=True, slots=True)
class Standing:
    """A version as it stood at a moment. ``state``: trained, active or retired; ``table``: its last evaluation."""

    name: str
    version: int
    asset: str
    sha256: str
    state: str
    trained_ns: int
    trained_by: str
    changed_ns: int
    changed_by: str
    table: Mapping[str, Any] | None = None
    evaluated_ns: int = 0


def tell(  # noqa: PLR0913  one row
    desk: Desk, who: str, act: Act, name: str, version: int, asset: str, sha256: str, detail: Mapping[str, Any]
) -> None:
    """Write down an act, with its line in the trail."""
    short = {} if act is Act.EVALUATE else dict(detail)
    with desk.writing(who, f"model.{act}", f"{name} {version}", {"asset": asset, **short}) as connection:
        n: int = connection.execute(select(func.coalesce(func.max(model_row.c.n), 0))).scalar_one() + 1
        row = {
            "n": n, "at_ns": desk.now_ns, "who": who, "act": act.value, "name": name, "version": version,
            "asset": asset, "sha256": sha256, "detail": json.dumps(detail, ensure_ascii=False),
        }  # fmt: skip
        connection.execute(model_row.insert().values(row))


def standings(desk: Desk, until_ns: int | None = None) -> list[Standing]:
    """Every version that was trained by a moment (None: now), as it stood then; in order of name and version."""
    if not desk.is_there():
        return []
    query = select(model_row).order_by(model_row.c.n)
    if until_ns is not None:
        query = query.where(model_row.c.at_ns <= until_ns)
    with desk.reading() as connection:
        rows = connection.execute(query).all()
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        key = (row.name, row.version)
        if row.act == Act.TRAIN:
            found[key] = {
                "name": row.name, "version": row.version, "asset": row.asset, "sha256": row.sha256,
                "trained_ns": row.at_ns, "trained_by": row.who,
            }  # fmt: skip
        if key not in found:
            continue
        if row.act == Act.EVALUATE:
            found[key] |= {"table": json.loads(row.detail), "evaluated_ns": row.at_ns}
        else:
            found[key] |= {"state": STATES[Act(row.act)], "changed_ns": row.at_ns, "changed_by": row.who}
    return [Standing(**one) for _, one in sorted(found.items())]


def standing(desk: Desk, name: str, version: int) -> Standing:
    """One version as it stands now; raises ModelError where nobody trained it."""
    for one in standings(desk):
        if (one.name, one.version) == (name, version):
            return one
    raise ModelError(f"nobody trained version {version} of {name!r} for this store", "twin model list")
