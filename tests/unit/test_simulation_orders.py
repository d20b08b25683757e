"""The fleet master over a simulated day: base and horizon, actions, blocked robots, and every order's end."""

from __future__ import annotations

import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from twin.config import parse_factory
from twin.sample import stream_of
from twin.simulation.fleet import build_fleet
from twin.simulation.orders import (
    ANSWER_MS,
    BASE_EDGES,
    BLOCKED,
    CANCEL,
    DROP,
    PATIENCE_MS,
    PICK,
    InstantAction,
    Order,
    OrderBook,
    Report,
)
from twin.simulation.plant import ASSET_TYPES

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module", params=["jeonju", "changwon"])
def day(request):
    """What was said to and by each robot of a site's fleet over a day: {asset: [(t_ms, what)]}."""
    site = parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub.site(request.param)
    robots = [asset for asset in site.assets if asset.type == "mobile_robot"]
    kinds = ASSET_TYPES["mobile_robot"].streams
    streams = {
        robot.id: {kind.name: stream_of(robot.id, kind.name, kind.signals) for kind in kinds} for robot in robots
    }
    fleet = build_fleet(site, robots, streams, 7, keeps_orders=True)
    said = {robot.asset.id: [] for robot in fleet.robots}
    for hour in range(1, 25):
        fleet.run(hour * HOUR_MS)
        fleet.forget(hour * HOUR_MS)
        for robot in fleet.robots:
            said[robot.asset.id] += robot.orders.take(hour * HOUR_MS)
    return said


def orders(said):
    found = {}
    for t_ms, told in said:
        if isinstance(told, Order):
            found.setdefault(told.number, []).append((t_ms, told))
    return found


def reports(said):
    return [(t_ms, told) for t_ms, told in said if isinstance(told, Report)]


def test_what_is_said_comes_in_the_order_of_time(day):
    for said in day.values():
        times = [t_ms for t_ms, _ in said]
        assert times == sorted(times)
        assert len(orders(said)) > 150


def test_every_order_ends_finished_or_cancelled_and_only_then_the_next_one_begins(day):
    for said in day.values():
        last = {}
        for _, told in reports(said):
            if told.order is not None:
                last[told.order.number] = told
        *ended, _running = sorted(last)
        assert ended == list(range(1, len(ended) + 1))
        for number in ended:
            report = last[number]
            assert report.is_done
            own = [one for one in report.actions if one.key.startswith(f"{number}-")]
            cancelled = any(one.type == CANCEL and one.status == "FINISHED" for one in report.actions)
            assert {one.status for one in own} <= ({"FINISHED", "FAILED"} if cancelled else {"FINISHED"})
            assert not report.fault or cancelled


def test_an_update_begins_at_the_end_of_the_base_and_keeps_what_was_released(day):
    updates = 0
    for said in day.values():
        *ended, running = orders(said).values()
        assert running[0][1].number == len(ended) + 1
        for sent in ended:
            assert [told.update for _, told in sent] == list(range(len(sent)))
            first = sent[0][1]
            assert first.first == 0
            assert first.released == min(len(first.nodes), BASE_EDGES + 1)
            for (_, earlier), (_, later) in pairwise(sent):
                assert later.nodes == earlier.nodes
                assert later.first == earlier.released - 1
                assert later.released > earlier.released
                updates += 1
            assert sent[-1][1].released == len(first.nodes)
    assert updates > 100


def test_no_robot_ever_drives_beyond_its_base(day):
    for said in day.values():
        released = {}
        for _, told in said:
            if isinstance(told, Order):
                released[told.number] = told.released
            elif isinstance(told, Report) and told.order is not None:
                assert told.reached < released[told.order.number]
                is_whole = released[told.order.number] == len(told.order.nodes)
                assert is_whole or told.reached < released[told.order.number] - 1


def test_a_blocked_robot_tells_an_error_and_its_order_or_the_rest_of_it_is_finished(day):
    waited, taken_back = 0, 0
    for said in day.values():
        told = reports(said)
        for (begin_ms, before), (_, blocked) in pairwise(told):
            if before.fault or blocked.fault != BLOCKED:
                continue
            at = told.index((next(t for t, r in told if r is blocked), blocked))
            end = next((i for i in range(at, len(told)) if not told[i][1].fault), None)
            if end is None or not any(report.is_done for _, report in told[end:]):
                continue  # the day ended first
            after = told[end][1]
            finished = next(report for _, report in told[end:] if report.is_done)
            assert finished.actions[-1].status == "FINISHED"
            assert finished.actions[-1].type == blocked.actions[-1].type
            assert begin_ms <= told[at][0]
            if after.order.number == blocked.order.number:
                waited += 1
                assert told[end][0] - told[at][0] <= PATIENCE_MS + 4 * ANSWER_MS
            else:
                taken_back += 1
                assert after.order.number == blocked.order.number + 1
                assert after.order.nodes == blocked.order.nodes[-1:]
        cancels = [one for _, one in said if isinstance(one, InstantAction)]
        assert len({one.key for one in cancels}) == len(cancels)
    assert waited > 10
    assert taken_back > 3


def test_a_robot_holds_a_load_between_a_pick_and_a_drop(day):
    for said in day.values():
        loads = 0
        for (_, before), (_, after) in pairwise(reports(said)):
            if before.load != after.load:
                loads += 1
                done = after.actions[-1]
                assert (done.type, done.status) == (PICK if after.load else DROP, "FINISHED")
        assert loads > 50


def test_without_a_listener_nothing_is_kept():
    book = OrderBook("A", keeps=False)
    book.travel(0, "A", (), PICK, leaves_charger=False)
    book.begin(1000)
    book.finish(2000)
    assert book.report.is_done
    assert list(book.take(1 << 60)) == []
