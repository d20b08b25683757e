"""`twin bench model`: what scoring a window costs, and what models make of a simulated time with faults."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connectors.bench.model import faulty, speed
from connectors.factory_file import read_factory
from dashboards.bench.stage import machine

if TYPE_CHECKING:
    from collections.abc import Callable

ROBOT, MACHINE = (28, 60), (7, 60)
"""(signals, rows) of a robot arm's windows, and of a machine tool's."""


def run(tries: int) -> dict[str, Any]:
    """Microseconds a window of a robot's and of a machine's signals."""
    return {"machine": machine(), "robot": speed(*ROBOT, tries), "machine_tool": speed(*MACHINE, tries)}


def table(asset: str, days: float, aftermath_s: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """The table of an asset of the demo's plants, over simulated days."""
    factory = read_factory(Path(__file__).resolve().parent.parent / "demo" / "factory.toml")
    with TemporaryDirectory(prefix="twin-bench-model-") as folder:
        return faulty(factory, asset, days, aftermath_s, f"sqlite:///{folder}/bench.db", progress)
