"""What belongs to a site and lies outside of its databases: the folder of models, the secret of pseudonyms."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.care.files import aside_of, copy, move_aside, private, sha256_of, whole, whole_folder
from connectors.care.manifest import MODEL, SECRET, part_of
from twin.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connectors.care.manifest import Manifest, Part
    from twin.clock import Clock

MODE = "0600"
"""A secret is its owner's only, wherever it lies."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where it lies; None where nobody said."""

    models: Path | None = None
    secret: Path | None = None


NOWHERE = Outside()


def models_of(backup: Path) -> Path:
    """The folder of models of a backup."""
    return backup.with_name(f"{backup.stem}-models")


def secret_of(backup: Path) -> Path:
    """The secret in a backup."""
    return backup.with_name(f"{backup.stem}.secret")


@contextmanager
def kept(outside: Outside, backup: Path) -> Iterator[tuple[Part, ...]]:
    """Copies under names beside; they get their own when the block ends well, else they are gone."""
    with ExitStack() as copies:
        told: tuple[Part, ...] = ()
        if outside.models is not None:
            told = copies.enter_context(_models(outside.models, backup))
        if outside.secret is not None and outside.secret.is_file():
            beside = copies.enter_context(whole(secret_of(backup)))
            private(beside)
            shutil.copyfile(outside.secret, beside)
            told += (part_of(SECRET, secret_of(backup).name, beside, MODE),)
        yield told


def put_back(manifest: Manifest, folder: Path, outside: Outside, clock: Clock) -> tuple[str, ...]:
    """Put models and secret in their places; where what was there was set aside. What is there already stays.

    The manifest was held against the files before.
    """
    asides: list[str] = []
    models, secret = outside.models, outside.secret
    if models is not None and (kept_models := manifest.of(MODEL)) and not _is_same(kept_models, models):
        with whole_folder(models) as making:
            for part in kept_models:
                copy(folder / part.path, making / _within(part))
            asides += _set_aside(models, clock)
    for part in manifest.of(SECRET):
        if secret is not None and not (secret.is_file() and sha256_of(secret) == part.sha256):
            asides += _set_aside(secret, clock)
            copy(folder / part.path, secret, owner_only=True)
    return tuple(asides)


def has_room(manifest: Manifest, outside: Outside) -> None:
    """Raise StoreError where a backup holds what nobody said the place of."""
    if manifest.of(MODEL) and outside.models is None:
        raise StoreError("the backup holds models, and nobody said where they go: name a folder, --models DIR")
    if manifest.of(SECRET) and outside.secret is None:
        raise StoreError("the backup holds the secret of pseudonyms, and nobody said where it goes: --secret FILE")


@contextmanager
def _models(models: Path, backup: Path) -> Iterator[tuple[Part, ...]]:
    names = _files(models)
    if not names:
        yield ()
        return
    target = models_of(backup)
    with whole_folder(target) as making:
        for name in names:
            copy(models / name, making / name)
        yield tuple(part_of(MODEL, f"{target.name}/{name}", making / name) for name in names)


def _files(models: Path) -> list[str]:
    """Files below, in order; what is being made begins with a dot and is nobody's yet."""
    found = (path.relative_to(models) for path in models.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in found if not any(one.startswith(".") for one in name.parts))


def _within(part: Part) -> str:
    return part.path.partition("/")[2]


def _is_same(parts: tuple[Part, ...], models: Path) -> bool:
    """Whether the folder is what was kept, to the byte."""
    kept_sums = {_within(part): part.sha256 for part in parts}
    return kept_sums == {name: sha256_of(models / name) for name in _files(models)}


def _set_aside(path: Path, clock: Clock) -> list[str]:
    if not path.exists():
        return []
    aside = aside_of(path, "replaced", clock.now_ns())
    move_aside(path, aside)
    return [str(aside)]
