"""Where something changes inside an episode: the moments that a hand-drawn boundary snaps to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind, Role

if TYPE_CHECKING:
    from dashboards.view import View
    from twin.episodes.episode import Episode

MOST = 200
POINTS = 2000
_TEXTS = (Role.STATE, Role.MODE, Role.PROGRAM)


def bounds(view: View, one: Episode) -> list[tuple[int, str]]:
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
    inside = sorted((t_ns, what) for t_ns, what in found if one.from_ns <= t_ns <= one.to_ns)
    return inside[:MOST]
