"""What-if: from the moment that is looked at, baseline beside variant, with what may be believed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.access.auth import allowed
from dashboards.components import TileGrid
from dashboards.page import Asked, Page, address
from dashboards.pages.line import lines_in
from dashboards.parts import empty
from twin.flow import flow_of
from twin.ids import site_of
from twin.policy import Right

if TYPE_CHECKING:
    from dashboards.page import Crumb
    from twin.site import Site


def layout(asked: Asked) -> Any:
    """The page of a site; without one, of the first."""
    sites = asked.behind.factory.hub.sites
    site = asked.behind.factory.hub.site(site_of(asked.rest)) if asked.rest else (sites[0] if sites else None)
    if site is None or not lines_in(site):
        return html.Div(empty(asked.t("whatif_page.none"), asked.t("whatif_page.none_do")), className="card")
    if not allowed(Right.SIMULATE, site.id):
        return html.Div(empty(asked.t("whatif_page.forbidden"), asked.t("whatif_page.forbidden_do")), className="card")
    return html.Div(
        TileGrid(
            id="whatif",
            view="whatif",
            site=site.id,
            scopes=[{"id": one.id, "name": {"ko": one.name.ko, "en": one.name.en}} for one in sites],
            targets=targets(site),
            lang=asked.lang,
            timezone=site.timezone,
        ),
        className="pg-fill pg-whatif",
    )


def targets(site: Site) -> list[dict[str, Any]]:
    """What can be changed: stations, buffers and mobile robots, with what the factory file says of each."""
    found: list[dict[str, Any]] = []
    by_id = {asset.id: asset for asset in site.assets}
    for place in lines_in(site):
        flow = flow_of(place.id, site.assets)
        for asset in (*flow.stations, *flow.buffers):
            one = by_id[asset]
            kind = "buffer" if one.type == "buffer" else "station"
            standard = one.attributes.get("capacity" if kind == "buffer" else "cycle_s")
            known = isinstance(standard, int | float) and not isinstance(standard, bool)
            line = {"ko": place.name.ko, "en": place.name.en}
            found.append({"id": asset, "kind": kind, "line": line, "standard": standard if known else None})
    robots = sum(asset.type == "mobile_robot" for asset in site.assets)
    if robots:
        found.append({"id": "amr", "kind": "fleet", "line": None, "standard": robots})
    return [*found, {"id": "shift", "kind": "shift", "line": None, "standard": None}]


def crumbs(asked: Asked) -> list[Crumb]:
    """The site, the page."""
    site = asked.behind.factory.hub.site(site_of(asked.rest)) if asked.rest else None
    title = (asked.t("page.whatif"), "")
    return [title] if site is None else [(asked.name(site.name), address("whatif", site.id)), title]


PAGE = Page("whatif", "/whatif", 66, "M4 20V4M4 12h6c3 0 3-5 6-5h4M10 12c3 0 3 5 6 5h4", layout, crumbs=crumbs)
