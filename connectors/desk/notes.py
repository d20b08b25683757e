"""A shift's notes and signatures: what those who worked it hand over, and what they signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, select

from connectors.desk.tables import metadata
from twin.errors import StoreRejected

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from connectors.desk.open import Desk

MAX_TEXT = 2000
MAX_SIGNED = 200_000

note_row = Table(
    "desk_shift_note",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("site", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("shift", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
)
signature_row = Table(
    "desk_shift_signature",
    metadata,
    Column("n", Integer, primary_key=True),
    Column("site", Text, nullable=False),
    Column("day", Text, nullable=False),
    Column("shift", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("figures", Text, nullable=False),
)
"""Append-only both. ``figures`` is the canonical JSON of what was signed, ``sha256`` its hash."""
Index("desk_shift_note_of", note_row.c.site, note_row.c.day, note_row.c.shift)
Index("desk_shift_signature_of", signature_row.c.site, signature_row.c.day, signature_row.c.shift)


@dataclass(frozen=True, slots=True)
class ShiftOf:
    """One shift of one day at one site; ``day`` is the local date on which it began."""

    site: str
    day: str
    shift: str

    @property
    def subject(self) -> str:
        """As the audit trail names it."""
        return f"{self.site} {self.day} {self.shift}"


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    n: int
    text: str
    who: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, and the figures it is under."""

    n: int
    who: str
    at_ns: int
    sha256: str
    figures: str


def write(desk: Desk, who: str, of: ShiftOf, text: str) -> Note:
    """Add a note; raises StoreRejected for an empty or too long one."""
    text = text.strip()
    if not text or len(text) > MAX_TEXT:
        raise StoreRejected(f"a note has 1 to {MAX_TEXT} characters")
    with desk.writing(who, "shift.note", of.subject, {"text": text}) as connection:
        n, at_ns = _next(connection, note_row), desk.now_ns
        connection.execute(
            note_row.insert().values(n=n, site=of.site, day=of.day, shift=of.shift, text=text, who=who, at_ns=at_ns)
        )
    return Note(n, text, who, at_ns)


def notes(desk: Desk, of: ShiftOf, as_of_ns: int | None = None) -> list[Note]:
    """A shift's notes by ``as_of_ns``, oldest first."""
    of_shift = (note_row.c.site == of.site, note_row.c.day == of.day, note_row.c.shift == of.shift)
    columns = (note_row.c.n, note_row.c.text, note_row.c.who, note_row.c.at_ns)
    with desk.reading() as connection:
        rows = connection.execute(select(*columns).where(*of_shift).order_by(note_row.c.n)).all()
    return [Note(*row) for row in rows if as_of_ns is None or row.at_ns <= as_of_ns]


def sign(desk: Desk, who: str, of: ShiftOf, sha256: str, figures: str) -> Signature:
    """Sign a shift's figures."""
    if len(figures) > MAX_SIGNED:
        raise StoreRejected("the figures are too many to be signed")
    with desk.writing(who, "shift.sign", of.subject, {"sha256": sha256}) as connection:
        n, at_ns = _next(connection, signature_row), desk.now_ns
        connection.execute(
            signature_row.insert().values(
                n=n, site=of.site, day=of.day, shift=of.shift, who=who, at_ns=at_ns, sha256=sha256, figures=figures
            )
        )
    return Signature(n, who, at_ns, sha256, figures)


def signatures(desk: Desk, of: ShiftOf, as_of_ns: int | None = None) -> list[Signature]:
    """A shift's signatures by ``as_of_ns``, oldest first."""
    table = signature_row.c
    with desk.reading() as connection:
        rows = connection.execute(
            select(table.n, table.who, table.at_ns, table.sha256, table.figures)
            .where(table.site == of.site, table.day == of.day, table.shift == of.shift)
            .order_by(table.n)
        ).all()
    return [Signature(*row) for row in rows if as_of_ns is None or row.at_ns <= as_of_ns]


def _next(connection: Connection, table: Table) -> int:
    """The number of the next row; the transaction writes alone."""
    last = connection.execute(select(table.c.n).order_by(table.c.n.desc()).limit(1)).scalar()
    return (last or 0) + 1
