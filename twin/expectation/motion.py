"""How an arm moved, from the frames of its joints: positions, speeds, accelerations by differences, torques."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Frames, Stream

    Rows = NDArray[np.float64]

MOST_STEP_NS = NS_PER_S + NS_PER_S // 5
"""Frames further apart tell no acceleration: the arm may have done anything in between."""
FAR_S = 0.25
"""From here on the positions tell more of an acceleration than they add noise."""
MOST_UNEVEN = 1.5
ALIKE = 0.05
"""Steps that differ by no more than this share are one step: clocks of devices are not exact."""
HELD_N = 20.0
"""A tool that presses so hard holds something. A gripper that only closes presses less."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Where an arm's joints stand in the frames of one stream: columns by joint, and the tool's force if told."""

    stream: str
    position: tuple[int, ...]
    speed: tuple[int, ...]
    torque: tuple[int, ...]
    force: int | None = None

    @property
    def joints(self) -> int:
        """How many joints are told of."""
        return len(self.position)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """n instants: ``t_ns`` int64 (n,); rad, rad/s, rad/s², N·m float64 (n, joints), NaN where not known.

    ``holds`` bool (n,) says whether the tool holds something.
    """

    t_ns: NDArray[np.int64]
    position_rad: Rows
    speed_rad_s: Rows
    acceleration_rad_s2: Rows
    torque_n_m: Rows
    holds: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.t_ns)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Motion:
        """The instants at ``rows``."""
        return Motion(
            self.t_ns[rows], self.position_rad[rows], self.speed_rad_s[rows], self.acceleration_rad_s2[rows],
            self.torque_n_m[rows], self.holds[rows],
        )  # fmt: skip

    def known(self) -> NDArray[np.bool_]:
        """Where the motion is known whole, so that torques can be expected: bool (n,)."""
        parts = (self.position_rad, self.speed_rad_s, self.acceleration_rad_s2)
        return np.asarray(np.isfinite(np.concatenate(parts, axis=1)).all(axis=1))


def wiring_of(stream: Stream) -> Wiring | None:
    """Where the joints stand in a stream, by role and index; None where it does not tell all three of each joint."""
    found: dict[Role, dict[int, int]] = {}
    for column, signal in enumerate(stream.columns):
        found.setdefault(signal.role, {})[signal.index] = column
    roles = (Role.JOINT_POSITION, Role.JOINT_VELOCITY, Role.JOINT_EFFORT)
    position, speed, torque = (found.get(role, {}) for role in roles)
    joints = range(len(position))
    if not position or any(set(one) != set(joints) for one in (position, speed, torque)):
        return None
    force = found.get(Role.TOOL_FORCE, {})
    placed = [tuple(one[joint] for joint in joints) for one in (position, speed, torque)]
    return Wiring(stream.id, placed[0], placed[1], placed[2], next(iter(force.values()), None))


def motion_of(frames: Frames, wiring: Wiring) -> Motion:
    """The motion that some frames tell, in order of time.

    An acceleration comes from one frame before and one after; it is not known at both ends, nor beside a gap.
    Without a tool's force nothing is held.
    """
    t_ns, values = frames.t_ns, frames.values
    speed = values[:, wiring.speed]
    acceleration = _acceleration(t_ns, values[:, wiring.position], speed)
    force = np.zeros(len(t_ns)) if wiring.force is None else values[:, wiring.force]
    return Motion(
        t_ns, values[:, wiring.position], speed, acceleration, values[:, wiring.torque], np.nan_to_num(force) > HELD_N
    )


def _acceleration(t_ns: NDArray[np.int64], position: Rows, speed: Rows) -> Rows:
    """The speeds' difference; of frames far apart the second derivative of the positions' and speeds' polynomial.

    The difference alone smears what happens between frames a second apart; the polynomial (Hermite, exact to the
    fifth power) does not, but with near frames it is mostly the sensors' noise. Where one neighbour is much nearer
    than the other, a difference would be of another moment: nothing is known there.
    """
    found = np.full_like(speed, np.nan)
    if len(t_ns) < 3:  # noqa: PLR2004  one frame needs one before and one after it
        return found
    steps_s = np.diff(t_ns) / NS_PER_S
    before_s, after_s = steps_s[:-1], steps_s[1:]
    known = (np.minimum(before_s, after_s) > 0) & (np.maximum(before_s, after_s) <= MOST_STEP_NS / NS_PER_S)
    known &= np.maximum(before_s, after_s) <= MOST_UNEVEN * np.minimum(before_s, after_s)
    rows = np.flatnonzero(known)
    a_s, b_s = before_s[rows, None], after_s[rows, None]
    behind, here, ahead = speed[rows], speed[rows + 1], speed[rows + 2]
    slope = (a_s**2 * ahead - b_s**2 * behind + (b_s**2 - a_s**2) * here) / (a_s * b_s * (a_s + b_s))
    far = (np.minimum(a_s, b_s) > FAR_S) & (np.abs(a_s - b_s) < ALIKE * (a_s + b_s))
    half_s = (a_s + b_s) / 2.0
    bend = position[rows + 2] - 2.0 * position[rows + 1] + position[rows]
    found[rows + 1] = np.where(far, 2.0 * bend / half_s**2 - slope, slope)
    return found


def join_motions(parts: Sequence[Motion]) -> Motion:
    """One after the other; at least one."""
    return Motion(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("t_ns", "position_rad", "speed_rad_s", "acceleration_rad_s2", "torque_n_m", "holds")
        )
    )
