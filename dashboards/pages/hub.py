"""Data hub: from hours recorded to hours that others learn from, by site, robot, task and week."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Asked, Page

if TYPE_CHECKING:
    from dashboards.page import Crumb


def layout(asked: Asked) -> Any:
    """One component shows it all, in the first site's zone."""
    sites = asked.behind.factory.hub.sites
    zone = sites[0].timezone if sites else "UTC"
    return html.Div(TileGrid(id="hub", view="hub", site="*", lang=asked.lang, timezone=zone), className="pg-hub")


def crumbs(asked: Asked) -> list[Crumb]:
    """The page and the hub whose data it tells of."""
    return [(asked.name(asked.behind.factory.hub.name), ""), (asked.t("page.hub"), "")]


PAGE = Page(
    "hub",
    "/hub",
    85,
    "M5 6.2c0-1.4 3.1-2.5 7-2.5s7 1.1 7 2.5-3.1 2.5-7 2.5-7-1.1-7-2.5zM5 6.2v11.6c0 1.4 3.1 2.5 7 2.5s7-1.1 7-2.5V6.2"
    "M5 12c0 1.4 3.1 2.5 7 2.5s7-1.1 7-2.5",
    layout,
    crumbs=crumbs,
)
