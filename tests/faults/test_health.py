"""I8: the health endpoint of a web process tells the truth, red within 5 s of a fault and green within 10 s of its end."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from invariants import verify
from rig import ROOT, Rig


def failing(rig: Rig) -> set[str]:
    """Which checks fail, by the endpoint's own word; the endpoint itself must answer."""
    try:
        with urlopen(f"http://127.0.0.1:{rig._web_port}/healthz", timeout=5.0) as answer:
            return set(json.loads(answer.read()).get("failing", ()))
    except HTTPError as error:
        return set(json.loads(error.read())["failing"])  # whatever else it is, it has no such word


def info_says_stale(rig: Rig) -> int:
    """The exit code of ``twin store info --max-age 3``, what a container's health check asks."""
    command = [sys.executable, "-m", "dashboards.cli", "store", "info", "--url", rig.url, "--max-age", "3"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False).returncode


def faults_of(rig: Rig):
    """(what, hurt, repair, the check that must fail) for the rig's store."""
    yield "ingest is killed", rig.kill_ingest, rig.start_ingest, "ingest"
    yield "the broker is killed", rig.kill_broker, rig.broker.start, "broker"
    if rig.cluster is not None:
        yield "PostgreSQL is crashed", rig.cluster.stop, rig.cluster.start, "store"
        yield "PostgreSQL is frozen", rig.cluster.freeze, rig.cluster.thaw, None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
def test_health_is_red_while_something_is_broken_and_green_when_it_is_mended(store, folder, request):
    cluster = request.getfixturevalue("cluster") if store == "postgres" else None
    rig = Rig(folder, "embedded", store, cluster=cluster, web=True)
    try:
        rig.start()
        rig.device(100_000, 100.0)
        assert failing(rig) == set()
        for what, hurt, repair, check in faults_of(rig):
            hurt()
            try:
                rig.wait_red()
                if check is not None:
                    assert check in failing(rig), what
                if check == "ingest":
                    assert info_says_stale(rig) == 1
            finally:
                repair()
            rig.wait_green()
        assert info_says_stale(rig) == 0
        rig.devices[0].say_no_more()
        rig.settle()
        verify(rig)
        rig.wait_red()
    finally:
        rig.close()
