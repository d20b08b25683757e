"""How parts go through a line: its stations in order, what tends them, the buffers between them. Pure.

The order is that of the stations' attribute ``station``; stations of one number stand side by side. A
buffer or a conveyor stands behind the station that its attribute ``after`` names. An arm without a number
that another station names as ``tended_by`` belongs to it. Where no station has a number the order is that
of the floor, and `Flow.is_declared` says that it is only a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twin.ids import leaf_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.site import Asset, Site

STATION_TYPES = ("robot_arm", "machine_tool", "inspection")


@dataclass(frozen=True, slots=True)
class Step:
    """Stations side by side, the arms that tend them, and what stands behind them: asset ids."""

    number: float
    stations: tuple[str, ...]
    tenders: tuple[str, ...] = ()
    buffers: tuple[str, ...] = ()
    conveyors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """A line from its infeed to its last station."""

    place: str
    steps: tuple[Step, ...]
    infeed: tuple[str, ...] = ()
    """Conveyors before the first station."""
    is_declared: bool = True

    @property
    def stations(self) -> tuple[str, ...]:
        """Every station and tender, in the order of the flow."""
        return tuple(asset for step in self.steps for asset in (*step.stations, *step.tenders))

    @property
    def buffers(self) -> tuple[str, ...]:
        """Every buffer, in the order of the flow."""
        return tuple(asset for step in self.steps for asset in step.buffers)

    def around(self, station: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The buffers before and behind a station."""
        before: tuple[str, ...] = ()
        for step in self.steps:
            if station in (*step.stations, *step.tenders):
                return before, step.buffers
            before = step.buffers
        return (), ()


def flow_of(place: str, assets: Iterable[Asset]) -> Flow:
    """The flow through the assets that stand below a place."""
    mine = [asset for asset in assets if asset.id.startswith(place + "/")]
    stations = [asset for asset in mine if asset.type in STATION_TYPES]
    numbered = {asset.id: number for asset in stations if (number := _number(asset, "station")) is not None}
    tended = {asset.attributes.get("tended_by") for asset in stations}
    tenders = {
        leaf_of(asset.id): asset.id for asset in stations if asset.id not in numbered and leaf_of(asset.id) in tended
    }
    rest = [asset for asset in stations if asset.id not in numbered and asset.id not in tenders.values()]
    ranks: dict[float, list[Asset]] = {}
    for asset in stations:
        if asset.id in numbered:
            ranks.setdefault(numbered[asset.id], []).append(asset)
    last = max(ranks, default=0.0)
    for place_in_row, asset in enumerate(sorted(rest, key=lambda one: (one.pose.x_m, one.pose.y_m, one.id)), 1):
        ranks[last + place_in_row] = [asset]
    steps = tuple(_step(number, listed, tenders) for number, listed in sorted(ranks.items()))
    steps, infeed = _with_buffers(steps, mine)
    return Flow(place, steps, infeed, is_declared=bool(numbered) or not stations)


def takt_of(site: Site, asset_id: str) -> float | None:
    """The takt of a station: that of the nearest place above it, times the stations that share its work."""
    above = [place for place in site.places if place.takt_s and asset_id.startswith(place.id + "/")]
    if not above:
        return None
    place = max(above, key=lambda one: len(one.id))
    step = next((one for one in flow_of(place.id, site.assets).steps if asset_id in one.stations), None)
    return (place.takt_s or 0.0) * (len(step.stations) if step else 1)


def _step(number: float, stations: list[Asset], tenders: dict[str, str]) -> Step:
    served = [str(asset.attributes.get("tended_by", "")) for asset in stations]
    found = tuple(dict.fromkeys(tenders[name] for name in served if name in tenders))
    return Step(number, tuple(asset.id for asset in stations), found)


def _with_buffers(steps: tuple[Step, ...], assets: list[Asset]) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Put buffers and conveyors behind the last step that they come after; those before all are the infeed."""
    infeed: list[str] = []
    for asset in assets:
        if asset.type not in ("buffer", "conveyor"):
            continue
        after = _number(asset, "after")
        behind = [i for i, step in enumerate(steps) if after is not None and step.number <= after]
        if not behind:
            infeed += [asset.id] if asset.type == "conveyor" else []
            continue
        step = steps[behind[-1]]
        if asset.type == "buffer":
            new = replace(step, buffers=(*step.buffers, asset.id))
        else:
            new = replace(step, conveyors=(*step.conveyors, asset.id))
        steps = (*steps[: behind[-1]], new, *steps[behind[-1] + 1 :])
    return steps, tuple(infeed)


def _number(asset: Asset, name: str) -> float | None:
    value = asset.attributes.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
