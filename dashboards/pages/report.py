"""Shift report: one shift's figures, stops, open alarms, notes and signatures; prints to A4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Asked, Page, address
from dashboards.parts import empty
from twin.ids import site_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.page import Behind, Crumb
    from twin.site import Site


def layout(asked: Asked) -> Any:
    """The report of ``SITE/DATE/SHIFT``; what is left out is the first site, the running shift."""
    site, day, shift = _meant(asked.behind, asked.rest)
    if site is None:
        return html.Div(
            empty(asked.t("oee_page.unknown", what=asked.rest), asked.t("oee_page.unknown_do")), className="card"
        )
    if not site.shifts:
        return html.Div(empty(asked.t("report_page.no_shifts"), asked.t("report_page.no_shifts_do")), className="card")
    return html.Div(
        TileGrid(
            id="report", view="report", site=site.id, day=day, shift=shift, lang=asked.lang, timezone=site.timezone
        ),
        className="pg-report ft-scroll",
        tabIndex=0,
    )


def crumbs(asked: Asked) -> list[Crumb]:
    """The site, then the page."""
    site = asked.behind.factory.hub.site(site_of(asked.rest)) if asked.rest else None
    where = [] if site is None else [(asked.name(site.name), address("report", site.id))]
    return [*where, (asked.t("page.report"), "")]


def first(behind: Behind, rest: str, query: Mapping[str, str]) -> list[str]:
    """The report, as the page's component asks for it."""
    del query
    site, day, shift = _meant(behind, rest)
    if site is None or not site.shifts:
        return []
    asked = {"site": site.id, "day": day, "shift": shift}
    return ["/view/report?" + urlencode({name: text for name, text in asked.items() if text})]


def _meant(behind: Behind, rest: str) -> tuple[Site | None, str, str]:
    """(site, day, shift) of ``SITE/DATE/SHIFT``; without a site the first one, without a shift the running one ("")."""
    sites = behind.factory.hub.sites
    site_id, _, when = rest.partition("/")
    day, _, shift = when.partition("/")
    return behind.factory.hub.site(site_id) if rest else (sites[0] if sites else None), day, shift


PAGE = Page(
    "report", "/report", 65, "M6 3h9l4 4v14H6zM15 3v4h4M9 12h7M9 15h7M9 18h4", layout, crumbs=crumbs, first=first
)
