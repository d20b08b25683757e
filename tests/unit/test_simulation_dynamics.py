"""The arm's geometry, inverse dynamics and paths, against independent reckonings."""

from __future__ import annotations

import numpy as np
import pytest

from twin.simulation.arms import FRICTION
from twin.simulation.dynamics import GRAVITY_M_S2, PAYLOAD_CENTRE_M, inverse_dynamics_n_m
from twin.simulation.paths import JointPath, Move, minimum_jerk
from twin.spatial import UR10E, base_from_links, centres_of_mass_m, tool_position_m

PAYLOAD_KG = 5.0
STEP = 1e-6


def random_poses(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(-2.0, 2.0, (count, 6))


def payload_m(positions: np.ndarray) -> np.ndarray:
    flange = base_from_links(UR10E, positions)[:, -1]
    return flange[:, :3, :3] @ np.array(PAYLOAD_CENTRE_M) + flange[:, :3, 3]


def potential_j(positions: np.ndarray) -> np.ndarray:
    masses = np.array([link.mass_kg for link in UR10E.links])
    heights = centres_of_mass_m(UR10E, positions)[:, :, 2]
    return GRAVITY_M_S2 * (heights @ masses + PAYLOAD_KG * payload_m(positions)[:, 2])


def kinetic_j(positions: np.ndarray, speeds: np.ndarray) -> np.ndarray:
    """From forward kinematics alone: bodies' velocities by central differences along the motion."""
    before, after = positions - STEP * speeds, positions + STEP * speeds
    moving = (centres_of_mass_m(UR10E, after) - centres_of_mass_m(UR10E, before)) / (2 * STEP)
    part = (payload_m(after) - payload_m(before)) / (2 * STEP)
    turned = (base_from_links(UR10E, after) - base_from_links(UR10E, before))[..., :3, :3] / (2 * STEP)
    here = base_from_links(UR10E, positions)[..., :3, :3]
    energy = 0.5 * PAYLOAD_KG * (part**2).sum(axis=1)
    for joint, link in enumerate(UR10E.links):
        spin = np.einsum("nba,nbc->nac", here[:, joint], turned[:, joint])
        omega = np.stack([spin[:, 2, 1], spin[:, 0, 2], spin[:, 1, 0]], axis=1)
        xx, yy, zz, xy, xz, yz = link.inertia_kg_m2
        inertia = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        energy += 0.5 * link.mass_kg * (moving[:, joint] ** 2).sum(axis=1)
        energy += 0.5 * np.einsum("na,ab,nb->n", omega, inertia, omega)
    return energy


def test_the_flange_of_a_stretched_ur10e_is_where_the_manufacturer_puts_it() -> None:
    flange = tool_position_m(UR10E, np.zeros((1, 6)))[0]
    assert flange == pytest.approx([-0.6127 - 0.57155, -0.17415 - 0.11655, 0.1807 - 0.11985], abs=1e-12)


def test_torque_at_rest_is_the_gradient_of_potential_energy() -> None:
    positions = random_poses(25)
    zeros = np.zeros_like(positions)
    torque = inverse_dynamics_n_m(UR10E, positions, zeros, zeros, np.full(25, PAYLOAD_KG))
    for joint in range(6):
        shift = np.zeros(6)
        shift[joint] = STEP
        slope = (potential_j(positions + shift) - potential_j(positions - shift)) / (2 * STEP)
        assert torque[:, joint] == pytest.approx(slope, abs=1e-6)


def test_work_of_the_torques_without_friction_is_the_change_of_mechanical_energy() -> None:
    start, end, duration_s = random_poses(2)[0], random_poses(2)[1], 1.4
    s = np.linspace(0.0, 1.0, 2001)
    blend, slope, bend = minimum_jerk(s)
    delta = end - start
    positions = start + delta * blend[:, None]
    speeds = delta * slope[:, None] / duration_s
    accelerations = delta * bend[:, None] / duration_s**2
    torque = inverse_dynamics_n_m(UR10E, positions, speeds, accelerations, np.full(len(s), PAYLOAD_KG))
    power = (torque * speeds).sum(axis=1)
    work = np.concatenate(([0.0], np.cumsum((power[1:] + power[:-1]) / 2 * np.diff(s) * duration_s)))
    energy = potential_j(positions) + kinetic_j(positions, speeds)
    assert kinetic_j(positions, speeds).max() > 5.0
    assert work == pytest.approx(energy - energy[0], abs=2e-3)


def test_a_row_of_torques_has_the_same_bits_alone_and_in_a_block() -> None:
    positions, speeds, accelerations = random_poses(40), random_poses(40) * 0.3, random_poses(40) * 0.2
    load = np.full(40, PAYLOAD_KG)
    block = inverse_dynamics_n_m(UR10E, positions, speeds, accelerations, load)
    for row in range(40):
        at = slice(row, row + 1)
        alone = inverse_dynamics_n_m(UR10E, positions[at], speeds[at], accelerations[at], load[at])
        assert alone.tobytes() == block[at].tobytes()


def test_friction_takes_power_from_every_motion_and_nothing_at_rest() -> None:
    speeds = random_poses(50)
    assert (FRICTION.torque_n_m(speeds) * speeds >= 0.0).all()
    assert not FRICTION.torque_n_m(np.zeros((1, 6))).any()


def test_a_minimum_jerk_move_rests_at_both_ends_and_matches_its_own_derivatives() -> None:
    s = np.linspace(0.0, 1.0, 5001)
    blend, slope, bend = minimum_jerk(s)
    assert (blend[0], blend[-1]) == pytest.approx((0.0, 1.0))
    assert [slope[0], slope[-1], bend[0], bend[-1]] == pytest.approx([0.0] * 4, abs=1e-12)
    assert np.gradient(blend, s)[1:-1] == pytest.approx(slope[1:-1], abs=1e-5)
    assert np.gradient(slope, s)[1:-1] == pytest.approx(bend[1:-1], abs=1e-4)


def test_a_path_goes_through_its_poses_and_ends_where_it_began() -> None:
    home, away = (0.0,) * 6, (1.0, -1.0, 0.5, 0.0, 0.2, -0.2)
    path = JointPath(
        (Move("approach", 0.4, away, 0.08), Move("grip", 0.5, away, 0.03), Move("home", 1.0, home, 0.08, holds=True))
    )
    rows = path.at(np.array([0.0, 0.4, 0.45, 0.75, 1.0]))
    assert rows.position[0] == pytest.approx(home)
    assert rows.position[1] == pytest.approx(away)
    assert rows.position[4] == pytest.approx(home)
    assert rows.opening[2] == pytest.approx(0.055)
    assert rows.holds.tolist() == [False, False, False, True, True]
    assert [path.steps[i] for i in rows.move] == ["approach", "grip", "grip", "home", "home"]
