"""Reasons of stops, as people tell them: entered, corrected, taken back; nothing of it is ever overwritten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, select

from connectors.desk.tables import metadata
from twin.errors import StoreRejected
from twin.kpi import StopReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desk.open import Desk
    from twin.kpi import StopCause

MAX_NOTE = 500

stop_row = Table(
    "desk_stop",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("stop", Integer, nullable=False),
    Column("asset", Text, nullable=False),
    Column("start_ns", BigInteger, nullable=False),
    Column("end_ns", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("given_ns", BigInteger, nullable=False),
)
"""Append-only. ``stop`` is the ``n`` of the first row about it; the last one counts; ``code`` "" takes it back."""
Index("desk_stop_time", stop_row.c.asset, stop_row.c.start_ns)


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one stop: the row that counts, or one before it."""

    n: int
    stop: int
    asset: str
    start_ns: int
    end_ns: int
    code: str
    note: str
    who: str
    given_ns: int


def tell(  # noqa: PLR0913  a stop has these parts
    desk: Desk, who: str, asset: str, start_ns: int, end_ns: int, code: str, note: str = "", stop: int | None = None
) -> Told:
    """Say why an asset stood over [start, end); with ``stop``, say it anew of a stop that was told before.

    Raises StoreRejected for a time that is none, a note that is too long, or a stop nobody told of.
    """
    if not 0 <= start_ns < end_ns:
        raise StoreRejected("a stop ends after it begins")
    if len(note) > MAX_NOTE:
        raise StoreRejected(f"the note has {len(note)} characters, {MAX_NOTE} at most")
    detail = {"start_ns": start_ns, "end_ns": end_ns, "code": code, "note": note, "stop": stop}
    act = "stop.withdraw" if not code else "stop.tell" if stop is None else "stop.correct"
    with desk.writing(who, act, asset, detail) as connection:
        if stop is not None:
            known = connection.execute(select(stop_row.c.asset).where(stop_row.c.n == stop)).scalar()
            if known != asset:
                raise StoreRejected(f"nobody told of a stop {stop} of {asset}")
        last = connection.execute(select(stop_row.c.n).order_by(stop_row.c.n.desc()).limit(1)).scalar()
        n = (last or 0) + 1
        kept = Told(n, n if stop is None else stop, asset, start_ns, end_ns, code, note, who, desk.now_ns)
        connection.execute(stop_row.insert().values(**asdict(kept)))
    return kept


def withdraw(desk: Desk, who: str, stop: int) -> Told:
    """Take back what was said of a stop; it stays in its history."""
    told = history(desk, stop)
    if not told:
        raise StoreRejected(f"nobody told of a stop {stop}")
    last = told[-1]
    return tell(desk, who, last.asset, last.start_ns, last.end_ns, "", "", stop)


def told(desk: Desk, start_ns: int, end_ns: int, *, under: str = "", as_of_ns: int | None = None) -> list[Told]:
    """What counts of what was said by ``as_of_ns``, of stops with a part in [start, end), in order of time.

    ``under`` is an asset or a path above it.
    """
    with desk.reading() as connection:
        rows = connection.execute(select(stop_row).order_by(stop_row.c.n)).all()
    counting: dict[int, Told] = {}
    for row in rows:
        if as_of_ns is None or row.given_ns <= as_of_ns:
            counting[row.stop] = Told(*row)
    found = [
        one
        for one in counting.values()
        if one.code
        and one.start_ns < end_ns
        and one.end_ns > start_ns
        and (not under or one.asset == under or one.asset.startswith(under + "/"))
    ]
    return sorted(found, key=lambda one: (one.start_ns, one.asset, one.n))


def history(desk: Desk, stop: int) -> list[Told]:
    """Everything that was said of one stop, oldest first."""
    with desk.reading() as connection:
        rows = connection.execute(select(stop_row).where(stop_row.c.stop == stop).order_by(stop_row.c.n)).all()
    return [Told(*row) for row in rows]


def reason(one: Told, causes: Mapping[str, StopCause]) -> StopReason:
    """What was said, as figures take it: the time counts as its cause's loss, or as its state says without one."""
    cause = causes.get(one.code)
    bucket = None if cause is None else cause.loss.bucket
    return StopReason(one.asset, one.start_ns, one.end_ns, one.code, one.who, one.given_ns, bucket, one.note)
