"""Sensors: what is measured of the truth. They add noise, quantise, and now and then say nothing.

Noise is a sum of uniform numbers, of which every value takes the same count: so a sensor read row
by row gives the same bits as one read in a single block.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from twin.sample import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from twin.sample import Stream

DROPOUT_RATIO = 1 / 20_000
"""How often a gauge's value is absent from a frame."""
_UNIFORMS = 3
_UNIT_VARIANCE_SCALE = 2.0
"""Three uniforms on (-½, ½) have a variance of ¼: twice their sum has variance 1."""

DECIMALS: dict[str, int] = {
    "rad": 4, "rad/s": 3, "N.m": 1, "N": 1, "Cel": 1, "m": 3, "m/s": 3, "W": 0, "kW": 2, "kW.h": 2, "V": 1, "A": 1,
    "1": 3, "mm": 3, "mm/s": 2, "mm/min": 0, "/min": 0, "s": 2, "kg": 1, "bar": 2, "dB": 1, "ug/m3": 1,
    "{part}": 0,
}  # fmt: skip
"""Resolution of a sensor by its signal's UCUM unit: decimals kept."""


def random_of(seed: int, *names: str) -> np.random.Generator:
    """The random numbers that belong to ``names`` under ``seed``: the same on every machine and run."""
    digest = hashlib.sha256("\x1f".join((str(seed), *names)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


class SensorSet:
    """The sensors of one stream. Mutable: its random numbers move on with every row read.

    ``noise`` gives the standard deviation by signal name, in the signal's unit; others have none.
    """

    def __init__(self, stream: Stream, seed: int, noise: Mapping[str, float]) -> None:
        self._random = random_of(seed, stream.id, "sensors")
        self._sigma = np.array([noise.get(signal.name, 0.0) for signal in stream.columns])
        self._decimals = np.array([DECIMALS.get(signal.unit, 3) for signal in stream.columns])
        self._floor = np.array(
            [0.0 if signal.low == 0.0 else -np.inf for signal in stream.columns],
        )
        self._may_drop = np.array([signal.kind is Kind.GAUGE for signal in stream.columns])
        self._width = stream.width

    def read(self, truth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Measure rows: float64 (n, width) → the same shape, quantised, NaN where a value is absent."""
        drawn = self._random.random((len(truth), self._width, _UNIFORMS + 1))
        noise = ((drawn[..., 0] + drawn[..., 1]) + drawn[..., 2] - _UNIFORMS / 2) * _UNIT_VARIANCE_SCALE
        measured = np.maximum(truth + noise * self._sigma, self._floor)
        scale = 10.0**self._decimals
        # Adding 0.0 turns −0.0 into 0.0, which hashes otherwise.
        measured = np.asarray(np.rint(measured * scale) / scale + 0.0)
        measured[(drawn[..., 3] < DROPOUT_RATIO) & self._may_drop] = np.nan
        return measured


def follow(target: NDArray[np.float64], keep: NDArray[np.float64], state: NDArray[np.float64]) -> NDArray[np.float64]:
    """First-order lag: each row moves ``state`` (width,) towards ``target`` (n, width), in place; all rows.

    ``keep`` is what is left of a difference after one row. Row after row, so that cutting the rows
    into calls changes no bit.
    """
    reached = np.empty_like(target)
    gain = (1.0 - keep) * target
    for row, step in enumerate(gain):
        state *= keep
        state += step
        reached[row] = state
    return reached
