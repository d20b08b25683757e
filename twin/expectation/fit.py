"""What is expected of one arm: its joints and its cycle, from one time of its own, told with how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import ExpectationError
from twin.expectation.basis import basis_named, basis_of
from twin.expectation.cycle import CycleFit, StepFit
from twin.expectation.torque import JointFit, fit_joints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.expectation.basis import Basis
    from twin.expectation.motion import Motion
    from twin.site import Asset

MOST_ROWS = 200_000
"""More instants tell no more: of a longer time each k-th is taken."""
MOST_FREE_ROWS = 30_000
"""The same where a joint has some sixty numbers."""


@dataclass(frozen=True, slots=True)
class ArmFit:
    """One arm as it was in [start_ns, end_ns); ``model`` names its basis (`twin.expectation.basis`).

    A joint that could not be fitted is None, and ``refused`` says why. ``period_s`` is how far its frames lay apart:
    accelerations over a second smear, and the spread grows.
    """

    asset: str
    model: str
    start_ns: int
    end_ns: int
    period_s: float
    joints: tuple[JointFit | None, ...]
    refused: Mapping[int, str]
    cycle: CycleFit | None = None
    steps: tuple[StepFit, ...] = ()

    @property
    def basis(self) -> Basis:
        """What its torques are put together from."""
        return basis_named(self.model)

    def told(self) -> dict[str, Any]:
        """As plain values, for JSON; `arm_fit` reads it back."""
        found = asdict(self)
        found["refused"] = {str(joint): why for joint, why in self.refused.items()}
        return found


def arm_fit(told: Mapping[str, Any]) -> ArmFit:
    """A fit from its plain values."""
    joints = (None if one is None else _joint(one) for one in told["joints"])
    return ArmFit(
        told["asset"], told["model"], told["start_ns"], told["end_ns"], told["period_s"], tuple(joints),
        {int(joint): why for joint, why in told["refused"].items()},
        None if told["cycle"] is None else CycleFit(**told["cycle"]),
        tuple(StepFit(**one) for one in told["steps"]),
    )  # fmt: skip


def _joint(told: Mapping[str, Any]) -> JointFit:
    return JointFit(**{**told, "theta": tuple(told["theta"]), "told": tuple(told["told"])})


def fit_arm(asset: Asset, motion: Motion, cycle: CycleFit | None = None, steps: tuple[StepFit, ...] = ()) -> ArmFit:
    """Calibrate an arm from how it moved while it was well.

    By the most that is known of it: its published dynamics, its published geometry, or nothing (`basis_of`). Raises
    ExpectationError where its model has other joints, or not one could be fitted.
    """
    basis = basis_of(asset, motion.position_rad.shape[1])
    if not len(motion):
        raise ExpectationError(f"{asset.id}: nothing is stored of its joints then", "choose another time")
    period_s = float(np.median(np.diff(motion.t_ns))) / 1e9 if len(motion) > 1 else 0.0
    span = int(motion.t_ns[0]), int(motion.t_ns[-1]) + 1
    known = motion.take(motion.known())
    most = MOST_FREE_ROWS if basis.is_free else MOST_ROWS
    used = known.take(slice(None, None, 1 + (len(known) - 1) // most)) if len(known) > most else known
    found = fit_joints(basis, used)
    fitted = tuple(one if isinstance(one, JointFit) else None for one in found)
    refused = {joint: one.why for joint, one in enumerate(found) if not isinstance(one, JointFit)}
    if not any(fitted):
        told = "; ".join(f"J{joint + 1}: {why}" for joint, why in refused.items())
        raise ExpectationError(
            f"{asset.id}: no joint can be fitted ({told})", "choose a longer time, in which it worked"
        )
    return ArmFit(asset.id, basis.name, *span, period_s, fitted, refused, cycle, steps)
