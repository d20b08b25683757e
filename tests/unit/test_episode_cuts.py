"""Where episodes begin and end, by each way of cutting, and what came of them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S
from twin.episodes import EpisodeRules, Method, Outcome, SegmentKind
from twin.episodes.cut import cut, sort_out
from twin.episodes.judge import judge
from twin.episodes.resample import HOLD, LINEAR, frame_count, grid, resample
from twin.episodes.story import NOTHING, Story, Track
from twin.events import Event, EventKind
from twin.site import Name

T0 = 1_790_000_000 * NS_PER_S
TASK = Name("작업", "Task")
RULES = EpisodeRules()


def at(second):
    return T0 + round(second * NS_PER_S)


def seconds(cuts):
    return [((one.start_ns - T0) / NS_PER_S, round((one.end_ns - T0) / NS_PER_S, 3)) for one in cuts]


def story(**told):
    heard = told.pop("heard", range(101))
    return Story("s/a/R-1", np.array([at(second) for second in heard]), **told)


def words(*said):
    return tuple((at(second), word) for second, word in said)


def track(values, every=1.0, first=0.0):
    times = np.array([at(first + i * every) for i in range(len(values))])
    return Track(times, np.array(values, float))


def test_packml_goes_from_execute_to_complete_and_a_hold_belongs_to_it():
    states = words((0, "Idle"), (10, "Execute"), (20, "Held"), (25, "Execute"), (40, "Completing"), (42, "Complete"),
                   (50, "Execute"), (60, "Aborting"), (70, "Idle"))  # fmt: skip
    told = story(states=states)
    method, cuts = cut(told, RULES)
    assert method is Method.PACKML
    assert seconds(cuts) == [(10, 40), (50, 60)]
    assert [(one.outcome, one.cause) for one in cuts] == [(Outcome.SUCCESS, ""), (Outcome.FAILURE, "Aborting")]
    (first, _) = judge(told, method, cuts, RULES, TASK)
    assert [(part.kind, (part.start_ns - T0) / NS_PER_S) for part in first.segments] == [(SegmentKind.PAUSED, 20)]
    assert first.seconds_of(SegmentKind.PAUSED) == 5


def test_a_silence_cuts_an_episode_and_nobody_says_what_came_of_it():
    states = words((0, "Idle"), (10, "Execute"), (90, "Complete"))
    _, cuts = cut(story(states=states, heard=[*range(20), *range(80, 101)]), RULES)
    assert [(one.outcome, one.censored) for one in cuts] == [(Outcome.UNKNOWN, True)]
    assert seconds(cuts) == [(10, 19.0)]


def test_a_cycle_number_is_a_run_split_at_gaps_and_failure_is_a_flag_within():
    numbers = Track(
        np.array([at(second) for second in (0, 1, 2, 3, 4, 5, 20, 21)]), np.array([1, 1, 1, 2, 2, 2, 2, 2], float)
    )
    stop = Track(np.array([at(4)]), np.array([1.0]))
    told = story(cycle=numbers, faults={"protective_stop": stop})
    method, cuts = cut(told, RULES)
    assert method is Method.CYCLE
    assert [(a, b - 0.0) for a, b in seconds(cuts)] == [(0, 2), (3, 5), (20, 21)]
    episodes = judge(told, method, cuts, RULES, TASK)
    assert [(one.outcome, one.cause) for one in episodes] == [
        (Outcome.SUCCESS, ""), (Outcome.FAILURE, "protective_stop"), (Outcome.SUCCESS, ""),
    ]  # fmt: skip


def test_parts_are_cut_from_count_to_count_and_scrap_is_a_failure():
    told = story(good=track([0, 0, 1, 1, 2, 2, 2], 10), scrap=track([0, 0, 0, 0, 0, 0, 1], 10))
    method, cuts = cut(told, EpisodeRules(max_gap_s=60))
    assert method is Method.PARTS
    assert seconds(cuts) == [(20, 40), (40, 60)]
    assert [one.outcome for one in cuts] == [Outcome.SUCCESS, Outcome.FAILURE]


def test_an_order_ends_with_its_last_action():
    def event(second, kind, signal, after):
        return Event(kind, at(second), "s/fleet/AMR-1", signal, "", after)

    events = (
        event(0, EventKind.ORDER_CHANGED, "order", "o-1/0"), event(5, EventKind.ACTION_CHANGED, "pick", "RUNNING"),
        event(9, EventKind.ACTION_CHANGED, "pick", "FINISHED"), event(30, EventKind.ORDER_CHANGED, "order", "o-2/0"),
        event(33, EventKind.ACTION_CHANGED, "drop", "RUNNING"), event(36, EventKind.ACTION_CHANGED, "drop", "FAILED"),
    )  # fmt: skip
    method, cuts = cut(story(events=events), RULES)
    assert method is Method.ORDER
    assert seconds(cuts) == [(0, 9), (30, 36)]
    assert [(one.key, one.outcome) for one in cuts] == [("o-1", Outcome.SUCCESS), ("o-2", Outcome.FAILURE)]


def test_motion_between_rests_is_found_within_a_sample_of_its_edges():
    speed = np.zeros(2000)
    for first in (200, 900, 1500):
        speed[first : first + 300] = 1.0
    _, cuts = cut(story(heard=range(21), speed=track(speed, 0.01)), RULES)
    found = seconds(cuts)
    assert len(found) == 3
    for (begin, end), first in zip(found, (2.0, 9.0, 15.0), strict=True):
        assert begin == pytest.approx(first, abs=0.02)
        assert end == pytest.approx(first + 3.0, abs=0.02)


def test_fragments_are_sorted_out_by_the_middle_one():
    numbers = track([1] * 30 + [2] * 30 + [3] * 3 + [4] * 30)
    _, cuts = cut(story(cycle=numbers), RULES)
    good, short, long = sort_out(cuts, RULES)
    assert (len(good), len(short), len(long)) == (3, 1, 0)


def test_nothing_told_is_no_episode():
    assert cut(Story("s/x", np.empty(0, np.int64), cycle=NOTHING), RULES)[1] == []


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3000)), min_size=1, max_size=60), st.integers(1, 30))
def test_every_sample_of_a_cycle_lies_in_exactly_one_run(rows, gap_s):
    times = np.cumsum([step for _, step in rows]) * 10_000_000 + T0
    values = np.array([float(value) for value, _ in rows])
    _, cuts = cut(Story("s/x", times, cycle=Track(times, values)), EpisodeRules(max_gap_s=gap_s))
    for t_ns, value in zip(times.tolist(), values.tolist(), strict=True):
        inside = [one for one in cuts if one.start_ns <= t_ns < one.end_ns]
        assert [one.key for one in inside] == [f"{value:g}"]
    assert all(before.end_ns <= after.start_ns for before, after in itertools.pairwise(cuts))


@given(st.integers(1, 60), st.integers(1, 500), st.floats(-5, 5), st.floats(-2, 2))
def test_a_line_resampled_linearly_is_that_line_and_held_never_ahead(fps, tenths, offset, slope):
    end_ns = T0 + tenths * NS_PER_S // 10 + 1
    t_ns = np.unique(np.append(np.arange(T0, end_ns, NS_PER_S // 7), end_ns - 1))
    values = (offset + slope * (t_ns - T0) / NS_PER_S)[:, None]
    at_ns = grid(T0, end_ns, fps)
    assert len(at_ns) == frame_count(T0, end_ns, fps)
    assert at_ns[-1] < end_ns
    drawn, missing = resample(at_ns, t_ns, np.hstack([values, values]), [LINEAR, HOLD])
    assert not missing.any()
    assert drawn[:, 0] == pytest.approx(offset + slope * (at_ns - T0) / NS_PER_S, abs=1e-6)
    held = t_ns[np.searchsorted(t_ns, at_ns, side="right") - 1]
    assert drawn[:, 1] == pytest.approx(offset + slope * (held - T0) / NS_PER_S, abs=1e-6)
