"""Models: which assets are watched for strange behaviour, what their scores are, and how good the models are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Page

if TYPE_CHECKING:
    from dashboards.page import Asked


def layout(asked: Asked) -> Any:
    """The models of every site that the person sees."""
    sites = asked.behind.factory.hub.sites
    zone = sites[0].timezone if sites else "UTC"
    return html.Div(
        TileGrid(id="models", view="models", site="*", lang=asked.lang, timezone=zone), className="pg-fill pg-models"
    )


PAGE = Page(
    "models",
    "/models",
    66,
    "M3.5 17.5h3l2.5-9 3.5 12 2.8-9 1.4 6h3.8M3.5 4.5h17",
    layout,
)
