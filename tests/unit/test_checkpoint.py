"""SQLite's log stays short while commits go on, whoever reads meanwhile."""

from __future__ import annotations

import sqlite3
import threading
import time

import pytest

from connectors.stores import _checkpoint
from connectors.stores._checkpoint import Checkpoints
from connectors.stores._sqlite import BUSY_TIMEOUT_MS, open_reader, open_writer

EVERY = 200_000


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(_checkpoint, "EVERY_BYTES", EVERY)
    monkeypatch.setattr(_checkpoint, "LONG_BYTES", 4 * EVERY)
    monkeypatch.setattr(_checkpoint, "LITTLE_BYTES", EVERY // 4)


def write(connection, checkpoints, commits):
    for _ in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (randomblob(40000))")
        connection.execute("COMMIT")
        checkpoints.committed(connection)
        yield


def test_the_log_begins_again_though_commits_never_pause(tmp_path, small):
    path = tmp_path / "t.db"
    connection = open_writer(path)
    connection.execute("CREATE TABLE t (b BLOB)")
    checkpoints, longest = Checkpoints(path), 0
    log = tmp_path / "t.db-wal"
    for _ in write(connection, checkpoints, 400):
        longest = max(longest, log.stat().st_size)
    assert longest < 40 * EVERY, "16 MB were written, and a busy machine lets the log's keeper wait"
    assert path.stat().st_size > 8_000_000, "most of it is in the file"
    checkpoints.close(connection)
    connection.close()


def test_a_reader_in_the_midst_delays_the_new_beginning_and_no_commit(tmp_path, small):
    path = tmp_path / "t.db"
    connection = open_writer(path)
    connection.execute("CREATE TABLE t (b BLOB)")
    checkpoints = Checkpoints(path)
    reader = open_reader(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM t").fetchall()
    began, longest = time.monotonic(), 0.0
    for _ in write(connection, checkpoints, 100):
        longest, began = max(longest, time.monotonic() - began), time.monotonic()
    assert longest < BUSY_TIMEOUT_MS / 1000, "a commit waited for the reader, as long as it would"
    reader.execute("COMMIT")
    log = tmp_path / "t.db-wal"
    deadline = time.monotonic() + 10
    for _ in write(connection, checkpoints, 2000):
        if log.stat().st_size < 4 * EVERY:
            break
        assert time.monotonic() < deadline, "the log did not begin again"
    checkpoints.close(connection)
    connection.close()
    reader.close()


def test_a_checkpoint_that_fails_is_tried_again(tmp_path, small, monkeypatch, caplog):
    path = tmp_path / "t.db"
    connection = open_writer(path)
    connection.execute("CREATE TABLE t (b BLOB)")
    checkpoints, real, failed = Checkpoints(path), sqlite3.connect, threading.Event()

    def once(*arguments, **words):
        if not failed.is_set():
            failed.set()
            raise sqlite3.OperationalError("unable to open database file")
        return real(*arguments, **words)

    monkeypatch.setattr(_checkpoint.sqlite3, "connect", once)
    for _ in write(connection, checkpoints, 300):
        pass
    assert failed.is_set()
    assert "a checkpoint failed" in caplog.text
    assert path.stat().st_size > 4_000_000
    checkpoints.close(connection)
    connection.close()
