"""A crowd: many machines that cost next to nothing, for measuring how pages and ingest bear a large plant.

No line, no parts that move from one to the next: each machine of a site works by itself, and every one of its
numbers changes with every sample.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind, Role
from twin.simulation.calendar import MS_PER_S
from twin.simulation.laws import Truth
from twin.simulation.sensors import random_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from twin.sample import Signal, Stream, Texts
    from twin.simulation.laws import Span

_CYCLE_S = (24.0, 60.0)
_SWING_S = (20.0, 90.0)
_UNBOUNDED_HIGH = 100.0
_BAND = (0.35, 0.65)
"""Where in its range a gauge swings: well within the limits, so that a crowd is a quiet plant."""


class Crowd:
    """The law of every machine of a crowd. Holds no state: each sample is a function of its time."""

    def __init__(self, streams: Sequence[Stream], seed: int) -> None:
        self.streams = tuple(streams)
        self._members = tuple(_Member(stream, seed) for stream in self.streams)

    def sample(self, span: Span) -> list[Truth]:
        """Every stream's rows, each at its own period (1 s where history is slow)."""
        grids: dict[int, NDArray[np.int64]] = {}
        told: list[Truth] = []
        for member in self._members:
            period_ms = max(member.period_ms, MS_PER_S) if span.slow else member.period_ms
            if period_ms not in grids:
                grids[period_ms] = span.grid(period_ms)
            told.append(member.sample(grids[period_ms]))
        return told

    def forget(self, before_ms: int) -> None:
        """Nothing is kept."""


class _Member:
    """One stream: gauges swing, counters count its cycles, the state is Execute, a cycle's time is its own."""

    def __init__(self, stream: Stream, seed: int) -> None:
        self._stream = stream
        self.period_ms = round((stream.period_s or 1.0) * MS_PER_S)
        random = random_of(seed, stream.id, "crowd")
        self._cycle_ms = round(float(random.uniform(*_CYCLE_S)) * MS_PER_S)
        low, high = (np.array(bounds) for bounds in zip(*(_range(one) for one in stream.columns), strict=True))
        first, last = _BAND
        self._middle = low + (high - low) * (first + last) / 2
        self._reach = (high - low) * (last - first) / 2
        self._turns = 2.0 * math.pi / random.uniform(*_SWING_S, stream.width) / MS_PER_S
        self._phase = random.uniform(0.0, 2.0 * math.pi, stream.width)
        self._counters = [i for i, one in enumerate(stream.columns) if one.kind is Kind.COUNTER]
        self._good = [i for i in self._counters if stream.columns[i].role is not Role.SCRAP_COUNT]
        self._cycles = [i for i, one in enumerate(stream.columns) if one.role is Role.CYCLE_TIME]
        self._texts: Texts = ((tuple(_word(one) for one in stream.text_columns)),)

    def sample(self, t_ms: NDArray[np.int64]) -> Truth:
        """Rows at these times: values float64 (n, width)."""
        values = self._middle + self._reach * np.sin(t_ms[:, None] * self._turns + self._phase)
        made = (t_ms // self._cycle_ms).astype(np.float64)
        for column in self._counters:
            values[:, column] = made if column in self._good else np.floor(made / 50.0)
        for column in self._cycles:
            values[:, column] = self._cycle_ms / MS_PER_S
        texts = self._texts * len(t_ms) if self._stream.text_columns else ()
        return Truth(self._stream, t_ms, values, texts)


def _range(signal: Signal) -> tuple[float, float]:
    low = 0.0 if signal.low is None else signal.low
    return low, low + _UNBOUNDED_HIGH if signal.high is None else signal.high


def _word(signal: Signal) -> str:
    return {Role.STATE: "Execute", Role.MODE: "Production"}.get(signal.role or Role.STATE, "O1000")
