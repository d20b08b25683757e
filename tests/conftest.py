"""Settings of every test: a busy machine must not fail a property by being slow; chance comes from one seed."""

import fcntl
import gc
import itertools
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from hypothesis import settings

from connectors.desk import accounts

settings.register_profile("twin", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=150)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "twin"))
STEADY_SEED = 20_261_127
SERVER = {"host": "127.0.0.1", "user": "root"}
_NUMBERS = itertools.count(1)


# A login costs as much as the work of a test; what it costs in life is asked in tests/contracts/test_people.py.
COSTS_IN_LIFE = accounts.HASHER
accounts.HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


def pytest_addoption(parser):
    parser.addoption(
        "--seed", type=int, default=None,
        help="The seed of fault runs and simulated schedules: replays what a failure printed.",
    )  # fmt: skip


def pytest_report_header(config):
    told = config.getoption("--seed")
    return f"seed of faults and schedules: {told if told is not None else 'the usual one, fresh ones where slow'}"


def pytest_collection_finish():
    """What was imported and collected lives to the end: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture
def costs_in_life():
    """The hasher of passwords as the product makes it."""
    return COSTS_IN_LIFE


@pytest.fixture
def seed(request):
    """``--seed``, or a steady one in CI and a fresh one in what is slow; a failure shows it."""
    told = request.config.getoption("--seed")
    if told is None:
        told = secrets.randbelow(1 << 31) if request.node.get_closest_marker("slow") else STEADY_SEED
    print(f"seed {told}: replay with --seed {told}")
    return told


@pytest.fixture(scope="session")
def new_database():
    """``with new_database() as url``: an empty database of this run's own on the PostgreSQL server, dropped at the end.

    Skips the test where no server answers.
    """

    @contextmanager
    def made():
        name = f"twin_test_{os.getpid()}_{next(_NUMBERS)}"
        try:
            connection = psycopg.connect(**SERVER, dbname="postgres", autocommit=True, connect_timeout=2)
        except psycopg.OperationalError:
            pytest.skip("no PostgreSQL server answers at 127.0.0.1:5432")
        with connection:
            connection.execute(f"CREATE DATABASE {name}")
            try:
                yield f"postgresql://{SERVER['user']}@{SERVER['host']}/{name}"
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return made


@pytest.fixture(scope="session")
def built_once(tmp_path_factory):
    """``built_once(NAME, BUILD)``: a folder that BUILD filled, one for all processes of a test run."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def folder(name, build):
        path = shared / name
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (path / "whole").exists():
                path.mkdir()
                build(path)
                (path / "whole").touch()
        return path

    return folder


@pytest.fixture(scope="session")
def ur3(tmp_path_factory):
    """(store, factory file) of a real robot's whole recording, ingested from its file as `examples/ur3` says."""
    root = Path(__file__).parents[1]
    recorded, example = root.parent / "shared/data/ur3_cobotops.csv", root / "examples/ur3"
    if not recorded.exists():
        pytest.skip("the UR3 recording is not in ../shared/data")
    folder = tmp_path_factory.mktemp("ur3")
    source = f'name = "ur3"\ntype = "capture"\npath = "{recorded}"\nmap = "{example / "mapping.toml"}"\n'
    text = (example / "factory.toml").read_text(encoding="utf-8")
    text = text.replace('name = "ur3"\ntopics = ["ur3/+/+/+/cobot"]\n', source)
    file, url = folder / "factory.toml", f"sqlite:///{folder / 'data/twin.db'}"
    file.write_text(text.replace("[[site]]", '[broker]\nuse = "mqtt://127.0.0.1:9"\n\n[[site]]', 1), encoding="utf-8")
    command = [sys.executable, "-m", "dashboards.cli"]
    child = subprocess.Popen([*command, "ingest", str(file)])
    try:
        deadline, stored = time.monotonic() + 90, b""
        while b"7409" not in stored and time.monotonic() < deadline:
            time.sleep(0.5)
            info = [*command, "store", "info", "--url", url, "--by-stream", "--json"]
            stored = subprocess.run(info, capture_output=True, check=False).stdout
    finally:
        child.terminate()
        child.wait(20)
    assert b"7409" in stored
    return url, str(file)
