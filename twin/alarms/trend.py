"""How fast a number changes: a few points of its last minutes, each a part of the window apart."""

from __future__ import annotations

from dataclasses import dataclass

from twin.clock import NS_PER_S

_PARTS = 8
"""A point is kept each eighth of the window: the oldest lies 7/8 to 1 window back."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Points (t_ns, value) of one number, oldest first."""

    points: tuple[tuple[int, float], ...] = ()

    def at(self, t_ns: int, value: float, within_ns: int) -> Trend:
        """The trend with a further point; the same one where that is too near, or older than the last.

        A hole of more than a window begins it again: nothing is known of what was between.
        """
        points = self.points
        if points and t_ns - points[-1][0] < within_ns // _PARTS:
            return self
        if points and t_ns - points[-1][0] > within_ns:
            points = ()
        kept = tuple(point for point in points if t_ns - point[0] <= within_ns)
        return Trend((*kept, (t_ns, value)))

    def since(self, t_ns: int, value: float, hole_ns: int) -> Trend:
        """The trend of a number that should never be still: since when it is what it is, and when it was seen so last.

        The second point goes on each quarter of ``hole_ns``. A hole of more than ``hole_ns`` without a look begins it
        again: in history that comes in faster than it was made, two looks lie minutes apart, and a number that is
        twice the same by chance has moved in between.
        """
        if not self.points or self.points[0][1] != value or t_ns - self.points[-1][0] > hole_ns:
            return Trend(((t_ns, value),))
        if t_ns - self.points[-1][0] < max(hole_ns // 4, 1):
            return self
        return Trend((self.points[0], (t_ns, value)))

    def still_ns(self, t_ns: int) -> int:
        """For how long a number that was followed by `since` has been what it is, at ``t_ns``."""
        return t_ns - self.points[0][0] if self.points else 0

    def per_s(self) -> float:
        """Change a second from the oldest point to the newest, 0 until there are all of a window's."""
        if len(self.points) < _PARTS:
            return 0.0
        (first_ns, first), (last_ns, last) = self.points[0], self.points[-1]
        return (last - first) / ((last_ns - first_ns) / NS_PER_S)
