"""Roll-ups hold exactly what the stored frames say, whatever happened on the way."""

from __future__ import annotations

import itertools
import random
import sqlite3
from dataclasses import replace

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from many import examples

from connectors.stores import _reader, _rollup
from connectors.stores._roll import roll_of
from connectors.stores._roll_rows import LEVELS, _roll_from
from connectors.stores._series import series_of
from connectors.stores.sql import open_history, open_store
from twin.clock import NS_PER_S, ManualClock
from twin.errors import StoreUnavailable
from twin.ports import Commit, Folded
from twin.sample import Frames, Kind, Signal, batch_of, frame, merge, stream_of

S = NS_PER_S
START = 20_000 * 86_400 * S
FAST = stream_of("s/fast", "all", [Signal(f"q{i}") for i in range(3)], sequenced=True, period_s=0.1, source="m")
UNCOUNTED = replace(FAST, sequenced=False)
SLOW = stream_of("s/slow", "all", [Signal(f"q{i}") for i in range(3)], period_s=1.0, source="m")
UNKNOWN = stream_of("s/unknown", "all", [Signal("a"), Signal("w", Kind.TEXT)], source="m")
WORDS = stream_of("s/words", "all", [Signal("w", Kind.TEXT)], source="m")
LIMITS = {table.table: table.ns for table in LEVELS}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path, new_database):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/twin.db"
        return
    with new_database() as made:
        yield made


def nothing(_: object) -> Folded:
    return Folded((), ())


def append(store, tick_ns: int, *parts: Frames, writer: str = "w", fold=nothing):
    return store.append(Commit(batch_of(writer, store.next_batch(writer), tick_ns, parts)), fold)


def crash(store) -> None:
    """As when the process is killed: nothing is written at the end."""
    store._driver.close()


def many(stream, start_ns: int, count: int, step_ns: int, seed: int = 0) -> Frames:
    """Frames of a stream, some of their values absent where the seed is odd."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, stream.width)).round(3)
    if seed % 2:
        values[rng.random(values.shape) < 0.3] = np.nan
    t_ns = start_ns + np.arange(count) * step_ns
    texts = tuple((f"t{i}",) for i in range(count)) if stream.text_columns else ()
    return Frames(stream, t_ns, t_ns // 10**6, t_ns, values, np.full(count, 192, np.int16), texts)


def assert_rolled(url: str) -> int:
    """Every table holds what the frames within the watermarks are, and no more; returns how many rows there are."""
    store, history = open_store(url), open_history(url)
    driver = store._driver
    driver.begin()
    rolled = dict(driver.ask("SELECT writer_key, rolled_n FROM writer"))
    checked = 0
    for key, stream in history.streams().items():
        found = driver.ask("SELECT t_ns, seq, vals, writer_key, batch FROM frame WHERE stream_key = ?", (key,))
        rows = [row for row in found if row[4] <= rolled[row[3]]]
        for level in LEVELS:
            there = driver.ask(
                "SELECT stream_key, start_ns, frames, last_ns, last_seq, mins, maxs, sums, counts, lasts, lasts_at "
                f"FROM {level.table} WHERE stream_key = ? ORDER BY start_ns",
                (key,),
            )
            if not rows or not stream.width:
                assert there == []
                continue
            t_ns, seq, cells, *_ = zip(*rows, strict=True)
            values = driver.decode(cells, stream.width)
            right = roll_of(np.full(len(rows), key), np.array(t_ns), np.array(seq), values, level.ns)
            if level.table == "rollup_10s":
                is_fast = stream.period_s is not None and stream.period_s <= 0.2
                stored = {row[1] for row in there}
                assert stored >= {
                    s for s, n in zip(right.starts.tolist(), right.frames.tolist(), strict=True) if is_fast or n >= 50
                }
                assert is_fast or not stored - {
                    s for s, n in zip(right.starts.tolist(), right.frames.tolist(), strict=True) if n >= 50
                }
                right = right.take(np.isin(right.starts, list(stored)))
            assert len(there) == len(right)
            if not there:
                continue
            roll = _roll_from(driver, there, stream.width)
            for name in (
                "keys",
                "starts",
                "frames",
                "last_ns",
                "last_seq",
                "mins",
                "maxs",
                "counts",
                "lasts",
                "at_ns",
                "at_seq",
            ):
                one, other = getattr(roll, name), getattr(right, name)
                assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), (level, stream.id, name)
            with np.errstate(invalid="ignore"):
                assert np.allclose(roll.sums, right.sums, rtol=1e-9, atol=1e-9, equal_nan=True)
            checked += len(there)
    driver.rollback()
    store._driver.close()
    history.close()
    return checked


def assert_drawn_as_the_frames_are(url: str, draw: random.Random, ids: list[str], times: int) -> None:
    """Any drawing, from whatever is in the roll-ups by now, is what the frames themselves give."""
    history = open_history(url)
    for stream in history.streams().values():
        if stream.id not in ids or not stream.width:
            continue
        everything = history.frames(stream.id, -(2**62), 2**62)
        for _ in range(times):
            column, points = draw.randrange(stream.width), draw.choice([1, 2, 7, 40])
            start, end = sorted(int(draw.choice(everything.t_ns)) + draw.choice([0, 1, -5 * S]) for _ in range(2))
            if draw.random() < 0.4:
                start, end = 0, 2**62
            frames = history.frames(stream.id, start, end)
            right = series_of(frames.t_ns, frames.values[:, column], points)
            found = history.samples(stream.id, stream.columns[column].name, start, end, points)
            assert found.raw == right.raw
            assert found.t_ns.tolist() == right.t_ns.tolist()
            assert found.minimum.tolist() == right.minimum.tolist()
            assert found.maximum.tolist() == right.maximum.tolist()
            assert np.allclose(found.mean, right.mean, rtol=1e-9, atol=1e-9)
            assert len(found.t_ns) <= points
    history.close()


def test_a_stream_at_10_hz_has_rows_of_every_level(url):
    store = open_store(url)
    for n in range(30):
        start = START + n * 5 * S
        append(
            store, start + 5 * S, many(FAST, start, 50, S // 10, n), many(SLOW, start, 5, S), many(WORDS, start, 3, S)
        )
    store.close()
    assert assert_rolled(url) == 15 + 3 + 1 + 3 + 1


def test_a_batch_larger_than_what_is_gathered_is_rolled_whole(url, monkeypatch):
    monkeypatch.setattr("connectors.stores._rollup.GATHERED_VALUES", 300)
    store = open_store(url)
    for n in range(4):
        start = START + n * 20 * S
        append(store, start + 20 * S, many(FAST, start, 200, S // 10, n))
    store.close()
    assert assert_rolled(url) == 8 + 2 + 1


def test_what_is_not_written_yet_is_gathered_again_after_a_crash(url):
    store = open_store(url)
    for n in range(7):
        append(store, START + (n + 1) * 3 * S, many(FAST, START + n * 3 * S, 30, S // 10, n))
    crash(store)
    assert assert_rolled(url) > 0
    store = open_store(url)
    append(store, START + 25 * S, many(FAST, START + 21 * S, 30, S // 10))
    store.close()
    assert assert_rolled(url) == 3 + 1 + 1


def test_the_first_opening_after_a_long_absence_catches_up_in_slices(url, monkeypatch):
    monkeypatch.setattr(_rollup, "CATCH_UP_FRAMES", 100)
    monkeypatch.setattr(_rollup, "FLUSH_NS", 2**60)
    store = open_store(url)
    for n in range(30):
        append(store, START + n * S, many(FAST, START + n * S, 10, S // 10, n))
    crash(store)
    store = open_store(url)
    for n in range(30, 34):
        append(store, START + n * S, many(FAST, START + n * S, 10, S // 10, n), many(SLOW, START - 3600 * S, 2, S))
        assert assert_rolled(url) > 0
    store.close()
    assert assert_rolled(url) == 4 + 1 + 1 + 2


def test_late_frames_correct_the_buckets_of_long_ago(url):
    store = open_store(url)
    append(store, START, many(FAST, START - 3600 * S, 400, S // 5, 1))
    append(store, START + 61 * S, many(FAST, START, 100, S // 10))
    append(store, START + 62 * S, many(FAST, START - 3600 * S + S // 10, 300, S // 5, 3))
    append(store, START + 130 * S, many(SLOW, START, 3, S))
    store.close()
    assert assert_rolled(url) > 0


def test_a_bucket_that_was_too_slow_in_parts_is_whole_when_it_is_fast_together(url):
    store = open_store(url)
    for n in range(4):
        append(store, START + (n + 1) * 61 * S, many(UNKNOWN, START + n * S, 20, S // 50, n))
    store.close()
    assert assert_rolled(url) == 3
    store = open_store(url)
    driver = store._driver
    driver.begin()
    assert driver.ask("SELECT frames FROM rollup_10s") == [(80,)]
    driver.rollback()
    store.close()


def test_frames_ahead_of_the_clock_and_bad_ones_count_like_any(url):
    store = open_store(url)
    bad = [
        frame(FAST, START + i * S, i, START, (i, None, -i), quality=quality)
        for i, quality in enumerate((0, 64, 68, 192, 500))
    ]
    append(store, START, merge(bad))
    store.close()
    assert assert_rolled(url) == 3


def test_two_writers_add_to_the_same_bucket(url):
    one = open_store(url)
    for n in range(6):
        for writer in "ab":
            part = many(FAST, START + n * 11 * S + (writer == "b") * S // 20, 40, S // 10, n)
            append(one, START + n * 11 * S, replace(part, seq=part.seq * 2 + (writer == "b")), writer=writer)
    one.close()
    assert assert_rolled(url) > 0


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_two_processes_add_to_the_same_bucket(url):
    one, two = open_store(url), open_store(url)
    for n in range(8):
        for writer, store in (("a", one), ("b", two)):
            part = many(UNCOUNTED, START + n * 6 * S + (writer == "b") * S // 20, 40, S // 10, n)
            append(store, START + n * 6 * S, replace(part, seq=part.seq * 2 + (writer == "b")), writer=writer)
    one.close()
    two.close()
    assert assert_rolled(url) > 0


STEPS = ("run", "many", "many_typed", "ask", "ask_at", "insert_frames", "commit", "alone")


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_at_any_step_of_a_flush_leaves_nothing_out_and_nothing_twice(url, monkeypatch):
    step, done = 0, False
    start = START
    while not done:
        store = open_store(url)
        for n in range(2):
            append(store, start + n * S, many(FAST, start + n * S, 10, S // 10, n), many(UNKNOWN, start, 4 + n, S // 7))
        left = itertools.count()
        step += 1
        commit = Commit(
            batch_of(
                "w",
                store.next_batch("w"),
                start + 70 * S,
                [many(FAST, start + 2 * S, 80, S // 10, step), many(SLOW, start, 2, S)],
            )
        )

        def killing(call, *, after: bool, left=left, step=step):
            def called(*args, **more):
                if not after and next(left) == step:
                    raise Killed
                result = call(*args, **more)
                if after and next(left) == step:
                    raise Killed
                return result

            return called

        for name in STEPS:
            monkeypatch.setattr(
                type(store._driver), name, killing(getattr(type(store._driver), name), after=name == "commit")
            )
        try:
            store.append(commit, nothing)
            done = True
        except Killed:
            pass
        monkeypatch.undo()
        crash(store)
        if step % 4 == 0 or done:
            assert_rolled(url)
        start += 100 * S
    store = open_store(url)
    append(store, start + 70 * S, many(FAST, start, 5, S))
    append(store, start + 140 * S, many(FAST, start + 70 * S, 5, S))
    store.close()
    assert step > 10
    assert assert_rolled(url) > 2 * step


def test_a_commit_in_doubt_is_counted_once(url, monkeypatch):
    store = open_store(url)
    append(store, START, many(FAST, START, 30, S // 10))
    commit_for_good = store._driver.commit
    lost = psycopg.OperationalError if url.startswith("postgres") else sqlite3.OperationalError

    def commit_and_lose_the_answer() -> None:
        commit_for_good()
        raise lost("the connection is gone")

    for n, tick in enumerate((START + 3 * S, START + 70 * S, START + 71 * S), 2):
        commit = Commit(batch_of("w", n, tick, [many(FAST, START + n * 3 * S, 30, S // 10, n)]))
        monkeypatch.setattr(store._driver, "commit", commit_and_lose_the_answer)
        with pytest.raises(StoreUnavailable):
            store.append(commit, nothing)
        monkeypatch.undo()
        assert store.append(commit, nothing).stored == 30
    append(store, START + 72 * S, many(FAST, START + 15 * S, 30, S // 10))
    store.close()
    assert assert_rolled(url) == 2 + 1 + 1


def test_whatever_happens_the_roll_ups_are_the_frames(url):
    number = itertools.count()

    @settings(
        max_examples=examples(16 if url.startswith("postgres") else 40),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def check(seed):
        draw = random.Random(seed)
        base = START + next(number) * 10**7 * S
        streams = [replace(s, id=f"s/{base}{s.id}") for s in (FAST, SLOW, UNKNOWN, WORDS)]
        store, tick, sent = open_store(url), base, []
        for _ in range(draw.randrange(1, 12)):
            tick += draw.choice([S // 2, 3 * S, 11 * S, 61 * S])
            parts = []
            for stream in draw.sample(streams, draw.randrange(0, 4)):
                start = tick - draw.choice([0, 0, 0, 15 * S, 100 * S, 4000 * S])
                part = many(
                    stream, start, draw.randrange(1, 90), draw.choice([S // 100, S // 10, S, 7 * S]), draw.randrange(9)
                )
                order = list(range(len(part)))
                if draw.random() < 0.3:
                    draw.shuffle(order)
                parts.append(part.take(np.array(order)))
            if sent and draw.random() < 0.3:
                parts.append(draw.choice(sent))
            sent += parts
            if draw.random() < 0.2:
                with pytest.raises(ZeroDivisionError):
                    append(store, tick, *parts, fold=lambda _: 1 // 0)
            append(store, tick, *parts)
            if draw.random() < 0.25:
                crash(store)
                store = open_store(url)
            if draw.random() < 0.2:
                assert_drawn_as_the_frames_are(url, draw, [stream.id for stream in streams], 2)
        if draw.random() < 0.5:
            store.close()
        else:
            crash(store)
        assert_drawn_as_the_frames_are(url, draw, [stream.id for stream in streams], 10)

    check()
    assert assert_rolled(url) > 100


def test_what_is_not_rolled_up_yet_is_not_archived(url, tmp_path):
    pytest.importorskip("pyarrow")
    from connectors.archive.run import archive

    store = open_store(url)
    append(store, START, many(FAST, START, 100, S // 10))
    crash(store)
    clock = ManualClock(START + 9 * 86_400 * S)
    assert archive(url, tmp_path / "archive", START + 5 * 86_400 * S, clock).frames == 0
    store = open_store(url)
    append(store, START + S, many(FAST, START + 10 * S, 100, S // 10))
    store.close()
    assert archive(url, tmp_path / "archive", START + 5 * 86_400 * S, clock).frames == 200
    driver = open_store(url)._driver
    driver.begin()
    assert driver.ask("SELECT start_ns, frames FROM rollup_10s ORDER BY start_ns") == [
        (START, 100),
        (START + 10 * S, 100),
    ]
    driver.rollback()
    driver.close()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_more_rows_than_there_is_room_for_are_read_in_pieces(url, monkeypatch):
    monkeypatch.setattr(_reader, "ROOM_BYTES", 1000)
    store = open_store(url)
    append(store, START, many(FAST, START, 4000, S, 2), many(SLOW, START, 3000, S, 1))
    crash(store)
    assert_drawn_as_the_frames_are(url, random.Random(2), [FAST.id, SLOW.id], 12)


def test_what_roll_ups_were_let_go_is_drawn_from_frames(url):
    store = open_store(url)
    for n in range(30):
        append(store, START + (n + 1) * 360 * S, many(FAST, START + n * 360 * S, 200, 9 * S // 5, 2 * n))
    store.close()
    driver = open_store(url)._driver
    driver.begin()
    for table in LIMITS:
        driver.run(f"DELETE FROM {table} WHERE start_ns < ?", (START + 5000 * S,))
    driver.commit()
    driver.close()
    assert_drawn_as_the_frames_are(url, random.Random(1), [FAST.id], 12)


def test_a_day_is_drawn_from_roll_ups_and_not_from_frames(url, monkeypatch):
    store = open_store(url)
    hours = 26
    for n in range(hours):
        start = START + n * 3600 * S
        append(store, start + 3600 * S, many(FAST, start, 1800, 2 * S, 2 * n), many(UNKNOWN, start, 60, 60 * S, n))
    append(store, START + (hours * 3600 + 61) * S, many(FAST, START + hours * 3600 * S, 30, 2 * S))
    history = open_history(url)
    read: list[tuple[int, int]] = []
    reader = type(history._reader)
    frames_drawn = reader.drawn

    def counted(self, place, buckets, start_ns, end_ns):
        read.append((start_ns, end_ns))
        return frames_drawn(self, place, buckets, start_ns, end_ns)

    monkeypatch.setattr(reader, "drawn", counted)
    for stream, signal, points in ((FAST, "q1", 1000), (FAST, "q1", 20), (FAST, "q1", 5000), (UNKNOWN, "a", 200)):
        read.clear()
        frames = history.frames(stream.id, START + 7 * S, START + 30 * 3600 * S)
        column = [c.name for c in stream.columns].index(signal)
        found = history.samples(stream.id, signal, START + 7 * S, START + 30 * 3600 * S, points)
        right = series_of(frames.t_ns, frames.values[:, column], points)
        assert not found.raw
        assert found.t_ns.tolist() == right.t_ns.tolist()
        assert found.maximum.tolist() == right.maximum.tolist()
        assert np.allclose(found.mean, right.mean)
        assert sum(end - start for start, end in read) < 150 * S
    history.close()
    store.close()
