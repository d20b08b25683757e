"""A conveyor."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, DeviceError, InState, Limit, On, Priority, sensor_rules
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

_ALARMS = (
    AlarmRule(
        "overcurrent", Limit(On("motor_current"), Bound.HIHI, deadband=0.5), Priority.HIGH,
        Name("컨베이어 모터 과전류", "Conveyor motor overcurrent"),
        Name("걸림일 수 있으며 모터 보호가 곧 차단합니다.", "Most likely a jam; the motor protection will trip."),
        Name("컨베이어를 정지하고 잠근 뒤 걸린 제품을 제거하십시오.", "Stop and lock the belt, then take the jammed part out."),
        on_delay_s=2.0, off_delay_s=5.0,
    ),
    AlarmRule(
        "current_high", Limit(On("motor_current"), Bound.HI, share=0.8, deadband=0.3), Priority.LOW,
        Name("컨베이어 모터 전류 높음", "Conveyor motor current high"),
        Name("베어링이나 벨트가 뻑뻑해지고 있습니다.", "A bearing or the belt grows stiff."),
        Name("벨트 장력과 롤러를 점검하도록 보전에 알리십시오.", "Have belt tension and rollers checked."),
        on_delay_s=30.0, off_delay_s=60.0,
    ),
    AlarmRule(
        "stopped_by_itself", InState(frozenset({"Aborted", "Aborting", "Held", "Holding"})), Priority.HIGH,
        Name("컨베이어 이상 정지", "Conveyor stopped by a fault"),
        Name("앞 공정이 막히고 뒤 공정이 끊깁니다.", "Stations before it block, those behind it starve."),
        Name("비상 정지 줄과 센서를 확인하고 걸림을 제거한 뒤 재시작하십시오.", "Check pull-cord and sensors, clear the jam, restart."),
        on_delay_s=5.0,
    ),
    AlarmRule(
        "device_error", DeviceError(), Priority.MEDIUM,
        Name("컨베이어 오류 보고", "The conveyor reports an error"),
        Name("구동부가 이상을 알렸습니다.", "Its drive tells of something wrong."),
        Name("드라이브 표시창의 코드를 확인하고 조치하십시오.", "Read the code on the drive and do what its manual says."),
    ),
    *sensor_rules(On("motor_current")),
    SILENT,
)  # fmt: skip

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
    alarms=_ALARMS,
)
