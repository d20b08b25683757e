"""Where it is known that something was wrong: what a simulator wrote down, or what people marked in episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.desk import labelling
from connectors.desk.episodes import in_force
from connectors.models.evaluate import Wrong
from connectors.truth import read_truth
from twin.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.desk import Desk

CHANNEL = "anomaly"


def marked(desk: Desk, asset: str) -> list[Wrong]:
    """The parts of an asset's episodes that people marked as anomalies, in order."""
    found = [
        Wrong(label.label, label.from_ns, label.to_ns)
        for one in labelling.listed(desk)
        if one.episode.asset == asset
        for label in in_force(one.labels)
        if label.channel == CHANNEL
    ]
    return sorted(found, key=lambda one: (one.start_ns, one.end_ns, one.kind))


def simulated(path: Path, asset: str) -> list[Wrong]:
    """What truly was wrong with an asset of a simulated plant; raises ModelError where nothing was written."""
    if not path.exists():
        raise ModelError(f"{path}: there is no such file", "`twin simulate` writes it beside its ledger")
    return [Wrong(str(one.kind), one.start_ns, one.end_ns) for one in read_truth(path) if one.asset == asset]
