"""Whether a dataset is what it claims: its files' checksums, its papers, and what its format promises."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from connectors.datasets.collection import COLLECTION, check_collection
from connectors.exporters.book import check_book, content_of
from connectors.exporters.croissant import CARD, CROISSANT, PROVENANCE, SUMS, sums_of
from connectors.exporters.finding import Finding
from connectors.exporters.plan import FORMATS
from connectors.exporters.told import rows_of
from connectors.privacy.check import check_privacy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Finding", "verify"]


def verify(folder: Path) -> list[Finding]:
    """Everything that is wrong with a dataset of any format; [] where it holds what it claims."""
    return [*_papers(folder), *_data(folder), *_claims(folder)]


def _claims(folder: Path) -> Iterator[Finding]:
    """What its papers claim, held to its files; that papers cannot be read is said already."""
    try:
        told = json.loads((folder / PROVENANCE).read_text("utf-8"))
        croissant = json.loads((folder / CROISSANT).read_text("utf-8"))
        listed = {str(one["contentUrl"]): str(one["sha256"]) for one in croissant["distribution"]}
    except (OSError, ValueError, LookupError, TypeError):
        return
    data = {name: sha256 for name, sha256 in listed.items() if name not in (PROVENANCE, CARD)}
    try:
        if told["format"] == COLLECTION:
            yield from check_collection(folder, told, verify)
            if told["catalogue"]["content_sha256"] != content_of(data, str(told["licence"])):
                yield Finding("claims", PROVENANCE, "claims another content than its files have")
        else:
            yield from check_book(told, data, rows_of(folder, told), PROVENANCE)
        yield from check_privacy(folder, told)
        version = told.get("catalogue", {}).get("version", croissant.get("version"))
        if croissant.get("version") != version or croissant.get("name") != told["name"]:
            yield Finding("claims", f"{CROISSANT}, {PROVENANCE}", "tell of different names or versions")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield Finding("claims", PROVENANCE, f"does not say what it claims: {error!r}")


def _data(folder: Path) -> Iterator[Finding]:
    try:
        told = json.loads((folder / PROVENANCE).read_text("utf-8"))
        to = told["format"]
    except OSError:
        told, to = {}, "lerobot" if (folder / "meta/info.json").exists() else ""
    except (ValueError, LookupError, TypeError) as error:
        yield Finding("provenance", PROVENANCE, f"does not say of which format this is: {error!r}")
        return
    if to == COLLECTION:
        return  # each of its datasets is checked by itself
    if to not in FORMATS:
        if told:
            yield Finding("provenance", PROVENANCE, f"says that the format is {to!r}; there are {', '.join(FORMATS)}")
        return
    try:
        yield from _of_format(to, folder, told)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:  # damaged files raise any of these
        yield Finding("files", f"the {to} files", f"cannot be read: {error!r}")


def _of_format(to: str, folder: Path, told: dict[str, Any]) -> Iterator[Finding]:
    if to == "lerobot":
        from connectors.exporters.check_lerobot import check  # noqa: PLC0415  pyarrow is an extra

        return check(folder)
    if to == "mcap":
        from connectors.exporters.check_mcap import check as check_mcap  # noqa: PLC0415  only who reads it needs it

        return check_mcap(folder, told)
    from connectors.exporters.check_parquet import check as check_parquet  # noqa: PLC0415  pyarrow is an extra

    return check_parquet(folder, told)


def _papers(folder: Path) -> Iterator[Finding]:
    try:
        croissant = json.loads((folder / CROISSANT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        yield Finding("croissant", CROISSANT, f"cannot be read: {error}")
        return
    try:
        listed = {str(one["contentUrl"]): one for one in croissant["distribution"]}
        agreed = sums_of(folder).encode()
    except (KeyError, TypeError) as error:
        yield Finding("croissant", CROISSANT, f"does not list the files and their SHA-256: {error!r}")
        return
    if not croissant.get("license"):
        yield Finding("licence", CROISSANT, "names no licence")
    yield from _sums(folder, listed)
    if not (folder / SUMS).is_file():
        yield Finding("checksum", SUMS, "is not there")
    elif (folder / SUMS).read_bytes() != agreed:
        yield Finding("checksum", f"{CROISSANT}, {SUMS}", "do not agree: one of them was changed")
    if not (folder / PROVENANCE).is_file():
        yield Finding("provenance", PROVENANCE, "is not there: nobody can tell where this comes from")


def _sums(folder: Path, listed: dict[str, dict[str, object]]) -> Iterator[Finding]:
    """Files that are not what croissant.json tells of them."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            yield Finding("checksum", path.relative_to(folder).as_posix(), "is a link; a dataset holds its files")
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()} - {CROISSANT, SUMS}
    for name in sorted(there - set(listed)):
        yield Finding("checksum", name, "is not listed in croissant.json")
    for name, one in listed.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            yield Finding("checksum", name, "leads out of the dataset's folder")
        elif not path.is_file():
            yield Finding("checksum", name, "is listed in croissant.json and is not there")
        elif sha256_of(path) != one.get("sha256"):
            yield Finding("checksum", name, "is not the file whose SHA-256 croissant.json tells")
