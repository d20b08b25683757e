"""What every page loads, joined: one style sheet, one script, and the scene's; the same bytes have the same address.

A browser asks for each file by itself, and the server answers each by itself: thirty of them took longer than the page.
Dash's own scripts that load others beside them (its core components) stay where they are.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from dash._dash_renderer import _js_dist_dependencies
from starlette.requests import Request  # noqa: TC002  FastAPI reads the annotations
from starlette.responses import Response

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

NOT_NEEDED = "polyfill"
"""What Dash loads first, for browsers of ten years ago."""
JOINED = re.compile(r"/deps/|/dashboards\.components/|/dash_table/")
"""Scripts that the document does not name: joined here, or needed by none (Dash's tables, polyfills)."""
FONT_FIRST = {"en": ("91",), "ko": ("91", "90", "89", "88", "87", "86", "85", "84")}
"""Pieces of the font that every page in a language needs: Latin and digits, the commonest syllables."""
FONT = "/assets/fonts/PretendardVariable.subset.{}.woff2"
_FOREVER = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """Bytes under an address that changes with them."""

    path: str
    media_type: str
    body: bytes
    packed: bytes

    @property
    def address(self) -> str:
        """Where the pages ask for it."""
        return f"{self.path}?v={hashlib.sha256(self.body).hexdigest()[:12]}"

    def answer(self, request: Request) -> Response:
        """The bytes, packed for those who take them so."""
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = _FOREVER | ({"content-encoding": "gzip"} if packed else {})
        return Response(self.packed if packed else self.body, media_type=self.media_type, headers=headers)


def _bundle(path: str, media_type: str, parts: list[Traversable], between: bytes) -> Bundle:
    body = between.join(part.read_bytes() for part in parts)
    return Bundle(path, f"{media_type}; charset=utf-8", body, gzip.compress(body, 6, mtime=0))


def _assets(end: str) -> list[Traversable]:
    folder = files("dashboards") / "assets"
    return sorted((one for one in folder.iterdir() if one.name.endswith(end)), key=lambda one: one.name)


@cache
def styles() -> Bundle:
    """All style sheets, in the order of their names."""
    return _bundle("/twin.css", "text/css", _assets(".css"), b"\n")


@cache
def scripts() -> Bundle:
    """React, our components, and the frame's scripts."""
    names = [name for one in _js_dist_dependencies for name in one["relative_package_path"]["prod"]]
    react = [files("dash") / name for name in names if NOT_NEEDED not in name]
    ours = files("dashboards") / "components" / "factory_twin.min.js"
    return _bundle("/twin.js", "text/javascript", [*react, ours, *_assets(".js")], b"\n;\n")


@cache
def scene() -> Bundle:
    """What draws in three dimensions, loaded by the pages that do."""
    return _bundle(
        "/scene.js", "text/javascript", [files("dashboards") / "components" / "factory_twin_scene.min.js"], b""
    )


def tags(dash: str) -> str:
    """The script tags of a document: ours first, then those of Dash's that are not joined."""
    kept = [line for line in dash.splitlines() if line.strip() and not JOINED.search(line)]
    return "\n".join([f'<script src="{scripts().address}"></script>', *kept])


def head(lang: str) -> str:
    """What a document's head names: the font's first pieces in a language, and the style sheet."""
    pieces = [
        f'<link rel="preload" href="{FONT.format(piece)}" as="font" type="font/woff2" crossorigin>'
        for piece in FONT_FIRST[lang]
    ]
    return "\n".join([*pieces, f'<link rel="stylesheet" href="{styles().address}">'])
