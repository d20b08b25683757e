"""The sites of a factory file: places, assets and routes, parsed with the rest of it in `twin.config`."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

from twin.errors import IdError, Mistake
from twin.ids import segment
from twin.kpi.reasons import Loss, StopCause
from twin.shifts import Shift
from twin.site import Asset, Level, Name, Node, Place, Pose, Site

if TYPE_CHECKING:
    from twin._table import Table

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN = 24 * 60
_RATIOS = ("oee", "availability", "effectiveness", "quality_ratio")
_TIMES = ("mtbf", "mttr")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


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
        shifts=tuple(shift for item in table.tables("shift") for shift in _shift(item)),
        holidays=frozenset(_holidays(table)),
        targets=_targets(table.table("targets")),
        stop_reasons=tuple(_stop_reason(item) for item in table.tables("stop_reason")),
    )
    unique([cause.code for cause in site.stop_reasons], table.path("stop_reason"), table.mistakes)
    unique([shift.id for shift in site.shifts], table.path("shift"), table.mistakes)
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


def _shift(table: Table) -> tuple[Shift, ...]:
    """One shift; none where it cannot be read."""
    start_min, end_min = _minute(table, "start", table.get("start", str)), _minute(table, "end", table.get("end", str))
    days = table.texts("days", _DAYS)
    for day in days:
        if day not in _DAYS:
            table.wrong("days", f"{day!r} is not a day", "one of: " + ", ".join(_DAYS))
    breaks: list[tuple[int, int]] = []
    listed = table.data.get("breaks", []) if table.has("breaks") else []
    for pair in listed if isinstance(listed, list) else [listed]:
        if isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, str) for one in pair):  # noqa: PLR2004
            first, last = (_minute(table, "breaks", one) for one in pair)
            if first is not None and last is not None:
                breaks.append((first, last))
        else:
            table.wrong("breaks", f"{pair!r} is not a pair of times", '[["12:00", "12:40"], …]')
    name, shift_id = name_of(table, "name"), segment_of(table, "id")
    table.done()
    if start_min is None or end_min is None:
        return ()
    # A time that is earlier than the shift's beginning is one of the day after.
    end_min += _DAY_MIN if end_min <= start_min else 0
    later = tuple((a + _DAY_MIN * (a < start_min), b + _DAY_MIN * (b <= start_min)) for a, b in breaks)
    numbers = frozenset(_DAYS.index(day) for day in days if day in _DAYS)
    try:
        return (Shift(shift_id, name, start_min, end_min, numbers, later),)
    except ValueError as error:
        table.wrong("breaks", str(error), "a break lies between start and end")
        return ()


def _minute(table: Table, key: str, text: str) -> int | None:
    """``HH:MM`` as minutes of the day; None, and a mistake, for anything else."""
    found = _CLOCK.fullmatch(text)
    if found is None:
        if key == "breaks" or isinstance(table.data.get(key), str):  # else it was said what is wrong
            table.wrong(key, f"{text!r} is not a time of the day", 'such as "06:00"')
        return None
    return 60 * int(found[1]) + int(found[2])


def _holidays(table: Table) -> tuple[str, ...]:
    days = table.texts("holidays")
    for day in days:
        try:
            right = date.fromisoformat(day).isoformat() == day
        except ValueError:
            right = False
        if not right:
            table.wrong("holidays", f"{day!r} is not a date", 'such as "2026-01-01"')
    return days


def _targets(table: Table) -> dict[str, float]:
    """What figures should be: ratios 0…1, times in seconds."""
    found: dict[str, float] = {}
    for name in (*_RATIOS, *_TIMES):
        if table.has(name):
            value = table.get(name, float)
            if value <= 0 or (name in _RATIOS and value > 1):
                table.wrong(
                    name, f"{value:g} is no target", "a ratio above 0, to 1" if name in _RATIOS else "seconds above 0"
                )
            found[name] = value
    table.done()
    return found


def _stop_reason(table: Table) -> StopCause:
    code = segment_of(table, "code")
    loss = table.get("loss", str, choices=tuple(Loss))
    cause = StopCause(code, name_of(table, "name"), Loss(loss) if loss in tuple(Loss) else Loss.BREAKDOWN)
    table.done()
    return cause


def _place(table: Table, site: str) -> Place:
    rect = table.numbers("rect_m", 4)
    level = table.get("level", str, "area", choices=tuple(Level))
    takt_s = table.get("takt_s", float, 1.0) if table.has("takt_s") else None
    if takt_s is not None and not 0 < takt_s <= _DAY_MIN * 60:
        table.wrong("takt_s", f"{takt_s:g} s is no takt", "seconds between two parts, more than 0")
        takt_s = None
    place = Place(
        id=_path(table, site),
        level=Level(level) if level in tuple(Level) else Level.AREA,
        name=name_of(table, "name"),
        rect_m=(rect[0], rect[1], rect[2], rect[3]) if rect else None,
        takt_s=takt_s,
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
