"""A machine tool."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

ASSET_TYPE = AssetType(
    "machine_tool",
    Name("공작기계", "Machine tool"),
    (
        StreamType(
            "data",
            (
                Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
                Signal("mode", Kind.STATE, role=Role.MODE, label_ko="모드", label_en="Mode"),
                Signal("program", Kind.TEXT, role=Role.PROGRAM, label_ko="프로그램", label_en="Program"),
                Signal(
                    "spindle_speed",
                    unit="/min",
                    low=0.0,
                    high=12000.0,
                    label_ko="주축 회전수",
                    label_en="Spindle speed",
                ),
                Signal(
                    "spindle_load",
                    unit="1",
                    role=Role.LOAD,
                    low=0.0,
                    high=0.9,
                    label_ko="주축 부하",
                    label_en="Spindle load",
                ),
                Signal(
                    "feed_rate",
                    unit="mm/min",
                    role=Role.SPEED,
                    low=0.0,
                    high=8000.0,
                    label_ko="이송 속도",
                    label_en="Feed rate",
                ),
                Signal("tool_wear", unit="mm", low=0.0, high=0.3, label_ko="공구 마모", label_en="Tool wear"),
                Signal("vibration", unit="mm/s", low=0.0, high=7.1, label_ko="주축 진동", label_en="Spindle vibration"),
                Signal(
                    "spindle_temperature",
                    unit="Cel",
                    low=10.0,
                    high=70.0,
                    label_ko="주축 온도",
                    label_en="Spindle temperature",
                ),
                Signal(
                    "good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT, label_ko="양품 수", label_en="Good parts"
                ),
                Signal(
                    "scrap_count", Kind.COUNTER, "{part}", Role.SCRAP_COUNT, label_ko="불량 수", label_en="Scrap parts"
                ),
                Signal(
                    "cycle_time", unit="s", role=Role.CYCLE_TIME, low=0.0, label_ko="사이클 시간", label_en="Cycle time"
                ),
                Signal("power", unit="W", role=Role.POWER, low=0.0, high=18000.0, label_ko="전력", label_en="Power"),
            ),
            0.5,
        ),
    ),
)
