"""The directory: sites, assets, types and streams, as the browser is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twin.ids import leaf_of, place_of, site_of
from twin.units import symbol

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from twin.sample import Signal, Stream
    from twin.site import Asset, AssetType, Hub, Name, Site

OWN = "twin"
"""The site segment of the twin's own signals."""
EVERY_SITE = "*"


def belongs(asset: str, site: str) -> bool:
    """Whether an asset is of that site; ``*`` takes all."""
    return site in (EVERY_SITE, site_of(asset))


def nodes_of(streams: Iterable[Stream], declared: Container[str]) -> set[str]:
    """Paths that only live or die, or count their messages: what assets are behind, and no assets themselves."""
    lives: set[str] = set()
    others: set[str] = set()
    for stream in streams:
        (lives if stream.is_of_a_node else others).add(stream.asset)
    return {path for path in lives - others if path not in declared}


def directory(
    hub: Hub,
    types: Mapping[str, AssetType],
    streams: Mapping[int, Stream],
    site: str,
    drawings: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The directory of one site, or of all with ``*``; ``drawings`` lie under the plans of their sites."""
    under = drawings or {}
    sites = [one for one in hub.sites if site in (EVERY_SITE, one.id)]
    declared = {asset.id: asset for one in sites for asset in one.assets}
    heard = {stream.asset for stream in streams.values() if belongs(stream.asset, site)}
    heard -= nodes_of(streams.values(), declared)
    undeclared = sorted(asset for asset in heard if asset not in declared and site_of(asset) != OWN)
    return {
        "type": "directory",
        "sites": [_site(one, under.get(one.id)) for one in sites],
        "assets": [*map(_asset, declared.values()), *map(_undeclared, undeclared)],
        "types": {name: _name(kind.label) for name, kind in types.items()},
        "streams": [_stream(key, stream) for key, stream in streams.items() if belongs(stream.asset, site)],
    }


def _name(name: Name) -> dict[str, str]:
    return {"ko": name.ko, "en": name.en}


def _site(site: Site, drawing: str | None) -> dict[str, Any]:
    return {
        "id": site.id,
        "name": _name(site.name),
        "region": _name(site.region),
        "timezone": site.timezone,
        "size_m": list(site.size_m),
        "drawing": f"/view/drawing/{drawing}" if drawing else None,
        "position_deg": list(site.position_deg) if site.position_deg else None,
        "places": [
            {
                "id": place.id,
                "level": place.level.value,
                "name": _name(place.name),
                "rect_m": list(place.rect_m) if place.rect_m else None,
            }
            for place in site.places
        ],
        "nodes": [{"id": node.id, "x_m": node.x_m, "y_m": node.y_m, "kind": node.kind} for node in site.nodes],
        "edges": [list(edge) for edge in site.edges],
    }


def _asset(asset: Asset) -> dict[str, Any]:
    pose = asset.pose
    return {
        "id": asset.id,
        "type": asset.type,
        "site": asset.site,
        "place": place_of(asset.id),
        "name": _name(asset.name),
        "pose": [pose.x_m, pose.y_m, pose.z_m, pose.yaw_rad],
        "attributes": dict(asset.attributes),
        "declared": True,
    }


def _undeclared(asset: str) -> dict[str, Any]:
    return {
        "id": asset,
        "type": "",
        "site": site_of(asset),
        "place": place_of(asset),
        "name": {"ko": leaf_of(asset), "en": leaf_of(asset)},
        "pose": [0.0, 0.0, 0.0, 0.0],
        "attributes": {},
        "declared": False,
    }


def _stream(key: int, stream: Stream) -> dict[str, Any]:
    return {
        "key": key,
        "id": stream.id,
        "asset": stream.asset,
        "name": stream.name,
        "period_s": stream.period_s,
        "stale_after_s": stream.stale_after_s,
        "columns": [_signal(signal) for signal in stream.columns],
        "texts": [_signal(signal) for signal in stream.text_columns],
    }


def _signal(signal: Signal) -> dict[str, Any]:
    name = signal.source_name or signal.name
    return {
        "name": signal.name,
        "kind": signal.kind.value,
        "unit": signal.unit,
        "symbol": symbol(signal.unit),
        "role": signal.role.value,
        "index": signal.index,
        "low": signal.low,
        "high": signal.high,
        "label": {"ko": signal.label_ko or name, "en": signal.label_en or name},
        "source_name": signal.source_name,
    }
