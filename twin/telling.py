"""``[[notify]]`` and ``[mail]`` of a factory file: who is told of alarms, and by which way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from twin._sites import segment_of
from twin.alarms.notify import NotifyRule, QuietHours
from twin.alarms.rule import Priority
from twin.secret import Secret, secret_of

if TYPE_CHECKING:
    from twin._table import Table
    from twin.site import Hub

_PRIORITIES = tuple(one.name.lower() for one in Priority)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TLS = ("starttls", "tls", "none")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_CLOCK_PARTS, _HOURS, _MINUTES = 2, 24, 60


@dataclass(frozen=True, slots=True)
class MailConfig:
    """The mail server. ``sender`` is the address that messages come from."""

    host: str = ""
    port: int = 587
    tls: str = "starttls"
    username: str = ""
    password: Secret | None = None
    sender: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """One who is told: by a webhook (``url``), or by mail (``to``)."""

    rule: NotifyRule
    url: str = ""
    header: str = ""
    secret: Secret | None = None
    to: tuple[str, ...] = ()
    language: str = "ko"


def mail_of(table: Table) -> MailConfig:
    """The mail server; one without a host is none."""
    tls = table.get("tls", str, "starttls", choices=_TLS)
    config = MailConfig(
        host=table.get("host", str, ""),
        port=table.get("port", int, _PORTS.get(tls, 587)),
        tls=tls,
        username=table.get("username", str, ""),
        password=secret_of(table, "password"),
        sender=table.get("from", str, ""),
        ca_file=table.get("ca_file", str, ""),
    )
    if config.host and "@" not in config.sender:
        table.wrong("from", f"{config.sender!r} is no address", 'from = "twin@plant.example"')
    if config.username and tls == "none":
        table.wrong("tls", "a password would go over the network in the clear", "starttls or tls")
    table.done()
    return config


def notify_of(table: Table, hub: Hub, mail: MailConfig) -> NotifyConfig:
    """One who is told."""
    name = segment_of(table, "name")
    sites = table.texts("sites")
    for site in sites:
        if hub.site(site) is None:
            table.wrong("sites", f"no site {site!r}", "one of: " + ", ".join(one.id for one in hub.sites))
    through = table.get("through", str, "critical", choices=(*_PRIORITIES, "none"))
    rule = NotifyRule(
        name,
        _priority(table, "priority", "high"),
        frozenset(sites),
        _seconds(table, "after_s", 0.0),
        _seconds(table, "every_s", 60.0),
        tuple(_quiet(one) for one in table.tables("quiet")),
        Priority[through.upper()] if through in _PRIORITIES else None,
        table.get("over", bool, False),
    )
    url, to = table.get("url", str, ""), table.texts("to")
    if bool(url) == bool(to):
        table.wrong("url", "needs one of url and to", 'url = "https://…" or to = ["kim@plant.example"]')
    if url and not url.startswith(("https://", "http://")):
        table.wrong("url", f"{url!r} is no address of a webhook", "https://…")
    if to and not mail.host:
        table.wrong("to", "there is no mail server", 'write [mail] host = "…"')
    for address in to:
        if "@" not in address or any(c in address for c in "\r\n,"):
            table.wrong("to", f"{address!r} is no address")
    config = NotifyConfig(
        rule,
        url,
        table.get("header", str, "Authorization"),
        secret_of(table, "secret"),
        to,
        table.get("language", str, "ko", choices=("ko", "en")),
    )
    table.done()
    return config


def _quiet(table: Table) -> QuietHours:
    days = table.texts("days", _DAYS)
    for day in days:
        if day not in _DAYS:
            table.wrong("days", f"{day!r} is no day", ", ".join(_DAYS))
    found = QuietHours(
        _minute(table, "from"), _minute(table, "to"), frozenset(_DAYS.index(day) for day in days if day in _DAYS)
    )
    table.done()
    return found


def _minute(table: Table, key: str) -> int:
    text = table.get(key, str)
    parts = text.split(":")
    if len(parts) == _CLOCK_PARTS and all(part.isdecimal() for part in parts):
        hours, minutes = map(int, parts)
        if hours < _HOURS and minutes < _MINUTES:
            return hours * _MINUTES + minutes
    if text:
        table.wrong(key, f"{text!r} is no time of day", '"22:00"')
    return 0


def _priority(table: Table, key: str, default: str) -> Priority:
    told = table.get(key, str, default, choices=_PRIORITIES)
    return Priority[told.upper()] if told in _PRIORITIES else Priority.LOW


def _seconds(table: Table, key: str, default: float) -> float:
    value = table.get(key, float, default)
    if value < 0:
        table.wrong(key, f"{value} is less than nothing", "0 or more")
    return max(0.0, value)
