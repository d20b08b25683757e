"""Coming and going: the login page, its answer, and logging out. Plain pages of the server, without script."""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import HTMLResponse, RedirectResponse, Response

from dashboards import bundles
from dashboards.access.backoff import Backoff
from dashboards.access.cookies import SESSION, address_of, cookie_in, ended, is_secure, kept
from dashboards.i18n import words
from dashboards.preferences import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.access.gate import Gate
    from dashboards.page import Behind

AT_ONCE = 2
"""So many passwords are compared at a time: each takes 64 MB and a tenth of a second."""
MAX_FIELD = 1000
BRAND = "M3 10.5 9 6v4.5L15 6v4.5L21 6v14H3zM7 14h2v3H7zM11.5 14h2v3h-2zM16 14h2v3h-2z"


def local(target: str) -> str:
    """An address on this server; "/" for any other."""
    parts = urlsplit(target)
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc and target.isprintable()
    return target if ours and not parts.path.startswith("/login") else "/"


def login_router(behind: Behind, gate: Gate) -> APIRouter:
    """The three calls."""
    router = APIRouter(include_in_schema=False)
    backoff, comparing = Backoff(behind.clock), asyncio.Semaphore(AT_ONCE)

    @router.get("/login")
    async def form(request: Request) -> Response:
        target = local(request.query_params.get("next", "/"))
        word = cookie_in(request.scope, gate.web, SESSION)
        if (await gate.enter(word)).is_in:
            return RedirectResponse(target, 303)
        return _page(target, "" if await gate.has_users() else "login.no_users")

    @router.post("/login")
    async def log_in(request: Request) -> Response:
        fields = _fields(await request.body())
        name, target = fields.get("name", "").strip(), local(fields.get("next", "/"))
        address = address_of(request.scope)
        wait_s = backoff.wait_s(name, address)
        if wait_s:
            page = _page(target, "login.wait", name, 429, s=wait_s)
            page.headers["retry-after"] = str(wait_s)
            return page
        backoff.tried(name, address)
        async with comparing:
            account = await asyncio.to_thread(gate.accounts.check, name, fields.get("password", ""))
        if account is None:
            await asyncio.to_thread(gate.accounts.failed, name, address, backoff.wait_s(name, address))
            return _page(target, "login.wrong", name, 401)
        backoff.succeeded(name, address)
        before = cookie_in(request.scope, gate.web, SESSION)
        agent = request.headers.get("user-agent", "")
        word = await gate.log_in(account, address, agent, before)
        answer = RedirectResponse(target, 303)
        answer.headers.append("set-cookie", kept(word, secure=is_secure(request.scope, gate.web)))
        return answer

    @router.post("/logout")
    async def log_out(request: Request) -> Response:
        await gate.log_out(cookie_in(request.scope, gate.web, SESSION))
        answer = RedirectResponse("/login", 303)
        answer.headers.append("set-cookie", ended(secure=is_secure(request.scope, gate.web)))
        return answer

    return router


def _fields(body: bytes) -> Mapping[str, str]:
    text = body.decode("utf-8", "replace")
    found = parse_qs(text, keep_blank_values=True, max_num_fields=10) if text.count("&") < 10 else {}  # noqa: PLR2004
    return {name: values[-1][:MAX_FIELD] for name, values in found.items()}


def _page(target: str, problem: str = "", name: str = "", status: int = 200, **values: object) -> HTMLResponse:
    asked = current()
    word = words(asked.lang)
    said = escape(word[problem].format(**values)) if problem else ""
    switches = "".join(
        f'<a href="?{escape(urlencode({"lang": lang, "next": target}))}" lang="{lang}" '
        f"{'aria-current=true class=on' if lang == asked.lang else ''}>{text}</a>"
        for lang, text in (("ko", "한국어"), ("en", "English"))
    )
    other = "light" if asked.theme == "dark" else "dark"
    switch = escape(urlencode({"theme": other, "next": target}))
    focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
    invalid = ' aria-invalid="true" aria-describedby="problem"' if problem == "login.wrong" else ""
    return HTMLResponse(
        f"""<!DOCTYPE html>
<html lang="{asked.lang}" data-theme="{asked.theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{asked.theme}">
<meta name="robots" content="noindex">
<title>{escape(word["login.title"])} · Factory Twin</title>
<link rel="icon" type="image/svg+xml" href="/assets/favicon.svg">
{bundles.head(asked.lang)}
</head>
<body class="pg-login">
<header><nav class="seg" aria-label="{escape(word["login.language"])}">{switches}</nav>
<a class="btn s" href="?{switch}">{escape(word[f"login.{other}"])}</a></header>
<main>
<form method="post" action="/login" class="pg-login-card">
<svg viewBox="0 0 24 24" width="44" height="44" aria-hidden="true"><path fill="currentColor" d="{BRAND}"/></svg>
<h1>Factory Twin</h1>
<p class="pg-login-lead">{escape(word["login.lead"])}</p>
<p id="problem" class="pg-login-problem" role="alert"{"" if said else " hidden"}>{said}</p>
<label><span>{escape(word["login.name"])}</span>
<input name="name" value="{escape(name[:64])}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="64" required{focus_name}{invalid}></label>
<label><span>{escape(word["login.password"])}</span>
<input name="password" type="password" autocomplete="current-password" maxlength="1000"
 required{focus_password}{invalid}></label>
<input type="hidden" name="next" value="{escape(target)}">
<button class="btn main-btn">{escape(word["login.enter"])}</button>
<p class="pg-login-hint">{escape(word["login.hint"])}</p>
</form>
</main>
</body>
</html>""",
        status,
        {"cache-control": "no-store"},
    )
