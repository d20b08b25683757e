"""A simulated plant folded as ingest folds it: its frames in batches through the mirror and the alarms."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin.alarms import AlarmBook, rules_by_asset
from twin.clock import NS_PER_S, ns_from_iso
from twin.config import parse_factory
from twin.mirror import Mirror
from twin.sample import batch_of
from twin.simulation.plant import ASSET_TYPES, build_plant

if TYPE_CHECKING:
    from twin.alarms import AlarmEvent
    from twin.config import Factory
    from twin.simulation.faults import Trouble

DEMO = Path(__file__).parents[2] / "dashboards" / "demo" / "factory.toml"
START_NS = ns_from_iso("2026-11-16T08:00:00+09:00")
CHUNK_S = 600


@cache
def demo() -> Factory:
    return parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES))


@dataclass
class Shift:
    """What was told, and what was true."""

    journal: list[AlarmEvent] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def folded(site, faults, seconds, *, step_s=2, breakdowns=False, seed=7, start_ns=START_NS) -> Shift:
    """A site of the demo over some time, in batches of ``step_s``."""
    hub = demo().hub
    book = AlarmBook(rules_by_asset(hub, {name: one.alarms for name, one in ASSET_TYPES.items()}))
    plant = build_plant(hub.site(site), seed=seed, start_ns=start_ns, faults=faults, breakdowns=breakdowns)
    mirror, told, n = Mirror(), Shift(), 0
    for chunk in range(0, seconds, CHUNK_S):
        end = min(chunk + CHUNK_S, seconds)
        frames = [plant.faults.heard(part, start_ns) for part in plant.advance(start_ns + end * NS_PER_S, slow=True)]
        told.troubles += plant.troubles()
        ticks = [start_ns + second * NS_PER_S for second in range(chunk, end + 1, step_s)]
        cuts = [(part, np.searchsorted(part.t_ns, ticks).tolist()) for part in frames]
        for place, tick_ns in enumerate(ticks[1:]):
            parts = [part.take(np.arange(a[place], a[place + 1])) for part, a in cuts if a[place + 1] > a[place]]
            n += 1
            batch = batch_of("w", n, tick_ns, parts)
            told.journal += book.apply(batch, mirror, mirror.apply(batch))
    return told
