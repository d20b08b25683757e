"""What frames held: absent values, signals that stand while their kin move, values beyond their range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Signal, Stream

_COMMAND = re.compile(
    r"(?:^|(?<=[._ ]))(?:target|command|commanded|cmd|goal|desired|setpoint|reference|action)[._ ]?", re.IGNORECASE
)
_ACTUAL = re.compile(r"(?:^|(?<=[._ ]))(?:actual|measured|observed|state|joint)[._ ]?", re.IGNORECASE)
MOTION = frozenset({Role.JOINT_POSITION, Role.JOINT_VELOCITY, Role.JOINT_EFFORT, Role.X, Role.Y, Role.YAW})
MOTION_UNITS = frozenset({"rad", "rad/s", "N.m"})


def absent(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each column's values that is absent or not finite: (n, k) → (k,)."""
    found: NDArray[np.float64] = np.mean(~np.isfinite(values), axis=0)
    return found


def families(stream: Stream) -> list[list[int]]:
    """Columns that are kin: gauges of one role and unit, or names that differ only in their numbers; two at least."""
    found: dict[tuple[str, str], list[int]] = {}
    for i, signal in enumerate(stream.columns):
        if signal.kind is Kind.GAUGE:
            name = signal.role.value or re.sub(r"\d+", "#", signal.name)
            found.setdefault((name, signal.unit), []).append(i)
    return [columns for columns in found.values() if len(columns) > 1]


def frozen(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of kin (n, k): the share of the steps in which a column stood although most of the others moved, (k,)."""
    changed = np.diff(values, axis=0) != 0
    others = changed.sum(axis=1, keepdims=True) - changed
    alive = others * 2 > values.shape[1] - 1
    found: NDArray[np.float64] = np.mean(alive & ~changed, axis=0) if len(changed) else np.zeros(values.shape[1])
    return found


def beyond(values: NDArray[np.float64], low: float | None, high: float | None) -> float:
    """How far the farthest value lies outside [low, high], in widths of it; where one end is open, of the other."""
    told = values[np.isfinite(values)]
    if not len(told) or (low is None and high is None):
        return 0.0
    out = max(0.0, 0.0 if low is None else low - float(told.min()), 0.0 if high is None else float(told.max()) - high)
    width = high - low if low is not None and high is not None else abs(low if high is None else high)  # type: ignore[arg-type]
    return out / width if width > 0 else out


def at_limits(values: NDArray[np.float64], low: float, high: float, near: float) -> float:
    """The share of the values within ``near`` widths of an end of [low, high], or beyond it."""
    told = values[np.isfinite(values)]
    room = near * (high - low)
    return float(np.mean((told <= low + room) | (told >= high - room))) if len(told) else 0.0


def is_motion(signal: Signal) -> bool:
    """Whether a signal tells of motion, so that its noise shows that it is alive."""
    return signal.kind is Kind.GAUGE and (signal.role in MOTION or signal.unit in MOTION_UNITS)


def commands(signals: list[Signal]) -> list[tuple[int, int]]:
    """(command, state) among some signals: `target_position_0` commands `position_0` or `actual_position_0`."""
    states = {_ACTUAL.sub("", one.name).lower(): i for i, one in enumerate(signals) if not _COMMAND.search(one.name)}
    pairs = []
    for i, one in enumerate(signals):
        if one.kind is Kind.GAUGE and _COMMAND.search(one.name):
            state = states.get(_ACTUAL.sub("", _COMMAND.sub("", one.name)).lower())
            if state is not None:
                pairs.append((i, state))
    return pairs
