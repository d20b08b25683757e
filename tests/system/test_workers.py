"""Several ingest processes, each with its sites, into one PostgreSQL: nothing lost, nothing twice, one story each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.broker import BrokerProcess, any_port
from connectors.publish import Publisher
from connectors.stores.sql import open_history
from connectors.wall_clock import WallClock
from twin.clock import NS_PER_MS
from twin.errors import StoreUnavailable
from twin.events import EventKind
from twin.keyframes import verify

ROOT = Path(__file__).resolve().parents[2]
FACTORY = """
[hub]
id = "test"
name = "Test"
[[site]]
id = "jeonju"
name = "Jeonju"
[[site]]
id = "changwon"
name = "Changwon"
[broker]
use = "{broker}"
[store]
url = "{store}"
[[source]]
name = "jeonju-robots"
topics = ["jeonju/+/data"]
decoder = "json_object"
options = {{ topic = "{{place...}}/{{asset}}/{{stream}}", time = "ts", seq = "n" }}
[[source]]
name = "changwon-robots"
topics = ["changwon/+/data"]
decoder = "json_object"
options = {{ topic = "{{place...}}/{{asset}}/{{stream}}", time = "ts", seq = "n" }}
"""
COUNT = 600


@pytest.fixture
def database(new_database):
    with new_database() as url:
        yield url


def wait_for(condition, what, timeout_s=90.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s:.0f} s"
        time.sleep(0.02)


def start(file, site):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("TWIN__")}
    return subprocess.Popen(
        [sys.executable, "-m", "dashboards.cli", "ingest", str(file), "--only", site], cwd=ROOT, env=environ,
        stdout=subprocess.DEVNULL, stderr=(file.parent / f"{site}.log").open("ab"),
    )  # fmt: skip


@pytest.mark.postgres
def test_two_workers_share_a_database_and_one_that_is_killed_goes_on_alone(database, tmp_path):
    broker = BrokerProcess("embedded", tmp_path / "broker", any_port())
    broker.start()
    file = tmp_path / "factory.toml"
    file.write_text(FACTORY.format(broker=broker.url, store=database), encoding="utf-8")
    workers = {site: start(file, site) for site in ("jeonju", "changwon")}
    publisher = Publisher(broker.url, "devices", durable=False)
    try:
        publisher.wait_connected()
        history = None

        def subscribed():
            nonlocal history
            try:
                history = history or open_history(database)
                return len(history.events(0, 2**62, kinds=[EventKind.SOURCE_CONNECTED])) == 2
            except StoreUnavailable:
                return False

        wait_for(subscribed, "both subscriptions")
        t0_ms = WallClock().now_ns() // NS_PER_MS
        for n in range(COUNT):
            for site in workers:
                publisher.publish(
                    f"{site}/press/data", json.dumps({"ts": t0_ms + n, "n": n, "x": n / 8}).encode(), token=n
                )
            if n == COUNT // 2:
                workers["jeonju"].kill()
                workers["jeonju"].wait()
                workers["jeonju"] = start(file, "jeonju")
            publisher.acknowledged()

        def stored(site):
            row = history.by_stream().get(f"{site}/press:data")
            return row.frames if row else 0

        wait_for(lambda: stored("changwon") == COUNT and stored("jeonju") == COUNT, "all frames of both sites")
        for worker in workers.values():
            worker.terminate()
            assert worker.wait(10) == 0, (tmp_path / "jeonju.log").read_text() + (tmp_path / "changwon.log").read_text()
    finally:
        publisher.close()
        for worker in workers.values():
            worker.kill()
            worker.wait()
        broker.stop()
    assert set(history.writers()) == {"ingest-jeonju", "ingest-changwon"}
    for site in workers:
        assert history.frames(f"{site}/press:data", 0, 2**62).seq.tolist() == list(range(COUNT))
        terms = history.by_source()[f"{site}-robots"]
        assert terms["received"] == terms["decoded"] == terms["decoded_frames"]
        assert terms["decoded_frames"] == terms["stored"] + terms["duplicate"]
        assert (terms["stored"], terms["expected"], terms["gap"], terms["key_conflict"]) == (COUNT, COUNT, 0, 0)
    assert {f"twin/ingest-{site}:metrics" for site in workers} <= set(history.latest())
    verdict = verify(history)
    assert verdict.mismatches == ()
    assert verdict.frames == history.summary().frames
    history.close()


def test_a_sqlite_file_has_one_writer(tmp_path):
    file = tmp_path / "factory.toml"
    file.write_text(FACTORY.format(broker="mqtt://127.0.0.1:1", store="sqlite:///twin.db"), encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-m", "dashboards.cli", "ingest", str(file), "--only", "jeonju"], cwd=ROOT, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 2
    assert "PostgreSQL" in answer.stderr
