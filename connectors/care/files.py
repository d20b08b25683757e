"""Files that are whole or not there: written beside, synced, renamed; set aside, never deleted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database; it belongs to it."""


def sync(path: Path) -> None:
    """Wait until a file (or a folder's list of names) is on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows keeps names in its own journal, and opens no folder
    number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name beside ``path`` to write under; when the block ends well it is synced and becomes ``path``.

    What was left half-written by a block that failed is removed. Raises StoreUnavailable where the
    disk does not take it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        sync(beside)
        beside.replace(path)
        sync(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def aside_of(database: Path, word: str, now_ns: int) -> Path:
    """``NAME.<word>-<UTC time>`` beside the database, a name that is not taken."""
    time = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = database.with_name(f"{database.name}.{word}-{time}")
    number = 1
    while aside.exists():
        number += 1
        aside = database.with_name(f"{database.name}.{word}-{time}-{number}")
    return aside


def move_aside(database: Path, aside: Path) -> None:
    """Rename a SQLite file with its logs; called again, it ends what it had begun. Nothing is overwritten."""
    if aside.exists():
        return  # the file goes last: what lies under its name now is another's
    try:
        # The log first: a database without its log would lose what is committed in there.
        for end in (*LOGS, ""):
            old, new = database.with_name(database.name + end), aside.with_name(aside.name + end)
            if old.exists() and not new.exists():
                old.replace(new)
        sync(database.parent)
    except OSError as error:
        raise StoreUnavailable(f"{database} cannot be set aside: {error}") from error


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """As `whole`, for a folder that is not there, or is set aside before the block ends."""
    making = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        making.mkdir(parents=True, exist_ok=True)
        yield making
        making.replace(path)
        sync(path.parent)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def private(path: Path) -> None:
    """Make an empty file that only its owner reads, before anything is in it; what is written into it stays so."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def copy(source: Path, target: Path, *, owner_only: bool = False) -> None:
    """Copy a file's bytes, synced, under its own name only when whole."""
    with whole(target) as beside:
        if owner_only:
            private(beside)
        shutil.copyfile(source, beside)


def sha256_of(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
