"""OEE & losses: how well a site, a line or an asset worked, where its time went, and why it stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Asked, Page, address
from dashboards.parts import empty
from dashboards.summary.oee import SPANS
from twin.ids import leaf_of, site_of
from twin.kpi import Of, Scope, scopes_of
from twin.kpi.tellings import tellings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.page import Behind, Crumb
    from twin.site import Site


def scopes(behind: Behind, site: Site) -> tuple[Scope, ...]:
    """The site, its lines and the assets that count parts, as far as they were heard."""
    told = tellings(behind.live.streams.values())
    counting = [asset for asset, one in told.items() if one.state and one.good and site_of(asset) == site.id]
    return scopes_of(site, counting, [])


def layout(asked: Asked) -> Any:
    """The page of a scope; without one, of the first site."""
    wanted, site, listed = _meant(asked.behind, asked.rest)
    if site is None:
        return html.Div(
            empty(asked.t("oee_page.unknown", what=wanted), asked.t("oee_page.unknown_do")), className="card"
        )
    return html.Div(
        TileGrid(
            id="oee",
            view="oee",
            site=site.id,
            scope=wanted,
            scopes=[
                {"id": one.id, "of": one.of.value, "name": {"ko": one.name.ko, "en": one.name.en}}
                for one in in_order(listed)
            ],
            lang=asked.lang,
            timezone=site.timezone,
        ),
        className="pg-fill pg-oee",
    )


def in_order(listed: tuple[Scope, ...]) -> list[Scope]:
    """The site, then each line with its assets behind it."""
    found = [one for one in listed if one.of is Of.SITE]
    assets = {one.id: one for one in listed if one.of is Of.ASSET}
    for line in listed:
        if line.of is Of.LINE:
            found += [line, *(assets.pop(asset) for asset in line.assets if asset in assets)]
    return [*found, *assets.values()]


def crumbs(asked: Asked) -> list[Crumb]:
    """The site, the line, the asset, the page."""
    title = (asked.t("page.oee"), "")
    site = asked.behind.factory.hub.site(site_of(asked.rest)) if asked.rest else None
    if site is None:
        return [title]
    found: list[Crumb] = [(asked.name(site.name), address("oee", site.id))]
    names = {place.id: place.name for place in site.places}
    path = site.id
    for part in asked.rest.split("/")[1:]:
        path = f"{path}/{part}"
        if path in names:
            found.append((asked.name(names[path]), address("oee", path) if path != asked.rest else ""))
        elif path == asked.rest:
            found.append((leaf_of(path), ""))
    return [*found, title]


def _meant(behind: Behind, rest: str) -> tuple[str, Site | None, tuple[Scope, ...]]:
    """The scope that is asked for, its site (None where there are no figures of it), and every scope of the site."""
    sites = behind.factory.hub.sites
    wanted = rest or (sites[0].id if sites else "")
    site = behind.factory.hub.site(site_of(wanted))
    listed = () if site is None else scopes(behind, site)
    # While nothing was heard yet, any line of the factory file may be one.
    known = len(listed) <= 1 or wanted in {one.id for one in listed}
    return wanted, site if known else None, listed


def first(behind: Behind, rest: str, query: Mapping[str, str]) -> list[str]:
    """The figures, as the page's component asks for them."""
    wanted, site, _ = _meant(behind, rest)
    span = query.get("span", "")
    asked = {"scope": wanted, "span": span if span in SPANS else SPANS[0]}
    return [] if site is None else [f"/view/kpi/figures?{urlencode(asked)}"]


PAGE = Page("oee", "/oee", 60, "M4 20h16M6 20v-7h3v7M11 20V6h3v14M16 20v-9h3v9", layout, crumbs=crumbs, first=first)
