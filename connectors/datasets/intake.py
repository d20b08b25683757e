"""Datasets into the catalogue: those made here, and those of other hubs, checked before they are let in."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mcap.exceptions import McapError

from connectors.care.files import sha256_of
from connectors.datasets.reading import claims_of
from connectors.desk import datasets as catalogue
from connectors.desk.datasets import Entry, Way
from connectors.desk.known import known_people
from connectors.exporters.croissant import PROVENANCE, SUMS
from connectors.exporters.finding import Finding
from connectors.exporters.verify import verify
from connectors.privacy.check import named_by
from twin.errors import EpisodeError, ExportError

if TYPE_CHECKING:
    from connectors.desk import Desk


def made(desk: Desk, who: str, folder: Path) -> Entry:
    """Enter a dataset that was just written here."""
    place = str(folder.absolute())
    return catalogue.enter(desk, who, Entry(claims_of(folder), Way.MADE, sha256_of(folder / SUMS), place))


def take_in(desk: Desk, who: str, folder: Path, own_hub: str = "", into: Path | None = None) -> Entry:
    """Import another hub's dataset: it is checked first, and none of its files is changed.

    With ``into`` it is copied there as HUB/NAME/VERSION-FORMAT, and the copy is checked; else it stays where it is.
    Raises EpisodeError naming what is wrong with it, or where it is this hub's own; ExportError where it cannot be
    copied.
    """
    claims = claims_of(folder)
    _refuse(folder, verify(folder))
    if own_hub and claims.hub == own_hub:
        raise EpisodeError(
            f"{claims.id} is this hub's own", "twin export enters what it makes; there is nothing to import"
        )
    place = folder
    if into is not None:
        hub, name = (_segment(one) for one in (claims.hub or "unknown", claims.name))
        place = into / hub / name / f"{claims.version}-{claims.format}"
        _copy(folder, place)
        _refuse(place, verify(place))
    one = Entry(claims, Way.IMPORTED, sha256_of(place / SUMS), str(place.absolute()), desk.now_ns)
    return catalogue.enter(desk, who, one)


def again(desk: Desk, who: str, folder: Path, *, named: bool = False) -> list[Finding]:
    """Check a dataset's files; where the catalogue lists it, what was found is kept with it.

    ``named``: findings say of which folder they are.
    """
    found = [*verify(folder), *_named(desk, folder)] if folder.is_dir() else [Finding("files", ".", "is not there")]
    place = str(folder.absolute())
    entry = next((one for one in catalogue.entries(desk) if one.place == place), None)
    if entry is not None:
        if (folder / SUMS).is_file() and sha256_of(folder / SUMS) != entry.sums:
            found.append(Finding("checksum", SUMS, "is not the one that was entered"))
        catalogue.check(desk, who, entry, tuple(f"{one.where}: {one.told}" for one in found if not one.risk))
    return [replace(one, where=f"{folder}: {one.where}") for one in found] if named else found


def _named(desk: Desk, folder: Path) -> list[Finding]:
    """Where it names somebody of this hub, though it claims pseudonyms."""
    try:
        told = json.loads((folder / PROVENANCE).read_text("utf-8"))
        return list(named_by(folder, told, known_people(desk)))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, McapError):
        return []  # said already


def named(desk: Desk, text: str) -> Entry:
    """The newest entry that ``ID[@VERSION]`` means, its files there; raises EpisodeError otherwise."""
    name, _, version = text.partition("@")
    one = catalogue.find(catalogue.entries(desk), name, version)[-1]
    if not Path(one.place).is_dir():
        raise EpisodeError(f"{text}: {one.place} is not there", "put the dataset back, or remove it from the catalogue")
    if not (Path(one.place) / SUMS).is_file() or sha256_of(Path(one.place) / SUMS) != one.sums:
        raise EpisodeError(f"{text}: {one.place} is not what was entered", "twin datasets verify tells what changed")
    return one


def _refuse(folder: Path, found: list[Finding]) -> None:
    wrong = [one for one in found if not one.risk]
    if wrong:
        lines = "\n".join(f"  {one.check}  {one.where}: {one.told}" for one in wrong)
        raise EpisodeError(
            f"{folder} is not what it claims, and is not taken in\n{lines}\n",
            "ask the hub it came from to send it again",
        )


def _copy(folder: Path, place: Path) -> None:
    if place.exists():
        raise EpisodeError(
            f"{place} is there already", "it was imported before; remove it, or import into another folder"
        )
    part = place.with_name(place.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part)
        part.replace(place)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ExportError(str(place), error.strerror or str(error)) from error


def _segment(text: str) -> str:
    """A name as a folder: another hub's words choose no path of ours."""
    clean = "".join(one if one.isalnum() or one in "-_." else "_" for one in text)[:100]
    return clean.strip(".") or "_"
