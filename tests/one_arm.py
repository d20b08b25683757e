"""One arm of the demo's welding line, simulated alone: its frames, and those of a time in which it was well."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S, ns_from_iso
from twin.config import parse_factory
from twin.sample import merge
from twin.simulation.plant import ASSET_TYPES, build_plant

if TYPE_CHECKING:
    from twin.config import Factory

DEMO = Path(__file__).parents[1] / "dashboards" / "demo" / "factory.toml"
START_NS = ns_from_iso("2026-11-16T08:00:00+09:00")
ARM = "jeonju/weld/line1/R-101"
SECONDS = 1200


@cache
def demo() -> Factory:
    return parse_factory(tomllib.loads(DEMO.read_text("utf-8")), tuple(ASSET_TYPES))


def told(seconds, *, slow=False, faults=(), start_ns=START_NS):
    """The frames of the arm's streams by name, of a line of two arms."""
    site = demo().hub.site("jeonju")
    kept = tuple(one for one in site.assets if one.id.rpartition("/")[2] in ("R-101", "R-102", "B-10"))
    plant = build_plant(replace(site, assets=kept), seed=7, start_ns=start_ns, faults=faults, breakdowns=False)
    found = {}
    for part in plant.advance(start_ns + seconds * NS_PER_S, slow=slow):
        if part.stream.asset == ARM:
            found.setdefault(part.stream.name, []).append(part)
    return {name: merge(parts) for name, parts in found.items()}


@cache
def healthy():
    return told(SECONDS)
