"""What an arm should do by a model of it, beside what it does: torque a joint, time a cycle, and how far off it is.

The model is the arm's rigid-body dynamics with friction, calibrated from a time of its own in which it was well.
"""

from twin.expectation.basis import Basis, basis_named, basis_of, told_of_basis
from twin.expectation.cycle import CycleFit, StepFit, fit_cycles, fit_steps
from twin.expectation.fit import ArmFit, fit_arm
from twin.expectation.motion import Motion, Wiring, join_motions, motion_of, wiring_of
from twin.expectation.residual import STREAM, Scorer, stream_for
from twin.expectation.torque import TERMS, JointFit, expected_n_m

__all__ = [
    "STREAM",
    "TERMS",
    "ArmFit",
    "Basis",
    "CycleFit",
    "JointFit",
    "Motion",
    "Scorer",
    "StepFit",
    "Wiring",
    "basis_named",
    "basis_of",
    "expected_n_m",
    "fit_arm",
    "fit_cycles",
    "fit_steps",
    "join_motions",
    "motion_of",
    "stream_for",
    "told_of_basis",
    "wiring_of",
]
