"""The frame around every page: header, navigation, footer, and the document itself."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dash import dcc, html

from dashboards import bundles
from dashboards.access.auth import LOCAL, person
from dashboards.alarm_rights import may_do
from dashboards.components import AlarmBanner, StatusBar
from dashboards.page import Asked, address
from dashboards.parts import attributes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.page import Crumb, Page

BRAND = "M3 10.5 9 6v4.5L15 6v4.5L21 6v14H3zM7 14h2v3H7zM11.5 14h2v3h-2zM16 14h2v3h-2z"
SUN = (
    "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9z"
    "M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3 19 19M19 5l-1.7 1.7M6.7 17.3 5 19"
)
PERSON = "M12 4a3.7 3.7 0 1 0 0 7.4A3.7 3.7 0 0 0 12 4zM4.5 20c.6-4 3.6-6 7.5-6s6.9 2 7.5 6"


def icon(path: str, *, filled: bool = False) -> Any:
    """A 24 × 24 drawing of one path, in the colour of the text around it."""
    ink = ("currentColor", "none") if filled else ("none", "currentColor")
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="{ink[0]}" stroke="{ink[1]}" '
        f'stroke-width="1.6" stroke-linejoin="round"><path d="{path}"/></svg>'
    ).replace("currentColor", "black")
    mask = f'url("data:image/svg+xml,{quote(svg)}")'
    return html.I(
        className="pg-icon", style={"maskImage": mask, "WebkitMaskImage": mask}, **attributes(aria_hidden="true")
    )


def frame(asked: Asked, zone: str, pathname: str, filled: tuple[Any, Any, Any] | None) -> Any:
    """The frame around the page of an address: (page, crumbs, navigation); None where the address fills it later."""
    page, crumbs, nav = filled or (None, None, None)
    return html.Div(
        [
            dcc.Location(id="url", refresh=False, **({"pathname": pathname} if filled else {})),
            html.A(asked.t("shell.skip"), href="#page", className="pg-skip"),
            html.Header(
                [
                    dcc.Link(
                        icon(BRAND, filled=True),
                        href="/",
                        className="brand",
                        title=asked.t("shell.brand"),
                        refresh=False,
                    ),
                    html.Nav(crumbs, id="crumbs", className="crumbs", **attributes(aria_label=asked.t("shell.where"))),
                    html.Div(
                        [
                            StatusBar(id="status", lang=asked.lang, timezone=zone),
                            _languages(asked),
                            html.Div(
                                html.Button(
                                    icon(SUN),
                                    id="theme",
                                    className="pg-theme",
                                    title=asked.t("shell.theme"),
                                    **attributes(aria_label=asked.t("shell.theme"), data_set="theme"),
                                ),
                                className="hdr-cell",
                            ),
                            *_account(asked),
                        ],
                        className="hdr-r",
                    ),
                ],
                className="hdr",
            ),
            AlarmBanner(id="banner", lang=asked.lang, timezone=zone, may=may_do(asked.behind.factory.hub)),
            html.Nav(nav, id="nav", className="nav", **attributes(aria_label=asked.t("shell.pages"))),
            html.Div(id="notices", className="pg-notices", **attributes(role="status", aria_live="polite")),
            html.Main(page, id="page", className="main", tabIndex=-1),
            _footer(asked),
        ],
        className="app",
    )


def _languages(asked: Asked) -> Any:
    choices = [
        html.Button(
            text,
            lang=lang,
            className="on" if lang == asked.lang else "",
            **attributes(
                data_set="lang",
                data_value=lang,
                aria_pressed="true" if lang == asked.lang else "false",
                aria_label=says,
            ),
        )
        for lang, text, says in (("ko", "한", "한국어"), ("en", "EN", "English"))
    ]
    return html.Div(html.Div(choices, className="seg pg-lang"), className="hdr-cell")


def _account(asked: Asked) -> list[Any]:
    """Who is logged in, as what and for which sites, and the way out; nothing while there are no accounts."""
    one = person()
    if one is LOCAL:
        return []
    names = [asked.name(site.name) for site in asked.behind.factory.hub.sites]
    sites = asked.t("account.every_site") if one.sees_all else ", ".join(names)
    role = asked.t(f"role.{one.role.word}")
    facts = ((asked.t("account.role"), role), (asked.t("account.sites"), sites))
    return [
        html.Details(
            [
                html.Summary(
                    [icon(PERSON), html.Span(one.name)], title=f"{one.name}, {role}",
                    **attributes(aria_label=f"{asked.t('account.title')}: {one.name}"),
                ),
                html.Div(
                    [
                        html.B(one.name),
                        html.Dl([part for term, fact in facts for part in (html.Dt(term), html.Dd(fact))]),
                        html.Form(
                            html.Button(asked.t("account.leave"), type="submit", className="btn"),
                            action="/logout", method="POST",
                        ),
                    ],
                    className="pg-account-box",
                ),
            ],
            id="account",
            className="hdr-cell pg-account",
        )
    ]  # fmt: skip


def _footer(asked: Asked) -> Any:
    return html.Footer(
        [
            html.Span(
                [
                    asked.t("foot.received") + " ",
                    html.B("–", **attributes(data_ledger="received")),
                    f" = {asked.t('foot.decoded')} ",
                    html.B("–", **attributes(data_ledger="decoded")),
                    f" + {asked.t('foot.handled')} ",
                    html.B("–", **attributes(data_ledger="handled")),
                    f" + {asked.t('foot.rejected')} ",
                    html.B("–", **attributes(data_ledger="rejected")),
                ],
                className="pg-ledger",
            ),
            html.Span(
                "",
                id="foot-verdict",
                className="pg-verdict",
                **attributes(data_yes=asked.t("foot.adds_up"), data_no=asked.t("foot.differs")),
            ),
            html.Span(
                [
                    html.Span(
                        "",
                        id="foot-mirror",
                        **attributes(data_text=asked.t("foot.mirror"), data_none=asked.t("foot.no_mirror")),
                    ),
                    html.Span("", id="foot-store", **attributes(data_text=asked.t("foot.store"))),
                    html.Button([asked.t("foot.wall") + " ", html.Kbd("W")], id="foot-wall", className="pg-keys-open"),
                    html.Button([asked.t("keys.title") + " ", html.Kbd("?")], id="foot-keys", className="pg-keys-open"),
                ],
                className="r",
            ),
        ],
        className="foot",
    )


def navigation(asked: Asked, pages: tuple[Page, ...], here: str) -> list[Any]:
    """The links to the pages; the one shown is marked."""
    return [
        dcc.Link(
            [icon(page.icon), html.Span(asked.t(f"page.{page.name}"))],
            href=page.path,
            className="on" if page.name == here else "",
            refresh=False,
        )
        for page in pages
    ]


def breadcrumbs(crumbs: list[Crumb]) -> list[Any]:
    """The way to the page, the last one bold."""
    parts: list[Any] = []
    for place, (text, href) in enumerate(crumbs):
        last = place == len(crumbs) - 1
        if place:
            parts.append(html.I("›"))
        parts.append(html.B(text) if last else dcc.Link(text, href=href, refresh=False) if href else html.Span(text))
    return parts


def document(lang: str, theme: str, version: str, parts: dict[str, str], calls: Sequence[str] = ()) -> str:
    """The HTML document: language and theme are right before the first paint, without inline script.

    ``calls`` are asked for beside the scripts, not only when these run.
    """
    early = "".join(
        f'\n<link rel="preload" href="{escape(call)}" as="fetch" crossorigin="anonymous">' for call in calls
    )
    return f"""<!DOCTYPE html>
<html lang="{lang}" data-theme="{theme}" data-mode="live">
<head>
{parts["metas"]}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{theme}">
<title>{parts["title"]}</title>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
{bundles.head(lang)}
<link rel="preload" href="/_dash-layout" as="fetch" crossorigin="anonymous">
<link rel="preload" href="/_dash-dependencies" as="fetch" crossorigin="anonymous">{early}
{parts["css"]}
<script src="{address("words.js")}?lang={lang}&amp;v={version}"></script>
</head>
<body>
{parts["app_entry"]}
<footer>
{parts["config"]}
{bundles.tags(parts["scripts"])}
{parts["renderer"]}
</footer>
</body>
</html>"""
