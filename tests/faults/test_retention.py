"""Retention: the oldest goes, on the record; what is kept verifies, and the writer is never held up."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from writing import (
    ARM,
    CELL,
    DOOR,
    RULES,
    T0,
    Writer,
    copied,
    part_of,
    postgres_answers,
    server_copied,
    sqlite_url,
    stored,
)

from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from connectors.care import retention as module
from connectors.care.check import check
from connectors.care.retention import Retention
from connectors.stores.sql import open_driver, open_history
from twin.clock import NS_PER_S, ManualClock
from twin.config import RetentionConfig
from twin.keyframes import resume, verify

STEP_NS = 300 * NS_PER_S
BATCHES, FRAMES = 24 * 4, 12
"""One batch an hour, over four days: each begins with a full keyframe."""
NOW = T0 + 4 * DAY_NS


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield copied(tmp_path, BATCHES, FRAMES, step_ns=STEP_NS)
        return
    if not postgres_answers():
        pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    with server_copied("keep", BATCHES, FRAMES, step_ns=STEP_NS) as place:
        yield place


def apply(url, now_ns=NOW, *, archived_only=False, pins=(), **rules):
    with closing(open_history(url)) as history, closing(open_driver(url)) as driver:
        rules = RetentionConfig(**rules)
        return (
            Retention(
                history, driver, rules, ManualClock(now_ns), threading.Event(), archived_only=archived_only, pins=pins
            )
            .run()
            .rows
        )


def ask(url, sql, values=()):
    with closing(open_history(url)) as history:
        return history.ask(sql, values)


def test_raw_data_older_than_asked_goes_and_the_rest_verifies(url):
    gone = apply(url, raw_days=2)
    assert 0 < gone["raw"] < BATCHES * FRAMES * 3
    oldest = ask(url, "SELECT min(tick_ns) FROM batch")[0][0]
    assert abs(oldest - (NOW - 2 * DAY_NS)) <= 3600 * NS_PER_S, "from the full keyframe at or before the cutoff"
    with closing(open_history(url)) as history:
        verdict = verify(history, RULES)
        assert verdict.mismatches == ()
        assert verdict.keyframes > 40
        assert len(stored(history)) == BATCHES * FRAMES * 3 - gone["raw"]
        (record,) = history.removals()
        assert (record.kind, record.writer, record.rows, record.why) == ("raw", "ingest", gone["raw"], "age")
        assert (record.from_n, record.to_n + 1) == (1, history.batch_range("ingest")[0])
        resume(history, "ingest")
        assert 0 < verdict.alarm_batches < verdict.batches
        last = ask(url, "SELECT max(n) FROM batch")[0][0]
        assert history.last_action("ingest") == last // 10 * 10
    assert check(url).ok
    assert apply(url, raw_days=2) == {}


def test_a_batch_that_went_without_a_record_is_still_a_mismatch(url):
    apply(url, raw_days=2)
    with closing(open_driver(url)) as driver:
        driver.begin()
        driver.run("DELETE FROM batch WHERE n = ?", (BATCHES - 3,))
        driver.commit()
    with closing(open_history(url)) as history:
        first = verify(history, RULES).mismatches[0]
    assert (first.n, first.what) == (BATCHES - 3, "batch missing")


def test_rollups_events_and_dead_letters_go_by_their_own_rules(url):
    with closing(open_driver(url)) as driver:
        driver.begin()
        for n in range(5):
            at = T0 + n * DAY_NS
            driver.run(
                "INSERT INTO dead_letter (source, topic, reason, detail, payload, sha256, same, first_ns, last_ns, count) "
                "VALUES ('mqtt', 't', 'encoding', 'd', ?, 's', ?, ?, ?, 3)", (b"x", str(n), at, at),
            )  # fmt: skip
        driver.run("UPDATE source_count SET dead_letters = 15, dead_rows = 5 WHERE source = 'mqtt'")
        driver.commit()
    minutes = ask(url, "SELECT count(*) FROM rollup_1m")[0][0]
    events = ask(url, "SELECT count(*) FROM event")[0][0]
    gone = apply(url, raw_days=1, rollup_days=2, events_days=3, dead_letter_days=2)
    assert gone["dead_letter"] == 2
    assert ask(url, "SELECT dead_letters, dead_rows, dead_overflow FROM source_count WHERE source = 'mqtt'") == [
        (15, 3, 6)
    ]
    assert 0 < ask(url, "SELECT count(*) FROM rollup_1m")[0][0] < minutes
    assert ask(url, "SELECT min(start_ns) FROM rollup_1m")[0][0] >= NOW - 2 * DAY_NS
    assert ask(url, "SELECT count(*) FROM event")[0][0] == events - gone["event"]
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()
        assert {one.kind for one in history.removals()} == {"raw", "rollup", "event", "dead_letter"}


def test_events_that_went_are_no_mismatch_though_their_batches_stay(url):
    before = ask(url, "SELECT count(*) FROM alarm_event WHERE t_ns < ?", (NOW - 2 * DAY_NS,))[0][0]
    with closing(open_history(url)) as history:
        lasting = [alarm.id for alarm in history.alarms()]
        at = history.alarms_at(NOW - DAY_NS)
    gone = apply(url, events_days=2)
    assert gone["event"] > before > 0
    left = {alarm for (alarm,) in ask(url, "SELECT alarm FROM alarm_event WHERE t_ns < ?", (NOW - 2 * DAY_NS,))}
    assert left == set(lasting)
    with closing(open_history(url)) as history:
        assert history.alarms_at(NOW - DAY_NS) == at
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()
        assert verify(history, RULES).batches == BATCHES


def test_a_pinned_span_stays(url):
    pin = (T0 + DAY_NS, T0 + DAY_NS + 3600 * NS_PER_S)
    inside = "SELECT count(*) FROM frame WHERE received_ns >= ? AND received_ns < ?"
    before = ask(url, inside, pin)
    assert apply(url, raw_days=1, pins=[pin])["raw"] > 0
    assert ask(url, inside, pin) == before
    apply(url, raw_days=1)
    assert ask(url, inside, pin) == [(0,)]


def test_with_an_archive_only_what_is_archived_goes(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    url = copied(tmp_path, BATCHES, FRAMES, step_ns=STEP_NS)
    with closing(open_history(url)) as history:
        everything = stored(history)
    assert apply(url, archived_only=True, raw_days=1) == {}
    archive(url, tmp_path / "archive", (T0 // DAY_NS + 2) * DAY_NS, ManualClock(NOW))
    apply(url, archived_only=True, raw_days=1)
    with closing(open_history(url)) as history:
        assert history.batch_range("ingest")[0] > 10
        assert stored(history) == everything, "the frames are in the archive"
        assert verify(history, RULES).mismatches == ()


def test_a_store_larger_than_asked_loses_its_oldest_hours_until_it_fits(tmp_path, monkeypatch):
    url = copied(tmp_path, BATCHES, FRAMES, step_ns=STEP_NS)
    used = ask(url, module._SQLITE_SIZE)[0][0]
    gone = apply(url, max_gb=used * 0.8 / 1e9)
    assert gone["raw"] > 0
    assert ask(url, module._SQLITE_SIZE)[0][0] <= used * 0.8
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()
        assert history.removals()[0].why == "size"
        assert max(row[1] for row in stored(history)) == T0 + (BATCHES * FRAMES - 1) * STEP_NS, "the newest stays"


def test_what_is_sent_again_after_it_went_is_stored_again_and_verifies(tmp_path):
    url = copied(tmp_path, BATCHES, FRAMES, step_ns=STEP_NS)
    apply(url, raw_days=1)
    writer = Writer(url)
    assert writer.n == BATCHES + 1
    writer.append(part_of(ARM, 0, 5, step_ns=STEP_NS), tick_ns=NOW)
    writer.close()
    with closing(open_history(url)) as history:
        assert verify(history, RULES).mismatches == ()


def test_the_writer_waits_less_than_a_quarter_of_a_second_while_much_goes(tmp_path):
    url = sqlite_url(tmp_path)
    Writer(url).run(60, 400, step_ns=NS_PER_S).close()
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("UPDATE keyframe SET is_full = 1 WHERE n = 1")
    writer = Writer(url)
    writer.append(part_of(CELL, 60 * 400, 1, step_ns=NS_PER_S), tick_ns=NOW)
    thread = threading.Thread(target=apply, args=(url,), kwargs={"raw_days": 0.5})
    thread.start()
    slowest, k = 0.0, 60 * 400 + 1
    while thread.is_alive():
        began = time.monotonic()
        writer.append(*(part_of(stream, k, 20, step_ns=NS_PER_S) for stream in (ARM, DOOR)))
        slowest = max(slowest, time.monotonic() - began)
        k += 20
        time.sleep(0.02)  # ingest lingers for company, too
    writer.close()
    assert slowest < 0.25
    with closing(open_history(url)) as history:
        assert history.removals()
        assert verify(history, RULES).mismatches == ()
