"""A copy of a store, made while a writer writes, and the way back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from connectors.care.check import SQLITE, Findings, check, problems
from connectors.care.files import aside_of, copy, move_aside, private, whole
from connectors.care.manifest import DESK, STORE, Manifest, hold, manifest_of, part_of, read, written
from connectors.care.outside import MODE, NOWHERE, Outside, has_room, kept, models_of, put_back, secret_of
from connectors.desk import desk_url
from connectors.stores import _postgres, _sqlite
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.care.manifest import Part
    from twin.clock import Clock

PAGES_A_STEP = 2048
"""8 MB at once; the writer is never held up, because the copy reads one snapshot of the log."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What was made. ``found``: what reading the copy again found; None for a dump of PostgreSQL."""

    manifest: Manifest
    found: Findings | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back. ``asides``: where what was there lies now; ``without``: what the backup does not hold."""

    asides: tuple[str, ...]
    without: tuple[str, ...]
    is_older: bool


def backup(
    url: str,
    target: Path,
    outside: Outside = NOWHERE,
    *,
    quick: bool = False,
    progress: Callable[[int, int], None],
) -> Backup:
    """Copy the store at ``url`` to the file ``target``, consistent, while it is being written.

    The copy is read again before it gets its name: every batch against its checksum (``quick``: the
    newest only). Beside it go the desk, whose own name tells that it is (`desk_beside`), the models, the
    secret of pseudonyms, and a manifest of all of them, which comes last. PostgreSQL,
    where the desk is in the same database, is dumped with ``pg_dump``, and the dump's own list is read
    again. Raises StoreError where one of the files exists, or the copy is not what was written.
    """
    for there in (target, desk_beside(target), models_of(target), secret_of(target), manifest_of(target)):
        if there.exists():
            raise StoreError(f"{there} exists: a backup overwrites nothing, name another file")
    with ExitStack() as copies:
        paper = copies.enter_context(whole(manifest_of(target)))
        found: Findings | None = None
        if url.startswith(SQLITE):
            found, own = _copied(copies, url, target, quick=quick, progress=progress)
        else:
            own = _dump(copies, url, target)
        # The models last: of each that the desk knows the files are there.
        parts = copies.enter_context(kept(outside, target))
        manifest = Manifest((*own, *parts))
        private(paper)
        paper.write_bytes(written(manifest.parts))
    return Backup(manifest, found)


def _copied(
    copies: ExitStack, url: str, target: Path, *, quick: bool, progress: Callable[[int, int], None]
) -> tuple[Findings, tuple[Part, ...]]:
    """A SQLite store and its desk, under names beside until ``copies`` closes."""
    source = Path(url.removeprefix(SQLITE))
    if not source.exists():
        raise StoreUnavailable(f"there is no database at {source}")
    beside = copies.enter_context(whole(target))
    with _sqlite.translated():
        _copy(source, beside, progress)
    found = check(f"{SQLITE}{beside}", quick=quick, progress=progress)
    if not found.ok:
        words = [*found.file, *(f"batch {one.n} of {one.writer!r}: {one.what}" for one in found.damaged)]
        raise StoreError(
            f"the copy of {source} is damaged, as the store itself will be ({words[0]}); see `twin store check`"
        )
    parts = [part_of(STORE, target.name, beside)]
    desk = desk_beside(source)
    if desk.exists():
        # After the store: what was folded of people's acts is in it; what came since is folded when ingest goes on.
        copied = copies.enter_context(whole(desk_beside(target)))
        private(copied)
        with _sqlite.translated():
            _copy(desk, copied, lambda _done, _all: None)
        parts.append(part_of(DESK, desk_beside(target).name, copied, MODE))
    return found, tuple(parts)


def _copy(source: Path, target: Path, progress: Callable[[int, int], None]) -> None:
    with closing(_sqlite.open_reader(source)) as reader, closing(sqlite3.connect(target)) as writer:
        # Within one transaction the snapshot stays: without it, each commit would begin the copy anew.
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reader.backup(
            writer, pages=PAGES_A_STEP, progress=lambda _, left, pages: progress(pages - left, pages), sleep=0
        )
        reader.execute("COMMIT")
        # One file that can be carried away, without a log beside it; the next writer sets WAL again.
        writer.execute("PRAGMA journal_mode = DELETE")


def restore(source: Path, url: str, clock: Clock, outside: Outside = NOWHERE, *, replace: bool = False) -> Restored:
    """Put a backup where the store at ``url`` is to be, and what lies outside of it in its places.

    Everything is held against the manifest before anything is moved. A desk, models and a secret in the backup
    take the place of those that are there, which are set aside; of what it does not hold nothing is touched.
    Raises StoreError where there is a store and ``replace`` is not given, where a writer is at work,
    or where the backup itself is damaged.
    """
    if not source.exists():
        raise StoreUnavailable(f"there is no backup at {source}")
    manifest = read(source)
    if manifest is None:
        for there in (models_of(source), secret_of(source)):
            if there.exists():
                raise StoreError(f"{manifest_of(source)} is missing, so {there} cannot be checked: bring it back")
    put = manifest or Manifest(())
    has_room(put, outside)
    hold(put, source.parent)
    with ExitStack() as held:
        if url.startswith(SQLITE):
            asides = _put_back(held, source, url, clock, replace=replace)
        else:
            asides = _load(held, source, url, clock, replace=replace)
        asides += put_back(put, source.parent, outside, clock)
    return Restored(asides, put.without, manifest is None)


def _put_back(held: ExitStack, source: Path, url: str, clock: Clock, *, replace: bool) -> tuple[str, ...]:
    """A SQLite store and its desk; where those that were there lie now. Its writers are kept out by ``held``."""
    target = Path(url.removeprefix(SQLITE))
    broken = problems(source)
    if broken:
        raise StoreError(f"the backup {source} is damaged: {broken[0]}")
    with closing(open_history(f"{SQLITE}{source}")) as history:
        writers = {*history.writers(), *_lock_names(target)}
    for writer in sorted(writers):
        held.enter_context(writer_lock(url, writer))
    asides: list[Path] = []
    if target.exists():
        if not replace:
            raise StoreError(f"there is a store at {target}: --replace sets it aside first")
        asides.append(aside_of(target, "replaced", clock.now_ns()))
        move_aside(target, asides[-1])
    if desk_beside(source).exists():
        desk = desk_beside(target)
        if desk.exists():
            asides.append(aside_of(desk, "replaced", clock.now_ns()))
            move_aside(desk, asides[-1])
        copy(desk_beside(source), desk, owner_only=True)
    copy(source, target)
    return tuple(str(one) for one in asides)


def desk_beside(database: Path) -> Path:
    """Where the desk of a SQLite store lies, and the desk of a backup of one."""
    return Path(desk_url(f"{SQLITE}{database}").removeprefix(SQLITE))


def _lock_names(database: Path) -> set[str]:
    """The writers that ever held the database's lock."""
    head, tail = f"{database.name}.", ".lock"
    return {
        unquote(path.name[len(head) : -len(tail)])
        for path in database.parent.glob(f"{glob_safe(database.name)}.*{tail}")
    }


def glob_safe(name: str) -> str:
    """A file's name as a pattern that matches itself only."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise StoreUnavailable(f"{name} is not installed: it comes with PostgreSQL's client programs")
    return found


def _run(program: str, *arguments: str) -> None:
    ran = subprocess.run([_program(program), *arguments], capture_output=True, text=True, check=False)
    if ran.returncode:
        raise StoreUnavailable(f"{program} failed: {ran.stderr.strip() or f'exit code {ran.returncode}'}")


def _dump(copies: ExitStack, url: str, target: Path) -> tuple[Part, ...]:
    with closing(open_history(url)):
        pass  # it is ours, and there
    beside = copies.enter_context(whole(target))
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={beside}", f"--dbname={url}")
    _run("pg_restore", "--list", f"--file={os.devnull}", str(beside))
    return (part_of(STORE, target.name, beside),)


def _load(held: ExitStack, source: Path, url: str, clock: Clock, *, replace: bool) -> tuple[str, ...]:
    asides: tuple[str, ...] = ()
    held.enter_context(_postgres.translated())
    connection = held.enter_context(closing(_postgres.connect(url)))
    connection.autocommit = True
    found = connection.execute("SELECT to_regclass('meta') IS NOT NULL").fetchone()
    if found is not None and found[0]:
        if not replace:
            raise StoreError("there is a store in the database: --replace sets it aside first")
        for (writer,) in connection.execute("SELECT name FROM writer").fetchall():
            held.enter_context(writer_lock(url, writer))
        aside = f"replaced_{clock.now_ns() // 1_000_000_000}"
        connection.execute(f"ALTER SCHEMA public RENAME TO {aside}".encode())
        connection.execute("CREATE SCHEMA public")
        asides = (aside,)
    _run(
        "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--schema=public",
        f"--dbname={url}", str(source),
    )  # fmt: skip
    return asides
