"""What goes with a dataset: where it comes from, under which terms, and what each of its files must be.

``croissant.json`` is Croissant 1.1 with lineage in PROV-O and the policy as an ODRL offer; ``meta/provenance.json``
is ours; ``README.md`` is the card, Korean and English.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connectors.exporters.frames import ACTION_POLICY
from twin.clock import iso_from_ns
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from connectors.exporters.frames import Shape
    from twin.episodes import Episode
    from twin.ports import History

PROVENANCE, CROISSANT, CARD = "meta/provenance.json", "croissant.json", "README.md"
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


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which name and licence a dataset goes out, made by which version of the exporter."""

    name: str
    licence: str
    exporter: str
    description: str = ""


def licence_of(text: str) -> str:
    """A licence as it may be named; raises EpisodeError for none, and for one that nobody knows."""
    known = next((one for one in SPDX if one.lower() == text.lower()), "")
    if known:
        return known
    if text.startswith("LicenseRef-") and len(text) > len("LicenseRef-"):
        return text
    what = f"{text!r} is no licence that is known here" if text else "a dataset goes out under a licence"
    raise EpisodeError(what, f"--licence with one of {', '.join(SPDX)}, or LicenseRef-NAME for your own")


def write_papers(  # noqa: PLR0913  all that a dataset's papers speak of
    folder: Path, history: History, episodes: Sequence[Episode], info: dict[str, Any], terms: Terms, shape: Shape
) -> None:
    """Write all three beside the data; the card and the provenance are in croissant.json's checksums."""
    sources = sorted({one.source for one in episodes})
    provenance = {
        "name": terms.name,
        "licence": terms.licence,
        "exporter": terms.exporter,
        "sources": {name: sum(one.source == name for one in episodes) for name in sources},
        "from": iso_from_ns(min(one.start_ns for one in episodes)),
        "to": iso_from_ns(max(one.end_ns for one in episodes)),
        "assets": sorted({one.asset for one in episodes}),
        "methods": sorted({one.method.value for one in episodes}),
        "fps": info["fps"],
        "action": ACTION_POLICY,
        "columns": [
            {"name": one.name, "stream": one.stream, "unit": one.unit, "resampled": one.policy} for one in shape.columns
        ],
        "store": store_hashes(history),
        "episodes": [
            {"index": i, "id": one.id, "from_ns": one.start_ns, "to_ns": one.end_ns, "source": one.source}
            for i, one in enumerate(episodes)
        ],
    }
    _json(folder / PROVENANCE, provenance)
    (folder / CARD).write_text(_card(info, terms, provenance, episodes), encoding="utf-8")
    _json(folder / CROISSANT, _croissant(folder, info, terms, provenance))


def store_hashes(history: History) -> dict[str, dict[str, object]]:
    """Of each writer the number of its last keyframe, and the SHA-256 of the mirror's state then."""
    found: dict[str, dict[str, object]] = {}
    for writer in history.writers():
        last = history.last_keyframe(writer)
        if last is not None:
            found[writer] = {"batch": last.n, "sha256": last.sha256}
    return found


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _croissant(folder: Path, info: dict[str, Any], terms: Terms, provenance: dict[str, Any]) -> dict[str, Any]:
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    names = [one.relative_to(folder).as_posix() for one in files]
    data = [name for name in names if name.startswith("data/")]
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
        "description": terms.description or f"{info['total_episodes']} episodes of {', '.join(provenance['assets'])}",
        "license": SPDX.get(terms.licence, terms.licence),
        "version": "1.0.0",
        "datePublished": provenance["to"][:10],
        "url": f"urn:factory-twin:{terms.name}",
        "creator": {"@type": "sc:Organization", "name": "Factory Twin hub"},
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "name": terms.exporter},
        "prov:wasDerivedFrom": [
            {"@type": "prov:Entity", "name": writer, **said} for writer, said in provenance["store"].items()
        ],
        "usageInfo": {
            "@type": "odrl:Offer",
            "odrl:permission": {"odrl:action": "odrl:use", "odrl:duty": SPDX.get(terms.licence, terms.licence)},
        },
        "distribution": [
            {
                "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
                "encodingFormat": _format(name), "contentSize": f"{path.stat().st_size} B", "sha256": sha256_of(path),
            }
            for name, path in zip(names, files, strict=True)
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet", "@id": f"frames-{i}", "name": f"frames-{i}",
                "field": [_field(i, name, file, feature) for name, feature in info["features"].items()],
            }
            for i, file in enumerate(data)
        ],
    }  # fmt: skip


def _field(number: int, name: str, file: str, feature: dict[str, Any]) -> dict[str, Any]:
    kind = "sc:Float" if feature["dtype"].startswith("float") else "sc:Integer"
    of_many = {"isArray": True, "arrayShape": str(feature["shape"][0])} if feature["names"] else {}
    return {
        "@type": "cr:Field", "@id": f"frames-{number}/{name}", "name": f"frames-{number}/{name}", "dataType": kind,
        "source": {"fileObject": {"@id": file}, "extract": {"column": name}}, **of_many,
    }  # fmt: skip


def _format(name: str) -> str:
    return {"parquet": "application/x-parquet", "json": "application/json", "md": "text/markdown"}[
        name.rpartition(".")[2]
    ]


def _card(info: dict[str, Any], terms: Terms, provenance: dict[str, Any], episodes: Sequence[Episode]) -> str:
    good = sum(one.outcome.value == "success" for one in episodes)
    hours = sum(one.duration_s for one in episodes) / 3600
    split = ", ".join(f"{name} {count}" for name, count in provenance["sources"].items())
    rows = "\n".join(
        f"| `{one['name']}` | {one['unit'] or '–'} | {one['resampled']} |" for one in provenance["columns"]
    )
    return f"""---
license: {terms.licence.lower()}
task_categories: [robotics]
tags: [LeRobot, factory-twin]
configs:
  - config_name: default
    data_files: data/*/*.parquet
---

# {terms.name}

{terms.description}

| 항목 / item | |
|---|---|
| 에피소드 / episodes | {info["total_episodes"]} (성공 / success {good}) |
| 프레임 / frames | {info["total_frames"]} · {info["fps"]} fps · {hours:.2f} h |
| 설비 / assets | {", ".join(provenance["assets"])} |
| 기간 / time | {provenance["from"]} – {provenance["to"]} |
| 출처 / source | {split} |
| 라이선스 / licence | {terms.licence} |
| action | {ACTION_POLICY} |

실제 생산 기록에서 만든 데이터입니다. 신호별 재표본 방법은 아래 표와 같습니다.
성공 여부와 원인은 `meta/episodes`에 있습니다.

Made of recorded production. How each signal was put onto the frames' clock stands below; outcome and cause are in
`meta/episodes`.

| 신호 / signal | 단위 / unit | 재표본 / resampled |
|---|---|---|
{rows}
"""


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
