"""How far what is shown of a time is what happened then: a value for people to see beside a replay. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.keyframes import verify
from twin.sample import Quality

if TYPE_CHECKING:
    from collections.abc import Collection

    from twin.mirror import Mirror
    from twin.ports import History
    from twin.sample import Batch

AHEAD_NS = 300 * NS_PER_S
"""So far behind the end of a time the next keyframe is looked for."""
GAPS = 10_000


class Why(StrEnum):
    """What speaks against it, or what is not known."""

    NOTHING = "nothing"
    """Nothing was received then, or nothing of it is kept."""
    GONE = "gone"
    """A part of it was let go or lost, by the record."""
    NO_KEYFRAME = "no_keyframe"
    """No hash was recorded close behind it to compare with."""
    GAPS = "gaps"
    """Devices counted frames that have not come."""
    LATE = "late"
    """Some came after newer ones."""
    AHEAD = "ahead"
    """Some were dated ahead of their receipt, and are no part of the state."""
    CHANGED = "changed"
    """What is stored is not what was recorded."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Of [start, end) by receipt: what is there, what is missing, and whether folding it again comes to the same.

    ``coverage``: the share (0 to 1) of the batches that are there and were folded; None where there were
    none. ``gaps``: frames that sequenced streams counted and that have not come. ``equal``: whether every
    hash compared is as it was recorded live; None where none could be. ``mismatches`` are places that differ.
    """

    start_ns: int
    end_ns: int
    batches: int
    frames: int
    coverage: float | None
    gaps: int
    late: int
    ahead: int
    equal: bool | None
    mismatches: int
    why: tuple[Why, ...]


def fidelity(history: History, start_ns: int, end_ns: int, streams: Collection[str]) -> Fidelity:
    """Fold a time again, to the next keyframe behind it, and count of some streams what is missing and late."""
    batches = frames = late = ahead = 0

    def look(batch: Batch, mirror: Mirror) -> None:
        nonlocal batches, frames, late, ahead
        if not start_ns <= batch.tick_ns < end_ns:
            return
        batches += 1
        for part in batch.frames:
            if part.stream.id in streams:
                dated = part.quality == Quality.CLOCK_AHEAD
                frames += len(part)
                ahead += int(dated.sum())
                late += int(np.count_nonzero(mirror.late(part) & ~dated))

    until_ns, has_keyframe = _until(history, end_ns)
    verdict = verify(history, None, start_ns, until_ns, look)
    missing = sum(
        one.to_seq - one.from_seq + 1
        for one in history.gaps(limit=GAPS)
        if start_ns <= one.since_ns < end_ns and one.stream in streams
    )
    mismatches = len(verdict.mismatches)
    equal = None if not batches or not (has_keyframe or mismatches) else not mismatches
    told = {
        Why.NOTHING: not batches,
        Why.GONE: verdict.coverage is not None and verdict.coverage < 1,
        Why.NO_KEYFRAME: bool(batches) and not has_keyframe,
        Why.GAPS: missing > 0,
        Why.LATE: late > 0,
        Why.AHEAD: ahead > 0,
        Why.CHANGED: mismatches > 0,
    }
    why = tuple(one for one, is_so in told.items() if is_so)
    coverage = verdict.coverage if batches or Why.GONE in why else None
    return Fidelity(start_ns, end_ns, batches, frames, coverage, missing, late, ahead, equal, mismatches, why)


def _until(history: History, end_ns: int) -> tuple[int, bool]:
    """Where to fold to, so that each writer's next keyframe is compared; and whether each has one near enough."""
    until_ns, every = end_ns, True
    for writer in history.writers():
        last_n = history.batch_at(writer, end_ns - 1)
        if not last_n:
            continue  # it began later
        found = next(history.keyframes(writer, last_n), None)
        near = found is not None and found.tick_ns < end_ns + AHEAD_NS
        every &= near
        if found is not None and near:
            until_ns = max(until_ns, found.tick_ns + 1)
    return until_ns, every
