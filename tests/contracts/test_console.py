"""`twin sql`: every stream a view, by its name, on both databases; and nothing can be written."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from typer.testing import CliRunner

from connectors.stores import _views
from connectors.stores._codec import canonical, pack
from connectors.stores.console import SqlMistake, answer_of
from connectors.stores.sql import open_store
from dashboards.cli import app
from twin.assets.robot_arm import ASSET_TYPE as ROBOT_ARM
from twin.ports import Commit, Folded
from twin.sample import Kind, Signal, batch_of, frame, merge, stream_of

T = 1_790_000_000 * 10**9
ARM = stream_of(
    "전주/cell1/ur3", 'joi"nts', [Signal("q0"), Signal("time"), Signal("Q0"), Signal("모드", Kind.TEXT)], source="m"
)
LONG = stream_of("s/" + "가나다라마바사아자차" * 5, "all", [Signal("긴" * 60), Signal("긴" * 61)], source="m")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path, new_database):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/twin.db"
        return
    with new_database() as made:
        yield made


@pytest.fixture
def filled(url):
    store = open_store(url)
    rows = [frame(ARM, T + i, i, T, (i / 4, None if i == 1 else -i, 7), ("자동" if i else None,)) for i in range(3)]
    store.append(Commit(batch_of("w", 1, T, [merge(rows), frame(LONG, T, 1, T, (1, 2))])), lambda _: Folded((), ()))
    store.close()
    return url


def ask(url: str, statement: str, **more):
    with answer_of(url, statement, **more) as (names, rows):
        return names, [tuple(row) for row in rows]


def test_a_stream_is_a_view_with_its_signals_as_columns(filled):
    names, rows = ask(filled, 'SELECT * FROM "전주/cell1/ur3:joi""nts" ORDER BY time_ns')
    assert names == ["time_ns", "time", "seq", "received_ns", "quality", "q0", "time_2", "Q0_2", "모드"]
    assert [row[0] for row in rows] == [T, T + 1, T + 2]
    assert [row[2:] for row in rows] == [
        (0, T, 192, 0.0, 0.0, 7.0, None), (1, T, 192, 0.25, None, 7.0, "자동"), (2, T, 192, 0.5, -2.0, 7.0, "자동"),
    ]  # fmt: skip
    assert str(rows[0][1]).replace(" ", "T").startswith("2026-09-21T")


def test_values_are_read_from_the_bare_table_too(filled):
    names, rows = ask(
        filled, "SELECT value_at(vals, 1) AS q0, value_at(vals, 2), value_at(vals, 99) FROM frame WHERE stream_key = "
        "(SELECT stream_key FROM stream WHERE name LIKE 'joi%') AND t_ns >= ns('2026-09-21T00:00:00Z') ORDER BY t_ns",
    )  # fmt: skip
    assert names[0] == "q0"
    assert rows == [(0.0, 0.0, None), (0.25, None, None), (0.5, -2.0, None)]


def test_names_longer_than_a_database_takes_are_cut_and_stay_apart(filled):
    names, rows = ask(filled, f'SELECT * FROM "{_views.view_name(LONG.id)}"')
    assert len(_views.view_name(LONG.id).encode()) <= 63
    assert names[5:] == ["긴" * 21, "긴" * 20 + "_2"]
    assert rows[0][5:] == (1.0, 2.0)


def test_a_stream_that_appears_later_gets_its_view(filled):
    store = open_store(filled)
    other = replace(ARM, id="s/other:all")
    row = replace(frame(ARM, T, 1, T, (1, 2, 3), ("x",)), stream=other)
    store.append(Commit(batch_of("w", 2, T + 11 * 10**9, [row])), lambda _: Folded((), ()))
    assert ask(filled, 'SELECT q0, "모드" FROM "s/other:all"')[1] == [(1.0, "x")]
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM frame",
        "WITH gone AS (DELETE FROM frame RETURNING 1) SELECT * FROM gone",
        "SELECT 1; DELETE FROM frame",
        "COMMIT; DROP TABLE frame",
        "PRAGMA query_only = OFF",
        "ATTACH DATABASE '/nowhere' AS other",
        "CREATE TABLE mine (a int)",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "DO $$ BEGIN DELETE FROM frame; END $$",
        "SELECT * INTO mine FROM frame",
        "EXPLAIN ANALYZE DELETE FROM frame",
        "SELECT load_extension('x')",
        "SELECT set_config('transaction_read_only', 'off', true), 1; DELETE FROM frame",
        "",
        "nonsense",
        "SELECT nothing FROM nowhere",
    ],
)
def test_nothing_but_reading_is_taken(filled, statement):
    with pytest.raises(SqlMistake):
        ask(filled, statement)
    assert ask(filled, "SELECT count(*) FROM frame")[1] == [(4,)]


def test_a_statement_that_takes_too_long_is_ended(filled):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(SqlMistake, match=r"interrupt|timeout"):
        ask(filled, endless, timeout_s=0.3)


def test_the_verb_prints_tables_csv_and_json(filled):
    run = CliRunner()
    statement = 'SELECT q0, "모드" FROM "전주/cell1/ur3:joi""nts" ORDER BY time_ns'
    table = run.invoke(app, ["sql", "--url", filled, statement])
    assert [line.split() for line in table.stdout.splitlines()][2:] == [["0"], ["0.25", "자동"], ["0.5", "자동"]]
    printed = run.invoke(app, ["sql", "--url", filled, "--csv", statement])
    assert list(csv.reader(io.StringIO(printed.stdout))) == [
        ["q0", "모드"],
        ["0.0", ""],
        ["0.25", "자동"],
        ["0.5", "자동"],
    ]
    found = run.invoke(app, ["sql", "--url", filled, "--json"], input=statement)
    assert json.loads(found.stdout)[1] == {"q0": 0.25, "모드": "자동"}
    wrong = run.invoke(app, ["sql", "--url", filled, "DROP TABLE frame"])
    assert wrong.exit_code == 2
    assert "only statements that read" in wrong.stderr


def test_every_table_can_be_printed(filled):
    for (name,) in ask(
        filled,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        if "postgres" in filled
        else "SELECT name FROM sqlite_schema WHERE type = 'table'",
    )[1]:
        assert CliRunner().invoke(app, ["sql", "--url", filled, "--json", f"SELECT * FROM {name}"]).exit_code == 0, name


def test_every_statement_of_the_how_to_runs(url):
    """Those for one kind of database say so in their comment."""
    text = (Path(__file__).parents[2] / "docs/how-to/sql-and-bi.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sql\n(.*?)```", text, re.DOTALL))
    statements = [part for part in re.split(r";\s*", blocks) if part.strip()]
    statements += [part.replace("\\\n", "") for part in re.findall(r"'(SELECT .*?)'", text)]
    store = open_store(url)
    joints = ROBOT_ARM.streams[0]
    arm = stream_of("jeonju/weld/line1/R-101", joints.name, joints.signals, period_s=0.1, source="m")
    rows = [frame(arm, T + i * 10**8, i, T, range(arm.width)) for i in range(40)]
    store.append(Commit(batch_of("w", 1, T, [merge(rows)])), lambda _: Folded((), ()))
    store.close()
    other = "(SQLite)" if url.startswith("postgres") else "(PostgreSQL)"
    asked = [statement for statement in statements if other not in statement]
    assert len(asked) >= 3
    assert len(asked) < len(statements)
    for statement in asked:
        names, _ = ask(url, statement)
        assert names


@pytest.mark.postgres
@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_a_reading_role_reads_views_of_today_and_tomorrow_and_cannot_write(filled, monkeypatch, tmp_path):
    name = f"twin_reader_{os.getpid()}"
    file = tmp_path / "password"
    file.write_text(secrets.token_hex(8) + "\n")
    run = CliRunner()
    try:
        assert run.invoke(app, ["store", "role", name, "--url", filled]).exit_code == 2
        for option in (["--password-file", str(file)], ["--password-env", "READER"]):
            monkeypatch.setenv("READER", "o'hara")
            made = run.invoke(app, ["store", "role", name, "--url", filled, *option])
            assert made.exit_code == 0, made.stderr
        store = open_store(filled)
        row = replace(frame(ARM, T, 1, T, (1, 2, 3), ("x",)), stream=replace(ARM, id="s/other:all"))
        store.append(Commit(batch_of("w", 2, T + 11 * 10**9, [row])), lambda _: Folded((), ()))
        store.close()
        with psycopg.connect(filled.replace("root@", f"{name}:x@"), autocommit=True) as reader:
            assert reader.execute('SELECT count(*) FROM "s/other:all"').fetchone() == (1,)
            assert reader.execute("SELECT count(*) FROM rollup_1h").fetchone() == (3,)
            reader.execute("SET default_transaction_read_only = off")
            for statement in (
                "DELETE FROM frame", 'INSERT INTO "s/other:all" (seq) VALUES (1)', "CREATE TABLE mine (a int)",
                "CREATE TABLE streams.mine (a int)", "UPDATE meta SET value = '9'", 'DROP VIEW streams."s/other:all"',
                f"ALTER ROLE {name} SUPERUSER",
            ):  # fmt: skip
                with pytest.raises(psycopg.Error):
                    reader.execute(statement)
    finally:
        with psycopg.connect(filled, autocommit=True) as connection:
            connection.execute(f"DROP OWNED BY {name}")
            connection.execute(f"DROP ROLE {name}")


def test_a_file_has_no_roles(tmp_path, monkeypatch):
    monkeypatch.setenv("READER", "x")
    answer = CliRunner().invoke(
        app, ["store", "role", "bi", "--url", f"sqlite:///{tmp_path}/x.db", "--password-env", "READER"]
    )
    assert "no roles" in str(answer.exception)


@given(arrays.arrays(np.float64, st.tuples(st.just(1), st.integers(1, 140)), elements=st.floats()))
def test_a_value_is_found_in_a_packed_row_of_any_width(values):
    (packed,) = pack(values)
    for column, value in enumerate(canonical(values)[0].tolist(), 1):
        found = _views.value_at(packed, column)
        assert found == value or (found is None and np.isnan(value))
    assert _views.value_at(packed, 0) is None
    assert _views.value_at(packed, values.shape[1] + 1) is None


@pytest.mark.parametrize(
    ("t_ns", "text"),
    [
        (T + 5, "2026-09-21T13:33:20.000000005Z".replace("13:33:20", "14:13:20")),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (2**62, "2116-02-20T23:53:38.427387904Z"),
        (None, None),
    ],
)
def test_times_are_written_to_the_nanosecond(t_ns, text):
    assert _views.iso_time(t_ns) == text


def test_times_are_read_with_and_without_a_zone():
    assert (
        _views.ns("2026-09-21T14:13:20Z")
        == _views.ns("2026-09-21T23:13:20+09:00")
        == _views.ns("2026-09-21 14:13:20")
        == T
    )
    assert _views.ns("1969-12-31T23:59:59.5Z") == -(5 * 10**8)
    assert _views.ns("yesterday") is None
