"""What goes with a dataset: where it comes from, under which terms, and what each of its files must be.

``croissant.json`` is Croissant 1.1 with lineage in PROV-O and the policy as an ODRL offer; ``meta/provenance.json``
is ours; ``README.md`` is the card, Korean and English; ``SHA256SUMS`` holds croissant.json's own checksum too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.exporters.book import catalogue_of
from connectors.exporters.part import sha256_of
from twin.clock import iso_from_ns
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connectors.exporters.frames import Shape
    from connectors.exporters.plan import Plan, Table, Told
    from twin.ports import History

PROVENANCE, CROISSANT, CARD, SUMS = "meta/provenance.json", "croissant.json", "README.md", "SHA256SUMS"
SPDX = {
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC-BY-NC-4.0": "https://creativecommons.org/licenses/by-nc/4.0/",
    "CC-BY-NC-SA-4.0": "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "CC-BY-ND-4.0": "https://creativecommons.org/licenses/by-nd/4.0/",
    "CDLA-Permissive-2.0": "https://cdla.dev/permissive-2-0/",
    "CDLA-Sharing-1.0": "https://cdla.dev/sharing-1-0/",
    "MIT": "https://opensource.org/license/mit",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "ODC-By-1.0": "https://opendatacommons.org/licenses/by/1-0/",
}
"""Licences for data by their SPDX identifiers; any other as ``LicenseRef-NAME``."""


def licence_of(text: str) -> str:
    """A licence as it may be named; raises EpisodeError for none, and for one that nobody knows."""
    known = next((one for one in SPDX if one.lower() == text.lower()), "")
    if known:
        return known
    if text.startswith("LicenseRef-") and len(text) > len("LicenseRef-"):
        return text
    what = f"{text!r} is no licence that is known here" if text else "a dataset goes out under a licence"
    raise EpisodeError(what, f"--licence with one of {', '.join(SPDX)}, or LicenseRef-NAME for your own")


def write_papers(folder: Path, to: str, plan: Plan, told: Told, store: dict[str, Any]) -> None:
    """Write all papers beside the data: the card and the provenance are in croissant.json's checksums, it in SUMS."""
    episodes = plan.episodes
    sources = sorted({one.source for one in episodes})
    there = {path.relative_to(folder).as_posix(): sha256_of(path) for path in _files(folder)}
    book = catalogue_of(plan, there)
    provenance = {
        "name": plan.terms.name,
        "format": to,
        "licence": plan.terms.licence,
        "exporter": plan.terms.exporter,
        "sources": {name: sum(one.source == name for one in episodes) for name in sources},
        "from": iso_from_ns(min(one.start_ns for one in episodes)),
        "to": iso_from_ns(max(one.end_ns for one in episodes)),
        "assets": sorted({one.asset for one in episodes}),
        "methods": sorted({one.method.value for one in episodes}),
        "frames": told.frames,
        **told.provenance,
        "store": store,
        "catalogue": book,
        "derived_from": [dict(one) for one in plan.offer.lineage],
        "episodes": [
            {
                "index": i, "id": one.id, "from_ns": one.start_ns, "to_ns": one.end_ns, "source": one.source,
                **({"file": told.files[i]} if i in told.files else {}),
            }
            for i, one in enumerate(episodes)
        ],
    }  # fmt: skip
    write_json(folder / PROVENANCE, provenance)
    (folder / CARD).write_text(_card(plan, told, provenance), encoding="utf-8")
    there |= {name: sha256_of(folder / name) for name in (PROVENANCE, CARD)}
    write_json(folder / CROISSANT, _croissant(folder, plan, told, provenance, there))
    (folder / SUMS).write_text(sums_of(folder), encoding="utf-8")


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def sums_of(folder: Path) -> str:
    """What SHA256SUMS must hold: croissant.json's own checksum, and those that it lists; ``sha256sum -c`` reads it."""
    croissant = json.loads((folder / CROISSANT).read_text("utf-8"))
    listed = {str(one["contentUrl"]): str(one["sha256"]) for one in croissant["distribution"]}
    listed[CROISSANT] = sha256_of(folder / CROISSANT)
    return "".join(f"{listed[name]}  {name}\n" for name in sorted(listed))


def told_columns(shape: Shape) -> list[dict[str, str]]:
    """The columns of frames, for the provenance."""
    return [
        {"name": one.name, "stream": one.stream, "unit": one.unit, "resampled": one.policy} for one in shape.columns
    ]


def card_rows(shape: Shape) -> str:
    """The columns of frames, for the card."""
    rows = "\n".join(f"| `{one.name}` | {one.unit or '–'} | {one.policy} |" for one in shape.columns)
    return f"| 신호 / signal | 단위 / unit | 재표본 / resampled |\n|---|---|---|\n{rows}"


def write_json(path: Path, content: object) -> None:
    """A JSON file as people read it, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def store_hashes(history: History) -> dict[str, dict[str, object]]:
    """Of each writer the number of its last keyframe, and the SHA-256 of the mirror's state then."""
    found: dict[str, dict[str, object]] = {}
    for writer in history.writers():
        last = history.last_keyframe(writer)
        if last is not None:
            found[writer] = {"batch": last.n, "sha256": last.sha256}
    return found


def _croissant(
    folder: Path, plan: Plan, told: Told, provenance: dict[str, Any], there: Mapping[str, str]
) -> dict[str, Any]:
    terms, book = plan.terms, provenance["catalogue"]
    return {
        "@context": {
            "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
            "prov": "http://www.w3.org/ns/prov#", "odrl": "http://www.w3.org/ns/odrl/2/",
            "citeAs": "cr:citeAs", "column": "cr:column", "conformsTo": "dct:conformsTo",
            "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty",
            "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format",
            "includes": "cr:includes", "isArray": "cr:isArray",
            "arrayShape": "cr:arrayShape", "key": "cr:key", "md5": "cr:md5", "recordSet": "cr:recordSet",
            "references": "cr:references", "source": "cr:source", "transform": "cr:transform",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": terms.name,
        "description": terms.description or f"{len(plan.episodes)} episodes of {', '.join(provenance['assets'])}",
        "license": SPDX.get(terms.licence, terms.licence),
        "version": book["version"],
        "datePublished": provenance["to"][:10],
        "url": f"urn:factory-twin:{terms.name}",
        "creator": {
            "@type": "sc:Organization",
            "name": plan.offer.hub_name.get("en") or plan.offer.hub or "Factory Twin hub",
            "contactPoint": plan.offer.contact,
        },
        "alternateName": sorted({one for one in plan.offer.title.values() if one}),
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "name": terms.exporter},
        "prov:wasDerivedFrom": [
            *({"@type": "prov:Entity", "name": writer, **said} for writer, said in provenance["store"].items()),
            *({"@type": "prov:Entity", "name": one["id"], **one} for one in provenance["derived_from"]),
        ],
        "usageInfo": {
            "@type": "odrl:Offer",
            "odrl:permission": {"odrl:action": "odrl:use", "odrl:duty": SPDX.get(terms.licence, terms.licence)},
        },
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
                "encodingFormat": _format(name), "contentSize": f"{(folder / name).stat().st_size} B",
                "sha256": there[name],
            }
            for name in sorted(there)
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": one.name, "name": one.name,
                "field": [_field(one, *column) for column in one.columns],
            }
            for one in told.tables
        ],
    }  # fmt: skip


def _field(table: Table, name: str, kind: str, width: int) -> dict[str, Any]:
    of_many = {"isArray": True, "arrayShape": str(width)} if width else {}
    return {
        "@type": "cr:Field", "@id": f"{table.name}/{name}", "name": f"{table.name}/{name}", "dataType": kind,
        "source": {"fileObject": {"@id": table.file}, "extract": {"column": name}}, **of_many,
    }  # fmt: skip


def _format(name: str) -> str:
    return {
        "parquet": "application/x-parquet", "json": "application/json", "md": "text/markdown",
        "mcap": "application/x-mcap",
    }[name.rpartition(".")[2]]  # fmt: skip


def _card(plan: Plan, told: Told, provenance: dict[str, Any]) -> str:
    terms, episodes = plan.terms, plan.episodes
    good = sum(one.outcome.value == "success" for one in episodes)
    hours = sum(one.duration_s for one in episodes) / 3600
    book = provenance["catalogue"]
    split = ", ".join(f"{name} {seconds / 3600:.2f} h" for name, seconds in book["split_s"].items() if seconds)
    title = " · ".join(one for one in (book["title"].get("ko"), book["title"].get("en")) if one)
    changes = "\n".join(f"- {one['version']}: {one['changes']}" for one in reversed(book["changelog"]))
    rate = f" · {provenance['fps']} fps" if "fps" in provenance else ""
    return f"""---
license: {terms.licence.lower()}
{told.head}
---

# {terms.name}

{terms.description}

| 항목 / item | |
|---|---|
| 버전 / version | {book["version"]}{f" · {title}" if title else ""} |
| 허브 · 연락처 / hub · contact | {" · ".join(one for one in (book["hub"], book["contact"]) if one) or "–"} |
| 에피소드 / episodes | {len(episodes)} (성공 / success {good}) |
| 프레임 / frames | {told.frames}{rate} · {hours:.2f} h |
| 설비 / assets | {", ".join(provenance["assets"])} |
| 기간 / time | {provenance["from"]} – {provenance["to"]} |
| 출처 / source | {split} |
| 라이선스 / licence | {terms.licence} |
{told.card}
## 변경 기록 / changes

{changes}
"""
