"""The frames of one stream in memory, by place."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from twin.punctuality import Punctuality
from twin.sample import Frames, merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from twin.sample import Stream

Place = tuple[int, int]
"""(t_ns, seq): a frame's place in its stream."""


class Kept:
    """What is stored of one stream (mutable, guarded by the store's lock): its frames by place."""

    def __init__(self, key: int, stream: Stream) -> None:
        self.key = key
        self.stream = stream
        self.frames: dict[Place, Frames] = {}
        self.clock = Punctuality()
        self._places: list[Place] = []

    @property
    def places(self) -> list[Place]:
        """All places in order."""
        if len(self._places) != len(self.frames):
            self._places = sorted(self.frames)
        return self._places

    def between(self, start_ns: int, end_ns: int) -> list[Place]:
        """The places with start <= t_ns < end."""
        first, last = (bisect_left(self.places, (t_ns,)) for t_ns in (start_ns, max(start_ns, end_ns)))
        return self.places[first:last]

    def received(self, by_ns: int) -> Kept:
        """Those frames of it that had been received by then."""
        found = Kept(self.key, self.stream)
        found.frames = {place: row for place, row in self.frames.items() if row.received_ns[0] <= by_ns}
        return found

    def until(self, t_ns: int) -> Iterator[Frames]:
        """The frames with time <= ``t_ns``, newest first."""
        for place in reversed(self.places[: bisect_left(self.places, (t_ns + 1,))]):
            yield self.frames[place]

    def gathered(self, places: Sequence[Place]) -> Frames:
        """The frames at those places as one."""
        if not places:
            empty = np.empty(0, np.int64)
            values = np.empty((0, self.stream.width))
            return Frames(self.stream, empty, empty, empty, values, np.empty(0, np.int16))
        return replace(merge([self.frames[place] for place in places]), stream=self.stream)
