"""Models trained from a store: what is learned from and what is left out, frozen files, onnxruntime beside numpy."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from connectors.desk import Desk
from connectors.desk import models as acts
from connectors.models.book import Book
from connectors.models.choose import regime_of, watched_of
from connectors.models.evaluate import Wrong, evaluate
from connectors.models.files import ABOUT, FOREST, PCA, Shelf, folder_of
from connectors.models.forest import forest_of
from connectors.models.graph import graph_of
from connectors.models.reading import read_sheet
from connectors.models.runtime import OnnxForest, OnnxScorer
from connectors.models.score import score_stretch
from connectors.models.train import Order, train
from connectors.stores.memory import MemoryStore
from twin.anomaly import Window, features_of, fit, windows_of
from twin.clock import NS_PER_S, ManualClock
from twin.errors import ModelError
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of

ASSET = "h/line/press"
T0, ROWS = 1_750_000_000 * NS_PER_S, 3000
GAUGES = [
    Signal("force", unit="N"), Signal("current", unit="A"), Signal("heat", unit="Cel"), Signal("setpoint", unit="N"),
    Signal("spare", unit="V"),
]  # fmt: skip
STREAM = stream_of(
    ASSET, "data", [*GAUGES, Signal("parts", Kind.COUNTER), Signal("state", Kind.STATE, role=Role.STATE)], period_s=1.0
)
LIMPS = (T0 + 2500 * NS_PER_S, T0 + 2560 * NS_PER_S)
WHOLE = ((T0, T0 + 2400 * NS_PER_S),)


def rows_of():
    """Force and current go together; heat follows both; the setpoint never moves; a spare input is seldom told."""
    rng = np.random.default_rng(2)
    force = 100 + 10 * np.sin(np.arange(ROWS) / 7) + rng.normal(0, 1, ROWS)
    current = 0.1 * force + rng.normal(0, 0.05, ROWS)
    heat = 40 + rng.normal(0, 0.1, ROWS)
    values = np.stack([force, current, heat, np.full(ROWS, 50.0), np.full(ROWS, np.nan), np.arange(ROWS)], axis=1)
    values[2500:2560, 1] += 2.0  # the current no longer goes with the force
    return values


@pytest.fixture(scope="module")
def store():
    kept = MemoryStore()
    t_ns = T0 + np.arange(ROWS) * NS_PER_S
    quality = np.full(ROWS, int(Quality.GOOD), np.int16)
    quality[900:910] = Quality.STALE
    states = tuple(("Idle",) if 600 <= i < 800 else ("Execute",) for i in range(ROWS))
    frames = Frames(STREAM, t_ns, np.arange(ROWS), t_ns, rows_of(), quality, states)
    kept.append(Commit(batch_of("w", 1, T0 + 4000 * NS_PER_S, [frames])), lambda _batch: Folded((), ()))
    return kept


def order(**more):
    return Order(
        **{"name": "press", "asset": ASSET, "spans": WHOLE, "window": Window(NS_PER_S, 10), "budget": 0.01, **more}
    )


@pytest.fixture(scope="module")
def trained(store):
    return train(store, order())


@pytest.fixture
def book(tmp_path):
    desk = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(T0))
    yield Book(Shelf(tmp_path / "models"), desk)
    desk.close()


def test_what_stands_still_or_is_not_told_is_not_learned_from(trained):
    model, _ = trained
    assert model.signals == ("force", "current", "heat"), "a counter is no gauge"
    assert dict(model.training.unseen) == {"setpoint": "constant", "spare": "absent"}
    assert model.regime.states == ("Execute",), "production, where nothing else is asked"
    assert model.training.left_out == {"other_regime": 200.0, "absent_or_stale": 7.0, "labelled": 0.0}


def test_stale_frames_and_other_regimes_are_in_no_window(store):
    watched = watched_of(store, ASSET, WHOLE, ("force",))
    sheet = read_sheet(store, watched, regime_of(store, ASSET, (), ()), Window(NS_PER_S, 10), T0, T0 + 1000 * NS_PER_S)
    assert np.flatnonzero(~sheet.in_regime).tolist() == list(range(600, 800))
    assert np.flatnonzero(np.isnan(sheet.values[:, 0])).tolist() == list(range(903, 910)), "held for three periods"
    ends = sheet.ends(10)
    assert ends[0] == 9
    assert not set(ends.tolist()) & {*range(600, 809), *range(903, 919)}


def test_times_that_people_marked_are_left_out(store):
    whole = train(store, order(spans=((T0, T0 + 2600 * NS_PER_S),), forest=False))[0]
    without = train(store, order(spans=((T0, T0 + 2600 * NS_PER_S),), without=(LIMPS,), forest=False))[0]
    assert without.training.left_out["labelled"] == 60.0
    assert whole.limits.q > 5 * without.limits.q


def test_the_same_recordings_give_the_same_bytes(store, trained, tmp_path):
    again = train(store, order())
    assert again == trained
    shelf = Shelf(tmp_path)
    version, kept, is_new = shelf.keep(*trained)
    assert (version, is_new) == (1, True)
    assert shelf.keep(*again) == (1, kept, False)
    assert shelf.keep(*train(store, order(seed=2)))[::2] == (2, True)
    assert shelf.versions() == [("press", 1), ("press", 2)]
    assert shelf.about("press", 1)[0] == kept


def test_a_file_that_was_changed_is_refused(trained, tmp_path):
    shelf = Shelf(tmp_path)
    version, model, _ = shelf.keep(*trained)
    path = shelf.place("press", version) / PCA
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match="not the file that was trained"):
        shelf.scorer(model, version)
    (shelf.place("press", version) / FOREST).unlink()
    with pytest.raises(ModelError, match="No such file"):
        shelf.forest(model, version)


def test_a_name_cannot_lead_out_of_the_folder(tmp_path):
    for name in ("../x", ".x", "a/b", ""):
        with pytest.raises(ModelError, match="cannot be called"):
            Shelf(tmp_path).place(name, 1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"spans": ((T0, T0 + 300 * NS_PER_S),)}, "5 min of windows of 10 s there"),
        ({"states": ("Aborted",)}, "Aborted"),
        ({"modes": ("Manual",)}, "tells no mode"),
        ({"signals": ("speed",)}, "no number 'speed'"),
        ({"signals": ("setpoint",)}, r"nothing to learn from: setpoint \(constant\)"),
        ({"asset": "press"}, "did you mean h/line/press"),
        ({"spans": ()}, "no time to learn from"),
        ({"budget": 0.5}, "budget 0.5 is not"),
        ({"window": Window(NS_PER_S, 2)}, "2 rows"),
    ],
)
def test_what_cannot_be_learned_is_told(store, more, said):
    with pytest.raises(ModelError, match=said):
        train(store, order(forest=False, **more))


def test_what_is_missing_is_named_with_what_installs_it(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ModelError, match=r"need scikit-learn, .* pip install 'factory-twin\[models\]'"):
        train(store, order())


def test_onnxruntime_and_numpy_say_the_same():
    rng = np.random.default_rng(1)
    rows = rng.normal(0, 1, (3000, 5)) @ rng.normal(0, 1, (5, 5)) + (0, 1000, -50, 3, 1e4)
    middle = np.median(rows, axis=0)
    pca = fit(features_of(windows_of(rows - middle, 8)), middle, rows.std(axis=0), 0.9)
    runtime = OnnxScorer(graph_of(pca, 8, {"model": "x"}))
    windows = windows_of(rows, 8)[:500] * 1.02
    one, other = pca.score(windows), runtime.score(windows)
    for mine, theirs in ((one.t2, other.t2), (one.q, other.q), (one.t2_by, other.t2_by), (one.q_by, other.q_by)):
        assert mine.shape == theirs.shape
        assert np.allclose(mine, theirs, rtol=1e-3, atol=1e-4 * np.abs(mine).max())
    assert runtime.score(windows[:0]).t2.shape == (0,)


def test_the_forest_says_what_scikit_learn_says():
    rng = np.random.default_rng(3)
    rows = rng.normal(0, 1, (500, 6)).astype(np.float32).astype(np.float64)
    grown = IsolationForest(n_estimators=100, max_samples=256, random_state=5).fit(rows.astype(np.float32))
    asked = np.concatenate([rows, rows * 4])
    mine = OnnxForest(forest_of(rows, 5, {})).strange(asked)
    assert np.allclose(mine, -grown.score_samples(asked.astype(np.float32)), atol=2e-6)


def test_a_fault_is_scored_and_blamed_on_its_sensor(store, trained):
    model, files = trained
    scored = score_stretch(store, model, OnnxScorer(files[PCA]), OnnxForest(files[FOREST]), *_after())
    limping = (scored.t_ns >= LIMPS[0] + 9 * NS_PER_S) & (scored.t_ns < LIMPS[1])
    assert (scored.worst[limping] > 1).all()
    assert scored.alarm[limping].any()
    blamed = scored.blame[limping].mean(axis=0)
    assert blamed[2] < 0.2 * blamed[:2].min(), "either of the pair is at odds with the other; the heat is not"
    assert np.isfinite(scored.second).all()
    assert scored.there.all()


def test_an_evaluation_has_the_row_of_whoever_cries_always(store, trained):
    model, files = trained
    wrong = [Wrong("limp", *LIMPS), Wrong("before", T0, T0 + NS_PER_S)]
    table = evaluate(store, model, OnnxScorer(files[PCA]), None, *_after(), wrong, 30.0)
    rows = {row["name"]: row for row in table["rows"]}
    assert list(rows) == ["t2", "q", "t2_or_q", "alarm", "always"]
    assert rows["always"]["far"] == 1.0
    assert rows["always"]["auprc"] == pytest.approx(table["anomalous"])
    assert rows["t2_or_q"]["auroc"] > 0.95
    assert table["windows"] == 600 - 30, "the aftermath counts neither way"
    assert [(one["kind"], one["alarmed"], one["blamed"]) for one in table["faults"]] == [("limp", 1, "current")]


def _after():
    return T0 + 2400 * NS_PER_S, T0 + ROWS * NS_PER_S


def test_a_version_is_trained_activated_and_retired_and_each_act_is_kept(store, book):
    assert book.train(store, order(forest=False), "kim")[::2] == (1, True)
    assert book.train(store, order(forest=False), "kim")[::2] == (1, False)
    assert book.train(store, order(seed=2, forest=False), "kim")[::2] == (2, True)
    book.activate(book.find("press", 1), "kim")
    (before,) = book.activate(book.find("press"), "lee")
    assert before.version == 1
    assert [(one.standing.version, one.standing.state) for one in book.entries()] == [(1, "retired"), (2, "active")]
    book.evaluated(book.find("press"), {"windows": 3}, "kim")
    book.retire(book.find("press"), "kim")
    last = book.find("press").standing
    assert (last.state, last.changed_by, last.table) == ("retired", "kim", {"windows": 3})
    assert book.active() == []


def test_two_models_never_score_one_moment_of_an_asset(store, book):
    for name, states in (("run", ("Execute",)), ("all", ("any",))):
        book.train(store, order(name=name, states=states, forest=False), "kim")
    book.activate(book.find("run"), "kim")
    with pytest.raises(ModelError, match="retire run"):
        book.activate(book.find("all"), "kim")


def test_a_version_whose_file_was_written_over_is_listed_with_what_is_wrong(store, book):
    version, _, _ = book.train(store, order(forest=False), "kim")
    path = book.shelf.place("press", version) / ABOUT
    path.write_text(path.read_text().replace('"budget": 0.01', '"budget": 0.02'))
    (entry,) = book.entries()
    assert entry.model is None
    assert "not the version that was trained" in entry.wrong
    with pytest.raises(ModelError, match="not the version"):
        book.find("press")


def test_the_desk_tells_how_a_model_stood_at_a_moment(tmp_path):
    clock = ManualClock(T0)
    desk = Desk(f"sqlite:///{tmp_path}/twin.db", clock)
    assert acts.standings(desk) == []
    for act in (acts.Act.TRAIN, acts.Act.ACTIVATE, acts.Act.RETIRE):
        acts.tell(desk, "kim", act, "press", 1, ASSET, "ab", {})
        clock.advance(10.0)
    told = [[one.state for one in acts.standings(desk, T0 + s * NS_PER_S)] for s in (-1, 0, 10, 20)]
    desk.close()
    assert told == [[], ["trained"], ["active"], ["retired"]]


def test_models_lie_beside_a_file_and_elsewhere_only_where_told(tmp_path):
    assert folder_of(f"sqlite:///{tmp_path}/twin.db") == tmp_path / "models"
    assert folder_of("postgresql://h/x", str(tmp_path)) == tmp_path
    with pytest.raises(ModelError, match="--models"):
        folder_of("postgresql://h/x")
