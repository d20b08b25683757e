"""What surrounds the machines: the air of the hall, compressed air, and the electricity meters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from twin.simulation.attributes import number, word
from twin.simulation.calendar import MS_PER_DAY, MS_PER_S
from twin.simulation.laws import STATUS_MS, Truth
from twin.simulation.sensors import random_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.sample import Stream
    from twin.simulation.calendar import Calendar
    from twin.simulation.laws import Span
    from twin.site import Asset

    Rows = NDArray[np.float64]

_AIR_MS = 5000
_AIR_BAND_BAR = (6.1, 7.1)
_AIR_PERIOD_S = (80.0, 140.0)
_AIR_LOADED_SHARE = 0.62
_UNLOADED_RATIO = 0.32
_LINE_V = 380.0
_J_PER_KWH = 3_600_000


class Environment:
    """An environment sensor; with ``compressor_kw`` it stands at a compressor's air side."""

    def __init__(self, asset: Asset, stream: Stream, calendar: Calendar, seed: int) -> None:
        self._asset = asset
        self._stream = stream
        self._calendar = calendar
        self.streams = (stream,)
        random = random_of(seed, asset.id, "air")
        self._compressor_w = 1000.0 * number(asset, "compressor_kw", 0.0, low=0.0, high=1000.0)
        self._period_ms = round(float(random.uniform(*_AIR_PERIOD_S)) * MS_PER_S)
        self._shift_ms = int(random.integers(0, self._period_ms))
        self._swing = random.uniform(0.0, 2.0 * math.pi, 3)
        self._warmth = 22.5 + (6.0 if self._compressor_w else 0.0) + float(random.uniform(-1.0, 1.0))

    def sample(self, span: Span) -> list[Truth]:
        """The air's rows, one in 5 s; a compressor's power on the 1 s grid."""
        if self._compressor_w:
            loaded = self._air_phase(span.grid(STATUS_MS)) < _AIR_LOADED_SHARE
            span.power_w[self._asset.id] = self._compressor_w * np.where(loaded, 1.0, _UNLOADED_RATIO)
        t_ms = span.grid(_AIR_MS)
        day = self._calendar.time_of_day_ms(t_ms) / MS_PER_DAY * (2.0 * math.pi)
        drift = t_ms / MS_PER_S
        working = np.where(self._calendar.rests(t_ms), 0.0, 1.0)
        temperature = self._warmth - 2.4 * np.cos(day - 0.6) + 0.4 * np.sin(drift / 1370.0 + self._swing[0])
        humidity = 0.44 + 0.05 * np.cos(day) + 0.012 * np.sin(drift / 2110.0 + self._swing[1])
        dust = 17.0 + 9.0 * working + 3.5 * np.sin(drift / 640.0 + self._swing[2])
        noise = 58.0 + (16.0 if self._compressor_w else 0.0) + 12.0 * working * (0.3 if self._compressor_w else 1.0)
        phase = self._air_phase(t_ms)
        low, high = _AIR_BAND_BAR
        rising = phase / _AIR_LOADED_SHARE
        falling = (1.0 - phase) / (1.0 - _AIR_LOADED_SHARE)
        pressure = low + (high - low) * np.minimum(rising, falling) - (0.0 if self._compressor_w else 0.25)
        return [Truth(self._stream, t_ms, np.column_stack((temperature, humidity, dust, noise, pressure)))]

    def _air_phase(self, t_ms: NDArray[np.int64]) -> Rows:
        """Where the compressor stands between loading (from 0) and unloading (to 1)."""
        return ((t_ms + self._shift_ms) % self._period_ms) / self._period_ms

    def forget(self, before_ms: int) -> None:
        """Nothing is kept."""


class EnergyMeter:
    """A meter over every asset whose id begins with one of its ``feeds``. Mutable: its counter counts on."""

    def __init__(self, asset: Asset, stream: Stream, seed: int) -> None:
        self._stream = stream
        self.streams = (stream,)
        site, _, _ = asset.id.partition("/")
        self._feeds = tuple(f"{site}/{feed}" for feed in word(asset, "feeds", "").split())
        self._base_w = 1000.0 * number(asset, "base_kw", 5.0, low=0.0, high=10_000.0)
        random = random_of(seed, asset.id, "meter")
        self._energy_j = int(random.integers(20_000, 900_000)) * _J_PER_KWH
        self._factor = 0.90 + 0.04 * float(random.random())

    def sample(self, span: Span) -> list[Truth]:
        """The meter's rows at 1 Hz: power, energy, voltage, current, power factor."""
        t_ms = span.grid(STATUS_MS)
        power = np.full(len(t_ms), self._base_w)
        for asset, drawn in span.power_w.items():
            if any(asset == feed or asset.startswith(f"{feed}/") for feed in self._feeds):
                power = power + drawn
        joules = self._energy_j + np.cumsum(np.rint(power).astype(np.int64))
        self._energy_j = int(joules[-1])
        voltage = _LINE_V + 2.5 * np.sin(t_ms / MS_PER_S / 410.0)
        current = power / (math.sqrt(3.0) * voltage * self._factor)
        factor = np.full(len(t_ms), self._factor)
        columns = (power / 1000.0, joules / _J_PER_KWH, voltage, current, factor)
        return [Truth(self._stream, t_ms, np.column_stack(columns))]

    def forget(self, before_ms: int) -> None:
        """Nothing is kept."""
