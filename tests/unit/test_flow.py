"""The order in which parts go through a line."""

from __future__ import annotations

from twin.flow import flow_of
from twin.site import Asset, Name, Pose

NAME = Name("이름", "name")


def _asset(leaf: str, kind: str, x_m: float = 0.0, **attributes) -> Asset:
    return Asset(f"s/a/line/{leaf}", kind, NAME, Pose(x_m), attributes)


def test_stations_are_in_order_of_their_numbers_with_the_buffers_behind_them():
    flow = flow_of(
        "s/a/line",
        [
            _asset("B-1", "buffer", after=1),
            _asset("R-2", "robot_arm", station=2),
            _asset("R-1", "robot_arm", station=1),
            _asset("CV-0", "conveyor", after=0),
            _asset("CV-2", "conveyor", after=2),
            _asset("INS", "inspection", station=10),
        ],
    )
    assert flow.stations == ("s/a/line/R-1", "s/a/line/R-2", "s/a/line/INS")
    assert flow.steps[0].buffers == ("s/a/line/B-1",)
    assert flow.steps[1].conveyors == ("s/a/line/CV-2",)
    assert flow.infeed == ("s/a/line/CV-0",)
    assert flow.is_declared


def test_machines_of_one_number_stand_side_by_side_with_the_arm_that_tends_them():
    flow = flow_of(
        "s/a/line",
        [
            _asset("M-1", "machine_tool", station=1, tended_by="T"),
            _asset("M-2", "machine_tool", station=1, tended_by="T"),
            _asset("T", "robot_arm"),
            _asset("INS", "inspection", station=2),
            _asset("B", "buffer", after=1),
        ],
    )
    assert flow.steps[0].stations == ("s/a/line/M-1", "s/a/line/M-2")
    assert flow.steps[0].tenders == ("s/a/line/T",)
    assert flow.around("s/a/line/INS") == (("s/a/line/B",), ())
    assert flow.around("s/a/line/T") == ((), ("s/a/line/B",))


def test_stations_without_numbers_are_in_the_order_of_the_floor_and_that_is_told():
    flow = flow_of("s/a/line", [_asset("Y", "robot_arm", 1.0), _asset("X", "robot_arm", 9.0)])
    assert flow.stations == ("s/a/line/Y", "s/a/line/X")
    assert not flow.is_declared


def test_assets_of_other_lines_are_left_out():
    assert flow_of("s/a/lin", [_asset("R", "robot_arm", station=1)]).steps == ()
