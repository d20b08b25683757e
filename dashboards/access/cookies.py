"""The session's cookie, and what a request tells of where it comes from."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from twin.config import WebConfig

SESSION = "twin_session"
SECURE = "__Host-"
"""A browser takes a cookie of such a name over https only, and for this very host."""


def is_secure(scope: MutableMapping[str, Any], web: WebConfig) -> bool:
    """Whether the browser speaks https to us, or to the proxy before us."""
    return web.secure_cookies or scope.get("scheme") in ("https", "wss")


def cookie_in(scope: MutableMapping[str, Any], web: WebConfig, name: str) -> str:
    """The value of one of our cookies; "" where there is none."""
    header = next((value for key, value in scope["headers"] if key == b"cookie"), b"").decode("latin-1")
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(header)
    except CookieError:
        return ""
    found = cookie.get(SECURE + name if is_secure(scope, web) else name)
    return found.value if found is not None else ""


def bearer_in(scope: MutableMapping[str, Any]) -> str:
    """The token of an Authorization header; "" where there is none."""
    header = next((value for key, value in scope["headers"] if key == b"authorization"), b"").decode("latin-1")
    kind, _, word = header.partition(" ")
    return word.strip() if kind.lower() == "bearer" else ""


def kept(word: str, *, secure: bool) -> str:
    """The Set-Cookie header that begins a session."""
    return f"{SECURE if secure else ''}{SESSION}={word}; Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"


def ended(*, secure: bool) -> str:
    """The Set-Cookie header that ends it."""
    return kept("", secure=secure) + "; Max-Age=0"


def address_of(scope: MutableMapping[str, Any]) -> str:
    """Where a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"
