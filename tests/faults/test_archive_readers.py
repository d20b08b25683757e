"""The how-to's own snippets, run: every engine reads the archive's files directly."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from writing import ARM, T0, Writer, part_of, sqlite_url

from connectors.archive.layout import DAY_NS
from connectors.archive.run import archive
from twin.clock import NS_PER_S, ManualClock

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/how-to/read-the-archive.md").read_text(encoding="utf-8")
SNIPPETS = {code.split()[1]: code for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)}
STEP_NS = 60 * NS_PER_S


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("pyarrow", reason="the extra `archive` is not installed")
    place = tmp_path_factory.mktemp("engines")
    t0_ns = 20_782 * DAY_NS  # 2026-11-25
    Writer(sqlite_url(place)).run(24, 60, t0_ns=t0_ns, step_ns=STEP_NS).close()
    archive(sqlite_url(place), place / "archive", t0_ns + DAY_NS, ManualClock(t0_ns + 9 * DAY_NS))
    return place


def test_the_howto_shows_all_three(folder):
    assert set(SNIPPETS) == {"duckdb", "pandas", "polars"}


@pytest.mark.parametrize("engine", ["duckdb", "pandas", "polars"])
def test_the_snippet_runs_and_shows_the_true_number(folder, engine):
    pytest.importorskip(engine)
    ran = subprocess.run(
        [sys.executable, "-c", SNIPPETS[engine]], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    values = part_of(ARM, 0, 24 * 60).values[:, 0]
    expected = f"{np.nanmean(values[:60]):.5f}" if engine == "pandas" else f" {values.max()} "
    assert expected in ran.stdout, ran.stdout


def test_duckdb_reads_exactly_what_was_stored(folder):
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(
        f"SELECT t_ns, seq, q0, q1, quality FROM '{folder}/archive/*/*/joints-*.parquet' ORDER BY t_ns"
    ).fetchall()
    part = part_of(ARM, 0, 24 * 60, t0_ns=20_782 * DAY_NS, step_ns=STEP_NS)
    assert [row[0] for row in rows] == part.t_ns.tolist()
    assert [row[2] for row in rows] == part.values[:, 0].tolist()
    assert [row[3] for row in rows] == [None if np.isnan(x) else x for x in part.values[:, 1].tolist()]


def test_texts_and_korean_are_plain_columns(folder):
    polars = pytest.importorskip("polars")
    found = polars.read_parquet(f"{folder}/archive/site=changwon/day=*/state-*.parquet")
    assert set(found["state"].unique()) == {"open", "닫힘", "moving", None}
    assert found["note"][3] == "frame 3 가"
    assert T0 > 0
