"""What the Line, Cell and Fleet pages say of a view: a line of two stations with a buffer between them, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from connectors.stores.memory import MemoryStore
from dashboards.marks import Marks
from dashboards.summary.cell import cell_cycles, cell_steps
from dashboards.summary.fleet import fleet
from dashboards.summary.line import flow_json, line_cycles, line_parts, line_states, place_in
from dashboards.view import PastView
from twin.clock import NS_PER_S
from twin.flow import flow_of, takt_of
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Kind, Role, Signal, batch_of, frame, stream_of
from twin.site import Asset, Hub, Level, Name, Place, Site

T0 = 1_800_000_000 * NS_PER_S
NAME = Name("이름", "name")
A, B, ROOM, AMR = "s/a/line/A", "s/a/line/B", "s/a/line/ROOM", "s/fleet/AMR"
MINUTE_S = 60
WINDOW_NS = 600 * NS_PER_S


def _station(asset: str):
    return stream_of(
        asset,
        "status",
        [
            Signal("good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT),
            Signal("scrap_count", Kind.COUNTER, "{part}", Role.SCRAP_COUNT),
            Signal("cycle_time", unit="s", role=Role.CYCLE_TIME),
            Signal("state", Kind.STATE, role=Role.STATE),
            Signal("program", Kind.TEXT, role=Role.PROGRAM),
        ],
        sequenced=True,
        period_s=10.0,
        source="src",
    )


_A, _B = _station(A), _station(B)
_ROOM = stream_of(
    ROOM,
    "data",
    [Signal("level", unit="{part}", role=Role.LEVEL), Signal("capacity", unit="{part}", role=Role.CAPACITY)],
    sequenced=True,
    period_s=10.0,
    source="src",
)
_AMR = stream_of(AMR, "state", [Signal("state", Kind.STATE, role=Role.STATE)], sequenced=True, period_s=10.0)


def _frames(s: int, n: int):
    """All that is told at second ``s``.

    The buffer is full from 200 s on: from then on A waits every second minute, B works all the time. A part of
    A takes 50 s, every tenth is scrap; a part of B takes 55 s until 400 s, then 70 s.
    """
    full = s >= 200
    a_waits = full and (s // MINUTE_S) % 2 == 1
    made_a, made_b = s // 50, s // 60
    t_ns = T0 + s * NS_PER_S

    def one(stream, values, texts):
        return frame(stream, t_ns, n, t_ns, values, texts)

    return [
        one(_A, (made_a - made_a // 10, made_a // 10, 50.0), ("Suspended" if a_waits else "Execute", "weld")),
        one(_B, (made_b, 0, 55.0 if s < 400 else 70.0), ("Execute", "grip" if s % 60 < 20 else "place")),
        one(_ROOM, (8.0 if full else s / 25, 8.0), ()),
        one(_AMR, (), ("Suspended" if 100 <= s < 160 or s >= 580 else "Execute",)),
    ]


@pytest.fixture(scope="module")
def view() -> PastView:
    store, mirror = MemoryStore(), Mirror()

    def fold(batch):
        return Folded(mirror.apply(batch), mirror.changed)

    for n, s in enumerate(range(0, 601, 10), 1):
        store.append(Commit(batch_of("w", n, T0 + s * NS_PER_S, _frames(s, n))), fold)
    return PastView(store, T0 + 600 * NS_PER_S)


@pytest.fixture(scope="module")
def hub() -> Hub:
    assets = (
        Asset(A, "robot_arm", NAME, attributes={"station": 1, "cycle_s": 48.0}),
        Asset(B, "robot_arm", NAME, attributes={"station": 2}),
        Asset(ROOM, "buffer", NAME, attributes={"after": 1, "capacity": 8}),
        Asset(AMR, "mobile_robot", NAME),
    )
    line = Place("s/a/line", Level.LINE, NAME, takt_s=60.0)
    return Hub("h", NAME, (Site("s", NAME, NAME, "UTC", (10.0, 10.0), places=(line,), assets=assets),))


def test_a_station_before_a_full_buffer_is_blocked_and_the_one_behind_it_is_the_bottleneck(view, hub):
    answer = line_states(view, *place_in(hub, "s/a/line"), WINDOW_NS)
    before, behind = answer["stations"]
    assert (before["asset"], behind["asset"]) == (A, B)
    # Waits from 200 to 240, 300 to 360, 420 to 480, 540 to 600.
    assert before["blocked_s"] == pytest.approx(220, abs=1)
    assert before["starved_s"] == 0
    assert {tuple(one[2:]) for one in before["segments"]} == {("Execute", ""), ("Suspended", "blocked")}
    assert behind["blocked_s"] == behind["starved_s"] == 0
    assert before["run_ratio"] == pytest.approx(380 / 600, abs=0.01)
    assert behind["run_ratio"] == 1.0
    found = answer["bottleneck"]
    assert (found["asset"], found["now"], found["since_before"]) == (B, B, True)
    assert found["borne_out"], "all before it are rather blocked, and nothing is behind it"


def test_cycles_are_those_that_ended_against_takt_and_standard(view, hub):
    answer = line_cycles(view, *place_in(hub, "s/a/line"))
    before, behind = answer["stations"]
    assert (before["median_s"], before["standard_s"], before["takt_s"]) == (50.0, 48.0, 60.0)
    assert before["count"] == 12
    assert before["ended_ms"] == (T0 + 600 * NS_PER_S) / 1e6
    assert behind["last_s"] == 70.0


def test_parts_are_counted_since_the_window_began_and_the_line_where_they_leave_it(view, hub):
    answer = line_parts(view, *place_in(hub, "s/a/line"), Marks(), WINDOW_NS)
    before, behind = answer["stations"]
    assert (before["good"], before["scrap"]) == (11.0, 1.0)
    assert (behind["good"], answer["good"], answer["scrap"]) == (10.0, 10.0, 1.0)
    assert answer["wanted_per_h"] == 60.0
    assert answer["good_per_h"] == pytest.approx(60.0)


def test_the_histogram_says_how_many_cycles_are_over_the_takt(view, hub):
    answer = cell_cycles(view, hub, B)
    assert answer["count"] == 10
    # Those that ended from 420 s on lasted 70 s.
    assert answer["over_takt_ratio"] == pytest.approx(4 / 10)
    assert sum(answer["histogram"]["counts"]) + answer["histogram"]["beyond"] == 10


def test_steps_are_told_in_order_and_a_robot_without_a_program_tells_none(view):
    answer = cell_steps(view, B)
    assert answer["known"]
    assert [one["step"] for one in answer["steps"][-3:]] == ["grip", "place", "grip"]
    assert np.all(np.diff([one["t_ms"] for one in answer["steps"]]) > 0)
    assert cell_steps(view, AMR)["known"] is False


def test_the_fleet_says_since_when_a_robot_waits_and_how_long_it_waited(view):
    (row,) = fleet(view, "s", frozenset({AMR}))["robots"]
    assert row["state"] == "Suspended"
    assert row["since_ms"] == (T0 + 580 * NS_PER_S) / 1e6
    assert row["since_before"] is False
    assert (row["waits"], row["waited_s"]) == (2, 80.0)
    assert row["run_ratio"] == pytest.approx(520 / 600)


def test_stations_side_by_side_share_the_takt(hub):
    machines = tuple(Asset(f"s/a/line/M{i}", "machine_tool", NAME, attributes={"station": 1}) for i in (1, 2, 3))
    site = Site("s", NAME, NAME, "UTC", (1.0, 1.0), places=hub.sites[0].places, assets=machines)
    assert takt_of(site, "s/a/line/M2") == 180.0
    assert takt_of(hub.sites[0], AMR) is None


def test_the_browser_is_told_of_the_flow_in_order(hub):
    told = flow_json(flow_of("s/a/line", hub.sites[0].assets))
    assert [step["stations"] for step in told["steps"]] == [[A], [B]]
    assert told["steps"][0]["buffers"] == [ROOM]
