"""What goes with a dataset: where it comes from, under which terms, and what each of its files must be.

``croissant.json`` is Croissant 1.1 with lineage in PROV-O and the policy as an ODRL offer; ``meta/provenance.json``
is ours; ``README.md`` is the card, Korean and English; ``SHA256SUMS`` holds croissant.json's own checksum too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from connectors.exporters.book import catalogue_of
from connectors.exporters.croissant import CARD, PROVENANCE, seal, write_json
from twin.clock import iso_from_ns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connectors.exporters.frames import Shape
    from connectors.exporters.plan import Plan, Readable, Told


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
        "privacy": dict(plan.privacy),
        "derived_from": [dict(one) for one in plan.offer.lineage],
        "episodes": [
            {
                "index": i, "id": one.id, "from_ns": one.start_ns, "to_ns": one.end_ns, "source": one.source,
                **({"file": told.files[i]} if i in told.files else {}),
                **({"made_of": dict(plan.made.of[one.id])} if one.id in plan.made.of else {}),
            }
            for i, one in enumerate(episodes)
        ],
    }  # fmt: skip
    write_json(folder / PROVENANCE, provenance)
    (folder / CARD).write_text(_card(plan, told, provenance), encoding="utf-8")
    there |= {name: sha256_of(folder / name) for name in (PROVENANCE, CARD)}
    seal(folder, plan.terms.description, told.tables, provenance, there)


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def told_columns(shape: Shape) -> list[dict[str, str]]:
    """The columns of frames, for the provenance."""
    return [
        {"name": one.name, "stream": one.stream, "unit": one.unit, "resampled": one.policy} for one in shape.columns
    ]


def card_rows(shape: Shape) -> str:
    """The columns of frames, for the card."""
    rows = "\n".join(f"| `{one.name}` | {one.unit or '–'} | {one.policy} |" for one in shape.columns)
    return f"| 신호 / signal | 단위 / unit | 재표본 / resampled |\n|---|---|---|\n{rows}"


def store_hashes(history: Readable) -> dict[str, dict[str, object]]:
    """Of each writer the number of its last keyframe, and the SHA-256 of the mirror's state then."""
    found: dict[str, dict[str, object]] = {}
    for writer in history.writers():
        last = history.last_keyframe(writer)
        if last is not None:
            found[writer] = {"batch": last.n, "sha256": last.sha256}
    return found


def _privacy(claims: Mapping[str, Any]) -> str:
    """The card's line of what was taken out."""
    words = {
        "pseudonyms": "사람 / people: HMAC", "parts": "부품 번호 / part numbers: HMAC",
        "time": "시각 이동 / times shifted",
    }  # fmt: skip
    told = " · ".join(words[name] for name in words if name in claims)
    return f"| 익명화 / privacy | {told} |\n" if told else ""


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
{_privacy(plan.privacy)}{told.card}
## 변경 기록 / changes

{changes}
"""
