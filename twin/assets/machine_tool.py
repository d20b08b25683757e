"""A machine tool."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, DeviceError, InState, Limit, On, Priority, sensor_rules
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

_VIBRATION, _WEAR = On("vibration"), On("tool_wear")
_ALARMS = (
    AlarmRule(
        "aborted", InState(frozenset({"Aborted", "Aborting"})), Priority.HIGH,
        Name("공작기계 비정상 정지", "Machine aborted"),
        Name("가공이 중단되었고 공작물과 공구가 손상되었을 수 있습니다.", "Cutting broke off; part and tool may be damaged."),
        Name("공구와 공작물을 확인하고 알람을 해제한 뒤 안전 위치에서 재시작하십시오.", "Look at tool and part, clear the alarm, restart from a safe position."),
    ),
    AlarmRule(
        "held_too_long", InState(frozenset({"Held", "Holding"})), Priority.MEDIUM,
        Name("공작기계 보류가 길어짐", "Held too long"),
        Name("공구 교환이나 이송 보류가 끝나지 않아 라인이 늦어집니다.", "A tool change or feed hold does not end; the line falls behind."),
        Name("조작반에서 보류 원인을 확인하고 공구 교환을 끝내십시오.", "Read the cause on the panel and finish the tool change."),
        on_delay_s=300.0,
    ),
    AlarmRule(
        "tool_worn_hihi", Limit(_WEAR, Bound.HIHI, share=1.15, deadband=0.01), Priority.HIGH,
        Name("공구 마모 한계 초과", "Tool worn out"),
        Name("치수 불량이 나오고 공구가 파손될 수 있습니다.", "Parts go out of size; the tool may break."),
        Name("이 사이클 뒤 공구를 교환하고 최근 제품의 치수를 검사하십시오.", "Change the tool after this cycle; measure the last parts."),
        on_delay_s=5.0,
    ),
    AlarmRule(
        "tool_worn_hi", Limit(_WEAR, Bound.HI, deadband=0.01), Priority.LOW,
        Name("공구 마모", "Tool worn"),
        Name("곧 공구를 바꾸어야 합니다.", "It must be changed soon."),
        Name("교환할 공구를 준비하십시오.", "Make a fresh tool ready."),
        on_delay_s=10.0,
    ),
    AlarmRule(
        "vibration_hihi", Limit(_VIBRATION, Bound.HIHI, share=1.5, deadband=0.5), Priority.CRITICAL,
        Name("주축 진동 위험", "Spindle vibration dangerous"),
        Name("공구 파손이나 베어링 손상이 진행 중입니다.", "A tool is breaking, or a bearing is."),
        Name("이송을 멈추고 주축을 정지한 뒤 공구를 확인하십시오.", "Stop feed and spindle at once, and look at the tool."),
        on_delay_s=1.0, off_delay_s=5.0, latching=True,
    ),
    AlarmRule(
        "vibration_hi", Limit(_VIBRATION, Bound.HI, deadband=0.5), Priority.MEDIUM,
        Name("주축 진동 높음", "Spindle vibration high"),
        Name("표면 품질이 나빠지고 공구 수명이 짧아집니다.", "The finish suffers, the tool wears faster."),
        Name("공구 상태와 클램핑, 절삭 조건을 확인하십시오.", "Check tool, clamping and cutting data."),
        on_delay_s=5.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "spindle_overload", Limit(On(role=Role.LOAD), Bound.HI, deadband=0.05), Priority.MEDIUM,
        Name("주축 과부하", "Spindle overloaded"),
        Name("공구가 무디거나 절삭량이 큽니다.", "The tool is dull, or it cuts too deep."),
        Name("이송을 낮추고 공구를 확인하십시오.", "Lower the feed and look at the tool."),
        on_delay_s=3.0, off_delay_s=15.0,
    ),
    AlarmRule(
        "spindle_hot", Limit(On("spindle_temperature"), Bound.HI, deadband=2.0), Priority.MEDIUM,
        Name("주축 온도 높음", "Spindle hot"),
        Name("열변형으로 치수가 틀어지고 베어링 수명이 줄어듭니다.", "Sizes drift with the heat; bearings suffer."),
        Name("절삭유와 주축 냉각기를 확인하십시오.", "Check coolant and spindle chiller."),
        on_delay_s=30.0, off_delay_s=60.0,
    ),
    AlarmRule(
        "device_error", DeviceError(), Priority.MEDIUM,
        Name("공작기계 오류 보고", "The machine reports an error"),
        Name("수치 제어기가 이상을 알렸습니다.", "Its control tells of something wrong."),
        Name("조작반의 알람 번호를 설명서에서 찾아 조치하십시오.", "Look the alarm number up and do what the manual says."),
    ),
    *sensor_rules(_VIBRATION),
    SILENT,
)  # fmt: skip

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
    alarms=_ALARMS,
)
