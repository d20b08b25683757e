"""Asset: everything one asset tells, its trends, its states, its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, dcc, html, no_update

from dashboards.components import AssetAlarms, StateStrip, TileGrid, TrendStrip, TwinView
from dashboards.format import angle, metres
from dashboards.page import Asked, Page, address
from dashboards.pages.line import closer
from dashboards.pages.trends import trends_href
from dashboards.parts import attributes, card, empty, event_list
from twin.ids import leaf_of, place_of, site_of
from twin.sample import Kind, Role

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind, Crumb
    from twin.sample import Stream

STRIP_H = 8
TREND_S = 3600
EVENTS = 50
MOST_TRENDS = 6
FIRST = 3
MOVED_BY = {"robot_arm": Role.JOINT_POSITION, "mobile_robot": Role.X}
"""What moves by what: without it there is nothing true to draw."""
INTERESTING = (
    Role.JOINT_EFFORT,
    Role.SPEED,
    Role.LOAD,
    Role.BATTERY,
    Role.LEVEL,
    Role.POWER,
    Role.CYCLE_TIME,
    Role.JOINT_TEMPERATURE,
)
"""What is drawn first, in this order; then any gauge."""


def layout(asked: Asked) -> Any:
    """The asset's page; without an asset, a list to choose from."""
    return _page(asked, asked.rest) if asked.rest else _chooser(asked)


def _chooser(asked: Asked) -> Any:
    return html.Div(
        [
            card(
                asked.name(site.name),
                html.Div(
                    TileGrid(id=f"choose-{site.id}", view="assets", site=site.id, lang=asked.lang),
                    className="card-b flush",
                ),
                note=asked.t("asset.choose"),
            )
            for site in asked.behind.factory.hub.sites
        ],
        className="pg-chooser",
    )


def _page(asked: Asked, asset_id: str) -> Any:
    behind = asked.behind
    asset = behind.asset(asset_id)
    streams = [stream for stream in behind.live.streams.values() if stream.asset == asset_id]
    site = behind.factory.hub.site(site_of(asset_id))
    if asset is None and not streams:
        return html.Div(empty(asked.t("asset.unknown", asset=asset_id), asked.t("asset.unknown_do")), className="card")
    zone = site.timezone if site else "UTC"
    signals = first_signals(streams)
    lang = asked.lang
    trend: Any = TrendStrip(
        id="trend", signals=signals, span_s=TREND_S, lang=lang, timezone=zone, site=site_of(asset_id)
    )
    faceplate = AssetAlarms(id="asset-alarms", asset=asset_id, lang=lang, timezone=zone)
    right = [
        card(
            asked.t("alarms.of_asset"), html.Div(faceplate, className="card-b ft-scroll"), class_name="pg-asset-alarms"
        ),
        card(asked.t("events.of_asset"), event_list(asked, asset_id, EVENTS)),
    ]
    roles = {signal.role for stream in streams for signal in stream.columns}
    if asset is not None and MOVED_BY.get(asset.type) in roles:
        view = TwinView(
            id="asset-twin", site=asset.site, assets=[asset_id], mode="3d", lang=lang, timezone=zone, selected=asset_id
        )
        right.insert(0, html.Section(html.Div(view, className="card-b flush"), className="card"))
    return html.Div(
        [
            _head(asked, asset_id),
            html.Div(
                [
                    card(
                        asked.t("asset.signals"),
                        html.Div(
                            TileGrid(
                                id="signals", view="signals", asset=asset_id, signals=signals, lang=lang, timezone=zone
                            ),
                            className="card-b flush",
                        ),
                        note=asked.t("asset.trend_hint"),
                    ),
                    card(
                        asked.t("asset.trend"),
                        html.Div(trend if signals else empty(asked.t("asset.no_signals")), className="card-b flush"),
                        note=[asked.t("asset.trend_span"), *_open_trends(asked, signals)],
                    ),
                    html.Div(
                        [
                            card(asked.t("asset.upkeep"), _tiles("upkeep", asked, asset_id, zone)),
                            card(asked.t("asset.book"), _tiles("book", asked, asset_id, zone)),
                        ],
                        className="pg-asset-people",
                    ),
                ],
                className="pg-asset-l",
            ),
            html.Div(right, className="pg-asset-r"),
            html.Div(
                StateStrip(
                    id="bar",
                    site=site_of(asset_id),
                    assets=[asset_id],
                    hours=STRIP_H,
                    controls=True,
                    lang=lang,
                    timezone=zone,
                ),
                className="card pg-bar",
            ),
        ],
        className="pg-asset",
    )


def _tiles(view: str, asked: Asked, asset_id: str, zone: str) -> Any:
    tiles = TileGrid(
        id=f"asset-{view}", view=view, asset=asset_id, site=site_of(asset_id), lang=asked.lang, timezone=zone
    )
    return html.Div(tiles, className="card-b ft-scroll")


def _open_trends(asked: Asked, signals: list[str]) -> list[Any]:
    if not signals:
        return []
    href = trends_href(signals, TREND_S)
    return [dcc.Link(asked.t("asset.open_trends"), id="trend-open", href=href, className="btn s", refresh=False)]


def _head(asked: Asked, asset_id: str) -> Any:
    behind = asked.behind
    asset = behind.asset(asset_id)
    if asset is None:
        return html.Header(
            [html.H1(leaf_of(asset_id)), html.Span(asked.t("asset.not_declared"), className="mute")],
            className="card pg-asset-h",
        )
    kind = behind.live.types.get(asset.type)
    pose = asset.pose
    rows = [
        (asked.t("asset.type"), asked.name(kind.label) if kind else asset.type),
        (asked.t("asset.place"), " › ".join(text for text, _ in _places(asked, asset_id))),
        (asked.t("asset.pose"), f"x {metres(pose.x_m)}, y {metres(pose.y_m)}, {angle(pose.yaw_rad)}"),
    ]
    return html.Header(
        [
            html.H1(asked.name(asset.name)),
            html.Dl([html.Div([html.Dt(label), html.Dd(text)]) for label, text in rows]),
            html.Nav(closer(asked, asset), className="pg-links", **attributes(aria_label=asked.t("line.ways"))),
        ],
        className="card pg-asset-h",
    )


def _places(asked: Asked, asset_id: str) -> list[Crumb]:
    """The names of the places an asset stands in, the site first."""
    site = asked.behind.factory.hub.site(site_of(asset_id))
    if site is None:
        return [(site_of(asset_id), "")]
    names = {place.id: asked.name(place.name) for place in site.places}
    paths: list[str] = []
    path = place_of(asset_id)
    while path and path != site.id:
        paths.insert(0, path)
        path = place_of(path)
    return [(asked.name(site.name), address("floor", site.id))] + [(names[one], "") for one in paths if one in names]


def first_signals(streams: list[Stream]) -> list[str]:
    """The few signals whose trends are drawn before anything is chosen: what a type is about, then what has a range.

    What is said of a connection (whether it is there, how many messages came) is nobody's first question.
    """
    gauges = [
        (stream.asset, signal)
        for stream in streams
        if not stream.is_of_a_node
        for signal in stream.columns
        if signal.kind is Kind.GAUGE
    ]
    rank = {role: place for place, role in enumerate(INTERESTING)}
    gauges.sort(key=lambda one: (rank.get(one[1].role, len(rank)), one[1].high is None, one[1].index))
    return [f"{asset}:{signal.name}" for asset, signal in gauges[:FIRST]]


def callbacks(app: Dash, behind: Behind) -> None:
    """A click on a signal adds it to the trend or takes it away."""
    del behind

    @app.callback(
        Output("trend", "signals"),
        Output("signals", "signals"),
        Output("signals", "selected"),
        Output("trend-open", "href"),
        Input("signals", "selected"),
        State("trend", "signals"),
        prevent_initial_call=True,
    )
    async def toggle(chosen: str | None, drawn: list[str] | None) -> tuple[Any, Any, Any, Any]:
        if not chosen:
            return no_update, no_update, no_update, no_update
        now = list(drawn or [])
        now = [one for one in now if one != chosen] if chosen in now else [*now, chosen][-MOST_TRENDS:]
        return now, now, "", trends_href(now, TREND_S)


def crumbs(asked: Asked) -> list[Crumb]:
    """Site, places, then the asset."""
    if not asked.rest:
        return [(asked.t("page.asset"), "")]
    return [*_places(asked, asked.rest), (leaf_of(asked.rest), "")]


PAGE = Page(
    "asset",
    "/asset",
    30,
    "M6 20.5h12M12 20.5v-5M8 15.5h8v-3H8zM12 12.5 7 7.5M7 4.5a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z"
    "M8.8 6.5 16 4l3 3.5M16 4l.5 4",
    layout,
    callbacks,
    crumbs,
)
