"""Other people's judges of datasets, each in an environment of its own, take what is exported of a real robot."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.exporters.plan import FORMATS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def exported(ur3, tmp_path_factory):
    """``exported(FORMAT)``: the folder of a dataset of every episode."""
    url, file = ur3
    command, where = [sys.executable, "-m", "dashboards.cli"], ["--url", url, "--factory", file]
    subprocess.run([*command, "episodes", "cut", *where], check=True, capture_output=True)
    made = tmp_path_factory.mktemp("judged")

    @functools.cache
    def of(to: str) -> Path:
        asked = ["export", str(made / to), "--to", to, "--licence", "CC-BY-4.0", "--fps", "1"]
        subprocess.run([*command, *asked, *where], check=True, capture_output=True)
        return made / to

    return of


def judged(environment, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = Path(environment.command[0]).with_name(script)
    told = subprocess.run([str(path), *arguments], capture_output=True, text=True, check=False, timeout=300)
    print(script, *arguments[:2], "→", told.returncode)
    return told


def test_lerobot_doctor_finds_nothing_that_fails(installed, exported):
    told = judged(installed("lerobot-doctor"), "lerobot-doctor", "check", str(exported("lerobot")), "--ci", "--json")
    assert told.returncode == 0, told.stdout[-2000:]
    summary = json.loads(told.stdout[told.stdout.index("{") :])["summary"]
    print(summary)
    assert summary["FAIL"] == 0
    assert summary["PASS"] >= 5


@pytest.mark.parametrize("to", FORMATS)
def test_mlcroissant_takes_the_papers(installed, exported, to):
    told = judged(installed("mlcroissant"), "mlcroissant", "validate", "--jsonld", str(exported(to) / "croissant.json"))
    assert told.returncode == 0, told.stderr[-2000:]


@pytest.mark.parametrize("records", ["frames", "episodes", "labels"])
def test_mlcroissant_reads_the_tables_by_their_papers(installed, exported, records):
    papers = str(exported("parquet") / "croissant.json")
    asked = ("load", "--jsonld", papers, "--record_set", records, "--num_records", "5")
    told = judged(installed("mlcroissant"), "mlcroissant", *asked)
    assert told.returncode == 0, told.stderr[-2000:]
    assert told.stdout.count("episode_index") + told.stderr.count("episode_index") >= 5


def some_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("data/*/*.mcap"))
    assert len(files) == 249
    return files[::50]


def test_rerun_finds_no_issue_and_shows_the_joints_as_scalars(installed, exported, tmp_path):
    rerun = installed("rerun-sdk")
    for path in some_files(exported("mcap")):
        checked = judged(rerun, "rerun", "mcap", "check", str(path))
        assert checked.returncode == 0, checked.stdout[-2000:]
        rows = [line.split() for line in checked.stdout.splitlines() if "/ur3/" in line and not line.endswith(".mcap")]
        assert {row[0] for row in rows} == {"ok"}
        shown = tmp_path / f"{path.stem}.rrd"
        converted = judged(rerun, "rerun", "mcap", "convert", str(path), "-o", str(shown))
        assert converted.returncode == 0, converted.stderr[-2000:]
        printed = judged(rerun, "rerun", "rrd", "print", str(shown))
        assert "/joint_states/velocity" in printed.stdout
        scalars = [line for line in printed.stdout.splitlines() if "Scalars:scalars" in line]
        print(*(line.partition(" - ")[2][:80] for line in scalars), sep="\n")
        assert any("/joint_states/velocity" in line for line in scalars)


def test_deepen_grades_episodes_b_or_better(installed, exported):
    for path in some_files(exported("mcap")):
        told = judged(installed("deepen-grade"), "deepen", "grade", str(path), "--min-grade", "B")
        print(*(line for line in told.stdout.splitlines() if "Overall grade" in line))
        assert told.returncode == 0, told.stdout[-3000:]
