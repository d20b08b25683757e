"""Time is ``int`` nanoseconds UTC. Clocks are passed in; only ``connectors/wall_clock.py`` reads the wall."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"(?P<head>[^.,]*[0-9]{2}:?[0-9]{2}:?[0-9]{2})[.,](?P<digits>[0-9]+)(?P<zone>[^.,]*)")
"""Digits after the second, behind a point or (ISO 8601 prefers it) a comma."""


class Clock(Protocol):
    """Tells the time and nothing else."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01T00:00:00Z."""
        ...


class ManualClock:
    """A clock that moves when told. Mutable; whoever made it moves it."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """The time last set."""
        return self._now_ns

    def set(self, now_ns: int) -> None:
        """Jump to ``now_ns``, forwards or back."""
        self._now_ns = now_ns

    def advance(self, duration_s: float) -> None:
        """Move forwards by ``duration_s`` seconds."""
        self._now_ns += round(duration_s * NS_PER_S)


class ScaledClock:
    """A clock that runs at ``rate`` times another, from ``start_ns`` on (replay, fast history)."""

    def __init__(self, base: Clock, start_ns: int, rate: float) -> None:
        self._base = base
        self._base_start_ns = base.now_ns()
        self._start_ns = start_ns
        self._rate = rate

    def now_ns(self) -> int:
        """The scaled time."""
        return self._start_ns + round((self._base.now_ns() - self._base_start_ns) * self._rate)


def ns_from_iso(text: str) -> int:
    """Parse ISO 8601 with an offset or ``Z``; raises ValueError on naive times, which are forbidden.

    Exact to the nanosecond: digits past the microsecond are read apart from ``datetime``.
    """
    text = text.strip()
    fraction_ns = 0
    found = _FRACTION.fullmatch(text)
    if found:
        fraction_ns = int(found["digits"][:9].ljust(9, "0"))
        text = found["head"] + found["zone"]
    elif "." in text or "," in text:
        raise ValueError(f"{text!r} has a fraction of something else than the second")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write an offset such as +09:00 or Z")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * NS_PER_S + fraction_ns


def iso_from_ns(t_ns: int, decimals: int = 3) -> str:
    """Write ``t_ns`` as ISO 8601 in UTC with ``decimals`` (0 to 9) digits, cut, not rounded."""
    seconds, rest = divmod(t_ns, NS_PER_S)
    stamp = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{rest:09d}"[: len(stamp) + 1 + decimals] + "Z" if decimals else stamp + "Z"
