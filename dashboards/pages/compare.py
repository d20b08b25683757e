"""Compare: two recordings, a recording and the present, or a scenario, on one relative axis; all in the address."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.components import CompareBoard
from dashboards.page import Asked, Page
from dashboards.parts import empty
from dashboards.summary.directory import EVERY_SITE


def layout(asked: Asked) -> Any:
    """One component; what it compares stands in the address."""
    sites = asked.behind.factory.hub.sites
    if not sites:
        return html.Div(empty(asked.t("page.not_found"), asked.t("page.not_found_do")), className="card")
    board = CompareBoard(id="compare", site=EVERY_SITE, lang=asked.lang, timezone=sites[0].timezone)
    return html.Div(board, className="pg-fill pg-compare")


PAGE = Page("compare", "/compare", 45, "M12 3v18M4 7h5M4 12h5M4 17h5M15 7h5M15 12h5M15 17h5", layout)
