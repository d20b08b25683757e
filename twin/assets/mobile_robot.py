"""An autonomous mobile robot (AMR)."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

ASSET_TYPE = AssetType(
    "mobile_robot",
    Name("자율 이동 로봇", "Mobile robot"),
    (
        StreamType(
            "pose",
            (
                Signal("x", unit="m", role=Role.X, label_ko="x", label_en="x"),
                Signal("y", unit="m", role=Role.Y, label_ko="y", label_en="y"),
                Signal("yaw", unit="rad", role=Role.YAW, label_ko="방향", label_en="Heading"),
                Signal("speed", unit="m/s", role=Role.SPEED, low=0.0, high=1.8, label_ko="속도", label_en="Speed"),
            ),
            0.2,
        ),
        StreamType(
            "status",
            (
                Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
                Signal("task", Kind.TEXT, role=Role.PROGRAM, label_ko="작업", label_en="Task"),
                Signal(
                    "battery", unit="1", role=Role.BATTERY, low=0.2, high=1.0, label_ko="배터리", label_en="Battery"
                ),
                Signal("load", unit="kg", role=Role.LOAD, low=0.0, high=600.0, label_ko="적재", label_en="Load"),
                Signal("charging", Kind.FLAG, label_ko="충전 중", label_en="Charging"),
                Signal("last_node", Kind.TEXT, label_ko="마지막 노드", label_en="Last node"),
            ),
            1.0,
        ),
    ),
)
