"""A six-axis robot arm with a gripper."""

from __future__ import annotations

from twin.alarms.rule import SILENT, AlarmRule, Bound, DeviceError, InState, Limit, On, Priority, sensor_rules
from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

JOINTS = 6

_JOINT_LIMITS_RAD = ((-3.05, 3.05), (-2.2, 1.2), (-1.3, 2.9), (-3.4, 3.4), (-2.1, 2.1), (-6.2, 6.2))
_TORQUE_LIMIT_N_M = (330.0, 330.0, 150.0, 56.0, 56.0, 56.0)
RESIDUAL_HIGH = 4.0
"""A torque this many times as far from what is expected as when the arm was well is no longer chance."""
_SPEED_LIMIT_RAD_S = (2.094, 2.094, 3.142, 3.142, 3.142, 3.142)


def _joints() -> tuple[Signal, ...]:
    joints = range(JOINTS)
    positions = [
        Signal(f"position.joint_{i + 1}", unit="rad", role=Role.JOINT_POSITION, index=i,
               low=_JOINT_LIMITS_RAD[i][0], high=_JOINT_LIMITS_RAD[i][1], source_name=f"joint_{i + 1}",
               label_ko=f"J{i + 1} 각도", label_en=f"J{i + 1} angle")
        for i in joints
    ]  # fmt: skip
    opening = Signal("position.gripper", unit="m", role=Role.TOOL_OPENING, low=0.0, high=0.08,
                     source_name="gripper", label_ko="그리퍼 벌림", label_en="Gripper opening")  # fmt: skip
    velocities = [
        Signal(f"velocity.joint_{i + 1}", unit="rad/s", role=Role.JOINT_VELOCITY, index=i,
               low=-_SPEED_LIMIT_RAD_S[i], high=_SPEED_LIMIT_RAD_S[i], source_name=f"joint_{i + 1}", label_ko=f"J{i + 1} 속도", label_en=f"J{i + 1} speed")
        for i in joints
    ]  # fmt: skip
    gripper_velocity = Signal("velocity.gripper", unit="m/s", low=-0.5, high=0.5, source_name="gripper",
                              label_ko="그리퍼 속도", label_en="Gripper speed")  # fmt: skip
    efforts = [
        Signal(f"effort.joint_{i + 1}", unit="N.m", role=Role.JOINT_EFFORT, index=i,
               low=-_TORQUE_LIMIT_N_M[i], high=_TORQUE_LIMIT_N_M[i], source_name=f"joint_{i + 1}",
               label_ko=f"J{i + 1} 토크", label_en=f"J{i + 1} torque")
        for i in joints
    ]  # fmt: skip
    force = Signal("effort.gripper", unit="N", role=Role.TOOL_FORCE, low=0.0, high=300.0,
                   source_name="gripper", label_ko="툴 힘", label_en="Tool force")  # fmt: skip
    return (*positions, opening, *velocities, gripper_velocity, *efforts, force)


def _status() -> tuple[Signal, ...]:
    temperatures = [
        Signal(f"motor_temperature_{i + 1}", unit="Cel", role=Role.JOINT_TEMPERATURE, index=i, low=10.0, high=75.0,
               label_ko=f"J{i + 1} 모터 온도", label_en=f"J{i + 1} motor temperature")
        for i in range(JOINTS)
    ]  # fmt: skip
    return (
        Signal("state", Kind.STATE, role=Role.STATE, label_ko="상태", label_en="State"),
        Signal("mode", Kind.STATE, role=Role.MODE, label_ko="모드", label_en="Mode"),
        Signal("program", Kind.TEXT, role=Role.PROGRAM, label_ko="프로그램 단계", label_en="Program step"),
        Signal("good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT, label_ko="양품 수", label_en="Good parts"),
        Signal("scrap_count", Kind.COUNTER, "{part}", Role.SCRAP_COUNT, label_ko="불량 수", label_en="Scrap parts"),
        Signal("cycle_time", unit="s", role=Role.CYCLE_TIME, low=0.0, label_ko="사이클 시간", label_en="Cycle time"),
        Signal("power", unit="W", role=Role.POWER, low=0.0, high=12000.0, label_ko="전력", label_en="Power"),
        *temperatures,
    )


def _safety() -> tuple[Signal, ...]:
    return (
        Signal("e_stop", Kind.FLAG, role=Role.E_STOP, label_ko="비상 정지", label_en="Emergency stop"),
        Signal(
            "protective_stop", Kind.FLAG, role=Role.PROTECTIVE_STOP, label_ko="보호 정지", label_en="Protective stop"
        ),
        Signal("guard_open", Kind.FLAG, role=Role.GUARD, label_ko="안전문 열림", label_en="Guard open"),
        Signal(
            "zone_occupied", Kind.FLAG, role=Role.ZONE, label_ko="보호 영역 침범", label_en="Protective field violated"
        ),
    )


def _expectation(joints: int) -> tuple[Signal, ...]:
    """What a model of the arm tells beside what the arm does (`twin.expectation`); no device sends it."""
    limits = (*_TORQUE_LIMIT_N_M, None)
    return (
        *(Signal(f"expected.joint_{i + 1}", unit="N.m", role=Role.EXPECTED_EFFORT, index=i,
                 low=None if (limit := limits[i]) is None else -limit, high=limit,
                 label_ko=f"J{i + 1} 기대 토크", label_en=f"J{i + 1} expected torque") for i in range(joints)),
        *(Signal(f"residual.joint_{i + 1}", role=Role.EFFORT_RESIDUAL, index=i, low=0.0, high=RESIDUAL_HIGH,
                 label_ko=f"J{i + 1} 토크 편차", label_en=f"J{i + 1} torque residual") for i in range(joints)),
        Signal("expected_cycle", unit="s", role=Role.EXPECTED_CYCLE, label_ko="기대 사이클 시간", label_en="Expected cycle time"),
        Signal("cycle_spread", unit="s", role=Role.CYCLE_SPREAD, label_ko="사이클 시간 산포", label_en="Spread of cycle times"),
        Signal("cycle_residual", role=Role.CYCLE_RESIDUAL, label_ko="사이클 편차", label_en="Cycle residual"),
    )  # fmt: skip


_TORQUE, _HEAT = On(role=Role.JOINT_EFFORT), On(role=Role.JOINT_TEMPERATURE)
_ALARMS = (
    AlarmRule(
        "aborted", InState(frozenset({"Aborted", "Aborting"})), Priority.HIGH,
        Name("로봇 비정상 정지", "Arm aborted"),
        Name("로봇이 사이클 중간에 멈췄고 공정이 정지합니다.", "The arm stands in mid-cycle; its station makes nothing."),
        Name("셀에 들어가기 전 안전 잠금을 확인하고, 티칭 펜던트의 오류를 해제한 뒤 원점에서 재시작하십시오.",
             "Lock the cell before entering; clear the fault on the pendant, then restart from home."),
    ),
    AlarmRule(
        "e_stop", Limit(On(role=Role.E_STOP), Bound.HI, value=0.5), Priority.HIGH,
        Name("비상 정지 작동", "Emergency stop pressed"),
        Name("로봇의 동력이 끊겼고 누군가 위험할 수 있습니다.", "The arm is without power, and somebody may be in danger."),
        Name("현장에서 사람이 안전한지 확인하고, 원인을 없앤 뒤 비상 정지를 해제하십시오.",
             "See on the spot that everybody is safe; end the cause, then release the stop."),
    ),
    AlarmRule(
        "protective_stop", Limit(On(role=Role.PROTECTIVE_STOP), Bound.HI, value=0.5), Priority.MEDIUM,
        Name("보호 정지가 길어짐", "Protective stop lasts"),
        Name("로봇이 보호 장치로 멈춰 있고 공정이 늦어집니다.", "Its protection holds the arm; the station falls behind."),
        Name("안전문과 보호 영역을 확인하고 비운 뒤 재설정하십시오.", "Look at guard and protective field, clear them, then reset."),
        on_delay_s=30.0,
    ),
    AlarmRule(
        "held", InState(frozenset({"Held", "Holding"})), Priority.MEDIUM,
        Name("로봇 보류 정지", "Arm held"),
        Name("로봇이 내부 원인으로 대기 중이며 앞뒤 공정이 곧 멈춥니다.", "The arm waits for an inside cause; its neighbours stop soon."),
        Name("펜던트에서 보류 원인(도어, 그리퍼, 공구)을 확인하고 해소한 뒤 보류를 해제하십시오.",
             "Find the cause on the pendant (door, gripper, tool), end it, and unhold."),
        on_delay_s=60.0,
    ),
    AlarmRule(
        "torque_hihi", Limit(_TORQUE, Bound.HIHI, magnitude=True, deadband=3.0), Priority.HIGH,
        Name("관절 토크 한계 초과", "Joint torque beyond its limit"),
        Name("충돌 또는 감속기 손상이 있을 수 있습니다.", "A collision, or a damaged gear."),
        Name("로봇을 정지하고 간섭물과 파지물을 확인한 뒤, 해당 관절의 마찰을 점검하십시오.",
             "Stop the arm; look for an obstacle or a wrong load, then check that joint's friction."),
        off_delay_s=5.0,
    ),
    AlarmRule(
        "torque_hi", Limit(_TORQUE, Bound.HI, share=0.9, magnitude=True, deadband=3.0), Priority.LOW,
        Name("관절 토크 높음", "Joint torque high"),
        Name("감속기 마모가 빨라집니다.", "The gear wears faster."),
        Name("부하 중량과 속도 설정을 확인하고 다음 정비 때 윤활 상태를 점검하십시오.",
             "Check load and speed settings; look at the lubrication at the next maintenance."),
        on_delay_s=2.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "torque_unexpected", Limit(On(role=Role.EFFORT_RESIDUAL), Bound.HI, deadband=1.0), Priority.MEDIUM,
        Name("토크가 모델과 다름", "Torque is not as expected"),
        Name("관절이 같은 동작에 평소와 다른 토크를 씁니다. 마찰·부하·충돌의 초기 징후일 수 있습니다.",
             "The joint needs another torque than usual for the same motion: friction, load or contact, early."),
        Name("해당 축의 토크와 기대 토크를 셀 화면에서 비교하고, 파지물 중량과 감속기·브레이크를 점검하십시오.",
             "Compare torque and expected torque on the Cell page; check the part's weight, the gear and the brake."),
        on_delay_s=5.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "motor_hot_hihi", Limit(_HEAT, Bound.HIHI, share=1.1, deadband=2.0), Priority.HIGH,
        Name("모터 과열", "Motor overheated"),
        Name("모터 권선이 손상될 수 있고 로봇이 곧 스스로 정지합니다.", "The winding may be damaged; the arm will stop by itself."),
        Name("사이클을 끝내고 로봇을 정지하여 식히고, 브레이크 끌림과 과부하를 점검하십시오.",
             "Stop after this cycle and let it cool; check for a dragging brake or an overload."),
        on_delay_s=5.0, off_delay_s=30.0,
    ),
    AlarmRule(
        "motor_hot_hi", Limit(_HEAT, Bound.HI, deadband=2.0), Priority.MEDIUM,
        Name("모터 온도 높음", "Motor hot"),
        Name("계속되면 과열로 정지합니다.", "If it goes on, the arm will overheat and stop."),
        Name("속도를 낮추거나 휴지 시간을 늘리고, 해당 축의 토크 추이를 확인하십시오.",
             "Slow the arm or lengthen its pauses; look at the trend of that joint's torque."),
        on_delay_s=30.0, off_delay_s=60.0,
    ),
    AlarmRule(
        "device_error", DeviceError(), Priority.MEDIUM,
        Name("로봇 오류 보고", "The arm reports an error"),
        Name("로봇 제어기가 이상을 알렸습니다.", "The arm's controller tells of something wrong."),
        Name("오류 코드를 제어기 설명서에서 찾아 조치하십시오.", "Look the code up in the controller's manual and do what it says."),
    ),
    *sensor_rules(_HEAT),
    SILENT,
)  # fmt: skip

ASSET_TYPE = AssetType(
    "robot_arm",
    Name("로봇 팔", "Robot arm"),
    (
        StreamType("joints", _joints(), 0.05),
        StreamType("status", _status(), 1.0),
        StreamType("safety", _safety(), 1.0),
        StreamType("expectation", _expectation(JOINTS), 1.0),
        StreamType("expectation_7", _expectation(JOINTS + 1), 1.0),
    ),
    alarms=_ALARMS,
)
