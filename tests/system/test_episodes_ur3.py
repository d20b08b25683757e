"""A real robot's recording through the product: ingested, cut into episodes, judged, listed."""

from __future__ import annotations

import json
import subprocess
import sys


def twin(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dashboards.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_the_recording_is_249_episodes_of_which_134_succeeded(ur3):
    url, file = ur3
    cut = twin("episodes", "cut", "--url", url, "--factory", file, "--json")
    assert cut.returncode == 0, cut.stderr
    told = json.loads(cut.stdout)
    assert (told["runs"], told["too_short"], told["episodes"]) == (251, 2, 249)
    assert (told["success"], told["failure"], told["unknown"]) == (134, 115, 0)
    assert told["assets"][0]["times_real_time"] > 10_000
    again = json.loads(twin("episodes", "cut", "--url", url, "--factory", file, "--json").stdout)
    assert again["kept"] == {"new": 0, "kept": 249, "retired": 0, "labels": 0}, "the same cut changes nothing"


def test_a_list_is_filtered_and_says_of_each_what_came_of_it(ur3):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    told = json.loads(twin("episodes", "list", "--url", url, "--episodes", "success=false", "--json").stdout)
    assert told["episodes"] == 115
    assert {one["cause"] for one in told["list"]} == {"grip_lost", "protective_stop", "grip_lost, protective_stop"}
    assert all(one["instruction"]["en"].startswith("Pick up the part") for one in told["list"])
    wrong = twin("episodes", "list", "--url", url, "--episodes", "colour=blue")
    assert wrong.returncode == 2
    assert "NAME=VALUE" in wrong.stderr


def test_the_dataset_of_it_has_7420_frames_and_holds_what_it_claims(ur3, tmp_path):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    asked = ("export", str(tmp_path / "set"), "--fps", "1", "--url", url, "--factory", file)
    refused = twin(*asked)
    assert refused.returncode == 2
    assert "goes out under a licence" in refused.stderr
    done = twin(*asked, "--licence", "CC-BY-4.0", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["episodes"], told["frames"], told["success"]) == (249, 7420, 134)
    assert told["tasks"] == ["Pick up the part with the gripper and put it down at its place"]
    checked = twin("datasets", "verify", str(tmp_path / "set"), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout) == {"ok": True, "findings": []}
    (tmp_path / "set/meta/info.json").write_text("{}", "utf-8")
    assert twin("datasets", "verify", str(tmp_path / "set")).returncode == 1
