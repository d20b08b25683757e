"""The hub's secret for pseudonyms: made once, kept beside the desk, never in a dataset and never in a database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from connectors.desk.open import desk_url
from twin.errors import EpisodeError

SUFFIX = ".secret"
LEAST = 32
"""So many characters a secret has at least."""
_SQLITE = "sqlite:///"


def secret_file(store_url: str, folder: Path | None) -> Path:
    """Where it is kept: beside a SQLite desk; of PostgreSQL in the factory file's folder, else in this one."""
    url = desk_url(store_url)
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE) + SUFFIX)
    return (folder or Path()) / f"desk{SUFFIX}"


def secret_of(path: Path, *, make: bool = True) -> bytes:
    """The secret in a file; without a file there, and with ``make``, it is made, for its owner only.

    Raises EpisodeError where there is none, where it is too short to keep anybody from guessing it, or where it
    cannot be read or made.
    """
    try:
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _make(path)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EpisodeError(
            f"{path} cannot be read: {error}", "put the hub's secret back, or name one by --secret"
        ) from error
    if len(text) < LEAST:
        raise EpisodeError(f"the secret in {path} has {len(text)} characters", f"write {LEAST} random ones at least")
    return text.encode()


def _make(path: Path) -> None:
    """Whole or not at all: of two that make it at once, one is kept."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_hex(32).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()
