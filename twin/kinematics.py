"""Published kinematics of arms whose masses nobody publishes well: Denavit–Hartenberg rows, base first (facts only).

After the manufacturers: Universal Robots, "DH parameters for calculations of kinematics and dynamics" (e-Series and
CB3); Franka Emika, "Denavit–Hartenberg parameters" of the Panda / FR3 (there in Craig's convention, here in the
classic one; the last row reaches to the flange). Lengths in metres, twists in radians.
"""

from __future__ import annotations

import math

from twin.spatial import UR10E, DhRow

_QUARTER = math.pi / 2


def _ur(d1: float, a2: float, a3: float, d4: float, d5: float, d6: float) -> tuple[DhRow, ...]:  # noqa: PLR0913  a row of the article
    return (
        DhRow(0.0, _QUARTER, d1), DhRow(a2, 0.0, 0.0), DhRow(a3, 0.0, 0.0),
        DhRow(0.0, _QUARTER, d4), DhRow(0.0, -_QUARTER, d5), DhRow(0.0, 0.0, d6),
    )  # fmt: skip


_PANDA = (
    DhRow(0.0, -_QUARTER, 0.333), DhRow(0.0, _QUARTER, 0.0), DhRow(0.0825, _QUARTER, 0.316),
    DhRow(-0.0825, -_QUARTER, 0.0), DhRow(0.0, _QUARTER, 0.384), DhRow(0.088, _QUARTER, 0.0), DhRow(0.0, 0.0, 0.107),
)  # fmt: skip

ARM_KINEMATICS: dict[str, tuple[DhRow, ...]] = {
    "ur3": _ur(0.1519, -0.24365, -0.21325, 0.11235, 0.08535, 0.0819),
    "ur5": _ur(0.089159, -0.425, -0.39225, 0.10915, 0.09465, 0.0823),
    "ur10": _ur(0.1273, -0.612, -0.5723, 0.163941, 0.1157, 0.0922),
    "ur3e": _ur(0.15185, -0.24355, -0.2132, 0.13105, 0.08535, 0.0921),
    "ur5e": _ur(0.1625, -0.425, -0.3922, 0.1333, 0.0997, 0.0996),
    UR10E.name: UR10E.dh,
    "ur16e": _ur(0.1807, -0.4784, -0.36, 0.17415, 0.11985, 0.11655),
    "panda": _PANDA,
    "fr3": _PANDA,
}
"""By the word written in an asset's ``model`` attribute."""
