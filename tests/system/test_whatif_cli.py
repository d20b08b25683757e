"""`twin whatif`: from a store, with laws fitted to it, thousands of times faster than real time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboards.cli import app

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
pytestmark = pytest.mark.timeout(400)
NOON = "2026-11-16T09:00:00+09:00"


@pytest.fixture(scope="module")
def url(morning):
    return f"sqlite:///{morning / 'twin.db'}"


def run(url, *args):
    return CliRunner().invoke(
        app, ["whatif", "--url", url, "--factory", str(DEMO), "--site", "changwon", "--hours", "1", *args]
    )


@pytest.fixture(scope="module")
def answer(url):
    told = run(
        url, "--at", NOON, "--set", "MT-01.cycle=-20%", "--set", "INS-11.down=10min", "--replications", "16", "--json"
    )
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def test_a_whatif_answers_with_pairs_beside_what_really_happened(answer):
    line = "changwon/machining/line1"
    for name in ("good", "throughput", "oee", "availability", "effectiveness", "quality_ratio", "cycle_time", "wip"):
        base, other = answer["baseline"][line][name], answer["variant"][line][name]
        apart = answer["paired_difference"][line][name]
        assert base["n"] == other["n"] == 16
        assert base["ci"][0] <= base["mean"] <= base["ci"][1]
        assert apart["mean"] == pytest.approx(other["mean"] - base["mean"], abs=1e-9)
        assert name in answer["actual"][line]
    assert answer["baseline"]["changwon"]["energy_per_part"]["mean"] > 0
    actual, base = answer["actual"][line]["good"], answer["baseline"][line]["good"]
    assert abs(base["mean"] - actual) < 0.25 * actual
    assert answer["paired_difference"]["changwon/machining/line2"]["good"]["mean"] == 0.0
    assert answer["replications_per_s"] > 1
    assert answer["times_real_time"] > 1000
    assert answer["history"]["hours"] == pytest.approx(3.0, abs=0.01)


def test_settings_are_stepped_one_at_a_time_within_a_budget(url):
    told = run(
        url, "--at", NOON, "--sensitivity", "MT-01.cycle,T-301.cycle,capacity", "--step", "20", "--budget", "120",
        "--replications", "50", "--json",
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    answer = json.loads(told.stdout)
    sides = sum(bool(one["low"]) + bool(one["high"]) for one in answer["levers"])
    assert answer["runs"] == answer["replications"] * (1 + sides) <= 120
    assert answer["levers"][0] == {"key": "MT-01.cycle", "low": "-20%", "high": "+20%"}
    rows = answer["swings"]["changwon/machining/line1"]["good"]
    assert {one["key"] for one in rows} == {one["key"] for one in answer["levers"]}
    cycles = {one["key"]: one for one in rows}
    assert cycles["MT-01.cycle"]["low"]["mean"] > cycles["MT-01.cycle"]["high"]["mean"]
    again = json.loads(run(url, "--at", NOON, "--sensitivity", "MT-01.cycle", "--replications", "8", "--json").stdout)
    assert again["swings"]["changwon"]["good"][0]["key"] == "MT-01.cycle"
    assert run(url, "--sensitivity", "all", "--budget", "24").exit_code != 0
    assert run(url, "--sensitivity", "cycle", "--set", "MT-01.cycle=-10%").exit_code == 2
    assert run(url, "--sensitivity", "cycle", "--figure", "luck").exit_code == 2


def test_goodness_of_fit_is_told_and_too_little_data_names_its_fallback(answer):
    rows = {(one["asset"].rpartition("/")[2], one["what"]): one for one in answer["fits"]}
    cycle = rows["MT-01", "cycle"]
    assert cycle["n"] > 50
    assert cycle["family"]
    assert cycle["p"] is not None
    assert cycle["anderson_darling"] is not None
    assert cycle["mean_s"] == pytest.approx(118.0, rel=0.02)
    assert len(cycle["bars"]) == len(cycle["edges_s"]) - 1 == len(cycle["curve"])
    assert "machine_tool" in rows["MT-01", "between_aborted"]["why"]


def test_the_same_seed_gives_the_same_answer_whatever_the_number_of_processes(url):
    first, again, other = (
        json.loads(run(url, "--at", NOON, "--replications", "6", "--json", *more).stdout)
        for more in (("--workers", "1"), ("--workers", "3"), ("--seed", "2"))
    )
    assert first["baseline"] == again["baseline"] != other["baseline"]


def test_a_moment_too_near_to_the_end_has_nothing_that_really_happened(url):
    answer = json.loads(run(url, "--replications", "2", "--json").stdout)
    assert answer["actual"] is None
    assert answer["made"]["actual"] is None


def test_a_backtest_tells_bias_error_and_how_often_it_was_in_range(url):
    answer = json.loads(run(url, "--backtest", "3", "--history-hours", "2", "--replications", "12", "--json").stdout)
    assert len(answer["from"]) == 3
    row = answer["error"]["changwon/machining/line2"]["good"]
    assert row["n"] == 3
    assert len(row["forecast"]) == len(row["actual"]) == 3
    assert row["bias"] == pytest.approx(sum(row["forecast"]) / 3 - sum(row["actual"]) / 3)
    assert 0 <= row["within_range"] <= 1
    assert row["mape"] < 0.4


def test_what_cannot_be_is_exit_2_and_says_what_there_is(url):
    told = run(url, "--at", NOON, "--set", "MT-99.cycle=-10%")
    assert told.exit_code != 0
    assert "There are" in str(told.exception)
    assert run(url, "--at", "noon").exit_code == 2
    early = run(url, "--at", "2026-11-16T06:05:00+09:00")
    assert early.exit_code != 0
    assert "needs 30 min" in str(early.exception)
    keys = run(url, "--at", NOON, "--keys")
    assert "MT-01.cycle" in keys.stdout
    assert "B-11.capacity" in keys.stdout
    assert "amr.count" in keys.stdout


def test_ctrl_c_ends_it_with_all_its_processes(url):
    command = [
        sys.executable, "-m", "dashboards.cli", "whatif", "--url", url, "--factory", str(DEMO), "--site", "changwon",
        "--at", NOON, "--replications", "10000", "--hours", "8", "--steps",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not (line := process.stderr.readline()) or not line.strip().replace(".", "").isdigit():
        assert process.poll() is None
    born = [int(one) for one in children.read_text("utf-8").split()]
    assert born
    process.send_signal(signal.SIGINT)
    # Its progress must be read on, or it would wait for room to say that it is cancelled.
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cancelled" in told
    assert not [pid for pid in born if Path(f"/proc/{pid}").exists()]


def test_without_options_the_factory_and_the_store_of_this_folder_are_asked(url, tmp_path, monkeypatch):
    text = DEMO.read_text("utf-8")
    (tmp_path / "factory.toml").write_text(f'{text}\n[store]\nurl = "{url}"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    asked = ["whatif", "--at", NOON, "--set", "INS-11.down=10min", "--hours", "1", "--replications", "4", "--json"]
    told = CliRunner().invoke(app, asked)
    assert told.exit_code == 0, told.output
    assert "changwon/machining/line1" in json.loads(told.stdout)["variant"]  # INS-11 stands in Changwon only
    monkeypatch.chdir(tmp_path.parent)
    nowhere = CliRunner().invoke(app, asked)
    assert nowhere.exit_code == 2
    assert "--factory" in nowhere.output
