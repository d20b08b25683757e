"""A simulated plant folded as ingest folds it: its frames in batches through the mirror and the alarms."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.alarms import AlarmBook, rules_by_asset
from twin.clock import NS_PER_S, ns_from_iso
from twin.config import parse_factory
from twin.mirror import Mirror
from twin.sample import batch_of
from twin.simulation.faults import Fault, FaultKind
from twin.simulation.judge import Judgement, Verdict, alarms_of, judge
from twin.simulation.plant import ASSET_TYPES, build_plant

if TYPE_CHECKING:
    from collections.abc import Iterable

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


WELD, ASSEMBLY, MACHINES = "jeonju/weld/line1", "jeonju/assembly/line1", "changwon/machining"
CASES = {
    FaultKind.AXIS_FRICTION: (f"{WELD}/R-101", f"{MACHINES}/line2/T-303"),
    FaultKind.AXIS_OVERHEATING: (f"{WELD}/R-102",),
    FaultKind.GRIP_LOST: (f"{WELD}/R-103", f"{ASSEMBLY}/A-201", f"{MACHINES}/line2/T-304"),
    FaultKind.CONVEYOR_JAM: (f"{WELD}/CV-1", f"{MACHINES}/line1/CV-21"),
    FaultKind.SENSOR_STUCK: (f"{WELD}/R-104", f"{WELD}/CV-3", "jeonju/EM-0", "jeonju/weld/ENV-1", f"{MACHINES}/line1/MT-03"),
    FaultKind.SENSOR_DRIFT: (f"{WELD}/R-105", f"{ASSEMBLY}/CV-11", "jeonju/weld/EM-1", "jeonju/assembly/ENV-2", f"{MACHINES}/line1/MT-04"),
    FaultKind.SENSOR_DROPOUT: (f"{WELD}/R-106", f"{ASSEMBLY}/CV-12", "jeonju/assembly/EM-2", f"{MACHINES}/ENV-11", f"{MACHINES}/line2/MT-05"),
    FaultKind.AMR_BLOCKED: ("jeonju/fleet/AMR-01", "changwon/fleet/AMR-11"),
    FaultKind.AMR_LOW_BATTERY: ("jeonju/fleet/AMR-02", "changwon/fleet/AMR-12"),
    FaultKind.TOOL_WEAR: (f"{MACHINES}/line1/MT-01",),
    FaultKind.TOOL_BREAKAGE: (f"{MACHINES}/line1/MT-02", f"{MACHINES}/line2/MT-07"),
    FaultKind.NETWORK_CUT: (f"{WELD}/R-108", "jeonju/fleet/AMR-03", "jeonju/charging/EM-3", f"{MACHINES}/line2/MT-06"),
}  # fmt: skip
"""Which assets suffer what in the shift of faults: each asset one fault, again each hour."""
SITES = ("jeonju", "changwon")
SEVERITIES = (1.0, 0.5)
AT_S, EVERY_S, DAY_S = 1500.0, 3600.0, 86_400
"""At 25 past the hour: the meal breaks are over by then."""


def shift_of_faults(seconds: int, severity: float = 1.0) -> tuple[Judgement, ...]:
    """Both sites with every fault each hour, and the plant's own breakdowns among them, judged."""
    faults = [Fault(kind, asset, AT_S, 0.0, severity, EVERY_S) for kind, assets in CASES.items() for asset in assets]
    shifts = [folded(site, faults, seconds, breakdowns=True) for site in SITES]
    return tuple(judge(shift.journal, shift.troubles) for shift in shifts)


def table_of(judgements: Iterable[Judgement]) -> dict[str, dict[str, Any]]:
    """By kind and type of asset: how many faults there were, how many were told by what, and how soon (s)."""
    types = {asset: one.type for asset, one in demo().hub.assets().items()}
    found: dict[str, list[Verdict]] = {}
    for verdict in (one for judgement in judgements for one in judgement.verdicts):
        if alarms_of(verdict.trouble.kind):
            key = f"{verdict.trouble.kind} of {types[verdict.trouble.asset]}"
            found.setdefault(key, []).append(verdict)
    return {key: _row(found[key]) for key in sorted(found)}


def _row(verdicts: list[Verdict]) -> dict[str, Any]:
    told = [one for one in verdicts if one.alarm is not None]
    delays = sorted(round(one.delay_s, 1) for one in told if one.delay_s is not None)
    return {
        "faults": len(verdicts),
        "told": len(told),
        "alarms": sorted({one.alarm.rule for one in told if one.alarm is not None}),
        "soonest_s": delays[0] if delays else None,
        "middle_s": delays[len(delays) // 2] if delays else None,
        "latest_s": delays[-1] if delays else None,
    }
