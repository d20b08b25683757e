"""A six-axis robot arm with a gripper."""

from __future__ import annotations

from twin.sample import Kind, Role, Signal
from twin.site import AssetType, Name, StreamType

JOINTS = 6

_JOINT_LIMITS_RAD = ((-3.05, 3.05), (-2.2, 1.2), (-1.3, 2.9), (-3.4, 3.4), (-2.1, 2.1), (-6.2, 6.2))
_TORQUE_LIMIT_N_M = (330.0, 330.0, 150.0, 56.0, 56.0, 56.0)
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


ASSET_TYPE = AssetType(
    "robot_arm",
    Name("로봇 팔", "Robot arm"),
    (StreamType("joints", _joints(), 0.05), StreamType("status", _status(), 1.0)),
)
