"""A factory that was recorded: the simulated plants, through the real pipeline, into a real store."""

from __future__ import annotations

import shutil
import tomllib
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from recording_plant import LIVE_S, SLOW_S, Devices
from simulated import START_NS

from connectors.plugins import asset_types, rules_of
from connectors.scenarios import play_into, read_scenario
from connectors.stores.sql import open_history
from twin.clock import NS_PER_S
from twin.config import Factory, parse_factory
from twin.scenario import Playing


@dataclass(frozen=True, repr=False)
class Recorded:
    factory: Factory
    url: str
    start_ns: int
    end_ns: int
    folder: Path

    def __repr__(self) -> str:
        return f"Recorded({self.url})"


@pytest.fixture(scope="session")
def demo_factory() -> Factory:
    text = (files("dashboards") / "demo" / "factory.toml").read_text(encoding="utf-8")
    return parse_factory(tomllib.loads(text), tuple(asset_types()))


@pytest.fixture(scope="session")
def recorded(demo_factory: Factory, built_once, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Five minutes of both demo sites, the last seconds at full rate, one message that cannot be read."""
    end_ns = START_NS + (SLOW_S + LIVE_S) * NS_PER_S

    def build(folder: Path) -> None:
        devices = Devices(demo_factory, f"sqlite:///{folder / 'twin.db'}")
        devices.record(SLOW_S)
        devices.run(end_ns)
        devices.store.close()

    folder = tmp_path_factory.mktemp("recorded")  # of this process: people write on the desk beside it
    shutil.copytree(built_once("recorded", build), folder, dirs_exist_ok=True)
    return Recorded(demo_factory, f"sqlite:///{folder / 'twin.db'}", START_NS, end_ns, folder)


@pytest.fixture
def history(recorded: Recorded):
    opened = open_history(recorded.url)
    yield opened
    opened.close()


MORNING = """
name = "morning"
site = "changwon"
seed = 5
start = 2026-11-16T06:00:00+09:00
duration_s = 14400
breakdowns = true
batch_s = 60
"""


@pytest.fixture(scope="module")
def morning(built_once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store (``twin.db``): Changwon's four hours from six in the morning, as a scenario played them."""

    def build(folder: Path) -> None:
        (folder / "morning.toml").write_text(MORNING, "utf-8")
        with as_file(files("dashboards") / "demo" / "factory.toml") as demo:
            scenario, factory = read_scenario(folder / "morning.toml", demo)
        play_into(Playing(scenario, factory.hub, rules_of(factory)), f"sqlite:///{folder / 'twin.db'}")

    folder = tmp_path_factory.mktemp("morning")
    shutil.copytree(built_once("morning", build), folder, dirs_exist_ok=True)
    return folder
