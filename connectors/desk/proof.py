"""Whether the audit trail still is what was written: an edit, a deletion and a cut end show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from connectors.desk.heads import Head, kept
from connectors.desk.tables import audit
from connectors.desk.trail import BEGINNING, row_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from connectors.desk.open import Desk

MOST_TOLD = 100


@dataclass(frozen=True, slots=True)
class Broken:
    """What is wrong with row ``n``.

    ``what`` is ``edited``, ``deleted``, ``cut``, ``unlinked``, ``rewritten`` or ``unknown_head``.
    """

    n: int
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What reading the whole trail found; ``witnesses`` is how many heads kept elsewhere were compared."""

    rows: int
    head: Head | None
    witnesses: int
    broken: tuple[Broken, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken


def last_head(desk: Desk) -> Head | None:
    """The newest row's head; None for a trail without rows."""
    if not desk.is_there():
        return None
    with desk.reading() as connection:
        columns = (audit.c.n, audit.c.at_ns, audit.c.sha256)
        row = connection.execute(select(*columns).order_by(audit.c.n.desc()).limit(1)).first()
    return None if row is None else Head(row.n, row.at_ns, row.sha256)


def verify(desk: Desk, exported: str = "") -> Proof:
    """Read every row again, and compare with the heads kept outside, and with one that was ``exported``."""
    outside = kept(desk.heads) if desk.heads is not None else []
    by_row: dict[int, set[str]] = {}
    for one in outside:
        by_row.setdefault(one.n, set()).add(one.sha256)
    broken: list[Broken] = []
    hashes: set[str] = set()
    head: Head | None = None
    rows = 0
    if desk.is_there():
        with desk.reading() as connection:
            expected, before = 1, BEGINNING
            for row in _rows(connection):
                rows += 1
                if row.n != expected:
                    gone = f"row {expected} is" if row.n == expected + 1 else f"rows {expected} to {row.n - 1} are"
                    broken.append(Broken(expected, "deleted", f"{gone} not there"))
                elif row.before != before:
                    broken.append(Broken(row.n, "unlinked", "it does not name the row before it"))
                if row.sha256 != row_hash(row.n, row.at_ns, row.who, row.act, row.subject, row.detail, row.before):
                    broken.append(Broken(row.n, "edited", "its hash is not that of what it says"))
                elif by_row.get(row.n, {row.sha256}) != {row.sha256}:
                    broken.append(Broken(row.n, "rewritten", "a head kept outside the desk has another hash for it"))
                hashes.add(row.sha256)
                expected, before = row.n + 1, row.sha256
                head = Head(row.n, row.at_ns, row.sha256)
    last = head.n if head is not None else 0
    cut = [n for n in by_row if n > last]
    if cut:
        broken.append(
            Broken(last + 1, "cut", f"the trail ends at row {last}; a head kept outside knows row {max(cut)}")
        )
    if exported and exported not in hashes:
        broken.append(
            Broken(last, "unknown_head", f"no row has the head {exported}: the end was cut off, or rewritten")
        )
    return Proof(rows, head, len(outside) + bool(exported), tuple(broken[:MOST_TOLD]))


def _rows(connection: Connection) -> Iterator[Any]:
    yield from connection.execution_options(yield_per=1000).execute(select(audit).order_by(audit.c.n))


def told(desk: Desk, start_ns: int = 0, end_ns: int = 1 << 62) -> Iterator[dict[str, Any]]:
    """The rows of a time as they are exported, oldest first."""
    if not desk.is_there():
        return
    with desk.reading() as connection:
        for row in _rows(connection):
            if start_ns <= row.at_ns < end_ns:
                yield {**row._asdict(), "detail": json.loads(row.detail)}
