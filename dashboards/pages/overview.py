"""Overview: every site at a glance, what its assets did in the last shift, what happened lately."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.components import StateStrip, TileGrid
from dashboards.page import Asked, Page
from dashboards.parts import card, event_list

STRIP_H = 8
EVENTS = 40


def layout(asked: Asked) -> Any:
    """A card and a strip a site, and the events of all."""
    sites = asked.behind.factory.hub.sites
    strips = [
        card(
            asked.t("overview.states", site=asked.name(site.name)),
            html.Div(
                StateStrip(
                    id=f"strip-{site.id}",
                    site=site.id,
                    hours=STRIP_H,
                    controls=False,
                    lang=asked.lang,
                    timezone=site.timezone,
                ),
                className="card-b flush",
            ),
            class_name="pg-strip",
        )
        for site in sites
    ]
    return html.Div(
        [
            TileGrid(id="overview", view="overview", site="*", lang=asked.lang),
            html.Div(strips, className="pg-strips"),
            card(asked.t("events.title"), event_list(asked, "", EVENTS, notable=True), class_name="pg-events"),
            html.Div(
                StateStrip(
                    id="bar",
                    site="*",
                    assets=[site.id for site in sites],
                    hours=STRIP_H,
                    controls=True,
                    lang=asked.lang,
                    timezone=sites[0].timezone if sites else "UTC",
                ),
                className="card pg-bar",
            ),
        ],
        className="pg-overview",
    )


PAGE = Page(
    "overview",
    "/",
    10,
    "M3.5 3.5h7v9h-7zM13.5 3.5h7v5h-7zM3.5 15.5h7v5h-7zM13.5 11.5h7v9h-7z",
    layout,
)
