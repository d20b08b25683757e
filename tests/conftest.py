"""Settings of every test: a busy machine must not fail a property by being slow; chance comes from one seed."""

import itertools
import os
import secrets
from contextlib import contextmanager

import psycopg
import pytest
from hypothesis import settings

settings.register_profile("twin", deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "twin"))
STEADY_SEED = 20_261_127
SERVER = {"host": "127.0.0.1", "user": "root"}
_NUMBERS = itertools.count(1)


def pytest_addoption(parser):
    parser.addoption(
        "--seed", type=int, default=None,
        help="The seed of fault runs and simulated schedules: replays what a failure printed.",
    )  # fmt: skip


def pytest_report_header(config):
    told = config.getoption("--seed")
    return f"seed of faults and schedules: {told if told is not None else 'the usual one, fresh ones where slow'}"


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
