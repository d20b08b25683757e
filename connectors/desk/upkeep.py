"""Maintenance: which upkeeps an asset needs after how much use, and when each was done, by whom."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text, func, select

from connectors.desk.tables import metadata
from twin.errors import StoreRejected
from twin.upkeep import Counts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from connectors.desk.open import Desk

MAX_NAME = 120
MAX_NOTE = 500
MAX_OF_ASSET = 30
MOST = 1e9

upkeep_row = Table(
    "desk_upkeep",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("asset", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("counts", Text, nullable=False),
    Column("every", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
)
"""``ended_ns`` is 0 while the upkeep is needed."""
done_row = Table(
    "desk_upkeep_done",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("upkeep", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)
"""Append-only."""
meter_row = Table(
    "desk_meter",
    metadata,
    Column("asset", Text, primary_key=True),
    Column("day_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("run_ns", BigInteger, nullable=False),
    Column("parts", BigInteger, nullable=False),
)
"""What was counted on a day (UTC) that is over: nobody's act, and reckoned anew where it is missing."""
Index("desk_upkeep_of", upkeep_row.c.asset)
Index("desk_upkeep_done_of", done_row.c.upkeep)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """A upkeep that an asset needs ``every`` so much of what ``counts`` names, from ``at_ns`` on."""

    n: int
    asset: str
    name: str
    counts: Counts
    every: float
    who: str
    at_ns: int
    ended_ns: int = 0
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """That a upkeep was done."""

    n: int
    upkeep: int
    note: str
    who: str
    at_ns: int


def need(desk: Desk, who: str, asset: str, name: str, counts: Counts, every: float) -> Upkeep:  # noqa: PLR0913  what a upkeep is
    """Say that an asset needs a upkeep; raises StoreRejected for one that is none, or one too many."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME:
        raise StoreRejected(f"a upkeep has a name of 1 to {MAX_NAME} characters")
    if not (math.isfinite(every) and 0 < every <= MOST):
        raise StoreRejected(f"every {every!r} is no interval: it is above 0 and at most {MOST:.0f}")
    detail = {"name": name, "counts": counts.value, "every": every}
    with desk.writing(who, "upkeep.need", asset, detail) as connection:
        there = (upkeep_row.c.asset == asset, upkeep_row.c.ended_ns == 0)
        if connection.execute(select(func.count()).select_from(upkeep_row).where(*there)).scalar_one() >= MAX_OF_ASSET:
            raise StoreRejected(f"{asset} has {MAX_OF_ASSET} upkeeps: end one first")
        kept = Upkeep(_next(connection, upkeep_row), asset, name, counts, every, who, desk.now_ns)
        connection.execute(upkeep_row.insert().values(**{**asdict(kept), "counts": counts.value}))
    return kept


def end(desk: Desk, who: str, n: int) -> None:
    """Say that a upkeep is needed no longer; raises StoreRejected where it is not needed."""
    found = _must(desk, n)
    with desk.writing(who, "upkeep.end", found.asset, {"n": n, "name": found.name}) as connection:
        changed = upkeep_row.update().where(upkeep_row.c.n == n, upkeep_row.c.ended_ns == 0)
        if not connection.execute(changed.values(ended_ns=desk.now_ns, ended_by=who)).rowcount:
            raise StoreRejected(f"there is no upkeep {n}")


def do(desk: Desk, who: str, n: int, note: str = "") -> Done:
    """Say that a upkeep was done now; raises StoreRejected where it is not needed."""
    note = note.strip()
    if len(note) > MAX_NOTE:
        raise StoreRejected(f"the note has {len(note)} characters, {MAX_NOTE} at most")
    found = _must(desk, n)
    with desk.writing(who, "upkeep.done", found.asset, {"n": n, "name": found.name, "note": note}) as connection:
        kept = Done(_next(connection, done_row), n, note, who, desk.now_ns)
        connection.execute(done_row.insert().values(**asdict(kept)))
    return kept


def upkeeps(desk: Desk, asset: str, as_of_ns: int | None = None) -> list[tuple[Upkeep, Done | None]]:
    """What an asset needs (or needed at ``as_of_ns``), each with when it was last done by then."""
    at_ns = desk.now_ns if as_of_ns is None else as_of_ns
    wanted = select(upkeep_row).where(upkeep_row.c.asset == asset, upkeep_row.c.at_ns <= at_ns)
    with desk.reading() as connection:
        listed = [_upkeep(row) for row in connection.execute(wanted.order_by(upkeep_row.c.n))]
        listed = [one for one in listed if not 0 < one.ended_ns <= at_ns]
        numbers = [one.n for one in listed]
        dones = select(done_row).where(done_row.c.upkeep.in_(numbers), done_row.c.at_ns <= at_ns)
        last = {row.upkeep: Done(**row._mapping) for row in connection.execute(dones.order_by(done_row.c.n))}  # noqa: SLF001  SQLAlchemy's public name
    return [(one, last.get(one.n)) for one in listed]


def find(desk: Desk, n: int) -> Upkeep | None:
    """One upkeep, also one that is needed no longer."""
    with desk.reading() as connection:
        row = connection.execute(select(upkeep_row).where(upkeep_row.c.n == n)).first()
    return None if row is None else _upkeep(row)


def metered(desk: Desk, asset: str, start_ns: int, end_ns: int) -> dict[int, tuple[int, int]]:
    """Day → (ns in production, parts made) of the days kept in [start, end)."""
    of_days = (meter_row.c.asset == asset, meter_row.c.day_ns >= start_ns, meter_row.c.day_ns < end_ns)
    with desk.reading() as connection:
        return {row.day_ns: (row.run_ns, row.parts) for row in connection.execute(select(meter_row).where(*of_days))}


def keep_metered(desk: Desk, asset: str, days: dict[int, tuple[int, int]]) -> None:
    """Keep what was counted on days that are over."""
    with desk.keeping() as connection:
        for day_ns, (run_ns, parts) in days.items():
            there = (meter_row.c.asset == asset, meter_row.c.day_ns == day_ns)
            if connection.execute(select(meter_row.c.day_ns).where(*there)).first() is None:
                connection.execute(meter_row.insert().values(asset=asset, day_ns=day_ns, run_ns=run_ns, parts=parts))


def _must(desk: Desk, n: int) -> Upkeep:
    found = find(desk, n)
    if found is None or found.ended_ns:
        raise StoreRejected(f"there is no upkeep {n}")
    return found


def _next(connection: Connection, table: Table) -> int:
    """The number of the next row; the transaction writes alone."""
    return (connection.execute(select(func.max(table.c.n))).scalar() or 0) + 1


def _upkeep(row: Row[tuple[object, ...]]) -> Upkeep:
    kept = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name for it
    return Upkeep(**{**kept, "counts": Counts(kept["counts"])})
