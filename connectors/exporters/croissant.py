"""`croissant.json` and `SHA256SUMS`: what a dataset consists of, where it comes from, and under which terms.

Croissant 1.1 with lineage in PROV-O and the policy as an ODRL offer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.care.files import sha256_of
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from connectors.exporters.plan import Table

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


def seal(
    folder: Path, description: str, tables: Sequence[Table], provenance: dict[str, Any], there: Mapping[str, str]
) -> None:
    """Write croissant.json and SHA256SUMS beside everything else; ``there`` is the SHA-256 of each file by its name."""
    write_json(folder / CROISSANT, _croissant(folder, description, tables, provenance, there))
    (folder / SUMS).write_text(sums_of(folder), encoding="utf-8")


def sums_of(folder: Path) -> str:
    """What SHA256SUMS must hold: croissant.json's own checksum, and those that it lists; ``sha256sum -c`` reads it."""
    croissant = json.loads((folder / CROISSANT).read_text("utf-8"))
    listed = {str(one["contentUrl"]): str(one["sha256"]) for one in croissant["distribution"]}
    listed[CROISSANT] = sha256_of(folder / CROISSANT)
    return "".join(f"{listed[name]}  {name}\n" for name in sorted(listed))


def write_json(path: Path, content: object) -> None:
    """A JSON file as people read it, its folder made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Indented afterwards, to the same bytes: with ``indent`` the standard library encodes in Python, not in C.
    try:
        told = msgspec.json.format(json.dumps(content, ensure_ascii=False).encode(), indent=2)
    except msgspec.DecodeError:  # infinite: beyond single precision; Python reads it, and JSON has no word for it
        told = json.dumps(content, ensure_ascii=False, indent=2).encode()
    path.write_bytes(told + b"\n")


def _croissant(
    folder: Path, description: str, tables: Sequence[Table], provenance: dict[str, Any], there: Mapping[str, str]
) -> dict[str, Any]:
    book, licence = provenance["catalogue"], SPDX.get(provenance["licence"], provenance["licence"])
    return {
        "@context": {
            "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
            "prov": "http://www.w3.org/ns/prov#", "odrl": "http://www.w3.org/ns/odrl/2/",
            "rai": "http://mlcommons.org/croissant/RAI/",
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
        "name": provenance["name"],
        "description": description or f"{book['episodes']} episodes of {', '.join(provenance['assets'])}",
        "license": licence,
        "version": book["version"],
        "datePublished": provenance["to"][:10],
        "url": f"urn:factory-twin:{provenance['name']}",
        "creator": {
            "@type": "sc:Organization",
            "name": book["hub_name"].get("en") or book["hub"] or "Factory Twin hub",
            "contactPoint": book["contact"],
        },
        "alternateName": sorted({one for one in book["title"].values() if one}),
        "rai:dataCollection": _origins(book["split_s"]),
        "rai:personalSensitiveInformation": _taken_out(provenance["privacy"]),
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "name": provenance["exporter"]},
        "prov:wasDerivedFrom": [
            *({"@type": "prov:Entity", "name": writer, **said} for writer, said in provenance["store"].items()),
            *map(_entity, provenance["derived_from"]),
        ],
        "usageInfo": {
            "@type": "odrl:Offer",
            "odrl:permission": {"odrl:action": "odrl:use", "odrl:duty": licence},
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
            for one in tables
        ],
    }  # fmt: skip


def _entity(one: Mapping[str, Any]) -> dict[str, Any]:
    """A dataset that this one was derived from, and what that one was; the provenance has all of it."""
    told = {
        "@type": "prov:Entity", "name": one["id"], "version": one["version"],
        "license": SPDX.get(one["licence"], one["licence"]), "sha256": one["provenance_sha256"],
    }  # fmt: skip
    before = [_entity(each) for each in one.get("derived_from", ())]
    return {**told, "prov:wasDerivedFrom": before} if before else told


def _origins(split_s: Mapping[str, float]) -> str:
    """Where it comes from, in hours."""
    return (
        ", ".join(f"{name} {seconds / 3600:.2f} h" for name, seconds in split_s.items() if seconds) or "no time at all"
    )


def _taken_out(claims: Mapping[str, Any]) -> list[str]:
    """What was taken out before it went out, and how."""
    told = [f"{name}: {claims[name]['method']}, key {claims[name]['key']}" for name in claims if name != "time"]
    if "time" in claims:
        by = claims["time"]["by"]
        told.append(f"times shifted {'at random' if isinstance(by, str) else f'by {by} s'}")
    return told


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
    }.get(name.rpartition(".")[2], "text/plain")  # fmt: skip
