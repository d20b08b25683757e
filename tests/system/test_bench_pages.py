"""What `twin bench` measures in a browser, small: that it measures, not how fast."""

from __future__ import annotations

import json
import shutil

import pytest
from terminal import twin

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def _with_chromium():
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium here")


def test_a_replay_is_played_at_its_speed_and_drops_nothing(tmp_path):
    told = json.loads(twin("bench", "replay", "--speed", "16", "--seconds", "6", "--json", cwd=tmp_path).stdout)
    assert told["dropped_chunks"] == 0
    assert told["chunks"] >= 1
    assert told["times_real_time"] == pytest.approx(16, rel=0.25)
    assert told["fps"] > 1


def test_a_seek_is_measured_until_its_page_is_painted(tmp_path):
    told = json.loads(
        twin(
            "bench", "seek", "--days", "0.05", "--assets", "50", "--seeks", "10", "--page", "--json", cwd=tmp_path
        ).stdout
    )
    assert told["server_only"] is False
    assert told["page_p95_ms"] >= told["page_p50_ms"] > told["fold_p50_ms"] / 10


def test_a_zoom_is_measured_until_its_data_are_painted(tmp_path):
    told = json.loads(twin("bench", "trend", "--points", "20000", "--json", cwd=tmp_path).stdout)
    assert told["zooms"] == 12, "2,000 s down to a minute, and back"
    assert 0 < told["zoom_p50_ms"] <= told["zoom_p95_ms"] <= told["zoom_most_ms"]


def test_without_a_browser_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("playwright.sync_api.BrowserType.launch", _none)
    done = twin("bench", "web", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert "no Chromium" in done.stderr


def _none(*_arguments, **_options):
    from playwright.sync_api import Error

    raise Error("Executable doesn't exist")
