"""Arms of which less is known: torques put together from published geometry, or from nothing but how many joints."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from one_arm import ARM, demo, healthy

from connectors.plugins import asset_types, make_decoder
from twin.clock import NS_PER_MS, NS_PER_S
from twin.computed import EXPECTATIONS
from twin.errors import ExpectationError
from twin.expectation import Motion, basis_of, expected_n_m, fit_arm, motion_of, stream_for, told_of_basis, wiring_of
from twin.expectation.basis import basis_named
from twin.expectation.fit import arm_fit
from twin.kinematics import ARM_KINEMATICS
from twin.message import Message
from twin.simulation.dynamics import Friction, inverse_dynamics_n_m
from twin.spatial import ArmGeometry, Link, tool_position_m

STEP_NS = 200 * NS_PER_MS
RATE = 5.0


def unpublished(model):
    """An arm of that geometry with masses that nobody published."""
    rng = np.random.default_rng(11)
    links = tuple(
        Link(mass, tuple(rng.uniform(-0.15, 0.15, 3)), (0.05 * mass, 0.04 * mass, 0.03 * mass, 0.0, 0.001, 0.0))
        for mass in np.linspace(6.0, 0.7, len(ARM_KINEMATICS[model]))
    )
    return ArmGeometry(model, ARM_KINEMATICS[model], links, (), (), 0.0, 0.0)


def frictions(joints, *, worse=()):
    coulomb, viscous = np.linspace(6.0, 1.0, joints), np.linspace(9.0, 1.5, joints)
    for joint in worse:
        coulomb[joint] *= 3.0
    return Friction(tuple(coulomb.tolist()), tuple(viscous.tolist()))


@cache
def moved(model, *, seed=1, seconds=1500, worse=(), scale=1.0):
    """How such an arm moved on smooth ways that do not repeat, and what its joints needed for it, with noise."""
    rng, geometry = np.random.default_rng(seed), unpublished(model)
    joints, t_s = geometry.joints, np.arange(round(seconds * RATE)) / RATE
    rate = rng.uniform(0.15, 0.9, (4, joints))
    size, phase = rng.uniform(0.15, 0.45, (4, joints)), rng.uniform(0, 6.28, (4, joints))
    turn = rate[None] * t_s[:, None, None] + phase[None]
    position = (size * np.sin(turn)).sum(axis=1)
    speed = (size * rate * np.cos(turn)).sum(axis=1)
    acceleration = (-size * rate**2 * np.sin(turn)).sum(axis=1)
    torque = inverse_dynamics_n_m(geometry, position, speed, acceleration, np.zeros(len(t_s)))
    torque = torque + frictions(joints, worse=worse).torque_n_m(speed)
    torque = torque * scale + rng.normal(0, 0.3 * scale, torque.shape)
    t_ns = (t_s * NS_PER_S).astype(np.int64)
    return Motion(t_ns, position, speed, acceleration, torque, np.zeros(len(t_s), np.bool_))


def asset(**attributes):
    return replace(demo().hub.assets()[ARM], attributes=attributes)


@pytest.mark.parametrize("model", ["ur5e", "panda"])
def test_the_geometry_alone_is_enough_and_a_worse_joint_is_found_by_it_and_no_other(model):
    fit = fit_arm(asset(model=model), moved(model))
    assert (fit.model, fit.refused) == (f"{model} kinematics", {})
    assert min(one.explained for one in fit.joints) > 0.95, "of minutes that it was not fitted to"
    assert [one.spread_n_m for one in fit.joints] == pytest.approx([0.3] * len(fit.joints), rel=0.25)
    found = [dict(zip(fit.basis.words, one.theta, strict=True)) for one in fit.joints]
    wanted = frictions(len(fit.joints))
    assert [one["coulomb"] for one in found] == pytest.approx(wanted.coulomb_n_m, rel=0.15, abs=0.2)

    other = moved(model, seed=5, seconds=300, worse=(2,))
    off = np.median(np.abs(other.torque_n_m - expected_n_m(fit.joints, fit.basis, other)), axis=0)
    ratios = 1.4826 * off / np.array([one.spread_n_m for one in fit.joints])
    assert ratios[2] > 4.0
    assert np.delete(ratios, 2).max() < 2.0


def test_efforts_may_be_currents_where_the_numbers_are_free():
    amperes = moved("ur5e", scale=0.08)
    fit = fit_arm(asset(model="ur10e", effort_unit="A"), replace(moved("ur10e", scale=0.08), t_ns=amperes.t_ns))
    assert fit.model == "ur10e kinematics"
    assert min(one.explained for one in fit.joints) > 0.95
    assert basis_of(asset(model="ur10e"), 6).name == "ur10e"
    assert basis_of(asset(model="ur10e", effort_unit="N.m"), 6).name == "ur10e"


@pytest.mark.parametrize("joints", [6, 7])
def test_of_an_arm_of_which_nothing_is_known_it_is_said_how_well_each_joint_is_explained(joints):
    motion = moved("ur5e" if joints == 6 else "panda")
    fit = fit_arm(asset(model="kr6"), motion)
    assert fit.model == f"regression {joints}"
    assert told_of_basis(fit.basis).startswith("nothing known")
    known = fit_arm(asset(model="ur5e" if joints == 6 else "panda"), motion)
    told = {joint: one.explained for joint, one in enumerate(fit.joints) if one is not None}
    assert set(told) | set(fit.refused) == set(range(joints))
    assert all(0.5 <= one <= known.joints[joint].explained + 0.01 for joint, one in told.items())
    assert len(told) >= joints - 1
    assert all("explains" in why for why in fit.refused.values())
    assert arm_fit(fit.told()) == fit


def test_a_line_of_production_is_told_by_a_regression_too():
    joints = healthy()["joints"]
    motion = motion_of(joints, wiring_of(joints.stream))
    fit = fit_arm(asset(model="unknown"), motion)
    assert np.median([one.explained for one in fit.joints if one is not None]) > 0.9


def test_a_torque_that_motion_does_not_explain_is_not_expected():
    motion = moved("ur5e")
    noise = motion.torque_n_m.copy()
    noise[:, 4] = np.random.default_rng(2).normal(0, 5.0, len(motion))
    fit = fit_arm(asset(), replace(motion, torque_n_m=noise))
    assert set(fit.refused) == {4}
    assert "50% are needed" in fit.refused[4]
    assert np.isnan(expected_n_m(fit.joints, fit.basis, motion)[:, 4]).all()
    few = motion.take(slice(0, 300))
    with pytest.raises(ExpectationError, match="are needed where so little is known"):
        fit_arm(asset(), few)


def test_a_row_does_not_depend_on_the_rows_beside_it():
    motion = moved("ur5e", seconds=300)
    for model in ("ur5e", ""):
        fit = fit_arm(asset(model=model), moved("ur5e"))
        whole = expected_n_m(fit.joints, fit.basis, motion)
        for rows in (slice(0, 1), slice(7, 9), slice(100, 250)):
            np.testing.assert_array_equal(expected_n_m(fit.joints, fit.basis, motion.take(rows)), whole[rows])


def test_the_published_rows_reach_where_their_makers_say():
    """The flange of a UR5e with all joints at zero, and of a Panda; metres."""
    for model, place in {"ur5e": (-0.8172, -0.2329, 0.0628), "panda": (0.088, 0.0, 0.926)}.items():
        joints = len(ARM_KINEMATICS[model])
        assert tool_position_m(unpublished(model), np.zeros((1, joints)))[0] == pytest.approx(place, abs=1e-4)


def test_expectations_of_seven_joints_come_in_as_declared_and_other_numbers_are_refused():
    kind = asset_types()["robot_arm"]
    decoder = make_decoder("json_object", EXPECTATIONS.options(), "expect-jeonju", demo().hub)
    for joints, name in ((6, "expectation"), (7, "expectation_7")):
        stream = stream_for(ARM, kind, joints)
        body = "{" + ",".join(['"ts": 1795328000000', *(f'"{one.name}": 1.5' for one in stream.columns)]) + "}"
        (part,) = decoder.decode(Message(EXPECTATIONS.topic(ARM, stream.name), body.encode(), 1795328000 * NS_PER_S))
        assert part.stream.id == stream.id == f"{ARM}:{name}"
        assert [one.role for one in part.stream.columns] == [one.role for one in stream.columns]
        assert len(stream.columns) == 2 * joints + 3
    with pytest.raises(ExpectationError, match="six or seven"):
        stream_for(ARM, kind, 5)
    with pytest.raises(ExpectationError, match="fit the arm anew"):
        basis_named("guess 6")
