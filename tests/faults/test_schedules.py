"""Schedules of chance through the whole pipeline, in one process: what a seed breaks once, it breaks again."""

from __future__ import annotations

import logging

import pytest
from schedules import play

SCHEDULES, PART = 500, 100
MANY = 10_000
ON_SQLITE, MANY_ON_SQLITE = 12, 300


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play_all(seeds, folder=None):
    """Play each, with a ``folder`` on SQLite; the first that breaks something is named, with how to see it again."""
    told = {}
    for seed in seeds:
        where = None
        if folder is not None:
            where = folder / str(seed)
            where.mkdir()
        try:
            world = play(seed, folder=where)
        except AssertionError as error:
            pytest.fail(f"schedule {seed}: {error}\nreplay: pytest {__file__} -k one_schedule --seed {seed}")
        for what, count in world.steps.items():
            told[what] = told.get(what, 0) + count
    return told


@pytest.mark.parametrize("first", range(1, SCHEDULES, PART))
def test_schedules_break_nothing(first):
    told = play_all(range(first, first + PART))
    missing = {
        "crash", "crash before append", "crash folded", "crash committed", "crash before acknowledging", "send_again",
        "cut", "restart_broker", "forget", "store_goes", "step_clock", "restart_device", "publish_late",
    } - told.keys()  # fmt: skip
    assert not missing, f"nothing of this kind happened in {PART} schedules: {missing}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_fresh_schedules_break_nothing(seed):
    play_all(range(seed, seed + MANY))


def test_schedules_on_the_real_store_break_nothing(folder):
    assert play_all(range(1, ON_SQLITE + 1), folder)["crash"] > ON_SQLITE / 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_fresh_schedules_on_the_real_store_break_nothing(seed, folder):
    play_all(range(seed, seed + MANY_ON_SQLITE), folder)


def test_one_schedule_breaks_nothing(seed, folder):
    play_all([seed])
    play_all([seed], folder)


def test_a_seed_is_a_schedule():
    one, other = play(11), play(11)
    assert one.steps == other.steps
    assert one.mirror.canonical() == other.mirror.canonical()
    assert play(12).mirror.canonical() != one.mirror.canonical()
