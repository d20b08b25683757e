"""Line: stations and buffers in the order of the flow, cycles against takt, parts, and what holds it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from dashboards.components import StateStrip, TileGrid
from dashboards.page import Asked, Page, address
from dashboards.parts import attributes, card, empty
from dashboards.summary.line import flow_json, place_in
from twin.flow import flow_of
from twin.site import Level

if TYPE_CHECKING:
    from dashboards.page import Crumb
    from twin.site import Asset, Place, Site

STRIP_H = 8


def lines_in(site: Site) -> list[Place]:
    """The places of a site that have stations: its lines, else its areas."""
    for level in (Level.LINE, Level.AREA):
        found = [place for place in site.places if place.level is level and flow_of(place.id, site.assets).steps]
        if found:
            return found
    return []


def layout(asked: Asked) -> Any:
    """The line's page; without a line, a list to choose from."""
    if not asked.rest:
        return _chooser(asked)
    found = place_in(asked.behind.factory.hub, asked.rest)
    if found is None:
        return html.Div(empty(asked.t("line.unknown", place=asked.rest), asked.t("line.unknown_do")), className="card")
    site, place = found
    flow = flow_of(place.id, site.assets)
    if not flow.steps:
        return html.Div(empty(asked.t("line.none"), asked.t("line.none_do")), className="card")
    return html.Div(
        [
            _head(asked, site, place),
            TileGrid(
                id="line", view="line", site=site.id, flow=flow_json(flow), lang=asked.lang, timezone=site.timezone
            ),
            html.Div(
                StateStrip(
                    id="bar",
                    site=site.id,
                    assets=[place.id],
                    hours=STRIP_H,
                    controls=True,
                    lang=asked.lang,
                    timezone=site.timezone,
                ),
                className="card pg-bar",
            ),
        ],
        className="pg-line",
    )


def _head(asked: Asked, site: Site, place: Place) -> Any:
    tabs = [
        dcc.Link(
            asked.name(one.name),
            href=address("line", one.id),
            className="on" if one.id == place.id else "",
            refresh=False,
        )
        for one in lines_in(site)
    ]
    return html.Header(
        [
            html.H1(asked.name(place.name), className="pg-sr" if len(tabs) > 1 else ""),
            html.Nav(tabs if len(tabs) > 1 else [], className="tabs", **attributes(aria_label=asked.t("line.others"))),
            html.Nav(links(asked, site), className="r pg-links", **attributes(aria_label=asked.t("line.ways"))),
        ],
        className="card pg-head",
    )


def links(asked: Asked, site: Site) -> list[Any]:
    """The ways to what lies beside: the floor, and the fleet where there is one."""
    found = [dcc.Link(asked.t("page.floor"), href=address("floor", site.id), className="btn s", refresh=False)]
    if any(asset.type == "mobile_robot" for asset in site.assets):
        found.append(dcc.Link(asked.t("page.fleet"), href=address("fleet", site.id), className="btn s", refresh=False))
    return found


def closer(asked: Asked, asset: Asset | None) -> list[Any]:
    """The ways from an asset to the pages that show it closer, or among its like: cell, line, fleet."""
    if asset is None:
        return []
    site = asked.behind.factory.hub.site(asset.site)
    found = []
    if asset.type == "robot_arm":
        found.append((asked.t("page.cell"), address("cell", asset.id)))
    if asset.type == "mobile_robot":
        found.append((asked.t("page.fleet"), address("fleet", asset.site)))
    line = line_of(asset.id, site)
    if line is not None:
        found.append((asked.name(line.name), address("line", line.id)))
    return [dcc.Link(text, href=href, className="btn s", refresh=False) for text, href in found]


def line_of(asset_id: str, site: Site | None) -> Place | None:
    """The line that an asset stands on."""
    lines = lines_in(site) if site else []
    return next((place for place in lines if asset_id.startswith(place.id + "/")), None)


def _chooser(asked: Asked) -> Any:
    cards = [
        card(
            asked.name(site.name),
            html.Ul(
                [
                    html.Li(
                        dcc.Link(
                            [
                                html.B(asked.name(place.name)),
                                html.Small(asked.t("line.stations_of", n=len(flow_of(place.id, site.assets).stations))),
                            ],
                            href=address("line", place.id),
                            refresh=False,
                        )
                    )
                    for place in lines
                ]
                if (lines := lines_in(site))
                else html.Li(asked.t("line.none"), className="pg-empty"),
                className="pg-choices",
            ),
        )
        for site in asked.behind.factory.hub.sites
    ]
    return html.Div(cards, className="pg-chooser")


def crumbs(asked: Asked) -> list[Crumb]:
    """Site, then the line."""
    found = place_in(asked.behind.factory.hub, asked.rest) if asked.rest else None
    if found is None:
        return [(asked.t("page.line"), "")]
    site, place = found
    return [(asked.name(site.name), address("floor", site.id)), (asked.name(place.name), "")]


PAGE = Page(
    "line",
    "/line",
    14,
    "M2.5 8.5h5v7h-5zM9.5 8.5h5v7h-5zM16.5 8.5h5v7h-5zM7.5 12h2M14.5 12h2",
    layout,
    crumbs=crumbs,
)
