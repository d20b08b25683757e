"""Cell: one robot seen close, its joints within their limits, its program, its cycles, its safety."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, dcc, html, no_update

from dashboards.components import StateStrip, TileGrid, TrendStrip, TwinView
from dashboards.page import Asked, Page, address
from dashboards.pages.line import line_of
from dashboards.parts import attributes, card, empty, event_list
from twin.ids import leaf_of, site_of
from twin.sample import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dash import Dash

    from dashboards.page import Behind, Crumb
    from twin.sample import Stream
    from twin.site import Asset, Site

STRIP_H = 8
TREND_S = 600
EVENTS = 30
TYPE = "robot_arm"


def layout(asked: Asked) -> Any:
    """The cell of a robot; without one, a list to choose from."""
    if not asked.rest:
        return _chooser(asked)
    asset = asked.behind.asset(asked.rest)
    site = asked.behind.factory.hub.site(site_of(asked.rest))
    streams = [stream for stream in asked.behind.live.streams.values() if stream.asset == asked.rest]
    if asset is None and not streams:
        return html.Div(
            empty(asked.t("asset.unknown", asset=asked.rest), asked.t("asset.unknown_do")), className="card"
        )
    zone = site.timezone if site else "UTC"
    common = {"lang": asked.lang, "timezone": zone}
    signal = first_signal(streams)
    return html.Div(
        [
            _head(asked, asset, site),
            html.Section(
                [
                    html.Div(
                        TwinView(id="twin", site=site_of(asked.rest), assets=[asked.rest], mode="3d", lang=asked.lang),
                        className="pg-cell-twin",
                    ),
                    TileGrid(id="safety", view="safety", asset=asked.rest, **common),
                ],
                className="card pg-cell-l",
            ),
            html.Section(
                TileGrid(
                    id="joints",
                    view="joints",
                    asset=asked.rest,
                    signals=[signal] if signal else [],
                    **common,
                ),
                className="card pg-cell-j",
            ),
            html.Div(TileGrid(id="cell", view="cell", asset=asked.rest, **common), className="pg-cell-w"),
            card(
                asked.t("cell.trend"),
                html.Div(
                    TrendStrip(
                        id="cell-trend",
                        signals=with_expected(signal, streams) if signal else [],
                        span_s=TREND_S,
                        site=site_of(asked.rest),
                        **common,
                    ),
                    className="card-b",
                ),
                note=asked.t("cell.trend_note"),
                class_name="pg-cell-t",
            ),
            card(asked.t("events.title"), event_list(asked, asked.rest, EVENTS), class_name="pg-cell-e"),
            html.Div(
                StateStrip(
                    id="bar",
                    site=site_of(asked.rest),
                    assets=[asked.rest],
                    hours=STRIP_H,
                    controls=True,
                    **common,
                ),
                className="card pg-bar",
            ),
        ],
        className="pg-cell",
    )


def _head(asked: Asked, asset: Asset | None, site: Site | None) -> Any:
    line = line_of(asked.rest, site)
    model = str(asset.attributes.get("model", "")) if asset else ""
    buttons = [
        dcc.Link(asked.t("cell.all_signals"), href=address("asset", asked.rest), className="btn s", refresh=False)
    ]
    if line is not None:
        buttons.insert(
            0, dcc.Link(asked.name(line.name), href=address("line", line.id), className="btn s", refresh=False)
        )
    beside = _beside(asked.rest, site)
    return html.Header(
        [
            html.H1(leaf_of(asked.rest)),
            html.Small(" · ".join(text for text in (_said(asked, asset), model.upper()) if text)),
            html.Nav(
                [
                    dcc.Link(
                        leaf_of(one),
                        href=address("cell", one),
                        className="on" if one == asked.rest else "",
                        refresh=False,
                    )
                    for one in beside
                ],
                className="tabs",
                **attributes(aria_label=asked.t("cell.beside")),
            ),
            html.Nav(buttons, className="r pg-links", **attributes(aria_label=asked.t("line.ways"))),
        ],
        className="card pg-head",
    )


def _said(asked: Asked, asset: Asset | None) -> str:
    """What an asset's name says besides the id it begins with."""
    return asked.name(asset.name).removeprefix(leaf_of(asset.id)).strip() if asset else asked.t("asset.not_declared")


def _beside(asset_id: str, site: Site | None) -> list[str]:
    """The robots of the same line, in order."""
    place = asset_id.rpartition("/")[0]
    arms = [one.id for one in site.assets if one.type == TYPE and one.id.rpartition("/")[0] == place] if site else []
    return sorted(arms) if len(arms) > 1 else []


def first_signal(streams: list[Stream]) -> str:
    """The trend that is drawn before anything is chosen: the torque of the second joint, which carries most."""
    efforts = [
        (signal.index != 1, signal.index, f"{stream.asset}:{signal.name}")
        for stream in streams
        for signal in stream.columns
        if signal.role is Role.JOINT_EFFORT
    ]
    return min(efforts)[2] if efforts else ""


def with_expected(signal: str, streams: Iterable[Stream]) -> list[str]:
    """A signal, and behind a joint's torque the torque that is expected of it."""
    asset, _, name = signal.rpartition(":")
    own = [one for stream in streams if stream.asset == asset for one in stream.columns]
    index = next((one.index for one in own if one.name == name and one.role is Role.JOINT_EFFORT), None)
    expected = (one.name for one in own if one.role is Role.EXPECTED_EFFORT and one.index == index)
    return [signal, *(f"{asset}:{one}" for one in expected)]


def _chooser(asked: Asked) -> Any:
    sites = asked.behind.factory.hub.sites
    return html.Div(
        [
            card(
                asked.name(site.name),
                html.Ul(
                    [
                        html.Li(
                            dcc.Link(
                                [html.B(leaf_of(one.id)), html.Small(_said(asked, one))],
                                href=address("cell", one.id),
                                refresh=False,
                            )
                        )
                        for one in sorted(site.assets, key=lambda asset: asset.id)
                        if one.type == TYPE
                    ]
                    or html.Li(asked.t("cell.none"), className="pg-empty"),
                    className="pg-choices",
                ),
                note=asked.t("cell.choose"),
            )
            for site in sites
        ],
        className="pg-chooser",
    )


def callbacks(app: Dash, behind: Behind) -> None:
    """A click on a joint's value draws its trend, a torque with the one that is expected."""

    @app.callback(
        Output("cell-trend", "signals"),
        Output("joints", "signals"),
        Output("joints", "selected"),
        Input("joints", "selected"),
        prevent_initial_call=True,
    )
    async def choose(chosen: str | None) -> tuple[Any, Any, Any]:
        if not chosen:
            return no_update, no_update, no_update
        return with_expected(chosen, behind.live.streams.values()), [chosen], ""


def crumbs(asked: Asked) -> list[Crumb]:
    """Site, line, then the robot."""
    if not asked.rest:
        return [(asked.t("page.cell"), "")]
    site = asked.behind.factory.hub.site(site_of(asked.rest))
    line = line_of(asked.rest, site)
    found: list[Crumb] = []
    if site is not None:
        found.append((asked.name(site.name), address("floor", site.id)))
    if line is not None:
        found.append((asked.name(line.name), address("line", line.id)))
    return [*found, (leaf_of(asked.rest), "")]


PAGE = Page(
    "cell",
    "/cell",
    16,
    "M5 20.5h9M9.5 20.5V17M7 17h5v-3H7zM9.5 14 6 8.5M6 5.2a1.7 1.7 0 1 0 0 3.4 1.7 1.7 0 0 0 0-3.4z"
    "M7.6 6.4 15 4.5l3.5 4M15 4.5l.6 3.6M16.5 11.5h4v4h-4z",
    layout,
    callbacks,
    crumbs,
)
