"""Connections: what comes in, whether it adds up, and what was refused."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Asked, Page


def layout(asked: Asked) -> Any:
    """One component shows it all, in the first site's zone."""
    zone = asked.behind.factory.hub.sites[0].timezone
    grid = TileGrid(id="connections", view="connections", site="*", lang=asked.lang, timezone=zone)
    return html.Div(grid, className="pg-connections")


PAGE = Page("connections", "/connections", 90, "M2 13h4l2.5-7 4 13L16 9l1.8 4H22", layout)
