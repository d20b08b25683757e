"""A robot's cell: how its cycles are spread, and the steps of its program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboards.status import ms
from dashboards.summary.expected import expected_cycle
from dashboards.summary.line import WINDOW_NS, cycles_of, standard_s
from twin.clock import NS_PER_S
from twin.cycles import histogram_of, spread_of
from twin.flow import takt_of
from twin.ids import site_of
from twin.sample import Role

if TYPE_CHECKING:
    from dashboards.view import View
    from twin.site import Hub

STEPS_NS = 600 * NS_PER_S
MOST_STEPS = 40
Row = dict[str, Any]


def cell_cycles(view: View, hub: Hub, asset_id: str) -> Row:
    """The distribution of the last eight hours' cycle times, against takt and standard cycle."""
    site = hub.site(site_of(asset_id))
    takt_s = takt_of(site, asset_id) if site else None
    start_ns = view.clock_ns - WINDOW_NS
    _, cycle_s = cycles_of(view, asset_id, start_ns)
    spread, found = spread_of(cycle_s), histogram_of(cycle_s, takt_s)
    expected_s, expected_spread_s = expected_cycle(view, asset_id)
    return {
        "clock_ms": ms(view.clock_ns),
        "from_ms": ms(start_ns),
        "takt_s": takt_s,
        "standard_s": standard_s(hub.assets().get(asset_id)),
        "expected_s": expected_s,
        "expected_spread_s": expected_spread_s,
        "count": len(cycle_s),
        "last_s": float(cycle_s[-1]) if len(cycle_s) else None,
        "median_s": spread.median_s if spread else None,
        "low_s": spread.low_s if spread else None,
        "high_s": spread.high_s if spread else None,
        "over_takt_ratio": float((cycle_s > takt_s).mean()) if takt_s and len(cycle_s) else None,
        "histogram": None
        if found is None
        else {
            "first_s": found.first_s,
            "width_s": found.width_s,
            "counts": list(found.counts),
            "beyond": found.beyond,
        },
    }


def cell_steps(view: View, asset_id: str) -> Row:
    """The program's steps of the last ten minutes, each with where it began; and the cycles that ended meanwhile."""
    start_ns = view.clock_ns - STEPS_NS
    steps: list[Row] = []
    known = False
    for stream in view.streams().values():
        for column in stream.text_columns:
            if stream.asset == asset_id and column.role is Role.PROGRAM:
                known = True
                changes = view.text_changes(stream.id, column.name, start_ns, view.clock_ns + 1)
                steps = [{"t_ms": ms(t_ns), "step": step} for t_ns, step in changes[-MOST_STEPS:]]
    ended_ns, _ = cycles_of(view, asset_id, start_ns)
    return {
        "clock_ms": ms(view.clock_ns),
        "known": known,
        "steps": steps,
        "cycles_ms": [ms(t_ns) for t_ns in ended_ns.tolist()],
    }
