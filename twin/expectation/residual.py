"""How far an arm is from what is expected of it, as signals: one row a second, each at an instant of its joints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twin.clock import NS_PER_S
from twin.errors import ExpectationError
from twin.expectation.motion import join_motions, motion_of
from twin.expectation.torque import MOVING_RAD_S, expected_n_m
from twin.sample import Frames, Quality, merge, stream_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from twin.expectation.fit import ArmFit
    from twin.expectation.motion import Motion, Wiring
    from twin.sample import Stream
    from twin.site import AssetType

    Rows = NDArray[np.float64]

STREAM = "expectation"
"""The stream of an arm that holds what is expected of it; of one with seven joints ``expectation_7``."""
USUAL_JOINTS = 6
WINDOW_NS = 10 * NS_PER_S
"""A residual is of so much time: about one move of a cycle."""
MIN_ROWS = 5
"""From fewer samples in motion no residual is told."""
PERIOD_NS = NS_PER_S
DECIMALS = 3
_MAD = 1.4826


def stream_for(asset: str, kind: AssetType, joints: int = USUAL_JOINTS) -> Stream:
    """The stream of an arm's expectations, as its type declares it; raises ExpectationError for so many joints."""
    name = STREAM if joints == USUAL_JOINTS else f"{STREAM}_{joints}"
    declared = kind.stream(name)
    if declared is None:
        raise ExpectationError(f"{asset} has {joints} joints", "torques are expected of arms with six or seven")
    return stream_of(asset, name, declared.signals, period_s=declared.period_s)


class Scorer:
    """One arm beside its fit. Mutable: it keeps the last seconds; one thread feeds it, in order of time.

    The residual of a joint is the median size of measured − expected, as a multiple of the median that it had when
    the arm was well: 1 is as it was. Joints at rest have none. A median, so that a moment (a part set down) is no
    alarm, and half a window of a new friction is.
    """

    def __init__(self, fit: ArmFit, wiring: Wiring, stream: Stream) -> None:
        self._fit = fit
        self._wiring = wiring
        self._stream = stream
        self._basis = fit.basis
        self._tail: Frames | None = None
        self._scored: Motion | None = None
        self._expected: Rows = np.zeros((0, self._basis.joints))
        self._next_ns = 0
        self._cycles: tuple[NDArray[np.int64], Rows] = (np.zeros(0, np.int64), np.zeros(0))

    def hear_cycles(self, t_ns: NDArray[np.int64], cycle_s: Rows) -> None:
        """Cycles by their end, in order of time: each counts from then until the next. Those before are forgotten."""
        if len(t_ns):
            self._cycles = (t_ns, cycle_s)

    def feed(self, frames: Frames) -> Frames | None:
        """Frames of the joints, newer than those before; the rows that come of them, or None.

        The newest frame waits for the next one: without it its acceleration is not known.
        """
        whole = frames if self._tail is None else merge([self._tail, frames])
        if not len(whole):
            return None
        self._tail = whole.take(np.arange(max(0, len(whole) - 2), len(whole)))
        motion = motion_of(whole, self._wiring)
        fresh = motion.take(slice(0 if self._scored is None else 1, max(len(motion) - 1, 0)))
        if not len(fresh):
            return None
        expected = expected_n_m(self._fit.joints, self._basis, fresh)
        before = self._scored
        self._scored = fresh if before is None else join_motions([before, fresh])
        self._expected = expected if before is None else np.concatenate([self._expected, expected])
        made = self._rows(len(self._scored) - len(fresh))
        keep = self._scored.t_ns > int(self._scored.t_ns[-1]) - WINDOW_NS
        self._scored, self._expected = self._scored.take(keep), self._expected[keep]
        return made

    def _rows(self, first: int) -> Frames | None:
        """One row a second from the instants ``first`` on: the first of each second at which a torque is expected."""
        assert self._scored is not None  # noqa: S101  called with rows in hand
        t_ns = self._scored.t_ns
        apart = np.abs(self._scored.torque_n_m - self._expected)
        apart[~(np.abs(self._scored.speed_rad_s) > MOVING_RAD_S)] = np.nan
        picked: list[int] = []
        for row in range(first, len(t_ns)):
            if t_ns[row] >= self._next_ns and np.isfinite(self._expected[row]).any():
                picked.append(row)
                self._next_ns = int(t_ns[row]) // PERIOD_NS * PERIOD_NS + PERIOD_NS
        if not picked:
            return None
        values = np.array([self._row(row, apart) for row in picked])
        taken = t_ns[picked]
        return Frames(
            self._stream, taken, np.zeros(len(picked), np.int64), taken, values,
            np.full(len(picked), Quality.GOOD, np.int16),
        )  # fmt: skip

    def _row(self, row: int, apart: Rows) -> Rows:
        assert self._scored is not None  # noqa: S101  called with rows in hand
        t_ns = self._scored.t_ns
        begin = int(np.searchsorted(t_ns, t_ns[row] - WINDOW_NS, side="right"))
        residual = [_residual(apart[begin : row + 1, joint], one) for joint, one in enumerate(self._spreads())]
        cycle = self._fit.cycle
        nan = float("nan")
        told = (nan, nan, nan)
        if cycle is not None:
            ended = int(np.searchsorted(self._cycles[0], t_ns[row], side="right"))
            off = cycle.off(float(self._cycles[1][ended - 1])) if ended else nan
            told = (cycle.median_s, cycle.spread_s, off)
        return np.round([*self._expected[row], *residual, *told], DECIMALS)

    def _spreads(self) -> list[float | None]:
        return [None if one is None else one.spread_n_m for one in self._fit.joints]


def _residual(apart: Rows, spread_n_m: float | None) -> float:
    moving = apart[np.isfinite(apart)]
    if spread_n_m is None or len(moving) < MIN_ROWS:
        return float("nan")
    return _MAD * float(np.median(moving)) / spread_n_m
