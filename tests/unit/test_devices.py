"""How simulated devices catch up with the wall clock."""

from connectors.devices import BRIEF_S, CHUNK_S, HISTORY_ROWS, pace


def test_devices_that_are_a_little_behind_speak_as_often_as_live_and_only_history_is_thinned():
    assert pace(0.05) == (0.05, False, 1)
    assert pace(5.0) == (5.0, True, 1)
    assert pace(BRIEF_S) == (BRIEF_S, True, 1)
    assert pace(BRIEF_S + 1) == (BRIEF_S + 1, True, HISTORY_ROWS)
    assert pace(3600.0) == (CHUNK_S, True, HISTORY_ROWS)


def test_the_steps_to_live_time_end_there():
    behind_s, steps = 1000.0, []
    while behind_s > 0:
        step_s, _, rows = pace(behind_s)
        steps.append(rows)
        behind_s -= step_s
    assert behind_s == 0
    assert steps == [HISTORY_ROWS] * 9
