"""How far simulated episodes lie from real ones: distances between distributions, signal by signal and all at once.

Of each signal the 1-D Wasserstein distance in interquartile ranges of the real values, and the Kolmogorov-Smirnov
statistic; of all together the energy distance (Székely and Rizzo), 0 where both are alike, towards 1 where nothing
overlaps. Beside each stands how far two halves of the real episodes lie from each other: nearer than that says
nothing. Where there is too little the answer is that it was not assessed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from twin.quality.finding import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

LEAST_EPISODES = 8
"""On each side: with fewer, half of the real ones say nothing of themselves."""
LEAST_SHARE = 0.5
"""So much of a signal's values must be there on each side."""
POINTS = 64
"""Each episode counts by so many instants, however long it is."""
JOINT_POINTS = 600
"""So many instants of each side are compared all at once."""
FAR, TIMES_FLOOR = 0.5, 2.0
"""A risk from here on: so many interquartile ranges apart, and so many times as far as two real halves."""
JOINT_FAR = 0.1


@dataclass(frozen=True, slots=True)
class Side:
    """Some episodes on one side: ``values`` float64 (episodes, POINTS, signals), NaN where absent."""

    signals: tuple[tuple[str, str], ...]
    """(name, unit), one a column."""
    values: Values


@dataclass(frozen=True, slots=True)
class Distance:
    """How far one signal's values lie apart; None where that was not assessed, and ``why`` says so.

    ``wasserstein`` and ``floor`` (of two real halves) are in interquartile ranges of the real values, ``ks`` is the
    Kolmogorov-Smirnov statistic, 0…1; ``shift`` is the simulated median less the real one, in ``unit``.
    """

    signal: str
    unit: str
    real: int
    simulated: int
    verdict: Verdict
    wasserstein: float | None = None
    floor: float | None = None
    ks: float | None = None
    shift: float | None = None
    why: str = ""

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "verdict": self.verdict.value}


@dataclass(frozen=True, slots=True)
class Compared:
    """One task's episodes, or all (``task`` ""), real against simulated. ``energy`` is of all signals at once."""

    task: str
    real: int
    simulated: int
    signals: tuple[Distance, ...]
    verdict: Verdict
    energy: float | None = None
    energy_floor: float | None = None
    why: str = ""

    def row(self) -> dict[str, Any]:
        """As JSON."""
        told = {"task": self.task, "real": self.real, "simulated": self.simulated, "verdict": self.verdict.value}
        more = {"energy": self.energy, "energy_floor": self.energy_floor, "why": self.why}
        return {**told, **more, "signals": [one.row() for one in self.signals]}


def compare(task: str, real: Side, simulated: Side) -> Compared:
    """Compare what both sides tell of; signals of one side alone are left out.

    Signals are alike by name and unit. Raises ValueError for arrays that are not of the shape that they claim.
    """
    columns = {one: place for place, one in enumerate(simulated.signals)}
    shared = [(place, columns[one], one) for place, one in enumerate(real.signals) if one in columns]
    counts = len(real.values), len(simulated.values)
    rows = tuple(
        _signal(name, unit, real.values[:, :, here], simulated.values[:, :, there])
        for here, there, (name, unit) in shared
    )
    if min(counts) < LEAST_EPISODES:
        return Compared(task, *counts, rows, Verdict.NOT_ASSESSED, why=_too_few(*counts))
    told = [i for i, one in enumerate(rows) if one.verdict is not Verdict.NOT_ASSESSED]
    if not told:
        return Compared(task, *counts, rows, Verdict.NOT_ASSESSED, why="no signal is told by both that moves")
    left = real.values[:, :, [shared[i][0] for i in told]]
    right = simulated.values[:, :, [shared[i][1] for i in told]]
    centre, width = _scale(left.reshape(-1, len(told)))
    scaled = [(one - centre) / width for one in (left, right)]
    energy = _energy(*scaled)
    first, second = scaled[0][0::2], scaled[0][1::2]
    floor = _energy(first, second)
    if energy is None or floor is None:
        return Compared(task, *counts, rows, Verdict.NOT_ASSESSED, why="too few instants tell every signal")
    far = energy > JOINT_FAR and energy > TIMES_FLOOR * floor
    verdict = Verdict.RISK if far else Verdict.CHARACTERISTIC
    return Compared(task, *counts, rows, verdict, round(energy, 6), round(floor, 6))


def _signal(name: str, unit: str, real: Values, simulated: Values) -> Distance:
    counts = len(real), len(simulated)

    def unknown(why: str) -> Distance:
        return Distance(name, unit, *counts, Verdict.NOT_ASSESSED, why=why)

    if min(counts) < LEAST_EPISODES:
        return unknown(_too_few(*counts))
    here, there = (one[np.isfinite(one)] for one in (real, simulated))
    if here.size < LEAST_SHARE * real.size or there.size < LEAST_SHARE * simulated.size:
        return unknown("more than half of its values are absent on a side")
    low, high = np.quantile(here, (0.25, 0.75))
    width = float(high - low)
    if not width > 0:
        return unknown("the real values hardly move: there is no range to measure by")
    halves = [one[np.isfinite(one)] for one in (real[0::2], real[1::2])]
    if not all(len(one) for one in halves):
        return unknown("half of the real episodes tell nothing of it")
    apart = float(scipy.stats.wasserstein_distance(here, there)) / width
    floor = float(scipy.stats.wasserstein_distance(*halves)) / width
    far = apart > FAR and apart > TIMES_FLOOR * floor
    return Distance(
        name, unit, *counts, Verdict.RISK if far else Verdict.CHARACTERISTIC, round(apart, 6), round(floor, 6),
        round(float(scipy.stats.ks_2samp(here, there).statistic), 6),
        round(float(np.median(there) - np.median(here)), 6),
    )  # fmt: skip


def _too_few(real: int, simulated: int) -> str:
    return f"{real} real and {simulated} simulated episodes: {LEAST_EPISODES} of each at least"


def _scale(rows: Values) -> tuple[Values, Values]:
    """Median and interquartile range of each column; a range of 0 is 1."""
    low, middle, high = np.nanquantile(rows, (0.25, 0.5, 0.75), axis=0)
    width = high - low
    return middle, np.where(width > 0, width, 1.0)


def _energy(left: Values, right: Values) -> float | None:
    """The energy distance of (episodes, points, signals) as a share of twice the distance between both."""
    x, y = _instants(left), _instants(right)
    if min(len(x), len(y)) < LEAST_EPISODES:
        return None
    between = float(scipy.spatial.distance.cdist(x, y).mean())
    within = float(scipy.spatial.distance.cdist(x, x).mean()) + float(scipy.spatial.distance.cdist(y, y).mean())
    return max(0.0, 1.0 - within / (2.0 * between)) if between > 0 else 0.0


def _instants(side: Values) -> Values:
    """Instants at which every signal is told, at most JOINT_POINTS, evenly over all of them."""
    rows = side.reshape(-1, side.shape[2])
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) <= JOINT_POINTS:
        return rows
    return rows[np.linspace(0, len(rows) - 1, JOINT_POINTS).astype(np.intp)]


def instants_of(t_ns: NDArray[np.int64], start_ns: int, end_ns: int) -> NDArray[np.intp]:
    """Which rows stand for an episode's POINTS instants: of each the last row until then; (POINTS,), -1 for none."""
    wanted = start_ns + (np.arange(POINTS) + 0.5) / POINTS * (end_ns - start_ns)
    return np.searchsorted(t_ns, wanted.astype(np.int64), side="right") - 1


def side_of(signals: Sequence[tuple[str, str]], episodes: Sequence[Mapping[tuple[str, str], Values]]) -> Side:
    """A side from each episode's instants (POINTS,) by signal."""
    values = np.full((len(episodes), POINTS, len(signals)), np.nan)
    for i, one in enumerate(episodes):
        for place, signal in enumerate(signals):
            if signal in one:
                values[i, :, place] = one[signal]
    return Side(tuple(signals), values)
