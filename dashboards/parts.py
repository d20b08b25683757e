"""Parts that several pages are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

if TYPE_CHECKING:
    from dashboards.page import Asked


def attributes(**values: str) -> Any:
    """HTML attributes whose names have a dash, written with ``_`` (``aria_label``, ``data_set``)."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def card(title: str, body: Any, *, note: Any = None, class_name: str = "") -> Any:
    """A framed part of a page: heading, something at its right, body."""
    head: list[Any] = [html.H2(title)]
    if note is not None:
        head.append(html.Span(note, className="r"))
    return html.Section([html.Header(head, className="card-h"), body], className=f"card {class_name}".strip())


def event_list(asked: Asked, asset: str, limit: int, *, notable: bool = False) -> Any:
    """The newest events of an asset (of all with ""; only the ``notable``), kept fresh by ``assets/shell.js``."""
    return html.Div(
        html.Ul(html.Li(asked.t("events.loading"), className="pg-empty"), className="pg-event-list"),
        className="card-b ft-scroll pg-event-box",
        tabIndex=0,
        **attributes(
            data_events=asset or "*",
            data_limit=str(limit),
            data_none=asked.t("events.none"),
            data_notable="1" if notable else "",
        ),
    )


def empty(text: str, what_to_do: str = "") -> Any:
    """What is said where there is nothing to show."""
    return html.Div([html.P(text), html.P(what_to_do, className="mute")], className="pg-nothing")
