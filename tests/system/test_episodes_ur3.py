"""A real robot's recording over MQTT into a store, and out of it as episodes."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from test_captures import connected, opened, wait_for
from typer.testing import CliRunner

from connectors.broker import BrokerProcess, any_port
from connectors.factory_file import read_factory
from connectors.ingest.run import run_ingest
from connectors.publish_file import publish_file
from dashboards.cli import app

ROOT = Path(__file__).resolve().parents[2]
UR3 = ROOT.parent / "shared" / "data" / "ur3_cobotops.csv"
ROWS, RUNS, SHORT, EPISODES, SUCCESSES = 7409, 251, 2, 249, 134


@pytest.fixture(scope="module")
def ur3(tmp_path_factory):
    """The store that the whole recording was published into."""
    if not UR3.exists():
        pytest.skip("the UR3 CobotOps recording is not in ../shared/data")
    folder = tmp_path_factory.mktemp("ur3")
    port = any_port()
    text = (ROOT / "examples/ur3/factory.toml").read_text(encoding="utf-8")
    (folder / "factory.toml").write_text(f'{text}\n[broker]\nuse = "embedded"\nport = {port}\n', encoding="utf-8")
    factory = read_factory(folder / "factory.toml", {})
    broker = BrokerProcess("embedded", folder / "broker", port)
    broker.start()
    stop = threading.Event()
    ingest = threading.Thread(target=run_ingest, args=(factory, stop))
    ingest.start()
    try:
        history = wait_for(lambda: opened(factory.store.url), "the store")
        wait_for(lambda: connected(history) >= {"ur3"}, "the subscription")
        assert publish_file(UR3, broker.url, None, ROOT / "examples/ur3/mapping.toml").published == ROWS
        wait_for(
            lambda: sum(one.frames for name, one in history.by_stream().items() if "UR3:cobot" in name) == ROWS,
            "the storing of every row",
        )
        history.close()
    finally:
        stop.set()
        ingest.join(20)
        broker.stop()
    return folder / "factory.toml", factory.store.url


def run(*words):
    result = CliRunner().invoke(app, ["episodes", *words, "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_a_recording_published_over_mqtt_gives_its_episodes_with_and_without_the_factory_file(ur3):
    file, url = ur3
    for how in (["--url", url], ["--url", url, "--factory", str(file)]):
        code, told = run("cut", *how)
        assert code == 0
        figures = (told["runs"], told["too_short"], told["episodes"], told["success"], told["failure"])
        assert figures == (RUNS, SHORT, EPISODES, SUCCESSES, EPISODES - SUCCESSES)
        assert told["assets"][0]["method"] == "cycle"
    again = run("cut", "--url", url, "--factory", str(file))[1]
    assert again["kept"] == {"new": 0, "kept": EPISODES, "retired": 0, "labels": 0}, "the same cut changes nothing"
    assert again["assets"][0]["times_real_time"] > 10_000


def test_a_list_is_filtered_and_says_of_each_what_came_of_it(ur3):
    file, url = ur3
    run("cut", "--url", url, "--factory", str(file))
    _, told = run("list", "--url", url, "--episodes", "success=false")
    assert told["episodes"] == EPISODES - SUCCESSES
    assert {one["cause"] for one in told["list"]} == {"grip_lost", "protective_stop", "grip_lost, protective_stop"}
    assert all(one["instruction"]["en"].startswith("Pick up the part") for one in told["list"])
    wrong = CliRunner().invoke(app, ["episodes", "list", "--url", url, "--episodes", "colour=blue"])
    assert "write NAME=VALUE" in str(wrong.exception)
