"""What the REST answers look like; the OpenAPI description is made from these."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class NameModel(BaseModel):
    """A name in Korean and English."""

    ko: str
    en: str


class SiteModel(BaseModel):
    """A factory; ``size_m`` is width and depth of its floor in metres."""

    id: str
    name: NameModel
    region: NameModel
    timezone: str
    size_m: list[float]


class AssetModel(BaseModel):
    """An asset; ``pose`` is x, y, z in metres and the heading in radians."""

    id: str
    type: str
    site: str
    place: str
    name: NameModel
    pose: list[float]
    declared: bool


class SignalModel(BaseModel):
    """A signal; ``unit`` is a UCUM code."""

    id: str
    asset: str
    stream: str
    kind: str
    unit: str
    role: str
    low: float | None
    high: float | None
    label: NameModel
    period_s: float | None


class LatestModel(BaseModel):
    """A signal's newest value; null is absent. Times in ms since 1970 UTC."""

    signal: str
    t_ms: float
    received_ms: float
    quality: int
    unit: str
    value: float | str | None


class ChangeModel(BaseModel):
    """When a text became what."""

    t_ms: float
    text: str


class SamplesModel(BaseModel):
    """A numeric signal as min, max and mean a bucket (equal where ``raw``); a text one as its changes."""

    signal: str
    unit: str
    raw: bool
    t_ms: list[float]
    min: list[float]
    max: list[float]
    mean: list[float]
    changes: list[ChangeModel]


class EventModel(BaseModel):
    """A fact about an asset or a source."""

    t_ms: float
    kind: str
    asset: str
    signal: str
    before: str
    after: str


class SitesAnswer(BaseModel):
    """All sites."""

    sites: list[SiteModel]


class AssetsAnswer(BaseModel):
    """Assets in order of their ids."""

    assets: list[AssetModel]


class SignalsAnswer(BaseModel):
    """Signals, stream by stream."""

    signals: list[SignalModel]


class LatestAnswer(BaseModel):
    """Newest values as of ``as_of_ms``."""

    as_of_ms: float
    latest: list[LatestModel]


class EventsAnswer(BaseModel):
    """Events, newest first."""

    as_of_ms: float
    events: list[EventModel]


class KpiModel(BaseModel):
    """One KPI. ``value`` is None where it is not defined, ``why_none`` says why; times in ``inputs`` are s."""

    value: float | None
    unit: str
    coverage: float | None
    inputs: dict[str, float]
    why_none: str | None
    convention: str | None = None
    other: dict[str, Any] | None = None


class KpiRow(BaseModel):
    """One scope over one time."""

    level: str
    site: str
    line: str | None
    asset: str | None
    name: dict[str, str]
    shift: str | None
    day: str | None
    part: None
    from_ms: float
    to_ms: float
    assets: int
    coverage: float | None
    kpis: dict[str, KpiModel]
    losses_s: dict[str, float] | None
    totals: dict[str, float]
    outlet: dict[str, float] | None
    targets: dict[str, float]


class KpiAnswer(BaseModel):
    """KPIs by ISO 22400-2."""

    from_ms: float
    to_ms: float
    as_of_ms: float
    convention: str
    by: str
    rows: list[KpiRow]


class StopModel(BaseModel):
    """What counts of what people told of one stop."""

    n: int
    stop: int
    asset: str
    from_ms: float
    to_ms: float
    code: str
    note: str
    who: str
    given_ms: float


class StopsAnswer(BaseModel):
    """Stops in order of time."""

    stops: list[StopModel]


class ErrorBody(BaseModel):
    """What is wrong, where, and what to do."""

    what: str
    where: str
    do: str


class ErrorAnswer(BaseModel):
    """An error."""

    error: ErrorBody
