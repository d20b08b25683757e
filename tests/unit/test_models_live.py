"""Scores said live: as those of a stretch, once each, across restarts; and heard again as signals of the asset."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from connectors.desk import Desk
from connectors.factory_file import factory_of
from connectors.models.book import Book
from connectors.models.files import PCA, Shelf
from connectors.models.live import Scoring
from connectors.models.run import Scorers
from connectors.models.runtime import OnnxScorer
from connectors.models.score import score_stretch
from connectors.models.train import Order, train
from connectors.plugins import make_decoder
from connectors.stores.memory import MemoryStore
from twin.anomaly import Window
from twin.clock import NS_PER_MS, NS_PER_S, ManualClock
from twin.computed import SCORES
from twin.errors import ConfigError
from twin.message import Message
from twin.mirror import Mirror
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Quality, Role, Signal, batch_of, stream_of
from twin.site import Hub, Name

ASSET, T0, LEARNED = "h/line/press", 1_750_000_000 * NS_PER_S, 1500
STREAM = stream_of(
    ASSET, "data", [Signal("force", unit="N"), Signal("current"), Signal("state", Kind.STATE, role=Role.STATE)],
    period_s=1.0,
)  # fmt: skip
STRANGE, IDLE, ROWS = range(1560, 1600), range(1620, 1640), 1700


class Growing:
    """A store into which rows come bit by bit (mutable)."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        force = 50 + rng.normal(0, 1, ROWS)
        self.values = np.stack([force, 0.1 * force + rng.normal(0, 0.02, ROWS)], axis=1)
        self.values[STRANGE.start : STRANGE.stop, 1] += 1.0
        self.store = MemoryStore()
        self.rows = 0

    def grow(self, until: int, late_s: float = 0.0) -> None:
        t_ns = T0 + np.arange(self.rows, until) * NS_PER_S
        states = tuple(("Idle" if i in IDLE else "Execute",) for i in range(self.rows, until))
        quality = np.full(until - self.rows, int(Quality.GOOD), np.int16)
        seq = np.arange(self.rows, until)
        frames = Frames(
            STREAM, t_ns, seq, t_ns + round(late_s * NS_PER_S), self.values[self.rows : until], quality, states
        )
        n = self.store.next_batch("w")
        self.store.append(Commit(batch_of("w", n, int(t_ns[-1]), [frames])), _with_latest)
        self.rows = until

    @property
    def now_ns(self) -> int:
        return T0 + (self.rows - 1) * NS_PER_S + 100 * NS_PER_MS


def _with_latest(batch):
    mirror = Mirror()
    mirror.apply(batch)
    return Folded((), tuple(mirror.latest.values()))


@pytest.fixture(scope="module")
def trained():
    growing = Growing()
    growing.grow(LEARNED)
    order = Order(
        "press", ASSET, ((T0, T0 + LEARNED * NS_PER_S),), window=Window(NS_PER_S, 10), budget=0.01, forest=False
    )
    return train(growing.store, order)


def scoring(trained):
    return Scoring(trained[0], 1, OnnxScorer(trained[1][PCA]), None)


HUB = Hub("h", Name("h", "h"), ())


def heard(said):
    """Scores as ingest decodes them."""
    decoder = make_decoder("json_object", SCORES.options(), "models-h", HUB)
    return [
        frames
        for one in said
        for frames in decoder.decode(Message(SCORES.topic(ASSET), msgspec.json.encode(one), T0, 1))
    ]


def said_live(trained, steps):
    """Everything said while the store grew in such steps, and came in again; by a new process at the third of them."""
    growing, found, one = Growing(), [], scoring(trained)
    growing.grow(LEARNED)
    first = one.look(growing.store, growing.now_ns)
    growing.store.append(
        Commit(batch_of("w", growing.store.next_batch("w"), growing.now_ns, heard(first))), _with_latest
    )
    for i, step in enumerate(steps):
        if i == 2:
            one = scoring(trained)
        growing.grow(min(ROWS, growing.rows + step))
        said = one.look(growing.store, growing.now_ns)
        found += said
        if said:
            batch = batch_of("w", growing.store.next_batch("w"), growing.now_ns, heard(said))
            growing.store.append(Commit(batch), _with_latest)
    return growing, found


def test_what_is_said_live_is_what_a_stretch_scores_however_the_rows_came(trained):
    growing, found = said_live(trained, [1, 77, 10, 2, 1, 1, 110])
    whole = score_stretch(
        growing.store, trained[0], OnnxScorer(trained[1][PCA]), None, T0 + LEARNED * NS_PER_S, T0 + ROWS * NS_PER_S
    )
    worst = dict(zip((whole.t_ns // NS_PER_MS).tolist(), whole.ratios.tolist(), strict=True))
    scored = [one for one in found if one.t2 is not None]
    assert len(scored) == int(whole.there.sum()) == ROWS - LEARNED - len(IDLE) - 9
    assert all([one.t2, one.q] == pytest.approx(worst[one.ts], rel=1e-4) for one in scored)
    strange = [one for one in scored if one.ts // 1000 - T0 // NS_PER_S in STRANGE[9:]]
    assert {one.sensor for one in strange} <= {"force", "current"}
    assert strange[-1].alarm, "thirty looks beyond a limit, one after the other"
    assert not scored[-1].alarm
    _, again = said_live(trained, [40, 40, 40, 80])
    assert again == found, "the same rows are the same messages"


def test_a_device_that_is_late_is_waited_for_while_it_sends(trained):
    growing, one = Growing(), scoring(trained)
    growing.grow(LEARNED, late_s=8.0)
    one.look(growing.store, growing.now_ns + 8 * NS_PER_S)
    growing.grow(LEARNED + 1, late_s=8.0)
    (said,) = one.look(growing.store, growing.now_ns + 8 * NS_PER_S)
    assert (said.ts, said.t2 is None) == ((T0 + LEARNED * NS_PER_S) // NS_PER_MS, False)


def test_where_scoring_ends_it_is_said_once(trained):
    _, found = said_live(trained, [200])
    nothing = [one.ts // 1000 - T0 // NS_PER_S for one in found if one.t2 is None]
    assert nothing == [IDLE.start]


def test_after_a_long_pause_only_the_end_of_it_is_scored_and_a_lost_stream_holds_up_nothing(trained):
    growing, one = Growing(), scoring(trained)
    growing.grow(LEARNED)
    assert one.look(growing.store, growing.now_ns)
    (end,) = one.look(growing.store, growing.now_ns + 3600 * NS_PER_S)
    assert end.t2 is None, "nothing was told in that hour"
    assert one.scored_ns > T0 + (LEARNED + 3000) * NS_PER_S


def test_a_score_comes_in_as_signals_of_its_asset(trained):
    _, found = said_live(trained, [100])
    (frames,) = heard([found[70]])
    assert frames.stream.id == f"{ASSET}:anomaly"
    assert [signal.name for signal in frames.stream.signals] == [
        "anomaly.t2", "anomaly.q", "anomaly.forest", "anomaly.alarm", "anomaly.sensor", "anomaly.model",
    ]  # fmt: skip
    assert frames.t_ns.tolist() == [found[70].ts * NS_PER_MS]
    assert frames.values[0, :2].tolist() == [found[70].t2, found[70].q]
    assert frames.texts == ((found[70].sensor, "press 1"),)


def test_models_that_are_activated_score_and_those_retired_stop(trained, tmp_path):
    growing, clock, sent = Growing(), ManualClock(T0), []
    growing.grow(LEARNED)
    desk = Desk(f"sqlite:///{tmp_path}/twin.db", clock)
    book = Book(Shelf(tmp_path / "models"), desk)
    order = Order(
        "press", ASSET, ((T0, T0 + LEARNED * NS_PER_S),), window=Window(NS_PER_S, 10), budget=0.01, forest=False
    )
    book.train(growing.store, order, "kim")
    scorers = Scorers(book.shelf)
    for act in (
        lambda: None,
        lambda: book.activate(book.find("press"), "kim"),
        lambda: book.retire(book.find("press"), "kim"),
    ):
        act()
        growing.grow(growing.rows + 5)
        clock.set(growing.now_ns)
        scorers.take_up(growing.store, desk, clock.now_ns())
        sent.append([(topic, json.loads(body)["model"]) for topic, body in scorers.look(growing.store, clock.now_ns())])
    desk.close()
    (score,) = sent[1]
    assert score == ("factory-twin-scores/h/line/press", "press 1"), "active from now on, not for what was before"
    assert sent[0] == sent[2] == []


FACTORY = """
[hub]
id = "h"
name = "h"
[[site]]
id = "a"
name = "a"
[[site]]
id = "b"
name = "b"
[[source]]
name = "others"
topics = ["#"]
rest = true
decoder = "auto"
{more}
"""


def test_a_factory_that_scores_hears_what_is_computed_by_a_source_a_site(tmp_path):
    silent = factory_of(FACTORY.format(more="").encode(), tmp_path / "factory.toml", {})
    assert [one.name for one in silent.sources] == ["others"]
    scoring_ = factory_of(
        FACTORY.format(more="[models]\nscore = true\nfolder = 'kept'").encode(), tmp_path / "factory.toml", {}
    )
    named = {one.name: one for one in scoring_.sources}
    assert list(named) == ["others", "models-a", "models-b"]
    assert named["models-a"].topics == ("factory-twin-scores/a/#",)
    assert scoring_.models.folder == str(tmp_path / "kept")
    assert "factory-twin-scores/a/#" in named["others"].leaves
    both = FACTORY.format(more="[expect]\nscore = true\n[models]\nscore = true")
    factory = factory_of(both.encode(), tmp_path / "factory.toml", {})
    assert [one.name for one in factory.sources] == ["others", "models-a", "models-b", "expect-a", "expect-b"]
    assert "factory-twin-expected/b/#" in factory.sources[0].leaves
    nowhere = FACTORY.format(more="[store]\nurl = 'postgresql://h/x'\n[models]\nscore = true").encode()
    with pytest.raises(ConfigError, match="lie nowhere yet"):
        factory_of(nowhere, tmp_path / "factory.toml", {})
