"""A real robot's recording as a dataset, by the commands that a data steward types."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from exported import hashes
from terminal import twin

from connectors.exporters.plan import FORMATS
from connectors.exporters.verify import verify


def test_the_dataset_of_it_has_7420_frames_and_holds_what_it_claims(ur3, tmp_path):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    asked = ("export", str(tmp_path / "set"), "--fps", "1", "--url", url, "--factory", file)
    refused = twin(*asked)
    assert refused.returncode == 2
    assert "goes out under a licence" in refused.stderr
    unknown = twin(*asked, "--licence", "CC-BY-4.0", "--to", "tape")
    assert unknown.returncode == 2
    assert "there are lerobot, mcap, parquet" in " ".join(unknown.stderr.split())
    done = twin(*asked, "--licence", "CC-BY-4.0", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["episodes"], told["frames"], told["success"]) == (249, 7420, 134)
    assert told["tasks"] == ["Pick up the part with the gripper and put it down at its place"]
    checked = twin("datasets", "verify", str(tmp_path / "set"), "--json")
    assert checked.returncode == 0, checked.stdout
    assert json.loads(checked.stdout) == {"ok": True, "findings": []}
    (tmp_path / "set/meta/info.json").write_text("{}", "utf-8")
    damaged = twin("datasets", "verify", str(tmp_path / "set"))
    assert damaged.returncode == 1
    assert "does not say how many frames a second" in damaged.stdout


def test_a_recording_s_name_before_the_folder_means_the_episodes_that_lie_in_it(ur3, tmp_path):
    url, _ = ur3
    twin("episodes", "cut", "--url", url, "--factory", ur3[1])
    listed = json.loads(twin("episodes", "list", "--url", url, "--json").stdout)["list"]
    mine = sorted(listed, key=lambda one: one["start_ns"])[3:8]
    begin, end = mine[0]["start_ns"] // 10**6, -(-mine[-1]["end_ns"] // 10**6)
    twin("record", "five", "--site", mine[0]["site"], "--from", str(begin), "--to", str(end), "--url", url)
    command, folder, *options = asked_of(ur3, tmp_path / "set", "parquet")
    done = twin(command, "five", folder, *options, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["episodes"] == 5
    unknown = twin(command, "six", str(tmp_path / "other"), *options)
    assert unknown.returncode != 0
    assert "there is no recording 'six'" in unknown.stderr
    many = twin(command, "five", folder, "more", *options)
    assert many.returncode == 2


def asked_of(ur3, folder, to):
    url, file = ur3
    return ("export", str(folder), "--to", to, "--licence", "CC-BY-4.0", "--fps", "1", "--url", url, "--factory", file)


def ended_by(number, arguments, part):
    """Run `twin` until twenty episodes are finished, and end it by a signal."""
    command = [sys.executable, "-m", "dashboards.cli", *arguments]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    journal, deadline = part / "journal.jsonl", time.monotonic() + 60
    while time.monotonic() < deadline and child.poll() is None:
        if journal.exists() and journal.read_bytes().count(b"\n") > 20:
            break
        time.sleep(0.005)
    child.send_signal(number)
    _, told = child.communicate(timeout=30)
    return child.returncode, told


def test_ctrl_c_leaves_what_is_finished_and_the_same_command_goes_on(ur3, tmp_path):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    asked = asked_of(ur3, tmp_path / "set", "mcap")
    code, told = ended_by(signal.SIGINT, asked, tmp_path / "set.part")
    assert code == 1, told
    assert "lie in" in told
    assert "set.part: the same command goes on from there" in " ".join(told.split())
    assert [one.name for one in tmp_path.iterdir()] == ["set.part"]
    done = twin(*asked, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["episodes"], answer["success"]) == (249, 134)
    assert answer["resumed"] >= 20
    assert [one.name for one in tmp_path.iterdir()] == ["set"]
    assert verify(tmp_path / "set") == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("to", FORMATS)
def test_an_export_that_was_killed_twice_is_the_same_to_the_byte(ur3, tmp_path, to):
    url, file = ur3
    twin("episodes", "cut", "--url", url, "--factory", file)
    whole = twin(*asked_of(ur3, tmp_path / "one/set", to), "--json")
    assert whole.returncode == 0, whole.stderr
    asked = asked_of(ur3, tmp_path / "two/set", to)
    for _ in range(2):
        ended_by(signal.SIGKILL, asked, tmp_path / "two/set.part")
    again = twin(*asked, "--json")
    assert json.loads(again.stdout)["resumed"] >= 20
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
