"""Faults act on the laws of motion, each in its own way, and on nothing else; a plant stays deterministic with them."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_shift import START_NS, demo

from twin.clock import NS_PER_MS, NS_PER_S
from twin.errors import ScenarioError
from twin.sample import merge
from twin.simulation.ailments import axis_of
from twin.simulation.faults import Course, Fault, FaultKind, fault_named, problem_of
from twin.simulation.plant import build_plant

MINUTE = 60
WELD = "jeonju/weld/line1"
MACHINE = "changwon/machining/line1/MT-02"
TYPES = {asset: one.type for asset, one in demo().hub.assets().items()}


class Ran:
    """What a site's streams were over some minutes, and what was wrong."""

    def __init__(self, *faults, site="jeonju", minutes=20, slow=True, breakdowns=False):
        plant = build_plant(
            demo().hub.site(site), seed=7, start_ns=START_NS, faults=faults, breakdowns=breakdowns, keeps_orders=True
        )
        self.frames = {f.stream.id: f for f in plant.advance(START_NS + minutes * MINUTE * NS_PER_S, slow=slow)}
        self.troubles = plant.troubles()
        self.books = plant.order_books

    def numbers(self, stream, name, from_s=0.0, until_s=1e9):
        part = self.frames[stream]
        values = part.values[:, [signal.name for signal in part.stream.columns].index(name)]
        return values[self._rows(part, from_s, until_s)]

    def words(self, stream, name, from_s=0.0, until_s=1e9):
        part = self.frames[stream]
        place = [signal.name for signal in part.stream.text_columns].index(name)
        return [part.texts[row][place] for row in np.flatnonzero(self._rows(part, from_s, until_s))]

    def _rows(self, part, from_s, until_s):
        after_s = (part.t_ns - START_NS) / NS_PER_S
        return (after_s >= from_s) & (after_s < until_s)


@cache
def calm(site="jeonju", slow=True):
    return Ran(site=site, slow=slow)


def hashed(part):
    present = np.where(np.isnan(part.values), 1e308, part.values)
    return hashlib.sha256(
        part.t_ns.tobytes() + part.seq.tobytes() + present.tobytes() + repr(part.texts).encode()
    ).hexdigest()


def differing(one, other):
    """The assets whose streams are not the same to the bit."""
    return {
        one.frames[key].stream.asset
        for key in one.frames.keys() | other.frames.keys()
        if hashed(one.frames[key]) != hashed(other.frames[key])
    }


EVERYTHING = (
    Fault(FaultKind.AXIS_FRICTION, f"{WELD}/R-101", 10, 40, every_s=70),
    Fault(FaultKind.AXIS_OVERHEATING, f"{WELD}/R-102", 10, 40, 0.7),
    Fault(FaultKind.GRIP_LOST, f"{WELD}/R-103", 10, 40),
    Fault(FaultKind.CONVEYOR_JAM, f"{WELD}/CV-1", 10, 40, every_s=45),
    Fault(FaultKind.SENSOR_STUCK, "jeonju/EM-0", 10, 40, every_s=50),
    Fault(FaultKind.SENSOR_DRIFT, f"{WELD}/R-104", 10, 40),
    Fault(FaultKind.SENSOR_DROPOUT, "jeonju/weld/ENV-1", 10, 40, 0.5),
    Fault(FaultKind.AMR_BLOCKED, "jeonju/fleet/AMR-01", 10, 60),
    Fault(FaultKind.AMR_LOW_BATTERY, "jeonju/fleet/AMR-02", 10, 60),
)


def test_cutting_time_into_calls_changes_no_bit_with_faults_either():
    whole = Ran(*EVERYTHING, minutes=2, slow=False, breakdowns=True)
    cut = build_plant(demo().hub.site("jeonju"), seed=7, start_ns=START_NS, faults=EVERYTHING)
    parts, until, step, troubles = {}, START_NS, 0, []
    while until < START_NS + 2 * MINUTE * NS_PER_S:
        step += 1
        until = min(until + (step * 137_000_003) % 900_000_000 + 1, START_NS + 2 * MINUTE * NS_PER_S)
        for part in cut.advance(until):
            parts.setdefault(part.stream.id, []).append(part)
        troubles += cut.troubles()
    assert {key: hashed(merge(found)) for key, found in parts.items()} == {
        key: hashed(part) for key, part in whole.frames.items()
    }
    # A fleet and the second that is made ahead know of what is about to come.
    assert set(whole.troubles) <= set(troubles)
    assert {one.kind for one in whole.troubles} >= {fault.kind for fault in EVERYTHING}


def test_another_time_of_start_moves_faults_with_it():
    later = START_NS + 30 * NS_PER_S
    site = demo().hub.site("jeonju")
    plant = build_plant(site, seed=7, start_ns=START_NS, faults=EVERYTHING, faults_from_ns=later, breakdowns=False)
    plant.advance(START_NS + 2 * MINUTE * NS_PER_S)
    jams = [one.start_ns for one in plant.troubles() if one.kind == FaultKind.CONVEYOR_JAM]
    assert jams[:2] == [later + 10 * NS_PER_S, later + 55 * NS_PER_S]


def test_a_seized_gear_needs_more_torque_and_grows_hot_and_only_that_axis():
    arm = f"{WELD}/R-101"
    ran, before = Ran(Fault(FaultKind.AXIS_FRICTION, arm, 300, 300)), calm()
    axis = axis_of(7, arm) + 1
    for other in range(1, 7):
        torque = [
            np.nanmax(np.abs(one.numbers(f"{arm}:joints", f"effort.joint_{other}", 330, 600))) for one in (ran, before)
        ]
        heat = [
            np.nanmax(one.numbers(f"{arm}:status", f"motor_temperature_{other}", 330, 600)) for one in (ran, before)
        ]
        if other == axis:
            limit = next(
                s.high for s in ran.frames[f"{arm}:joints"].stream.columns if s.name == f"effort.joint_{other}"
            )
            assert limit < torque[0] <= 1.2 * limit + 10
            assert torque[1] < 0.5 * limit
            assert heat[0] > heat[1] + 3
        else:
            assert torque[0] == torque[1]
            assert heat[0] == heat[1]
    assert np.nansum(ran.numbers(f"{arm}:status", "power")) > np.nansum(before.numbers(f"{arm}:status", "power"))
    # It moves as it did: a drive that is strong enough keeps its path. The meter above counts what it draws.
    for joint in range(1, 7):
        name = f"position.joint_{joint}"
        assert np.array_equal(*[one.numbers(f"{arm}:joints", name) for one in (ran, before)], equal_nan=True)
    assert differing(ran, before) == {arm, "jeonju/EM-0", "jeonju/weld/EM-1"}


def test_a_dragging_brake_warms_its_motor_until_it_is_let_go():
    arm = f"{WELD}/R-102"
    ran = Ran(Fault(FaultKind.AXIS_OVERHEATING, arm, 60, 600))
    name = f"motor_temperature_{axis_of(7, arm) + 1}"
    heat = ran.numbers(f"{arm}:status", name)
    assert heat[655] > 75.0
    assert heat[655] > heat[355] > heat[65]
    assert heat[1190] < heat[660] - 5


def test_a_lost_part_is_scrap_and_stops_its_station_until_it_is_cleared():
    arm = f"{WELD}/R-103"
    ran, before = Ran(Fault(FaultKind.GRIP_LOST, arm, 300, 240)), calm()
    (trouble,) = ran.troubles
    begin_s = (trouble.start_ns - START_NS) / NS_PER_S
    assert 300 <= begin_s < 420
    assert trouble.end_ns == START_NS + 540 * NS_PER_S
    words = ran.words(f"{arm}:status", "state", begin_s + 1, 540)
    assert set(words) == {"Aborted"}
    force = ran.numbers(f"{arm}:joints", "effort.gripper", begin_s + 1, 540)
    assert np.nanmax(force) < 10
    assert np.nanmax(ran.numbers(f"{arm}:joints", "effort.gripper", 200, 300)) > 100
    scrap = ran.numbers(f"{arm}:status", "scrap_count")
    assert (scrap[0], scrap[-1]) == (0, 1)
    assert ran.numbers(f"{arm}:status", "good_count")[-1] < before.numbers(f"{arm}:status", "good_count")[-1]
    # No part is passed on for it: the next station makes fewer.
    after = f"{WELD}/R-104:status"
    assert ran.numbers(after, "good_count")[-1] <= before.numbers(after, "good_count")[-1]


def test_a_stopped_arm_is_held_by_its_protection_and_then_by_the_guard_that_somebody_opened():
    ran = Ran(Fault(FaultKind.GRIP_LOST, f"{WELD}/R-103", 300, 240))
    safety = f"{WELD}/R-103:safety"
    held = ran.words(f"{WELD}/R-103:status", "state").index("Aborted")
    after_s = np.arange(len(ran.numbers(safety, "guard_open"))) - held
    stopped, opened = (ran.numbers(safety, name) for name in ("protective_stop", "guard_open"))
    assert (stopped[(after_s >= 0) & (after_s < 19)] == 1).all()
    assert (opened[(after_s >= 21) & (after_s < 120)] == 1).all()
    assert not (stopped * opened).any()
    assert (opened == ran.numbers(safety, "zone_occupied")).all()
    assert not ran.numbers(safety, "e_stop").any()
    assert not (stopped + opened)[after_s < 0].any()


def test_an_arm_that_lost_its_part_moves_on_without_a_jump():
    arm = f"{WELD}/R-103"
    ran = Ran(Fault(FaultKind.GRIP_LOST, arm, 30, 40), minutes=3, slow=False)
    for joint in range(1, 7):
        steps = np.abs(np.diff(ran.numbers(f"{arm}:joints", f"position.joint_{joint}")))
        assert np.nanmax(steps) < 0.12
    (trouble,) = ran.troubles
    assert trouble.kind == FaultKind.GRIP_LOST


def test_a_tender_that_lost_a_part_fetches_another_one_for_its_machine():
    arm = "changwon/machining/line2/T-304"
    ran = Ran(Fault(FaultKind.GRIP_LOST, arm, 120, 60), site="changwon")
    status = f"{arm}:status"
    assert ran.numbers(status, "scrap_count")[-1] == 1
    assert ran.numbers(status, "good_count")[-1] > 5
    assert {"Execute", "Suspended", "Aborted"} <= set(ran.words(status, "state"))


def test_a_jam_stalls_the_belt_trips_its_motor_and_blocks_the_station_before():
    belt = f"{WELD}/CV-1:data"
    ran, before = Ran(Fault(FaultKind.CONVEYOR_JAM, f"{WELD}/CV-1", 303, 300)), calm()
    current, speed = (ran.numbers(belt, name, 303, 603) for name in ("motor_current", "speed"))
    assert current[:6].max() > 9.0
    assert np.nanmax(np.abs(speed[1:])) < 0.02
    assert set(ran.words(belt, "state", 310, 602)) == {"Aborted"}
    assert np.nanmax(current[10:]) < 1.0
    assert "Execute" in ran.words(belt, "state", 604, 700)
    feeder = min(
        (one for one in differing(ran, before) if "/R-" in one), key=lambda one: int(one[-3:])
    )  # the first station that is another
    states = ran.words(f"{feeder}:status", "state", 400, 600)
    assert set(states) == {"Suspended"}
    assert ran.numbers(f"{feeder}:status", "good_count")[-1] < before.numbers(f"{feeder}:status", "good_count")[-1]


@pytest.mark.parametrize(
    ("asset", "stream", "name"),
    [
        ("jeonju/EM-0", "jeonju/EM-0:data", "voltage"),
        ("jeonju/weld/ENV-1", "jeonju/weld/ENV-1:data", "air_pressure"),
        (f"{WELD}/CV-3", f"{WELD}/CV-3:data", "motor_current"),
    ],
)
def test_a_failing_sensor_tells_wrong_and_the_truth_stays(asset, stream, name):
    before = calm()
    true = before.numbers(stream, name)
    stuck = Ran(Fault(FaultKind.SENSOR_STUCK, asset, 300, 300))
    drift = Ran(Fault(FaultKind.SENSOR_DRIFT, asset, 300, 300, 0.5))
    gone = Ran(Fault(FaultKind.SENSOR_DROPOUT, asset, 300, 300, 0.5))
    for ran in (stuck, drift, gone):
        assert differing(ran, before) == {asset}  # no other device and no law hears of it
        for other in [signal.name for signal in ran.frames[stream].stream.columns if signal.name != name]:
            assert np.array_equal(ran.numbers(stream, other), before.numbers(stream, other), equal_nan=True)
        outside = [np.r_[one.numbers(stream, name, 0, 300), one.numbers(stream, name, 600)] for one in (ran, before)]
        assert np.array_equal(*outside, equal_nan=True)
    told = stuck.numbers(stream, name, 300, 600)
    assert set(told) == {before.numbers(stream, name, 0, 300)[-1]}
    signal = next(one for one in drift.frames[stream].stream.columns if one.name == name)
    period = round(drift.frames[stream].stream.period_s)
    after_s = np.arange(0, 300, period)
    off = drift.numbers(stream, name, 300, 600) - true[300 // period : 600 // period]
    assert np.allclose(off, 0.5 * (signal.high - signal.low) * after_s / 400, atol=0.11)
    absent = np.isnan(gone.numbers(stream, name, 300, 600))
    assert absent.mean() == pytest.approx(0.5, abs=0.05)
    assert absent[: 30 // period].all()
    assert not absent[30 // period : 60 // period].any()


def test_a_blocked_robot_stands_where_it_stops_next_and_its_master_is_told():
    robot = "jeonju/fleet/AMR-01"
    ran = Ran(Fault(FaultKind.AMR_BLOCKED, robot, 300, 300))
    (trouble,) = ran.troubles
    begin_s = (trouble.start_ns - START_NS) / NS_PER_S
    assert 300 <= begin_s < 450
    assert set(ran.words(f"{robot}:status", "state", begin_s + 1, 600)) == {"Held"}
    for axis in ("x", "y"):
        assert np.ptp(ran.numbers(f"{robot}:pose", axis, begin_s + 1, 600)) < 0.1
    assert "Held" not in ran.words(f"{robot}:status", "state", 601)
    told = [one for _, one in ran.books[robot].take(1 << 60)]
    assert any(getattr(one, "fault", "") for one in told)
    assert not getattr(told[-1], "fault", "")


@pytest.mark.parametrize("at_s", [20, 200, 700])
@pytest.mark.parametrize("number", range(1, 7))
def test_robots_never_share_a_place_though_one_is_blocked(number, at_s):
    faults = [Fault(FaultKind.AMR_BLOCKED, f"jeonju/fleet/AMR-0{number}", at_s, 240)]
    faults += [Fault(FaultKind.AMR_LOW_BATTERY, f"jeonju/fleet/AMR-0{number % 6 + 1}", at_s, 300)]
    ran = Ran(*faults)
    assert FaultKind.AMR_BLOCKED in {one.kind for one in ran.troubles}
    places = [
        np.column_stack([ran.numbers(f"jeonju/fleet/AMR-0{i}:pose", axis) for axis in ("x", "y")]) for i in range(1, 7)
    ]
    for i in range(6):
        for j in range(i):
            assert np.nanmin(np.linalg.norm(places[i] - places[j], axis=1)) > 0.8


@pytest.mark.parametrize("severity", [0.05, 1.0])
def test_a_robot_whose_battery_fails_shows_it_and_goes_to_a_charger(severity):
    robot = "changwon/fleet/AMR-12"
    ran, before = Ran(Fault(FaultKind.AMR_LOW_BATTERY, robot, 100, 900, severity), site="changwon"), calm("changwon")
    battery = ran.numbers(f"{robot}:status", "battery")
    assert np.nanmax(battery[125:995]) < 0.2
    assert battery[99] > 0.4
    assert np.nanmin(before.numbers(f"{robot}:status", "battery")) > 0.25
    assert 1.0 in ran.numbers(f"{robot}:status", "charging", 100, 1000)
    assert battery[1001] > 0.4


def test_a_tool_that_wears_fast_shakes_more_makes_scrap_and_is_changed_after():
    machine = "changwon/machining/line1/MT-01"
    ran, before = Ran(Fault(FaultKind.TOOL_WEAR, machine, 60, 1080), site="changwon", minutes=40), calm("changwon")
    stream = f"{machine}:data"
    wear = ran.numbers(stream, "tool_wear")
    assert np.nanmax(wear) > 0.5
    assert np.nanmax(ran.numbers(stream, "vibration")) > np.nanmax(before.numbers(stream, "vibration")) + 2
    assert np.nanmax(ran.numbers(stream, "spindle_load")) > np.nanmax(before.numbers(stream, "spindle_load")) + 0.05
    assert ran.numbers(stream, "scrap_count")[-1] > 2
    held = [place for place, word in enumerate(ran.words(stream, "state")) if word == "Held"]
    assert held
    assert held[0] / 2 > 1140  # a machine tool tells twice a second
    assert wear[held[-1] + 10] < 0.03


def test_a_tool_that_breaks_shakes_the_spindle_stops_the_machine_and_is_replaced():
    ran = Ran(Fault(FaultKind.TOOL_BREAKAGE, MACHINE, 200, 300), site="changwon")
    stream = f"{MACHINE}:data"
    (trouble,) = ran.troubles
    begin_s = (trouble.start_ns - START_NS) / NS_PER_S
    assert np.nanmin(ran.numbers(stream, "vibration", begin_s + 0.01, begin_s + 2)) > 10.65
    assert set(ran.words(stream, "state", begin_s + 2.5, 500)) == {"Aborted"}
    assert np.nanmax(ran.numbers(stream, "spindle_speed", begin_s + 3, 500)) < 50
    assert np.nanmax(ran.numbers(stream, "tool_wear", 502, 560)) < 0.03
    assert ran.numbers(stream, "scrap_count")[-1] >= 1


def test_what_goes_wrong_of_itself_is_truth_too_and_can_be_left_out():
    ran = Ran(breakdowns=True, minutes=60)
    kinds = {one.kind for one in ran.troubles}
    assert "breakdown" in kinds
    for one in ran.troubles:
        if one.kind == "breakdown" and "/R-" in one.asset:
            second = (one.start_ns - START_NS) / NS_PER_S + 1
            assert set(ran.words(f"{one.asset}:status", "state", second, second + 2)) <= {"Aborted"}
    assert Ran(minutes=60).troubles == []


rows = st.tuples(st.integers(0, 400), st.integers(1, 60), st.sampled_from([0, 61, 100, 333]), st.floats(0.1, 1.0))


@given(st.lists(rows, max_size=4).map(tuple), st.integers(0, 900))
def test_a_course_says_the_same_of_one_instant_and_of_many(rows, t_ms):
    course = Course(rows)
    since, severity = course.over(np.array([t_ms], np.int64))
    spell = course.at(t_ms)
    assert (since[0] >= 0) is (spell is not None) or bool(since[0] >= 0) == (spell is not None)
    if spell is not None:
        assert spell.begin_ms + since[0] == t_ms
        assert spell.begin_ms <= t_ms < spell.end_ms
        assert severity[0] > 0
    coming = course.after(t_ms)
    if spell is None and coming is not None:
        assert coming.begin_ms > t_ms
        assert course.between(t_ms, coming.begin_ms) == []
        assert coming.begin_ms in [one.begin_ms for one in course.between(t_ms, coming.begin_ms + 1)]
    split = course.between(0, t_ms) + course.between(t_ms, 2000)
    assert sorted(split) == course.between(0, 2000)


def test_a_fault_is_read_from_its_text():
    assert fault_named(f"grip_lost:{WELD}/R-101", TYPES) == Fault(FaultKind.GRIP_LOST, f"{WELD}/R-101", 30.0)
    told = fault_named(f"axis_friction:{WELD}/R-101:5:60.5:0.3", TYPES)
    assert told == Fault(FaultKind.AXIS_FRICTION, f"{WELD}/R-101", 5.0, 60.5, 0.3)
    assert fault_named(f"network_cut:{WELD}/R-101::60", TYPES).at_s == 30.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"grip_lots:{WELD}/R-101", "there is no 'grip_lots'; there are: axis_friction, "),
        ("grip_lost", "must be KIND:ASSET"),
        (f"grip_lost:{WELD}/R-101:1:2:1:9", "must be KIND:ASSET"),
        ("grip_lost:weld/line1/R-101", "no asset 'weld/line1/R-101' is simulated (did you mean"),
        (f"grip_lost:{WELD}/R-101:soon", "come numbers"),
        ("grip_lost:jeonju/EM-0", "happens to robot_arm, and this is of type energy_meter; to that may happen: network_cut, "),
        (f"grip_lost:{WELD}/R-101:1:2:3", "severity 3 must be above 0 and at most 1"),
        (f"grip_lost:{WELD}/R-101:-1", "0 or more"),
        (f"grip_lost:{WELD}/R-101:nan", "0 or more"),
    ],
)  # fmt: skip
def test_a_text_that_names_no_fault_is_refused_with_what_would_be_right(text, said):
    with pytest.raises(ScenarioError) as caught:
        fault_named(text, TYPES)
    assert said in str(caught.value)


def test_a_plant_refuses_a_fault_that_cannot_be():
    site = demo().hub.site("jeonju")
    for fault in (Fault(FaultKind.TOOL_WEAR, f"{WELD}/R-101"), Fault(FaultKind.TOOL_WEAR, "jeonju/nobody")):
        with pytest.raises(ScenarioError, match="fault tool_wear on jeonju"):
            build_plant(site, seed=7, start_ns=START_NS, faults=[fault])
    assert "cannot come again" in problem_of(Fault(FaultKind.GRIP_LOST, WELD, 1, 50, every_s=50), "robot_arm")


def test_what_a_cut_network_takes_is_what_was_made_in_that_time():
    faults = [Fault(FaultKind.NETWORK_CUT, f"{WELD}/R-101", 60, 30, every_s=100)]
    plant = build_plant(demo().hub.site("jeonju"), seed=7, start_ns=START_NS, faults=faults)
    for part in plant.advance(START_NS + 300 * NS_PER_S, slow=True):
        heard = plant.faults.heard(part, START_NS)
        if part.stream.asset != f"{WELD}/R-101":
            assert heard is part
            continue
        lost = set(part.t_ns.tolist()) - set(heard.t_ns.tolist())
        after_ms = {(t_ns - START_NS) // NS_PER_MS for t_ns in lost}
        assert after_ms == {1000 * s for s in range(300) if s >= 60 and (s - 60) % 100 < 30}
