"""Which ROS message an object is, by its fields, and what it says: named values with units and roles.

geometry_msgs Pose, Twist, Wrench (each also Stamped), nav_msgs Odometry, sensor_msgs BatteryState and
diagnostic_msgs DiagnosticArray. Lengths are m, angles rad; ``yaw`` is that of the quaternion.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.decoders import _json
from twin.errors import DecodeError
from twin.sample import Kind, Role, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_STATUSES = 200
_MAX_NAME = 40
_encode = msgspec.json.Encoder().encode
_AXES = ("x", "y", "z")
_SUPPLY = ("unknown", "charging", "discharging", "not charging", "full")
_LEVELS = ("OK", "WARN", "ERROR", "STALE")


class Part(NamedTuple):
    """One stream's worth of a message: its name, its values, and what is known of them."""

    stream: str
    values: dict[str, Any]
    signals: Mapping[str, Signal]


def parts_of(body: Mapping[str, Any]) -> list[Part]:
    """What a message says; raises DecodeError (schema) for a shape that is none of those known."""
    keys = body.keys()
    for wanted, read in _SHAPES:
        if wanted <= keys:
            return read(body)
    shown = ", ".join(sorted(str(key)[:40] for key in keys)[:8])
    raise DecodeError("schema", f"no ROS message that is known has the fields {shown}")


def _pose(body: Mapping[str, Any]) -> list[Part]:
    told = _inside(body, "pose")
    told = _inside(told, "pose") if "pose" in told else told  # PoseWithCovariance
    return [Part("pose", _pose_values(told), POSE)]


def _bare_pose(body: Mapping[str, Any]) -> list[Part]:
    return [Part("pose", _pose_values(body), POSE)]


def _twist(body: Mapping[str, Any]) -> list[Part]:
    told = _inside(body, "twist")
    told = _inside(told, "twist") if "twist" in told else told
    return [Part("twist", _twist_values(told), TWIST)]


def _bare_twist(body: Mapping[str, Any]) -> list[Part]:
    return [Part("twist", _twist_values(body), TWIST)]


def _odometry(body: Mapping[str, Any]) -> list[Part]:
    pose, twist = _inside(_inside(body, "pose"), "pose"), _inside(_inside(body, "twist"), "twist")
    return [Part("odometry", _pose_values(pose) | _twist_values(twist), ODOMETRY)]


def _wrench(body: Mapping[str, Any]) -> list[Part]:
    return _bare_wrench(_inside(body, "wrench"))


def _bare_wrench(body: Mapping[str, Any]) -> list[Part]:
    return [Part("wrench", _vector(body, "force", "force.") | _vector(body, "torque", "torque."), WRENCH)]


def _battery(body: Mapping[str, Any]) -> list[Part]:
    names = ("voltage", "temperature", "current", "charge", "capacity", "design_capacity", "percentage", "present")
    values: dict[str, Any] = {name: body[name] for name in names if name in body}
    supply = body.get("power_supply_status")
    if type(supply) is int:
        values["power_supply_status"] = _SUPPLY[supply] if 0 <= supply < len(_SUPPLY) else str(supply)[:20]
    return [Part("battery", values, BATTERY)]


def _diagnostics(body: Mapping[str, Any]) -> list[Part]:
    listed = body["status"]
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise DecodeError("schema", "status: a list of DiagnosticStatus belongs there")
    if len(listed) > MAX_STATUSES:
        raise DecodeError("too_many_values", f"{len(listed)} statuses, at most {MAX_STATUSES} are taken")
    return [_diagnostic(one) for one in listed]


def _diagnostic(one: Mapping[str, Any]) -> Part:
    name = _json.text(one.get("name"), "status.name")
    level = one.get("level")
    if isinstance(level, str) and len(level) == 1:
        level = ord(level)  # a byte of ROS 2, which some bridges write as a character
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level < 256:  # noqa: PLR2004  a byte
        raise DecodeError("schema", f"status {name[:80]!r}: {level!r} is no level"[:200])
    told = one.get("values")
    pairs = [
        [pair.get("key"), pair.get("value")] for pair in (told if isinstance(told, list) else ()) if type(pair) is dict
    ]
    values = {
        "level": level,
        "status": _LEVELS[level] if level < len(_LEVELS) else str(level),
        "message": one.get("message"),
        "values": _encode(pairs).decode() if pairs else None,
    }
    return Part(f"diagnostics.{_short(name.strip() or 'unnamed')}", values, DIAGNOSTIC)


def _short(name: str) -> str:
    """A status's name, or its beginning and a hash where it is too long for the name of a stream."""
    if len(name) <= _MAX_NAME and name.isascii() and not set(name) & set("/:+#%"):
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return "".join(ch for ch in name if ch.isalnum() or ch in " _-.")[:_MAX_NAME] + f"~{mark}"


def _pose_values(body: Mapping[str, Any]) -> dict[str, Any]:
    found = _vector(body, "position", "")
    turn = _inside(body, "orientation")
    found |= {f"q{axis}": turn.get(axis) for axis in (*_AXES, "w")}
    x, y, z, w = (found[f"q{axis}"] for axis in (*_AXES, "w"))
    if all(type(q) in (int, float) and abs(q) <= 2 for q in (x, y, z, w)):  # noqa: PLR2004  near a unit quaternion
        found["yaw"] = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    else:
        found["yaw"] = None
    return found


def _twist_values(body: Mapping[str, Any]) -> dict[str, Any]:
    found = _vector(body, "linear", "v") | _vector(body, "angular", "w")
    vx, vy = found["vx"], found["vy"]
    is_told = all(type(v) in (int, float) and abs(v) < 1e6 for v in (vx, vy))  # noqa: PLR2004
    found["speed"] = math.hypot(vx, vy) if is_told else None
    return found


def _vector(body: Mapping[str, Any], key: str, prefix: str) -> dict[str, Any]:
    told = _inside(body, key)
    return {f"{prefix}{axis}": told.get(axis) for axis in _AXES}


def _inside(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    told = body.get(key)
    if not isinstance(told, dict):
        raise DecodeError("schema", f"{key}: {type(told).__name__} where an object belongs")
    return told


def _signals(unit: str, *names: str) -> dict[str, Signal]:
    return {name: Signal(name, unit=unit, source_name=name) for name in names}


POSE = {
    "x": Signal("x", unit="m", role=Role.X, label_ko="x", label_en="x"),
    "y": Signal("y", unit="m", role=Role.Y, label_ko="y", label_en="y"),
    **_signals("m", "z"),
    **_signals("1", "qx", "qy", "qz", "qw"),
    "yaw": Signal("yaw", unit="rad", role=Role.YAW, label_ko="방향", label_en="Heading"),
}
TWIST = {
    **_signals("m/s", "vx", "vy", "vz"),
    **_signals("rad/s", "wx", "wy", "wz"),
    "speed": Signal("speed", unit="m/s", role=Role.SPEED, label_ko="속도", label_en="Speed"),
}
ODOMETRY = POSE | TWIST
WRENCH = {
    **_signals("N", "force.x", "force.y", "force.z"),
    **_signals("N.m", "torque.x", "torque.y", "torque.z"),
}
BATTERY = {
    **_signals("V", "voltage"),
    **_signals("Cel", "temperature"),
    **_signals("A", "current"),
    **_signals("A.h", "charge", "capacity", "design_capacity"),
    "percentage": Signal("percentage", unit="1", role=Role.BATTERY, label_ko="배터리", label_en="Battery"),
    "present": Signal("present", Kind.FLAG),
    "power_supply_status": Signal("power_supply_status", Kind.STATE),
}
DIAGNOSTIC = {
    "level": Signal("level"),
    "status": Signal("status", Kind.STATE),
    "message": Signal("message", Kind.TEXT),
    "values": Signal("values", Kind.TEXT),
}
_SHAPES: tuple[tuple[frozenset[str], Callable[[Mapping[str, Any]], list[Part]]], ...] = (
    (frozenset({"pose", "twist"}), _odometry),
    (frozenset({"pose"}), _pose),
    (frozenset({"twist"}), _twist),
    (frozenset({"wrench"}), _wrench),
    (frozenset({"position", "orientation"}), _bare_pose),
    (frozenset({"linear", "angular"}), _bare_twist),
    (frozenset({"force", "torque"}), _bare_wrench),
    (frozenset({"voltage", "percentage"}), _battery),
    (frozenset({"status"}), _diagnostics),
)
"""Shapes by the fields that they have at least, the larger ones first."""
