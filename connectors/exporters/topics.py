"""Which ROS 2 topics a stream's frames are told on, and as which standard messages.

Joints, by their roles or by numbered angles and speeds, are one ``JointState``, six tool forces a ``WrenchStamped``, a
mobile robot's speed a ``TwistStamped``, temperatures ``Temperature``, flags ``Bool``, other numbers ``Float64``, words
``String``: each value stands in one of these, to the bit. ``pose`` is made of x, y and yaw beside them. ``quality``
tells of frames that are not good.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from connectors.exporters import cdr
from twin.sample import Kind, Quality, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from twin.sample import Frames, Signal, Stream

    Rows = NDArray[np.intp]

_JOINT = {Role.JOINT_POSITION: 0, Role.JOINT_VELOCITY: 1, Role.JOINT_EFFORT: 2}
_PARTS = ("position", "velocity", "effort")
_UNKNOWN = ("", "1")
_UNITS = {
    Role.JOINT_POSITION: ("rad", "m", *_UNKNOWN),
    Role.JOINT_VELOCITY: ("rad/s", "m/s", *_UNKNOWN),
    Role.JOINT_EFFORT: ("N.m", "N", *_UNKNOWN),
}
"""What ROS takes a joint's numbers to be (REP 103); in another unit they are plain numbers."""
_ANGLES = {"rad": 0, "rad/s": 1}
_NUMBERED = re.compile(r"(\d{1,2})$")
_FORCES = 6


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """One topic: its ROS 2 type, and what it carries, for the channel's metadata."""

    name: str
    type: str
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """Messages of one topic: those of the frames ``rows``, intp (n,)."""

    topic: Topic
    rows: Rows
    messages: list[bytes]


@dataclass(frozen=True, slots=True)
class _Joint:
    name: str
    places: tuple[int | None, int | None, int | None]


@dataclass(slots=True)
class Topics:
    """The topics of an asset's streams. Mutable: names are given once."""

    _taken: set[str] = field(default_factory=set)

    def of(self, stream: Stream) -> StreamTopics:
        """How a stream is told."""
        return StreamTopics(stream, self)

    def name(self, *parts: str) -> str:
        """A topic's name that is not taken yet."""
        wanted = "/" + "/".join(_token(one) for one in parts)
        found, number = wanted, 2
        while found in self._taken:
            found, number = f"{wanted}_{number}", number + 1
        self._taken.add(found)
        return found


class StreamTopics:
    """How the frames of one stream are told."""

    def __init__(self, stream: Stream, topics: Topics) -> None:
        self.stream = stream
        self._topics = topics
        self._base = [*stream.asset.split("/"), *([] if stream.name in ("", "data") else [stream.name])]
        self._frame_id = _token(stream.asset.rpartition("/")[2])
        self._joints = _joints_of(stream)
        self._joint_topic = self._topic(
            ["joint_states"], "sensor_msgs/msg/JointState", joints=json.dumps(self._told_joints(), ensure_ascii=False)
        )
        self._layouts: dict[tuple[tuple[str, ...], tuple[bool, ...]], cdr.Layout] = {}
        roles = {one.role: place for place, one in enumerate(stream.columns)}
        self._pose = _places(stream, roles, ((Role.X, "m"), (Role.Y, "m"), (Role.YAW, "rad")))
        self._pose_topic = self._topic(["pose"], "geometry_msgs/msg/PoseStamped", unit="m", made_of="x, y, yaw")
        forces = sorted((one.index, place) for place, one in enumerate(stream.columns) if one.role is Role.TOOL_FORCE)
        self._forces = [place for _, place in forces] if [i for i, _ in forces] == list(range(_FORCES)) else []
        self._wrench_topic = self._topic(["wrench"], "geometry_msgs/msg/WrenchStamped", unit="N, N.m")
        self._quality_topic = self._topic(["quality"], "std_msgs/msg/Int32", codes="OPC quality of frames not GOOD")
        in_joints = {place for one in self._joints for place in one.places if place is not None}
        self._alone = [place for place in range(stream.width) if place not in in_joints]
        self._signal_topics = {place: self._of_signal(stream.columns[place]) for place in self._alone}
        flags = [place for place in self._alone if stream.columns[place].kind is Kind.FLAG]
        self._odd_topics = {place: self._of_signal(stream.columns[place], "std_msgs/msg/Float64") for place in flags}
        self._text_topics = [self._of_signal(one) for one in stream.text_columns]

    def spoken(self, frames: Frames) -> Iterator[Spoken]:
        """The messages of some frames, topic after topic; absent values are in none."""
        present = ~np.isnan(frames.values)
        if self._joints:
            yield from self._speak_joints(frames, present)
        in_group: NDArray[np.bool_] = np.zeros(len(frames), np.bool_)
        if self._forces:
            in_group = np.logical_and.reduce(present[:, self._forces], axis=1)
            yield from self._speak_stamped(self._wrench_topic, frames, in_group, frames.values[:, self._forces])
        if self._pose:
            x, y, yaw = (frames.values[:, place] for place in self._pose)
            zero = np.zeros(len(frames))
            has_pose = np.logical_and.reduce(present[:, list(self._pose)], axis=1)
            numbers = np.column_stack([x, y, zero, zero, zero, np.sin(yaw / 2), np.cos(yaw / 2)])
            yield from self._speak_stamped(self._pose_topic, frames, has_pose, numbers)
        for place in self._alone:
            there = present[:, place] & ~in_group if place in self._forces else present[:, place]
            if there.any():
                yield from self._speak_signal(place, frames, np.flatnonzero(there))
        for column, topic in enumerate(self._text_topics):
            told = [(row, texts[column]) for row, texts in enumerate(frames.texts)]
            kept = [(row, text) for row, text in told if text is not None]
            if kept:
                yield Spoken(topic, np.array([row for row, _ in kept]), cdr.words(text for _, text in kept))
        bad = np.flatnonzero(frames.quality != Quality.GOOD)
        if len(bad):
            yield Spoken(self._quality_topic, bad, cdr.integers(frames.quality[bad].tolist()))

    def _speak_joints(self, frames: Frames, present: NDArray[np.bool_]) -> Iterator[Spoken]:
        """One message a frame; more where joints of one frame tell of different things, which one cannot hold."""
        places = [place for one in self._joints for place in one.places if place is not None]
        patterns, which = np.unique(present[:, places], axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == i)
            is_there = {place for place, there in zip(places, pattern.tolist(), strict=True) if there}
            alike: dict[tuple[bool, ...], list[_Joint]] = {}
            for joint in self._joints:
                parts = tuple(place in is_there for place in joint.places)
                if any(parts):
                    alike.setdefault(parts, []).append(joint)
            for parts, joints in alike.items():
                key = (tuple(one.name for one in joints), parts)
                layout = self._layouts.setdefault(key, cdr.joint_state(self._frame_id, *key))
                told = [one.places[part] for part in range(3) if parts[part] for one in joints]
                columns = [place for place in told if place is not None]
                yield Spoken(self._joint_topic, rows, layout.fill(frames.t_ns[rows], frames.values[rows][:, columns]))

    def _speak_stamped(
        self, topic: Topic, frames: Frames, there: NDArray[np.bool_], numbers: NDArray[np.float64]
    ) -> Iterator[Spoken]:
        rows = np.flatnonzero(there)
        if len(rows):
            layout = cdr.stamped(self._frame_id, numbers.shape[1])
            yield Spoken(topic, rows, layout.fill(frames.t_ns[rows], numbers[rows]))

    def _speak_signal(self, place: int, frames: Frames, rows: Rows) -> Iterator[Spoken]:
        topic = self._signal_topics[place]
        values = frames.values[rows, place]
        if topic.type.endswith("Temperature") or topic.type.endswith("TwistStamped"):
            width = 2 if topic.type.endswith("Temperature") else 6
            numbers = np.zeros((len(rows), width))
            numbers[:, 0] = values
            yield Spoken(topic, rows, cdr.stamped(self._frame_id, width).fill(frames.t_ns[rows], numbers))
            return
        if topic.type.endswith("Bool"):
            is_flag = (values == 0) | (values == 1)
            if is_flag.any():
                yield Spoken(topic, rows[is_flag], cdr.bools(values[is_flag]))
            if is_flag.all():
                return
            rows, values = rows[~is_flag], values[~is_flag]
            topic = self._odd_topics[place]
        yield Spoken(topic, rows, cdr.number().fill(frames.t_ns[rows], values[:, None]))

    def _of_signal(self, signal: Signal, as_type: str = "") -> Topic:
        if as_type:
            found = as_type
        elif signal.kind.is_text:
            found = "std_msgs/msg/String"
        elif signal.kind is Kind.FLAG:
            found = "std_msgs/msg/Bool"
        elif signal.unit == "Cel":
            found = "sensor_msgs/msg/Temperature"
        elif signal.role is Role.SPEED and signal.unit == "m/s" and self._pose:
            found = "geometry_msgs/msg/TwistStamped"
        else:
            found = "std_msgs/msg/Float64"
        return self._topic([signal.name], found, signal=signal.name, unit=signal.unit, kind=signal.kind.value)

    def _topic(self, parts: list[str], of: str, **about: str) -> Topic:
        told = {"asset": self.stream.asset, "stream": self.stream.id, **about}
        return Topic(self._topics.name(*self._base, *parts), of, tuple(told.items()))

    def _told_joints(self) -> list[dict[str, str]]:
        """Of each joint its name, and the signal and unit of each part."""
        columns = self.stream.columns
        return [
            {"name": one.name}
            | {
                key: value
                for part, place in zip(_PARTS, one.places, strict=True)
                if place is not None
                for key, value in ((part, columns[place].name), (f"{part}_unit", columns[place].unit))
            }
            for one in self._joints
        ]


def _joints_of(stream: Stream) -> list[_Joint]:
    """The joints by their number: where each one's position, velocity and effort stand."""
    found: dict[int, list[int | None]] = {}
    for place, signal in enumerate(stream.columns):
        told = _joint_of(signal)
        if told is None:
            continue
        index, part = told
        places = found.setdefault(index, [None, None, None])
        if places[part] is None:
            places[part] = place
    joints = []
    for index, places in sorted(found.items()):
        signals = [stream.columns[place] for place in places if place is not None]
        given = {one.source_name for one in signals}
        name = given.pop() if len(given) == 1 else ""
        own = bool(name) and all(one.name != name for one in signals)
        joints.append(_Joint(name if own else f"joint_{index}", (places[0], places[1], places[2])))
    if len({one.name for one in joints}) < len(joints):
        joints = [_Joint(f"joint_{index}", one.places) for index, one in zip(sorted(found), joints, strict=True)]
    return joints


def _joint_of(signal: Signal) -> tuple[int, int] | None:
    """The number of a joint, and which part of it a signal is: by role, or by an angle's unit and the name's number."""
    if signal.role in _JOINT:
        return (signal.index, _JOINT[signal.role]) if signal.unit in _UNITS[signal.role] else None
    number = _NUMBERED.search(signal.name)
    if signal.role is Role.NONE and signal.kind is Kind.GAUGE and signal.unit in _ANGLES and number:
        return int(number[1]), _ANGLES[signal.unit]
    return None


def _places(stream: Stream, roles: dict[Role, int], wanted: tuple[tuple[Role, str], ...]) -> tuple[int, ...]:
    """The columns of some roles in their units; () where one is wanting."""
    if all(role in roles and stream.columns[roles[role]].unit == unit for role, unit in wanted):
        return tuple(roles[role] for role, _ in wanted)
    return ()


def _token(text: str) -> str:
    """A part of a topic's name, as ROS 2 allows it: letters, digits, single underscores, no digit first."""
    told = re.sub(r"[^A-Za-z0-9_]", lambda found: "_" if found[0] in " .-[]()" else f"_{ord(found[0]):x}_", text)
    told = re.sub(r"_+", "_", told).strip("_") or "unnamed"
    return f"n{told}" if told[0].isdigit() else told
