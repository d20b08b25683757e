"""Devices that nobody declared: what each of them may be, where it may stand, and what it measures. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin.ids import leaf_of, site_of
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from twin.ports import Newcomer
    from twin.sample import Stream
    from twin.site import AssetType, Hub, Site

OWN = "twin"
_SAYS_NOTHING = frozenset({Role.NONE, Role.STATE, Role.MODE, Role.ONLINE})
_UNITS = {
    "energy_meter": frozenset({"W", "kW", "MW", "W.h", "kW.h", "MW.h", "V", "A", "VA", "kVA", "var"}),
    "environment": frozenset({"Cel", "[degF]", "K", "lx", "dB", "ug/m3", "[ppm]", "hPa", "mbar"}),
}
_WORDS = {
    "mobile_robot": ("agv", "amr", "forklift", "무인", "운반"),
    "robot_arm": ("robot", "arm", "cobot", "ur3", "ur5", "ur10", "로봇"),
    "conveyor": ("conveyor", "belt", "컨베이어"),
    "energy_meter": ("meter", "power", "energy", "전력", "전기"),
    "machine_tool": ("cnc", "mill", "lathe", "press", "machine", "spindle", "가공", "프레스"),
    "inspection": ("camera", "vision", "inspect", "검사", "비전"),
    "buffer": ("buffer", "rack", "storage", "창고", "버퍼"),
    "environment": ("temp", "humid", "env", "air", "pressure", "sensor", "온도", "습도", "환경", "센서"),
}
"""Words in an id, name or signal that say what a device is; asked last."""


@dataclass(frozen=True, slots=True)
class Told:
    """A signal that a device has: by its announcement, or as it sent it."""

    stream: str
    name: str
    unit: str = "1"
    role: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """How a pending device could stand in the factory file.

    ``why`` says what the type was guessed by: ``announced``, ``signals``, ``units``, ``words``, or ""
    where there is no guess (``type`` is "" then). ``x_m`` and ``y_m`` are the middle of ``place`` (a
    place's id, or the site's), on the site's floor. ``problem`` says why it cannot be accepted, "" if
    it can: ``no_site``.
    """

    asset: str
    source: str
    topic: str
    type: str
    why: str
    place: str
    x_m: float
    y_m: float
    name: str
    signals: tuple[Told, ...]
    attributes: Mapping[str, str]
    publisher: str
    first_ns: int
    last_ns: int
    problem: str = ""


def propose(
    newcomers: Iterable[Newcomer], streams: Iterable[Stream], hub: Hub, types: Mapping[str, AssetType]
) -> list[Proposal]:
    """A proposal for each device that is not in the factory file, the newest first; the twin's own are none."""
    declared = hub.assets()
    sent: dict[str, list[Told]] = {}
    for stream in streams:
        if not stream.tells_presence:
            told = [Told(stream.name, one.name, one.unit, one.role.value) for one in stream.signals]
            sent.setdefault(stream.asset, []).extend(told)
    found: dict[str, Proposal] = {}
    for one in newcomers:
        if one.asset in declared or one.asset in found or site_of(one.asset) == OWN:
            continue
        if any(asset.startswith(one.asset + "/") for asset in declared):
            continue  # a node that assets are behind
        found[one.asset] = _proposal(one, sent.get(one.asset) or _announced(one), hub, types)
    return list(found.values())


def _proposal(one: Newcomer, signals: list[Told], hub: Hub, types: Mapping[str, AssetType]) -> Proposal:
    kind, why = guess(one, signals, types)
    site = hub.site(site_of(one.asset))
    place, (x_m, y_m) = _place(one.asset, site) if site is not None else ("", (0.0, 0.0))
    return Proposal(
        asset=one.asset,
        source=one.source,
        topic=one.topic,
        type=kind,
        why=why,
        place=place,
        x_m=x_m,
        y_m=y_m,
        name=one.name or leaf_of(one.asset),
        signals=tuple(dict.fromkeys(signals)),
        attributes=_attributes(one),
        publisher=one.publisher,
        first_ns=one.first_ns,
        last_ns=one.last_ns or one.first_ns,
        problem="" if site is not None and "/" in one.asset else "no_site",
    )


def guess(one: Newcomer, signals: Iterable[Told], types: Mapping[str, AssetType]) -> tuple[str, str]:
    """(asset type, what it was guessed by): by its own word, its signals, their units, or words; ("", "") for none."""
    listed = list(signals)
    if one.asset_type in types:
        return one.asset_type, "announced"
    names = {told.name.rpartition(".")[2].lower() for told in listed}
    roles = {told.role for told in listed} - {role.value for role in _SAYS_NOTHING}
    best = max(((_likeness(kind, names, roles), name) for name, kind in types.items()), default=((0, 0.0), ""))
    if best[0][0]:
        return best[1], "signals"
    units = {told.unit for told in listed}
    for kind, known in _UNITS.items():
        if kind in types and units & known:
            return kind, "units"
    words = " ".join([one.asset, one.name, *sorted(names), *_attributes(one).values()]).lower()
    for kind, known_words in _WORDS.items():
        if kind in types and any(re.search(rf"(?<![a-z]){word}", words) for word in known_words):
            return kind, "words"
    return "", ""


def _likeness(kind: AssetType, names: set[str], roles: set[str]) -> tuple[int, float]:
    """How much of a device's signals a type declares: points, and how much of the type that is."""
    declared = [signal for stream in kind.streams for signal in stream.signals]
    own_names = {signal.name.lower() for signal in declared if signal.role not in (Role.STATE, Role.MODE)}
    own_roles = {signal.role.value for signal in declared}
    points = len(names & own_names) + 2 * len(roles & own_roles)
    return points, points / max(1, len(declared))


def _place(asset: str, site: Site) -> tuple[str, tuple[float, float]]:
    """The place that an asset's path names, and its middle; the site where it names none."""
    known = [place for place in site.places if asset.startswith(place.id + "/")]
    place = max(known, key=lambda one: len(one.id), default=None)
    if place is None or place.rect_m is None:
        return (place.id if place else site.id), (round(site.size_m[0] / 2, 2), round(site.size_m[1] / 2, 2))
    x_m, y_m, wide_m, deep_m = place.rect_m
    return place.id, (round(x_m + wide_m / 2, 2), round(y_m + deep_m / 2, 2))


def _announced(one: Newcomer) -> list[Told]:
    return [
        Told(str(stream["name"]), str(signal["name"]), str(signal["unit"]), str(signal["role"]))
        for stream in json.loads(one.streams)
        for signal in stream["signals"]
    ] or [Told("", name) for name in one.signals.split(", ") if name]


def _attributes(one: Newcomer) -> dict[str, str]:
    found: dict[str, str] = json.loads(one.attributes)
    return found
