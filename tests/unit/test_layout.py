"""Layouts laid over the factory file, and what differs between two of them."""

from __future__ import annotations

import math

import pytest

from twin.layout import Layout, differing, is_same, laid_over, moves, problem_of
from twin.site import Asset, Hub, Name, Pose, Site

NAME = Name("전주", "Jeonju")
ASSETS = (
    Asset("jeonju/a/R-1", "robot_arm", NAME, Pose(1, 2, 0.3, 0)),
    Asset("jeonju/a/R-2", "robot_arm", NAME, Pose(5, 5, 0, math.pi)),
)
SITE = Site("jeonju", NAME, NAME, "Asia/Seoul", (20.0, 10.0), assets=ASSETS)
HUB = Hub("hub", NAME, (SITE,))


def test_what_people_placed_lies_over_the_file_and_the_rest_stays():
    layout = Layout("jeonju", 1, placed={"jeonju/a/R-1": Pose(7, 8, 0.3, 1)})
    assets = laid_over(HUB, [layout]).assets()
    assert assets["jeonju/a/R-1"].pose == Pose(7, 8, 0.3, 1)
    assert assets["jeonju/a/R-2"] == ASSETS[1]
    assert laid_over(HUB, []) is HUB


def test_only_what_differs_from_the_file_is_kept_and_heights_stay():
    placed = {"jeonju/a/R-1": Pose(7, 8, 0, 1), "jeonju/a/R-2": Pose(5, 5, 0, -math.pi), "jeonju/a/gone": Pose()}
    assert differing(SITE, placed) == {"jeonju/a/R-1": Pose(7, 8, 0.3, 1)}


def test_a_turn_all_around_is_no_move():
    assert is_same(Pose(1, 1, 0, 0), Pose(1, 1, 0, 2 * math.pi))
    assert not is_same(Pose(1, 1, 0, 0), Pose(1, 1, 0, math.pi))
    assert not is_same(Pose(1, 1), Pose(1.1, 1))


def test_moves_tell_from_where_to_where():
    before = Layout("jeonju", 1, placed={"jeonju/a/R-1": Pose(4, 6, 0.3, 0)})
    (back,) = moves(ASSETS, before, Layout("jeonju"))
    assert (back.asset, back.before, back.after) == ("jeonju/a/R-1", Pose(4, 6, 0.3, 0), Pose(1, 2, 0.3, 0))
    assert back.distance_m == 5.0
    assert moves(ASSETS, before, before) == []


@pytest.mark.parametrize(
    ("asset", "pose", "said"),
    [
        ("jeonju/a/R-9", Pose(), "no asset"),
        ("jeonju/a/R-1", Pose(math.nan, 0), "three numbers"),
        ("jeonju/a/R-1", Pose(0, math.inf), "three numbers"),
        ("jeonju/a/R-1", Pose(26, 0), "not on the floor"),
        ("jeonju/a/R-1", Pose(0, -6), "not on the floor"),
    ],
)
def test_what_cannot_be_is_said(asset, pose, said):
    assert said in problem_of(SITE, asset, pose)
    assert problem_of(SITE, "jeonju/a/R-1", Pose(20, 10)) == ""
