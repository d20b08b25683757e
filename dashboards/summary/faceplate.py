"""What an asset's faceplate says beside its signals: remarks, documents, and how its upkeeps stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.desk import papers, remarks, upkeep
from connectors.figures.meter import heard_since_ns, metered
from dashboards.status import ms
from twin.clock import NS_PER_S
from twin.upkeep import DAY_NS, Counts, standing

if TYPE_CHECKING:
    from connectors.desk import Desk
    from connectors.desk.papers import Paper
    from connectors.desk.upkeep import Done, Upkeep
    from connectors.figures import Asked, Figures
    from twin.site import Site

LATELY_NS = 7 * DAY_NS
"""At the pace of these days a counter goes on."""
LEAST_NS = 3600 * NS_PER_S
"""From less data no pace is told."""
HOUR_NS = 3600 * NS_PER_S


def book_json(desk: Desk, asset: str, as_of_ns: int | None) -> dict[str, Any]:
    """Remarks and documents by ``as_of_ns`` (None: now)."""
    return {
        "remarks": [
            {"n": one.n, "text": one.text, "who": one.who, "at_ms": ms(one.at_ns)}
            for one in remarks.remarks(desk, asset, as_of_ns)
        ],
        "papers": [paper_json(one) for one in papers.papers(desk, asset, as_of_ns)],
    }


def paper_json(one: Paper) -> dict[str, Any]:
    """A document as the page lists it."""
    return {
        "n": one.n,
        "name": one.name,
        "kind": one.kind,
        "size": one.size,
        "who": one.who,
        "at_ms": ms(one.at_ns),
        "href": f"/view/asset/papers/{one.n}",
    }


def upkeeps_json(  # noqa: PLR0913  where it is read from, and of what
    desk: Desk, figures: Figures, asked: Asked, site: Site, asset: str, as_of_ns: int | None
) -> list[dict[str, Any]]:
    """How each upkeep of an asset stands, the most urgent first."""
    listed = upkeep.upkeeps(desk, asset, as_of_ns)
    first_ns = heard_since_ns(asked, asset)
    counted = any(one.counts is not Counts.DAYS for one, _ in listed) and first_ns is not None
    from_ns = max(asked.now_ns - LATELY_NS, first_ns or 0)
    lately = metered(desk, figures, asked, site, asset, from_ns) if counted else None
    lately_ns = asked.now_ns - from_ns
    rows = []
    for one, done in listed:
        since_ns = done.at_ns if done is not None else one.at_ns
        used = pace = 0.0
        if lately is not None and one.counts is not Counts.DAYS:
            total = metered(desk, figures, asked, site, asset, since_ns)
            used, pace = (
                (total.run_ns / HOUR_NS, lately.run_ns / HOUR_NS)
                if one.counts is Counts.HOURS_RUN
                else (float(total.parts), float(lately.parts))
            )
        rows.append(_row(one, done, since_ns, asked.now_ns, used, pace, lately_ns))
    return sorted(rows, key=lambda row: (-row["share"], row["n"]))


def _row(  # noqa: PLR0913  what a counter is reckoned from
    one: Upkeep, done: Done | None, since_ns: int, now_ns: int, used: float, pace: float, lately_ns: int
) -> dict[str, Any]:
    told = lately_ns >= LEAST_NS
    stands = standing(one.counts, one.every, since_ns, max(now_ns, since_ns), used, pace if told else 0.0, lately_ns)
    return {
        "n": one.n,
        "name": one.name,
        "counts": one.counts.value,
        "every": one.every,
        "used": stands.used,
        "share": stands.share,
        "due": stands.due.value,
        "left_s": None if stands.due_ns is None else (stands.due_ns - max(now_ns, since_ns)) / NS_PER_S,
        "since_ms": ms(since_ns),
        "done": None if done is None else {"at_ms": ms(done.at_ns), "who": done.who, "note": done.note},
    }
