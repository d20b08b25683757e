"""The laws of the fold, as properties, and its events, as examples."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.clock import NS_PER_S
from twin.events import Event, EventKind
from twin.hearing import listening_stream
from twin.mirror import Mirror, difference, fold, patch, restore, stream_line
from twin.sample import Batch, Frames, Kind, Latest, Quality, Role, Signal, batch_of, frame, stream_of

T0 = 1_700_000_000 * NS_PER_S
ARM = stream_of("jeonju/cell1/ur3", "joints", [Signal("q0"), Signal("q1")], sequenced=True, period_s=1.0)
METER = stream_of("jeonju/cell1/meter", "data", [Signal("power", unit="W"), Signal("energy")], period_s=2.0)
DOOR = stream_of(
    "jeonju/cell1/door", "state", [Signal("state", Kind.STATE), Signal("note", Kind.TEXT), Signal("open", Kind.FLAG)],
    period_s=4.0,
)  # fmt: skip
PRESS = stream_of("jeonju/cell1/press", "state", [Signal("state", Kind.STATE)], sequenced=True, period_s=1.0)
ONLINE = [Signal("online", Kind.FLAG, role=Role.ONLINE)]
CELL_LIVES = stream_of("jeonju/cell1", "liveness", ONLINE)
ARM_LIVES = stream_of("jeonju/cell1/ur3", "liveness", ONLINE)
STREAMS = {stream.id: stream for stream in (ARM, METER, DOOR, PRESS, CELL_LIVES, ARM_LIVES)}

numbers = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.0, -0.0, 1.5]))
words = st.one_of(st.none(), st.sampled_from(["\ud800", "Idle", "Execute", "멈춤", 'a "quoted"\nline\u2028\r', ""]))


def values_at(stream, t_ns, seq, salt=0):
    """Values that are a function of the frame's place, as a store guarantees: one row a key."""
    if stream.tells_presence:
        return [float(seq % 2)], ()
    values = [float((t_ns // 7 + seq * 13 + salt + i) % 1000) / 8 for i in range(stream.width)]
    texts = tuple(("Idle", "Execute", "Held")[(seq + i) % 3] for i in range(len(stream.text_columns)))
    return values, texts


def one(stream, t_ns, seq, received_ns=None, quality=Quality.GOOD):
    values, texts = values_at(stream, t_ns, seq)
    return frame(stream, t_ns, seq, T0 if received_ns is None else received_ns, values, texts, quality)


@st.composite
def any_frame(draw):
    """A frame anywhere near T0: times and sequences collide, run backwards and apart on purpose."""
    stream = draw(st.sampled_from(list(STREAMS.values())))
    t_ns = T0 + draw(st.integers(-5, 5)) * NS_PER_S
    if stream.tells_presence:
        # Ingest gives each a receive time of its own; that they may not follow the device's time is tested apart.
        seq = draw(st.integers(0, 6))
        return one(stream, t_ns, seq, t_ns + 5 * NS_PER_S + 10 * seq + (stream is ARM_LIVES))
    return one(
        stream, t_ns, draw(st.integers(0, 6)), T0 + draw(st.integers(0, 8)) * NS_PER_S,
        draw(st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.BAD, Quality.CLOCK_AHEAD])),
    )  # fmt: skip


def unlike(frames):
    """One frame a key (stream, t_ns, seq), as the store lets through."""
    return list({(f.stream.id, int(f.t_ns[0]), int(f.seq[0])): f for f in frames}.values())


frame_lists = st.lists(any_frame(), max_size=24).map(unlike)


def live(mirror):
    return [stream_line(mirror.latest[key]) for key in sorted(mirror.latest)]


def folded(parts, cuts=(), ticks=None):
    """The mirror after the frames, cut into batches at the places ``cuts``."""
    mirror, places = Mirror(), [0, *sorted(cuts), len(parts)]
    told = ticks or itertools.repeat(T0)
    for n, ((first, last), tick_ns) in enumerate(zip(itertools.pairwise(places), told, strict=False), 1):
        mirror.apply(batch_of("w", n, tick_ns, parts[first:last]))
    return mirror


def brute_force(parts):
    """What the live values must be, written down without any fold."""
    newest = {}
    for part in parts:
        if part.quality[0] == Quality.CLOCK_AHEAD:
            continue
        t_ns, seq = int(part.t_ns[0]), int(part.seq[0])
        place = (seq, t_ns) if part.stream.sequenced else (t_ns, seq)
        if part.stream.id not in newest or newest[part.stream.id][0] < place:
            newest[part.stream.id] = (place, t_ns, seq)
    return {stream: (t_ns, seq) for stream, (_, t_ns, seq) in newest.items()}


@given(frame_lists)
def test_the_live_value_is_the_newest_frame_in_live_order(parts):
    mirror = folded(parts)
    assert {k: (latest.t_ns, latest.seq) for k, latest in mirror.latest.items()} == brute_force(parts)
    for latest in mirror.latest.values():
        values, texts = values_at(latest.stream, latest.t_ns, latest.seq)
        assert latest.values.tolist() == values
        assert latest.texts == texts


@given(frame_lists, st.data())
def test_splitting_a_stream_changes_no_live_value(parts, data):
    cuts = data.draw(st.lists(st.integers(0, len(parts)), max_size=5))
    assert live(folded(parts, cuts)) == live(folded(parts))


@given(frame_lists, st.data())
def test_the_rows_that_moved_the_live_state_are_the_newer_ones_in_live_order(parts, data):
    cut = data.draw(st.integers(0, len(parts)))
    mirror = folded(parts[:cut])
    before = {key: (latest.t_ns, latest.seq) for key, latest in mirror.latest.items()}
    batch = batch_of("w", 9, T0, [part for part in parts[cut:] if not part.stream.tells_presence])
    mirror.apply(batch)
    for part in batch.frames:
        rows = mirror.moved(part)
        places = [(int(part.t_ns[row]), int(part.seq[row])) for row in range(len(part))]
        turn = (lambda place: place[::-1]) if part.stream.sequenced else (lambda place: place)
        good = [place for place, quality in zip(places, part.quality, strict=True) if quality != Quality.CLOCK_AHEAD]
        old = before.get(part.stream.id)
        newer = sorted((place for place in good if old is None or turn(place) > turn(old)), key=turn)
        assert [places[row] for row in rows] == newer
    mirror.undo()
    assert all(not len(mirror.moved(part)) for part in batch.frames)


@given(frame_lists, st.data())
def test_the_order_of_arrival_changes_no_live_value(parts, data):
    shuffled = data.draw(st.permutations(parts))
    cuts = data.draw(st.lists(st.integers(0, len(parts)), max_size=5))
    assert live(folded(shuffled, cuts)) == live(folded(parts))


@given(frame_lists, st.data())
def test_applying_frames_twice_changes_no_live_value_and_no_presence(parts, data):
    again = data.draw(st.lists(st.sampled_from(parts), max_size=10)) if parts else []
    once, twice = folded(parts), folded(parts + again, [len(parts)])
    assert live(twice) == live(once)
    assert twice.presence == once.presence


def schedule(draw, parts):
    """The frames cut into batches with ticks that wait, run on and step back."""
    cuts = draw(st.lists(st.integers(0, len(parts)), max_size=6))
    places = [0, *sorted(cuts), len(parts)]
    ticks = draw(st.lists(st.integers(0, 40), min_size=len(places), max_size=len(places)))
    return [
        batch_of("w", n, T0 + tick * NS_PER_S, parts[first:last])
        for n, ((first, last), tick) in enumerate(zip(itertools.pairwise(places), ticks, strict=False), 1)
    ]


@given(st.data())
def test_the_same_batches_and_ticks_give_the_same_events_and_hash(data):
    batches = schedule(data.draw, data.draw(frame_lists))
    one_mirror, other = Mirror(), Mirror()
    assert fold(one_mirror, batches) == fold(other, batches)
    assert one_mirror.sha256() == other.sha256()


@given(st.data())
def test_a_fold_goes_on_from_restored_bytes_as_if_never_stopped(data):
    batches = schedule(data.draw, data.draw(frame_lists))
    at = data.draw(st.integers(0, len(batches)))
    unbroken = Mirror()
    fold(unbroken, batches[:at])
    resumed = restore(unbroken.canonical(), STREAMS.__getitem__)
    assert resumed.sha256() == unbroken.sha256()
    assert fold(resumed, batches[at:]) == fold(unbroken, batches[at:])
    assert resumed.canonical() == unbroken.canonical()


@given(st.data())
def test_undo_restores_the_exact_state_and_the_same_fold_follows(data):
    batches = schedule(data.draw, data.draw(frame_lists))
    mirror = Mirror()
    for batch in batches:
        before, latest, presence = mirror.canonical(), dict(mirror.latest), dict(mirror.presence)
        first_events = mirror.apply(batch)
        after = mirror.sha256()
        mirror.undo()
        assert mirror.canonical() == before
        assert mirror.presence == presence
        assert mirror.latest == latest
        assert mirror.changed == ()
        assert mirror.apply(batch) == first_events
        assert mirror.sha256() == after


def test_undo_takes_back_one_batch_only():
    mirror = Mirror()
    mirror.apply(batch_of("w", 1, T0, [one(ARM, T0, 1)]))
    mirror.apply(batch_of("w", 2, T0, [one(ARM, T0 + 1, 2)]))
    after_first = folded([one(ARM, T0, 1)]).sha256()
    mirror.undo()
    mirror.undo()
    assert mirror.sha256() == after_first


@given(st.data())
def test_a_difference_patched_onto_the_full_state_is_the_state(data):
    batches = schedule(data.draw, data.draw(frame_lists))
    at = data.draw(st.integers(0, len(batches)))
    mirror = Mirror()
    fold(mirror, batches[:at])
    full = mirror.canonical()
    fold(mirror, batches[at:])
    changes = difference(full, mirror.canonical())
    assert patch(full, changes) == mirror.canonical()
    unchanged = set(full.splitlines()[1:]) & set(mirror.canonical().splitlines()[1:])
    assert not unchanged & set(changes.splitlines())


@given(st.lists(numbers, min_size=2, max_size=2), words, words)
def test_every_value_and_text_survives_the_canonical_bytes(values, state, note):
    parts = [frame(METER, T0, 1, T0, values), frame(DOOR, T0, 1, T0, [1.0], (state, note))]
    mirror = folded(parts)
    again = restore(mirror.canonical(), STREAMS.__getitem__)
    assert again.canonical() == mirror.canonical()
    assert again.latest[DOOR.id].texts == (state, note)
    kept = again.latest[METER.id].values
    assert [None if np.isnan(x) else x for x in kept] == values


def line(values):
    return stream_line(Latest(METER, T0, 1, T0, 192, np.array(values, np.float64)))


def test_minus_zero_hashes_as_zero():
    assert line([-0.0, 1.0]) == line([0.0, 1.0])
    assert (
        folded([frame(METER, T0, 1, T0, [-0.0, 0.0])]).sha256() == folded([frame(METER, T0, 1, T0, [0, -0.0])]).sha256()
    )


def test_absent_is_null_whatever_nan_it_is_and_differs_from_zero():
    strange = np.array([0x7FF8000000000001, 0xFFF8000000000002], np.uint64).view(np.float64)
    assert line(strange) == line([np.nan, np.nan])
    assert json.loads(line([np.nan, 1.0]))[6] == [None, "000000000000f03f"]
    assert line([np.nan, 1.0]) != line([0.0, 1.0])


def test_the_canonical_bytes_of_a_known_state_never_change():
    mirror = folded([frame(METER, T0, 7, T0 + 5, [1.5, None]), frame(PRESS, T0, 3, T0, (), ("Idle",))])
    assert mirror.canonical().decode() == (
        '["mirror", 1, 1, 1700000000000000000, 1700000000000000000]\n'
        '["stream", "jeonju/cell1/meter:data", 1700000000000000000, 7, 1700000000000000005, 192,'
        ' ["000000000000f83f", null], []]\n'
        '["stream", "jeonju/cell1/press:state", 1700000000000000000, 3, 1700000000000000000, 192, [], ["Idle"]]\n'
        '["asset", "jeonju/cell1/meter", 1700000000000000005, false, 10000000000]\n'
        '["asset", "jeonju/cell1/press", 1700000000000000000, false, 10000000000]\n'
    )


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.id)
def test_a_frame_whose_clock_runs_ahead_is_never_folded(stream):
    mirror = folded([one(stream, T0, 1)])
    before = mirror.canonical()
    events = mirror.apply(batch_of("w", 1, T0, [one(stream, T0 + 10**18, 99, T0 + 5, Quality.CLOCK_AHEAD)]))
    assert (events, mirror.changed) == ((), ())
    assert mirror.canonical() == before


def test_one_frame_ahead_does_not_hide_its_neighbours_in_the_same_message():
    parts = [one(METER, T0, 1), one(METER, T0 + 10**18, 2, quality=Quality.CLOCK_AHEAD), one(METER, T0 + 5, 3)]
    assert folded(parts).latest[METER.id].seq == 3


def test_a_late_frame_does_not_move_the_live_value():
    mirror = folded([one(METER, T0, 1), one(ARM, T0, 9)])
    before = live(mirror)
    mirror.apply(batch_of("w", 2, T0, [one(METER, T0 - 1, 500), one(ARM, T0 + 10**12, 8)]))
    assert live(mirror) == before
    assert mirror.changed == ()


def test_a_clock_that_steps_back_does_not_freeze_a_sequenced_stream():
    mirror = folded([one(ARM, T0 + 3600 * NS_PER_S, 9)])
    mirror.apply(batch_of("w", 2, T0, [one(ARM, T0, 10)]))
    assert mirror.latest[ARM.id].seq == 10


def test_a_new_epoch_is_newer_than_every_count_of_the_old_one():
    mirror = folded([one(ARM, T0, 2**39)])
    mirror.apply(batch_of("w", 2, T0, [one(ARM, T0 + 1, 1 << 40)]))
    assert mirror.latest[ARM.id].seq == 1 << 40


def state(word, t_ns, seq, received_ns=T0):
    return frame(PRESS, t_ns, seq, received_ns, (), (word,))


def test_every_change_of_a_state_is_an_event_even_inside_one_batch():
    mirror = Mirror()
    words_told = ["Idle", "Execute", "Execute", None, "Held"]
    events = mirror.apply(batch_of("w", 1, T0, [state(w, T0 + i, i) for i, w in enumerate(words_told)]))
    assert [(e.kind, e.t_ns - T0, e.before, e.after) for e in events if e.kind == EventKind.STATE_CHANGED] == [
        (EventKind.STATE_CHANGED, 0, "", "Idle"),
        (EventKind.STATE_CHANGED, 1, "Idle", "Execute"),
        (EventKind.STATE_CHANGED, 3, "Execute", ""),
        (EventKind.STATE_CHANGED, 4, "", "Held"),
    ]


def test_a_state_told_late_or_again_is_no_event():
    mirror = folded([state("Idle", T0, 5)])
    assert mirror.apply(batch_of("w", 2, T0, [state("Held", T0 - 5, 4), state("Idle", T0 + 1, 6)])) == ()


def test_a_changed_text_is_no_state_change():
    mirror = folded([frame(DOOR, T0, 1, T0, [0], ("Idle", "a"))])
    assert mirror.apply(batch_of("w", 2, T0, [frame(DOOR, T0 + 1, 1, T0, [0], ("Idle", "b"))])) == ()
    (event,) = mirror.apply(batch_of("w", 3, T0, [frame(DOOR, T0 + 2, 1, T0, [0], ("Held", "b"))]))
    assert event == Event(EventKind.STATE_CHANGED, T0 + 2, DOOR.asset, "state", "Idle", "Held")


def test_the_rows_order_inside_a_message_does_not_matter_to_the_events():
    rows = [state(word, T0 + i, i) for i, word in enumerate(["Idle", "Execute", "Held"])]
    assert Mirror().apply(batch_of("w", 1, T0, rows)) == Mirror().apply(batch_of("w", 1, T0, rows[::-1]))


def empty(n, tick_ns):
    return Batch("w", n, tick_ns)


def seconds_pass(mirror, first_s, last_s, *streams, listening=1.0):
    """Batches as ingest cuts them, one each second from T0 + first_s to T0 + last_s; ``streams`` say who listens."""
    events = []
    for t in range(first_s, last_s + 1):
        tick_ns = T0 + t * NS_PER_S
        parts = [frame(stream, tick_ns, mirror.n + 1, tick_ns, (listening,)) for stream in streams]
        events += mirror.apply(batch_of("w", mirror.n + 1, tick_ns, parts))
    return [event for event in events if event.kind is not EventKind.ASSET_APPEARED]


def test_an_asset_appears_is_lost_after_its_silence_and_returns():
    mirror, after_ns = Mirror(), 10 * NS_PER_S
    kinds = []
    kinds += mirror.apply(batch_of("w", 1, T0, [one(ARM, T0 - 7, 1, T0)]))
    kinds += seconds_pass(mirror, 1, 10)
    assert kinds == [Event(EventKind.ASSET_APPEARED, T0 - 7, ARM.asset)]
    (lost,) = seconds_pass(mirror, 11, 11)
    assert lost == Event(EventKind.ASSET_LOST, T0 + after_ns, ARM.asset)
    assert seconds_pass(mirror, 12, 20) == []
    heard_ns = T0 + 2 * after_ns + 1
    (returned,) = mirror.apply(batch_of("w", 50, heard_ns, [one(ARM, T0, 2, heard_ns)]))
    assert returned == Event(EventKind.ASSET_RETURNED, heard_ns, ARM.asset)


def test_a_time_without_ingest_is_no_silence_of_the_devices():
    mirror = folded([one(ARM, T0, 1, T0)])
    assert seconds_pass(mirror, 1, 5) == []
    assert seconds_pass(mirror, 3600, 3630) == [], "it was stopped for an hour, and they have 20 s to connect again"
    (lost,) = seconds_pass(mirror, 3631, 3640)
    assert lost == Event(EventKind.ASSET_LOST, T0 + 3630 * NS_PER_S, ARM.asset)


def test_a_time_without_a_connection_is_no_silence_of_those_that_come_by_it():
    other = stream_of("changwon/line/mill", "data", [Signal("load")], period_s=1.0, source="other")
    mine = stream_of(ARM.asset, "state", [Signal("load")], period_s=1.0, source="mine")
    mirror = folded([frame(other, T0, 1, T0, (1.0,)), frame(mine, T0, 1, T0, (1.0,))])
    away = seconds_pass(mirror, 1, 60, listening_stream("mine"), listening=0.0)
    assert [(event.kind, event.asset) for event in away] == [(EventKind.ASSET_LOST, other.asset)]
    assert seconds_pass(mirror, 61, 90, listening_stream("mine")) == []
    (lost,) = seconds_pass(mirror, 91, 95, listening_stream("mine"))
    assert lost == Event(EventKind.ASSET_LOST, T0 + 90 * NS_PER_S, ARM.asset)


def test_nobody_but_ingest_itself_says_that_it_does_not_listen():
    mirror = folded([one(ARM, T0, 1, T0)])
    forged = stream_of("twin/ingest/", "listening", [Signal("listening", Kind.FLAG)], source="a device")
    assert len(seconds_pass(mirror, 1, 12, forged, listening=0.0)) == 1


def test_a_device_that_catches_up_may_pause_for_longer_between_its_chunks():
    mirror = folded([one(ARM, T0 - 3600 * NS_PER_S, 1, T0)])
    assert seconds_pass(mirror, 1, 60) == []
    (lost,) = seconds_pass(mirror, 61, 61)
    assert lost == Event(EventKind.ASSET_LOST, T0 + 60 * NS_PER_S, ARM.asset)


def test_what_is_known_of_the_times_without_ear_outlasts_a_restart_and_is_undone_with_its_batch():
    mirror = folded([one(ARM, T0, 1, T0)])
    seconds_pass(mirror, 1, 3, listening_stream("mine"), listening=0.0)
    before = mirror.canonical()
    seconds_pass(mirror, 100, 100, listening_stream("other"), listening=0.0)
    after = mirror.canonical()
    assert patch(before, difference(before, after)) == after
    streams = {**STREAMS, **{one.id: one for one in map(listening_stream, ("mine", "other"))}}
    again = restore(after, streams.__getitem__)
    assert again.canonical() == after
    assert again.hearing == mirror.hearing
    mirror.undo()
    assert mirror.canonical() == before


def test_what_was_received_before_a_silence_does_not_end_it():
    mirror = folded([one(ARM, T0, 1, T0)])
    seconds_pass(mirror, 1, 60)
    assert mirror.presence[ARM.asset].lost
    assert mirror.apply(batch_of("w", 70, T0 + 60 * NS_PER_S, [one(ARM, T0 - 1, 0, T0 - 5)])) == ()
    assert mirror.presence[ARM.asset].lost


def test_an_asset_is_lost_only_when_all_its_streams_are_silent():
    slow = stream_of(ARM.asset, "slow", [Signal("x")], period_s=20.0)
    mirror = Mirror()
    mirror.apply(batch_of("w", 1, T0, [one(ARM, T0, 1, T0), one(slow, T0, 1, T0)]))
    assert seconds_pass(mirror, 1, 60) == []
    (lost,) = seconds_pass(mirror, 61, 62)
    assert lost == Event(EventKind.ASSET_LOST, T0 + 60 * NS_PER_S, ARM.asset)


def test_a_tick_that_steps_back_does_not_take_time_back():
    mirror = folded([one(ARM, T0, 1)], ticks=[T0 + 100 * NS_PER_S])
    mirror.apply(empty(2, T0))
    assert mirror.tick_ns == T0 + 100 * NS_PER_S


def test_the_state_holds_no_reference_that_a_later_batch_changes():
    values = np.array([[1.0, 2.0]])
    ones = np.array([T0], np.int64)
    part = Frames(METER, ones, np.array([1], np.int64), ones, values, np.array([192], np.int16))
    mirror = folded([part])
    kept = mirror.latest[METER.id]
    mirror.apply(batch_of("w", 2, T0, [one(METER, T0 + 1, 1)]))
    assert kept.values.tolist() == [1.0, 2.0]


def test_silence_says_nothing_about_an_asset_that_sends_on_change_only():
    on_change = stream_of("s/door", "data", (Signal("open", Kind.FLAG),))
    periodic = stream_of("s/meter", "data", (Signal("power"),), period_s=1.0)
    mirror = Mirror()
    parts = [frame(on_change, T0, 1, T0, (1.0,)), frame(periodic, T0, 1, T0, (5.0,))]
    mirror.apply(batch_of("w", 1, T0, parts))
    events = seconds_pass(mirror, 1, 3600)
    assert [(event.kind, event.asset) for event in events] == [(EventKind.ASSET_LOST, "s/meter")]


def said(stream, online, t_ns, received_ns):
    return frame(stream, t_ns, int(online), received_ns, (float(online),))


def kinds(events):
    return [(event.kind.value, event.asset.rpartition("/")[2], (event.t_ns - T0) // NS_PER_S) for event in events]


def apply(mirror, n, *parts, tick_s=0):
    return mirror.apply(batch_of("w", n, T0 + tick_s * NS_PER_S, parts))


def at(stream, s, seq=0):
    """A frame measured and heard at that second."""
    return one(stream, T0 + s * NS_PER_S, seq, T0 + s * NS_PER_S)


def test_a_death_takes_the_path_and_all_below_it_once_and_with_its_own_time():
    mirror = Mirror()
    apply(mirror, 1, at(ARM, 1), at(METER, 1), tick_s=1)
    died = T0 + 3 * NS_PER_S
    assert kinds(apply(mirror, 2, said(CELL_LIVES, False, died, died + 2), tick_s=3)) == [
        ("AssetLost", "cell1", 3), ("AssetLost", "meter", 3), ("AssetLost", "ur3", 3),
    ]  # fmt: skip
    assert {asset: (p.lost, p.died_ns) for asset, p in mirror.presence.items()} == {
        "jeonju/cell1": (True, died), "jeonju/cell1/ur3": (True, died), "jeonju/cell1/meter": (True, died),
    }  # fmt: skip
    assert kinds(apply(mirror, 3, said(CELL_LIVES, False, died + 1, died + 9), tick_s=60)) == [], "lost is lost"
    assert mirror.presence["jeonju/cell1/ur3"].died_ns == died, "the first death counts"


def test_a_birth_brings_back_the_path_itself_and_what_is_below_it_returns_when_it_is_heard():
    mirror = Mirror()
    apply(mirror, 1, at(ARM, 1), at(METER, 1), tick_s=1)
    apply(mirror, 2, said(CELL_LIVES, False, T0 + 3 * NS_PER_S, T0 + 3 * NS_PER_S), tick_s=3)
    back = T0 + 5 * NS_PER_S
    assert kinds(apply(mirror, 3, said(CELL_LIVES, True, back, back), tick_s=5)) == [("AssetReturned", "cell1", 5)]
    assert kinds(apply(mirror, 4, at(METER, 6), tick_s=6)) == [("AssetReturned", "meter", 6)]
    assert kinds(apply(mirror, 5, said(ARM_LIVES, True, back + 1, T0 + 7 * NS_PER_S), tick_s=7)) == [
        ("AssetReturned", "ur3", 7)
    ]
    assert not any(p.lost or p.died_ns for p in mirror.presence.values())


def test_what_was_heard_before_a_death_in_the_same_batch_is_lost_and_what_came_after_it_is_not():
    mirror = Mirror()
    died = T0 + 3 * NS_PER_S
    events = apply(mirror, 1, at(ARM, 1), at(METER, 4), said(CELL_LIVES, False, died, died), tick_s=4)
    assert kinds(events) == [
        ("AssetAppeared", "ur3", 1), ("AssetLost", "cell1", 3), ("AssetLost", "ur3", 3), ("AssetAppeared", "meter", 4),
    ]  # fmt: skip
    assert {a for a, p in mirror.presence.items() if p.lost} == {"jeonju/cell1", "jeonju/cell1/ur3"}


def test_a_death_and_a_birth_in_one_batch_are_told_in_the_order_they_were_heard():
    mirror = Mirror()
    apply(mirror, 1, said(ARM_LIVES, True, T0, T0))
    slow_clock = T0 - 3600 * NS_PER_S
    events = apply(
        mirror, 2, said(ARM_LIVES, False, T0 + 2, T0 + 2), said(ARM_LIVES, True, slow_clock, T0 + 3), tick_s=1
    )
    assert [event.kind for event in events] == [EventKind.ASSET_LOST, EventKind.ASSET_RETURNED]
    assert mirror.latest[ARM_LIVES.id].values.tolist() == [1.0], "the newest heard, whatever the device's clock says"
    assert not mirror.presence["jeonju/cell1/ur3"].lost


def test_a_death_that_comes_late_or_again_changes_nothing():
    mirror = Mirror()
    death = said(ARM_LIVES, False, T0 + 1, T0 + 1)
    apply(mirror, 1, death)
    apply(mirror, 2, said(ARM_LIVES, True, T0 + 2, T0 + 2))
    before = dict(mirror.presence)
    assert apply(mirror, 3, death) == ()
    assert mirror.presence == before


def test_the_silence_of_the_dead_is_no_second_loss():
    mirror = Mirror()
    apply(mirror, 1, at(ARM, 1), said(ARM_LIVES, False, T0 + 2 * NS_PER_S, T0 + 2 * NS_PER_S), tick_s=2)
    assert apply(mirror, 2, tick_s=600) == ()


def test_a_neighbour_whose_name_begins_alike_lives_on():
    mirror = Mirror()
    other = stream_of("jeonju/cell1/ur3-b", "joints", [Signal("q0")], period_s=1.0)
    apply(mirror, 1, frame(other, T0, 1, T0, (1.0,)), said(ARM_LIVES, False, T0 + 1, T0 + 1))
    assert {a for a, p in mirror.presence.items() if p.lost} == {"jeonju/cell1/ur3"}


def test_the_time_of_death_is_in_the_canonical_bytes_and_comes_back():
    mirror = folded([said(ARM_LIVES, False, T0 - 7, T0)])
    assert mirror.canonical().decode().splitlines()[-1] == (
        '["asset", "jeonju/cell1/ur3", 1700000000000000000, true, 0, 1699999999999999993]'
    )
    assert restore(mirror.canonical(), STREAMS.__getitem__).presence == mirror.presence
