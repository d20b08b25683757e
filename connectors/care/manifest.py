"""What a backup holds: a JSON beside it with each file's size and SHA-256; what is put back is what was kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
STORE, DESK, MODEL, SECRET = "store", "desk", "model", "secret"
OUTSIDE = (MODEL, SECRET)
"""What lies outside of the databases: a backup without a manifest is older than its being kept."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a backup. ``path`` is from the backup's folder, with ``/``; ``mode`` is octal, "" where it is free."""

    what: str
    path: str
    bytes: int
    sha256: str
    mode: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All files of a backup, the store's first."""

    parts: tuple[Part, ...]

    def of(self, what: str) -> tuple[Part, ...]:
        """Those of a kind."""
        return tuple(part for part in self.parts if part.what == what)

    @property
    def without(self) -> tuple[str, ...]:
        """Which kinds of what lies outside of the databases it holds nothing of."""
        return tuple(what for what in OUTSIDE if not self.of(what))


def manifest_of(backup: Path) -> Path:
    """Where the manifest of a backup lies."""
    return backup.with_name(f"{backup.stem}.manifest.json")


def part_of(what: str, path: str, file: Path, mode: str = "") -> Part:
    """A file as the manifest tells of it; ``file`` is where its bytes lie, ``path`` what it will be called."""
    return Part(what, path, file.stat().st_size, sha256_of(file), mode)


def written(parts: Iterable[Part]) -> bytes:
    """The manifest's bytes."""
    told = {"format": FORMAT, "files": [asdict(part) for part in parts]}
    return json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"


def read(backup: Path) -> Manifest | None:
    """The manifest of a backup, None where it has none (it is older); raises StoreError where it cannot be read."""
    path = manifest_of(backup)
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise StoreError(
                f"{path} has format {told['format']!r}, this program reads {FORMAT}: use the newer program"
            )
        return Manifest(tuple(_checked(one) for one in told["files"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is no manifest of a backup ({error}): bring the file back") from error


def _checked(one: dict[str, Any]) -> Part:
    part = Part(one["what"], one["path"], one["bytes"], one["sha256"], one["mode"])
    place = PurePosixPath(part.path)
    if place.is_absolute() or ".." in place.parts or "\\" in part.path:
        raise ValueError(f"{part.path!r} lies outside of the backup")
    return part


def hold(manifest: Manifest, folder: Path) -> None:
    """Hold every file of a backup against its manifest; raises StoreError that names the first that differs."""
    for part in manifest.parts:
        path = folder / part.path
        try:
            size, found = path.stat().st_size, sha256_of(path)
        except OSError as error:
            raise StoreError(f"the backup is not whole: {path}: {error.strerror}") from error
        if (size, found) != (part.bytes, part.sha256):
            raise StoreError(
                f"the backup is damaged: {path} has SHA-256 {found[:16]}… and {size} bytes, "
                f"{part.sha256[:16]}… and {part.bytes} were kept; nothing was put back"
            )
