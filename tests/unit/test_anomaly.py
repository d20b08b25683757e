"""The mathematics of anomaly models: windows, T² and Q, what each sensor adds, limits, alarms, measures."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from twin.anomaly import (
    Limits,
    Model,
    Persistence,
    Regime,
    Training,
    Watched,
    Window,
    alarming,
    features_of,
    fit,
    judge,
    windows_of,
)
from twin.anomaly.limits import held_out, q_by_theory, t2_by_theory
from twin.anomaly.measures import always, auprc, auroc, found_of
from twin.anomaly.model import model_of
from twin.anomaly.windows import whole
from twin.errors import ModelError

NAN = math.nan


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(4)


def normal_rows(rng, n=4000):
    """Four signals of two causes: the first two go together, so do the others."""
    causes = rng.normal(0, 1, (n, 2))
    return np.repeat(causes, 2, axis=1) * (1.0, 10.0, 2.0, 0.5) + rng.normal(0, 0.05, (n, 4)) + (5.0, 0.0, -3.0, 100.0)


@pytest.fixture(scope="module")
def model(rng):
    rows = normal_rows(rng)
    middle = np.median(rows, axis=0)
    return fit(features_of(windows_of(rows - middle, 10)), middle, rows.std(axis=0), 0.9)


def test_a_grid_lies_at_whole_steps_whoever_asks():
    window = Window(2_000_000_000, 3)
    assert window.grid(3, 8_000_000_001).tolist() == [2_000_000_000, 4_000_000_000, 6_000_000_000, 8_000_000_000]
    assert window.grid(4_000_000_000, 6_000_000_000).tolist() == [4_000_000_000]
    assert window.length_ns == 6_000_000_000


def test_windows_are_every_run_of_rows_and_none_where_there_are_too_few():
    rows = np.arange(8.0).reshape(4, 2)
    assert windows_of(rows, 3).tolist() == [[[0, 1], [2, 3], [4, 5]], [[2, 3], [4, 5], [6, 7]]]
    assert windows_of(rows, 5).shape == (0, 5, 2)
    assert whole(np.array([True, True, False, True, True]), 2).tolist() == [True, False, False, True]
    assert features_of(windows_of(rows, 4)).tolist() == [[3.0, 4.0, math.sqrt(5), math.sqrt(5)]]


def test_what_sensors_add_sums_to_the_whole_and_q_shares_are_never_negative(model, rng):
    windows = windows_of(normal_rows(rng, 200), 10)
    scores = model.score(windows)
    assert np.allclose(scores.t2_by.sum(axis=1), scores.t2)
    assert np.allclose(scores.q_by.sum(axis=1), scores.q)
    assert (scores.q_by >= 0).all()
    assert (scores.t2 >= 0).all()


def test_t2_is_the_distance_along_the_components(model, rng):
    windows = windows_of(normal_rows(rng, 50), 10)
    z = (features_of(windows - model.middle) - model.centre) / model.scale
    assert np.allclose(model.score(windows).t2, np.einsum("ij,jk,ik->i", z, model.weights, z))


def test_a_broken_pair_shows_in_q_and_a_far_cause_in_t2_each_blaming_its_sensor(model, rng):
    usual = windows_of(normal_rows(rng, 400), 10)
    limits = Limits(0.01, *(held_out(one, 0.01) for one in (model.score(usual).t2, model.score(usual).q)), 0.0, 0.0)
    broken = usual[:20].copy()
    broken[:, :, 3] += 3.0  # the fourth no longer goes with the third
    scores = model.score(broken)
    assert (scores.q / limits.q > 5).all()
    assert (scores.q_by.argmax(axis=1) == 3).mean() > 0.5
    far = usual[:20].copy()
    far[:, :, :2] += (8.0, 80.0)  # both of a pair, as they go together, but further than ever
    scores = model.score(far)
    assert (scores.t2 / limits.t2 > 5).all()
    assert set(scores.blame(limits).argmax(axis=1).tolist()) <= {0, 1}


def test_the_same_features_give_the_same_model_whatever_the_signs(rng):
    rows = normal_rows(rng)
    features = features_of(windows_of(rows, 10))
    one, other = (fit(features, np.zeros(4), rows.std(axis=0), 0.9) for _ in range(2))
    assert one.loadings.tobytes() == other.loadings.tobytes()
    assert (one.loadings[np.abs(one.loadings).argmax(axis=0), range(one.components)] > 0).all()
    assert np.allclose(one.loadings.T @ one.loadings, np.eye(one.components))


def test_a_signal_that_hardly_varied_in_its_windows_does_not_decide_alone(rng):
    rows = normal_rows(rng)
    rows[:, 1] = np.repeat(rng.normal(0, 10, 40), 100)  # a step every hundred rows, nothing between
    spread = rows.std(axis=0)
    model = fit(features_of(windows_of(rows, 10)), np.zeros(4), spread, 0.9)
    assert (model.scale[4:] >= 1e-3 * spread).all()


def test_limits_of_theory_hold_where_its_suppositions_do(rng):
    rows = rng.normal(0, 1, (20_000, 6)) * (5, 4, 3, 1, 1, 1)
    model = fit(np.concatenate([rows, rng.normal(0, 1, (20_000, 6))], axis=1), np.zeros(6), np.zeros(6), 0.5)
    fresh = rng.normal(0, 1, (20_000, 12)) * (5, 4, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1)
    scores = model.score_features(fresh)
    assert (scores.t2 > t2_by_theory(model.components, 20_000, 0.01)).mean() == pytest.approx(0.01, abs=0.004)
    assert (scores.q > q_by_theory(model, 0.01)).mean() == pytest.approx(0.01, abs=0.005)
    assert t2_by_theory(5, 6, 0.01) == math.inf


def test_a_held_out_limit_is_a_value_that_was_seen_and_the_budget_is_kept():
    values = np.arange(1000.0)
    limit = held_out(values, 0.01)
    assert limit in values
    assert (values > limit).mean() <= 0.01


RULE = Persistence(on=3, off=2, back=0.8, forget_ns=10)


def alarms(*ratios):
    return "".join("x" if on else "." for on in alarming(np.arange(len(ratios)), np.array(ratios), RULE))


def test_an_alarm_comes_after_three_looks_and_goes_after_two_that_are_well_back():
    assert alarms(2, 2, 0, 2, 2, 2, 2) == ".....xx"
    assert alarms(2, 2, 2, 0.9, 0.9, 0.9, 0.7, 0.9, 0.7, 0.7, 2) == "..xxxxxxx.."


def test_what_is_not_scored_counts_neither_way_until_nothing_is_known():
    assert alarms(2, 2, NAN, NAN, 2, NAN) == "....xx"
    assert alarms(2, 2, 2, *[NAN] * 11, 2, 2, 2) == "..x" + "x" * 9 + "...." + "x"
    assert alarms(1.0, 1.0, 1.0, 1.0) == "....", "the limit itself is not beyond it"


def test_always_positive_has_an_f1_of_its_own():
    truth = np.array([True, False, True, False])
    row = always(truth)
    assert (row.far, row.mar, row.precision, row.f1) == (1.0, 0.0, 0.5, pytest.approx(2 / 3))
    assert (row.auroc, row.auprc) == (0.5, 0.5)


def test_measures_are_none_where_they_cannot_be_told():
    nothing = judge("x", np.zeros(3, bool), np.array([True, False, False]))
    assert (nothing.mar, nothing.f1, nothing.auroc, nothing.auprc) == (None, None, None, None)
    assert nothing.far == pytest.approx(1 / 3)
    assert judge("x", np.ones(2, bool), np.zeros(2, bool)).precision is None


def test_a_perfect_order_is_one_and_its_mirror_zero():
    truth = np.array([False, True, False, True])
    assert auroc(truth, truth.astype(float)) == auprc(truth, truth.astype(float)) == 1.0
    assert auroc(truth, -truth.astype(float)) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
@settings(max_examples=examples(60))
def test_the_area_is_the_share_of_pairs_in_order_and_ties_do_not_depend_on_order(rows):
    truth = np.array([bad for bad, _ in rows])
    scores = np.array([float(score) for _, score in rows])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    area = auroc(truth, scores)
    assert area is None if not pairs else area == pytest.approx(sum(pairs) / len(pairs))
    turned = auprc(truth[::-1], scores[::-1])
    assert turned is None if not truth.any() else turned == pytest.approx(auprc(truth, scores))


def test_a_trouble_is_found_by_its_first_flag():
    t_ns = np.arange(10) * 1_000_000_000
    flags = np.isin(np.arange(10), (4, 5))
    assert found_of(t_ns, flags, [(3_000_000_000, 7_000_000_000), (8_000_000_000, 9_000_000_000)]) == [1.0, None]


def test_regimes_meet_where_a_moment_may_be_of_both():
    run, idle, day = Regime(("Execute",)), Regime(("Idle",)), Regime(("Execute",), ("Production",))
    assert run.meets(day)
    assert day.meets(Regime())
    assert not run.meets(idle)
    assert day.told() == "Execute / Production"


def test_a_model_comes_back_from_its_file_and_another_file_is_refused():
    training = Training(
        ((1, 2),), 3, 4, {"labelled": 1.5}, {"x": "constant"}, "ab", {"w": (7, "cd")}, 1, {"numpy": "2"}
    )
    model = Model(
        "arm", "s/l/a", Regime(("Execute",), (), ("s/l/a:d", "state")), Window(), (Watched("s/l/a:d", "p", "W", 3),), 2,
        0.9, Limits(0.001, 1.0, 2.0, 3.0, 4.0, 0.5, 0.4), Persistence(), training, {"pca.onnx": "ef"},
    )  # fmt: skip
    assert model_of(json.loads(json.dumps(model.told()))) == model
    with pytest.raises(ModelError, match="format 2"):
        model_of({**model.told(), "format": 2})
    with pytest.raises(ModelError, match="does not fit"):
        model_of({"format": 1, "name": "arm"})
    assert model.limits.second_ratios(np.array([0.3, 0.45, 0.5])).tolist() == pytest.approx([0.0, 0.5, 1.0])
