"""`twin scenario run`: a recording that replays, and an exit code that says whether expectations were met."""

from __future__ import annotations

import json

from terminal import twin
from typer.testing import CliRunner

from connectors.stores.sql import open_history
from dashboards.cli import app
from twin.keyframes import verify

SCENARIO = """
name = "short"
site = "changwon"
seed = 5
start = 2026-11-16T09:00:00+09:00
duration_s = 120

[[step]]
at_s = 10
fault = "network_cut"
asset = "machining/line1/MT-01"
for_s = 60

[[expect]]
alarm = "machining/line1/MT-01:silent"
within_s = 60
"""


def run(*args):
    return CliRunner().invoke(app, ["scenario", "run", *map(str, args)])


def scenario(folder, text=SCENARIO):
    path = folder / "short.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_scenario_is_kept_as_a_recording_that_verifies_and_the_same_again_is_the_same_file(tmp_path):
    path = scenario(tmp_path)
    first, again = (run(path, "--folder", tmp_path / "made", "--json") for _ in range(2))
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert told == json.loads(again.stdout)
    recording = told["recording"]
    assert recording["origin"] == "simulated:short@5"
    assert recording["from"] == "2026-11-16T00:00:00.000Z"
    assert [one["met"] for one in told["expectations"]] == [True]
    files = [file for file in (tmp_path / "made").glob("*.db") if not file.stem.endswith("-desk")]
    assert len(files) == 1
    assert told["hash"][:12] in files[0].name
    (named,) = json.loads(twin("recordings", "--url", recording["url"], "--json").stdout)["recordings"]
    assert (named["name"], named["origin"], named["site"]) == ("short", "simulated:short@5", "changwon")
    hashed = json.loads(twin("recordings", "hash", "short", "--url", recording["url"], "--json").stdout)
    assert (hashed["frames"], hashed["batches"]) == (told["frames"], told["batches"])
    history = open_history(recording["url"])
    try:
        verdict = verify(history)
        assert len(verdict.mismatches) == 0
        assert verdict.batches == told["batches"] == 60
        assert history.summary().frames == told["frames"]
        assert [one.alarm for one in history.alarm_events(0, 1 << 62)][-1].endswith("MT-01:silent")
    finally:
        history.close()


def test_an_expectation_that_fails_is_exit_1_and_says_what_was_found(tmp_path):
    told = run(scenario(tmp_path, SCENARIO.replace("within_s = 60", "within_s = 1")), "--no-keep")
    assert told.exit_code == 1
    assert "NO  alarm changwon/machining/line1/MT-01:silent" in told.stdout
    assert not (tmp_path / "simulated").exists()


def test_mistakes_of_the_file_are_told_with_their_place(tmp_path):
    told = run(scenario(tmp_path, SCENARIO.replace("network_cut", "network_cat")), "--no-keep")
    assert told.exit_code != 0
    assert "did you mean 'network_cut'?" in str(told.exception)


def test_a_store_that_holds_something_is_refused(tmp_path):
    path, url = scenario(tmp_path), f"sqlite:///{tmp_path / 'own.db'}"
    assert run(path, "--url", url).exit_code == 0
    told = run(path, "--url", url)
    assert told.exit_code == 2
    assert "holds something already" in told.stderr
