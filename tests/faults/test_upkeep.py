"""Ingest itself, with what goes on beside it: damage found while it runs, salvage, the archive, retention."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing, contextmanager

import pytest
from writing import checkpointed, pages_of, spoil, stored

from connectors.care import notes, start, upkeep
from connectors.factory_file import read_factory
from connectors.ingest.run import run_ingest
from connectors.stores import _rollup
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S
from twin.errors import StoreError
from twin.events import EventKind
from twin.keyframes import verify

FACTORY = """
[hub]
id = "h"
name = "h"
[broker]
use = "mqtt://127.0.0.1:9"
[store]
{store}
[[site]]
id = "s"
name = "s"
[[source]]
name = "file"
type = "capture"
path = "rows.csv"
map = "mapping.toml"
decoder = "json_object"
[source.options]
topic = "{{place...}}/{{asset}}/{{stream}}"
time = "ts"
seq = "seq"
"""
MAPPING = """
topic = "s/robot/data"
delimiter = ";"
time = "when"
seq = "n"
[columns]
"speed" = { field = "speed" }
"""
COUNT = 3000


def place(folder, store=""):
    rows = "\n".join(
        f"{n};2022-10-26T08:{n // 60 % 60:02}:{n % 60:02}.{n // 3600:03}Z;{n % 97 / 10}" for n in range(COUNT)
    )
    (folder / "mapping.toml").write_text(MAPPING, encoding="utf-8")
    (folder / "rows.csv").write_text(f"n;when;speed\n{rows}\n", encoding="utf-8")
    (folder / "factory.toml").write_text(FACTORY.format(store=store), encoding="utf-8")
    return read_factory(folder / "factory.toml", {})


@contextmanager
def ingest(factory):
    """The real thing, in a thread; what it ended with is raised here."""
    stop, failed = threading.Event(), []

    def run():
        try:
            run_ingest(factory, stop)
        except Exception as error:  # noqa: BLE001  told below
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(30)
    assert not failed, failed


def wait_for(url, question, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with closing(open_history(url)) as history:
                found = question(history)
                if found:
                    return found
        except StoreError:
            pass  # it is being made
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def rows_of(url):
    with closing(open_history(url)) as history:
        return {row for row in stored(history) if row[0].startswith("s/")}


def ingested(factory):
    with ingest(factory):
        wait_for(factory.store.url, lambda history: len(rows_of(factory.store.url)) == COUNT)
    return rows_of(factory.store.url)


@pytest.mark.parametrize("at_once", [True, False], ids=["small", "large"])
def test_a_damaged_file_is_replaced_and_salvaged_while_ingest_runs(tmp_path, monkeypatch, at_once):
    factory = place(tmp_path)
    before = ingested(factory)
    url, path = factory.store.url, tmp_path / "data/twin.db"
    pages = pages_of(checkpointed(path), "frame")
    spoil(path, pages[len(pages) // 3], random.Random(1).randbytes(4096))
    if not at_once:  # the file is checked while ingest runs already
        monkeypatch.setattr(start, "CHECK_AT_ONCE", 0)
    with ingest(factory):
        said = wait_for(url, lambda history: notes.noted(history, notes.REPLACED).get("state") == "done" and history)
        assert said
    with closing(open_history(url)) as history:
        note = notes.noted(history, notes.REPLACED)
        assert note["exact"]
        assert note["lost_frames"] > 0
        assert any(event.kind is EventKind.STORE_REPLACED for event in history.events(0, 2**62))
        assert verify(history).mismatches == ()
    assert rows_of(url) == before, "the source sent its file again: what was lost came back, nothing is there twice"
    assert (tmp_path / "data" / note["aside"]).exists()
    assert not start.suspicion(path).exists()


def test_closed_days_are_archived_and_then_let_go_while_ingest_runs(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    monkeypatch.setattr(upkeep, "PERIOD_S", 0.1)
    monkeypatch.setattr(upkeep, "ARCHIVE_EVERY_NS", 0)
    monkeypatch.setattr(_rollup, "FLUSH_AT_LAST_NS", 2 * NS_PER_S)  # what is not rolled up is not archived
    factory = place(tmp_path, 'archive = "old"\n[store.retention]\nevents_days = 1000\n')
    url = factory.store.url
    with ingest(factory):
        wait_for(url, lambda history: len(rows_of(url)) == COUNT)
        wait_for(
            url,
            lambda history: (
                history.ask("SELECT count(*) FROM archive_part WHERE state = 'moved'")[0][0]
                and not history.ask(
                    "SELECT 1 FROM frame f JOIN stream s ON s.stream_key = f.stream_key WHERE s.id LIKE 's/%'"
                )
            ),
        )
    assert list((tmp_path / "old/site=s/day=2022-10-26").glob("*.parquet"))
    assert len(rows_of(url)) == COUNT
    with closing(open_history(url)) as history:
        assert verify(history).mismatches == ()
        assert history.by_source()["file"]["stored"] == COUNT
    again = ingested(factory)
    assert len(again) == COUNT, "the file was sent again: all of it is known"
    with closing(open_history(url)) as history:
        assert history.by_source()["file"]["stored"] == COUNT
        assert history.by_source()["file"]["duplicate"] == COUNT
