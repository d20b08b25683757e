"""The guard before everything the page server does: hosts, origins, sizes, headers, and who asks.

Pure ASGI, because other middleware does not see websockets.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import RedirectResponse

from dashboards.access.auth import LOCAL, NOBODY, set_person
from dashboards.access.cookies import SESSION, bearer_in, cookie_in
from dashboards.access.gate import Entry
from dashboards.access.rules import SOCKET, rule_of
from dashboards.access.watch import UNKNOWN, watched
from dashboards.errors import answer
from dashboards.preferences import Preferences, chosen, set_cookie, set_current
from twin.errors import Forbidden, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from dashboards.access.gate import Gate

MAX_QUERY_BYTES = 4096
SAFE = ("GET", "HEAD", "OPTIONS")
PRIVATE = ("/view/", "/api/", "/healthz", "/metrics", "/_dash-layout", "/_dash-update-component")
NEVER_ASKED = ("/assets/", "/_dash-component-suites/")
"""Files of the program itself: nobody's, and many."""
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  compared, not bound


@dataclass(frozen=True, slots=True)
class Rules:
    """``host`` is where the pages are bound; ``script_hashes`` the inline scripts that may run."""

    host: str
    script_hashes: tuple[str, ...] = ()
    default: Preferences = field(default_factory=Preferences)
    names: tuple[str, ...] = ()
    sites: frozenset[str] = frozenset()
    """Those there are: a person of none of them is not let in."""

    def policy(self) -> str:
        """The Content-Security-Policy."""
        scripts = " ".join(("'self'", *(f"'{one.strip(chr(39))}'" for one in self.script_hashes)))
        return (
            f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; "
            "frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'self'"
        )

    def admits_host(self, host: str) -> bool:
        """Whether a Host header names this machine: loopback, the configured host, or another name of it.

        Another name that leads here is how a foreign page would read ours (DNS rebinding). Bound to
        every address, the machine's own addresses are admitted, names other than localhost are not.
        """
        name = _name_of(host)
        if name in ("localhost", self.host, *self.names) or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.host in _ANY


def _name_of(host: str) -> str:
    name = urlsplit(f"//{host}").hostname if host else None
    return (name or "").rstrip(".").lower()


class Guard:
    """Wraps the application. Immutable once made."""

    def __init__(self, app: ASGIApp, rules: Rules, gate: Gate) -> None:
        self._app = app
        self._rules = rules
        self._gate = gate
        self._headers = [
            (b"content-security-policy", rules.policy().encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"x-frame-options", b"DENY"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or refuse one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        send = self._with_headers(scope, headers, send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, 4403, answer(*refusal))
            return
        entry, no = await self._entry(scope, headers)
        if no is not None:
            await _refuse(scope, receive, send, UNKNOWN if no.status_code in (303, 401) else 4403, no)
            return
        set_person(entry.person)
        if scope["type"] == "http":
            await self._app(scope, _limited(receive, _most_bytes(scope)), send)
        else:
            await watched(self._app, scope, receive, send, self._still_in(scope, entry))

    async def _entry(  # noqa: PLR0911  an answer for each reason
        self, scope: Scope, headers: dict[bytes, bytes]
    ) -> tuple[Entry, Response | None]:
        """Who asks, and why they may not; None where they may."""
        path: str = scope["path"]
        if path.startswith(NEVER_ASKED):
            return Entry(NOBODY), None
        rule = rule_of(SOCKET if scope["type"] == "websocket" else scope["method"], path)
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")
        if rule.body and kind != rule.body and (kind or not _is_empty(headers)):
            return Entry(NOBODY), answer(415, f"{kind[:60]!r} is not taken here", "content-type", f"send {rule.body}")
        bearer = bearer_in(scope)
        try:
            entry = await self._gate.enter(cookie_in(scope, self._gate.web, SESSION), bearer)
        except StoreError as error:
            what, do = f"whether there are accounts cannot be read now: {error}", "it is tried again by itself"
            return Entry(NOBODY), None if rule.right is None else answer(503, what, "desk", do)
        if rule.right is None:
            return entry, None
        if not entry.is_in:
            return entry, _unknown(scope, headers, bearer, page=rule.is_page(path))
        if bearer and entry.session is None and entry.person is not LOCAL and not rule.token:
            return entry, answer(403, "a token opens /api/v1 only", "authorization", "log in at /login for the pages")
        if not entry.person.sees_all and entry.person.sites.isdisjoint(self._rules.sites):
            what = f"{entry.person.name} belongs to {', '.join(sorted(entry.person.sites))}, which is not here"
            return entry, answer(403, what, "site", "ask an administrator of this plant")
        if not rule.admits(entry.person):
            what = str(Forbidden(entry.person.name, rule.right))
            return entry, answer(403, what, "role", "ask an administrator of this plant")
        return entry, None

    def _still_in(self, scope: Scope, entry: Entry) -> Callable[[], Awaitable[bool]]:
        word = cookie_in(scope, self._gate.web, SESSION)

        async def still() -> bool:
            try:
                now = await self._gate.enter(word)
            except StoreError:
                return True
            return now.person == entry.person

        return still

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str, str, str] | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._rules.admits_host(host):
            return 421, f"this is not {host[:100]!r}", "host", "use the address the pages are bound to: [web] host"
        if len(scope.get("query_string", b"")) > MAX_QUERY_BYTES:
            return 414, "the query is too long", "query", f"{MAX_QUERY_BYTES} bytes at most"
        if scope["type"] == "websocket" or scope["method"] not in SAFE:
            origin = headers.get(b"origin")
            if origin is not None and urlsplit(origin.decode("latin-1")).netloc.lower() != host.lower():
                return 403, "a page of another origin asks", "origin", "open the page itself"
            if origin is None and headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
                return 403, "a page of another origin asks", "sec-fetch-site", "open the page itself"
        length = headers.get(b"content-length", b"0")
        most = _most_bytes(scope)
        if not length.isdigit() or int(length) > most:
            return 413, "the body is too large", "body", f"{most} bytes at most"
        return None

    def _with_headers(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> Send:
        query = scope.get("query_string", b"").decode("latin-1")
        cookie = headers.get(b"cookie", b"").decode("latin-1")
        preferences, to_set = chosen(query, cookie, self._rules.default)
        path: str = scope["path"]
        page = _page_of(headers.get(b"referer", b"").decode("latin-1"))
        set_current(replace(preferences, page=page, asked=f"{path}?{query}"))
        extra = list(self._headers)
        extra += [(b"set-cookie", set_cookie(name, value).encode()) for name, value in to_set.items()]
        if path.startswith(PRIVATE):
            extra.append((b"cache-control", b"no-store"))

        async def sending(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                given: Sequence[tuple[bytes, bytes]] = message.get("headers", ())
                message = {**message, "headers": [*given, *extra]}
            await send(message)

        return sending


def _page_of(referer: str) -> str:
    try:
        return urlsplit(referer).path
    except ValueError:
        return ""  # what no browser sends


def _is_empty(headers: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"


def _unknown(scope: Scope, headers: dict[bytes, bytes], bearer: str, *, page: bool) -> Response:
    """The answer to who is not logged in: for a page the way to the login."""
    if bearer:
        return answer(401, "the token opens nothing (any more)", "authorization", "ask for another one")
    if not page or b"text/html" not in headers.get(b"accept", b""):
        return answer(401, "nobody is logged in", "session", "log in at /login")
    query = scope.get("query_string", b"").decode("latin-1")
    target = quote(scope["path"]) + (f"?{query}" if query else "")
    return RedirectResponse("/login?" + urlencode({"next": target}), 303, {"cache-control": "no-store"})


async def _refuse(scope: Scope, receive: Receive, send: Send, code: int, no: Response) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": code, "reason": "refused"})
    else:
        await no(scope, receive, send)


def _most_bytes(scope: Scope) -> int:
    return rule_of(scope["method"], scope["path"]).most_bytes if scope["type"] == "http" else 0


def _limited(receive: Receive, most: int) -> Receive:
    """Ends a body that is longer than allowed, also where it does not say its length."""
    size = 0

    async def limited() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if size > most else message

    return limited
