"""Quality of episodes: figures that are known by hand, properties, and faults that become their named findings."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin._table import Table
from twin.quality import (
    AXES,
    Axis,
    Check,
    Finding,
    Path,
    Thresholds,
    Verdict,
    assess,
    assess_set,
    by_axis,
    motion,
    path_of,
    summary_of,
    thresholds_of,
    timing,
    told_by,
    values,
    worst,
)
from twin.sample import Frames, Role, Signal, stream_of

RATE_HZ = 50
ARM = "h/cell/arm"
JOINTS = [
    *(Signal(f"position_{i}", unit="rad", role=Role.JOINT_POSITION, index=i, low=-3.2, high=3.2) for i in range(4)),
    *(Signal(f"target_position_{i}", unit="rad", index=i) for i in range(4)),
]
DATA = stream_of(ARM, "data", JOINTS, period_s=1 / RATE_HZ)
SLOW = stream_of(ARM, "heat", [Signal(f"temperature_{i}", unit="Cel") for i in range(4)], period_s=0.5)
START_NS = 1_700_000_000_000_000_000


def minimum_jerk(n):
    """The speed of a minimum-jerk move of one metre in one second, n samples: 30 (t² - 2t³ + t⁴)."""
    t = np.linspace(0, 1, n)
    return 30 * (t**2 - 2 * t**3 + t**4)


def frames(stream, t_ns, rows, offset_ns=2_000_000):
    n = len(t_ns)
    t_ns = np.asarray(t_ns, np.int64)
    return Frames(stream, t_ns, np.arange(n), t_ns + offset_ns, np.asarray(rows, float), np.full(n, 192, np.int16))


def clean(seed=1, n=500, lag=3):
    """A robot that follows four sums of sines three frames late, with encoder noise; a slow stream beside it."""
    rng = np.random.default_rng(seed)
    t = np.arange(n + lag) / RATE_HZ
    told = np.stack(
        [sum(0.4 / k * np.sin(k * (0.9 + 0.1 * j) * t + rng.uniform(0, 6)) for k in (1, 2, 3)) for j in range(4)], 1
    )
    rows = np.hstack(
        [told[:n] + rng.normal(0, 1e-5, (n, 4)), told[lag : n + lag]]
    )  # done `lag` frames after it was told
    t_ns = START_NS + np.arange(n) * (10**9 // RATE_HZ)
    slow_ns = START_NS + np.arange(n // 25) * 500_000_000
    heat = 40 + np.cumsum(rng.normal(0, 0.05, (len(slow_ns), 4)), axis=0)
    return frames(DATA, t_ns, rows), frames(SLOW, slow_ns, heat)


def found(findings, check, verdict=None):
    return [one for one in findings if one.check is check and (verdict is None or one.verdict is verdict)]


def test_smoothness_of_a_minimum_jerk_move_is_what_the_literature_says():
    speed = minimum_jerk(1001)
    assert motion.sparc(speed, 1000) == pytest.approx(-1.41, abs=0.02)
    assert motion.ldlj(speed, 1000) == pytest.approx(-math.log(720 / 1.875**2), abs=0.01)


@given(st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_smoothness_does_not_depend_on_the_size_of_a_move(scale):
    speed = minimum_jerk(201) + 0.05 * np.sin(np.linspace(0, 40, 201)) ** 2
    assert motion.sparc(speed * scale, 200) == pytest.approx(motion.sparc(speed, 200), rel=1e-9)
    assert motion.ldlj(speed * scale, 200) == pytest.approx(motion.ldlj(speed, 200), rel=1e-9)


@given(st.floats(0.02, 0.5))
@settings(max_examples=20, deadline=None)
def test_a_tremor_is_less_smooth_than_none(size):
    speed = minimum_jerk(501)
    shaken = speed + size * np.sin(2 * np.pi * 7 * np.linspace(0, 1, 501))
    assert motion.ldlj(shaken, 500) < motion.ldlj(speed, 500)
    if size > 0.1:  # below, its spectrum stays under the amplitude that counts
        assert motion.sparc(shaken, 500) < motion.sparc(speed, 500)


@given(st.integers(-40, 40), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_an_injected_shift_is_recovered_exactly(shift, seed):
    told = np.cumsum(np.random.default_rng(seed).normal(size=400))
    command, state = told[60:340], told[60 - shift : 340 - shift]
    assert motion.lag_frames(command, state, 50) == (shift, pytest.approx(1.0))


def test_figures_of_rhythm_by_hand():
    steps = np.array([1.0, 1.0, 1.0, 3.0, 1.0, 1.0])  # two frames lost of nine
    assert timing.lost(steps, 1.5) == (pytest.approx(2 / 9), 1, 3.0)
    assert timing.jitter(steps, 1.5) == 0
    assert timing.jitter(np.array([1.0, 1.2, 0.8, 1.2, 0.8, 1.0]), 1.5) == pytest.approx(0.2)
    assert motion.idle(np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1.0]), 0.02) == pytest.approx(0.3)
    assert values.beyond(np.array([0.0, 12.0]), 0.0, 10.0) == pytest.approx(0.2)
    assert values.at_limits(np.array([0.0, 5, 10, 5]), 0.0, 10.0, 0.01) == 0.5
    held = np.array([[0, 0, 0], [1, 0, 1], [2, 0, 2], [3, 1, 3.0]])
    assert values.frozen(held).tolist() == [0, pytest.approx(2 / 3), 0]


@given(st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_a_clean_episode_has_no_defect_and_tells_every_check(seed):
    findings = assess(clean(seed))
    assert not [
        one for one in findings if one.verdict in (Verdict.DEFECT, Verdict.RISK) and one.check is not Check.IDLE
    ]
    assert {one.check for one in findings} == set(Check) - {
        Check.DUPLICATE, Check.COVERAGE, Check.AMOUNT, Check.BALANCE,
    }  # fmt: skip
    assert all(one.why for one in findings)


def test_each_injected_fault_becomes_its_named_finding():
    data, heat = clean()
    rng = np.random.default_rng(4)

    def with_rows(change):
        rows = data.values.copy()
        change(rows)
        return frames(DATA, data.t_ns, rows), heat

    def absent(rows):
        rows[100:200, 2] = np.nan

    def stuck(rows):
        rows[:, 1] = rows[0, 1]

    def wild(rows):
        rows[50, 3] = 40.0

    def limit(rows):
        rows[100:300, 0] = 3.2

    def ahead(rows):
        rows[:, :4] = np.roll(rows[:, 4:], -10, axis=0)

    def late(rows):
        rows[:, :4] = np.roll(rows[:, 4:], 60, axis=0)

    shaken = np.sort(data.t_ns + rng.integers(-9_000_000, 9_000_000, len(data)))
    kept = np.ones(len(data), bool)
    kept[100:180] = False
    cases = {
        Check.NAN: (with_rows(absent), "arm:position_2", Verdict.DEFECT),
        Check.STUCK: (with_rows(stuck), "arm:position_1", Verdict.DEFECT),
        Check.RANGE: (with_rows(wild), "arm:position_3", Verdict.DEFECT),
        Check.LIMIT: (with_rows(limit), "arm:position_0", Verdict.RISK),
        Check.JITTER: ((frames(DATA, shaken, data.values), heat), "arm:data", Verdict.RISK),
        Check.GAPS: ((data.take(kept), heat), "arm:data", Verdict.DEFECT),
        Check.SKEW: ((data, frames(SLOW, heat.t_ns, heat.values, 3_000_000_000)), "arm:data and heat", Verdict.DEFECT),
        Check.RATE: ((data.take(np.arange(0, len(data), 4)), heat), "arm:data", Verdict.DEFECT),
    }
    for check, (injected, where, verdict) in cases.items():
        told = found(assess(injected), check, verdict)
        assert [one.where for one in told] == [f"h/cell/{where}"], check
        assert told[0].figure > told[0].threshold
    lead = found(assess(with_rows(ahead)), Check.LAG, Verdict.DEFECT)
    assert {one.figure for one in lead} == {-0.2}
    assert len(lead) == 4
    assert {one.figure for one in found(assess(with_rows(late)), Check.LAG, Verdict.DEFECT)} == {1.2}


def test_what_cannot_be_told_is_not_assessed():
    lone = stream_of(ARM, "power", [Signal("power", unit="W")])
    t_ns = START_NS + np.cumsum([0, 1, 9, 1, 30, 2, 80, 1, 4]) * 10**9
    findings = assess([frames(lone, t_ns, np.arange(9.0)[:, None])])
    unknown = {one.check for one in findings if one.verdict is Verdict.NOT_ASSESSED}
    assert unknown == {
        Check.JITTER, Check.GAPS, Check.STUCK, Check.RANGE, Check.LIMIT, Check.SKEW, Check.LAG, Check.IDLE, Check.SPARC,
        Check.LDLJ,
    }  # fmt: skip
    assert {one.verdict for one in assess([])} == {Verdict.NOT_ASSESSED}
    assert worst(assess([])) is Verdict.CHARACTERISTIC


def paths(n, seed=2):
    rng = np.random.default_rng(seed)
    t_ns = np.arange(50) * 10**8
    for i in range(n):
        rows = np.cumsum(rng.normal(size=(50, 3)), axis=0)
        yield Path(f"e{i}", "weld", "failure" if i % 4 == 0 else "success", path_of(t_ns, rows))


def test_a_set_names_its_copies_its_scarcity_and_its_narrowness():
    varied = list(paths(24))
    findings = assess_set(varied)
    assert worst(findings) is Verdict.CHARACTERISTIC
    copied = [*varied, Path("again", "weld", "success", varied[3].states)]
    (copy,) = found(assess_set(copied), Check.DUPLICATE, Verdict.DEFECT)
    assert (copy.where, copy.why) == ("again", "the same path as e3")
    near = [*varied, Path("near", "weld", "success", varied[5].states + 1e-3)]
    (close,) = found(assess_set(near), Check.DUPLICATE, Verdict.RISK)
    assert (close.where, close.why) == ("near", "hardly another path than e5")
    still = Path("still", "hold", "success", np.full_like(varied[0].states, 0.5))
    told = [one for one in assess_set([*varied, still]) if one.where == "hold"]
    assert {one.check for one in told if one.verdict is Verdict.RISK} == {Check.COVERAGE, Check.AMOUNT, Check.BALANCE}


@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
@settings(max_examples=20, deadline=None)
def test_a_sets_findings_do_not_depend_on_units(scale, shift):
    given_ = list(paths(22))
    other = [Path(one.episode, one.task, one.outcome, one.states * scale + shift) for one in given_]
    for one, two in zip(assess_set(given_), assess_set(other), strict=True):
        assert (one.check, one.verdict, one.where) == (two.check, two.verdict, two.where)
        assert one.figure == pytest.approx(two.figure, rel=0.02)


def test_findings_stand_on_one_line_and_by_axis():
    findings = [
        Finding(Check.GAPS, Verdict.RISK, "a"), Finding(Check.GAPS, Verdict.DEFECT, "b"),
        Finding(Check.RATE, Verdict.CHARACTERISTIC, "a"), Finding(Check.LAG, Verdict.NOT_ASSESSED, ""),
    ]  # fmt: skip
    line = summary_of(findings)
    assert line == "defect gaps; not_assessed lag; characteristic rate"
    assert told_by(line) == {
        Check.GAPS: Verdict.DEFECT, Check.LAG: Verdict.NOT_ASSESSED, Check.RATE: Verdict.CHARACTERISTIC,
    }  # fmt: skip
    assert told_by("good enough") == {}
    axes = by_axis(findings)
    assert [one.verdict for one in axes[Axis.VALIDITY]] == [Verdict.DEFECT, Verdict.RISK, Verdict.CHARACTERISTIC]
    assert [one.check for one in axes[Axis.ACCURACY]] == [Check.LAG]
    assert set(AXES) == set(Check)


def test_thresholds_of_the_factory_file_are_strict():
    mistakes = []
    assert thresholds_of(Table({"lost_defect": 0.2, "cells": 8}, "quality", mistakes)).lost_defect == 0.2
    assert mistakes == []
    thresholds_of(
        Table(
            {"nan_defect": 2, "lag_risk_s": 3.0, "cells": 2.5, "skew_risk_s": -1, "jiter_risk": 1}, "quality", mistakes
        )
    )
    assert len(mistakes) == 5, mistakes
    assert any("jitter_risk" in str(one) for one in mistakes), "the nearest known key is named"


def test_thresholds_decide():
    data, heat = clean()
    kept = np.ones(len(data), bool)
    kept[100:120] = False
    injected = (data.take(kept), heat)
    assert found(assess(injected), Check.GAPS, Verdict.RISK)
    assert found(assess(injected, Thresholds(lost_defect=0.03)), Check.GAPS, Verdict.DEFECT)
