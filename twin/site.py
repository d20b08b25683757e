"""The factory's fixed side: hub, sites, places, assets (ISA-95 / IEC 62264 hierarchy).

Lengths are metres in the site's own frame: x to the east, y to the north, the origin at the floor
plan's lower left corner. Angles are radians, counter-clockwise from x.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.alarms.rule import Rules
    from twin.kpi.reasons import StopCause
    from twin.sample import Signal
    from twin.shifts import Shift


class Level(StrEnum):
    """Where a place stands in the ISA-95 hierarchy."""

    REGION = "region"
    SITE = "site"
    AREA = "area"
    LINE = "line"
    CELL = "cell"
    STORAGE_ZONE = "storage_zone"


@dataclass(frozen=True, slots=True)
class Name:
    """A name for people, in Korean and in English."""

    ko: str
    en: str

    def in_language(self, language: str) -> str:
        """The name in ``ko`` or ``en``."""
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something stands on the site's floor: metres, radians."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    yaw_rad: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """An area, line, cell or storage zone: a named rectangle of the floor (x, y, width, depth in m).

    ``takt_s`` is how often a part is wanted from a line.
    """

    id: str
    level: Level
    name: Name
    rect_m: tuple[float, float, float, float] | None = None
    takt_s: float | None = None


@dataclass(frozen=True, slots=True)
class StreamType:
    """A stream that assets of a type send: its name, its signals, its expected period in seconds."""

    name: str
    signals: tuple[Signal, ...]
    period_s: float | None = None


@dataclass(frozen=True, slots=True)
class AssetType:
    """A kind of asset (ISO 23247 observable manufacturing element): what it measures, and what is abnormal in it."""

    name: str
    label: Name
    streams: tuple[StreamType, ...]
    alarms: Rules = ()

    def stream(self, name: str) -> StreamType | None:
        """The stream type of that name."""
        return next((stream for stream in self.streams if stream.name == name), None)


@dataclass(frozen=True, slots=True)
class Asset:
    """A physical asset: static ``attributes`` here, changing signals in its streams."""

    id: str
    type: str
    name: Name
    pose: Pose = Pose()
    attributes: Mapping[str, str | float | bool] = field(default_factory=dict)

    @property
    def site(self) -> str:
        """Id of the site it belongs to."""
        return site_of(self.id)


@dataclass(frozen=True, slots=True)
class Node:
    """A point of the mobile robots' route graph. ``kind``: waypoint, station or charger."""

    id: str
    x_m: float
    y_m: float
    kind: str = "waypoint"


@dataclass(frozen=True, slots=True)
class Site:
    """One factory: its places, assets, and the mobile robots' routes (undirected edges of nodes)."""

    id: str
    name: Name
    region: Name
    timezone: str
    size_m: tuple[float, float]
    position_deg: tuple[float, float] | None = None
    places: tuple[Place, ...] = ()
    assets: tuple[Asset, ...] = ()
    nodes: tuple[Node, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    shifts: tuple[Shift, ...] = ()
    holidays: frozenset[str] = frozenset()
    """Local dates on which no shift begins."""
    targets: Mapping[str, float] = field(default_factory=dict)
    """What figures should be: ``oee``, ``availability``, ``effectiveness``, ``quality_ratio`` (0…1), ``mtbf``,
    ``mttr`` (s)."""
    stop_reasons: tuple[StopCause, ...] = ()
    """The site's own reasons of stops, beside the product's."""


class HubRole(StrEnum):
    """What a hub does with data."""

    APPLICATION = "application"
    """It makes and uses them (실증·활용)."""
    DATA_ZONE = "data_zone"
    """It keeps, checks and hands them on (데이터)."""
    LABELLING = "labelling"
    """It labels them (라벨링)."""


@dataclass(frozen=True, slots=True)
class Partner:
    """Another hub that data go to: latitude and longitude in degrees."""

    id: str
    name: Name
    role: HubRole
    position_deg: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Hub:
    """All the sites that one installation mirrors, and the hubs that it gives data to.

    ``targets``: ``hours_per_week`` (recorded), ``usable`` and ``labelled`` (shares of the hours in episodes).
    """

    id: str
    name: Name
    sites: tuple[Site, ...]
    role: HubRole = HubRole.APPLICATION
    partners: tuple[Partner, ...] = ()
    targets: Mapping[str, float] = field(default_factory=dict)
    contact: str = ""
    """Whom other hubs write to about its datasets."""

    def site(self, site_id: str) -> Site | None:
        """The site of that id."""
        return next((site for site in self.sites if site.id == site_id), None)

    def assets(self) -> dict[str, Asset]:
        """Every declared asset by id."""
        return {asset.id: asset for site in self.sites for asset in site.assets}
