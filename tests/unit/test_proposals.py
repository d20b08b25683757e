"""What a device that nobody declared is proposed to be."""

from __future__ import annotations

import pytest

from connectors.plugins import asset_types
from twin.onboarding import propose
from twin.ports import Newcomer
from twin.sample import Kind, Role, Signal, stream_of
from twin.site import Asset, Hub, Level, Name, Place, Site

TYPES = asset_types()
NAME = Name("이름", "name")


def hub(*assets):
    line = Place("s/line1", Level.LINE, NAME, (2.0, 4.0, 10.0, 6.0))
    area = Place("s/area", Level.AREA, NAME)
    return Hub("h", NAME, (Site("s", NAME, NAME, "Asia/Seoul", (50.0, 30.0), places=(line, area), assets=assets),))


def proposal(asset="s/x", streams=(), declared=(), **told):
    newcomer = Newcomer("src", asset, 5, "a/topic", "", told.pop("signals", ""), **told)
    found = propose([newcomer], streams, hub(*declared), TYPES)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("signals", "kind", "why"),
    [
        ([Signal("q", unit="rad", role=Role.JOINT_POSITION)], "robot_arm", "signals"),
        ([Signal("x", unit="m", role=Role.X), Signal("battery", role=Role.BATTERY)], "mobile_robot", "signals"),
        ([Signal("temperature"), Signal("humidity")], "environment", "signals"),
        ([Signal("p1", unit="kW")], "energy_meter", "units"),
        ([Signal("t1", unit="Cel")], "environment", "units"),
        ([Signal("foo")], "", ""),
    ],
)
def test_a_type_is_guessed_from_roles_names_and_units(signals, kind, why):
    found = proposal(streams=[stream_of("s/x", "data", signals)])
    assert (found.type, found.why) == (kind, why)


@pytest.mark.parametrize(
    ("asset", "kind"),
    [("s/AGV-7", "mobile_robot"), ("s/용접로봇3", "robot_arm"), ("s/barmeter", "energy_meter"), ("s/charm", "")],
)
def test_words_say_what_a_device_is_where_nothing_else_does(asset, kind):
    assert proposal(asset, signals="a, b").type == (kind if asset != "s/barmeter" else "")


def test_its_own_word_counts_most_if_there_is_such_a_type():
    streams = [stream_of("s/x", "data", [Signal("temperature")])]
    assert proposal(streams=streams, asset_type="buffer").type == "buffer"
    assert proposal(streams=streams, asset_type="toaster").type == "environment"


def test_a_place_is_the_deepest_that_the_path_names_and_its_middle():
    assert (proposal("s/line1/m").place, proposal("s/line1/m").x_m, proposal("s/line1/m").y_m) == ("s/line1", 7.0, 7.0)
    assert (proposal("s/area/m").place, proposal("s/area/m").x_m) == ("s/area", 25.0)
    assert (proposal("s/elsewhere/m").place, proposal("s/elsewhere/m").y_m) == ("s", 15.0)


def test_what_it_announced_stands_where_it_sent_nothing_yet():
    told = '[{"name": "data", "signals": [{"name": "p", "kind": "gauge", "unit": "bar", "role": ""}]}]'
    found = proposal(streams=(), name="Pump 9", attributes='{"maker": "ACME"}', publisher="10.0.0.7", last_ns=9)
    assert (found.name, found.attributes, found.publisher, found.last_ns) == (
        "Pump 9",
        {"maker": "ACME"},
        "10.0.0.7",
        9,
    )
    assert [(one.name, one.unit) for one in proposal(streams=(), signals="p").signals] == [("p", "1")]
    newcomer = Newcomer("src", "s/x", 5, "t", "", "", streams=told)
    (found,) = propose([newcomer], [], hub(), TYPES)
    assert [(one.stream, one.name, one.unit) for one in found.signals] == [("data", "p", "bar")]


def test_who_is_declared_or_the_twins_own_or_a_node_is_not_pending():
    arm = Asset("s/node/arm", "robot_arm", NAME)
    assert proposal("s/node/arm", declared=[arm]) is None
    assert proposal("s/node", declared=[arm]) is None
    assert proposal("twin/ingest") is None
    lives = stream_of("s/x", "liveness", [Signal("online", Kind.FLAG, role=Role.ONLINE)])
    assert proposal("s/x", streams=[lives]).signals == ()


@pytest.mark.parametrize("asset", ["other/x", "s", "x"])
def test_what_stands_at_no_site_cannot_be_accepted(asset):
    assert proposal(asset).problem == "no_site"


def test_of_two_sources_that_bring_a_device_the_newest_is_shown():
    rows = [Newcomer("b", "s/x", 9, "t", "", ""), Newcomer("a", "s/x", 5, "t", "", "")]
    assert [one.source for one in propose(rows, [], hub(), TYPES)] == ["b"]
