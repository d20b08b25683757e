"""A dataset on its way: ``DIR.part``, in which every finished episode is kept, so that an export that ended goes on.

``journal.jsonl`` tells what is being written and, a line an episode, the SHA-256 of what the episode came to;
``set/`` becomes the dataset, ``kept/`` holds episodes until they are taken into it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from connectors.care.files import sha256_of
from connectors.stores.lock import try_lock
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JOURNAL, LOCK, SET = "journal.jsonl", "lock", "set"
Note = dict[str, Any]
"""What is to be remembered of an episode beside its file; JSON."""


@dataclass(slots=True)
class Part:
    """One export under way. Mutable; the process that holds its lock writes."""

    folder: Path
    head: dict[str, Any] = field(default_factory=dict)
    notes: dict[int, Note] = field(default_factory=dict)
    """The episodes that are finished."""

    @property
    def set(self) -> Path:
        """What becomes the dataset."""
        return self.folder / SET

    def keep(self, episode: int, name: str, make: Callable[[BinaryIO], Note]) -> Note:
        """What an episode came to, in the file ``name``: kept from before, or made now and written down."""
        if episode in self.notes:
            return self.notes[episode]
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            counted = _Hashed(file)
            note = make(cast("BinaryIO", counted))
        self._write({"episode": episode, "file": name, "sha256": counted.sha256, "note": note})
        self.notes[episode] = note
        return note

    def become(self, folder: Path) -> None:
        """Give the dataset its name, in one step, and remove the rest."""
        if folder.exists():
            folder.rmdir()
        self.set.rename(folder)

    def _write(self, line: dict[str, Any]) -> None:
        with (self.folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


class _Hashed:
    """A file that is written from its begin to its end, and hashed meanwhile. Mutable."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was written."""
        return self._digest.hexdigest()

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Who opened the file closes it."""

    def tell(self) -> int:
        """How much was written."""
        return self._file.tell()

    def write(self, data: Any) -> int:
        """Write all of it."""
        self._digest.update(data)
        return self._file.write(data)


@contextmanager
def opened(folder: Path, head: dict[str, Any], is_same: Callable[[dict[str, Any]], bool]) -> Iterator[Part]:
    """The part folder of the dataset ``folder``: what was finished before, where it was of the same export.

    ``head`` tells what is exported; ``is_same`` whether an earlier head tells of the same. What was damaged, is
    unfinished or is of another export is removed. Where no episode was finished nothing is left behind.
    Raises EpisodeError where another process writes it, or where the folder is not ours.
    """
    place = part_of(folder)
    if place.exists() and not (place / LOCK).is_file() and any(place.iterdir()):
        raise EpisodeError(f"{place} is in the way", "it was not left by an export: name another folder, or move it")
    place.mkdir(parents=True, exist_ok=True)
    part = Part(place)
    try:
        with (place / LOCK).open("a+", encoding="ascii") as file:
            if not try_lock(file):
                raise EpisodeError(f"another process exports into {place}", "wait for it, or name another folder")
            _take_up(part, head, is_same)
            yield part
    finally:
        if part.head and (not part.notes or not part.set.exists()):  # nothing is in it, or it became the dataset
            shutil.rmtree(place, ignore_errors=True)


def part_of(folder: Path) -> Path:
    """Where a dataset lies until it is whole."""
    return folder.with_name(folder.name + ".part")


def _take_up(part: Part, head: dict[str, Any], is_same: Callable[[dict[str, Any]], bool]) -> None:
    """Keep the episodes whose files are what the journal tells of them; remove every other file."""
    before, lines = _journal(part.folder / JOURNAL)
    kept = {
        one["file"]: one
        for one in lines
        if is_same(before) and (part.folder / one["file"]).is_file()
        and sha256_of(part.folder / one["file"]) == one["sha256"]
    }  # fmt: skip
    for path in sorted(part.folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.name not in (LOCK, JOURNAL) and path.relative_to(part.folder).as_posix() not in kept:
            path.unlink()
    part.head = before if kept else head
    part.notes = {int(one["episode"]): one["note"] for one in kept.values()}
    _write_journal(part.folder / JOURNAL, [{"head": part.head}, *kept.values()])
    part.set.mkdir(exist_ok=True)


def _write_journal(path: Path, lines: list[dict[str, Any]]) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), encoding="utf-8")
    new.replace(path)


def _journal(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The head and the finished episodes; a line that was cut off is none."""
    head: dict[str, Any] = {}
    lines: list[dict[str, Any]] = []
    if not path.is_file():
        return head, lines
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
            if "head" in line:
                head = dict(line["head"])
            else:
                lines.append(
                    {
                        "episode": int(line["episode"]),
                        "file": str(line["file"]),
                        "sha256": str(line["sha256"]),
                        "note": dict(line["note"]),
                    }
                )
        except (ValueError, KeyError, TypeError):
            continue
    return head, lines
