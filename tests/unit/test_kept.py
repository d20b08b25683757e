"""What is kept of frames says what all of them say; and which assets a figure is of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from many import examples

from twin.kpi import Of, joined, kept_of, scopes_of
from twin.kpi.counts import rises_of
from twin.sample import Frames, Kind, Quality, Role, Signal, stream_of
from twin.site import Asset, Level, Name, Place, Site
from twin.states import Known, Observation, state_intervals

S = 1_000_000_000
STALE = 3 * S
STREAM = stream_of(
    "s/l/a",
    "data",
    [
        Signal("good", Kind.COUNTER, "{part}", Role.GOOD_COUNT),
        Signal("state", Kind.STATE, role=Role.STATE),
        Signal("mode", Kind.STATE, role=Role.MODE),
    ],
    period_s=1.0,
)


def frames(rows):
    """(ns, count or None, state, mode, quality) → frames in order."""
    rows = sorted(rows, key=lambda row: row[0])
    n = len(rows)
    return Frames(
        STREAM,
        np.array([row[0] for row in rows], np.int64),
        np.arange(n, dtype=np.int64),
        np.array([row[0] for row in rows], np.int64),
        np.array([[np.nan if row[1] is None else row[1]] for row in rows], np.float64).reshape(n, 1),
        np.array([row[4] for row in rows], np.int16),
        tuple((row[2], row[3]) for row in rows),
    )


ROW = st.tuples(
    st.integers(0, 120).map(lambda s: s * S // 2),
    st.one_of(st.none(), st.integers(0, 6).map(float)),
    st.sampled_from([None, "Execute", "Suspended", "Aborted", "?"]),
    st.sampled_from([None, "Production", "Manual"]),
    st.just(int(Quality.GOOD)),
)


@given(st.lists(ROW, unique_by=lambda row: row[0]), st.integers(0, 60))
@settings(max_examples=examples(300))
def test_the_kept_frames_give_the_states_and_rises_of_all_of_them(rows, cut_s):
    every = frames(rows)
    end = 70 * S
    all_states = state_intervals(
        [Observation(t, *words) for t, words in zip(every.t_ns.tolist(), every.texts, strict=True)], 0, end, STALE
    )
    parts = [
        kept_of(every.take(every.t_ns < cut_s * S), (0,), (0, 1), STALE),
        kept_of(every.take(every.t_ns >= cut_s * S), (0,), (0, 1), STALE),
    ]
    kept = joined(parts, STALE)
    assert state_intervals(kept.observations(STALE, 0, 1), 0, end, None) == all_states
    assert [(one.start_ns, one.end_ns) for one in all_states] == [
        (a, b)
        for a, b in zip([0, *(one.end_ns for one in all_states[:-1])], [one.end_ns for one in all_states], strict=True)
    ]
    told, wanted = kept.rises(0), rises_of(every.t_ns, every.values[:, 0])
    keep, want = told.amount != 0, wanted.amount != 0
    for name in ("t_ns", "since_ns", "amount"):
        assert getattr(told, name)[keep].tolist() == getattr(wanted, name)[want].tolist()


def test_of_an_hour_at_one_state_two_frames_are_kept():
    kept = kept_of(frames([(i * S, 5.0, "Execute", "Production", 192) for i in range(3600)]), (0,), (0, 1), STALE)
    assert kept.t_ns.tolist() == [0, 3599 * S]


def test_a_frame_that_says_it_is_bad_is_no_state_and_no_count():
    rows = [(0, 1.0, "Execute", None, 192), (S, 9.0, "Execute", None, Quality.BAD), (2 * S, 2.0, "Execute", None, 192)]
    kept = kept_of(frames(rows), (0,), (0, 1), STALE)
    assert kept.rises(0).total == 1
    known = [(one.start_ns, one.known) for one in state_intervals(kept.observations(STALE, 0, 1), 0, 4 * S, None)]
    assert known == [(0, Known.KNOWN), (S, Known.STALE), (2 * S, Known.KNOWN)]


def test_a_clock_that_runs_ahead_is_left_out():
    rows = [(0, 1.0, "Execute", None, 192), (S, 9.0, "Aborted", None, Quality.CLOCK_AHEAD)]
    assert len(kept_of(frames(rows), (0,), (0, 1), STALE)) == 1


def asset(path, kind="robot_arm", **attributes):
    return Asset(f"s/{path}", kind, Name(path, path), attributes=attributes)


def site(*assets, places=()):
    return Site("s", Name("s", "s"), Name("", ""), "UTC", (1.0, 1.0), places=places, assets=assets)


def test_lines_have_their_stations_in_order_their_outlet_and_the_meter_that_stands_for_them_alone():
    plant = site(
        asset("weld/l1/R-2", station=2), asset("weld/l1/R-1", station=1), asset("weld/l1/INS", "inspection", station=3),
        asset("cut/l2/MT-1", "machine_tool", station=1, tended_by="T-1"), asset("cut/l2/T-1"),
        asset("cut/l3/MT-9", "machine_tool", station=1),
        places=(Place("s/weld/l1", Level.LINE, Name("용접", "Weld")),),
    )  # fmt: skip
    counting = [one.id for one in plant.assets]
    found = scopes_of(plant, counting, ["s/weld/EM-1", "s/cut/EM-2", "s/EM-0"])
    of = {one.id: one for one in found if one.of is not Of.ASSET}
    assert of["s/weld/l1"].assets == ("s/weld/l1/R-1", "s/weld/l1/R-2", "s/weld/l1/INS")
    assert of["s/weld/l1"].outlets == ("s/weld/l1/INS",)
    assert of["s/weld/l1"].name.en == "Weld"
    assert of["s/weld/l1"].meters == ("s/weld/EM-1",)
    assert of["s/cut/l2"].assets == ("s/cut/l2/MT-1",)  # the arm that tends it is in the machine's time
    assert of["s/cut/l2"].meters == ()  # two lines share that meter
    assert of["s"].meters == ("s/EM-0",)
    assert set(of["s"].outlets) == {"s/weld/l1/INS", "s/cut/l2/MT-1", "s/cut/l3/MT-9"}
    assert {one.id for one in found if one.of is Of.ASSET} == set(counting)
