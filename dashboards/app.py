"""The web application: pages, live socket, read calls, REST and health behind one guard."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec
from dash import Dash, Input, Output, html
from fastapi import FastAPI
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response
from starlette.websockets import WebSocket  # noqa: TC002  FastAPI reads the annotations

import dashboards
from dashboards import bundles, errors, shell
from dashboards.access.gate import Gate
from dashboards.access.guard import Guard, Rules
from dashboards.access.login import login_router
from dashboards.calls.api import ERRORS, api_router
from dashboards.calls.api_alarms import alarm_router
from dashboards.calls.api_anomaly import anomaly_router
from dashboards.calls.api_audit import audit_router
from dashboards.calls.api_datasets import datasets_router
from dashboards.calls.api_episodes import episodes_router
from dashboards.calls.api_recordings import recordings_router
from dashboards.calls.api_sessions import sessions_router
from dashboards.calls.asset import asset_router
from dashboards.calls.compare import compare_router
from dashboards.calls.health import health_router
from dashboards.calls.hub import hub_router
from dashboards.calls.kpi import kpi_router
from dashboards.calls.layout import layout_router, watch
from dashboards.calls.line import line_router
from dashboards.calls.models import models_router
from dashboards.calls.trend import trend_router
from dashboards.calls.view import view_router
from dashboards.calls.whatif import whatif_router
from dashboards.fresh_figures import FreshFigures
from dashboards.i18n import words
from dashboards.page import Asked, Behind, find_pages, first_calls, route
from dashboards.parts import empty
from dashboards.preferences import LANGUAGES, THEMES, Preferences, current, set_cookie
from dashboards.socket import serve_live

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import ASGIApp

    from dashboards.page import Page

TITLE = "Factory Twin"
_JAVASCRIPT = "text/javascript; charset=utf-8"


class _TwinDash(Dash):
    """Dash, writing our own document. ``first`` gives the calls that the page of an address shows first."""

    first: Callable[[str], list[str]]

    def interpolate_index(self, **parts: str) -> str:  # type: ignore[override]  # all parts come by name
        """The document in the reader's language and theme."""
        preferences = current()
        calls = self.first(preferences.asked)
        return shell.document(preferences.lang, preferences.theme, _version(preferences.lang), parts, calls)


def create_app(behind: Behind, lifespan: Callable[[], contextlib.AbstractAsyncContextManager[None]]) -> ASGIApp:
    """Make the ASGI application; ``lifespan`` runs around its life (the hub's tasks, the subscription)."""
    fresh = FreshFigures(behind)

    @contextlib.asynccontextmanager
    async def living(_server: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            running = [asyncio.create_task(watch(behind)), asyncio.create_task(fresh.keep())]
            yield
            for task in running:
                task.cancel()

    server = FastAPI(
        title="Factory Twin",
        version=dashboards.__version__,
        lifespan=living,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    errors.install(server)
    gate = Gate(behind.desk, behind.factory.web)
    _add_calls(server, behind, gate, fresh)
    pages = find_pages()
    dash = _TwinDash(
        __name__,
        server=server,  # type: ignore[arg-type]  # a FastAPI server is what chooses its backend
        assets_folder="assets",
        assets_ignore=r".*",
        serve_locally=True,
        suppress_callback_exceptions=True,
        include_pages_meta=False,
        update_title="",
        title=TITLE,
        add_log_handler=False,
    )
    dash.first = partial(first_calls, pages, behind)
    _add_pages(dash, behind, pages)
    for page in pages:
        page.callbacks(dash, behind)
    # Dash would look for its assets at the first request for "/": a first page below that had no styles.
    dash._setup_server()  # type: ignore[no-untyped-call]  # noqa: SLF001
    rules = Rules(
        behind.factory.web.host,
        tuple(dash.csp_hashes()),
        Preferences(behind.factory.web.language, THEMES[0]),
        behind.factory.web.names,
        frozenset(one.id for one in behind.factory.hub.sites),
    )
    return Guard(server, rules, gate)


def _add_calls(server: FastAPI, behind: Behind, gate: Gate, fresh: FreshFigures) -> None:
    """Everything that is not a page; before Dash, which answers for every address left."""

    @server.websocket("/ws/live")
    async def live(socket: WebSocket) -> None:
        await serve_live(socket, behind.live)

    for make in (bundles.styles, bundles.scripts, bundles.scene):
        bundle = make()
        server.get(bundle.path, include_in_schema=False)(bundle.answer)

    @server.get("/words.js", include_in_schema=False)
    async def catalogue(lang: str = "") -> Response:
        chosen = lang if lang in LANGUAGES else current().lang
        headers = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(_script(chosen), media_type=_JAVASCRIPT, headers=headers)

    @server.post("/settings", include_in_schema=False)
    async def settings(request: Request) -> Response:
        asked = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        response = Response(status_code=204)
        for name, allowed in (("lang", LANGUAGES), ("theme", THEMES)):
            if name in asked and asked[name] not in allowed:
                return errors.answer(400, f"no {name} {asked[name][:20]!r}", name, f"one of {', '.join(allowed)}")
            if name in asked:
                response.headers.append("set-cookie", set_cookie(name, asked[name]))
        return response

    server.include_router(login_router(behind, gate))
    server.include_router(health_router(behind))
    server.include_router(view_router(behind))
    server.include_router(line_router(behind))
    server.include_router(asset_router(behind, fresh.figures))
    server.include_router(trend_router(behind))
    server.include_router(whatif_router(behind))
    server.include_router(models_router(behind))
    server.include_router(layout_router(behind))
    server.include_router(api_router(behind))
    server.include_router(audit_router(behind))
    server.include_router(sessions_router(behind))
    server.include_router(kpi_router(behind, fresh))
    server.include_router(hub_router(behind), responses=ERRORS)
    server.include_router(anomaly_router(behind))
    server.include_router(datasets_router(behind), responses=ERRORS)
    server.include_router(alarm_router(behind), responses=ERRORS)
    server.include_router(recordings_router(behind), responses=ERRORS)
    server.include_router(compare_router(behind))
    server.include_router(episodes_router(behind, "/view"))
    server.include_router(episodes_router(behind, "/api/v1"), responses=ERRORS)


def _script(lang: str) -> bytes:
    """What the components must know before they run: the catalogue, and where the scene's script lies."""
    known = msgspec.json.encode({"words": words(lang), "scene_address": bundles.scene().address})
    return b"window.factoryTwin=Object.assign(window.factoryTwin||{}," + known + b");"


def _version(lang: str) -> str:
    return hashlib.sha256(_script(lang)).hexdigest()[:12]


def _add_pages(dash: Dash, behind: Behind, pages: tuple[Page, ...]) -> None:
    """The page of an address: within the layout where a browser opens it, by a callback where it goes on from there."""
    zone = behind.factory.hub.sites[0].timezone

    def shown(pathname: str) -> tuple[Any, Any, Any]:
        lang = current().lang
        found = route(pages, pathname)
        if found is None:
            asked = Asked(behind, lang)
            nothing = empty(asked.t("page.not_found"), asked.t("page.not_found_do"))
            return (
                html.Div(nothing, className="card"),
                [html.B(asked.t("page.not_found"))],
                shell.navigation(asked, pages, ""),
            )
        page, rest = found
        asked = Asked(behind, lang, rest)
        crumbs = page.crumbs(asked) if page.crumbs else [(asked.t(f"page.{page.name}"), "")]
        return page.layout(asked), shell.breadcrumbs(crumbs), shell.navigation(asked, pages, page.name)

    def layout() -> Any:
        """The frame, filled where the request says which page it is for; else its address fills it."""
        pathname = current().page
        return shell.frame(Asked(behind, current().lang), zone, pathname, shown(pathname) if pathname else None)

    @dash.callback(
        Output("page", "children"),
        Output("crumbs", "children"),
        Output("nav", "children"),
        Input("url", "pathname"),
        prevent_initial_call=True,
    )
    async def show(pathname: str | None) -> tuple[Any, Any, Any]:
        return shown(pathname or "/")

    dash.layout = layout
