"""What a dataset claims of itself for the catalogues of hubs, and whether its episodes bear that out."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from connectors.exporters.finding import Finding
from twin.clock import NS_PER_S
from twin.datasets import Edition, edition_of, order_of, split_of
from twin.errors import EpisodeError
from twin.quality import heaviest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from connectors.exporters.plan import Plan

NOT_JUDGED = "not_judged"
Row = tuple[str, str]
"""Of one episode, as its data tell: what came of it, and where it comes from."""


def content_of(there: Mapping[str, str], licence: str) -> str:
    """The SHA-256 of what goes out: each data file's SHA-256 and the licence. Two with the same are one edition."""
    lines = "".join(f"{there[name]}  {name}\n" for name in sorted(there)) + licence
    return hashlib.sha256(lines.encode()).hexdigest()


def catalogue_of(plan: Plan, there: Mapping[str, str]) -> dict[str, Any]:
    """What the catalogues of hubs tell of it. Raises EpisodeError for a version that other data have."""
    offer, episodes = plan.offer, plan.episodes
    hours = round(sum(one.duration_s for one in episodes) / 3600, 4)
    content = content_of(there, plan.terms.licence)
    now, before = edition_of(offer.earlier, Edition(offer.version, content, offer.changes, len(episodes), hours))
    found = Counter(heaviest(one.quality) for one in episodes)
    return {
        "hub": offer.hub,
        "hub_name": dict(offer.hub_name),
        "title": dict(offer.title),
        "contact": offer.contact,
        "version": now.version,
        "content_sha256": content,
        "episodes": len(episodes),
        "labelled": sum(one.outcome.value != "unknown" for one in episodes),
        "hours": hours,
        "quality": {name or NOT_JUDGED: found[name] for name in ("defect", "risk", "characteristic", "")},
        "split_s": split_of((one.source, one.duration_s) for one in episodes),
        "changelog": [{"version": one.version, "changes": one.changes} for one in (*before, now)],
    }


def check_book(
    told: dict[str, Any], listed: Mapping[str, str], rows: Sequence[Row] | None, where: str
) -> Iterator[Finding]:
    """What is wrong with the claims of a provenance, beside the files ``listed`` with their SHA-256.

    ``rows`` is what the data themselves tell of each episode, in order; None where they cannot be read. Datasets of
    before there was a catalogue claim nothing. Raises KeyError, TypeError and ValueError where it is no provenance.
    """
    book = told.get("catalogue")
    if book is None:
        return
    episodes = told["episodes"]
    seconds = [(int(one["to_ns"]) - 1 - int(one["from_ns"])) / NS_PER_S for one in episodes]
    real: dict[str, Any] = {
        "content_sha256": content_of(listed, str(told["licence"])),
        "episodes": len(episodes),
        "hours": round(sum(seconds) / 3600, 4),
        "split_s": split_of((str(one["source"]), s) for one, s in zip(episodes, seconds, strict=True)),
    }
    if rows is not None:
        real["labelled"] = sum(outcome != "unknown" for outcome, _ in rows)
        if [source for _, source in rows] != [str(one["source"]) for one in episodes]:
            yield Finding("claims", where, "tells other sources (real, simulated …) than the data do")
    for name, value in real.items():
        if book[name] != value:
            yield Finding("claims", where, f"claims {name} {_short(book[name])}, and it is {_short(value)}")
    if sum(book["quality"].values()) != len(episodes):
        yield Finding("claims", where, f"its quality is not of {len(episodes)} episodes: {book['quality']}")
    yield from _changelog(book, where)


def _changelog(book: dict[str, Any], where: str) -> Iterator[Finding]:
    try:
        versions = [order_of(str(one["version"])) for one in book["changelog"]]
        is_last = bool(versions) and versions[-1] == order_of(str(book["version"]))
    except EpisodeError as error:
        yield Finding("claims", where, str(error))
        return
    if not is_last or versions != sorted(set(versions)):
        yield Finding("claims", where, "its changelog does not lead up to its version")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else text[:12] + "…"  # noqa: PLR2004  a hash's begin says enough
