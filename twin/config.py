"""A factory file, parsed once into frozen typed values; all its mistakes reported together.

Pure: reading the file and the environment is `connectors.factory_file`'s work. `parse_factory`
takes the parsed TOML, so that overrides can be laid over it first.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from twin._alarm_tables import given_rule
from twin._hubs import hub_targets_of, partner_of, role_of
from twin._sites import name_of, segment_of, site_of_table, unique
from twin._table import Table
from twin.anomaly.config import ModelsConfig, models_of
from twin.computed import EXPECTATIONS, SCORES, Computed, ExpectConfig, expect_of
from twin.episodes.rules import EpisodeRules, episode_rules_of
from twin.errors import ConfigError, Mistake
from twin.quality.thresholds import Thresholds, thresholds_of
from twin.record_rules import RecordRule, record_rule
from twin.secret import secret_of
from twin.simulation.faults import AT_S, Fault, FaultKind, near, problem_of
from twin.site import Hub, HubRole
from twin.telling import MailConfig, NotifyConfig, mail_of, notify_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twin.alarms.given import GivenRule
    from twin.secret import Secret

SPARKPLUG_TOPICS = "spBv1.0/#"
OWN_TOPICS = "factory-twin/"
"""Topics below this prefix are the twin's own (live and replay packets); it never ingests them."""
REPLAY_TOPICS = "replay/"
"""Topics below this prefix carry what was recorded; it is never ingested again."""
NOT_INGESTED = (OWN_TOPICS, REPLAY_TOPICS)
_MAX_PORT = 65535
_LOCAL = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """``use``: auto, embedded, mosquitto, or mqtt://HOST:PORT / mqtts://HOST:PORT of a broker that runs already."""

    use: str = "auto"
    port: int = 1883
    username: str = ""
    password: Secret | None = None
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


@dataclass(frozen=True, slots=True)
class RetentionConfig:
    """How many days what is kept, counted from its receipt, and how large the database may be; 0 is without end."""

    raw_days: float = 0.0
    rollup_days: float = 0.0
    events_days: float = 0.0
    dead_letter_days: float = 0.0
    max_gb: float = 0.0


@dataclass(frozen=True, slots=True)
class StoreConfig:
    """``url``: sqlite:///PATH (relative to the factory file) or postgresql://…

    Below ``low_mb`` of free disk it is said, below ``floor_mb`` nothing more is acknowledged.
    ``archive`` is the folder that days go to ``archive_after_days`` after their end; "" for none.
    """

    url: str = "sqlite:///data/twin.db"
    low_mb: int = 2000
    floor_mb: int = 256
    archive: str = ""
    archive_after_days: float = 1.0
    retention: RetentionConfig = RetentionConfig()


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Where the dashboards listen.

    ``may_edit`` says from where pages may write the factory file: ``local``, where they are bound to
    this machine only, ``always`` or ``never``. ``names`` are further host names that lead here. A session
    ends ``session_idle_min`` after its last use, ``session_max_h`` after its login at the latest. A replay that
    nobody touches goes back to the present after ``replay_idle_min``; 0 is never.
    """

    host: str = "127.0.0.1"
    port: int = 8050
    language: str = "ko"
    allow_remote_without_users: bool = False
    may_edit: str = "local"
    names: tuple[str, ...] = ()
    secure_cookies: bool = False
    session_idle_min: int = 60
    session_max_h: int = 12
    replay_idle_min: int = 60

    @property
    def is_local(self) -> bool:
        """Whether the pages are for this machine only."""
        return self.host in _LOCAL

    @property
    def editing(self) -> bool:
        """Whether pages may write the factory file."""
        return self.may_edit == "always" or (self.may_edit == "local" and self.is_local)


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """``batch_messages`` bounds a transaction; ``max_queue`` what waits in memory (messages).

    ``max_newcomers`` bounds, for each source, the devices that the factory file does not name.
    """

    writer: str = "ingest"
    batch_messages: int = 5000
    max_queue: int = 20_000
    max_future_s: float = 60.0
    max_signals_per_source: int = 5000
    max_newcomers: int = 1000


SIMULATED_DIALECTS = ("homeassistant", "json", "sparkplug_b", "uns", "vda5050")
"""What simulated devices can speak."""


@dataclass(frozen=True, slots=True)
class SimulateConfig:
    """Which sites the simulator plays the devices of, with which seed; () for none.

    ``dialects`` says what an asset type, or one asset by its id, speaks; the rest speaks plain JSON.
    ``fault`` is what is to go wrong; ``breakdowns`` whether things go wrong of themselves too. ``law`` is
    ``plant`` (lines, robots, parts that move on) or ``crowd`` (machines side by side, cheap, for measuring).
    """

    sites: tuple[str, ...] = ()
    seed: int = 7
    dialects: Mapping[str, str] = field(default_factory=dict)
    fault: tuple[Fault, ...] = ()
    breakdowns: bool = True
    law: str = "plant"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """One connector: which topics, in which dialect. ``options`` are the decoder's own.

    ``site`` says which site it belongs to, where its topics do not.

    ``path`` and ``map`` are the file, and the mapping of a CSV file, of a source of type ``capture``.

    ``rest`` says that it takes only what no other source takes; ``leaves`` are then the filters of the
    topics that it leaves to others: theirs, and Sparkplug's, whose host has a connection of its own.
    """

    name: str
    topics: tuple[str, ...]
    decoder: str
    type: str = "mqtt"
    qos: int = 1
    path: str = ""
    map: str = ""
    site: str = ""
    rest: bool = False
    leaves: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Factory:
    """One hub's whole configuration."""

    hub: Hub
    sources: tuple[SourceConfig, ...]
    broker: BrokerConfig = BrokerConfig()
    store: StoreConfig = StoreConfig()
    web: WebConfig = WebConfig()
    ingest: IngestConfig = IngestConfig()
    simulate: SimulateConfig = SimulateConfig()
    alarms: tuple[GivenRule, ...] = ()
    notify: tuple[NotifyConfig, ...] = ()
    mail: MailConfig = field(default_factory=MailConfig)
    record: tuple[RecordRule, ...] = ()
    episodes: tuple[EpisodeRules, ...] = ()
    quality: Thresholds = field(default_factory=Thresholds)
    models: ModelsConfig = field(default_factory=ModelsConfig)
    expect: ExpectConfig = field(default_factory=ExpectConfig)


_STORE, _INGEST, _SIMULATE = StoreConfig(), IngestConfig(), SimulateConfig()


def parse_factory(data: Mapping[str, object], asset_types: tuple[str, ...], path: str = "") -> Factory:
    """Parse a factory file's TOML; raises ConfigError with every mistake in it.

    Args:
        data: the parsed TOML.
        asset_types: names of the asset types there are.
        path: the file's path, for messages only.
    """
    mistakes: list[Mistake] = []
    root = Table(data, "", mistakes)
    hub_table = root.table("hub")
    hub = Hub(
        id=segment_of(hub_table, "id"),
        name=name_of(hub_table, "name"),
        sites=tuple(site_of_table(table, asset_types) for table in root.tables("site")),
        role=role_of(hub_table, HubRole.APPLICATION),
        partners=tuple(partner_of(table) for table in hub_table.tables("partner")),
        targets=hub_targets_of(hub_table.table("targets")),
        contact=hub_table.get("contact", str, ""),
    )
    unique([one.id for one in hub.partners], "hub.partner", mistakes)
    hub_table.done()
    if not hub.sites:
        root.wrong("site", "a hub needs one site at least", "write [[site]]")
    unique([site.id for site in hub.sites], "site", mistakes)
    mail = mail_of(root.table("mail"))
    models, expect = models_of(root.table("models")), expect_of(root.table("expect"))
    computed = [one for one, wanted in ((SCORES, models.score), (EXPECTATIONS, expect.score)) if wanted]
    told = tuple(_source(table, hub) for table in root.tables("source"))
    factory = Factory(
        hub=hub,
        sources=_leaving(told + tuple(source for one in computed for source in _doors(hub, one))),
        broker=_broker(root.table("broker")),
        store=_store(root.table("store")),
        web=_web(root.table("web")),
        ingest=_ingest(root.table("ingest")),
        simulate=_simulate(root.table("simulate"), hub),
        alarms=tuple(
            rule for table in root.tables("alarm") if (rule := given_rule(table, hub, asset_types)) is not None
        ),
        notify=tuple(notify_of(table, hub, mail) for table in root.tables("notify")),
        mail=mail,
        record=tuple(one for table in root.tables("record") if (one := record_rule(table, hub)) is not None),
        episodes=tuple(episode_rules_of(table, hub, asset_types) for table in root.tables("episodes")),
        quality=thresholds_of(root.table("quality")),
        models=models,
        expect=expect,
    )
    if models.score and not models.folder and not factory.store.url.startswith("sqlite:///"):
        root.wrong("models.folder", "models of a PostgreSQL store lie nowhere yet", 'folder = "models"')
    unique([rule.name for rule in factory.record], "record", mistakes)
    unique([source.name for source in factory.sources], "source", mistakes)
    unique([one.rule.name for one in factory.notify], "notify", mistakes)
    root.done()
    if mistakes:
        raise ConfigError(tuple(mistakes), path)
    return factory


def _port(table: Table, default: int) -> int:
    port = table.get("port", int, default)
    if not 0 < port <= _MAX_PORT:
        table.wrong("port", f"{port} is not a TCP port", "1 to 65535")
    return port


def _broker(table: Table) -> BrokerConfig:
    use = table.get("use", str, "auto")
    if use not in ("auto", "embedded", "mosquitto") and not use.startswith(("mqtt://", "mqtts://")):
        table.wrong("use", f"{use!r} is not known", 'auto, embedded, mosquitto, or "mqtt://HOST:PORT"')
    config = BrokerConfig(
        use=use,
        port=_port(table, 1883),
        username=table.get("username", str, ""),
        password=secret_of(table, "password"),
        ca_file=table.get("ca_file", str, ""),
        cert_file=table.get("cert_file", str, ""),
        key_file=table.get("key_file", str, ""),
    )
    table.done()
    return config


def _store(table: Table) -> StoreConfig:
    url = table.get("url", str, _STORE.url)
    if not url.startswith(("sqlite:///", "postgresql://")):
        table.wrong("url", f"{url!r} is not a store", "sqlite:///data/twin.db or postgresql://USER@HOST/DATABASE")
    config = StoreConfig(
        url,
        table.get("low_mb", int, _STORE.low_mb),
        table.get("floor_mb", int, _STORE.floor_mb),
        table.get("archive", str, _STORE.archive),
        _days(table, "archive_after_days", _STORE.archive_after_days),
        _retention(table.table("retention")),
    )
    if not 0 <= config.floor_mb <= config.low_mb:
        table.wrong("floor_mb", f"{config.floor_mb} must lie between 0 and low_mb {config.low_mb}")
    table.done()
    return config


def _retention(table: Table) -> RetentionConfig:
    config = RetentionConfig(*(_days(table, f.name, 0.0) for f in fields(RetentionConfig)))
    if config.rollup_days and not 0 < config.raw_days <= config.rollup_days:
        table.wrong(
            "rollup_days", "roll-ups stand for raw data that is gone: they are kept as long at least", "raw_days"
        )
    table.done()
    return config


def _days(table: Table, name: str, default: float) -> float:
    value = table.get(name, float, default)
    if value < 0:
        table.wrong(name, f"{value} is less than nothing", "0 is without end")
    return value


def _web(table: Table) -> WebConfig:
    config = WebConfig(
        host=table.get("host", str, "127.0.0.1"),
        port=_port(table, 8050),
        language=table.get("language", str, "ko", choices=("ko", "en")),
        allow_remote_without_users=table.get("allow_remote_without_users", bool, False),
        may_edit=table.get("may_edit", str, "local", choices=("local", "always", "never")),
        names=table.texts("names"),
        secure_cookies=table.get("secure_cookies", bool, False),
        session_idle_min=table.get("session_idle_min", int, 60),
        session_max_h=table.get("session_max_h", int, 12),
        replay_idle_min=table.get("replay_idle_min", int, 60),
    )
    for key, value, least, most in (
        ("session_idle_min", config.session_idle_min, 1, 1440),
        ("session_max_h", config.session_max_h, 1, 720),
        ("replay_idle_min", config.replay_idle_min, 0, 1440),
    ):
        if not least <= value <= most:
            table.wrong(key, f"{value} is no such time", f"{least} to {most}")
    table.done()
    return config


def _ingest(table: Table) -> IngestConfig:
    config = IngestConfig(
        writer=segment_of(table, "writer") if table.has("writer") else "ingest",
        batch_messages=table.get("batch_messages", int, _INGEST.batch_messages),
        max_queue=table.get("max_queue", int, _INGEST.max_queue),
        max_newcomers=table.get("max_newcomers", int, _INGEST.max_newcomers),
        max_future_s=table.get("max_future_s", float, _INGEST.max_future_s),
        max_signals_per_source=table.get("max_signals_per_source", int, _INGEST.max_signals_per_source),
    )
    if not 0 < config.batch_messages <= config.max_queue:
        table.wrong("batch_messages", f"{config.batch_messages} must lie between 1 and max_queue {config.max_queue}")
    table.done()
    return config


def _simulate(table: Table, hub: Hub) -> SimulateConfig:
    sites = table.texts("sites")
    for site in sites:
        if hub.site(site) is None:
            table.wrong("sites", f"no site {site!r}", "one of: " + ", ".join(s.id for s in hub.sites))
    seed = table.get("seed", int, _SIMULATE.seed)
    told = table.table("dialects")
    known = {asset.type for asset in hub.assets().values()} | hub.assets().keys()
    dialects: dict[str, str] = {}
    for key in told.data:
        dialects[key] = told.get(key, str, "json", choices=SIMULATED_DIALECTS)
        if key not in known:
            told.wrong(key, "no asset's id, nor the type of one")
    told.done()
    faults = tuple(fault for one in table.tables("fault") if (fault := _fault(one, hub)) is not None)
    breakdowns = table.get("breakdowns", bool, _SIMULATE.breakdowns)
    law = table.get("law", str, _SIMULATE.law, choices=("plant", "crowd"))
    if law == "crowd" and faults:
        table.wrong("fault", "in a crowd nothing goes wrong", 'law = "plant"')
    table.done()
    return SimulateConfig(sites, seed, dialects, faults, breakdowns, law)


def _fault(table: Table, hub: Hub) -> Fault | None:
    before = len(table.mistakes)
    kind = table.get("kind", str, choices=tuple(kind.value for kind in FaultKind))
    asset = table.get("asset", str)
    numbers = (
        table.get("at_s", float, AT_S),
        table.get("for_s", float, 0.0),
        table.get("severity", float, 1.0),
        table.get("every_s", float, 0.0),
    )
    table.done()
    if len(table.mistakes) > before:
        return None
    fault = Fault(FaultKind(kind), asset, *numbers)
    found = hub.assets().get(asset)
    if found is None:
        table.wrong("asset", f"there is no asset {asset!r}", near(asset, hub.assets()))
    elif problem := problem_of(fault, found.type):
        table.wrong("kind", problem)
    return fault


def _source(table: Table, hub: Hub) -> SourceConfig:
    topics = table.texts("topics")
    kind = table.get("type", str, "mqtt")
    path = table.get("path", str, "")
    if kind == "capture" and not path:
        table.wrong("path", "missing", "the capture's file")
    if not topics and kind != "capture":
        table.wrong("topics", "missing", 'write topics = ["plant/+/data"]')
    for topic in topics:
        problem = filter_problem(topic)
        if problem:
            table.wrong("topics", f"{topic!r}: {problem}")
        elif topic.startswith(OWN_TOPICS):
            table.wrong("topics", f"{topic!r} are the twin's own packets; it never ingests itself")
        elif topic.startswith(REPLAY_TOPICS):
            table.wrong("topics", f"{topic!r} is what was recorded, replayed; it is never ingested again")
        elif kind == "mqtt" and topic.split("/")[0] == "spBv1.0":
            # A host's session must be clean, a durable one is not: what waited in it would be births of long ago.
            table.wrong(
                "topics", f"{topic!r}: Sparkplug needs a connection of its own", 'write type = "sparkplug_host"'
            )
    options = table.table("options")
    qos = table.get("qos", int, 1)
    if qos not in (0, 1, 2):
        table.wrong("qos", f"{qos} is not 0, 1 or 2")
    source = SourceConfig(
        name=segment_of(table, "name"),
        topics=topics,
        decoder=table.get("decoder", str),
        type=kind,
        qos=qos,
        path=path,
        map=table.get("map", str, ""),
        site=table.get("site", str, "", choices=("", *(site.id for site in hub.sites))),
        rest=table.get("rest", bool, False),
        options=options.data,
    )
    table.done()
    return source


def _doors(hub: Hub, computed: Computed) -> tuple[SourceConfig, ...]:
    """The sources that what is computed comes in by, one a site: several ingest processes may share the sites."""
    return tuple(
        SourceConfig(
            f"{computed.name}-{one.id}", (computed.topics(one.id),), "json_object", site=one.id,
            options=computed.options(),
        )
        for one in hub.sites
    )  # fmt: skip


def _leaving(sources: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
    """The sources, each that takes the rest with what it leaves to the others."""
    taken = [topic for source in sources if not source.rest and source.type == "mqtt" for topic in source.topics]
    leaves = tuple(dict.fromkeys([*taken, SPARKPLUG_TOPICS]))
    return tuple(replace(source, leaves=leaves) if source.rest else source for source in sources)


def filter_problem(topic: str) -> str:
    """What is wrong with an MQTT topic filter (MQTT 5 § 4.7); empty when nothing is."""
    levels = topic.split("/")
    if not topic or "\0" in topic:
        return "empty, or with a NUL character"
    for i, level in enumerate(levels):
        if "#" in level and (level != "#" or i != len(levels) - 1):
            return "# stands alone and last"
        if "+" in level and level != "+":
            return "+ stands alone between slashes"
    return ""


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic matches a filter (MQTT 5 § 4.7; ``$`` topics only match filters that name them)."""
    if topic.startswith("$") and topic_filter[:1] in "+#":
        return False
    wanted, have = topic_filter.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(have) or level not in ("+", have[i]):
            return False
    return len(wanted) == len(have)
