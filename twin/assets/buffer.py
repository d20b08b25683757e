"""A buffer between two stations."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, Deviation, Limit, On, Priority
from twin.sample import Role, Signal
from twin.site import AssetType, Name, StreamType

FULL = AlarmRule(
    "full", Deviation(On(role=Role.LEVEL), On(role=Role.CAPACITY), Bound.HI, -0.5), Priority.LOW,
    Name("버퍼 가득 참", "Buffer full"),
    Name("앞 공정이 막혀 멈춥니다.", "The station before it is blocked."),
    Name("뒤 공정이 왜 가져가지 않는지 확인하십시오.", "See why the station behind takes nothing."),
    on_delay_s=900.0, off_delay_s=30.0,
)  # fmt: skip
EMPTY = AlarmRule(
    "empty", Limit(On(role=Role.LEVEL), Bound.LO, value=0.5), Priority.LOW,
    Name("버퍼 빔", "Buffer empty"),
    Name("뒤 공정이 부품을 기다리며 멈춥니다.", "The station behind it starves."),
    Name("앞 공정이 왜 넘기지 않는지 확인하십시오.", "See why the station before passes nothing on."),
    on_delay_s=900.0, off_delay_s=30.0,
)  # fmt: skip
"""For a buffer that must never run full or empty, as an asset's own rules.

They are not the type's: before a bottleneck a buffer is full all day, and behind one it is empty, so as
an alarm of every buffer they would stand for hours and tell an operator nothing to do.
"""
_ALARMS = (
    AlarmRule(
        "overfull", Deviation(On(role=Role.LEVEL), On(role=Role.CAPACITY), Bound.HIHI, 0.5), Priority.HIGH,
        Name("버퍼 용량 초과", "Buffer beyond its capacity"),
        Name("제품이 떨어지거나 끼일 수 있습니다. 또는 계수 센서가 틀렸습니다.", "Parts may fall or jam; or its counter is wrong."),
        Name("투입을 멈추고 버퍼를 직접 확인하십시오.", "Stop what feeds it, and look at the buffer."),
        on_delay_s=5.0,
    ),
    AlarmRule(
        "below_empty", Limit(On(role=Role.LEVEL), Bound.LOLO, value=-0.5), Priority.LOW,
        Name("버퍼 수량 오류", "Buffer counts below empty"),
        Name("재공 수량이 맞지 않습니다.", "The count of parts is wrong."),
        Name("실제 수량을 세고 계수를 다시 맞추십시오.", "Count what is there, and set its counter."),
        on_delay_s=5.0,
    ),
    SILENT,
)  # fmt: skip

ASSET_TYPE = AssetType(
    "buffer",
    Name("버퍼", "Buffer"),
    (
        StreamType(
            "data",
            (
                Signal("level", unit="{part}", role=Role.LEVEL, low=0.0, label_ko="재공", label_en="Level"),
                Signal("capacity", unit="{part}", role=Role.CAPACITY, label_ko="용량", label_en="Capacity"),
            ),
            1.0,
        ),
    ),
    alarms=_ALARMS,
)
