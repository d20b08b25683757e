"""Several datasets of the catalogue, this hub's and others', packed as one that can be handed on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from connectors.datasets.collection import COLLECTION, licence_of_all, totals_of
from connectors.datasets.reading import lineage_of
from connectors.exporters.book import content_of
from connectors.exporters.croissant import CARD, PROVENANCE, seal, write_json
from connectors.exporters.part import part_of
from connectors.exporters.verify import verify
from twin.datasets import Edition, edition_of
from twin.errors import EpisodeError, ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.desk.datasets import Entry
    from connectors.exporters.plan import Offer


def pack(folder: Path, name: str, entries: Sequence[Entry], offer: Offer, exporter: str) -> None:
    """Write a collection; the same datasets give the same bytes. None of their files is changed.

    The folder must not exist, or be empty: it appears whole, or not at all. Raises EpisodeError for a dataset that is
    not what it claims, and ExportError where the disk does not take it.
    """
    if not entries:
        raise EpisodeError("no dataset is meant", "name some of twin datasets list")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EpisodeError(f"{folder} is not empty", "name a new folder, or empty it")
    for one in entries:
        wrong = [found for found in verify(Path(one.place)) if not found.risk]
        if wrong:
            raise EpisodeError(
                f"{one.claims.id} {one.claims.version} in {one.place} is not what it claims: "
                f"{wrong[0].where} {wrong[0].told}",
                "twin datasets verify tells all of it",
            )
    part = part_of(folder.absolute())
    try:
        shutil.rmtree(part, ignore_errors=True)
        _write(part, name, entries, offer, exporter)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise ExportError(str(part), error.strerror or str(error)) from error


def _write(part: Path, name: str, entries: Sequence[Entry], offer: Offer, exporter: str) -> None:
    members = [one.claims for one in entries]
    folders = [f"sets/{i:02d}-{one.format}" for i, one in enumerate(members, 1)]
    for one, place in zip(entries, folders, strict=True):
        shutil.copytree(one.place, part / place)
    there = {path.relative_to(part).as_posix(): sha256_of(path) for path in sorted(part.rglob("*")) if path.is_file()}
    licence, totals = licence_of_all(members), totals_of(members)
    content = content_of(there, licence)
    asked = Edition(offer.version, content, offer.changes, totals["episodes"], totals["hours"])
    now, before = edition_of(offer.earlier, asked)
    provenance: dict[str, Any] = {
        "name": name,
        "format": COLLECTION,
        "licence": licence,
        "exporter": exporter,
        "from": min(one.begin for one in members),
        "to": max(one.end for one in members),
        "assets": sorted({asset for one in members for asset in one.assets}),
        "store": {},
        "catalogue": {
            "hub": offer.hub, "hub_name": dict(offer.hub_name), "title": dict(offer.title), "contact": offer.contact,
            "version": now.version, "content_sha256": content, **totals,
            "changelog": [{"version": one.version, "changes": one.changes} for one in (*before, now)],
        },
        "privacy": {},
        "derived_from": [lineage_of(part / place, one) for place, one in zip(folders, members, strict=True)],
        "members": [{"folder": place, "id": one.id} for place, one in zip(folders, members, strict=True)],
        "episodes": [],
    }  # fmt: skip
    write_json(part / PROVENANCE, provenance)
    (part / CARD).write_text(_card(name, now.version, licence, entries, folders), encoding="utf-8")
    there |= {path: sha256_of(part / path) for path in (PROVENANCE, CARD)}
    seal(part, "", (), provenance, there)


def _card(name: str, version: str, licence: str, entries: Sequence[Entry], folders: Sequence[str]) -> str:
    rows = "\n".join(
        f"| `{place}` | {one.claims.id} {one.claims.version} | {one.claims.episodes} · {one.claims.hours:.2f} h | "
        f"{one.claims.licence} | {one.claims.contact or '–'} |"
        for one, place in zip(entries, folders, strict=True)
    )
    return f"""---
license: other
tags: [factory-twin]
---

# {name} {version}

여러 데이터셋의 묶음입니다. 각 데이터셋은 만든 허브의 파일 그대로이며 자기 카드와 계보를 갖습니다.

Several datasets together, each as the hub that made it wrote it, with its own card and lineage.

| 폴더 / folder | 데이터셋 / dataset | 에피소드 / episodes | 라이선스 / licence | 연락처 / contact |
|---|---|---|---|---|
{rows}

라이선스 / licence: {licence}
"""
