"""The torque that a joint should need: rigid-body dynamics and friction, linear in seven numbers a joint.

τ = gravity · G(q) + inertia · D(q, q̇, q̈) + (tool_kg + carried_kg · holds) · P(q, q̇, q̈) + viscous · q̇
  + coulomb · tanh(q̇ / q̇₀) + offset

G, D and P are those of the arm's published geometry: of its links at rest, of their motion beyond that, and of one
kilogram at the tool. So a fit of one hour's production tells seven numbers, where the base parameters of an arm would
be sixty, of which production excites few (Khalil and Dombre 2002, § 12.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.clock import NS_PER_S
from twin.simulation.dynamics import inverse_dynamics_n_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.expectation.basis import Basis
    from twin.expectation.motion import Motion
    from twin.spatial import ArmGeometry

    Rows = NDArray[np.float64]

TERMS = ("gravity", "inertia", "tool_kg", "carried_kg", "viscous_n_m_s", "coulomb_n_m", "offset_n_m")
"""What each number of a fit is; the first two are shares of what the published geometry says."""
PRIOR = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
PRIOR_SPREAD = np.array([0.05, 0.1, 2.0, 20.0, 1e3, 1e3, 5.0])
"""How far from that a number is thought to lie before anything was measured. Production leaves some terms nearly
without effect (the last joint lifts nothing) or alike (a tool and the links before it): there this decides, and only
there. Frictions are left free."""
SMOOTH_RAD_S = 0.02
MOVING_RAD_S = 0.05
"""A joint slower than this is at rest: its friction holds any torque up to Coulomb's, so that none can be expected."""
MIN_ROWS = 100
MIN_REACH_RAD = 0.1
MIN_EACH_WAY = 0.1
ROWS_A_NUMBER = 10
"""Of so many samples a number is fitted of which nothing is known before."""
LEAST_EXPLAINED = 0.5
"""A joint of whose torque less is explained, where it was not fitted, is not expected: it would tell nothing."""
HELD_OUT_NS = 60 * NS_PER_S
_ROUNDS = 6
_OUTLIER = 6.0
_MAD = 1.4826
"""The median of the sizes of a normal law's deviations, times this, is its standard deviation."""


class Refused(NamedTuple):
    """A joint that was not fitted, and why: ``rows`` in motion, of which ``forth`` went up; it moved ``reach_rad``."""

    why: str
    rows: int
    reach_rad: float


@dataclass(frozen=True, slots=True)
class JointFit:
    """One joint. ``theta`` are the numbers by `TERMS`; ``told`` how much of what was thought of each before is left.

    ``told`` near 0: measured; near 1: production says nothing of it. ``spread_n_m`` is the standard deviation of
    measured minus expected, from its median; ``explained`` (R²) the share of the torque's variance that is
    expected: where nothing was known of its numbers before, both of samples that it was not fitted to.
    """

    theta: tuple[float, ...]
    told: tuple[float, ...]
    spread_n_m: float
    explained: float
    rows: int


def terms_of(geometry: ArmGeometry, motion: Motion) -> Rows:
    """What stands beside each number: float64 (joints, n, 7)."""
    position, speed, acceleration = motion.position_rad, motion.speed_rad_s, motion.acceleration_rad_s2
    still = np.zeros_like(position)
    none, one = np.zeros(len(motion)), np.ones(len(motion))
    gravity = inverse_dynamics_n_m(geometry, position, still, still, none)
    moving = inverse_dynamics_n_m(geometry, position, speed, acceleration, none)
    kilogram = inverse_dynamics_n_m(geometry, position, speed, acceleration, one) - moving
    held = kilogram * motion.holds[:, None]
    sliding = np.tanh(speed / SMOOTH_RAD_S)
    parts = (gravity, moving - gravity, kilogram, held, speed, sliding, np.ones_like(speed))
    found: Rows = np.stack(parts, axis=-1).transpose(1, 0, 2)
    return found


def expected_n_m(fits: tuple[JointFit | None, ...], basis: Basis, motion: Motion) -> Rows:
    """Expected torques, N·m (n, joints); NaN where the motion is not known or a joint was not fitted."""
    expected = np.full((len(motion), basis.joints), np.nan)
    rows = motion.known()
    if rows.any():
        terms = basis.terms(motion.take(rows))
        for joint, fit in enumerate(fits):
            if fit is not None:
                # Not a matrix product: a row's bits must not depend on the rows computed beside it.
                expected[rows, joint] = (terms[joint] * np.array(fit.theta)).sum(axis=1)
    return expected


def fit_joints(basis: Basis, motion: Motion) -> tuple[JointFit | Refused, ...]:
    """Each joint's numbers, from instants whose motion is known (`Motion.known`)."""
    terms = basis.terms(motion)
    return tuple(_fit_joint(basis, terms[joint], motion, joint) for joint in range(basis.joints))


def _fit_joint(basis: Basis, terms: Rows, motion: Motion, joint: int) -> JointFit | Refused:
    torque, speed, position = motion.torque_n_m[:, joint], motion.speed_rad_s[:, joint], motion.position_rad[:, joint]
    used = (np.abs(speed) > MOVING_RAD_S) & np.isfinite(torque)
    rows = int(np.count_nonzero(used))
    reach = float(np.ptp(position[used])) if rows else 0.0
    forth = float((speed[used] > 0).mean()) if rows else 0.0
    if rows < MIN_ROWS:
        return Refused(f"{rows} samples in motion, {MIN_ROWS} are needed", rows, reach)
    if reach < MIN_REACH_RAD:
        return Refused(f"it moved {reach:.3f} rad, {MIN_REACH_RAD} are needed", rows, reach)
    if not MIN_EACH_WAY <= forth <= 1.0 - MIN_EACH_WAY:
        return Refused(f"{forth:.0%} of its motion went one way: friction and gravity look alike", rows, reach)
    x, y = terms[used], torque[used]
    prior, loose = basis.prior(x, y)
    if not basis.is_free:
        theta, told = _solved(x, y, prior, loose)
        return _judged(theta, told, x, y, rows)
    needed = ROWS_A_NUMBER * x.shape[1]
    if rows < needed:
        return Refused(
            f"{rows} samples in motion, {needed} are needed where so little is known of the arm", rows, reach
        )
    return _held_out(x, y, motion.t_ns[used], (prior, loose), Refused("", rows, reach))


def _held_out(
    x: Rows, y: Rows, t_ns: NDArray[np.int64], prior: tuple[Rows, Rows], refused: Refused
) -> JointFit | Refused:
    """Fitted to every other minute and judged by those between; then fitted to all, and told with that judgement."""
    apart = t_ns // HELD_OUT_NS % 2 == 1
    if min(np.count_nonzero(apart), np.count_nonzero(~apart)) < MIN_ROWS:
        apart = np.arange(len(y)) >= len(y) // 2
    theta, told = _solved(x[~apart], y[~apart], *prior)
    judged = _judged(theta, told, x[apart], y[apart], refused.rows)
    if judged.explained < LEAST_EXPLAINED:
        share = f"{max(judged.explained, 0.0):.0%}"
        return refused._replace(why=f"what is known explains {share} of its torque, {LEAST_EXPLAINED:.0%} are needed")
    theta, told = _solved(x, y, *prior)
    return JointFit(tuple(theta.tolist()), tuple(told.tolist()), judged.spread_n_m, judged.explained, refused.rows)


def _solved(x: Rows, y: Rows, prior: Rows, loose: Rows) -> tuple[Rows, Rows]:
    """The numbers, and how much of what was thought of each before is left."""
    theta = prior
    spread = _spread(y - x @ theta)
    kept = np.ones(len(y), np.bool_)
    # In units of what was thought, as terms differ by orders of size: there the thought itself weighs one.
    scaled, apart = x * loose, y - x @ prior
    weighed = one = np.eye(len(prior))
    # Of what is far off for a moment (a part set down, a sensor's slip) nothing is learnt.
    for _ in range(_ROUNDS):
        design = scaled[kept] / spread
        weighed = design.T @ design + one
        theta = prior + loose * np.linalg.solve(weighed, design.T @ (apart[kept] / spread))
        off = y - x @ theta
        spread = _spread(off)
        kept = np.abs(off) <= _OUTLIER * spread
    return theta, np.sqrt(np.diag(np.linalg.inv(weighed)))


def _judged(theta: Rows, told: Rows, x: Rows, y: Rows, rows: int) -> JointFit:
    """The numbers with how far some rows are from them."""
    off = y - x @ theta
    varied = float(y.var())
    explained = 1.0 - float((off**2).mean()) / varied if varied else 0.0
    return JointFit(tuple(theta.tolist()), tuple(told.tolist()), _spread(off), explained, rows)


def _spread(off: Rows) -> float:
    """Standard deviation by the median of the sizes; never 0, as a torque is told in steps."""
    return max(_MAD * float(np.median(np.abs(off))), 1e-3)
