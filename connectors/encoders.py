"""Samples → payloads, in the dialects that simulated devices and replays speak. The inverse of the decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from twin.clock import NS_PER_MS, NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twin.sample import Frames

_JOINT_PARTS = ("position", "velocity", "effort")
_encode = msgspec.json.Encoder().encode


def joint_states(frames: Frames, seq_offset: int, rows: int) -> Iterator[tuple[str, bytes, slice]]:
    """(topic, payload, rows) of sensor_msgs/JointState: one as an object, more as an array of them.

    ``header.seq`` counts from ``seq_offset``.
    """
    names: dict[str, list[str]] = {part: [] for part in _JOINT_PARTS}
    columns: dict[str, list[int]] = {part: [] for part in _JOINT_PARTS}
    for i, signal in enumerate(frames.stream.columns):
        part, _, joint = signal.name.partition(".")
        names[part].append(joint)
        columns[part].append(i)
    topic = f"{frames.stream.asset}/joint_states"
    joints, cells = names["position"], _cells(frames)

    def one(row: int) -> dict[str, Any]:
        seconds, nanoseconds = divmod(int(frames.t_ns[row]), NS_PER_S)
        stamp = {"sec": seconds, "nanosec": nanoseconds}
        header = {"seq": int(frames.seq[row]) + seq_offset, "stamp": stamp, "frame_id": "base_link"}
        parts = {part: [cells[row][i] for i in columns[part]] for part in _JOINT_PARTS}
        return {"header": header, "name": joints, **parts}

    for first in range(0, len(frames), rows):
        taken = slice(first, min(first + rows, len(frames)))
        bodies = [one(row) for row in range(taken.start, taken.stop)]
        yield topic, _encode(bodies[0] if rows == 1 else bodies), taken


def columnar(frames: Frames, seq_offset: int, rows: int) -> Iterator[tuple[str, bytes, slice]]:
    """(topic, payload, rows) of JSON objects in columns: one sample as plain values, more as lists."""
    stream = frames.stream
    topic = f"{stream.asset}/{stream.name}"
    cells = _cells(frames)
    for first in range(0, len(frames), rows):
        part = slice(first, min(first + rows, len(frames)))
        body: dict[str, Any] = {
            "ts": [int(t) // NS_PER_MS for t in frames.t_ns[part]],
            "seq": int(frames.seq[first]) + seq_offset,
        }
        for i, signal in enumerate(stream.columns):
            body[signal.name] = [row[i] for row in cells[part]]
        for i, signal in enumerate(stream.text_columns):
            body[signal.name] = [texts[i] for texts in frames.texts[part]]
        if part.stop - part.start == 1:
            body = {name: value[0] if isinstance(value, list) else value for name, value in body.items()}
        yield topic, _encode(body), part


def _cells(frames: Frames) -> list[list[float | None]]:
    if np.isnan(frames.values).any():
        return [[None if x != x else x for x in row] for row in frames.values.tolist()]  # noqa: PLR0124  NaN
    return frames.values.tolist()  # type: ignore[no-any-return]
