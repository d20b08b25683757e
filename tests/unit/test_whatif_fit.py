"""Laws fitted to durations: the true one is found, a poor one refused, and too little is said to be."""

from __future__ import annotations

import numpy as np
import pytest

from twin.clock import NS_PER_S
from twin.packml import UnitState
from twin.states import Known, StateInterval
from twin.whatif.fit import LEAST, fitted, rare
from twin.whatif.law import constant, exponential, measured
from twin.whatif.record import ABORTED, HELD, StationRecord, in_cycle_s, jobs_of, stops_of, worked_in

RANDOM = np.random.default_rng(5)


def record(*spans, part_s=0.0):
    at, intervals = 0, []
    for state, lasts_s in spans:
        end = at + round(lasts_s * NS_PER_S)
        intervals.append(StateInterval(at, end, state))
        at = end
    return StationRecord("s/l/R-1", "robot_arm", tuple(intervals), np.zeros(0), part_ns=round(part_s * NS_PER_S))


@pytest.mark.parametrize(
    ("values", "family"),
    [
        (RANDOM.lognormal(4.0, 0.3, 800), "lognormal"),
        (RANDOM.gamma(3.0, 20.0, 800), "gamma"),
        (100.0 * RANDOM.weibull(2.5, 800), "weibull"),
        (RANDOM.exponential(300.0, 800), "exponential"),
    ],
    ids=["lognormal", "gamma", "weibull", "exponential"],
)
def test_the_true_family_fits_best_and_its_mean_is_kept(values, family):
    fit = fitted(values)
    assert family in fit.family
    assert fit.used == fit.family
    assert fit.p > 0.05
    assert fit.anderson < 2.5
    assert fit.law.mean_s == pytest.approx(values.mean(), rel=0.05)
    assert sum(fit.bars) == len(values) == fit.count
    assert sum(fit.curve) == pytest.approx(len(values), rel=0.2)


def test_what_fits_no_family_is_drawn_from_as_measured_and_said_so():
    fit = fitted(np.concatenate([RANDOM.normal(50, 0.2, 300), RANDOM.normal(80, 0.2, 300)]))
    assert fit.used == "measured"
    assert fit.why
    assert fit.p < 0.01
    assert 48 < float(fit.law.draw(np.array([0.2]))[0]) < 52
    assert 78 < float(fit.law.draw(np.array([0.8]))[0]) < 82


def test_too_few_numbers_are_no_law():
    assert fitted(np.ones(LEAST - 1)) is None
    assert fitted(np.full(LEAST, 7.0)).law.mean_s == pytest.approx(7.0)
    assert rare(3600.0, 3, "few").law.mean_s == pytest.approx(3600.0 / 3.5, rel=0.01)


def test_what_had_not_ended_counts_as_longer():
    true_s = RANDOM.exponential(5000.0, 40)
    seen = np.minimum(true_s, 3000.0)
    ended, still = seen[true_s < 3000.0], seen[true_s >= 3000.0]
    assert fitted(ended).law.mean_s < 2500.0
    assert 3300.0 < fitted(ended, still).law.mean_s < 8000.0


def test_what_is_left_of_a_duration_depends_on_what_is_gone():
    assert float(constant(50.0).left(np.array([0.5]), 20.0)[0]) == pytest.approx(30.0)
    shares = RANDOM.random(4000)
    assert exponential(100.0).left(shares, 250.0).mean() == pytest.approx(100.0, rel=0.1)
    law = measured(np.array([10.0, 20.0, 30.0] * 10))
    assert float(law.left(np.array([0.9]), 500.0)[0]) > 0


def test_stops_are_told_by_kind_with_the_work_before_each():
    found = stops_of(
        record(
            (UnitState.EXECUTE, 100), (UnitState.ABORTING, 1), (UnitState.ABORTED, 59), (UnitState.EXECUTE, 50),
            (UnitState.SUSPENDED, 500), (UnitState.EXECUTE, 25), (UnitState.HELD, 90), (UnitState.EXECUTE, 10),
            (UnitState.ABORTED, 33),
        )
    )  # fmt: skip
    assert (found[ABORTED].lasts_s, found[ABORTED].between_s, found[ABORTED].open_s) == ([60.0], [100.0, 85.0], 33.0)
    assert (found[HELD].lasts_s, found[HELD].between_s, found[HELD].open_s) == ([90.0], [175.0], None)
    assert found[HELD].since_s == 10.0


def test_a_stop_that_began_before_the_record_has_no_length():
    found = stops_of(record((UnitState.ABORTED, 40), (UnitState.EXECUTE, 20)))
    assert (found[ABORTED].lasts_s, found[ABORTED].between_s, found[ABORTED].since_s) == ([], [], 20.0)


def test_work_is_counted_since_the_last_part_and_between_edges():
    one = record((UnitState.EXECUTE, 30), (UnitState.SUSPENDED, 10), (UnitState.EXECUTE, 20), part_s=25)
    assert in_cycle_s(one) == 25.0
    assert worked_in(one, np.array([0, 20, 40, 60]) * NS_PER_S).tolist() == [20.0, 10.0, 20.0]


def test_a_job_is_from_idle_to_idle_and_none_is_cut_short():
    spans = record(
        (UnitState.EXECUTE, 7), (UnitState.IDLE, 10), (UnitState.EXECUTE, 20), (UnitState.SUSPENDED, 5),
        (UnitState.IDLE, 8), (UnitState.EXECUTE, 3),
    ).intervals  # fmt: skip
    assert jobs_of(spans) == ([25.0], [10.0, 8.0], [42 * NS_PER_S])
    lost = (*spans[:2], StateInterval(17 * NS_PER_S, 42 * NS_PER_S, UnitState.EXECUTE, known=Known.STALE), *spans[4:])
    assert jobs_of(lost)[0] == []


def test_a_law_of_few_numbers_is_another_one_in_each_replication_and_one_of_many_hardly():
    few, many = fitted(RANDOM.exponential(300.0, 15)).law, fitted(RANDOM.exponential(300.0, 1500)).law
    spreads = []
    for law in (few, many):
        means = np.array([law.guessed(seed).mean_s for seed in range(300)])
        assert means.mean() == pytest.approx(law.mean_s, rel=0.08)
        assert means.std() / means.mean() == pytest.approx(law.error, rel=0.25)
        spreads.append(law.error)
    assert spreads[0] > 5 * spreads[1]
    assert few.guessed(3).scaled(0.5).mean_s == pytest.approx(few.scaled(0.5).guessed(3).mean_s)
    assert constant(5.0).guessed(3).mean_s == pytest.approx(5.0)
