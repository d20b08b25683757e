"""What a dataset's papers claim of it, of this program's or of an earlier version's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connectors.care.files import sha256_of
from connectors.exporters.croissant import CROISSANT, PROVENANCE
from twin.clock import NS_PER_S
from twin.datasets import FIRST_VERSION, Claims, split_of
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from pathlib import Path


def claims_of(folder: Path) -> Claims:
    """What a dataset tells of itself; raises EpisodeError where its papers cannot be read.

    Datasets of before there was a catalogue told less: their figures are added up from their list of episodes.
    """
    try:
        told = json.loads((folder / PROVENANCE).read_text("utf-8"))
        croissant = json.loads((folder / CROISSANT).read_text("utf-8"))
        return _claims(told, croissant)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EpisodeError(
            f"{folder} does not say what it is: {error!r}",
            "name the folder of a dataset that twin export or twin datasets pack wrote",
        ) from error


def _claims(told: dict[str, Any], croissant: dict[str, Any]) -> Claims:
    book = told.get("catalogue") or {}
    episodes = [(str(one["source"]), seconds_of(one)) for one in told.get("episodes", ())]
    version = str(book.get("version") or croissant.get("version") or FIRST_VERSION)
    return Claims(
        name=str(told["name"]),
        version=version,
        format=str(told["format"]),
        licence=str(told["licence"]),
        hub=str(book.get("hub", "")),
        hub_name=dict(book.get("hub_name", {})),
        title=dict(book.get("title", {})),
        contact=str(book.get("contact", "")),
        content=str(book.get("content_sha256", "")),
        episodes=int(book.get("episodes", len(episodes))),
        labelled=int(book.get("labelled", 0)),
        hours=float(book.get("hours", round(sum(seconds for _, seconds in episodes) / 3600, 4))),
        quality={str(name): int(count) for name, count in book.get("quality", {}).items()},
        split_s={str(name): float(s) for name, s in book.get("split_s", split_of(episodes)).items()},
        changelog=tuple(dict(one) for one in book.get("changelog", [{"version": version, "changes": ""}])),
        lineage=tuple(dict(one) for one in told.get("derived_from", ())),
        privacy=dict(told.get("privacy", {})),
        assets=tuple(str(one) for one in told.get("assets", ())),
        exporter=str(told.get("exporter", "")),
        begin=str(told.get("from", "")),
        end=str(told.get("to", "")),
    )


def seconds_of(episode: dict[str, Any]) -> float:
    """How long an episode of the provenance is, from its first to its last frame."""
    return float(int(episode["to_ns"]) - 1 - int(episode["from_ns"])) / NS_PER_S


def lineage_of(folder: Path, claims: Claims) -> dict[str, Any]:
    """A dataset as others name it in their lineage: which one, under which licence, and its provenance's SHA-256."""
    return {
        "id": claims.id, "version": claims.version, "format": claims.format, "hub": claims.hub,
        "licence": claims.licence, "contact": claims.contact, "content_sha256": claims.content,
        "provenance_sha256": sha256_of(folder / PROVENANCE), "privacy": dict(claims.privacy),
        "split_s": dict(claims.split_s), "derived_from": [dict(one) for one in claims.lineage],
    }  # fmt: skip
