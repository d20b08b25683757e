"""Mobile robots over a simulated day: nobody shares a node, everybody keeps moving, batteries last."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from twin.config import parse_factory
from twin.errors import ScenarioError
from twin.sample import stream_of
from twin.simulation.fleet import ACCELERATION_M_S2, Fleet, build_fleet
from twin.simulation.laws import Span
from twin.simulation.plant import ASSET_TYPES
from twin.simulation.routes import FOREVER_MS, Profile, Reservations, RouteGraph, plan_trip
from twin.site import Asset, Name, Node, Pose, Site

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
HOUR_MS = 3_600_000
NAME = Name("가", "a")


def demo_site(name: str) -> Site:
    site = parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub.site(name)
    assert site is not None
    return site


def fleet_of(site: Site, seed: int = 7) -> Fleet:
    robots = [asset for asset in site.assets if asset.type == "mobile_robot"]
    streams = {
        asset.id: {
            kind.name: stream_of(asset.id, kind.name, kind.signals) for kind in ASSET_TYPES["mobile_robot"].streams
        }
        for asset in robots
    }
    return build_fleet(site, robots, streams, seed)


def small_site(**changes: object) -> Site:
    """Two stations and a charger on each side of one narrow lane, and two robots that must pass it."""
    nodes = (
        Node("A", 0, 0), Node("B", 8, 0), Node("C", 16, 0),
        Node("S1", 0, 4, "station"), Node("S2", 8, 4, "station"), Node("S3", 16, 4, "station"),
        Node("P1", 0, -4, "charger"), Node("P2", 16, -4, "charger"),
    )  # fmt: skip
    edges = (("A", "B"), ("B", "C"), ("A", "S1"), ("B", "S2"), ("C", "S3"), ("A", "P1"), ("C", "P2"))
    robots = tuple(Asset(f"s/AMR-{i}", "mobile_robot", NAME, Pose(16.0 * i, 4.0)) for i in (0, 1))
    site = Site("s", NAME, NAME, "UTC", (20.0, 10.0), assets=robots, nodes=nodes, edges=edges)
    return replace(site, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "hours"),
    [("changwon", 6), *(pytest.param(name, 24, marks=pytest.mark.slow) for name in ("jeonju", "changwon"))],
)
def test_for_hours_no_two_robots_share_a_node_and_each_keeps_making_trips(name: str, hours: int) -> None:
    fleet = fleet_of(demo_site(name))
    nodes = np.array(list(fleet.graph.position_m.values()))
    trips = [0] * len(fleet.robots)
    for hour in range(hours):
        truths = fleet.sample(Span(hour * HOUR_MS, (hour + 1) * HOUR_MS, slow=True))
        fleet.forget((hour + 1) * HOUR_MS)
        poses = [truth.values[:, :2] for truth in truths if truth.stream.name == "pose"]
        for first, second in combinations(poses, 2):
            assert np.hypot(*(first - second).T).min() > 2.0
        at_node = [np.hypot(*(pose[:, None] - nodes).transpose(2, 0, 1)) < 0.5 for pose in poses[:2]]
        assert not (at_node[0] & at_node[1]).any()
        now = [robot.trips for robot in fleet.robots]
        assert all(after >= before + 3 for before, after in zip(trips, now, strict=True)), (hour, trips, now)
        trips = now
        for truth in truths:
            if truth.stream.name == "status":
                assert truth.values[:, 0].min() > 0.2


def test_reservations_of_a_node_never_overlap() -> None:
    fleet = fleet_of(demo_site("jeonju"))
    for second in range(0, 7200, 5):
        fleet.run(second * 1000)
        for node in fleet.graph.position_m:
            holds = fleet.held.holds(node)
            for earlier, later in pairwise(holds):
                assert earlier[1] <= later[0]


def test_motion_is_continuous_within_speed_and_acceleration_limits() -> None:
    fleet = fleet_of(demo_site("changwon"))
    for truth in fleet.sample(Span(0, 1_200_000, slow=False)):
        if truth.stream.name != "pose":
            continue
        x, y, yaw, speed = truth.values.T
        step_m = np.hypot(np.diff(x), np.diff(y))
        assert step_m == pytest.approx((speed[1:] + speed[:-1]) / 2 * 0.2, abs=0.02)
        assert speed.max() <= 1.4 + 1e-9
        assert np.abs(np.diff(speed)).max() <= ACCELERATION_M_S2 * 0.2 + 1e-3
        turned = (np.diff(yaw) + math.pi) % (2 * math.pi) - math.pi
        assert np.abs(turned).max() < 0.3
        driving = speed[1:] > 0.2
        heading = np.arctan2(np.diff(y), np.diff(x))
        off = (heading - yaw[1:] + math.pi) % (2 * math.pi) - math.pi
        assert np.abs(off[driving & (step_m > 0.05)]).max() < 0.01


def test_robots_that_meet_on_a_narrow_lane_yield_and_go_on() -> None:
    fleet = fleet_of(small_site())
    texts: list[tuple[str | None, ...]] = []
    for hour in range(2):
        for truth in fleet.sample(Span(hour * HOUR_MS, (hour + 1) * HOUR_MS, slow=True)):
            texts += truth.texts
    assert {"Execute", "Suspended", "Idle", "Held"} <= {row[0] for row in texts}
    assert {row[1] for row in texts if row[0] == "Held"} == {"obstacle"}
    assert all(robot.trips > 40 for robot in fleet.robots)


def test_a_low_battery_sends_a_robot_to_charge_until_it_is_full_enough() -> None:
    fleet = fleet_of(small_site())
    charged = False
    for hour in range(8):
        for truth in fleet.sample(Span(hour * HOUR_MS, (hour + 1) * HOUR_MS, slow=True)):
            if truth.stream.name == "status":
                charging = truth.values[:, 2] > 0
                charged |= bool(charging.any())
                gain = np.diff(truth.values[:, 0])[charging[1:] & charging[:-1]]
                assert (gain > 0).all()
                assert truth.values[:, 0].min() > 0.2
                assert all(text[1] == "charging" for text, now in zip(truth.texts, charging, strict=True) if now)
    assert charged


def test_a_planned_trip_waits_for_a_gap_that_another_leaves() -> None:
    graph = RouteGraph(small_site(), 1.4, ACCELERATION_M_S2)
    held = Reservations()
    free = plan_trip(graph, held, "S1", "S3", t_ms=0, heading_rad=0.0)
    held.reserve("B", 0, 60_000, 1)
    late = plan_trip(graph, held, "S1", "S3", t_ms=0, heading_rad=0.0)
    assert [hop.edge.end for hop in free] == [hop.edge.end for hop in late] == ["A", "B", "C", "S3"]
    assert free[-1].arrive_ms < 60_000 < late[1].arrive_ms
    assert late[1].depart_ms >= 60_000
    assert not free[1].profile.to_rest


def test_nobody_plans_a_trip_to_a_parking_that_is_taken() -> None:
    graph = RouteGraph(small_site(), 1.4, ACCELERATION_M_S2)
    held = Reservations()
    held.reserve("S3", 5_000, FOREVER_MS, 1)
    assert plan_trip(graph, held, "S1", "S3", t_ms=0, heading_rad=0.0) == ()


@pytest.mark.parametrize("from_rest", [True, False])
@pytest.mark.parametrize("to_rest", [True, False])
def test_a_driving_profile_covers_exactly_its_edge(from_rest: bool, to_rest: bool) -> None:
    profile = Profile(7.3, 1.4, 0.8, from_rest, to_rest)
    assert profile.at(0) == pytest.approx((0.0, 0.0 if from_rest else 1.4))
    assert profile.at(profile.duration_ms) == pytest.approx((7.3, 0.0 if to_rest else 1.4))
    driven = [profile.at(t)[0] for t in range(0, profile.duration_ms, 10)]
    assert driven == sorted(driven)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nodes": small_site().nodes[:6], "edges": small_site().edges[:5]}, "need a node of kind charger"),
        ({"edges": (("A", "Z"),)}, "leads to a node that is not there"),
        ({"nodes": (*small_site().nodes[:3], small_site().nodes[3], small_site().nodes[6])}, "not there|need at least"),
        ({"edges": (*small_site().edges, ("S1", "S2"))}, "stations must end a lane"),
        ({"nodes": (Node("A", 0, 0), Node("B", 1, 0)), "edges": (("A", "B"),)}, "too short"),
    ],
)
def test_routes_that_robots_cannot_use_are_refused_with_the_reason(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        fleet_of(small_site(**changes))
