"""Rigid-body inverse dynamics of a serial arm: recursive Newton–Euler, and joint friction.

After Luh, Walker and Paul (1980), in link frames, over many rows at once: vectors are float64 (3, n).
Everything is elementwise, so that a row's bits do not depend on the rows computed beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.spatial import ArmGeometry, DhRow, Inertia, Vector

    Rows = NDArray[np.float64]

GRAVITY_M_S2 = 9.80665
PAYLOAD_CENTRE_M: Vector = (0.0, 0.0, 0.16)
"""Where a gripped part and the gripper hang, as one point mass, in the flange frame."""


@dataclass(frozen=True, slots=True)
class Friction:
    """Joint friction: Coulomb (smoothed around rest) and viscous, one number a joint.

    ``coulomb_n_m`` in N·m, ``viscous_n_m_s`` in N·m·s/rad; ``smooth_rad_s`` is the speed below which
    Coulomb friction fades to nothing, so that an arm at rest shows no chatter.
    """

    coulomb_n_m: tuple[float, ...]
    viscous_n_m_s: tuple[float, ...]
    smooth_rad_s: float = 0.02

    def torque_n_m(self, speed_rad_s: Rows) -> Rows:
        """Torque that overcomes friction: speeds (n, joints) → N·m (n, joints)."""
        sliding = np.tanh(speed_rad_s / self.smooth_rad_s)
        return np.array(self.coulomb_n_m) * sliding + np.array(self.viscous_n_m_s) * speed_rad_s


def inverse_dynamics_n_m(
    geometry: ArmGeometry, position_rad: Rows, speed_rad_s: Rows, acceleration_rad_s2: Rows, payload_kg: Rows
) -> Rows:
    """Joint torques that make the arm move so, without friction.

    Positions, speeds, accelerations: (n, joints); ``payload_kg``: (n,), a point mass at the tool.
    Returns N·m (n, joints).
    """
    rows = len(position_rad)
    turning: Rows = np.zeros((3, rows))
    turning_up: Rows = np.zeros((3, rows))
    moving_up: Rows = np.zeros((3, rows))
    moving_up[2] = GRAVITY_M_S2
    rotations: list[_Rotation] = []
    forces: list[Rows] = []
    moments: list[Rows] = []
    for joint, (dh, link) in enumerate(zip(geometry.dh, geometry.links, strict=True)):
        rotation = _Rotation(dh, position_rad[:, joint])
        speed, acceleration = speed_rad_s[:, joint], acceleration_rad_s2[:, joint]
        turning_up = turning_up.copy()
        turning_up[0] += speed * turning[1]
        turning_up[1] -= speed * turning[0]
        turning_up[2] += acceleration
        turning = turning.copy()
        turning[2] += speed
        turning, turning_up = rotation.to_link(turning), rotation.to_link(turning_up)
        moving_up = rotation.to_link(moving_up) + _swing(turning, turning_up, rotation.reach_m)
        force = link.mass_kg * (moving_up + _swing(turning, turning_up, link.centre_m))
        spin = _times_inertia(link.inertia_kg_m2, turning)
        moment = _times_inertia(link.inertia_kg_m2, turning_up) + _cross(turning, spin)
        rotations.append(rotation)
        forces.append(force)
        moments.append(moment)
    carried_force = payload_kg * (moving_up + _swing(turning, turning_up, PAYLOAD_CENTRE_M))
    carried_moment = _cross_from(PAYLOAD_CENTRE_M, carried_force)
    torque = np.empty((rows, geometry.joints))
    for joint in range(geometry.joints - 1, -1, -1):
        rotation, link = rotations[joint], geometry.links[joint]
        arm = tuple(r + c for r, c in zip(rotation.reach_m, link.centre_m, strict=True))
        carried_moment = (
            carried_moment
            + moments[joint]
            + _cross_from(rotation.reach_m, carried_force)
            + _cross_from((arm[0], arm[1], arm[2]), forces[joint])
        )
        carried_force = carried_force + forces[joint]
        torque[:, joint] = rotation.sin_a * carried_moment[1] + rotation.cos_a * carried_moment[2]
        carried_force, carried_moment = rotation.to_previous(carried_force), rotation.to_previous(carried_moment)
    return torque


class _Rotation:
    """Turns vectors between a link's frame and the one before it, for n joint positions."""

    __slots__ = ("cos_a", "cos_t", "reach_m", "sin_a", "sin_t")

    def __init__(self, dh: DhRow, position_rad: Rows) -> None:
        theta = np.ascontiguousarray(position_rad) + dh.theta_offset_rad
        self.cos_t, self.sin_t = np.cos(theta), np.sin(theta)
        self.cos_a, self.sin_a = _exact(math.cos(dh.alpha_rad)), _exact(math.sin(dh.alpha_rad))
        self.reach_m: Vector = (dh.a_m, dh.d_m * self.sin_a, dh.d_m * self.cos_a)
        """From the previous frame's origin to this one's, in this link's frame."""

    def to_link(self, vector: Rows) -> Rows:
        turned = np.empty_like(vector)
        across = self.cos_t * vector[1] - self.sin_t * vector[0]
        turned[0] = self.cos_t * vector[0] + self.sin_t * vector[1]
        turned[1] = self.cos_a * across + self.sin_a * vector[2]
        turned[2] = self.cos_a * vector[2] - self.sin_a * across
        return turned

    def to_previous(self, vector: Rows) -> Rows:
        turned = np.empty_like(vector)
        across = self.cos_a * vector[1] - self.sin_a * vector[2]
        turned[0] = self.cos_t * vector[0] - self.sin_t * across
        turned[1] = self.sin_t * vector[0] + self.cos_t * across
        turned[2] = self.sin_a * vector[1] + self.cos_a * vector[2]
        return turned


def _exact(value: float) -> float:
    """Link twists are right angles: a cosine of 6e-17 is meant as 0."""
    nearest = float(round(value))
    return nearest if abs(value - nearest) < 1e-12 else value


def _swing(turning: Rows, turning_up: Rows, arm: Vector) -> Rows:
    """Acceleration of a point at ``arm`` from turning alone: ω̇ x r + ω x (ω x r)."""
    return _cross_with(turning_up, arm) + _cross(turning, _cross_with(turning, arm))


def _times_inertia(inertia: Inertia, vector: Rows) -> Rows:
    xx, yy, zz, xy, xz, yz = inertia
    x, y, z = vector
    product = np.empty_like(vector)
    product[0] = xx * x + xy * y + xz * z
    product[1] = xy * x + yy * y + yz * z
    product[2] = xz * x + yz * y + zz * z
    return product


def _cross(left: Rows, right: Rows) -> Rows:
    product = np.empty_like(left)
    product[0] = left[1] * right[2] - left[2] * right[1]
    product[1] = left[2] * right[0] - left[0] * right[2]
    product[2] = left[0] * right[1] - left[1] * right[0]
    return product


def _cross_with(left: Rows, right: Vector) -> Rows:
    x, y, z = right
    product = np.empty_like(left)
    product[0] = left[1] * z - left[2] * y
    product[1] = left[2] * x - left[0] * z
    product[2] = left[0] * y - left[1] * x
    return product


def _cross_from(left: Vector, right: Rows) -> Rows:
    return -_cross_with(right, left)
