"""Opt-in: the real lerobot opens what is exported, offline.

It needs a Python of 3.12 or newer with ``pip install "lerobot[dataset]"`` (several GB), named by ``TWIN_LEROBOT_PYTHON``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.lerobot, pytest.mark.timeout(600)]


def test_lerobot_opens_a_dataset_offline_and_takes_the_successes_alone(ur3, tmp_path):
    python = os.environ.get("TWIN_LEROBOT_PYTHON")
    if not python:
        pytest.skip('opt-in: TWIN_LEROBOT_PYTHON names a Python that has "lerobot[dataset]"')
    url, file = ur3
    command, where = [sys.executable, "-m", "dashboards.cli"], ["--url", url, "--factory", file]
    folder = tmp_path / "set"
    for asked in (["episodes", "cut"], ["export", str(folder), "--licence", "CC-BY-4.0", "--fps", "1"]):
        subprocess.run([*command, *asked, *where], check=True, capture_output=True)
    script = Path(__file__).with_name("clients") / "open_lerobot.py"
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    ran = subprocess.run(
        [python, str(script), str(folder)], capture_output=True, text=True, check=False, timeout=500, env=environ
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = json.loads(ran.stdout.splitlines()[-1])
    print(told)
    assert told["rows"] == told["total_frames"] == 7420
    assert (told["episodes"], told["good"], told["fps"]) == (249, 134, 1)
    assert told["task_types"] == ["str"]
    assert all(task.strip() for task in told["tasks"])
    assert told["good_rows"] == told["good_lengths"] < 7420
    assert (told["state"], told["action"]) == ([6], [6])
