"""Connections: what comes in, whether it adds up, what was refused; devices that wait; trying a mapping."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dash import dcc, html

from connectors.archive.layout import DAY_NS, day_name
from connectors.care.kept import archived, let_go
from connectors.desk.notices import RuleHealth, health
from connectors.stores.sql import SqlHistory
from dashboards.access.auth import person
from dashboards.cards import conformance, pending, tryout
from dashboards.components import TileGrid
from dashboards.page import Asked, Page, address
from dashboards.parts import attributes
from twin.errors import StoreError
from twin.policy import LEAST_ROLE, Right

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind

GONE = {
    "raw": "connections.gone_raw",
    "event": "connections.gone_event",
    "dead_letter": "connections.gone_dead_letter",
    "rollup": "connections.gone_rollup",
    "lost": "connections.gone_lost",
    "partly": "connections.gone_partly",
}
"""The words for each kind of `twin.ports.Removal`."""


FLOW, DEVICES, MAPPING, SESSIONS = "", "devices", "mapping", "sessions"
PARTS = (FLOW, DEVICES, MAPPING, SESSIONS)


def layout(asked: Asked) -> Any:
    """One of its parts, and the way to the others. Who looks at what is for engineers."""
    parts = PARTS if person().role >= LEAST_ROLE[Right.SIMULATE] else PARTS[:-1]
    part = asked.rest if asked.rest in parts else FLOW
    tabs = [
        dcc.Link(
            asked.t(f"connections.tab_{one or 'flow'}"),
            href=address("connections", one) if one else "/connections",
            className="on" if one == part else "",
            refresh=False,
        )
        for one in parts
    ]
    body = {FLOW: _flow, DEVICES: _devices, MAPPING: tryout.card, SESSIONS: _sessions}[part](asked)
    nav = html.Nav(tabs, className="tabs", **attributes(aria_label=asked.t("connections.tabs")))
    return html.Div([nav, body], className="pg-conn")


def _devices(asked: Asked) -> Any:
    return html.Div([pending.card(asked), conformance.card(asked)], className="pg-devices")


def _sessions(asked: Asked) -> Any:
    """The open pages of the sites that one sees."""
    zone = asked.behind.factory.hub.sites[0].timezone
    return TileGrid(id="sessions", view="sessions", site="*", lang=asked.lang, timezone=zone)


def _flow(asked: Asked) -> Any:
    """One component shows it all, in the first site's zone."""
    zone = asked.behind.factory.hub.sites[0].timezone
    grid = TileGrid(id="connections", view="connections", site="*", lang=asked.lang, timezone=zone)
    return html.Div([grid, _telling(asked), _kept(asked)], className="pg-connections")


def _telling(asked: Asked) -> Any:
    """How telling people goes, by rule; nothing where nobody is to be told."""
    words: list[Any] = []
    if asked.behind.factory.notify:
        with suppress(StoreError):
            known = {one.rule: one for one in health(asked.behind.desk)}
            for rule in (one.rule.name for one in asked.behind.factory.notify):
                one = known.get(rule, RuleHealth(rule, 0, 0, 0, None, ""))
                text = asked.t("connections.told", rule=rule, sent=one.sent, waiting=one.waiting, lost=one.given_up)
                words.append(
                    html.Span(f"{text}: {one.error}" if one.error else text, className="bad" if one.error else "")
                )
    return html.P(words, className="pg-kept pg-telling", hidden=not words)


def _kept(asked: Asked) -> Any:
    """What is archived and what was let go; nothing while everything is still there."""
    words: list[str] = []
    with suppress(StoreError):
        history = asked.behind.reader.history()
        if isinstance(history, SqlHistory):
            parts = archived(history)
            if parts.files:
                words.append(
                    asked.t(
                        "connections.archived",
                        frames=f"{parts.frames:,}",
                        files=f"{parts.files:,}",
                        size=_mb(parts.bytes),
                    )
                )
            gone = let_go(history)
            words += [
                asked.t(GONE[kind], rows=f"{rows:,}", until=day_name(until_ns // DAY_NS))
                for kind, (rows, until_ns) in gone.items()
            ]
    return html.P(" · ".join(words), className="pg-kept", hidden=not words)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def callbacks(app: Dash, behind: Behind) -> None:
    """Those of its parts."""
    for part in (pending, conformance, tryout):
        part.callbacks(app, behind)


PAGE = Page("connections", "/connections", 90, "M2 13h4l2.5-7 4 13L16 9l1.8 4H22", layout, callbacks)
