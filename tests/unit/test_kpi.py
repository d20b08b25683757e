"""KPIs by ISO 22400-2: golden cases computed by hand, and the laws that their sums hold."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import ns_from_iso
from twin.config import parse_factory
from twin.kpi import (
    ENERGY_SCALE,
    ZERO,
    AssetRecord,
    Bucket,
    StopReason,
    Totals,
    by_reason,
    combined,
    kpis,
    losses,
    rises_of,
    series,
    slices_of,
    totals_of,
)
from twin.packml import UnitMode, UnitState
from twin.sample import Role
from twin.simulation.line import STATION_TYPES
from twin.simulation.plant import ASSET_TYPES, build_plant
from twin.states import Known, Observation, stale_after_ns, state_intervals

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"

S = 1_000_000_000
MINUTE = 60 * S
U = UnitState


def counter(*told):
    """(second, what the counter showed) → its rises."""
    return rises_of(np.array([t * S for t, _ in told], np.int64), np.array([v for _, v in told], float))


def states(*told, end, stale_after_s=None):
    """(second, state[, mode]) → intervals from 0 to ``end`` seconds."""
    seen = [Observation(one[0] * S, one[1], one[2] if len(one) > 2 else None) for one in told]
    return state_intervals(seen, 0, end * S, None if stale_after_s is None else stale_after_s * S)


def values(total, **more):
    return {(one.name, one.convention): one for one in kpis(total, **more)}


# One shift of 480 min (28,800 s), planned whole but for a break of 30 min: PBT = 27,000 s.
#       0 …  1,200  Starting     setup     1,200
#   1,200 …  9,000  Execute      production 7,800
#   9,000 …  9,600  Aborted      down, failure 600
#   9,600 … 14,400  Execute      production 4,800
#  14,400 … 16,200  Suspended    the break: not planned 1,800
#  16,200 … 17,400  Suspended    delay     1,200
#  17,400 … 24,000  Execute      production 6,600
#  24,000 … 25,200  Aborted      down, failure 1,200
#  25,200 … 27,600  Held         down      2,400
#  27,600 … 28,800  Execute      production 1,200
# APT = 7,800 + 4,800 + 6,600 + 1,200 = 20,400 s; AUST = 1,200; ADET = 1,200; ADOT = 600 + 1,200 + 2,400 = 4,200.
# 20,400 + 1,200 + 1,200 + 4,200 = 27,000. FE = 2, TTR = 1,800 s.
# 300 good, 20 scrap (5 of them within 10 min behind the setup): PQ = 320. PRI = 60 s.
SHIFT = states(
    (0, "Starting"), (1_200, "Execute"), (9_000, "Aborted"), (9_600, "Execute"), (14_400, "Suspended"),
    (17_400, "Execute"), (24_000, "Aborted"), (25_200, "Held"), (27_600, "Execute"), end=28_800,
)  # fmt: skip
PLANNED = [(0, 14_400 * S), (16_200 * S, 28_800 * S)]
RECORD = AssetRecord(
    slices_of(SHIFT, PLANNED),
    good=counter((0, 1000), (9_000, 1120), (14_000, 1200), (24_000, 1290), (28_799, 1300)),
    scrap=counter((0, 7), (1_500, 12), (20_000, 27)),
    energy=rises_of(np.array([0, 28_799 * S], np.int64), np.array([500.0, 564.0]), scale=ENERGY_SCALE),
    ideal_ns=60 * S,
    startup_ns=600 * S,
)


def test_a_shift_comes_out_as_computed_by_hand():
    total = totals_of(RECORD, 0, 28_800 * S)
    assert (total.production_ns, total.setup_ns, total.delay_ns, total.down_ns) == (
        20_400 * S, 1_200 * S, 1_200 * S, 4_200 * S,
    )  # fmt: skip
    assert (total.good, total.scrap, total.startup_scrap, total.failures) == (300, 20, 5, 2)
    found = values(total, demand=360)
    expected = {
        ("availability", ""): 20_400 / 27_000,
        ("effectiveness", ""): 60 * 320 / 20_400,
        ("quality_ratio", ""): 300 / 320,
        ("oee", ""): 60 * 300 / 27_000,  # 18,000 / 27,000 = 2/3
        ("net_equipment_effectiveness", ""): 21_600 * 18_000 / (27_000 * 20_400),
        ("utilization_efficiency", ""): 20_400 / 22_800,
        ("allocation_efficiency", ""): 22_800 / 27_000,
        ("technical_efficiency", ""): 20_400 / 21_600,
        ("setup_ratio", ""): 1_200 / 21_600,
        ("mtbf", "FE+1"): (21_600 + 1_800) / 3,
        ("mtbf", "FE"): (21_600 + 1_800) / 2,
        ("mttf", "FE+1"): 21_600 / 3,
        ("mttf", "FE"): 21_600 / 2,
        ("mttr", "FE+1"): 600.0,
        ("mttr", "FE"): 900.0,
        ("scrap_ratio", ""): 20 / 320,
        ("rework_ratio", ""): 0.0,
        ("first_pass_yield", ""): 300 / 320,
        ("throughput", ""): 320 / 7.5,  # 27,000 s are 7.5 h
        ("cycle_time", ""): 20_400 / 320,
        ("takt_time", ""): 27_000 / 360,  # 75 s
        ("cycle_to_takt", ""): 63.75 / 75,
        ("energy_per_part", ""): 64 / 320,
    }
    assert {key: one.value for key, one in found.items()} == expected
    assert {one.coverage for one in found.values()} == {1.0}
    assert found["availability", ""].inputs == (("APT", 20_400 * S), ("PBT", 27_000 * S))


def test_the_six_losses_of_that_shift_add_up_to_its_planned_time():
    # speed = 20,400 − 320 · 60 = 1,200; start-up rejects 5 · 60; rejects 15 · 60; useful 300 · 60.
    found = losses(totals_of(RECORD, 0, 28_800 * S))
    assert found is not None
    assert (found.breakdown_ns, found.setup_ns, found.waiting_ns, found.speed_ns) == (
        4_200 * S, 1_200 * S, 1_200 * S, 1_200 * S,
    )  # fmt: skip
    assert (found.startup_rejects_ns, found.rejects_ns, found.useful_ns) == (300 * S, 900 * S, 18_000 * S)


def test_without_parts_or_plan_or_pri_there_is_no_value_but_a_reason():
    nothing = values(ZERO)
    assert {one.value for one in nothing.values()} == {None}
    assert (nothing["oee", ""].value, nothing["oee", ""].why_none) == (None, "PBT is 0")
    assert nothing["oee", ""].coverage is None
    assert nothing["mtbf", "FE+1"].value is None
    no_pri = totals_of(AssetRecord(RECORD.slices, RECORD.good), 0, 28_800 * S)
    found = values(no_pri)
    assert (found["oee", ""].value, found["effectiveness", ""].value) == (None, None)
    assert "planned run time" in found["oee", ""].why_none
    assert found["quality_ratio", ""].value == 1.0
    assert losses(no_pri) is None
    assert found["energy_per_part", ""].why_none == "nothing is metered"
    assert found["takt_time", ""].why_none == "neither takt nor demand is given"


def test_a_takt_that_is_given_is_what_the_cycle_is_compared_with():
    total = totals_of(RECORD, 0, 28_800 * S)
    given = values(total, takt_ns=75 * S)
    assert given["takt_time", ""].value == 75.0
    assert given["cycle_to_takt", ""].value == 63.75 / 75
    assert values(total, takt_ns=75 * S, outlets=2)["cycle_to_takt", ""].value == 63.75 / 75 / 2, "two side by side"


def test_an_effectiveness_above_one_is_shown_and_its_speed_loss_is_below_zero():
    record = AssetRecord(
        slices_of(states((0, "Execute"), end=100), [(0, 100 * S)]), counter((0, 0), (99, 5)), ideal_ns=30 * S
    )
    total = totals_of(record, 0, 100 * S)
    assert values(total)["effectiveness", ""].value == 1.5
    found = losses(total)
    assert found is not None
    assert found.speed_ns == -50 * S


def test_stale_time_is_no_loss_and_its_parts_are_not_counted_in():
    # Told at 0 and 10 s, and then every 10 s from 60 on; stale after 20 s: known 0–30 and 60–100, 70 of 100 s.
    told = [(t, "Execute") for t in (0, 10, 60, 70, 80, 90)]
    record = AssetRecord(
        slices_of(states(*told, end=100, stale_after_s=20), [(0, 100 * S)]),
        counter((0, 0), (10, 1), (60, 6), (90, 9)), ideal_ns=10 * S, gap_ns=40 * S,
    )  # fmt: skip
    total = totals_of(record, 0, 100 * S)
    assert (total.known_ns, total.unseen_ns, total.coverage) == (70 * S, 30 * S, 0.7)
    # 0 → 1 and 6 → 9 are seen; 1 → 6 was counted while nobody looked.
    assert (total.good, total.unseen_parts) == (4, 5)
    assert values(total)["availability", ""].value == 1.0
    assert values(total)["availability", ""].coverage == 0.7


@pytest.mark.parametrize(
    ("shown", "total"),
    [
        ([5, 8, 12], 7),
        ([5, 8, 0, 3], 3 + 0 + 3),  # began again at 0
        ([5, 8, 2], 3 + 2),  # began again, and 2 were made before it was seen
        ([1000, 1001, 1000, 1003], 3),  # one was taken off by hand: 1 − 1 + 3
        ([5, None, 9], 4),
        ([7], 0),
        ([], 0),
    ],
)
def test_a_counter_survives_resets_corrections_and_absent_values(shown, total):
    rows = [(i, np.nan if one is None else one) for i, one in enumerate(shown)]
    assert counter(*rows).total == total


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), unique_by=lambda row: row[0]), st.randoms())
def test_late_frames_change_no_count(rows, random):
    late = list(rows)
    random.shuffle(late)
    in_order, shuffled = counter(*sorted(rows)), counter(*late)
    assert in_order.amount.tolist() == shuffled.amount.tolist()
    assert in_order.t_ns.tolist() == shuffled.t_ns.tolist()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.sets(st.integers(1, 39)))
def test_a_counter_that_is_reset_only_counts_every_part(made, resets):
    """What was made a second, shown by a counter that starts again with what is made just then."""
    shown, count = [], 0
    for i, one in enumerate(made):
        count = one if i in resets and 2 * one < count else count + one
        shown.append((i, count))
    assert counter(*shown).total == sum(made[1:])


def test_modes_and_stop_reasons_say_what_time_counts_as():
    intervals = states((0, "Execute", "Production"), (10, "Execute", "Manual"), (20, "Execute", "Maintenance"),
                       (30, "Held", "Manual"), (40, "Stopped", "Production"), end=60)  # fmt: skip
    reasons = [
        StopReason("a", 42 * S, 50 * S, "changeover", "kim", 1, Bucket.SETUP),
        StopReason("a", 0, 60 * S, "no material", "lee", 0, Bucket.DELAY),
        StopReason("a", 50 * S, 55 * S, "cleaning", "kim", 2),
    ]
    found = slices_of(intervals, [(0, 60 * S)], reasons=reasons)
    assert [(one.start_ns // S, one.bucket.value, one.reason) for one in found] == [
        (0, "production", "no material"),  # measured as production, whatever is said
        (10, "delay", "no material"),
        (20, "not_planned", "no material"),
        (30, "delay", "no material"),
        (40, "delay", "no material"),
        (42, "setup", "changeover"),
        (50, "down", "cleaning"),
        (55, "delay", "no material"),
    ]
    assert by_reason(found)[Bucket.SETUP, "changeover"] == 8 * S
    with pytest.raises(ValueError, match="cannot be said"):
        StopReason("a", 0, 1, "x", "kim", 0, Bucket.PRODUCTION)


def test_a_failure_counts_once_through_breaks_stale_time_and_reasons():
    intervals = states((0, "Execute"), (10, "Aborting"), (12, "Aborted"), (60, "Execute"), (70, "Aborted"), end=80)
    reason = StopReason("a", 20 * S, 25 * S, "repair", "kim", 0)
    found = slices_of(intervals, [(0, 30 * S), (40 * S, 80 * S)], reasons=[reason])
    assert sum(one.fails for one in found) == 2
    total = totals_of(AssetRecord(found), 0, 80 * S)
    assert (total.failures, total.repair_ns) == (2, (20 + 20 + 10) * S)
    assert totals_of(AssetRecord(found), 50 * S, 80 * S).failures == 1  # the first began before


words = st.sampled_from(["Execute", "Aborted", "Held", "Suspended", "Idle", "Starting", "?"])
tellings = st.lists(
    st.tuples(st.integers(0, 99), words, st.sampled_from([None, "Production", "Maintenance", "Manual"])), max_size=20
)
plans = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=3)
shows = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 60)), max_size=20, unique_by=lambda row: row[0])


@st.composite
def records(draw):
    intervals = states(*draw(tellings), end=100, stale_after_s=draw(st.sampled_from([None, 7, 30])))
    reasons = [
        StopReason("a", a * S, b * S, "r", "kim", i, draw(st.sampled_from([None, Bucket.SETUP, Bucket.DOWN])))
        for i, (a, b) in enumerate(draw(plans))
    ]
    slices = slices_of(intervals, [(a * S, b * S) for a, b in draw(plans)], reasons=reasons)
    return AssetRecord(
        slices, counter(*sorted(draw(shows))), counter(*sorted(draw(shows))), energy=counter(*sorted(draw(shows))),
        ideal_ns=draw(st.sampled_from([None, 3 * S])), gap_ns=draw(st.sampled_from([None, 20 * S])),
        startup_ns=draw(st.sampled_from([0, 9 * S])),
    )  # fmt: skip


@given(records())
def test_every_moment_has_one_bucket_and_every_part_one_place(record):
    assert sum(one.length_ns for one in record.slices) == 100 * S
    total = totals_of(record, 0, 100 * S)
    outside = sum(one.length_ns for one in record.slices if one.bucket is Bucket.NOT_PLANNED)
    assert total.planned_ns + outside == 100 * S
    assert total.made + total.unseen_parts + total.unplanned_parts == record.good.total + record.scrap.total


@given(records(), st.integers(0, 100))
def test_two_shifts_add_up_to_the_day(record, cut):
    parts = [totals_of(record, 0, cut * S), totals_of(record, cut * S, 100 * S)]
    assert series(parts) == totals_of(record, 0, 100 * S)


@given(st.lists(records().map(lambda record: totals_of(record, 0, 100 * S)), max_size=4), st.randoms())
def test_assets_add_up_to_a_line_in_any_order(parts, random):
    shuffled = list(parts)
    random.shuffle(shuffled)
    assert combined(shuffled) == combined(parts)
    assert combined([combined(parts[:2]), combined(parts[2:])]) == combined(parts)
    assert combined([]) == ZERO == Totals()


@given(records())
def test_losses_and_what_is_useful_are_the_planned_time_to_the_nanosecond(record):
    total = totals_of(record, 0, 100 * S)
    found = losses(total)
    if found is None:
        assert total.without_ideal
        return
    lost = found.breakdown_ns + found.setup_ns + found.waiting_ns + found.speed_ns + found.startup_rejects_ns
    assert lost + found.rejects_ns + found.useful_ns == found.planned_ns == total.known_ns


@given(records())
def test_oee_is_the_product_of_its_three_factors_and_none_where_one_is(record):
    found = values(totals_of(record, 0, 100 * S))
    factors = [found[name, ""].value for name in ("availability", "effectiveness", "quality_ratio")]
    oee = found["oee", ""].value
    if None not in factors:
        assert oee == pytest.approx(factors[0] * factors[1] * factors[2])
    for one in found.values():
        assert (one.value is None) is bool(one.why_none)


def test_a_line_weighs_its_assets_and_takes_its_parts_where_they_come_out():
    # First: 100 s planned, 80 at work, 8 parts of 10 s. Last: 100 s planned, 50 at work, 5 good and 1 scrap of 8 s.
    first = Totals(production_ns=80 * S, down_ns=20 * S, good=8, ideal_good_ns=80 * S)
    last = Totals(production_ns=50 * S, delay_ns=50 * S, good=5, scrap=1, ideal_good_ns=40 * S, ideal_scrap_ns=8 * S)
    found = values(combined([first, last]), outlet=last)
    assert found["availability", ""].value == 130 / 200
    assert found["effectiveness", ""].value == 128 / 130
    assert found["quality_ratio", ""].value == 120 / 128
    assert found["oee", ""].value == 120 / 200
    assert found["throughput", ""].value == 6 * 3600 / 100
    assert found["cycle_time", ""].value == 50 / 6


def test_the_default_buckets_know_every_state_and_the_modes_of_the_standard():
    for state in U:
        found = states((0, state.value), end=1)
        (one,) = slices_of(found, [(0, S)])
        assert (one.bucket is Bucket.UNKNOWN) is (state is U.UNDEFINED)
    (manual,) = states((0, "Execute", "Manual"), end=1)
    assert (manual.mode, manual.known) == (UnitMode.MANUAL, Known.KNOWN)


def test_an_hour_of_a_simulated_station_is_what_counting_its_rows_gives():
    """Each second's row holds until the next one; the counters' ends tell what was made."""
    hub = parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES)).hub
    site = hub.site("changwon")
    assert site is not None
    start_ns = ns_from_iso("2026-11-16T08:00:00+09:00")
    end_ns = start_ns + 3600 * S
    checked = 0
    for part in build_plant(site, seed=7, start_ns=start_ns).advance(end_ns, slow=True):
        stream = part.stream
        columns = {signal.role: i for i, signal in enumerate(stream.columns)}
        if Role.GOOD_COUNT not in columns or not stream.text_columns:
            continue
        checked += 1
        word = next(i for i, signal in enumerate(stream.text_columns) if signal.role is Role.STATE)
        seen = [Observation(t_ns, row[word]) for t_ns, row in zip(part.t_ns.tolist(), part.texts, strict=True)]
        slices = slices_of(state_intervals(seen, start_ns, end_ns, stale_after_ns(stream)), [(start_ns, end_ns)])
        good, scrap = (part.values[:, columns[role]] for role in (Role.GOOD_COUNT, Role.SCRAP_COUNT))
        record = AssetRecord(
            slices, rises_of(part.t_ns, good, part.seq), rises_of(part.t_ns, scrap, part.seq), ideal_ns=60 * S
        )
        total = totals_of(record, start_ns, end_ns)
        period_ns = 3600 * S // len(part)
        states_seen = [row[word] for row in part.texts]
        assert total.production_ns == states_seen.count("Execute") * period_ns
        assert total.repair_ns == states_seen.count("Aborted") * period_ns
        assert total.failures == sum(b == "Aborted" != a for a, b in itertools.pairwise(["", *states_seen]))
        assert (total.good, total.scrap) == (int(good[-1] - good[0]), int(scrap[-1] - scrap[0]))
        assert total.coverage == 1.0
    assert checked == sum(asset.type in STATION_TYPES for asset in site.assets)
