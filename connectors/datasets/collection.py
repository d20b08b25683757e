"""A collection: several datasets handed on together, each untouched in a folder of its own, under one manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from connectors.datasets.reading import claims_of
from connectors.exporters.croissant import PROVENANCE
from connectors.exporters.finding import Finding
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from twin.datasets import Claims

COLLECTION = "collection"
"""The format of one."""


def licence_of_all(members: Sequence[Claims]) -> str:
    """Under which licences it goes out: all of them (an SPDX expression)."""
    return " AND ".join(sorted({part for one in members for part in one.licence.split(" AND ")}))


def totals_of(members: Sequence[Claims]) -> dict[str, Any]:
    """What members claim, added up."""
    quality: Counter[str] = Counter()
    split: Counter[str] = Counter()
    for one in members:
        quality.update(one.quality)
        split.update({name: round(seconds * 1000) for name, seconds in one.split_s.items()})
    return {
        "episodes": sum(one.episodes for one in members),
        "labelled": sum(one.labelled for one in members),
        "hours": round(sum(one.hours for one in members), 4),
        "quality": dict(sorted(quality.items())),
        "split_s": {name: ms / 1000 for name, ms in sorted(split.items())},
    }


def check_collection(folder: Path, told: dict[str, Any], verify: Callable[[Path], list[Finding]]) -> Iterator[Finding]:
    """What is wrong with a collection: with any of its datasets, with which they are, and with what they add up to.

    Raises KeyError and TypeError where ``told``, its provenance, names none.
    """
    found: list[Claims] = []
    for member, line in zip(told["members"], told["derived_from"], strict=True):
        place = folder / str(member["folder"])
        if not place.resolve().is_relative_to(folder.resolve()) or not place.is_dir():
            yield Finding("files", str(member["folder"]), "is named as a dataset of it and is not there")
            return
        yield from (replace(one, where=f"{member['folder']}/{one.where}") for one in verify(place))
        try:
            claims = claims_of(place)
        except EpisodeError as error:
            yield Finding("provenance", str(member["folder"]), str(error))
            return
        is_it = (claims.id, claims.version) == (line["id"], line["version"])
        if not is_it or sha256_of(place / PROVENANCE) != line["provenance_sha256"]:
            yield Finding("claims", str(member["folder"]), f"is not the {line['id']} {line['version']} of its lineage")
        found.append(claims)
    if told["licence"] != licence_of_all(found):
        yield Finding("licence", PROVENANCE, f"says {told['licence']}, its datasets are under {licence_of_all(found)}")
    for name, value in totals_of(found).items():
        if told["catalogue"][name] != value:
            yield Finding("claims", PROVENANCE, f"claims {name} {told['catalogue'][name]}, its datasets {value}")
