"""Floor: one site's plan with everything that moves on it, in two or three dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, ctx, dcc, html, no_update

from dashboards.access.auth import allowed
from dashboards.components import LayoutEditor, StateStrip, TileGrid, TwinView
from dashboards.page import Asked, Page, address
from dashboards.pages.line import closer, lines_in
from dashboards.parts import attributes, card, empty
from dashboards.preferences import current
from twin.policy import Right

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind, Crumb
    from twin.site import Site

STRIP_H = 8
MODES = ("2d", "3d")


EDIT = "edit"


def _site(asked: Asked) -> Site | None:
    sites = asked.behind.factory.hub.sites
    return asked.behind.factory.hub.site(asked.rest.split("/")[0]) if asked.rest else sites[0]


def _edits(asked: Asked) -> bool:
    """Whether the address asks for the plan to work on (``/floor/jeonju/edit``)."""
    return asked.rest.partition("/")[2] == EDIT


def layout(asked: Asked) -> Any:
    """Plan, chosen asset, all assets, states over time; or the plan to work on."""
    site = _site(asked)
    if site is None:
        return html.Div(empty(asked.t("floor.no_site", site=asked.rest)), className="card")
    if not _edits(asked):
        return _floor(asked, site)
    if not allowed(Right.LAYOUT, site.id):
        return html.Div(empty(asked.t("floor.may_not_edit")), className="card")
    editor = LayoutEditor(id="layout", site=site.id, lang=asked.lang, timezone=site.timezone)
    return html.Div(editor, className="pg-layout")


def _floor(asked: Asked, site: Site) -> Any:
    tabs = [
        dcc.Link(
            asked.name(one.name),
            href=address("floor", one.id),
            className="on" if one.id == site.id else "",
            refresh=False,
        )
        for one in asked.behind.factory.hub.sites
    ]
    modes = html.Span(
        [
            html.Button(asked.t(f"floor.{mode}"), id=f"floor-{mode}", className="on" if mode == MODES[0] else "")
            for mode in MODES
        ],
        className="seg",
        role="group",
        **attributes(aria_label=asked.t("floor.mode")),
    )
    width, depth = site.size_m
    plan = html.Section(
        [
            html.Header(
                [
                    html.H2(asked.t("floor.plan", site=asked.name(site.name))),
                    html.Small(asked.t("floor.size", width=f"{width:g}", depth=f"{depth:g}")),
                    html.Span(
                        [
                            html.Nav(
                                below(asked, site),
                                className="pg-links opt",
                                **attributes(aria_label=asked.t("line.ways")),
                            ),
                            html.Nav(tabs, className="tabs", **attributes(aria_label=asked.t("floor.sites"))),
                            *_edit_link(asked, site),
                            modes,
                        ],
                        className="r",
                    ),
                ],
                className="card-h",
            ),
            html.Div(
                TwinView(id="twin", site=site.id, mode=MODES[0], routes=True, lang=asked.lang, timezone=site.timezone),
                className="card-b",
            ),
        ],
        className="card pg-plan",
    )
    return html.Div(
        [
            plan,
            html.Div(
                [
                    html.Section(_nothing(asked), id="chosen", className="card pg-chosen"),
                    card(
                        asked.t("floor.assets"),
                        html.Div(
                            TileGrid(id="assets", view="assets", site=site.id, lang=asked.lang, timezone=site.timezone),
                            className="card-b flush",
                        ),
                    ),
                ],
                className="pg-side",
            ),
            html.Div(
                StateStrip(
                    id="bar",
                    site=site.id,
                    hours=STRIP_H,
                    controls=True,
                    lang=asked.lang,
                    timezone=site.timezone,
                ),
                className="card pg-bar",
            ),
        ],
        className="pg-floor",
    )


def below(asked: Asked, site: Site) -> list[Any]:
    """The ways to a site's lines and to its fleet."""
    found = [(asked.name(place.name), address("line", place.id)) for place in lines_in(site)]
    if any(asset.type == "mobile_robot" for asset in site.assets):
        found.append((asked.t("page.fleet"), address("fleet", site.id)))
    return [dcc.Link(text, href=href, className="btn s", refresh=False) for text, href in found]


def _edit_link(asked: Asked, site: Site) -> list[Any]:
    if not allowed(Right.LAYOUT, site.id):
        return []
    href = address("floor", site.id, EDIT)
    return [dcc.Link(asked.t("floor.edit"), id="floor-edit", href=href, className="btn s", refresh=False)]


def _nothing(asked: Asked) -> Any:
    return empty(asked.t("floor.choose"), asked.t("floor.choose_do"))


def _chosen(asked: Asked, asset_id: str) -> Any:
    asset = asked.behind.asset(asset_id)
    kind = asked.behind.live.types.get(asset.type) if asset else None
    return [
        html.Header(
            [
                html.H2(asked.name(asset.name) if asset else asset_id.rpartition("/")[2]),
                html.Small(asked.name(kind.label) if kind else ""),
            ],
            className="card-h",
        ),
        html.Div(
            TileGrid(id="chosen-signals", view="signals", asset=asset_id, lang=asked.lang), className="card-b flush"
        ),
        html.Footer(
            [
                dcc.Link(asked.t("floor.open"), href=address("asset", asset_id), className="btn", refresh=False),
                *closer(asked, asset),
            ],
            className="card-f",
        ),
    ]


def callbacks(app: Dash, behind: Behind) -> None:
    """The 2D/3D switch, and one choice shared by the plan and the list."""

    @app.callback(
        Output("twin", "mode"),
        Output("floor-2d", "className"),
        Output("floor-3d", "className"),
        Input("floor-2d", "n_clicks"),
        Input("floor-3d", "n_clicks"),
        prevent_initial_call=True,
    )
    async def switch(_flat: int | None, _solid: int | None) -> tuple[str, str, str]:
        mode = str(ctx.triggered_id).removeprefix("floor-")
        return mode, "on" if mode == "2d" else "", "on" if mode == "3d" else ""

    @app.callback(
        Output("chosen", "children"),
        Output("twin", "selected"),
        Output("assets", "selected"),
        Input("twin", "selected"),
        Input("assets", "selected"),
        prevent_initial_call=True,
    )
    async def choose(on_plan: str | None, in_list: str | None) -> tuple[Any, Any, Any]:
        asked = Asked(behind, current().lang)
        from_plan = ctx.triggered_id == "twin"
        asset = on_plan if from_plan else in_list
        body = _chosen(asked, asset) if asset else _nothing(asked)
        return body, no_update if from_plan else asset, asset if from_plan else no_update


def crumbs(asked: Asked) -> list[Crumb]:
    """Site, then the page."""
    site = _site(asked)
    if site is None:
        return [(asked.t("page.floor"), "")]
    if _edits(asked):
        floor = (asked.t("page.floor"), address("floor", site.id))
        return [(asked.name(site.name), ""), floor, (asked.t("floor.editing"), "")]
    return [(asked.name(site.name), ""), (asked.t("page.floor"), "")]


PAGE = Page("floor", "/floor", 20, "M3.5 4.5h17v15h-17zM3.5 11.5h6M9.5 4.5v4M13.5 19.5v-8h7", layout, callbacks, crumbs)
