"""Fleet: the mobile robots of a site on the plan with their ways, and what each does, carries and waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, ctx, dcc, html, no_update

from dashboards.components import StateStrip, TileGrid, TwinView
from dashboards.page import Asked, Page, address
from dashboards.parts import attributes, empty

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind, Crumb
    from twin.site import Site

STRIP_H = 8
TYPE = "mobile_robot"


def fleets(behind: Behind) -> list[Site]:
    """The sites that have mobile robots."""
    return [site for site in behind.factory.hub.sites if any(asset.type == TYPE for asset in site.assets)]


def _site(asked: Asked) -> Site | None:
    if asked.rest:
        return asked.behind.factory.hub.site(asked.rest)
    return next(iter([*fleets(asked.behind), *asked.behind.factory.hub.sites]), None)


def layout(asked: Asked) -> Any:
    """Plan with ways, the chosen robot, all robots, their states over time."""
    site = _site(asked)
    if site is None:
        return html.Div(empty(asked.t("floor.no_site", site=asked.rest)), className="card")
    tabs = [
        dcc.Link(
            asked.name(one.name),
            href=address("fleet", one.id),
            className="on" if one.id == site.id else "",
            refresh=False,
        )
        for one in fleets(asked.behind)
    ]
    common = {"lang": asked.lang, "timezone": site.timezone}
    legend = [
        html.Span([html.I(className=f"pg-way is-{name}", **attributes(aria_hidden="true")), asked.t(f"fleet.{name}")])
        for name in ("base", "horizon", "chosen")
    ]
    plan = html.Section(
        [
            html.Header(
                [
                    html.H2(asked.t("fleet.plan", site=asked.name(site.name))),
                    html.Span(legend, className="pg-ways opt"),
                    html.Span(
                        [
                            html.Nav(tabs, className="tabs", **attributes(aria_label=asked.t("floor.sites"))),
                            dcc.Link(
                                asked.t("page.floor"),
                                href=address("floor", site.id),
                                className="btn s",
                                refresh=False,
                            ),
                        ],
                        className="r",
                    ),
                ],
                className="card-h",
            ),
            html.Div(
                TwinView(id="fleet-plan", site=site.id, mode="2d", routes=True, focus=TYPE, **common),
                className="card-b",
            ),
        ],
        className="card pg-plan",
    )
    robots = sorted(asset.id for asset in site.assets if asset.type == TYPE)
    return html.Div(
        [
            plan,
            html.Div(TileGrid(id="fleet", view="fleet", site=site.id, **common), className="pg-fleet-r"),
            html.Div(
                StateStrip(id="bar", site=site.id, assets=robots, hours=STRIP_H, controls=True, **common),
                className="card pg-bar",
            ),
        ],
        className="pg-fleet",
    )


def callbacks(app: Dash, behind: Behind) -> None:
    """One choice, shared by the plan and the table."""
    robots = {asset.id for asset in behind.factory.hub.assets().values() if asset.type == TYPE}

    @app.callback(
        Output("fleet-plan", "selected"),
        Output("fleet", "selected"),
        Input("fleet-plan", "selected"),
        Input("fleet", "selected"),
        prevent_initial_call=True,
    )
    async def choose(on_plan: str | None, in_table: str | None) -> tuple[Any, Any]:
        if ctx.triggered_id == "fleet":
            return in_table, no_update
        # what is no robot stays chosen on the plan only
        return no_update, on_plan if on_plan in robots else no_update


def crumbs(asked: Asked) -> list[Crumb]:
    """Site, then the page."""
    site = _site(asked)
    if site is None:
        return [(asked.t("page.fleet"), "")]
    return [(asked.name(site.name), address("floor", site.id)), (asked.t("page.fleet"), "")]


PAGE = Page(
    "fleet",
    "/fleet",
    22,
    "M3 9.5h13v7H3zM16 11.5h3l2 2.5v2.5h-5M6.5 16.5a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2z"
    "M17.5 16.5a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2zM6 9.5v-4h6v4",
    layout,
    callbacks,
    crumbs,
)
