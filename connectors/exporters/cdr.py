"""ROS 2 messages as CDR (OMG DDS-XTypes, plain CDR, little-endian), many rows at once.

Of one topic every message has the same layout, but for its times and numbers: so the bytes are laid out once, with
holes, and numpy fills the holes of all rows. `mcap-ros2-support` reads what is written here; it writes a message
about ninety times slower.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

ENCAPSULATION = b"\x00\x01\x00\x00"
"""CDR, little-endian, no options."""
_MAX_S = 2**31 - 1
_TIME = "int32 sec\nuint32 nanosec\n"
_HEADER = "builtin_interfaces/Time stamp\nstring frame_id\n"
_BAR = "=" * 80 + "\n"


def _with(text: str, *names: str) -> str:
    """A definition with those it rests on, as `rosbag2` writes them."""
    return text + "".join(f"{_BAR}MSG: {name}\n{_PARTS[name]}" for name in names)


_PARTS = {
    "std_msgs/Header": _HEADER,
    "builtin_interfaces/Time": _TIME,
    "geometry_msgs/Pose": "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n",
    "geometry_msgs/Point": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/Quaternion": "float64 x\nfloat64 y\nfloat64 z\nfloat64 w\n",
    "geometry_msgs/Vector3": "float64 x\nfloat64 y\nfloat64 z\n",
    "geometry_msgs/Wrench": "geometry_msgs/Vector3 force\ngeometry_msgs/Vector3 torque\n",
    "geometry_msgs/Twist": "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n",
}
_STAMPED = ("std_msgs/Header", "builtin_interfaces/Time")
DEFINITIONS = {
    "sensor_msgs/msg/JointState": _with(
        "std_msgs/Header header\nstring[] name\nfloat64[] position\nfloat64[] velocity\nfloat64[] effort\n", *_STAMPED
    ),
    "sensor_msgs/msg/Temperature": _with(
        "std_msgs/Header header\nfloat64 temperature\nfloat64 variance\n", *_STAMPED
    ),
    "geometry_msgs/msg/PoseStamped": _with(
        "std_msgs/Header header\ngeometry_msgs/Pose pose\n",
        *_STAMPED, "geometry_msgs/Pose", "geometry_msgs/Point", "geometry_msgs/Quaternion",
    ),
    "geometry_msgs/msg/TwistStamped": _with(
        "std_msgs/Header header\ngeometry_msgs/Twist twist\n", *_STAMPED, "geometry_msgs/Twist", "geometry_msgs/Vector3"
    ),
    "geometry_msgs/msg/WrenchStamped": _with(
        "std_msgs/Header header\ngeometry_msgs/Wrench wrench\n",
        *_STAMPED, "geometry_msgs/Wrench", "geometry_msgs/Vector3",
    ),
    "std_msgs/msg/Float64": "float64 data\n",
    "std_msgs/msg/Bool": "bool data\n",
    "std_msgs/msg/Int32": "int32 data\n",
    "std_msgs/msg/String": "string data\n",
}  # fmt: skip
"""The standard messages that are written, by their ROS 2 names."""


@dataclass(slots=True)
class Layout:
    """The bytes of one kind of message, with holes. Mutable while it is laid out."""

    _bytes: bytearray = field(default_factory=lambda: bytearray(ENCAPSULATION))
    _stamp: int | None = None
    _holes: list[tuple[int, int]] = field(default_factory=list)
    """(offset, how many float64)."""

    def align(self, size: int) -> None:
        """Fill up to a multiple of ``size``, counted from behind the encapsulation."""
        self._bytes += bytes(-(len(self._bytes) - len(ENCAPSULATION)) % size)

    def count(self, number: int) -> None:
        """A uint32, such as how long a sequence is."""
        self.align(4)
        self._bytes += struct.pack("<I", number)

    def text(self, text: str) -> None:
        """A string: its length with the end's zero, then its bytes."""
        told = text.encode("utf-8", "replace") + b"\x00"
        self.count(len(told))
        self._bytes += told

    def header(self, frame_id: str) -> None:
        """A std_msgs/Header, whose time is a hole."""
        self.align(4)
        self._stamp = len(self._bytes)
        self._bytes += bytes(8)
        self.text(frame_id)

    def doubles(self, number: int) -> None:
        """So many float64, each a hole."""
        if number:
            self.align(8)
            self._holes.append((len(self._bytes), number))
            self._bytes += bytes(8 * number)

    def sequence(self, number: int) -> None:
        """A float64[] of so many holes."""
        self.count(number)
        self.doubles(number)

    def fill(self, t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> list[bytes]:
        """The messages of n rows: times int64 (n,), the holes' numbers float64 (n, holes) in order.

        A header's seconds are int32: times outside of 1970 … 2038 stand at their nearest end.
        """
        n, size = len(t_ns), len(self._bytes)
        out = np.empty((n, size), np.uint8)
        out[:] = np.frombuffer(bytes(self._bytes), np.uint8)
        if self._stamp is not None:
            at_ns = np.clip(t_ns, 0, _MAX_S * 1_000_000_000)
            stamp = np.stack([at_ns // 1_000_000_000, at_ns % 1_000_000_000], axis=1).astype("<u4")
            out[:, self._stamp : self._stamp + 8] = stamp.view(np.uint8)
        told = np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(n, -1)
        at = 0
        for offset, number in self._holes:
            out[:, offset : offset + 8 * number] = told[:, at : at + 8 * number]
            at += 8 * number
        whole = out.tobytes()
        return [whole[i : i + size] for i in range(0, n * size, size)]


def joint_state(frame_id: str, names: Sequence[str], parts: Sequence[bool]) -> Layout:
    """A JointState of some joints; ``parts`` says whether it holds positions, velocities, efforts."""
    layout = Layout()
    layout.header(frame_id)
    layout.count(len(names))
    for name in names:
        layout.text(name)
    for is_there in parts:
        layout.sequence(len(names) if is_there else 0)
    return layout


def stamped(frame_id: str, numbers: int) -> Layout:
    """A header and so many float64: Temperature 2, TwistStamped and WrenchStamped 6, PoseStamped 7."""
    layout = Layout()
    layout.header(frame_id)
    layout.doubles(numbers)
    return layout


def number() -> Layout:
    """A Float64."""
    layout = Layout()
    layout.doubles(1)
    return layout


def bools(values: NDArray[np.float64]) -> list[bytes]:
    """Bool messages of (n,) numbers, each 0 or 1."""
    both = (ENCAPSULATION + b"\x00", ENCAPSULATION + b"\x01")
    return [both[value] for value in values.astype(np.int8).tolist()]


def integers(values: Iterable[int]) -> list[bytes]:
    """Int32 messages."""
    return [ENCAPSULATION + struct.pack("<i", value) for value in values]


def words(texts: Iterable[str]) -> list[bytes]:
    """String messages."""
    found = []
    for text in texts:
        layout = Layout()
        layout.text(text)
        found.append(bytes(layout._bytes))  # noqa: SLF001  its own module
    return found
