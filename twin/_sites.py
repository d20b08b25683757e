"""The sites of a factory file: places, assets and routes, parsed with the rest of it in `twin.config`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from twin.errors import IdError, Mistake
from twin.ids import segment
from twin.site import Asset, Level, Name, Node, Place, Pose, Site

if TYPE_CHECKING:
    from twin._table import Table


def unique(ids: list[str], key: str, mistakes: list[Mistake]) -> None:
    """Report names that are there twice."""
    seen: set[str] = set()
    for item in ids:
        if item and item in seen:
            mistakes.append(Mistake(key, f"{item!r} is there twice", "give each its own name"))
        seen.add(item)


def segment_of(table: Table, name: str) -> str:
    """An id of one level."""
    text = table.get(name, str)
    try:
        return segment(text) if text else text
    except IdError as error:
        table.wrong(name, error.problem)
        return text


def _path(table: Table, site: str) -> str:
    text = table.get("id", str)
    try:
        return "/".join([site, *(segment(part) for part in text.split("/"))]) if text else site
    except IdError as error:
        table.wrong("id", error.problem, "levels are parted by one /")
        return site


def name_of(table: Table, key: str) -> Name:
    """A name for people: one text, or one in each language."""
    if isinstance(table.data.get(key), str):
        text = table.get(key, str)
        return Name(text, text)
    names = table.table(key)
    korean, english = names.get("ko", str, ""), names.get("en", str, "")
    names.done()
    if not (korean or english):
        table.wrong(key, "missing", 'write { ko = "…", en = "…" }')
    return Name(korean or english, english or korean)


def site_of_table(table: Table, asset_types: tuple[str, ...]) -> Site:
    """One site with all that stands in it."""
    site_id = segment_of(table, "id")
    zone = table.get("timezone", str, "Asia/Seoul")
    if zone not in available_timezones():
        table.wrong("timezone", f"{zone!r} is not a time zone", "such as Asia/Seoul")
    size = table.numbers("size_m", 2) or (50.0, 30.0)
    position = table.numbers("position_deg", 2)
    places = tuple(_place(item, site_id) for item in table.tables("place"))
    assets = tuple(_asset(item, site_id, asset_types) for item in table.tables("asset"))
    nodes = tuple(_node(item) for item in table.tables("node"))
    unique([asset.id for asset in assets], table.path("asset"), table.mistakes)
    unique([place.id for place in places], table.path("place"), table.mistakes)
    unique([node.id for node in nodes], table.path("node"), table.mistakes)
    site = Site(
        id=site_id,
        name=name_of(table, "name"),
        region=name_of(table, "region") if table.has("region") else Name("", ""),
        timezone=zone,
        size_m=(size[0], size[1]),
        position_deg=(position[0], position[1]) if position else None,
        places=places,
        assets=assets,
        nodes=nodes,
        edges=_edges(table, {node.id for node in nodes}),
    )
    table.done()
    return site


def _edges(table: Table, nodes: set[str]) -> tuple[tuple[str, str], ...]:
    edges: list[tuple[str, str]] = []
    if not table.has("edges"):
        return ()
    listed = table.data["edges"]
    for pair in listed if isinstance(listed, list) else [listed]:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, str) for end in pair):  # noqa: PLR2004
            missing = [end for end in pair if end not in nodes]
            if missing:
                table.wrong("edges", f"no node {missing[0]!r}")
            edges.append((pair[0], pair[1]))
        else:
            table.wrong("edges", f"{pair!r} is not a pair of node ids", '[["N-1", "N-2"], …]')
    return tuple(edges)


def _place(table: Table, site: str) -> Place:
    rect = table.numbers("rect_m", 4)
    level = table.get("level", str, "area", choices=tuple(Level))
    place = Place(
        id=_path(table, site),
        level=Level(level) if level in tuple(Level) else Level.AREA,
        name=name_of(table, "name"),
        rect_m=(rect[0], rect[1], rect[2], rect[3]) if rect else None,
    )
    table.done()
    return place


def _asset(table: Table, site: str, asset_types: tuple[str, ...]) -> Asset:
    pose = table.table("pose")
    attributes = table.table("attributes")
    plain = {k: v for k, v in attributes.data.items() if isinstance(v, str | int | float | bool)}
    for name in attributes.data:
        if name not in plain:
            attributes.wrong(name, "attributes are texts, numbers, true or false")
    asset = Asset(
        id=_path(table, site),
        type=table.get("type", str, choices=asset_types),
        name=name_of(table, "name"),
        pose=Pose(
            pose.get("x_m", float, 0.0),
            pose.get("y_m", float, 0.0),
            pose.get("z_m", float, 0.0),
            math.radians(pose.get("yaw_deg", float, 0.0)),
        ),
        attributes=plain,
    )
    pose.done()
    table.done()
    return asset


def _node(table: Table) -> Node:
    node = Node(
        table.get("id", str),
        table.get("x_m", float),
        table.get("y_m", float),
        table.get("kind", str, "waypoint", choices=("waypoint", "station", "charger")),
    )
    table.done()
    return node
