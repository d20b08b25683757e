"""`twin store check`: flipped bits are found, sound stores are not accused."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner
from writing import checkpointed, copied, pages_of, postgres_answers, server_database, spoil, written

from connectors.care.check import check
from dashboards.cli import app


def test_a_sound_store_is_read_whole_and_found_sound(tmp_path):
    found = check(copied(tmp_path, 40))
    assert found.ok
    assert (found.batches, found.frames) == (40, 40 * 60)
    assert found.keyframes >= 1


def test_a_quick_check_reads_the_newest_batches_only(tmp_path):
    assert check(copied(tmp_path, 40), quick=True).batches == 16


@pytest.mark.parametrize("seed", range(8))
def test_one_flipped_bit_among_the_values_is_found_though_sqlite_sees_none(tmp_path, seed):
    url = copied(tmp_path, 40)
    path = checkpointed(tmp_path / "twin.db")
    with closing(sqlite3.connect(path)) as connection:
        row, blob, batch = connection.execute(
            "SELECT id, vals, batch FROM frame WHERE length(vals) > 8 LIMIT 1 OFFSET ?",
            (random.Random(seed).randrange(1500),),
        ).fetchone()
        flipped = bytearray(blob)
        flipped[-1 - random.Random(seed).randrange(8)] ^= 1 << random.Random(seed + 1).randrange(8)
        connection.execute("UPDATE frame SET vals = ? WHERE id = ?", (bytes(flipped), row))
        connection.commit()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = check(url)
    assert [one.n for one in found.damaged] == [batch]
    assert found.damaged[0].streams


def test_a_destroyed_page_is_found_and_the_rest_is_still_read(tmp_path):
    url = copied(tmp_path, 60)
    path = checkpointed(tmp_path / "twin.db")
    pages = pages_of(path, "frame")
    spoil(path, pages[len(pages) // 2], random.Random(3).randbytes(4096))
    found = check(url)
    assert not found.ok
    assert found.file
    assert found.damaged
    assert found.batches == 60


def test_a_keyframe_that_rotted_is_found(tmp_path):
    url = copied(tmp_path, 20)
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("UPDATE keyframe SET sha256 = 'f' || substr(sha256, 2) WHERE n = 1")
        connection.execute("UPDATE keyframe SET sha256 = '0' || substr(sha256, 2) WHERE n = 1 AND sha256 LIKE 'f%'")
        connection.commit()
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("UPDATE alarm_keyframe SET state = x'00' WHERE n = 1")
        connection.commit()
    assert {("keyframe", 1), ("alarm keyframe", 1)} <= {(one.what, one.n) for one in check(url).damaged}


def test_the_verb_says_which_batch_and_stream_and_exits_1(tmp_path):
    url = copied(tmp_path, 10)
    with closing(sqlite3.connect(tmp_path / "twin.db")) as connection:
        connection.execute("UPDATE frame SET quality = 191 WHERE id = 1")
        connection.commit()
    ran = CliRunner().invoke(app, ["store", "check", "--url", url])
    assert ran.exit_code == 1
    assert "ingest batch 1: checksum" in ran.stdout
    assert "changwon/cell2/door:state" in ran.stdout
    ran = CliRunner().invoke(app, ["store", "check", "--url", url, "--json"])
    assert '"ok": false' in ran.stdout


@pytest.mark.postgres
@pytest.mark.skipif(not postgres_answers(), reason="no PostgreSQL server answers at 127.0.0.1:5432")
def test_a_changed_value_in_postgresql_is_found_and_its_own_checksums_are_told(tmp_path):
    import psycopg

    with server_database("check") as url:
        written(url, 10)
        assert check(url).ok
        assert check(url).data_checksums in (True, False)
        with psycopg.connect(url, autocommit=True) as connection:
            batch = connection.execute(
                "UPDATE frame SET vals[1] = vals[1] + 0.001 WHERE id = 25 RETURNING batch"
            ).fetchone()
        assert [one.n for one in check(url).damaged] == list(batch)
