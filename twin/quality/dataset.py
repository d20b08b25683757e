"""A set of episodes judged: near-duplicates, coverage and diversity of states, amount and balance per task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from twin.quality.finding import Check, Finding, Verdict
from twin.quality.thresholds import Thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

POINTS = 32
"""A path is compared at so many moments, evenly apart."""
USUAL = Thresholds()


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One episode as a path: ``states`` float64 (POINTS, k), NaN where nothing was told."""

    episode: str
    task: str
    outcome: str
    states: NDArray[np.float64]


def path_of(t_ns: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows (n, k) at times (n,) as a path (POINTS, k), evenly in time; a column without any value is NaN."""
    out = np.full((POINTS, values.shape[1]), np.nan)
    if not len(t_ns):
        return out
    base = int(t_ns[0])
    at = np.linspace(0, int(t_ns[-1]) - base, POINTS)
    for column in range(values.shape[1]):
        rows = np.isfinite(values[:, column])
        if rows.any():
            out[:, column] = np.interp(at, t_ns[rows] - base, values[rows, column])
    return out


def assess_set(paths: Sequence[Path], t: Thresholds = USUAL) -> tuple[Finding, ...]:
    """What is found in a set whose paths all have the same columns: first of pairs, then of each task."""
    if not paths:
        return ()
    found = _duplicates(paths, t)
    for task in sorted({one.task for one in paths}):
        mine = [one for one in paths if one.task == task]
        found += [_coverage(task, mine, paths, t), _amount(task, mine, t), *_balance(task, mine, t)]
    return tuple(found)


def _duplicates(paths: Sequence[Path], t: Thresholds) -> list[Finding]:
    """The distance of each path to its nearest: RMS over points and columns, in standard deviations of the set.

    Of two that are too near the later one is named.
    """
    if len(paths) < 2:  # noqa: PLR2004  a pair
        return [Finding(Check.DUPLICATE, Verdict.NOT_ASSESSED, "", why="one episode has no other to compare")]
    scaled = _scaled(np.stack([one.states for one in paths]))
    if not scaled.shape[1]:
        return [Finding(Check.DUPLICATE, Verdict.NOT_ASSESSED, "", why="no signal changes in the set")]
    distances, nearest = scipy.spatial.KDTree(scaled).query(scaled, k=2)
    found: list[Finding] = []
    told: set[tuple[int, int]] = set()
    for i in range(len(paths)):
        # Of equal paths the tree may name the path itself second.
        j, near = (int(nearest[i, 1]), float(distances[i, 1])) if nearest[i, 1] != i else (
            int(nearest[i, 0]), float(distances[i, 0]))  # fmt: skip
        pair = (min(i, j), max(i, j))
        if near > t.duplicate_risk or pair in told:
            continue
        told.add(pair)
        first, later = paths[pair[0]].episode, paths[pair[1]].episode
        verdict, limit = (Verdict.DEFECT, 0.0) if near == 0 else (Verdict.RISK, t.duplicate_risk)
        why = f"the same path as {first}" if near == 0 else f"hardly another path than {first}"
        found.append(Finding(Check.DUPLICATE, verdict, later, round(near, 6), limit, "sd", why))
    least = float(distances[:, 1].min())
    return found or [
        Finding(Check.DUPLICATE, Verdict.CHARACTERISTIC, "", round(least, 6), None, "sd", "the nearest two paths")
    ]


def _scaled(states: NDArray[np.float64]) -> NDArray[np.float64]:
    """Paths (m, POINTS, k) as rows (m, POINTS · k') whose distance is an RMS; only columns that change count."""
    flat = states.reshape(-1, states.shape[2])
    count = np.isfinite(flat).sum(axis=0)
    middle = np.nansum(flat, axis=0) / np.maximum(count, 1)
    spread = np.sqrt(np.nansum((flat - middle) ** 2, axis=0) / np.maximum(count, 1))
    keep = spread > 1e-12 * np.maximum(np.abs(middle), 1)
    rows = np.nan_to_num((states[:, :, keep] - middle[keep]) / spread[keep])
    out: NDArray[np.float64] = rows.reshape(len(states), -1) / math.sqrt(max(1, POINTS * int(keep.sum())))
    return out


def _coverage(task: str, mine: Sequence[Path], whole: Sequence[Path], t: Thresholds) -> Finding:
    """Each signal's span in the whole set is cut into cells; the entropy of a task's states, against the greatest."""
    flat = np.concatenate([one.states for one in whole])
    rows = np.concatenate([one.states for one in mine])
    cells = int(t.cells)
    shares, placed = [], []
    for column in range(flat.shape[1]):
        all_told = flat[np.isfinite(flat[:, column]), column]
        if not len(all_told) or all_told.min() == all_told.max():
            continue
        edges = np.linspace(all_told.min(), all_told.max(), cells + 1)[1:-1]
        at = np.searchsorted(edges, rows[:, column], side="right")
        told = np.isfinite(rows[:, column])
        placed.append(np.where(told, at, -1))
        parts = np.bincount(at[told], minlength=cells) / max(1, int(told.sum()))
        parts = parts[parts > 0]
        shares.append(float(-(parts * np.log(parts)).sum()) / math.log(cells) if cells > 1 else 0.0)
    if not shares:
        return Finding(Check.COVERAGE, Verdict.NOT_ASSESSED, task, why="no signal changes in the set")
    share = sum(shares) / len(shares)
    occupied = len(np.unique(np.stack(placed, axis=1), axis=0))
    why = f"{occupied} cells of states are occupied; the entropy of a signal's states as a share of the greatest"
    narrow = share < t.coverage_risk
    verdict = Verdict.RISK if narrow else Verdict.CHARACTERISTIC
    return Finding(Check.COVERAGE, verdict, task, round(share, 6), t.coverage_risk if narrow else None, "1", why)


def _amount(task: str, mine: Sequence[Path], t: Thresholds) -> Finding:
    few = len(mine) < t.episodes_risk
    verdict = Verdict.RISK if few else Verdict.CHARACTERISTIC
    limit = t.episodes_risk if few else None
    return Finding(Check.AMOUNT, verdict, task, float(len(mine)), limit, "1", "episodes of the task")


def _balance(task: str, mine: Sequence[Path], t: Thresholds) -> list[Finding]:
    """The share of failures among what has an outcome."""
    good = sum(one.outcome == "success" for one in mine)
    bad = sum(one.outcome == "failure" for one in mine)
    if not good + bad:
        return [Finding(Check.BALANCE, Verdict.NOT_ASSESSED, task, why="no outcome is told")]
    share = bad / (good + bad)
    scarce = "failures" if share < t.failures_risk else "successes" if 1 - share < t.failures_risk else ""
    why = f"share of failures: too few {scarce} to learn from" if scarce else "share of failures"
    verdict = Verdict.RISK if scarce else Verdict.CHARACTERISTIC
    return [Finding(Check.BALANCE, verdict, task, round(share, 6), t.failures_risk if scarce else None, "1", why)]
