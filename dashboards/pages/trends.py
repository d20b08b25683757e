"""Trends: many signals over one time axis, compared with some time ago. All of it stands in the page's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import html

from dashboards.access.auth import allowed
from dashboards.components import StateStrip, TrendBoard
from dashboards.page import Asked, Page
from dashboards.summary.directory import EVERY_SITE
from twin.policy import Right

if TYPE_CHECKING:
    from collections.abc import Iterable

    from twin.shifts import Shift

STRIP_H = 24
MIN_S = 60


def layout(asked: Asked) -> Any:
    """One component, and the time bar of every page."""
    sites = asked.behind.factory.hub.sites
    zone = sites[0].timezone
    shifts = {site.id: _usual_s(site.shifts) for site in sites if site.shifts}
    board = TrendBoard(
        id="trends",
        site=EVERY_SITE,
        lang=asked.lang,
        timezone=zone,
        shifts=shifts,
        may_export=allowed(Right.EXPORT),
        may_keep=any(allowed(Right.TELL, site.id) for site in sites),
    )
    bar = StateStrip(
        id="bar",
        site=EVERY_SITE,
        assets=[site.id for site in sites],
        hours=STRIP_H,
        controls=True,
        lang=asked.lang,
        timezone=zone,
    )
    return html.Div([board, html.Div(bar, className="card pg-bar")], className="pg-trends")


def _usual_s(shifts: Iterable[Shift]) -> int:
    """How long a shift usually is: the length that most of them have."""
    lengths = [(shift.end_min - shift.start_min) * MIN_S for shift in shifts]
    return max(lengths, key=lambda one: (lengths.count(one), one))


def trends_href(signals: Iterable[str], span_s: float) -> str:
    """The address of the page with these pens."""
    pens = "&".join(f"pen={quote(one, safe='/:')}" for one in signals)
    return f"{PAGE.path}?{pens}&span={span_s:g}"


PAGE = Page("trends", "/trends", 40, "M3.5 3.5v17h17M7 15.5l3.5-5 3.5 3 5.5-8", layout)
