"""The catalogue: every dataset that this hub made or took in, version by version; each act is in the trail."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Integer, Table, Text, func, or_, select, update

from connectors.desk.tables import metadata
from twin.datasets import Claims, Edition
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Row

    from connectors.desk.open import Desk

dataset_row = Table(
    "desk_dataset",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("at_ns", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("way", Text, nullable=False),
    Column("hub", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("claims", Text, nullable=False),
    Column("sums", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("checked_ns", BigInteger),
    Column("problems", Text, nullable=False),
    Column("gone_ns", BigInteger),
)
"""``sums`` is the SHA-256 of SHA256SUMS, ``claims`` all that it tells of itself as JSON, ``place`` its folder.

A row is never erased: ``gone_ns`` says since when it is not listed, removed or entered again from elsewhere.
"""


class Way(StrEnum):
    """How a dataset came into the catalogue."""

    MADE = "made"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a dataset in one format. ``problems`` are those of the last check, at ``checked_ns``."""

    claims: Claims
    way: Way
    sums: str
    place: str
    checked_ns: int | None = None
    problems: tuple[str, ...] = ()
    who: str = ""
    at_ns: int = 0
    n: int = 0


def enter(desk: Desk, who: str, one: Entry) -> Entry:
    """Enter a dataset: one audited act. What was listed under the same id, version and format gives way to it.

    Raises EpisodeError where that was other data: a version says once what it is.
    """
    claims = one.claims
    detail = {
        "version": claims.version, "format": claims.format, "hub": claims.hub, "licence": claims.licence,
        "sums": one.sums, "changes": claims.changes[:200],
    }  # fmt: skip
    act = "dataset.import" if one.way is Way.IMPORTED else "dataset.enter"
    with desk.writing(who, act, claims.id[:200], detail) as connection:
        c = dataset_row.c
        same = (c.hub == claims.hub, c.name == claims.name, c.version == claims.version, c.format == claims.format)
        standing = connection.execute(select(dataset_row).where(*same, c.gone_ns.is_(None))).all()
        for row in standing:
            known = _entry(row)
            is_same = known.claims.content == claims.content if claims.content else known.sums == one.sums
            if not is_same or known.way is not one.way:
                raise EpisodeError(
                    f"{claims.id} {claims.version} ({claims.format}) is in the catalogue, and is another dataset",
                    f"take that away first: twin datasets remove {claims.id} --dataset-version {claims.version}",
                )
        now_ns = desk.now_ns
        connection.execute(update(dataset_row).where(*same, c.gone_ns.is_(None)).values(gone_ns=now_ns))
        n: int = connection.execute(select(func.coalesce(func.max(c.n), 0))).scalar_one() + 1
        connection.execute(
            dataset_row.insert().values(
                n=n, at_ns=now_ns, who=who, way=one.way.value, hub=claims.hub, name=claims.name,
                version=claims.version, format=claims.format,
                claims=json.dumps(asdict(claims), ensure_ascii=False), sums=one.sums, place=one.place,
                checked_ns=one.checked_ns, problems=json.dumps(one.problems, ensure_ascii=False),
            )
        )  # fmt: skip
    return replace(one, who=who, at_ns=now_ns, n=n)


def entries(desk: Desk, as_of_ns: int | None = None) -> list[Entry]:
    """What the catalogue lists now, or listed then; by id, then as it was entered."""
    if not desk.is_there():
        return []
    c = dataset_row.c
    query = select(dataset_row).order_by(c.hub, c.name, c.n)
    if as_of_ns is None:
        query = query.where(c.gone_ns.is_(None))
    else:
        query = query.where(c.at_ns <= as_of_ns, or_(c.gone_ns.is_(None), c.gone_ns > as_of_ns))
    with desk.reading() as connection:
        found = [_entry(row) for row in connection.execute(query)]
    if as_of_ns is None:
        return found
    return [one if (one.checked_ns or 0) <= as_of_ns else replace(one, checked_ns=None, problems=()) for one in found]


def editions(desk: Desk, hub: str, name: str, to: str) -> tuple[Edition, ...]:
    """The versions that this hub made of a dataset in a format: those removed count, a version is given once."""
    if not desk.is_there():
        return ()
    c = dataset_row.c
    query = (
        select(dataset_row).where(c.way == Way.MADE.value, c.hub == hub, c.name == name, c.format == to).order_by(c.n)
    )
    with desk.reading() as connection:
        told = [_entry(row).claims for row in connection.execute(query)]
    latest = {one.version: Edition(one.version, one.content, one.changes, one.episodes, one.hours) for one in told}
    return tuple(latest.values())


def find(listed: Iterable[Entry], name: str, version: str = "", to: str = "") -> list[Entry]:
    """The entries that an id (or a name alone) means; raises EpisodeError where there is none."""
    every = list(listed)
    found = [
        one
        for one in every
        if name in (one.claims.id, one.claims.name)
        and version in ("", one.claims.version)
        and to in ("", one.claims.format)
    ]
    if not found:
        ids = sorted({one.claims.id for one in every})
        known = f"there are {', '.join(ids)}" if ids else "the catalogue is empty; twin export enters what it makes"
        raise EpisodeError(f"no dataset {name!r}{' ' + version if version else ''}", known)
    return found


def check(desk: Desk, who: str, one: Entry, problems: tuple[str, ...]) -> None:
    """Keep what a check of its files found."""
    detail = {"version": one.claims.version, "format": one.claims.format, "problems": len(problems)}
    with desk.writing(who, "dataset.verify", one.claims.id[:200], detail) as connection:
        told = {"checked_ns": desk.now_ns, "problems": json.dumps(problems, ensure_ascii=False)}
        connection.execute(update(dataset_row).where(dataset_row.c.n == one.n).values(told))


def remove(desk: Desk, who: str, one: Entry) -> None:
    """Take an entry out of the list; its files stay where they are."""
    detail = {"version": one.claims.version, "format": one.claims.format, "place": one.place}
    with desk.writing(who, "dataset.remove", one.claims.id[:200], detail) as connection:
        connection.execute(update(dataset_row).where(dataset_row.c.n == one.n).values(gone_ns=desk.now_ns))


def _entry(row: Row[Any]) -> Entry:
    told = json.loads(row.claims)
    for name in ("changelog", "lineage", "assets"):
        told[name] = tuple(told[name])
    problems = tuple(json.loads(row.problems))
    return Entry(Claims(**told), Way(row.way), row.sums, row.place, row.checked_ns, problems, row.who, row.at_ns, row.n)
