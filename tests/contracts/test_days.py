"""PostgreSQL's partitions by day: made before they are needed, never in the way."""

from __future__ import annotations

import threading

import numpy as np
import psycopg
import pytest

from connectors.stores import _days
from connectors.stores._packing import pack_closed_days
from connectors.stores.sql import open_history, open_store
from twin.ports import Commit, Folded, Outcome
from twin.sample import Frames, Kind, Signal, Stream, batch_of, stream_of

pytestmark = pytest.mark.postgres
DAY = _days.DAY_NS
NOW = 20_000 * DAY + DAY // 2
ARM = stream_of("s/arm", "all", [Signal("q0"), Signal("say", Kind.TEXT)], source="m")


@pytest.fixture
def url(new_database):
    with new_database() as made:
        yield made


def frames(*times_ns: int, received_ns: int = NOW, stream: Stream = ARM) -> Frames:
    n = len(times_ns)
    t_ns = np.array(times_ns, np.int64)
    texts = tuple((str(t),) for t in times_ns) if stream.text_columns else ()
    return Frames(
        stream, t_ns, np.arange(n), np.full(n, received_ns), np.ones((n, stream.width)), np.full(n, 192, np.int16), texts
    )  # fmt: skip


def append(store, *parts: Frames, writer: str = "w") -> Outcome:
    n = store.next_batch(writer)
    return store.append(Commit(batch_of(writer, n, NOW, parts)), lambda _: Folded((), ()))


def rows_in(url: str) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tableoid::regclass::text, count(*) FROM frame GROUP BY 1").fetchall()
        texts = connection.execute("SELECT tableoid::regclass::text, count(*) FROM frame_text GROUP BY 1").fetchall()
    assert {name.replace("frame_text", "frame"): count for name, count in texts} == dict(found)
    return dict(found)


def test_each_day_has_its_partition_and_what_lies_far_off_is_in_the_default(url):
    store = open_store(url)
    given = frames(NOW, NOW - DAY, NOW - 3 * DAY, 0, 2**62, -5)
    append(store, given)
    assert rows_in(url) == {
        "frame_2024_10_04": 1, "frame_2024_10_03": 1, "frame_2024_10_01": 1, "frame_default": 3,
    }  # fmt: skip
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('frame_2024_10_05') IS NOT NULL").fetchone() == (True,)
    history = open_history(url)
    assert history.frames(ARM.id, -10, 2**62 + 1).t_ns.tolist() == [-5, 0, NOW - 3 * DAY, NOW - DAY, NOW, 2**62]
    assert append(store, given) == Outcome(0, 6, 0)
    history.close()
    store.close()


def test_rows_that_waited_in_the_default_move_when_their_day_is_made(url):
    store = open_store(url)
    early = NOW + 3 * DAY
    append(store, frames(early, early + 1))
    assert rows_in(url) == {"frame_default": 2}
    append(store, frames(early + 2, received_ns=NOW + 2 * DAY))
    assert rows_in(url) == {"frame_2024_10_07": 3}
    history = open_history(url)
    assert [len(batch) for batch in history.batches("w")] == [2, 1]
    assert history.frames(ARM.id, 0, 2**62).t_ns.tolist() == [early, early + 1, early + 2]
    history.close()
    store.close()


def test_a_reader_in_the_way_delays_no_batch_and_the_day_is_made_later(url):
    store = open_store(url)
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM frame").fetchall()  # holds its locks to the transaction's end
        assert append(store, frames(NOW)) == Outcome(1, 0, 0)
        assert rows_in(url) == {"frame_default": 1}
    assert append(store, frames(NOW + 1, received_ns=NOW + 1)) == Outcome(1, 0, 0)
    assert rows_in(url) == {"frame_default": 2}  # not tried again at once
    assert append(store, frames(NOW + 2, received_ns=NOW + _days.TRY_AGAIN_NS)) == Outcome(1, 0, 0)
    assert rows_in(url) == {"frame_2024_10_04": 3}
    store.close()


def test_a_batch_that_fails_takes_its_partitions_with_it_and_they_are_made_again(url):
    store = open_store(url)

    def broken(_: object) -> Folded:
        raise ZeroDivisionError

    commit = Commit(batch_of("w", 1, NOW, [frames(NOW)]))
    with pytest.raises(ZeroDivisionError):
        store.append(commit, broken)
    assert store.append(commit, lambda _: Folded((), ())) == Outcome(1, 0, 0)
    assert rows_in(url) == {"frame_2024_10_04": 1}
    store.close()


def test_two_writers_share_the_partitions(url):
    one, two = open_store(url), open_store(url)
    other = stream_of("s/other", "all", [Signal("q0"), Signal("say", Kind.TEXT)], source="m")
    append(one, frames(NOW), writer="a")
    append(two, frames(NOW, NOW + DAY, stream=other), writer="b")
    append(one, frames(NOW + DAY), writer="a")
    assert rows_in(url) == {"frame_2024_10_04": 2, "frame_2024_10_05": 2}
    history = open_history(url)
    assert [[part.stream.id for part in batch.frames] for batch in history.batches("a")] == [[ARM.id], [ARM.id]]
    assert [[len(part) for part in batch.frames] for batch in history.batches("b")] == [[2]]
    history.close()
    one.close()
    two.close()


def test_a_table_that_another_extension_cuts_gets_no_partitions(url):
    """As TimescaleDB wants it: `frame` a plain table with the same columns and key."""
    open_store(url).close()
    with psycopg.connect(url) as connection:
        for name in ("frame", "frame_text"):
            connection.execute(f"CREATE TABLE flat (LIKE {name} INCLUDING ALL)")
            connection.execute(f"DROP TABLE {name}")
            connection.execute(f"ALTER TABLE flat RENAME TO {name}")
    store = open_store(url)
    assert append(store, frames(NOW, NOW + 5 * DAY)) == Outcome(2, 0, 0)
    assert append(store, frames(NOW, NOW + 5 * DAY)) == Outcome(0, 2, 0)
    assert rows_in(url) == {"frame": 2}
    store.close()


def test_the_only_unique_key_is_stream_time_and_sequence(url):
    open_store(url).close()
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'frame'::regclass AND indisunique"
        ).fetchall()
    assert [row[0].partition("USING ")[2] for row in found] == ["btree (stream_key, t_ns, seq)"]


def leaves(url: str) -> dict[str, int]:
    """Bytes of the key's index of each partition."""
    with psycopg.connect(url) as connection:
        return dict(
            connection.execute(
                "SELECT t.relname, pg_relation_size(x.indexrelid) FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid "
                "WHERE x.indisunique AND t.relname LIKE 'frame\\_2%' AND t.relname NOT LIKE 'frame\\_text%'"
            ).fetchall()
        )


def test_the_index_of_a_closed_day_is_packed_and_keeps_keys_unique(url):
    arms = [stream_of(f"s/arm{i:03d}", "all", [Signal("q0")], sequenced=True, source="m") for i in range(40)]
    store = open_store(url)
    for n in range(100):
        seq = np.arange(n * 10, n * 10 + 10)
        for day in (NOW - DAY, NOW):
            t_ns = day + seq * 10**7
            ones, good = np.ones((10, 1)), np.full(10, 192, np.int16)
            append(store, *(Frames(arm, t_ns, seq + (day == NOW) * 100_000, t_ns, ones, good) for arm in arms))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("CREATE INDEX frame_1_ccnew ON frame_text_2024_10_03 (seq)")
        connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'frame_1_ccnew'::regclass")
    loose = leaves(url)
    packed = pack_closed_days(url, NOW // DAY * DAY, threading.Event())
    assert packed == ("frame_2024_10_03_stream_key_t_ns_seq_key",)
    dense = leaves(url)
    assert dense["frame_2024_10_03"] < 0.75 * loose["frame_2024_10_03"]
    assert dense["frame_2024_10_04"] == loose["frame_2024_10_04"], "the day that is still written to is left alone"
    assert pack_closed_days(url, NOW // DAY * DAY, threading.Event()) == ()
    with psycopg.connect(url) as connection:
        left = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%ccnew%'").fetchone()
    assert left == (0,), "what a REINDEX left that was cut short is taken away"
    t_ns = np.array([NOW - DAY])
    again = Frames(arms[0], t_ns, np.array([0]), t_ns, np.ones((1, 1)), np.full(1, 192, np.int16))
    assert append(store, again) == Outcome(0, 1, 0)
    store.close()
    assert open_history(url).summary().bytes == sum_of_tables(url)


def sum_of_tables(url: str) -> int:
    with psycopg.connect(url) as connection:
        (size,) = connection.execute(
            "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables WHERE schemaname = 'public'"
        ).fetchone()
    return int(size)
