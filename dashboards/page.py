"""A page is a value: its file in ``dashboards/pages`` exports it as ``PAGE``, and that is all it takes."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

from dashboards.access.scope import SeenFactory
from dashboards.i18n import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dash import Dash

    from connectors.desk import Desk
    from dashboards.live import LiveHub
    from dashboards.reader import Reader
    from twin.clock import Clock
    from twin.config import Factory
    from twin.site import Asset, Name


@dataclass(frozen=True)
class Behind:
    """What stands behind every page: the factory, its live state, its history, as the person who asks sees them.

    ``desk`` is what people write. ``file`` is the factory file, None where there is none to write to.
    """

    if TYPE_CHECKING:
        factory: Factory
    else:
        factory: Factory = SeenFactory()
    live: LiveHub
    reader: Reader
    desk: Desk
    clock: Clock
    folder: Path
    file: Path | None = None

    @property
    def may_edit(self) -> bool:
        """Whether the pages may write the factory file."""
        return self.file is not None and self.factory.web.editing

    def asset(self, asset_id: str) -> Asset | None:
        """The declared asset of that id, where people put it."""
        return self.live.placed.assets().get(asset_id)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request for a page: what follows the page's own path, and in which language."""

    behind: Behind
    lang: str
    rest: str = ""

    def t(self, key: str, **values: object) -> str:
        """A word of the catalogue, with its ``{places}`` filled."""
        text = words(self.lang)[key]
        return text.format(**values) if values else text

    def name(self, name: Name) -> str:
        """A name for people in this language."""
        return name.in_language(self.lang)


Crumb = tuple[str, str]
"""(text, address); the address is "" where there is none to go to."""


def _no_callbacks(app: Dash, behind: Behind) -> None:
    del app, behind


def _nothing_first(behind: Behind, rest: str, query: Mapping[str, str]) -> list[str]:
    del behind, rest, query
    return []


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``layout`` makes its content for one request, ``callbacks`` registers what it reacts to.

    ``icon`` is the path data of a 24 × 24 drawing. ``path`` also answers for everything below it. ``first`` gives
    the calls whose answers a page shows first, of what follows its path and its query: the browser asks while it
    still loads the scripts.
    """

    name: str
    path: str
    order: int
    icon: str
    layout: Callable[[Asked], Any]
    callbacks: Callable[[Dash, Behind], None] = field(default=_no_callbacks)
    crumbs: Callable[[Asked], list[Crumb]] | None = None
    first: Callable[[Behind, str, Mapping[str, str]], list[str]] = field(default=_nothing_first)


def first_calls(pages: tuple[Page, ...], behind: Behind, address: str) -> list[str]:
    """The calls that the page of an address shows first; none where it shows the past, which the browser tells of."""
    pathname, _, query = address.partition("?")
    found = route(pages, pathname)
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    return [] if found is None or "at" in asked else found[0].first(behind, found[1], asked)


def find_pages() -> tuple[Page, ...]:
    """Every page there is, in the order of the navigation."""
    package = importlib.import_module("dashboards.pages")
    found = [
        importlib.import_module(f"dashboards.pages.{module.name}").PAGE
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda page: page.order))


def route(pages: tuple[Page, ...], pathname: str) -> tuple[Page, str] | None:
    """The page that answers for an address, and what follows its own path."""
    path = "/" + unquote(pathname).strip("/")
    for page in sorted(pages, key=lambda one: -len(one.path)):
        if path == page.path:
            return page, ""
        if page.path != "/" and path.startswith(page.path + "/"):
            return page, path[len(page.path) + 1 :]
    return None


def address(*parts: str) -> str:
    """An address of ours; ids keep their slashes."""
    return "/" + "/".join(quote(part, safe="/") for part in parts)
