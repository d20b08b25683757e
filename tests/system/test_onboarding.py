"""A device that nobody configured, from its first message to its place in the factory file and back into the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from paho.mqtt.publish import single
from terminal import twin

from connectors.broker import any_port
from connectors.factory_file import read_factory
from connectors.stores.sql import open_history
from twin.errors import StoreUnavailable
from twin.events import EventKind

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0
PUMP = "factory/yard/pump-9"


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:.0f} s"
        time.sleep(0.05)
    return found


@pytest.fixture
def running(tmp_path):
    """`twin new`, then `twin run`, on free ports."""
    twin("new", tmp_path / "plant")
    file = tmp_path / "plant" / "factory.toml"
    mqtt, page = any_port(), any_port()
    text = file.read_text(encoding="utf-8").replace("# port = 1883", f"port = {mqtt}")
    file.write_text(text.replace("# port = 8050", f"port = {page}"), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TWIN__")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboards.cli", "run", str(file)], cwd=ROOT, env=environ, stdout=log, stderr=log
        )
        try:
            wait_for(lambda: b"ready" in (tmp_path / "log").read_bytes(), "the start")
            yield file, mqtt, page, tmp_path / "log"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def directory(page):
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/view/directory", timeout=5) as answer:
        return {one["id"]: one for one in json.load(answer)["assets"]}


def known(page, asset, declared):
    try:
        return directory(page).get(asset, {}).get("declared") is declared
    except OSError:
        return False


def connections(url):
    history = open_history(url)
    try:
        return len(history.events(0, 2**62, kinds=[EventKind.SOURCE_CONNECTED]))
    except StoreUnavailable:
        return 0
    finally:
        history.close()


def frames_of(history, asset):
    return sum(count.frames for stream, count in history.by_stream().items() if stream.startswith(f"{asset}:"))


def test_a_device_is_heard_listed_accepted_and_taken_up_by_the_run(running):
    file, mqtt, page, log = running
    single("yard/pump-9", json.dumps({"temperature": 21.5, "humidity": 0.4}), port=mqtt)
    wait_for(lambda: known(page, PUMP, declared=False), "the undeclared asset")
    listed = json.loads(twin("devices", "--config", file, "--json").stdout)
    assert [(one["asset"], one["type"], one["source"]) for one in listed] == [(PUMP, "environment", "others")]
    shown = twin("devices", "accept", PUMP, "--config", file, "--dry-run", "--name-ko", "펌프", "--at", "3,4,1.5708")
    assert shown.returncode == 0, shown.stderr
    assert '+  name = { ko = "펌프", en = "펌프" }' in shown.stdout
    assert "+  pose = { x_m = 3.0, y_m = 4.0, yaw_deg = 90.0 }" in shown.stdout
    assert PUMP not in read_factory(file, {}).hub.assets(), "a dry run writes nothing"
    url = read_factory(file, {}).store.url
    before = connections(url)
    done = twin("devices", "accept", "--all", "--config", file, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == [PUMP]
    assert file.with_name("factory.toml.bak").exists()
    wait_for(lambda: known(page, PUMP, declared=True), "the declared asset")
    wait_for(lambda: connections(url) >= before + 3, "the subscriptions of the new ingest")
    assert "the factory file changed" in log.read_text(encoding="utf-8")
    single("yard/pump-9", json.dumps({"temperature": 22.5, "humidity": 0.5}), port=mqtt)
    history = open_history(url)
    try:
        wait_for(lambda: frames_of(history, PUMP) == 2, "its next frame")
        # What it sent before has no units, and stays as it was: with them it is another stream.
        units = {
            signal.unit for stream in history.streams().values() for signal in stream.signals if stream.asset == PUMP
        }
        assert units >= {"1", "Cel"}
        rejected = [terms["rejected"] for terms in history.by_source().values()]
        assert not any(rejected)
    finally:
        history.close()
    assert json.loads(twin("devices", "--config", file, "--json").stdout) == []


def test_what_is_asked_wrongly_is_said(tmp_path):
    twin("new", tmp_path / "plant")
    file = tmp_path / "plant" / "factory.toml"
    assert twin("devices", "accept", "--config", file).returncode == 2
    assert twin("devices", "accept", "x", "--all", "--config", file).returncode == 2
    assert twin("devices", "--config", tmp_path / "none.toml").returncode == 2
