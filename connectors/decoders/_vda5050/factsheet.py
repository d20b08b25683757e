"""What a robot tells of itself in its factsheet (VDA 5050 § 6.15 in 2.x), as attributes of an asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.decoders._vda5050 import model

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = (
    ("series", ("typeSpecification",), ("seriesName",)),
    ("class", ("typeSpecification",), ("mobileRobotClass", "agvClass")),
    ("kinematic", ("typeSpecification",), ("mobileRobotKinematics", "agvKinematic")),
    ("max_load_kg", ("typeSpecification",), ("maximumLoadMass", "maxLoadMass")),
    ("max_speed_m_s", ("physicalParameters",), ("maximumSpeed", "speedMax")),
    ("max_acceleration_m_s2", ("physicalParameters",), ("maximumAcceleration", "accelerationMax")),
    ("length_m", ("physicalParameters",), ("length",)),
    ("width_m", ("physicalParameters",), ("width",)),
    ("height_m", ("physicalParameters",), ("maximumHeight", "heightMax")),
    ("state_interval_s", ("protocolLimits", "timing"), ("defaultStateInterval",)),
)
"""Attribute, the objects it is inside of, and its names from 3.0 to 2.0."""


def attributes_of(body: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that are told, as texts; numbers in SI, as the names say."""
    found: dict[str, str] = {}
    for attribute, path, names in _FIELDS:
        inside: Any = body
        for part in path:
            inside = inside.get(part)
            if type(inside) is not dict:
                break
        if type(inside) is not dict:
            continue
        for name in names:
            value = model.number(inside, name)
            told = model.text(inside, name) if value is None else f"{value:g}"
            if told:
                found[attribute] = told
                break
    return found
