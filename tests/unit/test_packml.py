"""PackML: the table of moves, words and numbers, and what an asset did as intervals that tile time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.packml import (
    ACTING,
    MOVES,
    Cause,
    Command,
    Passage,
    UnitMode,
    UnitState,
    cause_of,
    mode_of,
    passage,
    state_of,
)
from twin.states import Heard, Known, Observation, state_intervals, unexpected

S = 1_000_000_000
U = UnitState
words = st.sampled_from(["Execute", "Held", "Idle", "aborted", "6", "no such word", ""])
observations = st.lists(
    st.builds(
        Observation,
        st.integers(-5, 60).map(lambda s: s * S),
        st.one_of(st.none(), words),
        st.sampled_from([None, "Production", "Maintenance"]),
        st.sampled_from([Heard.NOW, Heard.NOW, Heard.NOW, Heard.AGAIN, Heard.LOST]),
    ),
    max_size=25,
)
stale_after = st.one_of(st.none(), st.integers(1, 20).map(lambda s: s * S))


def test_every_state_has_the_number_of_the_standard_and_the_commands_too():
    assert [U.from_number(n).number for n in range(18)] == list(range(18))
    assert (U.EXECUTE.number, U.ABORTED.number, U.COMPLETE.number) == (6, 9, 17)
    assert U.from_number(18) is U.UNDEFINED
    assert (Command.RESET.number, Command.ABORT.number, Command.COMPLETE.number) == (1, 8, 10)
    assert [UnitMode.from_number(n) for n in (0, 1, 3, 4, 31, 32)] == [
        UnitMode.INVALID, UnitMode.PRODUCTION, UnitMode.MANUAL, UnitMode.USER, UnitMode.USER, UnitMode.INVALID,
    ]  # fmt: skip


def test_a_state_is_left_by_itself_just_where_it_is_an_acting_one():
    assert {move.before for move in MOVES if move.by is Command.SC} == ACTING
    assert len([move for move in MOVES if move.by is Command.SC]) == len(ACTING)


def test_every_state_can_be_aborted_and_stopped_but_those_that_are_going_there():
    aborted = {move.before for move in MOVES if move.by is Command.ABORT}
    assert set(U) - aborted == {U.UNDEFINED, U.ABORTING, U.ABORTED}
    stopped = {move.before for move in MOVES if move.by is Command.STOP}
    assert set(U) - stopped == {U.UNDEFINED, U.STOPPING, U.STOPPED, U.CLEARING, U.ABORTING, U.ABORTED}


@pytest.mark.parametrize(
    ("before", "after", "how"),
    [
        (U.IDLE, U.STARTING, Passage.DIRECT),
        (U.EXECUTE, U.HOLDING, Passage.DIRECT),
        (U.EXECUTE, U.HELD, Passage.PASSED),  # Holding was too short to be seen
        (U.HELD, U.EXECUTE, Passage.PASSED),
        (U.STOPPED, U.IDLE, Passage.PASSED),
        (U.ABORTED, U.STOPPED, Passage.PASSED),
        (U.ABORTED, U.EXECUTE, Passage.UNEXPECTED),  # it must be cleared, reset and started
        (U.IDLE, U.COMPLETE, Passage.UNEXPECTED),  # Execute is no state to be missed
        (U.HELD, U.SUSPENDED, Passage.UNEXPECTED),
        (U.IDLE, U.IDLE, Passage.SAME),
        (U.UNDEFINED, U.HELD, Passage.BEGUN),
    ],
)
def test_a_move_is_told_as_direct_passed_or_unexpected(before, after, how):
    assert passage(before, after) is how


def test_a_vendors_own_edge_is_expected_once_it_is_given():
    assert passage(U.IDLE, U.HOLDING) is Passage.UNEXPECTED
    assert passage(U.IDLE, U.HOLDING, {(U.IDLE, U.HOLDING)}) is Passage.DIRECT


def test_words_mean_states_by_configuration_then_by_name_then_by_number():
    assert state_of(" execute ") is U.EXECUTE
    assert state_of("11") is U.HELD
    assert state_of("4", {"4": U.EXECUTE}) is U.EXECUTE  # OPC 30060 numbers Execute 4
    assert state_of("운전", {"운전": U.EXECUTE}) is U.EXECUTE
    assert {state_of(word) for word in ("", "²", "99", "running")} == {U.UNDEFINED}
    assert [mode_of(w) for w in ("production", "2", "tool room", "")] == [
        UnitMode.PRODUCTION, UnitMode.MAINTENANCE, UnitMode.USER, UnitMode.INVALID,
    ]  # fmt: skip


def test_held_has_an_inside_cause_and_suspended_an_outside_one_that_interlocks_tell():
    assert cause_of(U.HELD, blocked=True) is Cause.INSIDE
    assert cause_of(U.SUSPENDED) is Cause.OUTSIDE
    assert cause_of(U.SUSPENDED, starved=True) is Cause.STARVED
    assert cause_of(U.SUSPENDED, blocked=True, starved=True) is Cause.BLOCKED
    assert cause_of(U.EXECUTE, blocked=True) is Cause.NONE


@given(observations, stale_after)
def test_intervals_tile_the_time_without_gap_or_overlap(seen, after_ns):
    found = state_intervals(seen, 0, 50 * S, after_ns)
    assert [found[0].start_ns, *(one.end_ns for one in found)] == [*(one.start_ns for one in found), 50 * S]
    assert all(one.length_ns > 0 for one in found)


@given(observations, stale_after, st.randoms())
def test_the_order_of_arrival_changes_no_interval(seen, after_ns, random):
    shuffled = list(seen)
    random.shuffle(shuffled)
    assert state_intervals(shuffled, 0, 50 * S, after_ns) == state_intervals(seen, 0, 50 * S, after_ns)


def by_second(intervals, start_s, end_s):
    return [
        next((one.state, one.mode, one.known) for one in intervals if one.start_ns <= t * S < one.end_ns)
        for t in range(start_s, end_s)
    ]


@given(observations, stale_after, st.integers(1, 49))
def test_cutting_the_time_in_two_changes_nothing_at_any_moment(seen, after_ns, cut_s):
    whole = state_intervals(seen, 0, 50 * S, after_ns)
    parts = state_intervals(seen, 0, cut_s * S, after_ns) + state_intervals(seen, cut_s * S, 50 * S, after_ns)
    assert by_second(parts, 0, 50) == by_second(whole, 0, 50)


@given(observations, st.integers(1, 20))
def test_nothing_is_known_for_longer_than_its_stream_is_fresh(seen, after_s):
    """Written down without a fold: a second is known just if some row told a state and is that young."""
    seen = [one for one in seen if one.heard is Heard.NOW and one.state not in (None, "", "no such word")]
    found = by_second(state_intervals(seen, 0, 50 * S, after_s * S), 0, 50)
    for t, (_, _, known) in enumerate(found):
        young = any(t - after_s < one.t_ns // S <= t for one in seen)
        assert (known is Known.KNOWN) is young


def test_stale_time_is_its_own_bucket_and_the_last_state_is_remembered():
    # Told at 0 s and 10 s, stale after 3 s: known 0–3, stale 3–10, known 10–13, stale 13–20.
    seen = [Observation(0, "Execute", "Production"), Observation(10 * S, "Execute")]
    found = state_intervals(seen, -2 * S, 20 * S, 3 * S)
    assert [(one.start_ns // S, one.end_ns // S, one.known.value) for one in found] == [
        (-2, 0, "unknown"), (0, 3, "known"), (3, 10, "stale"), (10, 13, "known"), (13, 20, "stale"),
    ]  # fmt: skip
    assert {one.state for one in found[1:]} == {U.EXECUTE}
    assert {one.mode for one in found[1:]} == {UnitMode.PRODUCTION}


def test_what_is_sent_on_change_holds_until_the_asset_is_lost_and_again_when_it_is_back():
    seen = [Observation(0, "Held"), Observation(10 * S, heard=Heard.LOST), Observation(20 * S, heard=Heard.AGAIN)]
    found = state_intervals(seen, 0, 30 * S, None)
    assert [(one.start_ns // S, one.state, one.known) for one in found] == [
        (0, U.HELD, Known.KNOWN), (10, U.HELD, Known.STALE), (20, U.HELD, Known.KNOWN),
    ]  # fmt: skip


def test_unexpected_moves_are_noted_and_kept():
    seen = [Observation(t * S, word) for t, word in enumerate(["Execute", "Aborted", "Execute", "Held"])]
    found = state_intervals(seen, 0, 5 * S, None)
    assert [one.state for one in found] == [U.EXECUTE, U.ABORTED, U.EXECUTE, U.HELD]
    assert unexpected(found) == ((2 * S, U.ABORTED, U.EXECUTE),)
