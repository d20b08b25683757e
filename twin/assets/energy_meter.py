"""An electricity meter."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

ASSET_TYPE = AssetType(
    "energy_meter",
    Name("전력량계", "Energy meter"),
    (
        StreamType(
            "data",
            (
                Signal(
                    "power",
                    unit="kW",
                    role=Role.POWER,
                    low=0.0,
                    high=400.0,
                    label_ko="유효 전력",
                    label_en="Active power",
                ),
                Signal("energy", Kind.COUNTER, "kW.h", Role.ENERGY, label_ko="누적 전력량", label_en="Energy"),
                Signal("voltage", unit="V", low=361.0, high=399.0, label_ko="전압", label_en="Voltage"),
                Signal("current", unit="A", low=0.0, high=700.0, label_ko="전류", label_en="Current"),
                Signal("power_factor", unit="1", low=0.85, high=1.0, label_ko="역률", label_en="Power factor"),
            ),
            1.0,
        ),
    ),
)
