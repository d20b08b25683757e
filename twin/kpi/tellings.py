"""Where an asset tells what figures are made of: its state, its parts, its energy. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.clock import NS_PER_S
from twin.errors import UnitError
from twin.kpi.counts import ENERGY_SCALE
from twin.sample import Role
from twin.states import stale_after_ns
from twin.units import conversion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.sample import Stream
    from twin.site import Asset

_COUNTS = (Role.GOOD_COUNT, Role.SCRAP_COUNT, Role.ENERGY)
_WORDS = (Role.STATE, Role.MODE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read of one stream: places of counters among its columns, of words among its texts."""

    stream: str
    columns: tuple[int, ...]
    texts: tuple[int, ...]
    stale_ns: int | None


Place = tuple[Wanted, int]
"""Where one signal is: the stream, and the place among what is read of it."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What one asset tells. ``energy_scale`` makes millionths of a kilowatt hour of what its meter shows."""

    asset: str
    state: Place | None = None
    mode: Place | None = None
    good: Place | None = None
    scrap: Place | None = None
    energy: Place | None = None
    energy_scale: int = ENERGY_SCALE

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """Every stream that is read, once."""
        places = (self.state, self.mode, self.good, self.scrap, self.energy)
        return tuple(dict.fromkeys(place[0] for place in places if place is not None))


def tellings(streams: Iterable[Stream]) -> dict[str, Telling]:
    """What each asset tells, by its id; assets that tell nothing of this are left out."""
    by_asset: dict[str, list[Stream]] = {}
    for stream in streams:
        if any(signal.role in (*_COUNTS, *_WORDS) for signal in stream.signals):
            by_asset.setdefault(stream.asset, []).append(stream)
    return {asset: _telling(asset, listed) for asset, listed in by_asset.items()}


def ideal_ns(asset: Asset | None) -> int | None:
    """PRI, the planned run time per item: the attribute ``ideal_cycle_s``, else ``cycle_s``; None without either."""
    for name in ("ideal_cycle_s", "cycle_s"):
        value = None if asset is None else asset.attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            return round(value * NS_PER_S)
    return None


def _telling(asset: str, streams: list[Stream]) -> Telling:
    found: dict[Role, Place] = {}
    scale = ENERGY_SCALE
    for stream in sorted(streams, key=lambda one: one.id):
        columns = [i for i, signal in enumerate(stream.columns) if signal.role in _COUNTS]
        texts = [i for i, signal in enumerate(stream.text_columns) if signal.role in _WORDS]
        wanted = Wanted(stream.id, tuple(columns), tuple(texts), stale_after_ns(stream))
        for place, i in enumerate(columns):
            role = stream.columns[i].role
            if role is Role.ENERGY:
                per_kwh = _per_kwh(stream.columns[i].unit)
                if per_kwh is None or role in found:
                    continue
                scale = round(ENERGY_SCALE * per_kwh)
            found.setdefault(role, (wanted, place))
        for place, i in enumerate(texts):
            found.setdefault(stream.text_columns[i].role, (wanted, place))
    state, mode = found.get(Role.STATE), found.get(Role.MODE)
    if state is not None and mode is not None and mode[0] != state[0] and state[0].stale_ns is not None:
        mode = None  # what one stream says does not keep another one's words fresh
    return Telling(
        asset, state, mode, found.get(Role.GOOD_COUNT), found.get(Role.SCRAP_COUNT), found.get(Role.ENERGY), scale
    )


def _per_kwh(unit: str) -> float | None:
    """How many kW.h one of a unit is; None for what is no energy."""
    try:
        factor, offset = conversion(unit, "kW.h")
    except UnitError:
        return None
    return factor if offset == 0 else None
