"""Connections: what comes in, whether it adds up, and what was refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from dash import html

from connectors.archive.layout import DAY_NS, day_name
from connectors.care.kept import archived, let_go
from connectors.stores.sql import SqlHistory
from dashboards.components import TileGrid
from dashboards.page import Asked, Page
from twin.errors import StoreError

GONE = {
    "raw": "connections.gone_raw",
    "event": "connections.gone_event",
    "dead_letter": "connections.gone_dead_letter",
    "rollup": "connections.gone_rollup",
    "lost": "connections.gone_lost",
    "partly": "connections.gone_partly",
}
"""The words for each kind of `twin.ports.Removal`."""


def layout(asked: Asked) -> Any:
    """One component shows it all, in the first site's zone."""
    zone = asked.behind.factory.hub.sites[0].timezone
    grid = TileGrid(id="connections", view="connections", site="*", lang=asked.lang, timezone=zone)
    return html.Div([grid, _kept(asked)], className="pg-connections")


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


PAGE = Page("connections", "/connections", 90, "M2 13h4l2.5-7 4 13L16 9l1.8 4H22", layout)
