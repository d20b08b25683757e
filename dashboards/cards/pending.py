"""Devices that wait: what each may be and where it may stand, the change before it is written, and writing it."""

from __future__ import annotations

import asyncio
import hashlib
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update

from connectors.factory_edit import Acceptance, Edit, edit
from dashboards.access.auth import allowed, changes, needs, person
from dashboards.format import local_time
from dashboards.page import Asked
from dashboards.parts import attributes, empty
from dashboards.preferences import current
from twin.errors import ConfigError, StoreError
from twin.ids import site_of
from twin.onboarding import Proposal, propose
from twin.policy import Right
from twin.units import symbol

if TYPE_CHECKING:
    from dash import Dash

    from dashboards.page import Behind
    from twin.site import Site

EVERY_MS = 4000
SIGNALS_SHOWN = 40
_SHAPE, _MARK = "#7d868f", "#3a7cb8"
"""Colours of the little plan, which an image cannot take from the page: to be seen on light and on dark ground."""


def waiting(behind: Behind) -> list[Proposal]:
    """A proposal for each device that waits; none while the store is away."""
    try:
        history = behind.reader.history()
        return propose(history.newcomers(), history.streams().values(), behind.factory.hub, behind.live.types)
    except StoreError:
        return []


def card(asked: Asked) -> Any:
    """List, form, and the change."""
    found = waiting(asked.behind)
    first = found[0].asset if found else None
    return html.Section(
        [
            html.Header(
                [
                    html.H2(asked.t("pending.title")),
                    html.Small(_count(asked, found), id="pend-count"),
                    html.Span(
                        html.Button(
                            asked.t("pending.all"), id="pend-all", className="btn s", disabled=not _ready(found)
                        ),
                        className="r",
                    ),
                ],
                className="card-h",
            ),
            html.Div(
                [
                    html.Ul(_rows(asked, found, first), id="pend-list", className="pg-pend-list ft-scroll"),
                    html.Div(_form(asked, found, first), id="pend-form", className="pg-pend-form ft-scroll"),
                ],
                className="pg-pend-b",
            ),
            html.Div(id="pend-change", className="pg-pend-change", hidden=True),
            dcc.Interval(id="pend-tick", interval=EVERY_MS),
            dcc.Store(id="pend-choice", data=first),
            dcc.Store(id="pend-edit"),
        ],
        className="card pg-pend",
    )


def _count(asked: Asked, found: list[Proposal]) -> str:
    return asked.t("pending.count", n=len(found)) if found else ""


def _ready(found: list[Proposal]) -> list[Proposal]:
    return [one for one in found if one.type and not one.problem]


def _rows(asked: Asked, found: list[Proposal], chosen: str | None) -> Any:
    if not found:
        return html.Li(empty(asked.t("pending.none"), asked.t("pending.none_do")), className="ft-empty")
    return [
        html.Li(
            html.Button(
                [
                    html.B(one.asset.rpartition("/")[2]),
                    html.Span(_type_name(asked, one.type) or asked.t("pending.no_type"), className="pg-pend-type"),
                    html.Small(one.asset, title=one.topic),
                ],
                id={"pend": one.asset},
                className="on" if one.asset == chosen else "",
            )
        )
        for one in found
    ]


def _type_name(asked: Asked, name: str) -> str:
    kind = asked.behind.live.types.get(name)
    return asked.name(kind.label) if kind else ""


def _form(asked: Asked, found: list[Proposal], chosen: str | None) -> Any:
    one = next((one for one in found if one.asset == chosen), None)
    if one is None:
        return empty(asked.t("pending.choose")) if found else None
    site = asked.behind.factory.hub.site(site_of(one.asset))
    zone = asked.behind.factory.hub.sites[0].timezone
    facts = [
        (asked.t("pending.id"), one.asset),
        (asked.t("pending.by"), f"{one.source} · {one.topic}"),
        (asked.t("pending.since"), local_time(one.first_ns, zone)),
        *([(asked.t("pending.publisher"), one.publisher)] if one.publisher else []),
        *((name, text) for name, text in list(one.attributes.items())[:8]),
    ]
    signals = [
        html.Li([html.B(told.name), html.Span(symbol(told.unit) if told.unit != "1" else "", className="unit")])
        for told in one.signals[:SIGNALS_SHOWN]
    ]
    options = [{"label": asked.name(kind.label), "value": name} for name, kind in asked.behind.live.types.items()]
    head = [
        html.Dl([part for term, fact in facts for part in (html.Dt(term), html.Dd(fact))], className="pg-pend-facts"),
        html.Ul(signals, className="pg-pend-signals", **attributes(aria_label=asked.t("pending.signals"))),
    ]
    if one.problem or site is None:
        return [*head, html.P(asked.t("pending.no_site"), className="pg-pend-warn")]
    fields = [
        _field(
            asked.t("pending.type"),
            dcc.Dropdown(options, one.type or None, id="pend-type", clearable=False, searchable=False),
            asked.t(f"pending.why_{one.why}") if one.why else asked.t("pending.why_none"),
        ),
        _field(asked.t("pending.name_ko"), _text("pend-ko", one.name)),
        _field(asked.t("pending.name_en"), _text("pend-en", one.name)),
        html.Div(
            [
                _field("x (m)", _number("pend-x", one.x_m)),
                _field("y (m)", _number("pend-y", one.y_m)),
                _field(asked.t("pending.yaw"), _number("pend-yaw", 0.0, 0.01)),
            ],
            className="pg-pend-place",
        ),
    ]
    return [
        *head,
        html.Div(
            [
                html.Div(fields, className="pg-pend-fields"),
                html.Figure(
                    [
                        html.Img(id="pend-plan", src=plan(site, one.x_m, one.y_m, 0.0), alt=asked.t("pending.plan")),
                        html.Figcaption(
                            asked.t("pending.place", place=_place_name(asked, site, one.place)), className="cap"
                        ),
                    ]
                ),
            ],
            className="pg-pend-edit",
        ),
        html.Button(asked.t("pending.preview"), id="pend-preview", className="btn main-btn"),
    ]


def _place_name(asked: Asked, site: Site, place: str) -> str:
    return next((asked.name(one.name) for one in site.places if one.id == place), asked.name(site.name))


def _field(label: str, body: Any, hint: str = "") -> Any:
    return html.Label([html.Span(label), body, *([html.Small(hint)] if hint else [])], className="pg-field")


def _text(name: str, value: str) -> Any:
    return dcc.Input(id=name, value=value, type="text", debounce=True, maxLength=100)


def _number(name: str, value: float, step: float | str = "any") -> Any:
    return dcc.Input(id=name, value=value, type="number", step=step, debounce=True)


def plan(site: Site, x_m: float, y_m: float, yaw_rad: float) -> str:
    """The site's floor with its places and a mark where something is to stand, as an image's address."""
    wide, deep = site.size_m
    rects = "".join(
        f'<rect x="{x}" y="{deep - y - d}" width="{w}" height="{d}" fill="{_SHAPE}" fill-opacity=".14" '
        f'stroke="{_SHAPE}" stroke-width=".3"/>'
        for x, y, w, d in (place.rect_m for place in site.places if place.rect_m)
    )
    size = max(wide, deep) / 28
    turn = -math.degrees(yaw_rad)
    mark = (
        f'<g transform="translate({x_m} {deep - y_m}) rotate({turn})"><circle r="{size}" fill="{_MARK}" '
        f'fill-opacity=".35" stroke="{_MARK}" stroke-width="{size / 5}"/><path d="M0 0H{size * 1.9}" '
        f'stroke="{_MARK}" stroke-width="{size / 2.5}" stroke-linecap="round"/></g>'
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {wide + 2} {deep + 2}"><rect width="{wide}" '
        f'height="{deep}" fill="none" stroke="{_SHAPE}" stroke-width=".5"/>{rects}{mark}</svg>'
    )
    return f"data:image/svg+xml,{quote(svg)}"


def _change(asked: Asked, accepted: list[Acceptance]) -> tuple[Any, dict[str, Any] | None]:
    """The change to look at, and what writing it needs; or why there is none."""
    file = asked.behind.file
    if file is None:
        return html.P(asked.t("pending.no_file"), className="pg-pend-warn"), None
    if not all(allowed(Right.CONFIGURE, site_of(one.asset)) for one in accepted):
        return html.P(asked.t("account.may_not"), className="pg-pend-warn"), None
    try:
        change = edit(file, accepted)
    except ConfigError as error:
        return html.P([html.B(asked.t("pending.refused")), " ", str(error)], className="pg-pend-warn"), None
    may = asked.behind.may_edit
    body = [
        html.Header(
            [
                html.B(asked.t("pending.diff", file=file.name)),
                html.Span(
                    [
                        html.Button(asked.t("pending.cancel"), id="pend-cancel", className="btn s"),
                        html.Button(
                            asked.t("pending.write"), id="pend-write", className="btn s main-btn", disabled=not may
                        ),
                    ],
                    className="r",
                ),
            ]
        ),
        html.Pre(_lines(change.diff) or asked.t("pending.no_change"), className="pg-diff", tabIndex=0),
        *([] if may else [html.P(asked.t("pending.may_not"), className="pg-pend-warn")]),
    ]
    return body, {"accepted": [asdict(one) for one in accepted], "sha256": _sha256(change)}


def _sha256(change: Edit) -> str:
    return hashlib.sha256(change.before + b"\0" + change.after).hexdigest()


def _lines(diff: str) -> list[Any]:
    """A change's lines; what stands around them may be another site's, and is for those who see all."""
    kinds = {"+": "is-new", "-": "is-gone", "@": "is-place"}
    lines = [one for one in diff.splitlines(keepends=True)[2:] if one[:1] in kinds or person().sees_all]
    return [html.Span(line, className=kinds.get(line[:1], "")) for line in lines]


def _write(asked: Asked, wanted: dict[str, Any]) -> Any:
    """Write the change that was looked at, and no other one."""
    behind = asked.behind
    if behind.file is None or not behind.may_edit:
        return html.P(asked.t("pending.may_not"), className="pg-pend-warn")
    accepted = [Acceptance(**one) for one in wanted["accepted"]]
    for site in {site_of(one.asset) for one in accepted} or {""}:
        needs(Right.CONFIGURE, site)
    try:
        change = edit(behind.file, accepted)
        if _sha256(change) != wanted["sha256"]:
            return html.P(asked.t("pending.changed"), className="pg-pend-warn")
        assets = ", ".join(one.asset for one in accepted)
        detail = {"file": behind.file.name, "change": change.diff}
        with behind.desk.writing(person().name, "config.accept", assets, detail):
            backup = change.write()
    except ConfigError as error:
        return html.P([html.B(asked.t("pending.refused")), " ", str(error)], className="pg-pend-warn")
    return html.P(asked.t("pending.written", file=behind.file.name, backup=backup.name), className="pg-pend-done")


def _acceptance(one: Proposal) -> Acceptance:
    return Acceptance(one.asset, one.type, one.name, one.name, one.x_m, one.y_m, None, dict(one.attributes))


def callbacks(app: Dash, behind: Behind) -> None:  # noqa: C901  one callback a thing that can be done
    """Choosing a device, looking at a change, and writing it."""

    def asked() -> Asked:
        return Asked(behind, current().lang)

    @app.callback(
        Output("pend-list", "children"),
        Output("pend-count", "children"),
        Output("pend-all", "disabled"),
        Input("pend-tick", "n_intervals"),
        Input("pend-choice", "data"),
    )
    async def refresh(_ticks: int | None, chosen: str | None) -> tuple[Any, Any, Any]:
        words = asked()
        found = await asyncio.to_thread(waiting, behind)
        return _rows(words, found, chosen), _count(words, found), not _ready(found)

    @app.callback(
        Output("pend-choice", "data"),
        Output("pend-form", "children"),
        Input({"pend": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    async def choose(clicks: list[int | None]) -> tuple[Any, Any]:
        if not any(clicks) or not isinstance(ctx.triggered_id, dict):
            return no_update, no_update  # the list was only drawn anew
        words, chosen = asked(), str(ctx.triggered_id["pend"])
        return chosen, _form(words, await asyncio.to_thread(waiting, behind), chosen)

    @app.callback(
        Output("pend-plan", "src"),
        Input("pend-x", "value"),
        Input("pend-y", "value"),
        Input("pend-yaw", "value"),
        State("pend-choice", "data"),
        prevent_initial_call=True,
    )
    async def move(x_m: float | None, y_m: float | None, yaw_rad: float | None, chosen: str | None) -> Any:
        site = behind.factory.hub.site(site_of(chosen or ""))
        return no_update if site is None else plan(site, x_m or 0.0, y_m or 0.0, yaw_rad or 0.0)

    @app.callback(
        Output("pend-change", "children"),
        Output("pend-change", "hidden"),
        Output("pend-edit", "data"),
        Input("pend-preview", "n_clicks"),
        State("pend-choice", "data"),
        State("pend-type", "value"),
        State("pend-ko", "value"),
        State("pend-en", "value"),
        State("pend-x", "value"),
        State("pend-y", "value"),
        State("pend-yaw", "value"),
        prevent_initial_call=True,
    )
    async def preview(  # noqa: PLR0913  the fields of a form
        clicks: int | None,
        chosen: str | None,
        kind: str | None,
        ko: str | None,
        en: str | None,
        x_m: float | None,
        y_m: float | None,
        yaw_rad: float | None,
    ) -> tuple[Any, Any, Any]:
        if not clicks or not chosen:
            return no_update, no_update, no_update
        words = asked()
        found = await asyncio.to_thread(waiting, behind)
        told = next((dict(one.attributes) for one in found if one.asset == chosen), None)
        one = Acceptance(chosen, kind or "", ko or "", en or "", x_m, y_m, yaw_rad, told)
        body, wanted = await asyncio.to_thread(_change, words, [one])
        return body, False, wanted

    @app.callback(
        Output("pend-change", "children", allow_duplicate=True),
        Output("pend-change", "hidden", allow_duplicate=True),
        Output("pend-edit", "data", allow_duplicate=True),
        Input("pend-all", "n_clicks"),
        prevent_initial_call=True,
    )
    async def preview_all(clicks: int | None) -> tuple[Any, Any, Any]:
        if not clicks:
            return no_update, no_update, no_update
        words = asked()
        found = await asyncio.to_thread(waiting, behind)
        body, wanted = await asyncio.to_thread(_change, words, [_acceptance(one) for one in _ready(found)])
        return body, False, wanted

    @app.callback(
        Output("pend-change", "children", allow_duplicate=True),
        Output("pend-edit", "data", allow_duplicate=True),
        Input("pend-write", "n_clicks"),
        State("pend-edit", "data"),
        prevent_initial_call=True,
    )
    @changes(Right.CONFIGURE)
    async def write(clicks: int | None, wanted: dict[str, Any] | None) -> tuple[Any, Any]:
        if not clicks or not wanted:
            return no_update, no_update
        return await asyncio.to_thread(_write, asked(), wanted), None

    @app.callback(
        Output("pend-change", "hidden", allow_duplicate=True),
        Input("pend-cancel", "n_clicks"),
        prevent_initial_call=True,
    )
    async def cancel(clicks: int | None) -> Any:
        return True if clicks else no_update
