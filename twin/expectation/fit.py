"""What is expected of one arm: its joints and its cycle, from one time of its own, told with how good it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.errors import ExpectationError
from twin.expectation.cycle import CycleFit, StepFit
from twin.expectation.torque import JointFit, fit_joints
from twin.spatial import ARM_MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.expectation.motion import Motion
    from twin.site import Asset
    from twin.spatial import ArmGeometry

MOST_ROWS = 200_000
"""More instants tell no more: of a longer time each k-th is taken."""


@dataclass(frozen=True, slots=True)
class ArmFit:
    """One arm as it was in [start_ns, end_ns). A joint that could not be fitted is None, and ``refused`` says why.

    ``period_s`` is how far its frames lay apart: accelerations over a second smear, and the spread grows.
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
    def geometry(self) -> ArmGeometry:
        """The geometry it was fitted with."""
        return geometry_named(self.model, self.asset)

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


def geometry_named(model: str, asset: str) -> ArmGeometry:
    """The published geometry of a model; raises ExpectationError where there is none."""
    if model not in ARM_MODELS:
        raise ExpectationError(
            f"{asset}: no dynamics are known of model {model or 'that is not told'!r}",
            f"give it attributes = {{ model = … }}, one of {', '.join(sorted(ARM_MODELS))}",
        )
    return ARM_MODELS[model]


def fit_arm(asset: Asset, motion: Motion, cycle: CycleFit | None = None, steps: tuple[StepFit, ...] = ()) -> ArmFit:
    """Calibrate an arm from how it moved while it was well.

    Raises ExpectationError where its model is not known, its joints are others, or not one could be fitted.
    """
    geometry = geometry_named(str(asset.attributes.get("model", "")), asset.id)
    joints = motion.position_rad.shape[1]
    if joints != geometry.joints:
        raise ExpectationError(f"{asset.id} tells of {joints} joints, a {geometry.name} has {geometry.joints}")
    if not len(motion):
        raise ExpectationError(f"{asset.id}: nothing is stored of its joints then", "choose another time")
    period_s = float(np.median(np.diff(motion.t_ns))) / 1e9 if len(motion) > 1 else 0.0
    span = int(motion.t_ns[0]), int(motion.t_ns[-1]) + 1
    known = motion.take(motion.known())
    used = known.take(slice(None, None, 1 + (len(known) - 1) // MOST_ROWS)) if len(known) > MOST_ROWS else known
    found = fit_joints(geometry, used)
    fitted = tuple(one if isinstance(one, JointFit) else None for one in found)
    refused = {joint: one.why for joint, one in enumerate(found) if not isinstance(one, JointFit)}
    if not any(fitted):
        told = "; ".join(f"J{joint + 1}: {why}" for joint, why in refused.items())
        raise ExpectationError(
            f"{asset.id}: no joint can be fitted ({told})", "choose a longer time, in which it worked"
        )
    return ArmFit(asset.id, geometry.name, *span, period_s, fitted, refused, cycle, steps)
