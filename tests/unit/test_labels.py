"""What people say of episodes, how it is undone, and how far two of them agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from exported import ARM, T0, arm_episodes

from connectors.desk import Desk, labelling
from connectors.desk import episodes as book
from twin.clock import NS_PER_S, ManualClock
from twin.episodes import Label, Method, Outcome
from twin.episodes.agreement import agreement, agreements
from twin.episodes.labels import problem_of
from twin.errors import StoreRejected

SPANS = {ARM: (T0, T0 + 200 * NS_PER_S)}


@pytest.fixture
def desk(tmp_path):
    made = Desk(f"sqlite:///{tmp_path}/twin.db", ManualClock(T0 + 1000 * NS_PER_S))
    book.keep(made, "cut", arm_episodes(), SPANS)
    yield made
    made.close()


def whole(one, text, channel="outcome"):
    return Label(one.id, one.start_ns, one.end_ns, channel, text)


def now(desk, n=0):
    return labelling.find(desk, arm_episodes()[n].id)


def test_kappa_of_the_book():
    # 50 grants, two readers (yes yes 20, yes no 5, no yes 10, no no 15): 0.7 agree, 0.5 by chance, kappa 0.4
    pairs = ["ss"] * 20 + ["sf"] * 5 + ["fs"] * 10 + ["ff"] * 15
    said = {"a": {str(i): one[0] for i, one in enumerate(pairs)}, "b": {str(i): one[1] for i, one in enumerate(pairs)}}
    told = agreement("a", "b", said)
    assert (told.episodes, told.same, told.kappa) == (50, 0.7, pytest.approx(0.4))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("sf", "sf", 1.0),
        ("sf", "fs", -1.0),
        ("ssff", "sfsf", 0.0),
        ("sfu", "sff", 0.5),  # 2 of 3; by chance 1*1 + 1*2 of 9: (6 - 3) / (9 - 3)
        ("ss", "ss", None),
        ("ss", "ff", 0.0),
        ("", "", None),
    ],
)
def test_kappa_by_hand(first, second, expected):
    said = {"a": dict(enumerate(first)), "b": {**dict(enumerate(second)), "only b": "s"}}
    assert agreement("a", "b", said).kappa == (None if expected is None else pytest.approx(expected))
    assert [one.episodes for one in agreements({**said, "c": {}})] == ([len(first)] if first else [])


def test_a_persons_word_stands_before_a_rules_and_survives_the_next_cut(desk):
    one = arm_episodes()[0]
    assert now(desk).episode.outcome is Outcome.FAILURE
    labelling.put(desk, "kim", [whole(one, "success")])
    assert now(desk).episode.outcome is Outcome.SUCCESS
    assert now(desk).suggested["outcome"] == "failure"
    again = book.keep(desk, "cut", arm_episodes(), SPANS)
    assert again == {"new": 0, "kept": 10, "retired": 0, "labels": 0}
    assert now(desk).episode.outcome is Outcome.SUCCESS


def test_of_a_success_there_is_no_cause(desk):
    one = arm_episodes()[0]
    labelling.put(desk, "kim", [whole(one, "failure"), whole(one, "grip lost", "cause")])
    assert now(desk).episode.cause == "grip lost"
    labelling.put(desk, "kim", [whole(one, "success")])
    assert now(desk).episode.cause == ""


def test_undo_goes_back_act_by_act_and_erases_nothing(desk):
    one, other = arm_episodes()[:2]
    labelling.put(desk, "kim", [whole(one, "success")])
    labelling.put(desk, "kim", [whole(one, "failure"), whole(other, "failure")])
    labelling.put(desk, "kim", [whole(one, "success")])
    labelling.put(desk, "lee", [whole(other, "success")])
    seen = []
    for _ in range(3):
        labelling.undo(desk, "kim")
        seen.append((now(desk).outcomes, now(desk, 1).outcomes))
    lee = {"lee": "success"}
    assert seen == [
        ({"kim": "failure"}, {"kim": "failure", **lee}),
        ({"kim": "success"}, lee),
        ({}, lee),
    ]
    with pytest.raises(StoreRejected, match="nothing of yours"):
        labelling.undo(desk, "kim")
    assert now(desk).episode.outcome is Outcome.FAILURE, "the rule's word again"
    told = [one for one in now(desk).labels if one.source == "human"]
    assert [one.label for one in told] == ["success", "failure", "success", "failure", "success", ""]
    assert {one.who for one in told} == {"kim"}


def test_after_an_undo_a_new_word_can_be_undone_too(desk):
    one = arm_episodes()[0]
    labelling.put(desk, "kim", [whole(one, "success")])
    labelling.undo(desk, "kim")
    labelling.put(desk, "kim", [whole(one, "unknown")])
    labelling.undo(desk, "kim", frozenset({"s"}))
    assert now(desk).outcomes == {}
    labelling.put(desk, "kim", [whole(one, "success")])
    with pytest.raises(StoreRejected):
        labelling.undo(desk, "kim", frozenset({"elsewhere"}))


def test_parts_stand_side_by_side_and_an_intervention_is_of_the_episode(desk):
    one = arm_episodes()[0]
    parts = [
        Label(one.id, one.start_ns + i * NS_PER_S, one.start_ns + (i + 1) * NS_PER_S, *said)
        for i, said in enumerate((("subtask", "approach"), ("subtask", "grip"), ("segment", "intervened")))
    ]
    labelling.put(desk, "kim", parts)
    told = now(desk)
    assert [one.label for one in book.in_force(told.labels) if one.channel == "subtask"] == ["approach", "grip"]
    assert [(part.kind.value, part.start_ns) for part in told.episode.segments] == [("intervened", parts[2].from_ns)]


def test_as_of_a_moment_nothing_said_later_is_told(desk):
    at_ns = desk.now_ns
    desk._clock.set(at_ns + 10)
    labelling.put(desk, "kim", [whole(arm_episodes()[0], "success")])
    assert labelling.listed(desk, at_ns)[0].outcomes == {}
    assert labelling.listed(desk, at_ns + 10)[0].outcomes == {"kim": "success"}
    assert labelling.listed(desk, at_ns - 1) == [], "they were cut later"
    assert labelling.listed(desk, None, frozenset({"elsewhere"})) == []


def test_an_episode_made_by_hand_outlives_a_cut_and_goes_when_its_maker_says_so(desk):
    one = arm_episodes()[0]
    made = replace(one, id=f"{ARM}@hand", method=Method.HAND, outcome=Outcome.UNKNOWN)
    labelling.make(desk, "kim", made)
    with pytest.raises(StoreRejected, match="already"):
        labelling.make(desk, "lee", made)
    assert book.keep(desk, "cut", arm_episodes(), SPANS)["retired"] == 0
    found = labelling.find(desk, made.id)
    assert (found.episode.outcome, found.episode.instruction_ko) == (Outcome.UNKNOWN, "용접")
    labelling.unmake(desk, "kim", made.id)
    assert labelling.find(desk, made.id) is None
    with pytest.raises(StoreRejected, match="person made"):
        labelling.unmake(desk, "kim", one.id)


@pytest.mark.parametrize(
    ("channel", "text", "from_ns", "to_ns", "word"),
    [
        ("colour", "blue", 0, 1, "channel"),
        ("outcome", "maybe", 0, 1, "outcome"),
        ("segment", "asleep", 0, 1, "segment"),
        ("subtask", "  ", 0, 1, "characters"),
        ("subtask", "x" * 301, 0, 1, "characters"),
        ("subtask", "grip", 1, 1, "inside"),
        ("subtask", "grip", -1, 1, "inside"),
        ("subtask", "grip", 0, 10**12, "inside"),
    ],
)
def test_what_is_no_label_is_said_to_be_none(channel, text, from_ns, to_ns, word):
    one = arm_episodes()[0]
    label = Label(one.id, one.start_ns + from_ns, one.start_ns + to_ns, channel, text)
    assert word in problem_of(label, one)[0]
    assert (
        problem_of(replace(label, channel="subtask", label="ok", from_ns=one.start_ns, to_ns=one.end_ns), one)[0] == ""
    )
