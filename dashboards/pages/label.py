"""Labelling: a queue of episodes, one of them as signals and as the robot it was, and what people say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.components import TileGrid
from dashboards.page import Page

if TYPE_CHECKING:
    from dashboards.page import Asked


def layout(asked: Asked) -> Any:
    """The page of every site that the person sees."""
    return html.Div(TileGrid(id="label", view="label", site="*", lang=asked.lang), className="pg-fill pg-label")


PAGE = Page("label", "/label", 68, "M4 4.5h10l5.5 7.5L14 19.5H4zM8 9h4M8 12h6M8 15h4", layout)
