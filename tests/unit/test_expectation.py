"""An arm beside what is expected of it: fits that find the truth, and residuals that show a fault and nothing else."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from one_arm import ARM, SECONDS, START_NS, demo, healthy, told

from twin.alarms import AlarmBook, AlarmEventKind, rules_by_asset
from twin.clock import NS_PER_S
from twin.cycles import finished
from twin.errors import ExpectationError
from twin.expectation import (
    TERMS,
    Scorer,
    expected_n_m,
    fit_arm,
    fit_cycles,
    fit_steps,
    join_motions,
    motion_of,
    stream_for,
    wiring_of,
)
from twin.expectation.fit import arm_fit
from twin.mirror import Mirror
from twin.sample import batch_of, merge
from twin.simulation.arms import FRICTION, GRIPPER_KG
from twin.simulation.faults import Fault, FaultKind
from twin.simulation.plant import ASSET_TYPES

FAULT_AT_S = 600


def arm():
    return demo().hub.assets()[ARM]


def cycles_of(frames):
    names = [one.name for one in frames.stream.columns]
    made = frames.values[:, names.index("good_count")] + frames.values[:, names.index("scrap_count")]
    return finished(frames.t_ns, frames.values[:, names.index("cycle_time")], made)


@cache
def fitted(*, slow=False):
    frames = told(3600, slow=True) if slow else healthy()
    motion = motion_of(frames["joints"], wiring_of(frames["joints"].stream))
    steps = fit_steps([(int(t), row[2]) for t, row in zip(frames["status"].t_ns, frames["status"].texts, strict=True)])
    return fit_arm(arm(), motion, fit_cycles(cycles_of(frames["status"])[1]), steps)


def scored(fit, frames, *, each=200):
    """The rows of a scorer that is fed ``each`` frames at a time."""
    joints = frames["joints"]
    scorer = Scorer(fit, wiring_of(joints.stream), stream_for(ARM, ASSET_TYPES["robot_arm"]))
    scorer.hear_cycles(*cycles_of(frames["status"]))
    parts = [scorer.feed(joints.take(np.arange(at, min(at + each, len(joints))))) for at in range(0, len(joints), each)]
    return merge([part for part in parts if part is not None])


def alarms_of(rows):
    """(alarm, kind, t_ns) of what the arm's own rules make of the rows, as ingest folds them: a batch a second."""
    book = AlarmBook(rules_by_asset(demo().hub, {name: one.alarms for name, one in ASSET_TYPES.items()}))
    mirror, told = Mirror(), []
    for n in range(len(rows)):
        batch = batch_of("w", n + 1, int(rows.t_ns[n]) + NS_PER_S, [rows.take(np.array([n]))])
        events = mirror.apply(batch)
        told += [(one.alarm, one.kind, one.t_ns) for one in book.apply(batch, mirror, events)]
    return told


def residuals(rows):
    return rows.values[:, 6:12]


def test_a_fit_finds_the_friction_and_the_part_that_the_simulation_has_and_leaves_only_the_sensors_noise():
    fit = fitted()
    assert not fit.refused
    part_kg = arm().attributes["part_kg"]
    for joint, one in enumerate(fit.joints):
        theta = dict(zip(TERMS, one.theta, strict=True))
        assert theta["coulomb_n_m"] == pytest.approx(FRICTION.coulomb_n_m[joint], rel=0.05)
        assert theta["viscous_n_m_s"] == pytest.approx(FRICTION.viscous_n_m_s[joint], rel=0.15)
        if joint in (1, 2, 3):  # these lift
            assert theta["tool_kg"] == pytest.approx(GRIPPER_KG, abs=0.2)
            assert theta["carried_kg"] == pytest.approx(part_kg, abs=0.1)
    spreads = [one.spread_n_m for one in fit.joints]
    assert spreads == pytest.approx([1.2, 1.3, 0.8, 0.25, 0.2, 0.15], rel=0.1)
    assert all(one.explained > 0.98 for one in fit.joints)


def test_what_production_does_not_tell_is_said():
    last = fitted().joints[5]
    told_of = dict(zip(TERMS, last.told, strict=True))
    assert told_of["gravity"] > 0.9  # the last joint turns what hangs below it: it lifts nothing
    assert told_of["coulomb_n_m"] < 0.01


def test_a_healthy_hour_raises_no_residual_whether_fitted_fast_or_slow():
    hour = told(3600, start_ns=START_NS + 7200 * NS_PER_S)
    part = {name: one.take(np.arange(len(one) // 4)) for name, one in hour.items()}
    for slow, other in ((False, hour), (True, part)):
        found = residuals(scored(fitted(slow=slow), other, each=2000))
        assert np.isfinite(found).any(axis=1).mean() > 0.5
        assert np.nanmax(found) < 4.0


@pytest.mark.parametrize("severity", [1.0, 0.02])
def test_a_seizing_axis_raises_the_residual_and_the_alarm_of_that_joint_alone_within_seconds(severity):
    fault = Fault(FaultKind.AXIS_FRICTION, ARM, at_s=FAULT_AT_S, for_s=300, severity=severity)
    rows = scored(fitted(), told(SECONDS, faults=(fault,)))
    since_s = (rows.t_ns - START_NS) / NS_PER_S - FAULT_AT_S
    over = residuals(rows) > 4.0
    assert not over[since_s < 0].any()
    assert set(np.flatnonzero(over.any(axis=0))) == {0}
    assert since_s[over[:, 0]][0] < 15.0
    assert since_s[over[:, 0]][-1] < 300 + 10
    near = rows.take((since_s > -60) & (since_s < 60))
    raised = [(alarm, t_ns) for alarm, kind, t_ns in alarms_of(near) if kind is AlarmEventKind.RAISED]
    ((alarm, t_ns),) = raised
    assert alarm == f"{ARM}:torque_unexpected:residual.joint_1"
    assert (t_ns - START_NS) / NS_PER_S - FAULT_AT_S < 20.0


def test_rows_do_not_depend_on_how_the_frames_are_cut():
    frames = healthy()
    short = {name: part.take(part.t_ns < START_NS + 15 * NS_PER_S) for name, part in frames.items()}
    whole = scored(fitted(), short, each=10_000)
    assert 12 <= len(whole) <= 15
    for each in (1, 20):
        parts = scored(fitted(), short, each=each)
        np.testing.assert_array_equal(parts.t_ns, whole.t_ns[: len(parts)])
        np.testing.assert_array_equal(parts.values, whole.values[: len(parts)])
        assert len(whole) - len(parts) <= 1


def test_the_expected_cycle_is_the_middle_of_those_that_were_and_a_slow_one_is_off():
    fit = fitted(slow=True)
    assert fit.cycle.median_s == pytest.approx(52.0, abs=3.0)
    assert fit.cycle.off(fit.cycle.median_s) == 0.0
    assert fit.cycle.off(fit.cycle.median_s + 10 * fit.cycle.spread_s) == pytest.approx(10.0)
    assert {"approach", "grip", "transfer", "weld", "place", "home"} <= {one.step for one in fit.steps}
    rows = scored(fit, healthy())
    assert rows.values[-1, 12] == round(fit.cycle.median_s, 3)
    ended = cycles_of(healthy()["status"])[0]
    assert np.isnan(rows.values[rows.t_ns < ended[0], 14]).all()
    assert (np.abs(rows.values[rows.t_ns >= ended[0], 14]) < 5.0).all()
    assert len(np.unique(rows.values[rows.t_ns >= ended[0], 14])) > 5


def test_too_little_motion_is_refused_with_the_reason():
    still = healthy()["joints"].take(np.arange(0, 100))
    with pytest.raises(ExpectationError, match="samples in motion, 100 are needed"):
        fit_arm(arm(), motion_of(still, wiring_of(still.stream)))
    other = replace(arm(), attributes={"model": "panda"})
    with pytest.raises(ExpectationError, match="tells of 6 joints, a panda has 7"):
        fit_arm(other, motion_of(still, wiring_of(still.stream)))


def test_a_gap_tells_no_acceleration():
    joints = healthy()["joints"].take(np.arange(0, 100))
    wiring = wiring_of(joints.stream)
    gone = joints.take(np.r_[0:40, 80:100])
    known = motion_of(gone, wiring).known()
    assert not known[[0, 39, 40, 59]].any()
    assert known.sum() == 56
    both = join_motions([motion_of(gone, wiring), motion_of(joints, wiring)])
    assert len(both) == 160


def test_frames_now_fast_now_slow_tell_the_same_torques():
    joints = healthy()["joints"].take(np.arange(0, 6000))
    wiring = wiring_of(joints.stream)
    # Five seconds at 20 Hz, five at 1 Hz, as history that is caught up with comes in.
    mixed = joints.take(np.flatnonzero((np.arange(6000) // 100 % 2 == 0) | (np.arange(6000) % 20 == 0)))
    motion = motion_of(mixed, wiring)
    apart = np.abs(motion.torque_n_m - expected_n_m(fitted().joints, fitted().basis, motion))
    moving = (np.abs(motion.speed_rad_s) > 0.05) & np.isfinite(apart)
    assert moving.sum() > 3000
    for joint, one in enumerate(fitted().joints):
        off = apart[moving[:, joint], joint] / one.spread_n_m
        assert np.quantile(off, 0.99) < 4.0
        assert np.median(off) < 0.85


def test_a_fit_is_the_same_after_it_was_written_and_read():
    fit = fitted()
    assert arm_fit(fit.told()) == fit
