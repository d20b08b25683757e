"""A real robot's recording through the product: ingested, cut into episodes, judged, listed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.stores.sql import open_history

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "data" / "ur3_cobotops.csv"
EXAMPLE = ROOT / "examples" / "ur3"
STREAM = "ur3/lab/cell1/UR3:cobot"

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason="the UR3 recording is not in ../shared/data")


def twin(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dashboards.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[str, str]:
    """(store, factory file) of the whole recording, as an ingest reads it from the file."""
    folder = tmp_path_factory.mktemp("ur3")
    text = (EXAMPLE / "factory.toml").read_text(encoding="utf-8")
    source = f'name = "ur3"\ntype = "capture"\npath = "{RECORDED}"\nmap = "{EXAMPLE / "mapping.toml"}"\n'
    text = text.replace('name = "ur3"\ntopics = ["ur3/+/+/+/cobot"]\n', source)
    text = text.replace("[[site]]", '[broker]\nuse = "mqtt://127.0.0.1:9"\n\n[[site]]', 1)
    file = folder / "factory.toml"
    file.write_text(text, encoding="utf-8")
    url = f"sqlite:///{folder / 'data/twin.db'}"
    child = subprocess.Popen([sys.executable, "-m", "dashboards.cli", "ingest", str(file)])
    try:
        deadline, stored = time.monotonic() + 60, 0
        while stored < 7409 and time.monotonic() < deadline:
            time.sleep(0.2)
            if (folder / "data/twin.db").exists():
                stored = _stored(url)
    finally:
        child.terminate()
        child.wait(20)
    assert stored == 7409
    return url, str(file)


def _stored(url: str) -> int:
    try:
        history = open_history(url)
    except Exception:  # noqa: BLE001  its tables are being made
        return 0
    try:
        counts = history.by_stream().get(STREAM)
        return counts.frames if counts else 0
    finally:
        history.close()


def test_the_recording_is_249_episodes_of_which_134_succeeded(recorded):
    url, file = recorded
    cut = twin("episodes", "cut", "--url", url, "--factory", file, "--json")
    assert cut.returncode == 0, cut.stderr
    told = json.loads(cut.stdout)
    assert (told["runs"], told["too_short"], told["episodes"]) == (251, 2, 249)
    assert (told["success"], told["failure"], told["unknown"]) == (134, 115, 0)
    assert told["assets"][0]["times_real_time"] > 10_000
    again = json.loads(twin("episodes", "cut", "--url", url, "--factory", file, "--json").stdout)
    assert again["kept"] == {"new": 0, "kept": 249, "retired": 0, "labels": 0}, "the same cut changes nothing"


def test_a_list_is_filtered_and_says_of_each_what_came_of_it(recorded):
    url, file = recorded
    twin("episodes", "cut", "--url", url, "--factory", file)
    told = json.loads(twin("episodes", "list", "--url", url, "--episodes", "success=false", "--json").stdout)
    assert told["episodes"] == 115
    assert {one["cause"] for one in told["list"]} == {"grip_lost", "protective_stop", "grip_lost, protective_stop"}
    assert all(one["instruction"]["en"].startswith("Pick up the part") for one in told["list"])
    wrong = twin("episodes", "list", "--url", url, "--episodes", "colour=blue")
    assert wrong.returncode == 2
    assert "NAME=VALUE" in wrong.stderr
