"""Machine tools, inspection, conveyors and buffers: what their lines' tracks mean at their sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.packml import UnitState
from twin.simulation.arms import MODE, shown_state, station_phase
from twin.simulation.attributes import number
from twin.simulation.calendar import MS_PER_S
from twin.simulation.faults import NEVER
from twin.simulation.laws import STATUS_MS, Truth
from twin.simulation.sensors import follow, random_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.calendar import Calendar
    from twin.simulation.faults import Course
    from twin.simulation.laws import Span
    from twin.simulation.line import Buffer, Unit
    from twin.site import Asset

    Rows = NDArray[np.float64]

_MACHINE_MS = 500
_CUTS = ("face mill", "rough", "drill", "finish")
_CUT_ENDS = np.array([0.14, 0.58, 0.76])
_CUT_SPEED = np.array([3200.0, 5200.0, 6800.0, 9400.0])
_CUT_LOAD = np.array([0.46, 0.62, 0.38, 0.24])
_CUT_FEED = np.array([1400.0, 1900.0, 620.0, 1150.0])
_CUT_SHAKE = np.array([2.1, 2.9, 1.7, 1.1])
_RAMP = 0.012
"""Share of the cycle in which the spindle reaches a cut's speed."""
_WEAR_PER_CYCLE_MM = 0.0025
_SPINDLE_W = 7500.0
_STANDBY_W = 1150.0
_SPINDLE_HEAT_S = 1100.0
_SPINDLE_KEEP = np.round(np.exp(np.array([-_MACHINE_MS / MS_PER_S / _SPINDLE_HEAT_S])), 12)
_HALL_CELSIUS = 23.5
_BELT_M_S = 0.35
_BREAKING_MM_S = 16.0
_BREAKING_LOAD = 0.45
_STALL_A = 12.0
_STALL_MILD_A = 9.8
"""A belt's motor that stalls draws from this much to ``_STALL_A``, as the jam is bad."""
_TRIPS_MS = 6_000
"""A motor's protection lets it stall so long."""


class MachineTool:
    """One machine tool. Mutable: its spindle's heat moves on with every span."""

    def __init__(self, unit: Unit, stream: Stream, calendar: Calendar, seed: int) -> None:
        self._unit = unit
        self._stream = stream
        self._calendar = calendar
        self.streams = (stream,)
        random = random_of(seed, unit.asset.id, "machine")
        self._hardness = float(random.uniform(0.86, 1.02))
        self._program = f"O{1000 + 10 * int(random.integers(1, 90))}"
        self._heat = _HALL_CELSIUS + random.uniform(4.0, 10.0, 1)

    def sample(self, span: Span) -> list[Truth]:
        """The machine's rows at 2 Hz: spindle, feed, wear, vibration, heat, counters, power."""
        t_ms = span.grid(_MACHINE_MS)
        index, phase, rate, _ = station_phase(self._unit.track, t_ms)
        steps = [self._unit.track.steps[i] for i in index]
        cutting = rate > 0.0
        cut = np.searchsorted(_CUT_ENDS, phase, side="right")
        begun = np.concatenate(([0.0], _CUT_ENDS))[cut]
        ramp = np.minimum((phase - begun) / _RAMP, 1.0)
        before = np.where(cut > 0, _CUT_SPEED[cut - 1], 0.0)
        leaving = np.minimum((1.0 - phase) / _RAMP, 1.0)
        speed = np.where(cutting, (before + (_CUT_SPEED[cut] - before) * ramp) * leaving, 0.0)
        engaged = cutting * ramp * leaving
        broken = np.array([step.broken for step in steps])
        wear = np.array([step.wear_um for step in steps]) / 1000.0 + _WEAR_PER_CYCLE_MM * phase * cutting
        wear = wear + np.array([step.wearing_um for step in steps]) / 1000.0 * phase
        dull = 1.0 + 1.1 * wear
        load = np.where(cutting, 0.04, 0.0) + _CUT_LOAD[cut] * self._hardness * dull * engaged
        load = load + _BREAKING_LOAD * broken
        feed = _CUT_FEED[cut] * engaged
        shake = 0.35 * (speed > 0.0) + _CUT_SHAKE[cut] * engaged * (0.75 + 4.0 * wear) + _BREAKING_MM_S * broken
        power = _STANDBY_W + 450.0 * cutting + _SPINDLE_W * load
        target = _HALL_CELSIUS + 3.0 + 42.0 * load
        heat = follow(target[:, None], _SPINDLE_KEEP, self._heat)
        span.power_w[self._unit.asset.id] = power[:: STATUS_MS // _MACHINE_MS]
        counts = np.array([(step.good, step.scrap, step.cycle_ms / MS_PER_S) for step in steps])
        values = np.column_stack((speed, load, feed, wear, shake, heat, counts, power))
        resting = self._calendar.rests(t_ms).tolist()
        texts = tuple(
            (shown_state(step.state, rests=rests), MODE, f"{self._program} {_program_step(step.state, which)}")
            for step, rests, which in zip(steps, resting, cut.tolist(), strict=True)
        )
        return [Truth(self._stream, t_ms, values, texts)]

    def forget(self, before_ms: int) -> None:
        """Nothing: the tracks belong to the lines."""


def _program_step(state: UnitState, cut: int) -> str:
    if state in (UnitState.EXECUTE, UnitState.ABORTED):
        return _CUTS[cut]
    return "tool change" if state is UnitState.HELD else "load"


class Inspection:
    """One inspection station."""

    def __init__(self, unit: Unit, stream: Stream, calendar: Calendar) -> None:
        self._unit = unit
        self._stream = stream
        self._calendar = calendar
        self.streams = (stream,)

    def sample(self, span: Span) -> list[Truth]:
        """The station's rows at 1 Hz: state, last result and deviation, counters."""
        t_ms = span.grid(STATUS_MS)
        steps = [self._unit.track.steps[i] for i in self._unit.track.index(t_ms)]
        working = np.array([step.state is UnitState.EXECUTE for step in steps])
        span.power_w[self._unit.asset.id] = 220.0 + 340.0 * working
        values = np.array(
            [(step.deviation_mm, step.good, step.scrap, step.cycle_ms / MS_PER_S) for step in steps], np.float64
        )
        resting = self._calendar.rests(t_ms).tolist()
        texts = tuple(
            (shown_state(step.state, rests=rests), "good" if step.passed else "scrap")
            for step, rests in zip(steps, resting, strict=True)
        )
        return [Truth(self._stream, t_ms, values, texts)]

    def forget(self, before_ms: int) -> None:
        """Nothing: the tracks belong to the lines."""


class Conveyor:
    """A belt that carries what one station makes: it runs while that station can pass parts on.

    ``jams`` is when a part wedges on it: its motor stalls, and then its protection has tripped.
    """

    def __init__(  # noqa: PLR0913  what a belt is made of
        self, asset: Asset, unit: Unit, stream: Stream, calendar: Calendar, seed: int, jams: Course = NEVER
    ) -> None:
        self._jams = jams
        self._asset = asset
        self._unit = unit
        self._stream = stream
        self._calendar = calendar
        self.streams = (stream,)
        length_m = number(asset, "length_m", 6.0, low=0.5, high=500.0)
        self._idle_a = 1.6 + 0.05 * length_m + float(random_of(seed, asset.id, "belt").uniform(-0.2, 0.2))

    def sample(self, span: Span) -> list[Truth]:
        """The belt's rows at 1 Hz: state, speed, motor current, items passed."""
        t_ms = span.grid(STATUS_MS)
        steps = [self._unit.track.steps[i] for i in self._unit.track.index(t_ms)]
        runs = np.array([step.state is UnitState.EXECUTE for step in steps])
        items = np.array([step.good for step in steps], np.float64)
        since, severity = self._jams.over(t_ms)
        tripped = since >= _TRIPS_MS
        stalls = runs & (since >= 0) & ~tripped
        turns = runs & (since < 0)
        current = np.where(turns, self._idle_a + 0.9, 0.0)
        current[stalls] = (_STALL_MILD_A + (_STALL_A - _STALL_MILD_A) * severity)[stalls]
        span.power_w[self._asset.id] = 40.0 + current * 560.0
        resting = self._calendar.rests(t_ms).tolist()
        states = (
            UnitState.ABORTED
            if trip
            else UnitState.EXECUTE
            if run
            else UnitState.STOPPED
            if rests
            else UnitState.SUSPENDED
            for run, rests, trip in zip(runs.tolist(), resting, tripped.tolist(), strict=True)
        )
        values = np.column_stack((np.where(turns, _BELT_M_S, 0.0), current, items))
        return [Truth(self._stream, t_ms, values, tuple((state.value,) for state in states))]

    def forget(self, before_ms: int) -> None:
        """Nothing: the tracks belong to the lines."""


class BufferLevel:
    """A buffer's level and capacity."""

    def __init__(self, buffer: Buffer, stream: Stream) -> None:
        self._buffer = buffer
        self._stream = stream
        self.streams = (stream,)

    def sample(self, span: Span) -> list[Truth]:
        """The buffer's rows at 1 Hz."""
        t_ms = span.grid(STATUS_MS)
        level = np.array(self._buffer.track.steps, np.float64)[self._buffer.track.index(t_ms)]
        capacity = np.full(len(t_ms), float(self._buffer.room.capacity))
        return [Truth(self._stream, t_ms, np.column_stack((level, capacity)))]

    def forget(self, before_ms: int) -> None:
        """Nothing: the tracks belong to the lines."""
