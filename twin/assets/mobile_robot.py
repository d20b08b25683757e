"""An autonomous mobile robot (AMR)."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, DeviceError, InState, Limit, On, Priority
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

_BATTERY = On(role=Role.BATTERY)
_ALARMS = (
    AlarmRule(
        "battery_lolo", Limit(_BATTERY, Bound.LOLO, share=0.5, deadband=0.02), Priority.HIGH,
        Name("배터리 매우 낮음", "Battery nearly empty"),
        Name("로봇이 통로 위에서 멈추어 길을 막게 됩니다.", "The robot will stop on the lane and block it."),
        Name("작업을 취소하고 즉시 충전기로 보내거나 수동으로 이동시키십시오.", "Cancel its order; send it to a charger now, or push it there."),
        on_delay_s=5.0, off_delay_s=10.0,
    ),
    AlarmRule(
        "battery_lo", Limit(_BATTERY, Bound.LO, deadband=0.02), Priority.MEDIUM,
        Name("배터리 낮음", "Battery low"),
        Name("곧 충전하지 않으면 작업을 끝내지 못합니다.", "Without a charge soon it cannot finish its order."),
        Name("빈 충전기가 있는지, 충전 명령이 나갔는지 확인하십시오.", "See that a charger is free and that it is on its way there."),
        on_delay_s=10.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "held_too_long", InState(frozenset({"Held", "Holding"})), Priority.MEDIUM,
        Name("로봇 보류가 길어짐", "Held too long"),
        Name("운반이 늦어져 라인에 자재가 끊길 수 있습니다.", "Its load is late; a line may run short."),
        Name("보호 영역의 장애물을 치우고 로봇 화면의 원인을 확인하십시오.", "Clear its protective field; read the cause on its screen."),
        on_delay_s=120.0,
    ),
    AlarmRule(
        "blocked_too_long", InState(frozenset({"Suspended", "Suspending"})), Priority.LOW,
        Name("로봇 길 막힘이 길어짐", "Blocked too long"),
        Name("교착이면 다른 로봇도 멈춥니다.", "If it is a deadlock, other robots stop too."),
        Name("지도에서 앞을 막은 로봇을 찾아 먼저 보내거나 경로를 바꾸십시오.", "Find on the map what stands in its way; move that first, or reroute."),
        on_delay_s=300.0,
    ),
    AlarmRule(
        "aborted", InState(frozenset({"Aborted", "Aborting"})), Priority.HIGH,
        Name("로봇 비정상 정지", "Robot aborted"),
        Name("로봇이 길 위에 서 있고 작업이 중단되었습니다.", "It stands on the lane, its order is broken off."),
        Name("비상 정지와 범퍼를 확인하고 현장에서 재설정한 뒤 작업을 다시 내리십시오.", "Check emergency stop and bumper, reset it on the spot, give the order anew."),
    ),
    AlarmRule(
        "device_error", DeviceError(), Priority.MEDIUM,
        Name("로봇 오류 보고", "The robot reports an error"),
        Name("로봇이 작업을 계속하지 못할 수 있습니다.", "It may not be able to go on."),
        Name("오류 설명과 힌트를 읽고 현장에서 확인하십시오.", "Read the error's text and hint, and look at the robot."),
    ),
    SILENT,
)  # fmt: skip

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
    alarms=_ALARMS,
)
