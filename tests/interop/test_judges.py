"""Other people's judges of datasets, each in an environment of its own, take what is exported of a real robot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def dataset(ur3, tmp_path_factory) -> Path:
    url, file = ur3
    folder = tmp_path_factory.mktemp("judged") / "ur3"
    command = [sys.executable, "-m", "dashboards.cli"]
    where = ["--url", url, "--factory", file]
    for arguments in (["episodes", "cut"], ["export", str(folder), "--licence", "CC-BY-4.0", "--fps", "1"]):
        subprocess.run([*command, *arguments, *where], check=True, capture_output=True)
    return folder


def judged(environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = Path(environment.command[0]).with_name(environment.party.name)
    return subprocess.run([str(script), *arguments], capture_output=True, text=True, check=False, timeout=300)


def test_lerobot_doctor_finds_nothing_that_fails(installed, dataset):
    told = judged(installed("lerobot-doctor"), "check", str(dataset), "--ci", "--json")
    assert told.returncode == 0, told.stdout[-2000:]
    summary = json.loads(told.stdout[told.stdout.index("{") :])["summary"]
    print(summary)
    assert summary["FAIL"] == 0
    assert summary["PASS"] >= 5


def test_mlcroissant_takes_the_papers(installed, dataset):
    told = judged(installed("mlcroissant"), "validate", "--jsonld", str(dataset / "croissant.json"))
    assert told.returncode == 0, told.stderr[-2000:]
