"""What the faults need of the machine; where it is absent they are skipped, with the reason."""

from __future__ import annotations

import os
import shutil

import pytest
from cluster import Cluster, why_not
from room import new_folder


@pytest.fixture
def mosquitto(request):
    """Skip where the case wants a mosquitto and there is none."""
    wanted = request.node.callspec.params.get("broker") == "mosquitto"
    if wanted and shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin") is None:
        pytest.skip("no mosquitto executable")


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL of our own, to be hurt."""
    if reason := why_not():
        pytest.skip(reason)
    made = Cluster()
    yield made
    made.close()


@pytest.fixture
def folder():
    """A folder for brokers and databases, gone afterwards."""
    made = new_folder("twin-run-")
    yield made
    shutil.rmtree(made, ignore_errors=True)
