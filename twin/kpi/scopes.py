"""What figures are of: an asset, a line, a site; where parts come out of it, and which meters stand for it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.ids import leaf_of, place_of
from twin.site import Level, Name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from twin.site import Asset, Place, Site

_MAKERS = ("robot_arm", "machine_tool")


class Of(StrEnum):
    """How much a figure is of."""

    ASSET = "asset"
    LINE = "line"
    SITE = "site"


@dataclass(frozen=True, slots=True)
class Scope:
    """``assets`` are the ids that figures are made of; parts are counted where they leave, at ``outlets``.

    ``meters`` are what measures its energy; () where nothing measures it alone.
    """

    of: Of
    id: str
    site: str
    name: Name
    assets: tuple[str, ...]
    outlets: tuple[str, ...]
    meters: tuple[str, ...] = ()


def scopes_of(
    site: Site, counting: Collection[str], metering: Collection[str], stated: Collection[str] = ()
) -> tuple[Scope, ...]:
    """The site, its lines, its assets: those that tell a state and count parts (``counting``).

    Assets that only tell a state (``stated``) are scopes of their own, and of no line; so are arms that
    load machines (``tended_by``): what they do is in the machines' time. ``metering`` are the assets with
    an energy counter.
    """
    assets = {asset.id: asset for asset in site.assets}
    lines: dict[str, list[str]] = {}
    served = {(place_of(asset.id), asset.attributes.get("tended_by")) for asset in site.assets}
    making = [asset for asset in sorted(counting) if (place_of(asset), leaf_of(asset)) not in served]
    for asset in making:
        lines.setdefault(line_of(site, asset), []).append(asset)
    names = {place.id: place.name for place in site.places}
    found: list[Scope] = []
    for line, members in lines.items():
        members.sort(key=lambda one: (_rank(assets.get(one)), one))
        outlets = _outlets(members, assets)
        name = names.get(line, Name(leaf_of(line), leaf_of(line)))
        found.append(Scope(Of.LINE, line, site.id, name, tuple(members), outlets, _meters(line, lines, metering)))
    leaving = tuple(asset for line in found for asset in line.outlets)
    incoming = tuple(sorted(meter for meter in metering if place_of(meter) == site.id))
    whole = Scope(Of.SITE, site.id, site.id, site.name, tuple(making), leaving, incoming or tuple(sorted(metering)))
    each = tuple(
        Scope(
            Of.ASSET, asset, site.id, assets[asset].name if asset in assets else Name(leaf_of(asset), leaf_of(asset)),
            (asset,), (asset,), (asset,) if asset in metering else (),
        )
        for asset in sorted({*counting, *stated})
    )  # fmt: skip
    return (whole, *found, *each)


def line_of(site: Site, asset: str) -> str:
    """The line an asset stands in; else its area or cell; else the path above it."""
    above = [place for place in site.places if asset.startswith(place.id + "/")]
    for level in (Level.LINE, Level.CELL, Level.AREA):
        places: list[Place] = [place for place in above if place.level is level]
        if places:
            return max(places, key=lambda place: len(place.id)).id
    return place_of(asset) or site.id


def _outlets(members: list[str], assets: dict[str, Asset]) -> tuple[str, ...]:
    """The members where parts leave; all of them where nobody says in which order they stand."""
    known = [assets[one] for one in members if one in assets]
    found = tuple(asset.id for asset in last_stations(known))
    return found or tuple(members)


def _meters(line: str, lines: Collection[str], metering: Collection[str]) -> tuple[str, ...]:
    """The meters of a line: those in it, else those of the nearest place above that no other line shares."""
    path = line
    while "/" in path:
        shared = [other for other in lines if other != line and other.startswith(path + "/")]
        if shared:
            return ()
        inside = sorted(meter for meter in metering if meter.startswith(path + "/"))
        if inside:
            return tuple(inside)
        path = place_of(path)
    return ()


def last_stations(assets: Iterable[Asset]) -> list[Asset]:
    """Where parts leave a line: its last inspection, else all machines of the last station.

    Machines that share the last station number make parts side by side, so all of them count.
    """
    listed = list(assets)
    for types in (("inspection",), _MAKERS):
        stations = [(_station(asset), asset) for asset in listed if asset.type in types]
        numbered = [station for station, _ in stations if station is not None]
        if numbered:
            return [asset for station, asset in stations if station == max(numbered)]
    return [asset for asset in listed if asset.type == "inspection"][-1:]


def _rank(asset: Asset | None) -> float:
    """Where an asset stands in its line; behind all others where nobody says."""
    station = None if asset is None else _station(asset)
    return math.inf if station is None else station


def _station(asset: Asset) -> float | None:
    value = asset.attributes.get("station")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
