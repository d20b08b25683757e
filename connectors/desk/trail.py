"""The audit trail: a chain of hashes over what people did, appended with each change."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from connectors.desk.tables import audit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

BEGINNING = "0" * 64
"""What stands before the first row."""


def row_hash(n: int, at_ns: int, who: str, act: str, subject: str, detail: str, before: str) -> str:  # noqa: PLR0913  a row
    """SHA-256 (hexadecimal) of a row and of the one before it."""
    text = json.dumps([n, at_ns, who, act, subject, detail, before], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def add(  # noqa: PLR0913  a row
    connection: Connection, at_ns: int, who: str, act: str, subject: str, detail: Mapping[str, object]
) -> tuple[int, int, str]:
    """Append one row, inside a transaction that no other writer shares; returns its n, time and hash: the new head."""
    last = connection.execute(select(audit.c.n, audit.c.sha256).order_by(audit.c.n.desc()).limit(1)).first()
    n, before = (last.n + 1, last.sha256) if last is not None else (1, BEGINNING)
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    head = row_hash(n, at_ns, who, act, subject, text, before)
    connection.execute(
        audit.insert().values(
            n=n, at_ns=at_ns, who=who, act=act, subject=subject, detail=text, before=before, sha256=head
        )
    )
    return n, at_ns, head
