"""What a failing sensor tells: the same as before, too much, or nothing. The truth behind it stays what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.simulation.faults import SENSOR_KINDS, SENSORS, FaultKind, Faults
from twin.simulation.sensors import DECIMALS, random_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.faults import Course

AXES = 6
_DRIFT_S = 400.0
"""At its worst a sensor drifts by its whole range in this time."""
_DROPOUT_MS = 60_000
"""Of each minute a sensor is missing for as large a share as the fault is bad, in one piece."""


def axis_of(seed: int, asset: str) -> int:
    """Which axis of an arm fails, 0…5: always the same one of an arm."""
    return int(random_of(seed, asset, "failing axis").integers(0, AXES))


class Ailment:
    """One way in which one sensor may fail. Mutable: it remembers what the sensor told last."""

    def __init__(self, kind: FaultKind, stream: Stream, column: int, course: Course) -> None:
        self._kind = kind
        self._column = column
        self._course = course
        signal = stream.columns[column]
        self._range = (signal.high or 1.0) - (signal.low or 0.0)
        self._decimals = DECIMALS.get(signal.unit, 3)
        self._last = np.nan

    def spoil(self, t_ms: NDArray[np.int64], measured: NDArray[np.float64]) -> None:
        """Change what was measured, float64 (n, width), in place."""
        since, severity = self._course.over(t_ms)
        failing = since >= 0
        column = measured[:, self._column]
        if self._kind is FaultKind.SENSOR_STUCK:
            self._hold(column, failing)
        elif not failing.any():
            return
        elif self._kind is FaultKind.SENSOR_DRIFT:
            drift = severity * self._range * (since / (1000.0 * _DRIFT_S))
            scale = 10.0**self._decimals
            column[failing] = (np.rint((column + drift) * scale) / scale + 0.0)[failing]
        else:
            column[failing & (since % _DROPOUT_MS < severity * _DROPOUT_MS)] = np.nan

    def _hold(self, column: NDArray[np.float64], failing: NDArray[np.bool_]) -> None:
        """Row after row, so that cutting the rows into calls changes no bit."""
        for row in range(len(column)):
            if failing[row] and not np.isnan(self._last):
                column[row] = self._last
            elif not np.isnan(column[row]):
                self._last = column[row]


def ailments_of(stream: Stream, asset_type: str, faults: Faults, seed: int) -> Iterator[Ailment]:
    """How the sensors of a stream may fail."""
    if asset_type not in SENSORS or stream.asset not in faults.assets:
        return
    name = SENSORS[asset_type].format(axis=axis_of(seed, stream.asset) + 1)
    for column, signal in enumerate(stream.columns):
        if signal.name == name:
            for kind in SENSOR_KINDS:
                course = faults.of(kind, stream.asset)
                if course:
                    yield Ailment(kind, stream, column, course)
