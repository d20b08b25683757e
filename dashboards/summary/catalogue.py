"""The catalogue of datasets as a person may see it: whose, which version, what it claims, how its last check went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.desk.datasets import Way
from dashboards.status import ms
from twin.datasets import order_of
from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.desk.datasets import Entry

MOST_PROBLEMS = 20


def catalogue(entries: Iterable[Entry], sites: frozenset[str] | None, as_of_ns: int) -> dict[str, Any]:
    """The entries of a person whose sites are ``sites`` (None: all), newest version of each first.

    What was made here is of a site; what another hub made is of none of ours. Where the files lie is the terminal's.
    """
    seen = [one for one in entries if one.way is Way.IMPORTED or sites is None or one.claims.sites <= sites]
    seen.sort(key=lambda one: (one.claims.id, one.claims.format))
    seen.sort(key=lambda one: (one.claims.id, _version(one.claims.version)), reverse=True)
    return {"as_of_ms": ms(as_of_ns), "datasets": [_row(one) for one in seen]}


def _version(text: str) -> tuple[int, int, int]:
    try:
        return order_of(text)
    except EpisodeError:
        return (0, 0, 0)  # another hub's own way of counting


def _row(one: Entry) -> dict[str, Any]:
    claims = one.claims
    return {
        "id": claims.id, "name": claims.name, "hub": claims.hub, "hub_name": dict(claims.hub_name),
        "title": dict(claims.title), "version": claims.version, "format": claims.format, "licence": claims.licence,
        "contact": claims.contact, "way": one.way.value, "at_ms": ms(one.at_ns), "episodes": claims.episodes,
        "labelled": claims.labelled, "hours": claims.hours, "quality": dict(claims.quality),
        "split_s": dict(claims.split_s), "changelog": [dict(part) for part in claims.changelog],
        "lineage": [dict(part) for part in claims.lineage], "privacy": dict(claims.privacy),
        "assets": list(claims.assets), "begin": claims.begin, "end": claims.end, "exporter": claims.exporter,
        "sums": one.sums, "checked_ms": None if one.checked_ns is None else ms(one.checked_ns),
        "problems": list(one.problems[:MOST_PROBLEMS]),
    }  # fmt: skip
