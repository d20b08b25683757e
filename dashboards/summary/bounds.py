"""Where something changes inside an episode: the moments that a hand-drawn boundary snaps to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.episodes.changes import changes
from twin.episodes.rules import MAX_GAP_S
from twin.episodes.story import Track
from twin.sample import Kind, Role

if TYPE_CHECKING:
    from dashboards.view import View
    from twin.episodes.episode import Episode
    from twin.sample import Signal

MOST = 200
POINTS = 2000
MOST_CHANGES, MOST_OF_A_SIGNAL, MOST_SIGNALS = 40, 4, 24
APART_NS = NS_PER_S // 5
"""Signals that change at once, joints above all, change for one reason: the surest speaks for all."""
_TEXTS = (Role.STATE, Role.MODE, Role.PROGRAM)
_ROLES = (
    Role.JOINT_EFFORT, Role.TOOL_FORCE, Role.LOAD, Role.POWER, Role.SPEED, Role.JOINT_VELOCITY, Role.TOOL_OPENING,
)  # fmt: skip
_UNITS = ("A", "N.m", "N", "W")
"""Of signals that nobody gave a role: what a task shows in."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Something changes at ``t_ns``: ``what``. A signal's level or spread does where ``signal`` names one."""

    t_ns: int
    what: str
    signal: str = ""


def bounds(view: View, one: Episode) -> list[Bound]:
    """In order of time, MOST at most: what was told (`_told`), and where else a number changes (`_changes`)."""
    told = [Bound(*each) for each in _told(view, one)][:MOST]
    more = _changes(view, one)[: MOST - len(told)]
    return sorted([*told, *more], key=lambda each: (each.t_ns, each.what))


def _changes(view: View, one: Episode) -> list[Bound]:
    """Changes of level or spread of torque, force, current, power and speed, the surest first."""
    found = []
    columns = [
        (stream, signal)
        for stream in view.streams().values()
        if stream.asset == one.asset
        for signal in stream.columns
        if _tells(signal)
    ]
    for stream, signal in sorted(columns, key=lambda each: _rank(each[1]))[:MOST_SIGNALS]:
        series = view.trend(stream.id, signal.name, one.from_ns, one.to_ns, POINTS)
        for each in changes(Track(series.t_ns, series.mean), MAX_GAP_S, MOST_OF_A_SIGNAL):
            what = f"{signal.name} {'level' if each.is_level else 'spread'}"
            found.append((each.gain, Bound(each.t_ns, what, f"{stream.asset}:{signal.name}")))
    kept: list[Bound] = []
    for _, bound in sorted(found, key=lambda each: (-each[0], each[1].t_ns, each[1].what)):
        if all(abs(bound.t_ns - other.t_ns) > APART_NS for other in kept):
            kept.append(bound)
    return kept[:MOST_CHANGES]


def _tells(signal: Signal) -> bool:
    return signal.kind is Kind.GAUGE and (signal.role in _ROLES or (signal.role is Role.NONE and signal.unit in _UNITS))


def _rank(signal: Signal) -> int:
    return _ROLES.index(signal.role) if signal.role in _ROLES else len(_ROLES)


def _told(view: View, one: Episode) -> list[tuple[int, str]]:
    """(time, what changes then) in order: both ends, its interruptions, changes of state, mode, program and flags."""
    found = {(one.start_ns, "start"), (one.end_ns, "end")}
    for part in one.segments:
        found |= {(part.start_ns, part.kind.value), (part.end_ns, part.kind.value)}
    for stream in view.streams().values():
        if stream.asset != one.asset:
            continue
        for signal in stream.text_columns:
            if signal.role in _TEXTS:
                told = view.text_changes(stream.id, signal.name, one.from_ns, one.to_ns)
                found |= {(t_ns, f"{signal.name} {text}") for t_ns, text in told}
        for signal in stream.columns:
            if signal.kind is Kind.FLAG:
                series = view.trend(stream.id, signal.name, one.from_ns, one.to_ns, POINTS)
                edges = np.flatnonzero(np.diff(series.maximum) != 0) + 1
                found |= {(t_ns, signal.name) for t_ns in series.t_ns[edges].tolist()}
    return sorted((t_ns, what) for t_ns, what in found if one.from_ns <= t_ns <= one.to_ns)
