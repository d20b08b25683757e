"""Attempts of a simulated arm: the same seed, the same bits; what was drawn is seen in the signals; truth is truth."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

from connectors.desk import Desk, generated
from connectors.desk import episodes as book
from connectors.episodes.cutting import Asked, cut_all
from connectors.episodes.filter import pick
from connectors.episodes.generating import WRITER, generate
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S, ManualClock
from twin.datasets import Origin, origin_of
from twin.quality import Verdict, assess
from twin.simulation.attempts import BEFORE_MS, NOTICED_MS, Recipe, attempts
from twin.simulation.faults import FaultKind
from twin.simulation.randomise import faults_of, ranges_of
from twin.site import Asset, Name, Site

T0 = 1_790_000_000 * NS_PER_S
ARM = Asset("lab/simulated/R-1", "robot_arm", Name("팔", "arm"))
LAB = Site("lab", Name("랩", "Lab"), Name("랩", "Lab"), "UTC", (5.0, 5.0))
TASK = Name("작업", "Work")
SHORT = "cycle_time=8..12"


def recipe(seed=1, randomise=SHORT, faults=""):
    return Recipe(LAB, ARM, seed, ranges_of(randomise), faults_of(faults))


def joints(one, name):
    frames = one.frames[0]
    return frames.values[:, [signal.name for signal in frames.stream.columns].index(name)]


def bits(found):
    return [
        (one.seed, one.cause, *(part.values.tobytes() + part.t_ns.tobytes() for part in one.frames)) for one in found
    ]


def test_the_same_seed_gives_the_same_bits_and_more_attempts_change_none_of_the_first():
    every = "friction=0.5..2,noise=log:0.5..2,payload=0..8," + SHORT
    some = list(attempts(recipe(3, every, "grip_lost=0.3,sensor_drift=0.3"), 5, T0))
    more = list(attempts(recipe(3, every, "grip_lost=0.3,sensor_drift=0.3"), 7, T0))
    assert bits(some) == bits(more[:5])
    assert bits(some) != bits(list(attempts(recipe(4, every, "grip_lost=0.3,sensor_drift=0.3"), 5, T0)))


def test_the_attempts_of_seed_seven_have_the_hash_they_always_had():
    digest = hashlib.sha256()
    for one in attempts(
        recipe(7, "friction=0.5..2,payload=log:1..8," + SHORT, "grip_lost=0.5,sensor_drift=0.5"), 4, T0
    ):
        for part in one.frames:
            digest.update(part.values.tobytes())
    assert digest.hexdigest() == "be563a80f6b13384dcc216a28b7a0f1cdb0450a7d70019a9cb38c97cff9b5d0d"


def test_attempts_follow_each_other_and_their_frames_count_on():
    found = list(attempts(recipe(), 4, T0))
    for one, after in itertools.pairwise(found):
        assert one.start_ns < one.end_ns < one.next_ns < after.start_ns
        for part, then in zip(one.frames, after.frames, strict=True):
            assert then.seq[0] == part.seq[-1] + 1
            assert then.t_ns[0] > part.t_ns[-1]
    status = found[0].frames[1]
    assert [row[0] for row in status.texts][:2] == ["Idle", "Execute"]
    assert status.texts[-1][0] == "Complete"
    goods = [one.frames[1].values[-1, 0] for one in found]
    assert goods == [1.0, 2.0, 3.0, 4.0]


def test_more_friction_payload_and_noise_are_seen_where_they_act():
    usual, rubbing, heavy, loud = (
        next(attempts(recipe(5, f"cycle_time=10,{more}"), 1, T0))
        for more in ("friction=1", "friction=3", "payload=11", "noise=10")
    )
    moving = np.abs(joints(usual, "velocity.joint_1")) > 0.2
    torque = [np.nanmean(np.abs(joints(one, "effort.joint_1")[moving])) for one in (usual, rubbing)]
    assert torque[1] > 1.2 * torque[0]
    lifted = [np.nanmax(np.abs(joints(one, "effort.joint_2"))) for one in (usual, heavy)]
    assert lifted[1] > 1.15 * lifted[0]
    still = [np.nanstd(joints(one, "position.joint_3")[: BEFORE_MS // 50]) for one in (usual, loud)]
    assert still[1] > 4 * still[0]
    assert np.array_equal(joints(usual, "velocity.joint_1"), joints(heavy, "velocity.joint_1"), equal_nan=True)


def test_a_lost_part_fails_the_attempt_at_the_instant_that_is_told():
    one = next(attempts(recipe(2, SHORT, "grip_lost=1"), 1, T0))
    assert (one.cause, one.wrong.kind) == ("grip_lost", FaultKind.GRIP_LOST)
    assert one.end_ns - one.wrong.start_ns == NOTICED_MS * 1_000_000
    frames = one.frames[0]
    held = joints(one, "effort.gripper")
    before = (frames.t_ns >= one.wrong.start_ns - NS_PER_S // 2) & (frames.t_ns < one.wrong.start_ns)
    after = frames.t_ns >= one.wrong.start_ns
    assert np.nanmin(held[before]) > 50
    assert np.nanmax(held[after]) < 20
    assert one.frames[1].texts[-1][0] == "Aborted"


def test_a_seized_axis_fails_only_where_its_drive_reached_its_end():
    found = list(attempts(recipe(6, "cycle_time=20..40", "axis_friction=1"), 12, T0))
    failed = [one for one in found if one.cause]
    assert 0 < len(failed) < len(found)
    assert all(one.wrong.kind is FaultKind.AXIS_FRICTION for one in found)
    assert all(one.frames[1].texts[-1][0] == ("Aborted" if one.cause else "Complete") for one in found)


def test_a_stuck_sensor_stands_in_the_interval_that_is_told_and_fails_nothing():
    one = next(attempts(recipe(2, "cycle_time=30,noise=2", "sensor_stuck=1"), 1, T0))
    assert one.cause == ""
    status = one.frames[1]
    inside = (status.t_ns >= one.wrong.start_ns) & (status.t_ns < one.wrong.end_ns)
    spans = [np.ptp(status.values[inside, place]) for place in range(4, 10)]
    assert spans.count(0.0) == 1
    assert sum(one > 0 for one in spans) == 5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    url = f"sqlite:///{folder / 'twin.db'}"
    desk = Desk(url, ManualClock(T0 + 10**15))
    asked = recipe(8, SHORT, "grip_lost=0.3,sensor_stuck=0.3")
    written = generate(url, desk, "kim", asked, 12, TASK, T0, "test")
    yield url, desk, asked, written
    desk.close()


def test_what_is_generated_stands_on_the_desk_with_its_truth_and_every_parameter(made):
    _, desk, asked, written = made
    found = book.episodes(desk)
    truth = list(attempts(asked, 12, T0))
    assert [(one.start_ns, one.end_ns, one.cause) for one in found] == [
        (one.start_ns, one.end_ns, one.cause) for one in truth
    ]
    assert {one.outcome.value for one in found} == {"success", "failure"}
    assert {origin_of(one.source) for one in found} == {Origin.SIMULATED}
    assert (len(pick(found, "source=simulated")), pick(found, "source=real")) == (12, [])
    assert (written.episodes, written.success) == (12, sum(not one.cause for one in truth))
    known = generated.made_of(desk)
    for one, true in zip(found, truth, strict=True):
        assert {name: known[one.id][name] for name in true.parameters} == true.parameters
        assert (known[one.id]["seed"], known[one.id]["run_seed"]) == (str(true.seed), "8")
        anomaly = [label for label in book.labels(desk, one.id) if label.channel == "anomaly"]
        told = [(label.label, label.from_ns, label.to_ns, label.source) for label in anomaly]
        wrong = true.wrong
        assert told == ([(wrong.kind, wrong.start_ns, wrong.end_ns, "simulation")] if wrong else [])


def test_a_cut_neither_finds_nor_retires_them_and_more_of_them_follow(made):
    url, desk, asked, written = made
    history = open_history(url)
    assert cut_all(history, None, Asked()) == []
    book.keep(desk, "kim", [], {ARM.id: (0, 2**62)})
    assert len(book.episodes(desk)) == 12
    assert history.writers() == (WRITER,)
    history.close()
    again = generate(url, desk, "kim", asked, 2, TASK, T0, "test")
    assert again.sha256 != written.sha256, "at other times"
    starts = [one.start_ns for one in book.episodes(desk)]
    assert len(starts) == len(set(starts)) == 14


def test_clean_attempts_have_no_defect():
    one = next(attempts(recipe(9, "cycle_time=20"), 1, T0))
    work = [part.take((part.t_ns >= one.start_ns) & (part.t_ns < one.end_ns)) for part in one.frames]
    assert [found for found in assess(work) if found.verdict is Verdict.DEFECT] == []
