"""Settings of every test: a busy machine must not fail a property by being slow; chance comes from one seed."""

import secrets

import pytest
from hypothesis import settings

settings.register_profile("twin", deadline=None)
settings.load_profile("twin")
STEADY_SEED = 20_261_127


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
