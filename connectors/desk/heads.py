"""Heads outside the desk: after each act one line of its row's hash, in a file that the database does not know.

A chain alone cannot show that its end was cut off. A line says "row n had this hash"; a line that is
missing (a full disk, a copy of an older file) says nothing, so lines of several machines add up.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
_SQLITE = "sqlite:///"
SUFFIX = ".heads"


@dataclass(frozen=True, slots=True)
class Head:
    """Row ``n`` of the trail had this hash."""

    n: int
    at_ns: int
    sha256: str


def heads_file(url: str, folder: Path | None) -> Path | None:
    """Where the heads of a desk are kept: beside its SQLite file; of PostgreSQL in the factory file's folder.

    None for PostgreSQL where no folder is known.
    """
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE) + SUFFIX)
    return None if folder is None else folder / f"desk{SUFFIX}"


def keep(path: Path, head: Head) -> None:
    """Append one line. That it fails does not undo the act: it is logged, and the line is missing."""
    line = f"{head.n} {head.at_ns} {head.sha256}\n".encode()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        log.warning("the head of the audit trail is not kept in %s: %s", path, error)


def kept(path: Path) -> list[Head]:
    """The lines of a file of heads; those that are none are left out, and so is a file that is not there."""
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return []
    found: list[Head] = []
    for line in text.splitlines():
        parts = line.split(" ")
        if len(parts) == 3:  # noqa: PLR2004  n, time, hash
            with suppress(ValueError):
                found.append(Head(int(parts[0]), int(parts[1]), parts[2]))
    return found
