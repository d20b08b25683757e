"""One episode judged: each measure against its thresholds."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from twin.quality import motion, timing, values
from twin.quality.finding import Check, Finding, Verdict
from twin.quality.thresholds import Thresholds
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from twin.sample import Frames, Signal

USUAL = Thresholds()
BY_EXCEPTION = 0.5
"""A stream that tells less than this share of its values reports changes only: what is absent is not missing."""
LAG_S = 2.0
"""A lag is looked for up to so long."""
_SPEED_UNITS = frozenset({"rad/s", "m/s"})


def assess(frames: Sequence[Frames], t: Thresholds = USUAL) -> tuple[Finding, ...]:
    """What is found in one episode of one asset: its frames by stream, each in order of time, n ≥ 1 rows.

    Every check is there once at least; where nothing crosses a threshold, as a characteristic with its figure.
    """
    told = [one for one in frames if len(one) and one.stream.width]
    found: list[Finding] = []
    for one in told:
        found += _timing(one, t)
    found += _absent(told, t)
    found += _stuck(told, t)
    found += _ranges(told, t)
    found += _limits(told, t)
    found += _skew(told, t)
    found += _lag(told, t)
    found += _motion(told, t)
    return tuple(found)


def _graded(  # noqa: PLR0913  a figure and its two thresholds
    check: Check, rows: Iterable[tuple[str, float]], risk: float, defect: float | None, unit: str, why: str
) -> list[Finding]:
    """Each row above a threshold; where there is none, the greatest as a characteristic."""
    listed = list(rows)
    found = []
    for where, figure in listed:
        if defect is not None and figure > defect:
            found.append(Finding(check, Verdict.DEFECT, where, round(figure, 6), defect, unit, why))
        elif figure > risk:
            found.append(Finding(check, Verdict.RISK, where, round(figure, 6), risk, unit, why))
    if not found and listed:
        where, figure = max(listed, key=lambda row: row[1])
        found.append(Finding(check, Verdict.CHARACTERISTIC, where, round(figure, 6), None, unit, why))
    return found


def _unknown(check: Check, where: str, why: str) -> Finding:
    return Finding(check, Verdict.NOT_ASSESSED, where, why=why)


def _timing(one: Frames, t: Thresholds) -> list[Finding]:
    where = one.stream.id
    if len(one) < timing.LEAST:
        why = f"{len(one)} frames tell nothing of a rhythm"
        return [_unknown(check, where, why) for check in (Check.RATE, Check.JITTER, Check.GAPS)]
    steps = timing.steps_s(one.t_ns)
    middle = float(np.median(steps))
    if middle <= 0:
        why = "most frames share their time with another one"
        return [_unknown(check, where, why) for check in (Check.RATE, Check.JITTER, Check.GAPS)]
    share, gaps, longest = timing.lost(steps, t.gap_periods)
    if one.stream.period_s is None and timing.jitter(steps, np.inf) > t.jitter_defect:
        why = "it reports when something changes, not at a rate"
        return [
            Finding(Check.RATE, Verdict.CHARACTERISTIC, where, round(1 / middle, 6), None, "Hz", why),
            *(_unknown(check, where, why) for check in (Check.JITTER, Check.GAPS)),
        ]
    return [
        _rate(one, 1 / middle, t),
        *_graded(
            Check.JITTER, [(where, timing.jitter(steps, t.gap_periods))], t.jitter_risk, t.jitter_defect, "1",
            "how far 95 % of the steps stay from the middle one, as a share of it",
        ),
        *_graded(
            Check.GAPS, [(where, share)], t.lost_risk, t.lost_defect, "1",
            f"share of the frames lost in {gaps} gaps, the longest {longest:.3g} s" if gaps else "no frame was lost",
        ),
    ]  # fmt: skip


def _rate(one: Frames, rate_hz: float, t: Thresholds) -> Finding:
    where, period_s = one.stream.id, one.stream.period_s
    if not period_s:
        return Finding(Check.RATE, Verdict.CHARACTERISTIC, where, round(rate_hz, 6), None, "Hz", "no rate is declared")
    off = abs(rate_hz * period_s - 1)
    why = f"{rate_hz:.4g} Hz, declared {1 / period_s:.4g} Hz: the distance as a share"
    return _graded(Check.RATE, [(where, off)], t.rate_risk, t.rate_defect, "1", why)[0]


def _absent(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    rows: list[tuple[str, float]] = []
    found: list[Finding] = []
    for one in told:
        shares = values.absent(one.values)
        if one.stream.period_s is None and 1 - float(shares.mean()) < BY_EXCEPTION:
            found.append(_unknown(Check.NAN, one.stream.id, "it tells changes only: what is absent is not missing"))
            continue
        alike: dict[float, list[str]] = {}
        for signal, share in zip(one.stream.columns, shares.tolist(), strict=True):
            alike.setdefault(share, []).append(_name(one, signal))
        # A row that is lost as a whole is one finding, not one for each signal.
        rows += [(f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0], share)
                 for share, names in alike.items()]  # fmt: skip
    return found + _graded(Check.NAN, rows, t.nan_risk, t.nan_defect, "1", "share of the values that are absent")


def _stuck(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    moving: list[tuple[str, float]] = []
    slow: list[tuple[str, float]] = []
    for one in told:
        for kin in values.families(one.stream):
            whole = np.isfinite(one.values[:, kin]).all(axis=1)
            if np.count_nonzero(whole) < timing.LEAST:
                continue
            for column, share in zip(kin, values.frozen(one.values[whole][:, kin]), strict=True):
                signal = one.stream.columns[column]
                (moving if values.is_motion(signal) else slow).append((_name(one, signal), float(share)))
    if not moving and not slow:
        return [_unknown(Check.STUCK, "", "no two signals are kin")]
    why = "share of the steps in which it stood although most of its kin moved"
    # What is slow by nature (a temperature) may stand for as long as its resolution lets it.
    found = _graded(Check.STUCK, moving, t.stuck_risk, t.stuck_defect, "1", why)
    heavy = [one for one in found if one.verdict is not Verdict.CHARACTERISTIC]
    others = _graded(Check.STUCK, slow, t.stuck_defect, None, "1", why)
    return heavy + [one for one in others if one.verdict is Verdict.RISK] or (found or others)[:1]


def _ranges(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    rows = [
        (_name(one, signal), values.beyond(one.values[:, i], signal.low, signal.high))
        for one in told
        for i, signal in enumerate(one.stream.columns)
        if signal.low is not None or signal.high is not None
    ]
    if not rows:
        return [_unknown(Check.RANGE, "", "no signal declares a range")]
    return _graded(Check.RANGE, rows, t.range_risk, t.range_defect, "widths", "how far beyond its declared range")


def _limits(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    rows = [
        (_name(one, signal), values.at_limits(one.values[:, i], signal.low, signal.high, t.limit_near))
        for one in told
        for i, signal in enumerate(one.stream.columns)
        if signal.role is Role.JOINT_POSITION and signal.low is not None and signal.high is not None
    ]
    if not rows:
        return [_unknown(Check.LIMIT, "", "no joint declares its limits")]
    return _graded(Check.LIMIT, rows, t.limit_risk, None, "1", "share of the frames at a joint's limit")


def _skew(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    rows = []
    for one, other in itertools.combinations([one for one in told if len(one) >= timing.LEAST], 2):
        skew = timing.skew_s(one, other)
        if skew is not None:
            rows.append((f"{one.stream.id} and {other.stream.name}", skew))
    if not rows:
        return [_unknown(Check.SKEW, "", "there are no two streams to compare")]
    why = "how far apart the offsets of device time and receipt lie"
    return _graded(Check.SKEW, rows, t.skew_risk_s, t.skew_defect_s, "s", why)


def _lag(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    rows: list[tuple[str, float]] = []
    leads: list[Finding] = []
    none = "no commands are recorded"
    for one in told:
        for command, state in values.commands(list(one.stream.columns)):
            none = "command and state do not move together"
            whole = np.isfinite(one.values[:, [command, state]]).all(axis=1)
            steps = timing.steps_s(one.t_ns[whole])
            step = float(np.median(steps)) if len(steps) else 0.0
            if step <= 0:
                continue
            most = max(1, min(round(LAG_S / step), len(steps) // 3))
            found = motion.lag_frames(one.values[whole, command], one.values[whole, state], most)
            if found is None or found[1] < 0.5:  # noqa: PLR2004  they do not follow each other
                continue
            where = _name(one, one.stream.columns[state])
            if found[0] < -1:
                why = f"the state leads its command by {-found[0]} frames: one of their clocks is wrong"
                leads.append(Finding(Check.LAG, Verdict.DEFECT, where, round(found[0] * step, 6), 0.0, "s", why))
            else:
                rows.append((where, max(found[0], 0) * step))
    if not rows and not leads:
        return [_unknown(Check.LAG, "", none)]
    why = "how long the state follows its command"
    return leads + _graded(Check.LAG, rows, t.lag_risk_s, t.lag_defect_s, "s", why)


def _motion(told: Sequence[Frames], t: Thresholds) -> list[Finding]:
    found = _fastest(told)
    if found is None:
        return [_unknown(check, "", "no speed or position is told") for check in (Check.IDLE, Check.SPARC, Check.LDLJ)]
    where, speed, rate_hz = found
    share = motion.idle(speed, t.idle_speed)
    rows = (
        [_unknown(Check.IDLE, where, "nothing moved")]
        if share is None
        else _graded(Check.IDLE, [(where, share)], t.idle_risk, None, "1", "share of the frames without motion")
    )
    if rate_hz < t.smooth_min_hz:
        why = f"{rate_hz:.3g} Hz is too slow: {t.smooth_min_hz:g} Hz at least"
        return [*rows, _unknown(Check.SPARC, where, why), _unknown(Check.LDLJ, where, why)]
    fc_hz = min(motion.FC_HZ, rate_hz / 2)
    for check, figure, why in (
        (Check.SPARC, motion.sparc(speed, rate_hz, fc_hz), f"spectral arc length up to {fc_hz:.3g} Hz; 0 is smooth"),
        (Check.LDLJ, motion.ldlj(speed, rate_hz), "log dimensionless jerk; 0 is smooth"),
    ):
        rows.append(
            _unknown(check, where, "nothing moved")
            if figure is None
            else Finding(check, Verdict.CHARACTERISTIC, where, round(figure, 4), None, "1", why)
        )
    return rows


def _fastest(told: Sequence[Frames]) -> tuple[str, NDArray[np.float64], float] | None:
    """(stream, joint speed (n,), Hz) of the stream that tells motion best: speeds before positions, more rows first."""
    best: tuple[tuple[bool, int], str, NDArray[np.float64], float] | None = None
    for one in told:
        columns = one.stream.columns
        fast = [i for i, s in enumerate(columns) if s.role is Role.JOINT_VELOCITY or s.unit in _SPEED_UNITS]
        placed = [i for i, s in enumerate(columns) if s.role in (Role.JOINT_POSITION, Role.X, Role.Y)]
        picked = fast or placed
        if not picked:
            continue
        whole = np.isfinite(one.values[:, picked]).all(axis=1)
        steps = timing.steps_s(one.t_ns[whole])
        if len(steps) < timing.LEAST or float(np.median(steps)) <= 0:
            continue
        rate_hz = 1 / float(np.median(steps))
        rows = one.values[whole][:, picked]
        speed = np.linalg.norm(rows if fast else np.diff(rows, axis=0) * rate_hz, axis=1)
        weight = (bool(fast), len(speed))
        if best is None or weight > best[0]:
            best = (weight, one.stream.id, speed, rate_hz)
    return None if best is None else best[1:]


def _name(one: Frames, signal: Signal) -> str:
    return f"{one.stream.asset}:{signal.name}"
