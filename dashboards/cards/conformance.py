"""Which rules of their standards devices broke, how often, and the last example: a card."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dash import Input, Output, State, dcc, html, no_update

from dashboards.format import local_time, number
from dashboards.page import Asked
from dashboards.parts import attributes, empty
from dashboards.preferences import current
from twin.errors import StoreError

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind
    from twin.ports import FindingCount

EVERY_MS = 5000
MOST = 200
EXAMPLE_BYTES = 600


def card(asked: Asked) -> Any:
    """A list, a device a heading."""
    found = _found(asked.behind)
    return html.Section(
        [
            html.Header(
                [html.H2(asked.t("conformance.title")), html.Small(_count(asked, found), id="conf-count")],
                className="card-h",
            ),
            html.Div(
                _rows(asked, found), id="conf-list", className="card-b flush ft-scroll pg-conf", tabIndex=0,
                **attributes(aria_label=asked.t("conformance.title")),
            ),
            dcc.Interval(id="conf-tick", interval=EVERY_MS),
            dcc.Store(id="conf-drawn", data=str(sum(one.count for one in found))),
        ],
        className="card",
    )  # fmt: skip


def _found(behind: Behind) -> list[FindingCount]:
    try:
        return behind.reader.history().findings()
    except StoreError:
        return []


def _count(asked: Asked, found: list[FindingCount]) -> str:
    devices = len({one.device for one in found})
    return asked.t("conformance.count", devices=devices, rules=len(found)) if found else ""


def _rows(asked: Asked, found: list[FindingCount]) -> Any:
    if not found:
        return empty(asked.t("conformance.none"), asked.t("conformance.none_do"))
    by_device: dict[str, list[FindingCount]] = {}
    for one in sorted(found, key=lambda one: -one.count)[:MOST]:
        by_device.setdefault(one.device, []).append(one)
    zone = asked.behind.factory.hub.sites[0].timezone
    return [
        html.Section(
            [
                html.H3([html.B(device or asked.t("conformance.more")), html.Small(rows[0].source)]),
                *(_row(asked, one, zone) for one in rows),
            ]
        )
        for device, rows in sorted(by_device.items())
    ]


def _row(asked: Asked, one: FindingCount, zone: str) -> Any:
    example = one.payload[:EXAMPLE_BYTES]
    text = example.decode("utf-8") if _is_text(example) else example.hex(" ")
    return html.Details(
        [
            html.Summary(
                [html.Code(one.rule), html.Span(f"×{number(one.count)}", className="n"), html.Span(one.detail)],
                title=one.detail,
            ),
            html.Dl(
                [
                    html.Dt(asked.t("conformance.first")),
                    html.Dd(local_time(one.first_ns, zone)),
                    html.Dt(asked.t("conformance.last")),
                    html.Dd(local_time(one.last_ns, zone)),
                    *([html.Dt(asked.t("conformance.topic")), html.Dd(one.topic)] if one.topic else []),
                ],
                className="pg-pend-facts",
            ),
            *([html.Pre(text)] if text else []),
        ]
    )


def _is_text(payload: bytes) -> bool:
    try:
        return payload.decode("utf-8").replace("\n", " ").replace("\t", " ").isprintable()
    except UnicodeDecodeError:
        return False


def callbacks(app: Dash, behind: Behind) -> None:
    """Fresh figures; while nothing changed nothing is drawn anew, and what is unfolded stays so."""

    @app.callback(
        Output("conf-list", "children"),
        Output("conf-count", "children"),
        Output("conf-drawn", "data"),
        Input("conf-tick", "n_intervals"),
        State("conf-drawn", "data"),
        prevent_initial_call=True,
    )
    async def refresh(_ticks: int | None, drawn: str | None) -> tuple[Any, Any, Any]:
        asked = Asked(behind, current().lang)
        found = await asyncio.to_thread(_found, behind)
        now = str(sum(one.count for one in found))
        if now == drawn:
            return no_update, no_update, no_update
        return _rows(asked, found), _count(asked, found), now
