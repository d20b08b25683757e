"""F11, F14, F15: a full disk, no file numbers left, a locked database: what is committed is stored, and it goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from writing import ARM, Writer, part_of, sqlite_url, stored

from connectors.care import room as room_module
from connectors.care.check import check
from connectors.care.guarded import GuardedStore
from connectors.care.room import TELL_EVERY_NS, Level, room_of
from connectors.desk import Desk
from connectors.stores import _sqlite
from connectors.stores.sql import open_history, open_store
from dashboards.calls.health import checks
from dashboards.live import LiveHub
from dashboards.notices import Notices
from dashboards.page import Behind
from dashboards.reader import Reader
from twin.clock import NS_PER_S, ManualClock
from twin.config import Factory, StoreConfig
from twin.errors import StoreUnavailable
from twin.keyframes import verify
from twin.site import Hub, Name


class Usage(NamedTuple):
    total: int
    used: int
    free: int


MB = 1_000_000
PATIENT = """
import sys, time
sys.path.insert(0, {folder!r})
from writing import ARM, CELL, DOOR, Writer, part_of
from twin.errors import StoreUnavailable
writer = Writer({url!r})
for k in range({batches}):
    parts = [part_of(stream, k * 200, 200) for stream in (ARM, CELL, DOOR)]
    while True:
        try:
            writer.append(*parts)
            break
        except StoreUnavailable as error:
            if writer.mirror.n == writer.n:
                writer.mirror.undo()
                writer.keyframes.undo()
            print("full", error, flush=True)
            time.sleep(0.05)
    print("stored", k, flush=True)
writer.close()
print("done", flush=True)
"""
BATCHES = 60


def patient(url, **how):
    code = textwrap.dedent(PATIENT.format(folder=str(Path(__file__).parent), url=url, batches=BATCHES))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, **how)


def lines_until(process, word):
    lines = []
    for line in process.stdout:
        lines.append(line.split()[:2])
        if line.startswith(word):
            return lines
    raise AssertionError(f"the writer ended without a word {word!r}: {lines[-3:]}")


def holds(url, batches):
    with closing(open_history(url)) as history:
        assert verify(history).mismatches == ()
        return history.summary().batches == batches and len(stored(history)) == batches * 600


def test_a_file_that_may_not_grow_further_refuses_and_goes_on_when_it_may(tmp_path):
    url = sqlite_url(tmp_path)
    open_store(url).close()

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MB, resource.RLIM_INFINITY))

    process = patient(url, preexec_fn=small)
    before = lines_until(process, "full")
    committed = sum(word == "stored" for word, *_ in before)
    assert 0 < committed < BATCHES
    with closing(open_history(url)) as history:
        assert history.summary().batches == committed, "what was committed is what is stored"
    assert check(url).ok
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    lines_until(process, "done")
    process.wait()
    assert holds(url, BATCHES)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting a small disk needs root")
def test_a_full_disk_refuses_and_ingest_goes_on_when_there_is_room(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        url = sqlite_url(disk)
        process = patient(url)
        before = lines_until(process, "full")
        committed = sum(word == "stored" for word, *_ in before)
        assert 0 < committed < BATCHES
        with closing(open_history(url)) as history:
            assert history.summary().batches == committed
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        lines_until(process, "done")
        process.wait()
        assert holds(url, BATCHES)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_below_the_floor_nothing_is_stored_before_the_database_fails_and_above_it_goes_on(tmp_path, monkeypatch):
    free = [10_000 * MB]
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    url, clock = sqlite_url(tmp_path), ManualClock(1_795_400_000 * NS_PER_S)
    room = room_of(url, 2000, 256, clock)
    writer = Writer(url, store=GuardedStore(open_store(url), room, "ingest"))
    assert writer.append(part_of(ARM, 0, 10)).stored == 11, "with them the frame that tells of the room"
    free[0] = 200 * MB
    clock.advance(2.0)
    with pytest.raises(StoreUnavailable, match="200 MB left, 256 MB is the floor"):
        writer.append(part_of(ARM, 10, 10))
    free[0] = 300 * MB
    clock.advance(2.0)
    assert room.check() is Level.LOW
    assert writer.append(part_of(ARM, 10, 10)).stored == 10
    writer.close()
    with closing(open_history(url)) as history:
        assert verify(history).mismatches == ()
        terms = history.by_source()["twin"]
        assert terms["decoded_frames"] == terms["stored"] == 1


def test_the_levels_are_said_early_and_the_twin_records_them(tmp_path, monkeypatch):
    free = [10_000 * MB]
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    url, clock = sqlite_url(tmp_path), ManualClock(1_795_400_000 * NS_PER_S)
    room = room_of(url, 2000, 256, clock)
    writer = Writer(url, store=GuardedStore(open_store(url), room, "ingest"))
    levels = []
    for _ in range(61):
        writer.append()
        levels.append(room.check())
        clock.advance(TELL_EVERY_NS / NS_PER_S)
        free[0] -= 20 * MB  # 2 MB a second: 10 GB last for little more than an hour
    writer.close()
    assert levels[0] is Level.OK
    assert levels[30] is Level.OK, "a burst of five minutes is no pace"
    assert levels[-1] is Level.LOW, "it will be full within the day, though 8.8 GB are free"
    assert room.measured.full_in_s == pytest.approx((8_800 - 256) / 2, rel=0.05)
    with closing(open_history(url)) as history:
        told = history.frames("twin/ingest:room", 0, 2**62)
        assert len(told) == 61
        assert {text for (text,) in told.texts} == {"ok", "low"}
        assert history.latest()["twin/ingest:room"].texts == ("low",)


def test_the_pages_say_it_though_ingest_is_stopped_by_it(tmp_path, monkeypatch):
    free = [100 * MB]
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    clock = ManualClock(1_795_400_000 * NS_PER_S)
    notices = Notices(StoreConfig(sqlite_url(tmp_path)), clock)
    assert [(one["kind"], one["level"]) for one in notices.look(None)] == [("room_critical", "critical")]
    free[0] = 1000 * MB
    clock.advance(2.0)
    assert [one["kind"] for one in notices.look(None)] == ["room_low"]
    free[0] = 10_000 * MB
    clock.advance(2.0)
    assert notices.look(None) == []


def test_health_and_status_tell_the_truth_while_nothing_is_taken_in(tmp_path, monkeypatch):
    free = [100 * MB]
    monkeypatch.setattr(room_module.shutil, "disk_usage", lambda _: Usage(0, 0, free[0]))
    clock = ManualClock(1_795_400_000 * NS_PER_S)
    url = sqlite_url(tmp_path)
    open_store(url).close()
    factory = Factory(Hub("h", Name("h", "h"), ()), (), store=StoreConfig(url))
    reader = Reader(lambda: open_history(url), clock)
    live = LiveHub(factory.hub, {}, reader, clock, Notices(factory.store, clock))
    behind = Behind(factory, live, reader, Desk(url, clock), clock, tmp_path)
    asyncio.run(live._once_a_second())
    found = checks(behind)["room"]
    assert (found["ok"], found["level"], found["detail"]) == (False, "critical", "100 MB free")
    assert [one["kind"] for one in live.status()["notices"]] == ["room_critical"]
    free[0] = 10_000 * MB
    clock.advance(2.0)
    asyncio.run(live._once_a_second())
    assert checks(behind)["room"]["ok"]
    assert live.status()["notices"] == []
    reader.close()


def test_a_database_locked_by_another_is_waited_for_and_then_written(tmp_path, monkeypatch):
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 100)
    url = sqlite_url(tmp_path)
    writer = Writer(url).run(2)
    with closing(sqlite3.connect(tmp_path / "twin.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            writer.append(part_of(ARM, 1000, 5))
        other.execute("ROLLBACK")
    assert writer.append(part_of(ARM, 1000, 5)).stored == 5
    monkeypatch.setattr(_sqlite, "BUSY_TIMEOUT_MS", 5000)
    held = threading.Event()

    def hold():
        with closing(sqlite3.connect(tmp_path / "twin.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            held.set()
            time.sleep(0.2)  # the time that the other one takes is the fault itself
            other.execute("ROLLBACK")

    writer.close()
    writer = Writer(url)
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    assert writer.append(part_of(ARM, 2000, 5)).stored == 5, "a short lock is waited for, not told of"
    thread.join()
    writer.close()


NO_NUMBERS = """
import os, resource, sys
sys.path.insert(0, {folder!r})
from writing import ARM, Writer, part_of
from connectors.stores.sql import open_history
from twin.errors import StoreUnavailable
writer = Writer({url!r}).run(1)
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
taken = []
while True:
    try:
        taken.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        break
for k in range(20):
    assert writer.append(part_of(ARM, 1000 + k * 10, 10)).stored == 10
try:
    open_history({url!r})
except StoreUnavailable as error:
    print("refused", error)
for number in taken:
    os.close(number)
open_history({url!r}).close()
writer.close()
print("done")
"""


def test_with_no_file_numbers_left_the_open_store_goes_on_and_new_openings_say_so(tmp_path):
    code = textwrap.dedent(NO_NUMBERS.format(folder=str(Path(__file__).parent), url=sqlite_url(tmp_path)))
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "done"
    assert "refused" in ran.stdout
    assert check(sqlite_url(tmp_path)).ok
