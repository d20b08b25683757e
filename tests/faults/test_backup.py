"""F21: a backup while a writer writes, restored, verifies; what is delivered again after it stores what came since."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from writing import ARM, CELL, DOOR, Writer, part_of, postgres_answers, server_database, sqlite_url, stored, written

from connectors.care.backup import backup, restore
from connectors.care.check import check
from connectors.desk import Desk
from connectors.desk.tables import audit
from connectors.stores.lock import writer_lock
from connectors.stores.sql import open_history
from twin.clock import ManualClock
from twin.errors import StoreError
from twin.keyframes import verify

CLOCK = ManualClock(1_795_400_000_000_000_000)
WRITES = """
import sys
sys.path.insert(0, {folder!r})
from writing import Writer
writer = Writer({url!r})
while True:
    writer.run(1, 20, start=writer.n - 1)
    print(writer.n - 1, flush=True)
"""


def quiet(_done, _all):
    pass


@pytest.fixture
def writes():
    """A process that stores one batch after another and says so; ended with the test."""
    running = []

    def begin(url):
        code = textwrap.dedent(WRITES.format(folder=str(Path(__file__).parent), url=url))
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()


def last_said(process):
    process.kill()
    rest, _ = process.communicate()
    return [int(line) for line in rest.split()]


def redeliver(url, batches):
    """Everything from the beginning is sent again, cut otherwise."""
    writer = Writer(url)
    new = 0
    for k in range(0, batches, 3):
        count = min(3, batches - k) * 20
        new += writer.append(*(part_of(stream, k * 20, count) for stream in (ARM, CELL, DOOR))).stored
    writer.close()
    return new


def test_a_backup_while_writing_verifies_and_redelivery_stores_what_came_since(tmp_path, writes):
    url = written(sqlite_url(tmp_path), 50)
    process = writes(url)
    during = [int(process.stdout.readline()) for _ in range(5)]
    backup(url, tmp_path / "backup", progress=quiet)
    during += [int(process.stdout.readline()) for _ in range(20)]
    last = max(during + last_said(process))
    with closing(open_history(url)) as history:
        batches, live = history.summary().batches, stored(history)
    assert batches >= last > 70
    (aside,) = restore(tmp_path / "backup", url, CLOCK, replace=True).asides
    with closing(open_history(url)) as history:
        copied = history.summary().batches
        assert verify(history).mismatches == ()
    assert 50 <= copied < batches, "the copy is a snapshot of the middle"
    assert redeliver(url, batches) == (batches - copied) * 60
    with closing(open_history(url)) as history:
        assert stored(history) == live
        assert verify(history).mismatches == ()
    assert Path(aside).exists()
    assert check(f"sqlite:///{aside}").batches == batches


def test_a_backup_is_one_file_and_the_writer_is_not_held_up(tmp_path, writes):
    url = written(sqlite_url(tmp_path), 300)
    process = writes(url)
    process.stdout.readline()
    said = []
    backup(url, tmp_path / "backup", quick=True, progress=lambda done, pages: said.append((done, pages)))
    assert any(done == pages > 1 for done, pages in said), "progress is told to the end"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(("backup-", ".backup"))]
    assert process.stdout.readline()
    with closing(sqlite3.connect(tmp_path / "backup")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_backup_overwrites_nothing_and_a_failed_one_leaves_nothing(tmp_path):
    url = written(sqlite_url(tmp_path), 10)
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="overwrites nothing"):
        backup(url, tmp_path / "there", progress=quiet)
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("UPDATE frame SET quality = 1 WHERE id = 7")
        connection.commit()
    with pytest.raises(StoreError, match="damaged"):
        backup(url, tmp_path / "new", progress=quiet)
    assert {one.name for one in tmp_path.iterdir()} - {"twin.db-wal", "twin.db-shm"} == {"twin.db", "there"}


def test_restore_replaces_only_when_told_and_never_beside_a_writer(tmp_path):
    url = written(sqlite_url(tmp_path), 10)
    backup(url, tmp_path / "backup", progress=quiet)
    with pytest.raises(StoreError, match="--replace"):
        restore(tmp_path / "backup", url, CLOCK)
    with writer_lock(url, "ingest"), pytest.raises(StoreError, match="another process writes"):
        restore(tmp_path / "backup", url, CLOCK, replace=True)
    (tmp_path / "rubbish").write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(StoreError, match="damaged"):
        restore(tmp_path / "rubbish", url, CLOCK, replace=True)
    assert check(url).ok


def test_readers_see_the_restored_store_without_a_restart(tmp_path):
    url = written(sqlite_url(tmp_path), 10)
    backup(url, tmp_path / "backup", progress=quiet)
    with closing(Writer(url)) as writer:
        writer.run(5, start=10)
    with closing(open_history(url)) as history:
        assert history.summary().batches == 15
        restore(tmp_path / "backup", url, CLOCK, replace=True)
        assert history.summary().batches == 10


@pytest.mark.postgres
@pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL server answers at 127.0.0.1:5432")
def test_postgresql_is_dumped_while_written_and_restored(tmp_path, writes):
    with server_database("backup") as url:
        written(url, 20)
        process = writes(url)
        process.stdout.readline()
        try:
            backup(url, tmp_path / "backup", progress=quiet)
        except StoreError as error:
            if "not installed" in str(error) or "version" in str(error):
                pytest.skip(str(error))
            raise
        said = last_said(process)
        with closing(open_history(url)) as history:
            live, batches = stored(history), history.summary().batches
        assert batches >= max(said, default=0)
        with pytest.raises(StoreError, match="--replace"):
            restore(tmp_path / "backup", url, CLOCK)
        (aside,) = restore(tmp_path / "backup", url, CLOCK, replace=True).asides
        assert aside.startswith("replaced_")
        with closing(open_history(url)) as history:
            copied = history.summary().batches
            assert 20 < copied <= batches
            assert verify(history).mismatches == ()
        redeliver(url, batches)
        with closing(open_history(url)) as history:
            assert stored(history) == live


def test_the_desk_goes_with_the_store_and_comes_back(tmp_path):
    url = written(sqlite_url(tmp_path), 3)
    desk = Desk(url, CLOCK)
    desk.note("kim", "login", "kim")
    backup(url, tmp_path / "copy.db", progress=quiet)
    assert (tmp_path / "copy-desk.db").exists()
    desk.note("lee", "login", "lee")
    desk.close()
    with pytest.raises(StoreError, match="exists"):
        backup(url, tmp_path / "copy.db", progress=quiet)
    (tmp_path / "copy.db").rename(tmp_path / "copy2.db")
    with pytest.raises(StoreError, match=r"copy-desk\.db exists"):
        backup(url, tmp_path / "copy.db", progress=quiet)
    (tmp_path / "copy2.db").rename(tmp_path / "copy.db")
    restore(tmp_path / "copy.db", url, CLOCK, replace=True)
    with Desk(url, CLOCK).reading() as connection:
        assert [row.who for row in connection.execute(select(audit))] == ["kim"]
    (aside,) = tmp_path.glob("twin-desk.db.replaced-*Z")
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM desk_audit").fetchone() == (2,)
