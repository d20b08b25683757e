"""What a store tells of an arm, as the fits and the scorers of `twin.expectation` take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.clock import NS_PER_S
from twin.cycles import finished
from twin.errors import ExpectationError
from twin.expectation import Motion, Wiring, fit_arm, fit_cycles, fit_steps, join_motions, motion_of, wiring_of
from twin.sample import Quality, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from twin.expectation import ArmFit
    from twin.ports import History
    from twin.sample import Frames, Stream
    from twin.site import Asset, Hub

CHUNK_NS = 600 * NS_PER_S
"""So much of an arm is in memory at a time."""
CYCLE_BACK_NS = 300 * NS_PER_S
"""A cycle is told once it has ended; so far back the last one is looked for."""
ARM = "robot_arm"
NOT_BELIEVED = (Quality.BAD, Quality.CLOCK_AHEAD)


class Told(NamedTuple):
    """The streams of an arm that matter: its joints and where they stand, its cycles, its program."""

    joints: Stream
    wiring: Wiring
    cycles: Stream | None
    program: tuple[Stream, str] | None


def arms_of(hub: Hub, asked: str = "") -> list[Asset]:
    """The declared arms: all, one, or those below a path; raises ExpectationError where there is none."""
    found = [one for one in hub.assets().values() if one.type == ARM]
    under = asked.rstrip("/")
    chosen = [one for one in found if not under or one.id == under or one.id.startswith(f"{under}/")]
    if not chosen:
        known = ", ".join(one.id for one in found[:5]) or "none is declared"
        raise ExpectationError(f"there is no robot arm {asked!r}", f"arms are: {known}")
    return chosen


def told_of(history: History, asset: str) -> Told:
    """The streams of an arm; raises ExpectationError where its joints are not told."""
    own = sorted((stream for stream in history.streams().values() if stream.asset == asset), key=lambda one: one.id)
    wired = [(stream, wiring) for stream in own if (wiring := wiring_of(stream)) is not None]
    if not wired:
        raise ExpectationError(
            f"{asset}: no stream of it tells position, velocity and effort of each joint",
            "all three belong in one message, as in sensor_msgs/JointState",
        )
    cycles = next((one for one in own if any(column.role is Role.CYCLE_TIME for column in one.columns)), None)
    program = next(
        ((one, column.name) for one in own for column in one.text_columns if column.role is Role.PROGRAM), None
    )
    return Told(*wired[0], cycles, program)


def joint_frames(history: History, told: Told, start_ns: int, end_ns: int) -> Iterator[Frames]:
    """The frames of an arm's joints in [start, end) that can be believed, some minutes at a time."""
    for at_ns in range(start_ns, end_ns, CHUNK_NS):
        frames = believed(history.frames(told.joints.id, at_ns, min(at_ns + CHUNK_NS, end_ns)))
        if len(frames):
            yield frames


def believed(frames: Frames) -> Frames:
    """Those that are not bad, not of a clock that runs ahead, and later than the one before."""
    good = ~np.isin(frames.quality, NOT_BELIEVED)
    good[1:] &= np.diff(frames.t_ns) > 0
    return frames if good.all() else frames.take(good)


def cycles_in(
    history: History, told: Told, start_ns: int, end_ns: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(t_ns, seconds) of the cycles that an arm finished in [start, end)."""
    if told.cycles is None:
        return np.zeros(0, np.int64), np.zeros(0)
    frames = history.frames(told.cycles.id, start_ns, end_ns)
    at = {column.role: i for i, column in enumerate(told.cycles.columns) if column.role is not Role.NONE}
    counts = [frames.values[:, at[role]] for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT) if role in at]
    made = np.sum(counts, axis=0) if counts else None
    return finished(frames.t_ns, frames.values[:, at[Role.CYCLE_TIME]], made)


def fit_from(history: History, asset: Asset, start_ns: int, end_ns: int) -> ArmFit:
    """Calibrate an arm from what is stored of it in [start, end); raises ExpectationError where that cannot be."""
    told = told_of(history, asset.id)
    parts: list[Motion] = []
    for frames in joint_frames(history, told, start_ns, end_ns):
        motion = motion_of(frames, told.wiring)
        parts.append(motion)
    if not parts:
        raise ExpectationError(f"{asset.id}: nothing is stored of its joints then", "choose another time: --from, --to")
    cycle = fit_cycles(cycles_in(history, told, start_ns, end_ns)[1])
    changes = (
        [] if told.program is None else history.text_changes(told.program[0].id, told.program[1], start_ns, end_ns)
    )
    return fit_arm(asset, join_motions(parts), cycle, fit_steps(changes))
