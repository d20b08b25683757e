"""The pages' figures as pure functions of a view."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.ingest.aside import Lives
from connectors.stores.memory import MemoryStore
from dashboards.marks import Marks
from dashboards.status import Ingest, ledger, source_stream
from dashboards.summary.connections import refusals
from dashboards.summary.devices import clocks, newcomers
from dashboards.summary.directory import directory
from dashboards.summary.events import told
from dashboards.summary.lanes import RECEIVED_POINTS, lanes, overlaid, speakers
from dashboards.summary.overview import line_state, overview
from dashboards.summary.production import HOUR_NS, MINUTE_NS, hourly, last_stations, made_per_h, risen
from dashboards.summary.rates import rate_history, rises
from dashboards.view import Deaths, PastView
from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.message import Liveness, Message
from twin.mirror import Mirror
from twin.ports import Commit, Folded, Newcomer, StreamCount
from twin.sample import Kind, Latest, Role, Signal, batch_of, frame, stream_of
from twin.site import Asset, Hub, Level, Name, Place, Site

T0 = 1_800_000_000 * NS_PER_S
ARM = "s/line/A-1"
COUNTER = (f"{ARM}:status", "good_count")


def _stream(asset: str = ARM):
    return stream_of(
        asset,
        "status",
        [
            Signal("good_count", Kind.COUNTER, "{part}", Role.GOOD_COUNT),
            Signal("state", Kind.STATE, role=Role.STATE),
        ],
        sequenced=True,
        period_s=1.0,
        source="src",
    )


def _store(rows, stream=None) -> MemoryStore:
    """A store with one frame a row of (t_ns, good_count, state), folded as ingest does."""
    store, mirror = MemoryStore(), Mirror()
    stream = stream or _stream()

    def fold(batch):
        return Folded(mirror.apply(batch), mirror.changed)

    for n, (t_ns, good, state) in enumerate(rows, 1):
        batch = batch_of("w", n, t_ns, [frame(stream, t_ns, n, t_ns, [good], (state,))])
        store.append(Commit(batch), fold)
    return store


def _hub(*assets: Asset) -> Hub:
    line = Place("s/line", Level.LINE, Name("라인", "Line"))
    name = Name("에스", "S")
    return Hub("h", name, (Site("s", name, name, "Asia/Seoul", (10.0, 10.0), places=(line,), assets=assets),))


def _arm(name: str = "A-1", station: float = 1.0, kind: str = "robot_arm") -> Asset:
    return Asset(f"s/line/{name}", kind, Name(name, name), attributes={"station": station})


def test_good_parts_an_hour_are_the_rise_over_the_last_hour():
    rows = [(T0 + i * 10 * MINUTE_NS, float(i * 5), "Execute") for i in range(13)]
    view = PastView(_store(rows), T0 + 2 * HOUR_NS)
    assert made_per_h(view, Marks(), [COUNTER])[COUNTER] == pytest.approx(30.0)


def test_a_shorter_past_is_scaled_by_its_own_length():
    rows = [(T0 + i * MINUTE_NS, 100.0 + i, "Execute") for i in range(7)]
    view = PastView(_store(rows), T0 + 6 * MINUTE_NS)
    assert made_per_h(view, Marks(), [COUNTER])[COUNTER] == pytest.approx(60.0)


def test_less_than_two_minutes_give_no_rate():
    rows = [(T0 + i * NS_PER_S, float(i), "Execute") for i in range(100)]
    view = PastView(_store(rows), T0 + 99 * NS_PER_S)
    assert made_per_h(view, Marks(), [COUNTER])[COUNTER] is None


def test_parts_of_a_window_survive_a_counter_that_began_again():
    # 40 parts by 0:50, 60 by 1:30, then from zero to 9 at 2:30.
    rows = [
        (T0 + s * MINUTE_NS, good, "Execute") for s, good in ((0, 0.0), (50, 40.0), (90, 60.0), (100, 0.0), (150, 9.0))
    ]
    view = PastView(_store(rows), T0 + 150 * MINUTE_NS)
    hour_ns = T0 // HOUR_NS * HOUR_NS
    assert hour_ns == T0, "the hours of this test begin with T0"
    assert risen(view, Marks(), [COUNTER], T0)[COUNTER] == 49.0
    assert risen(view, Marks(), [COUNTER], T0 + 151 * MINUTE_NS)[COUNTER] is None


def test_a_counter_that_fell_began_again_at_zero():
    assert rises(np.array([5.0, 8.0, 2.0, 3.0])).tolist() == [3.0, 2.0, 1.0]
    rows = [(T0, 90.0, "Execute"), (T0 + HOUR_NS, 7.0, "Execute")]
    view = PastView(_store(rows), T0 + HOUR_NS)
    assert made_per_h(view, Marks(), [COUNTER])[COUNTER] == pytest.approx(7.0)


def test_hours_without_data_are_unknown_not_zero():
    begin = T0 // HOUR_NS * HOUR_NS
    rows = [(begin + i * 30 * MINUTE_NS, float(i * 10), "Execute") for i in range(4)]
    found = hourly(PastView(_store(rows), begin + 4 * HOUR_NS + 5 * MINUTE_NS), Marks(), [COUNTER])
    assert found["good"] == [None, None, None, None, 20.0, 10.0, None, None, None]
    assert len(found["t_ms"]) == 9


def test_what_was_read_of_the_past_is_not_read_again():
    rows = [(T0 + i * 10 * MINUTE_NS, float(i), "Execute") for i in range(13)]
    view, marks = PastView(_store(rows), T0 + 2 * HOUR_NS), Marks()
    first = marks.values(view, [COUNTER], T0 + HOUR_NS)
    later = PastView(_store([(T0 + 3 * HOUR_NS, 0.0, "Idle")]), T0 + 3 * HOUR_NS)
    assert marks.values(later, [COUNTER], T0 + HOUR_NS) == first == {COUNTER: 6.0}


def test_parts_leave_a_line_at_its_last_inspection():
    assets = [_arm("A-1", 1), _arm("A-2", 2), _arm("I-1", 3, "inspection")]
    assert [asset.id for asset in last_stations(assets)] == ["s/line/I-1"]
    assert [asset.id for asset in last_stations(assets[:2])] == ["s/line/A-2"]


def test_machines_side_by_side_all_count():
    assets = [_arm("M-1", 1, "machine_tool"), _arm("M-2", 1, "machine_tool")]
    assert len(last_stations(assets)) == 2


def test_the_overview_counts_states_and_finds_the_lost():
    store = _store([(T0, 1.0, "Execute"), (T0 + NS_PER_S, 1.0, "Aborted")])
    hub = _hub(_arm())
    now = overview(PastView(store, T0 + NS_PER_S), hub, Marks())["sites"][0]
    assert now["states"] == {"Aborted": 1}
    assert now["by_type"]["robot_arm"] == {"total": 1, "working": 0, "waiting": 0, "faulted": 1, "lost": 0}
    assert now["lines"][0]["state"] == "Aborted"
    assert now["connection"] == "ok"
    later = overview(PastView(store, T0 + 60 * NS_PER_S), hub, Marks())["sites"][0]
    assert later["states"] == {"lost": 1}
    assert later["connection"] == "silent"
    assert later["stale_ratio"] == 1.0
    before = overview(PastView(store, T0 - NS_PER_S), hub, Marks())["sites"][0]
    assert (before["connection"], before["last_received_ms"], before["good_per_h"]) == ("none", None, None)


def test_a_past_that_came_in_later_has_no_rate_and_no_lag():
    store = _store([(T0 + second * NS_PER_S, 1.0, "Execute") for second in range(5)])
    site = overview(PastView(store, T0 + 2 * NS_PER_S), _hub(_arm()), Marks())["sites"][0]
    assert (site["frames_per_s"], site["lag_s"]) == (None, None)


def test_a_fault_anywhere_is_the_lines():
    assert line_state(["Execute", "Held", "Idle"]) == "Held"
    assert line_state(["Idle", "Execute", "Idle"]) == "Execute"
    assert line_state(["Idle", "Suspended", "Idle"]) == "Idle"
    assert line_state([]) is None


def test_lanes_end_where_the_stream_falls_silent():
    store = _store([(T0, 0.0, "Execute"), (T0 + 20 * NS_PER_S, 0.0, "Idle")])
    found = lanes(PastView(store, T0 + 600 * NS_PER_S), "s", T0, T0 + 600 * NS_PER_S)
    segments = found["lanes"][0]["segments"]
    assert [state for _, _, state in segments] == ["Execute", "Idle"]
    assert segments[-1][1] == (T0 + 23 * NS_PER_S) / 1e6


def test_what_was_received_late_is_no_gap_but_what_is_missing_is():
    """One frame a second, all received an hour later; the second quarter was never stored."""
    span, late = 4 * RECEIVED_POINTS, 3600 * NS_PER_S
    store, stream = MemoryStore(), _stream()
    rows = [
        frame(stream, T0 + i * NS_PER_S, i, T0 + late, [0.0], ("Execute",)) for i in range(span) if i * 4 // span != 1
    ]
    store.append(Commit(batch_of("w", 1, T0 + late, rows)), lambda _: Folded((), ()))
    view = PastView(store, T0 + span * NS_PER_S)
    found = lanes(view, "s", T0, T0 + span * NS_PER_S)["received"]
    quarter = RECEIVED_POINTS // 4
    assert found["frames"] == [4] * quarter + [0] * quarter + [4] * 2 * quarter
    assert (len(found["t_ms"]), found["t_ms"][1] - found["t_ms"][0], found["recorded"]) == (240, 4000, True)
    assert lanes(view, "s", T0 - late, T0)["received"]["recorded"] is False


def test_the_slowest_stream_heard_in_every_part_speaks_for_its_asset():
    def one(asset: str, name: str, period_s: float | None):
        return stream_of(asset, name, [Signal("x")], sequenced=True, period_s=period_s, source="src")

    fast, slow, rare = one("s/a", "fast", 0.1), one("s/a", "slow", 2.0), one("s/a", "rare", 60.0)
    others = [one("s/b", "rare", 60.0), one("s/c", "event", None)]
    assert speakers([fast, slow, rare, *others], 240 * 10 * NS_PER_S, 10 * NS_PER_S) == ["s/a:slow", "s/b:rare"]
    many = [one(f"s/{i:02}", "fast", 0.1) for i in range(50)]
    assert len(speakers(many, 3600 * NS_PER_S, 15 * NS_PER_S)) == 2
    assert len(speakers(many, 10**6 * NS_PER_S, 15 * NS_PER_S)) == 1


def test_the_plants_events_leave_out_the_twin_as_long_as_it_works():
    store = MemoryStore()
    facts = [
        Event(EventKind.ASSET_APPEARED, T0 + 1, "twin/ingest"),
        Event(EventKind.ASSET_APPEARED, T0 + 2, ARM),
        Event(EventKind.STATE_CHANGED, T0 + 3, ARM, "state", "Idle", "Execute"),
        Event(EventKind.STATE_CHANGED, T0 + 4, ARM, "state", "Execute", "Aborted"),
        Event(EventKind.STATE_CHANGED, T0 + 5, ARM, "state", "Aborted", "Idle"),
        Event(EventKind.STATE_CHANGED, T0 + 6, ARM, "state", "Idle", "Held"),
        Event(EventKind.SOURCE_LOST, T0 + 7, "twin/sources/src"),
        Event(EventKind.SOURCE_CONNECTED, T0 + 8, "twin/sources/src"),
    ]
    store.append(Commit(batch_of("w", 1, T0, []), events=tuple(facts)), lambda _: Folded((), ()))
    view = PastView(store, T0 + 100)
    assert [one.t_ns - T0 for one in told(view, T0)] == [7, 6, 5, 4, 3, 2]
    assert [one.t_ns - T0 for one in told(view, T0, notable=True)] == [7, 6, 5, 4, 2]
    assert [one.t_ns - T0 for one in told(view, T0, asset=ARM, limit=2)] == [6, 5]
    shown = lanes(view, "*", T0, T0 + 50)["events"]
    assert {one["kind"] for one in shown} == {"AssetAppeared", "SourceLost"}


def test_lost_times_replace_what_was_there():
    segments = [(0, 10, "Execute"), (10, 20, "Idle")]
    assert overlaid(segments, [(5, 12)]) == [(0, 5, "Execute"), (5, 12, "lost"), (12, 20, "Idle")]
    assert overlaid(segments, [(25, 30)]) == [*segments, (25, 30, "lost")]
    assert overlaid(segments, []) == segments


def test_refusals_after_the_clock_are_not_told():
    one = {"t_ns": 5, "client": "c", "reason": "r", "advice_ko": "k", "advice_en": "e"}
    assert refusals([one, {**one, "t_ns": 9}], 6) == [
        {"t_ms": 5e-6, "client": "c", "reason": "r", "advice": {"ko": "k", "en": "e"}}
    ]


def test_the_ledger_sums_kinds_and_reasons():
    row = {
        "received": 6, "decoded": 3, "handled": {"will": 1}, "rejected": {"json": 1, "type": 1},
        "decoded_frames": 3, "stored": 2, "duplicate": 1, "key_conflict": 0, "last_received_ns": 7,
    }  # fmt: skip
    assert ledger({"a": row, "b": row})["received"] == 12
    assert ledger({"a": row})["rejected"] == 2


# ---- ingest's own metrics


def _metrics(source: str, t_ns: int, messages: float, newest_s: float = 0.0, lag_s: float = 0.0):
    stream = stream_of(
        source_stream(source).rpartition(":")[0],
        "metrics",
        [
            Signal("messages_total", Kind.COUNTER),
            Signal("frames_total", Kind.COUNTER),
            Signal("lag_s"),
            Signal("newest_s"),
        ],
        period_s=1.0,
    )
    return frame(stream, t_ns, 0, t_ns, [messages, 10 * messages, lag_s, newest_s])


def _latest_of(frames):
    mirror = Mirror()
    mirror.apply(batch_of("w", 1, int(frames.t_ns[0]), [frames]))
    return next(iter(mirror.latest.values()))


def _hear(ingest: Ingest, frames) -> None:
    ingest.hear(_latest_of(frames), int(frames.t_ns[0]))


def test_ingest_is_silent_after_three_seconds_and_down_after_ten():
    ingest = Ingest()
    assert ingest.state(T0) == "down"
    _hear(ingest, _metrics("a", T0, 1))
    assert ingest.state(T0 + 2 * NS_PER_S) == "ok"
    assert ingest.state(T0 + 5 * NS_PER_S) == "silent"
    assert ingest.state(T0 + 11 * NS_PER_S) == "down"


def test_ingest_that_dies_after_the_clock_was_set_back_is_down_ten_seconds_later():
    def told(received_ns: int, messages: float) -> Latest:
        """As ingest tells it: dated by the tick, which stands still until the clock has caught up."""
        return dataclasses.replace(_latest_of(_metrics("a", T0, messages)), received_ns=received_ns)

    ingest = Ingest()
    ingest.hear(told(T0, 1), T0)
    back = T0 - 3600 * NS_PER_S
    for second in range(3):
        ingest.hear(told(back + second * NS_PER_S, 2 + second), back + second * NS_PER_S)
    assert ingest.state(back + 3 * NS_PER_S) == "ok"
    assert ingest.state(back + 13 * NS_PER_S) == "down"


def test_an_ingest_whose_clock_is_a_day_behind_the_pages_is_heard_when_it_tells():
    ingest, day_ns = Ingest(), 86_400 * NS_PER_S
    for second in range(3):
        ingest.hear(_latest_of(_metrics("a", T0 - day_ns + second * NS_PER_S, second)), T0 + second * NS_PER_S)
    assert ingest.state(T0 + 3 * NS_PER_S) == "ok"
    assert ingest.state(T0 + 13 * NS_PER_S) == "down"


def test_an_ingest_whose_clock_is_ahead_of_the_pages_is_heard_when_it_tells():
    ingest = Ingest()
    ingest.hear(_latest_of(_metrics("a", T0 + 60 * NS_PER_S, 1)), T0)
    assert ingest.state(T0 + NS_PER_S) == "ok"
    assert ingest.state(T0 + 12 * NS_PER_S) == "down"


def test_catching_up_tells_how_much_of_the_backlog_is_done():
    ingest = Ingest()
    for i in range(5):
        _hear(ingest, _metrics("a", T0 + i * NS_PER_S, i, newest_s=T0 / NS_PER_S - 3600 + 300 * i))
        now_ns = T0 + i * NS_PER_S
        told = ingest.catching_up(now_ns)
    assert told is not None
    assert told["behind_s"] == pytest.approx(3600 - 1200 + 4)
    assert 0 < told["done_ratio"] < 1


def test_a_device_that_is_merely_late_is_not_catching_up():
    ingest = Ingest()
    for i in range(5):
        _hear(ingest, _metrics("a", T0 + i * NS_PER_S, i, newest_s=T0 / NS_PER_S - 3600 + i, lag_s=3600))
    assert ingest.catching_up(T0 + 4 * NS_PER_S) is None
    assert ingest.lag_s(T0 + 4 * NS_PER_S) == 3600
    assert ingest.lag_s(T0 + 20 * NS_PER_S) == 0.0, "a source not heard for 10 s has no lag"


def test_the_rate_history_puts_each_second_in_its_place():
    rows = [_metrics("a", T0 + i * NS_PER_S, float(i * i)) for i in range(4)]
    merged = rows[0].__class__(
        rows[0].stream,
        *(
            np.concatenate([getattr(row, name) for row in rows])
            for name in ("t_ns", "seq", "received_ns", "values", "quality")
        ),
    )
    history = rate_history(merged, "messages_total", T0 + 3 * NS_PER_S)
    assert len(history) == 60
    assert history[-3:] == [1.0, 3.0, 5.0]
    assert not any(history[:-3])


def test_devices_that_nobody_named_are_told_with_what_is_stored_of_them():
    found = [
        Newcomer("line", "s/new", 2 * NS_PER_S, "s/new/data", "s/new:data", "x"),
        Newcomer("line", "s/known", 1, "t", "s/known:data", "y"),
    ]
    kept = {"s/new:data": StreamCount(5, 5, 0, 4, 0, 9), "s/new:other": StreamCount(2, 2, 0, 1, 0, 9)}
    (row,) = newcomers(found, {"s/known"}, kept, 3 * NS_PER_S)
    assert (row["asset"], row["frames"], row["first_ms"], row["signals"]) == ("s/new", 7, 2000.0, "x")
    assert newcomers(found, {"s/known"}, kept, NS_PER_S) == [], "a past moment does not know who came later"


def test_clocks_that_are_off_are_told_the_worst_first_and_one_that_is_right_is_not():
    kept = {
        "s/right:data": StreamCount(5, 5, 0, 4, 0, 9, 0, NS_PER_S // 2),
        "s/none:data": StreamCount(5, 5, 0, 4, 0, 9),
        "s/late:data": StreamCount(5, 5, 0, 4, 0, 9, 3, None),
        "s/ahead:a": StreamCount(5, 5, 0, 4, 0, 9, 1, -90 * NS_PER_S),
        "s/ahead:b": StreamCount(5, 5, 0, 4, 0, 9, 1, 2 * NS_PER_S),
        "s/behind:a": StreamCount(5, 5, 0, 4, 0, 9, 0, 5 * NS_PER_S),
        "twin/ingest:metrics": StreamCount(5, 5, 0, 4, 0, 9, 4, 50 * NS_PER_S),
        "s/back:pose": StreamCount(5, 5, 0, 4, 0, T0, 0, NS_PER_S // 5),
        "s/back:state": StreamCount(5, 5, 0, 4, 0, T0 - 30 * NS_PER_S, 0, 30 * NS_PER_S),
        "s/fine:data": StreamCount(5, 5, 0, 4, 0, T0, 0, NS_PER_S // 2),
        "s/fine:on_change": StreamCount(1, 1, 0, 0, 0, T0 - 600 * NS_PER_S, 0, 500 * NS_PER_S),
    }
    assert clocks(kept) == [
        {"asset": "s/ahead", "skew_s": -90.0, "late": 2},
        {"asset": "s/behind", "skew_s": 5.0, "late": 0},
        {"asset": "s/late", "skew_s": 0.0, "late": 3},
    ]


PATHS = ("s", "s/line", "s/line/A-1", "s/line/A-2", "s/line2")


def _life(path, online, t_ns, lives=None):
    told = Liveness(path, online, t_ns)
    return (lives or Lives()).frame(told, "src", Message("t", b"", t_ns), t_ns)


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from([None, True, False, "restart"])), max_size=20))
@example([("s/line", None), ("s", False), ("s", True)])
@example([("s/line", None), ("s", False), ("s", "restart"), ("s", True)])
def test_the_pages_take_for_gone_what_the_mirror_does(said):
    mirror, lives = Mirror(), Lives()
    for n, (path, online) in enumerate(said, 1):
        t_ns = T0 + n * NS_PER_S
        if online == "restart":
            lives = Lives(mirror.latest.values())
            continue
        part = frame(_stream(path), t_ns, n, t_ns, (1,), ("Execute",)) if online is None else None
        mirror.apply(batch_of("w", n, t_ns, [part or _life(path, online, t_ns, lives)]))
    deaths = Deaths(mirror.latest)
    gone = {asset for asset in mirror.presence if deaths.died_ns(asset) is not None}
    assert gone == {asset for asset, presence in mirror.presence.items() if presence.died_ns}


def test_an_asset_behind_a_dead_node_is_lost_and_the_node_itself_is_no_asset():
    store = _store([(T0, 1, "Execute")])
    death = batch_of("w", 2, T0 + NS_PER_S, [_life("s/line", False, T0 + NS_PER_S)])
    store.append(Commit(death), lambda batch: Folded((), ()))
    hub = _hub(Asset(ARM, "robot_arm", Name("a", "a")))
    before, after = PastView(store, T0), PastView(store, T0 + 2 * NS_PER_S)
    assert overview(before, hub, Marks())["sites"][0]["states"] == {"Execute": 1}
    (site,) = overview(after, hub, Marks())["sites"]
    assert (site["states"], site["assets"], site["stale_ratio"]) == ({"lost": 1}, 1, 1.0)
    assert [one["id"] for one in directory(hub, {}, store.streams(), "*")["assets"]] == [ARM]
    counting = stream_of("s/line/edge", "messages", [Signal("metrics")], sequenced=True)
    streams = {**store.streams(), 99: counting}
    assert [one["id"] for one in directory(hub, {}, streams, "*")["assets"]] == [ARM], "nor is one that counts"
