"""Where a robot arm's links are: Denavit–Hartenberg geometry and forward kinematics.

Frames follow the standard (distal) convention: frame i sits at the far end of link i and turns with
joint i + 1's axis as its z. ``a_from_b`` transforms take coordinates in b to coordinates in a.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Vector = tuple[float, float, float]
Inertia = tuple[float, float, float, float, float, float]
"""(xx, yy, zz, xy, xz, yz) in kg·m², about the centre of mass, along the link frame's axes."""


@dataclass(frozen=True, slots=True)
class DhRow:
    """One joint's standard Denavit–Hartenberg parameters: metres and radians."""

    a_m: float
    alpha_rad: float
    d_m: float
    theta_offset_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """A link's mass, its centre of mass in the link's own frame, and its inertia."""

    mass_kg: float
    centre_m: Vector
    inertia_kg_m2: Inertia


@dataclass(frozen=True, slots=True)
class ArmGeometry:
    """A serial arm: one `DhRow` and one `Link` a joint, base first, and its published limits.

    ``torque_limit_n_m`` and ``speed_limit_rad_s`` are absolute values, one a joint.
    """

    name: str
    dh: tuple[DhRow, ...]
    links: tuple[Link, ...]
    torque_limit_n_m: tuple[float, ...]
    speed_limit_rad_s: tuple[float, ...]
    payload_kg: float
    reach_m: float

    @property
    def joints(self) -> int:
        """How many joints it has."""
        return len(self.dh)


def base_from_links(geometry: ArmGeometry, positions_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pose of every link frame: positions (n, joints) → homogeneous transforms (n, joints, 4, 4)."""
    positions = np.atleast_2d(np.asarray(positions_rad, np.float64))
    rows = len(positions)
    poses = np.empty((rows, geometry.joints, 4, 4))
    reached = np.broadcast_to(np.eye(4), (rows, 4, 4))
    for joint, dh in enumerate(geometry.dh):
        reached = reached @ _previous_from_link(dh, positions[:, joint])
        poses[:, joint] = reached
    return poses


def tool_position_m(geometry: ArmGeometry, positions_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the flange is in the base frame: positions (n, joints) → metres (n, 3)."""
    flange: NDArray[np.float64] = base_from_links(geometry, positions_rad)[:, -1, :3, 3]
    return flange


def centres_of_mass_m(geometry: ArmGeometry, positions_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each link's centre of mass is in the base frame: (n, joints) → metres (n, joints, 3)."""
    poses = base_from_links(geometry, positions_rad)
    centres = np.array([link.centre_m for link in geometry.links])
    turned: NDArray[np.float64] = np.einsum("njab,jb->nja", poses[:, :, :3, :3], centres)
    return turned + poses[:, :, :3, 3]


def _previous_from_link(dh: DhRow, position_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    theta = position_rad + dh.theta_offset_rad
    cos_t, sin_t = np.cos(theta), np.sin(theta)
    cos_a, sin_a = math.cos(dh.alpha_rad), math.sin(dh.alpha_rad)
    step = np.zeros((len(theta), 4, 4))
    step[:, 0, 0], step[:, 0, 1], step[:, 0, 2] = cos_t, -sin_t * cos_a, sin_t * sin_a
    step[:, 1, 0], step[:, 1, 1], step[:, 1, 2] = sin_t, cos_t * cos_a, -cos_t * sin_a
    step[:, 0, 3], step[:, 1, 3] = dh.a_m * cos_t, dh.a_m * sin_t
    step[:, 2, 1], step[:, 2, 2], step[:, 2, 3] = sin_a, cos_a, dh.d_m
    step[:, 3, 3] = 1.0
    return step


_QUARTER = math.pi / 2

UR10E = ArmGeometry(
    name="ur10e",
    dh=(
        DhRow(0.0, _QUARTER, 0.1807),
        DhRow(-0.6127, 0.0, 0.0),
        DhRow(-0.57155, 0.0, 0.0),
        DhRow(0.0, _QUARTER, 0.17415),
        DhRow(0.0, -_QUARTER, 0.11985),
        DhRow(0.0, 0.0, 0.11655),
    ),
    links=(
        Link(7.369, (0.021, 0.0, 0.027), (0.0341, 0.0353, 0.0216, 0.0, -0.0043, 0.0001)),
        Link(13.051, (0.38, 0.0, 0.158), (0.0281, 0.7707, 0.7694, 0.0001, -0.0156, 0.0)),
        Link(3.989, (0.24, 0.0, 0.068), (0.0101, 0.3093, 0.3065, 0.0001, 0.0092, 0.0)),
        Link(2.1, (0.0, 0.007, 0.018), (0.0030, 0.0022, 0.0026, 0.0, 0.0, -0.0002)),
        Link(1.98, (0.0, 0.007, 0.018), (0.0030, 0.0022, 0.0026, 0.0, 0.0, -0.0002)),
        Link(0.615, (0.0, 0.0, -0.026), (0.0004, 0.0004, 0.0003, 0.0, 0.0, 0.0)),
    ),
    torque_limit_n_m=(330.0, 330.0, 150.0, 56.0, 56.0, 56.0),
    speed_limit_rad_s=(2.094, 2.094, 3.142, 3.142, 3.142, 3.142),
    payload_kg=12.5,
    reach_m=1.3,
)
"""Universal Robots UR10e, after the manufacturer's article "DH parameters for calculations of kinematics
and dynamics" (Denavit–Hartenberg rows, masses, centres of mass, inertia matrices) and its data sheet
(joint torques of sizes 4, 3 and 2, speeds, payload, reach). The rows, and links 1 to 5 up to their
centres of mass, were compared with the article; link 6 and the inertia matrices were not: good enough
to simulate with, not to control a real arm by."""

ARM_MODELS: dict[str, ArmGeometry] = {UR10E.name: UR10E}
"""The arms this project knows, by the word written in an asset's ``model`` attribute."""
