"""The archive: what is moved reads as before, is on the disk before it leaves the database, and is never twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from writing import ARM, CELL, DOOR, T0, Writer, copied, part_of, postgres_answers, server_copied, stored

from connectors.archive import move as move_module
from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from connectors.care.check import check
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S, ManualClock
from twin.errors import StoreError
from twin.keyframes import verify

pa = pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")

STEP_NS = 300 * NS_PER_S
"""Five minutes between frames: 288 a day."""
DAYS, FRAMES = 4, 48
CLOCK = ManualClock(T0 + 10 * DAY_NS)
CUT_NS = (T0 // DAY_NS + 2) * DAY_NS


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield copied(tmp_path, DAYS * 288 // FRAMES, FRAMES, step_ns=STEP_NS)
        return
    if not postgres_answers():
        pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    with server_copied("archive", DAYS * 288 // FRAMES, FRAMES, step_ns=STEP_NS) as place:
        yield place


@pytest.fixture
def small(tmp_path):
    return copied(tmp_path, DAYS * 288 // FRAMES, FRAMES, step_ns=STEP_NS)


def reads(url):
    """Everything that the port reads, in a form that compares."""
    start, end = T0 - DAY_NS, T0 + 6 * DAY_NS
    ids = [stream.id for stream in (ARM, CELL, DOOR)]
    with closing(open_history(url)) as history:
        answers = {"stored": stored(history), "latest": sorted(history.latest())}
        for limit in (None, 1, 7, 300, 500):
            found = history.frames(DOOR.id, start, end, limit)
            answers["frames", limit] = (found.t_ns.tolist(), found.texts)
        for name in ("q0", "q1"):
            for points in (10_000, 50):
                series = history.samples(ARM.id, name, start, end, points)
                answers["samples", name, points] = (
                    series.t_ns.tolist(), series.minimum.tolist(), series.maximum.tolist(), series.raw,
                )  # fmt: skip
        for buckets in (1, 7, 100):
            answers["density", buckets] = history.density(ids, start, end, buckets).tolist()
        answers["density of a part"] = history.density(ids, T0 + DAY_NS // 3, T0 + DAY_NS, 5).tolist()
        for hours in range(0, 120, 17):
            found = history.as_of(T0 + hours * 3600 * NS_PER_S)
            answers["as_of", hours] = {
                name: (one.t_ns, one.seq, one.values.tolist() if not np.isnan(one.values).any() else "nan", one.texts)
                for name, one in found.items()
            }
            answers["texts", hours] = history.text_changes(DOOR.id, "state", T0 + hours * 3600 * NS_PER_S, end)
        answers["batches"] = [
            (batch.n, batch.tick_ns, [(part.stream.id, part.t_ns.tolist()) for part in batch.frames])
            for batch in history.batches("ingest")
        ]
        answers["some batches"] = [len(batch) for batch in history.batches("ingest", 3, 9)]
        answers["verdict"] = verify(history)
        assert answers["verdict"].mismatches == ()
    return answers


def hot_rows(url):
    with closing(open_history(url)) as history:
        return history.ask("SELECT count(*) FROM frame")[0][0], history.ask("SELECT count(*) FROM frame_text")[0][0]


def parts(url):
    with closing(open_history(url)) as history:
        return history.ask("SELECT path, site, day, frames, state FROM archive_part ORDER BY path")


def test_every_read_is_the_same_after_days_were_moved(url, tmp_path):
    before = reads(url)
    rows, texts = hot_rows(url)
    moved = archive(url, tmp_path / "archive", CUT_NS, CLOCK)
    assert moved.frames == moved.let_go > 0
    assert hot_rows(url)[0] == rows - moved.frames
    assert hot_rows(url)[1] < texts
    after = reads(url)
    for question, answer in before.items():
        assert after[question] == answer, question
    assert check(url).ok
    assert {(site, day) for _, site, day, _, _ in parts(url)} == {
        (site, day) for site in ("changwon", "jeonju") for day in ("2026-11-22", "2026-11-23")
    }
    assert archive(url, tmp_path / "archive", CUT_NS, CLOCK).files == 0, "nothing is moved twice"


def test_what_is_sent_again_after_it_was_moved_is_a_duplicate_and_other_values_a_conflict(url, tmp_path):
    before = reads(url)["stored"]
    archive(url, tmp_path / "archive", CUT_NS, CLOCK)
    writer = Writer(url)
    again = writer.append(*(part_of(stream, 0, 50, step_ns=STEP_NS) for stream in (ARM, CELL, DOOR)))
    assert (again.stored, again.duplicate, again.key_conflict) == (0, 150, 0)
    other = part_of(ARM, 10, 1, step_ns=STEP_NS)
    other.values[:] = 9.0
    changed = writer.append(other)
    assert (changed.stored, changed.key_conflict) == (0, 1)
    late = part_of(ARM, 5, 1, step_ns=STEP_NS)
    late.t_ns[:] += 1
    assert writer.append(late).stored == 1
    writer.close()
    with closing(open_history(url)) as history:
        assert stored(history) - before == {(ARM.id, int(late.t_ns[0]), 5, tuple(late.values[0].tolist()), ())}
        assert verify(history).mismatches == ()


def test_a_late_frame_goes_to_its_day_with_the_next_run(small, tmp_path):
    archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    writer = Writer(small)
    late = part_of(ARM, 5, 3, step_ns=STEP_NS)
    late.t_ns[:] += 1
    writer.append(late)
    writer.close()
    before = reads(small)
    moved = archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    assert (moved.files, moved.frames) == (1, 3)
    assert reads(small) == before


class Cut(BaseException):
    """The process is gone at this point."""


STEPS = ("write", "_compare", "sha256_of", "note", "delete once", "delete later", "the last word")


def cut_at(step, patch, monkey_count=None):
    """Let the mover end at a step as if it were killed there."""

    def cut(*args, **kwargs):
        raise Cut

    if step == "write":
        real = move_module.write

        def half(path, stream, rows):
            real(path, stream, rows)
            path.write_bytes(path.read_bytes()[:500])
            raise Cut

        patch.setattr(move_module, "write", half)
    elif step == "_compare":
        patch.setattr(move_module.Mover, "_compare", cut)
    elif step == "sha256_of":
        patch.setattr(move_module, "sha256_of", cut)
    elif step == "note":
        patch.setattr(move_module.known, "note", cut)
    elif step == "the last word":
        real_run = move_module.delete
        left = [10**9]
        patch.setattr(move_module, "ROWS_A_DELETION", 10**6)

        def all_gone(driver, keys):
            real_run(driver, keys)
            left[0] -= 1

        patch.setattr(move_module, "delete", all_gone)
        patch.setattr(move_module, "MOVED", move_module.WRITTEN)
    else:
        patch.setattr(move_module, "ROWS_A_DELETION", 40)
        real_delete = move_module.delete
        calls = [1 if step == "delete once" else 5]

        def some(driver, keys):
            calls[0] -= 1
            if not calls[0]:
                real_delete(driver, keys[:7])
                raise Cut
            real_delete(driver, keys)

        patch.setattr(move_module, "delete", some)


@pytest.mark.parametrize("step", STEPS)
def test_a_move_that_ends_at_any_step_loses_and_doubles_nothing_and_goes_on(small, tmp_path, step, monkeypatch):
    before = reads(small)
    with monkeypatch.context() as patch:
        cut_at(step, patch)
        try:
            archive(small, tmp_path / "archive", CUT_NS, CLOCK)
        except Cut:
            pass
        else:
            assert step == "the last word"
    assert reads(small) == before, "right after"
    archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    assert reads(small) == before, "after the next run"
    assert {state for *_, state in parts(small)} == {"moved"}
    recorded = sum(frames for *_, frames, _ in parts(small))
    assert hot_rows(small)[0] + recorded == len(before["stored"])


KILLED = """
import sys, pathlib
from connectors.archive import move
from connectors.archive.run import archive
from twin.clock import ManualClock
move.ROWS_A_DELETION = 20
print("go", flush=True)
archive({url!r}, pathlib.Path({folder!r}), {cut}, ManualClock({now}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_killed_dead_at_a_random_moment_nothing_is_lost_or_doubled(small, tmp_path, seed):
    before = reads(small)
    delay = random.Random(seed).uniform(0.0, 0.35)
    code = textwrap.dedent(KILLED.format(url=small, folder=str(tmp_path / "archive"), cut=CUT_NS, now=CLOCK.now_ns()))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "go\n"
    threading.Event().wait(delay)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert reads(small) == before
    archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    assert reads(small) == before
    assert {state for *_, state in parts(small)} == {"moved"}


def test_nothing_is_let_go_when_the_file_is_not_what_was_written(small, tmp_path, monkeypatch):
    before = reads(small)
    real = move_module.write

    def rotten(path, stream, rows):
        def changed():
            for part in rows:
                part.ints[3, :1] += 1
                yield part

        return real(path, stream, changed())

    monkeypatch.setattr(move_module, "write", rotten)
    with pytest.raises(StoreError, match="not what was written"):
        archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    assert {state for *_, state in parts(small)} == {"begun"}
    assert not list((tmp_path / "archive").rglob("*.parquet"))
    assert reads(small) == before


def test_a_file_that_changed_on_the_disk_stops_the_mover_before_it_deletes_more(small, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        cut_at("delete later", patch)
        with pytest.raises(Cut):
            archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    ((path, *_),) = [part for part in parts(small) if part[-1] == "written"]
    rows = hot_rows(small)
    file = tmp_path / path
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="bring it back"):
        archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    assert hot_rows(small) == rows


def test_ingest_writes_on_while_days_are_moved_and_waits_less_than_a_quarter_of_a_second(small, tmp_path):
    done = threading.Event()
    failed = []

    def move():
        try:
            archive(small, tmp_path / "archive", CUT_NS, CLOCK)
        except StoreError as error:
            failed.append(error)
        done.set()

    writer = Writer(small)
    thread = threading.Thread(target=move)
    thread.start()
    slowest, k = 0.0, DAYS * 288 // FRAMES
    while not done.is_set():
        began = time.monotonic()
        writer.append(*(part_of(stream, k * FRAMES, 20, step_ns=STEP_NS) for stream in (ARM, CELL, DOOR)))
        slowest = max(slowest, time.monotonic() - began)
        k += 1
        time.sleep(0.02)  # ingest lingers for company, too
    thread.join()
    writer.close()
    assert not failed
    assert slowest < 0.25
    with closing(open_history(small)) as history:
        assert verify(history).mismatches == ()


def test_the_same_store_is_archived_by_one_process_at_a_time(small, tmp_path):
    from connectors.stores.lock import writer_lock

    with writer_lock(small, "archive"), pytest.raises(StoreError, match="another process"):
        archive(small, tmp_path / "archive", CUT_NS, CLOCK)


def test_without_pyarrow_it_says_what_to_install(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(StoreError, match=r"factory-twin\[archive\]"):
        archive(small, tmp_path / "archive", CUT_NS, CLOCK)


def test_the_folder_can_be_moved_together_with_the_database(small, tmp_path):
    before = reads(small)
    archive(small, tmp_path / "archive", CUT_NS, CLOCK)
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    new = tmp_path.parent / f"{tmp_path.name}-moved"
    Path(tmp_path).rename(new)
    assert reads(f"sqlite:///{new / 'twin.db'}") == before
    new.rename(tmp_path)
