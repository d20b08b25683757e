"""Datasets as hubs tell each other of them: editions and their versions, where seconds come from, what is claimed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from twin.errors import EpisodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIRST_VERSION = "1.0.0"
_VERSION = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


class Origin(StrEnum):
    """Where what was recorded comes from; never mixed silently."""

    REAL = "real"
    SIMULATED = "simulated"
    REPLAY = "replay"
    AUGMENTED = "augmented"
    UNKNOWN = "unknown"
    """Another hub's own word."""


def origin_of(source: str) -> Origin:
    """Where an episode comes from by its ``source``: ``real``, ``sim``, ``simulated:WHICH``, ``replay:…`` …"""
    word = source.partition(":")[0]
    if word == "sim":
        return Origin.SIMULATED
    return Origin(word) if word in list(Origin) else Origin.UNKNOWN


@dataclass(frozen=True, slots=True)
class Edition:
    """One version of a dataset: ``content`` is the SHA-256 over its data files, ``changes`` one line for people."""

    version: str
    content: str
    changes: str = ""
    episodes: int = 0
    hours: float = 0.0


def order_of(version: str) -> tuple[int, int, int]:
    """A semantic version as numbers; raises EpisodeError where it is none."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise EpisodeError(f"{version!r} is no version", "write MAJOR.MINOR.PATCH, as in 1.2.0")
    return int(found[1]), int(found[2]), int(found[3])


def edition_of(earlier: Sequence[Edition], now: Edition) -> tuple[Edition, tuple[Edition, ...]]:
    """Which edition data are, and those before it in order.

    ``now.version`` is the one asked for, "" to have it chosen: data that are known keep their version, others are
    the next minor one, 1.0.0 where there is none. ``now.changes`` "" is told in figures. Raises EpisodeError for a
    version that other data have.
    """
    listed = sorted(earlier, key=lambda one: order_of(one.version))
    if now.version:
        order_of(now.version)
        known = next((one for one in listed if one.version == now.version), None)
        if known is not None and known.content != now.content:
            raise EpisodeError(
                f"version {now.version} is other data", f"name a version above {listed[-1].version}, or none"
            )
    else:
        known = next((one for one in reversed(listed) if one.content == now.content), None)
    version = now.version or (known.version if known else _next(listed))
    before = tuple(one for one in listed if order_of(one.version) < order_of(version))
    told = now.changes or (known.changes if known else _told(before, now))
    return Edition(version, now.content, told, now.episodes, now.hours), before


def _next(listed: Sequence[Edition]) -> str:
    if not listed:
        return FIRST_VERSION
    major, minor, _ = order_of(listed[-1].version)
    return f"{major}.{minor + 1}.0"


def _told(before: Sequence[Edition], now: Edition) -> str:
    """What changed, in figures: nobody said it in words."""
    if not before:
        return f"{now.episodes} episodes, {now.hours:.2f} h"
    last = before[-1]
    if (last.episodes, round(last.hours, 2)) == (now.episodes, round(now.hours, 2)):
        return "the same amount: other episodes, labels, signals or terms"
    return f"episodes {last.episodes} → {now.episodes}, hours {last.hours:.2f} → {now.hours:.2f}"


@dataclass(frozen=True, slots=True)
class Claims:
    """What a dataset tells of itself, as a catalogue lists it.

    ``hub`` is whose it is ("" where it was not said); ``quality`` how many episodes have which heaviest finding;
    ``split_s`` seconds by `Origin`; ``changelog`` the versions up to this one, oldest first; ``lineage`` what it was
    derived from; ``privacy`` what was taken out of it before it went out.
    """

    name: str
    version: str
    format: str
    licence: str
    hub: str = ""
    hub_name: Mapping[str, str] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    content: str = ""
    episodes: int = 0
    labelled: int = 0
    hours: float = 0.0
    quality: Mapping[str, int] = field(default_factory=dict)
    split_s: Mapping[str, float] = field(default_factory=dict)
    changelog: tuple[Mapping[str, str], ...] = ()
    lineage: tuple[Mapping[str, Any], ...] = ()
    privacy: Mapping[str, Any] = field(default_factory=dict)
    assets: tuple[str, ...] = ()
    exporter: str = ""
    begin: str = ""
    end: str = ""

    @property
    def id(self) -> str:
        """The same in every hub: whose it is, and its name there."""
        return f"{self.hub}/{self.name}" if self.hub else self.name

    @property
    def sites(self) -> frozenset[str]:
        """Of which sites it tells; those of the hub whose it is."""
        return frozenset(one.partition("/")[0] for one in self.assets)

    @property
    def changes(self) -> str:
        """The line of this version."""
        return self.changelog[-1].get("changes", "") if self.changelog else ""


def split_of(parts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Seconds by origin of episodes (source, seconds); every origin but `Origin.UNKNOWN` is there."""
    found = {one.value: 0.0 for one in Origin if one is not Origin.UNKNOWN}
    for source, seconds in parts:
        origin = origin_of(source).value
        found[origin] = found.get(origin, 0.0) + seconds
    return {name: round(seconds, 3) for name, seconds in found.items()}
