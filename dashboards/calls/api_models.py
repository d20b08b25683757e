"""What the REST answers look like; the OpenAPI description is made from these."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field


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


class SessionModel(BaseModel):
    """An open page; ``at_ms`` is the moment of its replay, ``ends_ms`` when that ends if nobody touches it."""

    id: str
    who: str
    own: bool
    site: str
    page: str
    mode: Literal["live", "replay"]
    at_ms: float | None
    speed: float | None
    playing: bool
    since_ms: float
    replay_since_ms: float | None
    idle_s: float
    ends_ms: float | None


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


class AlarmModel(BaseModel):
    """An alarm that is not normal. ``letter`` is its state in ISA-18.2: B to I; ``waits``: to be acknowledged.

    ``limit`` is null where words are compared, not numbers; ``beyond`` is above, below, either or nothing;
    ``can`` lists what may be done to it as it stands.
    """

    id: str
    asset: str
    site: str
    rule: str
    signal: str
    name: NameModel
    consequence: NameModel
    action: NameModel
    priority: int | None
    letter: str
    waits: bool
    raised: bool
    latched: bool
    shelved_until_ms: float | None
    suppressed: bool
    out_of_service: bool
    occurrence: int
    count: int
    raised_ms: float | None
    cleared_ms: float | None
    cause_ms: float | None
    value: float | str | None
    limit: float | None
    unit: str
    condition: NameModel
    beyond: str
    who: str
    why: str
    why_said: NameModel
    can: list[str]


class AlarmLoadModel(BaseModel):
    """When alarms were told of in the last ten minutes, and whether they are a flood."""

    recent_ms: list[float]
    flood: bool


class AlarmsAnswer(BaseModel):
    """Alarms, the most urgent first; ``load`` by site."""

    as_of_ms: float
    alarms: list[AlarmModel]
    load: dict[str, AlarmLoadModel]


class AlarmEntryModel(BaseModel):
    """An entry of the journal."""

    t_ms: float
    kind: str
    alarm: str
    asset: str
    site: str
    rule: str
    signal: str
    name: NameModel
    priority: int | None
    letter: str | None
    occurrence: int
    count: int
    cause_ms: float | None
    value: float | str | None
    who: str
    why: str
    why_said: NameModel
    hidden: bool


class JournalAnswer(BaseModel):
    """The journal, newest first."""

    as_of_ms: float
    journal: list[AlarmEntryModel]


class NamedAlarmModel(BaseModel):
    """An alarm by its id, with its name."""

    alarm: str
    asset: str
    signal: str
    name: NameModel


class OftenModel(NamedAlarmModel):
    """An alarm, and how often it came."""

    count: int


class AlarmFiguresAnswer(BaseModel):
    """The alarm system's own figures of one operating position; ratios 0…1, null where nothing divides."""

    site: str
    from_ms: float
    to_ms: float
    complete: bool
    count: int
    per_ten_minutes: list[int]
    average_per_ten_minutes: float | None
    most_per_ten_minutes: int
    busy_ratio: float | None
    busy_hours_ratio: float | None
    flood_s: float
    flood_ratio: float | None
    top: list[OftenModel]
    top_ratio: float | None
    chattering: list[NamedAlarmModel]
    stale: list[NamedAlarmModel]
    by_priority: dict[str, int]
    priority_ratio: dict[str, float | None]
    acknowledged_after_s: float | None
    flood_above: int
    chatters_within_s: float


class ActionModel(BaseModel):
    """What is to be done to an alarm. ``occurrence`` is the row that was looked at; 0: the one of now."""

    kind: Literal[
        "acknowledge", "reset", "shelve", "unshelve", "suppress", "unsuppress", "take_out_of_service",
        "put_back_in_service",
    ]  # fmt: skip
    alarm: Annotated[str, Field(min_length=1, max_length=1000)]
    occurrence: Annotated[int, Field(ge=0)] = 0
    why: Annotated[str, Field(max_length=500)] = ""
    for_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class ActionsModel(BaseModel):
    """Actions of one person, all or none of them."""

    actions: Annotated[list[ActionModel], Field(min_length=1, max_length=500)]


class GivenModel(BaseModel):
    """An action that was written down, by its number; ingest folds it with its next batch."""

    id: str
    kind: str
    alarm: str


class GivenAnswer(BaseModel):
    """The actions in the order that they were given in."""

    actions: list[GivenModel]


class SignalDifferenceModel(BaseModel):
    """How one signal differs; null where it means nothing. Times in s on the relative axis."""

    signal: str
    kind: str
    unit: str
    only: Literal["a", "b"] | None
    n: int
    rms: float | None
    mean: float | None
    max: float | None
    at_s: float | None
    a: float | str | None
    b: float | str | None
    lag_ms: float | None
    confidence: float | None
    unequal: float | None
    relative: float | None
    every_a: int
    every_b: int
    why: str | None


class OnlyEventModel(BaseModel):
    """An event that only one side has; ``t_s`` on the relative axis, ``t_ms`` since 1970 UTC."""

    t_s: float
    t_ms: float
    kind: str
    asset: str
    text: str


class KpiDifferenceModel(BaseModel):
    """One KPI of both sides; null where it is not defined."""

    level: str
    of: str
    name: str
    unit: str
    a: float | None
    b: float | None
    difference: float | None


class CompareAnswer(BaseModel):
    """What differs between two sides."""

    signals: list[SignalDifferenceModel]
    events_only_a: list[OnlyEventModel]
    events_only_b: list[OnlyEventModel]
    kpis: list[KpiDifferenceModel]


class ErrorBody(BaseModel):
    """What is wrong, where, and what to do."""

    what: str
    where: str
    do: str


class HubAnswer(BaseModel):
    """The hub's ledger: hours and numbers in all, by site, week, asset and task; findings; what went to whom."""

    as_of_ms: float
    hub: dict[str, Any]
    targets: dict[str, float]
    totals: dict[str, float]
    sites: list[dict[str, Any]]
    partners: list[dict[str, Any]]
    weeks: list[dict[str, Any]]
    assets: dict[str, float]
    rows: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    exports: list[dict[str, Any]]
    comparison: dict[str, Any] | None
    """The newest of real with simulated episodes."""


class DatasetModel(BaseModel):
    """One version of a dataset as its papers tell of it, and how its last check went."""

    id: str
    name: str
    hub: str
    hub_name: dict[str, str]
    title: dict[str, str]
    version: str
    format: str
    licence: str
    contact: str
    way: Literal["made", "imported"]
    at_ms: float
    episodes: int
    labelled: int
    hours: float
    quality: dict[str, int]
    split_s: dict[str, float]
    changelog: list[dict[str, str]]
    lineage: list[dict[str, Any]]
    privacy: dict[str, Any]
    assets: list[str]
    begin: str
    end: str
    exporter: str
    sums: str
    checked_ms: float | None
    problems: list[str]


class DatasetsAnswer(BaseModel):
    """The catalogue: the newest version of each dataset first."""

    as_of_ms: float
    datasets: list[DatasetModel]


class ErrorAnswer(BaseModel):
    """An error."""

    error: ErrorBody
