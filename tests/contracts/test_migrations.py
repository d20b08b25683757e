"""Databases of older programs come forward whole, and verify as they did."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest
from psycopg import sql

from connectors.stores._codec import to_lists, unpack
from connectors.stores.sql import open_history, open_store
from twin.errors import StoreError
from twin.keyframes import verify
from twin.ports import Commit, FindingCount, Folded, Newcomer
from twin.sample import batch_of, frame

RECORDED = Path(__file__).parent.parent / "data"
SERVER = {"host": "127.0.0.1", "user": "root"}
ARM = "jeonju/cell1/ur3:joints"
WIDTHS = {1: 2, 2: 1}
BATCHES = {2: 24, 3: 25}
NEWCOMERS = {
    2: [],
    3: [Newcomer("arms", "jeonju/cell1/stray", 5, "plant/jeonju/cell1/stray/data", "jeonju/cell1/stray:data", "x, y",
                 last_ns=5)],
}  # fmt: skip


def sqlite_of(version: int, folder: Path) -> str:
    """The recorded SQLite file of that schema."""
    path = folder / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((RECORDED / f"schema{version}/sqlite.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{path}"


def postgres_of(version: int, name: str, folder: Path) -> str:
    """The same recording in the PostgreSQL tables of that schema; its roll-ups are packed for SQLite and left out."""
    path = sqlite_of(version, folder).removeprefix("sqlite:///")
    with (
        closing(sqlite3.connect(path)) as recorded,
        psycopg.connect(**SERVER, dbname=name, autocommit=True) as connection,
    ):
        connection.execute((RECORDED / f"schema{version}/postgres.sql").read_text(encoding="utf-8"))
        for (table,) in recorded.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'sqlite_sequence' "
            "AND name NOT LIKE 'rollup%'"
        ):
            found = recorded.execute(f"SELECT * FROM {table}")
            columns = [column[0] for column in found.description]
            flags = {"sequenced", "is_full"} & set(columns)
            for row in found:
                values = dict(zip(columns, row, strict=True))
                if "vals" in values and isinstance(values["vals"], bytes):
                    values["vals"] = to_lists(unpack([values["vals"]], WIDTHS[values["stream_key"]]))[0]
                values |= {flag: bool(values[flag]) for flag in flags}
                connection.execute(
                    sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                        sql.Identifier(table),
                        sql.SQL(",").join(map(sql.Identifier, values)),
                        sql.SQL(",").join([sql.Placeholder()] * len(values)),
                    ),
                    list(values.values()),
                )
    return f"postgresql://root@127.0.0.1/{name}"


@pytest.fixture(params=[2, 3])
def version(request):
    """The schema that a database has."""
    return request.param


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def old(request, tmp_path, version):
    """The URL of a database of that schema."""
    if request.param == "sqlite":
        yield sqlite_of(version, tmp_path)
        return
    name = f"twin_migrate_{os.getpid()}"
    try:
        connection = psycopg.connect(**SERVER, dbname="postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    with connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield postgres_of(version, name, tmp_path)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_reader_names_the_command_that_migrates(old, version):
    with pytest.raises(StoreError, match=rf"schema {version}.*twin store migrate"):
        open_history(old)


def test_an_old_schema_comes_forward_with_every_frame_and_verifies(old, version):
    store, history = open_store(old), open_history(old)
    try:
        verdict = verify(history)
        assert (verdict.batches, verdict.frames, verdict.keyframes, verdict.mismatches) == (
            BATCHES[version],
            109,
            3,
            (),
        )
        terms = history.by_source()["arms"]
        assert (terms["stored"], terms["expected"], terms["rejected"]) == (103, 7777, {"json_syntax": 2})
        assert history.frames(ARM, 0, 2**62).t_ns.max() == 1_792_592_040_000_000_000
        assert [letter.payload for letter in history.dead_letters()] == [b"{"]
        assert store.decoder_states() == {"arms": b"\x01state"}
        assert history.newcomers() == NEWCOMERS[version]
        assert history.findings() == []
    finally:
        store.close()
        history.close()


def test_a_migrated_store_goes_on_where_it_stood(old, version):
    open_store(old).close()
    store, history = open_store(old), open_history(old)
    try:
        arm = next(stream for stream in history.streams().values() if stream.id == ARM)
        again = history.frames(ARM, 0, 2**62)
        t_ns = int(again.t_ns[-2]) + 86_400 * 10**9
        new = frame(arm, t_ns, 500, t_ns, (1.0, None))
        n = store.next_batch("ingest")
        assert n == BATCHES[version] + 1
        batch = batch_of("ingest", n, t_ns, [again, new])
        told = Newcomer("arms", "jeonju/cell1/stray", 9, "t", "", "", "robot_arm", name="Stray", last_ns=9)
        broken = FindingCount("arms", "jeonju/cell1/ur3", "order", 2, 7, 9, "late")
        outcome = store.append(Commit(batch, newcomers=(told,), findings=(broken,)), lambda _: Folded((), ()))
        assert (history.newcomers()[0].name, history.findings()) == ("Stray", [broken])
        assert (outcome.stored, outcome.duplicate, outcome.key_conflict) == (1, 103, 0)
        found = history.frames(ARM, t_ns, t_ns + 1)
        assert found.seq.tolist() == [500]
        assert np.isnan(found.values).tolist() == [[False, True]]
        assert [len(batch) for batch in history.batches("ingest", n)][-1] == 1
    finally:
        store.close()
        history.close()
