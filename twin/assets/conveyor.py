"""A conveyor."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

ASSET_TYPE = AssetType(
    "conveyor",
    Name("컨베이어", "Conveyor"),
    (
        StreamType(
            "data",
            (
                Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
                Signal(
                    "speed", unit="m/s", role=Role.SPEED, low=0.0, high=0.6, label_ko="벨트 속도", label_en="Belt speed"
                ),
                Signal("motor_current", unit="A", low=0.0, high=9.0, label_ko="모터 전류", label_en="Motor current"),
                Signal("item_count", Kind.COUNTER, "{part}", label_ko="통과 수", label_en="Items passed"),
            ),
            1.0,
        ),
    ),
)
