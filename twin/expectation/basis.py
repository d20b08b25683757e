"""What a joint's torque is put together from, by what is known of an arm: each basis is linear in its numbers.

- ``dynamics``: the published masses and geometry; seven numbers a joint (`twin.expectation.torque`).
- ``kinematics``: the published geometry alone. Torque is linear in each link's mass, first moment and inertia (Khalil
  and Dombre 2002, § 12.2), whatever these are: ten numbers a link, friction and offset. Each joint is fitted by
  itself, so that its effort may be a current as well: the scale is in the numbers.
- ``regression``: nothing is known. Sines and cosines of sums of neighbouring joints' angles stand for gravity (that of
  parallel axes is of this form exactly), accelerations for inertia, besides friction and offset.

What the last two say beyond where they were fitted nobody knows, so they are judged by what they were not fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.errors import ExpectationError
from twin.expectation.torque import PRIOR, PRIOR_SPREAD, SMOOTH_RAD_S, TERMS, terms_of
from twin.kinematics import ARM_KINEMATICS
from twin.simulation.dynamics import inverse_dynamics_n_m
from twin.spatial import ARM_MODELS, ArmGeometry, Link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.expectation.motion import Motion
    from twin.site import Asset
    from twin.spatial import DhRow

    Rows = NDArray[np.float64]

DYNAMICS, KINEMATICS, REGRESSION = "dynamics", "kinematics", "regression"
FRICTION = ("viscous", "coulomb", "offset")
MOST_JOINED = 3
"""A regression knows sums of so many neighbouring angles: three parallel axes are the most that arms have in a row."""
NEWTON_METRES = "N.m"
_AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_NOWHERE = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Basis:
    """What torques are put together from: its name, as a fit keeps it, and how many joints it is of."""

    name: str
    joints: int

    @property
    def kind(self) -> str:
        """How much is known: dynamics, kinematics or regression."""
        raise NotImplementedError

    @property
    def is_free(self) -> bool:
        """Whether its numbers are free: nothing was thought of them before."""
        return self.kind != DYNAMICS

    @property
    def words(self) -> tuple[str, ...]:
        """What each number of a joint is; all joints have the same ones."""
        raise NotImplementedError

    def terms(self, motion: Motion) -> Rows:
        """What stands beside each number: float64 (joints, n, numbers)."""
        raise NotImplementedError

    def prior(self, _terms: Rows, _torque: Rows) -> tuple[Rows, Rows]:
        """What is thought of a joint's numbers before they are fitted to these terms and torques, and how loosely."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Dynamics(Basis):
    """The published masses and geometry of an arm."""

    geometry: ArmGeometry

    @property
    def kind(self) -> str:
        """Masses and geometry."""
        return DYNAMICS

    @property
    def words(self) -> tuple[str, ...]:
        """See `twin.expectation.torque`."""
        return TERMS

    def terms(self, motion: Motion) -> Rows:
        """See `twin.expectation.torque.terms_of`."""
        return terms_of(self.geometry, motion)

    def prior(self, _terms: Rows, _torque: Rows) -> tuple[Rows, Rows]:
        """The data sheet's."""
        return PRIOR, PRIOR_SPREAD


LOOSE = 30.0
"""A free number may explain so many times what there is to explain: so terms are told apart that are nearly alike."""


class _Free(Basis):
    """Numbers of which nothing is known: held back only where the data say nothing (a ridge)."""

    __slots__ = ()

    def prior(self, terms: Rows, torque: Rows) -> tuple[Rows, Rows]:
        """Nothing, as loosely as the torque varies by what a term is in size."""
        size = np.sqrt((terms**2).mean(axis=0))
        spread = LOOSE * max(float(np.std(torque)), 1e-6) / np.where(size > 0.0, size, 1.0)
        return np.zeros(terms.shape[1]), spread


@dataclass(frozen=True, slots=True)
class Kinematics(_Free):
    """The published geometry of an arm, its masses free."""

    dh: tuple[DhRow, ...]

    @property
    def kind(self) -> str:
        """Geometry."""
        return KINEMATICS

    @property
    def words(self) -> tuple[str, ...]:
        """Mass, first moment and inertia of each link, then friction and offset."""
        parts = ("mass", "mx", "my", "mz", "xx", "yy", "zz", "xy", "xz", "yz")
        return (*(f"{part}_{link + 1}" for link in range(self.joints) for part in parts), *FRICTION)

    def terms(self, motion: Motion) -> Rows:
        """By inverse dynamics of one unit after the other."""
        found = [part for link in range(self.joints) for part in self._of_link(motion, link)]
        return _with_friction(found, motion)

    def _of_link(self, motion: Motion, link: int) -> list[Rows]:
        moments = [
            (self._torque(motion, link, 1.0, axis) - self._torque(motion, link, 1.0, _less(axis))) / 2.0
            for axis in _AXES
        ]
        inertias = [self._torque(motion, link, 0.0, _NOWHERE, _inertia(place)) for place in range(6)]
        return [self._torque(motion, link, 1.0, _NOWHERE), *moments, *inertias]

    def _torque(
        self,
        motion: Motion,
        link: int,
        mass_kg: float,
        centre_m: tuple[float, float, float],
        inertia: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    ) -> Rows:
        nothing = Link(0.0, _NOWHERE, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        links = [nothing] * self.joints
        links[link] = Link(mass_kg, centre_m, inertia)
        geometry = ArmGeometry(self.name, self.dh, tuple(links), (), (), 0.0, 0.0)
        return inverse_dynamics_n_m(
            geometry, motion.position_rad, motion.speed_rad_s, motion.acceleration_rad_s2, np.zeros(len(motion))
        )


@dataclass(frozen=True, slots=True)
class Regression(_Free):
    """Nothing but how many joints there are."""

    @property
    def kind(self) -> str:
        """Nothing."""
        return REGRESSION

    @property
    def words(self) -> tuple[str, ...]:
        """Angles whose sums' sine and cosine stand for gravity, accelerations, then friction and offset."""
        sums = ["+".join(f"q{joint + 1}" for joint in one) for one in self._sums()]
        waves = tuple(f"{wave}({one})" for one in sums for wave in ("sin", "cos"))
        return (*waves, *(f"acceleration_{joint + 1}" for joint in range(self.joints)), *FRICTION)

    def _sums(self) -> list[range]:
        return [
            range(first, first + count)
            for count in range(1, MOST_JOINED + 1)
            for first in range(self.joints - count + 1)
        ]

    def terms(self, motion: Motion) -> Rows:
        """The same for each joint, but for friction."""
        shape = motion.position_rad.shape
        angles = [motion.position_rad[:, one.start : one.stop].sum(axis=1) for one in self._sums()]
        alone = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
        alone += [motion.acceleration_rad_s2[:, joint] for joint in range(self.joints)]
        return _with_friction([np.broadcast_to(one[:, None], shape) for one in alone], motion)


def _with_friction(parts: list[Rows], motion: Motion) -> Rows:
    speed = motion.speed_rad_s
    whole = [*parts, speed, np.tanh(speed / SMOOTH_RAD_S), np.ones_like(speed)]
    return np.stack(whole, axis=-1).transpose(1, 0, 2)


def _less(axis: tuple[float, float, float]) -> tuple[float, float, float]:
    return (-axis[0], -axis[1], -axis[2])


def _inertia(place: int) -> tuple[float, float, float, float, float, float]:
    xx, yy, zz, xy, xz, yz = (float(one == place) for one in range(6))
    return (xx, yy, zz, xy, xz, yz)


def basis_of(asset: Asset, joints: int) -> Basis:
    """The most that is known of an arm, by its attributes ``model`` and ``effort_unit`` (N.m unless it says another).

    Raises ExpectationError where its model has another number of joints.
    """
    model, unit = (str(asset.attributes.get(one, "")) for one in ("model", "effort_unit"))
    if model in ARM_MODELS and unit in ("", NEWTON_METRES):
        found = basis_named(model)
    elif model in ARM_KINEMATICS:
        found = basis_named(f"{model} {KINEMATICS}")
    else:
        found = basis_named(f"{REGRESSION} {joints}")
    if found.joints != joints:
        raise ExpectationError(f"{asset.id} tells of {joints} joints, a {model} has {found.joints}")
    return found


def basis_named(name: str) -> Basis:
    """The basis that a fit names; raises ExpectationError for one that there is not."""
    first, _, last = name.partition(" ")
    if name in ARM_MODELS:
        return Dynamics(name, ARM_MODELS[name].joints, ARM_MODELS[name])
    if last == KINEMATICS and first in ARM_KINEMATICS:
        return Kinematics(name, len(ARM_KINEMATICS[first]), ARM_KINEMATICS[first])
    if first == REGRESSION and last.isdecimal():
        return Regression(name, int(last))
    raise ExpectationError(f"no way to expect torques is called {name!r}", "fit the arm anew: twin expect fit")


def told_of_basis(basis: Basis) -> str:
    """What it is, for people."""
    return _TOLD[basis.kind]


_TOLD = {
    DYNAMICS: "published masses and geometry",
    KINEMATICS: "published geometry, masses fitted",
    REGRESSION: "nothing known: a regression of each joint",
}
