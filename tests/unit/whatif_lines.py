"""The lines of the demo with the true laws of their simulation, as a what-if runs them."""

from __future__ import annotations

from simulated_shift import START_NS, demo

from twin.flow import flow_of
from twin.kpi import scopes_of
from twin.shifts import calendar_of, planned
from twin.simulation.line import DEFAULT_BETWEEN_FAILURES_S, DEFAULT_CYCLE_S, STATION_TYPES
from twin.whatif.change import works_of
from twin.whatif.law import SHARES, Law, exponential
from twin.whatif.model import Line, Model, Room, Station, Stop

SCRAP = {"robot_arm": 0.003, "inspection": 0.0173, "machine_tool": 0.02}
"""Of inspections: how often a deviation of 0.105 mm is beyond 0.25 mm."""


def station(asset, *, first, tender=None):
    cycle_s = float(asset.attributes.get("cycle_s", DEFAULT_CYCLE_S[asset.type]))
    stop = Stop("aborted", exponential(DEFAULT_BETWEEN_FAILURES_S), Law(120 + 360 * SHARES), is_failure=True)
    return Station(
        asset.id, Law(cycle_s * (0.985 + 0.05 * SHARES**2)), SCRAP[asset.type], (stop,), 0.004 if first else 0.0,
        Law(60 + 180 * SHARES), asset.attributes.get("ideal_cycle_s"), tender=tender,
    )  # fmt: skip


def true_model(site_id: str, hours: float = 8.0) -> Model:
    site = demo().hub.site(site_id)
    assets = {asset.id: asset for asset in site.assets}
    whole, *scopes = scopes_of(site, [one.id for one in site.assets if one.type in STATION_TYPES], [])
    lines = []
    for scope in scopes:
        if scope.of != "line":
            continue
        flow = flow_of(scope.id, site.assets)
        arms = list(dict.fromkeys(arm for step in flow.steps for arm in step.tenders))
        leaves = [arm.rpartition("/")[2] for arm in arms]
        steps = []
        for place, step in enumerate(flow.steps):
            steps.append(
                tuple(
                    station(
                        assets[one],
                        first=place == 0 and assets[one].type == "robot_arm",
                        tender=leaves.index(arm)
                        if (arm := assets[one].attributes.get("tended_by")) in leaves
                        else None,
                    )
                    for one in step.stations
                )
            )
        rooms = []
        for step in flow.steps[:-1]:
            capacity = int(assets[step.buffers[0]].attributes["capacity"]) if step.buffers else 1
            rooms.append(Room(step.buffers, capacity, capacity // 2 if step.buffers else 0))
        tenders = tuple(station(assets[arm], first=False) for arm in arms)
        lines.append(Line(scope, tuple(steps), tuple(rooms), tenders))
    end_ns = START_NS + round(hours * 3600e9)
    works = works_of(planned(calendar_of(site), START_NS, end_ns), START_NS)
    return Model(site_id, START_NS, hours * 3600, works, tuple(lines), whole)
