"""A reader's language and theme: from the address, else from the cookie, else the factory's."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("ko", "en")
THEMES = ("light", "dark")
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a request is answered in."""

    lang: str = "ko"
    theme: str = "light"
    page: str = ""
    """The path of the page that asks; "" where the browser does not say."""
    asked: str = ""
    """The path and the query that are asked for."""


_DEFAULT = Preferences()
_current: ContextVar[Preferences] = ContextVar("factory_twin_preferences", default=_DEFAULT)


def current() -> Preferences:
    """The preferences of the request being answered."""
    return _current.get()


def set_current(preferences: Preferences) -> None:
    """Answer this task's request in ``preferences``."""
    _current.set(preferences)


def chosen(query: str, cookie: str, default: Preferences) -> tuple[Preferences, dict[str, str]]:
    """The preferences of a request, and the cookies that its address asks to set."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    kept = _cookies(cookie)
    to_set: dict[str, str] = {}
    values: dict[str, str] = {}
    for name, allowed, fallback in (("lang", LANGUAGES, default.lang), ("theme", THEMES, default.theme)):
        if asked.get(name) in allowed:
            values[name] = to_set[name] = asked[name]
        else:
            values[name] = kept[name] if kept.get(name) in allowed else fallback
    return Preferences(values["lang"], values["theme"]), to_set


def set_cookie(name: str, value: str) -> str:
    """A Set-Cookie header of a preference."""
    return f"{name}={value}; Path=/; Max-Age={YEAR_S}; SameSite=Lax"


def _cookies(header: str) -> Mapping[str, str]:
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(header)
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in cookie.items()}
