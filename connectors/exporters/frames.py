"""An episode's signals on one clock: which column is state, action or environment, and the rows themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.episodes.resample import grid, policy_of, resample
from twin.errors import EpisodeError
from twin.sample import Kind, Quality, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from connectors.exporters.plan import Readable
    from twin.episodes import Episode
    from twin.sample import Frames, Signal, Stream

MOTION_ROLES = frozenset({Role.JOINT_POSITION, Role.JOINT_VELOCITY, Role.X, Role.Y, Role.YAW, Role.TOOL_OPENING})
MOTION_UNITS = frozenset({"rad", "rad/s"})
ACTION_POLICY = "next observed state: no commands are recorded"
"""What ``action`` is where a device tells no commands: the state that the next frame reaches."""


BLOCK_NS, BLOCK_ROWS, GAP_NS = 300 * NS_PER_S, 20_000, 5 * NS_PER_S
"""Of episodes so near to each other so much is read at once, or one of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number of an episode's frames: where it is stored, and how it is put onto the frames' clock."""

    stream: str
    place: int
    name: str
    unit: str
    policy: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What every frame of a dataset holds."""

    state: tuple[Column, ...]
    environment: tuple[Column, ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The state's, then the environment's."""
        return self.state + self.environment


def shape_of(streams: Sequence[Stream], skip: frozenset[str] = frozenset(), *, both: bool = True) -> Shape:
    """Which of an asset's numbers are its state, and which its surroundings.

    State is what moves: positions and speeds, by role or unit. Everything else is ``observation.environment_state``;
    where nothing moves the first half of the gauges is taken for state. ``skip`` names signals that label.
    Raises EpisodeError where ``both`` must hold something, and one has nothing.
    """
    moving: list[Column] = []
    others: list[Column] = []
    for stream in sorted(streams, key=lambda one: one.id):
        for place, signal in enumerate(stream.columns):
            if signal.name in skip:
                continue
            column = Column(stream.id, place, name_of(stream, signal), signal.unit, policy_of(signal))
            is_motion = signal.role in MOTION_ROLES or (signal.kind is Kind.GAUGE and signal.unit in MOTION_UNITS)
            (moving if is_motion else others).append(column)
    if not moving:
        half = -(-len(others) // 2)
        moving, others = others[:half], others[half:]
    if both and not (moving and others):
        names = ", ".join(sorted({one.asset for one in streams})) or "nothing"
        raise EpisodeError(
            f"{names} measures too little for a dataset", "an episode needs numbers for a state and for an environment"
        )
    return Shape(tuple(moving), tuple(others))


def name_of(stream: Stream, signal: Signal) -> str:
    """How a signal is called among those of all streams of its asset."""
    return signal.name if stream.name in ("", "data") else f"{stream.name}.{signal.name}"


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """An episode's numbers on its frames' clock.

    ``at_ns``: int64 (n,); ``values``: float64 (n, width), NaN in columns without any value, whose names are ``gaps``.
    """

    at_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    gaps: tuple[str, ...] = ()


class Blocks:
    """Frames of episodes, those of several short ones read at once: a query costs more than the rows of a second.

    Mutable: holds the last block of each stream, and how fast it was. Episodes that are not in order are read alone.
    """

    def __init__(self, history: Readable, episodes: Sequence[Episode]) -> None:
        self._history = history
        self._episodes = episodes
        self._places = {one.start_ns: i for i, one in enumerate(episodes)}
        self._held: dict[str, tuple[int, int, Frames]] = {}

    def frames(self, stream: str, start_ns: int, end_ns: int) -> Frames:
        """The frames of a stream in an episode."""
        held = self._held.get(stream)
        if held is None or not held[0] <= start_ns <= end_ns <= held[1]:
            block_ns = end_ns if held is None else self._end(start_ns, end_ns, len(held[2]) / (held[1] - held[0]))
            held = (start_ns, block_ns, self._history.frames(stream, start_ns, block_ns))
            self._held[stream] = held
        first, last = np.searchsorted(held[2].t_ns, (start_ns, end_ns)).tolist()
        return held[2].take(np.arange(first, last))

    def _end(self, start_ns: int, end_ns: int, rate: float) -> int:
        """Where a block ends that begins with an episode, of a stream of so many frames a ns."""
        most_ns = start_ns + min(BLOCK_NS, BLOCK_ROWS / rate if rate else BLOCK_NS)
        for one in self._episodes[self._places[start_ns] + 1 :] if start_ns in self._places else ():
            if not 0 <= one.start_ns - end_ns <= GAP_NS or one.end_ns > most_ns:
                break
            end_ns = one.end_ns
        return end_ns


def draw(blocks: Blocks, episode: Episode, shape: Shape, fps: float) -> Drawn:
    """Read an episode and put it onto frames of 1 / ``fps`` s from its first sample."""
    at_ns = grid(episode.start_ns, episode.end_ns, fps)
    out = np.empty((len(at_ns), len(shape.columns)))
    gaps: list[str] = []
    wanted: dict[str, list[int]] = {}
    told = shape.columns
    for i, column in enumerate(told):
        wanted.setdefault(column.stream, []).append(i)
    for stream, columns in wanted.items():
        frames = blocks.frames(stream, episode.start_ns, episode.end_ns)
        ahead = frames.quality == Quality.CLOCK_AHEAD
        if ahead.any():
            frames = frames.take(~ahead)
        places = [told[i].place for i in columns]
        policies = [told[i].policy for i in columns]
        drawn, missing = resample(at_ns, frames.t_ns, frames.values[:, places], policies)
        out[:, columns] = drawn
        gaps += [told[columns[i]].name for i in np.flatnonzero(missing).tolist()]
    return Drawn(at_ns, out, tuple(sorted(gaps)))
