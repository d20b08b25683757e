"""F13: a damaged SQLite file is set aside, never deleted; ingest goes on in a new one; what is readable comes back."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import threading
from contextlib import closing, suppress

import pytest
from writing import (
    ARM,
    CELL,
    DOOR,
    RULES,
    T0,
    Writer,
    checkpointed,
    copied,
    pages_of,
    part_of,
    spoil,
    sqlite_url,
    stored,
)

from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from connectors.care import start
from connectors.care.check import check
from connectors.care.salvage import Salvage
from connectors.care.start import open_for_writing, to_salvage
from connectors.stores import _sqlite
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S, ManualClock
from twin.errors import StoreCorrupt, StoreError, StoreUnavailable
from twin.events import EventKind
from twin.keyframes import verify

NOW = 1_795_400_000_000_000_000
BATCHES, FRAMES = 40, 30


@pytest.fixture
def place(tmp_path):
    return copied(tmp_path, BATCHES, FRAMES), tmp_path / "twin.db"


def salvage(url, path, store):
    aside = to_salvage(url)
    assert aside is not None
    return Salvage(aside, path, store, ManualClock(NOW), threading.Event()).run()


def everything(url):
    with closing(open_history(url)) as history:
        return stored(history)


def spoil_table(path, table, which=0.5, seed=1):
    pages = pages_of(path, table)
    spoil(path, pages[int(len(pages) * which)], random.Random(seed).randbytes(4096))


def test_a_sound_file_is_opened_as_it_is(place):
    url, path = place
    open_for_writing(url, "ingest", ManualClock(NOW)).close()
    assert not list(path.parent.glob("*corrupt*"))
    assert to_salvage(url) is None


def test_nothing_more_is_written_into_a_damaged_file_and_it_is_kept(place):
    url, path = place
    spoil_table(path, "frame")
    damaged = path.read_bytes()
    open_for_writing(url, "ingest", ManualClock(NOW)).close()
    (kept,) = [one for one in path.parent.glob("twin.db.corrupt-*") if not one.name.endswith(("-wal", "-shm"))]
    assert kept.read_bytes() == damaged


@pytest.mark.parametrize("seed", range(4))
def test_what_can_be_read_comes_back_and_what_cannot_is_counted_exactly(place, seed):
    url, path = place
    before = everything(url)
    spoil_table(path, "frame", random.Random(seed).random(), seed)
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    result = salvage(url, path, store)
    store.close()
    after = everything(url)
    assert after <= before, "salvage invented or changed a frame"
    assert result.exact
    assert result.frames == len(after)
    assert result.lost_frames == len(before) - len(after) > 0
    assert result.lost_frames < 100, "one page holds some dozens of rows"
    assert result.batches == BATCHES


def test_whole_batches_are_verified_again_and_others_are_marked(place):
    url, path = place
    spoil_table(path, "frame")
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    result = salvage(url, path, store)
    store.close()
    found = check(url)
    assert found.ok, found
    assert found.salvaged == result.batches - result.whole > 0
    with closing(open_history(url)) as history:
        verdict = verify(history, RULES)
    assert verdict.mismatches == ()
    assert verdict.batches == BATCHES + 1


def test_numbers_live_state_and_duplicates_stay_right(place):
    url, path = place
    with closing(open_history(url)) as history:
        live, alarms, journal = history.latest(), history.alarms(), history.alarm_events(0, 2**62)
    assert len(journal) > len(alarms) > 0
    spoil_table(path, "frame", 0.3)
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    assert store.next_batch("ingest") == BATCHES + 2, "the numbers of the old file are not given twice"
    writer = Writer(url, store=store)
    assert [alarm.id for alarm in writer.alarms.book.alarms.values()] == [alarm.id for alarm in alarms]
    # Sent again by the broker, before and after salvage, and what is new.
    newest = [part_of(stream, (BATCHES - 1) * FRAMES, FRAMES) for stream in (ARM, CELL, DOOR)]
    first = writer.append(*newest)
    salvage(url, path, store)
    second = writer.append(*newest)
    assert (first.stored, second.stored) == (90, 0)
    assert second.duplicate == 90
    assert writer.append(part_of(ARM, BATCHES * FRAMES, 5)).stored == 5
    writer.close()
    with closing(open_history(url)) as history:
        assert set(history.latest()) == set(live)
        assert [alarm.id for alarm in history.alarms()] == [alarm.id for alarm in alarms]
        assert set(journal) <= set(history.alarm_events(0, 2**62)), "the journal came over"
        told = [event for event in history.events(0, 2**62) if event.kind is EventKind.STORE_REPLACED]
        assert len(told) == 1
        assert verify(history, RULES).mismatches == ()
        for source, terms in history.by_source().items():
            assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"] + terms["key_conflict"], source
            assert terms["expected"] == terms["distinct"] + terms["gap"]
        assert history.by_source()["mqtt"]["gap"] == sum(
            gap.to_seq - gap.from_seq + 1 for gap in history.gaps(source="mqtt", limit=1000)
        )


@pytest.mark.parametrize(
    "table", ["batch", "frame_text", "stream", "event", "keyframe", "latest", "meta", "alarm_event", "alarm"]
)
def test_whatever_table_is_hit_ingest_goes_on_and_frames_come_back(place, table):
    url, path = place
    before = everything(url)
    spoil_table(path, table, 0.0)
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    result = salvage(url, path, store)
    writer = Writer(url, store=store)
    assert writer.append(part_of(ARM, 10 * BATCHES * FRAMES, 5)).stored == 5
    writer.close()
    after = {row for row in everything(url) if row[2] < 10 * BATCHES * FRAMES}
    assert after <= before
    if table in ("event", "keyframe", "latest"):
        assert after == before
    elif table == "frame_text":
        assert len(before) - len(after) == result.lost_frames
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()


def test_a_destroyed_header_is_no_reason_to_touch_what_may_be_somebody_elses(tmp_path):
    foreign = tmp_path / "twin.db"
    foreign.write_text("my shopping list\n" * 400, encoding="utf-8")
    with pytest.raises(StoreError, match="no database of ours"):
        open_for_writing(sqlite_url(tmp_path), "ingest", ManualClock(NOW))
    assert foreign.read_text(encoding="utf-8").startswith("my shopping list")


def test_a_destroyed_first_page_of_ours_is_set_aside(place):
    url, path = place
    spoil(path, 0, random.Random(1).randbytes(4096))
    with pytest.raises(StoreCorrupt):
        open_store(url)
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    assert store.next_batch("ingest") > BATCHES
    salvage(url, path, store)
    store.close()


@pytest.mark.parametrize("step", ["named", "moved", "made", "noted"])
def test_a_start_that_was_cut_short_is_ended_by_the_next_one(place, step, monkeypatch):
    url, path = place
    before = everything(url)
    spoil_table(path, "frame")

    class Cut(BaseException):
        pass

    def cut(*args, **kwargs):
        raise Cut

    def after(name):
        real = getattr(start, name)

        def run(*args, **kwargs):
            real(*args, **kwargs)
            raise Cut

        return run

    with monkeypatch.context() as patch:
        if step == "named":
            patch.setattr(start, "move_aside", cut)
        elif step == "moved":
            patch.setattr(start, "move_aside", after("move_aside"))
        elif step == "made":
            patch.setattr(start, "_note", cut)
        else:
            patch.setattr(start, "_note", after("_note"))
        with pytest.raises(Cut):
            open_for_writing(url, "ingest", ManualClock(NOW))
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    assert store.next_batch("ingest") == BATCHES + 2
    result = salvage(url, path, store)
    store.close()
    assert result.lost_frames == len(before) - len(everything(url)) > 0
    assert len([one for one in path.parent.glob("twin.db.corrupt-*") if one.name[-4:] not in ("-wal", "-shm")]) == 1


def test_salvage_that_was_stopped_goes_on_at_the_next_start(place):
    url, path = place
    before = everything(url)
    spoil_table(path, "frame")
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    stop = threading.Event()

    class Impatient:
        """The store itself, which asks for the end after ten batches."""

        def __init__(self):
            self.left = 10

        def append(self, commit, fold):
            self.left -= 1
            if not self.left:
                stop.set()
            return store.append(commit, fold)

        def next_batch(self, writer):
            return store.next_batch(writer)

    assert Salvage(to_salvage(url), path, Impatient(), ManualClock(NOW), stop).run() is None
    result = salvage(url, path, store)
    store.close()
    assert to_salvage(url) is None
    assert result.lost_frames == len(before) - len(everything(url))
    assert result.batches == BATCHES


def test_a_large_file_is_checked_while_ingest_runs_and_set_aside_at_the_next_start(place, monkeypatch):
    _, path = place
    monkeypatch.setattr(start, "CHECK_AT_ONCE", 1000)
    spoil_table(path, "frame", 0.1)
    assert start.damage(path) == ""
    said = []
    start.check_in_background(path, said.append).join(30)
    assert said
    assert start.damage(path) != ""


def test_readers_that_were_open_see_the_new_file(place):
    url, path = place
    with closing(open_history(url)) as history:
        assert history.summary().batches == BATCHES
        spoil_table(path, "frame")
        store = open_for_writing(url, "ingest", ManualClock(NOW))
        assert history.summary().batches == 1
        store.close()


def test_the_banner_goes_when_an_engineer_confirms(place):
    from connectors.care import notes

    url, path = place
    spoil_table(path, "frame")
    open_for_writing(url, "ingest", ManualClock(NOW)).close()
    with closing(open_history(url)) as history:
        assert "confirmed_ns" not in notes.noted(history, notes.REPLACED)
        notes.confirm(url, NOW)
        assert notes.noted(history, notes.REPLACED)["confirmed_ns"] == NOW


def test_a_file_cut_short_in_the_middle_is_set_aside_too(place):
    url, path = place
    whole = path.read_bytes()
    shutil.copyfile(path, path.with_name("copy"))
    path.write_bytes(whole[: len(whole) // 2 // 4096 * 4096])
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    salvage(url, path, store)
    store.close()
    assert check(url).ok
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_archived_newest_batches_are_no_damage_even_while_the_archive_is_away(place, tmp_path):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    url, path = place
    archive(url, tmp_path / "archive", T0 + 2 * DAY_NS, ManualClock(T0 + 9 * DAY_NS))
    assert start.damage(path) == ""
    (tmp_path / "archive").rename(tmp_path / "away")
    assert start.damage(path) == ""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE archive_part SET site = site")
        connection.commit()
    assert not list(path.parent.glob("*corrupt*"))


def test_what_was_archived_is_not_lost_with_the_file(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    url, path = sqlite_url(tmp_path), tmp_path / "twin.db"
    Writer(url).run(24, 48, step_ns=300 * NS_PER_S).close()
    before = everything(url)
    archive(url, tmp_path / "archive", (T0 // DAY_NS + 2) * DAY_NS, ManualClock(T0 + 9 * DAY_NS))
    span = (T0, T0 + 5 * DAY_NS)
    with closing(open_history(url)) as history:
        drawn = [history.samples(ARM.id, "q0", *span, points) for points in (20, 10_000)]
        archived = history.ask("SELECT sum(frames) FROM archive_part")[0][0]
    spoil_table(checkpointed(path), "frame", 0.6)
    store = open_for_writing(url, "ingest", ManualClock(NOW))
    result = salvage(url, path, store)
    store.close()
    after = everything(url)
    assert result.lost_frames == len(before) - len(after) > 0
    assert result.frames == len(after) - archived
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()
        few, many = (history.samples(ARM.id, "q0", *span, points) for points in (20, 10_000))
    assert len(many.t_ns) >= len(drawn[1].t_ns) - 100
    assert few.t_ns[:5].tolist() == drawn[0].t_ns[:5].tolist()
    assert few.maximum[:5].tolist() == drawn[0].maximum[:5].tolist(), "drawn from roll-ups of what is archived"
    again = Writer(url)
    assert again.append(part_of(ARM, 0, 50, step_ns=300 * NS_PER_S)).duplicate == 50, "archived frames are known still"
    again.close()


def test_a_file_that_cannot_be_reached_just_now_is_not_taken_for_a_damaged_one(place, monkeypatch):
    url, path = place
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable):
            open_for_writing(url, "ingest", ManualClock(NOW))
    assert not list(path.parent.glob("*corrupt*"))
    held = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        with pytest.raises((StoreUnavailable, OSError)):
            open_for_writing(url, "ingest", ManualClock(NOW))
    finally:
        for number in held:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not list(path.parent.glob("*corrupt*"))
    open_for_writing(url, "ingest", ManualClock(NOW)).close()
