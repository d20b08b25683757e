"""Alarms: what is active, what is hidden and why, the journal; and how well the alarms themselves serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.access.auth import allowed
from dashboards.alarm_rights import may_do
from dashboards.components import AlarmFigures, AlarmList, StateStrip
from dashboards.page import Asked, Page
from dashboards.parts import empty
from dashboards.summary.directory import EVERY_SITE
from twin.policy import Right

if TYPE_CHECKING:
    from dashboards.page import Crumb

PERFORMANCE = "performance"
STRIP_H = 8


def layout(asked: Asked) -> Any:
    """The list of a site, or of all; ``/alarms/performance`` has the figures."""
    hub = asked.behind.factory.hub
    site = hub.site(asked.rest) if asked.rest else None
    if asked.rest == PERFORMANCE and site is None:
        return html.Div(
            [AlarmFigures(id="alarm-figures", site=EVERY_SITE, lang=asked.lang, timezone=_zone(asked)), _bar(asked)],
            className="pg-figures",
        )
    if asked.rest and site is None:
        return html.Div(
            empty(asked.t("alarms.no_site", site=asked.rest), asked.t("alarms.no_site_do")), className="card"
        )
    chosen = site.id if site is not None else EVERY_SITE
    zone = site.timezone if site is not None else _zone(asked)
    return html.Div(
        [
            AlarmList(
                id="alarm-list",
                site=chosen,
                lang=asked.lang,
                timezone=zone,
                may=may_do(hub),
                may_export=allowed(Right.EXPORT),
            ),
            AlarmFigures(id="alarm-figures", site=chosen, compact=True, lang=asked.lang, timezone=zone),
            _bar(asked),
        ],
        className="pg-alarms",
    )


def _zone(asked: Asked) -> str:
    sites = asked.behind.factory.hub.sites
    return sites[0].timezone if sites else "UTC"


def _bar(asked: Asked) -> Any:
    return html.Div(
        StateStrip(
            id="bar",
            site=EVERY_SITE,
            assets=[site.id for site in asked.behind.factory.hub.sites],
            hours=STRIP_H,
            controls=True,
            lang=asked.lang,
            timezone=_zone(asked),
        ),
        className="card pg-bar",
    )


def crumbs(asked: Asked) -> list[Crumb]:
    """The list, then the site or the figures."""
    site = asked.behind.factory.hub.site(asked.rest) if asked.rest else None
    if site is not None:
        return [(asked.t("page.alarms"), PAGE.path), (asked.name(site.name), "")]
    if asked.rest == PERFORMANCE:
        return [(asked.t("page.alarms"), PAGE.path), (asked.t("alarms.performance"), "")]
    return [(asked.t("page.alarms"), "")]


PAGE = Page(
    "alarms",
    "/alarms",
    15,
    "M6 17v-6a6 6 0 0 1 12 0v6l1.6 1.8H4.4zM10.4 21h3.2M12 3v2",
    layout,
    crumbs=crumbs,
)
