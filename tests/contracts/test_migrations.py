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
from twin.ports import Commit, Folded
from twin.sample import batch_of, frame

RECORDED = Path(__file__).parent.parent / "data/schema2"
SERVER = {"host": "127.0.0.1", "user": "root"}
ARM = "jeonju/cell1/ur3:joints"
WIDTHS = {1: 2, 2: 1}


def sqlite_of_2(folder: Path) -> str:
    """The recorded SQLite file of schema 2."""
    path = folder / "two.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((RECORDED / "sqlite.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{path}"


def postgres_of_2(name: str, folder: Path) -> str:
    """The same recording in the PostgreSQL tables of schema 2."""
    path = sqlite_of_2(folder).removeprefix("sqlite:///")
    with (
        closing(sqlite3.connect(path)) as recorded,
        psycopg.connect(**SERVER, dbname=name, autocommit=True) as connection,
    ):
        connection.execute((RECORDED / "postgres.sql").read_text(encoding="utf-8"))
        for (table,) in recorded.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'sqlite_sequence'"
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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def old(request, tmp_path):
    """The URL of a database of schema 2."""
    if request.param == "sqlite":
        yield sqlite_of_2(tmp_path)
        return
    name = f"twin_migrate_{os.getpid()}"
    try:
        connection = psycopg.connect(**SERVER, dbname="postgres", autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
    with connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield postgres_of_2(name, tmp_path)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_reader_names_the_command_that_migrates(old):
    with pytest.raises(StoreError, match=r"schema 2.*twin store migrate"):
        open_history(old)


def test_schema_2_comes_forward_with_every_frame_and_verifies(old):
    store, history = open_store(old), open_history(old)
    try:
        verdict = verify(history)
        assert (verdict.batches, verdict.frames, verdict.keyframes, verdict.mismatches) == (24, 109, 3, ())
        terms = history.by_source()["arms"]
        assert (terms["stored"], terms["expected"], terms["rejected"]) == (103, 7777, {"json_syntax": 2})
        assert history.frames(ARM, 0, 2**62).t_ns.max() == 1_792_592_040_000_000_000
        assert [letter.payload for letter in history.dead_letters()] == [b"{"]
        assert store.decoder_states() == {"arms": b"\x01state"}
    finally:
        store.close()
        history.close()


def test_a_migrated_store_goes_on_where_it_stood(old):
    open_store(old).close()
    store, history = open_store(old), open_history(old)
    try:
        arm = next(stream for stream in history.streams().values() if stream.id == ARM)
        again = history.frames(ARM, 0, 2**62)
        t_ns = int(again.t_ns[-2]) + 86_400 * 10**9
        new = frame(arm, t_ns, 500, t_ns, (1.0, None))
        n = store.next_batch("ingest")
        assert n == 25
        batch = batch_of("ingest", n, t_ns, [again, new])
        outcome = store.append(Commit(batch), lambda _: Folded((), ()))
        assert (outcome.stored, outcome.duplicate, outcome.key_conflict) == (1, 103, 0)
        found = history.frames(ARM, t_ns, t_ns + 1)
        assert found.seq.tolist() == [500]
        assert np.isnan(found.values).tolist() == [[False, True]]
        assert [len(batch) for batch in history.batches("ingest", 24)][-1] == 1
    finally:
        store.close()
        history.close()
