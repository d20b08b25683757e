"""The fleet of mobile robots of a site: since when each is in its state, and how long it waited lately."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.directory import belongs
from twin.clock import NS_PER_S
from twin.packml import FAULTED, WORKING, UnitState, state_named
from twin.sample import Role

if TYPE_CHECKING:
    from dashboards.view import View

WINDOW_NS = 3600 * NS_PER_S
WAITS = frozenset({UnitState.SUSPENDED, UnitState.SUSPENDING})
Row = dict[str, Any]


def fleet(view: View, site: str, robots: frozenset[str]) -> Row:
    """Each robot's present state's beginning, and of the last hour: at work, waits for the way, stops."""
    start_ns, end_ns = view.clock_ns - WINDOW_NS, view.clock_ns
    rows: list[Row] = []
    for stream in view.streams().values():
        for column in stream.text_columns:
            if stream.asset in robots and belongs(stream.asset, site) and column.role is Role.STATE:
                changes = view.text_changes(stream.id, column.name, start_ns, end_ns + 1)
                rows.append({"asset": stream.asset, **_told(changes, start_ns, end_ns)})
    return {"clock_ms": ms(end_ns), "from_ms": ms(start_ns), "robots": sorted(rows, key=lambda row: str(row["asset"]))}


def _told(changes: list[tuple[int, str]], start_ns: int, end_ns: int) -> Row:
    spans = [
        (max(a, start_ns), b, state_named(state))
        for (a, state), (b, _) in pairwise([*changes, (end_ns, "")])
        if b > start_ns
    ]
    waits = [b - a for a, b, state in spans if state in WAITS]
    known_ns = sum(b - a for a, b, _ in spans)
    return {
        "since_ms": ms(changes[-1][0]) if changes else None,
        "since_before": len(changes) == 1 and changes[0][0] <= start_ns,
        "state": changes[-1][1] if changes else None,
        "waits": len(waits),
        "waited_s": sum(waits) / NS_PER_S,
        "stopped_s": sum(b - a for a, b, state in spans if state in FAULTED) / NS_PER_S,
        "run_ratio": sum(b - a for a, b, state in spans if state in WORKING) / known_ns if known_ns else None,
    }
