"""Joint paths: minimum-jerk moves between the poses of a working cycle.

A path is told over the cycle's *phase*, 0 at the start and 1 at the end: a slow cycle is the same path
stretched, and an arm that stops half-way keeps its phase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]


def minimum_jerk(s: Rows) -> tuple[Rows, Rows, Rows]:
    """The minimum-jerk blend of Flash and Hogan (1985) and its first two derivatives by ``s``.

    ``s`` in 0…1; the blend goes from 0 to 1 with speed and acceleration zero at both ends.
    """
    square = s * s
    blend = square * s * (10.0 + s * (6.0 * s - 15.0))
    slope = 30.0 * square * (1.0 + s * (s - 2.0))
    bend = 60.0 * s * (1.0 + s * (2.0 * s - 3.0))
    return blend, slope, bend


@dataclass(frozen=True, slots=True)
class Move:
    """One part of a cycle: go to ``pose_rad`` while the phase goes to ``until``.

    ``opening_m`` is the gripper's opening at the end; ``holds`` says whether a part is in the gripper.
    """

    step: str
    until: float
    pose_rad: tuple[float, ...]
    opening_m: float
    holds: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PathRows:
    """A path at n phases: by-phase derivatives; (n, joints), the gripper (n,), and which move it is."""

    position: Rows
    slope: Rows
    bend: Rows
    opening: Rows
    opening_slope: Rows
    holds: NDArray[np.bool_]
    move: NDArray[np.intp]


class JointPath:
    """The path of one cycle: it starts where its last move ends, at home."""

    def __init__(self, moves: tuple[Move, ...]) -> None:
        self.steps = tuple(move.step for move in moves)
        ends = np.array([move.until for move in moves])
        poses = np.array([[*move.pose_rad, move.opening_m] for move in moves])
        self._inner_ends = ends[:-1]
        self._starts = np.concatenate(([0.0], ends[:-1]))
        self._spans = ends - self._starts
        self._from = np.roll(poses, 1, axis=0)
        self._delta = poses - self._from
        self._holds = np.array([move.holds for move in moves])

    @property
    def carries(self) -> tuple[float, float]:
        """From which phase to which a part is held; (1, 0) where none is."""
        held = np.flatnonzero(self._holds)
        if not len(held):
            return 1.0, 0.0
        return float(self._starts[held[0]]), float(self._starts[held[-1]] + self._spans[held[-1]])

    def at(self, phase: Rows) -> PathRows:
        """The path at phases (n,) in 0…1."""
        move = np.searchsorted(self._inner_ends, phase, side="right")
        span = self._spans[move]
        blend, slope, bend = minimum_jerk((phase - self._starts[move]) / span)
        delta = self._delta[move]
        position = self._from[move] + delta * blend[:, None]
        slopes = delta * (slope / span)[:, None]
        bends = delta * (bend / (span * span))[:, None]
        return PathRows(
            position[:, :-1], slopes[:, :-1], bends[:, :-1], position[:, -1], slopes[:, -1], self._holds[move], move
        )
