"""What is kept where, and what is gone: for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.stores._history import SqlHistory


@dataclass(frozen=True, slots=True)
class Archived:
    """The archive's files in sum; ``moving`` of them are not let go from the database yet. Times are device times."""

    files: int
    frames: int
    bytes: int
    moving: int
    first_ns: int | None
    last_ns: int | None


def archived(history: SqlHistory) -> Archived:
    """What the archive holds."""
    row = history.ask(
        "SELECT count(*), coalesce(sum(frames), 0), coalesce(sum(bytes), 0), "
        "coalesce(sum(CASE WHEN state = 'written' THEN 1 ELSE 0 END), 0), min(first_ns), max(last_ns) "
        "FROM archive_part WHERE state != 'begun'"
    )[0]
    return Archived(*(None if value is None else int(value) for value in row))  # type: ignore[arg-type]  # counts are never null


def let_go(history: SqlHistory) -> dict[str, tuple[int, int]]:
    """Rows (of ``lost``: batches) that are gone and the newest time among them, by the kinds of `Removal`."""
    found: dict[str, tuple[int, int]] = {}
    for one in history.removals():
        if one.kind == "begun":
            continue
        rows, until = found.get(one.kind, (0, 0))
        gone = one.to_n - one.from_n + 1 if one.kind == "lost" else one.rows
        found[one.kind] = (rows + gone, max(until, one.to_ns))
    return found
