"""How something moved: idle time, smoothness, and how long the state follows its command."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Line = NDArray[np.float64]

FC_HZ, AMPLITUDE, PADDING = 10.0, 0.05, 4


def sparc(speed: Line, rate_hz: float, fc_hz: float = FC_HZ, amplitude: float = AMPLITUDE) -> float | None:
    """Spectral arc length of a speed (n,), without unit, below 0; nearer to 0 is smoother. None where nothing moves.

    Balasubramanian, Melendez-Calderon, Burdet 2012; the adaptive cut-off of Balasubramanian et al. 2015: up to
    ``fc_hz``, and no further than the spectrum, relative to its zero frequency, last exceeds ``amplitude``.
    A minimum-jerk move has about -1.4.
    """
    if len(speed) < 4 or not np.any(speed):  # noqa: PLR2004  too few for a spectrum
        return None
    size = 1 << (math.ceil(math.log2(len(speed))) + PADDING)
    spectrum = np.abs(np.fft.rfft(speed, size))
    top = spectrum.max()
    if top <= 0:
        return None
    spectrum = spectrum / top
    hz = np.arange(len(spectrum)) * rate_hz / size
    kept = hz <= fc_hz
    spectrum, hz = spectrum[kept], hz[kept]
    strong = np.flatnonzero(spectrum >= amplitude)
    first, last = int(strong[0]), int(strong[-1])
    if last == first:
        return None
    spectrum, hz = spectrum[first : last + 1], hz[first : last + 1]
    return -float(np.sum(np.hypot(np.diff(hz) / (hz[-1] - hz[0]), np.diff(spectrum))))


def ldlj(speed: Line, rate_hz: float) -> float | None:
    """Log dimensionless jerk of a speed (n,), without unit, below 0; nearer to 0 is smoother. None for no motion.

    Hogan & Sternad 2009, with the peak speed as scale: -ln(T³ / v² · ∫ (d²v/dt²)² dt). A minimum-jerk move has
    -ln(204.8) = -5.32.
    """
    if len(speed) < 4:  # noqa: PLR2004  no second derivative
        return None
    peak = float(np.max(np.abs(speed)))
    jerk = np.diff(speed, 2) * rate_hz**2
    total = float(np.sum(jerk**2)) / rate_hz
    if peak <= 0 or total <= 0:
        return None
    duration = (len(speed) - 1) / rate_hz
    found = duration**3 / peak**2 * total
    return -math.log(found) if 0 < found < math.inf else None


def idle(speed: Line, share: float) -> float | None:
    """Share of the frames slower than ``share`` of the speed that one in twenty exceeds; None for no motion."""
    top = float(np.quantile(np.abs(speed), 0.95)) if len(speed) else 0.0
    return float(np.mean(np.abs(speed) < share * top)) if top > 0 else None


def lag_frames(command: Line, state: Line, most: int) -> tuple[int, float] | None:
    """(by how many frames the state follows its command, correlation there); None where either does not move.

    The speeds of both (n,) are correlated at each shift of up to ``most`` frames, over what overlaps; the best wins.
    """
    told, done = np.diff(command), np.diff(state)
    best: tuple[float, int] | None = None
    for shift in sorted(range(-most, most + 1), key=abs):
        a = told[max(0, -shift) : len(told) - max(0, shift)]
        b = done[max(0, shift) : len(done) - max(0, -shift)]
        if len(a) < 8:  # noqa: PLR2004  anything correlates over so few
            continue
        a, b = a - a.mean(), b - b.mean()
        size = math.sqrt(float(a @ a) * float(b @ b))
        if size <= 0:
            continue
        found = float(a @ b) / size
        if best is None or found > best[0] + 1e-9:
            best = (found, shift)
    return None if best is None else (best[1], best[0])
