"""Alarm floods: more than an operator can take in (ISA-18.2 / IEC 62682: more than 10 in 10 minutes)."""

from __future__ import annotations

from collections import deque

from twin.clock import NS_PER_S

FLOOD_WINDOW_NS = 600 * NS_PER_S
FLOOD_ABOVE = 10
"""A flood begins with one alarm more than this in the window …"""
FLOOD_BELOW = 5
"""… and is over when there are fewer than this."""


class Flood:
    """The alarms that one operating position was told of lately. Mutable: the fold that owns it feeds it.

    A raise at ``t`` is in the window until ``t + FLOOD_WINDOW_NS``, that end not included.
    """

    def __init__(self, raised_ns: list[int] | None = None, *, on: bool = False) -> None:
        self.raised_ns = deque(raised_ns or ())
        self.on = on

    def add(self, t_ns: int) -> None:
        """One more alarm; times do not go back."""
        self.raised_ns.append(t_ns)

    def at(self, t_ns: int) -> bool:
        """Move on to ``t_ns``; whether a flood began or ended."""
        while self.raised_ns and self.raised_ns[0] <= t_ns - FLOOD_WINDOW_NS:
            self.raised_ns.popleft()
        count = len(self.raised_ns)
        before = self.on
        self.on = count >= FLOOD_BELOW if before else count > FLOOD_ABOVE
        return self.on is not before

    def ends_ns(self) -> int:
        """When a flood that is on ends, if nothing more comes."""
        return self.raised_ns[-FLOOD_BELOW] + FLOOD_WINDOW_NS
