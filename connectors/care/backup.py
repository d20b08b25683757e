"""A copy of a store, made while a writer writes, and the way back."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from connectors.care.check import SQLITE, Findings, check, problems
from connectors.care.files import aside_of, copy, move_aside, whole
from connectors.desk import desk_url
from connectors.stores import _postgres, _sqlite
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from twin.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from twin.clock import Clock

PAGES_A_STEP = 2048
"""8 MB at once; the writer is never held up, because the copy reads one snapshot of the log."""


def backup(url: str, target: Path, *, quick: bool = False, progress: Callable[[int, int], None]) -> Findings | None:
    """Copy the store at ``url`` to the file ``target``, consistent, while it is being written.

    The copy is read again before it gets its name: every batch against its checksum (``quick``: the
    newest only). Beside it goes the desk, whose own name tells that it is (`desk_beside`). PostgreSQL,
    where the desk is in the same database, is dumped with ``pg_dump``, and the dump's own list is read
    again: None. Raises StoreError where ``target`` exists, or the copy is not what was written.
    """
    for there in (target, desk_beside(target)):
        if there.exists():
            raise StoreError(f"{there} exists: a backup overwrites nothing, name another file")
    if not url.startswith(SQLITE):
        _dump(url, target)
        return None
    source = Path(url.removeprefix(SQLITE))
    if not source.exists():
        raise StoreUnavailable(f"there is no database at {source}")
    desk = desk_beside(source)
    if desk.exists():
        with whole(desk_beside(target)) as beside, _sqlite.translated():
            _copy(desk, beside, lambda _done, _all: None)
    with whole(target) as beside:
        with _sqlite.translated():
            _copy(source, beside, progress)
        found = check(f"{SQLITE}{beside}", quick=quick, progress=progress)
        if not found.ok:
            words = [*found.file, *(f"batch {one.n} of {one.writer!r}: {one.what}" for one in found.damaged)]
            raise StoreError(
                f"the copy of {source} is damaged, as the store itself will be ({words[0]}); see `twin store check`"
            )
    return found


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


def restore(source: Path, url: str, clock: Clock, *, replace: bool = False) -> str:
    """Put a backup where the store at ``url`` is to be; where the old one was set aside, or "".

    A desk in the backup takes the place of the one that is there. Raises StoreError where there is a
    store and ``replace`` is not given, where a writer is at work,
    or where the backup itself is damaged.
    """
    if not source.exists():
        raise StoreUnavailable(f"there is no backup at {source}")
    if not url.startswith(SQLITE):
        return _load(source, url, clock, replace=replace)
    target = Path(url.removeprefix(SQLITE))
    broken = problems(source)
    if broken:
        raise StoreError(f"the backup {source} is damaged: {broken[0]}")
    with closing(open_history(f"{SQLITE}{source}")) as history:
        writers = {*history.writers(), *_lock_names(target)}
    with ExitStack() as held:
        for writer in sorted(writers):
            held.enter_context(writer_lock(url, writer))
        aside = ""
        if target.exists():
            if not replace:
                raise StoreError(f"there is a store at {target}: --replace sets it aside first")
            old = aside_of(target, "replaced", clock.now_ns())
            move_aside(target, old)
            aside = str(old)
        if desk_beside(source).exists():
            desk = desk_beside(target)
            if desk.exists():
                move_aside(desk, aside_of(desk, "replaced", clock.now_ns()))
            copy(desk_beside(source), desk)
        copy(source, target)
    return aside


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


def _dump(url: str, target: Path) -> None:
    with closing(open_history(url)):
        pass  # it is ours, and there
    with whole(target) as beside:
        _run("pg_dump", "--format=custom", "--no-owner", f"--file={beside}", f"--dbname={url}")
        _run("pg_restore", "--list", f"--file={os.devnull}", str(beside))


def _load(source: Path, url: str, clock: Clock, *, replace: bool) -> str:
    aside = ""
    with ExitStack() as held, _postgres.translated():
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
        _run(
            "pg_restore", "--no-owner", "--exit-on-error", "--single-transaction", "--schema=public",
            f"--dbname={url}", str(source),
        )  # fmt: skip
    return aside
